"""Entries chosen by arrays of integers and conditions: values are NumPy's, gradients and their gradients exact."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import micrograd_np as mg

from .exactly import check, check_on_device, function, whole

CHOSEN = [
    ([(2, 3)], "np.take(x, 4)"),
    ([(2, 3)], "np.take(x, [[0, -1], [5, 5]])"),
    ([(2, 3)], "x.take([0, 0], -1)"),
    ([(2, 3)], "np.take(x, [], 0)"),
    ([(2, 3)], "np.take(x, [True, False, True], 0)"),
    ([(2, 3)], "np.take(x, 6)"),
    ([(2, 3)], "np.take(x, mg.Tensor([1, 1]), 0)"),
    ([(2, 3)], "np.take_along_axis(x, np.array([[2], [0]]), 1)"),
    ([(2, 3)], "np.take_along_axis(x, np.array([[1, 0, 1], [1, 1, 0], [0, 0, 0]]), 0)"),
    ([(2, 3)], "np.take_along_axis(x, np.array([5, 0, 5]), None)"),
    ([(2, 3)], "np.take_along_axis(x, np.argsort(-x, 1), -1)"),
    ([(2, 1, 2)], "np.take_along_axis(x, np.zeros((2, 3, 1), int), 2)"),
    ([(2, 3)], "np.take_along_axis(x, np.array([0, 1]), 1)"),
    ([(2, 3)], "np.take_along_axis(x, np.ones((2, 3), bool), 1)"),
    ([(2, 3)], "np.compress([False, True], x, 0)"),
    ([(2, 3)], "np.compress([False, True, True], x)"),
    ([(2, 3)], "np.compress(x[0] > 1, x, axis=1)"),
    ([(2, 3)], "np.extract(x > 1, x)"),
    ([(2, 3)], "np.delete(x, 1)"),
    ([(2, 3)], "np.delete(x, [0, -1], 1)"),
    ([(2, 3)], "np.delete(x, slice(None, None, 2), axis=1)"),
    ([(2, 3)], "np.delete(x, np.array([True, False]), 0)"),
    ([(2, 3)], "np.delete(x, [], 0)"),
    ([(2, 3)], "np.delete(x, 5, 0)"),
    ([(3,), (3,)], "np.choose([1, 0, 1], [x, y])"),
    ([(2, 3), (3,)], "np.choose([[1], [0]], [x, y])"),
    ([(2, 3)], "np.choose([0, 2, 1], x)"),
    ([(3,), ()], "np.choose(x > 1, [x, y])"),
    ([(2, 3)], "np.sort(x)"),
    ([(2, 3)], "np.sort(x, None)"),
    ([(2, 3)], "np.sort(x, 0, kind='stable')"),
    ([(2, 3)], "np.partition(x, 1)[:, 1]"),
    ([(5,)], "np.partition(x, [1, 3])[[1, 3]]"),
    ([(2, 3)], "np.partition(x, 4, None)[4]"),
]
SELECTED = [
    ([(2, 3), (3,)], "np.select([[[True], [False]], [True, False, True]], [x, y], 7)"),
    ([(2, 3), ()], "np.select([np.ones((2, 3), bool), [True]], [x, y])"),
    ([(2, 3)], "np.select([[True]], [x, x])"),
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("shapes", "expression"), CHOSEN + SELECTED, ids=lambda part: str(part))
def test_exact(shapes, expression, dtype):
    check(function(expression), *[whole(shape, dtype) for shape in shapes])


@pytest.mark.parametrize(("shapes", "expression"), CHOSEN, ids=lambda part: str(part))
def test_on_device(shapes, expression):
    check_on_device(function(expression), *map(whole, shapes))


@st.composite
def along_an_axis(draw):
    """An array's shape, an axis, and indices along it: for `take`, and for `take_along_axis`."""
    shape = draw(array_shapes(min_dims=1, max_dims=3, max_side=3))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    within = st.integers(-shape[axis], shape[axis] - 1)
    indices = draw(arrays(int, draw(array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3)), elements=within))
    lines = list(shape)
    lines[axis] = draw(st.integers(0, 3))
    return shape, axis, indices, draw(arrays(int, tuple(lines), elements=within))


@given(along_an_axis())
@settings(max_examples=50, deadline=None)
def test_along_an_axis(drawn):
    shape, axis, indices, lines = drawn
    check(function("np.take(x, indices, axis)", indices=indices, axis=axis), whole(shape))
    check(function("np.take_along_axis(x, lines, axis)", lines=lines, axis=axis), whole(shape))


@given(array_shapes(min_dims=1, max_dims=3, max_side=4), st.data())
@settings(max_examples=30, deadline=None)
def test_partition(shape, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    kth = data.draw(st.integers(0, shape[axis] - 1))
    x = mg.Tensor(whole(shape), requires_grad=True)
    parted = np.partition(x, kth, axis)
    np.testing.assert_array_equal(np.sort(parted.data, axis), np.sort(x.data, axis))
    before, at, after = np.split(parted.data, [kth, kth + 1], axis)
    assert (before < at).all() and (at < after).all()
    np.sum(parted * parted).backward()
    np.testing.assert_array_equal(x.grad, 2 * x.data)


def test_ties_are_sorted_apart():
    x = mg.Tensor([2.0, 1.0, 2.0, 1.0], requires_grad=True)
    np.sum(np.sort(x, stable=True) * np.array([1.0, 2.0, 3.0, 4.0])).backward()
    np.testing.assert_array_equal(x.grad, [3, 1, 4, 2])
