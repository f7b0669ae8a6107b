"""A loop that drags the history of all its updates along is told so, once; graphs that are long on purpose are not."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.core import errors

X = np.arange(1.0, 4.0)


@pytest.fixture(autouse=True)
def not_warned(monkeypatch):
    monkeypatch.setattr(errors, "warned_of_history", False)


def leaf():
    return mg.Tensor(np.ones(3), requires_grad=True)


def loss_of(w):
    return (w * w * X).sum()


def minus():
    w = leaf()
    for _ in range(20):
        loss_of(w).backward()
        w = w - 0.01 * w.grad  # dragged along


def plus():
    w = leaf()
    for _ in range(20):
        loss = loss_of(w)
        loss.backward()
        w = np.add(w, -0.01 * w.grad)  # dragged along


def two_parameters():
    w, b = leaf(), leaf()
    for _ in range(20):
        (loss_of(w) + loss_of(b)).backward()
        w = w - 0.01 * w.grad  # dragged along
        b = b - 0.01 * b.grad  # dragged along


def a_list():
    ws = [leaf(), leaf()]
    for _ in range(20):
        (loss_of(ws[0]) + loss_of(ws[1])).backward()
        ws = [w - 0.01 * w.grad for w in ws]  # dragged along


def momentum():
    w, v = leaf(), 0
    for _ in range(20):
        loss_of(w).backward()
        v = 0.9 * v + w.grad
        w = w - 0.01 * v  # dragged along


@pytest.mark.parametrize("loop", [minus, plus, two_parameters, a_list, momentum])
def test_a_dragged_history_is_warned_of_once_with_the_line_and_the_cure(loop):
    with pytest.warns(UserWarning) as warned:
        loop()
        loop()
    assert len(warned) == 1
    said = str(warned[0].message)
    assert "# dragged along" in said
    assert "Write w -= lr * w.grad" in said
    assert warned[0].filename == __file__


def the_cure():
    w = leaf()
    for _ in range(20):
        loss_of(w).backward()
        w -= 0.01 * w.grad


def without_zero_grad():
    w = leaf()
    for _ in range(50):
        loss_of(w - X).backward()


def new_leaves():
    w = leaf()
    for _ in range(20):
        loss_of(w).backward()
        w = mg.Tensor(w.data - 0.01 * w.grad, requires_grad=True)


def meta_learning_of_first_order():
    """The inner loop's gradients are arrays; the outer gradient is that of where the loop began."""
    start = leaf()
    for _ in range(3):
        w = start
        for _ in range(20):
            loss_of(w).backward()
            w = w - 0.01 * w.grad
        loss_of(w).backward()
        start -= 0.01 * start.grad


def meta_learning_of_second_order():
    start = leaf()
    for _ in range(3):
        w = start
        for _ in range(20):
            loss_of(w).backward(create_graph=True)
            w = w - 0.01 * w.grad
        loss_of(w).backward()
        start.zero_grad()


def unrolled_by_gradients():
    start = leaf()
    for _ in range(3):
        w = start
        for _ in range(20):
            w = w - 0.01 * mg.gradients(loss_of(w), [w])[0]
        loss_of(w).backward()


def a_long_sum():
    y = leaf() * 1
    for x in range(20):
        y = y - x
    for _ in range(3):
        y.sum().backward()


def a_network_of_steps():
    y = leaf()
    total = 0
    for x in range(20):
        y = y + float(x)
        total = total + np.sin(y).sum()
    total.backward()


def accumulated_gradients():
    w = leaf()
    for _ in range(20):
        for _ in range(5):
            loss_of(w).backward()
        w -= 0.01 * w.grad
        w.zero_grad()


LEGITIMATE = [the_cure, without_zero_grad, new_leaves, meta_learning_of_first_order, meta_learning_of_second_order]
LEGITIMATE += [unrolled_by_gradients, a_long_sum, a_network_of_steps, accumulated_gradients]


@pytest.mark.parametrize("loop", LEGITIMATE)
def test_a_graph_that_is_long_on_purpose_is_not_warned_of(loop):
    loop()  # a warning is an error
    assert not errors.warned_of_history
