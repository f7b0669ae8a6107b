"""Detect the first nan or inf, forward and backward."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .core.backward import Pull, Pulled
from .core.context import Mode
from .core.errors import NonFiniteError, describe
from .core.names import caller_location, format_location
from .core.tensor import Tensor, as_ndarray
from .ops.primitive import Outputs

Index = tuple[int, ...]


def detect_anomaly() -> Mode:
    """A context manager that raises at the first nan, forward or backward, and at an inf made from finite values.

    The error names the op that made it, or the input that already held a nan. An inf among the arguments is no error,
    since masks are made of -inf. Slow: for debugging.

    Raises
    ------
    NonFiniteError
        Naming the op, the tensor, the index, the line, and the cure where one is known.

    Examples
    --------
    >>> x = Tensor([1.0, 0.0], requires_grad=True)
    >>> with detect_anomaly(), np.errstate(divide="ignore"):
    ...     np.log(x)
    Traceback (most recent call last):
    micrograd_np.NonFiniteError: log made -inf at index (1,) from finite arguments x (2,) float64: ...
    """
    return Mode(watch=Watch())


class Watch:
    """Checks every value that an op makes and every cotangent that a rule sends; the engine calls its methods."""

    def made(self, node: Tensor, op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> None:
        """Raise if an op made the first nan, or an inf from finite arguments."""
        index = first_nan(node)
        if index is not None:  # from an argument, or new
            for i, x in enumerate(args):
                if (held := first_nan(x)) is not None:
                    raise nan_from_outside(op, describe(x, f"argument {i}"), x, held, node)
        elif all_finite(args):
            index = first_nonfinite(node)
        if index is not None:
            kind = "finite arguments" if all_finite(args) else "arguments that hold inf, but no nan,"
            listed = ", ".join(describe(x, f"argument {i}") for i, x in enumerate(args))
            raise nonfinite(op, op.name, node, index, f"from {kind} {listed}: {line_of(node)}")

    def reading(self, pull: Pull) -> Pull:
        """Return `pull` with a check of what the rules read and of what they return."""

        def watched(node: Tensor, g: Any) -> Pulled:
            pulled = pull(node, g)
            known = (g, node, *node.args)
            if all_finite(known):
                first = first_nonfinite
            elif all(first_nan(x) is None for x in known):
                first = first_nan
            else:  # a nan that was there before: the op that made it is elsewhere
                return pulled
            for x, cotangent in pulled:
                if (index := first(cotangent)) is not None:
                    made_of = f"of the gradient of {describe(x, 'its argument')}"
                    raise nonfinite(node.op, f"the derivative of {node.op.name}", cotangent, index, made_of)
            return pulled

        return watched


def all_finite(values: Iterable[Any]) -> bool:
    """True if no value holds nan or inf."""
    return all(first_nonfinite(x) is None for x in values)


def first_nonfinite(x: Any) -> Index | None:
    """The index of the first nan or inf."""
    return first_where(x, lambda x: ~np.isfinite(x))


def first_nan(x: Any) -> Index | None:
    """The index of the first nan."""
    return first_where(x, np.isnan)


def first_where(x: Any, is_bad: Callable[[Any], Any]) -> Index | None:
    """The index of the first bad number; of several outputs, the index in the first that has one."""
    x = as_ndarray(x)
    if isinstance(x, Outputs):
        found = (first_where(part, is_bad) for part in x if part is not None)
        return next((index for index in found if index is not None), None)
    if isinstance(x, float) and not math.isfinite(x):
        x = np.asarray(x)
    if getattr(x, "dtype", np.dtype(int)).kind not in "fc":
        return None
    mask = is_bad(x)
    return tuple(map(int, np.argwhere(mask)[0])) if mask.any() else None


ADVICE = {
    "log": "Replace bad values before the logarithm, not after it: np.log(np.where(x > 0, x, 1)).",
    "divide": "Replace zeros before the division, not after it: x / np.where(y == 0, 1, y).",
    "power": "Replace bad values of the base before the power: np.where(x > 0, x, 1) ** y.",
    "sqrt": "Its slope at 0 is infinite. Replace zeros before the root, not after it: np.sqrt(np.where(x > 0, x, 1)).",
    "exp": "exp overflows beyond 709, float32 beyond 88: subtract the maximum first, or use mg.logsumexp, mg.softmax.",
}


def line_of(node: Tensor) -> str:
    """The user's line that made a tensor."""
    return format_location(node._created_at or caller_location())


def nonfinite(op: Any, maker: str, made: Any, index: Index, where: str) -> NonFiniteError:
    """The error for an op, or its rule, that made nan or inf."""
    array = as_ndarray(made)
    value = array[index] if hasattr(array, "shape") else "a nan or inf"
    return NonFiniteError(f"{maker} made {value} at index {index} {where}. {ADVICE.get(op.name, '')}".rstrip())


def nan_from_outside(op: Any, name: str, x: Any, index: Index, node: Tensor) -> NonFiniteError:
    """The error for an op's argument that already holds nan."""
    held = f"{name} already holds nan at index {index}" if index else f"{name} is nan"
    origin = ""
    if isinstance(x, Tensor) and x.op is not None:
        origin = f" It was made by {x.op.name}, outside of detect_anomaly(): {line_of(x)}."
    return NonFiniteError(
        f"{held}, where {op.name} uses it: {line_of(node)}.{origin} Look for what filled it: data with missing values, "
        "a division by zero, an update that diverged."
    )
