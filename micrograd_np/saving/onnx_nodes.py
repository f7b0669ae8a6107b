"""Which ONNX nodes stand for a row of the table: functions of the graph under way and a step, giving names."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..ops.activations import _MIDDLE, _NEAR
from . import onnx_layers as layers

Nodes = Callable[[Any, Any], Any]
TWICE = 2 * math.sqrt(2 / math.pi)


def elementwise(kind: str, **attributes: Any) -> Nodes:
    """One node, its operands in one dtype, as NumPy would promote them."""

    def nodes(g: Any, step: Any) -> Any:
        dtype = g.common(step)
        return g.cast(g.node(kind, *g.operands(step, dtype), **attributes), dtype, step.output.dtype)

    return nodes


def comparison(*kinds: str) -> Nodes:
    """A node whose result is boolean, and perhaps another one after it."""

    def nodes(g: Any, step: Any) -> Any:
        name = g.node(kinds[0], *g.operands(step, np.result_type(*map(g.kind, step.inputs))))
        return g.node(kinds[1], name) if kinds[1:] else name

    return nodes


def logical(kind: str) -> Nodes:
    return lambda g, step: g.node(kind, *g.operands(step, np.dtype(bool)))


def formula(f: Callable[..., str]) -> Nodes:
    """Several nodes: a function of the graph, of operands in the dtype of the result, and of parameters."""

    def nodes(g: Any, step: Any) -> Any:
        dtype = step.output.dtype
        return f(g.arithmetic(dtype), *g.operands(step, dtype), **step.params)

    return nodes


def reduction(kind: str) -> Nodes:
    def nodes(g: Any, step: Any) -> Any:
        x, axis, keepdims = step.inputs[0], step.params["axis"], step.params["keepdims"]
        return g.node(kind, g.name(x, step.output.dtype), g.axes(x, axis), keepdims=int(keepdims))

    return nodes


def variance(g: Any, step: Any) -> Any:
    """The variance: the mean square of what is left without the mean."""
    x, axis, dtype = step.inputs[0], step.params["axis"], step.output.dtype
    do, axes = g.arithmetic(dtype), g.axes(x, axis)
    count = math.prod(x.shape[k] for k in range(len(x.shape)) if axis is None or k in axes_of(x, axis))
    name = g.name(x, dtype)
    apart = do("Sub", name, g.node("ReduceMean", name, axes, keepdims=1))
    total = g.node("ReduceSum", do("Mul", apart, apart), axes, keepdims=int(step.params["keepdims"]))
    return do("Div", total, count - step.params["ddof"])


def axes_of(x: Any, axis: Any) -> tuple[int, ...]:
    return tuple(range(len(x.shape))) if axis is None else normalize_axis_tuple(axis, len(x.shape))


def extreme_index(kind: str) -> Nodes:
    def nodes(g: Any, step: Any) -> Any:
        axis = step.params.get("axis", step.inputs[1] if step.inputs[1:] else None)
        if axis is None:
            return None
        return g.node(kind, g.name(step.inputs[0]), axis=axis, keepdims=int(step.params.get("keepdims", False)))

    return nodes


def over_axis(kind: str) -> Nodes:
    def nodes(g: Any, step: Any) -> Any:
        axis = step.params["axis"]
        return g.node(kind, *g.operands(step), axis=axis) if isinstance(axis, int) else None

    return nodes


def cumsum(g: Any, step: Any) -> Any:
    axis = step.params["axis"]
    return None if axis is None else g.node("CumSum", *g.operands(step), g.integers(axis))


def logaddexp(do: Any, x: str, y: Any) -> Any:
    apart = do("Exp", do("Neg", do("Abs", do("Sub", x, y))))
    return do("Add", do("Max", x, y), do("Log", do("Add", apart, 1)))


def polynomial(do: Any, x: str, coefficients: tuple[float, ...]) -> Any:
    z = do("Mul", x, coefficients[0])
    for c in coefficients[1:-1]:
        z = do("Mul", do("Add", z, c), x)
    return do("Add", z, coefficients[-1])


def erf(do: Any, x: str, dtype: Any) -> Any:
    """ONNX Runtime has Erf for float32 alone: in float64 the ratios of polynomials of ops/error_function.py."""
    if dtype == np.float32:
        return do("Erf", x)
    size = do("Min", do("Abs", x), 30)
    near = do("Min", size, 0.46875)
    square = do("Mul", near, near)
    inside, beyond = ([polynomial(do, y, c) for c in ratio] for y, ratio in ((square, _NEAR), (size, _MIDDLE)))
    fall = do("Exp", do("Neg", do("Mul", size, size)))
    tail = do("Sub", 1, do("Mul", do("Div", *beyond), fall))
    return do("Mul", do("Sign", x), do("Where", do("Greater", size, near), tail, do("Mul", near, do("Div", *inside))))


def error_function(g: Any, step: Any) -> Any:
    dtype = step.output.dtype
    do, (x,) = g.arithmetic(dtype), g.operands(step)
    found = erf(do, x, dtype)
    return do("Sub", 1, found) if step.op.name == "erfc" else found


def gelu(g: Any, step: Any) -> Any:
    """x (1 + erf(x/√2))/2, or x / (1 + exp(-bend)), the bend of its tanh form."""
    dtype = step.output.dtype
    do, (x,) = g.arithmetic(dtype), g.operands(step)
    if step.params["approximate"] == "none":
        return do("Mul", do("Div", x, 2), do("Add", erf(do, do("Mul", x, math.sqrt(0.5)), dtype), 1))
    bend = do("Mul", x, do("Add", do("Mul", do("Mul", x, x), 0.044715 * TWICE), TWICE))
    return do("Mul", x, do("Sigmoid", bend))


def where(g: Any, step: Any) -> Any:
    condition, *values = step.inputs
    names = [g.name(x, step.output.dtype) for x in values]
    return g.node("Where", g.name(condition, np.dtype(bool)), *names)


def astype(g: Any, step: Any) -> Any:
    return g.name(step.inputs[0], step.output.dtype)


ONE_NODE = {
    "Add Sub Mul Div Neg Reciprocal Pow Exp Log": "add subtract multiply divide negative reciprocal power exp log",
    "Sqrt Abs Abs Sign Floor Ceil Round": "sqrt absolute fabs sign floor ceil rint",
    "Max Min Sin Cos Tan Asin Acos Atan": "maximum minimum sin cos tan arcsin arccos arctan",
    "Sinh Cosh Tanh Asinh Acosh Atanh": "sinh cosh tanh arcsinh arccosh arctanh",
}
COMPARISONS = {
    "Less": "less",
    "LessOrEqual": "less_equal",
    "Greater": "greater",
    "GreaterOrEqual": "greater_equal",
    "Equal": "equal",
    "Equal Not": "not_equal",
    "IsNaN": "isnan",
    "IsInf": "isinf",
}
LOGIC = {"And": "logical_and", "Or": "logical_or", "Xor": "logical_xor", "Not": "logical_not"}
REDUCTIONS = {"Sum": "sum", "Mean": "mean", "Prod": "prod", "Max": "max", "Min": "min", "LogSumExp": "logsumexp"}

NODES: dict[str, Nodes] = {
    row: elementwise(kind)
    for kinds, rows in ONE_NODE.items()
    for kind, row in zip(kinds.split(), rows.split(), strict=True)
}
NODES |= {row: comparison(*kinds.split()) for kinds, row in COMPARISONS.items()}
NODES |= {row: logical(kind) for kind, row in LOGIC.items()}
NODES |= {row: reduction(f"Reduce{kind}") for kind, row in REDUCTIONS.items()}
NODES |= dict.fromkeys(("positive", "alias", "copy", "real", "conjugate", "astype"), astype)
NODES |= {
    "square": formula(lambda do, x: do("Mul", x, x)),
    "exp2": formula(lambda do, x: do("Pow", 2, x)),
    "expm1": formula(lambda do, x: do("Sub", do("Exp", x), 1)),
    "log1p": formula(lambda do, x: do("Log", do("Add", x, 1))),
    "log2": formula(lambda do, x: do("Div", do("Log", x), math.log(2))),
    "log10": formula(lambda do, x: do("Div", do("Log", x), math.log(10))),
    "logaddexp": formula(logaddexp),
    "sigmoid": formula(lambda do, x: do("Sigmoid", x)),
    "relu": formula(lambda do, x: do("Relu", x)),
    "gelu": gelu,
    "erf": error_function,
    "erfc": error_function,
    "where": where,
    "_item": lambda g, step: g.item(step),
    "var": variance,
    "std": lambda g, step: g.node("Sqrt", variance(g, step)),
    "cumsum": cumsum,
    "argmax": extreme_index("ArgMax"),
    "argmin": extreme_index("ArgMin"),
    "softmax": over_axis("Softmax"),
    "log_softmax": over_axis("LogSoftmax"),
    "matmul": lambda g, step: g.node("MatMul", *g.operands(step)),
    "einsum": lambda g, step: g.node("Einsum", *g.operands(step), equation=step.params["subscripts"]),
    "embedding": lambda g, step: g.node("Gather", g.name(step.inputs[1]), g.name(step.inputs[0])),
    "swapaxes": layers.transpose,
}
NODES |= dict.fromkeys(("reshape", "flatten", "expand_dims", "squeeze"), layers.reshape)
NODES |= {row: getattr(layers, row) for row in "dot linear transpose broadcast_to concatenate split getitem".split()}
NODES |= {row: getattr(layers, row) for row in "conv max_pool windows standardize".split()}
