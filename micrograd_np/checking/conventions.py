"""Factors that a scalar loss leaves open: minus the gradient, twice it, a sum where the loss is a mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from math import isclose
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .claims import GIVEN, RIGHT, WRONG, Closeness, Row
from .replay import Recording

Array = Any

PLAIN = (1, 2, 4)
NUMBERS = re.compile(r"\d+")

Sizes = Mapping[int, str]


def named_factors(sizes: Sizes) -> dict[float, str]:
    """Factors that mistakes and conventions are made of, with what they are called at the simplest."""
    found: dict[float, str] = {}
    for count in (*PLAIN, *sizes):
        found.setdefault(float(count), f"{count}")
        found.setdefault(1 / count, f"1/{count}")
    for count in sizes:
        found.setdefault(2 / count, f"2/{count}")
        found.setdefault(count / 2, f"{count}/2")
        found.setdefault(float(count * count), f"{count}*{count}")
        found.setdefault(1 / (count * count), f"1/({count}*{count})")
        if count > 2:  # a variance divides by one less
            found.setdefault((count - 1) / count, f"({count}-1)/{count}")
            found.setdefault(count / (count - 1), f"{count}/({count}-1)")
            found.setdefault(1 / (count - 1), f"1/({count}-1)")
    return found


def factor_name(factor: float, sizes: Sizes) -> str | None:
    """What a factor is called, such as `-1/4 (4 is axis 0 of X)`; None if it has no name."""
    sign = "-" if factor < 0 else ""
    text = next(
        (text for value, text in named_factors(sizes).items() if isclose(value, abs(factor), rel_tol=1e-6)), None
    )
    if text is None:
        return None
    reasons = "; ".join(
        f"{count} is {places}" for count, places in sizes.items() if str(count) in NUMBERS.findall(text)
    )
    return f"{sign}{text} ({reasons})" if reasons else sign + text


def rounded(factor: float) -> float:
    """A factor without what rounding left on it."""
    for value in (factor, 1 / factor if factor else 0.0):
        for denominator in (1, 2, 3):
            near = round(value * denominator) / denominator
            if near and isclose(value, near, rel_tol=1e-6):
                return near if value == factor else 1 / near
    return factor


def sizes_of(recording: Recording, called: Callable[[Any], str | None]) -> dict[int, str]:
    """The sizes in the data, each with the axes that have it."""
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
    """Two of the places, different axes if there are such."""
    another = [place for place in places if place.split()[:2] != places[0].split()[:2]]
    return (
        " and ".join(dict.fromkeys([*places[:1], *another[:1], *places[1:2]][:2])) or "the size of a value on the way"
    )


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
        unlike = not isclose(convention.between, convention.leaves, rel_tol=1e-6)
        if unlike and (
            not isclose(abs(convention.leaves), 1, rel_tol=1e-6) or factor_name(convention.between, sizes) is None
        ):
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
