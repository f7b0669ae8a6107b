"""Export to ONNX: a model is traced to a program, and each step of it is written as ONNX nodes.

A function `..._nodes(g, step)` writes the nodes of one row into the graph `g` and returns the name of the result; it
returns None for what ONNX cannot express. A *form* is such a function.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from inspect import Parameter, signature
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..core.containers import flatten, map_leaves
from ..core.context import no_grad
from ..core.errors import ArgumentTypeError
from ..core.names import format_location
from ..custom import CustomOp
from ..nn.module import Module
from ..nn.validation import import_extra
from ..ops.convolution import count_steps, tap_indices
from ..ops.dense import _MIDDLE, _erf_near, _rational, erf
from ..ops.indexing import Slot, complete_index
from ..program.ir import ARRAY, CONSTANT, TENSOR, Step, Value, draws
from ..program.record import record
from ..program.simplify import simplified
from .files import replacing

OPSET = 18
STARRED = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


class Graph:
    """The ONNX nodes written so far, and the name of each value; the methods write nodes and return names."""

    def __init__(self, helper: Any, paths: dict[int, str]) -> None:
        self.helper = helper
        self.paths = paths
        self.nodes: list[Any] = []
        self.tensors: dict[str, Any] = {}
        self.names: dict[Value, Any] = {}
        self.taken: set[str] = set()

    def unique(self, name: str) -> str:
        """Return a name that nothing else has."""
        unique, number = name, 2
        while unique in self.taken:
            unique, number = f"{name}_{number}", number + 1
        self.taken.add(unique)
        return unique

    def node(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """Add a node; return the name of its output, or the names if there are several."""
        names = [self.unique(kind.lower()) for _ in range(outputs)]
        self.nodes.append(self.helper.make_node(kind, inputs, names, **attributes))
        return names[0] if outputs == 1 else names

    def tensor(self, name: str, array: Any) -> str:
        """Add an array to the model; return its name."""
        name = self.unique(name)
        self.tensors[name] = array
        return name

    def number(self, x: Any, dtype: Any) -> str:
        """Add a number to the model; return its name."""
        return self.tensor("number", np.asarray(x, dtype))

    def integers(self, values: Any) -> str:
        """Add integers to the model, such as sizes or axes; return their name."""
        return self.tensor("sizes", np.asarray(values, np.int64))

    def axes(self, x: Value, axis: Any) -> str:
        """Add the axes of a reduction of x to the model; return their name."""
        ndim = len(x.shape)
        return self.integers(range(ndim) if axis is None else normalize_axis_tuple(axis, ndim))

    def name(self, x: Any, dtype: Any = None) -> Any:
        """Return the name of a value or a number, cast to a dtype."""
        if not isinstance(x, Value):
            return self.number(x, dtype)
        if x not in self.names:
            self.names[x] = self.tensor(self.paths.get(id(x.of)) or x.name or "weight", array_of(x))
        return self.cast(self.names[x], x.dtype, dtype or x.dtype)

    def cast(self, name: str, dtype: Any, wanted: Any) -> Any:
        """Return the name of a value in the wanted dtype."""
        if dtype == wanted:
            return name
        return self.node("Cast", name, to=self.helper.np_dtype_to_tensor_dtype(wanted))

    def operands(self, step: Step, dtype: Any = None) -> list[str]:
        """Return the names of a step's inputs, cast to one dtype: the result's unless another is given."""
        return [self.name(x, dtype or step.output.dtype) for x in step.inputs]

    def reshape(self, name: str, shape: Any) -> Any:
        """Reshape a value; return the name of the result."""
        return self.node("Reshape", name, self.integers(shape), allowzero=int(0 in shape))

    def slice(self, name: str, shape: tuple[int, ...], index: list[Any]) -> Any:
        """Slice an array along each axis; an integer leaves an axis of length 1."""
        parts = [part if isinstance(part, slice) else slice(part, part + 1 or None) for part in index]
        cuts = [part.indices(size) for part, size in zip(parts, shape, strict=True)]
        axes = [i for i, (cut, size) in enumerate(zip(cuts, shape, strict=True)) if cut != (0, size, 1)]
        if not axes:
            return name
        # A slice that steps back to the first entry stops at -1, which ONNX counts from the end; -n - 1 is before it.
        stops = [cuts[i][1] if cuts[i][1] >= 0 else -shape[i] - 1 for i in axes]
        steps = [cuts[i][2] for i in axes]
        starts = [cuts[i][0] for i in axes]
        return self.node("Slice", name, *map(self.integers, (starts, stops, axes, steps)))


def array_of(x: Value) -> Any:
    """Return the array of a value that no step makes."""
    if x.kind not in (TENSOR, ARRAY, CONSTANT):
        raise ArgumentTypeError(f"{x} is no part of a model that ONNX can hold.")
    return np.array(x.of._data if x.kind == TENSOR else x.of)


def export_onnx(model: Callable[..., Any], *example: Any, path: Any = None) -> Any:
    """Return the model as an `onnx.ModelProto`, for inputs of the example's shapes and dtypes; write it to a path, too.

    It needs the extra `onnx`. Most runtimes compute convolutions in float32 only. In max, min, argmax and argmin they
    ignore nan, where NumPy gives nan or its index.

    Parameters
    ----------
    model : module or function
        The model, in evaluation mode: call `model.eval()` first if it has dropout or batch norm.
    *example : array_like
        An array for each argument of the model.
    path : str or path, optional
        The file to write, such as model.onnx. None: no file.

    Raises
    ------
    TypeError
        If an op has no ONNX form here; the message names all such ops.
    ImportError
        If the package onnx is not installed.

    Examples
    --------
    >>> proto = export_onnx(lambda x: np.exp(x) + 1, np.ones(3))  # doctest: +SKIP
    >>> [node.op_type for node in proto.graph.node]  # doctest: +SKIP
    ['Exp', 'Add', 'Identity']
    """
    onnx = import_extra("onnx", "an ONNX model")
    helper = onnx.helper
    with no_grad():
        program = simplified(record(model, tuple(map(np.asarray, example)), {}, decompose=False)[1])
    if program.writes:
        raise ArgumentTypeError("the model writes to its Tensors, as batch norm in training: call model.eval().")
    tensors = model.named_tensors() if isinstance(model, Module) else ()
    graph = Graph(helper, {id(tensor): name for name, tensor in tensors})
    for x, name in zip(program.arguments, parameters(model, len(example)), strict=True):
        graph.names[x] = graph.unique(name)
    write_steps(graph, program.steps)
    inputs = [declared(helper, graph.names[x], x) for x in program.arguments]
    ends = [x for x in program.result if isinstance(x, Value)]
    outputs = [graph.node("Identity", graph.name(x)) for x in ends]
    body = helper.make_graph(
        graph.nodes,
        "model",
        inputs,
        [declared(helper, name, x) for name, x in zip(outputs, ends, strict=True)],
        [onnx.numpy_helper.from_array(array, name) for name, array in graph.tensors.items()],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    version = helper.find_min_ir_version_for(opsets)
    proto = helper.make_model(body, opset_imports=opsets, ir_version=version, producer_name="micrograd_np")
    onnx.checker.check_model(proto, full_check=True)
    if path is not None:
        with replacing(path) as file:
            file.write(proto.SerializeToString())
    return proto


def write_steps(graph: Graph, steps: list[Step]) -> None:
    """Write the nodes of each step; raise an error that names all steps without a form."""
    missing: dict[str, None] = {}
    for step in steps:
        form: Nodes | None = decomposed_nodes if step.op.decomposition else None
        if step.op.onnx:
            form = FORMS.get(step.op.onnx, elementwise_nodes)
        name = None if form is None or missing else form(graph, step)
        if name is not None:
            graph.names[step.output] = name
        elif form is None or not missing:
            missing[f"{step.op.name.lstrip('_')} ({format_location(step.where) if step.where else 'inside'})"] = None
    if missing:
        cure = ["Random numbers are drawn in training: call model.eval()."] if any(draws(x.op) for x in steps) else []
        if any(isinstance(step.op, CustomOp) for step in steps):
            cure.append("A custom op hides what it computes: export its function without @mg.custom_op.")
        raise ArgumentTypeError("\n  ".join(["there is no ONNX form here for", *missing, *cure]))


def write_parts(graph: Graph, step: Step, function: Callable[..., Any], dtype: Any = None) -> Any:
    """Write the nodes of a function of simpler rows, which gives what the step gives.

    The function gets the step's inputs, cast to the dtype if there is one, and its parameters.
    """
    inputs = tuple(graph.names[x] if isinstance(x, Value) and x.shape is None else x for x in step.inputs)
    examples = map_leaves(lambda x: np.ones(x.shape, dtype or x.dtype) if isinstance(x, Value) else x, inputs)
    with np.errstate(all="ignore"):
        program = record(lambda *args: function(*args, **step.params), examples, {}, decompose=False)[1]
    names = [graph.name(x, dtype) for x in flatten(inputs)[0] if isinstance(x, Value)]
    graph.names.update(zip(program.arguments, names, strict=True))
    write_steps(graph, [part._replace(where=step.where) for part in program.steps])
    names = [graph.name(x, step.output.dtype) for x in program.result]
    return names if step.output.shape is None else names[0]


def parameters(model: Callable[..., Any], count: int) -> list[str]:
    """Return the names of the model's arguments; input_0, input_1, ... where they have none."""
    try:
        given = signature(getattr(model, "forward", model)).parameters.values()
        names = [p.name for p in given if p.kind not in STARRED]
    except ValueError:
        names = []
    return [names[i] if i < len(names) else f"input_{i}" for i in range(count)]


def declared(helper: Any, name: str, x: Value) -> Any:
    """Return the declaration of an input or an output: name, dtype and shape."""
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)


Nodes = Callable[[Any, Any], Any]  # (graph, step) to the name of the result, or None


def elementwise_nodes(g: Any, step: Any, kind: str = "") -> Any:
    """Write one node, of the row's kind if no other is given; its operands are cast to the dtype that NumPy takes."""
    dtypes = [x.dtype if isinstance(x, Value) else x for x in step.inputs]
    dtype = step.output.dtype if step.output.dtype.kind == "f" else np.result_type(*dtypes)
    name = g.node(kind or step.op.onnx, *g.operands(step, dtype))
    return name if step.output.dtype == bool else g.cast(name, dtype, step.output.dtype)


def logical_nodes(g: Any, step: Any) -> Any:
    """Write one node whose operands are booleans."""
    return g.node(step.op.onnx, *g.operands(step, np.dtype(bool)))


def decomposed_nodes(g: Any, step: Any) -> Any:
    """Write the nodes of a row without a form of its own: those of the simpler rows that it is decomposed into."""
    return write_parts(g, step, step.op.decomposition)


def formula(function: Callable[..., Any]) -> Nodes:
    """Return the form of a row that NumPy computes as `function` of its operands, cast to the dtype of the result."""
    return lambda g, step: write_parts(g, step, function, step.output.dtype)


def reduction_nodes(g: Any, step: Any) -> Any:
    """Write a reduction over some axes."""
    x, axis, keepdims = step.inputs[0], step.params["axis"], step.params["keepdims"]
    return g.node(step.op.onnx, g.name(x, step.output.dtype), g.axes(x, axis), keepdims=int(keepdims))


def extreme_index_nodes(g: Any, step: Any) -> Any:
    """Write ArgMax or ArgMin, which take one axis."""
    axis = step.params.get("axis", step.inputs[1] if step.inputs[1:] else None)
    if axis is None:
        return None
    return g.node(step.op.onnx, g.name(step.inputs[0]), axis=axis, keepdims=int(step.params.get("keepdims", False)))


def softmax_nodes(g: Any, step: Any) -> Any:
    """Write a softmax over one axis, or its logarithm."""
    axis = step.params["axis"]
    return g.node(step.op.onnx, *g.operands(step), axis=axis) if isinstance(axis, int) else None


def cumsum_nodes(g: Any, step: Any) -> Any:
    """Write cumulative sums along one axis."""
    axis = step.params["axis"]
    return None if axis is None else g.node("CumSum", *g.operands(step), g.integers(axis))


def logaddexp(x: Any, y: Any) -> Any:
    """max(x, y) + log1p(exp(-|x - y|)), which cannot overflow; equal infinities differ by 0 here, not by nan."""
    apart = np.where(np.equal(x, y), 0, np.abs(x - y))
    return np.maximum(x, y) + np.log1p(np.exp(-apart))


def expm1(x: Any) -> Any:
    """exp(x) - 1; near 0, where this difference loses digits, 2 t / (1 - t) with t = tanh(x / 2)."""
    t = np.tanh(x / 2)
    return np.where(np.abs(x) < 0.5, (t + t) / (1 - t), np.exp(x) - 1)


def log1p(x: Any) -> Any:
    """log(u) with u = x + 1; near 0, the factor x / (u - 1) makes up for the rounding of u (Kahan)."""
    u = x + 1
    log = np.log(u)
    near = np.where(np.equal(u, 1), x, log * (x / (u - 1)))
    return np.where(np.abs(x) < 0.5, near, log)


def erf_of_double(x: Any) -> Any:
    """erf by the ratios of polynomials of ops/dense.py: ONNX Runtime has Erf in float32 only."""
    size = np.minimum(np.abs(x), 30)
    near = np.minimum(size, 0.46875)
    tail = 1 - _rational(size, _MIDDLE) * np.exp(-size * size)
    return np.sign(x) * np.where(size > near, tail, _erf_near(near))


def erf_nodes(g: Any, step: Any) -> Any:
    """Write erf."""
    form = elementwise_nodes if step.output.dtype == np.float32 else formula(erf_of_double)
    return form(g, step)


def where_nodes(g: Any, step: Any) -> Any:
    """Write a choice: the condition is cast to booleans, and both values to the result's dtype."""
    condition, *values = step.inputs
    names = [g.name(x, step.output.dtype) for x in values]
    return g.node("Where", g.name(condition, np.dtype(bool)), *names)


def cast_nodes(g: Any, step: Any) -> Any:
    """Write the same values in the result's dtype."""
    return g.name(step.inputs[0], step.output.dtype)


def linear_nodes(g: Any, step: Any) -> Any:
    """Write x @ w.T + b: as Gemm for matrices, as MatMul for more axes."""
    x, w, *bias = g.operands(step)
    if len(step.inputs[0].shape) == 2:
        return g.node("Gemm", x, w, *bias, transB=1)
    y = g.node("MatMul", x, g.node("Transpose", w, perm=[1, 0]))
    return g.node("Add", y, *bias) if bias else y


def dot_nodes(g: Any, step: Any) -> Any:
    """Write np.dot: a matrix product if y has up to two axes, else one of each row of x with all matrices of y."""
    names = g.operands(step)
    left, right = (getattr(value, "shape", ()) for value in step.inputs)
    if not left or not right:
        return g.node("Mul", *names)
    if len(right) <= 2:
        return g.node("MatMul", *names)
    names[0] = g.reshape(names[0], (*left[:-1], *[1] * (len(right) - 1), left[-1]))
    return g.reshape(g.node("MatMul", *names), step.output.shape)


def reshape_nodes(g: Any, step: Any) -> Any:
    """Write another shape, for entries in C order."""
    if step.params.get("order", "C") != "C":
        return None
    return g.reshape(g.name(step.inputs[0]), step.output.shape)


def transpose_nodes(g: Any, step: Any) -> Any:
    """Write axes in another order, for np.transpose and np.swapaxes."""
    x = step.inputs[0]
    numbered = np.empty(tuple(range(len(x.shape))))  # axis i has i entries: the result's shape is the permutation
    return g.node("Transpose", g.name(x), perm=list(step.op.kernel(numbered, **step.params).shape))


def broadcast_to_nodes(g: Any, step: Any) -> Any:
    """Write a value repeated to the result's shape."""
    return g.node("Expand", g.name(step.inputs[0]), g.integers(step.output.shape))


def concatenate_nodes(g: Any, step: Any) -> Any:
    """Write values joined along an axis; without an axis, each is raveled first."""
    names, axis = g.operands(step), step.params["axis"]
    if axis is None:
        names = [g.reshape(name, (-1,)) for name in names]
    return g.node("Concat", *names, axis=axis or 0)


def split_nodes(g: Any, step: Any) -> Any:
    """Write parts along an axis, of equal sizes or cut at indices."""
    x, axis = step.inputs[0], step.params["axis"]
    parts = step.op.kernel(np.empty(x.shape, bool), **step.params)
    return g.node("Split", g.name(x), g.integers([part.shape[axis] for part in parts]), outputs=len(parts), axis=axis)


def getitem_nodes(g: Any, step: Any) -> Any:
    """Write an index of slices, integers and new axes, or of one array of integers among slices."""
    x, *arrays = step.inputs
    if any(isinstance(part, bool) for part in step.params["index"]):  # a mask without axes, not 0 or 1
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
    """Write a convolution."""
    return g.node("Conv", *g.operands(step), group=step.params["groups"], **window_attributes(step.params))


def max_pool_nodes(g: Any, step: Any) -> Any:
    """Write the largest entries of windows."""
    how = step.params
    return g.node("MaxPool", g.name(step.inputs[0]), kernel_shape=how["kernel"], **window_attributes(how))


def window_attributes(how: dict[str, Any]) -> dict[str, Any]:
    """Return how windows move over an array, under ONNX's names."""
    return {"strides": how["stride"], "pads": how["padding"] * 2, "dilations": how["dilation"]}


def windows_nodes(g: Any, step: Any) -> Any:
    """Write the windows of x: for each entry of the kernel, the slice of x that it meets."""
    x, how = step.inputs[0], dict(step.params)
    kernel, padding = how["kernel"], how["padding"]
    steps = count_steps(x.shape[2:], **how)
    ends = g.integers([0, 0, *padding] * 2)
    wide = g.node("Pad", g.name(x), ends, g.number(0, x.dtype)) if any(padding) else g.name(x)
    shape = (*x.shape[:2], *[n + 2 * p for n, p in zip(x.shape[2:], padding, strict=True)])
    seen = [where[1:] for _, where in tap_indices(kernel, steps, how["stride"], how["dilation"])]
    parts = [g.slice(wide, shape, [slice(None), slice(None), *where]) for where in seen]
    return g.reshape(g.node("Concat", *parts, axis=0), step.output.shape)


def standardize(x: Any, axis: Any, eps: float) -> tuple[Any, Any, Any]:
    """Entries less their mean, divided by their standard deviation; then the mean and the variance."""
    mean = np.mean(x, axis=axis, keepdims=True)
    apart = x - mean
    var = np.mean(np.square(apart), axis=axis, keepdims=True)
    return apart / np.sqrt(var + eps), mean, var


# The forms of rows by their `onnx` field. A name that is not here is an operator of ONNX that takes each entry alone.
FORMS: dict[str, Nodes] = {
    "NotEqual": lambda g, step: g.node("Not", elementwise_nodes(g, step, "Equal")),
    **dict.fromkeys(("And", "Or", "Xor", "Not"), logical_nodes),
    **{f"Reduce{kind}": reduction_nodes for kind in ("Sum", "Mean", "Prod", "Max", "Min", "LogSumExp")},
    "Identity": cast_nodes,
    "Cast": cast_nodes,
    "Square": formula(lambda x: x * x),
    "Exp2": formula(lambda x: 2**x),
    "Expm1": formula(expm1),
    "Log1p": formula(log1p),
    "Log2": formula(lambda x: np.log(x) / math.log(2)),
    "Log10": formula(lambda x: np.log(x) / math.log(10)),
    "LogAddExp": formula(logaddexp),
    "Erf": erf_nodes,
    "Erfc": formula(lambda x: 1 - erf(x)),
    "Where": where_nodes,
    "Item": lambda g, step: g.names[step.inputs[0]][step.params["i"]],
    "Pack": lambda g, step: list(step.inputs),  # only rows that are written by their decomposition read it
    "CumSum": cumsum_nodes,
    **dict.fromkeys(("ArgMax", "ArgMin"), extreme_index_nodes),
    **dict.fromkeys(("Softmax", "LogSoftmax"), softmax_nodes),
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
    "Standardize": formula(standardize),
}
