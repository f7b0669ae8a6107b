"""The backward pass with a slip in one rule, in all rules of one op, or in all that one line of the program made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np

from ..core.rules import reads
from .slips import Pull, nothing, opposite, slips
from .suspicion import Edge, Hypothesis, Suspicion, edges_of, replacing_operand, sending

Array = Any


def mutations(at: Suspicion) -> Iterator[Hypothesis]:
    for edge in at.edges:
        where = f"{edge.node.op.name}, on the way from {at.called(edge.node)} to {at.called(edge.x)}"
        for kind, says, pull in slips(edge, at):
            override = {edge.node: sending(edge.node, {edge.position: pull})}
            yield Hypothesis(kind, f"{says}, in {where}", overrides=override)
    yield from in_all_rules(at)
    yield from on_one_line(at)
    yield from after_the_update(at)


def in_all_rules(at: Suspicion) -> Iterator[Hypothesis]:
    """A value read wrongly by all the rules of one op."""
    for node in dict.fromkeys(edge.node for edge in at.edges):
        edges = edges_of(node)
        if len(edges) < 2:
            continue
        for place, x in enumerate((node, *node.args)):
            value = getattr(x, "_data", x)
            if not getattr(value, "ndim", 0) or not any(reads(edge.rule, place) for edge in edges):
                continue
            where = f"both derivatives of {at.called(node)}"
            for name, w in at.like(value.shape, but=value):
                says = f"{name} stands where {at.called(x)} belongs, in {where}"
                yield Hypothesis("operand", says, overrides=replacing_operand(node, place, w))
            says = f"{at.called(x)} is left out of {where}"
            yield Hypothesis("operand left out", says, overrides=replacing_operand(node, place, np.ones_like(value)))


def on_one_line(at: Suspicion) -> Iterator[Hypothesis]:
    """The same slip at all nodes that one line of the program made, as a loop by hand makes it."""
    groups: dict[Any, list[Edge]] = defaultdict(list)
    for edge in at.edges:
        groups[edge.node.where, edge.node.op.name, edge.position].append(edge)
    for edges in groups.values():
        if len(edges) > 1:
            first = edges[0]
            where = f"each {first.node.op.name} of the line that made {at.called(first.node)}"
            way = f"on the way to {at.called(first.x)} and its like"
            for kind, says, pulls in together(edges, at):
                yield joined(kind, f"{says}, in {where}, {way}", edges, pulls)


def together(edges: list[Edge], at: Suspicion) -> Iterator[tuple[str, str, list[Pull]]]:
    """Slips in the rules of several ops at once."""
    yield "missing path", "no gradient comes this way", [partial(nothing, edge) for edge in edges]
    yield "sign", "the sign is wrong", [partial(opposite, edge) for edge in edges]
    if all(edge.x.shape == edge.node.shape for edge in edges):
        yield "left out", "the derivative is left out", [lambda g: g] * len(edges)
    for place in range(len(edges[0].values) + 1):
        values = [(edge.node._data, *edge.values)[place] for edge in edges]
        if not getattr(values[0], "ndim", 0) or not reads(edges[0].rule, place):
            continue
        name = shared_name(edges, place, at)
        for by, which in ((1, "after"), (-1, "before")):
            moved = neighbours(edges, place, by, at)
            if moved:
                yield "operand", f"the {name} of the step {which} is used", read(edges, place, moved)
        if values[0].ndim == 2 and values[0].shape[0] == values[0].shape[1]:
            yield "transpose", f"{name} is transposed wrongly", read(edges, place, [value.T for value in values])
        if values[0].ndim > 3:
            flipped = [np.flip(value, (-2, -1)) for value in values]
            yield "flip", f"{name} is flipped, and should not be", read(edges, place, flipped)
        yield "operand left out", f"{name} is left out", read(edges, place, [np.ones_like(value) for value in values])
        if place and all(value.shape == edge.node.shape for value, edge in zip(values, edges, strict=True)):
            results = [edge.node._data for edge in edges]
            yield "operand", f"the result is used for {name}", read(edges, place, results)


def shared_name(edges: list[Edge], place: int, at: Suspicion) -> str:
    """What one operand of all the ops is called, if it is one; else how the first is, and so on."""
    own = [(edge.node, *edge.node.args)[place] for edge in edges]
    return at.called(own[0]) if all(x is own[0] for x in own) else f"factor ({at.called(own[0])}, ...)"


def read(edges: list[Edge], place: int, values: list[Array]) -> list[Pull]:
    return [edge.with_operand(place, value) for edge, value in zip(edges, values, strict=True)]


def neighbours(edges: list[Edge], place: int, by: int, at: Suspicion) -> list[Array] | None:
    """What the next step, or the one before, made on the line that made what each rule reads."""
    own = [(edge.node, *edge.node.args)[place] for edge in edges]
    lines = {(x.op.name, x.where) for x in own if getattr(x, "op", None)}
    if len(lines) != 1:
        return None
    (line,) = lines
    steps = [x for x in at.recording.nodes if x.op is not None and (x.op.name, x.where) == line]
    order = {id(x): i for i, x in enumerate(steps)}
    first = next((x for x in own if not getattr(x, "op", None)), None)
    places = [order.get(id(x), -1) + by for x in own]
    found = [steps[i] if 0 <= i < len(steps) else first for i in places]
    if any(getattr(x, "shape", None) != y.shape for x, y in zip(found, own, strict=True)):
        return None
    return [getattr(x, "_data", x) for x in found]


def joined(kind: str, says: str, edges: Iterable[Edge], pulls: Iterable[Pull]) -> Hypothesis:
    ways: dict[Any, dict[int, Pull]] = defaultdict(dict)
    for edge, pull in zip(edges, pulls, strict=True):
        ways[edge.node][edge.position] = pull
    return Hypothesis(kind, says, overrides={node: sending(node, by_place) for node, by_place in ways.items()})


def after_the_update(at: Suspicion) -> Iterator[Hypothesis]:
    """Weights read after they were updated: one of them, or each on the way; by how much, the numbers tell."""
    by_weight: dict[Any, list[Any]] = defaultdict(list)
    for edge in at.edges:
        for place, w in enumerate(edge.node.args):
            gradient = at.hands.get(w, at.base.get(w)) if not getattr(w, "edges", True) else None
            if hasattr(gradient, "shape") and place != edge.position and reads(edge.rule, place + 1):
                by_weight[w].append((edge, place, w, gradient))
    together = [[use for uses in by_weight.values() for use in uses]] if len(by_weight) > 1 else []
    for uses in [*by_weight.values(), *together]:
        names = " and ".join(dict.fromkeys(at.called(w) for _, _, w, _ in uses))
        says = (
            f"{names} had been updated already, by {{factor}} times the gradient, when the gradients of what is below "
            "were worked out: keep all updates for the end"
        )
        yield Hypothesis("after the update", says, family=partial(updated, uses), unknown=True)


def updated(uses: list[Any], rate: float) -> dict[Any, Any]:
    """The overrides by which weights have moved against their gradient."""
    ways: dict[Any, dict[int, Pull]] = defaultdict(dict)
    for edge, place, w, gradient in uses:
        ways[edge.node][edge.position] = edge.with_operand(place + 1, w._data - rate * gradient)
    return {node: sending(node, pulls) for node, pulls in ways.items()}
