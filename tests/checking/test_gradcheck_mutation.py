"""gradcheck itself doubted: over the whole table it accepts each rule, and refuses it when it is broken."""

from collections import Counter

import numpy as np
import pytest

from micrograd_np.checking import gradcheck

from ..ops.cases import CASES
from ..ops.damages import broken, result
from ..ops.test_mutation import RULES, TESTED

TALLY = Counter()


def checked(case):
    return gradcheck(lambda *inputs: case.outputs(case.through(list(inputs))), *case.inputs)


def one_entry(pulled, g):
    """The largest entry off by a ten-thousandth."""
    changed = np.array(pulled)
    place = np.unravel_index(np.argmax(np.abs(changed)), changed.shape) if changed.size else ()
    changed[place] *= 1 + 1e-4
    return changed


DAMAGES = {
    "scaled by 1.0001": lambda pulled, g: pulled * 1.0001,
    "sign flipped": lambda pulled, g: -pulled,
    "one entry off by 1e-4": one_entry,
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_alarm_on_a_right_rule(case):
    assert checked(case)


@pytest.mark.slow
@pytest.mark.parametrize(("row", "position"), RULES, ids=lambda x: str(x) if isinstance(x, int) else x.name)
@pytest.mark.parametrize("name", DAMAGES)
def test_every_break_is_wrong(row, position, name):
    changes = []

    def damage(pulled, g):
        changes.append(bool(np.any(pulled)))
        return DAMAGES[name](pulled, g)

    tested = [case for case in TESTED[row] if all(x.size for x in case.inputs)]
    tested.sort(key=lambda case: sum(x.size for x in case.inputs))  # the first that shows the break ends the test
    with broken(row, position, result(damage)):
        caught = any(checked(case).verdict == "WRONG" for case in tested)
    assert caught or not any(changes)
    TALLY["caught" if caught else "of a rule that is zero"] += 1


@pytest.mark.slow
def test_rate(capsys):
    with capsys.disabled():
        print(f"\ngradcheck: {len(CASES)} right calls, no alarm; breaks {dict(TALLY)}, none missed.")
