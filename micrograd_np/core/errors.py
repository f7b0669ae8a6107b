"""The exceptions, and the messages of the tape: what went wrong, where, and what to write instead."""

from __future__ import annotations

import itertools
import sys
import warnings
from collections import Counter
from collections.abc import Iterable
from typing import Any, NoReturn

import numpy as np

from .context import CURRENT
from .names import Location, format_location, name_of, printable


class MicrogradError(Exception):
    """The root of all exceptions that this package raises itself.

    Each kind is also the built-in exception that fits (`ValueError`, `TypeError`, ...), so that either can be caught.
    Control characters in the message, such as terminal escapes in the key of a file, are escaped.
    """

    def __init_subclass__(cls) -> None:
        cls.__module__ = "micrograd_np"  # where users import it from, and what a traceback prints

    def __str__(self) -> str:
        text = str(self.args[0]) if len(self.args) == 1 else super().__str__()  # a KeyError would show a repr
        return "\n".join(map(printable, text.split("\n")))


class ArgumentError(MicrogradError, ValueError):
    """An argument has a value that cannot be used."""


class ShapeError(ArgumentError):
    """The shapes of arrays do not fit together."""


class ArgumentTypeError(MicrogradError, TypeError):
    """An argument is of a kind that cannot be used, such as integers where gradients are asked for."""


class UnsupportedError(ArgumentTypeError):
    """A function, method or keyword of NumPy's is not supported on Tensors."""


class GradientError(MicrogradError, RuntimeError):
    """A gradient cannot be computed: no graph, a graph that was freed, or values that were overwritten."""


class UsageError(MicrogradError, RuntimeError):
    """A call cannot be made now, or here: something that it needs is missing, or has already ended."""


class OutOfRangeError(MicrogradError, IndexError):
    """An index, or a label, is out of range."""


class UnknownNameError(MicrogradError, KeyError):
    """There is no entry with this name."""


class NonFiniteError(MicrogradError, FloatingPointError):
    """A nan or inf, where none was expected."""


class ZeroWeightsError(MicrogradError, ZeroDivisionError):
    """The weights of a mean sum to zero."""


class FileError(MicrogradError, OSError):
    """A file cannot be read or written."""


class MissingFileError(FileError, FileNotFoundError):
    """There is no such file."""


class LoadError(ArgumentError):
    """A file is damaged, of another kind, or does not fit; nothing was changed."""


class TraceError(ArgumentTypeError):
    """A function cannot be recorded as a program."""


class MissingPackageError(MicrogradError, ImportError):
    """An optional package is needed, and not installed."""


def describe(x: Any, otherwise: str) -> str:
    """Return an argument's name (or `otherwise`), shape and dtype: `syn0 (3, 4) float64`."""
    if not hasattr(x, "shape"):
        return printable(repr(x))
    return f"{name_of(x) or otherwise} {x.shape} {x.dtype}"


def check_numbers(dtype: np.dtype[Any]) -> None:
    """Raise for a dtype that is no number: text, objects, dates."""
    if dtype.kind not in "biufc":
        raise ArgumentTypeError(f"a Tensor holds numbers, not {dtype}. Convert it to an array of numbers first.")


def check_differentiable(tensor: Any) -> None:
    """Raise for a tensor of integers, booleans or complex numbers."""
    kind = tensor._data.dtype.kind
    if kind != "f":
        cure = "Write the numbers with a decimal point, or pass dtype=float."
        if kind == "c":
            cure = "Hold the real and imaginary parts of complex numbers as two real tensors."
        raise ArgumentTypeError(f"{describe(tensor, 'this tensor')}: gradients need real floating-point data. {cure}")


def check_leaf(tensor: Any, why: str, kind: type[MicrogradError] = GradientError) -> None:
    """Raise if a tensor is the result of an op, where a leaf is needed; `why` ends the message."""
    if tensor.op is not None:
        raise kind(f"{describe(tensor, 'this tensor')} is the result of {tensor.op.name}, and {why}")


FREEZE = "requires_grad is set on the tensors it is made from. Write .detach() for its values without their past."
WRITE = (
    "writing into it cannot be recorded. Make a new one: mg.where(mask, value, t), or "
    "t + mg.scatter(value, index, shape=t.shape)."
)
COPY = (
    "a copy or a pickle would not be part of its graph. Copy t.detach() for the values, or copy the leaves and compute "
    "again. Give matplotlib, which copies, t.data."
)


def check_recorded(output: Any) -> None:
    """Raise if `backward` cannot start from an output, because it has no graph or no real numbers."""
    if not output._requires_grad:
        raise GradientError(
            f"{describe(output, 'this tensor')} has no graph to walk back: no tensor that it was made from has "
            "requires_grad=True, or it was made under mg.no_grad(). Create the weights with "
            "mg.Tensor(..., requires_grad=True)."
        )
    check_differentiable(output)


def check_size(tensor: Any, rule: str, cure: str) -> None:
    """Raise if a tensor has other than one entry, where one is needed; `rule` says what needs it."""
    if tensor._data.size != 1:
        raise ShapeError(f"{rule}, and {describe(tensor, 'this tensor')} has {tensor.size} entries. {cure}")


def check_shape(what: str, values: Any, tensor: Any) -> None:
    """Raise if values for a tensor have another shape; `what` names the values."""
    if values.shape != tensor.shape:
        raise ShapeError(
            f"{what} has shape {values.shape}, and {describe(tensor, 'the tensor it belongs to')} needs "
            f"{tensor.shape}: one number for each entry."
        )


def stale_error(value: Any, op: str, where: Location | None, used: Location | None = None) -> GradientError:
    """Return the error for a value that was overwritten (at `where`) after an op had used it (at `used`)."""
    read = f"  used:    {format_location(used)}\n" if used else ""
    return GradientError(
        f"{describe(value, 'a tensor')} was written to after {op} had used it, and the derivative of {op} needs the "
        f"old values.\n{read}"
        f"  written: {format_location(where) if where else 'elsewhere'}\n"
        "Call backward() before the write, or compute the forward pass again after it."
    )


def refuse_freed(*_: Any, **__: Any) -> None:
    raise GradientError(
        "this graph was forgotten by backward(retain_graph=False). Compute the forward pass again, or leave "
        "retain_graph at True."
    )


def refuse_compiled(*_: Any, **__: Any) -> None:
    """Stand in for the rules of a value that a compiled function returned."""
    raise GradientError(
        "this value was returned by a compiled function, whose program has no graph. Call backward() inside of that "
        "function, or compute the value in one that is not compiled."
    )


def add_location(error: Exception, node: Any) -> None:
    """Add the line of the op whose rule raised to an error of the backward pass."""
    if node._created_at:
        error.add_note(f"In the backward pass of {node.op.name}: {format_location(node._created_at)}")


def check_uncut(tensor: Any, how: str, cure: str) -> None:
    """Raise if an operation would silently cut the graph."""
    if tensor.requires_grad:
        raise ArgumentTypeError(
            f"{how} would cut {describe(tensor, 'this tensor')} out of the graph, and no gradient would pass. {cure}"
        )


NUMBER = "Keep it a tensor, or write .item() for its number alone; np.stack(tensors) makes one tensor of many."
ARRAY = "Write X @ t for X.dot(t), np.stack for an array of tensors, and t.data or t.detach() for the values alone."


def check_write(target: Any, value: Any) -> None:
    """Raise if an in-place write would lose the gradient of the value written."""
    if getattr(value, "requires_grad", False) and CURRENT.get().recording:
        raise GradientError(
            f"an in-place write is not recorded, and {describe(value, 'the value')} has a gradient to pass to "
            f"{describe(target, 'the tensor written to')}. If no gradient has to pass, as in an update of weights, "
            "write it inside `with mg.no_grad():`. Otherwise make a new tensor: t = t + u for t += u, "
            "np.where(mask, u, t) for t[index] = u."
        )


def reraise(op: Any, args: tuple[Any, ...], error: Exception) -> NoReturn:
    """Raise NumPy's error again, with a message about the user's tensors."""
    trace = CURRENT.get().trace
    if trace is not None:
        trace.spoil("")  # the function may catch this error, and take another branch at another call
    for i, x in enumerate(args):
        array = np.asarray(getattr(x, "_data", x))
        if array.dtype.kind not in "biufc":
            given = x if array.ndim else array.item()
            unset = " The .grad of a Tensor is None until loss.backward() has run." if given is None else ""
            raise ArgumentTypeError(f"{op.name} takes numbers, and argument {i} is {given!r:.80}.{unset}") from None
    listed = ", ".join(describe(x, f"argument {i}") for i, x in enumerate(args))
    shapes = [getattr(x, "shape", ()) for x in args]
    about_shapes = isinstance(error, ValueError) and not isinstance(error, np.linalg.LinAlgError)
    if about_shapes and op.sign == "@":
        raise ShapeError(f"{op.name} does not fit {listed}: {why_no_product(*shapes)}") from None
    if about_shapes and op.broadcasts and (why := why_no_broadcast(shapes)):
        raise ShapeError(f"{op.name} cannot broadcast {listed}: {why}") from None
    error.add_note(f"In {op.name} of {listed}. {NOTES.get(str(error), '')}".rstrip())
    raise error


NOTES = {
    "arrays used as indices must be of integer (or boolean) type": "Convert them first, with .astype(int).",
    "Integers to negative integer powers are not allowed.": "Convert them first, with .astype(float).",
    "Singular matrix": "It has no inverse; np.linalg.pinv and np.linalg.lstsq give the nearest to one.",
    "Matrix is not positive definite": "Symmetric, with eigenvalues above 0: add a multiple of np.eye(n), or use eigh.",
}


def why_no_broadcast(shapes: list[tuple[int, ...]]) -> str:
    """Return why shapes do not broadcast; an empty text if they do."""
    for back in range(1, max(map(len, shapes)) + 1):
        sizes = {shape[-back] for shape in shapes if len(shape) >= back} - {1}
        if len(sizes) > 1:
            return (
                f"axis -{back} has sizes {' and '.join(map(str, sorted(sizes)))}. Sizes must be equal or 1, counted "
                "from the last axis: reshape one of them, or add an axis of length 1 with [:, None]."
            )
    return ""


def why_no_product(a: tuple[int, ...], b: tuple[int, ...]) -> str:
    """Return why two shapes do not fit in a matrix product, and what to write."""
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


def check_plain(values: Any) -> None:
    """Raise for a masked array, whose mask a Tensor would lose, and for np.matrix, whose product it would change."""
    if isinstance(values, np.ma.MaskedArray):
        raise UnsupportedError(
            "a masked array beside a Tensor would lose its mask, or the gradient. Give x.filled(value) or x.data, and "
            "choose with np.where(x.mask, a, b). Give matplotlib, which makes masked arrays, t.data for a Tensor t."
        )
    if isinstance(values, np.matrix):
        raise UnsupportedError("np.matrix has a product of its own, and a Tensor has NumPy's: give np.asarray(x).")


def unsupported_error(function: Any) -> UnsupportedError:
    """Return the error for a NumPy function that has no row."""
    module = getattr(function, "__module__", None) or "numpy"
    name = f"{module.replace('numpy', 'np', 1)}.{function.__name__}"
    cure = "call it on t.data if no gradient has to pass"
    if CURRENT.get().trace is not None:
        cure = "do it outside, and give the result as an argument"
    return UnsupportedError(
        f"{name} is not in the table of derivatives. Write it with functions that are, such as np.where and "
        f"mg.scatter, add it with mg.custom_op, or {cure}."
    )


# `w = w - lr * w.grad` in a loop makes a longer graph with every step.
ENOUGH = 5  # the warning comes from this many recorded updates on
EVERY = 8  # one in this many backward passes is checked, since the check costs more than a small training step
next_count = itertools.count(1).__next__  # counts the backward passes that could be checked
warned_of_history = False


def references(things: Iterable[Any]) -> list[int]:
    """Return how many references each object has, with those of this loop itself."""
    return [sys.getrefcount(x) for x in things]


UNHELD = references({object(): None})[0]  # the count for a key of a dict to which nothing else refers


def warn_of_history(output: Any, leaves: dict[Any, Any]) -> None:
    """Warn once if `backward` went through a chain of updates to a leaf whose gradient nobody can read.

    Unrolled optimisation makes the same graph on purpose, and then reads the gradient of the leaf. So it warns only if
    nothing but the graph refers to a leaf any more. After `w = w - lr * w.grad`, that is so for the old `w`.
    """
    global warned_of_history
    if warned_of_history or next_count() % EVERY:
        return
    counts = references(leaves)  # first: the walk adds references
    uses: Counter[Any] = Counter()  # how many nodes took a value as an argument
    updates: Counter[Location] = Counter()  # updates of the result of an update on the same line
    seen = {output}
    pending = [output]
    while pending:
        node = pending.pop()
        if node.op is not None and node.op.sign in ("+", "-") and len(node.args) == 2 and len(node._paths) == 1:
            before = node.args[node._paths[0][0]]
            # Other ops ran between two updates, but none between two terms of a sum in a loop.
            if before._created_at == node._created_at and before._order < node._order - 1:
                updates[node._created_at] += 1
        tensors = [x for x in node.args if hasattr(x, "_paths")]
        uses.update(tensors)
        pending += set(tensors) - seen
        seen.update(tensors)
    unheld = any(count <= UNHELD + uses[leaf] for leaf, count in zip(leaves, counts, strict=True))
    for where, number in updates.most_common(1):
        if unheld and number >= ENOUGH:
            warned_of_history = True
            warnings.warn(
                f"backward() has just gone through {number} recorded updates, one more with every step: "
                f"{format_location(where)}. The graphs of all steps stay in memory. Write "
                "w -= lr * w.grad, which changes a leaf in place and is not recorded, or use an optimiser.",
                stacklevel=3,
            )
