"""A row's `bind` is asked once for each way of calling: nothing that it may depend on is taken for something else."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn
from micrograd_np.ops.calls import in_single
from micrograd_np.ops.primitive import MultiOutput, Primitive, remembered

ASKED = []


@remembered
def bind(x, y=None, *, axis=0):
    ASKED.append(axis)
    return (x,) if y is None else (x, y), {"axis": axis}


def shown(*arrays, axis):
    RUN.append((arrays, axis))
    return arrays[0] * 1


RUN = []
row = Primitive(shown, lambda g, z, x, *rest, axis: g, bind=bind)
A, B = np.ones((2, 3)), np.ones((2, 3))
T = mg.Tensor(A, requires_grad=True)
DIFFERENT = [
    ((A,), {}),
    ((A, B), {}),
    ((A.T,), {}),
    ((A.astype(np.float32),), {}),
    *[((A,), {"axis": axis}) for axis in (1, True, 1.0, "1", (1,), (True,), 0.0, -0.0, slice(1), slice(1, None))],
]


def test_each_way_of_calling_is_asked_for_once():
    for args, kwargs in DIFFERENT:
        ASKED.clear()
        RUN.clear()
        row(*args, **kwargs)
        row(*args, **kwargs)
        assert len(ASKED) == 1
        arrays, params = bind(*args, **kwargs)
        values = [getattr(x, "_data", x) for x in arrays]
        for seen, axis in RUN:
            assert all(x is y for x, y in zip(seen, values, strict=True))
            assert repr(axis) == repr(params["axis"])


def test_the_way_of_a_tensor_is_that_of_its_array():
    row(A, axis=7)
    ASKED.clear()
    assert row(T, axis=7).op is row
    assert not ASKED


def test_other_arrays_of_the_same_shape_are_given_themselves():
    row(A, B)
    row(B, A)
    assert RUN[-1][0][0] is B
    assert RUN[-1][0][1] is A


def test_a_list_is_looked_at_at_each_call():
    axes = [0]
    row(A, axis=axes)
    axes.append(1)
    row(A, axis=axes)
    assert RUN[-1][1] == [0, 1]


def test_a_row_of_several_outputs_that_computes_in_float32_has_them_all():
    def halves(x):
        return x / 2, x / 2

    @remembered
    def bind_one(x):
        return (x,), {}

    split = MultiOutput(halves, lambda g, z, x: (g[0] + g[1]) / 2, bind=bind_one, kernel=in_single(halves))
    for x in (T, mg.Tensor(A.astype(np.float16), requires_grad=True)):
        first, second = split(x)
        (first + 3 * second).sum().backward()
        assert np.array_equal(x.grad, np.full((2, 3), 2.0))
        x.zero_grad()


def test_integers_after_floats_of_the_same_shape_do_not_wrap_round():
    x, t = np.array([1.0]), np.array([2.0])
    assert nn.mse_loss(x, t) == nn.mse_loss(x.astype(np.uint8), t.astype(np.uint8)) == 1


def test_other_shapes_are_refused_after_right_ones():
    w = mg.Tensor(np.ones((2, 3)), requires_grad=True)
    mg.linear(np.ones((4, 3)), w)
    with pytest.raises(ValueError, match="linear does not fit"):
        mg.linear(np.ones((4, 2)), w)


def test_no_more_than_a_thousand_ways_are_remembered():
    for axis in range(2500):
        row(A, axis=axis)
    ways = next(cell.cell_contents for cell in row.__call__.__closure__ if isinstance(cell.cell_contents, dict))
    assert len(ways) <= 1000
