"""Operators, ndarray's methods and NumPy's protocols on Tensors: the same values as NumPy, or a clear error."""

import copy
import pickle

import numpy as np
import pytest

import micrograd_np as mg

A = np.array([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]])
B = np.array([[2.0, 2.0, 0.5], [1.0, 3.0, 2.0]])

SAME_AS_NUMPY = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / b,
    lambda a, b: a**2,
    lambda a, b: b**a,
    lambda a, b: 2**b,
    lambda a, b: 1 / b,
    lambda a, b: 3 - a,
    lambda a, b: np.ones(3) * a,
    lambda a, b: np.float64(2) * a,
    lambda a, b: a * [1, 2, 3],
    lambda a, b: a ** [1, 2, 3],
    lambda a, b: [1, 2, 3] / b,
    lambda a, b: np.power([[1, 2, 3]], b),
    lambda a, b: -a,
    lambda a, b: +a,
    lambda a, b: abs(a),
    lambda a, b: a % b,
    lambda a, b: a // b,
    lambda a, b: a @ b.T,
    lambda a, b: A @ b.T,
    lambda a, b: a.dot(b.T),
    lambda a, b: np.dot(A, b.T),
    lambda a, b: a.T,
    lambda a, b: a.mT,
    lambda a, b: np.exp(a),
    lambda a, b: 1 / (1 + np.exp(-(np.dot(a, b.T)))),
    lambda a, b: np.sum(a, 0),
    lambda a, b: a.sum(axis=1, keepdims=True),
    lambda a, b: a.mean(),
    lambda a, b: np.max(a, axis=-1),
    lambda a, b: a[0],
    lambda a, b: a[:, ::-1],
    lambda a, b: a[[0, 1], [2, 2]],
    lambda a, b: a[A > 0],
    lambda a, b: a.reshape(3, 2),
    lambda a, b: np.reshape(a, (3, 2)),
    lambda a, b: a.reshape(-1),
    lambda a, b: a.transpose(1, 0),
    lambda a, b: np.transpose(a),
    lambda a, b: np.concatenate([a, B, b]),
    lambda a, b: np.stack([a, b], axis=-1),
    lambda a, b: np.where(A > 0, a, b),
]


@pytest.mark.parametrize("f", SAME_AS_NUMPY)
def test_values_are_numpys_and_results_are_recorded_tensors(f):
    got = f(mg.Tensor(A, requires_grad=True), mg.Tensor(B, requires_grad=True))
    assert isinstance(got, mg.Tensor)
    assert got.requires_grad
    assert np.array_equal(got.data, f(A, B))
    assert isinstance(got.data, np.ndarray)


@pytest.mark.parametrize("f", [lambda a: a ** [1, 2, 3], lambda a: [1, 2, 3] ** a, lambda a: (1, 2, 3) / a])
def test_a_list_as_an_operand_is_an_array_in_the_backward_pass_too(f):
    numeric = (f(B + 1e-6) - f(B - 1e-6)) / 2e-6
    assert np.allclose(mg.grad(lambda a: f(a).sum())(B), numeric, rtol=1e-7)


PLAIN = [
    lambda a, b: a < b,
    lambda a, b: a == b,
    lambda a, b: np.float64(1) >= a,
    lambda a, b: np.ones(3) != a,
    lambda a, b: np.isfinite(a),
    lambda a, b: a.argmax(),
    lambda a, b: np.argmin(a, axis=1),
    lambda a, b: np.allclose(a, b),
    lambda a, b: np.array_equal(a, a),
    lambda a, b: np.shape(a),
    lambda a, b: len(a),
    lambda a, b: 5.0 in a,
]


@pytest.mark.parametrize("f", PLAIN)
def test_comparisons_and_questions_give_plain_answers(f):
    got = f(mg.Tensor(A, requires_grad=True), mg.Tensor(B))
    assert not isinstance(got, mg.Tensor)
    assert np.array_equal(got, f(A, B))


def test_float32_stays_float32_through_python_scalars_and_in_gradients():
    x = mg.Tensor(np.ones(3, np.float32), requires_grad=True)
    y = ((2 * x + 1.5) ** 2 / 3).sum()
    y.backward()
    assert (y.dtype, x.grad.dtype) == (np.float32, np.float32)


def test_a_float64_loss_of_float32_weights_gives_float32_gradients():
    x = mg.Tensor(np.ones(3, np.float32), requires_grad=True)
    y = (x * np.ones(3)).sum()
    y.backward()
    assert (y.dtype, x.grad.dtype) == (np.float64, np.float32)


def test_numpy_scalars_become_zero_d_tensors():
    x = mg.Tensor([1.0, 2.0], requires_grad=True)
    for t in (x.sum(), x.dot(x), x[0], np.max(x)):
        assert isinstance(t.data, np.ndarray)
        assert t.shape == ()


def test_tensors_can_be_iterated_hashed_and_formatted():
    x = mg.Tensor([1.0, 2.5], requires_grad=True)
    assert [t.item() for t in x] == [1.0, 2.5]
    assert {x: 1}[x] == 1
    assert f"{x.sum():.2f}" == "3.50"
    assert bool(x.sum() > 3)
    with pytest.raises(TypeError):
        iter(x.sum())


@pytest.mark.parametrize(
    ("tensor", "text"),
    [
        (mg.Tensor([1.0, 2.0]), "Tensor([1., 2.])"),
        (mg.Tensor([1.0], requires_grad=True, name="w"), "Tensor([1.], name='w', requires_grad=True)"),
        (mg.Tensor(2.0, requires_grad=True) * 2, "Tensor(4., op=multiply)"),
        (mg.Tensor([1.0], dtype=np.float32), "Tensor([1.], dtype=float32)"),
    ],
)
def test_repr(tensor, text):
    assert repr(tensor) == text


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_a_copy_of_a_leaf_is_a_leaf_of_its_own(copied):
    leaf = mg.Tensor([1.0, 2.0], requires_grad=True, name="leaf")
    leaf += 1
    (leaf * leaf).sum().backward()
    other = copied(leaf)
    other += 1
    assert (other.name, other.requires_grad, other.is_leaf) == ("leaf", True, True)
    assert np.array_equal(leaf.data, [2, 3])
    assert np.array_equal(other.grad, leaf.grad)
    with pytest.raises(TypeError, match=r"result of multiply.*detach\(\)"):
        copied(leaf * 2)


def test_a_format_of_many_entries_is_numpys_error():
    with pytest.raises(TypeError, match="unsupported format string"):
        f"{mg.Tensor([1.0, 2.0]):.2f}"


def test_a_tensor_copies_its_data():
    data = np.ones(2)
    x = mg.Tensor(data)
    data[0] = 5
    assert np.array_equal(x.data, [1, 1])


def test_data_without_a_past_converts():
    x = mg.Tensor([1.0, 2.0])
    assert np.array_equal(np.asarray(x), [1, 2])
    assert np.array_equal(x.numpy(), [1, 2])
    assert float(x[0]) == 1
    assert [10, 20, 30][mg.Tensor(1)] == 20


w = mg.Tensor(A, requires_grad=True, name="w")
v = mg.Tensor(np.ones((4, 4)), requires_grad=True, name="v")

REFUSED = [
    (lambda: np.array([w, w]), TypeError, "cut w .*np.stack"),
    (lambda: np.asarray(w), TypeError, "cut w"),
    (lambda: w.numpy(), TypeError, r"cut w .*\.detach\(\)\.numpy\(\)"),
    (lambda: float(w.sum()), TypeError, r"float\(\) would cut.*\.item\(\)"),
    (lambda: int(w.sum()), TypeError, r"int\(\) would cut"),
    (lambda: mg.Tensor(w), TypeError, r"Tensor\(tensor\) would cut w .*as it is.*t\.detach\(\)"),
    (lambda: A.T.dot(w), TypeError, r"conversion to an array would cut w .*X @ t for X\.dot\(t\)"),
    (lambda: A.T.dot(w + w.sum()), TypeError, r"conversion to an array would cut .*X @ t for X\.dot\(t\)"),
    (
        lambda: w @ v,
        ValueError,
        r"matmul does not fit w \(2, 3\) float64, v \(4, 4\).* 3 entries.* 4; they must be equal",
    ),
    (lambda: w @ np.ones((5, 2)), ValueError, "They fit the other way round: swap them"),
    (lambda: np.dot(w, w), ValueError, r"dot does not fit w .*Transpose one of them with \.T"),
    (lambda: w + v, ValueError, r"add cannot broadcast w \(2, 3\) float64, v \(4, 4\).*axis -1 has sizes 3 and 4"),
    (lambda: np.fft.fft(w), TypeError, r"np\.fft\.fft is not in the table.*mg\.custom_op"),
    (lambda: np.spacing(w), TypeError, r"np\.spacing is not in the table.*mg\.custom_op"),
    (lambda: np.add(w, 1, out=np.ones(3)), TypeError, "add: out= is not supported on Tensors. Results are new"),
    (lambda: np.add(w, 1, where=A > 0), TypeError, "where= is not supported.*np.where"),
    (lambda: np.add.reduce(w), TypeError, r"np\.add\.reduce is not supported on Tensors.*np\.sum"),
    (lambda: np.add.accumulate(w), TypeError, r"np\.add\.accumulate.*np\.cumsum"),
    (lambda: np.add.outer(w, w), TypeError, r"np\.add\.outer.*a\[:, None\]"),
    (lambda: np.add.at(w, 0, 1), TypeError, r"np\.add\.at.*mg\.scatter"),
    (lambda: np.sum(w, out=A), TypeError, "sum: out="),
    (lambda: w.sum(typo=1), TypeError, "sum: .*typo"),
    (lambda: np.outer(w, w, out=A), TypeError, "outer: out= is not supported on Tensors. Results are new"),
    (lambda: w[5], IndexError, "index 5"),
]


@pytest.mark.parametrize(("call", "error", "message"), REFUSED)
def test_what_cannot_be_done_is_an_error_with_the_cure(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_item_of_many_entries_names_the_tensor_and_what_to_write():
    scores = mg.Tensor([1.0, 2.5])
    with pytest.raises(mg.ShapeError, match=r"and scores \(2,\) float64 has 2 entries. Write t\[index\].item\(\)"):
        scores.item()
    with pytest.raises(mg.ShapeError, match="has 0 entries"):
        mg.Tensor(np.ones(0)).item()
