"""The proof of `verify`: slips planted in backward passes by hand, found where they are and named for what they are.

Each step of each network is taken wrongly in every way that the network offers. The row that is reported first must be
the first that is wrong; the answer must hold the planted cause, or say that it is not recognised. A factor that all
rows have is a matter of convention, and must be named as such.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from micrograd_np.checking import verify

from .networks import NETWORKS, Hand

# What the answer must hold, by what was planted; several kinds where they are two words for one thing.
NAMES = {
    "sign": {"sign"},
    "twice as large": {"scale"},
    "never written": {"stopped"},
    "rounded to integers": {"rounded", "stopped"},
    "clipped": {"clipped", "stopped"},
    "normalised": {"normalised", "unnamed scale"},
    "reversed": {"flip"},
    "shifted by one": {"shift"},
    "squared": {"squared"},
    "transposed": {"transpose"},
    "reshaped for transposed": {"reshape", "transpose"},
    "mean for sum": {"mean for sum", "scale"},
    "last sample only": {"last sample only"},
    "first sample only": {"first sample only"},
    "half of the batch": {"half of the batch"},
    "a sample missing": {"a sample missing"},
    "a sample twice": {"a sample twice"},
    "batch averaged first": {"batch averaged before the product"},
    "summed over the wrong axis": {"summed over the wrong axis"},
    "weight decay": {"weight decay"},
    "sign decay": {"weight decay"},
    "after the update": {"after the update"},
    "transpose missing": {"transpose"},
    "derivative left out": {"derivative left out"},
    "derivative twice": {"derivative twice"},
    "slope of the pre-activation": {"derivative of the wrong value"},
    "derivative at the activation": {"derivative of the wrong value"},
    "slope of tanh": {"another's derivative"},
    "slope of sigmoid": {"another's derivative"},
    "value for derivative": {"value for derivative"},
    "part of the derivative": {"part of the derivative"},
    "square outside": {"part of the derivative"},
    "mask of the gradient": {"mask of the gradient"},
    "mask of another layer": {"derivative of the wrong value"},
    "wrong layer": {"operand", "derivative of the wrong value"},
    "pre-activation for activation": {"operand"},
    "another layers": {"operand"},
    "one step late": {"operand"},
    "input for normalised": {"operand"},
    "centred for normalised": {"operand"},
    "output for normalised": {"operand"},
    "error for delta": {"gradient of another"},
    "activation gradient": {"gradient of another", "derivative left out", "left out"},
    "batch for all": {"scale"},
    "half": {"scale"},
    "not averaged": {"scale"},
    "absolute error": {"sign only", "another's derivative"},
    "mask forgotten": {"left out", "operand", "operand left out"},
    "mask without its scale": {"unnamed scale", "sign only", "operand", "mask without its scale"},
    "gamma missing": {"left out", "operand left out"},
    "one hot missing": {"softmax without the one-hot"},
    "softmax missing": {"one-hot without the softmax"},
    "softmax slope twice": {"softmax derivative twice"},
    "diagonal of the softmax": {"diagonal of the softmax"},
    "logits for probabilities": {"logits for probabilities"},
    "decay missing": {"a use missing", "missing path"},
    "decay twice": {"a use twice", "weight decay"},
    "mean constant": {"taken as constant"},
    "variance constant": {"taken as constant"},
    "statistics constant": {"taken as constant"},
    "std missing": {"operand left out"},
    "variance for std": {"operand"},
    "last step only": {"one use only", "steps missing"},
    "first step only": {"one use only", "steps missing"},
    "first step missing": {"a use missing", "steps missing"},
    "last step missing": {"a use missing", "steps missing"},
    "mean over steps": {"mean for sum", "scale"},
    "recurrent path missing": {"missing path", "stopped"},
    "recurrent sign": {"sign"},
}
SEEDS = (0, 1)
TALLY: Counter[str] = Counter()
KINDS: set[str] = set()


def run(network, seed, slip=None):
    """The steps of a pass, and its loss."""
    hand = Hand(slip)
    return hand, NETWORKS[network](hand, np.random.default_rng(seed))


def judged(network, slip, seed, right):
    """The outcome of a planted slip: named, not recognised, a factor throughout, or of no effect."""
    hand, loss = run(network, seed, slip)
    wrong = hand.rows
    report = verify(loss, wrong)
    changed = [row.label for row in report.rows if not np.allclose(wrong[row.label], right[row.label], 1e-9, 1e-12)]
    if not changed:
        assert report
        return "without effect"
    kind = slip[1].replace("_", " ").replace("pre activation", "pre-activation")
    KINDS.add(kind)
    if report:
        assert one_factor(right, wrong, report), f"{network} {slip}: {report}"
        return "factor throughout"
    first = report.findings[0]
    assert first.row.label == changed[0], f"{network} {slip}: {report}"
    if not first.causes:
        return "not recognised"
    assert NAMES[kind] & {other.kind for cause in first.causes for other in (cause, *cause.same)}, (
        f"{network} {slip}: {report}"
    )
    return "named"


def one_factor(right, wrong, report):
    """True if all rows of a kind are a multiple of what they should be, and the report says so."""
    factors = {row.leaf: set() for row in report.rows}
    for row in report.rows:
        factor = np.sum(wrong[row.label] * right[row.label]) / np.sum(right[row.label] ** 2)
        factors[row.leaf].add(round(float(factor), 9))
    named = report.convention.between != 1 or report.convention.leaves != 1 or "article" in str(report)
    return all(len(found) == 1 for found in factors.values()) and (named or "Throughout" not in str(report))


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("network", NETWORKS)
def test_planted_slips(network, seed):
    right, _ = run(network, seed)
    for slip in right.offered:
        TALLY[judged(network, slip, seed, right.rows)] += 1


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("network", NETWORKS)
def test_no_alarm_on_right_code(network, seed, dtype):
    hand, loss = run(network, seed)
    report = verify(loss, {label: value.astype(dtype) for label, value in hand.rows.items()})
    assert report, str(report)


@pytest.mark.slow
def test_rates(capsys):
    found = TALLY["named"] + TALLY["not recognised"]
    with capsys.disabled():
        print(
            f"\nverify: {sum(TALLY.values())} slips of {len(KINDS)} kinds planted in {len(NETWORKS)} networks. Of "
            f"{found} mistakes all were located, {TALLY['named']} named ({TALLY['named'] / found:.1%}), "
            f"{TALLY['not recognised']} not recognised, none named wrongly. {TALLY['factor throughout']} were a factor "
            f"throughout, and {TALLY['without effect']} changed no number."
        )
    assert TALLY["named"] >= 0.9 * found
    assert len(KINDS) >= 30
