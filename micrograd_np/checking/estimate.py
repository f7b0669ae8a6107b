"""Numeric slopes as good as can be had: in more precision, by the complex step, with other steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from .numeric import Function, Slopes, complex_slopes, slopes

Array = Any

BASE = 2.0**-10
# Finer steps for kinks and poles nearby, coarser ones against rounding.
STEPS = [2.0**-k for k in (6, 2, 14, 18, 22, 26, 30, 34)]


def estimate(
    values: Callable[[Any], Function],
    x: Array,
    directions: list[Array],
    eps: float,
    tolerance: Callable[[Slopes], Array],
    factor: float = 1.0,
) -> Slopes:
    """Slopes of a function along directions, each by the first way that knows it to the tolerance, or by the best.

    Parameters
    ----------
    values : callable
        From a dtype to the function in that precision.
    x : (k,) array
    directions : list of (k,) arrays
    eps : float
        The coarsest rounding on the way.
    tolerance : callable
        From the slopes found so far to what is close enough, an array of their shape.
    factor : float
        Of all steps: another factor gives a second opinion.
    """
    base = BASE * factor * (eps / np.finfo(np.float64).eps) ** 0.2
    found = slopes(values(x.dtype), x, directions, base, eps)
    for another in better_ways(values, x, eps, base, factor):
        enough = tolerance(found)
        rows = np.flatnonzero((found.uncertainty > enough).any(axis=1))
        if not rows.size:
            break
        other = another([directions[row] for row in rows], found=found, rows=rows)
        if other is not None:
            found.take(rows, other, other.uncertainty < found.uncertainty[rows])
    return found


def better_ways(
    values: Any, x: Array, eps: float, base: float, factor: float
) -> Iterator[Callable[..., Slopes | None]]:
    """The ways to know a slope better, in the order in which to try them."""
    f = values(x.dtype)
    if eps <= np.finfo(np.float64).eps:
        if wide := wider(values, x):
            f, x, eps = wide, x.astype(np.longdouble), float(np.finfo(np.longdouble).eps)
            yield partial(by_differences, f, x, base, eps)
        yield partial(by_complex_step, values(np.complex128), x)
    for step in STEPS:
        yield partial(by_differences, f, x, step * factor, eps)


def by_differences(f: Function, x: Array, step: float, eps: float, directions: list[Array], **_: Any) -> Slopes:
    return slopes(f, x, directions, step, eps)


def wider(values: Any, x: Array) -> Function | None:
    """The function in extended precision, where the machine has it and the function keeps it."""
    if np.finfo(np.longdouble).eps >= np.finfo(x.dtype).eps:
        return None
    f = values(np.longdouble)
    try:
        with np.errstate(all="ignore"):
            kept = f(x.astype(np.longdouble)).dtype == np.longdouble
    except TypeError:
        return None
    return f if kept else None


def by_complex_step(f: Function, x: Array, directions: list[Array], found: Slopes, rows: Array) -> Slopes | None:
    exact = complex_slopes(f, x, directions)
    if exact is None or not exact.any() or not np.isfinite(exact).all() or not np.isfinite(found.bar[rows]).all():
        return None
    if (np.abs(exact - found.value[rows]) > found.bar[rows]).any():
        return None
    bar = 16 * float(np.finfo(np.float64).eps) * (np.abs(exact) + 1e-2 * np.max(np.abs(exact)))
    return Slopes(exact, bar, exact, bar, exact, bar)
