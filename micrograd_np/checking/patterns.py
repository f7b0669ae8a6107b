"""Mistakes that show in the array itself: it is turned, scaled, cut, added to, or another's."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from typing import Any

import numpy as np

from .factors import Sizes, named_factors
from .suspicion import PROVEN, Hypothesis, Suspicion

Array = Any
MOST_SAMPLES = 64


def patterns(at: Suspicion) -> Iterator[Hypothesis]:
    """At the wrong row, and at each value between it and the last one that is known."""
    for x in at.places:
        g = at.gradient(x)
        if not g.any():
            continue
        name = at.called(x)
        yield Hypothesis("sign", f"the gradient of {name} has the opposite sign", {x: -2 * g})
        scaled = f"the gradient of {name} is {{whole}} times what it should be"
        yield Hypothesis("unnamed scale", scaled, {x: g}, unknown=True)
        others = () if g.size == 1 else (*turns(g), *losses(g), *samples(g))
        for kind, says, other in (*others, *(scales(g, at.sizes) if at.row.hand.size < PROVEN else ())):
            yield Hypothesis(kind, f"the gradient of {name} {says}", {x: other - g})
    yield from of_the_row(at)


def scales(g: Array, sizes: Sizes) -> Iterator[tuple[str, str, Array]]:
    """The usual factors, where there are too few numbers to solve for one."""
    for factor, text in named_factors(sizes).items():
        for sign, minus in ((1, ""), (-1, "-")):
            if sign * factor not in (1, -1):
                yield "scale", f"is {minus}{text} times what it should be", sign * factor * g


def turns(g: Array) -> Iterator[tuple[str, str, Array]]:
    """The same numbers in other places."""
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
    """Numbers lost on the way: averaged, cut off, rounded."""
    for axis in range(g.ndim):
        if g.shape[axis] > 1:
            spread = np.broadcast_to(g.sum(axis, keepdims=True), g.shape)
            yield "summed early", f"is summed over axis {axis} and spread again", spread
            yield "averaged early", f"is averaged over axis {axis}", spread / g.shape[axis]
    yield "normalised", "is divided by its norm", g / np.linalg.norm(g)
    yield "sign only", "is only its sign", np.sign(g)
    if np.trunc(g).any():
        yield "rounded", "is rounded to whole numbers, as in an integer array", np.trunc(g)
    for sign in (1, -1):  # these depend on whether the hand's values are plus or minus the gradient
        yield "absolute", "has lost its signs", sign * np.abs(g)
        yield "squared", "is squared", sign * g * g
        floor = sign * np.floor(sign * g)
        if floor.any():
            yield "rounded", "is rounded down to whole numbers", floor


def samples(g: Array) -> Iterator[tuple[str, str, Array]]:
    """Some of the batch, which is axis 0."""
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
    """What only the row itself can show: another gradient in its place, something added to it, a limit."""
    x, hand = at.row.tensor, at.hands[at.row.tensor]
    expected = at.row.expected
    name = at.row.label
    for other, g in at.elsewhere:
        if g.shape == expected.shape:
            yield Hypothesis("another's", f"{name} is the gradient of {at.called(other)}", {x: g - expected})
    for called, w in at.like(expected.shape):
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
    limit = np.max(np.abs(hand), initial=0)
    if limit and np.sum(np.abs(hand) == limit) > 1:
        clipped = np.clip(expected, -limit, limit)
        yield Hypothesis("clipped", f"{name} is clipped to ±{limit:g}", {x: clipped - expected})
    for digits in range(1, 5):
        yield Hypothesis(
            "rounded", f"{name} is rounded to {digits} decimals", {x: np.round(expected, digits) - expected}
        )
