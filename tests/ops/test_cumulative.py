"""Running sums and products, with zeros among the factors, and differences with ends of their own."""

import numpy as np
import pytest

import micrograd_np as mg

from .functions import check_derivatives, drawn

X = drawn(3, 4)
CALLS = [
    lambda x: np.cumsum(x),
    lambda x: np.cumsum(x, axis=-2),
    lambda x: x.cumsum(1),
    lambda x: np.cumprod(x),
    lambda x: np.cumprod(x, 0),
    lambda x: x.cumprod(axis=-1),
    lambda x: np.diff(x),
    lambda x: np.diff(x, n=2, axis=0),
    lambda x: np.diff(x, n=0),
    lambda x: np.diff(x, prepend=0),
    lambda x: np.diff(x, axis=0, prepend=x[:1] ** 2, append=x[1:]),
    lambda x: np.diff(X, append=x[:, :2]),
    lambda x: np.diff(x, 1, 0, append=x[0, 0]),
    lambda x: np.trapezoid(x),
    lambda x: np.trapezoid(x, dx=0.5, axis=0),
    lambda x: np.trapezoid(x, [0.0, 1.0, 3.0, 3.5]),
    lambda x: np.trapezoid(x, x[:, 0] ** 2, axis=0),
    lambda x: np.trapezoid(x, x**2, axis=0),
]


@pytest.mark.parametrize("call", CALLS)
def test_values_and_derivatives(call):
    for x in (X, X.astype(np.float32)):
        ours, theirs = call(mg.Tensor(x)), call(x)
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        np.testing.assert_allclose(ours.data, theirs, rtol=0, atol=8 * np.finfo(x.dtype).eps)
    check_derivatives(lambda x: call(x) ** 2, X)


@pytest.mark.parametrize("zeros", [[0], [3], [1, 3], [0, 1], [0, 4], [0, 1, 2, 3, 4]])
def test_a_running_product_is_right_at_zeros(zeros):
    x = drawn(5)
    x[zeros] = 0
    check_derivatives(np.cumprod, x)


@pytest.mark.skipif(not hasattr(np, "cumulative_sum"), reason="new in NumPy 2.1")
def test_newer_names():
    t = mg.Tensor(X)
    assert np.array_equal(np.cumulative_sum(t, axis=0).data, np.cumsum(X, 0))
    assert np.array_equal(np.cumulative_prod(t, axis=1).data, np.cumprod(X, 1))


NOTHING = [np.cumsum, np.cumprod, np.diff, np.trapezoid]


@pytest.mark.parametrize("f", NOTHING)
@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_of_nothing(f, shape):
    x = np.zeros(shape)
    np.testing.assert_array_equal(f(mg.Tensor(x)).data, f(x))
    for gradient in (mg.grad(lambda t: np.sum(f(t)))(x), mg.hvp(lambda t: np.sum(f(t) ** 2))(x, x)):
        assert np.array_equal(gradient, x)


def test_errors():
    t = mg.Tensor(X, requires_grad=True)
    with pytest.raises(ValueError, match=r"np\.diff: n=-1"):
        np.diff(t, -1)
    with pytest.raises(TypeError, match=r"cumsum: dtype= is not supported.*astype"):
        np.cumsum(t, dtype=np.float32)
