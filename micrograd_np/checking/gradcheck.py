"""Is the derivative that the graph gives the derivative? A verdict for each input, and what to do next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.tensor import Tensor
from . import fast as along
from .findings import GradcheckReport, Judged
from .inputs import check_along, check_entries
from .locate import suspects
from .problem import Problem
from .verdict import KINK, NON_FINITE, NONDETERMINISTIC, OK, WRONG

Function = Callable[..., Any]

RTOL = 1e-5


def gradcheck(
    f: Function,
    *inputs: Any,
    rtol: float | None = None,
    fast: bool = False,
    order: int = 1,
    seed: int = 0,
    raise_on_failure: bool = False,
) -> GradcheckReport:
    """A verdict on the derivatives of f: those of its graph against differences of its values.

    Errors are relative to max(|entry|, 1e-6 of the input's largest). The report is true for OK and KINK.

    Parameters
    ----------
    f : callable
        Of arrays, or of containers of them; so is what it returns.
    *inputs : array_like, Tensor, or containers of these
        The floating-point ones are checked, in float64; the others are passed on.
    rtol : float, optional
        1e-5; with `fast` 1e-8, relative to the size of the whole gradient.
    fast : bool
        Check along random directions instead of each entry.
    order : {1, 2}
        2 checks the second derivatives too.
    seed : int
        Of the random numbers of `fast` and `order=2`.
    raise_on_failure : bool
        Raise an AssertionError whose message is the report, unless this is true.

    Raises
    ------
    TypeError
        If no input, or one that f computes with, holds floating-point numbers.

    Examples
    --------
    >>> import numpy as np
    >>> gradcheck(lambda x: (x * np.sin(x)).sum(), np.array([1.0, 2.0])).verdict
    'OK'
    """
    if not callable(f) or isinstance(f, Tensor):
        raise TypeError(f"gradcheck takes a function and its inputs, gradcheck(f, x, ...), not {type(f).__name__}.")
    if order not in (1, 2):
        raise ValueError(f"order={order}: gradcheck knows first and second derivatives, order=1 and order=2.")
    report = check(f, f, inputs, rtol, fast, seed)
    if order == 2 and report.verdict == OK:
        report = check(along.derivative(f, seed), f, inputs, rtol, fast, seed).as_second_order()
    if order == 2 and report.verdict == KINK:
        report.suspects.append("Second derivatives were not checked: there are none at a kink.")
    if raise_on_failure and not report:
        raise AssertionError(str(report))
    return report


def check(f: Function, called: Function, inputs: Any, rtol: float | None, fast: bool, seed: int) -> GradcheckReport:
    rtol = rtol or (along.RTOL if fast else RTOL)
    problem = Problem(along.contracted(f, seed) if fast else f, inputs, called)
    if not problem.repeats():
        blank = [Judged(problem.names[i], x.shape, NONDETERMINISTIC, 0) for i, x in problem.points.items()]
        return GradcheckReport(blank, rtol)
    jacobian = problem.jacobian()
    if fast:
        found = [check_along(problem, i, jacobian[i], rtol, seed) for i in problem.checked]
    else:
        found = [check_entries(problem, i, range(x.size), jacobian[i], rtol) for i, x in problem.points.items()]
    report = GradcheckReport(found, rtol, passed_on=[problem.names[i] for i in problem.passed_on])
    if report.verdict == NON_FINITE and (where := problem.first_nonfinite()):
        report.suspects = [where]
    if report.verdict == WRONG:
        report.suspects = suspects(problem.nodes, RTOL)
    return report
