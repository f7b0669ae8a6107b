"""Indices: getitem has NumPy's values, scatter is its exact transpose, and what cannot be indexed says why."""

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays, basic_indices, broadcastable_shapes, integer_array_indices

import micrograd_np as mg

from .exactly import check, function, whole

# Shapes of x and what it is indexed with.
INDICES = [
    ((3,), "1"),
    ((3,), "-1"),
    ((3,), "np.int64(2)"),
    ((3,), "()"),
    ((3,), "..."),
    ((3,), "None"),
    ((3, 4), "1:, ::-2"),
    ((3, 4), "..., 1"),
    ((3, 4), "None, 2, None, ..., None"),
    ((3, 4), "np.s_[::2, -1]"),
    ((3, 4), "slice(np.int64(1), None)"),
    ((), "()"),
    ((), "None"),
    ((), "True"),
    ((), "np.bool_(False)"),
    ((), "np.array(True)"),
    ((3,), "True"),
    ((3,), "False"),
    ((3,), "None, True"),
    ((3,), "[0, 0, 2]"),
    ((3,), "[]"),
    ((3,), "[[]]"),
    ((3,), "[True, False, True]"),
    ((3,), "range(2)"),
    ((3,), "np.array(1)"),
    ((3,), "np.array([[0, 1], [1, 1]], np.uint8)"),
    ((3, 4), "[0, 2, 0], [1, 1, 1]"),
    ((3, 4), "(0, 2), [1]"),
    ((3, 4), "((0, 2),)"),
    ((3, 4), "[[0], [2]], [1, 1, -1]"),
    ((3, 4), "[0, 2, 0], slice(1, 3)"),
    ((3, 4), "slice(1, 3), [0, 0]"),
    ((3, 4), "1, [0, 0, 3]"),
    ((3, 4), "[0, 0, 2], 1"),
    ((3, 4), "[0, 0, 2], np.bool_(True)"),
    ((3, 4), "True, [0, 0, 2]"),
    ((3, 4), "np.ix_([0, 0, 2], [1, 3])"),
    ((3, 4), "np.array([True, False, True]), [1, 1]"),
    ((3, 4), "np.array([True, False, True]), 1:"),
    ((3, 4), "np.arange(12).reshape(3, 4) % 3 > 0"),
    ((3, 4), "np.zeros((3, 4), bool)"),
    ((2, 3, 4), "[0, 1, 0], :, [1, 1, 1]"),
    ((2, 3, 4), "..., [3, 3, 0], None"),
    ((2, 3, 4), "np.arange(6).reshape(2, 3) > 2, ::2"),
    ((2, 3, 4), "0, None, [1, 1], 2"),
    ((2, 3, 4), "[1, 1], 0"),
    ((0, 3), "[], 1"),
    ((0, 3), ":, [1, 1]"),
    ((3,), "mg.Tensor([0, 0])"),
    ((3,), "mg.Tensor(1)"),
    ((3, 4), "mg.Tensor([0, 0]), mg.Tensor([1, 1])"),
    ((3,), "[mg.Tensor(1), 1]"),
    ((3,), "mg.Tensor([True, False, True])"),
    ((3,), "slice(mg.Tensor(1), None)"),
    # What NumPy refuses.
    ((3,), "3"),
    ((3,), "0, 0"),
    ((3,), "[0, 3]"),
    ((3,), "1.0"),
    ((3,), "[0.5]"),
    ((3,), "'name'"),
    ((3,), "[True, False]"),
    ((3, 4), "[0, 1], [0, 1, 2]"),
    ((3, 4), "..., ..."),
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("shape", "index"), INDICES, ids=lambda part: str(part))
def test_index(shape, index, dtype):
    check(function("x[index]", index=eval(f"np.s_[{index}]", {"np": np, "mg": mg})), whole(shape, dtype))


def an_integer(size):
    return st.integers(-size, size - 1)


@st.composite
def mixtures(draw):
    """A shape, and an index of integers, slices, new axes, masks, and integer arrays that broadcast."""
    shape = draw(array_shapes(max_dims=4, max_side=3))
    rows = draw(array_shapes(max_dims=2, max_side=3))
    index, axis = [], 0
    while axis < len(shape):
        size = shape[axis]
        kind = draw(st.sampled_from(["integer", "slice", "new", "array", "mask"]))
        if kind == "array":
            part = draw(broadcastable_shapes(rows, max_dims=2, max_side=3))
            index.append(draw(arrays(int, part, elements=an_integer(size))))
        elif kind == "mask":
            index.append(draw(arrays(bool, size)))
        else:
            index.append({"integer": draw(an_integer(size)), "slice": draw(st.slices(size)), "new": None}[kind])
        axis += kind != "new"
    if draw(st.booleans()):
        at = draw(st.integers(0, len(index)))
        index[at : draw(st.integers(at, len(index)))] = [...]
    return shape, tuple(index)


@st.composite
def shapes_and(draw, indices):
    shape = draw(array_shapes(max_dims=3, max_side=4))
    return shape, draw(indices(shape))


DRAWN = {
    "basic": shapes_and(lambda shape: basic_indices(shape, allow_newaxis=True)),
    "integer arrays": shapes_and(lambda shape: integer_array_indices(shape)),
    "masks": shapes_and(lambda shape: arrays(bool, shape)),
    "mixtures": mixtures(),
}


@pytest.mark.parametrize("kind", DRAWN)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_drawn_indices(kind, data):
    shape, index = data.draw(DRAWN[kind])
    check(function("x[index]", index=index), whole(shape))


def scattered(values, index, shape):
    """The meaning of scatter, entry by entry; NumPy's own np.add.at goes wrong where values broadcast."""
    target = np.zeros(shape, values.dtype)
    positions = np.asarray(np.arange(target.size).reshape(shape)[index])
    for position, value in zip(positions.flat, np.broadcast_to(values, positions.shape).flat, strict=True):
        target.flat[position] += value
    return target


@pytest.mark.parametrize("kind", DRAWN)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_scatter(kind, data):
    shape, index = data.draw(DRAWN[kind])
    try:
        values = whole(np.shape(np.empty(shape)[index]))
    except IndexError:
        reject()
    given_shape = data.draw(st.sampled_from([values.shape, values.shape[1:], ()]))
    values = values[(0,) * (values.ndim - len(given_shape))] if values.size else values
    check(lambda x: (mg.scatter if isinstance(x, mg.Tensor) else scattered)(x, index, shape), values)
    np.testing.assert_array_equal(mg.scatter(values, index, shape), scattered(values, index, shape))


SCATTERED = [
    ([1.0, 2.0, 3.0], [0, 2, 0], (4,), [4, 0, 2, 0]),
    (5, [0, 0, 1], (2,), [10, 5]),
    ([1, 2], (slice(None), 1), (2, 2), [[0, 1], [0, 2]]),
    ([1, 2], [True, False, True], 3, [1, 0, 2]),
    ([[1], [2]], [[0, 0], [1, 2]], (3,), [2, 2, 2]),
]


@pytest.mark.parametrize(("values", "index", "shape", "expected"), SCATTERED)
def test_scatter_of_lists(values, index, shape, expected):
    np.testing.assert_array_equal(mg.scatter(values, index, shape), expected)


WRONG = [
    ("mg.scatter(x, [0, 1], (3,))", ValueError, r"\(3,\)  and requested shape \(2,\)"),
    ("mg.scatter(x, 0, (3, 2))", ValueError, r"\(3,\)  and requested shape \(2,\)"),
    ("mg.scatter(x[None], 0, (2, 3))", ValueError, r"more dimensions than allowed"),
    ("mg.scatter(x, [0, 1, 7], (3,))", IndexError, "index 7 is out of bounds"),
    ("mg.scatter(x, [0, 1, -4], (3,))", IndexError, "index -4 is out of bounds"),
    ("mg.scatter(x, ([0, 1, 0], [0, 0, 0]), (3,))", IndexError, "too many indices"),
    ("mg.scatter(x, 0, 2.5)", TypeError, "float"),
    ("x[7]", IndexError, "index 7 is out of bounds"),
]


@pytest.mark.parametrize(("expression", "error", "says"), WRONG)
def test_wrong(expression, error, says):
    x = mg.Tensor(np.ones(3), requires_grad=True)
    with pytest.raises(error, match=says):
        function(expression)(x)


def test_an_index_error_names_the_tensor():
    weights = mg.Tensor(np.ones((3, 4)))
    with pytest.raises(IndexError) as caught:
        weights[:, 7]
    assert "weights (3, 4)" in "".join([str(caught.value), *caught.value.__notes__])


@pytest.mark.parametrize(
    "index", [(np.array([0, 0]),), (..., np.array([0, 0])), (slice(None),) * 38 + (np.array([0, 0]), np.array([0, 0]))]
)
def test_many_axes(index):
    """More than np.add.at survives."""
    x = mg.Tensor(np.full((1,) * 40, 3.0), requires_grad=True)
    np.sum(x[index] * 2).backward()
    assert x.grad.shape == x.shape
    assert x.grad.item() == 4


def test_a_view_shares_memory_and_a_choice_does_not():
    x = mg.Tensor(np.arange(4.0))
    view, choice = x[1:], x[[1, 2]]
    x[1] = 9
    assert (view.data[0], choice.data[0]) == (9, 1)


def test_iteration_and_unpacking():
    x = mg.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    first, second = x
    np.sum(first * second).backward()
    np.testing.assert_array_equal(x.grad, [[3, 4], [1, 2]])
