"""A row's `bind` is asked once for each way of calling: nothing that it may depend on is taken for something else."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn
from micrograd_np.ops.primitive import remembered

ASKED = []


@remembered
def bind(x, y=None, *, axis=0):
    ASKED.append(axis)
    return (x,) if y is None else (x, y), {"axis": axis}


A, B = np.ones((2, 3)), np.ones((2, 3))
T, U = mg.Tensor(A), mg.Tensor(B)
DIFFERENT = [
    ((A,), {}),
    ((T,), {}),
    ((A, B), {}),
    ((A.T,), {}),
    ((A.astype(np.float32),), {}),
    *[((A,), {"axis": axis}) for axis in (1, True, 1.0, "1", (1,), (True,), 0.0, -0.0, slice(1), slice(1, None))],
]


def test_each_way_of_calling_is_asked_for_once():
    for args, kwargs in DIFFERENT:
        ASKED.clear()
        first, second = bind(*args, **kwargs), bind(*args, **kwargs)
        assert len(ASKED) == 1
        assert all(x is y for x, y in zip(first[0], second[0], strict=True))
        assert repr(second[1]) == repr(bind.__wrapped__(*args, **kwargs)[1])


def test_other_arrays_of_the_same_shape_are_given_back_themselves():
    bind(A, B)
    (x, y), _ = bind(B, A)
    assert x is B
    assert y is A


def test_a_list_is_looked_at_at_each_call():
    axes = [0]
    bind(A, axis=axes)
    axes.append(1)
    assert bind(A, axis=axes)[1] == {"axis": [0, 1]}


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
        bind(A, axis=axis)
    ways = next(cell.cell_contents for cell in bind.__closure__ if isinstance(cell.cell_contents, dict))
    assert len(ways) <= 1000
