"""Functions of shape: values and dtypes are NumPy's, gradients and their gradients exact."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

import micrograd_np as mg

from .exactly import check, check_on_device, function, whole

# Shapes of x, y and z, and what is done with them.
ARRANGED = [
    ([(3, 4)], "np.reshape(x, (2, 6))"),
    ([(3, 4)], "np.reshape(x, -1)"),
    ([(3, 4)], "np.reshape(x, [4, -1], 'F')"),
    ([(2, 3, 2)], "np.reshape(x, shape=(4, 3), order='F')"),
    ([(3, 4)], "x.reshape(2, 6)"),
    ([(3, 4)], "x.reshape((2, 6), order='F')"),
    ([()], "np.reshape(x, (1, 1))"),
    ([(0, 3)], "np.reshape(x, (3, 0, 2))"),
    ([(3, 4)], "np.ravel(x)"),
    ([(3, 4)], "x.ravel('F')"),
    ([(2, 3)], "x.flatten()"),
    ([(2, 3)], "x.flatten('F')"),
    ([(2, 3)], "x.T"),
    ([(2, 3, 2)], "x.transpose(1, -1, 0)"),
    ([(2, 3, 2)], "x.transpose((2, 0, 1))"),
    ([(2, 3, 2)], "np.transpose(x, axes=[-1, 0, 1])"),
    ([()], "np.transpose(x, ())"),
    ([(2, 3, 1)], "np.permute_dims(x, (2, 0, 1))"),
    ([(2, 3, 2)], "np.matrix_transpose(x)"),
    ([(2, 3, 2)], "np.linalg.matrix_transpose(x)"),
    ([(2, 3, 2)], "np.swapaxes(x, 0, -1)"),
    ([(2, 3, 2)], "np.moveaxis(x, [0, 1], [-1, 0])"),
    ([(2, 3)], "np.expand_dims(x, (0, -1))"),
    ([(1, 3, 1)], "np.squeeze(x)"),
    ([(1, 3, 1)], "np.squeeze(x, (0, 2))"),
    ([(), (3,)], "np.atleast_1d(x, y)"),
    ([(), (3,), (2, 2)], "np.atleast_2d(x, y, z)"),
    ([(), (3,), (2, 2)], "np.atleast_3d(x, y, z)"),
    ([(2, 1, 2, 2)], "np.atleast_3d(x)"),
    ([(2, 3)], "np.flip(x)"),
    ([(2, 3, 2)], "np.flip(x, (0, -1))"),
    ([(2, 3)], "np.fliplr(x)"),
    ([(2, 3)], "np.flipud(x)"),
    *[([(2, 3)], f"np.rot90(x, {k})") for k in range(-1, 5)],
    ([(2, 3, 2)], "np.rot90(x, axes=(2, 0))"),
    ([(2, 3)], "np.rot90(x, axes=(1, -1))"),
    ([(5,)], "np.roll(x, 7)"),
    ([(2, 3)], "np.roll(x, (1, 2))"),
    ([(2, 3)], "np.roll(x, [1, -1], axis=(0, 1))"),
    ([(2, 3)], "np.roll(x, np.array([1, 2]), (1, 1))"),
    ([(3, 1)], "np.broadcast_to(x, (2, 3, 2))"),
    ([()], "np.broadcast_to(x, 3)"),
    ([(2, 1), (3,), ()], "np.broadcast_arrays(x, y, z)"),
    ([(2, 3)], "np.copy(x)"),
    ([(2, 3)], "x.astype(np.float64)"),
    ([(2, 3)], "x.astype('float32', copy=False) * 2"),
]
JOINED = [
    ([(2, 3), (1, 3)], "np.concatenate([x, y])"),
    ([(2, 3), (2, 1)], "np.concatenate((x, y), axis=-1)"),
    ([(2, 3), (2,)], "np.concatenate([x, y], axis=None)"),
    ([(2, 3)], "np.concatenate(x)"),
    ([(2,)], "np.concatenate([x * i for i in range(193)])"),
    ([(2, 3), (2, 2)], "np.concatenate([x, y])"),
    ([(2, 3), (2, 3)], "np.stack([x, y], -1)"),
    ([()], "np.stack([x, 2 * x])"),
    ([(3,), (2, 3)], "np.vstack([x, y])"),
    ([(3,), (2,)], "np.hstack([x, y])"),
    ([(2, 1), (2, 2)], "np.hstack((x, y))"),
    ([(), ()], "np.hstack([x, y])"),
    ([(3,), (3,)], "np.dstack([x, y])"),
    ([(2, 3), (2, 3)], "np.dstack([x, y])"),
    ([(2,), (2, 2), (2,)], "np.column_stack([x, y, z])"),
    ([(2,), (2, 2)], "np.append(x, y)"),
    ([(1, 2), (2, 2)], "np.append(x, y, axis=0)"),
    ([(2, 2), (2, 1), (3,)], "np.block([[x, y], [z]])"),
    ([(2, 1, 2)], "np.block([[[x], [x]]])"),
    ([(2, 2)], "np.block(x)"),
    ([(2, 2)], "np.block([[x], x])"),
]
MIXED = [
    ([(2, 3)], "np.concatenate([x, x, np.ones((1, 3), x.dtype)])"),
    ([(2,), (3,)], "np.block([x, y, np.array(5, x.dtype)])"),
    ([(2, 2)], "np.concatenate([x, [[1.0, 2.0]]])"),
    ([(2, 2)], "np.stack([x, [[1, 2], [3, 4]]])"),
    ([(2, 2)], "np.vstack([[1, 2], x])"),
    ([(2, 2)], "np.hstack([x, [[1], [2]]])"),
    ([(2, 2)], "np.dstack([[[1, 2], [3, 4]], x])"),
    ([(2, 2)], "np.column_stack([[1, 2], x])"),
    ([(2,)], "np.block([[x, 3], [1, 2, 3]])"),
    ([(2, 2)], "np.append([1, 2], x)"),
    ([(2, 2)], "np.append(x, 3)"),
    ([(2, 2)], "np.broadcast_arrays([1, 2], x)[1]"),
    ([(2,)], "np.meshgrid([1, 2, 3], x)[1]"),
    ([(2,)], "np.pad(np.arange(3.0), 1) * x[0]"),
]
PARTED = [
    ([(6, 2)], "np.split(x, 3)"),
    ([(5, 2)], "np.split(x, 3)"),
    ([(2, 5)], "np.split(x, [1, 3], axis=-1)"),
    ([(2, 5)], "np.split(x, [1, -1, 9], 1)"),
    ([(6, 2)], "np.split(x, 3)[1]"),
    ([(7, 2)], "np.array_split(x, 3)"),
    ([(2, 2)], "np.array_split(x, 3, axis=1)"),
    ([(5,)], "np.array_split(x, [2])"),
    ([(4,)], "np.hsplit(x, 2)"),
    ([(2, 4)], "np.hsplit(x, [1])"),
    ([(4, 2)], "np.vsplit(x, 2)"),
    ([(4,)], "np.vsplit(x, 2)"),
    ([(2, 1, 4)], "np.dsplit(x, 2)"),
    ([(2, 4)], "np.dsplit(x, 2)"),
    *([([(2, 3)], "np.unstack(x, axis=-1)"), ([(2, 3)], "np.unstack(x)")] if hasattr(np, "unstack") else []),
]
REPEATED = [
    ([(2, 3)], "np.repeat(x, 2)"),
    ([(2, 3)], "x.repeat(2, -1)"),
    ([(2, 3)], "np.repeat(x, [2, 0, 3], axis=1)"),
    ([(2, 3)], "np.repeat(x, np.array([2]), axis=0)"),
    ([(2, 3)], "np.repeat(x, 0, axis=0)"),
    ([()], "np.repeat(x, 3)"),
    ([(3,)], "np.tile(x, 2)"),
    ([(3,)], "np.tile(x, (2, 1, 2))"),
    ([(2, 3)], "np.tile(x, (2,))"),
    ([()], "np.tile(x, (2, 3))"),
    ([(2, 3)], "np.tile(x, (0, 2))"),
    ([(2,), (3,)], "np.meshgrid(x, y)"),
    ([(2,), (3,), ()], "np.meshgrid(x, y, z, indexing='ij', sparse=True)"),
    ([(2,), (1,), (2,)], "np.meshgrid(x, y, z)"),
    ([(2,)], "np.meshgrid(x, copy=False)"),
    ([(2,)], "np.meshgrid(x, indexing='yx')"),
    ([(2, 3)], "np.pad(x, 1)"),
    ([(2, 3)], "np.pad(x, (2, 0), constant_values=7)"),
    ([(2, 3)], "np.pad(x, ((1, 0), (0, 2)), 'constant', constant_values=((1, 2), (3, 4)))"),
    ([(2, 3)], "np.pad(x, [[1], [2]], mode='edge')"),
    *[([(2, 3)], f"np.pad(x, ((0, 4), (1, 2)), mode='{mode}')") for mode in ("edge", "reflect", "symmetric", "wrap")],
    ([(0, 3)], "np.pad(x, 1, mode='edge')"),
    ([(2, 3)], "np.pad(x, 1, mode='edge', constant_values=2)"),
    ([(2, 3)], "np.pad(x, -1)"),
]
DIAGONAL = [
    *[([(2, 3)], f"np.diag(x, {k})") for k in range(-3, 5)],
    *[([(3,)], f"np.diag(x, {k})") for k in (-2, 0, 1)],
    ([(2, 3, 2)], "np.diag(x)"),
    ([(2, 2)], "np.diagflat(x, -1)"),
    ([()], "np.diagflat(x)"),
    ([(0,)], "np.diag(x)"),
    *[([(3, 2)], f"np.diagonal(x, {k})") for k in (-2, -1, 0, 1)],
    ([(2, 3, 4)], "x.diagonal(1, 2, 0)"),
    ([(2, 3, 4)], "np.diagonal(x, -1, axis1=-1, axis2=1)"),
    ([(2, 3, 4)], "np.linalg.diagonal(x, offset=1)"),
    ([(2, 3)], "np.diagonal(x, 0, 1, 1)"),
    *[([(3, 4)], f"np.tri{side}(x, {k})") for side in "lu" for k in (-1, 0, 2)],
    ([(2, 3, 2)], "np.tril(x)"),
    ([(3,)], "np.triu(x, k=1)"),
]
CONSTANT = [
    ([(2, 3)], "x + np.zeros_like(x)"),
    ([(2, 3)], "x * np.ones_like(x, dtype=int)"),
    ([(2, 3)], "np.sum(x) + np.ones_like(x, shape=(2,))"),
    ([(2, 3)], "x + np.full_like(x, 3)"),
    ([(2, 3), ()], "x + np.full_like(x, y)"),
    ([(2, 3)], "x + 0 * np.empty_like(x).size"),
    ([(2, 3)], "x * np.ndim(x) + np.size(x) - np.shape(x)[1]"),
]


# Where no ndarray comes in from the side.
ALONE = ARRANGED + JOINED + PARTED + REPEATED + DIAGONAL + CONSTANT


@pytest.mark.parametrize("lay_out", [np.asarray, np.asfortranarray])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("shapes", "expression"), ALONE + MIXED, ids=lambda part: str(part))
def test_exact(shapes, expression, dtype, lay_out):
    check(function(expression), *[lay_out(whole(shape, dtype)) for shape in shapes])


@pytest.mark.parametrize(("shapes", "expression"), ALONE, ids=lambda part: str(part))
def test_on_device(shapes, expression):
    check_on_device(function(expression), *map(whole, shapes))


ALONG = """
np.expand_dims(x, axis)
np.squeeze(x, axis)
np.moveaxis(x, axis, other)
np.rollaxis(x, axis, other)
np.swapaxes(x, axis, other)
np.flip(x, axis)
np.flip(x, (axis, other))
np.rot90(x, 1, (axis, other))
np.roll(x, 2, axis)
np.roll(x, (2, -1), (axis, other))
np.repeat(x, 2, axis)
np.repeat(x, np.arange(x.shape[axis]), axis)
np.concatenate([x, 2 * x], axis)
np.stack([x, 2 * x], axis)
np.append(x, x, axis)
np.array_split(x, 2, axis)
np.split(x, [1, 2], axis)
np.delete(x, [0, 0], axis)
np.compress(np.arange(x.shape[axis]) % 2, x, axis)
np.sort(x, axis)
np.diagonal(x, 1, axis, other)
""".split("\n")[1:-1]


@pytest.mark.parametrize("expression", ALONG)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_axes(expression, data):
    shape = data.draw(array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=3))
    axis, other = (data.draw(st.integers(-len(shape) - 1, len(shape))) for _ in "12")
    check(function(expression, axis=axis, other=other), whole(shape))


@given(array_shapes(min_dims=0, max_dims=3, max_side=3), st.data())
@settings(max_examples=40, deadline=None)
def test_reps_and_widths(shape, data):
    some = st.integers(0, 2)
    check(function("np.tile(x, reps)", reps=data.draw(st.lists(some, max_size=4))), whole(shape))
    widths = data.draw(st.lists(st.tuples(some, some), min_size=len(shape), max_size=len(shape))) or 0
    mode = data.draw(st.sampled_from(["constant", "edge", "reflect", "symmetric", "wrap"]))
    check(function("np.pad(x, widths, mode=mode)", widths=widths, mode=mode), whole(shape))


# By our name, lists and arrays alone give what NumPy gives.
PLAIN = """
stack([[1, 2], [3, 4]], axis=1)
vstack([[1, 2], [3, 4]])
hstack(([1, 2], [3]))
dstack([[1, 2], [3, 4]])
column_stack([[1, 2], [3, 4]])
append([1, 2], 3)
block([[1, 2], [3, 4]])
array_split([1, 2, 3], 2)[0]
reshape([1, 2], (2, 1))
ravel([[1, 2], [3, 4]])
flip([1, 2])
rot90([[1, 2], [3, 4]])
roll([1, 2, 3], 1)
moveaxis([[1, 2]], 0, 1)
atleast_2d([1, 2])
broadcast_arrays([1, 2], 3)[1]
meshgrid([1, 2], [3, 4, 5])[0]
tile([1, 2], 2)
repeat([1, 2], [1, 2])
pad([1, 2], 1)
pad([1, 2], 1, mode="edge")
diag([1, 2])
diagonal([[1, 2], [3, 4]])
tril([[1, 2], [3, 4]])
take([1, 2, 3], [0, -1])
delete([1, 2, 3], 1)
compress([0, 1], [1, 2])
choose([1, 0], [[1, 2], [3, 4]])
sort([3, 1, 2])
zeros_like([1, 2])
full_like([1, 2], 7)
copy([1, 2])
""".split("\n")[1:-1]


@pytest.mark.parametrize("call", PLAIN)
def test_lists(call):
    ours, theirs = function(f"mg.{call}")(), function(f"np.{call}")()
    assert isinstance(ours, np.ndarray)
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)


def test_shape_ndim_size_are_plain():
    x = mg.Tensor(np.ones((2, 3)), requires_grad=True)
    assert (np.shape(x), np.ndim(x), np.size(x), np.size(x, 1)) == ((2, 3), 2, 6, 3)


def test_integers_made_of_a_recorded_tensor_choose_entries():
    x = mg.Tensor([0.4, 1.6, 2.2], requires_grad=True)
    chosen = x[x.astype(int)]
    np.sum(chosen * np.array([1.0, 2.0, 3.0])).backward()
    np.testing.assert_array_equal(x.grad, [1, 2, 3])
    assert not x.astype(bool).requires_grad


@pytest.mark.parametrize(
    "view", ["x.T", "np.ravel(x)", "np.flip(x)", "np.diagonal(x)", "np.squeeze(x[:1])", "np.rot90(x)"]
)
def test_a_write_is_seen_through_a_view(view):
    x = mg.Tensor(np.ones((2, 2)), requires_grad=True)
    seen = function(view)(x)
    loss = np.sum(seen * seen)
    x.data -= 0.5
    with pytest.raises(RuntimeError, match="was written to"):
        loss.backward()


@pytest.mark.parametrize("copied", ["x.flatten()", "np.copy(x)", "np.split(x, 2)[0]", "np.tile(x, 2)", "np.roll(x, 1)"])
def test_a_write_is_not_seen_in_a_copy(copied):
    x = mg.Tensor(np.ones((2, 2)), requires_grad=True)
    apart = function(copied)(x)
    loss = np.sum(apart * apart)
    x.data -= 0.5
    loss.backward()
    np.testing.assert_array_equal(apart.data, np.ones(apart.shape))


REFUSED = [
    ("np.reshape(x, (5, 5))", ValueError, r"size 6"),
    ("np.reshape(x, 6, order='A')", TypeError, r"order='A'.*'C' and 'F' are"),
    ("x.flatten(1)", TypeError, r"flatten: order=1 .* x.reshape\(len\(x\), -1\) keeps the first axis"),
    ("x.flatten(start_dim=1)", TypeError, r"flatten: start_dim= .* x.reshape\(len\(x\), -1\)"),
    ("np.split(x, [2, 1])", ValueError, "ascend"),
    ("np.pad(x, 1, mode='linear_ramp')", TypeError, "linear_ramp.*constant, edge, reflect, symmetric, wrap"),
    ("np.pad(x, 1, mode='reflect', reflect_type='odd')", TypeError, "odd"),
    ("np.pad(x, 1, constant_values=x[0, 0])", TypeError, "cut"),
    ("np.concatenate([x, x], out=np.empty((4, 3)))", TypeError, "out= is not supported"),
    ("np.concatenate([x, x[0]])", ValueError, "dimension"),
    ("np.take(x, [9], axis=1)", IndexError, "out of bounds"),
]


WRITING = """
np.put_along_axis(x, np.array([[0], [1]]), 0, 1)
np.put(x, 0, 1)
np.place(x, x > 0, 1)
np.putmask(x, x > 0, 1)
np.copyto(x, 1)
np.copyto(np.ones((2, 3)), x)
np.fill_diagonal(x, 1)
""".split("\n")[1:-1]
REFUSED += [(writes, TypeError, r"is not in the table.*np.where.*mg.scatter") for writes in WRITING]


@pytest.mark.parametrize(("expression", "error", "says"), REFUSED)
def test_refused(expression, error, says):
    x = mg.Tensor(np.ones((2, 3)), requires_grad=True)
    with pytest.raises(error, match=says):
        function(expression)(x)


def test_widths_of_a_border_are_no_dict():
    with pytest.raises(TypeError, match="a pair of widths for each axis"):
        np.pad(mg.Tensor(np.ones((3, 4))), {0: 1})
    with pytest.raises(TypeError, match="mode='mean' is not supported"):
        np.pad(mg.Tensor(np.ones((3, 4))), 1, mode="mean")
