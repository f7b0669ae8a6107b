"""Numeric derivatives with error bars, and the verdict of a comparison with them.

If a step h is too large, curvature spoils the slope; if it is too small, rounding does; and no single h is right for
every function. So each slope is taken with h, h/2 and h/4 and extrapolated twice. The error bar is the difference of
the two extrapolations plus the rounding error of the values. The same values give the slopes to the left and to the
right, which differ at a kink.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import partial
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
        moved = eps / (steps / 4) * np.array([np.max(np.abs(x[v != 0]), initial=0) for v in directions])[:, None]
        for slope, its_bar in ((value, bar), (left, left_bar), (right, right_bar)):
            wider = its_bar + moved * np.abs(slope)  # x + step is rounded, too
            found += [slope, np.where(np.isnan(wider), np.inf, wider)]
    return Slopes(*found)


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


def complex_slopes(f: Function, x: Array, directions: Sequence[Array]) -> Array | None:
    """Return slopes by the complex step, which has no cancellation; None if f does not take complex numbers.

    A function that drops the imaginary part, as absolute values do, silently gives wrong slopes here: use them only
    where they agree with differences.
    """
    step = 1e-100
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            return np.array([np.imag(f(x + 1j * step * v)) / step for v in directions])
    except Exception:  # any error means that f does not take complex numbers
        return None


def axes(x: Array, entries: Sequence[int]) -> Iterator[Array]:
    """Yield the unit vectors along entries of x."""
    for i in entries:
        v = np.zeros(x.size, x.dtype)
        v[i] = 1
        yield v


EPS = float(np.finfo(np.float64).eps)

BASE = 8.9e-4
# Larger steps reduce rounding error (relative to x where x is large). Smaller steps resolve kinks and poles nearby,
# down to the limit of rounding. No step is a multiple of another: a periodic function cannot fool them all.
COARSER = [1.51e-2, 2.37e-1]
RELATIVE = [8.9e-4, 1.51e-2, 6.1e-5, 2.3e-7]
FINER = [6.1e-5, 3.7e-6, 2.3e-7, 1.3e-8, 8.7e-10, 5.9e-11]


@dataclass
class Measured:
    """A function of one flat array in any precision, a point, and the size of its rounding errors."""

    values: Callable[[Any], Function]
    x: Array
    eps: float
    inner: Array = 0.0


def estimate(
    what: Measured, directions: list[Array], tolerance: Callable[[Slopes], Array], factor: float = 1.0
) -> Slopes:
    """Return slopes along directions, each by the first method within the tolerance, or else by the best one.

    Parameters
    ----------
    what : Measured
    directions : list of arrays like `what.x`
    tolerance : callable
        From the slopes found so far to the uncertainty that is small enough, an array of their shape.
    factor : float
        Multiplies all steps: another factor gives a second, independent estimate.
    """
    base = BASE * factor * (what.eps / EPS) ** 0.2
    found = slopes(what.values(what.x.dtype), what.x, directions, base, what.eps, what.inner)
    for better_way in better_ways(what, base, factor):
        enough = tolerance(found)
        rows = np.flatnonzero(~((found.uncertainty <= enough) & ~found.kinked).all(axis=1))
        if not rows.size:
            break
        other, better = better_way([directions[row] for row in rows], found=found.at(rows), enough=enough[rows])
        found.take(rows, other, better)
    return found


def better_ways(what: Measured, base: float, factor: float) -> Iterator[Callable[..., tuple[Slopes, Array]]]:
    """Yield better methods in the order to try them: each returns slopes, and a mask of where they are better."""
    f, x, eps = what.values(what.x.dtype), what.x, what.eps
    if eps <= EPS:
        if wide := wider(what):
            f, x, eps = wide, x.astype(np.longdouble), float(np.finfo(np.longdouble).eps)
            yield partial(closer, f, x, base, eps, what.inner)
        yield partial(by_complex_step, what.values(np.complex128), what.x)
    size = max(1.0, float(np.max(np.abs(x), initial=0)))
    for step in [base * size, *(step * size for step in COARSER)]:
        yield partial(coarser, f, x, step * factor, eps, what.inner)
    for step in FINER:
        yield partial(closer, f, x, step * factor, eps, what.inner)
    for step in RELATIVE:
        yield partial(closer, f, x, OwnSize(x, step * factor), eps, what.inner)


@dataclass
class OwnSize:
    """Steps relative to the entries that move, as inputs may be tiny (1e-12 metres)."""

    x: Array
    step: float

    def along(self, directions: Sequence[Array]) -> Array:
        largest = np.max(np.abs(self.x), initial=0)
        sizes = [np.min(np.abs(self.x[(v != 0) & (self.x != 0)]), initial=largest) for v in directions]
        return self.step * np.array([size or 1 for size in sizes], dtype=self.x.dtype)


def closer(
    f: Function, x: Array, step: Any, eps: float, inner: Array, directions: list[Array], found: Slopes, enough: Array
) -> tuple[Slopes, Array]:
    """Measure with an equal or smaller step: an apparent kink at x may be a kink near x."""
    step = step.along(directions) if isinstance(step, OwnSize) else step
    other = slopes(f, x, directions, step, eps, inner)
    smooth = found.kinked & ~other.kinked & (other.uncertainty <= enough)
    return other, (other.uncertainty < found.uncertainty) | smooth


def coarser(
    f: Function, x: Array, step: float, eps: float, inner: Array, directions: list[Array], found: Slopes, enough: Array
) -> tuple[Slopes, Array]:
    """Measure with a larger step, which has less rounding error; use it only if it agrees with the known slope."""
    other = slopes(f, x, directions, step, eps, inner)
    agrees = np.isfinite(found.bar) & (np.abs(other.value - found.value) <= found.bar)
    return other, agrees & (other.uncertainty < found.uncertainty)


def wider(what: Measured) -> Function | None:
    """Return the function in extended precision, or None if the machine or the function does not support it."""
    if np.finfo(np.longdouble).eps >= np.finfo(what.x.dtype).eps:
        return None
    f = what.values(np.longdouble)
    try:
        with np.errstate(all="ignore"):
            kept = f(what.x.astype(np.longdouble)).dtype == np.longdouble
    except TypeError:
        return None
    return f if kept else None


def by_complex_step(
    f: Function, x: Array, directions: list[Array], found: Slopes, enough: Array
) -> tuple[Slopes, Array]:
    """Measure by the complex step; use it only if it agrees with all differences."""
    exact = complex_slopes(f, x, directions)
    exact = None if exact is None else np.where(np.abs(exact) < 1e-60, 0, exact)  # rest of the step
    if exact is None or not exact.any() or not np.isfinite(exact).all():
        return found, np.zeros(found.bar.shape, bool)
    agrees = np.all(np.isfinite(found.bar) & (np.abs(exact - found.value) <= found.bar))
    bar = 16 * EPS * (np.abs(exact) + 1e-2 * np.max(np.abs(exact)))
    other = Slopes(exact, bar, exact, bar, exact, bar)
    return other, agrees & (bar < found.uncertainty)


NONDETERMINISTIC = "NONDETERMINISTIC"
WRONG = "WRONG"
NON_FINITE = "NON-FINITE ON BOTH SIDES"
TOO_COARSE = "TOO COARSE"
INDEPENDENT = "INDEPENDENT"
KINK = "KINK"
OK = "OK"
GRAVEST_FIRST = (NONDETERMINISTIC, WRONG, NON_FINITE, TOO_COARSE, INDEPENDENT, KINK, OK)


@dataclass
class Comparison:
    """The graph's derivatives of m outputs along n directions, and the numeric ones; arrays of shape (n, m)."""

    verdict: str
    where: Array
    graph: Array
    found: Slopes
    allowed: Array


def compare(
    what: Measured, directions: Sequence[Array], graph: Array, tolerance: Callable[[Slopes], Array]
) -> Comparison:
    """Compare derivatives with finite differences; return a verdict, and the derivatives that it is about.

    Parameters
    ----------
    what : Measured
        The function.
    directions : sequence of n arrays like `what.x`
    graph : (n, m) array
        The derivatives to check.
    tolerance : callable
        From the numeric slopes to the errors that are allowed.
    """
    with np.errstate(all="ignore"):
        found = estimate(what, list(directions), tolerance)
        allowed = tolerance(found)
        nothing = 1e-10 * np.max(finite(found.value), initial=0)  # relative to the largest derivative
        vague = ~((found.uncertainty <= np.maximum(allowed, nothing)) | still(graph, found))
        off = misses(graph, found, allowed)
        rows = np.flatnonzero(off.any(axis=1))
        if rows.size:  # one measurement is not enough to call a derivative wrong
            again = estimate(what, [directions[int(row)] for row in rows], lambda _: allowed[rows], 0.77)
            off[rows] &= misses(graph[rows], again, allowed[rows]) & same(found.value[rows], again.value, graph[rows])
            rows = np.flatnonzero(off.any(axis=1))
        for row in rows:
            off[row] &= ~seen_closer(what, directions[int(row)], graph[row], found.value[row], allowed[row])
        kinked = found.kinked & ~(np.abs(found.right - found.left) <= allowed)
    cases = ((WRONG, off), (NON_FINITE, vague & ~np.isfinite(graph + found.value)), (TOO_COARSE, vague), (KINK, kinked))
    verdict, where = next(((verdict, where) for verdict, where in cases if where.any()), (OK, off))
    return Comparison(verdict, where, graph, found, allowed)


def seen_closer(what: Measured, direction: Array, graph: Array, value: Array, allowed: Array) -> Array:
    """Return a mask: smaller steps confirm a derivative that larger ones miss, as of x**2 + 1e-9 * sin(1e5 * x)."""
    f, x, eps = what.values(what.x.dtype), what.x, what.eps
    if eps <= EPS and (wide := wider(what)):
        f, x, eps = wide, x.astype(np.longdouble), float(np.finfo(np.longdouble).eps)
    found = np.zeros(graph.shape, bool)
    for step in (*FINER, *(OwnSize(x, step).along([direction]) for step in RELATIVE)):
        fine = slopes(f, x, [direction], step, eps, what.inner)
        sharp = fine.uncertainty[0] < np.abs(value - graph) / 4
        found |= sharp & (np.abs(fine.value[0] - graph) <= fine.uncertainty[0] + allowed)
    return found


def misses(graph: Array, found: Slopes, tolerance: Array) -> Array:
    """Return a mask: the graph's derivative is outside of what finite differences allow."""
    low, high = found.bounds
    outside = (graph < low - tolerance) | (graph > high + tolerance)
    known = found.uncertainty <= np.maximum(tolerance, 1e-3 * np.abs(found.value))
    return np.where(np.isfinite(graph), outside, known)


def same(first: Array, second: Array, graph: Array) -> Array:
    """Return a mask: two measurements agree with each other better than with the graph."""
    apart = np.abs(first - second)
    return ~(apart > np.abs(first - graph) / 2)


def still(graph: Array, found: Slopes) -> Array:
    """Return a mask: the values do not change at all, and the graph's derivative is 0, too."""
    return (graph == 0) & (found.value == 0) & (found.left == 0) & (found.right == 0)


def tolerances(graph: Array, rtol: float) -> Callable[[Slopes], Array]:
    """Return the function that gives allowed errors, relative to max(derivative, 1e-6 of the input's largest)."""

    def tolerance(found: Slopes) -> Array:
        sizes = np.max([finite(x) for x in (graph, found.value, found.left, found.right)], axis=0)
        return rtol * np.fmax(sizes, 1e-6 * np.max(sizes, initial=0))

    return tolerance


def finite(x: Array) -> Array:
    return np.where(np.isfinite(x), np.abs(x), 0)
