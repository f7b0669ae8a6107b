"""The hypotheses of the table of mistakes: each mistake at each place that is found in the user's graph.

A place is a generator of sites. A site gives the formula's names their values, and says in which of three ways its
result changes the backward pass: another gradient, another rule, or other values that the rules read. The same mistake
is also tried at all sites that one line of the user's program made, as in a loop.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from . import numeric_places, rule_places, value_places
from .mistakes import Mistake, mistakes
from .suspicion import (
    FEW,
    MOST_SITES,
    Change,
    Site,
    Suspicion,
)

Array = Any
STEP = re.compile(r" \(step \d+\)")
COUNTS = re.compile(r"\d+(?= times, | like it| of the | steps)")


@dataclass
class Hypothesis:
    """A mistake at some sites; with `fitted` it has an unknown number."""

    place: str
    kind: str
    says: str
    mistake: Mistake
    sites: Sequence[Site]
    nth: int = 0  # among those with the same sentence

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
    """Yield the hypotheses of a place, and number those with the same sentence."""
    seen: Counter[tuple[int, str, int]] = Counter()
    for found in unnumbered(place, at):
        seen[found.key] += 1
        yield replace(found, nth=seen[found.key])


def unnumbered(place: str, at: Suspicion) -> Iterator[Hypothesis]:
    """Yield the mistakes of the table at all sites that share a line of the program, and at single sites.

    Of a long loop, the single sites are its first and its last step.
    """
    lines: dict[Any, list[Site]] = defaultdict(list)
    single: list[Site] = []
    for site in sites_of(place, at):
        for line in {site.line, site.wide} - {None}:
            lines[line].append(site)
        if site.line is None:
            single.append(site)
    for sites in lines.values():
        if 1 < len(sites) <= MOST_SITES:
            words = {name: STEP.sub("", word) for name, word in {**sites[0].words, **sites[0].many}.items()}
            words["sites"] = str(len(sites))
            yield from (hypothesis(place, mistake, sites, words) for mistake in mistakes()[place])
    for line in dict.fromkeys(site.line for sites in lines.values() for site in sites):
        single += lines[line] if len(lines[line]) <= FEW else [lines[line][0], lines[line][-1]]
    for site in single:
        yield from (hypothesis(place, mistake, [site], site.words) for mistake in mistakes()[place])


def sites_of(place: str, at: Suspicion) -> Iterable[Site]:
    """Return the sites of a place; the function that finds them has the name of its heading in the table."""
    name = place.replace(" ", "_")
    modules = (vars(rule_places), vars(value_places), vars(numeric_places))
    found: Iterable[Site] = next(names[name] for names in modules if name in names)(at)
    return found


def hypothesis(place: str, mistake: Mistake, sites: Sequence[Site], words: Mapping[str, str]) -> Hypothesis:
    says = mistake.sentence
    for name, word in words.items():
        says = says.replace(f"{{{name}}}", word)
    return Hypothesis(place, mistake.kind, says, mistake, sites)
