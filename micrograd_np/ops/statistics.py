"""Running totals, differences, order statistics, averages, and reductions that skip nan."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..core.errors import ArgumentError, ShapeError, ZeroWeightsError
from .primitive import Bound, D, Primitive, as_array, example
from .reductions import axes_of, merged_axes, reduced_count, scalar_axis


def _bind_running(a: Any, axis: Any = None) -> Bound:
    """Bind; without an axis, and for a 0-d array, ravel."""
    if axis is None or scalar_axis(a, axis) is None:
        return (np.reshape(a, -1),), {"axis": 0}
    return (a,), {"axis": axis}


CASES = [example(D(3, 4)), example(D(3, 4), 0), example(D(2, 5, 2), axis=-2), example(D(7), axis=0)]

cumsum = Primitive(
    np.cumsum,
    lambda g, z, x, axis: np.flip(np.cumsum(np.flip(g, axis), axis=axis), axis),
    bind=_bind_running,
    examples=CASES,
    onnx="CumSum",
)


def shifted(x: Any, step: int) -> Any:
    """Move the entries `step` places toward the beginning of the last axis; the end is filled with 0."""
    return np.concatenate([x[..., step:], np.zeros_like(x[..., :step])], -1)


def _cumprod_x(g: Any, z: Any, x: Any, axis: int) -> Any:
    """The sum of g_k z_k / x_i over k >= i, by doubling, and without a division by x_i, which may be 0."""
    g, z, x = (np.swapaxes(part, axis, -1) for part in (g, z, x))
    before = np.concatenate([np.ones_like(z[..., :1]), z[..., :-1]], -1)
    between = shifted(x, 1)
    step = 1
    # Here g_i is the sum of g_k x_{i+1} ... x_k over i <= k < i + step, and between_i is x_{i+1} ... x_{i+step}.
    while step < x.shape[-1]:
        g = g + between * shifted(g, step)
        between = between * shifted(between, step)
        step *= 2
    return np.swapaxes(before * g, axis, -1)


cumprod = Primitive(
    np.cumprod,
    _cumprod_x,
    bind=_bind_running,
    examples=CASES,
    gloss="for each entry, the sum over later products of g * product / entry",
)


def cumulative(total: Primitive, start: int, x: Any, axis: Any, include_initial: bool) -> Any:
    """The running total as in the array API standard: needs an axis, and may include the initial value."""
    x = as_array(x)
    if axis is None:
        if x.ndim > 1:
            name = f"cumulative_{total.name.removeprefix('cum')}"  # of cumsum or cumprod
            raise ShapeError(f"{name} of an array of shape {x.shape} needs axis=, an integer.")
        axis = 0
    axis = axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis
    totals = total(x, axis=axis)
    if not include_initial:
        return totals
    # A sum has length 1 along the axis, also if the axis is empty.
    first = np.full_like(np.sum(totals, axis=axis, keepdims=True), start)
    return np.concatenate([first, totals], axis)


def cumulative_sum(x: Any, /, *, axis: Any = None, include_initial: bool = False) -> Any:
    """The running sum along an axis; with `include_initial` it begins with 0."""
    return cumulative(cumsum, 0, x, axis, include_initial)


def cumulative_prod(x: Any, /, *, axis: Any = None, include_initial: bool = False) -> Any:
    """The running product along an axis; with `include_initial` it begins with 1."""
    return cumulative(cumprod, 1, x, axis, include_initial)


def axis_slice(x: Any, axis: int, where: slice) -> Any:
    """A slice along one axis."""
    return x[(slice(None),) * (axis % x.ndim) + (where,)]


def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """Each entry along an axis less the one before it, n times over."""
    if n < 0:
        raise ArgumentError(f"np.diff: n={n} is how many times to take differences; it cannot be negative.")
    a = as_array(a)
    if not a.ndim:
        raise ArgumentError("np.diff takes an array of one axis or more, not a number.")
    axis = normalize_axis_index(axis, a.ndim)
    single = axis_slice(a, axis, slice(0, 1)).shape
    ends = [end if end is None or np.ndim(end) else np.broadcast_to(end, single) for end in (prepend, append)]
    if n and any(end is not None for end in ends):
        a = np.concatenate([x for x in (ends[0], a, ends[1]) if x is not None], axis)
    for _ in range(n):
        difference = np.not_equal if a.dtype == bool else np.subtract
        a = difference(axis_slice(a, axis, slice(1, None)), axis_slice(a, axis, slice(None, -1)))
    return a


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral of y along an axis by the trapezoidal rule, over the points x or steps of dx."""
    y = as_array(y)
    steps = dx
    if x is not None:
        points = as_array(x)
        steps = np.diff(points, axis=axis if points.ndim > 1 else -1)  # one-dimensional points lie along `axis` of y
    axis = normalize_axis_index(axis, y.ndim)
    if x is not None and points.ndim == 1:
        steps = np.reshape(steps, (-1,) + (1,) * (y.ndim - 1 - axis))
    return np.sum(steps * (axis_slice(y, axis, slice(1, None)) + axis_slice(y, axis, slice(None, -1))) / 2, axis=axis)


# Order statistics.


def ptp(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The largest entry less the smallest."""
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


def sorted_last(a: Any, axes: tuple[int, ...]) -> Any:
    """The entries along some axes, sorted, as the last axis."""
    return np.sort(merged_axes(a, axes), axis=-1)


def unless_nan(result: Any, entries: Any) -> Any:
    """The result; where an entry is nan their maximum, whose gradient is nan for each entry."""
    if not entries.shape[-1]:
        return result
    # `entries` are sorted, so a nan is at the end. np.max gives nan too, and sends nan to all entries in backward.
    return np.where(np.isnan(entries[..., -1]), np.max(entries, axis=-1), result)


def median(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The middle entry in ascending order, or the mean of the two middle ones."""
    axes = axes_of(a, axis)
    entries = sorted_last(a, axes)
    n = entries.shape[-1]
    middle = np.mean(entries[..., max(n - 1, 0) // 2 : n // 2 + 1], axis=-1)
    result = unless_nan(middle, entries)
    return np.expand_dims(result, axes) if keepdims else result


def interpolated(entries: Any, position: float) -> Any:
    """The entry at a position along the last axis, interpolated linearly between entries."""
    low = math.floor(position)
    lower = entries[..., low]
    if position == low:
        return lower
    upper, share = entries[..., low + 1], position - low
    # From the nearer of the two, as NumPy does: between -inf and 1, the other way is inf - inf.
    if share < 0.5:
        return lower + (upper - lower) * share
    return upper - (upper - lower) * (1 - share)


def quantile(a: Any, q: Any, axis: Any = None, *, method: Any = "linear", keepdims: bool = False) -> Any:
    """The q-quantile, by any of NumPy's methods; no gradient in q."""
    axes = axes_of(a, axis)
    entries = sorted_last(a, axes)
    q = q if type(q) in (int, float) else np.asarray(q)
    # The quantile of 0, 1, ..., n - 1 is the position of the quantile among n sorted entries, for each method.
    positions = np.asarray(np.quantile(np.arange(entries.shape[-1]), q, method=method))
    dtype = np.quantile(np.zeros(1, entries.dtype), q, method=method).dtype
    # An array q widens float32, as it does in NumPy; a number does not.
    entries = entries if dtype == entries.dtype else entries.astype(dtype)
    found = [unless_nan(interpolated(entries, position), entries) for position in positions.ravel().tolist()]
    if keepdims:
        found = [np.expand_dims(result, axes) for result in found]
    return np.reshape(np.stack(found), positions.shape + found[0].shape) if positions.ndim else found[0]


def percentile(a: Any, q: Any, axis: Any = None, *, method: Any = "linear", keepdims: bool = False) -> Any:
    """The q-th percentile; no gradient in q."""
    q = q / 100 if isinstance(q, int | float) else np.asarray(q) / 100
    return quantile(a, q, axis, method=method, keepdims=keepdims)


# Weighted means.
def check_weights(total: Any) -> Any:
    """Return the sum of weights; raise if it is 0, as NumPy does."""
    if np.any(total == 0):
        raise ZeroWeightsError("np.average: the weights sum to zero, so there is no mean. Leave these entries out.")
    return total


weights_sum = Primitive(check_weights, lambda g, z, x: g, views=True, examples=[example(D(3, domain=(0.5, 2)))])


def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    """The mean in which each entry counts by its weight; with `returned`, the sum of the weights besides."""
    a = as_array(a)
    axes_of(a, axis)  # raises for an axis that does not exist; np.sum of a 0-d array accepts axis=0
    if weights is None:
        result = np.mean(a, axis=axis, keepdims=keepdims)
        return (result, np.full_like(result, reduced_count(a, result))) if returned else result
    weights = aligned(as_array(weights), a, axis)
    total = weights_sum(np.sum(weights, axis=axis, keepdims=keepdims))
    result = np.sum(a * weights, axis=axis, keepdims=keepdims) / total
    return (result, np.broadcast_to(total, result.shape)) if returned else result


def aligned(weights: Any, a: Any, axis: Any) -> Any:
    """Reshape weights given for some axes only, so that they broadcast against the entries."""
    if weights.shape == a.shape:
        return weights
    axes = () if axis is None else axes_of(a, axis)
    if weights.shape != tuple(a.shape[k] for k in axes):
        raise ShapeError(
            f"np.average: weights of shape {weights.shape} do not fit axis={axis} of entries of shape {a.shape}. "
            "Give one weight for each entry, or one for each place along the axes that are averaged over."
        )
    shape = [a.shape[k] if k in axes else 1 for k in range(a.ndim)]
    return np.reshape(np.transpose(weights, np.argsort(axes).tolist()), shape)


# Reductions of the entries that are not nan.


def with_for_nan(value: float, a: Any) -> Any:
    """The entries, with a value in place of nan."""
    return np.where(np.isnan(a), value, a)


def not_nan(a: Any) -> Any:
    """True where an entry is not nan."""
    return np.logical_not(np.isnan(a))


def nansum(a: Any, axis: Any = None, *, keepdims: bool = False, initial: float = 0, where: Any = True) -> Any:
    """The sum of the entries that are not nan."""
    return np.sum(with_for_nan(0, a), axis=axis, keepdims=keepdims, initial=initial, where=where)


def nanprod(a: Any, axis: Any = None, *, keepdims: bool = False, initial: float = 1, where: Any = True) -> Any:
    """The product of the entries that are not nan."""
    return np.prod(with_for_nan(1, a), axis=axis, keepdims=keepdims, initial=initial, where=where)


def nancumsum(a: Any, axis: Any = None) -> Any:
    """The running sum, in which nan counts as 0."""
    return np.cumsum(with_for_nan(0, a), axis=axis)


def nancumprod(a: Any, axis: Any = None) -> Any:
    """The running product, in which nan counts as 1."""
    return np.cumprod(with_for_nan(1, a), axis=axis)


def extreme(reduce: Any, beyond: float, a: Any, axis: Any, keepdims: bool, initial: Any, where: Any) -> Any:
    """The extreme of the entries that are not nan; nan, where there is none and no `initial`."""
    a = as_array(a)
    if a.dtype.kind not in "fc":  # integers have no nan; np.where with inf would make them floats
        return reduce(a, axis=axis, keepdims=keepdims, initial=initial, where=where)
    found = reduce(with_for_nan(beyond, a), axis=axis, keepdims=keepdims, initial=initial, where=where)
    none = np.all(np.isnan(a), axis=axis, keepdims=keepdims)
    return found if initial is not None else np.where(none, math.nan, found)


def nanmax(a: Any, axis: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True) -> Any:
    """The largest of the entries that are not nan."""
    return extreme(np.max, -math.inf, a, axis, keepdims, initial, where)


def nanmin(a: Any, axis: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True) -> Any:
    """The smallest of the entries that are not nan."""
    return extreme(np.min, math.inf, a, axis, keepdims, initial, where)


def nanmean(a: Any, axis: Any = None, *, keepdims: bool = False, where: Any = True) -> Any:
    """The mean of the entries that are not nan."""
    return np.mean(a, axis, keepdims=keepdims, where=np.logical_and(not_nan(a), where))


def nanvar(a: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False, where: Any = True, **rest: Any) -> Any:
    """The variance of the entries that are not nan; mean= and correction= as for np.var."""
    return nan_spread(np.var, a, axis, ddof, keepdims, where, rest)


def nanstd(a: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False, where: Any = True, **rest: Any) -> Any:
    """The standard deviation of the entries that are not nan; mean= and correction= as for np.std."""
    return nan_spread(np.std, a, axis, ddof, keepdims, where, rest)


def nan_spread(spread: Any, a: Any, axis: Any, ddof: float, keepdims: bool, where: Any, rest: dict[str, Any]) -> Any:
    """The spread of the entries that are not nan; nan, where no degree of freedom is left."""
    chosen = np.logical_and(not_nan(a), where)
    with np.errstate(divide="ignore", invalid="ignore"):  # where count <= ddof, the result is replaced by nan below
        found = spread(a, axis, ddof=ddof, keepdims=keepdims, where=chosen, **rest)
    count = np.sum(chosen, axis=axis, keepdims=keepdims)
    return np.where(count > rest.get("correction", ddof), found, math.nan)
