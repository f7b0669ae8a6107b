"""An op runs, and its result remembers what it ran on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import generic, ndarray

from . import misfits
from .context import CURRENT
from .frames import spot
from .graph import Tensor, begin
from .memory import memory, tick
from .rules import Rule

new = Tensor.__new__


def apply(op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Run an op; when the gradient of an argument is wanted, the result remembers op and arguments."""
    values: list[Any] = []
    edges: list[tuple[Tensor, Rule]] = []
    tensors = False
    for x in args:
        if isinstance(x, Tensor):
            tensors = True
            if x._requires_grad and (rule := op.rules[len(values)]):
                edges.append((x, rule))
            x = x._data
        values.append(x)
    if not tensors:
        return compute(op, args, values, params)
    try:
        z = op.kernel(*values, **params) if params else op.kernel(*values)
    except Exception as error:
        misfits.explain(op, args, error)
    if type(z) is not ndarray and isinstance(z, generic):
        z = np.asarray(z)
    recording, watch, _, scope = CURRENT.get()
    node = new(Tensor)
    if edges and recording:
        node._data = z
        node._requires_grad = True
        node.op = op
        node.args = args
        node.values = values
        node.params = params
        node.edges = edges
        node.scope = scope
        node._grad = node._memory = node.name = None
        node.birth = tick()
        node.where = spot(3)
    else:
        begin(node, z)
        node.where = spot(3) if edges else lost(args)
    if op.views and np.shares_memory(z, values[0]):
        node._memory = memory(args[0])
    if watch is not None:
        watch.made(node, op, args, params)
    return node


def lost(args: tuple[Any, ...]) -> Any:
    """Where one of the arguments was left without a past, and so what is made of it."""
    return next((x.where for x in args if isinstance(x, Tensor) and x.where and x.op is None), None)


def compute(op: Any, args: tuple[Any, ...], values: list[Any], params: dict[str, Any]) -> Any:
    """Run an op on arrays alone."""
    for x in values:
        if hasattr(x, "__row__"):  # an array that wants to see rows whole, not what their kernels do
            return x.__row__(op, args, params)
    try:
        z = op.kernel(*values, **params)
    except Exception as error:
        misfits.explain(op, args, error)
    return np.asarray(z) if isinstance(z, np.generic) else z
