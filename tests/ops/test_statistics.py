"""Order statistics, averages and what skips nan, against NumPy's values and differences of them."""

import math

import numpy as np
import pytest

import micrograd_np as mg

from .functions import check_derivatives, drawn

X = drawn(3, 4, 2)
AXES = [{}, {"axis": 0}, {"axis": -2}, {"axis": (0, 2)}, {"axis": (2, 0), "keepdims": True}, {"keepdims": True}]
METHODS = """
    inverted_cdf averaged_inverted_cdf closest_observation interpolated_inverted_cdf hazen weibull linear
    median_unbiased normal_unbiased lower higher midpoint nearest
""".split()

ORDER = [
    np.median,
    np.ptp,
    lambda x, **axes: np.quantile(x, 0.3, **axes),
    lambda x, **axes: np.percentile(x, 85, **axes),
]


@pytest.mark.parametrize("axes", AXES, ids=str)
@pytest.mark.parametrize("f", [*ORDER, lambda x, **axes: np.quantile(x, [[0.0, 0.2], [0.5, 1.0]], **axes)])
def test_order(f, axes):
    for x in (X, X.astype(np.float32)):
        ours, theirs = f(mg.Tensor(x), **axes), f(x, **axes)
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        np.testing.assert_allclose(ours.data, theirs, rtol=0, atol=8 * np.finfo(x.dtype).eps)
    check_derivatives(lambda x: f(x, **axes) ** 2, X)


ODD = [np.arange(6, dtype=np.int8).reshape(2, 3), np.array([[True, False]]), np.array([[1, np.nan, -np.inf, -0.0]])]
ODD += [X[0].astype(np.float16), X[0].astype(np.float32), np.zeros((2, 1))]
NUMPYS = [
    np.nanmax,
    np.nanmin,
]
NUMPYS += [
    lambda x: np.percentile(x * 1, 0),
    lambda x: np.percentile(x * 1, [0, 30]),
    lambda x: np.quantile(x * 1, [0.1]),
]
NUMPYS += [lambda x: np.modf(x)[0], lambda x: np.modf(x)[1], lambda x: np.linalg.norm(x[0], 0)]


@pytest.mark.filterwarnings("ignore:invalid value")  # NumPy interpolates between -inf and nan
@pytest.mark.parametrize("x", ODD, ids=lambda x: f"{x.dtype}")
@pytest.mark.parametrize("f", NUMPYS)
def test_values_and_dtypes_are_numpys(f, x):
    ours, theirs = f(mg.Tensor(x)), np.asarray(f(x))
    ours = ours.data if isinstance(ours, mg.Tensor) else np.asarray(ours)
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=2e-3 if x.dtype == np.float16 else 1e-6)
    assert np.array_equal(np.signbit(ours), np.signbit(theirs)) or ours.dtype.kind != "f" or np.isnan(ours).any()


@pytest.mark.parametrize("method", METHODS)
def test_every_method_of_quantiles(method):
    for q in (0, 0.1, 0.37, 0.5, 0.8, 1):
        ours, theirs = np.quantile(mg.Tensor(X), q, axis=1, method=method), np.quantile(X, q, axis=1, method=method)
        np.testing.assert_allclose(ours.data, theirs, rtol=1e-14)
    check_derivatives(lambda x: np.quantile(x, 0.37, axis=1, method=method) ** 2, X)


def test_a_quantile_may_be_asked_for_by_a_tensor():
    assert np.quantile(np.arange(4.0), mg.Tensor(0.5)) == 1.5
    assert np.quantile(mg.Tensor(np.arange(4.0)), mg.Tensor([0.0, 0.5])).data.tolist() == [0, 1.5]


def test_the_gradient_of_a_median_goes_to_the_middle():
    assert mg.grad(np.median)(np.array([5.0, 1.0, 3.0])).tolist() == [0, 0, 1]
    assert mg.grad(np.median)(np.array([5.0, 1.0, 3.0, 2.0])).tolist() == [0, 0, 0.5, 0.5]


def test_nan_is_passed_on_in_its_own_slice():
    x = np.array([[1.0, np.nan, 3.0], [4.0, 6.0, 5.0]])
    for f in (np.median, lambda x, axis: np.quantile(x, [0.2, 0.8], axis=axis)):
        np.testing.assert_allclose(f(mg.Tensor(x), axis=1).data, f(x, axis=1))
        gradient = mg.grad(lambda t, f=f: np.sum(f(t, axis=1)[..., 1]))(x)
        assert np.all(np.isnan(gradient[0]))
        assert np.all(np.isfinite(gradient[1]))
        assert np.any(gradient[1])


def test_infinite_entries_are_no_obstacle():
    x = np.array([-np.inf, 0.0, np.inf])
    assert np.quantile(mg.Tensor(x), 0.5).data == 0
    assert np.quantile(mg.Tensor(x), 1).data == np.inf


def test_methods_of_tensors():
    np.testing.assert_array_equal(mg.Tensor(X).ptp(axis=1).data, np.ptp(X, axis=1))


W = drawn(3, 4, 2, low=0.5, high=2)
AVERAGES = [
    lambda x, w: np.average(x),
    lambda x, w: np.average(x, 1, keepdims=True),
    lambda x, w: np.average(x, weights=w),
    lambda x, w: np.average(x, axis=-1, weights=w),
    lambda x, w: np.average(x, axis=1, weights=w[0, :, 0]),
    lambda x, w: np.average(x, axis=(0, 2), weights=w[:, 0, :], keepdims=True),
    lambda x, w: np.average(x, axis=(2, 0), weights=w[:, 0, :].T),
    lambda x, w: np.average(x, axis=0, weights=w, returned=True)[0],
    lambda x, w: np.average(x, axis=1, weights=w[0, :, 0], returned=True)[1],
    lambda x, w: np.average(x, axis=0, returned=True)[1] * x[0],
]


@pytest.mark.parametrize("f", AVERAGES)
def test_averages(f):
    ours, theirs = f(mg.Tensor(X), mg.Tensor(W)), f(X, W)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours.data, theirs, rtol=1e-14)
    check_derivatives(lambda x: f(x, W) ** 2, X)
    check_derivatives(lambda w: f(X, w) ** 2, W)


HOLES = X.copy()
HOLES[0, 1, 1] = HOLES[2, 0, 0] = HOLES[1, 2, 0] = math.nan
SKIPPING = [np.nansum, np.nanprod, np.nanmax, np.nanmin, np.nanmean, np.nanvar, np.nanstd]


@pytest.mark.parametrize("axes", AXES, ids=str)
@pytest.mark.parametrize("f", SKIPPING)
def test_nan_is_skipped(f, axes):
    for x in (HOLES, HOLES.astype(np.float32)):
        ours, theirs = f(mg.Tensor(x), **axes), f(x, **axes)
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        np.testing.assert_allclose(ours.data, theirs, rtol=8 * np.finfo(x.dtype).eps)
    check_derivatives(lambda x: f(np.where(np.isnan(HOLES), math.nan, x), **axes) ** 2, X)


@pytest.mark.parametrize("f", [np.nancumsum, np.nancumprod])
@pytest.mark.parametrize("axis", [None, 1])
def test_running_totals_skip_nan(f, axis):
    np.testing.assert_array_equal(f(mg.Tensor(HOLES), axis=axis).data, f(HOLES, axis=axis))
    check_derivatives(lambda x: f(np.where(np.isnan(HOLES), math.nan, x), axis=axis) ** 2, X)


@pytest.mark.parametrize("f", [np.nanvar, np.nanstd])
def test_the_freedom_of_a_variance_that_skips_nan(f):
    np.testing.assert_allclose(f(mg.Tensor(HOLES), axis=1, ddof=1).data, f(HOLES, axis=1, ddof=1))


def test_where_nothing_varies_the_deviation_has_no_slope():
    assert mg.grad(np.nanstd)(np.array([2.0, math.nan, 2.0])).tolist() == [0, 0, 0]


@pytest.mark.parametrize("f", [np.nanmax, np.nanmin])
def test_of_nothing_but_nan(f):
    x = np.array([[math.nan, math.nan], [1.0, math.nan]])
    np.testing.assert_array_equal(f(mg.Tensor(x), axis=1).data, [math.nan, 1])
    assert mg.grad(lambda t: f(t, axis=1)[1])(x).tolist() == [[0, 0], [1, 0]]


def test_errors():
    t = mg.Tensor(X, requires_grad=True)
    with pytest.raises(ValueError, match=r"np\.average: weights of shape \(2,\) do not fit axis=1 .* \(3, 4, 2\)"):
        np.average(t, axis=1, weights=[1.0, 2.0])
    with pytest.raises(ValueError, match=r"np\.average: weights of shape \(4,\) do not fit axis=None"):
        np.average(t, weights=np.ones(4))
    with pytest.raises(ValueError, match="Quantiles must be in the range"):
        np.quantile(t, 1.5)
    with pytest.raises(TypeError, match="cut q"):
        q = mg.Tensor(0.5, requires_grad=True)
        np.quantile(t, q)
    with pytest.raises(TypeError, match="weights"):
        np.quantile(t, 0.5, weights=W)
