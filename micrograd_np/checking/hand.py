"""Hand against tape: which rows are wrong themselves, and why, each as far as the numbers prove it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .comparable import check_finite, fit_shape
from .convention import Convention, mark, odd_rows, plausible
from .diagnosis import Cause, causes_of, possible_factors
from .factors import Sizes
from .recording import Recording
from .rows import WRONG, Closeness, Row, in_backward_order
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
