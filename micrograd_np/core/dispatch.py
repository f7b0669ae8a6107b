"""Run an op, and record in its result the op and its arguments."""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import generic, ndarray

from . import errors
from .backward import Paths, Rule
from .context import current_context
from .names import INTERNAL, caller_location
from .tensor import Tensor, allocate, init_leaf
from .versions import ALL, memory_of, next_id, reads, with_snapshots

# How an op is used: the arguments that receive a gradient, with their rules; the bits of the arguments that these rules
# read; and whether the result may share the first argument's memory.
Use = tuple[Paths, int, bool]

HALF = np.dtype(np.float16)
SINGLE = np.dtype(np.float32)


def apply(op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Run an op; if an argument requires a gradient, the result records the op and its arguments."""
    values: list[Any] = []
    wanted = loose = 0  # bit i: argument i requires a gradient; its value may be changed where the engine cannot see it
    tensors = False
    for i, x in enumerate(args):
        if isinstance(x, Tensor):
            tensors = True
            if x._requires_grad:
                wanted |= 1 << i
            if (shared := x._memory) is not None and shared.copies:
                loose |= 1 << i
            x = x._data
        else:
            loose |= 1 << i
        values.append(x)
    if not tensors:
        for x in args:
            if hasattr(x, "__row__"):  # an array type that handles whole rows itself, not the calls in their kernels
                return x.__row__(op, args, params)
    try:
        z = op.kernel(*values, **params)
    except Exception as error:
        errors.reraise(op, args, error)
    if not tensors:
        return np.asarray(z) if isinstance(z, generic) else z
    return make_node(op, op.uses[wanted], z, args, tuple(values), params, loose)


def make_node(op: Any, use: Use, z: Any, args: Any, values: Any, params: Any, loose: int) -> Tensor:
    """Return the result of an op as a Tensor; it records the op if an argument requires a gradient."""
    if type(z) is not ndarray and isinstance(z, generic):
        z = np.asarray(z)
    context = current_context()
    paths, read, views = use
    node = allocate(Tensor)
    if paths and context.recording:
        if z.dtype is HALF and op.widens:
            paths, read = single_paths(op, paths), ALL
        node._data = z
        node._requires_grad = True
        node.op = op
        node.args = args
        node._values = with_snapshots(values, loose & read) if loose & read else values
        node.params = params
        node._paths = paths
        node.scope = context.scope
        node._grad = node._memory = node.name = None
        node._order = next_id()
        if context.where:
            node._code, node._instruction = context.where
        else:  # as in `caller_location`, without the call
            frame = sys._getframe(2)
            code = frame.f_code
            while INTERNAL[code.co_filename] and (outer := frame.f_back):
                frame, code = outer, outer.f_code
            node._code, node._instruction = code, frame.f_lasti
    else:
        init_leaf(node, z)
        node._created_at = caller_location(3) if paths else detached_at(args)
    if views and same_memory(z, values[0]):
        node._memory = memory_of(args[0])
    if context.watch is not None:
        context.watch.made(node, op, args, params)
    return node


def single(x: Any) -> Any:
    """Return a float16 array or Tensor as float32, and everything else as it is."""
    return x.astype(SINGLE) if getattr(x, "dtype", None) == HALF else x


def single_paths(op: Any, paths: Sequence[tuple[int, Rule]]) -> list[tuple[int, Rule]]:
    """Return the rules of a float16 result: each computes in float32, and the engine rounds once at the end.

    Otherwise x * x overflows from 256 on and a count from 65,520 on, and 1 - z * z keeps no digit where z is near 1.
    """

    def in_single(rule: Rule) -> Rule:
        @functools.wraps(rule)
        def single_rule(g: Any, z: Any, /, *args: Any, **params: Any) -> Any:
            values = [single(x) if reads(rule, i) else x for i, x in enumerate(args, 1)]
            return rule(single(g), z, *values, **params)

        # Without `wraps`, so that `reads` finds that this rule reads every argument, and not z.
        def recomputing(g: Any, z: Any, /, *args: Any, **params: Any) -> Any:
            return single_rule(g, apply(op, tuple(map(single, args)), params), *args, **params)

        return recomputing if reads(rule, 0) else single_rule

    return [(i, in_single(rule)) for i, rule in paths]


def same_memory(z: Any, x: Any) -> bool:
    """Return whether one array is a view of the other, or both are views of a third."""
    return z is x or (z.base is not None and (z.base is x or z.base is x.base))


def detached_at(args: tuple[Any, ...]) -> Any:
    """Return the line where one of the arguments was detached, or None."""
    return next((x._created_at for x in args if isinstance(x, Tensor) and x._created_at and x.op is None), None)
