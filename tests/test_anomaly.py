"""The first producer of a nan or inf is named, and not those that pass it on."""

import gc
import weakref

import numpy as np
import pytest

import micrograd_np as mg

pytestmark = pytest.mark.filterwarnings("ignore:.*encountered")


def tensor(*values, name="x"):
    return mg.Tensor(values, requires_grad=True, name=name)


FORWARD = [
    (lambda: np.log(tensor(1.0, 0.0)) * 2, r"log made -inf at index \(1,\) .* x \(2,\).*np\.where\(x > 0, x, 1\)"),
    (lambda: np.sqrt(tensor(1.0, -1.0)), r"sqrt made nan at index \(1,\)"),
    (lambda: 1 / tensor(0.0, 1.0), r"divide made inf at index \(0,\).*np\.where\(y == 0, 1, y\)"),
    (lambda: np.exp(tensor(1000.0)), r"exp made inf at index \(0,\).*logsumexp"),
]
BACKWARD = [
    (lambda: np.sqrt(tensor(1.0, 0.0)), r"derivative of sqrt made inf at index \(1,\) of the gradient of x"),
    (lambda: np.where([True, False], 1.0, np.sqrt(tensor(1.0, 0.0))), "derivative of sqrt made"),
]


@pytest.mark.parametrize(("make", "message"), FORWARD)
def test_forward(make, message):
    with mg.detect_anomaly(), pytest.raises(FloatingPointError, match=message):
        make()


@pytest.mark.parametrize(("make", "message"), BACKWARD)
def test_backward(make, message):
    with mg.detect_anomaly():
        y = make().sum()
        with pytest.raises(FloatingPointError, match=message):
            y.backward()


def test_the_message_has_the_users_line():
    with mg.detect_anomaly(), pytest.raises(FloatingPointError, match="the culprit"):
        np.log(tensor(0.0))  # the culprit


ALREADY_NAN = {
    "multiply": lambda x: x * 2,
    "add": lambda x: x + np.inf,
    "max": np.max,
    "ptp": np.ptp,
    "relu": mg.relu,
    "maximum": lambda x: np.maximum(x, 0.0),
    "clip": lambda x: np.clip(x, -9, 9),
    "getitem": lambda x: x[0],
    "pooling": lambda x: mg.max_pool1d(x[None, None], 2),
}


@pytest.mark.parametrize("use", ALREADY_NAN.values(), ids=ALREADY_NAN)
def test_a_leaf_that_already_holds_nan_is_named_where_it_is_first_used(use):
    message = r"x \(2,\) float64 already holds nan at index \(0,\), where \w+ uses it: test_anomaly.py"
    with mg.detect_anomaly(), pytest.raises(mg.NonFiniteError, match=message):
        use(tensor(np.nan, 1.0))


def test_an_array_that_already_holds_nan_is_named_too():
    weights = np.array([1.0, np.nan])
    with mg.detect_anomaly(), pytest.raises(FloatingPointError, match=r"weights \(2,\) float64 already holds nan"):
        tensor(1.0, 2.0) * weights
    with mg.detect_anomaly(), pytest.raises(FloatingPointError, match="nan is nan, where multiply uses it"):
        tensor(1.0, 2.0) * float("nan")


def test_a_nan_from_before_the_mode_is_traced_to_the_op_that_made_it():
    y = np.log(tensor(-1.0))  # the culprit
    with mg.detect_anomaly(), pytest.raises(FloatingPointError, match=r"made by log, outside of.*the culprit"):
        y * 2


MASKED = np.array([0.5, -np.inf, 2.0])
HANDLED = {
    "a mask of -inf": lambda x: mg.softmax(x + MASKED),
    "a mask by where": lambda x: np.exp(np.where([True, False, True], x, -np.inf)),
    "logsumexp": lambda x: mg.logsumexp(x + MASKED),
    "maximum": lambda x: np.maximum(x, MASKED),
    "nan replaced": lambda x: np.where(np.isnan([0, np.nan, 0]), 0.0, x),
    "nan not chosen": lambda x: np.where([True, False, True], x, 0.0) * np.where([True, False, True], 1, 2),
    "nanmean": lambda x: np.nanmean(x * 1),
}


@pytest.mark.parametrize("use", HANDLED.values(), ids=HANDLED)
def test_what_is_handled_is_no_anomaly(use):
    x = tensor(1.0, 2.0, 3.0)
    with mg.detect_anomaly():
        use(x).sum().backward()
    assert np.isfinite(x.grad).all()


@pytest.mark.parametrize("f", [np.nansum, np.nanmean, np.nanmax, lambda x: np.fmax(x, 0.0), np.nan_to_num])
def test_nan_in_the_data_is_no_anomaly_for_what_ignores_nan(f):
    x = tensor(np.nan, 1.0, 2.0)
    with mg.detect_anomaly():
        f(x).sum().backward()


def test_inf_minus_inf_is_the_first_nan():
    with mg.detect_anomaly(), pytest.raises(FloatingPointError, match=r"subtract made nan .* hold inf, but no nan"):
        np.subtract(MASKED, tensor(*MASKED))


@pytest.mark.parametrize("f", [np.median, np.mean, np.var])
def test_a_statistic_of_nan_is_the_fault_of_its_argument(f):
    with mg.detect_anomaly(), pytest.raises(FloatingPointError, match=r"x \(3,\) float64 already holds nan"):
        f(tensor(1.0, np.nan, 2.0))


@pytest.mark.parametrize("f", [np.tanh, np.exp, lambda x: x * x, lambda x: np.split(x, 1)[0]])
def test_it_keeps_no_graph_alive(f):
    x = tensor(1.0, 2.0)
    gc.collect()
    gc.disable()
    try:
        for backward in (True, False):
            with mg.detect_anomaly():
                y = f(x)
                node = weakref.ref(y)
                if backward:
                    y.sum().backward()
            del y
            assert node() is None
    finally:
        gc.enable()


def test_the_cure_in_the_message_cures():
    x = tensor(1.0, 0.0)
    with mg.detect_anomaly():
        np.where(x.data > 0, np.log(np.where(x > 0, x, 1)), 0).sum().backward()
    assert np.array_equal(x.grad, [1, 0])


def test_values_that_were_written_to_since_are_no_anomaly():
    x, weights = tensor(1.0, 2.0), np.array([3.0, 4.0])
    with mg.detect_anomaly():
        y = (x * x * weights).sum()
        x.data[1] = weights[0] = 0
        y.backward()
    assert np.array_equal(x.grad, [6, 16])


@pytest.mark.parametrize(
    "f", [lambda x: np.linalg.svd(x)[1], lambda x: np.split(x, 2)[1], mg.checkpoint(lambda x: np.tanh(x))]
)
def test_a_row_with_several_outputs_is_looked_at_too(f):
    x, again = (mg.Tensor([[3.0, 1.0], [1.0, 2.0]], requires_grad=True) for _ in range(2))
    f(x).sum().backward()
    with mg.detect_anomaly():
        f(again).sum().backward()
        assert np.array_equal(x.grad, again.grad)
        with pytest.raises(FloatingPointError, match=r"made \[?-?inf"):
            np.log(f(again) * 0)
