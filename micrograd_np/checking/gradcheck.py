"""Is the derivative that the graph gives the derivative? A verdict for each input, and what to do next."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .estimate import estimate
from .findings import GradcheckReport
from .numeric import Slopes, axes
from .problem import Problem
from .verdict import INDEPENDENT, NONDETERMINISTIC, WRONG, Entry, Judged, judge, tolerances

Array = Any
SHOWN = 5


def gradcheck(
    f: Callable[..., Any], *inputs: Any, rtol: float = 1e-5, raise_on_failure: bool = False
) -> GradcheckReport:
    """A verdict on the derivatives of f: those of its graph against differences of its values.

    Errors are relative to max(|entry|, 1e-6 of the input's largest). The report is true for OK and KINK.

    Parameters
    ----------
    f : callable
        Of arrays, or of containers of them.
    *inputs : array_like, Tensor, or containers of these
        The floating-point ones are checked, in float64; the others are passed on.
    rtol : float
    raise_on_failure : bool
        Raise an AssertionError whose message is the report, unless this is true.

    Examples
    --------
    >>> gradcheck(lambda x: (x * np.sin(x)).sum(), np.array([1.0, 2.0])).verdict
    'OK'
    """
    report = check(Problem(f, inputs), rtol)
    if raise_on_failure and not report:
        raise AssertionError(str(report))
    return report


def check(problem: Problem, rtol: float) -> GradcheckReport:
    if not problem.repeats():
        judged = [Judged(problem.names[i], x.shape, NONDETERMINISTIC, 0) for i, x in problem.points.items()]
        return GradcheckReport(judged, rtol)
    jacobian = problem.jacobian()
    return GradcheckReport([check_input(problem, i, jacobian[i], rtol) for i in problem.checked], rtol)


def check_input(problem: Problem, i: int, graph: Array, rtol: float) -> Judged:
    x = problem.points[i]
    tolerance = tolerances(graph, rtol)

    def measure(rows: Any, enough: Callable[[Slopes], Array], factor: float = 1.0) -> Slopes:
        values = functools.partial(problem.values, i)
        return estimate(values, x.ravel(), list(axes(x.ravel(), rows)), problem.eps, enough, factor)

    found = measure(range(x.size), tolerance)
    allowed = tolerance(found)
    verdict, where = judge(graph, found, allowed, lambda rows: measure(rows, lambda _: allowed[rows], 0.77))
    unrecorded = i not in problem.reached
    if unrecorded and verdict != WRONG:
        return Judged(problem.names[i], x.shape, INDEPENDENT, graph.size)
    judged = Judged(problem.names[i], x.shape, verdict, graph.size, int(where.sum()), unrecorded=unrecorded)
    with np.errstate(all="ignore"):
        errors = np.abs(graph - found.value) / (allowed / rtol)
        judged.error = float(np.max(errors, initial=0, where=np.isfinite(errors)))
    judged.entries = [entry(x.shape, row, k, graph, found) for row, k in worst(where, errors)]
    return judged


def worst(where: Array, errors: Array) -> list[tuple[int, int]]:
    """Row and column of the entries to show, the worst first."""
    rows, columns = np.nonzero(where)
    order = np.argsort(-np.nan_to_num(errors[rows, columns], nan=np.inf), kind="stable")[:SHOWN]
    return list(zip(rows[order].tolist(), columns[order].tolist(), strict=True))


def entry(shape: tuple[int, ...], row: int, k: int, graph: Array, found: Slopes) -> Entry:
    index = tuple(map(int, np.unravel_index(row, shape)))
    numbers = [float(x[row, k]) for x in (graph, found.value, found.uncertainty, found.left, found.right)]
    return Entry(index, k if graph.shape[1] > 1 else None, *numbers)
