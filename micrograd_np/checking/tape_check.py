"""Compare the tape with finite differences, and say where these numbers cannot tell what is right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .cases import Case
from .claims import WRONG as WRONG_ROW
from .claims import Row
from .comparison import TOO_COARSE, WRONG, compare, largest, random_directions, spread
from .conventions import Convention
from .finite_differences import EPS, measured
from .gradcheck import suspects
from .replay import Recording, arguments, is_one_array
from .verify_report import VerifyReport

Array = Any
DIRECTIONS = 2
RTOL = 1e-6
ROUNDING = 1e-9  # relative to the terms of a sum
ROUNDED_AGAIN = 6  # times that all values are rounded in another way: half of them may cancel
LOST = 4  # a difference below so many times what rounding changes proves nothing


def vague_entries(case: Case, rows: Sequence[Row], convention: Convention) -> str:
    """Mark the rows of which the numbers tell too little, and say where and why."""
    said = []
    for row, differences in zip(rows, case.differences, strict=False):
        entries = differences.vague(row.hand / convention.of(row))
        if entries:
            row.numeric, height = TOO_COARSE, differences.jumps.get(entries[0])
            first = [int(i) for i in np.unravel_index(entries[0], row.hand.shape)]
            slack = np.broadcast_to(row.slack, row.hand.shape).flat[entries[0]]
            why = f"the error bar is {slack:.1g}" if np.isfinite(slack) else "no step gives a slope"
            why = f"the output jumps by {height:.1g} where it should be smooth" if height else why
            said.append(f"at {row.label}{first or ''} ({len(entries)} of {row.hand.size} entries) {why}")
    cure = "Compute without cancelling digits, as np.logaddexp(0, z) does for -log(1 - sigmoid(z)), or move the inputs"
    return f"numbers alone cannot tell: {'; '.join(said)}. {cure}" if said else ""


def check_tape(rows: Sequence[Row], recording: Recording) -> list[str]:
    """Fill in the verdict of finite differences on each row; return sentences on ops with wrong rules."""
    # The output is rounded relative to the sizes of the contributions of all values to it, without those of a -inf
    # that masks an entry: 0 * inf is nan.
    terms = [g * x._data for x, g in recording.true.items() if is_one_array(g)]
    inner = float(np.linalg.norm([np.linalg.norm(term[np.isfinite(term)]) for term in terms]))
    for row in rows:
        if row.tensor in recording.true:
            check_row(row, recording, inner)
    accused = [row for row in rows if row.numeric == WRONG]
    found = suspects([x for x in recording.nodes if x._parents], 1e-5) if accused else []
    if not found:
        for row in accused:  # a wrong tape has a wrong op: if none is found, the differences are at fault
            row.numeric = TOO_COARSE
    return found


def check_row(row: Row, recording: Recording, inner: float) -> None:
    """Compare the tape's gradient with slopes along random directions."""
    x = row.tensor._data
    true = recording.true[row.tensor].reshape(-1, 1)
    size = min(1.0, largest(x)) or 1.0  # no step over a kink near small values
    directions = size * random_directions(x.size)[:DIRECTIONS]
    cancelled = ROUNDING * row.size * np.linalg.norm(directions, axis=1)[:, None]
    allowed = spread(true[:, 0], directions, RTOL) + cancelled
    what = measured(recording.function_of(row.tensor), x, EPS, inner)
    held = compare(what, list(directions), directions @ true, lambda _: allowed)
    low, high = held.found.bounds
    row.numeric, row.slope = held.verdict, (directions, low - allowed, high + allowed)


def lost_digits(recording: Recording, report: VerifyReport) -> str:
    """Return where the tape is no judge: its own gradient, with all values rounded in another way, is as far from it.

    In -log(1 - sigmoid(27)), 1 - s has four digits left, and so has the tape's slope. Formulas by hand may keep all.
    """
    rng = np.random.default_rng(0)
    runs = [rounded_again(recording, rng) for _ in range(ROUNDED_AGAIN)]
    wrong, most = [row for row in report.rows if row.status == WRONG_ROW], 0.0
    for row in wrong:
        x, true = row.tensor, row.true
        if row.hand.shape != true.shape or x not in recording.true:
            return ""
        drift = np.max([np.abs(run[x] - recording.true[x]) for run in runs], axis=0)
        if np.any(np.abs(row.hand / report.convention.of(row) - true) > LOST * drift + RTOL * largest(true)):
            return ""
        most = max(most, largest(drift))
    if not most:
        return ""
    names = " and ".join(str(row.label) for row in wrong)
    return (
        f"rounding values in another way changes the tape's gradient of {names} by {most:.1g}, as much as it "
        "differs from yours. Compute without cancelling digits, as np.logaddexp(0, z) does for -log(1 - sigmoid(z))"
    )


def rounded_again(recording: Recording, rng: np.random.Generator) -> dict[Tensor, Any]:
    """Return the tape's gradients where all values are rounded in another way."""
    values: dict[Tensor, Any] = {}
    with np.errstate(all="ignore"):
        for x in recording.nodes:
            args = arguments(x, values) if x._parents else ()
            z = x.op.kernel(*args, **x.params) if x._parents else x._data
            rounds = is_one_array(z) and z.dtype.kind == "f" and not selects(z, args)
            values[x] = z * (1 + 2 * EPS * rng.choice([-1.0, 1.0], z.shape)) if rounds else z
        return recording.walk(overrides=recording.reading(values))


def selects(z: Array, values: Sequence[Any]) -> bool:
    """Return whether an op's result holds entries of an argument: it rounds nothing, and its rule compares the two."""
    return any(is_one_array(value) and value.size and np.isin(z, value).all() for value in values)
