"""Fewer boxes: repeated structure becomes one box that says what is in it. Nothing is lost silently.

Operations are folded in runs, in the order of computation, so that a folded picture has no cycle. What repeats is
told by op and source line: a loop's body, however it is nested.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np

from .model import Edge, Node, Scene, common

LIMIT = 300
LONGEST = 256  # ops in a loop's body
LEAVES = ("constant", "frozen", "leaf")


@dataclass
class Item:
    """One box to be: an operation, or several folded ones."""

    key: Hashable
    words: str
    nodes: list[Node]


def fold(scene: Scene, limit: int = LIMIT, groups: Iterable[str] = ()) -> Scene:
    """A scene of at most `limit` boxes, with the named groups as one box each."""
    items = [Item(key(node), sign(node), [node]) for node in scene.nodes if node.kind not in LEAVES]
    for group in groups:
        items = gather(items, group)
    while boxes(scene, items) > limit:
        shorter = fold_repeats(items)
        if len(shorter) == len(items):
            items = fold_middle(scene, items, limit)
            break
        items = shorter
    return redraw(scene, items)


def key(node: Node) -> Hashable:
    """What makes two operations alike: op and source line. An output is like no other."""
    return node.id if node.kind == "output" else (node.op, getattr(node.source, "where", None))


def sign(node: Node) -> str:
    return getattr(getattr(node.source, "op", None), "sign", None) or node.op


def gather(items: list[Item], group: str) -> list[Item]:
    """All operations of a scope as one item, in the place of the last."""
    inside = [item for item in items if any(is_called(scope, group) for scope in item.nodes[0].scope)]
    if len(inside) < 2:
        return items
    nodes = [node for item in inside for node in item.nodes]
    whole = Item(("group", group), group, nodes)
    last = inside[-1]
    chosen = {id(item) for item in inside[:-1]}
    return [whole if item is last else item for item in items if id(item) not in chosen]


def is_called(scope: str, group: str) -> bool:
    """Whether a group is meant: a scope by its name, a module by its path."""
    return scope == group or scope.startswith(f"{group}: ")


def fold_repeats(items: list[Item]) -> list[Item]:
    """The shortest loop found: where the same items come four times and more, all but the first and last fold."""
    numbers: dict[Hashable, int] = {}
    keys = np.array([numbers.setdefault(item.key, len(numbers)) for item in items])
    for period in range(1, min(LONGEST, len(items) // 4) + 1):
        same = np.concatenate([[False], keys[period:] == keys[:-period], [False]]).astype(int)
        starts, ends = np.flatnonzero(np.diff(same) == 1), np.flatnonzero(np.diff(same) == -1)
        long = ends - starts >= 3 * period
        if long.any():
            return fold_runs(items, period, zip(starts[long].tolist(), ends[long].tolist(), strict=True))
    return items


def fold_runs(items: list[Item], period: int, runs: Iterable[tuple[int, int]]) -> list[Item]:
    folded: list[Item] = []
    done = 0
    for start, end in runs:
        first = start + period
        times = (end - start) // period - 1  # between the first and the last
        folded += [*items[done:first], merged(items[first : first + times * period], items[start:first], times)]
        done = first + times * period
    return folded + items[done:]


def merged(middle: list[Item], body: list[Item], times: int) -> Item:
    words = ", ".join(item.words for item in body)
    return Item(
        (times, *(item.key for item in body)),
        f"{times:,} × ({words})" if len(body) > 1 else f"{times:,} × {words}",
        [node for item in middle for node in item.nodes],
    )


def fold_middle(scene: Scene, items: list[Item], limit: int) -> list[Item]:
    """What repeats nothing: as much of the beginning and of the end as has room."""
    kept = limit
    while kept > 2:
        kept = kept * 3 // 4
        head, middle, tail = items[: kept // 2], items[kept // 2 : -kept // 2], items[-kept // 2 :]
        counts = Counter(sign(node) for item in middle for node in item.nodes)
        words = ", ".join(f"{count:,} × {op}" for op, count in counts.most_common())
        shorter = [*head, Item("middle", words, [node for item in middle for node in item.nodes]), *tail]
        if boxes(scene, shorter) <= limit:
            break
    return shorter


def boxes(scene: Scene, items: list[Item]) -> int:
    return len(items) + len(leaves(scene, owners(items)))


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
    folded: list[str] = []
    nodes = []
    for node in scene.nodes:
        item = by_box.get(node.id)
        if item and len(item.nodes) > 1:
            nodes.append(summary(item))
            folded.append(f"{len(item.nodes):,} operations in one box: {item.words}")
        elif node.id in drawn and drawn[node.id] == node.id:
            nodes.append(node)
    edges: dict[Hashable, Edge] = {}
    for edge in scene.edges:
        tail, head = drawn.get(edge.tail), drawn[edge.head]
        if tail and tail != head:
            joined = len(by_box[head].nodes) > 1
            new = Edge(tail, head, edge.position, "" if joined else edge.argument, edge.flows)
            first = edges.setdefault((tail, head) if joined else (tail, head, edge.position), new)
            first.flows |= edge.flows
    swallowed = len([node for node in scene.nodes if node.kind in LEAVES]) - len(kept)
    if swallowed:
        folded.append(f"{swallowed:,} {'leaf' if swallowed == 1 else 'leaves'} that only folded operations use")
    return Scene(nodes, list(edges.values()), folded)


def summary(item: Item) -> Node:
    scope = common([node.scope for node in item.nodes])
    return Node(item.nodes[-1].id, "fold", None, None, text=item.words, scope=scope)
