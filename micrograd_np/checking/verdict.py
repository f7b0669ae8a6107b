"""What can be said of a derivative, entry by entry: two sets of numbers and an error bar in, a verdict out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .estimate import Measured, estimate
from .numeric import Slopes

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
    """Derivatives along n directions of m outputs, beside the numeric ones; arrays of shape (n, m)."""

    verdict: str
    where: Array
    graph: Array
    found: Slopes
    allowed: Array


def compare(
    what: Measured, directions: Sequence[Array], graph: Array, tolerance: Callable[[Slopes], Array]
) -> Comparison:
    """A verdict, and which derivatives it is about.

    Parameters
    ----------
    what : Measured
        The function.
    directions : sequence of n arrays like `what.x`
    graph : (n, m) array
        The derivatives to be doubted.
    tolerance : callable
        What an error may be, given the numeric slopes.
    """
    with np.errstate(all="ignore"):
        found = estimate(what, list(directions), tolerance)
        allowed = tolerance(found)
        vague = ~((found.uncertainty <= allowed) | still(graph, found))
        off = misses(graph, found, allowed)
        rows = np.flatnonzero(off.any(axis=1))
        if rows.size:  # nothing is called wrong on one measurement
            again = estimate(what, [directions[int(row)] for row in rows], lambda _: allowed[rows], 0.77)
            off[rows] &= misses(graph[rows], again, allowed[rows]) & same(found.value[rows], again.value, graph[rows])
        kinked = found.kinked & ~(np.abs(found.right - found.left) <= allowed)
    cases = ((WRONG, off), (NON_FINITE, vague & ~np.isfinite(graph + found.value)), (TOO_COARSE, vague), (KINK, kinked))
    verdict, where = next(((verdict, where) for verdict, where in cases if where.any()), (OK, off))
    return Comparison(verdict, where, graph, found, allowed)


def misses(graph: Array, found: Slopes, tolerance: Array) -> Array:
    """Where the graph's derivative is not what the numbers allow."""
    low, high = found.bounds
    outside = (graph < low - tolerance) | (graph > high + tolerance)
    known = found.uncertainty <= tolerance
    return np.where(np.isfinite(graph), outside, known)


def same(first: Array, second: Array, graph: Array) -> Array:
    """Where two measurements agree with each other better than with the graph."""
    apart = np.abs(first - second)
    return ~(apart > np.abs(first - graph) / 2)


def still(graph: Array, found: Slopes) -> Array:
    """Where nothing moves: not one bit of the values, and the graph says so too."""
    return (graph == 0) & (found.value == 0) & (found.left == 0) & (found.right == 0)


def tolerances(graph: Array, rtol: float) -> Callable[[Slopes], Array]:
    """What an error may be: relative to the derivative, or to a millionth of the input's largest."""

    def tolerance(found: Slopes) -> Array:
        sizes = np.max([finite(x) for x in (graph, found.value, found.left, found.right)], axis=0)
        return rtol * np.fmax(sizes, 1e-6 * np.max(sizes, initial=0))

    return tolerance


def finite(x: Array) -> Array:
    return np.where(np.isfinite(x), np.abs(x), 0)
