"""Statistics that need no rule of their own: what the order of the entries says, and weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .composed import stands_for
from .primitive import as_array
from .reduction import axes_of, count, gathered


# What the order of the entries says.
@stands_for(np.ptp)
def ptp(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The largest entry less the smallest."""
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


def ordered(a: Any, axes: tuple[int, ...]) -> Any:
    """The entries along some axes, sorted, as the last axis."""
    return np.sort(gathered(a, axes), axis=-1)


def unless_nan(result: Any, entries: Any) -> Any:
    """The result where no sorted entry is nan; elsewhere their maximum, whose gradient is nan for each entry."""
    if not entries.shape[-1]:
        return result
    return np.where(np.isnan(entries[..., -1]), np.max(entries, axis=-1), result)


@stands_for(np.median)
def median(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The entry in the middle of their order, or the mean of the two there."""
    axes = axes_of(a, axis)
    entries = ordered(a, axes)
    n = entries.shape[-1]
    middle = np.mean(entries[..., max(n - 1, 0) // 2 : n // 2 + 1], axis=-1)
    result = unless_nan(middle, entries)
    return np.expand_dims(result, axes) if keepdims else result


def at(entries: Any, position: float) -> Any:
    """The entry at a position along the last axis; between two entries, on the line from one to the other."""
    low = math.floor(position)
    lower = entries[..., low]
    if position == low:
        return lower
    return lower + (entries[..., low + 1] - lower) * (position - low)


@stands_for(np.quantile)
def quantile(a: Any, q: Any, axis: Any = None, *, method: Any = "linear", keepdims: bool = False) -> Any:
    """The entry that a part q of the entries is below, by any of NumPy's methods; no gradient in q."""
    axes = axes_of(a, axis)
    entries = ordered(a, axes)
    positions = np.asarray(np.quantile(np.arange(entries.shape[-1]), np.asarray(q), method=method))
    found = [unless_nan(at(entries, position), entries) for position in positions.ravel().tolist()]
    if keepdims:
        found = [np.expand_dims(result, axes) for result in found]
    return np.reshape(np.stack(found), positions.shape + found[0].shape) if positions.ndim else found[0]


@stands_for(np.percentile)
def percentile(a: Any, q: Any, axis: Any = None, *, method: Any = "linear", keepdims: bool = False) -> Any:
    """The entry that q percent of the entries are below."""
    return quantile(a, np.asarray(q) / 100, axis, method=method, keepdims=keepdims)


# Weights.
@stands_for(np.average)
def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    """The mean in which each entry counts by its weight; with `returned`, the sum of the weights besides."""
    a = as_array(a)
    axes_of(a, axis)  # refuses what np.sum would accept of a number, as NumPy does
    if weights is None:
        result = np.mean(a, axis=axis, keepdims=keepdims)
        return (result, np.full_like(result, count(a, result))) if returned else result
    weights = aligned(as_array(weights), a, axis)
    total = np.sum(weights, axis=axis, keepdims=keepdims)
    result = np.sum(a * weights, axis=axis, keepdims=keepdims) / total
    return (result, np.broadcast_to(total, result.shape)) if returned else result


def aligned(weights: Any, a: Any, axis: Any) -> Any:
    """Weights given for some axes only, in a shape that broadcasts against the entries."""
    if weights.shape == a.shape:
        return weights
    axes = () if axis is None else axes_of(a, axis)
    if weights.shape != tuple(a.shape[k] for k in axes):
        raise ValueError(
            f"np.average: weights of shape {weights.shape} do not fit axis={axis} of entries of shape {a.shape}. "
            "Give one weight for each entry, or one for each place along the axes that are averaged over."
        )
    shape = [a.shape[k] if k in axes else 1 for k in range(a.ndim)]
    return np.reshape(np.transpose(weights, np.argsort(axes).tolist()), shape)
