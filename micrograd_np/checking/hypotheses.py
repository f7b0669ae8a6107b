"""The hypotheses of the table of mistakes: each mistake at each place that is found in the user's graph.

A place is a generator of sites. A site gives the formula's names their values, and says in which of three ways its
result changes the backward pass: another gradient, another rule, or other values that the rules read. The same mistake
is also tried at all sites that one line of the user's program made, as in a loop.
"""

from __future__ import annotations

import pkgutil
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from ..core.backward import unbroadcast
from . import numeric_places, rule_places
from .suspicion import FEW, MOST_SITES, Change, Site, Suspicion

Array = Any
STEP = re.compile(r" \(step \d+\)")
PLACES = {**vars(numeric_places), **vars(rule_places)}  # those of the table are among them
COUNTS = re.compile(r"\d+(?= times, | like it| of the | steps)")


@dataclass
class Mistake:
    """One line of the table; `fitted` tells whether its formula has the unknown number c.

    `rank` is its place in the table: of two lines that give the same numbers, the first one says more.
    """

    kind: str
    formula: Callable[..., Any]
    sentence: str
    fitted: bool
    rank: int


@dataclass
class Hypothesis:
    """A mistake at some sites, in words; `nth` of those with the same words."""

    place: str
    mistake: Mistake
    sites: Sequence[Site]
    says: str
    nth: int

    @property
    def key(self) -> tuple[int, str, int]:
        """The part of a hypothesis that is the same about other data, where loops may have other lengths."""
        return self.mistake.rank, uncounted(self.says), self.nth

    @property
    def rank(self) -> tuple[bool, int]:
        return self.sites[0].later, self.mistake.rank

    def change(self, c: float = 0.0) -> Change:
        """Return how the backward pass changes."""
        whole = Change()
        for site in self.sites:
            part = site.change(partial(self.mistake.formula, **site.names, c=c))
            whole.gradients |= part.gradients
            whole.values |= part.values
            whole.everywhere |= part.everywhere
            for node, ways in part.rules.items():
                whole.rules[node] = whole.rules.get(node, {}) | ways
        return whole


def uncounted(says: str) -> str:
    """Return a sentence without the number of steps, which other data may change."""
    return COUNTS.sub("#", says)


def hypotheses(place: str, at: Suspicion) -> Iterator[Hypothesis]:
    """Yield each mistake of a place at all sites that may share it."""
    seen: Counter[tuple[int, str]] = Counter()
    for sites, words in groups_of_sites(place, at):
        for mistake in mistakes()[place]:
            says = mistake.sentence
            for name, word in words.items():
                says = says.replace(f"{{{name}}}", word)
            same = mistake.rank, uncounted(says)
            seen[same] += 1
            yield Hypothesis(place, mistake, sites, says, seen[same])


def groups_of_sites(place: str, at: Suspicion) -> Iterator[tuple[Sequence[Site], Mapping[str, str]]]:
    """Yield all sites that share a line of the program, and single sites, with their words.

    Of a long loop, the single sites are its first and its last step.
    """
    lines: dict[Any, list[Site]] = defaultdict(list)
    single: list[Site] = []
    for site in PLACES[place.replace(" ", "_")](at):
        for line in {site.line, site.wide} - {None}:
            lines[line].append(site)
        if site.line is None:
            single.append(site)
    for sites in lines.values():
        if 1 < len(sites) <= MOST_SITES:
            words = {name: STEP.sub("", word) for name, word in {**sites[0].words, **sites[0].many}.items()}
            yield sites, words | {"sites": str(len(sites))}
    for line in dict.fromkeys(site.line for sites in lines.values() for site in sites):
        single += lines[line] if len(lines[line]) <= FEW else [lines[line][0], lines[line][-1]]
    yield from (([site], site.words) for site in single)


# The table.


@cache
def mistakes() -> dict[str, list[Mistake]]:
    """Return the lines of the table by place.

    Examples
    --------
    >>> [mistake.sentence for mistake in mistakes()["inner derivatives"] if mistake.kind == "sign"]
    ['the inner derivative has the wrong sign, that of {where}']
    """
    table = (pkgutil.get_data(__package__, "mistakes.txt") or b"").decode()
    found: dict[str, list[Mistake]] = {}
    for line in table.replace("\n  ", " ").splitlines():
        if line.startswith("["):
            place, names, sentence = re.fullmatch(r"\[(.*?): (.*?) ?\| (.*)]", line).groups()  # type: ignore[union-attr]
            found.setdefault(place, [])
        elif line and line[0] != "#":
            kind, formula, words = line.split(" | ")
            function = eval(f"lambda {f'{names}, ' * bool(names)}c=0.0: {formula}", FUNCTIONS)
            fitted = re.search(r"\bc\b", formula) is not None
            rank = sum(map(len, found.values()))
            found[place].append(Mistake(kind, function, sentence.replace("{says}", words), fitted, rank))
    return found


def slid(g: Array, axis: int, by: int) -> Array:
    """Return an array moved by one along an axis, with zeros at the end."""
    moved = np.roll(g, by, axis)
    moved[(slice(None),) * axis + (0 if by > 0 else -1,)] = 0
    return moved


def varied(x: Array) -> Array | None:
    """Return x if it has different entries: if not, it is only a constant."""
    return x * 1.0 if x.size and x.max() != x.min() else None


def at(g: Array, axis: int, kept: list[int]) -> Array:
    """Return an array that is zero outside of some places along an axis."""
    found, place = np.zeros_like(g), (slice(None),) * axis + (kept,)
    found[place] = g[place]
    return found


def assigned(x: Array, picked: Array, g: Array) -> Array:
    """Return gradients of picked entries that are assigned where they should be added up."""
    found = np.zeros(x.size)
    found[np.ravel(picked)] = np.ravel(g)
    return found.reshape(x.shape)


def clipped(r: Array, h: Array) -> Array | None:
    """Return r clipped to the range of h, if that changes several entries."""
    limit = np.max(np.abs(h))
    several = np.sum(np.abs(h) == limit) > 1 and np.sum(np.abs(r) > limit) > 1
    return np.clip(r, -limit, limit) if several else None


FUNCTIONS: dict[str, Any] = {function.__name__: function for function in (slid, at, varied, assigned, clipped)}
FUNCTIONS |= {"sum": partial(np.sum, keepdims=True), "mean": partial(np.mean, keepdims=True)}
FUNCTIONS |= {"np": np, "summed": unbroadcast}
