"""Changes of a backward pass: what a mistake puts in the place of a gradient, a rule or a value that a rule reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from ..core.backward import Pulled
from ..core.errors import ShapeError
from ..core.tensor import Tensor
from ..ops.einsum import einsum
from ..ops.primitive import Elementwise
from ..ops.products import dot, matmul
from .replay import Override
from .suspicion import Edge, Suspicion, edges_of, file_line

Array = Any
Way = Callable[[Any], Any]
Formula = Callable[..., Any]

# A factor found by least squares proves something only if it fits at least this many numbers.
PROVEN = 3
MOST_SAMPLES = 64
MOST_SITES = 500  # of one line
FEW = 6  # sites of one line that are tried one by one
MOST_USES = 12
PRODUCTS = (dot, matmul)
CONTRACTIONS = (dot, matmul, einsum)


@dataclass
class Change:
    """The difference between a wrong backward pass and the right one.

    `gradients` are added to cotangents. `rules` hold what a node sends to single arguments by position, or under None
    to all. `values` stand for the node's own where rules above the row read them, or everywhere.
    """

    gradients: dict[Tensor, Array] = field(default_factory=dict)
    rules: dict[Tensor, dict[int | None, Way]] = field(default_factory=dict)
    values: dict[Tensor, Array] = field(default_factory=dict)
    everywhere: bool = False

    def overrides(self, at: Suspicion) -> dict[Tensor, Override]:
        """Return what the nodes with other rules send to their arguments."""
        found: dict[Tensor, Override] = {}
        if self.values:
            inside = {*at.inside, *at.above}
            found = at.recording.reading(at.recording.again(self.values))
            if not self.everywhere:
                found = {x: way for x, way in found.items() if x in inside and x not in self.values}
        for node, ways in self.rules.items():
            found[node] = ways[None] if None in ways else sending(node, ways)
        return found


@dataclass
class Site:
    """One place in the graph: names for formulas, words for sentences, and the change that a formula makes.

    Sites with the same `line`, or with the same `wide` line, may share a mistake; the sentence then uses the words of
    `many`. A site that is `later` says less than others.
    """

    names: dict[str, Any]
    words: dict[str, str]
    change: Callable[[Formula], Change]
    line: Any = None
    many: dict[str, str] = field(default_factory=dict)
    wide: Any = None
    later: bool = False


# The ways in which a formula changes the backward pass.


def shaped(found: Any, x: Any) -> Array:
    """Return what a formula gives; raise if its shape is not that of the value, as a formula for other shapes."""
    if np.shape(found) != np.shape(x):
        raise ShapeError("the formula does not apply here")
    return found


def gradient(x: Tensor, g: Array) -> Callable[[Formula], Change]:
    return lambda formula: Change({x: shaped(formula(), g) - g})


def sent(edge: Edge) -> Callable[[Formula], Change]:
    """Return the change in which the formula gives what an edge sends."""
    return lambda formula: Change(
        rules={edge.node: {edge.position: lambda g: shaped(formula(g=g), edge.x._data)}},
    )


def scaled_by(edge: Edge) -> Callable[[Formula], Change]:
    """Return the change in which the formula gives the derivative of an elementwise edge."""

    def change(formula: Formula) -> Change:
        its = shaped(formula(), edge.x._data)
        return Change(rules={edge.node: {edge.position: lambda g: g * its}})

    return change


def whole(z: Tensor, x: Tensor) -> Callable[[Formula], Change]:
    """Return the change in which the formula gives what arrives at x from z, whatever is between them."""

    def send(formula: Formula, g: Any) -> Pulled:
        return [(x, shaped(formula(g=g), x._data))]

    return lambda formula: Change(rules={z: {None: partial(send, formula)}})


def sloped(z: Tensor, x: Tensor) -> Callable[[Formula], Change]:
    """Return the change in which the formula gives the slope of z as a function of x."""

    def change(formula: Formula) -> Change:
        its = shaped(formula(), x._data)
        return Change(rules={z: {None: lambda g: [(x, g * its)]}})

    return change


def read(edges: Sequence[Edge], place: int) -> Callable[[Formula], Change]:
    """Return the change in which the formula gives what the rules of one op read for z (place 0), x (1), ..."""

    def change(formula: Formula) -> Change:
        node = edges[0].node
        other = shaped(formula(), (node._data, *edges[0].values)[place])
        args = (node, *node.args)
        same = [i for i, x in enumerate(args) if i == place or (isinstance(x, Tensor) and x is args[place])]
        return Change(rules={node: {edge.position: edge.reading(same, other) for edge in edges}})

    return change


def other_forward(node: Tensor, everywhere: bool = False) -> Callable[[Formula], Change]:
    """Return the change in which the formula gives the value of a node that the rules after it read."""
    return lambda formula: Change(values={node: shaped(formula(), node._data)}, everywhere=everywhere)


def sending(node: Tensor, ways: Mapping[int | None, Way]) -> Override:
    """Return an override of a node that sends something else to some arguments, given by position."""
    pairs = [(edge.x, ways.get(edge.position, edge.pull)) for edge in edges_of(node)]
    return lambda g: [(x, way(g)) for x, way in pairs]


def at_edge(edge: Edge, at: Suspicion, change: Callable[[Formula], Change], **names: Any) -> Site:
    node, x = at.called(edge.node), at.called(edge.x)
    words = {"where": f"{node}, on the way to {x}{at.place(edge.node)}", "node": node, "of": x}
    each = f"each {edge.node.op.name} of the line that made {node}, on the way to {x} and its like"
    line = edge.node._created_at, edge.node.op.name, edge.position
    return Site(names, words, change, line, {"where": each}, (file_line(edge.node), edge.node.op.name, edge.position))


def unary(at: Suspicion) -> Iterator[Edge]:
    return (
        e for e in at.edges if len(e.values) == 1 and e.x.shape == e.node.shape and isinstance(e.node.op, Elementwise)
    )
