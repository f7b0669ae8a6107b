"""Functions without a derivative give plain arrays, whatever they are given."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.ops import TABLE, indexing, reductions
from micrograd_np.ops.primitive import NonDifferentiable

X = np.array([[3.0, -1.0, np.inf], [2.0, np.nan, 2.0]])
N = np.array([6, 4, 5])

CALLS = [
    ([N], "bitwise_count invert"),
    ([N, 3], "gcd lcm bitwise_and bitwise_or bitwise_xor left_shift right_shift"),
    ([X, 2.0], "less less_equal equal not_equal greater greater_equal"),
    ([X, X.T.copy().T], "logical_and logical_or logical_xor isclose allclose array_equal array_equiv isin"),
    ([np.array([1.0, 2.0]), np.array([1.0, 2.0, 3.0])], "searchsorted digitize"),
    ([X, 1], "argpartition"),
]
ARGUMENTS = {name: arrays for arrays, names in CALLS for name in names.split()}
NAMED = (vars(indexing) | vars(reductions)).items()
ROWS = [name for name, row in NAMED if isinstance(row, NonDifferentiable)]


@pytest.mark.parametrize("name", ROWS)
def test_values_are_numpys_and_plain(name):
    arrays = ARGUMENTS.get(name, [X])
    row = TABLE[name]
    tensors = [mg.Tensor(x) for x in arrays]
    if tensors[0].dtype.kind == "f":
        tensors[0].requires_grad = True
    ours, theirs = row.function(*tensors), row.function(*arrays)
    assert type(ours) is type(theirs)
    np.testing.assert_array_equal(ours, theirs)


def test_keywords_may_be_tensors():
    t = mg.Tensor([1.0, 3.0, 2.0])
    assert np.argmax(a=t) == 1
    assert np.isclose(t.data, b=t).all()


def test_methods():
    t = mg.Tensor(X)
    assert np.array_equal(t.argsort(axis=0), X.argsort(axis=0))
    assert np.array_equal(t.argmax(1), X.argmax(1))
    assert (t.any(), t.all(), t.argmin()) == (X.any(), X.all(), X.argmin())


def test_comparisons_choose_where_gradients_pass():
    x = mg.Tensor([1.0, -2.0, 3.0], requires_grad=True)
    np.sum(x[x > 0] * 5).backward()
    assert x.grad.tolist() == [5, 0, 5]


def test_shifts():
    t = mg.Tensor(N)
    assert np.array_equal(t << 1, N << 1)
    assert np.array_equal(96 >> t, 96 >> N)
