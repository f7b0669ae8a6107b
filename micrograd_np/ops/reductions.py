"""Reductions over axes; a rule spreads the cotangent over the entries that were reduced."""

from __future__ import annotations

import builtins
import functools
import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..core.context import current_context
from ..core.errors import ArgumentError
from ..core.names import caller_location, format_location
from .calls import in_single
from .elementwise import ones_for_zeros, ratio
from .primitive import Bound, D, Elementwise, NonDifferentiable, Primitive, as_array, as_given, example, remembered


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
    """Bind an array, the axes to reduce, and the number of degrees of freedom lost."""
    return (a,), {"axis": axis, "ddof": ddof_of(ddof, correction), "keepdims": keepdims}


def ddof_of(ddof: float, correction: float | None) -> float:
    """Return the number of degrees of freedom lost, given under either of its names."""
    if correction is not None and ddof:
        raise ArgumentError("ddof= and correction= are two names of one number. Give one of them.")
    return ddof if correction is None else correction


def expand_reduced(g: Any, axis: Any, keepdims: bool = False) -> Any:
    """Give a reduction's result or cotangent the reduced axes back, with length 1, so that it broadcasts."""
    return g if keepdims or axis is None else np.expand_dims(g, axis)


def spread(g: Any, shape: tuple[int, ...]) -> Any:
    """Repeat a cotangent in a shape, read-only, like np.broadcast_to; for one number in a fifth of its time."""
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


# NumPy's keywords initial=, where= and mean=, written with rows.
def where_chosen(a: Any, where: Any, fill: Any) -> Any:
    """Replace the entries for which `where` does not hold by `fill`."""
    a = as_array(a)
    if where is True:
        return a
    trace = current_context().trace
    if trace is not None and trace.is_plain(a):  # NumPy itself gives other last bits: a compiled function runs as it is
        trace.spoil(f"where= adds up in an order of its own in {format_location(caller_location())}.")
    return np.where(np.broadcast_to(where, a.shape), a, fill)


def with_initial(reduce: Any, combine: Any, identity: float | None) -> Any:
    """Return a reduction that takes `initial=` and `where=`."""

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
    return divide_by_count(total, count_chosen(a, axis, keepdims, where))


def divide_by_count(total: Any, numbers: Any) -> Any:
    """Divide totals by integers; totals of floats keep their dtype, which integers would promote."""
    return (total / numbers).astype(total.dtype) if total.dtype.kind == "f" else total / numbers


def count_chosen(a: Any, axis: Any, keepdims: bool, where: Any) -> Any:
    """Return the number of entries for which `where` holds."""
    return np.sum(np.broadcast_to(where, np.shape(a)), axis=axis, keepdims=keepdims)


def with_deviations(total: Any, freedom_of: Any) -> Any:
    """Return a measure of spread that takes `where=`, `correction=` and `mean=`."""

    def extended(
        a: Any,
        axis: Any = None,
        *,
        ddof: float = 0,
        keepdims: bool = False,
        correction: float | None = None,
        where: Any = True,
        mean: Any = None,
    ) -> Any:
        a = as_array(a)
        mean = mean_of_chosen(a, axis, keepdims=True, where=where) if mean is None else mean
        freedom = np.maximum(count_chosen(a, axis, keepdims, where) - ddof_of(ddof, correction), 0)
        return divide_by_count(total(where_chosen(a - mean, where, 0), axis, keepdims), freedom_of(freedom))

    return extended


def sum_of_squares(x: Any, axis: Any, keepdims: bool) -> Any:
    """Return the sum of the squares."""
    return np.sum(x * x, axis=axis, keepdims=keepdims)


def root_of_squares(x: Any, axis: Any, keepdims: bool) -> Any:
    """Return the root of the sum of squares, as a norm: its slope is then 0 where all entries are 0, and not nan."""
    axes = axes_of(x, scalar_axis(x, axis))
    z = np.linalg.norm(merged_axes(x, axes), axis=-1)
    return np.expand_dims(z, axes) if keepdims else z


CASES = [
    example(D(3, 4)),
    example(D(3, 4), 0),
    example(D(3, 4), axis=-1, keepdims=True),
    example(D(2, 3, 4), axis=(0, -1)),
    example(D(2, 3, 4), axis=(2, 0), keepdims=True),
    example(D()),
]


def reduction(function: Any, rule: Any, by: Any, identity: float | None, **facts: Any) -> Primitive:
    """Return a row for the reduction by a ufunc; `identity` is its result for no entries, or None."""

    @functools.wraps(function)  # programs print what it wraps
    def kernel(a: Any, axis: Any, keepdims: bool) -> Any:
        """Call the ufunc itself for arrays: NumPy's function spends a microsecond of Python before it does."""
        if type(a) is np.ndarray:
            return by.reduce(a, axis, None, None, keepdims)
        return function(a, axis=axis, keepdims=keepdims)

    extended = with_initial(function, by, identity)
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

    Its own mean is subtracted, since a step that moves all entries alike moves no deviation.
    """
    freedom = builtins.max(reduced_count(x, z) - ddof, 0)
    deviation = (x - np.mean(x, axis=axis, keepdims=True)) / freedom
    slope = ratio(expand_reduced(g, axis, keepdims), deviation, expand_reduced(z, axis, keepdims))
    return slope - np.mean(slope, axis=axis, keepdims=True)


def _var_rows(x: Any, axis: Any, ddof: float, keepdims: bool) -> Any:
    """Return the variance, written with rows."""
    total = sum_of_squares(x - np.mean(x, axis=axis, keepdims=True), axis, keepdims)
    return total / builtins.max(reduced_count(x, total) - ddof, 0)


def _std_rows(x: Any, axis: Any, ddof: float, keepdims: bool) -> Any:
    """Return the standard deviation, written with rows."""
    return np.sqrt(_var_rows(x, axis, ddof, keepdims))


SPREADS = [*CASES[:-1], example(D(3, 4), ddof=1), example(D(2, 3, 4), axis=(0, -1), ddof=1.5)]
SPREAD: dict[str, Any] = {"bind": over_free, "exact": False, "examples": SPREADS}
var = Primitive(
    np.var, _var_x, extended=with_deviations(sum_of_squares, np.positive), decomposition=_var_rows, **SPREAD
)
std = Primitive(np.std, _std_x, extended=with_deviations(root_of_squares, np.sqrt), decomposition=_std_rows, **SPREAD)


# Products.
def products_of_others(x: Any) -> Any:
    """Return, for each entry along the last axis, the product of all others, without a division."""
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


PRODUCT = "g times the product of the other entries"
prod = reduction(np.prod, _prod_x, np.multiply, 1, onnx="ReduceProd", gloss=PRODUCT)


# Extremes.
def _extreme_x(g: Any, z: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Share the cotangent equally among the extreme entries; all entries get nan where one of them is nan."""
    extreme = x == expand_reduced(z, axis, keepdims)
    sharing = ones_for_zeros(np.sum(extreme, axis=axis, keepdims=True).astype(g.dtype))
    rest = np.where(np.isnan(z), np.nan, 0).astype(g.dtype)
    return np.where(extreme, expand_reduced(g, axis, keepdims) / sharing, expand_reduced(rest, axis, keepdims))


max = reduction(np.max, _extreme_x, np.maximum, None, also=(np.amax,), onnx="ReduceMax")
min = reduction(np.min, _extreme_x, np.minimum, None, also=(np.amin,), onnx="ReduceMin")


# Logarithms of sums of exponentials, without overflow.


def without_inf(x: Any) -> Any:
    """Replace infinities by 0, so that subtracting from an equal infinity gives no nan."""
    return np.where(np.isinf(x), 0, x)


def _exp_share(x: Any, z: Any, infinite: Any, base: float = math.e) -> Any:
    """Return base^(x - z), the share of x in z = log(base^x + ...); where z is inf, infinite entries share equally."""
    top = x == np.inf
    difference = np.where(top, 0, x) - np.where(np.isinf(z), np.inf, z)
    share = np.exp2(difference) if base == 2 else np.exp(difference)
    return np.where(np.logical_and(top, z == np.inf), (1 / ones_for_zeros(infinite)).astype(share.dtype), share)


def infinities(x: Any, y: Any) -> Any:
    """Count the arguments that are inf, entry by entry."""
    return (x == np.inf) * 1.0 + (y == np.inf)


def _write_exp_share(args: Any, params: Any, literal: Any) -> Any:
    """Write exp(x - z)."""
    difference = args[0].infix("-", args[1])
    return type(difference)(f"{'exp2' if params.get('base') == 2 else 'exp'}({difference.text})")


exp_share = Elementwise(
    _exp_share,
    lambda g, z, x, total, infinite, base=math.e: g * z * math.log(base),
    lambda g, z, x, total, infinite, base=math.e: -g * z * math.log(base),
    None,
    bind=as_given,
    formula=_write_exp_share,
    decomposition=_exp_share,
    examples=[example(D(3, 4), D(3, 1), np.zeros((3, 1))), example(D(3), D(3), np.zeros(3), base=2)],
)
logaddexp = Elementwise(
    np.logaddexp,
    lambda g, z, x, y: g * exp_share(x, z, infinities(x, y)),
    lambda g, z, x, y: g * exp_share(y, z, infinities(x, y)),
    onnx="LogAddExp",
)
logaddexp2 = Elementwise(
    np.logaddexp2,
    lambda g, z, x, y: g * exp_share(x, z, infinities(x, y), base=2),
    lambda g, z, x, y: g * exp_share(y, z, infinities(x, y), base=2),
)


def _logsumexp(x: Any, axis: Any, keepdims: bool) -> Any:
    """Return log(sum(exp(x))) without overflow."""
    top = without_inf(np.max(x, axis=axis, keepdims=True))
    z = top + np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True))
    return z if keepdims else np.squeeze(z, axis)


def _quiet_logsumexp(x: Any, axis: Any, keepdims: bool) -> Any:
    """Return the same without a warning about log(0), or about the other entries where one is inf."""
    with np.errstate(divide="ignore", over="ignore"):  # all entries may be -inf, and so the result
        return _logsumexp(x, axis, keepdims)


def _logsumexp_x(g: Any, z: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Return g times the softmax of x."""
    infinite = np.sum(x == np.inf, axis=axis, keepdims=True)
    return expand_reduced(g, axis, keepdims) * exp_share(x, expand_reduced(z, axis, keepdims), infinite)


logsumexp = Primitive(
    _logsumexp,
    _logsumexp_x,
    bind=over,
    kernel=in_single(_quiet_logsumexp),
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
