"""Find the rows that are wrong themselves, and why: a cause is named if its replay gives the user's own numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .claims import WRONG, Closeness, Row, check_finite, fit_shape, in_backward_order
from .conventions import Convention, Sizes, mark, odd_rows, open_factors, plausible
from .hypotheses import PER_NODE, Budget, Cause, Hypothesis, confirmed, hypotheses, mistakes, replayed, test, uncounted
from .kinks import Kinks
from .replay import Recording
from .suspicion import Suspicion

Array = Any
Name = Callable[[Any], str | None]
Data = tuple[Recording, list[Row], Name]  # the user's functions on some data

BUDGET = 3_000_000_000

# Kinds that only describe the numbers: used only if no other kind explains how they came about.
DESCRIPTIONS = set(
    "another's, value, added, unnamed scale, gradient of another, part scaled, scale of a use, weight decay".split(", ")
)
# Used only if nothing simpler fits: numbers may look like these by chance.
CURIOUS = {"square root", "odd derivative", "summed early", "averaged early", "sign only"}
CURIOUS |= {"absolute", "squared", "rounded", "normalised", "clipped"}
MOST_COMPARED = 16
EXACT = 1e-12  # causes that differ from the user's numbers by much more than the best one are none


def causes_of(
    at: Suspicion, close: Closeness, factors: Sequence[float], budget: Budget, others: Sequence[Suspicion]
) -> list[Cause]:
    """Return the causes that explain the most wrong rows, `at.row` among them.

    Parameters
    ----------
    at : Suspicion
    close : Closeness
    factors : sequence of float
        Common factors that the gradients by hand may have: only 1 if right rows show the convention.
    others : sequence of Suspicion
        The same question on other data, where the user's functions could be run again.
    """
    if not at.hand.any():
        empty = [row.label for row in at.rows if row.status == WRONG and not row.hand.any()]
        return [Cause("stopped", f"{zero_everywhere(empty)} (not written, or reached by no gradient?)", empty)]
    found: list[Cause] = []
    with np.errstate(all="ignore"):
        for hypothesis in within(budget, at):
            budget.left -= PER_NODE * (3 + len(hypothesis.sites))  # two numbers rule most of them out
            try:
                cause = test(hypothesis, at, close, factors, budget)
            except Exception:  # a mistake that cannot be computed is not the user's
                continue
            if cause:
                found.append(cause)
        best = min((cause.error for cause in found), default=0.0)
        found = [cause for cause in found if cause.error <= max(EXACT, 100 * best)]
        found = [cause for cause in found if all(reproduces(cause, other, close) for other in others)]
    found = [cause for cause in found if not cause.alone] or found
    if not found:
        return []
    most = max(len(cause.rows) for cause in found)
    found = [cause for cause in found if len(cause.rows) == most]
    plain = min(factors.index(cause.factor) for cause in found)
    return grouped(distinct([cause for cause in found if factors.index(cause.factor) == plain]), at, others)


def zero_everywhere(labels: Sequence[str]) -> str:
    """Return the sentence `the gradient of a is zero everywhere`, or `the gradients of a, b and c are ...`."""
    *first, last = labels
    names = f"{', '.join(first)} and {last}" if first else last
    return f"the gradient{'s' * bool(first)} of {names} {'are' if first else 'is'} zero everywhere"


def within(budget: Budget, at: Suspicion) -> Iterator[Hypothesis]:
    """Yield all hypotheses of the table; an exception in one place ends only that place, and so does its budget."""
    for i, place in enumerate(mistakes()):
        floor = budget.left - budget.left // (len(mistakes()) - i)  # each place has an equal share of what is left
        offered = hypotheses(place, at)
        with suppress(Exception):  # the place is not defined for this kind of op
            while budget.left > floor:
                hypothesis = next(offered, None)
                if hypothesis is None:
                    break
                yield hypothesis
            else:
                budget.untried[place] = None


def distinct(causes: Sequence[Cause]) -> list[Cause]:
    """Return the causes that say most, in the order of the table; those that only describe, if there are no others."""
    for weak in (DESCRIPTIONS, CURIOUS):
        causes = [cause for cause in causes if cause.kind not in weak] or causes
    ranked = sorted(causes, key=lambda cause: (*cause.hypothesis.rank, cause.says.count("`")))
    found: dict[str, Cause] = {}
    for cause in ranked:
        found.setdefault(cause.says, cause)
    return list(found.values())[:MOST_COMPARED]


def reproduces(cause: Cause, other: Suspicion, close: Closeness) -> bool:
    """Return whether a cause gives the user's own numbers on other data, too."""
    try:
        hypothesis = counterpart(cause.hypothesis, other)
        found = replayed(hypothesis.change(cause.number), other)
        again = confirmed(hypothesis, cause.number, found, cause.factor, other, close)
    except Exception:  # it does not occur there
        return False
    return again is not None and uncounted(again.says) == uncounted(cause.says)


def counterpart(hypothesis: Hypothesis, other: Suspicion) -> Hypothesis:
    """Return the same hypothesis about other data; raise if it does not occur there."""
    if hypothesis.place not in other.known_hypotheses:
        found = hypotheses(hypothesis.place, other)
        other.known_hypotheses[hypothesis.place] = {each.key: each for each in found}
    same: Hypothesis = other.known_hypotheses[hypothesis.place][hypothesis.key]
    return same


def grouped(causes: Sequence[Cause], at: Suspicion, others: Sequence[Suspicion]) -> list[Cause]:
    """Return the causes that other data could tell apart; those that it could not are one cause in other words."""
    found: list[tuple[Cause, Any]] = []
    for cause in causes:
        try:
            numbers = on_other_data(cause, at) if len(causes) > 1 and not others else None
        except Exception:  # the graph has no values there, or the mistake does not occur
            numbers = None
        same = next((known for known, rest in found if others or equal(numbers, rest)), None)
        if same:
            same.same.append(cause)
        else:
            found.append((cause, numbers))
    return [cause for cause, _ in found]


def on_other_data(cause: Cause, at: Suspicion) -> list[Array]:
    """Return the gradients that a mistake gives where all inputs have other values."""
    other = at.on_other_data
    found = replayed(counterpart(cause.hypothesis, other).change(cause.number), other)
    return [found[row.tensor] for row in other.rows if row.label in cause.rows]


def equal(numbers: Sequence[Array] | None, others: Sequence[Array] | None) -> bool:
    if numbers is None or others is None or len(numbers) != len(others):
        return False
    return all(
        np.allclose(x, y, 1e-7, 1e-9 * np.max(np.abs(x), initial=0)) for x, y in zip(numbers, others, strict=True)
    )


MOST_TRIED = 6
MOST_CONVENTIONS = 3


@dataclass
class Examined:
    """The rows under one convention, what is wrong with them, and the cost of explaining it."""

    rows: list[Row]  # in the order in which backprop completes them
    convention: Convention  # the factors that all rows have
    findings: list[Finding]  # the rows that are wrong themselves, in the same order
    cost: int
    count: int
    untried: list[str]
    instead: list[Examined]

    def settled(self, chained: bool) -> bool:
        """Return whether conventions that more rows contradict need not be tried.

        If something is wrong, this takes rows of values between (`chained`): they show where a mistake begins.
        """
        return not self.findings or (chained and all(finding.causes for finding in self.findings))


@dataclass
class Finding:
    """A row that is wrong itself, and what explains it: nothing, one cause, or several that agree on this data."""

    row: Row
    causes: list[Cause]
    between: list[str] = field(default_factory=list)
    tried: bool = True
    edit: str = ""  # of the user's source, that makes the row right


def examine(
    rows: Sequence[Row],
    recording: Recording,
    close: Closeness,
    sizes: Sizes,
    name: Name,
    factor: float | None = None,
    elsewhere: Callable[[], Sequence[Data]] = list,
    budget: int = BUDGET,
) -> Examined:
    """Sort the rows in the order of backprop, mark them, and explain the wrong ones by as few mistakes as possible."""
    rows = in_backward_order(rows, recording)
    for row in rows:
        fit_shape(row, close, recording, name)
        check_finite(row)
    ranked = choose_at_kinks(rows, recording, close, factor)
    explain = Explainer(rows, recording, close, sizes, name, Budget(recording, budget), elsewhere)
    examined: list[Examined] = []
    chained = any(not row.leaf for row in rows)
    for count, convention in ranked[:MOST_CONVENTIONS]:
        if examined and count > examined[0].count and examined[0].settled(chained):
            break
        found = explain(convention, count, factor is not None) if unlike(convention, examined) else None
        causes = [cause for finding in found.findings for cause in finding.causes] if found else []
        if causes and causes[0].factor != 1:  # another convention gives the numbers: by that all rows are judged
            convention = convention.times(causes[0].factor)
            found = explain(convention, count, factor is not None) if unlike(convention, examined) else None
        examined += [found] if found else []
    best = min(examined, key=lambda found: (found.cost, found.count, found.convention.leaves < 0 and not chained))
    best.instead = [found for found in examined if found is not best and found.cost == best.cost > 0]
    mark(rows, recording, close, best.convention)
    return best


def unlike(convention: Convention, examined: Sequence[Examined]) -> bool:
    return all(convention.factors != other.convention.factors for other in examined)


def choose_at_kinks(
    rows: Sequence[Row], recording: Recording, close: Closeness, factor: float | None
) -> list[tuple[int, Convention]]:
    """Choose the derivatives at kinks as the hand has them, where possible; return the conventions, best first."""

    def ranked() -> list[tuple[int, Convention]]:
        return plausible(rows, recording, close, factor)

    def wrong(choice: Mapping[Tensor, Any]) -> int:
        recording.choose(choice)
        for row in rows:
            row.true = recording.true.get(row.tensor, row.true)
        return ranked()[0][0]

    first = ranked()
    kinks = Kinks(recording) if first[0][0] else None
    if not kinks:
        return first
    recording.kinks = kinks
    if wrong(min(kinks.choices(), key=wrong)):
        convention = ranked()[0][1]
        mark(rows, recording, close, convention)
        for row in rows:
            slack = close.rtol * float(np.max(np.abs(row.expected), initial=0)) + close.floor * row.size
            if row.status == WRONG and kinks.allows(row.tensor, row.hand / convention.of(row), slack):
                row.at_kink = True
    return ranked()


@dataclass
class Explainer:
    """A search for the causes of wrong rows, under one convention after the other."""

    rows: Sequence[Row]
    recording: Recording
    close: Closeness
    sizes: Sizes
    name: Name
    budget: Budget
    elsewhere: Callable[[], Sequence[Data]]

    @cached_property
    def other_data(self) -> Sequence[Data]:
        return self.elsewhere()

    def __call__(self, convention: Convention, count: int, strict: bool = False) -> Examined:
        mark(self.rows, self.recording, self.close, convention)
        factors = [1.0] if strict or convention.seen else open_factors(self.recording)
        findings: list[Finding] = []
        explained: set[str] = set()
        for row in self.rows:
            if not row.fits:
                findings.append(Finding(row, []))
            if row.status != WRONG or row.label in explained:
                continue
            at = Suspicion(row, self.rows, self.recording, convention, self.sizes, self.name)
            tried = sum(finding.row.status == WRONG for finding in findings) < MOST_TRIED
            others = self.others(row, convention) if tried else []
            at.tested = bool(others)
            causes = causes_of(at, self.close, factors, self.budget, others) if tried else []
            findings.append(Finding(row, causes, [] if causes or not tried else picture(at, self.close), tried))
            explained |= {label for cause in causes[:1] for label in cause.rows}
        # A cause that is found at a later row may explain an earlier one, too.
        later = {label for finding in findings if len(finding.causes) == 1 for label in finding.causes[0].rows}
        findings = [x for x in findings if x.causes or not x.row.fits or x.row.label not in later]
        unexplained = sum(not finding.causes for finding in findings)
        unusual = bool(findings) and abs(convention.leaves) != 1
        cost = len(findings) + 2 * unexplained + unusual + odd_rows(self.rows, convention, self.close)
        return Examined(list(self.rows), convention, findings, cost, count, list(self.budget.untried), [])

    def others(self, row: Row, convention: Convention) -> list[Suspicion]:
        """Return the question about a row on other data, if there the same rows are right as on the user's data."""
        found = []
        here = {other.label: other.status for other in self.rows}
        for recording, rows, name in self.other_data:
            mark(rows, recording, self.close, replace(convention))
            there = {other.label: other for other in rows}
            if there.keys() == here.keys() and all(
                other.fits and (other.status == WRONG) == (here[label] == WRONG) for label, other in there.items()
            ):
                found.append(Suspicion(there[row.label], rows, recording, convention, self.sizes, name, tested=True))
        return found


# What is wrong with a row, where no cause is found.


def picture(at: Suspicion, close: Closeness) -> list[str]:
    """Return sentences: where a row is wrong, and by what ratio."""
    row, hand, expected = at.row, at.hand, at.row.expected
    off = np.abs(hand - expected) > close.rtol * np.abs(expected) + close.floor * np.max(np.abs(expected), initial=0)
    if not off.any():
        return []
    said = [f"{row.label} is off in {places(off)}."]
    told = off & (expected != 0)
    with np.errstate(all="ignore"):
        ratio = hand[told] / expected[told]
    if ratio.size and np.isfinite(ratio).all():
        low, high = float(np.min(ratio)), float(np.max(ratio))
        digits = 4 if f"{low:.4g}" != f"{high:.4g}" else 9
        text = f"{low:.4g}" if np.isclose(low, high, 1e-9) else f"between {low:.{digits}g} and {high:.{digits}g}"
        said.append(f"There, your values divided by the right ones give {text}.")
    return said


def places(off: Array) -> str:
    """Return the marked entries of an array in words: all, some rows or columns, or a count."""
    count = int(off.sum())
    if count == off.size:
        return "all entries" if count > 1 else "its one entry"
    for axis in range(off.ndim):
        others = tuple(a for a in range(off.ndim) if a != axis)
        any_of = np.flatnonzero(off.any(axis=others))
        if off.ndim > 1 and len(any_of) < off.shape[axis] and np.take(off, any_of, axis).all():
            word = {0: "row", 1: "column"}.get(axis) if off.ndim == 2 else f"index {axis} ="
            return f"{word}{'s' * (off.ndim == 2 and len(any_of) > 1)} {runs(any_of)}"
    return f"{count} of {off.size} entries, the first at [{', '.join(str(int(i[0])) for i in np.nonzero(off))}]"


def runs(numbers: Array) -> str:
    """Return sorted numbers as text, such as `0, 2 to 4`."""
    groups = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    return ", ".join(str(g[0]) if len(g) == 1 else f"{g[0]} to {g[-1]}" for g in groups)
