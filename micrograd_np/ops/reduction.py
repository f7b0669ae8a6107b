"""Many numbers to few: a rule spreads the cotangent back over what was reduced."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from .elementwise import divisor, exp_share, finite, ratio
from .examples import Drawn as D
from .examples import example
from .primitive import Bound, Primitive


def scalar_axis(a: Any, axis: Any) -> Any:
    """The axis, but None for 0 and -1 of an array without axes, which NumPy reduces along these, too."""
    if axis is None or getattr(a, "ndim", True):
        return axis
    return None if axis in (0, -1) else normalize_axis_tuple(axis, 0)


def over(a: Any, axis: Any = None, *, keepdims: bool = False) -> Bound:
    return (a,), {"axis": scalar_axis(a, axis), "keepdims": keepdims}


def mean_over(a: Any, axis: Any = None, *, keepdims: bool = False) -> Bound:
    return (a,), {"axis": axis, "keepdims": keepdims}


def over_free(a: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Bound:
    return (a,), {"axis": axis, "ddof": ddof, "keepdims": keepdims}


def spread(g: Any, axis: Any, keepdims: bool) -> Any:
    """A reduction's result, or cotangent, in a shape that broadcasts against what was reduced."""
    return g if keepdims or axis is None else np.expand_dims(g, axis)


def count(x: Any, z: Any) -> int:
    """How many entries of x became one of z."""
    return int(x.size // z.size) if x.size else 1


def axes_of(x: Any, axis: Any) -> tuple[int, ...]:
    """The axes that `axis=` names, as non-negative numbers."""
    return normalize_axis_tuple(range(x.ndim) if axis is None else axis, x.ndim)


def gathered(x: Any, axes: tuple[int, ...]) -> Any:
    """The entries along some axes as one axis, the last."""
    kept = tuple(k for k in range(x.ndim) if k not in axes)
    shape = [x.shape[k] for k in kept]
    return np.reshape(np.transpose(x, kept + axes), (*shape, math.prod(x.shape[k] for k in axes)))


CASES = [
    example(D(3, 4)),
    example(D(3, 4), 0),
    example(D(3, 4), axis=-1, keepdims=True),
    example(D(2, 3, 4), axis=(0, -1)),
    example(D(2, 3, 4), axis=(2, 0), keepdims=True),
    example(D()),
]

# Sums and averages.
sum = Primitive(
    np.sum,
    lambda g, z, x, axis, keepdims: np.broadcast_to(spread(g, axis, keepdims), x.shape),
    bind=over,
    examples=CASES,
)
mean = Primitive(
    np.mean,
    lambda g, z, x, axis, keepdims: np.broadcast_to(spread(g, axis, keepdims) / count(x, z), x.shape),
    bind=mean_over,
    examples=CASES,
)


def _slope_of_var(g: Any, z: Any, x: Any, axis: Any, ddof: float, keepdims: bool) -> Any:
    freedom = builtins.max(count(x, z) - ddof, 0)
    return spread(g, axis, keepdims) * 2 * ((x - np.mean(x, axis=axis, keepdims=True)) / freedom)


def _slope_of_std(g: Any, z: Any, x: Any, axis: Any, ddof: float, keepdims: bool) -> Any:
    """The slope of the norm of the deviations: 0 where all are 0. What moves all entries alike moves no deviation."""
    freedom = builtins.max(count(x, z) - ddof, 0)
    deviation = (x - np.mean(x, axis=axis, keepdims=True)) / freedom
    slope = ratio(spread(g, axis, keepdims), deviation, spread(z, axis, keepdims))
    return slope - np.mean(slope, axis=axis, keepdims=True)


SPREADS = [*CASES[:-1], example(D(3, 4), ddof=1), example(D(2, 3, 4), axis=(0, -1), ddof=1.5)]
var = Primitive(np.var, _slope_of_var, bind=over_free, examples=SPREADS)
std = Primitive(np.std, _slope_of_std, bind=over_free, examples=SPREADS)


# Products.
def others(x: Any) -> Any:
    """For each entry along the last axis, the product of all the others, without a division."""
    half = x.shape[-1] // 2
    if not half:
        return np.ones_like(x)
    first, second, odd = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
    rest = others(np.concatenate([first * second, odd], -1))
    pairs = rest[..., :half]
    return np.concatenate([second * pairs, first * pairs, rest[..., half:]], -1)


def _slope_of_prod(g: Any, z: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    axes = axes_of(x, axis)
    order = [k for k in range(x.ndim) if k not in axes] + list(axes)
    slopes = np.reshape(others(gathered(x, axes)), [x.shape[k] for k in order])
    return spread(g, axis, keepdims) * np.transpose(slopes, [order.index(k) for k in range(x.ndim)])


prod = Primitive(np.prod, _slope_of_prod, bind=over, examples=CASES)


# Extremes.
def _slope_of_extreme(g: Any, z: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """The extreme entries share the cotangent equally; where a nan is among the entries, they are all to blame."""
    extreme = x == spread(z, axis, keepdims)
    sharing = np.sum(extreme, axis=axis, keepdims=True).astype(g.dtype)
    rest = np.where(np.isnan(z), np.nan, 0).astype(g.dtype)
    return np.where(extreme, spread(g, axis, keepdims) / divisor(sharing), spread(rest, axis, keepdims))


max = Primitive(np.max, _slope_of_extreme, bind=over, also=(np.amax,), examples=CASES)
min = Primitive(np.min, _slope_of_extreme, bind=over, also=(np.amin,), examples=CASES)


def _logsumexp(x: Any, axis: Any, keepdims: bool) -> Any:
    """log(sum(exp(x))), without overflow."""
    top = finite(np.max(x, axis=axis, keepdims=True))
    with np.errstate(divide="ignore"):  # all entries may be -inf, and so the result
        z = top + np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True))
    return z if keepdims else np.squeeze(z, axis)


def _slope_of_logsumexp(g: Any, z: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    infinite = np.sum(x == np.inf, axis=axis, keepdims=True)
    return spread(g, axis, keepdims) * exp_share(x, spread(z, axis, keepdims), infinite)


logsumexp = Primitive(
    _logsumexp,
    _slope_of_logsumexp,
    bind=over,
    single=True,
    examples=CASES,
)
