"""The first producer of a nan or inf is named, and not those that pass it on."""

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


def test_what_comes_in_is_not_blamed_on_the_op():
    with mg.detect_anomaly():
        y = (tensor(np.nan, 1.0) * 2).sum()
        y.backward()


def test_the_cure_in_the_message_cures():
    x = tensor(1.0, 0.0)
    with mg.detect_anomaly():
        np.where(x.data > 0, np.log(np.where(x > 0, x, 1)), 0).sum().backward()
    assert np.array_equal(x.grad, [1, 0])


def test_a_saved_array_that_was_changed_is_named_with_the_index():
    x = tensor(1.0, 2.0, 3.0)
    with mg.detect_anomaly():
        y = (x * x).sum()
        x.data[1] = 5
        with pytest.raises(RuntimeError, match=r"x \(3,\) .* changed at index \(1,\) after multiply had used it"):
            y.backward()


def test_a_raw_array_that_was_changed_is_named_too():
    x, weights = tensor(1.0, 2.0), np.array([3.0, 4.0])
    with mg.detect_anomaly():
        y = (x * weights).sum()
        weights[0] = 0
        with pytest.raises(RuntimeError, match=r"weights \(2,\) .* changed at index \(0,\)"):
            y.backward()


def test_a_change_that_no_rule_would_read_is_no_anomaly():
    x = tensor(1.0, 2.0)
    with mg.detect_anomaly():
        y = (x + x).sum()
        x.data[0] = 5
        y.backward()


def test_nan_where_nan_was_is_no_change():
    x, weights = tensor(1.0, 2.0), np.array([np.nan, 4.0])
    with mg.detect_anomaly():
        (x * weights).sum().backward()


def test_it_forgets_what_dies():
    with mg.detect_anomaly() as _:
        watch = mg.core.context.CURRENT.get().watch
        for _ in range(5):
            y = (tensor(1.0) * 2).sum()
        del y
        assert watch.saved == {}


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
