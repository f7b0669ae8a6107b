"""Fold repeated structure of a large graph: loops, modules and scopes become one box each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Container, Hashable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np

from ..expressions.phrases import Phrase
from .graph import LONGEST, runs
from .scene import UNNAMED, Edge, Node, Scene, Scope, common, entitle, phrase_of, tagging


def rename(scene: Scene, owner: dict[str, str], single: Container[str]) -> None:
    """Write the formulas of the operations again, in a scene whose boxes are not joined yet.

    `owner` maps each operation to its box. `single` has the folds of which only the last value goes on, to operations
    that are shown: that value has its box's name.
    """
    tags = tagging({node.title for node in scene.nodes if node.name or not node.op})
    arriving = scene.arriving()
    joined = {box for id, box in owner.items() if id != box}  # boxes that stand for more than one operation
    words = {node.id: node.phrase for node in scene.nodes if not node.op}
    for node in scene.nodes:
        if not node.op:
            continue
        for edge in arriving.get(node.id, ()):
            edge.word = words[edge.tail]
            if edge.position >= 0:  # else it is of an op without a box
                node.words[edge.position] = edge.word
        alone = node.id == owner[node.id]
        if alone:
            entitle(node, phrase_of(node), tags, needed=node.id in single)
        words[node.id] = node.phrase if alone and (node.id not in joined or node.id in single) else own_phrase(node)


def own_phrase(node: Node) -> Phrase:
    return Phrase(node.name) if node.name else UNNAMED


def see_through(scene: Scene) -> Scene:
    """Return the scene without aliases: their arrows start at the original value, which takes a name from them."""
    by_id = {node.id: node for node in scene.nodes}
    alias = {edge.head: edge.tail for edge in scene.edges if by_id[edge.head].op == "alias"}
    alias = {id: tail for id, tail in alias.items() if by_id[id].kind != "output"}
    if not alias:
        return scene
    for id, tail in alias.items():  # in the order of computation: an alias of an alias then leads to the value itself
        alias[id] = alias.get(tail, tail)
        value = by_id[alias[id]]
        value.name = value.name or by_id[id].name
    scene.nodes = [node for node in scene.nodes if node.id not in alias]
    scene.edges = [edge for edge in scene.edges if edge.head not in alias]
    for edge in scene.edges:
        edge.tail = alias.get(edge.tail, edge.tail)
    operations = {node.id: node.id for node in scene.nodes if node.op}
    rename(scene, operations, ())
    return scene


CROWD = 3  # if more arrows than this leave one box for folds, only the first is drawn
LISTED = 12  # operations that are shown at either end of an open fold, or one whole turn of its loop if that is longer
MOST = 60
GIVEN = 4  # values leaving a fold that its box shows
LEAVES = ("constant", "frozen", "leaf")


@dataclass
class Item:
    """A future box: one operation, or several folded ones."""

    key: Hashable
    words: str
    nodes: list[Node]
    scope: Scope
    group: str = ""  # the module or scope, if the item is the whole of one
    turn: int = 0  # operations in one turn of its loop

    @property
    def size(self) -> int:
        """Return the number of operations in the item, with those that have no box of their own."""
        return len(self.nodes) + sum(len(node.hidden) for node in self.nodes)


def owners(items: list[Item]) -> dict[str, str]:
    """Return, for each operation, the id of the box in which it is drawn."""
    return {node.id: item.nodes[-1].id for item in items for node in item.nodes}


def leaves(scene: Scene, owner: dict[str, str]) -> list[Node]:
    """Return the leaves that are drawn. A leaf that only one fold uses is not."""
    folds = {box for box, count in Counter(owner.values()).items() if count > 1}
    users: dict[str, set[str]] = {}
    for edge in scene.edges:
        users.setdefault(edge.tail, set()).add(owner[edge.head])
    return [
        node
        for node in scene.nodes
        if node.kind in LEAVES and not (not node.kept and len(users.get(node.id, ())) == 1 and users[node.id] <= folds)
    ]


def redraw(scene: Scene, items: list[Item]) -> Scene:
    """Return the scene of the items: a folded box replaces its nodes, and arrows between the same boxes become one."""
    owner = owners(items)
    kept = leaves(scene, owner)
    folds = {item.nodes[-1].id: item for item in items if item.size > 1}
    if not folds:
        return replace(scene, nodes=list(map(replace, scene.nodes)), edges=list(map(replace, scene.edges)))
    drawn = owner | {node.id: node.id for node in kept}
    going = [edge for edge in scene.edges if edge.tail in owner and owner[edge.tail] != owner[edge.head]]
    leaving = {edge.tail for edge in going}
    single = {box for box, item in folds.items() if leaving & {node.id for node in item.nodes} <= {box}}
    rename(scene, owner, single & {edge.tail for edge in going if owner[edge.head] not in folds})
    nodes = []
    for node in scene.nodes:
        if item := folds.get(node.id):
            nodes.append(fold_box(item, leaving))
        elif drawn.get(node.id) == node.id:
            nodes.append(replace(node))
    edges: dict[Hashable, Edge] = {}
    for edge in scene.edges:
        tail, head = drawn.get(edge.tail), drawn[edge.head]
        if tail and tail != head and edge.tail != edge.head:
            new = replace(edge, tail=tail, head=head, argument="" if head in folds else edge.argument)
            first = edges.setdefault((tail, head) if head in folds else (tail, head, edge.position), new)
            first.flows |= edge.flows
    thin(nodes, list(edges.values()))
    swallowed = len([node for node in scene.nodes if node.kind in LEAVES]) - len(kept) + scene.hidden_leaves
    return replace(scene, nodes=nodes, edges=list(edges.values()), folded=fold_lines(items, swallowed))


def open_fold(scene: Scene, items: list[Item], closed: Item) -> Scene:
    """Return the scene in which one fold is open: its operations stand in a frame, of many those at both ends."""
    listed = min(max(LISTED, closed.turn), MOST)
    frame = (*closed.scope, closed.group or closed.words)
    depth = len(closed.scope) + bool(closed.group)  # of a group, the operations have its frame already
    inner = [single_item(node, (*frame, *node.scope[depth:])) for node in closed.nodes]
    if len(inner) > 2 * listed:
        inner = [*inner[:listed], between_ends(inner[listed:-listed]), *inner[-listed:]]
    inner = [between_ends([item]) if item.size > 1 else item for item in inner]
    place = items.index(closed)
    opened = redraw(scene, [*items[:place], *inner, *items[place + 1 :]])
    scopes = {item.nodes[-1].id: item.scope for item in inner}
    nodes = [replace(node, scope=scopes.get(node.id, node.scope)) for node in opened.nodes]
    return replace(opened, nodes=nodes, frame=frame)


def thin(nodes: list[Node], edges: list[Edge]) -> None:
    """Draw one arrow instead of many: from a leaf to many folds (a weight used at every turn), or between two boxes."""
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


def fold_box(item: Item, leaving: set[str]) -> Node:
    """Return the box of a folded item, with the one value that leaves it, or the first four that leave a group."""
    last = item.nodes[-1]
    words = item.group or item.words
    gives = [replace(node) for node in item.nodes if node.id in leaving or node is last]
    if len(gives) == 1:
        box = replace(last, kind="fold", text=words, op="", scope=item.scope, hidden=[])
    else:
        given = gives[:GIVEN] if item.group else []
        box = Node(last.id, "fold", None, None, text=words, scope=item.scope, gives=given)
    box.members = [x for node in item.nodes for x in (*node.hidden, node.source)]
    return box


def fold_lines(items: list[Item], swallowed: int) -> list[str]:
    """Describe what was folded, one line for each fold, and how many leaves are not drawn."""
    folded = [item for item in items if item.size > 1]
    groups = [item for item in folded if item.group]
    lines = []
    if len(groups) > 3:
        inside = sum(item.size for item in groups)
        lines.append(f"{inside:,} operations in {len(groups)} boxes, each a module's or a scope's")
        folded = [item for item in folded if not item.group]
    lines += [f"{item.size:,} operations in one box: {item.group or item.words}" for item in folded]
    if swallowed:
        lines.append(f"{swallowed:,} {'leaf' if swallowed == 1 else 'leaves'} that only folded operations use")
    return lines


READABLE = 40  # boxes; in a larger picture, loops and modules that run again are drawn once
NUMBERED = 120  # boxes; a larger picture has no numbers, so modules and scopes are boxes
LIMIT = 300
OPENED = 40  # folds of a picture that a page can open
AGAIN = re.compile(r", (?:run|step) (?!1$)\d+$")  # the calls of a module after the first one
LEAST = 4  # boxes behind the first turn: fewer are not worth a fold


def fold(scene: Scene, limit: int | None = None, groups: Iterable[str] = (), opening: bool = False) -> Scene:
    """Return a scene of about `limit` boxes at most, with each of the named groups as one box.

    With `opening`, it has a scene for each fold in which that one is open.
    """
    items = [single_item(node, () if node.kept else node.scope) for node in scene.nodes if node.kind not in LEAVES]
    for group in groups:
        items = gather(items, partial(depth, chosen=partial(is_called, group=group)))
    if boxes(scene, items) > (limit or READABLE):
        items = gather(items, partial(depth, chosen=AGAIN.search))
        items = fold_loops(scene, items, limit or READABLE, scoped=False)
    for level in range(max((len(item.scope) for item in items), default=0), 0, -1):
        if boxes(scene, items) > (limit or NUMBERED):
            items = gather(items, partial(reaches, level=level))
    items = fold_middle(scene, fold_loops(scene, items, limit or NUMBERED, scoped=True), limit or LIMIT)
    folds = [item for item in items if len(item.nodes) > 1][: OPENED if opening else 0]
    opened = {item.nodes[-1].id: open_fold(scene, items, item) for item in folds}
    return replace(redraw(scene, items), opened=opened)


def single_item(node: Node, scope: Scope) -> Item:
    """Return the item of one operation."""
    return Item(likeness(node), sign(node.source), [node], scope)


def is_alone(node: Node) -> bool:
    """Return whether a box is never folded: an output, or a value that an explanation is about."""
    return node.kept or node.kind == "output"


def likeness(node: Node) -> Hashable:
    """Return a key that similar operations share: op and source line. A box that is never folded has its own."""
    made_at = getattr(node.source, "_created_at", None) or getattr(node.source, "where", None)  # of a Tensor; of a step
    return node.id if is_alone(node) else (node.op, made_at)


def sign(made: Any) -> str:
    return str(made.op.sign or made.op.name.lstrip("_"))


def depth(scope: Scope, chosen: Callable[[str], Any]) -> int:
    """Return the depth of the first chosen group of a scope, 1 for the outermost; 0 if none is chosen."""
    return next((i for i, label in enumerate(scope, 1) if chosen(label)), 0)


def reaches(scope: Scope, level: int) -> int:
    """Return the level if the scope is at least that deep, else 0."""
    return level if len(scope) >= level else 0


def gather(items: list[Item], depth_of: Callable[[Scope], int]) -> list[Item]:
    """Join the operations of a group that follow each other into one item."""
    gathered: list[Item] = []
    for group, run in groupby(items, key=lambda item: item.scope[: depth_of(item.scope)]):
        inside = list(run)
        if group and len(inside) > 1:
            nodes = [node for item in inside for node in item.nodes]
            kind = AGAIN.sub("", group[-1]).split(": ")[-1]
            alike = ("group", kind, *(item.key for item in inside))
            gathered.append(Item(alike, kind, nodes, group[:-1], group[-1]))
        else:
            gathered += inside
    return gathered


def is_called(label: str, group: str) -> bool:
    """Return whether a label belongs to the group that the user named: a scope's name or a module's path."""
    return label == group or label.startswith(f"{group}: ")


def fold_loops(scene: Scene, items: list[Item], limit: int, scoped: bool) -> list[Item]:
    """Fold loops, the shortest body first, until the boxes are few enough; across scopes only if `scoped`."""
    while boxes(scene, items) > limit:
        shorter = fold_repeats(items, scoped)
        if len(shorter) == len(items):
            break
        items = shorter
    return items


def fold_repeats(items: list[Item], scoped: bool) -> list[Item]:
    """Fold the loops with the shortest body: of four turns or more, all but the first and the last become one."""
    numbers: dict[Hashable, int] = {}
    alike = [item.key if scoped else (item.key, item.scope) for item in items]
    keys = np.array([numbers.setdefault(key, len(numbers)) for key in alike])
    for period in range(1, min(LONGEST, len(items) // 4) + 1):
        if found := runs(keys, period, max(3 * period, LEAST)):
            return fold_runs(items, period, found)
    return items


def fold_runs(items: list[Item], period: int, runs: Iterable[tuple[int, int]]) -> list[Item]:
    folded: list[Item] = []
    done = 0
    for start, end in runs:
        first = start + period
        times = (end - start) // period - 1  # between the first and the last
        folded += [*items[done:first], merged(items[first : first + times * period], items[start:first])]
        done = first + times * period
    return folded + items[done:]


def merged(middle: list[Item], body: list[Item]) -> Item:
    times = round(sum(item.size for item in middle) / sum(item.size for item in body))
    runs = [(word, len(list(run))) for word, run in groupby(item.words for item in body)]
    words = ", ".join(f"{count} × {word}" if count > 2 else ", ".join([word] * count) for word, count in runs)
    nodes = [node for item in middle for node in item.nodes]
    return Item(
        (times, *(item.key for item in body)),
        f"{times:,} × ({words})" if len(body) > 1 else f"{times:,} × {words}",
        nodes,
        common([item.scope for item in middle]),
        turn=sum(len(item.nodes) for item in body),
    )


def fold_middle(scene: Scene, items: list[Item], limit: int) -> list[Item]:
    """Fold the middle of a graph without loops; its beginning and its end stay as far as there is room."""
    shorter, kept = items, limit
    while kept > 2 and boxes(scene, shorter) > limit:
        kept = kept * 3 // 4
        head, middle, tail = items[: kept // 2], items[kept // 2 : -kept // 2], items[-kept // 2 :]
        shorter = head
        for alone, run in groupby(middle, key=lambda item: any(map(is_alone, item.nodes))):
            inner = list(run)
            shorter = [*shorter, *(inner if alone else [between_ends(inner)])]
        shorter = [*shorter, *tail]
    return shorter


def between_ends(middle: list[Item]) -> Item:
    nodes = [node for item in middle for node in item.nodes]
    counts = Counter(sign(x) for node in nodes for x in (*node.hidden, node.source))
    words = ", ".join(f"{count:,} × {op}" for op, count in counts.most_common())
    return Item("middle", words, nodes, common([item.scope for item in middle]))


def boxes(scene: Scene, items: list[Item]) -> int:
    return len(items) + len(leaves(scene, owners(items)))
