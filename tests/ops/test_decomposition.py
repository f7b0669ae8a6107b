"""Inverses, decompositions and spectra: what does not depend on the free signs and bases, by differences."""

import re

import numpy as np
import pytest

import micrograd_np as mg

from .compositions import check_smooth
from .exactly import function

W = np.array([[1.0, -2.0, 0.5, 1.5], [0.3, 1.0, 2.0, -1.0], [-1.0, 0.7, 1.2, 0.1], [2.0, 0.4, -0.6, 1.1]])

INVERSES = [
    ([(2, 2), (2,)], "np.linalg.solve(x + 3 * np.eye(2), y)"),
    ([(2, 2, 2), (2, 1)], "np.linalg.solve(x + 3 * np.eye(2), y)"),
    ([(2, 2), (3, 2, 2)], "np.linalg.solve(x + 3 * np.eye(2), y)"),
    ([(2, 1, 2), (2, 1)], "np.linalg.tensorsolve(x + 3 * np.reshape(np.eye(2), (2, 1, 2)), y)"),
    ([(2, 2, 2, 2)], "np.linalg.tensorinv(x + 3 * np.reshape(np.eye(4), (2, 2, 2, 2)))"),
    ([(2, 2)], "np.linalg.tensorinv(x + 3 * np.eye(2), ind=1)"),
    ([(2, 2, 4)], "np.linalg.tensorinv(x + 5 * np.reshape(np.eye(4), (2, 2, 4)))"),
    ([(2, 2, 1)], "np.linalg.tensorsolve(x + 3 * np.reshape(np.eye(2), (2, 2, 1)), [1.0, 2.0], axes=(0,))"),
    ([(2, 2), (2, 2)], "np.linalg.solve(x + 3 * np.eye(2), y)"),
    ([(2, 2, 2), (2, 2)], "np.linalg.solve(x + 3 * np.eye(2), y)"),
    ([(3, 2), (3,)], "np.linalg.lstsq(x, y)[0]"),
    ([(3, 2), (3, 2)], "np.linalg.lstsq(x, y)[0]"),
    ([(2, 3), (2,)], "np.linalg.lstsq(x, y, rcond=-1)[0]"),
    ([(3, 2), (3,)], "np.linalg.lstsq(x, y)[1]"),
    ([(3, 2), (3, 2)], "np.linalg.lstsq(x, y)[1]"),
    ([(3, 2)], "np.linalg.lstsq(x, np.ones(3))[3]"),
    ([(3, 1), (1, 2)], "np.linalg.pinv(x @ y, rcond=1e-6)"),
    ([(3, 2)], "np.linalg.pinv(x, rtol=1e-10)"),
    ([(2, 2)], "np.linalg.matrix_power(x + 3 * np.eye(2), -3)"),
    ([(2, 2, 2)], "np.linalg.matrix_power(x, 6)"),
    ([(2, 2)], "np.linalg.slogdet(x)[1]"),
    ([(2, 2)], "np.linalg.slogdet(x)[0] * x"),
]
# The products below are the same for whatever signs and bases NumPy chose.
PRODUCTS = [
    ([(3, 3)], "np.linalg.eigh(x + x.T)[1] * np.exp(np.linalg.eigh(x + x.T)[0]) @ np.linalg.eigh(x + x.T)[1].T"),
    ([(3, 3)], "np.linalg.eigh(x + x.T)[1][:, :1] @ np.linalg.eigh(x + x.T)[1][:, :1].T"),
    ([(2, 2, 2)], "np.linalg.eigh(x + np.matrix_transpose(x), 'U')[1] ** 2"),
    ([(3, 3)], "np.linalg.eigvalsh(x @ x.T, UPLO='U') ** 2"),
    *[
        ([shape], f"(lambda u, s, vh: {product})(*np.linalg.svd(x, full_matrices={full}))")
        for shape in [(4, 2), (2, 4), (3, 3)]
        for full in (True, False)
        for product in (
            "u[..., :2] * np.sin(s[:2]) @ vh[:2]",
            "u[..., :1] @ u[..., :1].T + s[0]",
            "vh[:1].T @ vh[:1] * s[1]",
            "u[:2, :2] ** 2 + vh[:2, :2] ** 2",
        )
    ],
    ([(4, 2)], "(lambda u, s, vh: u[:, 2:] @ u[:, 2:].T)(*np.linalg.svd(x))"),
    ([(2, 4)], "(lambda u, s, vh: vh[2:].T @ vh[2:] @ W)(*np.linalg.svd(x))"),
    ([(2, 3)], "np.linalg.svd(x, compute_uv=False)"),
    ([(2, 2, 3)], "np.linalg.svdvals(x)"),
    ([(4, 2)], "(lambda q, r: q[:, 2:] @ q[:, 2:].T @ W + q @ r @ W[:2])(*np.linalg.qr(x, 'complete'))"),
    ([(4, 2)], "(lambda q, r: q[:, :1] @ r[:1] + r[:, 1:])(*np.linalg.qr(x, mode='complete'))"),
    ([(3, 2)], "np.linalg.qr(x, 'r')"),
    ([(2, 2, 3)], "np.linalg.qr(x)[1] ** 2"),
    ([(2, 4)], "(lambda q, r: q @ np.sin(r))(*np.linalg.qr(x))"),
    ([(3, 3)], "np.linalg.cholesky(x @ x.T + np.eye(3))"),
    ([(2, 2, 2)], "np.linalg.cholesky(x @ np.matrix_transpose(x) + np.eye(2), upper=True)"),
]


@pytest.mark.parametrize(("shapes", "expression"), INVERSES + PRODUCTS, ids=lambda part: str(part))
def test_smooth(shapes, expression):
    check_smooth(shapes, expression.replace("W", f"np.array({W.tolist()})"))


@pytest.mark.parametrize(
    "expression", ["np.linalg.cholesky(x)", "np.linalg.eigh(x)[1]", "np.linalg.svd(x)[0]", "np.linalg.inv(x)"]
)
def test_what_no_rule_reads_may_be_written_to(expression):
    x = mg.Tensor(np.array([[2.0, 0.5], [0.5, 3.0]]), requires_grad=True)
    z, again = function(expression)(x), function(expression)(x)
    z.backward(np.ones((2, 2)))
    gradient, x.grad = x.grad, None
    x.data -= 1.0
    again.backward(np.ones((2, 2)))
    np.testing.assert_array_equal(x.grad, gradient)


NAMED = ["np.linalg.slogdet(x)", "np.linalg.eigh(x)", "np.linalg.svd(x)", "np.linalg.qr(x)"]


@pytest.mark.parametrize("call", NAMED)
def test_outputs_have_numpys_names(call):
    theirs = function(call)(W)
    ours = function(call)(mg.Tensor(W, requires_grad=True))
    assert type(ours) is type(theirs)
    for z, expected in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(z.data, expected)


def test_least_squares_gives_numpys_four():
    a, b = W[:, :2], W[:, 2]
    for given in [(a, b), (a, W), (a[:2], b[:2]), (W[:, [0, 0]], b)]:
        theirs = np.linalg.lstsq(*given)
        ours = np.linalg.lstsq(mg.Tensor(given[0], requires_grad=True), given[1])
        assert ours[2] == theirs[2]
        for z, expected in zip((ours[0], ours[1], ours[3]), (theirs[0], theirs[1], theirs[3]), strict=True):
            np.testing.assert_allclose(z.data, expected, rtol=1e-12, atol=1e-12)
    whole = np.array([[0, 1], [1, 1], [2, 1]])
    ours, theirs = np.linalg.lstsq(whole, mg.Tensor(b[:3], requires_grad=True)), np.linalg.lstsq(whole, b[:3])
    np.testing.assert_allclose(ours[0].data, theirs[0], rtol=1e-12)


SYMMETRIC = [
    "np.linalg.cholesky(x)",
    "np.linalg.cholesky(x, upper=True)",
    "np.linalg.eigh(x)[1]",
    "np.linalg.eigvalsh(x, 'U')",
]


@pytest.mark.parametrize("expression", SYMMETRIC)
def test_the_gradient_of_a_symmetric_matrix_is_symmetric(expression):
    """NumPy reads one triangle; the gradient is that of the symmetric matrix, and right along symmetric steps."""
    f = function(f"np.sum({expression} * np.arange(1.0, x.shape[0] + 1))")
    x = W[:3, :3] @ W[:3, :3].T + np.diag([1.0, 2.0, 3.0])
    step = W[1:, :3] + W[1:, :3].T
    gradient = mg.grad(f)(x)
    np.testing.assert_array_equal(gradient, gradient.T)
    slope = (f(x + 1e-5 * step) - f(x - 1e-5 * step)) / 2e-5
    np.testing.assert_allclose(np.sum(gradient * step), slope, rtol=1e-7)


ONE_TRIANGLE = [
    ("np.linalg.eigh(x)[0]", np.tril),
    ("np.linalg.eigh(x, 'U')[1] ** 2", np.triu),
    ("np.linalg.eigvalsh(x)", np.tril),
    ("np.linalg.eigvalsh(x, 'U')", np.triu),
    ("np.linalg.cholesky(x)", np.tril),
    ("np.linalg.cholesky(x, upper=True)", np.triu),
]


@pytest.mark.parametrize(("expression", "half"), ONE_TRIANGLE)
def test_the_other_triangle_does_not_matter(expression, half):
    """Values and gradient are those of the symmetric matrix that NumPy completes from the triangle it reads."""
    x = W + 5 * np.eye(4)
    whole = half(x) + half(x).T - np.diag(np.diag(x))
    weighed = function(f"np.sum({expression} * np.arange(1.0, 5.0))")
    (value, gradient), (expected, right) = mg.value_and_grad(weighed)(x), mg.value_and_grad(weighed)(whole)
    np.testing.assert_allclose(value, weighed(x), rtol=1e-13)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    np.testing.assert_allclose(gradient, right, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    "values", ["np.linalg.eigh(x)[0]", "np.linalg.svd(x)[1]", "np.linalg.eigvalsh(x)", "np.linalg.svdvals(x)"]
)
def test_equal_values_have_a_sum_with_a_slope(values):
    np.testing.assert_allclose(mg.grad(function(f"np.sum({values})"))(np.eye(3)), np.eye(3), atol=1e-15)


EQUAL = [
    ("(lambda w, v: v * np.arange(9.0).reshape(3, 3))(*np.linalg.eigh(x))", np.eye(3), "eigh: values 0 and 1"),
    ("(lambda w, v: v * w**2 @ v.T)(*np.linalg.eigh(x))", np.eye(3), "eigh: values 0 and 1"),
    ("(lambda w, v: v * w**2 @ v.T)(*np.linalg.eigh(x))", W[:3] @ W[:3].T * 0, "eigh: values 0 and 1"),
    ("(lambda w, v: v * np.log(w) @ v.T)(*np.linalg.eigh(x))[0, 1]", np.eye(3), "eigh: values 0 and 1"),
    ("(lambda w, v: v[:, 2] ** 3)(*np.linalg.eigh(x))", np.diag([1.0, 2, 2]), "eigh: values 1 and 2"),
    ("(lambda w, v: v * w**2 @ v.T)(*np.linalg.eigh(x))", np.eye(3) + 1 / 3, "eigh: values 0 and 1"),
    ("(lambda u, s, vh: u)(*np.linalg.svd(x))", np.eye(3), "svd: values 0 and 1"),
    ("(lambda u, s, vh: u @ vh)(*np.linalg.svd(x))", np.eye(3), "svd: values 0 and 1"),
    ("(lambda u, s, vh: vh)(*np.linalg.svd(x))", np.zeros((3, 3)), "svd: values 0 and 1"),
    ("(lambda u, s, vh: u)(*np.linalg.svd(x, full_matrices=False))", np.eye(3)[:, :2] * [1, 0], "svd: values 0 and 1"),
]


@pytest.mark.parametrize(("expression", "x", "says"), EQUAL)
def test_vectors_of_equal_values_are_refused_by_name(expression, x, says):
    with pytest.raises(np.linalg.LinAlgError, match=rf"{says}.*Use the values alone"):
        mg.grad(function(f"np.sum({expression})"))(x)


def test_values_that_are_only_near_each_other_have_vectors_with_a_slope():
    gradient = mg.grad(function("np.sum((lambda w, v: v * w**2 @ v.T)(*np.linalg.eigh((x + x.T) / 2)))"))
    np.testing.assert_allclose(gradient(np.diag([1, 1 + 1e-9])), 2 * np.ones((2, 2)), rtol=1e-6)


def minors(x):
    """The derivative of det x, by its definition."""
    cut = [[np.delete(np.delete(x, i, 0), j, 1) for j in range(len(x))] for i in range(len(x))]
    return np.array([[(-1) ** (i + j) * np.linalg.det(m) for j, m in enumerate(row)] for i, row in enumerate(cut)])


RANK_2 = np.array([[1.0, 2, 3], [4, 5, 6], [5, 7, 9]])
MATRICES = [np.array([[1.0, 2], [2, 4]]), np.zeros((1, 1)), np.zeros((3, 3)), np.eye(3), RANK_2, np.diag([0.0, 2, 3])]
MATRICES += [np.ones((3, 3)), W, W * [[1], [1], [0], [1]], np.arange(9.0).reshape(3, 3), W[:3, :3] * 1e-200]


@pytest.mark.parametrize("x", MATRICES)
def test_the_derivative_of_a_determinant_is_its_minors(x):
    np.testing.assert_allclose(mg.grad(np.linalg.det)(x), minors(x), rtol=1e-12, atol=1e-13 * np.abs(x).max())


def test_a_singular_matrix_leaves_the_others_of_its_batch_alone():
    x = np.stack([W[:3, :3], RANK_2, np.zeros((3, 3)), W[1:, 1:]])
    found = mg.grad(lambda x: np.sum(np.linalg.det(x)))(x)
    for ours, matrix in zip(found, x, strict=True):
        np.testing.assert_allclose(ours, minors(matrix), rtol=1e-12, atol=1e-14)
    with np.errstate(all="ignore"):
        logarithm = mg.grad(lambda x: np.sum(np.linalg.slogdet(x)[1]))(x)
    np.testing.assert_allclose(logarithm[[0, 3]], np.swapaxes(np.linalg.inv(x[[0, 3]]), 1, 2), rtol=1e-12)
    assert not np.isfinite(logarithm[1:3]).any(axis=(1, 2)).all()


@pytest.mark.parametrize("x", [x for x in MATRICES if len(x) > 1])
def test_a_determinant_of_a_singular_matrix_has_a_second_derivative(x):
    n = len(x)
    step = 1e-3 * np.eye(n * n).reshape(n, n, n, n) * max(np.abs(x).max(), 1e-3)
    size = np.abs(step).max()
    expected = np.array([[(minors(x + d) - minors(x - d)) / (2 * size) for d in row] for row in step])
    scale = np.abs(expected).max()
    np.testing.assert_allclose(mg.hessian(np.linalg.det)(x), expected, rtol=1e-5, atol=1e-5 * scale)


SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])
REFUSED_FORWARD = [
    ("np.linalg.inv(x)", "Singular", r"In inv of x \(2, 2\).*pinv"),
    ("np.linalg.solve(x, [1.0, 2.0])", "Singular", r"In solve of x \(2, 2\)"),
    ("np.linalg.matrix_power(x, -1)", "Singular", r"In inv of x \(2, 2\)"),
    ("np.linalg.inv(x[:1])", "square", r"In inv of .*\(1, 2\)"),
    ("np.linalg.det(x[0])", "two-dimensional", r"In det of .*\(2,\)"),
    ("np.linalg.cholesky(-x)", "not positive definite", r"In cholesky of .*\(2, 2\)"),
    ("np.linalg.eigh(x[:1])", "square", r"In eigh of .*\(1, 2\)"),
]


@pytest.mark.parametrize(("expression", "says", "note"), REFUSED_FORWARD)
def test_refused(expression, says, note):
    with pytest.raises(np.linalg.LinAlgError, match=says) as caught:
        function(expression)(mg.Tensor(SINGULAR, requires_grad=True, name="x"))
    assert re.search(note, "\n".join(caught.value.__notes__))


REFUSED_BACKWARD = ["np.sum(np.linalg.qr(x * [1.0, 0.0])[0])"]


@pytest.mark.parametrize("expression", REFUSED_BACKWARD)
def test_a_singular_matrix_is_refused_on_the_way_back(expression):
    z = function(expression)(mg.Tensor(SINGULAR, requires_grad=True))
    with pytest.raises(np.linalg.LinAlgError, match="Singular") as caught:
        z.backward()
    assert any("In the backward pass of" in line for line in caught.value.__notes__)


def test_what_does_not_fit_is_refused_in_words():
    a, b = mg.Tensor(np.eye(2), requires_grad=True), mg.Tensor(np.ones(3))
    with pytest.raises(ValueError, match=r"solve does not fit a \(2, 2\) float64, b \(3,\) .*must be equal"):
        np.linalg.solve(a, b)
    with pytest.raises(ValueError, match=r"lstsq does not fit a \(2, 2\) float64, b \(3,\) .*must be equal"):
        np.linalg.lstsq(a, b)
    with pytest.raises(ValueError, match=r"qr with mode='raw' is not supported.*'reduced'"):
        np.linalg.qr(a, mode="raw")


@pytest.mark.parametrize("call", ["np.linalg.matrix_rank(x)", "np.linalg.matrix_rank(x, tol=1e-3)"])
def test_a_rank_is_plain(call):
    assert function(call)(mg.Tensor(SINGULAR, requires_grad=True)) == 1


@pytest.mark.parametrize("call", ["np.linalg.eig(x)", "np.linalg.eigvals(x)"])
def test_what_would_be_complex_names_itself(call):
    with pytest.raises(TypeError, match=r"np\.linalg\.eig"):
        function(call)(mg.Tensor(W, requires_grad=True))
