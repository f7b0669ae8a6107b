"""Norms: NumPy's values for each order and axis, derivatives by differences; what holds at 0 and at ties by hand."""

import numpy as np
import pytest

import micrograd_np as mg

from .compositions import check_smooth
from .exactly import function

SMOOTH = [
    ([(3,)], "np.linalg.norm(x)"),
    ([(2, 3, 2)], "np.linalg.norm(x)"),
    ([(2, 3, 2)], "np.linalg.norm(x, keepdims=True)"),
    ([(3,)], "np.linalg.norm(x, 2)"),
    ([(3,)], "np.linalg.norm(x, 2, keepdims=True)"),
    *[
        ([(3, 2)], f"np.linalg.norm(x, {ord}, axis={axis})")
        for ord in (None, 1, 2, 3, 0.5, -1, -2.5, "np.inf", "-np.inf", 0)
        for axis in (0, "(1,)")
    ],
    *[
        ([(2, 2, 3)], f"np.linalg.norm(x, {ord}, axis=(-1, 0), keepdims={keepdims})")
        for ord in (None, 1, -1, "np.inf", "-np.inf", "'fro'")
        for keepdims in (False, True)
    ],
    *[([(2, 3)], f"np.linalg.norm(x, {ord})") for ord in (1, "np.inf", "'fro'", 2, -2, "'nuc'")],
    ([(2, 3, 2)], "np.linalg.norm(x, 'nuc', axis=(1, 2))"),
    ([(2, 3, 2)], "np.linalg.norm(x, 2, axis=(2, 0), keepdims=True)"),
    ([(2, 3)], "np.linalg.vector_norm(x)"),
    ([(2, 3, 2)], "np.linalg.vector_norm(x, axis=(0, -1), ord=3)"),
    ([(2, 3, 2)], "np.linalg.vector_norm(x, axis=(0, -1), ord=1, keepdims=True)"),
    ([(2, 3)], "np.linalg.vector_norm(x, axis=-1, ord=np.inf)"),
    ([(2, 3)], "np.linalg.vector_norm(x, keepdims=True)"),
    ([(2, 3, 2)], "np.linalg.matrix_norm(x)"),
    ([(2, 3, 2)], "np.linalg.matrix_norm(x, ord=1, keepdims=True)"),
    *[([(2, 2)], f"np.linalg.cond(x, {p})") for p in (None, 2, -2, 1, "np.inf", "'fro'")],
    ([(3, 2)], "np.linalg.cond(x)"),
]


@pytest.mark.parametrize(("shapes", "expression"), SMOOTH, ids=lambda part: str(part))
def test_smooth(shapes, expression):
    check_smooth(shapes, expression)


def test_integers_have_norms():
    for expression in ("np.linalg.norm(x)", "np.linalg.norm(x, 1)", "np.linalg.norm(x, 3)"):
        x = np.array([3, -4])
        z = function(expression)(mg.Tensor(x))
        assert (z.dtype, z.data) == (np.float64, function(expression)(x))


@pytest.mark.parametrize("ord", [None, 1, 2, 3, 1.5, 0.5, np.inf, 0])
def test_a_vector_of_zeros_has_slope_zero(ord):
    f = lambda x: np.linalg.norm(x, ord)  # noqa: E731
    x = np.zeros(3)
    np.testing.assert_array_equal(mg.grad(f)(x), x)
    bend = (
        0 if ord not in (None, 2) else np.nan
    )  # of the 2-norm no second derivative exists, whatever the first is taken for
    np.testing.assert_array_equal(mg.hessian(f)(x), np.full((3, 3), bend))


@pytest.mark.parametrize("ord", [None, "fro", 1, np.inf, "nuc", 2])
def test_a_matrix_of_zeros_has_a_finite_slope(ord):
    gradient = mg.grad(lambda x: np.linalg.norm(x, ord))(np.zeros((3, 3)))
    assert np.linalg.norm(gradient) <= 3
    if ord not in ("nuc", 2):
        np.testing.assert_array_equal(gradient, np.zeros((3, 3)))


@pytest.mark.parametrize("ord", [1.5, 3, 0.5])
def test_an_entry_of_zero_has_slope_zero(ord):
    x = np.array([1.0, 0.0, -2.0])
    alone = mg.grad(lambda x: np.linalg.norm(x, ord))(x[[0, 2]])
    np.testing.assert_allclose(mg.grad(lambda x: np.linalg.norm(x, ord))(x), [alone[0], 0, alone[1]], rtol=1e-14)


def test_an_entry_of_zero_bends_the_root_of_squares():
    """The second derivative at (3, 0, 4) across it is 1/5."""
    bend = mg.hessian(np.linalg.norm)(np.array([3.0, 0.0, 4.0]))
    np.testing.assert_allclose(bend[1], [0, 1 / 5, 0], atol=1e-16)


TIES = [
    ("np.linalg.norm(x, np.inf)", [3.0, -3.0, 1.0], [0.5, -0.5, 0]),
    ("np.linalg.norm(x, -np.inf)", [3.0, -1.0, 1.0], [0, -0.5, 0.5]),
    ("np.linalg.norm(x, np.inf)", [[1.0, -2.0], [3.0, 0.0], [0.5, 0.5]], [[0.5, -0.5], [0.5, 0], [0, 0]]),
    ("np.linalg.norm(x, 1)", [[1.0, -2.0], [3.0, 2.0]], [[0.5, -0.5], [0.5, 0.5]]),
    ("np.linalg.norm(x, -1)", [[1.0, -2.0], [3.0, 2.0]], [[0.5, -0.5], [0.5, 0.5]]),
]


@pytest.mark.parametrize(("expression", "at", "gradient"), TIES)
def test_the_largest_share_equally(expression, at, gradient):
    np.testing.assert_allclose(mg.grad(function(expression))(np.array(at)), gradient, rtol=1e-15)


@pytest.mark.parametrize("shape", [(0,), (0, 3)])
def test_nothing_has_norm_zero(shape):
    x = mg.Tensor(np.zeros(shape), requires_grad=True)
    z = np.linalg.norm(x)
    z.backward()
    assert (z.data, x.grad.shape) == (0, shape)


REFUSED = [
    ("np.linalg.norm(x, 2)", r"norm takes vectors or matrices, and x \(2, 3, 4\) float64 has 3 axes.*axis="),
    ("np.linalg.norm(x, 1, axis=(0, 1, 2))", "has 3 axes"),
    ("np.linalg.norm(x, 'fro', axis=0)", "no ord='fro' for vectors"),
    ("np.linalg.norm(x, 3, axis=(0, 1))", "no ord=3 for matrices: 1, -1, 2"),
    ("np.linalg.norm(x, axis=3)", "out of bounds"),
    ("np.linalg.norm(x, axis=(0, 0))", "repeated axis"),
]


@pytest.mark.parametrize(("expression", "says"), REFUSED)
def test_refused(expression, says):
    with pytest.raises(ValueError, match=says):
        function(expression)(mg.Tensor(np.ones((2, 3, 4)), requires_grad=True, name="x"))
    with pytest.raises(ValueError):
        function(expression)(np.ones((2, 3, 4)))
