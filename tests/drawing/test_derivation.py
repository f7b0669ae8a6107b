"""An explanation as mathematics: each line, evaluated, is the tape's gradient."""

import ast
import functools

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn
from micrograd_np.drawing import explain
from micrograd_np.drawing.derivation import Derivation, derive, simplify_tree
from micrograd_np.drawing.graph import ops_of
from micrograd_np.drawing.latex import evaluate
from tests.drawing.test_sums import MODELS

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(4, 3)), np.array([[0.0], [1.0], [1.0], [0.0]])


def leaf(*shape):
    return mg.Tensor(np.random.default_rng(1).uniform(0.5, 1.5, shape), requires_grad=True)


def article(w):
    l1 = mg.sigmoid(X @ w)
    l2 = mg.sigmoid(l1 @ np.ones((4, 1)))
    return ((l2 - Y) ** 2).sum() / 2


def softmax_written_out(w):
    p = mg.softmax(X @ w)
    return -np.mean(np.log(p[np.arange(4), np.array([0, 1, 2, 1])]))


@mg.custom_op(lambda g, z, x: g * g * x)  # not linear in g, which is 2, so that the g of each factor counts
def squared(x):
    return 2 * x**2


GRAPHS = {
    "article": (article, leaf(3, 4)),
    "elementwise": (lambda w: np.sum(np.exp(w) * np.sin(w) / (1 + w**2)), leaf(3)),
    "mean and bias": (lambda w: np.mean((X * w + w) ** 2), leaf(3)),
    "transposes": (lambda w: np.sum((w.T @ w) * 2.0), leaf(3, 2)),
    "scalar": (lambda w: np.tanh(w * 3.0) - w / 2, leaf()),
    "linear": (lambda w: mg.linear(X, w).sum(), leaf(2, 3)),
    "cross entropy": (lambda w: nn.cross_entropy(X @ w, np.array([0, 1, 2, 1])), leaf(3, 3)),
    "soft targets": (lambda w: nn.cross_entropy(X @ w, np.full((4, 3), 1 / 3)), leaf(3, 3)),
    "softmax written out": (softmax_written_out, leaf(3, 3)),
    "sigmoid written out": (lambda w: np.sum((s := 1 / (1 + np.exp(-(X @ w)))) * s), leaf(3, 2)),
    "twice a sigmoid": (lambda w: np.sum((s := 2 / (1 + np.exp(-(X @ w)))) * s), leaf(3, 2)),
    "one minus an exponential": (lambda w: np.sum((s := 1 / (1 - np.exp(w))) * s), leaf(3)),
    "another exponential": (lambda w: np.sum((s := 1 / (1 + np.exp(-w))) * s * np.exp(-2 * w)), leaf(3)),
    "a square": (lambda w: 2.0 * np.sum(squared(w)), leaf(3)),
    "indexing": (lambda w: np.sum(w[1] * w[:, 0] + w[1, 2]), leaf(3, 3)),
    "axes": (lambda w: np.sum(np.mean(w, axis=0) * np.sum(w, axis=1)), leaf(3, 3)),
    "relu": (lambda w: np.mean(mg.relu(X @ w - 1.0) ** 2), leaf(3, 2)),
    "activations": (lambda w: np.sum(mg.gelu(mg.silu(X @ w)) @ np.ones((2, 1)) @ w[:1, :1]), leaf(3, 2)),
    "norm": (lambda w: np.sum(nn.LayerNorm(4)(X @ w) * np.arange(4.0) * w[0]), leaf(3, 4)),
    "pooling": (lambda w: (nn.MaxPool2d(2)(w) ** 2).mean(), leaf(1, 1, 4, 4)),
    "no formula": (lambda w: np.linalg.cholesky(w.T @ w).sum(), leaf(4, 2)),
    "signs": (lambda w: -np.sum(-(1.0 - w) * -(w - 2.0)) / -4, leaf(3)),
    "long": (lambda w: np.sum(functools.reduce(lambda h, f: f(h), [np.sin, np.cos, np.tanh, np.exp] * 5, w)), leaf(2)),
}


def check(tensor, output, rtol=1e-9):
    explained = explain(tensor, output)
    lines, _ = derive(explained.scene, explained.nodes)
    assert lines
    for line in lines:
        if line.value is None:  # of several values, each is inside its fold
            continue
        found = np.broadcast_to(evaluate(line.source, line.reads), line.value.shape)
        np.testing.assert_allclose(found, line.value, rtol=rtol, atol=1e-12, err_msg=f"{line.symbol} = {line.source}")
    np.testing.assert_array_equal(lines[-1].value, tensor.grad)
    rows = explained.latex.split("\\\\\n")
    assert all(row.count("{") == row.count("}") and row.count(r"\left") == row.count(r"\right") for row in rows)
    return lines


@pytest.mark.parametrize("graph", GRAPHS)
def test_each_line_is_the_gradient_of_the_tape(graph):
    function, w = GRAPHS[graph]
    w.grad = None
    loss = function(w)
    loss.backward()
    assert check(w, loss)[-1].symbol == r"\frac{\partial L}{\partial w}"


@pytest.mark.parametrize("model", MODELS)
def test_each_line_is_the_gradient_of_the_tape_in_models_with_folds_too(model):
    loss = MODELS[model]()
    loss.backward()
    for leaf in {id(x): x for op in ops_of([loss]) for x in op.args if getattr(x, "grad", None) is not None}.values():
        if leaf.op is None:
            check(leaf, loss, rtol=5e-4 if model == "attention" else 1e-9)  # a formula has four digits of sqrt(2)


def equations(tensor, loss):
    loss.backward()
    rows = explain(tensor, loss).latex.splitlines()[1:-1]
    return [row.split(" && ")[0].removesuffix(r" \\") for row in rows]


ARTICLE = [
    r"\delta_{2} &= \left(l_{2} - y\right) \odot l_{2} \odot \left(1 - l_{2}\right)",
    r"\delta_{1} &= \left(\delta_{2} \, {\mathrm{syn}_{1}}^{\top}\right) \odot l_{1} \odot \left(1 - l_{1}\right)",
    r"\frac{\partial L}{\partial \mathrm{syn}_{0}} &= {X}^{\top} \, \delta_{1}",
]


def written_out(z):
    return 1 / (1 + np.exp(-z))


@pytest.mark.parametrize("sigmoid", [mg.sigmoid, written_out], ids=["a row", "written out"])
@pytest.mark.parametrize("loss", ["error * error", "error ** 2", "np.square(l2 - y)"])
def test_the_articles_network_is_that_of_a_textbook(sigmoid, loss):
    y, syn0, syn1 = Y, leaf(3, 4), leaf(4, 1)
    l1 = sigmoid(X @ syn0)
    l2 = sigmoid(l1 @ syn1)
    error = y - l2
    squares = eval(loss, {"np": np}, {"error": error, "l2": l2, "y": y})
    assert equations(syn0, np.sum(squares) / 2) == ARTICLE


def test_softmax_with_cross_entropy_is_the_difference_from_the_labels():
    h, y = leaf(4, 3), np.array([0, 2, 1, 1])
    loss = nn.cross_entropy(h, y)
    assert equations(h, loss) == [
        r"\frac{\partial L}{\partial h} &= \frac{1}{4} \, \left(\mathrm{softmax}\left(h\right) - y\right)",
        r"&&& y \text{ as one-hot rows}",
    ]


def test_a_softmax_that_has_a_name_is_called_by_it():
    h, y = leaf(4, 3), np.array([0, 2, 1, 1])
    p = mg.softmax(h)
    loss = nn.cross_entropy(h, y) + (p * p).sum()
    assert r"\frac{1}{4} \, \left(p - y\right)" in " ".join(equations(h, loss))


def test_a_rule_without_matrix_notation_is_a_vjp_with_a_note():
    w = leaf(3, 3)
    loss = np.linalg.cholesky(w.T @ w).sum()
    rows = equations(w, loss)
    assert rows[0].startswith(r"\delta_{1} &= \mathrm{vjp}_{\text{cholesky}}\left(\mathbf{1};\, ")
    assert "symmetrised" in explain(w, loss).latex.splitlines()[-2]


def test_it_is_in_the_users_names_with_reasons():
    X, syn1 = leaf(4, 3), leaf(3, 1)
    z1 = X @ syn1
    l1 = mg.sigmoid(z1)
    loss = np.sum(l1)
    loss.backward()
    assert explain(syn1, loss).latex.splitlines() == [
        r"\begin{aligned}",
        r"\delta_{z_{1}} &= l_{1} \odot \left(1 - l_{1}\right) && \text{loss = sum(l1), l1 = sigmoid(z1)} \\",
        r"\frac{\partial L}{\partial \mathrm{syn}_{1}} &= {X}^{\top} \, \delta_{z_{1}} && \text{z1 = X @ syn1}",
        r"\end{aligned}",
    ]
    assert explain(syn1, loss)._repr_latex_().startswith("$$")


def test_a_sigmoid_that_is_used_twice_is_written_so():
    w = leaf(3)
    s = 1 / (1 + np.exp(-w))
    row = r"\frac{\partial L}{\partial w} &= 2 \, {s}^{2} \odot \left(1 - s\right)"
    assert equations(w, np.sum(s * s)) == [row]


def test_a_simplified_tree_leaves_its_parts_as_they_were():
    tree = ast.parse("f(-(-x)) @ (y * 1).T", mode="eval").body
    before = ast.dump(tree)
    assert ast.unparse(simplify_tree(tree, Derivation("g"))) == "f(x) @ y.T"
    assert ast.dump(tree) == before
