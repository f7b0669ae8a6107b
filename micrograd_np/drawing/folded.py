"""The scene that folding leaves: a box for each item, which knows what is inside it, and the arrows between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace

from ..program.phrases import Phrase
from .model import Edge, Node, Scene

CROWD = 3  # folds; a leaf that more of them use has one arrow
TOLD = 24  # operations of a fold that a page tells
GIVEN = 4  # values that go on from a fold and are shown
LEAVES = ("constant", "frozen", "leaf")
UNNAMED = Phrase("…")  # what formulas call a value that is in a fold, where the user has no name for it

Scope = tuple[str, ...]


@dataclass
class Item:
    """One box to be: an operation, or several folded ones."""

    key: Hashable
    words: str
    nodes: list[Node]
    scope: Scope
    group: str = ""  # the module or scope that it is the whole of


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
    drawn = owner | {node.id: node.id for node in kept}
    by_box = {item.nodes[-1].id: item for item in items}
    leaving = {edge.tail for edge in scene.edges if edge.tail in owner and owner[edge.tail] != owner[edge.head]}
    nodes = []
    arriving: dict[str, list[Edge]] = {}
    for edge in scene.edges:
        arriving.setdefault(edge.head, []).append(edge)
    places = {node.id: i for i, node in enumerate(scene.nodes)}
    for node in scene.nodes:
        item = by_box.get(node.id)
        if item and len(item.nodes) > 1:
            box = summary(item, leaving)
            box.inside = inside(item, places, scene, arriving)
            nodes.append(box)
        elif node.id in drawn and drawn[node.id] == node.id:
            nodes.append(node)
    plain = {node.id for node in nodes if node.kind != "fold"}
    named = {node.id for node in scene.nodes if node.name}
    edges: dict[Hashable, Edge] = {}
    for edge in scene.edges:
        tail, head = drawn.get(edge.tail), drawn[edge.head]
        if tail and tail != head:
            joined = len(by_box[head].nodes) > 1
            word = edge.word if edge.tail in plain or edge.tail in named else UNNAMED
            new = Edge(tail, head, edge.position, "" if joined else edge.argument, word, edge.flows)
            first = edges.setdefault((tail, head) if joined else (tail, head, edge.position), new)
            first.flows |= edge.flows
    thin(nodes, edges.values())
    swallowed = len([node for node in scene.nodes if node.kind in LEAVES]) - len(kept)
    return replace(scene, nodes=nodes, edges=list(edges.values()), folded=said(items, swallowed))


def thin(nodes: list[Node], edges: Iterable[Edge]) -> None:
    """A leaf that many folds use, as a weight that is used at every turn, has an arrow to the first of them only."""
    folds = {node.id for node in nodes if node.kind == "fold"}
    used = {node.id: 0 for node in nodes if node.kind in LEAVES}
    into = [edge for edge in edges if edge.tail in used and edge.head in folds]
    counts = Counter(edge.tail for edge in into)
    for edge in into:
        used[edge.tail] += 1
        edge.drawn = used[edge.tail] == 1 or counts[edge.tail] <= CROWD


def summary(item: Item, leaving: set[str]) -> Node:
    """The box of a folded item; where only its last value goes on, it shows that one, and else each in a line."""
    last = item.nodes[-1]
    gives = [replace(node) for node in item.nodes if node.id in leaving or node is last] if item.group else []
    if len(gives) == 1:
        return replace(last, kind="fold", text=item.group, op="", tag="", scope=item.scope)
    return Node(last.id, "fold", None, None, text=item.group or item.words, scope=item.scope, gives=gives[:GIVEN])


def inside(item: Item, places: dict[str, int], scene: Scene, arriving: dict[str, list[Edge]]) -> Scene:
    """What is in a fold, for those who look into it: as much of its beginning and of its end as can be read."""
    shown = item.nodes if len(item.nodes) <= TOLD else [*item.nodes[: TOLD // 2], *item.nodes[-TOLD // 2 :]]
    own = {node.id for node in shown}
    edges = [replace(edge) for id in own for edge in arriving.get(id, ())]
    around = sorted(places[id] for id in own | {edge.tail for edge in edges})
    nodes = [replace(scene.nodes[place]) for place in around]
    for node in nodes:
        node.kind = node.kind if node.id in own else "input"
    edges.sort(key=lambda edge: (places[edge.head], edge.position))
    left_out = len(item.nodes) - len(shown)
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
