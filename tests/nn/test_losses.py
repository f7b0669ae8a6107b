"""Losses: torch's numbers and gradients, and shapes that must not broadcast."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn

rng = np.random.default_rng(0)
LOGITS, LABELS = rng.normal(size=(5, 3)), np.array([2, 0, 1, 1, 2])
PLACES, PLACED = rng.normal(size=(2, 4, 3)), rng.integers(3, size=(2, 4))
WEIGHT = np.array([0.5, 2.0, 1.0])
SHARES = rng.dirichlet(np.ones(3), size=5)
P, Q = rng.normal(size=(4, 2)), rng.normal(size=(4, 2))
CHANCE, TRUTH = rng.uniform(size=(4, 2)), rng.integers(2, size=(4, 2)).astype(float)
REDUCTIONS = ["mean", "sum", "none"]

# The name, the arrays, and the options.
CASES = [
    ("mse_loss", P, Q, {}),
    ("mse_loss", P[0, 0], Q[0, 0], {}),
    ("l1_loss", P, Q, {}),
    ("huber_loss", P, Q, {}),
    ("huber_loss", P, Q, {"delta": 0.3}),
    ("binary_cross_entropy", CHANCE, TRUTH, {}),
    ("binary_cross_entropy", CHANCE, CHANCE[::-1].copy(), {}),
    ("binary_cross_entropy_with_logits", P, TRUTH, {}),
    ("binary_cross_entropy_with_logits", 300 * P, TRUTH, {}),
    ("binary_cross_entropy_with_logits", P, TRUTH, {"pos_weight": np.array(3.0)}),
    ("binary_cross_entropy_with_logits", 300 * P, CHANCE, {"pos_weight": np.array([0.5, 2.0])}),
    ("cross_entropy", LOGITS, LABELS, {}),
    ("cross_entropy", LOGITS, LABELS, {"label_smoothing": 0.1}),
    ("cross_entropy", LOGITS, LABELS, {"weight": WEIGHT}),
    ("cross_entropy", LOGITS, LABELS, {"weight": WEIGHT, "label_smoothing": 0.2}),
    ("cross_entropy", LOGITS, SHARES, {}),
    ("cross_entropy", LOGITS, SHARES, {"weight": WEIGHT, "label_smoothing": 0.2}),
    ("cross_entropy", PLACES, PLACED, {}),
    ("cross_entropy", PLACES, PLACED, {"weight": WEIGHT, "label_smoothing": 0.2}),
]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("name", "prediction", "target", "options"), CASES)
def test_values_and_gradients_are_torchs(name, prediction, target, options, reduction):
    torch = pytest.importorskip("torch", reason="needs torch==2.13.0 (extra peers)")
    x, theirs = mg.Tensor(prediction, requires_grad=True), torch.tensor(prediction, requires_grad=True)
    y = getattr(nn, name)(x, target, reduction, **options)
    options = {key: torch.tensor(value) if "weight" in key else value for key, value in options.items()}
    scores = theirs.movedim(-1, 1) if np.ndim(prediction) == 3 else theirs  # torch has the classes on axis 1
    z = getattr(torch.nn.functional, name)(scores, torch.tensor(target), reduction=reduction, **options)
    np.testing.assert_allclose(y.data, z.detach().numpy(), rtol=1e-12, atol=1e-14)
    y.sum().backward()
    z.sum().backward()
    np.testing.assert_allclose(x.grad, theirs.grad.numpy(), rtol=1e-11, atol=1e-14)


def test_half_squared_error_has_the_articles_gradient():
    prediction = mg.Tensor(P, requires_grad=True)
    loss = nn.half_squared_error(prediction, Q)
    assert np.isclose(loss.item(), ((Q - P) ** 2).sum() / 2)
    loss.backward()
    assert np.array_equal(prediction.grad, -(Q - P))


def test_probabilities_of_zero_and_one_have_a_finite_loss():
    p = mg.Tensor([0.0, 1.0, 0.0, 1.0], requires_grad=True)
    loss = nn.binary_cross_entropy(p, np.array([1.0, 0.0, 0.0, 1.0]), "none")
    assert np.allclose(loss.data, [100, 100, 0, 0])
    loss.sum().backward()
    assert np.allclose(p.grad, [-1e12, 1e12, 1, -1])


@pytest.mark.parametrize("delta", [0.3, 1.0])
def test_the_huber_loss_bends_as_a_square_near_zero(delta):
    """½e² within delta has the second derivative 1, at 0 too; beyond delta it is a straight line."""
    at = np.array([0.0, 0.1, -0.2, 2.0, -3.0])
    bend = mg.hessian(lambda x: nn.huber_loss(x, np.zeros(5), "sum", delta))(at)
    assert np.array_equal(bend, np.diag([1.0, 1, 1, 0, 0]))


@pytest.mark.parametrize(("name", "prediction", "target", "options"), CASES)
def test_float32_stays_float32(name, prediction, target, options):
    target = target.astype(np.float32) if target.dtype == float else target
    x = mg.Tensor(prediction, dtype=np.float32, requires_grad=True)
    loss = getattr(nn, name)(x, target, **options)
    loss.backward()
    assert loss.dtype == x.grad.dtype == np.float32
    assert np.isclose(loss.item(), getattr(nn, name)(prediction, target, **options).item(), rtol=1e-4)


COMPARING = [name for name in dir(nn) if name.endswith("_loss")]
COMPARING += ["half_squared_error", "binary_cross_entropy", "binary_cross_entropy_with_logits"]
COLUMN = mg.Tensor(np.ones((4, 1)), name="prediction", requires_grad=True)


@pytest.mark.parametrize("name", COMPARING)
def test_a_column_against_a_row_is_refused_with_the_cure(name):
    with pytest.raises(
        ValueError, match=r"prediction \(4, 1\) float64 .* target.* \(4,\) .*write target.reshape\(4, 1\)"
    ):
        getattr(nn, name)(COLUMN, np.ones(4))
    with pytest.raises(ValueError, match=r"have different shapes\. Reshape one"):
        getattr(nn, name)(COLUMN, np.ones((4, 3)))


EMPTY = np.ones((0, 3))
BAD = [
    (lambda: nn.mse_loss(P, Q, "average"), ValueError, "reduction must be one of .*'mean'.*, not 'average'"),
    (lambda: nn.mse_loss(EMPTY, EMPTY), ValueError, "an empty batch"),
    (lambda: nn.BCEWithLogitsLoss()(EMPTY, EMPTY), ValueError, "^binary_cross_entropy_with_logits: the mean over no"),
    (lambda: nn.cross_entropy(EMPTY, np.ones(0, int)), ValueError, "an empty batch"),
    (lambda: nn.cross_entropy(EMPTY, np.ones(0, int), weight=WEIGHT), ValueError, "an empty batch"),
    (lambda: nn.binary_cross_entropy(P, TRUTH), ValueError, "probabilities from 0 to 1. For logits write"),
    (lambda: nn.binary_cross_entropy(CHANCE, 3 * TRUTH), ValueError, "targets and probabilities from 0 to 1"),
    (
        lambda: nn.binary_cross_entropy_with_logits(P, TRUTH * np.nan),
        ValueError,
        "targets and probabilities from 0 to 1",
    ),
    (
        lambda: nn.binary_cross_entropy_with_logits(P, -TRUTH, pos_weight=np.array(3.0)),
        ValueError,
        "targets and probabilities from 0 to 1",
    ),
    (lambda: nn.binary_cross_entropy_with_logits(P, TRUTH, pos_weight=WEIGHT), ValueError, r"\(3,\) .* or \(2,\): one"),
    (lambda: nn.cross_entropy(LOGITS, LABELS + 1), IndexError, r"labels count from 0 to 2, and 2 of 5 .* \(0,\): 3"),
    (lambda: nn.cross_entropy(LOGITS, LABELS + 1, label_smoothing=0.1), IndexError, "labels count from 0 to 2"),
    (lambda: nn.cross_entropy(LOGITS, LABELS - 1), IndexError, "lie outside"),
    (lambda: nn.cross_entropy(LOGITS, LABELS[:, None], weight=WEIGHT), ValueError, r"labels of shape \(5,\)"),
    (lambda: nn.cross_entropy(LOGITS, LABELS.astype(float)), TypeError, "labels are integers"),
    (
        lambda: nn.cross_entropy(LABELS, LOGITS),
        ValueError,
        r"logits first and then the labels: swap LABELS \(5,\) int64 and LOGITS \(5, 3\)",
    ),
    (
        lambda: nn.CrossEntropyLoss()(LABELS, mg.Tensor(LOGITS)),
        ValueError,
        "the logits first and then the labels: swap",
    ),
    (lambda: nn.cross_entropy(LOGITS, LABELS, weight=WEIGHT[:2]), ValueError, r"weight \(2,\) .* \(3,\): a number for"),
]


@pytest.mark.parametrize(("call", "kind", "message"), BAD)
def test_what_does_not_fit_is_said(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("name", "prediction", "target", "options"), CASES)
def test_a_program_gives_the_same_bits(name, prediction, target, options, reduction):
    def step(x, y):
        return mg.value_and_grad(lambda x: getattr(nn, name)(x, y, reduction, **options).sum())(x)

    expected = [np.asarray(part).tobytes() for part in step(prediction, target)]
    compiled, program = mg.compile(step), mg.trace(step)(prediction, target)
    for call in (program, compiled, compiled, compiled):
        assert [np.asarray(getattr(part, "data", part)).tobytes() for part in call(prediction, target)] == expected


def test_a_program_refuses_what_is_no_probability():
    compiled, program = mg.compile(nn.binary_cross_entropy), mg.trace(nn.binary_cross_entropy)(CHANCE, TRUTH)
    for call in (compiled, compiled, compiled, program):
        call(CHANCE, TRUTH)
        with pytest.raises(ValueError, match="probabilities from 0 to 1"):
            call(CHANCE + 1, TRUTH)


TARGETS = np.array([[0, 1], [1, 0], [1, 1]])


@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "u8", "i1", "?"])
@pytest.mark.parametrize("loss", [nn.mse_loss, nn.l1_loss, nn.huber_loss, nn.half_squared_error,
                                  nn.binary_cross_entropy, nn.binary_cross_entropy_with_logits])  # fmt: skip
def test_a_target_of_any_kind_of_integer_is_the_same_target(loss, kind):
    p = np.array([[0.2, 0.7], [0.9, 0.1], [0.4, 0.6]])
    found = mg.value_and_grad(lambda p: loss(p, TARGETS.astype(kind)))(p)
    expected = mg.value_and_grad(lambda p: loss(p, TARGETS.astype(float)))(p)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "u8", "i1"])
def test_labels_of_any_kind_of_integer_are_the_same_labels(kind):
    x, labels = np.random.default_rng(0).normal(size=(3, 120)), np.array([0, 119, 100])
    for options in ({}, {"label_smoothing": 0.1}, {"weight": np.arange(1.0, 121)}):
        found = mg.value_and_grad(lambda x, o=options: nn.cross_entropy(x, labels.astype(kind), **o))(x)
        expected = mg.value_and_grad(lambda x, o=options: nn.cross_entropy(x, labels, **o))(x)
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize("loss", [nn.mse_loss, nn.l1_loss, nn.huber_loss, nn.half_squared_error])
def test_unsigned_predictions_do_not_wrap_around(loss):
    assert loss(np.array([1], "u1"), np.array([2], "u1")) == loss(np.array([1.0]), np.array([2.0]))
