"""The backward pass: reverse-mode differentiation over the recorded graph.

A node knows its edges: its arguments, each with the rule (VJP) that turns the node's cotangent into a part of the
argument's. The pass takes the newest node first. All nodes that were made from it are newer and have sent their parts,
so that its cotangent is complete.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from typing import Any

from . import errors
from .context import current_context
from .versions import as_used, check_unwritten, latest

Rule = Callable[..., Any]  # (g, z, x, y, ..., **params) to the cotangent of one argument
Paths = Sequence[tuple[int, Rule]]  # positions of the arguments that receive a gradient, with rules
Pulled = list[tuple[Any, Any]]  # arguments, each with the cotangent that a node sends it
Pull = Callable[[Any, Any], Pulled]  # (node, its cotangent) to what it sends


def pull_arrays(node: Any, g: Any) -> Pulled:
    """Return the cotangents that a node sends to its arguments, as arrays."""
    z, values, params = node._data, node._values, node.params
    if node._order < latest.exposed:  # the user has been given an array since, and may have written to it
        z, values = as_used(node)
    given = (g, z) + values  # noqa: RUF005  (g, z, *values) would be a list before it is a tuple
    args, broadcasts = node.args, node.op.broadcasts
    pulled = []
    for i, rule in node._paths:
        cotangent = rule(*given, **params) if params else rule(*given)
        x = args[i]
        value = x._data
        if cotangent.dtype is not value.dtype or (broadcasts and cotangent.shape != value.shape):
            cotangent = fit(cotangent, value, broadcasts)
        if x.op is None and (cotangent is g or cotangent.base is not None):
            cotangent = cotangent.copy()  # a leaf's gradient owns its memory
        pulled.append((x, cotangent))
    return pulled


def pull_tensors(node: Any, g: Any) -> Pulled:
    """Return the cotangents that a node sends to its arguments, as Tensors that record a graph."""
    args, params, broadcasts = node.args, node.params, node.op.broadcasts
    z, *used = operands(node)
    return [(args[i], fit(rule(g, z, *used, **params), args[i]._data, broadcasts)) for i, rule in node._paths]


def operands(node: Any) -> list[Any]:
    """Return a node and its arguments as Tensors with the values it used; gradients go to the originals."""
    z, values = as_used(node)
    return [as_operand(x, value) for x, value in zip((node, *node.args), (z, *values), strict=True)]


def as_operand(x: Any, value: Any) -> Any:
    """Return x, or a Tensor in its place that has the value it was used with; what is no Tensor stays that value."""
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
    """Return the cotangents of the leaves that `output` depends on, given its own cotangent.

    `visit` is called once for every node on the way, with its complete cotangent.
    """
    cotangents = {output: gradient}
    pending = [(-output._order, output)] if output._paths else []
    newest = latest.written
    watch = current_context().watch
    if watch is not None:
        pull = watch.reading(pull)
    while pending:
        node = heappop(pending)[1]
        g = cotangents.pop(node)
        if node._order < newest:  # something was written to after this node was made
            check_unwritten(node)
        try:
            pulled = pull(node, g)
        except Exception as error:
            errors.add_location(error, node)
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
    """Visit a node of a graph that is kept."""
    node._grad = g


def free_graph(node: Any, g: Any) -> None:
    """Visit a node and drop what it keeps for the backward pass, so that its memory can be freed."""
    node._grad = g
    node.args, node._values, node._paths = (), (), FREED


# A freed node keeps one edge, so that a later backward pass does not take it for a leaf: the edge's rule raises.
FREED: Any = ((0, errors.refuse_freed),)


# The engine's part of a rule: shape and dtype.


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Return the cotangent of an array of this shape that was broadcast: g, summed over the axes of the repetition."""
    added = g.ndim - len(shape)
    stretched = tuple(
        axis for axis in range(g.ndim) if axis < added or (shape[axis - added] == 1 and g.shape[axis] != 1)
    )
    return g.sum(axis=stretched).reshape(shape)


def fit(g: Any, x: Any, broadcasts: bool) -> Any:
    """Return the cotangent `g` of an argument `x` in the dtype of x, and summed to its shape if x was broadcast."""
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
    """Return a rule whose result already has the shape and dtype of its argument."""

    @functools.wraps(rule)
    def fitted_rule(g: Any, z: Any, /, *args: Any, **params: Any) -> Any:
        return fit(rule(g, z, *args, **params), args[position], broadcasts)

    return fitted_rule
