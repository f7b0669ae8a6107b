"""What is said when something cannot be done: what, where, and the cure, in the user's words."""

from __future__ import annotations

from typing import Any

import numpy as np

from .context import CURRENT
from .names import Spot, line, name_of


def escape(text: Any) -> str:
    """The text with control characters, ANSI escapes and bidi marks written out, so that no terminal obeys them."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def called(x: Any, otherwise: str) -> str:
    """`syn0 (3, 4) float64` : an argument as the user knows it."""
    if not hasattr(x, "shape"):
        return repr(x)
    return f"{escape(name_of(x) or otherwise)} {x.shape} {x.dtype}"


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
    if output._data.dtype.kind != "f":
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
