"""No rule hides a nan: where a result is nan because an input is, that input's gradient is not 0."""

import math

import numpy as np
import pytest

import micrograd_np as mg

from .cases import CASES, Case
from .checks import leaves

inf, nan = math.inf, math.nan

# Rows that leave a nan out by their meaning.
EXEMPT = {"where", "fmax", "fmin", "nan_to_num"}


def planted(case: Case):
    """The case's inputs with nan in one entry after the other, and where it is."""
    for position, x in enumerate(case.values):
        for entry in range(min(x.size, 3)):
            values = [np.array(value) for value in case.values]
            values[position].flat[entry] = nan
            yield position, entry, values


def result_is_nan(case: Case, values):
    try:
        return [np.isnan(z) for z in case.outputs(values)]
    except (ValueError, np.linalg.LinAlgError):  # a decomposition refuses nan, and so does a check of probabilities
        return []


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("case", [c for c in CASES if c.row.name not in EXEMPT], ids=lambda case: case.name)
def test_a_nan_is_never_hidden(case):
    sound = [np.isnan(z) for z in case.outputs(case.values)]
    for position, entry, values in planted(case):
        found = result_is_nan(case, values)
        if not any(np.any(now & ~before) for now, before in zip(found, sound, strict=False)):
            continue
        inputs = leaves(values)
        outputs = [z for z in case.outputs(inputs) if isinstance(z, mg.Tensor) and z.requires_grad]
        total = sum(np.sum(z * np.cos(np.arange(z.size)).reshape(z.shape)) for z in outputs)
        try:
            total.backward()
        except np.linalg.LinAlgError:  # a decomposition in the rule refuses nan, and hides nothing
            continue
        gradient = inputs[position].grad
        if gradient is not None:
            assert gradient.flat[entry] != 0, f"input {position}, entry {entry}: nan there, and a gradient of 0"


VECTORS = [np.max, np.min, np.ptp, np.median, mg.logsumexp]
VECTORS += [lambda x: np.quantile(x, 0.3), lambda x: np.percentile(x, [10, 80]).sum()]
VECTORS += [lambda x: np.linalg.norm(x, np.inf), lambda x: np.linalg.norm(x, -np.inf)]
VECTORS += [lambda x: mg.max_pool1d(x[None, None], 3).sum(), lambda x: mg.max_pool1d(x[None, None], 2, 1).sum()]
VECTORS += [lambda x: mg.softmax(x)[0], lambda x: mg.log_softmax(x)[0], np.std, np.var]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("f", VECTORS)
def test_a_reduction_sends_nan_to_all_that_it_reduced(f):
    x = mg.Tensor([1.0, nan, 2.0], requires_grad=True)
    z = f(x)
    assert np.isnan(z.data)
    z.backward()
    assert np.all(np.isnan(x.grad))


@pytest.mark.parametrize("f", [np.max, np.median, lambda x, axis: np.quantile(x, 0.3, axis=axis), mg.logsumexp])
def test_other_reductions_of_one_array_keep_their_gradients(f):
    x = mg.Tensor([[1.0, nan, 2.0], [4.0, 6.0, 5.0]], requires_grad=True)
    f(x, axis=1).sum().backward()
    assert np.isnan(x.grad).all(axis=1).tolist() == [True, False]
    assert x.grad[1].sum() == pytest.approx(1)


def test_other_windows_of_one_array_keep_their_gradients():
    x = mg.Tensor([[[nan, 1.0, 3.0, 2.0]]], requires_grad=True)
    mg.max_pool1d(x, 2).sum().backward()
    np.testing.assert_array_equal(x.grad, [[[nan, nan, 1, 0]]])


# An entry's function, where it is taken, and its gradient for the cotangent 3.
ENTRIES = [
    (lambda x: np.maximum(x, 0.0), nan, 3),
    (lambda x: np.minimum(0.0, x), nan, 3),
    (lambda x: np.clip(x, -1, 1), nan, 3),
    (lambda x: np.clip(x, None, 1), nan, 3),
    (mg.relu, nan, 3),
    (mg.leaky_relu, nan, 3),
    (lambda x: mg.leaky_relu(x, 0.0), nan, 3),
    (np.floor, nan, 3),
    (np.sign, nan, 3),
    (np.abs, nan, nan),
    (mg.elu, nan, nan),
    (mg.sigmoid, nan, nan),
    (lambda x: np.fmax(x, 0.0), nan, 0),
    (lambda x: np.where(np.isnan(x), 0, x), nan, 0),
    (lambda x: np.select([np.isnan(x), True], [0.0, x]), nan, 0),
    (np.nansum, nan, 0),
    (np.nanmax, nan, 0),
    (np.nan_to_num, nan, 0),
    (lambda x: np.maximum(x, 0.0), -inf, 0),
    (lambda x: np.maximum(x, 0.0), inf, 3),
    (lambda x: np.maximum(0.0, x), 0.0, 1.5),
    (mg.relu, 0.0, 0),
    (mg.relu, -inf, 0),
    (mg.relu, inf, 3),
    (lambda x: np.clip(x, -1, 1), inf, 0),
]


@pytest.mark.filterwarnings("ignore:All-NaN")
@pytest.mark.parametrize(("f", "at", "gradient"), ENTRIES)
def test_entries(f, at, gradient):
    x = mg.Tensor(at, requires_grad=True)
    f(x).backward(3.0)
    np.testing.assert_array_equal(x.grad, gradient)


INFINITE = [
    (np.max, [1, -inf, 2], [0, 0, 1]),
    (np.max, [1, inf, inf], [0, 0.5, 0.5]),
    (np.min, [1, inf, 2], [1, 0, 0]),
    (np.median, [-inf, 0, inf], [0, 1, 0]),
    (mg.softmax, [-inf, 0], [0, 0]),
    (mg.logsumexp, [1, inf], [0, 1]),
    (mg.logsumexp, [inf, -inf, inf], [0.5, 0, 0.5]),
    (mg.logsumexp, [-inf, 0], [0, 1]),
    (mg.logsumexp, [-inf, -inf], [0, 0]),
    (lambda x: np.logaddexp(x[0], x[1]), [1, inf], [0, 1]),
    (lambda x: np.logaddexp(x[0], x[1]), [inf, inf], [0.5, 0.5]),
    (lambda x: np.logaddexp2(x[0], x[1]), [-inf, -inf], [0, 0]),
    (lambda x: np.logaddexp2(x[0], x[1]), [1000, inf], [0, 1]),
    (lambda x: mg.max_pool1d(x[None, None], 3), [1, -inf, 2], [0, 0, 1]),
    (lambda x: mg.softmax(np.where(np.array([True, False, True]), x, -inf))[0], [2, 7, 2], [0.25, 0, -0.25]),
]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("f", "x", "expected"), INFINITE)
def test_infinities_that_are_not_chosen_get_nothing(f, x, expected):
    for dtype in (np.float64, np.float32):
        gradient = mg.grad(lambda t: np.sum(f(t)))(np.array(x, dtype))
        np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-7)
        assert gradient.dtype == dtype


@pytest.mark.parametrize("v", [[1.0, nan], [nan, 1.0], [nan, nan]])
@pytest.mark.filterwarnings("ignore:invalid value encountered in logaddexp")
@pytest.mark.parametrize("f", [np.logaddexp, np.logaddexp2, np.hypot, np.arctan2])
def test_both_arguments_of_a_sum_that_is_nan_have_a_nan_gradient(f, v):
    a, b = (mg.Tensor(x, requires_grad=True) for x in v)
    z = f(a, b)
    z.backward()
    if np.isnan(z.data):
        assert np.isnan(a.grad)
        assert np.isnan(b.grad)


TINY_AND_HUGE = [("f8", 1e-170), ("f8", 1e170), ("f4", 1e-23), ("f4", 1e30), ("f2", 300)]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("dtype", "v"), TINY_AND_HUGE)
def test_angles_and_lengths_of_tiny_and_huge_numbers(dtype, v):
    a, b = (mg.Tensor(np.array(v, dtype), requires_grad=True) for _ in "ab")
    np.arctan2(a, b).backward()
    np.testing.assert_allclose([a.grad, b.grad], [0.5 / v, -0.5 / v], rtol=4 * np.finfo(dtype).eps)
    a.grad = b.grad = None
    np.hypot(a, b).backward()
    np.testing.assert_allclose([a.grad, b.grad], [math.sqrt(0.5)] * 2, rtol=4 * np.finfo(dtype).eps)


def test_angle_at_the_origin_has_no_slope():
    a, b = (mg.Tensor(0.0, requires_grad=True) for _ in "ab")
    np.arctan2(a, b).backward()
    assert (a.grad, b.grad) == (0, 0)


@pytest.mark.filterwarnings("ignore:divide by zero encountered")  # in NumPy's own norm
@pytest.mark.parametrize("order", [-1, -2, -0.5])
@pytest.mark.parametrize("x", [[0.0, 3.0, -4.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
def test_norm_of_negative_order_with_an_entry_of_zero(order, x):
    assert mg.grad(lambda x: np.linalg.norm(x, order))(np.array(x)).tolist() == [0, 0, 0]
