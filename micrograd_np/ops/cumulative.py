"""Running totals along an axis, and the differences that undo them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from .composed import stands_for
from .examples import Drawn as D
from .examples import example
from .primitive import Bound, Primitive, as_array
from .reduction import scalar_axis


def along(a: Any, axis: Any = None) -> Bound:
    """Without an axis, along all entries in their order; an array without axes is a vector of one."""
    if axis is None or scalar_axis(a, axis) is None:
        return (np.reshape(a, -1),), {"axis": 0}
    return (a,), {"axis": axis}


CASES = [example(D(3, 4)), example(D(3, 4), 0), example(D(2, 5, 2), axis=-2), example(D(7), axis=0)]

cumsum = Primitive(
    np.cumsum,
    lambda g, z, x, axis: np.flip(np.cumsum(np.flip(g, axis), axis=axis), axis),
    bind=along,
    examples=CASES,
)


def ahead(x: Any, step: int) -> Any:
    """Each entry replaced by the one `step` further along the last axis, or 0."""
    return np.concatenate([x[..., step:], np.zeros_like(x[..., :step])], -1)


def _slope_of_cumprod(g: Any, z: Any, x: Any, axis: int) -> Any:
    """The sum over k >= i of g_k z_k / x_i, without the division: gathered from 1, 2, 4, ... entries ahead."""
    g, z, x = (np.swapaxes(part, axis, -1) for part in (g, z, x))
    before = np.concatenate([np.ones_like(z[..., :1]), z[..., :-1]], -1)
    between = ahead(x, 1)
    step = 1
    while step < x.shape[-1]:
        g = g + between * ahead(g, step)
        between = between * ahead(between, step)
        step *= 2
    return np.swapaxes(before * g, axis, -1)


cumprod = Primitive(
    np.cumprod,
    _slope_of_cumprod,
    bind=along,
    examples=CASES,
)


def cumulative(total: Primitive, start: int, x: Any, axis: Any, include_initial: bool) -> Any:
    """The running total of the array API standard: it wants an axis, and may begin with the total of nothing."""
    x = as_array(x)
    if axis is None:
        if x.ndim > 1:
            raise ValueError(f"cumulative_{total.name[3:]} of an array of shape {x.shape} takes axis=, an integer.")
        axis = 0
    axis = axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis
    totals = total(x, axis=axis)
    if not include_initial:
        return totals
    return np.concatenate([np.full_like(part(totals, axis, slice(0, 1)), start), totals], axis)


@stands_for(getattr(np, "cumulative_sum", None))
def cumulative_sum(x: Any, /, *, axis: Any = None, include_initial: bool = False) -> Any:
    """The running sum along an axis; with `include_initial` it begins with 0."""
    return cumulative(cumsum, 0, x, axis, include_initial)


@stands_for(getattr(np, "cumulative_prod", None))
def cumulative_prod(x: Any, /, *, axis: Any = None, include_initial: bool = False) -> Any:
    """The running product along an axis; with `include_initial` it begins with 1."""
    return cumulative(cumprod, 1, x, axis, include_initial)


def part(x: Any, axis: int, where: slice) -> Any:
    """A slice along one axis."""
    return x[(slice(None),) * (axis % x.ndim) + (where,)]


@stands_for(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """Each entry along an axis less the one before it, n times over."""
    if n < 0:
        raise ValueError(f"np.diff: n={n} is how many times to take differences; it cannot be negative.")
    a = as_array(a)
    if not a.ndim:
        raise ValueError("np.diff takes an array of one axis or more, not a number.")
    axis = normalize_axis_index(axis, a.ndim)
    single = part(a, axis, slice(0, 1)).shape
    ends = [end if end is None or np.ndim(end) else np.broadcast_to(end, single) for end in (prepend, append)]
    if n and any(end is not None for end in ends):
        a = np.concatenate([x for x in (ends[0], a, ends[1]) if x is not None], axis)
    for _ in range(n):
        a = part(a, axis, slice(1, None)) - part(a, axis, slice(None, -1))
    return a


@stands_for(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral of y along an axis by the trapezoidal rule, over the points x or steps of dx."""
    y = as_array(y)
    axis = normalize_axis_index(axis, y.ndim)
    steps = dx
    if x is not None:
        points = as_array(x)
        steps = np.diff(points, axis=axis if points.ndim > 1 else -1)
        if points.ndim == 1:
            steps = np.reshape(steps, (-1,) + (1,) * (y.ndim - 1 - axis % y.ndim))
    return np.sum(steps * (part(y, axis, slice(1, None)) + part(y, axis, slice(None, -1))) / 2, axis=axis)
