"""Fold repeated structure of a large graph: loops, modules and scopes become one box each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from .graph import Graph, Scope, common

# If the user gives no limit, loops are folded above the first number of boxes, modules and scopes above the second, and
# the middle above the third.
FOLD_LOOPS_ABOVE = 40
FOLD_GROUPS_ABOVE = 120  # a larger picture has no numbers, so modules and scopes are boxes
MAX_BOXES = 300
MAX_BODY = 256  # boxes in the body of a loop
MIN_REPEATED = 4  # boxes after the first iteration: a shorter loop is not folded
# The end of a module's label from its second run or step on, as in `layers.0: Linear, run 2`.
LATER_CALL = re.compile(r", (?:run|step) (?!1$)\d+$")


@dataclass(slots=True)
class Item:
    """A future box: one operation, or several that follow each other, which are graph.ops[start:stop]."""

    key: Hashable  # equal for items that look alike
    words: str
    start: int
    stop: int
    scope: Scope
    group: str = ""  # the module or scope, if the item is the whole of one

    @property
    def size(self) -> int:
        return self.stop - self.start


def fold(graph: Graph, limit: int | None = None, groups: Iterable[str] = ()) -> list[Item]:
    """Return items for about `limit` boxes at most, with each of the named groups as one item.

    Without a limit, loops are folded above 40 boxes; modules, scopes and loops across scopes above 120; and the middle
    above 300.
    """
    items = [single_item(graph, i) for i in range(len(graph.ops))]
    named = tuple(groups)
    items = gather(items, lambda scope: any(is_of_group(scope[-1], group) for group in named))
    if count_boxes(graph, items) > (limit or FOLD_LOOPS_ABOVE):
        # A later run of a module is one box, so that runs look alike and may be a loop.
        items = gather(items, lambda scope: LATER_CALL.search(scope[-1]))
        items = fold_loops(graph, items, limit or FOLD_LOOPS_ABOVE, across_scopes=False)
    for level in range(max((len(item.scope) for item in items), default=0), 0, -1):
        if count_boxes(graph, items) > (limit or FOLD_GROUPS_ABOVE):
            items = gather(items, lambda scope: len(scope) == level)  # noqa: B023  (it is called at once)
    items = fold_loops(graph, items, limit or FOLD_GROUPS_ABOVE, across_scopes=True)
    return fold_middle(graph, items, limit or MAX_BOXES)


def single_item(graph: Graph, i: int) -> Item:
    """Return the item of one operation; two look alike if the same instruction made them by the same op."""
    place = graph.ops[i]
    x = graph.values[place]
    scope = () if place in graph.kept else graph.scopes[place]
    code, offset = x._created_at or (None, 0)
    key = place if is_output_or_kept(graph, place) else (id(x.op), id(code), offset)
    return Item(key, symbol(x), i, i + 1, scope)


def is_output_or_kept(graph: Graph, place: int) -> bool:
    """Return whether a value is an output or one to keep: neither a loop nor the folded middle takes these in."""
    return place in graph.kept or graph.kinds[place] == "output"


def symbol(x: Any) -> str:
    return str(x.op.sign or x.op.name.lstrip("_"))


def gather(items: list[Item], is_gathered: Callable[[Scope], Any]) -> list[Item]:
    """Join the operations of a group that follow each other into one item, in each outermost group that is gathered."""
    group_of = {
        scope: next((scope[:depth] for depth in range(1, len(scope) + 1) if is_gathered(scope[:depth])), ())
        for scope in {item.scope for item in items}
    }
    gathered: list[Item] = []
    for group, together in groupby(items, key=lambda item: group_of[item.scope]):
        inside = list(together)
        if group and len(inside) > 1:
            kind = LATER_CALL.sub("", group[-1]).split(": ")[-1]
            key = ("group", kind, *(item.key for item in inside))
            gathered.append(Item(key, kind, inside[0].start, inside[-1].stop, group[:-1], group[-1]))
        else:
            gathered += inside
    return gathered


def is_of_group(label: str, group: str) -> bool:
    """Return whether a label belongs to the group that the user named: a scope's name or a module's path."""
    return label == group or label.startswith(f"{group}: ")


def fold_loops(graph: Graph, items: list[Item], limit: int, across_scopes: bool) -> list[Item]:
    """Fold loops, the shortest body first, until the boxes are few enough."""
    while count_boxes(graph, items) > limit:
        shorter = fold_shortest_loops(items, across_scopes)
        if len(shorter) == len(items):
            break
        items = shorter
    return items


def fold_shortest_loops(items: list[Item], across_scopes: bool) -> list[Item]:
    """Fold the loops with the shortest body: all iterations but the first and the last become one item."""
    numbers: dict[Hashable, int] = {}
    look = [item.key if across_scopes else (item.key, item.scope) for item in items]
    keys = np.array([numbers.setdefault(key, len(numbers)) for key in look])
    # A loop has at least four iterations: those between the first and the last are folded.
    for period in range(1, min(MAX_BODY, len(items) // 4) + 1):
        loops = repeated_ranges(keys, period, max(3 * period, MIN_REPEATED))
        if not loops:
            continue
        folded: list[Item] = []
        done = 0
        for start, stop in loops:
            # Where the second and the last iteration begin.
            second, last = start + period, start + (stop - start) // period * period
            folded += [*items[done:second], loop_item(items[second:last], items[start:second])]
            done = last
        return folded + items[done:]
    return items


def repeated_ranges(keys: Any, period: int, least: int) -> list[tuple[int, int]]:
    """Return the ranges, not shorter than `least`, in which each entry equals the one a period later."""
    repeats = np.concatenate([[False], keys[period:] == keys[:-period], [False]])
    change = np.diff(repeats.astype(np.int8))  # 1 where a range begins, -1 where it ends
    starts, stops = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
    long = stops - starts >= least
    return list(zip(starts[long].tolist(), stops[long].tolist(), strict=True))


def loop_item(middle: list[Item], body: list[Item]) -> Item:
    """Return one item for some iterations of a loop, such as `7 × (@, tanh)`."""
    times = len(middle) // len(body)
    words = []
    for word, same in groupby(item.words for item in body):
        count = len(list(same))
        words += [f"{count} × {word}"] if count > 2 else [word] * count
    text = f"({', '.join(words)})" if len(body) > 1 else words[0]
    key = (times, *(item.key for item in body))
    scope = common({item.scope for item in middle})
    return Item(key, f"{times:,} × {text}", middle[0].start, middle[-1].stop, scope)


def fold_middle(graph: Graph, items: list[Item], limit: int) -> list[Item]:
    """Fold the middle of a graph, and ever more of it until the boxes are few enough; outputs and kept values stay."""

    def must_be_shown(item: Item) -> bool:
        return item.size == 1 and is_output_or_kept(graph, graph.ops[item.start])

    shorter, shown = items, limit
    while shown > 2 and count_boxes(graph, shorter) > limit:
        shown = shown * 3 // 4
        begin = shown // 2
        end = begin + max(len(items) - shown, 0)
        shorter = items[:begin]
        for alone, together in groupby(items[begin:end], must_be_shown):
            inner = list(together)
            shorter += inner if alone or len(inner) == 1 else [middle_item(graph, inner)]
        shorter += items[end:]
    return shorter


def middle_item(graph: Graph, inner: list[Item]) -> Item:
    """Return one item for operations that are neither a loop nor a group, such as `12 × *, 3 × exp`."""
    start, stop = inner[0].start, inner[-1].stop
    counts = Counter(symbol(graph.values[place]) for place in graph.ops[start:stop])
    words = ", ".join(f"{count:,} × {op}" for op, count in counts.most_common())
    return Item("middle", words, start, stop, common({item.scope for item in inner}))


def count_boxes(graph: Graph, items: list[Item]) -> int:
    """Return how many boxes a picture of these items has, those of leaves included."""
    leaves = box_places(graph, items)[~graph.made]
    return len(items) + int(np.count_nonzero(leaves != NOT_DRAWN))


NOT_DRAWN = -1


def box_places(graph: Graph, items: list[Item]) -> Any:
    """Return, for each value, the place of the last value in its box; -1 for a leaf that is not drawn.

    A box is known by this place in `graph.values`. A leaf that only one fold uses is not drawn, unless it is kept.
    """
    boxes = np.arange(len(graph.values))
    sizes = np.array([item.size for item in items], np.int64)
    lasts = graph.ops[np.cumsum(sizes) - 1]
    boxes[graph.ops] = np.repeat(lasts, sizes)
    by_leaf = ~graph.made[graph.tail]
    pairs = (len(boxes), len(boxes))
    uses = np.unique(np.ravel_multi_index((graph.tail[by_leaf], boxes[graph.head[by_leaf]]), pairs))
    used, user = np.unravel_index(uses, pairs)  # each pair of a leaf and a box that uses it, once
    leaf, first, count = np.unique(used, return_index=True, return_counts=True)
    hidden = (count == 1) & np.isin(user[first], lasts[sizes > 1]) & ~np.isin(leaf, list(graph.kept))
    boxes[leaf[hidden]] = NOT_DRAWN
    return boxes
