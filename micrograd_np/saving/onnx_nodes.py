"""Functions that write a row of the table as ONNX nodes: each takes the graph so far and a step, and returns a name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ops.dense import _MIDDLE, _NEAR
from ..ops.indexing import Slot, complete_index
from ..ops.windows import count_steps, tap_indices

Nodes = Callable[[Any, Any], Any]


def elementwise(kind: str) -> Nodes:
    """Return a function that writes one node; its operands are cast to the dtype that NumPy promotes them to."""

    def nodes(g: Any, step: Any) -> Any:
        dtype = step.output.dtype if step.output.dtype.kind == "f" else np.result_type(*map(g.kind, step.inputs))
        name = g.node(kind, *g.operands(step, dtype))
        return name if step.output.dtype == bool else g.cast(name, dtype, step.output.dtype)

    return nodes


def logical(kind: str) -> Nodes:
    """Return a function that writes one node whose operands are booleans."""
    return lambda g, step: g.node(kind, *g.operands(step, np.dtype(bool)))


def formula(f: Callable[..., str]) -> Nodes:
    """Several nodes: a function of the graph, of operands in the dtype of the result, and of parameters."""

    def nodes(g: Any, step: Any) -> Any:
        dtype = step.output.dtype
        return f(g.arithmetic(dtype), *g.operands(step, dtype), **step.params)

    return nodes


def reduction(kind: str) -> Nodes:
    """Return a function that writes a reduction over some axes."""

    def nodes(g: Any, step: Any) -> Any:
        x, axis, keepdims = step.inputs[0], step.params["axis"], step.params["keepdims"]
        return g.node(kind, g.name(x, step.output.dtype), g.axes(x, axis), keepdims=int(keepdims))

    return nodes


def extreme_index(kind: str) -> Nodes:
    """Return a function that writes ArgMax or ArgMin along one axis."""

    def nodes(g: Any, step: Any) -> Any:
        axis = step.params.get("axis", step.inputs[1] if step.inputs[1:] else None)
        if axis is None:
            return None
        return g.node(kind, g.name(step.inputs[0]), axis=axis, keepdims=int(step.params.get("keepdims", False)))

    return nodes


def over_axis(kind: str) -> Nodes:
    """Return a function that writes a node with one axis, such as Softmax."""

    def nodes(g: Any, step: Any) -> Any:
        axis = step.params["axis"]
        return g.node(kind, *g.operands(step), axis=axis) if isinstance(axis, int) else None

    return nodes


def cumsum_nodes(g: Any, step: Any) -> Any:
    """Cumulative sums along one axis."""
    axis = step.params["axis"]
    return None if axis is None else g.node("CumSum", *g.operands(step), g.integers(axis))


def logaddexp_nodes(do: Any, x: str, y: Any) -> Any:
    """max(x, y) + log1p(exp(-|x - y|)), which cannot overflow; the difference of equal infinities is 0, not nan."""
    apart = do("Where", do("Equal", x, y), 0, do("Abs", do("Sub", x, y)))
    return do("Add", do("Max", x, y), log1p_nodes(do, do("Exp", do("Neg", apart))))


def expm1_nodes(do: Any, x: str) -> Any:
    """exp(x) - 1; near 0, where this difference loses digits, 2 t / (1 - t) with t = tanh(x / 2)."""
    t = do("Tanh", do("Div", x, 2))
    near = do("Div", do("Add", t, t), do("Sub", 1, t))
    return do("Where", do("Less", do("Abs", x), 0.5), near, do("Sub", do("Exp", x), 1))


def log1p_nodes(do: Any, x: str) -> Any:
    """log(u) with u = x + 1; near 0, the rounding of u is undone by the factor x / (u - 1) (Kahan)."""
    u = do("Add", x, 1)
    log = do("Log", u)
    near = do("Where", do("Equal", u, 1), x, do("Mul", log, do("Div", x, do("Sub", u, 1))))
    return do("Where", do("Less", do("Abs", x), 0.5), near, log)


def polynomial(do: Any, x: str, coefficients: tuple[float, ...]) -> Any:
    """A polynomial by Horner's scheme, the coefficient of the highest power first."""
    z = do("Mul", x, coefficients[0])
    for c in coefficients[1:-1]:
        z = do("Mul", do("Add", z, c), x)
    return do("Add", z, coefficients[-1])


def erf_nodes(g: Any, step: Any) -> Any:
    """ONNX Runtime has Erf for float32 alone: in float64, write the ratios of polynomials of ops/dense.py."""
    do, (x,) = g.arithmetic(step.output.dtype), g.operands(step)
    if step.output.dtype == np.float32:
        return do("Erf", x)
    size = do("Min", do("Abs", x), 30)
    near = do("Min", size, 0.46875)
    square = do("Mul", near, near)
    inside, beyond = ([polynomial(do, y, c) for c in ratio] for y, ratio in ((square, _NEAR), (size, _MIDDLE)))
    fall = do("Exp", do("Neg", do("Mul", size, size)))
    tail = do("Sub", 1, do("Mul", do("Div", *beyond), fall))
    return do("Mul", do("Sign", x), do("Where", do("Greater", size, near), tail, do("Mul", near, do("Div", *inside))))


def where_nodes(g: Any, step: Any) -> Any:
    """The condition as booleans, both choices in the result's dtype."""
    condition, *values = step.inputs
    names = [g.name(x, step.output.dtype) for x in values]
    return g.node("Where", g.name(condition, np.dtype(bool)), *names)


def cast_nodes(g: Any, step: Any) -> Any:
    """The same values in the result's dtype."""
    return g.name(step.inputs[0], step.output.dtype)


def linear_nodes(g: Any, step: Any) -> Any:
    """x @ w.T + b: Gemm for matrices, MatMul for more axes."""
    x, w, *bias = g.operands(step)
    if len(step.inputs[0].shape) == 2:
        return g.node("Gemm", x, w, *bias, transB=1)
    y = g.node("MatMul", x, g.node("Transpose", w, perm=[1, 0]))
    return g.node("Add", y, *bias) if bias else y


def dot_nodes(g: Any, step: Any) -> Any:
    """np.dot: the last axis of x with the last but one of y, which is a matrix product up to two axes."""
    names = g.operands(step)
    left, right = (getattr(value, "shape", ()) for value in step.inputs)
    if not left or not right:
        return g.node("Mul", *names)
    if len(right) <= 2:
        return g.node("MatMul", *names)
    names[0] = g.reshape(names[0], (*left[:-1], *[1] * (len(right) - 1), left[-1]))  # each of its rows meets all of y
    return g.reshape(g.node("MatMul", *names), step.output.shape)


def reshape_nodes(g: Any, step: Any) -> Any:
    """Another shape, for entries in the order of C."""
    if step.params.get("order", "C") != "C":
        return None
    return g.reshape(g.name(step.inputs[0]), step.output.shape)


def transpose_nodes(g: Any, step: Any) -> Any:
    """Axes in another order, for np.transpose and np.swapaxes."""
    x = step.inputs[0]
    numbered = np.empty(tuple(range(len(x.shape))))  # axis i has i entries, which says where it goes
    return g.node("Transpose", g.name(x), perm=list(step.op.kernel(numbered, **step.params).shape))


def broadcast_to_nodes(g: Any, step: Any) -> Any:
    """A value repeated to the result's shape."""
    return g.node("Expand", g.name(step.inputs[0]), g.integers(step.output.shape))


def concatenate_nodes(g: Any, step: Any) -> Any:
    """Values joined along an axis; for None, each made flat first."""
    names, axis = g.operands(step), step.params["axis"]
    if axis is None:
        names = [g.reshape(name, (-1,)) for name in names]
    return g.node("Concat", *names, axis=axis or 0)


def split_nodes(g: Any, step: Any) -> Any:
    """Parts along an axis, of equal sizes or cut at indices."""
    x, axis = step.inputs[0], step.params["axis"]
    parts = step.op.kernel(np.empty(x.shape, bool), **step.params)
    return g.node("Split", g.name(x), g.integers([part.shape[axis] for part in parts]), outputs=len(parts), axis=axis)


def getitem_nodes(g: Any, step: Any) -> Any:
    """Slices, integers, new axes, and one array of integers among slices."""
    x, *arrays = step.inputs
    if any(isinstance(part, bool) for part in step.params["index"]):  # a mask without axes, though it is an int
        return None
    parts = [part for part in complete_index(step.params["index"], len(x.shape)) if part is not None]
    if len(arrays) > 1 or any(array.dtype.kind not in "iu" for array in arrays):
        return None
    if arrays and any(type(part) is int for part in parts):
        return None
    name = g.slice(g.name(x), x.shape, [slice(None) if isinstance(part, Slot) else part for part in parts])
    for axis in [i for i, part in enumerate(parts) if isinstance(part, Slot)]:
        name = g.node("Gather", name, g.name(arrays[0]), axis=axis)
    return g.reshape(name, step.output.shape)


def conv_nodes(g: Any, step: Any) -> Any:
    """A convolution."""
    return g.node("Conv", *g.operands(step), group=step.params["groups"], **window_attributes(step.params))


def max_pool_nodes(g: Any, step: Any) -> Any:
    """The largest entries of windows."""
    how = step.params
    return g.node("MaxPool", g.name(step.inputs[0]), kernel_shape=how["kernel"], **window_attributes(how))


def window_attributes(how: dict[str, Any]) -> dict[str, Any]:
    """ONNX's names for how windows move over an array."""
    return {"strides": how["stride"], "pads": how["padding"] * 2, "dilations": how["dilation"]}


def windows_nodes(g: Any, step: Any) -> Any:
    """The entries of x that each entry of the kernel meets, one after the other."""
    x, how = step.inputs[0], dict(step.params)
    kernel, padding = how["kernel"], how["padding"]
    steps = count_steps(x.shape[2:], **how)
    ends = g.integers([0, 0, *padding] * 2)
    wide = g.node("Pad", g.name(x), ends, g.number(0, x.dtype)) if any(padding) else g.name(x)
    shape = (*x.shape[:2], *[n + 2 * p for n, p in zip(x.shape[2:], padding, strict=True)])
    seen = [where[1:] for _, where in tap_indices(kernel, steps, how["stride"], how["dilation"])]
    parts = [g.slice(wide, shape, [slice(None), slice(None), *where]) for where in seen]
    return g.reshape(g.node("Concat", *parts, axis=0), step.output.shape)


def standardize_nodes(g: Any, step: Any) -> Any:
    """Entries less their mean, divided by their standard deviation; the mean and the variance too."""
    x, axis = step.inputs[0], step.params["axis"]
    do, axes, name = g.arithmetic(x.dtype), g.axes(x, axis), g.name(x)
    mean = g.node("ReduceMean", name, axes, keepdims=1)
    apart = do("Sub", name, mean)
    var = g.node("ReduceMean", do("Mul", apart, apart), axes, keepdims=1)
    return [do("Div", apart, do("Sqrt", do("Add", var, step.params["eps"]))), mean, var]


# The forms of rows by their `onnx` field; one that is not here is a single node, an operator of elements.
FORMS: dict[str, Nodes] = {
    "NotEqual": lambda g, step: g.node("Not", elementwise("Equal")(g, step)),
    **{kind: logical(kind) for kind in ("And", "Or", "Xor", "Not")},
    **{f"Reduce{kind}": reduction(f"Reduce{kind}") for kind in ("Sum", "Mean", "Prod", "Max", "Min", "LogSumExp")},
    "Identity": cast_nodes,
    "Cast": cast_nodes,
    "Square": formula(lambda do, x: do("Mul", x, x)),
    "Exp2": formula(lambda do, x: do("Pow", 2, x)),
    "Expm1": formula(expm1_nodes),
    "Log1p": formula(log1p_nodes),
    "Log2": formula(lambda do, x: do("Div", do("Log", x), math.log(2))),
    "Log10": formula(lambda do, x: do("Div", do("Log", x), math.log(10))),
    "LogAddExp": formula(logaddexp_nodes),
    "Sigmoid": formula(lambda do, x: do("Sigmoid", x)),
    "Relu": formula(lambda do, x: do("Relu", x)),
    "Erf": erf_nodes,
    "Erfc": lambda g, step: g.arithmetic(step.output.dtype)("Sub", 1, erf_nodes(g, step)),
    "Where": where_nodes,
    "Item": lambda g, step: g.names[step.inputs[0]][step.params["i"]],
    "Pack": lambda g, step: list(step.inputs),  # only rows that are written by their decomposition read it
    "CumSum": cumsum_nodes,
    "ArgMax": extreme_index("ArgMax"),
    "ArgMin": extreme_index("ArgMin"),
    "Softmax": over_axis("Softmax"),
    "LogSoftmax": over_axis("LogSoftmax"),
    "MatMul": lambda g, step: g.node("MatMul", *g.operands(step)),
    "Einsum": lambda g, step: g.node("Einsum", *g.operands(step), equation=step.params["subscripts"]),
    "Gather": lambda g, step: g.node("Gather", g.name(step.inputs[1]), g.name(step.inputs[0])),
    "Transpose": transpose_nodes,
    "Reshape": reshape_nodes,
    "Dot": dot_nodes,
    "Gemm": linear_nodes,
    "Expand": broadcast_to_nodes,
    "Concat": concatenate_nodes,
    "Split": split_nodes,
    "Slice": getitem_nodes,
    "Conv": conv_nodes,
    "MaxPool": max_pool_nodes,
    "Windows": windows_nodes,
    "Standardize": standardize_nodes,
}


def form_of_row(row: Any) -> Nodes | None:
    """The writer of a row's nodes, or None where it has no form."""
    return None if row.onnx is None else FORMS.get(row.onnx) or elementwise(row.onnx)
