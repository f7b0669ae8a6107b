"""The hypotheses of the table in mistakes.txt: each mistake at each place in the user's graph, and the test of one.

A place is a generator of sites. A site gives the formula's names their values, and says in which of three ways its
result changes the backward pass: another gradient, another rule, or other values that the rules read. The same mistake
is also tried at all sites that one line of the user's program made, as in a loop. A hypothesis is a cause if a backward
pass with the mistake gives the user's numbers.
"""

from __future__ import annotations

import pkgutil
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import numpy as np

from ..core.backward import unbroadcast
from ..core.tensor import Tensor
from . import numeric_places, rule_places
from .claims import WRONG, Closeness, Row, differ
from .conventions import factor_name, rounded
from .flat_function import nodes_of
from .replay import Recording, is_one_array
from .suspicion import FEW, MOST_SITES, PROVEN, STEP, Change, Site, Suspicion

Array = Any
PLACES = {**vars(numeric_places), **vars(rule_places)}  # functions by name: the headings of the table name some of them
COUNTS = re.compile(r"\d+(?= times, | like it| of the | steps)")
NOTHING = 1e-12  # a change that is smaller, relative to the gradient, is none
NEWTON_STEPS = 8
CLEARLY_WRONG = 10  # tolerances: a number is fitted only to a gradient that is wrong by more
PER_NODE = 6_000  # one op costs as much time as this many entries
# Kinds that any single number fits: they need several different ones, even if other data are tested, too.
OF_NUMBERS = {"weight decay", "added"}
FORWARD_IN_TIME = {"after the update", "stale"}  # kinds whose number is a learning rate, which is positive


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
        """The key of the same hypothesis on other data, where loops may be longer or shorter."""
        return self.mistake.rank, uncounted(self.says), self.nth

    @property
    def rank(self) -> tuple[bool, int]:
        """The place in the order of causes: one at a site that says less (`later`) comes after all others."""
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
    """Return a sentence with # for each count, which other data may change."""
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
    """Yield the sites of each line of the program together, then single sites, each with its words.

    Sites with the same `wide` line are together, too. A group has the words of `many`. Of more than FEW sites of a
    line, the single ones are the first and the last.
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
    """Return an array moved by `by` (1 or -1) along an axis, with zeros where nothing comes in."""
    moved = np.roll(g, by, axis)
    moved[(slice(None),) * axis + (0 if by > 0 else -1,)] = 0
    return moved


def varied(x: Array) -> Array | None:
    """Return x as numbers if its entries differ, else None: equal ones would only scale the gradient."""
    return x * 1.0 if x.size and x.max() != x.min() else None


def only_at(g: Array, axis: int, kept: list[int]) -> Array:
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
    """Return the right gradient r clipped to the largest size in the user's h, if that proves something, else None.

    It does if several entries of h have this size, and several of r are larger.
    """
    limit = np.max(np.abs(h))
    several = np.sum(np.abs(h) == limit) > 1 and np.sum(np.abs(r) > limit) > 1
    return np.clip(r, -limit, limit) if several else None


FUNCTIONS: dict[str, Any] = {function.__name__: function for function in (slid, only_at, varied, assigned, clipped)}
FUNCTIONS |= {"sum": partial(np.sum, keepdims=True), "mean": partial(np.mean, keepdims=True)}
FUNCTIONS |= {"np": np, "summed": unbroadcast}


# The test of a hypothesis.


@dataclass
class Cause:
    """A mistake that gives the user's own numbers in these rows; `same` lists other mistakes that give them too."""

    kind: str
    says: str
    rows: list[str]
    factor: float = 1.0
    error: float = 0.0  # the largest difference to the user's numbers, relative to the largest of them
    alone: bool = False  # other rows computed from the same value do not show the mistake
    hypothesis: Any = None
    number: float = 0.0
    same: list[Cause] = field(default_factory=list)


class Budget:
    """The work that may still be spent on hypotheses; the verdict and the rows do not depend on it.

    A run costs 1 for each entry of the graph, and `PER_NODE` for each node; the whole budget is about ten seconds.
    """

    def __init__(self, recording: Recording, units: int) -> None:
        self.left = units
        self.cost = sum(PER_NODE + (x.size if is_one_array(x._data) else 0) for x in recording.nodes)
        self.untried: dict[str, None] = {}  # places with mistakes that were not tried, in order

    def spend(self, part: float = 1.0) -> bool:
        """Pay for one run, unless nothing is left."""
        if self.left <= 0:
            return False
        self.left -= int(part * self.cost)
        return True


def test(
    hypothesis: Hypothesis, at: Suspicion, close: Closeness, factors: Sequence[float], budget: Budget
) -> Cause | None:
    """Return the cause if the user's row is what the mistake gives times one of `factors`, else None.

    The factors are common ones, which all gradients of the user may have. `confirmed` tells what other rows must show.
    """
    slack = max(1e-6, 100 * close.floor)
    if not hypothesis.mistake.fitted:
        change = hypothesis.change()
        if rules_out(projections(change, at), at, factors, slack):
            return None
        if not budget.spend():
            return None
        found = replayed(change, at)
        size = float(np.max(np.abs(at.row.expected), initial=0))
        factor = first_fitting(factors, at.hand, found[at.row.tensor], size)
        return confirmed(hypothesis, 0.0, found, factor, at, close)
    if difference_proves_nothing(hypothesis, at, close):
        return None
    for factor in (k for k in factors if abs(k) == 1):
        if no_number_fits([projections(hypothesis.change(c), at) for c in (0.0, 1.0, 2.0)], at, factor, slack):
            continue
        number = fit_number(hypothesis, at, factor, budget)
        if number and (number > 0 or hypothesis.mistake.kind not in FORWARD_IN_TIME) and budget.spend():
            found = replayed(hypothesis.change(number), at)
            cause = confirmed(hypothesis, number, found, factor, at, close)
            if cause:
                return cause
    return None


def projections(change: Change, at: Suspicion) -> list[tuple[float, float]]:
    """Return the row's gradient after a change, projected on each direction, and the size of the terms of the sum.

    This needs no backward pass: `at.tangents` says how much each value moves along a direction (forward mode), so a
    change d of its cotangent changes the projection by sum(tangent * d). The list is empty if changes interact.
    """
    nodes = [*change.rules, *change.gradients]
    if change.values or (len(nodes) > 1 and not nodes_below(nodes).isdisjoint(change.rules)):
        return []
    changes = dict(change.gradients)
    for node, override in change.overrides(at).items():
        g = at.base[node]
        # The difference between what the node sends with the mistake, and without it.
        for x, part in override(g) + [(x, -part) for x, part in at.recording.pull(node, g)]:
            changes[x] = changes[x] + part if x in changes else part
    found = []
    for tangents in at.tangents:
        terms = [tangents[x] * g for x, g in changes.items() if x in tangents]
        terms.append(tangents[at.row.tensor] * at.row.expected)
        found.append((float(sum(map(np.sum, terms))), float(sum(np.sum(np.abs(term)) for term in terms))))
    return found


def nodes_below(nodes: Sequence[Tensor]) -> set[Tensor]:
    """Return the nodes that a change of the cotangents of some nodes reaches."""
    return nodes_of([x for node in nodes for x, _ in node._parents])


def wanted_along(at: Suspicion) -> list[float]:
    return [float(np.sum(tangents[at.row.tensor] * at.hand)) for tangents in at.tangents]


def rules_out(found: Sequence[tuple[float, float]], at: Suspicion, factors: Sequence[float], slack: float) -> bool:
    """Return whether, along some direction, the projection of the gradient by hand is no factor times the change's."""
    k = np.array(factors)
    return any(
        not np.any(np.abs(wanted - k * value) <= slack * (abs(wanted) + np.abs(k) * size))
        # An empty `found` rules out nothing; else there is one entry for each direction.
        for wanted, (value, size) in zip(wanted_along(at), found, strict=bool(found))
    )


def no_number_fits(found: Sequence[Sequence[tuple[float, float]]], at: Suspicion, factor: float, slack: float) -> bool:
    """Return whether no number can fit: the gradient is linear in it, and two directions ask for different numbers.

    This costs three dot products, and a fit costs many backward passes.
    """
    if not all(found):
        return False
    numbers = []
    for wanted, *values in zip(wanted_along(at), *found, strict=False):
        (zero, size_zero), (one, size_one), (two, size_two) = values
        allowed = slack * (size_zero + size_one + size_two + abs(wanted))
        if not abs(two - 2 * one + zero) <= allowed:  # not linear, or nan: nothing can be said
            return False
        if abs(one - zero) <= allowed:
            return bool(abs(wanted / factor - zero) > allowed)
        numbers.append(((wanted / factor - zero) / (one - zero), allowed / abs(one - zero)))
    (first, first_error), (second, second_error) = numbers  # at.tangents has two directions
    return bool(abs(first - second) > (1 + abs(first)) * (first_error + second_error))


def replayed(change: Change, at: Suspicion) -> dict[Tensor, Any]:
    """Return the cotangents that a backward pass with the change gives."""
    return at.recording.walk(at.given, change.overrides(at), change.gradients)


def worded(hypothesis: Hypothesis, number: float, at: Suspicion) -> tuple[str, str]:
    """Return the kind and the sentence of a hypothesis once its number is known; a scale may have a name."""
    whole = rounded(number)
    name = at.factor_text(whole)
    kind = hypothesis.mistake.kind
    if kind == "unnamed scale":
        is_named = name != f"{whole:.4g}" or factor_name(whole, at.sizes)  # such as "the batch size" or "1/2"
        kind = "sign" if name == "-1" else "scale" if is_named else kind
    return kind, hypothesis.says.replace("{c}", f"{number:.4g}").replace("{whole}", name)


def confirmed(
    hypothesis: Hypothesis,
    number: float,
    found: Mapping[Tensor, Array],
    factor: float,
    at: Suspicion,
    close: Closeness,
) -> Cause | None:
    """Return the cause if the row by hand is the replayed gradient times `factor`, and the mistake changes it.

    Else return None. If another row does not show the mistake, the cause is of this row alone and needs more proof.
    """
    there = found[at.row.tensor]
    if not factor or not np.all(np.isfinite(there)) or not fits(at.row, there, at, factor, close):
        return None
    if np.max(np.abs(there - at.row.expected), initial=0) <= NOTHING * np.max(np.abs(at.row.expected), initial=0):
        return None  # the mistake changes nothing in this row
    kind, says = worded(hypothesis, number, at)
    largest = float(np.max(np.abs(at.hand), initial=0))
    error = float(np.max(np.abs(at.hand - factor * there), initial=0)) / largest if largest else 0.0
    explained, alone, unexplained = [at.row.label], False, False
    for row in at.rows:
        if row is at.row or not row.fits:
            continue
        there = found.get(row.tensor, np.zeros_like(row.true))
        matches = fits(row, there, at, factor, close)
        alone |= not matches and not close(there, row.expected, row.size)
        unexplained |= not matches and row.status == WRONG
        explained += [row.label] if matches and row.status == WRONG else []
    if not alone:
        return Cause(kind, says, explained, factor, error, False, hypothesis, number)
    # The mistake would also change another row, and the user's numbers do not show that. So it was made for `at.row`
    # alone. That is believed if the others are right, and its numbers are many and different: equal ones fit by chance.
    told = not unexplained and (at.tested or (differ(at.hand) and at.hand.size >= PROVEN))
    says = f"{says} (in the gradient of {at.row.label} alone)"
    return Cause(kind, says, [at.row.label], factor, error, True, hypothesis, number) if told else None


def fits(row: Row, there: Array, at: Suspicion, factor: float, close: Closeness) -> bool:
    """Return whether a gradient by hand is what the replay gives."""
    size = max(row.size, np.max(np.abs(row.expected), initial=0))
    return close(at.hands[row.tensor] / factor, there, size, row.slack)


def difference_proves_nothing(hypothesis: Hypothesis, at: Suspicion, close: Closeness) -> bool:
    """Return whether the difference to the right gradient is too little to fit a number to.

    It is not clearly more than the tolerance, or it has fewer than PROVEN entries, or equal ones. The last two do not
    count if other data are tested, too, except for OF_NUMBERS.
    """
    off = at.hand - at.row.expected
    allowed = close.rtol * np.abs(at.row.expected) + close.floor * at.row.size + at.row.slack
    few = (not at.tested or hypothesis.mistake.kind in OF_NUMBERS) and (off.size < PROVEN or not differ(off))
    return few or not np.any(np.abs(off) > CLEARLY_WRONG * allowed)


def fit_number(hypothesis: Hypothesis, at: Suspicion, factor: float, budget: Budget) -> float:
    """Return the number of a hypothesis that fits the row best, by Gauss-Newton steps; 0 if there is none."""
    wanted = at.hand / factor
    number, step = 0.0, 1e-3
    for _ in range(NEWTON_STEPS):  # one step if the gradient is linear in the number
        if not budget.spend(2.0):  # two replays: here, and a step further for the derivative
            return 0.0
        here, there = (replayed(hypothesis.change(number + move), at)[at.row.tensor] for move in (0.0, step))
        better = least_squares(wanted - here, (there - here) / step)
        number += better
        if abs(better) <= 1e-12 * abs(number) or not np.isfinite(number):
            break
    return number if np.isfinite(number) and abs(number) > NOTHING else 0.0


def least_squares(y: Array, x: Array) -> float:
    """Return the number k for which k x is nearest to y."""
    square = float(np.sum(x * x))
    return float(np.sum(y * x)) / square if square else 0.0


def first_fitting(factors: Sequence[float], hand: Array, there: Array, size: float) -> float:
    """Return the first of `factors` with hand = factor * there, about; 0 if there is none. Two zero arrays fit all."""
    if max(np.max(np.abs(hand), initial=0), np.max(np.abs(there), initial=0)) <= NOTHING * size:
        return factors[0]
    k = least_squares(hand, there)
    return next((factor for factor in factors if abs(k - factor) <= 1e-3 * abs(factor)), 0.0)
