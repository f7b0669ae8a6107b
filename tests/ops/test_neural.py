"""Activations: their formulas, the article's bits, numbers of any size, corners, other dtypes."""

import math

import numpy as np
import pytest

import micrograd_np as mg

exp, log = np.exp, np.log


erf = np.vectorize(math.erf, otypes=[float])
erfc = np.vectorize(math.erfc, otypes=[float])


def near_normal(x):
    """The tanh form of the normal distribution."""
    return (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2


# As they are defined, for numbers of moderate size.
FORMULAS = [
    (mg.sigmoid, lambda x: 1 / (1 + exp(-x))),
    (mg.log_sigmoid, lambda x: log(1 / (1 + exp(-x)))),
    (mg.softplus, lambda x: log(1 + exp(x))),
    (lambda x: mg.softplus(x, 3), lambda x: log(1 + exp(3 * x)) / 3),
    (mg.silu, lambda x: x / (1 + exp(-x))),
    (mg.gelu, lambda x: x * erfc(-x / np.sqrt(2 * x**0)) / 2),
    (lambda x: mg.gelu(x, "tanh"), lambda x: x * near_normal(x)),
    (mg.erf, erf),
    (mg.erfc, erfc),
    (mg.relu, lambda x: np.where(x > 0, x, 0)),
    (mg.leaky_relu, lambda x: np.where(x > 0, x, 0.01 * x)),
    (lambda x: mg.leaky_relu(x, negative_slope=0.2), lambda x: np.where(x > 0, x, 0.2 * x)),
    (mg.elu, lambda x: np.where(x > 0, x, exp(x) - 1)),
    (lambda x: mg.elu(x, alpha=0.5), lambda x: np.where(x > 0, x, 0.5 * (exp(x) - 1))),
]


@pytest.mark.parametrize(("ours", "formula"), FORMULAS)
def test_formula(ours, formula):
    x = np.linspace(-4, 4, 33)
    np.testing.assert_allclose(ours(x), formula(x.astype(np.longdouble)).astype(float), rtol=1e-14, atol=1e-15)


def test_numbers_to_look_up():
    assert mg.gelu(1.0) == pytest.approx(0.8413447460685429, rel=1e-15)
    assert mg.gelu(1.0, approximate="tanh") == pytest.approx(0.8411919906082768, rel=1e-15)
    assert mg.silu(1.0) == pytest.approx(0.7310585786300049, rel=1e-15)
    assert mg.softplus(0.0) == pytest.approx(math.log(2), rel=1e-15)


@pytest.mark.parametrize(("dtype", "most"), [(np.float32, 87), (np.float64, 708)])
def test_sigmoid_has_the_bits_of_the_articles_formula(dtype, most):
    x = np.random.default_rng(0).uniform(-most, most, 10_000).astype(dtype)
    z = mg.sigmoid(x)
    assert z.dtype == dtype
    np.testing.assert_array_equal(z, 1 / (1 + np.exp(-x)))


# What is left of each function far from 0: its value and its slope at -1000 and at 1000. The second derivative is 0.
FAR = [
    (mg.sigmoid, (0, 0), (1, 0)),
    (mg.log_sigmoid, (-1000, 1), (0, 0)),
    (mg.softplus, (0, 0), (1000, 1)),
    (mg.silu, (0, 0), (1000, 1)),
    (mg.gelu, (0, 0), (1000, 1)),
    (lambda x: mg.gelu(x, "tanh"), (0, 0), (1000, 1)),
    (mg.erf, (-1, 0), (1, 0)),
    (mg.erfc, (2, 0), (0, 0)),
    (mg.relu, (0, 0), (1000, 1)),
    (mg.leaky_relu, (-10, 0.01), (1000, 1)),
    (mg.elu, (-1, 0), (1000, 1)),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("f", "below", "above"), FAR)
def test_far_from_zero_without_a_warning(f, below, above, dtype):
    for x, (value, slope) in ((-1000, below), (1000, above)):
        x = np.array([x], dtype)
        np.testing.assert_allclose(f(x), [value], rtol=1e-6, atol=1e-20)
        np.testing.assert_allclose(mg.grad(lambda x: f(x).sum())(x), [slope], rtol=1e-6, atol=1e-20)
        np.testing.assert_allclose(mg.hessian(lambda x: f(x).sum())(x), [[0]], atol=1e-20)


CORNERS = [(mg.relu, 0), (mg.leaky_relu, 0.01), (mg.elu, 1), (lambda x: mg.elu(x, 0.3), 0.3)]


@pytest.mark.parametrize(("f", "slope"), CORNERS)
def test_slope_at_the_corner_is_that_of_the_left(f, slope):
    assert mg.grad(f)(np.array(0.0)) == slope


def test_tails_keep_their_digits():
    """The textbook's 1 + tanh is 0 here, and its product with x lost."""
    x = np.array(-8.0)
    u = np.longdouble(8) * np.sqrt(2 / np.longdouble(np.pi)) * (1 + np.longdouble(0.044715) * 64)
    np.testing.assert_allclose(mg.gelu(x, "tanh"), float(-8 * np.exp(-2 * u)), rtol=1e-12)
    np.testing.assert_allclose(mg.gelu(x), -8 * math.erfc(8 * math.sqrt(0.5)) / 2, rtol=1e-13)


LINE = np.concatenate([np.linspace(-7, 27, 5001), np.geomspace(1e-300, 1, 200), -np.geomspace(1e-300, 6, 200)])
LINE = np.concatenate([LINE, [0, 0.46875, np.nextafter(0.46875, 1), 4, np.nextafter(4, 5), -0.46875, -4, 26.5]])


@pytest.mark.parametrize(("ours", "theirs"), [(mg.erf, erf), (mg.erfc, erfc)])
@pytest.mark.parametrize(("dtype", "least"), [(np.float64, 1e-300), (np.float32, 1e-36)])
def test_the_error_function_is_right_to_eight_units_in_the_last_place(ours, theirs, dtype, least):
    x = LINE.astype(dtype)
    expected = theirs(x)
    close = np.abs(expected) > least
    np.testing.assert_allclose(ours(x)[close], expected[close], rtol=8 * np.finfo(dtype).eps)
    np.testing.assert_allclose(ours(x)[~close], expected[~close], atol=2 * least)
    assert ours(x).dtype == dtype


def test_the_error_function_of_what_is_not_a_finite_number():
    x = np.array([math.inf, -math.inf, math.nan, 0])
    np.testing.assert_array_equal(mg.erf(x), [1, -1, math.nan, 0])
    np.testing.assert_array_equal(mg.erfc(x), [0, 2, math.nan, 1])
    assert np.signbit(mg.erf(-0.0))


def test_the_error_function_does_not_depend_on_how_many_numbers_there_are():
    x = np.random.default_rng(0).normal(size=(3, 20_000)).T
    np.testing.assert_array_equal(mg.erfc(x)[::777], mg.erfc(x[::777]))


def test_gelu_refuses_another_form():
    with pytest.raises(ValueError, match=r"approximate='erf': 'none'.*or 'tanh'"):
        mg.gelu(np.ones(2), approximate="erf")


@pytest.mark.parametrize(
    "f", [mg.sigmoid, mg.log_sigmoid, mg.softplus, mg.silu, mg.gelu, mg.erf, mg.elu, mg.leaky_relu]
)
def test_unsigned_numbers_do_not_wrap_around(f):
    np.testing.assert_allclose(f(np.array([0, 1, 200], np.uint8)), f(np.array([0.0, 1, 200])), rtol=1e-6)


@pytest.mark.parametrize("f", [pair[0] for pair in FORMULAS])
def test_numbers_and_lists_are_taken_as_numpy_takes_them(f):
    np.testing.assert_array_equal(f([1, -2]), f(np.array([1, -2])))
    np.testing.assert_array_equal(f(0.5), f(np.array(0.5)))


def test_unknown_arguments_name_the_function():
    with pytest.raises(TypeError, match=r"leaky_relu: .*alpha"):
        mg.leaky_relu(np.ones(2), alpha=0.1)


EDGES = np.array([[-0.0, 0.0, np.nan, np.inf], [-np.inf, 1.0, -1.0, 5e-324]])


@pytest.mark.parametrize(
    "x",
    [
        *[EDGES.astype(kind) for kind in (np.float16, np.float32, np.float64)],
        *[EDGES.T, EDGES[:, ::2], np.asfortranarray(np.tile(EDGES, (5, 9))), np.array(-3.0), np.zeros((0, 3))],
        *[np.array([-2, 0, 2]), np.array([True, False])],
    ],
    ids=lambda x: f"{x.dtype} {x.shape} {x.strides}",
)
def test_relu_is_numpys_maximum_to_the_bit(x):
    ours, numpys = mg.relu(x), np.asarray(np.maximum(x, 0))
    assert (ours.dtype, ours.strides, ours.tobytes()) == (numpys.dtype, numpys.strides, numpys.tobytes())
