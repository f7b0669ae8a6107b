"""Normalization by hand, its derivatives through values, means and variances, and what is said to wrong shapes."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.ops.layers import standardize

from .functions import check_derivatives, drawn


def by_hand(x, axis, eps=1e-5):
    return (x - x.mean(axis, keepdims=True)) / np.sqrt(x.var(axis, keepdims=True) + eps)


def test_standardize():
    x = drawn(3, 4, 2)
    unit, mean, var = standardize(x, (0, 2), eps=0.1)
    np.testing.assert_allclose(unit, by_hand(x, (0, 2), 0.1), rtol=1e-13)
    np.testing.assert_allclose(mean, x.mean((0, 2), keepdims=True), rtol=1e-13)
    np.testing.assert_allclose(var, x.var((0, 2), keepdims=True), rtol=1e-13)


@pytest.mark.parametrize("sizes", [2, (2,), (4, 2), [3, 4, 2]])
def test_layer_norm(sizes):
    x = drawn(3, 4, 2)
    shape = (sizes,) if isinstance(sizes, int) else tuple(sizes)
    weight, bias = drawn(*shape, seed=1), drawn(*shape, seed=2)
    expected = by_hand(x, tuple(range(-len(shape), 0)))
    np.testing.assert_allclose(mg.layer_norm(x, sizes), expected, rtol=1e-12)
    np.testing.assert_allclose(mg.layer_norm(x, sizes, weight, bias), expected * weight + bias, rtol=1e-12)


@pytest.mark.parametrize("shape", [(5, 3), (4, 3, 2), (2, 3, 2, 2)])
def test_batch_norm(shape):
    x, weight, bias = drawn(*shape), drawn(3, seed=1), drawn(3, seed=2)
    axis = (0, *range(2, len(shape)))
    y, mean, var = mg.batch_norm(x, weight=weight, bias=bias, eps=0.01)
    broad = (3, *[1] * (len(shape) - 2))
    np.testing.assert_allclose(y, by_hand(x, axis, 0.01) * weight.reshape(broad) + bias.reshape(broad), rtol=1e-12)
    np.testing.assert_allclose(mean, x.mean(axis), rtol=1e-13)
    np.testing.assert_allclose(var, x.var(axis), rtol=1e-13)


# Functions whose gradient passes through each of what a normalization returns, and through its parameters.
PATHS = [
    (lambda x: mg.layer_norm(x, 4) ** 3, (3, 4)),
    (lambda x: mg.layer_norm(x, (3, 2), x[0] * x[0], x[1]), (2, 3, 2)),
    (lambda x: mg.batch_norm(x, weight=x[0, :, 0], bias=x[1, :, 1], eps=0.1)[0], (2, 3, 2)),
    (lambda x: mg.batch_norm(x)[1] ** 2, (4, 2)),
    (lambda x: np.tanh(mg.batch_norm(x)[2]), (4, 2)),
    (lambda x: mg.batch_norm(x, eps=0.1)[0] * np.exp(mg.batch_norm(x)[2]) + mg.batch_norm(x)[1], (4, 2)),
]


@pytest.mark.parametrize(("f", "shape"), PATHS)
def test_derivatives(f, shape):
    check_derivatives(f, drawn(*shape))


def test_equal_entries_have_no_slope_and_give_no_warning():
    x = np.full((2, 3), 7.0)
    np.testing.assert_array_equal(mg.layer_norm(x, 3), 0)
    assert np.all(np.abs(mg.grad(lambda x: (mg.layer_norm(x, 3) ** 2).sum())(x)) == 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_numbers_and_dtypes(dtype):
    x = mg.Tensor([[1000.0, -1000.0], [999.0, 1000.0]], dtype=dtype, requires_grad=True)
    y = mg.layer_norm(x, 2)
    np.testing.assert_allclose(y.data, [[1, -1], [-1, 1]], rtol=1e-4)
    (y * y * y).sum().backward()
    assert y.dtype == x.grad.dtype == dtype
    assert np.all(np.isfinite(x.grad))


X = mg.Tensor(np.zeros((4, 3)), name="x")
WRONG = [
    (lambda: mg.layer_norm(X, 4), r"normalized_shape=4 is not how the shape of x \(4, 3\)"),
    (lambda: mg.layer_norm(X, (2, 3)), r"normalized_shape=\(2, 3\)"),
    (lambda: mg.layer_norm(X, ()), r"normalized_shape=\(\)"),
    (lambda: mg.layer_norm(X, 3, np.ones(4)), r"weight \(4,\) float64 needs the shape \(3,\)"),
    (lambda: mg.layer_norm(X, 3, None, np.ones((1, 3))), r"bias \(1, 3\) float64 needs the shape \(3,\)"),
    (lambda: mg.batch_norm(X, weight=np.ones(4)), r"weight \(4,\) float64 needs the shape \(3,\)"),
    (lambda: mg.batch_norm(X, bias=np.ones(4)), r"bias \(4,\)"),
    (lambda: mg.batch_norm(X[:1]), r"two entries a channel or more.*\(1, 3\)"),
    (lambda: mg.batch_norm(X[0]), r"takes x \(N, C, ...\)"),
]


@pytest.mark.parametrize(("call", "message"), WRONG)
def test_wrong_shapes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
