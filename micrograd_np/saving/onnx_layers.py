"""The ONNX nodes of the rows that change shapes, choose entries, or are layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..ops.indexing import Slot
from ..ops.windows import count_steps, taps


def linear(g: Any, step: Any) -> Any:
    x, w, *bias = g.operands(step)
    if len(step.inputs[0].shape) == 2:
        return g.node("Gemm", x, w, *bias, transB=1)
    y = g.node("MatMul", x, g.node("Transpose", w, perm=[1, 0]))
    return g.node("Add", y, *bias) if bias else y


def dot(g: Any, step: Any) -> Any:
    """np.dot: the last axis of x with the last but one of y, which is a matrix product up to two axes."""
    x, y = step.inputs
    names = g.operands(step)
    left, right = (len(getattr(value, "shape", ())) for value in (x, y))
    if not left or not right:
        return g.node("Mul", *names)
    if right <= 2:
        return g.node("MatMul", *names)
    order = [right - 2, *range(right - 2), right - 1]
    rows = g.reshape(names[0], (-1, x.shape[-1]))
    columns = g.reshape(g.node("Transpose", names[1], perm=order), (y.shape[-2], -1))
    return g.reshape(g.node("MatMul", rows, columns), step.output.shape)


def reshape(g: Any, step: Any) -> Any:
    if step.params.get("order", "C") != "C":
        return None
    return g.reshape(g.name(step.inputs[0]), step.output.shape)


def transpose(g: Any, step: Any) -> Any:
    x = step.inputs[0]
    order = list(range(len(x.shape)))
    if "axis1" in step.params:
        one, other = step.params["axis1"], step.params["axis2"]
        order[one], order[other] = order[other], order[one]
    else:
        axes = step.params["axes"]
        order = order[::-1] if axes is None else list(normalize_axis_tuple(axes, len(order)))
    return g.node("Transpose", g.name(x), perm=order)


def broadcast_to(g: Any, step: Any) -> Any:
    return g.node("Expand", g.name(step.inputs[0]), g.integers(step.output.shape))


def concatenate(g: Any, step: Any) -> Any:
    names, axis = g.operands(step), step.params["axis"]
    if axis is None:
        names = [g.reshape(name, (-1,)) for name in names]
    return g.node("Concat", *names, axis=axis or 0)


def split(g: Any, step: Any) -> Any:
    x, axis, places = step.inputs[0], step.params["axis"], step.params["indices_or_sections"]
    length = x.shape[axis]
    points = places if isinstance(places, tuple) else range(0, length, length // places)[1:]
    sizes = np.diff([0, *points, length])
    return g.node("Split", g.name(x), g.integers(sizes), outputs=len(sizes), axis=axis)


def getitem(g: Any, step: Any) -> Any:
    """Slices, integers, new axes, and one array of integers among slices."""
    x, *arrays = step.inputs
    parts = [part for part in step.params["index"] if part is not None]
    if len(arrays) > 1 or any(array.dtype.kind not in "iu" for array in arrays):
        return None
    if arrays and any(type(part) is int for part in parts):
        return None
    rest = len(x.shape) - sum(part is not Ellipsis for part in parts)
    at = parts.index(Ellipsis) if Ellipsis in parts else len(parts)
    parts[at : at + 1] = [slice(None)] * rest
    name = g.slice(g.name(x), x.shape, [slice(None) if isinstance(part, Slot) else part for part in parts])
    for axis in [i for i, part in enumerate(parts) if isinstance(part, Slot)]:
        name = g.node("Gather", name, g.name(arrays[0]), axis=axis)
    return g.reshape(name, step.output.shape)


def conv(g: Any, step: Any) -> Any:
    how = step.params
    return g.node(
        "Conv",
        *g.operands(step),
        strides=how["stride"],
        pads=how["padding"] * 2,
        dilations=how["dilation"],
        group=how["groups"],
    )


def max_pool(g: Any, step: Any) -> Any:
    how = step.params
    moves = {"strides": how["stride"], "pads": how["padding"] * 2, "dilations": how["dilation"]}
    return g.node("MaxPool", g.name(step.inputs[0]), kernel_shape=how["kernel"], **moves)


def windows(g: Any, step: Any) -> Any:
    """What each entry of the kernel falls on, one after the other."""
    x, how = step.inputs[0], dict(step.params)
    kernel, padding, fill = how["kernel"], how["padding"], how.pop("fill")
    steps = count_steps(x.shape[2:], **how)
    ends = g.integers([0, 0, *padding] * 2)
    wide = g.node("Pad", g.name(x), ends, g.number(fill, x.dtype)) if any(padding) else g.name(x)
    shape = (*x.shape[:2], *[n + 2 * p for n, p in zip(x.shape[2:], padding, strict=True)])
    seen = [where[1:] for _, where in taps(kernel, steps, how["stride"], how["dilation"])]
    parts = [g.slice(wide, shape, [slice(None), slice(None), *where]) for where in seen]
    return g.reshape(g.node("Concat", *parts, axis=0), step.output.shape)


def standardize(g: Any, step: Any) -> Any:
    x, axis = step.inputs[0], step.params["axis"]
    do, axes, name = g.arithmetic(x.dtype), g.axes(x, axis), g.name(x)
    mean = g.node("ReduceMean", name, axes, keepdims=1)
    apart = do("Sub", name, mean)
    var = g.node("ReduceMean", do("Mul", apart, apart), axes, keepdims=1)
    return [do("Div", apart, do("Sqrt", do("Add", var, step.params["eps"]))), mean, var]
