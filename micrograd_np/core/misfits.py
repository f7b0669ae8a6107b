"""What is said of a call that does not fit: NumPy's refusals in the user's words, and what the table does not have."""

from __future__ import annotations

import re
from typing import Any, NoReturn

import numpy as np

from .context import CURRENT
from .errors import called


def explain(op: Any, args: tuple[Any, ...], error: Exception) -> NoReturn:
    """Raise what NumPy refused again, in terms of the user's tensors and line."""
    trace = CURRENT.get().trace
    if trace is not None:
        trace.spoil("")  # the function may catch it, and go another way at another call
    listed = ", ".join(called(x, f"argument {i}") for i, x in enumerate(args))
    shapes = [getattr(x, "shape", ()) for x in args]
    if isinstance(error, np.linalg.LinAlgError):
        noted(error, op.name, listed)
    if isinstance(error, ValueError) and op.name in ("dot", "matmul"):
        raise ValueError(f"{op.name} does not fit {listed}: {inner(*shapes)}") from None
    if isinstance(error, ValueError) and op.broadcasts and (why := mismatch(shapes)):
        raise ValueError(f"{op.name} cannot broadcast {listed}: {why}") from None
    noted(error, op.name, listed)


def noted(error: Exception, name: str, listed: str) -> NoReturn:
    """Raise what NumPy said, with what it was said of and the cure."""
    error.add_note(f"In {name} of {listed}. {NOTES.get(str(error), '')}".rstrip())
    raise error


NOTES = {
    "Integers to negative integer powers are not allowed.": "Convert them first, with .astype(float).",
    "Singular matrix": "It has no inverse; np.linalg.pinv and np.linalg.lstsq give the nearest to one.",
    "Matrix is not positive definite": "Symmetric, with eigenvalues above 0: add a multiple of np.eye(n), or use eigh.",
}


def mismatch(shapes: list[tuple[int, ...]]) -> str:
    for back in range(1, max(map(len, shapes)) + 1):
        sizes = {shape[-back] for shape in shapes if len(shape) >= back} - {1}
        if len(sizes) > 1:
            return (
                f"axis -{back} has sizes {' and '.join(map(str, sorted(sizes)))}. Sizes must be equal or 1, counted "
                "from the last axis: reshape one of them, or add an axis of length 1 with [:, None]."
            )
    return ""


def inner(a: tuple[int, ...], b: tuple[int, ...]) -> str:
    if not a or not b:
        return "matmul takes no scalars. Write * instead."
    left, right = a[-1], b[-2] if len(b) > 1 else b[0]
    if left == right:
        return f"the leading axes {a[:-2]} and {b[:-2]} do not broadcast."
    cure = "Transpose one of them with .T." if left in b or right in a else "Reshape one of them."
    if len(a) == len(b) == 2 and b[-1] == a[0]:
        cure = "They fit the other way round: swap them."
    axis = "second to last" if len(b) > 1 else "only"
    return (
        f"the last axis of the first has {left} entries, and the {axis} axis of the second {right}; they must be "
        f"equal. {cure}"
    )


CURES = {
    "out": "Results are new tensors; write a = op(b) for out=.",
    "where": "Choose among results with np.where(condition, a, b) instead.",
    "dtype": "Convert before or after with .astype(dtype).",
    "reduce": "Use the reduction itself, such as np.sum(t, axis).",
    "accumulate": "Use np.cumsum or np.cumprod.",
    "outer": "Add an axis and broadcast: a[:, None] * b.",
    "at": "Writing into a tensor is not recorded; add mg.scatter(values, index, shape=...) to it.",
    "reduceat": "Slice the tensor and reduce each part.",
}


def signature(name: str, kwargs: dict[str, Any], error: Exception) -> TypeError:
    """A call with arguments that the row does not take."""
    cures = [f"{key}= is not supported on Tensors. {CURES[key]}" for key in kwargs if key in CURES]
    if cures:
        return TypeError(f"{name}: {' '.join(cures)}")
    told = re.sub(r"^[\w.<>]+\(\) (?=got|takes|missing)", "", str(error))  # without the name of the row's binder
    return TypeError(f"{name}: {told}")


def masked() -> TypeError:
    return TypeError(
        "a masked array beside a Tensor would lose its mask, or the gradient. Give x.filled(value) or x.data, and "
        "choose with np.where(x.mask, a, b)."
    )


def method(name: str, how: str) -> TypeError:
    return TypeError(f"np.{name}.{how} is not supported on Tensors. {CURES.get(how, '')}")


def in_place(name: str) -> TypeError:
    return TypeError(
        f"t.{name}() works in place on an array and gives a copy of a Tensor, and a traced function may be given "
        f"either. Write np.{name}(t)."
    )


IN_PLACE = "copyto fill_diagonal place put put_along_axis putmask".split()


def unsupported(function: Any) -> TypeError:
    module = getattr(function, "__module__", None) or "numpy"
    name = f"{module.replace('numpy', 'np', 1)}.{function.__name__}"
    if function.__name__ in IN_PLACE:
        return TypeError(
            f"{name} is not in the table of derivatives: it writes in place. Make a new tensor with "
            "np.where(mask, values, t) or t + mg.scatter(values, index, shape=t.shape), or write t[index] = values, "
            "unrecorded, into a leaf."
        )
    return TypeError(
        f"{name} is not in the table of derivatives. Write it with functions that are, add it with mg.custom_op, or "
        "call it on t.data if no gradient has to pass."
    )
