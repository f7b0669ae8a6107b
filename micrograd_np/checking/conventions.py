"""Factors that a scalar loss does not settle: minus the gradient, twice it, a sum where the loss is a mean."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import isclose
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .claims import GIVEN, RIGHT, WRONG, Closeness, Row, differ
from .replay import Recording

Array = Any

PLAIN = (1, 2, 4)
NUMBERS = re.compile(r"\d+")
ONE_LESS = re.compile(r"\((\d+)-1\)")

Sizes = Mapping[int, str]


def named_factors(sizes: Sizes) -> dict[float, str]:
    """Return the usual factors in mistakes and conventions, each with its simplest name."""
    named = [pair for n in (*PLAIN, *sizes) for pair in ((n, f"{n}"), (1 / n, f"1/{n}"))]
    for n in sizes:
        named += [(2 / n, f"2/{n}"), (n / 2, f"{n}/2"), (n * n, f"{n}*{n}"), (1 / (n * n), f"1/({n}*{n})")]
        if n > 2:  # an unbiased variance divides by n - 1
            named += [((n - 1) / n, f"({n}-1)/{n}"), (n / (n - 1), f"{n}/({n}-1)"), (1 / (n - 1), f"1/({n}-1)")]
    found: dict[float, str] = {}
    for factor, name in named:
        found.setdefault(float(factor), name)
    return found


def factor_name(factor: float, sizes: Sizes) -> str | None:
    """Return the name of a factor, such as `-1/4 (4 is axis 0 of X)`; None if it has no name."""
    sign = "-" if factor < 0 else ""
    text = next(
        (text for value, text in named_factors(sizes).items() if isclose(value, abs(factor), rel_tol=1e-6)), None
    )
    if text is None:
        return None
    text = ONE_LESS.sub(lambda less: str(n) if (n := int(less[1]) - 1) in sizes else less[0], text)  # it may be a size
    reasons = "; ".join(
        f"{count} is {places}" for count, places in sizes.items() if str(count) in NUMBERS.findall(text)
    )
    return f"{sign}{text} ({reasons})" if reasons else sign + text


def rounded(factor: float) -> float:
    """Return a factor without its rounding error, if it is close to a simple fraction."""
    for value in (factor, 1 / factor if factor else 0.0):
        for denominator in (1, 2, 3):
            near = round(value * denominator) / denominator
            if near and isclose(value, near, rel_tol=1e-6):
                return near if value == factor else 1 / near
    return factor


def sizes_of(recording: Recording, called: Callable[[Any], str | None]) -> dict[int, str]:
    """Return the sizes in the data, each with the axes that have it."""
    places: dict[int, list[str]] = {}
    seen: list[Any] = []
    for node in recording.nodes:
        for x in (*node.args, node):
            if hasattr(x, "shape") and x.shape and not any(x is other for other in seen):
                seen.append(x)
                for axis, size in enumerate(x.shape):
                    name = called(x)
                    if size > 1:
                        places.setdefault(size, []).extend([f"axis {axis} of {name}"] if name else [])
    for size in {x.size for x in seen if isinstance(x, Tensor)} - {1}:
        places.setdefault(size, [])
    return {size: describe(found) for size, found in places.items()}


def describe(places: Sequence[str]) -> str:
    """Return two of the places as text, with different axes if there are any."""
    another = [place for place in places if place.split()[:2] != places[0].split()[:2]]
    return (
        " and ".join(dict.fromkeys([*places[:1], *another[:1], *places[1:2]][:2])) or "the size of a value on the way"
    )


@dataclass
class Convention:
    """The factors that rows have: one for weights and other leaves, and one for values between.

    `named` tells whether both are products of -1, 2, 1/2, and a size of the data or one over it.
    """

    between: float = 1.0
    leaves: float = 1.0
    named: bool = True
    seen: bool = False

    def of(self, row: Row) -> float:
        return self.leaves if row.leaf else self.between

    @property
    def factors(self) -> tuple[float, float]:
        return self.between, self.leaves

    def times(self, factor: float) -> Convention:
        return Convention(self.between * factor, self.leaves * factor, self.named)


def open_factors(recording: Recording) -> list[float]:
    """Return the factors that a loss does not settle: products of -1, 2, 1/2, N and 1/N, the simplest first.

    N is a number of terms that the loss adds; if it is already a mean of them, another 1/N is a mistake.
    """
    terms = recording.terms
    counts = [1.0, *map(float, terms), *(1 / n for n, mean in terms.items() if not mean)]
    return list(dict.fromkeys(sign * n * two for n in counts for two in (1.0, 2.0, 0.5) for sign in (1, -1)))


def plausible(
    rows: Sequence[Row], recording: Recording, close: Closeness, factor: float | None
) -> list[tuple[int, Convention]]:
    """Return the conventions that some rows follow, each with its number of wrong or odd rows, fewest first.

    If `factor` is given, all rows must have it, and no other convention is tried.
    """
    if factor is not None:
        candidates: Iterable[Convention] = [Convention(factor, factor)]
    else:
        candidates = conventions(rows, recording, close)
    ranked: list[tuple[Any, Convention]] = []
    for convention in candidates:
        mark(rows, recording, close, convention)
        wrong = sum(row.status == WRONG for row in rows)
        odd = odd_rows(rows, convention, close)
        given = sum(row.status == GIVEN for row in rows)
        factors = (convention.leaves, convention.between)
        unlike = convention.leaves != convention.between
        plain = [(float(np.log(abs(factor)) ** 2), factor < 0) for factor in factors]
        ranked.append(((wrong + odd, unlike, given, not convention.named, *plain), convention))
    return [(rank[0], convention) for rank, convention in sorted(ranked, key=lambda pair: pair[0])]


def odd_rows(rows: Sequence[Row], convention: Convention, close: Closeness) -> int:
    """Count the rows that are right but do not follow from the rows above: such a row is as odd as a wrong one."""
    right = [row for row in rows if row.status == RIGHT]
    return sum(not row.matches(row.hand / convention.of(row), row.expected, close) for row in right)


def conventions(rows: Sequence[Row], recording: Recording, close: Closeness) -> Iterable[Convention]:
    """Yield conventions that make some row right, the plain one (factor 1) first."""
    known = open_factors(recording)
    ratios = {leaf: [1.0] for leaf in (True, False)}
    for leaf, found in ratios.items():
        mine = [row for row in rows if row.fits and not row.vanishes(close) and row.leaf == leaf]
        shown = [(k, row) for row in mine for k in multiple(row.hand, row.true, close, row.slack)]
        agreeing: dict[float, list[Array]] = defaultdict(list)
        for k, row in shown:
            k = next((each for each in (*known, *agreeing) if isclose(each, k, rel_tol=max(1e-6, close.rtol))), k)
            agreeing[k].append(row.true.ravel())
        # One number, or several equal ones, prove no factor; different numbers do, in one row or in several.
        found += [k for k, numbers in agreeing.items() if differ(np.concatenate(numbers))]
    pairs = [(1.0, 1.0), *((k, k) for k in (*ratios[True], *ratios[False]))]
    if len({row.leaf for row in rows}) < 2:  # one factor, not one for rows that do not exist
        ratios = {True: [], False: []}
    for between, leaves in product(ratios[False], ratios[True]):
        onward = between / leaves
        counted = any(isclose(abs(onward), abs(each), rel_tol=1e-6) for each in known)
        if counted and abs(leaves) in (1, 2, 0.5):
            pairs.append((between, leaves))
    for between, leaves in dict.fromkeys(pairs):
        yield Convention(between, leaves, between in known and leaves in known)


def multiple(hand: Array, true: Array, close: Closeness, slack: Any = 0.0) -> list[float]:
    """Return a list with the factor between two arrays; it is empty if there is none."""
    square = np.sum(true * true)
    if not square or not np.isfinite(square):
        return []
    factor = rounded(float(np.sum(hand * true) / square))
    return [factor] if factor and close(hand, factor * true, 0.0, slack * abs(factor)) else []


def mark(rows: Sequence[Row], recording: Recording, close: Closeness, convention: Convention) -> None:
    """Mark each row as right, as right given a wrong row above, or as wrong itself."""
    fits = [row for row in rows if row.fits]
    given = {row.tensor: row.hand / convention.of(row) for row in fits if not row.leaf}
    found = recording.walk(given)
    between = [row for row in rows if not row.leaf]
    for row in rows:
        row.expected = found.get(row.tensor, row.true)
        if not row.fits:
            continue
        hand = row.hand / convention.of(row)
        above = set(recording.above(row.tensor, given))
        row.upstream = [other.label for other in between if other.tensor in above]
        if row.at_kink or row.matches(hand, row.true, close):
            row.status = RIGHT
        else:
            row.status = GIVEN if row.matches(hand, row.expected, close) else WRONG
    convention.seen = any(row.status == RIGHT and not row.vanishes(close) for row in rows)
