"""Assertions for tests of one's own: the failure message is the report."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from .checking.flat_function import plain
from .checking.gradcheck import gradcheck
from .checking.report import GradcheckReport
from .checking.verify import verify
from .checking.verify_report import VerifyReport
from .core.containers import flatten
from .core.tensor import Tensor

GRADCHECKS = {"order", "rtol"}  # options that `verify` does not have


def assert_gradients(f: Any, *given: Any, **options: Any) -> GradcheckReport | VerifyReport:
    """The report of `gradcheck`, or of `verify` for derivatives by hand; a failed check is the test's failure.

    Parameters
    ----------
    f : callable, or Tensor
        With inputs, what `gradcheck` takes; with gradients by hand or a backward pass first, what `verify` takes. One
        that returns a number and arrays of the inputs' shapes, (loss, gradients), is verified.
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
    by_hand = by_hand or (callable(f) and not GRADCHECKS & set(options) and returns_gradients(f, given))
    report = verify(f, *given, **options) if by_hand else gradcheck(f, *given, **options)
    if not report:
        raise AssertionError(str(report))
    return report


def returns_gradients(f: Any, inputs: Any) -> bool:
    """Return whether f gives a number, and then an array like an input, or a dict of such: (loss, gradients)."""
    with np.errstate(all="ignore"):
        try:
            result = copy.deepcopy(f)(*copy.deepcopy(inputs))
        except Exception:  # the check itself says what is wrong
            return False
    if not isinstance(result, tuple) or len(result) < 2 or np.ndim(plain(result[0])) > 0:
        return False
    shapes = {np.shape(plain(x)) for x in flatten(inputs)[0]}
    return any(np.shape(plain(g)) in shapes for g in flatten(result[1:])[0] if g is not None)
