"""What is meant throughout and is no mistake: minus the gradient, twice it, a sum where the loss is a mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from math import isclose
from typing import Any

import numpy as np

from .factors import Sizes, factor_name, rounded
from .recording import Recording
from .rows import GIVEN, RIGHT, WRONG, Closeness, Row

Array = Any


@dataclass
class Convention:
    """The factors that rows have: those of weights and other leaves, and those of values between."""

    between: float = 1.0
    leaves: float = 1.0
    seen: bool = False

    def of(self, row: Row) -> float:
        return self.leaves if row.leaf else self.between


def plausible(
    rows: Sequence[Row], recording: Recording, close: Closeness, sizes: Sizes
) -> list[tuple[int, Convention]]:
    """The conventions that some rows follow, with the number of rows that do not, the fewest first."""
    ranked: list[tuple[Any, Convention]] = []
    for convention in conventions(rows, recording, close):
        unlike = convention.between != convention.leaves
        if unlike and (abs(convention.leaves) != 1 or factor_name(convention.between, sizes) is None):
            continue  # sums may be divided by the batch at the end; weights that are off are not a convention
        mark(rows, recording, close, convention)
        wrong = sum(row.status == WRONG for row in rows)
        odd = odd_rows(rows, convention, close)
        given = sum(row.status == GIVEN for row in rows)
        factors = (convention.leaves, convention.between)
        unnamed = any(factor_name(factor, sizes) is None for factor in factors)
        plain = [(float(np.log(abs(factor)) ** 2), factor < 0) for factor in factors]
        ranked.append(((wrong + odd, unlike, given, unnamed, *plain), convention))
    return [(rank[0], convention) for rank, convention in sorted(ranked, key=lambda pair: pair[0])]


def odd_rows(rows: Sequence[Row], convention: Convention, close: Closeness) -> int:
    """How many rows are right although they do not follow from what is above: as odd as a wrong one."""
    right = [row for row in rows if row.status == RIGHT]
    return sum(not close(row.hand / convention.of(row), row.expected, row.size) for row in right)


def conventions(rows: Sequence[Row], recording: Recording, close: Closeness) -> Iterable[Convention]:
    """Conventions that make some row right, the plain one first."""
    fits = [row for row in rows if row.fits and not row.vanishes(close)]
    ratios = {leaf: [1.0] for leaf in (True, False)}
    for row in fits:
        ratios[row.leaf] += multiple(row.hand, recording.true[row.tensor], close)
    carried = recording.walk({row.tensor: row.hand for row in fits if not row.leaf})
    onward = [1.0]
    for row in fits:
        if row.leaf:
            onward += multiple(row.hand, carried[row.tensor], close)
    pairs = list(product(ratios[False], ratios[True])) + list(product(ratios[False], onward))
    pairs += [(ratio, ratio) for ratio in (*ratios[True], *ratios[False])]
    pairs += [(between, between * ratio) for between, ratio in product(ratios[False], onward)]
    seen: list[tuple[float, float]] = []
    for pair in pairs:
        if not any(all(map(partial(isclose, rel_tol=1e-6), pair, other)) for other in seen):
            seen.append(pair)
            yield Convention(*pair)


def multiple(hand: Array, true: Array, close: Closeness) -> list[float]:
    """The factor between two arrays, if there is one."""
    square = np.sum(true * true)
    if not square:
        return []
    factor = rounded(float(np.sum(hand * true) / square))
    return [factor] if factor and close(hand, factor * true) else []


def mark(rows: Sequence[Row], recording: Recording, close: Closeness, convention: Convention) -> None:
    """Which rows are right, which only follow a wrong one, and which are wrong themselves."""
    fits = [row for row in rows if row.fits]
    given = {row.tensor: row.hand / convention.of(row) for row in fits if not row.leaf}
    found = recording.walk(given)
    between = [row for row in rows if not row.leaf]
    for row in rows:
        row.expected = found[row.tensor]
        if not row.fits:
            continue
        hand = row.hand / convention.of(row)
        above = set(recording.above(row.tensor, given))
        row.upstream = [other.label for other in between if other.tensor in above]
        if close(hand, row.true, row.size):
            row.status = RIGHT
        else:
            row.status = GIVEN if close(hand, row.expected, row.size) else WRONG
    convention.seen = any(row.status == RIGHT and not row.vanishes(close) for row in rows)
