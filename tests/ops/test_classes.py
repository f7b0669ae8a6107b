"""Probabilities, labels, ids: values by hand, scores of any size, and what is said to wrong labels."""

import numpy as np
import pytest

import micrograd_np as mg

from .exactly import check, function
from .functions import check_derivatives, drawn

SCORES = drawn(4, 3)
LABELS = np.array([2, 0, 1, 2])


def plain_softmax(x):
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


def test_softmax_by_hand():
    np.testing.assert_allclose(mg.softmax(SCORES), plain_softmax(SCORES), rtol=1e-14)
    np.testing.assert_allclose(mg.softmax(SCORES, axis=0), plain_softmax(SCORES.T).T, rtol=1e-14)
    np.testing.assert_allclose(mg.softmax(SCORES, axis=(0, 1)).sum(), 1, rtol=1e-14)
    np.testing.assert_allclose(mg.log_softmax(SCORES), np.log(plain_softmax(SCORES)), rtol=1e-14)
    np.testing.assert_allclose(mg.softmax([1, 1]), [0.5, 0.5])


def test_whatever_the_order_in_memory():
    x, labels = drawn(2, 3, 4), np.array([[0, 3, 1], [2, 2, 0]])
    for f in (mg.softmax, mg.grad(lambda x: mg.cross_entropy(x, labels)), lambda x: mg.cross_entropy(x, labels)):
        np.testing.assert_allclose(f(np.asfortranarray(x)), f(x), rtol=1e-14)


EXTREME = np.array([[1000.0, -1000.0, 0.0], [-1000.0, -999.0, -1000.0], [1000.0, 1000.0, 1000.0]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_of_any_size_without_a_warning(dtype):
    x = EXTREME.astype(dtype)
    p = plain_softmax(EXTREME - EXTREME.max(-1, keepdims=True))
    np.testing.assert_allclose(mg.softmax(x), p, rtol=1e-6)
    log_p = np.array([[0, -2000, -1000], np.log(p[1]), np.log(p[2])])
    np.testing.assert_allclose(mg.log_softmax(x), log_p, rtol=1e-6)
    labels = np.array([1, 1, 0])
    np.testing.assert_allclose(mg.cross_entropy(x, labels, reduction="none"), -log_p[[0, 1, 2], labels], rtol=1e-6)
    gradient = mg.grad(lambda x: mg.cross_entropy(x, labels, reduction="sum"))(x)
    assert gradient.dtype == dtype
    np.testing.assert_allclose(gradient, p - np.eye(3)[labels], rtol=1e-6)
    for f in (mg.softmax, mg.log_softmax, lambda x: mg.cross_entropy(x, labels)):
        assert np.all(np.isfinite(mg.hessian(lambda x, f=f: np.sum(f(x) ** 2 * 1e-6))(x)))


def test_masked_scores_have_no_probability_and_no_gradient():
    x = np.array([0.0, -np.inf, 1.0])
    np.testing.assert_array_equal(mg.softmax(x)[1], 0)
    gradient = mg.grad(lambda x: np.sum(mg.softmax(x) * np.array([1.0, 2.0, 3.0])))(x)
    assert gradient[1] == 0
    assert np.all(np.isfinite(gradient))
    np.testing.assert_allclose(mg.cross_entropy(x, np.array(2)), np.log(1 + np.exp(-1)))


# Reductions, and what is made of the losses of the samples.
REDUCED = [("none", lambda losses: losses), ("sum", np.sum), ("mean", np.mean)]


@pytest.mark.parametrize(("reduction", "reduce"), REDUCED)
def test_cross_entropy_by_hand(reduction, reduce):
    losses = np.array([-np.log(plain_softmax(row)[label]) for row, label in zip(SCORES, LABELS, strict=True)])
    np.testing.assert_allclose(mg.cross_entropy(SCORES, LABELS, reduction=reduction), reduce(losses), rtol=1e-14)
    pairs = mg.cross_entropy(SCORES.reshape(2, 2, 3), LABELS.reshape(2, 2), reduction=reduction)
    np.testing.assert_allclose(pairs, reduce(losses.reshape(2, 2)), rtol=1e-14)
    one_hot = np.eye(3)[LABELS]
    np.testing.assert_allclose(mg.cross_entropy(SCORES, one_hot, reduction=reduction), reduce(losses), rtol=1e-14)
    smooth = 0.9 * one_hot + 0.1 / 3
    losses = -np.sum(smooth * np.log(plain_softmax(SCORES)), axis=-1)
    np.testing.assert_allclose(mg.cross_entropy(SCORES, smooth, reduction=reduction), reduce(losses), rtol=1e-14)


def test_the_mean_is_what_is_asked_for_and_its_gradient_is_prediction_minus_truth():
    logits = mg.Tensor(SCORES, requires_grad=True)
    mg.cross_entropy(logits, mg.Tensor(LABELS)).backward()
    np.testing.assert_allclose(logits.grad, (plain_softmax(SCORES) - np.eye(3)[LABELS]) / 4, rtol=1e-13)


def test_a_right_answer_costs_nothing():
    loss = mg.cross_entropy(np.array([[1000.0, 0.0]]), np.array([0]))
    assert loss == 0
    assert not np.signbit(loss)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint64])
def test_labels_of_any_integer_dtype(dtype):
    assert mg.cross_entropy(SCORES, LABELS.astype(dtype)) == mg.cross_entropy(SCORES, LABELS)


LOGITS = mg.Tensor(np.zeros((4, 3)), requires_grad=True, name="logits")
WEIGHT = mg.Tensor(np.zeros((5, 2)), requires_grad=True, name="weight")
WRONG = [
    (lambda: mg.cross_entropy(LOGITS, np.array([0, 1, 3, 2])), IndexError, r"0 to 2, and 1 of 4 .* index \(2,\): 3"),
    (lambda: mg.cross_entropy(LOGITS, np.array([0, -1, 1, 2])), IndexError, r"index \(1,\): -1"),
    (lambda: mg.cross_entropy(LOGITS, np.array([0.0, 1.0, 2.0, 2.0])), TypeError, "not float64.*astype"),
    (lambda: mg.cross_entropy(LOGITS, np.array([True, False, True, True])), TypeError, "not bool"),
    (lambda: mg.cross_entropy(LOGITS, np.array([0, 1, 2])), ValueError, r"logits \(4, 3\).*shape \(4,\).*\(3,\)"),
    (lambda: mg.cross_entropy(LOGITS, np.zeros((4, 1), int)), ValueError, r"\(4, 3\), a probability.*\(4, 1\)"),
    (lambda: mg.cross_entropy(np.zeros((4, 3, 2)), np.zeros((4, 2), int)), ValueError, r"np.moveaxis\(logits, 1, -1\)"),
    (lambda: mg.cross_entropy(np.float64(1), np.float64(1)), ValueError, "cross_entropy of"),
    (
        lambda: mg.cross_entropy(LOGITS, np.zeros(4, int), reduction="max"),
        ValueError,
        "reduction must be one of .*, not 'max'",
    ),
    (lambda: mg.cross_entropy(np.zeros((0, 3)), np.zeros(0, int)), ValueError, "empty batch"),
    (lambda: mg.cross_entropy(LOGITS, np.zeros(4, int), np.ones(3)), TypeError, "cross_entropy: .*positional"),
    (lambda: mg.embedding(np.array([[0, 5]]), WEIGHT), IndexError, r"0 to 4, and 1 of 2 .* index \(0, 1\): 5"),
    (lambda: mg.embedding(np.array([-1]), WEIGHT), IndexError, r"index \(0,\): -1"),
    (lambda: mg.embedding(np.array([1.0]), WEIGHT), TypeError, "embedding: ids are integers.*float64"),
    (lambda: mg.one_hot(np.array([0, 3]), 3), IndexError, "0 to 2"),
    (lambda: mg.one_hot(np.array([0.5]), 3), TypeError, "labels are integers"),
    (lambda: mg.one_hot(np.array([1])), TypeError, "^one_hot: missing .*'num_classes'"),
]


@pytest.mark.parametrize(("call", "kind", "message"), WRONG)
def test_wrong_labels_are_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_one_hot_takes_on_the_dtype_of_its_company():
    hot = mg.one_hot([1, 0], 3)
    np.testing.assert_array_equal(hot, [[0, 1, 0], [1, 0, 0]])
    assert (np.zeros(3, np.float32) - hot).dtype == np.float32
    assert (np.zeros(3, np.float16) - hot).dtype == np.float16


@pytest.mark.parametrize("ids", [2, [0, 2, 2, 1], [[0, 0], [2, 0]], np.zeros((0,), int)])
def test_embedding(ids):
    check(function("mg.embedding(ids, x)", ids=ids), np.array([[1.0, 2.0], [3.0, 5.0], [8.0, 4.0]]))


def test_derivatives_of_the_loss_through_probabilities():
    check_derivatives(lambda x: mg.cross_entropy(mg.softmax(x), LABELS, reduction="none"), SCORES)
    check_derivatives(lambda x: mg.cross_entropy(SCORES, mg.softmax(x)), SCORES)
