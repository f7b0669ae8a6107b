"""Every rule of the table broken in turn, and each break caught by the checks that the row's own examples make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations

import numpy as np
import pytest

from micrograd_np import Tensor
from micrograd_np.ops.primitive import EachArgument, Outputs, Several, item
from micrograd_np.rules import fitted, reads

from .cases import ROWS, cases
from .checks import check_first_order, check_second_order, first_order, second_order
from .differences import flat

TESTED = {**{row: cases(row) for row in ROWS}, item: next(cases(row) for row in ROWS if isinstance(row, Several))}
RULES = [(row, position) for row in TESTED for position in range(len(row.rules)) if row.rules[position]]
NAMES = "zxywuv"  # what a rule is given after g

# Breaks that change no number although the rule reads what they touch, and why.
EQUAL = {("copysign", "x", "y read for z"): "of one sign"}

TALLY: Counter[str] = Counter()


def result(change):
    """Break what a rule returns."""

    def damage(rule):
        def broken(g, *read, **params):
            pulled = rule(g, *read, **params)
            if isinstance(pulled, Outputs):
                return Outputs(part if part is None else change(part, part) for part in pulled)
            return change(pulled, g if getattr(g, "shape", None) == pulled.shape else 1)

        return broken

    return damage


def operands(change):
    """Break what a rule is given; where there is nothing to change, the rule is left as it is."""

    def damage(rule):
        def broken(g, *read, **params):
            return rule(g, *change(read), **params)

        return broken

    return damage


def swap(a, b):
    def change(read):
        order = list(range(len(read)))
        if b < len(read):
            order[a], order[b] = b, a
        return [read[i] for i in order]

    return operands(change)


def put(a, b):
    def change(read):
        fits = b < len(read) and shape_of(read[a]) == shape_of(read[b])
        return [read[b] if fits and i == a else x for i, x in enumerate(read)]

    return operands(change)


def shape_of(x):
    return getattr(x, "shape", ())  # a number; several outputs have none, and no operand is like them


def differ_in_shape_or_agree(a, b):
    return shape_of(a) != shape_of(b) or np.allclose(getattr(a, "data", a), getattr(b, "data", b), rtol=1e-14)


def detach(a):
    return operands(lambda read: [x.detach() if i == a and isinstance(x, Tensor) else x for i, x in enumerate(read)])


def damages(count: int) -> Iterator[tuple[str, str, object]]:
    """Breaks of a rule of so many arguments: what is done, to which of z, x, y, and how."""
    yield "scaled by 1.001", "", result(lambda pulled, g: pulled * 1.001)
    yield "sign flipped", "", result(lambda pulled, g: -pulled)
    yield "shifted by 0.001 g", "", result(lambda pulled, g: pulled + g * 1e-3)
    for a, b in combinations(range(1, count + 1), 2):
        yield f"{NAMES[a]} and {NAMES[b]} swapped", NAMES[a] + NAMES[b], swap(a, b)
    for b in range(1, count + 1):
        yield f"{NAMES[b]} read for z", "z", put(0, b)
    for a in range(count + 1):
        yield f"{NAMES[a]} detached", NAMES[a], detach(a)


@contextmanager
def broken(row, position, damage):
    """The row with one rule broken, while the block runs."""
    sound = row.rules, row.fitted
    finish = fitted if row.fitted is not row.rules else lambda rule, position: rule
    if isinstance(row.rules, EachArgument):
        rule = damage(row.rules.rule)
        row.rules, row.fitted = EachArgument(rule, lambda rule, i: rule), EachArgument(rule, finish)
    else:
        rule = damage(row.rules[position])
        row.rules = [rule if i == position else other for i, other in enumerate(sound[0])]
        row.fitted = [finish(rule, position) if i == position else other for i, other in enumerate(sound[1])]
    try:
        yield
    finally:
        row.rules, row.fitted = sound


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
            np.testing.assert_allclose(numbers(tested), sound, rtol=1e-14, atol=1e-15, err_msg=f"not caught: {name}")
        why = reason(row, position, name, seen)
        TALLY[why or "missed"] += 1
        assert why, f"{name}: no example of {row.name} tells it from the right rule"


def test_rate(capsys):
    caught, missed = TALLY["caught"], TALLY["missed"]
    equal = ", ".join(f"{count} {why}" for why, count in TALLY.items() if why not in ("caught", "missed"))
    with capsys.disabled():
        print(f"\n{len(RULES)} rules broken: {caught} of {caught + missed} breaks caught. No break at all: {equal}.")
    assert not missed
