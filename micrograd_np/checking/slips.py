"""What may be written wrongly where one rule is written: each slip as another way to send a gradient back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from ..core.rules import reads, unbroadcast
from ..ops.primitive import Elementwise
from .patterns import MOST_SAMPLES, sample_weights, weighted
from .suspicion import Edge, Suspicion

Array = Any
Pull = Callable[[Any], Any]
Slip = tuple[str, str, Pull]
PRODUCTS = ("dot", "matmul")
PICKING = ("getitem", "take")
OVERWRITTEN = (
    "entries that are picked more than once keep the last gradient instead of the sum: write np.add.at(d, i, g), not "
    "d[i] = g or d[i] += g"
)


def slips(edge: Edge, at: Suspicion) -> Iterator[Slip]:
    """Kinds of slip in one rule, what is to be said, and the rule with the slip."""
    yield "missing path", "no gradient comes this way", partial(nothing, edge)
    yield "sign", "the sign is wrong", partial(opposite, edge)
    yield from without_derivative(edge)
    yield from wrong_operands(edge, at)
    yield from wrong_gradients(edge, at)
    if edge.node.op.broadcasts and edge.x.shape != edge.node.shape and edge.node.op.name not in PRODUCTS:
        yield from unsummed(edge)
    if edge.node.op.name in PICKING:
        yield "overwritten", OVERWRITTEN, partial(overwritten, edge)
    if edge.node.op.name in PRODUCTS and edge.node.ndim == 2:
        yield from products(edge)


def nothing(edge: Edge, g: Any) -> Any:
    return np.zeros_like(edge.x._data)


def opposite(edge: Edge, g: Any) -> Any:
    return -edge.pull(g)


def overwritten(edge: Edge, g: Any) -> Any:
    """What is assigned where it should be added up."""
    x = edge.x
    picked = edge.node.op.kernel(np.arange(x.size).reshape(x.shape), *edge.values[1:], **edge.node.params)
    found = np.zeros(x.size)
    found[np.ravel(picked)] = np.ravel(g)
    return found.reshape(x.shape)


def without_derivative(edge: Edge) -> Iterator[Slip]:
    op, shape = edge.node.op, edge.x.shape
    if shape == edge.node.shape or (op.broadcasts and op.name not in PRODUCTS):
        yield "left out", "the derivative is left out", lambda g: g if g.shape == shape else unbroadcast(g, shape)
    if shape == edge.node.shape and isinstance(op, Elementwise) and op.name != "negative":
        yield "twice", "the derivative is taken twice", lambda g: edge.pull(edge.pull(g))


def wrong_operands(edge: Edge, at: Suspicion) -> Iterator[Slip]:
    """Another value where the rule reads one: the layer below, the value before its activation, a transpose."""
    for place, value in enumerate((edge.node._data, *edge.values)):
        if not getattr(value, "ndim", 0) or not reads(edge.rule, place):
            continue
        right = at.called(edge.node if place == 0 else edge.node.args[place - 1])
        for name, w in at.like(value.shape, but=value):
            yield "operand", f"{name} stands where {right} belongs", edge.with_operand(place, w)
        if value.ndim == 2 and value.shape[0] == value.shape[1]:
            yield "transpose", f"{right} should be transposed, or should not", edge.with_operand(place, value.T)
        if np.any(value != 1):
            yield "operand left out", f"{right} is left out", edge.with_operand(place, np.ones_like(value))


def wrong_gradients(edge: Edge, at: Suspicion) -> Iterator[Slip]:
    """The gradient of another value where that of the node belongs: before its activation, of the layer above."""
    right = at.gradient(edge.node)
    for other, g in at.elsewhere:
        if other is not edge.node and g.shape == edge.node.shape and not np.array_equal(g, right):
            says = f"the gradient of {at.called(other)} stands where that of {at.called(edge.node)} belongs"
            yield "gradient of another", says, partial(instead, edge, g)


def instead(edge: Edge, other: Array, g: Any) -> Any:
    return edge.pull(other)


def unsummed(edge: Edge) -> Iterator[Slip]:
    """Of a gradient that must be summed to its argument's shape."""
    whole = edge.node.op.rules[edge.position]
    shape = edge.x.shape
    count = edge.node.size / max(edge.x.size, 1)

    def full(g: Any) -> Any:
        return whole(g, edge.node._data, *edge.values, **edge.node.params)

    def part(weights: Array, g: Any) -> Any:
        return unbroadcast(weighted(full(g), weights), shape)

    yield "mean for sum", "it is averaged over the batch, not summed", lambda g: unbroadcast(full(g), shape) / count
    if int(np.prod(edge.node.shape[1:])) == edge.x.size:
        for kind, says, weights in some_samples(edge):
            yield kind, says, partial(part, weights)
    if edge.node.ndim == 2 and edge.node.shape[0] == edge.x.size > 1:
        yield "summed over the wrong axis", "the wrong axis is summed over", lambda g: full(g).sum(1).reshape(shape)


def products(edge: Edge) -> Iterator[Slip]:
    """Of the two derivatives of a matrix product."""
    first, second = edge.values
    shape = edge.x.shape
    other = second if edge.position == 0 else first
    if other.shape == edge.node.shape == shape:
        yield "elementwise product", "an elementwise product stands for the matrix product", lambda g: g * other
    if edge.position == 1 and first.ndim == 2:
        for kind, says, weights in some_samples(edge):
            yield kind, says, partial(pull_part, edge, weights)
        early = "batch averaged before the product"
        inputs, mean = first.sum(0), first.mean(0)
        yield early, "the batch is summed before the product", lambda g: np.outer(inputs, g.sum(0)).reshape(shape)
        yield early, "the batch is averaged before the product", lambda g: np.outer(mean, g.mean(0)).reshape(shape)
        yield early, "the inputs are averaged before the product", lambda g: np.outer(mean, g.sum(0)).reshape(shape)


def pull_part(edge: Edge, weights: Array, g: Any) -> Any:
    return edge.pull(weighted(g, weights))


def some_samples(edge: Edge) -> Iterator[tuple[str, str, Array]]:
    if 1 < edge.node.shape[0] <= MOST_SAMPLES:
        for kind, says, weights in sample_weights(edge.node.shape[0]):
            yield kind, f"what counts is {says}", weights
