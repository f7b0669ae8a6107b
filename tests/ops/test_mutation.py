"""Every rule of the table broken in turn, and each break caught by the checks that the row's own examples make."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from micrograd_np.core.versions import reads
from micrograd_np.ops.primitive import MultiOutput, item

from .cases import ROWS, cases
from .checks import check_first_order, check_second_order, first_order, second_order
from .damages import NAMES, broken, damages, operands, shape_of
from .differences import flat

TESTED = {**{row: cases(row) for row in ROWS}, item: next(cases(row) for row in ROWS if isinstance(row, MultiOutput))}
RULES = [(row, position) for row in TESTED for position in range(len(row.rules)) if row.rules[position]]

# Breaks that change no number although the rule reads what they touch, and why.
EQUAL = {
    ("copysign", "x", "y read for z"): "of one sign",
    ("ratio", "w", "x and y swapped"): "a product of both",
    ("heaviside", "x", "x and y swapped"): "read for nan alone",
    **{("arctan2", w, f"{b} read for z"): "read for nan alone" for w in "xy" for b in "xy"},
    ("floor_divide", "x", "x and y swapped"): "read for nan alone",
    ("floor_divide", "y", "x and y swapped"): "read for nan alone",
}

TALLY: Counter[str] = Counter()


def differ_in_shape_or_agree(a, b):
    return shape_of(a) != shape_of(b) or np.allclose(getattr(a, "data", a), getattr(b, "data", b), rtol=1e-14)


def fails(check, case):
    try:
        check(case)
    except Exception:
        return True
    return False


def numbers(tested):
    return flat([part for case in tested for part in (first_order(case)(flat(case.inputs)), *second_order(case))])


def reason(row, position, name, seen):
    """Why a break changes no number, or None."""
    if name in ("scaled by 1.001", "sign flipped"):
        return "zero stays zero"
    if "read for z" in name and all(differ_in_shape_or_agree(read[0], read[NAMES.index(name[0])]) for read in seen):
        return "of another shape, or the same"
    if name.endswith("detached"):
        return "constant near every number"
    return EQUAL.get((row.name, NAMES[position + 1], name))


@pytest.mark.parametrize(("row", "position"), RULES, ids=lambda x: NAMES[x + 1] if isinstance(x, int) else x.name)
def test_every_break_is_caught(row, position):
    tested = TESTED[row]
    for case in tested:
        check_first_order(case)
        check_second_order(case)
    seen = []
    with broken(row, position, operands(lambda read: seen.append(read) or read)):
        sound = numbers(tested)
    assert seen, f"no example of {row.name} reaches this rule"
    for name, touched, damage in damages(min(max(map(len, seen)) - 1, 4)):
        if touched and not any(reads(row.rules[position], NAMES.index(letter)) for letter in touched):
            TALLY["not read"] += 1
            continue
        with broken(row, position, damage):
            if any(fails(check, case) for check in (check_first_order, check_second_order) for case in tested):
                TALLY["caught"] += 1
                assert (row.name, NAMES[position + 1], name) not in EQUAL, f"{name}: EQUAL says it changes no number"
                continue
            equal = np.allclose(numbers(tested), sound, rtol=1e-14, atol=1e-15)
        why = reason(row, position, name, seen) if equal else None
        TALLY[why or "missed"] += 1
        assert why, f"{name}: no example of {row.name} tells it from the right rule"


def test_rate(capsys):
    caught, missed = TALLY["caught"], TALLY["missed"]
    equal = ", ".join(f"{count} {why}" for why, count in TALLY.items() if why not in ("caught", "missed"))
    with capsys.disabled():
        print(f"\n{len(RULES)} rules broken: {caught} of {caught + missed} breaks caught. No break at all: {equal}.")
    assert not missed
