"""A recorded graph that can be walked again: back with other cotangents or other rules, forward with other values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from heapq import heappop, heappush
from typing import Any

import numpy as np

from ..core.backward import Pulled, pull_arrays
from ..core.dispatch import apply
from ..core.names import line, name_of
from ..core.tensor import Tensor, seed
from ..core.versions import as_used
from ..ops.several import Outputs
from .problem import graph_of

Array = Any
Override = Callable[[Any], Pulled]
SHAKE = 1e-6


def unchanged(g: Any) -> Any:
    return g


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
        self.nodes = sorted(graph_of([output]), key=lambda x: x.birth)
        self.check_unwritten()
        self.users: dict[Tensor, list[Tensor]] = {x: [] for x in self.nodes}
        for node in self.nodes:
            for x in dict.fromkeys(x for x, _ in node.edges):
                self.users[x].append(node)
        self.true = self.walk({})
        self.sizes = self.sizes_of_terms()

    def check_unwritten(self) -> None:
        for node in self.nodes:
            for x in (node, *node.args):
                seen = getattr(x, "_memory", None)
                if node.op is not None and seen and seen.written > node.birth:
                    raise RuntimeError(
                        f"{name_of(x) or 'a tensor'} {x.shape} was written to after {node.op.name} had used it, so the "
                        f"graph cannot be replayed.\n  written: {line(seen.where)}\nCall verify before the update."
                    )

    def walk(self, replaced: Mapping[Tensor, Array], through: Callable[[Any], Any] = unchanged) -> dict[Tensor, Any]:
        """The cotangents of all nodes, where some go on with the value given for them instead of their own."""
        found: dict[Tensor, Any] = {self.output: self.seed}
        for node in reversed(self.nodes):
            if node not in found or not node.edges:
                continue
            for x, g in pull_arrays(node, through(replaced.get(node, found[node]))):
                found[x] = found[x] + g if x in found else g
        return found

    def sizes_of_terms(self) -> dict[Tensor, float]:
        """How large the terms are that each cotangent is a sum of; a sum that cancels is made of rounding.

        Every cotangent on the way is shaken a little: what that changes is what the terms are.
        """
        rng = np.random.default_rng(0)

        def shake(g: Any) -> Any:
            if isinstance(g, Outputs):
                return Outputs(None if part is None else shake(part) for part in g)
            return g * (1 + SHAKE * rng.choice([-1.0, 1.0], g.shape) * rng.uniform(0.5, 1, g.shape))

        with np.errstate(all="ignore"):
            shaken = self.walk({}, shake)
            return {
                x: float(np.max(np.abs(shaken[x] - g), initial=0)) / SHAKE
                for x, g in self.true.items()
                if hasattr(g, "shape")
            }

    def effects(
        self,
        base: Mapping[Tensor, Any],
        stops: Iterable[Tensor],
        changes: Mapping[Tensor, Array],
        overrides: Mapping[Tensor, Override],
    ) -> dict[Tensor, Array]:
        """How much the cotangents of leaves and stops change.

        Parameters
        ----------
        base : dict
            The cotangents that all is compared with; every node goes on with these.
        stops : tensors
            Whose cotangent goes no further when it changes.
        changes : dict
            Added to cotangents.
        overrides : dict
            What nodes send back, given their cotangent, instead of what their rules say.
        """
        stops = set(stops)
        found: dict[Tensor, Any] = {}
        changed = dict(changes)
        pending = [(-x.birth, x) for x in {**changes, **overrides}]
        pending.sort()
        waiting = {x for _, x in pending}
        while pending:
            _, node = heappop(pending)
            change = changed.pop(node, None)
            if change is not None and (node in stops or not node.edges):
                found[node] = change
                change = None
            for x, g in self.sent(node, base.get(node), change, overrides.get(node)):
                changed[x] = changed[x] + g if x in changed else g
                if x not in waiting:
                    waiting.add(x)
                    heappush(pending, (-x.birth, x))
        return found

    def sent(self, node: Tensor, g: Any, change: Any, override: Override | None) -> Pulled:
        """What a change of a node's cotangent, or of its rules, changes in what it sends back."""
        if override is None or g is None:
            return pull_arrays(node, change) if change is not None and node.edges else []
        before = [(x, negative(part)) for x, part in pull_arrays(node, g)]
        return override(g if change is None else g + change) + before

    def below(self, node: Tensor, stops: Iterable[Tensor] = ()) -> set[Tensor]:
        """The nodes that a change of the node's cotangent reaches."""
        stops = set(stops)
        found: set[Tensor] = set()
        pending = [x for x, _ in node.edges]
        while pending:
            x = pending.pop()
            if x not in found:
                found.add(x)
                pending.extend(y for y, _ in x.edges if x not in stops)
        return found

    def above(self, node: Tensor, stops: Iterable[Tensor] = ()) -> list[Tensor]:
        """The nodes whose cotangents the node's is made from, up to stops and with these, the newest first."""
        stops = set(stops)
        found: set[Tensor] = set()
        pending = list(self.users[node])
        while pending:
            x = pending.pop()
            if x not in found:
                found.add(x)
                pending.extend([] if x in stops else self.users[x])
        return sorted(found, key=lambda x: -x.birth)

    def function_of(self, tensor: Tensor) -> Callable[[Array], Array]:
        """The output as a function of one value of the graph, by running what was made from it again."""
        made_from_it: set[Tensor] = {tensor}
        later = []
        for node in self.nodes:
            if any(x in made_from_it for x, _ in node.edges) and node is not tensor:
                made_from_it.add(node)
                later.append(node)

        def f(value: Array) -> Array:
            values: dict[Any, Any] = {tensor: value}
            for node in later:
                args = [values.get(x, used) for x, used in uses(node)]
                values[node] = node.op.kernel(*args, **node.params)
            return np.atleast_1d(np.sum(values.get(self.output, self.output._data) * self.seed))

        return f


def uses(node: Tensor) -> list[tuple[Tensor | None, Any]]:
    """The arguments of a node that are Tensors, None for the others, each with the value that the op used."""
    return [(x if isinstance(x, Tensor) else None, used) for x, used in zip(node.args, as_used(node)[1], strict=True)]


def negative(part: Any) -> Any:
    return Outputs(None if x is None else -x for x in part) if isinstance(part, Outputs) else -part


def in_float64(output: Tensor) -> tuple[Tensor, dict[Tensor, Tensor]]:
    """The same graph computed again in float64, and its nodes for the old ones."""
    again: dict[Any, Any] = {}
    for node in sorted(graph_of([output]), key=lambda x: x.birth):
        if not node.edges:
            again[node] = Tensor(node._data, requires_grad=True, dtype=np.float64, name=node.name)
            continue
        args = tuple(again.get(x, wide(used)) for x, used in uses(node))
        params = {**node.params, "dtype": np.dtype(float)} if node.op.name == "astype" else node.params
        again[node] = apply(node.op, args, params)
        again[node].where, again[node].name = node.where, node.name
    return again[output], again


def wide(data: Any) -> Any:
    return data.astype(np.float64) if getattr(data, "dtype", None) == np.float32 else data
