"""Find the rows that are wrong themselves, and why: a cause is named if its replay gives the user's own numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .claims import WRONG, Closeness, Row, check_finite, differ, fit_shape, in_backward_order
from .conventions import Convention, Sizes, factor_name, mark, odd_rows, open_factors, plausible, rounded
from .kinks import Kinks, best_choice, least_squares_choice
from .mistakes import mistakes
from .places import Hypothesis, hypotheses, uncounted
from .replay import Recording, is_one_array
from .suspicion import PROVEN, Change, Suspicion, values_of

Array = Any
Name = Callable[[Any], str | None]
Shared = tuple[Any, dict[int, str]]  # the values of a recording by shape, and texts for them
Data = tuple[Recording, list[Row], Name]  # the user's functions on some data

NOTHING = 1e-12
NEWTON_STEPS = 8
SEEN = 10  # how far beyond the tolerance a difference must be that a number is fitted to
BUDGET = 3_000_000_000
PER_NODE = 6_000  # the overhead of one op, in entries that take as long

# Kinds that only describe the numbers: used only if no other kind explains how they came about.
DESCRIPTIONS = {
    *("another's", "value", "added", "unnamed scale", "gradient of another", "part scaled", "scale of a use"),
    "weight decay",
}
# Used only if nothing simpler fits: numbers may look like these by chance.
CURIOUS = {"absolute", "squared", "rounded", "normalised", "summed early", "averaged early", "clipped", "sign only"}
MOST_COMPARED = 16
EXACT = 1e-12  # causes that differ from the user's numbers by much more than the best one are none
FORWARD_IN_TIME = {"after the update", "stale"}  # a learning rate is positive


@dataclass
class Cause:
    """A mistake that gives the user's own numbers, in these rows; `same` holds other words for it."""

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
        self.untried: dict[str, None] = {}

    def spend(self, part: float = 1.0) -> bool:
        """Pay for one run, unless nothing is left."""
        if self.left <= 0:
            return False
        self.left -= int(part * self.cost)
        return True


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
        return [Cause("stopped", f"{zero_everywhere(empty)}: never written, or reached by no gradient", empty)]
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
        found = proven(found, others, close)
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
        while True:
            if budget.left <= floor:
                budget.untried[place] = None
                break
            try:
                hypothesis = next(offered, None)
            except Exception:  # the place is not defined for this kind of op
                break
            if hypothesis is None:
                break
            yield hypothesis


def distinct(causes: Sequence[Cause]) -> list[Cause]:
    """Return the causes that say most, in the order of the table; those that only describe, if there are no others."""
    for weak in (DESCRIPTIONS, CURIOUS):
        causes = [cause for cause in causes if cause.kind not in weak] or causes
    ranked = sorted(causes, key=lambda cause: (*cause.hypothesis.rank, cause.says.count("`")))
    return list({cause.says: cause for cause in reversed(ranked)}.values())[::-1][:MOST_COMPARED]


def proven(causes: Sequence[Cause], others: Sequence[Suspicion], close: Closeness) -> list[Cause]:
    """Return the causes that give the user's own numbers on other data, too, where the user's functions could run."""
    for other in others:
        found = [reproduces(cause, other, close) for cause in causes]
        told = True if True in found else None  # what does not occur on the other data counts only if nothing else does
        causes = [cause for cause, answer in zip(causes, found, strict=True) if answer is told]
    return list(causes)


def reproduces(cause: Cause, other: Suspicion, close: Closeness) -> bool | None:
    """Return whether a cause gives the user's numbers on other data; None if it does not occur there."""
    try:
        hypothesis = counterpart(cause.hypothesis, other)
        if hypothesis is None:
            return None
        found = replayed(hypothesis.change(cause.number), other)
        again = confirmed(hypothesis, cause.number, found, cause.factor, other, close)
        return again is not None and uncounted(again.says) == uncounted(cause.says)
    except Exception:
        return None


def counterpart(hypothesis: Hypothesis, other: Suspicion) -> Hypothesis | None:
    """Return the same hypothesis about other data."""
    if hypothesis.place not in other.known_hypotheses:
        found = hypotheses(hypothesis.place, other)
        other.known_hypotheses[hypothesis.place] = {each.key: each for each in found}
    return other.known_hypotheses[hypothesis.place].get((*hypothesis.key[:2], hypothesis.nth))


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
    hypothesis = counterpart(cause.hypothesis, other)
    assert hypothesis
    found = replayed(hypothesis.change(cause.number), other)
    return [found[row.tensor] for row in other.rows if row.label in cause.rows]


def equal(numbers: Sequence[Array] | None, others: Sequence[Array] | None) -> bool:
    if numbers is None or others is None or len(numbers) != len(others):
        return False
    return all(
        np.allclose(x, y, 1e-7, 1e-9 * np.max(np.abs(x), initial=0)) for x, y in zip(numbers, others, strict=True)
    )


def test(
    hypothesis: Hypothesis, at: Suspicion, close: Closeness, factors: Sequence[float], budget: Budget
) -> Cause | None:
    """Return the cause if the hypothesis gives the numbers of the row and changes no right row, else None."""
    slack = max(1e-6, 100 * close.floor)
    if not hypothesis.mistake.fitted:
        change = hypothesis.change()
        if rules_out(along(change, at), at, factors, slack):
            return None
        if not budget.spend():
            return None
        found = replayed(change, at)
        size = float(np.max(np.abs(at.row.expected), initial=0))
        factor = nearest(factors, at.hand, found[at.row.tensor], size)
        return confirmed(hypothesis, 0.0, found, factor, at, close)
    if missing_proves_nothing(at, close):
        return None
    for factor in (k for k in factors if abs(k) == 1):
        if no_number_fits([along(hypothesis.change(c), at) for c in (0.0, 1.0, 2.0)], at, factor, slack):
            continue
        number = fit_number(hypothesis, at, factor, budget)
        if number and (number > 0 or hypothesis.kind not in FORWARD_IN_TIME) and budget.spend():
            found = replayed(hypothesis.change(number), at)
            cause = confirmed(hypothesis, number, found, factor, at, close)
            if cause:
                return cause
    return None


def along(change: Change, at: Suspicion) -> list[tuple[float, float]]:
    """Return the row's gradient after a change, along some directions, and the size of its terms.

    The list is empty if that takes a replay: if one change has an effect on the gradient that another one changes.
    """
    nodes = [*change.rules, *change.gradients]
    if change.values or (len(nodes) > 1 and not at.recording.apart(change.rules, nodes)):
        return []
    changes = dict(change.gradients)
    for node, override in change.overrides(at).items():
        g = at.base[node]
        for x, part in override(g) + [(x, -part) for x, part in at.recording.pull(node, g)]:
            changes[x] = changes[x] + part if x in changes else part
    found = []
    for tangents in at.tangents:
        terms = [tangents[x] * g for x, g in changes.items() if x in tangents]
        terms.append(tangents[at.row.tensor] * at.row.expected)
        found.append((float(sum(map(np.sum, terms))), float(sum(np.sum(np.abs(term)) for term in terms))))
    return found


def wanted_along(at: Suspicion) -> list[float]:
    return [float(np.sum(tangents[at.row.tensor] * at.hand)) for tangents in at.tangents]


def rules_out(found: Sequence[tuple[float, float]], at: Suspicion, factors: Sequence[float], slack: float) -> bool:
    """Return whether, along some direction, a change cannot give the gradient by hand, up to the factors."""
    k = np.array(factors)
    return any(
        not np.any(np.abs(wanted - k * value) <= slack * (abs(wanted) + np.abs(k) * size))
        for wanted, (value, size) in zip(wanted_along(at), found, strict=bool(found))
    )


def no_number_fits(found: Sequence[Sequence[tuple[float, float]]], at: Suspicion, factor: float, slack: float) -> bool:
    """Return whether a change with the numbers 0, 1 and 2 is linear, and two directions ask for different numbers."""
    if not all(found):
        return False
    numbers = []
    for wanted, *values in zip(wanted_along(at), *found, strict=False):
        (zero, size), (one, other), (two, third) = values
        allowed = slack * (size + other + third + abs(wanted))
        if not abs(two - 2 * one + zero) <= allowed:
            return False
        if abs(one - zero) <= allowed:
            return bool(abs(wanted / factor - zero) > allowed)
        numbers.append(((wanted / factor - zero) / (one - zero), allowed / abs(one - zero)))
    (first, error), (second, other) = numbers
    return bool(abs(first - second) > (1 + abs(first)) * (error + other))


def replayed(change: Change, at: Suspicion) -> dict[Tensor, Any]:
    """Return the cotangents that a backward pass with the change gives."""
    return at.recording.walk(at.given, change.overrides(at), change.gradients)


def worded(hypothesis: Hypothesis, number: float, at: Suspicion) -> tuple[str, str]:
    """Return the kind and the sentence of a hypothesis once its number is known; a scale may have a name."""
    whole = rounded(number)
    name = at.factor_text(whole)
    kind = hypothesis.kind
    if kind == "unnamed scale":
        kind = "sign" if name == "-1" else "scale" if name != f"{whole:.4g}" or factor_name(whole, at.sizes) else kind
    return kind, hypothesis.says.replace("{c}", f"{number:.4g}").replace("{whole}", name)


def confirmed(
    hypothesis: Hypothesis,
    number: float,
    found: Mapping[Tensor, Array],
    factor: float,
    at: Suspicion,
    close: Closeness,
) -> Cause | None:
    """Return the cause if the replayed gradients times `factor` equal those by hand, else None."""
    there = found[at.row.tensor]
    if not factor or not np.all(np.isfinite(there)) or not fits(at.row, there, at, factor, close):
        return None
    if np.max(np.abs(there - at.row.expected), initial=0) <= NOTHING * np.max(np.abs(at.row.expected), initial=0):
        return None  # the mistake changes nothing in this row
    kind, says = worded(hypothesis, number, at)
    largest = float(np.max(np.abs(at.hand), initial=0))
    error = float(np.max(np.abs(at.hand - factor * there), initial=0)) / largest if largest else 0.0
    explained = [at.row.label]
    for row in at.rows:
        if row is at.row or not row.fits:
            continue
        there = found.get(row.tensor, np.zeros_like(row.true))
        matches = fits(row, there, at, factor, close)
        if not matches and not close(there, row.expected, row.size):
            told = row.status != WRONG and (at.tested or (differ(at.hand) and at.hand.size >= PROVEN))
            said = f"{says} (in the gradient of {at.row.label} alone)"
            return Cause(kind, said, [at.row.label], factor, error, True, hypothesis, number) if told else None
        if matches and row.status == WRONG:
            explained.append(row.label)
    return Cause(kind, says, explained, factor, error, False, hypothesis, number)


def fits(row: Row, there: Array, at: Suspicion, factor: float, close: Closeness) -> bool:
    """Return whether a gradient by hand is what the replay gives."""
    size = max(row.size, np.max(np.abs(row.expected), initial=0))
    return close(at.hands[row.tensor] / factor, there, size, row.slack)


def missing_proves_nothing(at: Suspicion, close: Closeness) -> bool:
    """Return whether a number would be fitted to one number, to equal ones, or to rounding errors."""
    missing = at.hand - at.row.expected
    allowed = close.rtol * np.abs(at.row.expected) + close.floor * at.row.size + at.row.slack
    few = not at.tested and (missing.size < PROVEN or not differ(missing))
    return few or not np.any(np.abs(missing) > SEEN * allowed)


def fit_number(hypothesis: Hypothesis, at: Suspicion, factor: float, budget: Budget) -> float:
    """Return the unknown number of a hypothesis that fits the row best, by Newton's method."""
    wanted = at.hand / factor
    number, step = 0.0, 1e-3
    for _ in range(NEWTON_STEPS):  # one step if the gradient is linear in the number
        if not budget.spend(2.0):
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


def nearest(factors: Sequence[float], hand: Array, there: Array, size: float) -> float:
    """Return the one of `factors` between two arrays, else 0; the first if both are negligible next to `size`."""
    if max(np.max(np.abs(hand), initial=0), np.max(np.abs(there), initial=0)) <= NOTHING * size:
        return factors[0]
    k = least_squares(hand, there)
    return next((factor for factor in factors if abs(k - factor) <= 1e-3 * abs(factor)), 0.0)


MOST_TRIED = 6
MOST_CONVENTIONS = 3


@dataclass
class Examined:
    """The rows under one convention, what is wrong with them, and the cost of explaining it."""

    rows: list[Row]
    convention: Convention
    findings: list[Finding]
    cost: int
    count: int
    instead: list[Examined] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)

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
    explain = Explainer(rows, recording, close, sizes, name, budget, elsewhere)
    examined: list[Examined] = []
    chained = any(not row.leaf for row in rows)
    for count, convention in ranked[:MOST_CONVENTIONS]:
        if examined and count > examined[0].count and examined[0].settled(chained):
            break
        examined.append(explain(convention, count, factor is not None))
    best = min(examined, key=lambda found: (found.cost, found.convention.leaves < 0 if not chained else 0))
    best.instead = [found for found in examined if found is not best and found.cost == best.cost > 0]
    mark(rows, recording, close, best.convention)
    return best


def choose_at_kinks(
    rows: Sequence[Row], recording: Recording, close: Closeness, factor: float | None
) -> list[tuple[int, Convention]]:
    """Choose the derivatives at kinks as the hand has them, where possible; return the conventions, best first."""

    def ranked() -> list[tuple[int, Convention]]:
        return plausible(rows, recording, close, factor)

    first = ranked()
    if not first[0][0]:
        return first
    recording.kinks = Kinks(recording)
    if not recording.kinks:
        return first

    def wrong(choice: Mapping[Tensor, Any]) -> int:
        recording.choose(choice)
        for row in rows:
            row.true = recording.true.get(row.tensor, row.true)
        return ranked()[0][0]

    chosen = best_choice(recording.kinks, wrong)
    if wrong(chosen):
        convention = ranked()[0][1]
        fits = [row for row in rows if row.fits]
        given = {row.tensor: row.hand / convention.of(row) for row in fits if not row.leaf}
        hands = {row.tensor: row.hand / convention.of(row) for row in fits}
        mixture = least_squares_choice(recording.kinks, hands, given)
        if mixture and not wrong(mixture):
            return ranked()
        wrong(chosen)
        mark(rows, recording, close, convention)
        for row in rows:
            hand = row.hand / convention.of(row)
            slack = close.rtol * float(np.max(np.abs(row.expected), initial=0)) + close.floor * row.size
            if row.status == WRONG and recording.kinks.allows(row.tensor, hand, slack):
                row.at_kink = True
    return ranked()


class Explainer:
    """A search for the causes of wrong rows, under one convention after the other."""

    def __init__(
        self,
        rows: Sequence[Row],
        recording: Recording,
        close: Closeness,
        sizes: Sizes,
        name: Name,
        budget: int,
        elsewhere: Callable[[], Sequence[Data]],
    ) -> None:
        self.rows, self.recording, self.close, self.sizes, self.name = rows, recording, close, sizes, name
        self.budget = Budget(recording, budget)
        self.shared: Shared = values_of(recording), {}
        self.elsewhere = elsewhere
        self.other_data: list[tuple[Recording, list[Row], Name, Shared]] | None = None

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
            at = self.suspicion(row, self.rows, self.recording, self.name, convention, *self.shared)
            tried = sum(finding.row.status == WRONG for finding in findings) < MOST_TRIED
            others = self.others(row, convention) if tried else []
            at.tested = bool(others)
            causes = causes_of(at, self.close, factors, self.budget, others) if tried else []
            findings.append(
                Finding(row, causes, [] if causes or not tried else picture(at, convention, self.close), tried)
            )
            explained |= {label for cause in causes[:1] for label in cause.rows}
        unexplained = sum(not finding.causes for finding in findings)
        unusual = bool(findings) and abs(convention.leaves) != 1
        cost = len(findings) + 2 * unexplained + unusual + odd_rows(self.rows, convention, self.close)
        return Examined(list(self.rows), convention, findings, cost, count, untried=list(self.budget.untried))

    def suspicion(
        self, row: Row, rows: Sequence[Row], recording: Recording, name: Name, convention: Convention, *shared: Any
    ) -> Suspicion:
        hands = {row.tensor: row.hand / convention.of(row) for row in rows if row.fits}
        given = {row.tensor: hands[row.tensor] for row in rows if row.fits and not row.leaf}
        base = {**recording.walk(given), **given}
        return Suspicion(row, recording, base, set(given), rows, hands, self.sizes, name, *shared)

    def others(self, row: Row, convention: Convention) -> list[Suspicion]:
        """Return the question about a row on other data, if there the same rows are right as on the user's data."""
        if self.other_data is None:
            self.other_data = [(*data, (values_of(data[0]), {})) for data in self.elsewhere()]
        found = []
        here = {other.label: other.status for other in self.rows}
        for recording, rows, name, shared in self.other_data:
            mark(rows, recording, self.close, replace(convention))
            there = {other.label: other for other in rows}
            alike = there.keys() == here.keys() and all(
                other.fits and (other.status == WRONG or here[label] != WRONG) for label, other in there.items()
            )
            if alike and all(here[label] == WRONG for label, other in there.items() if other.status == WRONG):
                found.append(self.suspicion(there[row.label], rows, recording, name, convention, *shared))
                found[-1].tested = True
        return found


def picture(at: Suspicion, convention: Convention, close: Closeness) -> list[str]:
    """Return sentences: where a row is wrong, by what ratio, and the slope that the hand used at an activation."""
    row = at.row
    hand, expected = at.hands[row.tensor], row.expected
    off = np.abs(hand - expected) > close.rtol * np.abs(expected) + close.floor * np.max(np.abs(expected), initial=0)
    said = [f"{row.label} is off in {places(off)}."]
    told = off & (expected != 0)
    with np.errstate(all="ignore"):
        ratio = hand[told] / expected[told]
    if ratio.size and np.isfinite(ratio).all():
        low, high = float(np.min(ratio)), float(np.max(ratio))
        digits = 4 if f"{low:.4g}" != f"{high:.4g}" else 9
        text = f"{low:.4g}" if np.isclose(low, high, 1e-9) else f"between {low:.{digits}g} and {high:.{digits}g}"
        said.append(f"There, your values divided by the right ones give {text}.")
    for block in at.blocks:
        g = at.base.get(block.z)
        if block.x is row.tensor and len(at.recording.users[block.x]) <= len(block.inner) and is_one_array(g):
            with np.errstate(all="ignore"):
                used = hand / g
            place = np.unravel_index(
                np.nanargmax(np.where(np.isfinite(used), np.abs(used - block.slope), -1)), used.shape
            )
            where = ", ".join(map(str, place))
            said.append(
                f"You used the slope {used[place]:.4g} at [{where}] of {at.called(block.z)}, where "
                f"{at.called(block.x)} is {block.x._data[place]:.4g} and the slope is {block.slope[place]:.4g}."
            )
            break
    return said


def places(off: Array) -> str:
    """Return the marked entries of an array in words: all, some rows or columns, a block, or a count."""
    count = int(off.sum())
    if count == off.size:
        return "all entries" if count > 1 else "its one entry"
    for axis in range(off.ndim):
        others = tuple(a for a in range(off.ndim) if a != axis)
        any_of = np.flatnonzero(off.any(axis=others))
        if off.ndim > 1 and len(any_of) < off.shape[axis] and np.take(off, any_of, axis).all():
            word = {0: "row", 1: "column"}.get(axis) if off.ndim == 2 else f"index {axis} ="
            return f"{word}{'s' * (off.ndim == 2 and len(any_of) > 1)} {runs(any_of)}"
    corners = [f"{i.min()}:{i.max() + 1}" for i in np.nonzero(off)]
    inside = int(np.prod([i.max() + 1 - i.min() for i in np.nonzero(off)]))
    if inside == count > 1:
        return f"the block [{', '.join(corners)}]"
    return f"{count} of {off.size} entries, the first at [{', '.join(str(int(i[0])) for i in np.nonzero(off))}]"


def runs(numbers: Array) -> str:
    """Return sorted numbers as text, such as `0, 2 to 4`."""
    groups = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    return ", ".join(str(g[0]) if len(g) == 1 else f"{g[0]} to {g[-1]}" for g in groups)
