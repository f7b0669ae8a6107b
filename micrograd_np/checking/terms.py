"""Mistakes in a sum: of several uses of a value some are missing; a mean or a variance taken for a constant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .suspicion import Hypothesis, Suspicion

Array = Any
Slip = tuple[str, str, Array]
PRODUCTS = ("dot", "matmul", "einsum", "tensordot")
MOST = 12


def terms(at: Suspicion) -> Iterator[Hypothesis]:
    yield from constants(at)
    yield from uses(at)
    yield from softmax(at)


def constants(at: Suspicion) -> Iterator[Hypothesis]:
    """Values that depend on the row and were differentiated as if they did not."""
    reduced = [x for x in at.places[1:] if is_statistic(x)]
    for count in (1, 2):
        for chosen in combinations(reduced, count):
            names = " and ".join(at.called(x) for x in chosen)
            says = f"the gradient through {names} is missing, as if {'it' if count == 1 else 'they'} were constant"
            yield Hypothesis("taken as constant", says, overrides={x: lambda g: [] for x in chosen})


def is_statistic(x: Tensor) -> bool:
    """Whether a value is a mean, a variance, a maximum: fewer entries than what it is made from, and no loss."""
    return x.size > 1 and x.op.name not in PRODUCTS and any(x.size < y.size for y, _ in x.edges)


def uses(at: Suspicion) -> Iterator[Hypothesis]:
    """A value that is used more than once has a sum for its gradient."""
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
            for kind, says, change in (
                ("a use missing", f"{use} is missing", -part),
                ("a use twice", f"{use} counts twice", part),
                ("sign", f"{use} has the wrong sign", -2 * part),
            ):
                yield Hypothesis(kind, f"{many}, and {says}", {x: change})
        says = f"{many}, and the uses are averaged, not summed"
        yield Hypothesis("mean for sum", says, {x: total / len(parts) - total})


def softmax(at: Suspicion) -> Iterator[Hypothesis]:
    """The loss of a softmax: p - y in every form, and what becomes of it with a slip, at one place or in a loop."""
    lines: dict[Any, list[tuple[Tensor, list[Slip]]]] = defaultdict(list)
    for x in at.places:
        slips = slips_at(x, at.gradient(x))
        if slips:
            lines[x.where, x.shape].append((x, slips))
        for kind, says, change in slips:
            yield Hypothesis(kind, f"the gradient of {at.called(x)} is {says}", {x: change})
    for members in lines.values():
        if len(members) > 1:
            each = f"the gradient of {at.called(members[-1][0])} and its like is"
            for same in zip(*[slips for _, slips in members], strict=True):
                changes = {x: change for (x, _), (_, _, change) in zip(members, same, strict=True)}
                yield Hypothesis(same[0][0], f"{each} {same[0][1]}", changes)


def slips_at(x: Tensor, g: Array) -> list[Slip]:
    """Kinds of slip, what is to be said, and the change of the gradient, where it is p - y along some axis."""
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


def slips_of_softmax(p: Array, y: Array, logits: Array) -> Iterator[Slip]:
    """Instead of p - y, the probabilities less the one-hot."""
    slope = p * (1 - p)
    everywhere = np.broadcast_to(np.any(y > 0.5, axis=0), y.shape)
    first = np.where(np.arange(len(y)).reshape(-1, *[1] * (y.ndim - 1)) == 0, everywhere, 0)
    yield "softmax without the one-hot", "p alone: the one-hot y is not subtracted", p
    yield "one-hot added", "p+y: the one-hot y is added, and should be subtracted", p + y
    yield (
        "one-hot in all rows",
        "p - 1 in the columns of all labels, in every row: write p[np.arange(n), y] -= 1, not p[:, y] -= 1",
        p - everywhere,
    )
    yield (
        "one-hot in one row",
        "p - 1 in the columns of all labels, in the first row alone: write p[np.arange(n), y] -= 1, not p[0, y] -= 1",
        p - first,
    )
    yield "one-hot without the softmax", "-y alone: the softmax p is missing", -y
    yield "softmax derivative twice", "(p-y)*p*(1-p): p-y has the softmax's derivative in it already", (p - y) * slope
    yield (
        "diagonal of the softmax",
        "made with the slope p*(1-p) of each entry alone, without cross terms",
        -y * (1 - p),
    )
    yield "softmax derivative for the loss", "p*(1-p): the loss's own derivative is missing", slope
    yield "logits for probabilities", "logits - y: the softmax is missing", logits - y
    yield "right class only", "there for the right class only", (p - y) * (y > 0)
    yield "divided by p", "(p-y)/p", (p - y) / p


def one_hot_factors(g: Array, p: Array) -> Iterator[float]:
    """Factors for which p - g/factor may be a one-hot: only the right class's entry has the other sign."""
    rows, chances = g.reshape(-1, g.shape[-1]), p.reshape(-1, g.shape[-1])
    every = np.arange(len(rows))
    for right in (rows.argmin(axis=-1), rows.argmax(axis=-1)):
        with np.errstate(all="ignore"):
            factor = float(np.median(rows[every, right] / (chances[every, right] - 1)))
        if np.isfinite(factor) and factor:
            yield factor


def is_distribution(y: Array) -> bool:
    return bool(np.allclose(y.sum(axis=-1), 1, atol=1e-6) and np.all(y > -1e-6) and np.all(y < 1 + 1e-6))
