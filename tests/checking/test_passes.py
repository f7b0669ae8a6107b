"""Passes from courses and papers: no alarm on right ones, whatever the data; slips are found, nine in ten named."""

from __future__ import annotations

from collections import Counter

import pytest

from .count_passes import DATA, judge
from .passes import PASSES

SLOW = {kind: [pytest.mark.slow] * (kind not in DATA[:2]) for kind in DATA}
RUNS = [pytest.param(p, kind, id=f"{p.name}, {kind}", marks=SLOW[kind]) for p in PASSES for kind in DATA]
SLIPS = [pytest.param(p, slip, id=f"{p.name}, {slip}") for p in PASSES for slip in p.slips]
TALLY: Counter[str] = Counter()


@pytest.mark.parametrize(("p", "kind"), RUNS)
def test_no_alarm_on_a_right_pass(p, kind):
    found, report = judge(p, "", kind)
    assert found in ("right", "undefined"), str(report)


@pytest.mark.slow
@pytest.mark.parametrize(("p", "slip"), SLIPS)
def test_a_slip_is_found(p, slip):
    found, report = judge(p, slip)
    TALLY[found] += 1
    assert found in ("convention", "named", "not named"), str(report)


@pytest.mark.slow
def test_nine_in_ten_are_named():
    assert TALLY["named"] >= 0.9 * (TALLY["named"] + TALLY["not named"]) > 50
