"""Counts located and named slips, wrong names, and alarms: `python -m tests.checking.count_passes`.

The source is not searched: here it holds both what is right and the slips, so that the edit would be too easy to find.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

import micrograd_np as mg
from micrograd_np.checking import repair

from . import loops  # noqa: F401
from .passes import PASSES, Pass

DATA = ("generic", "rounded", "relu'd", "float32", "tiny")


def data(kind: str, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The inputs as they are, rounded to one decimal, with zeros for negatives, in float32, or a millionth of them."""
    change = {
        "generic": lambda x: x,
        "rounded": lambda x: np.round(x, 1),
        "relu'd": lambda x: np.maximum(x, 0),
        "float32": lambda x: x.astype(np.float32),
        "tiny": lambda x: 1e-6 * x,
    }[kind]
    return tuple(change(x) if getattr(x, "dtype", np.dtype(int)).kind == "f" else x for x in inputs)


def judge(p: Pass, slip: str, kind: str = "generic", seed: int = 1) -> tuple[str, Any]:
    """The outcome of a pass: right, alarm; convention, missed, named, not named, wrong name."""
    forward, backward = p.build(slip)
    inputs = data(kind, p.inputs(np.random.default_rng(seed)))
    with np.errstate(all="ignore"):
        result = forward(*inputs)
        if not np.isfinite(result[0] if isinstance(result, tuple) else result).all():
            return "undefined", None  # zeros in a quotient: there is no gradient
        report = mg.verify(*(f for f in (forward, backward) if f), *inputs)
    if not slip:
        return ("right" if report else "alarm"), report
    if not p.slips[slip]:
        return ("convention" if report else "wrong name"), report
    if report:
        return "missed", report
    causes = [
        says
        for finding in report.findings
        for cause in finding.causes
        for says in (cause.says, *(x.says for x in cause.same))
    ]
    said = " ".join([*causes, *report.faults, *(note for row in report.rows for note in row.notes)])
    if not said or said.endswith("?)"):  # that a gradient is zero is no cause
        return "not named", report
    return ("named" if re.search(p.slips[slip], said) else "wrong name"), report


def alarms() -> Iterator[tuple[Pass, str, Any]]:
    """Reports on right passes, on data of every kind, that are not true."""
    for p in PASSES:
        for kind in DATA:
            found, report = judge(p, "", kind)
            if found == "alarm":
                yield p, kind, report


def main(names: list[str]) -> None:
    repair.BUDGET = 0
    tally: Counter[str] = Counter()
    for p in PASSES:
        if names and not any(name in p.name for name in names):
            continue
        for slip in p.slips:
            found, report = judge(p, slip)
            tally[found] += 1
            if found in ("missed", "not named", "wrong name") or names:
                print(f"{found:10s} {p.name}, {slip}: {str(report).splitlines()[0]}")
    wrong = 0
    for p, kind, report in alarms() if not names else ():
        wrong += 1
        print(f"alarm      {p.name}, {kind}: {str(report).splitlines()[0]}")
    slips = sum(tally.values()) - tally["convention"]
    located = slips - tally["missed"]
    print(f"| passes | slips | located | named | wrong names | alarms on {len(PASSES) * len(DATA)} right runs |")
    print(f"| {len(PASSES)} | {slips} | {located} | {tally['named']} | {tally['wrong name']} | {wrong} |")


if __name__ == "__main__":
    main(sys.argv[1:])
