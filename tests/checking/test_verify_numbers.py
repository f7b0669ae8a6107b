"""`verify` where numbers judge: the tape is nan, rounding hides a slope, a step leaves the domain; and conventions."""

import math

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import verify
from micrograd_np.checking.report import GradcheckReport
from micrograd_np.checking.verify_report import VerifyReport

rng = np.random.default_rng(0)
X = rng.normal(size=(6, 4))


def test_a_convention_holds_for_what_a_number_should_be():
    a = mg.Tensor(X, requires_grad=True, name="a")
    h = np.tanh(a)
    slipped = -(1 - h.data**2) * 2 * h.data
    slipped[1, 2] *= 1.5
    report = verify((h**2).sum(), {"a": slipped, "h": -2 * h.data})
    assert report.convention.leaves == -1
    right = slipped[1, 2] / 1.5
    assert f"a[1, 2] is {slipped[1, 2]:.6g} by hand and should be {right:.6g}" in str(report)


def logistic(a):
    with np.errstate(over="ignore"):  # exp gives inf, where the value 0 is right, and the tape's gradient is nan
        return 1 / (1 + np.exp(-a))


@pytest.mark.parametrize("factor", [1, 1.05, 2, -1])
def test_a_gradient_that_the_tape_has_as_nan_is_judged_by_numbers(factor):
    def loss(w, x):
        s = logistic(x * w)
        return np.sum(s) + np.sum(np.tanh(w)), factor * (s * (1 - s) * x + 1 - np.tanh(w) ** 2)

    report = verify(loss, np.array([0.3, -0.2, 0.7]), np.array([-3000.0, 2.0, 1.0]))
    assert report.verdict == ("OK" if factor == 1 else "WRONG")


@pytest.mark.parametrize(
    ("beside", "factor", "verdict"),
    [(1e9, 1, "TOO COARSE"), (1e9, 1.05, "TOO COARSE"), (1e9, 1.2, "WRONG"), (1e12, 1, "TOO COARSE")],
)
def test_numbers_beside_a_large_constant_are_called_too_coarse(beside, factor, verdict):
    """Numbers alone judge, as the tape has nan; rounding beside a large constant hides a small part from them."""

    def loss(w, x):
        s = logistic(x * w)
        part = 1e-4 * np.sum(np.tanh(w))
        return beside + np.sum(s) + part, s * (1 - s) * x + factor * 1e-4 * (1 - np.tanh(w) ** 2)

    report = verify(loss, np.array([0.3, -0.2, 0.7]), np.array([-3000.0, -3000.0, -3000.0]))
    assert report.verdict == verdict


def test_a_step_that_leaves_the_domain_of_a_function_of_numbers():
    def price(s, t):
        return math.log(s) * math.erf(t)

    def slopes(s, t, factor=1):
        return factor * math.erf(t) / s, math.log(s) * 2 / math.sqrt(math.pi) * math.exp(-t * t)

    assert verify(price, slopes, 100.0, 0.2)
    report = verify(price, lambda s, t: slopes(s, t, 2), 100.0, 0.2)
    assert [finding.row.label for finding in report.findings] == ["s"]


def test_a_function_of_the_loss_and_its_gradients_is_verified_by_the_assertion():
    def loss(x, factor=1):
        return np.sum(np.tanh(x)), factor * (1 - np.tanh(x) ** 2)

    def of_dict(p):
        return np.sum(np.tanh(p["w"])), {"w": -(1 - np.tanh(p["w"]) ** 2)}

    assert isinstance(mg.testing.assert_gradients(loss, X), VerifyReport)
    with pytest.raises(AssertionError, match="verify: WRONG at x"):
        mg.testing.assert_gradients(lambda x: loss(x, -1), X)
    assert mg.testing.assert_gradients(lambda x: loss(x, -1), X, factor=-1)
    with pytest.raises(AssertionError, match="verify: WRONG at w"):
        mg.testing.assert_gradients(of_dict, {"w": X})
    for options in ({}, {"rtol": 1e-4}):
        two = mg.testing.assert_gradients(lambda x: (np.sum(np.tanh(x), axis=0), 2 * x), X, **options)
        assert isinstance(two, GradcheckReport)
    assert isinstance(mg.testing.assert_gradients(loss, X, order=2), GradcheckReport)
