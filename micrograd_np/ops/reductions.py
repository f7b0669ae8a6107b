"""Reductions over axes, running totals, order statistics; a rule spreads the cotangent over the entries reduced."""

from __future__ import annotations

import builtins  # this module has its own sum, max, min, all and any
import functools
import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..core.context import current_context
from ..core.errors import ArgumentError, ShapeError, ZeroWeightsError
from ..core.names import caller_location, format_location
from .calls import in_single
from .elementwise import exp_share, ones_for_zeros, ratio
from .primitive import Bound, D, NonDifferentiable, Primitive, as_array, example, remembered


def scalar_axis(a: Any, axis: Any) -> Any:
    """Return the axis, but None for axes 0 and -1 of a 0-d array, which NumPy accepts."""
    if axis is None or getattr(a, "ndim", True):
        return axis
    return None if axis in (0, -1) else normalize_axis_tuple(axis, 0)


@remembered
def over(a: Any, axis: Any = None, *, keepdims: bool = False) -> Bound:
    """Bind an array and the axes to reduce; for a 0-d array, axis 0 or -1 means none, as in NumPy."""
    return (a,), {"axis": scalar_axis(a, axis), "keepdims": keepdims}


@remembered
def mean_over(a: Any, axis: Any = None, *, keepdims: bool = False) -> Bound:
    """Bind an array and the axes to reduce; unlike np.sum, np.mean refuses axis 0 of a 0-d array."""
    return (a,), {"axis": axis, "keepdims": keepdims}


@remembered
def over_free(
    a: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False, correction: float | None = None
) -> Bound:
    """Bind an array, the axes to reduce, and the number of degrees of freedom lost, given under either of its names."""
    if correction is not None and ddof:
        raise ArgumentError("ddof= and correction= are two names of one number. Give one of them.")
    return (a,), {"axis": axis, "ddof": ddof if correction is None else correction, "keepdims": keepdims}


def expand_reduced(g: Any, axis: Any, keepdims: bool = False) -> Any:
    """Give a reduction's result or cotangent the reduced axes back, with length 1, so that it broadcasts."""
    return g if keepdims or axis is None else np.expand_dims(g, axis)


def spread(g: Any, shape: tuple[int, ...]) -> Any:
    """Broadcast a cotangent to a shape, read-only. For a single number this takes a fifth of np.broadcast_to's time."""
    if (type(g) is np.ndarray or isinstance(g, np.generic)) and not g.ndim:
        return np.ndarray(shape, g.dtype, g.data.toreadonly(), 0, (0,) * len(shape))
    return np.broadcast_to(g, shape)


def reduced_count(x: Any, z: Any) -> int:
    """Return the number of entries of x that were reduced to one entry of z."""
    return int(x.size // z.size) if x.size else 1


def axes_of(x: Any, axis: Any) -> tuple[int, ...]:
    """Return the axes that `axis=` names as non-negative integers."""
    return normalize_axis_tuple(range(x.ndim) if axis is None else axis, x.ndim)


def merged_axes(x: Any, axes: tuple[int, ...]) -> Any:
    """Move some axes to the end and merge them into one."""
    kept = tuple(k for k in range(x.ndim) if k not in axes)
    shape = [x.shape[k] for k in kept]
    return np.reshape(np.transpose(x, kept + axes), (*shape, math.prod(x.shape[k] for k in axes)))


# NumPy's keywords initial= and where=, written with rows.
def where_chosen(a: Any, where: Any, fill: Any) -> Any:
    """Return `a` with `fill` in place of the entries where `where` is False."""
    a = as_array(a)
    if where is True:
        return a
    trace = current_context().trace
    if trace is not None and trace.is_plain(a):  # NumPy itself adds in another order, and so rounds differently
        trace.spoil(f"where= adds up in an order of its own in {format_location(caller_location())}. Give Tensors.")
    return np.where(np.broadcast_to(where, a.shape), a, fill)


def with_choice(reduce: Any, combine: Any, identity: float | None) -> Any:
    """Return a reduction that also takes `initial=` and `where=`; `combine` joins its result with `initial`."""

    def extended(a: Any, axis: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True) -> Any:
        fill = initial if identity is None else identity
        if where is not True and fill is None:
            raise ArgumentError(f"np.{reduce.__name__} with where= needs initial=, its result where nothing is chosen.")
        a = where_chosen(a, where, fill)
        if not a.size and identity is None and initial is not None:
            return np.sum(a, axis=axis, keepdims=keepdims) + initial
        z = reduce(a, axis=axis, keepdims=keepdims)
        return z if initial in (None, identity) else combine(z, initial)

    return extended


@in_single
def mean_of_chosen(a: Any, axis: Any = None, *, keepdims: bool = False, where: Any = True) -> Any:
    """Return the mean of the entries for which `where` holds."""
    total = np.sum(where_chosen(a, where, 0), axis=axis, keepdims=keepdims)
    return divide_by_count(total, np.sum(np.broadcast_to(where, np.shape(a)), axis=axis, keepdims=keepdims))


CASES = [example(D(3, 4)), example(D(3, 4), -1, keepdims=True), example(D(2, 3, 4), axis=(2, 0)), example(D())]


def reduction(function: Any, rule: Any, by: Any, identity: float | None, **facts: Any) -> Primitive:
    """Return a row for the reduction by a ufunc; `identity` is its result for no entries, or None."""

    @functools.wraps(function)  # a program's text names the wrapped function
    def kernel(a: Any, axis: Any, keepdims: bool) -> Any:
        """For arrays, call the ufunc directly, which saves a microsecond of Python code in NumPy's function."""
        if type(a) is np.ndarray:
            return by.reduce(a, axis, None, None, keepdims)
        return function(a, axis=axis, keepdims=keepdims)

    extended = with_choice(function, by, identity)
    return Primitive(function, rule, bind=over, kernel=kernel, extended=extended, examples=CASES, reduction=by, **facts)


# Sums and averages.
sum = reduction(
    np.sum,
    lambda g, z, x, axis, keepdims: spread(expand_reduced(g, axis, keepdims), x.shape),
    np.add,
    0,
    onnx="ReduceSum",
)
mean = Primitive(
    np.mean,
    lambda g, z, x, axis, keepdims: spread(expand_reduced(g, axis, keepdims) / reduced_count(x, z), x.shape),
    bind=mean_over,
    extended=mean_of_chosen,
    examples=CASES,
    onnx="ReduceMean",
)


def _var_x(g: Any, z: Any, x: Any, axis: Any, ddof: float, keepdims: bool) -> Any:
    """Return g times twice the deviation from the mean, over the degrees of freedom."""
    freedom = builtins.max(reduced_count(x, z) - ddof, 0)
    return expand_reduced(g, axis, keepdims) * 2 * ((x - np.mean(x, axis=axis, keepdims=True)) / freedom)


def _std_x(g: Any, z: Any, x: Any, axis: Any, ddof: float, keepdims: bool) -> Any:
    """Return the gradient of the norm of the deviations from the mean; it is 0 where all of these are 0.

    The mean of that gradient is subtracted: adding one number to all entries does not change any deviation.
    """
    freedom = builtins.max(reduced_count(x, z) - ddof, 0)
    deviation = (x - np.mean(x, axis=axis, keepdims=True)) / freedom
    slope = ratio(expand_reduced(g, axis, keepdims), deviation, expand_reduced(z, axis, keepdims))
    return slope - np.mean(slope, axis=axis, keepdims=True)


def _var_rows(x: Any, axis: Any, ddof: float, keepdims: bool) -> Any:
    """Return the variance, written with rows."""
    deviation = x - np.mean(x, axis=axis, keepdims=True)
    total = np.sum(deviation * deviation, axis=axis, keepdims=keepdims)
    return total / builtins.max(reduced_count(x, total) - ddof, 0)


def _std_rows(x: Any, axis: Any, ddof: float, keepdims: bool) -> Any:
    """Return the standard deviation, written with rows."""
    return np.sqrt(_var_rows(x, axis, ddof, keepdims))


SPREADS = [*CASES[:-1], example(D(3, 4), ddof=1), example(D(2, 3, 4), axis=(0, -1), ddof=1.5)]
SPREAD: dict[str, Any] = {"bind": over_free, "exact": False, "examples": SPREADS}
var = Primitive(np.var, _var_x, decomposition=_var_rows, **SPREAD)
std = Primitive(np.std, _std_x, decomposition=_std_rows, **SPREAD)


# Products.
def products_of_others(x: Any) -> Any:
    """Return, for each entry along the last axis, the product of all others, without a division.

    Entries are multiplied in pairs; the product of the others is the partner's value times that of the other pairs.
    """
    half = x.shape[-1] // 2
    if not half:
        return np.ones_like(x)
    first, second, odd = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
    rest = products_of_others(np.concatenate([first * second, odd], -1))
    pairs = rest[..., :half]
    return np.concatenate([second * pairs, first * pairs, rest[..., half:]], -1)


def _prod_x(g: Any, z: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Return g times the product of the other entries."""
    axes = axes_of(x, axis)
    order = [k for k in range(x.ndim) if k not in axes] + list(axes)
    slopes = np.reshape(products_of_others(merged_axes(x, axes)), [x.shape[k] for k in order])
    return expand_reduced(g, axis, keepdims) * np.transpose(slopes, [order.index(k) for k in range(x.ndim)])


prod = reduction(np.prod, _prod_x, np.multiply, 1, onnx="ReduceProd", gloss="g times the product of the other entries")


# Extremes.
def _extreme_x(g: Any, z: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Share the cotangent equally among the extreme entries; all entries get nan where one of them is nan."""
    extreme = x == expand_reduced(z, axis, keepdims)
    sharing = ones_for_zeros(np.sum(extreme, axis=axis, keepdims=True).astype(g.dtype))
    rest = np.where(np.isnan(z), np.nan, 0).astype(g.dtype)
    return np.where(extreme, expand_reduced(g, axis, keepdims) / sharing, expand_reduced(rest, axis, keepdims))


max = reduction(np.max, _extreme_x, np.maximum, None, also=(np.amax,), onnx="ReduceMax")
min = reduction(np.min, _extreme_x, np.minimum, None, also=(np.amin,), onnx="ReduceMin")


# The logarithm of a sum of exponentials.
def _logsumexp(x: Any, axis: Any, keepdims: bool) -> Any:
    """Return log(sum(exp(x))) without overflow."""
    top = np.max(x, axis=axis, keepdims=True)
    top = np.where(np.isinf(top), 0, top)  # subtracting from an equal infinity would give nan
    z = top + np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True))
    return z if keepdims else np.squeeze(z, axis)


def _logsumexp_x(g: Any, z: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Return g times the softmax of x."""
    infinite = np.sum(x == np.inf, axis=axis, keepdims=True)
    return expand_reduced(g, axis, keepdims) * exp_share(x, expand_reduced(z, axis, keepdims), infinite)


logsumexp = Primitive(
    _logsumexp,
    _logsumexp_x,
    bind=over,
    # log(0) gives no warning: if all entries are -inf, so is the result. Nor does the overflow beside an inf.
    kernel=in_single(np.errstate(divide="ignore", over="ignore")(_logsumexp)),
    decomposition=_logsumexp,
    exact=False,
    single=True,
    examples=CASES,
    onnx="ReduceLogSumExp",
)

# Reductions without a derivative.
all = NonDifferentiable(np.all)
any = NonDifferentiable(np.any)
count_nonzero = NonDifferentiable(np.count_nonzero)


# Running totals, and differences.


def _bind_running(a: Any, axis: Any = None) -> Bound:
    """Bind; without an axis, and for a 0-d array, ravel."""
    if axis is None or scalar_axis(a, axis) is None:
        return (np.reshape(a, -1),), {"axis": 0}
    return (a,), {"axis": axis}


RUNNING = [example(D(3, 4)), example(D(3, 4), 0), example(D(2, 5, 2), axis=-2), example(D(7), axis=0)]

cumsum = Primitive(
    np.cumsum,
    lambda g, z, x, axis: np.flip(np.cumsum(np.flip(g, axis), axis=axis), axis),
    bind=_bind_running,
    examples=RUNNING,
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
    # Now g_i is the sum of the original g_k x_{i+1} ... x_k over i <= k < i + step, and between_i is
    # x_{i+1} ... x_{i+step}.
    while step < x.shape[-1]:
        g = g + between * shifted(g, step)
        between = between * shifted(between, step)
        step *= 2
    return np.swapaxes(before * g, axis, -1)


cumprod = Primitive(
    np.cumprod,
    _cumprod_x,
    bind=_bind_running,
    examples=RUNNING,
    gloss="for each entry, the sum over later products of g * product / entry",
)


def cumulative(total: Primitive, start: int, x: Any, axis: Any, include_initial: bool) -> Any:
    """The running total as in the array API standard: needs an axis, and may include the initial value."""
    x = as_array(x)
    if axis is None and x.ndim > 1:
        raise ShapeError(f"the running totals of an array of shape {x.shape} need axis=, an integer.")
    axis = 0 if axis is None else axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis
    totals = total(x, axis=axis)
    if not include_initial:
        return totals
    # np.sum makes the shape: it has length 1 along the axis even if `totals` is empty.
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
    axis = normalize_axis_index(axis, a.ndim)
    single = axis_slice(a, axis, slice(0, 1)).shape
    ends = [end if end is None or np.ndim(end) else np.broadcast_to(end, single) for end in (prepend, append)]
    if n and builtins.any(end is not None for end in ends):
        a = np.concatenate([x for x in (ends[0], a, ends[1]) if x is not None], axis)
    for _ in range(n):
        difference = np.not_equal if a.dtype == bool else np.subtract
        a = difference(axis_slice(a, axis, slice(1, None)), axis_slice(a, axis, slice(None, -1)))
    return a


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral of y along an axis by the trapezoidal rule, over the points x or steps of dx."""
    y = as_array(y)
    along = normalize_axis_index(axis, y.ndim)
    if x is None:
        steps = dx
    elif np.ndim(x) > 1:
        steps = np.diff(as_array(x), axis=axis)
    else:  # one-dimensional points lie along `axis` of y
        steps = np.reshape(np.diff(as_array(x)), (-1,) + (1,) * (y.ndim - 1 - along))
    sums = axis_slice(y, along, slice(1, None)) + axis_slice(y, along, slice(None, -1))
    return np.sum(steps * sums / 2, axis=along)


# Order statistics.


def ptp(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The largest entry less the smallest."""
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


def sorted_last(a: Any, axes: tuple[int, ...]) -> Any:
    """The entries along some axes, sorted, as the last axis."""
    return np.sort(merged_axes(a, axes), axis=-1)


def unless_nan(result: Any, entries: Any) -> Any:
    """The result of sorted entries; but where one of them is nan, nan, with a gradient of nan for each entry."""
    if not entries.shape[-1]:
        return result
    # A nan is sorted to the end. np.max gives nan, and its rule gives each entry a gradient of nan.
    return np.where(np.isnan(entries[..., -1]), np.max(entries, axis=-1), result)


def median(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The middle entry in ascending order, or the mean of the two middle ones."""
    axes = axes_of(a, axis)
    entries = sorted_last(a, axes)
    n = entries.shape[-1]
    middle = np.mean(entries[..., builtins.max(n - 1, 0) // 2 : n // 2 + 1], axis=-1)
    result = unless_nan(middle, entries)
    return np.expand_dims(result, axes) if keepdims else result


def interpolated(entries: Any, position: float) -> Any:
    """The entry at a position along the last axis, interpolated linearly between entries."""
    low = math.floor(position)
    lower = entries[..., low]
    if position == low:
        return lower
    upper, share = entries[..., low + 1], position - low
    # As in NumPy, start from the nearer entry; starting from the other would give inf - inf between -inf and 1.
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
        raise ShapeError(f"np.average: weights of shape {weights.shape} do not fit axis={axis} of a shape {a.shape}.")
    shape = [a.shape[k] if k in axes else 1 for k in range(a.ndim)]
    return np.reshape(np.transpose(weights, np.argsort(axes).tolist()), shape)


# Reductions of the entries that are not nan.


def with_for_nan(value: float, a: Any) -> Any:
    """The entries, with a value in place of nan."""
    return np.where(np.isnan(a), value, a)


def nansum(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The sum of the entries that are not nan."""
    return np.sum(with_for_nan(0, a), axis=axis, keepdims=keepdims)


def nanprod(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The product of the entries that are not nan."""
    return np.prod(with_for_nan(1, a), axis=axis, keepdims=keepdims)


def nancumsum(a: Any, axis: Any = None) -> Any:
    """The running sum, in which nan counts as 0."""
    return np.cumsum(with_for_nan(0, a), axis=axis)


def nancumprod(a: Any, axis: Any = None) -> Any:
    """The running product, in which nan counts as 1."""
    return np.cumprod(with_for_nan(1, a), axis=axis)


def extreme(reduce: Any, beyond: float, a: Any, axis: Any, keepdims: bool) -> Any:
    """The extreme of the entries that are not nan; nan, where there is none."""
    a = as_array(a)
    if a.dtype.kind not in "fc":  # integers have no nan; np.where with inf would make them floats
        return reduce(a, axis=axis, keepdims=keepdims)
    found = reduce(with_for_nan(beyond, a), axis=axis, keepdims=keepdims)
    return np.where(np.all(np.isnan(a), axis=axis, keepdims=keepdims), math.nan, found)


def nanmax(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The largest of the entries that are not nan."""
    return extreme(np.max, -math.inf, a, axis, keepdims)


def nanmin(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The smallest of the entries that are not nan."""
    return extreme(np.min, math.inf, a, axis, keepdims)


def count_numbers(a: Any, axis: Any, keepdims: bool) -> Any:
    """Return the number of entries that are not nan."""
    return np.sum(np.logical_not(np.isnan(a)), axis=axis, keepdims=keepdims)


def divide_by_count(total: Any, numbers: Any) -> Any:
    """Divide totals by integers; totals of floats keep their dtype, which integers would promote."""
    return (total / numbers).astype(total.dtype) if total.dtype.kind == "f" else total / numbers


@in_single
def nanmean(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The mean of the entries that are not nan."""
    return divide_by_count(nansum(a, axis, keepdims=keepdims), count_numbers(a, axis, keepdims))


def nan_spread(total: Any, freedom_of: Any, a: Any, axis: Any, ddof: float, keepdims: bool) -> Any:
    """A measure of spread of the entries that are not nan; nan, where no degree of freedom is left.

    It is total(deviations) / freedom_of(degrees of freedom).
    """
    a = as_array(a)
    count = count_numbers(a, axis, keepdims)
    with np.errstate(divide="ignore", invalid="ignore"):  # where count <= ddof, the result is replaced by nan below
        deviations = np.where(np.isnan(a), 0, a - nanmean(a, axis, keepdims=True))
        found = divide_by_count(total(deviations), freedom_of(np.maximum(count - ddof, 0)))
    return np.where(count > ddof, found, math.nan)


def nanvar(a: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
    """The variance of the entries that are not nan."""
    return nan_spread(lambda x: np.sum(x * x, axis=axis, keepdims=keepdims), np.positive, a, axis, ddof, keepdims)


def nanstd(a: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
    """The standard deviation of the entries that are not nan. It uses a norm, whose slope is 0 if all are equal."""

    def total(x: Any) -> Any:
        axes = axes_of(x, scalar_axis(x, axis))
        z = np.linalg.norm(merged_axes(x, axes), axis=-1)
        return np.expand_dims(z, axes) if keepdims else z

    return nan_spread(total, np.sqrt, a, axis, ddof, keepdims)
