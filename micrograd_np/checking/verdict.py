"""What can be said of a derivative, entry by entry: two sets of numbers and an error bar in, a verdict out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

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
class Entry:
    """One derivative: where it is, what the graph says and what the numbers say."""

    index: tuple[int, ...]
    output: int | None
    graph: float
    numeric: float
    bar: float
    left: float
    right: float


@dataclass
class Judged:
    """The verdict on one input, the number of its derivatives that are off, and those to look at, the worst first."""

    name: str
    shape: tuple[int, ...]
    verdict: str
    checked: int
    off: int = 0
    entries: list[Entry] = field(default_factory=list)
    error: float = 0.0
    unrecorded: bool = False


def judge(graph: Array, found: Slopes, tolerance: Array, again: Callable[[Array], Slopes]) -> tuple[str, Array]:
    """The verdict on an input, and which of its derivatives it is about.

    Parameters
    ----------
    graph : (n, m) array
        The derivatives that the graph gives.
    found : Slopes
        The numeric ones.
    tolerance : (n, m) array
    again : callable
        A second measurement of some rows: nothing is called wrong on one.
    """
    with np.errstate(all="ignore"):
        vague = (found.uncertainty > tolerance) & ~still(graph, found)
        off = misses(graph, found, tolerance)
        rows = np.flatnonzero(off.any(axis=1))
        if rows.size:
            second = again(rows)
            off[rows] &= misses(graph[rows], second, tolerance[rows])
            off[rows] &= same(found.value[rows], second.value, graph[rows])
        kinked = found.kinked & ~(np.abs(found.right - found.left) <= tolerance)
    cases = ((WRONG, off), (NON_FINITE, vague & ~np.isfinite(graph)), (TOO_COARSE, vague), (KINK, kinked))
    return next(((verdict, where) for verdict, where in cases if where.any()), (OK, off))


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
        sizes = np.fmax(finite(graph), finite(found.value))
        return rtol * np.fmax(sizes, 1e-6 * np.max(sizes, initial=0))

    return tolerance


def finite(x: Array) -> Array:
    return np.where(np.isfinite(x), np.abs(x), 0)
