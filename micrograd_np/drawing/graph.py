"""The values of a graph in the order of computation; of a large graph, the ends of each loop and what was left out.

A picture shows a few hundred boxes at most. In a graph of a million operations, almost all are turns of a loop in the
middle, which end in one folded box. They are found by op and source line before any box is built, so that a picture
costs a walk over the graph, and no more.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import numpy as np

from ..core.tensor import Tensor

LARGE = 4000  # ops; of a larger graph, boxes are built only for some
LONGEST = 256  # ops in the body of a loop
ENDS = 60  # ops that stay at either end of a loop, besides a whole turn


@dataclass
class Graph:
    """The values for which boxes are built, and the ops for which none are."""

    values: list[Any]  # arguments before results
    hidden: dict[int, list[Tensor]] = field(default_factory=dict)  # by the id of the op that follows them
    stand_in: dict[int, int] = field(default_factory=dict)  # of each hidden op, the id of that op
    hidden_leaves: int = 0  # that only hidden ops use


def graph_of(outputs: Sequence[Tensor], keep: Collection[int] = (), room: int = LARGE) -> Graph:
    """Return the graph of some outputs; ops whose ids are in `keep` are not hidden."""
    ops = ops_of(outputs)
    if len(ops) <= room:
        return Graph(with_leaves(ops, outputs))
    wanted = {*keep, *map(id, outputs)}
    places = skim(ops, [i for i, x in enumerate(ops) if id(x) in wanted], room).tolist()
    found = Graph(with_leaves([ops[i] for i in places], outputs))
    for before, place in zip([-1, *places], places, strict=False):
        if place - before > 1:
            found.hidden[id(ops[place])] = ops[before + 1 : place]
            found.stand_in |= dict.fromkeys(map(id, ops[before + 1 : place]), id(ops[place]))
    shown = set(map(id, found.values)) | found.stand_in.keys()
    found.values = [x for x in found.values if id(x) not in found.stand_in]
    found.hidden_leaves = len(
        {id(x) for gap in found.hidden.values() for op in gap for x in op.args if is_box(x)} - shown
    )
    return found


def walk(outputs: Sequence[Tensor]) -> list[Any]:
    """Return every value that the outputs were made from, arguments before results."""
    return with_leaves(ops_of(outputs), outputs)


def ops_of(outputs: Sequence[Tensor]) -> list[Tensor]:
    """Return the ops that the outputs were made by, the oldest first."""
    found: dict[int, Tensor] = {}
    pending = [x for x in outputs if x.op is not None]
    while pending:
        node = pending.pop()
        if id(node) not in found:
            found[id(node)] = node
            pending += [x for x in node.args if isinstance(x, Tensor) and x.op is not None]
    return sorted(found.values(), key=attrgetter("_order"))


def with_leaves(ops: Sequence[Tensor], outputs: Sequence[Tensor]) -> list[Any]:
    """Return ops and their arguments, each before its first use."""
    order: dict[int, Any] = {}
    for node in ops:
        for x in node.args:
            if is_box(x):
                order.setdefault(id(x), x)
        order[id(node)] = node
    for x in outputs:
        order.setdefault(id(x), x)
    return list(order.values())


def reached(ops: Sequence[Tensor], tensor: Tensor, flowing: bool = True) -> set[int]:
    """Return the ids of the tensor and of all made from it; with `flowing`, only along arrows that carry a gradient."""
    found = {id(tensor)}
    for op in ops:
        args = [op.args[i] for i, _ in op._paths] if flowing and op.args else op.args
        if not found.isdisjoint(map(id, args)):
            found.add(id(op))
    return found


def is_box(x: Any) -> bool:
    """Return whether an argument has a box of its own; numbers are written into the box of the op."""
    return isinstance(x, Tensor) or getattr(x, "ndim", 0) > 0


def skim(ops: list[Tensor], wanted: list[int], room: int) -> Any:
    """Return the places of the ops that stay: of each loop, its first and last turns."""
    numbers: dict[Any, int] = {}
    keys = np.array([numbers.setdefault(key(x), len(numbers)) for x in ops])
    keys[wanted] = len(numbers) + np.arange(len(wanted))  # a key of their own, so that no loop contains them
    calls = np.array([id(x.scope[0]) if x.scope else 0 for x in ops])
    kept = np.arange(len(ops))
    while len(kept) > room:
        gaps = np.diff(kept, prepend=-1) - 1  # turns that lost the same number of inner turns are alike
        shorter = kept[without_middle_turns(keys[kept] + gaps * (keys.max() + 1), calls[kept])]
        if len(shorter) == len(kept):
            return np.union1d(np.concatenate([kept[: room // 2], kept[-room // 2 :]]), wanted)
        kept = shorter
    return kept


def key(x: Any) -> tuple[int, int, int]:
    """Return what makes two ops alike: the row and the instruction."""
    code, instruction = x._created_at or (None, 0)
    return id(x.op), id(code), instruction


def without_middle_turns(keys: Any, calls: Any) -> Any:
    """Return a mask of what stays when the loops with the shortest body that repeats are cut."""
    stays = np.ones(len(keys), bool)
    for period in range(1, LONGEST + 1):
        ends = period * (1 + -(-ENDS // period))
        for start, stop in runs(keys, period, 2 * ends):
            first, last = start + ends, stop + period - ends
            cut = boundary(keys, calls, first, period)
            turns = (last - cut) // period
            if turns > 0:
                stays[cut : cut + turns * period] = False
        if not stays.all():
            break
    return stays


def runs(keys: Any, period: int, least: int) -> list[tuple[int, int]]:
    """Return the ranges, not shorter than `least`, in which each entry equals the one a period later."""
    change = np.diff(np.concatenate([[False], keys[period:] == keys[:-period], [False]]).astype(np.int8))
    starts, stops = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
    long = stops - starts >= least
    return list(zip(starts[long].tolist(), stops[long].tolist(), strict=True))


def boundary(keys: Any, calls: Any, first: int, period: int) -> int:
    """Return where a turn is best cut: where a module's call begins, or at an op that a turn has once."""
    turn = slice(first, first + period)
    begins = np.flatnonzero(calls[turn] != calls[first - 1 : first - 1 + period][: len(calls[turn])])
    if len(begins):
        return first + int(begins[0])
    _, places, counts = np.unique(keys[turn], return_index=True, return_counts=True)
    once = places[counts == 1]
    return first + int(once.min()) if len(once) else first
