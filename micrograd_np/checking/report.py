"""Reports as text and as tables in a notebook, and the report of gradcheck."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ..expressions.layout import aligned, html_table
from .comparison import GRAVEST_FIRST, INDEPENDENT, KINK, NON_FINITE, NONDETERMINISTIC, OK, TOO_COARSE, WRONG

Cells = Sequence[Sequence[str]]


def html_lines(lines: Sequence[str]) -> str:
    return "".join(f"<p>{html.escape(line)}</p>" for line in lines)


def number(x: Any) -> str:
    return f"{float(x):.6g}"


def counted(n: int, noun: str) -> str:
    """Return a count with its noun: `1 entry`, `12 entries`."""
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{n:,} {noun if n == 1 else plural}"


NEXT = {
    NONDETERMINISTIC: "f gave two values for the same inputs, so nothing can be compared. Draw random numbers outside "
    "of f, or make their generator anew in each call.",
    NON_FINITE: "The values around this point are nan or inf, or so is the slope: there is no derivative to compare "
    "with. Check at another point, or keep the argument inside the domain, as in np.log(np.where(x > 0, x, 1)).",
    TOO_COARSE: "The values are too coarse to tell. Compute in float64 throughout, scale f so that its changes are not "
    "small beside its value, or ask for less with rtol=.",
    INDEPENDENT: "The output does not depend on that input: its gradient is zero. If it should, look for an input that "
    "is overwritten or never used.",
    KINK: "There the graph's value is between the slopes to the left and to the right, as any subgradient is. At the "
    "other entries the derivative is right.",
}
UNRECORDED = (
    "Each recorded op alone is right, so the values depend on an input in a way that the graph does not know: look for "
    ".data, .detach(), .item(), a conversion to an array, or a write into an input (`x *= 2`) on the way."
)
SYMMETRIC = (
    "{0} is symmetric, and f reads one triangle of it, so both entries of a pair were moved together: their "
    "derivatives are right in sum."
)
NOTHING = "So nothing was checked."
NOT_SECOND = "Not checked: other inputs than these, and second derivatives (order=2)."
NOT_THIRD = "The first derivatives are OK too. Not checked: other inputs than these."


@dataclass
class Entry:
    """One derivative: its position, the graph's value, and the value and error bar of finite differences."""

    index: tuple[int, ...]
    output: int | None
    graph: float
    numeric: float
    bar: float
    left: float
    right: float


@dataclass
class Judged:
    """The verdict on one input, the number of its wrong derivatives, and those to show, the worst first."""

    name: str
    shape: tuple[int, ...]
    verdict: str
    checked: int
    off: int = 0
    entries: list[Entry] = field(default_factory=list)
    error: float = 0.0
    unrecorded: bool = False
    symmetric: bool = False


class Report:
    """A headline, a table, and sentences; as text, and with a table of its own in a notebook."""

    head: Sequence[str]
    cells: Any  # a method that returns the rows of the table
    sentences: Any  # a method that returns the headline, and the sentences below the table

    def __str__(self) -> str:
        first, *rest = self.sentences()
        table = aligned([self.head, *self.cells()], "<" * len(self.head))
        return "\n".join([first, *(f"  {line}".rstrip() for line in table), *rest])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        first, *rest = self.sentences()
        return html_lines([first]) + html_table(self.cells(), self.head) + html_lines(rest)


@dataclass(repr=False)
class GradcheckReport(Report):
    """The report of `gradcheck`: true if the verdict is OK or KINK."""

    head = ("input", "shape", "verdict", "derivatives", "largest error", "off")
    inputs: list[Judged]
    rtol: float
    suspects: list[str] = field(default_factory=list)
    order: int = 1
    passed_on: list[str] = field(default_factory=list)
    used: list[str] = field(default_factory=list)  # Tensors with gradients that f uses, and that are no inputs
    weighted: bool = False
    outputs: int = 1

    @property
    def verdict(self) -> str:
        """The most serious verdict of all inputs."""
        return min((x.verdict for x in self.inputs), key=GRAVEST_FIRST.index, default=INDEPENDENT)

    def __bool__(self) -> bool:
        return self.verdict in (OK, KINK)

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict and all numbers as a dict, ready for JSON."""
        return {"verdict": self.verdict, "sentences": self.sentences()} | asdict(self)

    def cells(self) -> Cells:
        return [
            (x.name, str(x.shape), x.verdict, f"{x.checked:,}", f"{x.error:.1e}", f"{x.off:,}" if x.off else "")
            for x in self.inputs
        ]

    def sentences(self) -> list[str]:
        said = [f"gradcheck{' of the second derivatives' if self.order == 2 else ''}: {self.verdict}"]
        for x in self.inputs:
            if x.verdict in (WRONG, KINK, TOO_COARSE, NON_FINITE):
                said += described(x)
        said += self.suspects
        if self.verdict == WRONG and not self.suspects and not any(x.unrecorded for x in self.inputs):
            said.append(UNRECORDED)
        said += [NEXT[self.verdict]] if self.verdict in NEXT else []
        said += [SYMMETRIC.format(x.name) for x in self.inputs if x.symmetric]
        if self.order == 2 and self.weighted:
            said.append("The derivatives are those of the outputs' sum, each times a random number.")
        if self.passed_on:
            said.append(f"Not checked, since they hold no floating-point numbers: {', '.join(self.passed_on)}.")
        if self.used:
            more = f" and {len(self.used) - 1} more" if len(self.used) > 1 else ""
            said.append(
                f"Not checked: {self.used[0]}{more}, which f uses, too. Make them inputs; of a module, "
                "gradcheck(model, x) checks the parameters."
            )
        open_questions = NOT_SECOND if self.order == 1 else NOT_THIRD
        return [*said, NOTHING if self.verdict == NONDETERMINISTIC else open_questions]

    def as_second_order(self) -> GradcheckReport:
        """Mark this as a report on second derivatives; those may be 0 everywhere, so INDEPENDENT becomes OK."""
        for x in self.inputs:
            if x.verdict == INDEPENDENT:
                x.verdict = OK
        self.order = 2
        return self


def described(x: Judged) -> list[str]:
    said = [sentence(x, entry) for entry in x.entries]
    if x.off > len(x.entries):
        said.append(f"... and {counted(x.off - len(x.entries), 'more entry')} of {x.name}.")
    if x.unrecorded:
        said.append(
            f"The values change with {x.name}, and the graph does not reach it: look for .data, .detach(), .item() or "
            "a conversion to an array on the way."
        )
    return said


def sentence(x: Judged, e: Entry) -> str:
    place = x.name + (f"[{', '.join(map(str, e.index))}]" if e.index else "")
    if e.output is not None:
        place += f" (of output entry {e.output})"
    if x.verdict == KINK:
        return (
            f"{place}: left slope {number(e.left)}, right slope {number(e.right)}, the graph gives {number(e.graph)}."
        )
    found = f"{number(e.numeric)} ± {e.bar:.1e}"
    found += ", and no step size does better" if x.verdict == TOO_COARSE else ""
    return f"{place}: the graph gives {number(e.graph)}, finite differences give {found}."
