"""A model as ONNX: its program, with the nodes of each row."""

from __future__ import annotations

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
from ..program.ir import ARRAY, CONSTANT, TENSOR, Step, Value, draws
from ..program.record import record
from ..program.simplify import simplified
from .files import replacing
from .onnx_nodes import form_of_row

OPSET = 18
STARRED = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


class Graph:
    """The ONNX nodes written so far, and the name of each value."""

    def __init__(self, helper: Any, paths: dict[int, str]) -> None:
        self.helper = helper
        self.paths = paths
        self.nodes: list[Any] = []
        self.tensors: dict[str, Any] = {}
        self.names: dict[Value, Any] = {}
        self.taken: set[str] = set()

    def unique(self, name: str) -> str:
        """A name that nothing else has."""
        unique, number = name, 2
        while unique in self.taken:
            unique, number = f"{name}_{number}", number + 1
        self.taken.add(unique)
        return unique

    def node(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """Add a node; the name of its output, or the names."""
        names = [self.unique(kind.lower()) for _ in range(outputs)]
        self.nodes.append(self.helper.make_node(kind, inputs, names, **attributes))
        return names[0] if outputs == 1 else names

    def tensor(self, name: str, array: Any) -> str:
        """An array that is part of the model."""
        name = self.unique(name)
        self.tensors[name] = array
        return name

    def number(self, x: Any, dtype: Any) -> str:
        """A number that is part of the model; its name."""
        return self.tensor("number", np.asarray(x, dtype))

    def integers(self, values: Any) -> str:
        """Integers that are part of the model, such as sizes or axes; their name."""
        return self.tensor("sizes", np.asarray(values, np.int64))

    def axes(self, x: Value, axis: Any) -> str:
        """The axes of a reduction of x; their name."""
        ndim = len(x.shape)
        return self.integers(range(ndim) if axis is None else normalize_axis_tuple(axis, ndim))

    def name(self, x: Any, dtype: Any = None) -> Any:
        """The name of a value or a number, cast to a dtype."""
        if not isinstance(x, Value):
            return self.number(x, dtype)
        if x not in self.names:
            self.names[x] = self.tensor(self.paths.get(id(x.of)) or x.name or "weight", array_of(x))
        return self.cast(self.names[x], x.dtype, dtype or x.dtype)

    def cast(self, name: str, dtype: Any, wanted: Any) -> Any:
        """The name of a value in another dtype."""
        if dtype == wanted:
            return name
        return self.node("Cast", name, to=self.helper.np_dtype_to_tensor_dtype(wanted))

    def operands(self, step: Step, dtype: Any = None) -> list[str]:
        """The names of a step's inputs in one dtype, the result's unless another is given."""
        return [self.name(x, dtype or step.output.dtype) for x in step.inputs]

    def kind(self, x: Any) -> Any:
        """The dtype of a value, or a plain number, for NumPy's promotion."""
        return x.dtype if isinstance(x, Value) else x

    def arithmetic(self, dtype: Any) -> Callable[..., str]:
        """A writer of nodes whose operands are names, or numbers of a dtype."""
        return lambda kind, *inputs: self.node(
            kind, *[x if isinstance(x, str) else self.number(x, dtype) for x in inputs]
        )

    def reshape(self, name: str, shape: Any) -> Any:
        """The name of a value in another shape."""
        return self.node("Reshape", name, self.integers(shape), allowzero=int(0 in shape))

    def slice(self, name: str, shape: tuple[int, ...], index: list[Any]) -> Any:
        """An array cut along each axis; an integer leaves an axis of length 1."""
        parts = [part if isinstance(part, slice) else slice(part, part + 1 or None) for part in index]
        cuts = [part.indices(size) for part, size in zip(parts, shape, strict=True)]
        axes = [i for i, (cut, size) in enumerate(zip(cuts, shape, strict=True)) if cut != (0, size, 1)]
        if not axes:
            return name
        stops = [cuts[i][1] if cuts[i][1] >= 0 else -shape[i] - 1 for i in axes]
        steps = [cuts[i][2] for i in axes]
        starts = [cuts[i][0] for i in axes]
        return self.node("Slice", name, *map(self.integers, (starts, stops, axes, steps)))


def array_of(x: Value) -> Any:
    """The array of a value that no step makes."""
    if x.kind not in (TENSOR, ARRAY, CONSTANT):
        raise ArgumentTypeError(f"{x} is no part of a model that ONNX can hold.")
    return np.array(x.of._data if x.kind == TENSOR else x.of)


def export_onnx(model: Callable[..., Any], *example: Any, path: Any = None) -> Any:
    """The model as an `onnx.ModelProto`, for inputs of the example's shapes and dtypes; written to a path, if given.

    Needs the extra `onnx`. Most runtimes compute convolutions in float32 only, and leave nan out of the largest and the
    smallest entry and of their indices, where NumPy gives nan and its index.

    Parameters
    ----------
    model : module or function
        In evaluation: call `model.eval()` first where there is dropout or batch norm.
    *example : array_like
        One for each argument.
    path : str or path, optional
        The file to write, such as model.onnx.

    Raises
    ------
    TypeError
        If an op has no ONNX form here; all of them are named.
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
        program = simplified(record(model, tuple(map(np.asarray, example)), {}, spell=False)[1])
    if program.writes:
        raise ArgumentTypeError(
            "the model writes to its own Tensors, as batch norm does in training: call model.eval()."
        )
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
        form = form_of_row(step.op) or (write_decomposed if step.op.decomposition else None)
        name = None if form is None or missing else form(graph, step)
        if name is not None:
            graph.names[step.output] = name
        elif form is None or not missing:
            missing[f"{step.op.name.lstrip('_')} ({format_location(step.where) if step.where else 'inside'})"] = None
    if missing:
        cure = ["Random numbers are drawn in training: call model.eval()."] if any(draws(x.op) for x in steps) else []
        if own := [step.op.name for step in steps if isinstance(step.op, CustomOp)]:
            cure.append(
                f"{own[0]} is a custom op, which hides what it computes. Export a model that calls the function "
                "without @mg.custom_op, written in NumPy functions."
            )
        raise ArgumentTypeError("\n  ".join(["there is no ONNX form here for", *missing, *cure]))


def write_decomposed(graph: Graph, step: Step) -> Any:
    """Write the nodes of a row that has no form of its own: those of the simpler rows of its decomposition."""
    inputs = tuple(graph.names[x] if isinstance(x, Value) and x.shape is None else x for x in step.inputs)
    examples = map_leaves(lambda x: np.ones(x.shape, x.dtype) if isinstance(x, Value) else x, inputs)
    with np.errstate(all="ignore"):
        program = record(lambda *args: step.op.decomposition(*args, **step.params), examples, {}, spell=False)[1]
    values = [x for x in flatten(inputs)[0] if isinstance(x, Value)]
    graph.names.update(zip(program.arguments, map(graph.name, values), strict=True))
    write_steps(graph, [part._replace(where=step.where) for part in program.steps])
    names = [graph.name(x, step.output.dtype) for x in program.result]
    return names if step.output.shape is None else names[0]


def parameters(model: Callable[..., Any], count: int) -> list[str]:
    """The names of the model's arguments, or input_0, input_1, ... ."""
    try:
        given = signature(getattr(model, "forward", model)).parameters.values()
        names = [p.name for p in given if p.kind not in STARRED]
    except ValueError:
        names = []
    return [names[i] if i < len(names) else f"input_{i}" for i in range(count)]


def declared(helper: Any, name: str, x: Value) -> Any:
    """The declaration of an input or an output: name, dtype and shape."""
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
