"""One-hot rows, and columns brought to mean 0 and deviation 1."""

import numpy as np
import pytest

from micrograd_np.data import one_hot, standardise

TRAIN = np.random.default_rng(0).normal(3, 5, (50, 4))
TEST = np.random.default_rng(1).normal(-2, 1, (9, 4))


def test_train_has_mean_0_and_deviation_1():
    scaled = standardise(TRAIN)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-14)
    np.testing.assert_allclose(scaled.std(axis=0), 1)


def test_the_others_are_scaled_by_what_was_found_in_train():
    _, other = standardise(TRAIN, TEST)
    np.testing.assert_allclose(other * TRAIN.std(axis=0) + TRAIN.mean(axis=0), TEST)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e100])
def test_a_constant_column_is_0(value):
    train = TRAIN.copy()
    train[:, 2] = value
    assert (standardise(train)[:, 2] == 0).all()


def test_images_are_scaled_pixel_by_pixel():
    images = np.arange(24.0).reshape(4, 2, 3) ** 2
    flat = standardise(images.reshape(4, 6))
    assert np.array_equal(standardise(images), flat.reshape(4, 2, 3))


@pytest.mark.parametrize(("given", "kept"), [(np.float32, np.float32), (np.float64, np.float64), (int, np.float64)])
def test_the_dtype_is_numpys(given, kept):
    assert standardise(TRAIN.astype(given)).dtype == kept


WRONG = [
    (lambda: standardise(TRAIN, TEST[:, :3]), "TRAIN"),
    (lambda: standardise(TRAIN[:0]), "at least one, not"),
    (lambda: standardise(np.where(TRAIN > 3, np.inf, TRAIN)), "nan or inf"),
]


@pytest.mark.parametrize(("call", "message"), WRONG)
def test_what_cannot_be_scaled_is_said(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_one_hot_counts_the_classes_itself_or_takes_their_number():
    assert one_hot(np.array([1, 0])).tolist() == [[0, 1], [1, 0]]
    assert one_hot([1, 0], 3).tolist() == [[0, 1, 0], [1, 0, 0]]
    assert one_hot(np.array([[2, 0]])).shape == (1, 2, 3)


def test_one_hot_takes_on_the_dtype_that_it_meets():
    assert (one_hot([0, 1]) * np.float32(0.5)).dtype == np.float32


WRONG_LABELS = [
    ([0, 3], 3, IndexError, r"1 of 2 lie outside, the first at index \(1,\): 3"),
    ([-1, 0], None, IndexError, "-1"),
    ([-1, -2], None, IndexError, r"labels count from 0 .* 2 of 2 lie outside, the first at index \(0,\): -1"),
    (["a", "b"], None, TypeError, "integers"),
    ([0.0, 1.0], None, TypeError, "integers"),
    (np.array([], int), None, ValueError, "classes="),
]


@pytest.mark.parametrize(("labels", "classes", "error", "message"), WRONG_LABELS)
def test_wrong_labels_are_said(labels, classes, error, message):
    with pytest.raises(error, match=message):
        one_hot(labels, classes)
