"""Comparisons with finite differences: derivatives, and the gradient of a user's own function, entry by entry."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .claims import Closeness
from .conventions import multiple
from .finite_differences import (
    EPS,
    FINER,
    Measured,
    Slopes,
    UnitVectors,
    chosen,
    estimate,
    measured,
    numeric_gradient,
    stairs,
)

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
        found = estimate(what, directions, tolerance)
        allowed = tolerance(found)
        nothing = 1e-10 * np.max(finite(found.value), initial=0)  # relative to the largest derivative
        missed = misses(graph, found, allowed)
        off = missed.copy()  # derivatives that are still called wrong
        rows = np.flatnonzero(off.any(axis=1))
        if rows.size:  # one measurement is not enough to call a derivative wrong
            again = estimate(what, chosen(directions, rows), lambda _: allowed[rows], 0.77)
            off[rows] &= misses(graph[rows], again, allowed[rows]) & same(found.value[rows], again.value, graph[rows])
            found.take(rows, again, missed[rows] & ~misses(graph[rows], again, allowed[rows]))
        for row in np.flatnonzero(off.any(axis=1)):
            closer = seen_closer(what, directions[int(row)], graph[row], found, int(row), allowed[row])
            off[row] &= ~closer
        # A derivative that a measurement contradicts is not called right, even if no second one calls it wrong.
        vague = ~((found.uncertainty <= np.maximum(allowed, nothing)) | still(graph, found))
        vague |= misses(graph, found, allowed) & ~off
        kinked = found.kinked & ~(np.abs(found.right - found.left) <= allowed)
    non_finite = vague & ~np.isfinite(graph + found.value)
    for verdict, where in ((WRONG, off), (NON_FINITE, non_finite), (TOO_COARSE, vague), (KINK, kinked)):
        if where.any():
            return Comparison(verdict, where, graph, found, allowed)
    return Comparison(OK, off, graph, found, allowed)


def seen_closer(what: Measured, direction: Array, graph: Array, found: Slopes, row: int, allowed: Array) -> Array:
    """Return a mask: smaller steps confirm a derivative that larger ones miss, as of x**2 + 1e-9 * sin(1e5 * x).

    Their slopes replace those in `found`, unless the values are a staircase: values that are rounded to steps look like
    a narrow plateau.
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
    """Return a mask: finite differences contradict the graph's derivative; for nan or inf, they know a number."""
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


def tolerances(graph: Array, rtol: float, least: Any = 0.0) -> Callable[[Slopes], Array]:
    """Return the function that allows errors of rtol times each derivative (or 1e-6 of the largest), plus `least`."""

    def tolerance(found: Slopes) -> Array:
        sizes = np.max([finite(x) for x in (graph, found.value, found.left, found.right)], axis=0)
        return rtol * np.fmax(sizes, 1e-6 * np.max(sizes, initial=0)) + least

    return tolerance


def finite(x: Array) -> Array:
    """Return absolute values, with 0 in place of nan and inf."""
    return np.where(np.isfinite(x), np.abs(x), 0)


DIRECTIONS = 3


def signed(rng: Any, shape: tuple[int, ...]) -> Array:
    """Return random numbers of both signs, none of them small, so that any wrong entry shows."""
    return rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape)


def random_directions(size: int) -> Array:
    """Return directions whose entries differ and are not small, so that a single wrong entry shows."""
    return signed(np.random.default_rng(0), (DIRECTIONS, size)) / np.sqrt(max(size, 1))


def spread(gradient: Array, directions: Array, rtol: float) -> Array:
    """Return the allowed error of a derivative along each direction, relative to the terms of its sum."""
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


SECONDS = 4.0  # time for one input; if that is not enough for all of its entries, some are chosen at random
FEWEST = 24  # at least this many are chosen
BARS = 4  # a gradient that only finite differences check may be off by this many error bars
NUMERIC = Closeness(1e-5, 1e-7)
VAGUE = 0.1  # of the largest entry; a gradient that may be off by more is not known
MOST_OFF = 1e-3, 3e-2  # of the largest entry, in float64 and in less: entries that differ by more are no match
REACHES = (1e-3, 3e-2, 1.0)  # how far from x jumps are looked for, relative to x


class Differences:
    """The gradient of a function at x, and how far it may be off.

    If x has too many entries, only some, chosen at random, are measured. The others are copied from the gradient by
    hand, after random directions have been searched for errors in them.
    """

    def __init__(self, f: Callable[[Array], Any], x: Array, hand: Array, eps: float, terms: float) -> None:
        start = time.perf_counter()
        middle = f(x)
        each = 8 * (time.perf_counter() - start)  # an entry takes about 8 calls
        self.what = measured(f, x, eps, terms)
        self.goal, self.scale = (1e-7 if eps <= EPS else 1e-3), 1e-6 * max(largest(hand), abs(middle) * 1e-3)
        self.jumps: dict[int, float] = {}  # of entries that were measured again
        self.gradient, self.slack, self.kinked = np.zeros(x.shape), np.full(x.shape, np.inf), np.zeros(x.shape, bool)
        count = int(np.clip(SECONDS / each, min(FEWEST, x.size), x.size)) if x.size else 0
        entries = np.sort(np.random.default_rng(0).choice(x.size, count, replace=False)).tolist()
        if count:
            self.measure(entries)
        if count < x.size and hand.shape == x.shape:
            self.search(entries, hand.ravel().astype(float))

    def slopes(self, directions: Sequence[Array], noise: float = 0.0) -> tuple[Array, Array, Array]:
        """Return the slopes along directions, their error bars, and which of them are at kinks."""
        what = replace(self.what, inner=max(self.what.inner, noise / self.what.eps))
        goal, scale = self.goal, self.scale
        value, bars, found = numeric_gradient(what, directions, lambda s: goal * np.maximum(np.abs(s.value), scale))
        return value, BARS * bars, found.kinked[:, 0]

    def measure(self, entries: Sequence[int], noise: float = 0.0) -> None:
        """Measure some entries; `noise` is the rounding error of the values, if it is known to be large."""
        found = self.slopes(UnitVectors(self.what.x, entries), noise)
        for mine, theirs in zip((self.gradient, self.slack, self.kinked), found, strict=True):
            mine.flat[entries] = theirs

    def search(self, entries: Sequence[int], hand: Array) -> None:
        """Take the entries that are not measured from the hand, and look for errors in them."""
        found, bars = self.gradient.flat[entries], self.slack.flat[entries]
        factor = multiple(found, hand[entries], NUMERIC) or [1.0]
        self.gradient, self.slack = np.reshape(hand * factor[0], self.slack.shape), np.zeros(self.slack.shape)
        self.gradient.flat[entries], self.slack.flat[entries] = found, bars

        def miss(v: Array) -> float:
            return float(abs(self.slopes([v])[0][0] - v @ self.gradient.ravel()))

        for direction in random_directions(hand.size):
            bar = self.slopes([direction])[1][0]
            if miss(direction) > 4 * bar + 1e-6 * np.linalg.norm(direction * self.gradient.ravel()):
                self.measure([narrow_down(miss, direction)])

    def measure_again(self, hand: Array) -> bool:
        """Return whether the values jump at entries that contradict the hand or seem to be kinks; measure again."""
        allowed = self.slack + NUMERIC.rtol * np.abs(self.gradient) + NUMERIC.floor * largest(self.gradient)
        excess = np.ravel(np.abs(hand - self.gradient) - allowed)
        contradicting = [int(i) for i in np.argsort(-excess) if excess[i] > 0]
        kinked = np.flatnonzero(self.kinked).tolist()
        jumped = False
        for entries in (contradicting, kinked):
            for entry in entries:
                if not self.jumps_at(entry):
                    break  # an error in the gradient, or a kink: the verdict does not change any more
                jumped = True
        return jumped

    def jumps_at(self, entry: int) -> bool:
        """Measure an entry again if the values jump there.

        Rounding inside the function may be far larger than rounding of its value. For s near 1, the values of
        log(1 - s) are a staircase, and between two steps all differences are 0.
        """
        (v,) = UnitVectors(self.what.x, [entry])
        rounding = float(self.what.eps * np.max(self.what.inner))
        height = 0.0 if entry in self.jumps else jump(self.what.values(float), self.what.x, v, rounding)
        if height:
            self.jumps[entry] = height
            self.measure([entry], height)
        return bool(height)

    def vague(self, hand: Array) -> list[int]:
        """Return the entries that are too coarse to judge: values jump there, or error bars are too wide."""
        bad = ~(self.slack.ravel() <= VAGUE * max(largest(hand), largest(self.gradient)))
        unknown = [i for i in np.flatnonzero(bad).tolist() if i in self.jumps or not np.isfinite(self.slack.flat[i])]
        unsure = far(hand, self.gradient, self.what) & ~self.kinked if hand.shape == self.kinked.shape else np.zeros(0)
        return unknown or np.flatnonzero(unsure).tolist()


def far(hand: Array, gradient: Array, what: Measured) -> Array:
    """Return a mask: entries where the two gradients differ much, even if the error bars allow it.

    A difference below the rounding error does not count: where terms cancel, a gradient of 0 is only nearly 0 by hand.
    """
    apart, size = np.abs(hand - gradient), max(largest(hand), largest(gradient))
    rounding = 0.02 * what.eps * max(float(np.max(what.inner)), largest(what.values(float)(what.x)))
    most_off = MOST_OFF[0] if what.eps <= EPS else MOST_OFF[1]
    return (apart > most_off * size) & (apart > rounding / (largest(what.x) or 1.0))


def largest(x: Any) -> float:
    """Return the largest absolute value; 0 for no entries."""
    return float(np.max(np.abs(np.asarray(x, dtype=float)), initial=0))


def jump(f: Callable[[Array], Array], x: Array, v: Array, rounding: float) -> float:
    """Return how far a function's values jump near x along a unit vector; 0 if they do not.

    Jumps count only if they are on both sides of x, or if the function is defined on one side only. Otherwise it is a
    single jump near x, not a staircase of rounded values.
    """
    here = float(np.abs(x @ v))
    for reach in REACHES:
        heights = []
        for sign in (1, -1):
            outside = sign * reach * max(1.0, here)
            height = largest_jump(lambda t: float(f(x + t * v)[0]), outside, 4 * EPS * here, 100 * rounding)
            if np.isfinite(height) and (height > 100 * rounding or np.isfinite(f(x + outside * v)[0])):
                heights.append(height)
        if 100 * rounding < min(heights, default=0.0):
            return max(heights)
    return 0.0


def largest_jump(f: Callable[[float], float], end: float, spacing: float, negligible: float) -> float:
    """Return the difference of the values at two neighbouring numbers between 0 and an end.

    The interval is halved; of both halves, that with the larger difference is kept. Where the function is smooth, no
    difference is left, up to rounding.
    """
    ends = [0.0, end]
    values = [f(t) for t in ends]
    for _ in range(60):
        if abs(ends[1] - ends[0]) <= spacing or abs(values[1] - values[0]) <= negligible:
            break
        t = (ends[0] + ends[1]) / 2
        y = f(t)
        # The outer end moves inwards also as long as a value there is nan or inf.
        inner_half = not np.isfinite([y, values[1]]).all() or abs(y - values[0]) > abs(y - values[1])
        replaced = 1 if inner_half else 0
        ends[replaced], values[replaced] = t, y
    return abs(values[1] - values[0])
