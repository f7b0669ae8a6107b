"""Numeric slopes as good as can be had: in more precision, by the complex step, with other steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from .numeric import Function, Slopes, complex_slopes, slopes

Array = Any
EPS = float(np.finfo(np.float64).eps)

BASE = 8.9e-4
# Coarser steps against rounding, relative to x where x is large; finer ones for kinks and poles nearby, down to what
# rounding leaves. None is a multiple of another, so that no period hides from all of them.
COARSER = [1.51e-2, 2.37e-1]
FINER = [6.1e-5, 3.7e-6, 2.3e-7, 1.3e-8, 8.7e-10, 5.9e-11]


@dataclass
class Measured:
    """A function of one flat array: in any precision, at a point, with what is known of its rounding."""

    values: Callable[[Any], Function]
    x: Array
    eps: float
    inner: Array = 0.0


def estimate(
    what: Measured, directions: list[Array], tolerance: Callable[[Slopes], Array], factor: float = 1.0
) -> Slopes:
    """Slopes along directions, each by the first way that knows it to the tolerance, or by the best.

    Parameters
    ----------
    what : Measured
    directions : list of arrays like `what.x`
    tolerance : callable
        From the slopes found so far to what is close enough, an array of their shape.
    factor : float
        Of all steps: another factor gives a second opinion.
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
    """Ways to know slopes better, in the order in which to try them: each gives slopes, and where they are better."""
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


def closer(
    f: Function, x: Array, step: float, eps: float, inner: Array, directions: list[Array], found: Slopes, enough: Array
) -> tuple[Slopes, Array]:
    """With a step as small, or smaller: what looked like a kink may be one nearby."""
    other = slopes(f, x, directions, step, eps, inner)
    smooth = found.kinked & ~other.kinked & (other.uncertainty <= enough)
    return other, (other.uncertainty < found.uncertainty) | smooth


def coarser(
    f: Function, x: Array, step: float, eps: float, inner: Array, directions: list[Array], found: Slopes, enough: Array
) -> tuple[Slopes, Array]:
    """With a larger step, which sees less rounding but may see too much else: it must agree with what is known."""
    other = slopes(f, x, directions, step, eps, inner)
    agrees = np.isfinite(found.bar) & (np.abs(other.value - found.value) <= found.bar)
    return other, agrees & (other.uncertainty < found.uncertainty)


def wider(what: Measured) -> Function | None:
    """The function in extended precision, where the machine has it and the function keeps it."""
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
    """Without differences; believed only where it agrees with them throughout."""
    exact = complex_slopes(f, x, directions)
    if exact is None or not exact.any() or not np.isfinite(exact).all():
        return found, np.zeros(found.bar.shape, bool)
    agrees = np.all(np.isfinite(found.bar) & (np.abs(exact - found.value) <= found.bar))
    bar = 16 * EPS * (np.abs(exact) + 1e-2 * np.max(np.abs(exact)))
    other = Slopes(exact, bar, exact, bar, exact, bar)
    return other, agrees & (bar < found.uncertainty)
