"""An op runs, and its result remembers what it ran on."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import errors
from .context import CURRENT
from .frames import spot
from .graph import Tensor, begin
from .memory import memory, tick
from .rules import Rule


def apply(op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Run an op; when the gradient of an argument is wanted, the result remembers op and arguments."""
    values: list[Any] = []
    wanted = []
    tensors = False
    for x in args:
        if isinstance(x, Tensor):
            tensors = True
            if x._requires_grad:
                wanted.append((len(values), x))
            x = x._data
        values.append(x)
    if not tensors:
        return compute(op, args, values, params)
    try:
        z = op.kernel(*values, **params) if params else op.kernel(*values)
    except Exception as error:
        errors.explain(op, args, error)
    if isinstance(z, np.generic):
        z = np.asarray(z)
    context = CURRENT.get()
    node = Tensor.__new__(Tensor)
    if wanted and context.recording and (edges := edges_of(op, wanted, values, z)):
        node._data = z
        node._requires_grad = True
        node.op = op
        node.args = args
        node.values = values
        node.params = params
        node.edges = edges
        node.scope = context.scope
        node._grad = node._memory = node.name = None
        node.birth = tick()
        node.where = spot()
    else:
        begin(node, z)
        if wanted and not context.recording:
            node.where = spot()
    if op.views and np.shares_memory(z, values[0]):
        node._memory = memory(args[0])
    if context.watch is not None:
        context.watch.made(node, op, args, params)
    return node


def compute(op: Any, args: tuple[Any, ...], values: list[Any], params: dict[str, Any]) -> Any:
    """Run an op on arrays alone."""
    for x in values:
        if hasattr(x, "__row__"):  # an array that wants to see rows whole, not what their kernels do
            return x.__row__(op, args, params)
    try:
        z = op.kernel(*values, **params)
    except Exception as error:
        errors.explain(op, args, error)
    return np.asarray(z) if isinstance(z, np.generic) else z


def edges_of(op: Any, wanted: list[tuple[int, Tensor]], values: list[Any], z: Any) -> list[tuple[Tensor, Rule]]:
    """The arguments whose gradient is wanted, each with its rule."""
    edges = []
    for position, x in wanted:
        value = values[position]
        fits = value.dtype is z.dtype and (not op.broadcasts or value.shape == z.shape)
        rule = op.rules[position] if fits else op.fitted[position]
        if rule is not None:
            edges.append((x, rule))
    return edges
