"""Activations found in a graph: where one value is a function of another, entry by entry, however it was written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.rules import fit
from ..core.tensor import Tensor
from ..ops.primitive import Elementwise
from .recording import uses

Array = Any


@dataclass
class Block:
    """z = f(x), entry by entry, and the slope of f."""

    x: Tensor
    z: Tensor
    inner: list[Tensor]
    slope: Array

    def slope_at(self, w: Array) -> Array:
        """The slope of f at other numbers."""
        return slope(self.x, self.z, self.inner, w)


# Slopes written with the function's own value, as derivatives by hand are: what they say, and whether it is so.
FORMS: dict[str, tuple[str, Callable[[Array], Array]]] = {
    "sigmoid": ("a*(1-a)", lambda a: a * (1 - a)),
    "tanh": ("1-a*a", lambda a: 1 - a * a),
    "relu": ("a>0", lambda a: (a > 0).astype(float)),
    "exp": ("a", lambda a: a),
    "square root": ("1/(2*a)", lambda a: 1 / (2 * a)),
}
ACTIVATIONS = {name: FORMS[name] for name in ("sigmoid", "tanh", "relu")}


def forms_of(block: Block) -> Iterable[tuple[str, str, Callable[[Array], Array]]]:
    """What the block's slope is, as a formula in its value."""
    with np.errstate(all="ignore"):
        for name, (text, form) in FORMS.items():
            if np.allclose(form(block.z._data), block.slope, rtol=1e-6, atol=1e-9):
                yield name, text, form


def is_elementwise(node: Tensor) -> bool:
    """Whether a value is one function of others, the same for all entries: a mask makes it another for each."""
    made_from = {x for x, _ in node.edges}
    constants = [x for x in node.args if not isinstance(x, Tensor) or x not in made_from]
    return (
        isinstance(node.op, Elementwise)
        and all(x.shape == node.shape for x in made_from)
        and all(np.size(getattr(x, "_data", x)) == 1 for x in constants)
    )


def blocks(
    nodes: Iterable[Tensor], users: Mapping[Tensor, list[Tensor]], known: Callable[[Tensor], Any]
) -> list[Block]:
    """The blocks between values that matter: named ones, and those where something else begins or ends."""
    found = []
    for z in nodes:
        if is_elementwise(z) and matters_above(z, users, known):
            below = list(sources(z))
            for x, inner in below:
                if not is_elementwise(x) or known(x) or x is below[-1][0]:
                    with np.errstate(all="ignore"):
                        found.append(Block(x, z, inner, slope(x, z, inner)))
    return found


def matters_above(z: Tensor, users: Mapping[Tensor, list[Tensor]], known: Callable[[Tensor], Any]) -> bool:
    return bool(known(z)) or len(users[z]) != 1 or not is_elementwise(users[z][0])


def sources(z: Tensor) -> Iterable[tuple[Tensor, list[Tensor]]]:
    """The values that z is an elementwise function of alone, and the nodes between, the newest first."""
    frontier = {z}
    inner: list[Tensor] = []
    while True:
        node = max(frontier, key=lambda x: x.birth)
        if not is_elementwise(node):
            return
        frontier.remove(node)
        inner.append(node)
        frontier.update(x for x, _ in node.edges)
        if len(frontier) == 1:
            (x,) = frontier
            if x.shape == z.shape:
                yield x, list(inner)


def slope(x: Tensor, z: Tensor, inner: list[Tensor], w: Array = None) -> Array:
    """dz/dx entry by entry, at x's own value or at others."""
    values: dict[Any, Any] = {}
    if w is not None:
        values[x] = w
        for node in reversed(inner):
            values[node] = node.op.kernel(*arguments(node, values), **node.params)
    cotangents = {z: np.ones_like(z._data)}
    for node in inner:
        g = cotangents[node]
        for y, rule in node.edges:
            part = rule(g, values.get(node, node._data), *arguments(node, values), **node.params)
            part = fit(part, y._data, node.op.broadcasts)
            cotangents[y] = cotangents[y] + part if y in cotangents else part
    return cotangents[x]


def arguments(node: Tensor, values: Mapping[Any, Any]) -> list[Any]:
    return [values.get(x, used) for x, used in uses(node)]
