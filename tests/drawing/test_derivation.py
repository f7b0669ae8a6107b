"""An explanation as mathematics: each line, evaluated, is the tape's gradient."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn
from micrograd_np.drawing import explain
from micrograd_np.drawing.derivation import MOST, derive, evaluate

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(4, 3)), np.array([[0.0], [1.0], [1.0], [0.0]])


def leaf(*shape):
    return mg.Tensor(np.random.default_rng(1).uniform(0.5, 1.5, shape), requires_grad=True)


def article(w):
    l1 = mg.sigmoid(X @ w)
    l2 = mg.sigmoid(l1 @ np.ones((4, 1)))
    return ((l2 - Y) ** 2).sum() / 2


GRAPHS = {
    "article": (article, leaf(3, 4)),
    "elementwise": (lambda w: np.sum(np.exp(w) * np.sin(w) / (1 + w**2)), leaf(3)),
    "mean and bias": (lambda w: np.mean((X * w + w) ** 2), leaf(3)),
    "transposes": (lambda w: np.sum((w.T @ w) * 2.0), leaf(3, 2)),
    "scalar": (lambda w: np.tanh(w * 3.0) - w / 2, leaf()),
    "linear": (lambda w: (nn.functional if hasattr(nn, "functional") else mg).linear(X, w).sum(), leaf(2, 3)),
}


@pytest.mark.parametrize("graph", GRAPHS)
def test_each_line_is_the_gradient_of_the_tape(graph):
    function, w = GRAPHS[graph]
    w.grad = None
    loss = function(w)
    loss.backward()
    explained = explain(w, loss)
    lines = derive(explained.scene, explained.words)
    assert lines
    for line in lines:
        np.testing.assert_allclose(evaluate(line.source, line.reads), line.value, rtol=1e-12, err_msg=line.latex)
    assert lines[-1].symbol == r"\frac{\partial L}{\partial w}"
    np.testing.assert_array_equal(lines[-1].value, w.grad)
    assert explained.latex.count("{") == explained.latex.count("}")


def test_it_is_matrix_notation_in_the_users_names():
    X, syn1 = leaf(4, 3), leaf(3, 1)
    z1 = X @ syn1
    l1 = mg.sigmoid(z1)
    loss = np.sum(l1)
    loss.backward()
    assert explain(syn1, loss).latex.splitlines() == [
        r"\begin{aligned}",
        r"\delta_{l_{1}} &= \mathbf{1} && \text{loss = sum(l1)} \\",
        r"\delta_{z_{1}} &= \delta_{l_{1}} \odot \left(l_{1} \odot \left(1 - l_{1}\right)\right) "
        r"&& \text{l1 = sigmoid(z1)} \\",
        r"\frac{\partial L}{\partial \mathrm{syn}_{1}} &= {X}^{\top} \, \delta_{z_{1}} && \text{z1 = X @ syn1}",
        r"\end{aligned}",
    ]
    assert explain(syn1, loss)._repr_latex_().startswith("$$")


def test_a_long_derivation_has_its_ends():
    h = w = leaf(2)
    for _ in range(200):
        h = np.sin(h)
    loss = h.sum()
    loss.backward()
    assert explain(w, loss).latex.count("&=") <= MOST
