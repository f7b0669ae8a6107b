"""What is said when something cannot be done: what, where, and the cure, in the user's words."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from .context import CURRENT
from .frames import Spot, line, name_of


def called(x: Any, otherwise: str) -> str:
    """`syn0 (3, 4) float64` : an argument as the user knows it."""
    if not hasattr(x, "shape"):
        return repr(x)
    return f"{name_of(x) or otherwise} {x.shape} {x.dtype}"


def check_numbers(dtype: np.dtype[Any]) -> None:
    if dtype.kind not in "biufc":
        raise TypeError(
            f"a Tensor holds numbers; this data has dtype {dtype}. Convert it to an array of numbers first."
        )


def check_differentiable(tensor: Any) -> None:
    kind = tensor._data.dtype.kind
    if kind == "c":
        raise TypeError(
            f"{called(tensor, 'this tensor')}: gradients of complex numbers are not supported. Hold real and imaginary "
            "parts as two real tensors."
        )
    if kind != "f":
        raise TypeError(
            f"{called(tensor, 'this tensor')}: requires_grad=True needs floating-point data. Write the numbers with a "
            "decimal point, or pass dtype=float."
        )


def refuse_freezing(tensor: Any) -> None:
    raise RuntimeError(
        f"{called(tensor, 'this tensor')} is the result of {tensor.op.name}; requires_grad is set on the tensors it is "
        "made from. Write .detach() for its values without their past."
    )


def check_recorded(output: Any) -> None:
    if not output._requires_grad:
        raise RuntimeError(
            f"{called(output, 'this tensor')} has no graph to walk back: no tensor that it was made from has "
            "requires_grad=True, or it was made under mg.no_grad(). Create the weights with "
            "mg.Tensor(..., requires_grad=True)."
        )
    check_differentiable(output)


def check_scalar(output: Any) -> None:
    if output._data.size != 1:
        raise ValueError(
            f"backward() starts from a scalar, and {called(output, 'this tensor')} has {output.size} entries. "
            "Reduce it to a loss, say with .sum(), or give backward(gradient) an array of its shape."
        )


def check_shape(what: str, values: Any, tensor: Any) -> None:
    if values.shape != tensor.shape:
        raise ValueError(
            f"{what} has shape {values.shape}, and {called(tensor, 'the tensor it belongs to')} needs {tensor.shape}: "
            "one number for each entry."
        )


def stale(node: Any, value: Any, where: Spot | None) -> RuntimeError:
    return RuntimeError(
        f"{called(value, 'a tensor')} was written to after {node.op.name} had used it, and the derivative of "
        f"{node.op.name} needs the old values.\n"
        f"  used:    {line(node.where)}\n"
        f"  written: {line(where) if where else 'elsewhere'}\n"
        "Call backward() before the write, or compute the forward pass again after it."
    )


def refuse_cut(*_: Any, **__: Any) -> None:
    raise RuntimeError(
        "this graph was forgotten by backward(retain_graph=False). Compute the forward pass again, or leave "
        "retain_graph at True."
    )


def note(error: Exception, node: Any) -> None:
    error.add_note(f"In the backward pass of {node.op.name}: {line(node.where)}")


def explain(op: Any, args: tuple[Any, ...], error: Exception) -> NoReturn:
    """Raise what NumPy refused again, in terms of the user's tensors and line."""
    listed = ", ".join(called(x, f"argument {i}") for i, x in enumerate(args))
    shapes = [getattr(x, "shape", ()) for x in args]
    if isinstance(error, np.linalg.LinAlgError):
        error.add_note(f"In {op.name} of {listed}. {MATRIX_CURES.get(str(error), '')}".rstrip())
        raise error
    if isinstance(error, ValueError) and op.name in ("dot", "matmul"):
        raise ValueError(f"{op.name} does not fit {listed}: {inner(*shapes)}") from None
    if isinstance(error, ValueError) and op.broadcasts:
        raise ValueError(f"{op.name} cannot broadcast {listed}: {mismatch(shapes)}") from None
    error.add_note(f"In {op.name} of {listed}.")
    raise error


MATRIX_CURES = {
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
    return "the shapes do not fit."


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
    return TypeError(f"{name}: {' '.join(cures) or str(error).replace('<lambda>() ', '')}")


def method(name: str, how: str) -> TypeError:
    return TypeError(f"np.{name}.{how} is not supported on Tensors. {CURES.get(how, '')}")


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


def check_uncut(tensor: Any, how: str, cure: str) -> None:
    """Refuse what would cut the graph without a word."""
    if tensor.requires_grad:
        raise TypeError(
            f"{how} would cut {called(tensor, 'this tensor')} out of the graph, and no gradient would pass. {cure}"
        )


def check_unrecorded(tensor: Any) -> None:
    if tensor.op is not None:
        raise TypeError(
            f"{called(tensor, 'this tensor')} is the result of {tensor.op.name}, and a copy would not be part of its "
            "graph. Copy or pickle t.detach() for the values, or the leaves and compute again."
        )


def check_write(target: Any, value: Any) -> None:
    if getattr(value, "requires_grad", False) and CURRENT.get().recording:
        raise RuntimeError(
            f"an in-place write is not recorded, and {called(value, 'the value')} has a gradient to pass to "
            f"{called(target, 'the tensor written to')}. Write t = t + u for t += u, or write value.detach() if no "
            "gradient has to pass."
        )


def refuse_setitem(tensor: Any) -> None:
    raise RuntimeError(
        f"{called(tensor, 'this tensor')} is the result of {tensor.op.name}, and writing into it cannot be recorded. "
        "Make a new one: mg.where(mask, value, t), or t + mg.scatter(value, index, shape=t.shape)."
    )


def check_list(tensors: Any) -> None:
    if not isinstance(tensors, list | tuple):
        raise TypeError("gradients(output, tensors) takes a list of tensors: write [w] for one.")


def unreached(output: Any, tensor: Any, position: int) -> ValueError:
    return ValueError(
        f"{called(output, 'the output')} was not made from {called(tensor, f'tensor {position} of the list')}: no path "
        "of recorded ops leads there, so it has no gradient. Check that it was used, with requires_grad=True, and not "
        "through .data, .detach() or mg.no_grad()."
    )


def check_count(what: str, count: int, whose: str, expected: int) -> None:
    if count != expected:
        raise ValueError(f"{what} has {count} parts, and {whose} has {expected}: give one for each.")


def check_outputs(f: Any, outputs: list[Any]) -> None:
    for x in outputs:
        if x.dtype.kind not in "biufc":
            raise TypeError(
                f"{getattr(f, '__name__', 'f')} returned {x.data.item() if x.size == 1 else x.data!r}, and a "
                "derivative is taken of numbers. Did it forget its return?"
            )


def check_argnums(numbers: list[int], count: int) -> None:
    if len({number % max(count, 1) for number in numbers}) < len(numbers):
        raise ValueError(f"argnums={tuple(numbers)} names an argument twice.")
    wrong = [number for number in numbers if not -count <= number < count]
    if wrong:
        raise ValueError(f"argnums={wrong[0]} names no argument: the function was called with {count} positional ones.")


def check_scalar_value(f: Any, value: Any) -> None:
    if getattr(value, "size", None) != 1:
        shape = getattr(value, "shape", type(value).__name__)
        raise ValueError(
            f"grad needs a function with a scalar value, and {getattr(f, '__name__', 'f')} returned {shape}. Reduce "
            "it, say with .sum(), or use mg.jacobian or mg.vjp."
        )
