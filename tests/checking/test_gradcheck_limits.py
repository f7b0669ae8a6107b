"""`gradcheck` where differences are difficult: no false alarm, no miss."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn

rng = np.random.default_rng(0)
SYMMETRIC = (lambda a: a @ a.T + 4 * np.eye(4))(rng.normal(size=(4, 4)))
SHIFTED = rng.normal(size=(5, 3))
JOINTS = np.array([0.0, 1, -1, 0.5])
RIGHT = {
    "relu squared": (lambda x: np.maximum(x, 0) ** 2, JOINTS),
    "squared hinge": (lambda x: (np.maximum(0, 1 - x) ** 2).sum(), JOINTS),
    "x |x|": (lambda x: x * np.abs(x), JOINTS),
    "a saturated sigmoid": (lambda x: 1 / (1 + np.exp(-x)), np.array([30.0, -40, 100, -700, 0])),
    "picometres": (lambda x: np.sin(x / 1e-12), 1e-12 * rng.normal(size=4)),
    "the log of picometres": (np.log, 1e-12 * rng.uniform(1, 2, size=4)),
    "astronomical units": (lambda x: np.sin(x / 1e12), 1e12 * rng.normal(size=4)),
    "a ripple": (lambda x: x**2 + 1e-9 * np.sin(1e5 * x), rng.normal(size=4)),
    "cholesky": (np.linalg.cholesky, SYMMETRIC),
    "eigenvalues": (lambda a: np.linalg.eigh(a)[0], SYMMETRIC),
    "a bias before a normalisation": (nn.BatchNorm1d(3), rng.normal(size=(5, 3)) + np.array([0.0, 1.0, 2.0])),
    "a shift that cancels": (lambda b: (SHIFTED + b - (SHIFTED + b).mean(0)) ** 2, np.zeros(3)),
    "a probability near 1": (lambda p: nn.binary_cross_entropy(p, np.ones(1)), np.array([0.9999])),
}


@pytest.mark.parametrize("name", RIGHT)
def test_no_false_alarm(name):
    f, x = RIGHT[name]
    assert mg.gradcheck(f, x), name


def test_a_pair_of_a_symmetric_matrix_is_moved_together_and_the_report_says_so():
    assert "SYMMETRIC is symmetric, and f reads one triangle of it" in str(mg.gradcheck(np.linalg.cholesky, SYMMETRIC))


@pytest.mark.parametrize("rule", [lambda g, z, x: g * (x > 0) * (g > 0), lambda g, z, x: abs(g) * (x > 0)])
def test_a_rule_that_is_not_linear_in_the_cotangent_is_wrong(rule):
    op = mg.custom_op(rule)(lambda x: np.maximum(x, 0))
    report = mg.gradcheck(op, rng.normal(size=6))
    assert report.verdict == "WRONG"
    assert "is not linear in the cotangent g" in str(report)


def test_a_gradient_that_is_nan_names_the_op():
    with np.errstate(all="ignore"):
        report = mg.gradcheck(lambda x: np.sqrt(x * 0.0).sum() + x.sum(), rng.normal(size=4) + 3)
    assert report.verdict == "WRONG"
    assert "The rule of sqrt makes the first nan or inf" in str(report)


def test_second_derivatives_of_a_scalar_are_its_own():
    with np.errstate(all="ignore"):
        report = mg.gradcheck(lambda x: np.linalg.norm(x) ** 2, np.zeros(2), order=2)
    assert "the graph gives nan, finite differences give 2 " in str(report)


def in_single(factor):
    @mg.custom_op(lambda g, z, x: factor * g * (1 - z * z))
    def op(x):
        return np.tanh(x.astype(np.float32)).astype(np.float64)

    return lambda x: op(x).sum()


@pytest.mark.parametrize("factor", [-1, 0, 1, 1.05, 1.5, 2])
def test_an_op_that_computes_in_float32_hides_no_wrong_rule(factor):
    report = mg.gradcheck(in_single(factor), np.array([-0.13210486, 0.3, 0.7]))
    known = {1: {"OK", "TOO COARSE"}, 1.05: {"TOO COARSE", "WRONG"}, 0: {"TOO COARSE"}}
    assert report.verdict in known.get(factor, {"WRONG"}), str(report)


@pytest.mark.parametrize("width", [1e-3, 1e-5, 1e-7])
def test_a_narrow_plateau_is_not_called_wrong(width):
    def shrink(x):
        return (np.sign(x) * np.maximum(np.abs(x) - width, 0)).sum()

    report = mg.gradcheck(shrink, np.array([0.0, width / 2, -width / 3, 1.0]))
    assert report.verdict == "OK" if width > 1e-6 else report.verdict in ("OK", "TOO COARSE")


@pytest.mark.parametrize("x", [1e10, 1.2345e13, 1.2345e14, 1e15])
def test_a_step_below_the_spacing_of_the_input_tells_nothing(x):
    report = mg.gradcheck(lambda x: np.sin(x).sum(), np.array([x]))
    assert report.verdict in ("OK", "TOO COARSE")
    assert report.verdict == "TOO COARSE" or all(row.error < 1e-5 for row in report.inputs)


def test_no_error_above_the_tolerance_is_ok():
    op = mg.custom_op(lambda g, z, x: g * np.cos(x))(lambda x: np.round(np.sin(x), 6))
    report = mg.gradcheck(lambda x: op(x).sum(), np.array([0.3, 0.5, -1.0, 2.0, 3.0]))
    assert report.verdict == "TOO COARSE"


bad_product = mg.custom_op(lambda g, z, x, w: g * w, lambda g, z, x, w: 2 * g * x)(lambda x, w: x * w)


class Weighted(nn.Module):
    def __init__(self, product=bad_product):
        self.w, self.product = nn.Parameter(np.array([0.5, 2.0])), product
        self.norm = nn.BatchNorm1d(2)

    def forward(self, x):
        self.h = self.norm(self.product(x, np.broadcast_to(self.w, x.shape)))  # kept, as people do
        return self.h


@pytest.mark.parametrize("options", [{}, {"order": 2}])
def test_the_parameters_of_a_module_are_checked(options):
    model, x = Weighted(), rng.normal(size=(4, 2))
    model(x)
    report = mg.gradcheck(model, x, **options)
    assert [each.name for each in report.inputs] == ["w", "norm.weight", "norm.bias", "x"]
    assert [each.verdict == "WRONG" for each in report.inputs] == [True, False, False, False]
    assert mg.gradcheck(Weighted(lambda x, w: x * w), x, **options)


def test_a_module_that_is_checked_stays_as_it_is():
    model, x = Weighted(lambda x, w: x * w), rng.normal(size=(4, 2))
    mg.gradcheck(model, x)
    np.testing.assert_array_equal(model.norm.running_mean.data, np.zeros(2))
    assert not hasattr(model, "h")


def test_what_f_uses_and_is_not_given_is_said_to_be_unchecked():
    model, x, w = Weighted(lambda x, w: x * w), rng.normal(size=(4, 2)), mg.Tensor([1.0], requires_grad=True)
    assert "Not checked: w (1,) float64, which f uses, too" in str(mg.gradcheck(lambda x: x * w, x))
    assert "and 2 more, which f uses" in str(mg.gradcheck(lambda x: model(x), x))
    assert "which f uses" not in str(mg.gradcheck(lambda x, w: x * w, x, w))
