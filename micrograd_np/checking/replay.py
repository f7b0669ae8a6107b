"""A recorded graph that can be run again: forward with other values, backward with other cotangents or rules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from ..core.backward import Pulled, fit, pull_arrays
from ..core.dispatch import apply
from ..core.errors import GradientError
from ..core.names import format_location, name_of
from ..core.tensor import Tensor, seed
from ..core.versions import as_used
from ..ops.indexing import getitem
from ..ops.primitive import Elementwise
from ..ops.shape import astype
from .flat_function import SHAKE, nodes_of, shaken

Array = Any
Override = Callable[[Any], Pulled]  # from a node's cotangent to what it sends to its arguments


class Recording:
    """The graph of an output, its true cotangents, and which nodes use which.

    Raises
    ------
    RuntimeError
        If a value in the graph was written to after it was used: the graph cannot be replayed.
    """

    def __init__(self, output: Tensor, gradient: Any = None) -> None:
        self.output = output
        self.seed = seed(output, gradient)
        self.nodes = sorted(nodes_of([output]), key=lambda x: x._order)
        self.check_unwritten()
        self.users: dict[Tensor, list[Tensor]] = defaultdict(list)
        for node in self.nodes:
            for x in dict.fromkeys(x for x, _ in node._parents):
                self.users[x].append(node)
        self.choice: Mapping[Tensor, Override] = {}  # at kinked ops, where it is not the op's own
        self.kinks: Any = None
        self.texts: dict[int, str] = {}  # for values, by id
        self.true = self.walk()
        self.sizes = self.sizes_of_terms()

    def check_unwritten(self) -> None:
        for node in self.nodes:
            for x in (node, *node.args):
                seen = getattr(x, "_memory", None)
                if node.op is not None and seen and seen.written > node._order:
                    raise GradientError(
                        f"{name_of(x) or 'a tensor'} {x.shape} was written to after {node.op.name} had used it, so the "
                        f"graph cannot be replayed.\n  written: {format_location(seen.where)}\n"
                        "Call verify before the update."
                    )

    def walk(
        self,
        given: Mapping[Tensor, Array] | None = None,
        overrides: Mapping[Tensor, Override] | None = None,
        changes: Mapping[Tensor, Array] | None = None,
    ) -> dict[Tensor, Any]:
        """Return the cotangents of all nodes.

        A node in `given` propagates the given cotangent instead of its own; one in `overrides` sends to its arguments
        what the override gives; what `changes` holds for a node is added to its cotangent.
        """
        given, overrides, changes = given or {}, overrides or {}, changes or {}
        found: dict[Tensor, Any] = {self.output: self.seed}
        for node in reversed(self.nodes):
            if node not in found:
                continue
            if node in changes:
                found[node] = found[node] + changes[node]
            if node._parents:
                g = given.get(node, found[node])
                for x, part in overrides[node](g) if node in overrides else self.pull(node, g):
                    found[x] = found[x] + part if x in found else part
        return found

    def choose(self, choice: Mapping[Tensor, Override]) -> None:
        """Use another choice of derivatives at kinked ops from now on, and compute the true cotangents again."""
        self.choice = choice
        self.true = self.walk()

    def pull(self, node: Tensor, g: Any) -> Pulled:
        """Return the cotangents that a node sends to its arguments."""
        return self.choice[node](g) if node in self.choice else pull_arrays(node, g)

    def sizes_of_terms(self) -> dict[Tensor, float]:
        """Estimate the size of the terms that each cotangent is a sum of; where they cancel, rounding error is left.

        Every cotangent on the way is changed a little at random; the change of the sum shows the size of its terms.
        """
        rng = np.random.default_rng(0)

        def pull(node: Tensor, g: Any) -> Pulled:
            return self.pull(node, shaken(g, rng))

        with np.errstate(all="ignore"):
            found = self.walk(overrides={node: partial(pull, node) for node in self.nodes})
            return {
                x: float(np.max(np.abs(found[x] - g), initial=0)) / SHAKE
                for x, g in self.true.items()
                if is_one_array(g)
            }

    def again(self, replaced: Mapping[Tensor, Array]) -> dict[Tensor, Any]:
        """Return the values of the nodes that depend on replaced ones, computed again, and the replaced ones."""
        values = dict(replaced)
        for node in self.nodes:
            if node not in values and any(x in values for x, _ in node._parents):
                values[node] = node.op.kernel(*arguments(node, values), **node.params)
        return values

    def reading(self, values: Mapping[Tensor, Any]) -> dict[Tensor, Override]:
        """Return the overrides with which all rules read these values."""
        return {
            node: partial(pulls_of, node, z=values.get(node), values=arguments(node, values))
            for node in self.nodes
            if node in values or any(x in values for x, _ in node._parents)
        }

    def function_of(self, tensor: Tensor) -> Callable[[Array], Array]:
        """Return the output as a function of one value of the graph."""

        def f(value: Array) -> Array:
            return np.atleast_1d(np.sum(self.again({tensor: value}).get(self.output, self.output._data) * self.seed))

        return f

    @cached_property
    def terms(self) -> dict[int, bool]:
        """The numbers of terms that a scalar loss adds, in sums and in loops; True if it is a mean of the terms.

        A sum over a single leaf, such as that of the squared weights, is not counted if there are others.
        """
        lines: dict[Any, list[Tensor]] = defaultdict(list)
        sums: list[Tensor] = []
        scalars = {self.output} if self.output.size == 1 else set()
        for node in reversed(self.nodes):
            if node in scalars and node._parents:
                lines[node._created_at].append(node)
                parents = [x for x, _ in node._parents if is_one_array(x._data)]
                scalars.update(x for x in parents if x.size == 1)
                sums += [x for x in parents if x.size > 1 and node.op is not getitem]
        sums = [x for x in sums if self.depends_on_several(x)] or sums
        counted = [(x, {*x.shape, x.size}) for x in sums] + [(nodes[0], {len(nodes)}) for nodes in lines.values()]
        found: dict[int, bool] = {}
        for x, counts in counted:
            g = np.abs(self.true[x])
            mean = any(np.allclose(g * n, two) for n in counts - {1} for two in (1, 2, 0.5))
            found |= {n: mean or found.get(n, False) for n in counts - {1}}
        return found

    @cached_property
    def values(self) -> dict[tuple[int, ...], list[tuple[Any, Array]]]:
        """All values of the graph by shape, each once."""
        found: dict[Any, dict[bytes, tuple[Any, Array]]] = defaultdict(dict)
        for node in self.nodes:
            z, values = as_used(node)
            for x, data in zip((*node.args, node), (*values, z), strict=True):
                if getattr(data, "dtype", None) is not None and data.dtype.kind in "fiub" and data.ndim:
                    found[data.shape].setdefault(data.astype(float).tobytes(), (x, data))
        return {shape: list(values.values()) for shape, values in found.items()}

    def depends_on_several(self, x: Tensor) -> bool:
        """Return whether a value is made from more than one leaf or array."""
        nodes = nodes_of([x])
        arrays = [y for node in nodes for y in node.args if not isinstance(y, Tensor) and np.ndim(y)]
        return len(arrays) + sum(not node._parents for node in nodes) > 1

    def above(self, node: Tensor, stops: Iterable[Tensor] = ()) -> list[Tensor]:
        """Return the nodes that the node's cotangent is computed from, up to the stops, and with them, newest first."""
        stops = set(stops)
        found: set[Tensor] = set()
        pending = list(self.users[node])
        while pending:
            x = pending.pop()
            if x not in found:
                found.add(x)
                pending.extend([] if x in stops else self.users[x])
        return sorted(found, key=lambda x: -x._order)


def is_one_array(g: Any) -> bool:
    """Return whether a cotangent is one array, not a tuple (an op with several outputs) or None (no gradient)."""
    return isinstance(g, np.ndarray | np.generic)


def pulls_of(node: Tensor, g: Any, z: Any = None, values: Any = None) -> Pulled:
    """Return the cotangents that a node sends to its arguments; its rules read its own values or the given ones."""
    used_z, used = as_used(node)
    z = used_z if z is None else z
    values = used if values is None else values
    return [
        (node.args[i], fit(rule(g, z, *values, **node.params), node.args[i]._data, node.op.broadcasts))
        for i, rule in node._paths
    ]


def arguments(node: Tensor, values: Mapping[Any, Any]) -> list[Any]:
    """Return the values of a node's arguments, some of them replaced by those in `values`."""
    pairs = zip(node.args, as_used(node)[1], strict=True)
    return [values.get(x, value) if isinstance(x, Tensor) else value for x, value in pairs]


def in_float64(output: Tensor, change: Callable[[Array], Array] = np.asarray) -> tuple[Tensor, dict[Tensor, Tensor]]:
    """Compute the same graph in float64; return its output, and a map from the old nodes to the new ones.

    `change` gives the values of leaves.
    """
    again: dict[Any, Any] = {}
    for node in sorted(nodes_of([output]), key=lambda x: x._order):
        if not node._parents:
            again[node] = Tensor(change(node._data), requires_grad=True, dtype=np.float64, name=node.name)
            continue
        args = tuple(
            again[x] if isinstance(x, Tensor) and x in again else in_double(used)
            for x, used in zip(node.args, as_used(node)[1], strict=True)
        )
        params = {**node.params, "dtype": np.dtype(float)} if node.op is astype else node.params
        again[node] = apply(node.op, args, params)
        again[node]._created_at, again[node].name = node._created_at, node.name
    return again[output], again


def in_double(data: Any) -> Any:
    return data.astype(np.float64) if getattr(data, "dtype", None) == np.float32 else data


# Elementwise blocks: activations, and other functions that people differentiate as a whole.


@dataclass
class Block:
    """z = f(x), entry by entry, and the slope of f."""

    x: Tensor
    z: Tensor
    inner: list[Tensor]
    slope: Array

    def slope_at(self, w: Array) -> Array:
        """Return the slope of f at other values of x."""
        return slope(self.x, self.z, self.inner, w)

    @cached_property
    def curved(self) -> bool:
        """Return whether the slope depends on x: that of 1 + x does not, though relu has it at positive values."""
        with np.errstate(all="ignore"):
            others = [self.slope_at(w) for w in (1.5 * self.x._data + 0.1, -self.x._data)]
        return any(not np.array_equal(other, self.slope) for other in others)

    @property
    def forms(self) -> list[tuple[str, str]]:
        """The formulas in the value a that give the slope: the function's name, and the text."""
        if not self.curved:
            return []
        a = self.z._data
        with np.errstate(all="ignore"):
            return [
                (name, text) for name, (text, form) in FORMS.items() if np.allclose(form(a), self.slope, 1e-6, 1e-9)
            ]


ACTIVATIONS = ("sigmoid", "tanh", "relu")

# Slopes as formulas in the function's value a, as people write them by hand: the text, and the formula.
FORMS: dict[str, tuple[str, Callable[[Array], Array]]] = {
    "sigmoid": ("a*(1-a)", lambda a: a * (1 - a)),
    "tanh": ("1-a*a", lambda a: 1 - a * a),
    "relu": ("a>0", lambda a: (a > 0).astype(float)),
    "exp": ("a", lambda a: a),
    "square root": ("1/(2*a)", lambda a: 1 / (2 * a)),
}


def is_elementwise(node: Tensor) -> bool:
    """Return whether a value is one function of its parents, the same for all entries; with a mask it is not."""
    made_from = {x for x, _ in node._parents}
    constants = [x for x in node.args if not isinstance(x, Tensor) or x not in made_from]
    return (
        isinstance(node.op, Elementwise)
        and all(x.shape == node.shape for x in made_from)
        and all(np.size(getattr(x, "_data", x)) == 1 for x in constants)
    )


def blocks(
    nodes: Iterable[Tensor], users: Mapping[Tensor, list[Tensor]], known: Callable[[Tensor], Any]
) -> list[Block]:
    """Return the elementwise blocks that begin and end at named values, or where another kind of op begins.

    An activation also ends where it is combined with a value that it is no function of.
    """
    found = []
    for z in nodes:
        ends = known(z) or len(users[z]) != 1 or not is_elementwise(users[z][0])
        joins = not ends and not any(True for _ in sources(users[z][0]))
        if is_elementwise(z) and (ends or joins):
            below = list(sources(z))
            for x, inner in below:
                if not is_elementwise(x) or known(x) or x is below[-1][0]:
                    with np.errstate(all="ignore"):
                        block = Block(x, z, inner, slope(x, z, inner))
                    if ends or any(function in ACTIVATIONS for function, _ in block.forms):
                        found.append(block)
    return found


def sources(z: Tensor) -> Iterable[tuple[Tensor, list[Tensor]]]:
    """Yield each value that alone determines z, entry by entry, with the nodes between, newest first."""
    frontier = {z}
    inner: list[Tensor] = []
    while True:
        node = max(frontier, key=lambda x: x._order)
        if not is_elementwise(node):
            return
        frontier.remove(node)
        inner.append(node)
        frontier.update(x for x, _ in node._parents)
        if len(frontier) == 1:
            (x,) = frontier
            if x.shape == z.shape:
                yield x, list(inner)


def slope(x: Tensor, z: Tensor, inner: list[Tensor], w: Array = None) -> Array:
    """Return dz/dx entry by entry, at x's own value or at `w`."""
    values: dict[Any, Any] = {} if w is None else {x: w}
    for node in reversed(inner) if values else ():
        values[node] = node.op.kernel(*arguments(node, values), **node.params)
    cotangents = {z: np.ones_like(z._data)}
    for node in inner:
        for y, part in pulls_of(node, cotangents[node], values.get(node), arguments(node, values)):
            cotangents[y] = cotangents[y] + part if y in cotangents else part
    return cotangents[x]
