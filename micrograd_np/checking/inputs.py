"""One input of a function checked: entry by entry, or along random directions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import fast
from .findings import Entry, Judged
from .numeric import axes
from .problem import Problem
from .verdict import INDEPENDENT, WRONG, Comparison, compare, tolerances

Array = Any
SHOWN = 5


def check_entries(problem: Problem, i: int, rows: Sequence[int], graph: Array, rtol: float) -> Judged:
    x = problem.points[i].ravel()
    held = compare(problem.measured(i), list(axes(x, rows)), graph, tolerances(graph, rtol))
    return judged(problem, i, rows, held, rtol)


def check_along(problem: Problem, i: int, graph: Array, rtol: float, seed: int) -> Judged:
    x = problem.points[i].ravel()
    directions = fast.random_directions(x.size, seed)
    allowed = fast.spread(graph[:, 0], directions, rtol)

    def along(chosen: Sequence[Array]) -> Comparison:
        return compare(problem.measured(i), chosen, np.array(chosen) @ graph, lambda _: allowed[: len(chosen)])

    def error(direction: Array) -> float:
        held = along([direction])
        return abs(float(held.graph[0, 0] - held.found.value[0, 0]))

    held = along(list(directions))
    found = judged(problem, i, None, held, rtol)
    found.missed = fast.missed(graph[:, 0], directions, allowed + held.found.uncertainty)
    if found.verdict == WRONG:
        entry = fast.narrow_down(error, directions[np.flatnonzero(held.where)[0]])
        found.entries = check_entries(problem, i, [entry], graph[[entry]], 1e-5).entries or found.entries
    return found


def judged(problem: Problem, i: int, rows: Sequence[int] | None, held: Comparison, rtol: float) -> Judged:
    """What is reported of a comparison; without rows it was along random directions."""
    graph, found = held.graph, held.found
    shape = problem.points[i].shape
    recorded = i in problem.reached
    if not recorded and held.verdict != WRONG:
        return Judged(problem.names[i], shape, INDEPENDENT, graph.size)
    with np.errstate(all="ignore"):
        errors = np.abs(graph - found.value) / (held.allowed / rtol)
    return Judged(
        problem.names[i],
        shape,
        held.verdict,
        graph.size,
        int(held.where.sum()),
        [entry(shape, rows, row, k, held) for row, k in worst(held.where, errors)],
        float(np.max(errors, initial=0, where=np.isfinite(errors))),
        unrecorded=not recorded,
    )


def worst(where: Array, errors: Array) -> list[tuple[int, int]]:
    """Row and column of the derivatives to show, the worst first."""
    rows, columns = np.nonzero(where)
    order = np.argsort(-np.nan_to_num(errors[rows, columns], nan=np.inf), kind="stable")[:SHOWN]
    return list(zip(rows[order].tolist(), columns[order].tolist(), strict=True))


def entry(shape: tuple[int, ...], rows: Sequence[int] | None, row: int, k: int, held: Comparison) -> Entry:
    index = None if rows is None else tuple(map(int, np.unravel_index(rows[row], shape)))
    found = held.found
    numbers = [float(x[row, k]) for x in (held.graph, found.value, found.uncertainty, found.left, found.right)]
    return Entry(index, k if held.graph.shape[1] > 1 else None, *numbers)
