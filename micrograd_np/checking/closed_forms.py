"""Slips in derivatives that people write in closed form: of a softmax, a normalisation, a power, an extreme.

A softmax or a normalisation is recognised by its numbers, however its forward pass was written.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations, permutations
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .hypotheses import Edge, Hypothesis, Suspicion, edges_of, file_line, sending
from .mistakes import mistakes
from .replay import arguments, is_array, pulls_of

Array = Any
MOST_FORWARD = 60


def closed_forms(at: Suspicion) -> Iterator[Hypothesis]:
    """Yield the slips of the tables at each place where their closed form is found."""
    for z in at.above:
        if not is_array(at.base.get(z)):
            continue
        yield from of_softmax(z, at)
        yield from of_normalisation(z, at)
    yield from of_rules(at)
    yield from of_groups(at)


def ancestors(z: Tensor, at: Suspicion) -> Iterator[Tensor]:
    """Yield the values of z's shape that lie between the row and z."""
    inside = set(at.inside)
    below = at.recording.below(z)
    return (x for x in reversed(at.recording.nodes) if x in below and x in inside and x.shape == z.shape)


def of_softmax(z: Tensor, at: Suspicion) -> Iterator[Hypothesis]:
    p = z._data
    if not is_array(p) or p.dtype.kind != "f" or p.ndim < 1 or np.any(p < 0) or np.any(p > 1):
        return
    for k in range(p.ndim):
        if p.shape[k] < 2 or not np.allclose(p.sum(axis=k), 1):
            continue
        for x in ancestors(z, at):
            e = np.exp(x._data - x._data.max(axis=k, keepdims=True))
            if np.allclose(e / e.sum(axis=k, keepdims=True), p):
                others = [o for o in range(p.ndim) if o != k] or [k]
                for kind, says, slip in mistakes("softmax"):
                    for o in others[-1:] if kind != "softmax axis" else others:
                        send = partial(replaced, x, partial(slip, p=p, k=k, o=o))
                        yield Hypothesis(kind, f"{says}, in {at.called(z)}{at.place(z)}", overrides={z: send})


def of_normalisation(z: Tensor, at: Suspicion) -> Iterator[Hypothesis]:
    u = z._data
    if not is_array(u) or u.dtype.kind != "f" or not 1 <= u.ndim <= 4:
        return
    subsets = [k for count in range(1, u.ndim + 1) for k in combinations(range(u.ndim), count)]
    for k in subsets:
        n = math.prod(u.shape[axis] for axis in k)
        v = u.var(axis=k)
        if n < 3 or not np.allclose(u.mean(axis=k), 0, atol=1e-7) or np.any(v > 1 + 1e-6) or np.any(v < 0.5):
            continue
        for x in ancestors(z, at):
            centred = x._data - x._data.mean(axis=k, keepdims=True)
            s = centred.std(axis=k, keepdims=True) / u.std(axis=k, keepdims=True)
            moved = np.max(np.abs(x._data.mean(axis=k, keepdims=True))) > 1e-9 * np.max(np.abs(x._data))
            if moved and np.allclose(centred / s, u):
                for kind, says, slip in mistakes("normalisation"):
                    for o in [o for o in subsets if o != k and len(o) < u.ndim] if kind == "wrong axis" else [k]:
                        send = partial(replaced, x, partial(slip, x=x._data, u=u, s=s, k=k, o=o, n=n))
                        yield Hypothesis(kind, f"{says}, in {at.called(z)}{at.place(z)}", overrides={z: send})


def replaced(x: Tensor, slip: Callable[[Array], Array], g: Array) -> list[tuple[Tensor, Array]]:
    return [(x, slip(g))]


def of_rules(at: Suspicion) -> Iterator[Hypothesis]:
    """Yield slips in single rules: powers, slopes, masks, extremes, the two sides of a product, picked entries."""
    for node in dict.fromkeys(edge.node for edge in at.edges):
        for edge in edges_of(node):
            where = f"{at.called(node)}, on the way to {at.short(edge.x)}{at.place(node)}"
            for kind, says, pull in rule_slips(edge):
                yield Hypothesis(kind, f"{says}, in {where}", overrides={node: sending(node, {edge.position: pull})})
        yield from whole_node(node, at)


def rule_slips(edge: Edge) -> Iterator[tuple[str, str, Callable[[Array], Array]]]:
    """Yield slips in the cotangent of one argument: kind, sentence, and the wrong rule."""
    node, x = edge.node, edge.x._data
    values = edge.values
    if len(values) == 2 and edge.position == 0 and np.ndim(values[1]) == 0 and is_power(node):
        n = float(values[1])
        for kind, says, slip in mistakes("power"):
            slope = slip(x, n)
            text = says.replace("{n-1}", f"{n - 1:g}").replace("{n}", f"{n:g}")
            yield kind, text, partial(times, slope)
    if len(values) == 1 and x.shape == node.shape:
        one = edge.pull(np.ones_like(node._data))
        yield "value for derivative", "the function itself stands for its derivative", partial(times, node._data)
        yield "derivative inverted", "the gradient is divided by the derivative", partial(times, 1 / one)
        yield "derivative of the derivative", "1 minus the derivative stands for it", partial(times, 1 - one)
        for kind, says, slope_of in mistakes("slope"):
            yield kind, says, partial(times, slope_of(x))
        if x.ndim == 2 and x.shape[0] == x.shape[1] and is_inverse(node):
            z = node._data
            yield "operand left out", "one of the two inverses in its derivative is left out", lambda g: -g @ z.T
            yield "operand left out", "one of the two inverses in its derivative is left out", lambda g: -z.T @ g
            yield "transpose", "the inverses in its derivative are not transposed", lambda g: -z @ g @ z
    for place, value in enumerate((node._data, *values)):
        if np.ndim(value) and np.size(value) and getattr(value, "dtype", None) is not None:
            yield from changed_values(edge, place, value)
    if np.ndim(node._data) >= 2 and node.shape[-1] == node.shape[-2]:
        yield "transpose", "the gradient is transposed, or should be", lambda g: edge.pull(np.swapaxes(g, -1, -2))
    if x.size > np.size(node._data) > 0 and node.op.kernel is not None:
        yield from reductions(edge)


def changed_values(edge: Edge, place: int, value: Array) -> Iterator[tuple[str, str, Callable[[Array], Array]]]:
    """Yield slips in a value that a rule reads: squared, its square root, transposed, flipped, or a mask inverted."""
    name = (
        "its result"
        if place == 0
        else f"argument {place}"
        if edge.node.args[place - 1] is not edge.x
        else "its argument"
    )
    if value.dtype.kind == "f":
        yield "operand", f"the square of {name} stands where {name} belongs", edge.with_operand(place, value * value)
        root = np.sqrt(np.abs(value))
        yield "operand", f"the square root of {name} stands where {name} belongs", edge.with_operand(place, root)
    if value.ndim > 2 and value.shape[-1] == value.shape[-2]:
        yield (
            "transpose",
            f"{name} is not transposed, or should not be",
            edge.with_operand(place, np.swapaxes(value, -1, -2)),
        )
    if value.ndim > 3:
        yield "flip", f"{name} is flipped, and should not be", edge.with_operand(place, np.flip(value, (-2, -1)))
    top = np.max(value)
    if top and np.all((value == 0) | (value == top)) and place and edge.position != place - 1:
        other = np.where(value == 0, np.full_like(value, top), np.zeros_like(value))
        yield "mask inverted", "the mask is the other way round", edge.with_operand(place, other)
        if value.dtype.kind == "f" and top != 1:
            yield (
                "mask without its scale",
                f"the factor {top:.4g} of the mask is left out",
                edge.with_operand(place, value / top),
            )
            yield (
                "mask without its scale",
                f"the factor {top:.4g} of the mask counts twice",
                edge.with_operand(place, value * top),
            )


def reductions(edge: Edge) -> Iterator[tuple[str, str, Callable[[Array], Array]]]:
    """Yield slips in a maximum: the gradient goes to all entries, to their average, or to the other extreme."""
    node, x, values = edge.node, edge.x._data, edge.values
    rest = [v for i, v in enumerate(values) if i != edge.position]
    flat = np.zeros_like(x)
    level = node.op.kernel(*put(values, edge.position, flat), **node.params)

    def even(g: Array) -> Array:
        return edge.rule(g, level, *put(values, edge.position, flat), **node.params)

    share = even(np.ones_like(level))
    usual = edge.pull(np.ones_like(level))
    if rest or np.allclose(share, usual):
        return
    yield "averaged extreme", "the gradient is spread evenly over the window, as in average pooling", even
    count = 1 / np.max(share)
    yield (
        "all of the extreme",
        "every entry gets the whole gradient; the mask of the extreme is missing",
        lambda g: count * even(g),
    )
    below = node.op.kernel(*put(values, edge.position, -x), **node.params)
    other = edge.rule(np.ones_like(level), below, *put(values, edge.position, -x), **node.params)
    if not np.allclose(other, usual):
        yield (
            "other extreme",
            "the gradient goes to the smallest entry, not to the largest, or the other way round",
            lambda g: edge.rule(g, below, *put(values, edge.position, -x), **node.params),
        )


def put(values: list[Any], i: int, x: Any) -> list[Any]:
    return [*values[:i], x, *values[i + 1 :]]


def whole_node(node: Tensor, at: Suspicion) -> Iterator[Hypothesis]:
    """Yield slips in all the rules of one op: a boolean condition that is inverted or left out."""
    for i, value in enumerate(node._values):
        if getattr(getattr(value, "dtype", None), "kind", "") == "b" and np.ndim(value):
            turned = put(list(node._values), i, ~value)
            says = f"the condition is the other way round, in {at.called(node)}{at.place(node)}"
            yield Hypothesis("mask inverted", says, overrides={node: partial(read_with, node, turned)})
            none = put(list(node._values), i, np.ones_like(value))
            says = f"the condition is left out, in {at.called(node)}{at.place(node)}"
            yield Hypothesis("mask left out", says, overrides={node: partial(read_with, node, none)})


def read_with(node: Tensor, values: list[Any], g: Array) -> Any:
    return pulls_of(node, g, node._data, values)


def of_groups(at: Suspicion) -> Iterator[Hypothesis]:
    """Yield the same slip in all ops that one line made, and picked entries that overwrite each other."""
    groups: dict[Any, list[Edge]] = defaultdict(list)
    for edge in at.edges:
        groups[file_line(edge.node), edge.node.op, edge.position].append(edge)
    for edges in groups.values():
        if not 2 <= len(edges) <= 200:
            continue
        where = f"each op of the line of {at.called(edges[0].node)}{at.place(edges[0].node)}"
        columns = [list(rule_slips(edge)) for edge in edges]
        for same in zip(*columns, strict=False):
            if len({(kind, says) for kind, says, _ in same}) == 1:
                overrides = {
                    e.node: sending(e.node, {e.position: pull}) for e, (_, _, pull) in zip(edges, same, strict=True)
                }
                yield Hypothesis(same[0][0], f"{same[0][1]}, in {where}", overrides=overrides)
        if len({edge.x for edge in edges}) == 1 and edges[0].x.size > edges[0].node.size:
            yield from overwritten_picks(edges, at)


def overwritten_picks(edges: list[Edge], at: Suspicion) -> Iterator[Hypothesis]:
    """Yield slips where windows overlap: the last (or first) gradient counts instead of the sum."""
    touched = [edge.pull(np.ones_like(edge.node._data)) != 0 for edge in edges]
    for order, which in ((1, "last"), (-1, "first")):
        free = np.ones(edges[0].x.shape, bool)
        overrides = {}
        for edge, mask in list(zip(edges, touched, strict=True))[::-order]:
            keep = free & mask
            free = free & ~mask
            overrides[edge.node] = sending(edge.node, {edge.position: partial(kept, edge, keep)})
        where = at.called(edges[0].node)
        says = f"where windows overlap, the {which} gradient is assigned and not added: write +=, in {where}"
        yield Hypothesis("overwritten", says, overrides=overrides)


def kept(edge: Edge, mask: Array, g: Array) -> Array:
    return edge.pull(g) * mask


def times(slope: Array, g: Array) -> Array:
    return g * slope


def is_power(node: Tensor) -> bool:
    return bool(np.allclose(node._data, node._values[0] ** node._values[1], equal_nan=True))


def is_inverse(node: Tensor) -> bool:
    x, z = node._values[0], node._data
    return bool(x.shape == z.shape and np.allclose(x @ z, np.eye(len(x)), atol=1e-6))


def other_forwards(at: Suspicion) -> Iterator[Hypothesis]:
    """Yield derivatives of another forward pass: rules read values without a term, a factor or a mask."""
    inside = set(at.inside) | set(at.above)
    tried = 0
    for node in reversed(at.recording.nodes):
        if node.op is None or not node._parents or len(node._values) != 2 or not node.op.broadcasts:
            continue
        for i, x in enumerate(node.args):
            other = node._values[1 - i]
            if np.shape(other) != node.shape or not np.size(getattr(x, "_data", x)):
                continue
            if tried >= MOST_FORWARD:
                return
            values: dict[Any, Any] = {node: np.array(other, dtype=float)}
            for later in at.recording.nodes:
                if later._order > node._order and any(isinstance(y, Tensor) and y in values for y in later.args):
                    values[later] = later.op.kernel(*arguments(later, values), **later.params)
            overrides = {}
            for later in values:
                if later is not node and later in inside:
                    overrides[later] = partial(read_other, later, values)
            if overrides:
                tried += 1
                what = f"{at.called(x)} is left out of {at.called(node)}{at.place(node)}, in the values"
                yield Hypothesis("left out of a value", f"{what} that the gradient is made of", overrides=overrides)
                kept = node.args[1 - i]
                if node in inside and isinstance(kept, Tensor) and not isinstance(x, Tensor):
                    whole = {**overrides, node: partial(replaced, kept, np.positive)}
                    yield Hypothesis("left out of a value", f"{what} and in the gradient", overrides=whole)


def read_other(node: Tensor, values: dict[Any, Any], g: Array) -> Any:
    return pulls_of(node, g, values[node], arguments(node, values))


def blocks_of_columns(g: Array) -> Iterator[tuple[str, str, Array]]:
    """Yield gradients with their blocks of columns in another order, as for the gates of an LSTM."""
    for axis in {g.ndim - 1, 0} if g.ndim else ():
        for count in (2, 3, 4):
            if g.shape[axis] % count or g.shape[axis] < 2 * count:
                continue
            parts = np.split(g, count, axis)
            for order in permutations(range(count)):
                if order != tuple(range(count)):
                    says = f"has its {count} blocks along axis {axis} in the order {', '.join(map(str, order))}"
                    yield "blocks", says, np.concatenate([parts[i] for i in order], axis)
