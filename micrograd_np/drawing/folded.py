"""The scene that folding leaves: a box for each item, which knows what is inside it, and the arrows between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, replace

from .model import Edge, Node, Scene
from .renamed import rename

CROWD = 3  # arrows from one box that are drawn; of more, one is
TOLD = 12  # operations at either end of a fold that a page tells, or those of a whole turn of its loop
MOST = 60
GIVEN = 4  # values that go on from a fold and are shown
LEAVES = ("constant", "frozen", "leaf")

Scope = tuple[str, ...]


@dataclass
class Item:
    """One box to be: an operation, or several folded ones."""

    key: Hashable
    words: str
    nodes: list[Node]
    scope: Scope
    group: str = ""  # the module or scope that it is the whole of
    turn: int = 0  # how many operations a turn of its loop has


def owners(items: list[Item]) -> dict[str, str]:
    """The id of the box in which each operation is drawn."""
    return {node.id: item.nodes[-1].id for item in items for node in item.nodes}


def leaves(scene: Scene, owner: dict[str, str]) -> list[Node]:
    """The leaves that are drawn: those that no fold has to itself."""
    folds = {box for box, count in Counter(owner.values()).items() if count > 1}
    users: dict[str, set[str]] = {}
    for edge in scene.edges:
        users.setdefault(edge.tail, set()).add(owner[edge.head])
    return [
        node
        for node in scene.nodes
        if node.kind in LEAVES and not (len(users.get(node.id, ())) == 1 and users[node.id] <= folds)
    ]


def redraw(scene: Scene, items: list[Item]) -> Scene:
    """The scene of the items: folded boxes in the place of their nodes, and their arrows joined."""
    owner = owners(items)
    kept = leaves(scene, owner)
    folds = {item.nodes[-1].id: item for item in items if len(item.nodes) > 1}
    if not folds:
        return scene
    drawn = owner | {node.id: node.id for node in kept}
    going = [edge for edge in scene.edges if edge.tail in owner and owner[edge.tail] != owner[edge.head]]
    leaving = {edge.tail for edge in going}
    single = {box for box, item in folds.items() if leaving & {node.id for node in item.nodes} <= {box}}
    told = {node.id for item in items for node in shown(item)}
    rename(scene, owner, told, single & {edge.tail for edge in going if owner[edge.head] not in folds})
    places = {node.id: i for i, node in enumerate(scene.nodes)}
    arriving: dict[str, list[Edge]] = {}
    for edge in scene.edges:
        arriving.setdefault(edge.head, []).append(edge)
    nodes = []
    for node in scene.nodes:
        if item := folds.get(node.id):
            box = summary(item, leaving)
            box.inside = inside(item, places, scene, arriving)
            nodes.append(box)
        elif drawn.get(node.id) == node.id:
            nodes.append(node)
    edges: dict[Hashable, Edge] = {}
    for edge in scene.edges:
        tail, head = drawn.get(edge.tail), drawn[edge.head]
        if tail and tail != head:
            new = replace(edge, tail=tail, head=head, argument="" if head in folds else edge.argument)
            first = edges.setdefault((tail, head) if head in folds else (tail, head, edge.position), new)
            first.flows |= edge.flows
    thin(nodes, list(edges.values()))
    swallowed = len([node for node in scene.nodes if node.kind in LEAVES]) - len(kept)
    return replace(scene, nodes=nodes, edges=list(edges.values()), folded=said(items, swallowed))


def thin(nodes: list[Node], edges: list[Edge]) -> None:
    """One arrow for many: of a leaf that many folds use, as a weight is at every turn, and of a fold's many values."""
    by_id = {node.id: node for node in nodes}
    crowds: dict[Hashable, list[Edge]] = {}
    for edge in edges:
        tail, head = by_id[edge.tail], by_id[edge.head]
        if tail.kind in LEAVES and head.kind == "fold":
            crowds.setdefault(tail.id, []).append(edge)
        elif tail.kind == "fold":
            crowds.setdefault((tail.id, head.id), []).append(edge)
    for first, *others in crowds.values():
        if len(others) >= CROWD:
            for edge in others:
                edge.drawn = False
            if by_id[first.tail].kind == "fold":
                first.others = len(others)
            else:
                by_id[first.tail].more = f"goes into {len(others)} more folded boxes"


def summary(item: Item, leaving: set[str]) -> Node:
    """The box of a folded item; where only its last value goes on, it shows that one, and of a group's several each."""
    last = item.nodes[-1]
    words = item.group or item.words
    gives = [replace(node) for node in item.nodes if node.id in leaving or node is last]
    if len(gives) == 1:
        return replace(last, kind="fold", text=words, op="", scope=item.scope)
    return Node(last.id, "fold", None, None, text=words, scope=item.scope, gives=gives[:GIVEN] if item.group else [])


def shown(item: Item) -> list[Node]:
    """As many of a fold's operations, of its beginning and of its end, as can be read: whole turns of a loop."""
    told = min(max(TOLD, item.turn), MOST)
    return item.nodes if len(item.nodes) <= 2 * told else [*item.nodes[:told], *item.nodes[-told:]]


def inside(item: Item, places: dict[str, int], scene: Scene, arriving: dict[str, list[Edge]]) -> Scene:
    """What is in a fold, for those who look into it."""
    own = {node.id for node in shown(item)}
    edges = [replace(edge) for id in own for edge in arriving.get(id, ())]
    around = sorted(places[id] for id in own | {edge.tail for edge in edges})
    nodes = [replace(scene.nodes[place]) for place in around]
    for node in nodes:
        node.kind = node.kind if node.id in own else "input"
    edges.sort(key=lambda edge: (places[edge.head], edge.position))
    left_out = len(item.nodes) - len(own)
    said = [f"{left_out:,} operations between are left out"] if left_out else []
    return Scene(nodes, edges, said, g=scene.g)


def said(items: list[Item], swallowed: int) -> list[str]:
    """What was folded, in words."""
    folded = [item for item in items if len(item.nodes) > 1]
    groups = [item for item in folded if item.group]
    lines = []
    if len(groups) > 3:
        inside = sum(len(item.nodes) for item in groups)
        lines.append(f"{inside:,} operations in {len(groups)} boxes, each a module's or a scope's")
        folded = [item for item in folded if not item.group]
    lines += [f"{len(item.nodes):,} operations in one box: {item.group or item.words}" for item in folded]
    if swallowed:
        lines.append(f"{swallowed:,} {'leaf' if swallowed == 1 else 'leaves'} that only folded operations use")
    return lines
