"""Which op is it? Each op of a recorded graph checked alone, in the order in which they ran."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..core.names import line, name_of
from ..core.rules import Rule, fitted
from ..core.tensor import Tensor
from ..core.versions import as_used
from .estimate import Measured
from .numeric import axes
from .report import number
from .verdict import WRONG, compare, tolerances

Array = Any
ENOUGH = 3
LARGE = 400


def suspects(nodes: Sequence[Tensor], rtol: float) -> list[str]:
    """What is wrong with single ops, as sentences, the first op first."""
    found: dict[str, None] = {}
    for node in nodes:
        for position, rule in rules_of(node):
            fault = check_rule(node, position, rule, rtol)
            if fault:
                found[fault] = None
            if len(found) == ENOUGH:
                return list(found)
    return list(found)


def rules_of(node: Tensor) -> Iterator[tuple[int, Rule]]:
    """The argument positions that a gradient is passed to, with their rules."""
    edges = iter(node.edges)
    for position, x in enumerate(node.args):
        if isinstance(x, Tensor) and x.requires_grad and node.op.rules[position] is not None:
            yield position, fitted(next(edges)[1], position, node.op.broadcasts)


def check_rule(node: Tensor, position: int, rule: Rule, rtol: float) -> str | None:
    """What is wrong with one rule of one recorded op, if anything."""
    z, values = as_used(node)
    x = values[position]
    if any(getattr(data, "dtype", None) is None or data.dtype.kind != "f" for data in (x, z)) or not x.size:
        return None  # several outputs in one, or nothing to differentiate
    rng = np.random.default_rng(0)
    g = rng.uniform(0.5, 1.5, z.shape).astype(z.dtype)
    with np.errstate(all="ignore"):
        cotangent = rule(g, z, *values, **node.params)
    where = f"{node.op.name} is where it goes wrong: {spot(node)}\n  its rule for {argument(node, position)}"
    if cotangent.shape != x.shape:
        return f"{where} gives shape {cotangent.shape}."

    def contracted(dtype: Any) -> Callable[[Array], Array]:
        def f(flat: Array) -> Array:
            moved = [*values[:position], flat.astype(dtype).reshape(x.shape), *values[position + 1 :]]
            return np.atleast_1d(np.sum(node.op.kernel(*moved, **node.params) * g))

        return f

    entries = np.arange(x.size) if x.size <= LARGE else rng.choice(x.size, LARGE, replace=False)
    graph = np.ravel(cotangent)[entries, None]
    flat = x.ravel().astype(np.promote_types(x.dtype, np.float64))
    eps = float(max(np.finfo(value.dtype).eps for value in (x, z)))
    what = Measured(contracted, flat, eps, np.sum(np.abs(g * z)))
    held = compare(what, list(axes(flat, entries.tolist())), graph, tolerances(graph, rtol))
    if held.verdict != WRONG:
        return None
    row = int(np.argmax(np.where(held.where, np.abs(graph - held.found.value), -1)))
    index = list(map(int, np.unravel_index(entries[row], x.shape)))
    return (
        f"{where} gives {number(graph[row, 0])} at {index or 'its one entry'}, where its values say "
        f"{number(held.found.value[row, 0])} (for a random cotangent)."
    )


def spot(node: Tensor) -> str:
    return line(node.where) if node.where else "an unknown line"


def argument(node: Tensor, position: int) -> str:
    x = node.args[position]
    signature = getattr(node.op, "signature", None)
    parameter = list(signature.parameters)[position] if signature else f"argument {position}"
    return f"{parameter} ({name_of(x) or 'unnamed'}, shape {x.shape})"
