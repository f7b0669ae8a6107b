"""Hand against tape: which rows are wrong themselves, and why, each as far as the numbers prove it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..graph import Tensor
from .convention import Convention, mark, odd_rows, plausible
from .diagnosis import Cause, causes_of, possible_factors
from .factors import Sizes
from .recording import Recording
from .rows import NOT_FINITE, SHAPE, WRONG, Closeness, Row, in_backward_order
from .stale import stale
from .suspicion import Suspicion, values_of

Array = Any
MOST_TRIED = 6
MOST_CONVENTIONS = 3
MOST_SHOWN = 8


@dataclass
class Examined:
    """What became of the rows under a convention."""

    rows: list[Row]
    convention: Convention
    findings: list[Finding]
    cost: int
    count: int
    instead: list[Examined] = field(default_factory=list)

    def settled(self, chained: bool) -> bool:
        """Whether no convention that more rows contradict need be tried: rows between show where a mistake begins."""
        return not self.findings or (chained and all(finding.causes for finding in self.findings))


@dataclass
class Finding:
    """A row that is wrong itself, and what explains it: nothing, one cause, or several that agree on this data."""

    row: Row
    causes: list[Cause]
    between: list[str] = field(default_factory=list)
    tried: bool = True


def examine(
    rows: Sequence[Row], recording: Recording, close: Closeness, sizes: Sizes, name: Callable[[Any], str | None]
) -> Examined:
    """The rows in the order of backprop, marked, and those that are wrong explained by as few mistakes as can be."""
    rows = in_backward_order(rows, recording)
    for row in rows:
        row.true, row.size = recording.true[row.tensor], recording.sizes[row.tensor]
        fit_shape(row, close, recording, name)
        check_finite(row)
    explain = Explainer(rows, recording, close, sizes, name)
    examined: list[Examined] = []
    chained = any(not row.leaf for row in rows)
    for count, convention in plausible(rows, recording, close, sizes)[:MOST_CONVENTIONS]:
        if examined and count > examined[0].count and examined[0].settled(chained):
            break
        examined.append(explain(convention, count))
    best = min(examined, key=lambda found: (found.cost, found.convention.leaves < 0 if not chained else 0))
    best.instead = [found for found in examined if found is not best and found.cost == best.cost > 0]
    mark(rows, recording, close, best.convention)
    return best


class Explainer:
    """Finds the causes of wrong rows under one convention after the other."""

    def __init__(
        self,
        rows: Sequence[Row],
        recording: Recording,
        close: Closeness,
        sizes: Sizes,
        name: Callable[[Any], str | None],
    ) -> None:
        self.rows, self.recording, self.close, self.sizes, self.name = rows, recording, close, sizes, name
        self.values = values_of(recording)
        self.texts: dict[int, str] = {}

    def __call__(self, convention: Convention, count: int) -> Examined:
        mark(self.rows, self.recording, self.close, convention)
        fits = [row for row in self.rows if row.fits]
        hands = {row.tensor: row.hand / convention.of(row) for row in fits}
        given = {row.tensor: hands[row.tensor] for row in fits if not row.leaf}
        base = {**self.recording.walk(given), **given}
        factors = possible_factors(convention.seen, self.sizes)
        findings: list[Finding] = []
        explained: set[str] = set()
        for row in self.rows:
            if not row.fits:
                findings.append(Finding(row, []))
            if row.status != WRONG or row.label in explained:
                continue
            at = Suspicion(
                row, self.recording, base, set(given), self.rows, hands, self.sizes, self.name, self.values, self.texts
            )
            tried = sum(finding.row.status == WRONG for finding in findings) < MOST_TRIED
            causes = causes_of(at, self.close, factors) if tried else []
            findings.append(Finding(row, causes, [] if causes or not tried else picture(at), tried))
            explained |= {label for cause in causes[:1] for label in cause.rows}
        if any(not finding.causes for finding in findings):
            findings = self.at_other_weights(hands) or findings
        unexplained = sum(not finding.causes for finding in findings)
        unusual = bool(findings) and abs(convention.leaves) != 1
        cost = len(findings) + 2 * unexplained + unusual + odd_rows(self.rows, convention, self.close)
        return Examined(list(self.rows), convention, findings, cost, count)

    def at_other_weights(self, hands: dict[Tensor, Array]) -> list[Finding]:
        """One finding for all rows, if they are right at weights that were, or will be."""
        with np.errstate(all="ignore"):
            found = stale(self.rows, self.recording, self.close, hands)
        if not found:
            return []
        when, rate = found
        says = f"all gradients are those of the weights {when}, which is {rate:.4g} times the gradient away"
        wrong = [row for row in self.rows if row.status == WRONG]
        return [Finding(wrong[0], [Cause("stale", says, [row.label for row in wrong])])]


def check_finite(row: Row) -> None:
    """A nan or inf that the true gradient has not: nothing can be compared, and nothing may follow from it."""
    wrong = ~np.isfinite(row.hand)
    if row.fits and wrong.any() and np.isfinite(row.true).all():
        row.status = NOT_FINITE
        place = list(map(int, np.argwhere(wrong)[0]))
        row.notes.append(
            f"{row.label} is {row.hand[tuple(place)]} at {place or 'its one entry'} ({wrong.sum()} of {wrong.size} "
            "entries are nan or inf), and the true gradient is finite. np.seterr(all='raise') stops at the line that "
            "makes it."
        )


def fit_shape(row: Row, close: Closeness, recording: Recording, name: Callable[[Any], str | None]) -> None:
    """Axes of length 1 more or less are let pass with a note; other shapes are wrong, and often tell why."""
    shape, hand = row.tensor.shape, row.hand
    if hand.shape == shape:
        return
    row.expected = row.true
    if [n for n in hand.shape if n != 1] == [n for n in shape if n != 1]:
        row.notes.append(
            f"{row.label} has shape {hand.shape}, and its value {shape}: the numbers are compared in order."
        )
        row.hand = hand.reshape(shape)
        return
    row.status = SHAPE
    reason = belongs_to(row, close, recording, name) or shape_reason(row, close, recording)
    row.notes.append(f"{row.label} has shape {hand.shape} and should have {shape}, that of its value: {reason}")


def belongs_to(row: Row, close: Closeness, recording: Recording, name: Callable[[Any], str | None]) -> str:
    """Whether it is the gradient of another weight or input, given in the wrong place."""
    for x, g in recording.true.items():
        if not x.edges and name(x) and getattr(g, "shape", None) == row.hand.shape and parallel(row.hand, g, close):
            return (
                f"it is the gradient of {name(x)}. Give each its own: backward returns them in the order of the inputs."
            )
    return ""


def shape_reason(row: Row, close: Closeness, recording: Recording) -> str:
    """What the shape says of the mistake, and whether the numbers agree."""
    hand, true = row.hand, row.true
    for axis in range(hand.ndim):
        summed = hand.sum(axis)
        if summed.shape == true.shape and (np.any(summed) and parallel(summed, true, close)):
            return f"it is not summed over axis {axis}, which has {hand.shape[axis]} entries: add .sum(axis={axis})."
    for user in recording.users[row.tensor]:
        g = recording.true[user]
        for axis in range(getattr(g, "ndim", 0)):
            summed = g.sum(axis)
            if summed.shape == hand.shape and parallel(hand, summed, close):
                return f"it is summed over axis {axis}, and should be over the others."
    if hand.T.shape == true.shape:
        agrees = " The numbers are right." if parallel(hand.T, true, close) else ""
        return f"it is transposed: add .T, or exchange the two factors of the product.{agrees}"
    if hand.size == true.size:
        return "it has the same number of entries in another arrangement."
    for axis in range(true.ndim):
        summed = true.sum(axis)
        if summed.shape == hand.shape and parallel(hand, summed, close):
            return f"it is summed over axis {axis}, and should not be."
    if hand.ndim == true.ndim:
        axes = [axis for axis in range(true.ndim) if hand.shape[axis] != true.shape[axis]]
        text = ", ".join(f"axis {axis} has {hand.shape[axis]} entries for {true.shape[axis]}" for axis in axes)
        return f"{text}."
    return f"it has {hand.ndim} axes for {true.ndim}."


def parallel(a: Array, b: Array, close: Closeness) -> bool:
    square = np.sum(b * b)
    return bool(square) and close(a, np.sum(a * b) / square * b)


def picture(at: Suspicion) -> list[str]:
    """The true gradient of each value between the last one that is right and the first that is wrong."""
    said = []
    shown = [x for x in at.places if at.name(x)] if len(at.places) > MOST_SHOWN else at.places
    for x in shown[:MOST_SHOWN][::-1]:
        g = at.gradient(x)
        if hasattr(g, "shape"):
            text = np.array2string(g, precision=4, threshold=8, edgeitems=1, separator=", ").replace("\n", "")
            said.append(f"{at.called(x)} {g.shape}: {text}")
    return said


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
