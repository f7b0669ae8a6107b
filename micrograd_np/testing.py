"""Assertions for tests of one's own: the failure message is the report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .checking.findings import GradcheckReport
from .checking.gradcheck import gradcheck


def assert_gradients(f: Callable[..., Any], *inputs: Any, **options: Any) -> GradcheckReport:
    """The report of `gradcheck`, whose options these are; a failed check is the test's failure.

    Raises
    ------
    AssertionError
        Unless the verdict is OK or KINK. The message is the report.

    Examples
    --------
    >>> import numpy as np
    >>> assert_gradients(lambda x: np.exp(x).sum(), np.array([0.0, 1.0]), order=2).verdict
    'OK'
    """
    __tracebackhide__ = True
    return gradcheck(f, *inputs, **options, raise_on_failure=True)
