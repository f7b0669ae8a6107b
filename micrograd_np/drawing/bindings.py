"""The variables that the source binds values to: found from where each op was made, without running anything."""

from __future__ import annotations

import ast
import functools
import linecache
from collections.abc import Iterator, Sequence
from types import CodeType
from typing import Any

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
