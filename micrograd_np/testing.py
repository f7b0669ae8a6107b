"""Assertions for tests of one's own: the failure message is the report."""

from __future__ import annotations

from typing import Any

from .checking.gradcheck import gradcheck
from .checking.report import GradcheckReport
from .checking.verify import verify
from .checking.verify_report import VerifyReport
from .core.tensor import Tensor


def assert_gradients(f: Any, *given: Any, **options: Any) -> GradcheckReport | VerifyReport:
    """The report of `gradcheck`, or of `verify` for derivatives by hand; a failed check is the test's failure.

    Parameters
    ----------
    f : callable, or Tensor
        With inputs, what `gradcheck` takes; with gradients by hand or a backward pass first, what `verify` takes.
    *given, **options
        Theirs.

    Raises
    ------
    AssertionError
        Unless the report is true. The message is the report.

    Examples
    --------
    >>> import numpy as np
    >>> assert_gradients(lambda x: np.exp(x).sum(), np.array([0.0, 1.0]), order=2).verdict
    'OK'
    >>> assert_gradients(lambda w: (w * w).sum(), lambda w: 2 * w, np.ones(3)).verdict
    'OK'
    """
    __tracebackhide__ = True
    by_hand = isinstance(f, Tensor) or (given and callable(given[0]) and not isinstance(given[0], Tensor))
    report = verify(f, *given, **options) if by_hand else gradcheck(f, *given, **options)
    if not report:
        raise AssertionError(str(report))
    return report
