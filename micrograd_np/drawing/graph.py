"""The values of a graph in the order of computation, and the variables that the source binds them to.

A picture shows a few hundred boxes at most. In a graph of a million operations, almost all are turns of a loop in the
middle, which end in one folded box. They are found by op and source line before any box is built, so that a picture
costs a walk over the graph, and no more.
"""

from __future__ import annotations

import ast
import functools
import linecache
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from types import CodeType
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


def drawn_graph(outputs: Sequence[Tensor], keep: Collection[int] = (), room: int = LARGE) -> Graph:
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
    keys = np.array([numbers.setdefault(op_key(x), len(numbers)) for x in ops])
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


def op_key(x: Any) -> tuple[int, int, int]:
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


FOLDING = ("sum", "reduce", "prod")  # Python's own, which call an op again and again


def bindings(ops: Sequence[Any]) -> dict[int, tuple[str, str]]:
    """Return the variables that the source binds ops to, by id: `h = np.tanh(h)` in a loop makes h_1, h_2, ..."""
    spots: dict[Any, list[Any]] = {}
    for op in ops:
        if op._created_at:
            spots.setdefault((id(op._created_at[0]), op._created_at[1]), []).append(op)
    bound: dict[tuple[int, str], list[Any]] = {}
    for (code, _), made in spots.items():
        for name, each in results(made, target(*made[0]._created_at)):
            bound.setdefault((code, name), []).append(each)
    found = {}
    for (_, name), values in bound.items():
        if name.startswith("_"):
            continue  # the user says that it is no name
        values.sort(key=lambda op: op._order)
        for i, value in enumerate(values, 1):
            found[id(value)] = name, name if len(values) == 1 else f"{name}_{i}"
    return found


def results(made: list[Any], names: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Yield what the ops of one instruction gave to its targets: of each run, the last op, or its several outputs."""
    if not names:
        return
    calls = [next((entry for entry in op.scope if not isinstance(entry, str)), None) for op in made]
    period = turn([op.op for op in made])
    starts = [i for i, call in enumerate(calls) if (call is not calls[i - 1] or i == 0 if call else i % period == 0)]
    for start, stop in zip(starts, [*starts[1:], len(made)], strict=True):
        if len(names) == 1:
            yield names[0], made[stop - 1]
        else:  # an output is the op that takes it out of the others
            outputs = [op for op in made[start:stop] if op.params and op.params.keys() == {"i"}]
            yield from ((names[op.params["i"]], op) for op in outputs if op.params["i"] < len(names))


def turn(ops: list[Any]) -> int:
    """Return the length of the shortest sequence that a list repeats."""
    places = [i for i in range(1, len(ops)) if ops[i] is ops[0] and len(ops) % i == 0][:16]
    return next((i for i in places if ops[i:] == ops[:-i]), len(ops))


def target(code: CodeType, instruction: int) -> tuple[str, ...]:
    """Return the variables that a statement binds an instruction's result to."""
    position = list(code.co_positions())[instruction // 2]
    return targets("".join(linecache.getlines(code.co_filename))).get(position, ())


@functools.lru_cache(32)
def targets(source: str) -> dict[Any, tuple[str, ...]]:
    """Return the variables that each expression of a source is bound to, by the expression's place."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return {}
    found: dict[Any, tuple[str, ...]] = {}

    def enter(to: Any, value: Any) -> None:
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in FOLDING:
            return  # one call makes many values, and binds the last
        if isinstance(to, ast.Name):
            found[place(value)] = (to.id,)
        elif isinstance(to, ast.Tuple) and isinstance(value, ast.Tuple):
            for part, each in zip(to.elts, value.elts, strict=False):
                enter(part, each)
        elif isinstance(to, ast.Tuple) and all(isinstance(part, ast.Name) for part in to.elts):
            found[place(value)] = tuple(part.id for part in to.elts if isinstance(part, ast.Name))

    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            enter(node.targets[0], node.value)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value:
            enter(node.target, node.value)
        elif isinstance(node, ast.AugAssign):
            enter(node.target, node)
    return found


def place(node: Any) -> tuple[int, int, int, int]:
    return node.lineno, node.end_lineno, node.col_offset, node.end_col_offset
