"""Reductions over every kind of axis against NumPy's, and where drawn numbers do not lead: zeros, ties, nothing."""

import math

import numpy as np
import pytest

import micrograd_np as mg

from .functions import check_derivatives, drawn

inf, nan = math.inf, math.nan
X = drawn(2, 3, 4)

AXES = [
    {},
    {"axis": 0},
    {"axis": -1},
    {"axis": (0, 2)},
    {"axis": (-1, 1), "keepdims": True},
    {"keepdims": True},
    {"axis": ()},
]
REDUCTIONS = [np.sum, np.mean, np.prod, np.max, np.min, np.amax, np.amin, np.var, np.std]


@pytest.mark.parametrize("axes", AXES, ids=str)
@pytest.mark.parametrize("f", REDUCTIONS)
def test_values_are_numpys(f, axes):
    for x in (X, X.astype(np.float32)):
        ours, theirs = f(mg.Tensor(x), **axes), f(x, **axes)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours.data, theirs)


@pytest.mark.parametrize("axes", AXES, ids=str)
@pytest.mark.parametrize("f", [*REDUCTIONS, mg.logsumexp])
def test_float32_stays_float32(f, axes):
    x = X.astype(np.float32)
    for gradient in (mg.grad(lambda t: np.sum(f(t, **axes)))(x), mg.hvp(lambda t: np.sum(f(t, **axes)))(x, x)):
        assert (gradient.shape, gradient.dtype) == (X.shape, np.float32)


def test_methods():
    t = mg.Tensor(X)
    for name in "sum mean prod max min var std".split():
        np.testing.assert_array_equal(getattr(t, name)(-1, keepdims=True).data, getattr(X, name)(-1, keepdims=True))
    np.testing.assert_array_equal(t.std(0, ddof=1).data, X.std(0, ddof=1))
    np.testing.assert_array_equal(t.trace().data, X.trace())


@pytest.mark.parametrize("axes", AXES, ids=str)
def test_logsumexp_is_the_logarithm_of_the_sum_of_exponentials(axes):
    np.testing.assert_allclose(mg.logsumexp(X, **axes), np.log(np.sum(np.exp(X), **axes)), rtol=1e-14)


GRADIENTS = [
    (np.max, [1, 3, 3], [0, 0.5, 0.5]),
    (np.max, [-0.0, 0.0], [0.5, 0.5]),
    (np.min, [2, 2, 2, 2], [0.25, 0.25, 0.25, 0.25]),
    (np.max, [1, nan], [nan, nan]),
    (np.max, [1, inf], [0, 1]),
    (np.ptp, [5, 1, 1], [1, -0.5, -0.5]),
    (np.ptp, [4, 4], [0, 0]),
    (np.prod, [0, 2, 3], [6, 0, 0]),
    (np.prod, [0, 2, 0], [0, 0, 0]),
    (np.prod, [1e-300, 1e-300, 1e-300], [0, 0, 0]),
    (np.prod, [1e200, 1e-200, 5], [5e-200, 5e200, 1]),
    (np.prod, [7], [1]),
    (np.std, [3, 3, 3], [0, 0, 0]),
    (lambda x: np.std(x, ddof=1), [0, 2], [-math.sqrt(0.5), math.sqrt(0.5)]),
    (lambda x: np.var(x, ddof=1), [0, 2], [-2, 2]),
    (mg.logsumexp, [1000, -1000], [1, 0]),
    (mg.logsumexp, [-1000, -1000], [0.5, 0.5]),
    (mg.logsumexp, [-inf, 0], [0, 1]),
    (mg.logsumexp, [-inf, -inf], [0, 0]),
]


@pytest.mark.parametrize(("f", "x", "expected"), GRADIENTS)
def test_conventions_and_extremes(f, x, expected):
    np.testing.assert_allclose(mg.grad(f)(np.array(x, float)), expected, rtol=1e-13, atol=1e-300)


def test_logsumexp_of_large_numbers_is_finite():
    assert mg.logsumexp(np.array([1000.0, 1000.0])) == 1000 + math.log(2)
    assert mg.logsumexp(np.array([-inf, -inf])) == -inf
    assert mg.logsumexp(np.array([0.0, inf])) == inf


def test_ties_are_shared_along_each_axis():
    x = np.array([[1.0, 1.0, 0.0], [1.0, 2.0, 2.0]])
    assert mg.grad(lambda t: np.sum(np.max(t, axis=1)))(x).tolist() == [[0.5, 0.5, 0], [0, 0.5, 0.5]]
    assert mg.grad(lambda t: np.sum(np.max(t, axis=0, keepdims=True)))(x).tolist() == [[0.5, 0, 0], [0.5, 1, 1]]


def test_every_derivative_of_a_product_is_right_at_zeros():
    x = np.array([0.0, 3.0, 0.0, 5.0, 0.0])
    assert np.array_equal(mg.hessian(np.prod)(x), np.zeros((5, 5)))
    third = mg.jacobian(mg.hessian(np.prod))(x)
    expected = np.zeros((5, 5, 5))
    for zeros in [(0, 2, 4), (0, 4, 2), (2, 0, 4), (2, 4, 0), (4, 0, 2), (4, 2, 0)]:
        expected[zeros] = 15
    assert np.array_equal(third, expected)


def test_a_product_over_several_axes_at_zeros():
    x = drawn(2, 3, 2)
    x[0, 1, 0] = x[1, 2, 1] = 0
    gradient = mg.grad(lambda t: np.sum(np.prod(t, axis=(2, 0))))(x)
    others = [[np.prod(np.delete(x[:, j].ravel(), k)) for k in range(4)] for j in range(3)]
    np.testing.assert_allclose(gradient.swapaxes(0, 1).reshape(3, 4), others, rtol=1e-14)


def test_no_freedom_left_is_nan_as_in_numpy():
    t = mg.Tensor([1.0], requires_grad=True)
    with pytest.warns(RuntimeWarning):
        z = np.var(t, ddof=2)
        z.backward()
    assert np.isnan(z.data) and np.isnan(t.grad)


NOTHING = [
    (np.sum, (0,), None),
    (np.sum, (0, 3), 0),
    (np.sum, (0, 3), 1),
    (np.prod, (0,), None),
    (np.prod, (2, 0), (0, 1)),
    (np.prod, (0, 3), -1),
    (np.mean, (0, 3), 1),
    (np.var, (0, 3), 1),
    (np.std, (0, 3), (1,)),
    (np.max, (0, 3), 1),
    (np.min, (2, 0, 3), (0, 2)),
    (np.ptp, (0, 3), 1),
    (mg.logsumexp, (0, 3), 1),
]


@pytest.mark.parametrize(("f", "shape", "axis"), NOTHING)
def test_of_nothing(f, shape, axis):
    x = np.zeros(shape)
    if f is not mg.logsumexp:
        np.testing.assert_array_equal(f(mg.Tensor(x), axis=axis).data, f(x, axis=axis))
    for gradient in (mg.grad(lambda t: np.sum(f(t, axis=axis)))(x), mg.hvp(lambda t: np.sum(f(t, axis=axis)))(x, x)):
        assert gradient.shape == shape


@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value", "ignore:Degrees of freedom")
@pytest.mark.parametrize("f", [np.mean, np.var, np.std])
def test_what_is_nan_of_nothing_has_an_empty_gradient(f):
    t = mg.Tensor(np.zeros(0), requires_grad=True)
    z = f(t)
    z.backward()
    assert np.isnan(z.data)
    assert t.grad.shape == (0,)


@pytest.mark.parametrize("axes", [{}, {"offset": 1}, {"offset": -1, "axis1": 2, "axis2": 0}])
def test_trace(axes):
    x = drawn(3, 3, 4)
    np.testing.assert_array_equal(np.trace(mg.Tensor(x), **axes).data, np.trace(x, **axes))
    check_derivatives(lambda t: np.trace(t, **axes) ** 2, x)


def test_a_complex_step_passes_through_sums_and_products():
    for f in (np.sum, np.mean, np.prod, mg.logsumexp):
        step = mg.Tensor(X + 1e-30j * (np.arange(24).reshape(X.shape) == 5))
        assert f(step).data.imag / 1e-30 == pytest.approx(mg.grad(f)(X).ravel()[5], rel=1e-13)


CHOSEN = X > 0
KEYWORDS = [
    (np.sum, {"initial": 2.5}),
    (np.prod, {"initial": 2.5}),
    (np.max, {"initial": 1.0}),
    (np.min, {"initial": -1.0}),
    (np.sum, {"where": CHOSEN}),
    (np.sum, {"where": CHOSEN, "initial": 2.5}),
    (np.prod, {"where": CHOSEN}),
    (np.max, {"where": CHOSEN, "initial": -9.0}),
    (np.min, {"where": CHOSEN[0, :1], "initial": 9.0}),
    (np.mean, {"where": CHOSEN}),
]


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize(("f", "keywords"), KEYWORDS)
def test_numpys_other_keywords(f, keywords, keepdims):
    axis = (1, 2)
    ours, theirs = (f(x, axis, keepdims=keepdims, **keywords) for x in (mg.Tensor(X), X))
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    np.testing.assert_allclose(ours.data, theirs, rtol=1e-14)
    check_derivatives(lambda x: f(x, axis, keepdims=keepdims, **keywords), X)


def test_numpys_other_keywords_in_special_cases():
    assert np.max(mg.Tensor(np.zeros((2, 0))), axis=1, initial=3.0).data.tolist() == [3, 3]
    assert np.mean(mg.Tensor([1, 2, 4]), where=[True, False, True]).data == 2.5
    assert mg.Tensor([1.0, 2.0, 4.0]).sum(where=[True, False, True]).data == 5
    slope = mg.grad(lambda t: np.max(t, initial=5.0))
    assert slope(np.array([1.0, 5.0])).tolist() == [0, 0.5]
    assert slope(np.array([1.0, 2.0])).tolist() == [0, 0]
    with pytest.raises(ValueError, match="max with where= needs initial="):
        np.max(mg.Tensor(X), where=CHOSEN)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("f", [np.var, np.std])
def test_correction_is_ddof(f, keepdims):
    axis = (1, 2)
    ours, theirs = (f(x, axis, keepdims=keepdims, correction=1) for x in (mg.Tensor(X), X))
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    np.testing.assert_allclose(ours.data, theirs, rtol=1e-14)
    check_derivatives(lambda x: f(x, axis, keepdims=keepdims, correction=1), X)
    with pytest.raises(ValueError, match=r"ddof= and correction="):
        f(mg.Tensor(X), ddof=1, correction=1)


REFUSED = [
    (lambda t: np.sum(t, dtype=np.float32), r"sum: dtype= is not supported.*astype"),
    (lambda t: np.sum(t, 0, np.float32), r"sum: .*positional"),
    (lambda t: np.std(t, where=t > 0), r"^std: where= is not supported"),
    (lambda t: t.max(intial=0), r"^max: got an unexpected keyword argument 'intial'"),
    (lambda t: t.mean(initial=0), r"^mean: got an unexpected keyword argument 'initial'"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_what_is_not_supported_says_so(call, message):
    with pytest.raises(TypeError, match=message):
        call(mg.Tensor([1.0, 2.0], requires_grad=True))


def test_an_axis_too_many_names_the_tensor():
    scores = mg.Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(np.exceptions.AxisError) as caught:
        np.sum(scores, axis=1)
    assert "scores (2,) float64" in caught.value.__notes__[0]


def test_one_argument_under_pytorchs_and_numpys_name_is_refused():
    with pytest.raises(TypeError, match=r"dim= and axis= are the same argument"):
        mg.Tensor([[1.0, 2.0]], requires_grad=True).sum(axis=0, dim=1)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.max(x, out=None),
        lambda x: np.sum(x, axis=0, dtype=None, out=None),
        lambda x: np.std(x, where=True),
        lambda x: np.exp(x, out=None, where=True),
        lambda x: np.sort(x, order=None),
        lambda x: np.take(x, [0], mode="raise"),
        lambda x: np.linalg.pinv(x, hermitian=False),
    ],
)
def test_numpys_defaults_may_be_given(call):
    np.testing.assert_array_equal(call(mg.Tensor(X)).data, call(X))


SAID = [
    (lambda t: np.sum(t, where=t > 0, dtype=np.float32), "^sum: dtype= is not supported", "where="),
    (lambda t: np.var(t, where=t > 0), "^var: where= is not supported.*reduce x.mask.", "dtype"),
    (lambda t: np.take(t, [0], mode="wrap"), "^take: mode= is not supported.*i % n", "where"),
    (lambda t: t.std(unbiased=False), "^std: unbiased= is not supported.*ddof=0", "where"),
]


@pytest.mark.parametrize(("call", "says", "not_said"), SAID)
def test_only_the_keywords_that_are_not_taken_are_named(call, says, not_said):
    with pytest.raises(TypeError, match=says) as caught:
        call(mg.Tensor(X))
    assert not_said not in str(caught.value)
