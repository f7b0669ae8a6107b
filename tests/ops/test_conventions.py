"""Second derivatives at points where the first is a convention: right or nan where the function has one, never 0."""

import warnings

import numpy as np
import pytest

import micrograd_np as mg

ORIGIN = np.zeros(2)
NEVER_ZERO = [
    ("the square of a norm", lambda x: np.linalg.norm(x) ** 2, 2 * np.eye(2)),
    ("the square of a norm along an axis", lambda x: np.linalg.norm(x[None], axis=1).sum() ** 2, 2 * np.eye(2)),
    ("the square of a Frobenius norm", lambda x: np.linalg.norm(x[None], "fro") ** 2, 2 * np.eye(2)),
    ("the square of a vector norm", lambda x: np.linalg.vector_norm(x) ** 2, 2 * np.eye(2)),
    ("a bell", lambda x: np.exp(-(np.linalg.norm(x) ** 2)), -2 * np.eye(2)),
    ("the square of a hypotenuse", lambda x: np.hypot(x[0], x[1]) ** 2, 2 * np.eye(2)),
    ("the square of a deviation", lambda x: np.std(x) ** 2, [[0.5, -0.5], [-0.5, 0.5]]),
    ("the square of a deviation from a sample", lambda x: np.std(x, ddof=1) ** 2, [[1, -1], [-1, 1]]),
    ("the square of a deviation without nan", lambda x: np.nanstd(x) ** 2, [[0.5, -0.5], [-0.5, 0.5]]),
    ("a norm times a norm", lambda x: np.linalg.norm(x) * np.linalg.norm(-x), 2 * np.eye(2)),
    ("a variance", np.var, [[0.5, -0.5], [-0.5, 0.5]]),
]


@pytest.mark.parametrize("what, f, right", NEVER_ZERO, ids=[what for what, _, _ in NEVER_ZERO])
def test_right_or_nan(what, f, right):
    found = mg.hessian(f)(ORIGIN)
    assert np.isnan(found).all() or np.allclose(found, right)


@pytest.mark.parametrize("what, f, right", NEVER_ZERO, ids=[what for what, _, _ in NEVER_ZERO])
def test_the_first_derivative_is_0_and_warns_of_nothing(what, f, right):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = mg.grad(f)(ORIGIN)
    assert np.allclose(found, 0)


@pytest.mark.parametrize("f", [np.linalg.norm, np.std, np.nanstd, lambda x: np.hypot(x[0], x[1])])
def test_where_nothing_moves_the_second_derivative_is_0(f):
    assert mg.hvp(f)(ORIGIN, ORIGIN).tolist() == [0, 0]
    assert np.isnan(mg.hvp(f)(ORIGIN, np.array([1.0, 0.0]))).all()


@pytest.mark.parametrize("f", [np.std, np.nanstd])
def test_what_moves_all_entries_alike_does_not_move_a_deviation(f):
    assert mg.hvp(f)(np.array([3.0, 3.0]), np.ones(2)).tolist() == [0, 0]


POINTS = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, -1.0]])


def distances(points):
    return np.linalg.norm(points[:, None] - points[None], axis=-1)


def of_pairs(points):
    """The same sum without the distances of points from themselves."""
    return 2 * sum(np.linalg.norm(points[i] - points[j]) for i, j in [(0, 1), (0, 2), (1, 2)])


def test_masked_distances_of_pairs_have_the_hessian_of_the_pairs():
    apart = 1 - np.eye(3)
    found = mg.hessian(lambda p: (distances(p) * apart).sum())(POINTS)
    np.testing.assert_allclose(found, mg.hessian(of_pairs)(POINTS), atol=1e-15)
    np.testing.assert_allclose(mg.hessian(lambda p: distances(p).sum())(POINTS), found, atol=1e-15)


def test_a_group_lasso_with_a_row_of_zeros_has_the_hessian_of_the_other_row():
    w = np.array([[0.0, 0.0, 0.0], [1.0, 2.0, 2.0]])
    found = mg.hessian(lambda w: np.linalg.norm(w, axis=1).sum())(w)
    unit = w[1] / 3
    np.testing.assert_allclose(found[1, :, 1], (np.eye(3) - np.outer(unit, unit)) / 3, rtol=1e-14)
    assert not found[1, :, 0].any()
    assert np.isnan(found[0, :, 0]).all()


KINKS = [
    ("a product of absolute values", lambda x: (np.abs(x) * np.abs(x)).sum()),
    ("a product of maxima", lambda x: (np.maximum(x, 0) * np.maximum(x, 0)).sum()),
    ("a product of relus", lambda x: (mg.relu(x) * mg.relu(x)).sum()),
    ("the 1-norm", lambda x: np.linalg.norm(x, 1)),
    ("the 3-norm", lambda x: np.linalg.norm(x, 3)),
]


@pytest.mark.parametrize("what, f", KINKS, ids=[what for what, _ in KINKS])
def test_kinks_have_slope_0_and_none_but_that(what, f):
    found = mg.hessian(f)(ORIGIN)
    expected = 0.5 * np.eye(2) if "maxima" in what else np.zeros((2, 2))
    assert np.array_equal(found, expected)


def test_an_outer_zero_does_not_hide_a_moving_vector():
    """Linear in the cotangent: nan times a cotangent of 0 is what the norm of a vector that moves has."""
    assert np.isnan(mg.hessian(lambda x: 0 * np.linalg.norm(x))(ORIGIN)).all()
