"""Fold repeated structure of a large graph: loops, modules and scopes become one box each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np

from .graph import Graph, Scope, common

READABLE = 40  # boxes; in a larger picture, loops and modules that run again are drawn once
NUMBERED = 120  # boxes; a larger picture has no numbers, so modules and scopes are boxes
LIMIT = 300
LISTED = 12  # operations that are shown at either end of an open fold, or one whole turn of its loop if that is longer
MOST = 60
LONGEST = 256  # operations in the body of a loop
LEAST = 4  # boxes behind the first turn: fewer are not worth a fold
AGAIN = re.compile(r", (?:run|step) (?!1$)\d+$")  # the calls of a module after the first one


@dataclass(slots=True)
class Item:
    """A future box: one operation, or several that follow each other. `start` and `stop` count operations."""

    key: Hashable  # equal for items that look alike
    words: str
    start: int
    stop: int
    scope: Scope
    group: str = ""  # the module or scope, if the item is the whole of one
    turn: int = 0  # operations in one turn of its loop

    @property
    def size(self) -> int:
        return self.stop - self.start


def fold(graph: Graph, limit: int | None = None, groups: Iterable[str] = ()) -> list[Item]:
    """Return items for about `limit` boxes at most, with each of the named groups as one item."""
    items = [single_item(graph, i) for i in range(len(graph.ops))]
    for group in groups:
        items = gather(items, partial(depth, chosen=partial(is_called, group=group)))
    if boxes(graph, items) > (limit or READABLE):
        items = gather(items, partial(depth, chosen=AGAIN.search))
        items = fold_loops(graph, items, limit or READABLE, scoped=False)
    for level in range(max((len(item.scope) for item in items), default=0), 0, -1):
        if boxes(graph, items) > (limit or NUMBERED):
            items = gather(items, partial(reaches, level=level))
    return fold_middle(graph, fold_loops(graph, items, limit or NUMBERED, scoped=True), limit or LIMIT)


def single_item(graph: Graph, i: int) -> Item:
    """Return the item of one operation. One that is never folded is like no other; others are by op and source line."""
    place = graph.ops[i]
    x, scope = graph.values[place], () if place in graph.kept else graph.scopes[place]
    code, instruction = x._created_at or (None, 0)
    alike = place if is_alone(graph, place) else (id(x.op), id(code), instruction)
    return Item(alike, sign(x), i, i + 1, scope)


def is_alone(graph: Graph, place: int) -> bool:
    """Return whether a box is never folded: an output, or a value that an explanation is about."""
    return place in graph.kept or graph.kinds[place] == "output"


def open_item(graph: Graph, items: list[Item], closed: Item) -> list[Item]:
    """Return the items in which one fold is open: its operations stand in a frame, of many those at both ends."""
    listed = min(max(LISTED, closed.turn), MOST)
    frame = frame_of(closed)
    depth = len(closed.scope) + bool(closed.group)  # of a group, the operations have its frame already
    start, stop = closed.start, closed.stop
    long = closed.size > 2 * listed
    ends = [*range(start, start + listed), *range(stop - listed, stop)] if long else range(start, stop)
    inner = [single_item(graph, i) for i in ends]
    for item in inner:
        item.scope = (*frame, *item.scope[depth:])
    if long:
        middle = range(start + listed, stop - listed)
        scope = common({(*frame, *graph.scopes[graph.ops[i]][depth:]) for i in middle})
        inner.insert(listed, between_ends(graph, middle.start, middle.stop, scope))
    place = items.index(closed)
    return [*items[:place], *inner, *items[place + 1 :]]


def frame_of(item: Item) -> Scope:
    """Return the scope that stands for a fold when it is open."""
    return (*item.scope, item.group or item.words)


def sign(x: Any) -> str:
    return str(x.op.sign or x.op.name.lstrip("_"))


def depth(scope: Scope, chosen: Callable[[str], Any]) -> int:
    """Return the depth of the first chosen group of a scope, 1 for the outermost; 0 if none is chosen."""
    return next((i for i, label in enumerate(scope, 1) if chosen(label)), 0)


def reaches(scope: Scope, level: int) -> int:
    """Return the level if the scope is at least that deep, else 0."""
    return level if len(scope) >= level else 0


def gather(items: list[Item], depth_of: Callable[[Scope], int]) -> list[Item]:
    """Join the operations of a group that follow each other into one item."""
    groups = {scope: scope[: depth_of(scope)] for scope in {item.scope for item in items}}
    gathered: list[Item] = []
    for group, run in groupby(items, key=lambda item: groups[item.scope]):
        inside = list(run)
        if group and len(inside) > 1:
            kind = AGAIN.sub("", group[-1]).split(": ")[-1]
            alike = ("group", kind, *(item.key for item in inside))
            gathered.append(Item(alike, kind, inside[0].start, inside[-1].stop, group[:-1], group[-1]))
        else:
            gathered += inside
    return gathered


def is_called(label: str, group: str) -> bool:
    """Return whether a label belongs to the group that the user named: a scope's name or a module's path."""
    return label == group or label.startswith(f"{group}: ")


def fold_loops(graph: Graph, items: list[Item], limit: int, scoped: bool) -> list[Item]:
    """Fold loops, the shortest body first, until the boxes are few enough; across scopes only if `scoped`."""
    while boxes(graph, items) > limit:
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


def runs(keys: Any, period: int, least: int) -> list[tuple[int, int]]:
    """Return the ranges, not shorter than `least`, in which each entry equals the one a period later."""
    change = np.diff(np.concatenate([[False], keys[period:] == keys[:-period], [False]]).astype(np.int8))
    starts, stops = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
    long = stops - starts >= least
    return list(zip(starts[long].tolist(), stops[long].tolist(), strict=True))


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
    return Item(
        (times, *(item.key for item in body)),
        f"{times:,} × ({words})" if len(body) > 1 else f"{times:,} × {words}",
        middle[0].start,
        middle[-1].stop,
        common({item.scope for item in middle}),
        turn=sum(item.size for item in body),
    )


def fold_middle(graph: Graph, items: list[Item], limit: int) -> list[Item]:
    """Fold the middle of a graph without loops; its beginning and its end stay as far as there is room."""
    shorter, kept = items, limit
    while kept > 2 and boxes(graph, shorter) > limit:
        kept = kept * 3 // 4
        if kept > len(items):
            continue
        head, middle, tail = items[: kept // 2], items[kept // 2 : -kept // 2], items[-kept // 2 :]
        shorter = head
        for alone, run in groupby(middle, key=lambda item: item.size == 1 and is_alone(graph, graph.ops[item.start])):
            inner = list(run)
            scope = common({item.scope for item in inner})
            shorter = [*shorter, *(inner if alone else [between_ends(graph, inner[0].start, inner[-1].stop, scope)])]
        shorter = [*shorter, *tail]
    return shorter


def between_ends(graph: Graph, start: int, stop: int, scope: Scope) -> Item:
    counts = Counter(sign(graph.values[place]) for place in graph.ops[start:stop])
    words = ", ".join(f"{count:,} × {op}" for op, count in counts.most_common())
    return Item("middle", words, start, stop, scope)


def boxes(graph: Graph, items: list[Item]) -> int:
    return len(items) + int((owners(graph, items)[~graph.made] >= 0).sum())


def owners(graph: Graph, items: list[Item]) -> Any:
    """Return, for each value, the place of the last value in its box; -1 for a leaf that only one fold uses.

    Such a leaf is not drawn.
    """
    owner = np.arange(len(graph.values))
    sizes = np.array([item.size for item in items], np.int64)
    lasts = graph.ops[np.cumsum(sizes) - 1]
    owner[graph.ops] = np.repeat(lasts, sizes)
    of_leaf = ~graph.made[graph.tail]
    uses = np.unique(graph.tail[of_leaf] * len(owner) + owner[graph.head[of_leaf]])  # pairs of a leaf and a box
    leaf, first, count = np.unique(uses // len(owner), return_index=True, return_counts=True)
    folded = (count == 1) & np.isin(uses[first] % len(owner), lasts[sizes > 1]) & ~np.isin(leaf, list(graph.kept))
    owner[leaf[folded]] = -1
    return owner
