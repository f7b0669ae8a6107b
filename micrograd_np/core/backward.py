"""The walk back through what was made from what: all of reverse mode.

A node knows its edges: what it was made from, each with the rule that turns the node's cotangent into a share of that
value's. The newest node comes first: by then everything that was made from it has sent its share, and its cotangent is
whole.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from typing import Any

from . import errors
from .context import CURRENT
from .versions import as_used, check_unwritten, latest

Rule = Callable[..., Any]  # (g, z, x, y, ..., **params) to the cotangent of one argument
Paths = Sequence[tuple[int, Rule]]  # which arguments a gradient goes back to, each with its rule
Pulled = list[tuple[Any, Any]]
Pull = Callable[[Any, Any], Pulled]


def pull_arrays(node: Any, g: Any) -> Pulled:
    """What a node sends its arguments, the rules read with arrays."""
    z, values, params = node._data, node._values, node.params
    if node._order < latest.exposed:
        z, values = as_used(node)
    args, broadcasts = node.args, node.op.broadcasts
    pulled = []
    for i, rule in node._paths:
        cotangent = rule(g, z, *values, **params) if params else rule(g, z, *values)
        x = args[i]
        value = x._data
        if cotangent.dtype is not value.dtype or (broadcasts and cotangent.shape != value.shape):
            cotangent = fit(cotangent, value, broadcasts)
        if x.op is None and (cotangent is g or cotangent.base is not None):
            cotangent = cotangent.copy()  # a leaf's gradient owns its memory
        pulled.append((x, cotangent))
    return pulled


def pull_tensors(node: Any, g: Any) -> Pulled:
    """What a node sends its arguments, the rules read with Tensors: the result is a graph again."""
    args, params, broadcasts = node.args, node.params, node.op.broadcasts
    z, *used = operands(node)
    return [(args[i], fit(rule(g, z, *used, **params), args[i]._data, broadcasts)) for i, rule in node._paths]


def operands(node: Any) -> list[Any]:
    """A node and its arguments as Tensors that hold the values it used, and whose gradients are theirs."""
    z, values = as_used(node)
    return [as_operand(x, value) for x, value in zip((node, *node.args), (z, *values), strict=True)]


def as_operand(x: Any, value: Any) -> Any:
    if not hasattr(x, "_data"):
        return value
    if x._data is value:
        return x
    stand_in = x._alias()
    stand_in._data, stand_in._memory = value, None
    return stand_in


def backpropagate(
    output: Any,
    gradient: Any,
    visit: Callable[[Any, Any], None],
    pull: Pull = pull_arrays,
) -> dict[Any, Any]:
    """The cotangents of the leaves that `output` was made from, given its own.

    Every node on the way is shown to `visit`, with its whole cotangent, once.
    """
    cotangents = {output: gradient}
    pending = [(-output._order, output)] if output._paths else []
    newest = latest.written
    watch = CURRENT.get().watch
    if watch is not None:
        pull = watch.reading(pull)
    while pending:
        node = heappop(pending)[1]
        g = cotangents.pop(node)
        if node._order < newest:
            check_unwritten(node)
        try:
            pulled = pull(node, g)
        except Exception as error:
            errors.note(error, node)
            raise
        for x, cotangent in pulled:
            if x in cotangents:
                cotangents[x] = cotangents[x] + cotangent
            else:
                cotangents[x] = cotangent
                if x._paths:
                    heappush(pending, (-x._order, x))
        visit(node, g)
    return cotangents


def store_gradient(node: Any, g: Any) -> None:
    node._grad = g


def free_graph(node: Any, g: Any) -> None:
    node._grad = g
    node.args, node._values, node._paths = (), (), FREED


# A forgotten node still has an edge, so that a later walk does not take it for a leaf: the edge's rule refuses.
FREED: Any = ((0, errors.refuse_freed),)


# What a rule leaves to the engine.


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """The cotangent of an array that was broadcast: summed over the axes along which it was repeated."""
    added = g.ndim - len(shape)
    stretched = tuple(
        axis for axis in range(g.ndim) if axis < added or (shape[axis - added] == 1 and g.shape[axis] != 1)
    )
    return g.sum(axis=stretched).reshape(shape)


def fit(g: Any, x: Any, broadcasts: bool) -> Any:
    """The cotangent `g` in the dtype of the argument `x` that it belongs to; where x was broadcast, in its shape."""
    if broadcasts and g.shape != x.shape:
        g = unbroadcast(g, x.shape)
    if g.dtype != x.dtype:
        if g.dtype.kind == "c":
            raise errors.ArgumentTypeError(
                "gradients of complex numbers are not supported: a complex value came between the output and a "
                "real argument. Write real and imaginary parts as two real tensors."
            )
        g = g.astype(x.dtype)
    return g


def fitted(rule: Rule, position: int, broadcasts: bool) -> Rule:
    """A rule and what the engine leaves of its result, in one."""

    @functools.wraps(rule)
    def fitted_rule(g: Any, z: Any, *args: Any, **params: Any) -> Any:
        return fit(rule(g, z, *args, **params), args[position], broadcasts)

    return fitted_rule
