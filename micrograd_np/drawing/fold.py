"""Fewer boxes: repeated structure becomes one box that says what is in it. Nothing is lost silently.

Operations are folded in runs, in the order of computation, so that a folded picture has no cycle. What repeats is
told by op and source line: a loop's body, however it is nested. Modules and scopes fold first, the innermost before.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np

from .folded import LEAVES, Item, Scope, leaves, owners, redraw
from .model import Node, Scene, common

READABLE = 40  # boxes; in a larger picture, loops and modules that run again are drawn once
NUMBERED = 120  # boxes; a larger picture has no numbers, so modules and scopes are boxes
LIMIT = 300
AGAIN = re.compile(r", run \d+$")
LONGEST = 256  # ops in a loop's body
LEAST = 4  # boxes behind the first turn: fewer are not worth a fold


def fold(scene: Scene, limit: int | None = None, groups: Iterable[str] = ()) -> Scene:
    """A scene of at most `limit` boxes, with the named groups as one box each."""
    items = [Item(key(node), sign(node), [node], node.scope) for node in scene.nodes if node.kind not in LEAVES]
    for group in groups:
        items = gather(items, partial(depth, chosen=partial(is_called, group=group)))
    if boxes(scene, items) > (limit or READABLE):
        items = gather(items, partial(depth, chosen=AGAIN.search))
        items = fold_loops(scene, items, limit or READABLE, scoped=False)
    for level in range(max((len(item.scope) for item in items), default=0), 0, -1):
        if boxes(scene, items) > (limit or NUMBERED):
            items = gather(items, partial(reaches, level=level))
    items = fold_loops(scene, items, limit or NUMBERED, scoped=True)
    return redraw(scene, fold_middle(scene, items, limit or LIMIT))


def key(node: Node) -> Hashable:
    """What makes two operations alike: op and source line. An output is like no other."""
    return node.id if node.kind == "output" else (node.op, getattr(node.source, "where", None))


def sign(node: Node) -> str:
    return getattr(getattr(node.source, "op", None), "sign", None) or node.op.lstrip("_")


def depth(scope: Scope, chosen: Callable[[str], Any]) -> int:
    """How deep the first group is that is chosen; 0 if none is."""
    return next((i for i, label in enumerate(scope, 1) if chosen(label)), 0)


def reaches(scope: Scope, level: int) -> int:
    """The level, where there are groups as deep as that."""
    return level if len(scope) >= level else 0


def gather(items: list[Item], depth_of: Callable[[Scope], int]) -> list[Item]:
    """Operations of a group that follow each other as one item."""
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
    """Whether a group is meant: a scope by its name, a module by its path."""
    return label == group or label.startswith(f"{group}: ")


def fold_loops(scene: Scene, items: list[Item], limit: int, scoped: bool) -> list[Item]:
    """Loops fold, the shortest body first, until there are few enough boxes; over several scopes only if `scoped`."""
    while boxes(scene, items) > limit:
        shorter = fold_repeats(items, scoped)
        if len(shorter) == len(items):
            break
        items = shorter
    return items


def fold_repeats(items: list[Item], scoped: bool) -> list[Item]:
    """The shortest loop found: where the same items come four times and more, all but the first and last fold."""
    numbers: dict[Hashable, int] = {}
    alike = [item.key if scoped else (item.key, item.scope) for item in items]
    keys = np.array([numbers.setdefault(key, len(numbers)) for key in alike])
    for period in range(1, min(LONGEST, len(items) // 4) + 1):
        same = np.concatenate([[False], keys[period:] == keys[:-period], [False]]).astype(int)
        starts, ends = np.flatnonzero(np.diff(same) == 1), np.flatnonzero(np.diff(same) == -1)
        long = ends - starts >= max(3 * period, LEAST)
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
    runs = [(word, len(list(run))) for word, run in groupby(item.words for item in body)]
    words = ", ".join(f"{count} × {word}" if count > 2 else ", ".join([word] * count) for word, count in runs)
    nodes = [node for item in middle for node in item.nodes]
    return Item(
        (times, *(item.key for item in body)),
        f"{times:,} × ({words})" if len(body) > 1 else f"{times:,} × {words}",
        nodes,
        common([item.scope for item in middle]),
        turn=len(nodes) // times,
    )


def fold_middle(scene: Scene, items: list[Item], limit: int) -> list[Item]:
    """What repeats nothing: as much of the beginning and of the end as has room."""
    shorter, kept = items, limit
    while kept > 2 and boxes(scene, shorter) > limit:
        kept = kept * 3 // 4
        head, middle, tail = items[: kept // 2], items[kept // 2 : -kept // 2], items[-kept // 2 :]
        counts = Counter(sign(node) for item in middle for node in item.nodes)
        words = ", ".join(f"{count:,} × {op}" for op, count in counts.most_common())
        nodes = [node for item in middle for node in item.nodes]
        shorter = [*head, Item("middle", words, nodes, common([item.scope for item in middle])), *tail]
    return shorter


def boxes(scene: Scene, items: list[Item]) -> int:
    return len(items) + len(leaves(scene, owners(items)))
