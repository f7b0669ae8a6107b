"""Slips: mistakes of the table, and others, at places in a graph; each sends a gradient back in another way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations, permutations
from typing import Any

import numpy as np

from ..core.backward import Pulled, unbroadcast
from ..core.dispatch import apply
from ..core.tensor import Tensor
from ..core.versions import reads
from ..ops.primitive import Elementwise
from .claims import Closeness, Row, parallel
from .closed_forms import blocks_of_columns
from .conventions import named_factors
from .hypotheses import PROVEN, Edge, Hypothesis, Suspicion, at_line, edges_of, replacing_operand, rerouting, sending
from .mistakes import mistakes
from .replay import ACTIVATIONS, Block, Recording, arguments, forms_of, is_array, sources
from .replay import slope as slope_of_block

Array = Any

MOST_SAMPLES = 64
LOOSE = Closeness(1e-6, 1e-6)


def patterns(at: Suspicion) -> Iterator[Hypothesis]:
    """Yield changes of the gradient at the wrong row, and at each value between it and the known ones above."""
    for x in at.places:
        g = at.gradient(x)
        if not g.any():
            continue
        name = at.called(x)
        yield Hypothesis("sign", f"the gradient of {name} has the opposite sign", {x: -2 * g})
        scaled = f"the gradient of {name} is {{whole}} times what it should be"
        yield Hypothesis("unnamed scale", scaled, {x: g}, unknown=True)
        others = () if g.size == 1 else (*turns(g), *losses(g), *samples(g), *blocks_of_columns(g))
        for kind, says, other in (*others, *(scales(g, at) if at.row.hand.size < PROVEN else ())):
            yield Hypothesis(kind, f"the gradient of {name} {says}", {x: other - g})
    yield from of_the_row(at)


def scales(g: Array, at: Suspicion) -> Iterator[tuple[str, str, Array]]:
    """Yield the usual factors and the program's constants, for rows with too few numbers to fit a factor."""
    factors = [*named_factors(at.sizes), *(f for c in at.constants for f in (c, 1 / c))]
    for factor in dict.fromkeys(factors):
        for sign in (1, -1):
            if sign * factor not in (1, -1):
                text = at.factor_text(sign * factor)
                yield "scale", f"is {text} times what it should be", sign * factor * g


def turns(g: Array) -> Iterator[tuple[str, str, Array]]:
    """Yield gradients with the same numbers in other places."""
    for axes in permutations(range(g.ndim)) if g.ndim <= 4 else ():
        turned = g.transpose(axes)
        if axes != tuple(range(g.ndim)):
            kind = "transpose" if g.ndim == 2 else "axes"
            if turned.shape == g.shape:
                yield kind, "is transposed" if g.ndim == 2 else f"has its axes in the order {axes}", turned
            yield "reshape", f"is reshaped where it should be transposed {axes}", turned.reshape(g.shape)
            source = g.reshape([g.shape[axis] for axis in axes]).transpose(np.argsort(axes))
            yield "reshape", f"is reshaped where it should be transposed {axes}", source
    for axis in range(g.ndim):
        if g.shape[axis] > 1:
            yield "flip", f"is reversed along axis {axis}", np.flip(g, axis)
            for by in (1, -1):
                yield "shift", f"is shifted by one along axis {axis}", np.roll(g, by, axis)
                yield "shift", f"is shifted by one along axis {axis}, with zeros at the end", slid(g, axis, by)


def slid(g: Array, axis: int, by: int) -> Array:
    moved = np.roll(g, by, axis)
    moved[(slice(None),) * axis + (0 if by > 0 else -1,)] = 0
    return moved


def losses(g: Array) -> Iterator[tuple[str, str, Array]]:
    """Yield gradients that lost information on the way: summed, averaged, cut off, rounded."""
    for axis in range(g.ndim):
        if g.shape[axis] > 1:
            spread = np.broadcast_to(g.sum(axis, keepdims=True), g.shape)
            yield "summed early", f"is summed over axis {axis} and spread again", spread
            yield "averaged early", f"is averaged over axis {axis}", spread / g.shape[axis]
    for kind, says, formula in mistakes("array"):
        other = formula(g)
        if kind != "rounded" or other.any():
            yield kind, says, other


def samples(g: Array) -> Iterator[tuple[str, str, Array]]:
    """Yield gradients from only some samples of the batch, which is axis 0."""
    count = g.shape[0] if g.ndim else 0
    if not 1 < count <= MOST_SAMPLES:
        return
    for kind, says, weights in sample_weights(count):
        yield kind, f"comes from {says}", weighted(g, weights)


def sample_weights(count: int) -> Iterator[tuple[str, str, Array]]:
    one = np.eye(count)
    yield "last sample only", "the last sample alone", one[-1]
    yield "first sample only", "the first sample alone", one[0]
    half = np.arange(count) < count // 2
    yield "half of the batch", "the first half of the batch alone", half * 1.0
    yield "half of the batch", "the second half of the batch alone", ~half * 1.0
    for i in range(count):
        yield "a sample missing", f"all samples but number {i}", 1 - one[i]
        yield "a sample twice", f"all samples, number {i} twice", 1 + one[i]


def weighted(g: Array, weights: Array) -> Array:
    return g * weights.reshape(-1, *[1] * (g.ndim - 1))


def of_the_row(at: Suspicion) -> Iterator[Hypothesis]:
    """Yield slips of the row itself: another gradient in its place, something added to it, a limit."""
    x, hand = at.row.tensor, at.hands[at.row.tensor]
    expected = at.row.expected
    name = at.row.label
    for other, g in at.elsewhere:
        if g.shape == expected.shape:
            yield Hypothesis("another's", f"{name} is the gradient of {at.called(other)}", {x: g - expected})
    for called, w in at.like(expected.shape):
        if parallel(w, expected, LOOSE):
            continue  # a multiple of the gradient that is added to the gradient is a scale
        own = w is x._data
        kind = "weight decay" if own else "added"
        says = "its own value is added, as weight decay does, to" if own else f"the value of {called} is added to"
        yield Hypothesis(kind, f"{{factor}} times {says} {name}", {x: w * 1.0}, unknown=True)
        yield Hypothesis("value", f"{name} is the value of {called}, no gradient", {x: w - expected})
    yield Hypothesis(
        "weight decay",
        f"{{factor}} times the sign of its own value is added to {name}",
        {x: np.sign(x._data)},
        unknown=True,
    )
    yield Hypothesis("added", f"a constant {{factor}} is added to {name}", {x: np.ones_like(expected)}, unknown=True)
    for axis in range(expected.ndim if expected.ndim > 1 else 0):
        others = tuple(a for a in range(expected.ndim) if a != axis)
        square = np.sum(expected**2, axis=others, keepdims=True)
        own_factors = np.where(square, np.sum(hand * expected, axis=others, keepdims=True), 1) / np.where(
            square, square, 1
        )
        flat = own_factors.ravel()
        whole = np.allclose(1 / flat[flat != 0], np.round(1 / flat[flat != 0]), 1e-6) and np.all(flat >= 0)
        word = (
            {0: "row", 1: "column"}.get(axis, f"index of axis {axis}")
            if expected.ndim == 2
            else f"index of axis {axis}"
        )
        change = (own_factors - 1) * expected
        if whole and len(np.unique(np.round(flat, 6))) > 1:
            listed = ", ".join(f"1/{1 / k:.0f}" if k else "0" for k in flat[:6])
            says = f"each {word} of {name} is divided by a number of its own ({listed}{', ...' * (len(flat) > 6)})"
            yield Hypothesis("divided by counts", says, {x: change})
        off = np.flatnonzero(~np.isclose(flat, 1, 1e-6))
        if 0 < len(off) <= len(flat) // 2 and len({f"{k:.6g}" for k in flat[off]}) == 1:
            which = ", ".join(map(str, off))
            says = f"{word} {which} of {name} is {flat[off[0]]:.4g} times what it should be, and the rest is right"
            yield Hypothesis("part scaled", says, {x: change})
    limit = np.max(np.abs(hand), initial=0)
    if limit and np.sum(np.abs(hand) == limit) > 1:
        clipped = np.clip(expected, -limit, limit)
        yield Hypothesis("clipped", f"{name} is clipped to ±{limit:g}", {x: clipped - expected})
    for digits in range(1, 5):
        yield Hypothesis(
            "rounded", f"{name} is rounded to {digits} decimals", {x: np.round(expected, digits) - expected}
        )


Pull = Callable[[Any], Any]
Slip = tuple[str, str, Pull]
PRODUCTS = ("dot", "matmul")
PICKING = ("getitem", "take")
OVERWRITTEN = (
    "entries that are picked more than once keep the last gradient instead of the sum: write np.add.at(d, i, g), not "
    "d[i] = g or d[i] += g"
)


def slips(edge: Edge, at: Suspicion) -> Iterator[Slip]:
    """Yield slips in one rule: the kind, the sentence, and the rule with the slip."""
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
    """Assign the gradients of picked entries where they should be added up."""
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
    """Yield rules that read another value: of the layer below, before its activation, transposed, or none."""
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
    """Yield rules that take the gradient of another value: before the activation, or of the layer above."""
    right = at.gradient(edge.node)
    for other, g in at.elsewhere:
        if other is not edge.node and g.shape == edge.node.shape and not np.array_equal(g, right):
            says = f"the gradient of {at.called(other)} stands where that of {at.called(edge.node)} belongs"
            yield "gradient of another", says, partial(instead, edge, g)


def instead(edge: Edge, other: Array, g: Any) -> Any:
    return edge.pull(other)


def unsummed(edge: Edge) -> Iterator[Slip]:
    """Yield slips in summing a gradient to its argument's shape."""
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
    """Yield slips in the two derivatives of a matrix product."""
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


def mutations(at: Suspicion) -> Iterator[Hypothesis]:
    for edge in at.edges:
        where = f"{at.called(edge.node)}, on the way to {at.called(edge.x)}{at.place(edge.node)}"
        for kind, says, pull in slips(edge, at):
            override = {edge.node: sending(edge.node, {edge.position: pull})}
            yield Hypothesis(kind, f"{says}, in {where}", overrides=override)
    yield from in_all_rules(at)
    yield from in_rules_of_a_line(at)
    yield from after_the_update(at)


def in_all_rules(at: Suspicion) -> Iterator[Hypothesis]:
    """Yield slips in which all the rules of one op read a wrong value."""
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


def in_rules_of_a_line(at: Suspicion) -> Iterator[Hypothesis]:
    """Yield the same slip at all nodes that one line of the program made, as in a loop written by hand."""
    groups: dict[Any, list[Edge]] = defaultdict(list)
    for edge in at.edges:
        groups[edge.node._created_at, edge.node.op.name, edge.position].append(edge)
    for edges in groups.values():
        if len(edges) > 1:
            first = edges[0]
            where = f"each {first.node.op.name} of the line that made {at.called(first.node)}"
            way = f"on the way to {at.called(first.x)} and its like"
            for kind, says, pulls in together(edges, at):
                yield joined(kind, f"{says}, in {where}, {way}", edges, pulls)


def together(edges: list[Edge], at: Suspicion) -> Iterator[tuple[str, str, list[Pull]]]:
    """Yield slips in the rules of several ops at once."""
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
    """Return the name of the ops' operand if it is the same for all, else that of the first and `...`."""
    own = [(edge.node, *edge.node.args)[place] for edge in edges]
    return at.called(own[0]) if all(x is own[0] for x in own) else f"factor ({at.called(own[0])}, ...)"


def read(edges: list[Edge], place: int, values: list[Array]) -> list[Pull]:
    return [edge.with_operand(place, value) for edge, value in zip(edges, values, strict=True)]


def neighbours(edges: list[Edge], place: int, by: int, at: Suspicion) -> list[Array] | None:
    """Return, for each operand, what the same line made one step later (or earlier); None if that does not fit."""
    own = [(edge.node, *edge.node.args)[place] for edge in edges]
    lines = {(x.op.name, x._created_at) for x in own if getattr(x, "op", None)}
    if len(lines) != 1:
        return None
    (line,) = lines
    steps = [x for x in at.recording.nodes if x.op is not None and (x.op.name, x._created_at) == line]
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
    """Yield reads of weights after their update: of one weight, or of all on the way; the step is fitted."""
    by_weight: dict[Any, list[Any]] = defaultdict(list)
    for edge in at.edges:
        for place, w in enumerate(edge.node.args):
            gradient = at.hands.get(w, at.base.get(w)) if not getattr(w, "_parents", True) else None
            if (
                isinstance(w, Tensor)
                and w in at.hands
                and is_array(gradient)
                and place != edge.position
                and reads(edge.rule, place + 1)
            ):
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
    """Return the overrides whose rules read weights after a step against their gradient."""
    ways: dict[Any, dict[int, Pull]] = defaultdict(dict)
    for edge, place, w, gradient in uses:
        ways[edge.node][edge.position] = edge.with_operand(place + 1, w._data - rate * gradient)
    return {node: sending(node, pulls) for node, pulls in ways.items()}


LossSlip = tuple[str, str, Array]
CONTRACTIONS = ("dot", "matmul", "einsum", "tensordot")
MOST = 12


def terms(at: Suspicion) -> Iterator[Hypothesis]:
    yield from constants(at)
    yield from uses(at)
    yield from softmax(at)


def constants(at: Suspicion) -> Iterator[Hypothesis]:
    """Yield slips in which values that depend on the row are taken as constants."""
    reduced = [x for x in at.places[1:] if is_statistic(x)]
    for count in (1, 2):
        for chosen in combinations(reduced, count):
            names = " and ".join(at.called(x) for x in chosen)
            says = f"the gradient through {names} is missing, as if {'it' if count == 1 else 'they'} were constant"
            yield Hypothesis("taken as constant", says, overrides={x: lambda g: [] for x in chosen})


def is_statistic(x: Tensor) -> bool:
    """Return whether a value may be a mean, variance or maximum: smaller than its argument, and not a scalar."""
    return x.size > 1 and x.op.name not in CONTRACTIONS and any(x.size < y.size for y, _ in x._parents)


def uses(at: Suspicion) -> Iterator[Hypothesis]:
    """Yield slips at values that are used more than once, whose gradient is a sum over the uses."""
    for x in at.places:
        parts = [(edge, edge.pull(at.base[edge.node])) for edge in at.edges if edge.x is x and edge.node in at.base]
        if not 2 <= len(parts) <= MOST:
            continue
        total = sum(part for _, part in parts)
        many = f"{at.called(x)} is used {len(parts)} times"
        for edge, part in parts:
            use = f"its use in {at.called(edge.node)}"
            if len(parts) > 2:
                yield Hypothesis("one use only", f"{many}, and only {use} counts", {x: part - total})
            for kind, says, formula in mistakes("use"):
                change = formula(part, total, len(parts)) - total
                yield Hypothesis(kind, f"{many}, and {says.replace('{use}', use)}", {x: change})
            yield Hypothesis("scale of a use", f"{many}, and {use} counts {{whole}} times", {x: part}, unknown=True)
        says = f"{many}, and the uses are averaged, not summed"
        yield Hypothesis("mean for sum", says, {x: total / len(parts) - total})


def softmax(at: Suspicion) -> Iterator[Hypothesis]:
    """Yield slips in the gradient p - y of a softmax with its loss, at one value, or at all values of a loop."""
    lines: dict[Any, list[tuple[Tensor, list[LossSlip]]]] = defaultdict(list)
    for x in at.places:
        slips = slips_at(x, at.gradient(x))
        if slips:
            lines[x._created_at, x.shape].append((x, slips))
        for kind, says, change in slips:
            yield Hypothesis(kind, f"the gradient of {at.called(x)} is {says}", {x: change})
    for members in lines.values():
        if len(members) > 1:
            each = f"the gradient of {at.called(members[-1][0])} and its like is"
            for same in zip(*[slips for _, slips in members], strict=True):
                changes = {x: change for (x, _), (_, _, change) in zip(members, same, strict=True)}
                yield Hypothesis(same[0][0], f"{each} {same[0][1]}", changes)


def slips_at(x: Tensor, g: Array) -> list[LossSlip]:
    """Return slips, if the gradient is p - y along some axis: the kind, the sentence, and the gradient's change."""
    for axis in (-1, 0)[: g.ndim]:
        logits, turned = np.moveaxis(x._data, axis, -1), np.moveaxis(g, axis, -1)
        if logits.shape[-1] < 2:
            continue
        p = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
        p /= np.sum(p, axis=-1, keepdims=True)
        for factor in one_hot_factors(turned, p):
            y = p - turned / factor
            if is_distribution(y):
                slips = slips_of_softmax(p, y, logits)
                return [(kind, says, np.moveaxis(factor * wrong, -1, axis) - g) for kind, says, wrong in slips]
    return []


def slips_of_softmax(p: Array, y: Array, logits: Array) -> Iterator[LossSlip]:
    """Yield what stands in place of p - y (probabilities minus one-hot): the kind, the sentence, and the numbers."""
    columns = np.broadcast_to(np.any(y > 0.5, axis=0), y.shape)
    first = np.where(np.arange(len(y)).reshape(-1, *[1] * (y.ndim - 1)) == 0, columns, 0)
    for kind, says, formula in mistakes("cross-entropy"):
        yield kind, says, formula(p, y, logits, columns, first)


def one_hot_factors(g: Array, p: Array) -> Iterator[float]:
    """Yield factors for which p - g/factor may be one-hot: in g, only the right class has the other sign."""
    rows, chances = g.reshape(-1, g.shape[-1]), p.reshape(-1, g.shape[-1])
    every = np.arange(len(rows))
    for right in (rows.argmin(axis=-1), rows.argmax(axis=-1)):
        with np.errstate(all="ignore"):
            factor = float(np.median(rows[every, right] / (chances[every, right] - 1)))
        if np.isfinite(factor) and factor:
            yield factor


def is_distribution(y: Array) -> bool:
    return bool(np.allclose(y.sum(axis=-1), 1, atol=1e-6) and np.all(y > -1e-6) and np.all(y < 1 + 1e-6))


def activations(at: Suspicion) -> Iterator[Hypothesis]:
    for block in at.blocks:
        where = f"{at.short(block.z)} = f({at.short(block.x)}){at_line(block.z)}"
        for kind, says, slope in wrong_slopes(block, at):
            if kind == "derivative left out" or np.any(slope != 1):
                yield Hypothesis(kind, f"{says}, in {where}", overrides=rerouting(block, slope))
        yield from masks_by_gradient(block, where)
    yield from inner_derivatives(at)
    yield from in_activations_of_a_line(at)


def inner_derivatives(at: Suspicion) -> Iterator[Hypothesis]:
    """Yield slips in an inner derivative, as of u in tanh(u(x)): left out, constant, or of one use only."""
    seen: set[Tensor] = set()
    for block in at.blocks:
        for y in block.inner[1:]:
            if y in seen or len(y._parents) < 1 or y.shape != block.x.shape:
                continue
            seen.add(y)
            found = [(x, inner) for x, inner in sources(y) if x is block.x]
            if found:
                where = f"{at.called(y)}, a function of {at.short(block.x)}{at.place(y)}"
                its = slope_of_block(block.x, y, found[0][1])
                for kind, says, formula in mistakes("inner"):
                    override = {y: partial(sloped, block.x, formula(its))}
                    yield Hypothesis(kind, f"{says}, that of {where}", overrides=override)


def sloped(x: Tensor, slope: Array, g: Any) -> Pulled:
    return [(x, g * slope)]


def wrong_slopes(block: Block, at: Suspicion) -> Iterator[tuple[str, str, Array]]:
    x, z, slope = block.x._data, block.z._data, block.slope
    with np.errstate(all="ignore"):
        its = "the activation's derivative" if any(forms_of(block)) else "the derivative of f"
        for kind, says, formula in mistakes("activation"):
            yield kind, says.replace("{its}", its), formula(z, slope)
        for name, w in at.like(x.shape, but=x):
            says = f"the derivative is evaluated at {name}, not at {at.called(block.x)}"
            yield "derivative of the wrong value", says, block.slope_at(w)
        own = list(forms_of(block))
        for _, text, form in own:
            for name, w in at.like(z.shape, but=z):
                says = f"{text} is given {name}, and belongs to a = {at.called(block.z)}"
                yield "derivative of the wrong value", says, form(w)
        for name, (text, form) in ACTIVATIONS.items():
            if name not in [mine for mine, _, _ in own]:
                yield "another's derivative", f"the derivative of another function ({name}: {text})", form(z)
                yield "another's derivative", f"the derivative of another function ({name}: {text})", form(x)
        yield from block_slopes(block)


def block_slopes(block: Block) -> Iterator[tuple[str, str, Array]]:
    """Yield slopes of other functions, and the two slopes of a rectifier exchanged."""
    x, slope = block.x._data, block.slope
    for kind, says, slope_of in mistakes("slope"):
        yield kind, says, slope_of(x)
    levels = np.unique(slope)
    if len(levels) == 2:
        low, high = levels
        yield "mask inverted", "the two slopes stand on each other's side", np.where(slope == low, high, low)


def masks_by_gradient(block: Block, where: str) -> Iterator[Hypothesis]:
    """Yield a rectifier with a mask made from the gradient itself, alone or together with the value's mask."""
    if any(name == "relu" for name, _, _ in forms_of(block)):
        for also, says in ((np.ones_like(block.slope), "not of the value"), (block.slope, "besides that of the value")):
            override = {block.z: partial(masked, block, also)}
            says = f"the mask is made from the sign of the gradient, {says}, in {where}"
            yield Hypothesis("mask of the gradient", says, overrides=override)


def masked(block: Block, also: Array, g: Any) -> Pulled:
    return [(block.x, g * (g > 0) * also)]


def in_activations_of_a_line(at: Suspicion) -> Iterator[Hypothesis]:
    """Yield the same slip in all activations that one line of the program computes."""
    groups: dict[Any, list[Block]] = defaultdict(list)
    for block in at.blocks:
        groups[block.z._created_at, block.z.op.name].append(block)
    for group in groups.values():
        if len(group) < 2:
            continue
        where = f"each activation of the line of {at.called(group[0].z)}"
        slopes: dict[tuple[str, str], list[tuple[Block, Array]]] = defaultdict(list)
        for block in group:
            for kind, says, slope in shared_slopes(block):
                slopes[kind, says].append((block, slope))
        for (kind, says), parts in slopes.items():
            overrides: dict[Tensor, Any] = {}
            for block, slope in parts:
                overrides |= rerouting(block, slope)
            yield Hypothesis(kind, f"{says}, in {where}", overrides=overrides)


def shared_slopes(block: Block) -> Iterator[tuple[str, str, Array]]:
    x, z = block.x._data, block.z._data
    with np.errstate(all="ignore"):
        for kind, says, formula in mistakes("activation"):
            yield kind, says.replace("{its}", "the activation's derivative"), formula(z, block.slope)
        yield "derivative of the wrong value", "the derivative is evaluated at the activation", block.slope_at(z)
        for name, text, form in forms_of(block):
            yield "derivative of the wrong value", f"{text} is given what the {name} was given", form(x)
        yield from block_slopes(block)
        for name, (text, form) in ACTIVATIONS.items():
            yield "another's derivative", f"the derivative of another function ({name}: {text})", form(z)


STEPS = 12


def stale(
    rows: Sequence[Row], recording: Recording, close: Closeness, hands: Mapping[Tensor, Array]
) -> tuple[str, float] | None:
    """Return when, and the learning rate, if all rows are right at weights one update earlier or later; else None."""
    leaves = [row.tensor for row in rows if row.leaf and row.fits]
    if not leaves:
        return None
    now = {x: recording.true[x] for x in leaves}
    before = {x: hands[x] for x in leaves}
    for when, direction in (
        ("before the last update", before),
        ("after the next update", {x: -now[x] for x in leaves}),
    ):
        rate = solve(recording, direction, before, now)
        if rate and rate > 0 and all_right(rows, moved(recording, direction, rate), hands, close):
            return when, rate
    return None


def solve(
    recording: Recording, direction: Mapping[Tensor, Array], wanted: Mapping[Tensor, Array], now: Mapping[Tensor, Array]
) -> float | None:
    """Return how far weights move along a direction until gradients are as wanted, by Newton's method, or None."""
    rate, step = 0.0, 1e-5
    for _ in range(STEPS):
        here, there = (moved(recording, direction, rate + by) for by in (0.0, step))
        slope = {x: (there[x] - here[x]) / step for x in now}
        square = sum(float(np.sum(change * change)) for change in slope.values())
        if not square:
            return None
        better = sum(float(np.sum((wanted[x] - here[x]) * slope[x])) for x in now) / square
        rate += better
        if abs(better) <= 1e-13 * abs(rate):
            break
    return rate if np.isfinite(rate) else None


def moved(recording: Recording, direction: Mapping[Tensor, Array], rate: float) -> dict[Tensor, Array]:
    """Return the cotangents of all values after moving the weights by `rate` along a direction."""
    again: dict[Any, Any] = {}
    for node in recording.nodes:
        if node._parents:
            again[node] = apply(node.op, tuple(arguments(node, again)), node.params)
        else:
            shift = rate * direction[node] if node in direction else 0.0
            again[node] = Tensor(node._data + shift, requires_grad=True)
    found = Recording(again[recording.output], recording.seed).true
    return {node: found[new] for node, new in again.items() if new in found}


def all_right(
    rows: Sequence[Row], found: Mapping[Tensor, Array], hands: Mapping[Tensor, Array], close: Closeness
) -> bool:
    return all(row.fits and close(hands[row.tensor], found[row.tensor], row.size) for row in rows)
