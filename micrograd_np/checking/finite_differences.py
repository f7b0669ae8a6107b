"""Numeric derivatives with error bars, and the verdict of a comparison with them.

If a step h is too large, curvature spoils the slope; if it is too small, rounding does; and no single h is right for
every function. So each slope is taken with h, h/2 and h/4 and extrapolated twice. The error bar is the difference of
the two extrapolations plus the rounding error of the values. The same values give the slopes to the left and to the
right, which differ at a kink.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, partial
from typing import Any

import numpy as np

Array = Any
Function = Callable[[Array], Array]

PARTS = (1, 2, 4)


@dataclass
class Slopes:
    """Slopes of m outputs along n directions: arrays of shape (n, m)."""

    value: Array
    bar: Array
    left: Array
    left_bar: Array
    right: Array
    right_bar: Array

    @property
    def kinked(self) -> Array:
        """Return a mask: left and right differ by more than their error bars."""
        with np.errstate(all="ignore"):
            return np.abs(self.right - self.left) > 4 * (self.left_bar + self.right_bar)

    @property
    def uncertainty(self) -> Array:
        """Return the error bar; at a kink, the error bar of the one-sided slopes."""
        return np.where(self.kinked, np.minimum(np.maximum(self.left_bar, self.right_bar), self.bar), self.bar)

    @property
    def bounds(self) -> tuple[Array, Array]:
        """Return the bounds of the slope: its error bar, and at a kink all values between both sides."""
        low = np.minimum(self.left - self.left_bar, self.right - self.right_bar)
        high = np.maximum(self.left + self.left_bar, self.right + self.right_bar)
        known = np.isfinite(self.bar)
        low = np.where(self.kinked, low, np.where(known, self.value - self.bar, -np.inf))
        return low, np.where(self.kinked, high, np.where(known, self.value + self.bar, np.inf))

    def at(self, rows: Array) -> Slopes:
        """Return the slopes along some of the directions."""
        return Slopes(*(getattr(self, field.name)[rows] for field in fields(self)))

    def take(self, rows: Array, other: Slopes, better: Array) -> None:
        """Replace the estimate of some rows by another one where that is better."""
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            mine[rows] = np.where(better, theirs, mine[rows])


def slopes(f: Function, x: Array, directions: Sequence[Array], h: Any, eps: float, inner: Array = 0.0) -> Slopes:
    """Return the slopes of f at x along directions.

    Parameters
    ----------
    f : callable
        From an array like x to a 1-D array of m outputs.
    x : (k,) array
    directions : sequence of n arrays of shape (k,)
    h : float, or (n,) array
        The largest of the three steps, for all directions or for each.
    eps : float
        The relative rounding error of x and of f's values.
    inner : float or (m,) array
        The size of the terms that f sums to its values, where it is larger than the values.

    Examples
    --------
    >>> found = slopes(lambda x: np.abs(x), np.array([0.0, 3.0]), list(np.eye(2)), 1e-3, 1e-16)
    >>> found.left.diagonal().round(6), found.right.diagonal().round(6), found.kinked.diagonal()
    (array([-1.,  1.]), array([1., 1.]), array([ True, False]))
    """
    with np.errstate(all="ignore"):
        middle = f(x)
        steps = np.broadcast_to(np.asarray(h, dtype=x.dtype), len(directions))
        pairs = list(zip(directions, steps, strict=True))
        around = np.array([[f(x + sign * step / k * v) for sign in (1, -1) for k in PARTS] for v, step in pairs])
        ahead, behind = np.moveaxis(around.reshape(len(directions), 2, len(PARTS), middle.size), 0, 2)
        steps = steps[:, None]
        rounding = eps / (steps / 4) * np.maximum(np.max(np.abs([ahead, behind]), axis=(0, 1)), inner)
        shares = np.array(PARTS)[:, None, None] / steps
        left, left_bar = limit((middle - behind) * shares, 1, rounding)
        right, right_bar = limit((ahead - middle) * shares, 1, rounding)
        value, bar = limit((ahead - behind) * shares / 2, 2, rounding)
        bar = np.where(np.isfinite(left_bar + right_bar), bar, np.inf)
        # Where both one-sided slopes are known and agree, their mean is the slope: a joint such as that of max(0, x)**2
        # spoils only the order of convergence of the central difference.
        apart = np.abs(right - left)
        joint = (apart <= 4 * (left_bar + right_bar)) & ((left_bar + right_bar + apart) / 2 < bar)
        value = np.where(joint, (left + right) / 2, value)
        bar = np.where(joint, (left_bar + right_bar + apart) / 2, bar)
        # At the end of a domain, only one side exists.
        for side, its_bar, other in ((left, left_bar, ahead), (right, right_bar, behind)):
            edge = np.isnan(other).all(axis=0) & np.isfinite(its_bar)
            value, bar = np.where(edge, side, value), np.where(edge, its_bar, bar)
            left, left_bar = np.where(edge, side, left), np.where(edge, its_bar, left_bar)
            right, right_bar = np.where(edge, side, right), np.where(edge, its_bar, right_bar)
        found = []
        still = np.array([not moves(x, v, step / PARTS[-1]) for v, step in pairs], dtype=bool)[:, None]
        moved = eps / (steps / 4) * np.array([np.max(np.abs(x[v != 0]), initial=0) for v in directions])[:, None]
        for slope, its_bar in ((value, bar), (left, left_bar), (right, right_bar)):
            wider = its_bar + moved * np.abs(slope)  # x + step is rounded, too
            found += [slope, np.where(np.isnan(wider) | still, np.inf, wider)]
    return Slopes(*found)


def moves(x: Array, v: Array, step: Any) -> bool:
    """Return whether x + step * v is where it should be: beside a large x, a small step is rounded away."""
    there = v != 0
    wanted = step * v[there]
    return bool(np.all(np.abs((x[there] + wanted) - x[there] - wanted) <= 0.1 * np.abs(wanted)))


def limit(differences: Array, order: int, rounding: Array) -> tuple[Array, Array]:
    """Return the limit of differences with steps h, h/2, h/4 and error of order h**order, and its error bar.

    If differences do not converge, but are nearly equal, only rounding separates them, and their scatter is the error
    bar. All others get an infinite error bar.
    """
    wide, middle, narrow = differences
    p = 2**order
    first, second = (p * middle - wide) / (p - 1), (p * narrow - middle) / (p - 1)
    value, bar = second, np.abs(second - first)
    if order == 1:
        value, bar = (4 * second - first) / 3, bar / 3
    before, after = np.abs(middle - wide), np.abs(narrow - middle)
    scatter = 10 * np.maximum(before, after)
    known = np.abs(value)[np.isfinite(value)]
    enough = np.maximum(np.abs(value) / 10, 1e-7 * np.max(known, initial=0))
    unsettled = np.where(scatter < enough, scatter, np.inf)
    return value, np.where(after <= 1.4 * before / p + 2 * rounding, bar, unsettled) + rounding


class UnitVectors(Sequence[Array]):
    """The unit vectors along entries of x. Each is made when it is read: all of them would be a square matrix."""

    def __init__(self, x: Array, entries: Sequence[int]) -> None:
        self.x, self.entries = x, entries

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, row: Any) -> Any:
        v = np.zeros(self.x.size, self.x.dtype)
        v[self.entries[row]] = 1
        return v


def chosen(directions: Sequence[Array], rows: Any) -> Sequence[Array]:
    """Return some of the directions."""
    if isinstance(directions, UnitVectors):
        return UnitVectors(directions.x, [directions.entries[row] for row in rows])
    return [directions[row] for row in rows]


EPS = float(np.finfo(np.float64).eps)

BASE = 8.9e-4
# Larger steps reduce rounding error (relative to x where x is large). Smaller steps resolve kinks and poles nearby,
# down to the limit of rounding. The last ones are relative to the entries that move, as inputs may be tiny (1e-12
# metres). No step is a multiple of another: a periodic function cannot fool them all.
COARSER = [1.51e-2, 2.37e-1]
FINER = [(step, False) for step in (6.1e-5, 3.7e-6, 2.3e-7, 1.3e-8, 8.7e-10, 5.9e-11)]
FINER += [(step, True) for step in (8.9e-4, 1.51e-2, 6.1e-5, 2.3e-7)]

Method = tuple[Callable[[Sequence[Array]], "Slopes"], Callable[["Slopes", "Slopes", Array], Array]]


@dataclass
class Measured:
    """A function of one flat array in any precision, a point, and the size of its rounding errors."""

    values: Callable[[Any], Function]
    x: Array
    eps: float
    inner: Array = 0.0

    @cached_property
    def widest(self) -> Any:
        """The type of x, or extended precision if the machine and the function support it."""
        own, wide = self.x.dtype, np.dtype(np.longdouble)
        if self.eps > EPS or np.finfo(wide).eps >= np.finfo(own).eps:
            return own
        try:
            with np.errstate(all="ignore"):
                return wide if self.values(wide)(self.x.astype(wide)).dtype == wide else own
        except TypeError:
            return own

    def slopes(self, dtype: Any, h: Any, directions: Sequence[Array]) -> Slopes:
        """Return the slopes with steps h, computed in the type of x or a wider one."""
        eps = self.eps if dtype == self.x.dtype else float(np.finfo(dtype).eps)
        return slopes(self.values(dtype), self.x.astype(dtype), directions, h, eps, self.inner)

    def fine_slopes(self, step: float, relative: bool, directions: Sequence[Array]) -> Slopes:
        """Return the slopes with a small step, which may be relative to the entries that move."""
        largest = np.max(np.abs(self.x), initial=0)
        sizes = [np.min(np.abs(self.x[(v != 0) & (self.x != 0)]), initial=largest) or 1 for v in directions]
        return self.slopes(self.widest, step * np.array(sizes if relative else 1), directions)


def measured(f: Function, x: Array, eps: float, inner: Array = 0.0) -> Measured:
    """Return what `estimate` takes, for a function of an array like x that gives a number or an array."""

    def at(flat: Array, dtype: Any) -> Array:
        try:
            return np.atleast_1d(f(flat.astype(dtype).reshape(x.shape)))
        except (ArithmeticError, ValueError):  # outside of the domain, as of math.log; NumPy's own functions give nan
            if np.array_equal(flat, x.ravel()):
                raise
            return np.atleast_1d(np.nan)

    def values(dtype: Any) -> Function:
        return lambda flat: at(flat, dtype)

    return Measured(values, x.ravel().astype(np.promote_types(x.dtype, np.float64)), eps, inner)


def estimate(
    what: Measured, directions: Sequence[Array], tolerance: Callable[[Slopes], Array], factor: float = 1.0
) -> Slopes:
    """Return slopes along directions, each by the first method within the tolerance, or else by the best one.

    Parameters
    ----------
    what : Measured
    directions : sequence of arrays like `what.x`
    tolerance : callable
        From the slopes found so far to the uncertainty that is small enough, an array of their shape.
    factor : float
        Multiplies all steps: another factor gives a second, independent estimate.
    """
    base = BASE * factor * (what.eps / EPS) ** 0.2
    found = what.slopes(what.x.dtype, base, directions)
    for measure, better in methods(what, base, factor):
        enough = tolerance(found)
        rows = np.flatnonzero(~((found.uncertainty <= enough) & ~found.kinked).all(axis=1))
        if not rows.size:
            break
        other = measure(chosen(directions, rows))
        found.take(rows, other, better(found.at(rows), other, enough[rows]))
    return found


def methods(what: Measured, base: float, factor: float) -> Iterator[Method]:
    """Yield the methods in the order to try them, each with the function that tells where its slopes are better."""
    wide = what.widest
    if wide != what.x.dtype:
        yield partial(what.slopes, wide, base), sharper
    size = max(1.0, float(np.max(np.abs(what.x), initial=0)))
    for step in (base * size, *(step * size for step in COARSER)):
        yield partial(what.slopes, wide, step * factor), smoother
    for step, relative in FINER:
        yield partial(what.fine_slopes, step * factor, relative), sharper


def sharper(found: Slopes, other: Slopes, enough: Array) -> Array:
    """Return where an equal or smaller step is better: an apparent kink at x may be a kink near x."""
    smooth = found.kinked & ~other.kinked & (other.uncertainty <= enough)
    return ((other.uncertainty < found.uncertainty) | smooth) & ~stairs(found, other)


def stairs(found: Slopes, other: Slopes) -> Array:
    """Return where nothing moves with a smaller step, and a larger one gives a slope: the values are rounded to steps.

    They are if a part of f computes in float32, for example.
    """
    nothing = (other.value == 0) & (other.left == 0) & (other.right == 0)
    known: Array = nothing & ~found.kinked & (found.bar < np.abs(found.value) / 4)
    return known


def smoother(found: Slopes, other: Slopes, enough: Array) -> Array:
    """Return where a larger step, which has less rounding error, is better: only if it agrees with the known slope."""
    agrees = np.isfinite(found.bar) & (np.abs(other.value - found.value) <= found.bar)
    return agrees & (other.uncertainty < found.uncertainty)


def numeric_gradient(
    what: Measured, directions: Sequence[Array], tolerance: Callable[[Slopes], Array]
) -> tuple[Array, Array, Slopes]:
    """Return a number's slopes along directions, their error bars (inf where nothing is known), and the details.

    At a kink, the slope is the middle between both sides, and the bar reaches to them.
    """
    with np.errstate(all="ignore"):
        found = estimate(what, directions, tolerance)
        low, high = found.bounds
        known = np.isfinite(low + high)
        value = np.where(known, (low + high) / 2, np.nan_to_num(found.value, posinf=0.0, neginf=0.0))
    return value[:, 0], np.where(known, (high - low) / 2, np.inf)[:, 0], found
