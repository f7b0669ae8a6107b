"""The report of `verify`: first what to mend, then a row for each gradient, then what the numbers say."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .cases import Case
from .claims import GIVEN, NOT_FINITE, SHAPE, Row
from .claims import WRONG as WRONG_ROW
from .comparison import OK, TOO_COARSE, WRONG
from .conventions import Convention, Sizes, factor_name
from .diagnosis import Examined, Finding
from .report import Cells, Report, counted, number

TAPE = "TAPE WRONG"
AT_KINK = "AT A KINK"
UP_TO = "RIGHT UP TO A FACTOR"
MOST_LISTED = 4  # causes of one row
LEADING = {"after the update"}  # kinds of causes that say more than the edit that mends them
APART = "Data whose sizes all differ, of numbers that are not 0, 1 or symmetric, may tell them apart."
LINE = re.compile(r"[\w<>-]+(?:\.\w+)?:\d+")


@dataclass(repr=False)
class VerifyReport(Report, Examined):
    """The result of `verify`: true if the gradients by hand are right."""

    head = ("gradient by hand", "shape", "off by", "numbers", "")
    case: Case
    sizes: Sizes
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    wrong_ops: list[str] = field(default_factory=list)
    # Looks for the edit that makes a gradient right.
    repair: Callable[[str, float], tuple[str, list[str]]] | None = None
    left_open: tuple[str, str, bool] | None = None  # if this data cannot tell: the verdict, why, and if it passes

    @property
    def verdict(self) -> str:
        """The verdict: OK, WRONG (the hand), TAPE WRONG, RIGHT UP TO A FACTOR, AT A KINK, or TOO COARSE."""
        if any(row.numeric == WRONG for row in self.rows):
            return TAPE
        if self.findings or self.faults:
            return WRONG
        if self.left_open:
            return self.left_open[0]
        return OK if self.convention.named or self.case.factor is not None else UP_TO

    def __bool__(self) -> bool:
        if self.left_open and self.verdict == self.left_open[0]:
            return self.left_open[2]
        return self.verdict in (OK, UP_TO) or (self.verdict == TAPE and not disagreeing(self.rows))

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict, the rows and the causes as a dict, ready for JSON."""
        rows = [
            {"label": x.label, "shape": x.tensor.shape, "status": x.status, "numeric": x.numeric} for x in self.rows
        ]
        findings = [
            {"row": x.row.label, "causes": [{"kind": c.kind, "says": c.says, "rows": c.rows} for c in x.causes]}
            for x in self.findings
        ]
        factors = {"between": self.convention.between, "leaves": self.convention.leaves}
        found = {"verdict": self.verdict, "sentences": self.sentences()}
        return {**found, "rows": rows, "convention": factors, "findings": findings}

    def cells(self) -> Cells:
        follow = {
            label: f"follows from {finding.row.label}"
            for finding in self.findings
            for label in (finding.causes[0].rows if finding.causes else ())
            if label != finding.row.label
        }
        cells = []
        for row in self.rows:
            off, says = difference(row, self.convention), follow.get(row.label) or status(row)
            cells.append((row.label, str(row.tensor.shape), off, self.by_numbers(row), says))
        return cells

    def by_numbers(self, row: Row) -> str:
        """Return the verdict of finite differences on the gradient by hand."""
        if row.numeric == OK or (self.case.unrecorded and row.numeric != TOO_COARSE):
            return WRONG if row.status in (WRONG_ROW, GIVEN, SHAPE, NOT_FINITE) else OK
        if row.numeric == WRONG:  # the tape is wrong
            return OK if any(map(row.agrees, (self.convention.of(row), 1.0, -1.0))) else WRONG
        return row.numeric or "not checked"

    def sentences(self) -> list[str]:
        """Return the headline and the sentences below the table, each once."""
        first = self.headline()
        faults = [f"{fault}." for fault in self.faults[0 if self.edited else 1 :]]
        said = [*faults, *self.notes, *(note for row in self.rows for note in row.notes if note not in first)]
        if self.verdict == TAPE:
            said += [*who_is_wrong(self.rows), *self.wrong_ops]
            return [first, *dict.fromkeys(filter(None, said))]
        said += self.conventions()
        for i, finding in enumerate(self.findings):
            said += explained(finding, self.convention, not i and (self.edited or not self.faults))
        said += [instead_text(other) for other in self.instead]
        if self.untried:
            said.append(
                f"The search for causes reached its budget, so these were not tried: {'; '.join(self.untried)}. "
                "Smaller inputs allow more."
            )
        return [first, *dict.fromkeys(filter(None, said))]

    @property
    def edited(self) -> bool:
        """Return whether there is an edit of the user's source that makes the first wrong gradient right."""
        return bool(self.findings and self.findings[0].edit)

    def headline(self) -> str:
        if self.verdict in (OK, UP_TO):
            missed = f"; not checked: {', '.join(self.case.missed)}" if self.case.missed else ""
            return f"verify: OK, {counted(len(self.rows), 'gradient')} by hand, right{self.up_to()}{missed}"
        if self.verdict == TAPE:
            return "verify: TAPE WRONG"
        if self.left_open and self.verdict == self.left_open[0]:
            return f"verify: {self.verdict}: {self.left_open[1]}."
        if self.faults and not self.edited:
            return f"verify: WRONG: {self.faults[0]}."
        first = self.findings[0]
        return f"verify: WRONG at {first.row.label}: {what_to_mend(first)}{self.followers(first)}."

    def up_to(self) -> str:
        """Return the part of a sentence that says which common factor the gradients have, if nobody asked for it."""
        kinds = {row.leaf for row in self.rows}
        factors = {self.convention.leaves if leaf else self.convention.between for leaf in kinds} - {1.0}
        if self.case.factor is not None or not factors:
            return ""
        if factors == {-1.0}:
            return " up to the sign"
        names = sorted((factor_name(x, self.sizes) or f"{x:.6g}").split(" (")[0] for x in factors)
        return f" up to the factor{'s' * (len(names) > 1)} {' and '.join(names)}"

    def followers(self, first: Finding) -> str:
        """Return the part of a sentence that lists the rows that are wrong only because of the first one."""
        rows = [label for label in (first.causes[0].rows if first.causes else []) if label != first.row.label]
        rows += [row.label for row in self.rows if row.status == GIVEN and first.row.label in row.upstream]
        rows = list(dict.fromkeys(rows))
        return f"; {' and '.join(rows)} follow{'s' * (len(rows) == 1)} from it" if rows else ""

    def conventions(self) -> list[str]:
        leaves, between = self.convention.leaves, self.convention.between
        kinds = {row.leaf for row in self.rows}
        if leaves == between or len(kinds) == 1:
            factor = leaves if True in kinds else between
            return [convention_text("your values", factor, self.sizes, self.convention.named)]
        return [
            convention_text("your gradients of values between", between, self.sizes),
            convention_text("your gradients of the inputs and weights", leaves, self.sizes),
        ]


def what_to_mend(finding: Finding) -> str:
    """Return the cause; or what is known if no cause is found, or several fit: the numbers cannot tell them apart."""
    row = finding.row
    if not row.fits:
        return next((note.removesuffix(".") for note in row.notes), row.status)
    if finding.edit and finding.causes[0].kind not in LEADING:
        return finding.edit
    if not finding.tried:
        return "its cause was not looked for"
    if not finding.causes:
        return "the cause is not recognised"
    if len(finding.causes) == 1:
        return finding.causes[0].says
    lines = {line for cause in finding.causes for line in LINE.findall(cause.says)}
    where = f", all in {lines.pop()}" if len(lines) == 1 and all(LINE.search(c.says) for c in finding.causes) else ""
    return f"{len(finding.causes)} causes give these numbers (listed below){where}"


def disagreeing(rows: Sequence[Row]) -> list[str]:
    """Return the rows that finite differences contradict, for the sign with which there are fewer."""
    return min(([row.label for row in rows if not row.agrees(factor)] for factor in (1.0, -1.0)), key=len)


def who_is_wrong(rows: Sequence[Row]) -> list[str]:
    """Return sentences on where finite differences contradict the tape, and on whether they agree with the hand."""
    against, wrong = [row.label for row in rows if row.numeric == WRONG], disagreeing(rows)
    right = ", ".join(row.label for row in rows if row.label not in wrong)
    said = [f"The numbers speak against the tape at {', '.join(against)}: an op of it has a wrong rule."]
    if not wrong:
        said.append("They agree with all of your gradients: the hand is right, and the tape is wrong.")
    elif right:
        said.append(f"They agree with your {right}, and not with your {', '.join(wrong)}.")
    else:
        said.append("They do not agree with any of yours.")
    return said


def convention_text(what: str, factor: float, sizes: Sizes, named: bool = True) -> str:
    if factor == 1:
        return ""
    if factor == -1:
        return f"Throughout, {what} are minus the gradient: adding them to the weights (`+=`) goes down. No mistake."
    times = f"{factor:.6g} times the gradient"
    if not named:
        return f"Throughout, {what} are {times}, as with a learning rate. strict=True refuses it."
    if name := factor_name(factor, sizes):
        times = f"{name} times the gradient"
    return f"Throughout, {what} are {times}: right if this factor belongs to your loss. strict=True refuses it."


def instead_text(other: Examined) -> str:
    """Return a sentence on another explanation of the same numbers."""
    labels = " and ".join(finding.row.label for finding in other.findings)
    factor = other.convention.leaves
    meant = "the gradient" if factor == 1 else "minus the gradient" if factor == -1 else f"{factor:g} times it"
    return f"Or your values are {meant} throughout, and the mistake is at {labels}: these numbers fit both."


def difference(row: Row, convention: Convention) -> str:
    if row.status == SHAPE:
        return f"shape {row.hand.shape}"
    if not row.fits:
        return row.status
    largest = np.max(np.abs(row.true), initial=0)
    apart = np.max(np.abs(row.hand / convention.of(row) - row.true), initial=0)
    return f"{apart / largest if largest else apart:.1e}"


def status(row: Row) -> str:
    if row.status == GIVEN:
        return f"right, given your {' and '.join(row.upstream)}"
    return f"{row.status}, at a kink" if row.at_kink else row.status


def explained(finding: Finding, convention: Convention, in_headline: bool) -> list[str]:
    """Return the sentences on one wrong row, without what the headline already says."""
    row = finding.row
    if not row.fits:
        return []
    said = [first_difference(row, convention)]
    if not finding.tried:
        return [*said, "Its cause was not looked for: mend those above first."]
    if not finding.causes:
        return [*said, *([] if in_headline else ["The cause is not recognised."]), *finding.between]
    also = [label for label in finding.causes[0].rows if label != row.label]
    rows = f" (this explains {' and '.join(also)} too)" if also else ""
    if len(finding.causes) == 1:
        cause = finding.causes[0].says
        if not in_headline:
            said.append(f"Cause: {finding.edit or cause}{rows}.")
        if finding.edit and finding.causes[0].kind not in LEADING and cause != finding.edit:
            said.append(f"In terms of the forward pass: {cause}.")
        others = () if finding.edit else finding.causes[0].same[:1]
        return said + [f"The same in other words: {other.says}." for other in others]
    said.append(f"Cause, one of these, which give the same numbers on this data{rows}:")
    said += [f"  - {cause.says}" for cause in finding.causes[:MOST_LISTED]]
    if len(finding.causes) > MOST_LISTED:
        said.append(f"  - and {len(finding.causes) - MOST_LISTED} more")
    return [*said, APART]


def first_difference(row: Row, convention: Convention) -> str:
    """Return a sentence on the entry that is farthest off; what it should be follows the user's convention."""
    expected = row.expected * convention.of(row)
    place = np.unravel_index(np.argmax(np.abs(row.hand - expected)), expected.shape)
    given = f", given your {' and '.join(row.upstream)}" if row.upstream else ""
    index = f"[{', '.join(map(str, place))}]" if place else ""
    return f"{row.label}{index} is {number(row.hand[place])} by hand and should be {number(expected[place])}{given}."
