"""Compare derivatives with finite differences, and give a verdict; choose directions that show any wrong entry.

One measurement never calls a derivative wrong: a second one with other steps has to agree with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .finite_differences import FINER, Measured, Slopes, estimate, stairs

Array = Any

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
        off = missed = misses(graph, found, allowed)
        rows = np.flatnonzero(off.any(axis=1))
        if rows.size:  # one measurement is not enough to call a derivative wrong
            again = estimate(what, [directions[int(row)] for row in rows], lambda _: allowed[rows], 0.77)
            off = off.copy()
            off[rows] &= misses(graph[rows], again, allowed[rows]) & same(found.value[rows], again.value, graph[rows])
            found.take(rows, again, missed[rows] & ~misses(graph[rows], again, allowed[rows]))
        for row in np.flatnonzero(off.any(axis=1)):
            closer = seen_closer(what, directions[int(row)], graph[row], found, int(row), allowed[row])
            off[row] &= ~closer
        # Nor is one that contradicts the graph enough to call it right.
        vague = ~((found.uncertainty <= np.maximum(allowed, nothing)) | still(graph, found))
        vague |= misses(graph, found, allowed) & ~off
        kinked = found.kinked & ~(np.abs(found.right - found.left) <= allowed)
    cases = ((WRONG, off), (NON_FINITE, vague & ~np.isfinite(graph + found.value)), (TOO_COARSE, vague), (KINK, kinked))
    verdict, where = next(((verdict, where) for verdict, where in cases if where.any()), (OK, off))
    return Comparison(verdict, where, graph, found, allowed)


def seen_closer(what: Measured, direction: Array, graph: Array, found: Slopes, row: int, allowed: Array) -> Array:
    """Return a mask: smaller steps confirm a derivative that larger ones miss, as of x**2 + 1e-9 * sin(1e5 * x).

    What they give takes the place of what was found, if something moves with them: values that are rounded to steps and
    a narrow plateau look alike.
    """
    rows, seen, value = np.array([row]), np.zeros(graph.shape, bool), found.value[row].copy()
    for step, relative in FINER:
        fine = what.fine_slopes(step, relative, [direction])
        sharp = fine.uncertainty[0] < np.abs(value - graph) / 4
        closer = sharp & (np.abs(fine.value[0] - graph) <= fine.uncertainty[0] + allowed)
        found.take(rows, fine, closer[None] & ~seen & ~stairs(found.at(rows), fine))
        seen |= closer
    return seen


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


DIRECTIONS = 3


def signed(rng: Any, shape: tuple[int, ...]) -> Array:
    """Return random numbers of both signs, none of them small, so that any wrong entry shows."""
    return rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape)


def random_directions(size: int, seed: int) -> Array:
    """Return directions whose entries differ and are not small, so that a single wrong entry shows."""
    return signed(np.random.default_rng(seed), (DIRECTIONS, size)) / np.sqrt(max(size, 1))


def spread(gradient: Array, directions: Array, rtol: float) -> Array:
    """Return the allowed error along each direction, relative to the size of the sum's terms."""
    known = np.where(np.isfinite(gradient), gradient, 0)
    return np.maximum(rtol * np.linalg.norm(directions * known, axis=1), np.finfo(float).tiny)[:, None]


def narrow_down(differs: Callable[[Array], float], direction: Array) -> int:
    """Return the entry that causes the error along a direction, found by halving."""
    every = entries = np.arange(direction.size)
    while entries.size > 1:
        half, rest = np.split(entries, [entries.size // 2])
        first, second = (differs(np.where(np.isin(every, part), direction, 0)) for part in (half, rest))
        entries = half if first >= second else rest
    return int(entries[0])
