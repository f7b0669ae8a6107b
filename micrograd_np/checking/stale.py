"""Gradients of other weights: worked out before the last update, or after the next, while all the rest is of now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core.dispatch import apply
from ..core.tensor import Tensor
from .recording import Recording, uses
from .rows import Closeness, Row

Array = Any
STEPS = 12


def stale(
    rows: Sequence[Row], recording: Recording, close: Closeness, hands: Mapping[Tensor, Array]
) -> tuple[str, float] | None:
    """Whether all rows are right at weights one update away: which way, and by how much of the gradient."""
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
    """How far the weights must move along a direction for the gradients to be those wanted, by Newton's method."""
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
    """The cotangents of all values, with the weights moved."""
    again: dict[Any, Any] = {}
    for node in recording.nodes:
        if node.edges:
            again[node] = apply(node.op, tuple(again.get(x, used) for x, used in uses(node)), node.params)
        else:
            shift = rate * direction[node] if node in direction else 0.0
            again[node] = Tensor(node._data + shift, requires_grad=True)
    found = Recording(again[recording.output], recording.seed).true
    return {node: found[new] for node, new in again.items() if new in found}


def all_right(
    rows: Sequence[Row], found: Mapping[Tensor, Array], hands: Mapping[Tensor, Array], close: Closeness
) -> bool:
    return all(row.fits and close(hands[row.tensor], found[row.tensor], row.size) for row in rows)
