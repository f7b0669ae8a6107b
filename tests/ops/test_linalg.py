"""Products: values and dtypes are NumPy's; each is linear in each of its arguments, so its gradients are exact."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

import micrograd_np as mg

from .exactly import check, function, whole

ROWS = [
    *[
        (shapes, f"np.{product}(x, y)")
        for product in ("dot", "matmul", "inner")
        for shapes in (
            [(3,), (3,)],
            [(2, 3), (3,)],
            [(3,), (3, 2)],
            [(2, 3), (3, 2)],
            [(2, 3), (2, 3)],
            [(2, 2, 3), (3,)],
            [(3,), (2, 3, 2)],
            [(2, 2, 3), (2, 3, 1)],
            [(2, 1, 2, 3), (2, 3, 2)],
            [(2, 3), ()],
            [(), (3,)],
            [(), ()],
            [(0, 3), (3, 2)],
            [(2, 0), (0, 3)],
        )
    ],
    *[
        (shapes, f"np.{product}(x, y)")
        for product in ("dot", "matmul", "inner", "vecdot", "matvec", "vecmat")
        for shapes in ([(2, 2), (2, 2)], [(2, 2), (2,)], [(2,), (2, 2)], [(2, 2, 2), (2, 2)], [(2, 2), (2, 2, 2)])
        if hasattr(np, product)
    ],
    ([(2, 3), (3, 2)], "x @ y"),
    ([(2, 3), (3, 2)], "x.dot(y)"),
    ([(2, 3), (3, 2)], "np.linalg.matmul(x, y)"),
    ([(2, 3), (3, 2)], "np.vdot(x, y)"),
    ([(), ()], "np.vdot(x, y)"),
    ([(2, 3), (3, 3)], "np.vdot(x, y)"),
    ([(2, 1, 3), (2, 3)], "np.vecdot(x, y)"),
    ([(3, 2), (2, 3, 2)], "np.vecdot(x, y, axis=-2)"),
    ([(3, 2), (3, 2)], "np.linalg.vecdot(x, y, axis=0)"),
    ([(3, 1), (3, 2)], "np.vecdot(x, y)"),
    ([(2, 3), (3,)], "np.linalg.outer(x[0], y)"),
    ([(2, 3), (2,)], "np.outer(x, y)"),
    ([(), (2,)], "np.outer(x, y)"),
    ([(0,), (2,)], "np.outer(x, y)"),
]
if hasattr(np, "matvec"):
    ROWS += [
        ([(2, 3), (3,)], "np.matvec(x, y)"),
        ([(2, 1, 2, 3), (3, 3)], "np.matvec(x, y)"),
        ([(2, 3), (2,)], "np.matvec(x, y)"),
        ([(3,), (3,)], "np.matvec(x, y)"),
        ([(2,), (2, 3)], "np.vecmat(x, y)"),
        ([(3, 2), (2, 1, 2, 3)], "np.vecmat(x, y)"),
        ([(3,), (2, 3)], "np.vecmat(x, y)"),
    ]
WRITTEN_WITH_ROWS = [
    ([(2, 3), (2, 3)], "np.tensordot(x, y)"),
    ([(2, 3), (3, 2)], "np.tensordot(x, y, 1)"),
    ([(2, 3), (2,)], "np.tensordot(x, y, axes=0)"),
    ([(2, 3, 4), (4, 2, 5)], "np.tensordot(x, y, ([0, -1], [1, 0]))"),
    ([(2, 3), (3, 2)], "np.tensordot(x, y, (1, 0))"),
    ([(2, 3), (3, 2)], "np.linalg.tensordot(x, y, axes=1)"),
    ([(0, 3), (3, 2)], "np.tensordot(x, y, 1)"),
    ([(2, 0), (0, 3)], "np.tensordot(x, y, 1)"),
    ([(), (2,)], "np.tensordot(x, y, 0)"),
    ([(2, 3), (3, 2)], "np.tensordot(x, y)"),
    ([(2, 3), (2, 3)], "np.tensordot(x, y, ([0, 1], [0]))"),
    ([(2, 3), (2, 3)], "np.tensordot(x, y, 3)"),
    ([(2, 2), (2, 2)], "np.tensordot(x, y, ([0, 0], [0, 1]))"),
    ([(2,), (3,)], "np.kron(x, y)"),
    ([(2, 3), (3, 2)], "np.kron(x, y)"),
    ([(2, 1, 2), (3,)], "np.kron(x, y)"),
    ([(), (2, 2)], "np.kron(x, y)"),
    ([(), ()], "np.kron(x, y)"),
    ([(2, 0), (1, 2)], "np.kron(x, y)"),
    ([(3,), (3,)], "np.cross(x, y)"),
    ([(2, 1, 3), (4, 3)], "np.cross(x, y)"),
    ([(3, 2), (2, 3)], "np.cross(x, y, axisa=0)"),
    ([(3, 2), (3, 2)], "np.cross(x, y, axis=0)"),
    ([(2, 3), (2, 3)], "np.cross(x, y, axisc=0)"),
    ([(2, 3), (2, 3)], "np.linalg.cross(x, y)"),
    ([(4,), (4,)], "np.cross(x, y)"),
    ([(3, 4)], "np.trace(x)"),
    ([(3, 4)], "x.trace(1)"),
    ([(2, 3, 4)], "np.trace(x, -1, axis1=2, axis2=0)"),
    ([(2, 3, 4)], "np.linalg.trace(x)"),
    ([(2, 3, 4)], "np.linalg.trace(x, offset=-1)"),
    ([(2, 0)], "np.trace(x)"),
    ([(2, 3, 4)], "np.linalg.matrix_transpose(x)"),
    ([(2, 3), (3, 2)], "np.linalg.multi_dot([x, y])"),
    ([(2, 3), (3, 1), (1, 4)], "np.linalg.multi_dot([x, y, z])"),
    ([(3,), (3, 2), (2,)], "np.linalg.multi_dot([x, y, z])"),
    ([(3,), (3, 2), (2, 2)], "np.linalg.multi_dot([x, y, np.ones((2, 3), x.dtype), z[0, 0] * np.ones(3, x.dtype)])"),
    ([(2, 3), (2, 3)], "np.linalg.multi_dot([x, y])"),
    ([(2, 3)], "np.linalg.multi_dot([x])"),
    ([(2, 3), (3,), (3, 2)], "np.linalg.multi_dot([x, y, z])"),
    ([(2, 2)], "np.linalg.matrix_power(x, 0)"),
    ([(2, 2)], "np.linalg.matrix_power(x, 1)"),
    ([(2, 3)], "np.linalg.matrix_power(x, 1)"),
]


@pytest.mark.parametrize("lay_out", [np.asarray, np.asfortranarray])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("shapes", "expression"), ROWS + WRITTEN_WITH_ROWS, ids=lambda part: str(part))
def test_exact(shapes, expression, dtype, lay_out):
    check(function(expression), *[lay_out(whole(shape, dtype)) for shape in shapes])


@given(array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3), st.data())
@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize("product", ["dot", "matmul", "inner", "kron", "outer", "vecdot"])
def test_any_shapes(product, shape, data):
    """Whatever shapes: what NumPy multiplies we multiply, what it refuses we refuse."""
    other = data.draw(st.one_of(st.just(shape[::-1]), array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)))
    check(function(f"np.{product}(x, y)"), whole(shape), whole(other))


@given(st.lists(st.integers(1, 4), min_size=3, max_size=7))
@settings(max_examples=30, deadline=None)
def test_a_chain_is_multiplied_in_the_cheapest_order(sizes):
    """Each product of a chain of matrices counts: what numbers are multiplied is the least there is."""
    multiplied = []

    class Counting(np.ndarray):
        def __array_function__(self, function, types, args, kwargs):
            if function is np.dot:
                multiplied.append(args[0].shape[0] * args[0].shape[1] * args[1].shape[1])
            return super().__array_function__(function, types, args, kwargs)

    arrays = [np.ones(shape).view(Counting) for shape in pairwise(sizes)]
    product = mg.linalg.multi_dot(arrays)
    np.testing.assert_array_equal(product, np.full((sizes[0], sizes[-1]), np.prod(sizes[1:-1])))
    assert sum(multiplied) == least(tuple(sizes))


def least(sizes):
    """The fewest multiplications for a chain, by trying which product to do first."""
    if len(sizes) == 2:
        return 0
    return min(
        sizes[i - 1] * sizes[i] * sizes[i + 1] + least(sizes[:i] + sizes[i + 1 :]) for i in range(1, len(sizes) - 1)
    )


# By our name, lists and arrays alone give what NumPy gives.
PLAIN = """
dot([[1, 2]], [3, 4])
matmul([[1, 2]], [3, 4])
inner([1, 2], [3, 4])
inner(2, [3, 4])
outer([1, 2], [3, 4])
vdot([1, 2], [3, 4])
vecdot([1, 2], [3, 4])
tensordot([[1, 2]], [[3, 4]])
kron([1, 2], [3, 4])
cross([1, 2, 3], [4, 5, 6])
einsum("ij,j", [[1, 2]], [3, 4])
linalg.trace([[1, 2], [3, 4]])
linalg.multi_dot([[[1, 2]], [[3], [4]]])
linalg.matrix_power([[1, 2], [3, 4]], 3)
linalg.matrix_power([[1, 2], [3, 4]], 0)
linalg.inv([[1, 2], [3, 4]])
linalg.solve([[1, 2], [3, 4]], [5, 6])
linalg.det([[1, 2], [3, 4]])
linalg.norm([3, 4])
linalg.norm([[3, 4]], 1)
linalg.svd([[3, 4]], compute_uv=False)
linalg.cond([[3, 4], [1, 2]])
linalg.eigvalsh([[3, 4], [4, 2]])
""".split("\n")[1:-1]


@pytest.mark.parametrize("call", PLAIN)
def test_lists(call):
    ours, theirs = function(f"mg.{call}")(), function(f"np.{call}")()
    assert isinstance(ours, np.ndarray | np.generic)
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=1e-14)


@pytest.mark.parametrize("f", [np.linalg.pinv, np.linalg.svd])
def test_one_triangle_is_not_read_alone(f):
    with pytest.raises(TypeError, match="hermitian= is not supported on Tensors"):
        f(mg.Tensor(np.eye(3), requires_grad=True), hermitian=True)


@pytest.mark.parametrize("options", [{}, {"rcond": 0.3}, {"rtol": 0.3}, {"rtol": None}])
def test_small_singular_values_are_left_out_as_in_numpy(options):
    x = np.diag([1.0, 0.2, 1e-15])
    np.testing.assert_array_equal(np.linalg.pinv(mg.Tensor(x), **options).data, np.linalg.pinv(x, **options))


REFUSED = [
    ("np.dot(x, y)", r"dot does not fit x \(2, 3\) float64, y \(2, 4\) float64: .* 3 entries.* Transpose"),
    ("np.inner(x, y)", r"inner does not fit x \(2, 3\) float64, y .*: axis -1 of the first has 3 .* second has 4"),
    ("np.tensordot(x, y, 1)", r"tensordot does not fit x .*: axis 1 of the first has 3 .* axis 0 of the second has 2"),
    ("np.tensordot(x, y, ([0, 1], [0]))", r"as many axes of the first as of the second, not \(0, 1\) and \(0,\)"),
    ("np.vecdot(x, y)", r"vecdot does not fit x \(2, 3\) float64, y .*must be equal"),
    ("np.cross(x, y)", r"cross takes vectors of 3 entries, and y \(2, 4\) float64 has 4"),
    ("np.linalg.multi_dot([x, y[0], y])", r"\(the first and last may be vectors\), not \(2, 3\), \(4,\), "),
    ("np.linalg.matrix_power(x, 2)", r"matrix_power does not fit x .* axis -2"),
    *(
        [
            ("np.matvec(x, y)", r"matvec does not fit x \(2, 3\) float64, y .*must be equal"),
            ("np.vecmat(x, y)", r"vecmat does not fit x .*: axis -1 of the first has 3 .* axis -2 of the second has 2"),
        ]
        if hasattr(np, "matvec")
        else []
    ),
]


@pytest.mark.parametrize(("expression", "says"), REFUSED)
def test_refused(expression, says):
    x = mg.Tensor(np.ones((2, 3)), requires_grad=True, name="x")
    y = mg.Tensor(np.ones((2, 4)), requires_grad=True, name="y")
    with pytest.raises(ValueError, match=says):
        function(expression)(x, y)


def test_a_power_has_the_gradient_of_its_factors():
    x = mg.Tensor([[1.0, 2.0], [0.5, 3.0]], requires_grad=True)
    for n, product in [(2, lambda x: x @ x), (5, lambda x: x @ x @ x @ x @ x), (-2, lambda x: np.linalg.inv(x @ x))]:
        ours, theirs = np.linalg.matrix_power(x, n), product(x)
        g = np.array([[1.0, 2.0], [3.0, 4.0]])
        np.testing.assert_allclose(ours.data, np.linalg.matrix_power(x.data, n), rtol=1e-13)
        np.testing.assert_allclose(*[mg.gradients(z, [x], g)[0] for z in (ours, theirs)], rtol=1e-12)


def test_complex_values_flow():
    x = np.array([[1 + 2j, 3], [4j, 5]])
    for expression in ("np.dot(x, x)", "np.vdot(x, x)", "np.vecdot(x, x)", "np.linalg.inv(x)", "np.linalg.norm(x)"):
        z = function(expression)(mg.Tensor(x))
        np.testing.assert_array_equal(z.data, function(expression)(x))


def test_a_layers_wider_bias_widens_its_result():
    z = mg.linear(np.ones((2, 3), np.float32), np.ones((4, 3), np.float32), np.full(4, 1e-12))
    assert z.dtype == np.float64
    assert (z > 3).all()
