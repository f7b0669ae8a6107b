"""The picture says by how much, and why, the parts of a gradient do not add up to it."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.drawing import draw, explain
from tests.drawing.pages import data


def lines(text):
    return [" ".join(line.split()) for line in text.splitlines()]


def twice():
    x = mg.Tensor([1.0, 2.0], requires_grad=True)
    loss = np.sum(x * x)
    loss.backward()
    loss.backward()
    return x, loss


def test_a_backward_run_twice_is_a_part_of_its_own():
    x, loss = twice()
    for text in (explain(x, loss), draw(loss).text):
        at = lines(text).index("+ g * x x * x [1 2]")
        assert lines(text)[at + 1 : at + 3] == ["+ from an earlier backward [2 4]", "= the sum [4 8]"]


def test_the_drawing_and_the_flowchart_have_it():
    _, loss = twice()
    assert "from an earlier backward: [2 4]" in draw(loss).dot
    assert "from an earlier backward: [2 4]" in draw(loss).mermaid
    assert "earlier" not in draw(loss, direction="forward").dot + draw(loss, direction="forward").mermaid


def test_the_player_adds_it_after_the_last_part():
    x, loss = twice()
    node = next(node for node in data(draw(loss))["nodes"].values() if node["title"] == "x")
    assert node["gradient"]["cells"] == [[str(g) for g in x.grad.astype(int)]]
    assert node["reason"] == "from an earlier backward"
    assert node["rest"]["cells"] == [["2", "4"]]


def test_a_single_part_that_is_not_all_is_a_sum_too():
    w = mg.Tensor(3.0, requires_grad=True)
    loss = w * 2
    loss.backward()
    loss.backward()
    loss.backward()
    assert lines(explain(w, loss))[-3:] == ["w () g * 2 loss 2", "+ from an earlier backward 4", "= the sum 6"]


def test_another_loss_is_elsewhere():
    w = mg.Tensor([1.0, 2.0], requires_grad=True)
    loss, other = np.sum(w * w), np.sum(w)
    loss.backward()
    other.backward()
    assert "+ from elsewhere: another backward, output or write [1 1]" in lines(explain(w, loss))


@pytest.mark.parametrize("write", [lambda A: A.__setitem__(slice(None), 100.0), lambda A: A.fill(7.0)])
def test_an_array_that_was_written_to_since_is_drawn_as_it_was_used(write):
    A, w = np.ones(2), mg.Tensor([1.0, 2.0], requires_grad=True)
    loss = np.sum(A * w)
    loss.backward()
    before = explain(w, loss)
    write(A)
    assert explain(w, loss) == before


def test_a_rule_that_cannot_run_again_has_the_gradient_that_it_sent():
    x, w = mg.Tensor([1.0, 2.0], requires_grad=True), mg.Tensor([3.0, 4.0], requires_grad=True)
    h = x * 2
    loss = np.sum(h * w)
    loss.backward()
    w -= w.grad
    assert "h (2,) g * w h * w [3 4]" in lines(explain(x, loss))
    assert "w (2,) g * h h * w [2 4]" in lines(draw(loss).text)
    w.zero_grad()
    assert "w (2,) g * h h * w" in lines(draw(loss).text)


def test_a_parameter_that_was_written_through_its_data_explains_as_it_was_used():
    w, v = mg.Tensor([1.0, 2.0], requires_grad=True), mg.Tensor([3.0, 4.0], requires_grad=True)
    loss = np.sum(w * v)
    loss.backward()
    before = explain(v, loss)
    w.data[:] = 7.0
    assert explain(v, loss) == before


def test_rounding_and_the_rest_of_a_fold_are_no_difference():
    w = mg.Tensor(np.linspace(0.1, 0.7, 5, dtype=np.float32), requires_grad=True)
    h = w
    for _ in range(60):
        h = np.tanh(h * w + w)
    loss = np.sum(h)
    loss.backward()
    assert not any(node.reason for node in draw(loss).scene.nodes)
    assert not any(node.reason for node in draw(loss, limit=1000).scene.nodes)


def test_what_is_not_drawn_of_a_walk_back_is_said_of_a_result():
    w = mg.Tensor(2.0, requires_grad=True)
    h = w * w
    loss = h * 3
    (loss + h).backward()
    assert "+ from elsewhere: another backward, output or write 1" in lines(explain(h, loss))
