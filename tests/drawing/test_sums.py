"""The gradients on the arrows into a box add up to the box's own, those of folded boxes too."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn
from micrograd_np.drawing import draw
from micrograd_np.drawing.preview import numbers
from tests.drawing.test_graph import chain, nested

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 3))


def leaf(*shape):
    return mg.Tensor(np.random.default_rng(1).normal(size=shape), requires_grad=True)


def applied(layers, x=X):
    return lambda: (nn.Sequential(*layers())(x) ** 2).mean()


def sequence(kind, steps=6, **options):
    x = np.random.default_rng(2).normal(size=(steps, 2, 3))
    return lambda: (kind(3, 2, rng=np.random.default_rng(0), **options)(x)[0] ** 2).sum()


def cell_in_a_loop():
    cell, h = nn.RNNCell(3, 2, rng=np.random.default_rng(0)), np.zeros((4, 2))
    for _ in range(8):
        h = cell(X, h)
    return (h * h).sum()


def residual():
    h, w = leaf(3), leaf(3, 3)
    for _ in range(30):
        h = h + np.tanh(h @ w)
    return h.sum()


def scopes():
    w, total = leaf(2), 0.0
    for part in ("a", "b", "c"):
        with mg.scope(part):
            total = total + np.sum(np.tanh(w) * np.exp(w))
    return total


def attention():
    layer = nn.MultiheadAttention(4, 2, batch_first=True, rng=np.random.default_rng(0))
    x = leaf(2, 3, 4)
    return (layer(x, x, x)[0] ** 2).mean()


def many_uses():
    w = leaf(3)
    return sum((np.sum(np.sin(w * i)) for i in range(1, 20)), 0.0)


def pieces():
    x = leaf(6)
    a, b, c = np.split(x, 3)
    return np.sum(a * b + c * x[:2])


def unlike():
    x, rng = leaf(2), np.random.default_rng(3)
    h = x
    for turn in rng.integers(0, 3, 600):
        h = np.tanh(h) if turn == 0 else np.sin(h) * x if turn == 1 else h + x
    return h.sum()


def linear(a, b):
    return nn.Linear(a, b, rng=np.random.default_rng(0))


MODELS = {
    "scalar": lambda: (w := leaf()) * w + w,
    "vector": lambda: np.sum((w := leaf(3)) * w + np.exp(w)),
    "linear": applied(lambda: [linear(3, 2)]),
    "two layers": applied(lambda: [linear(3, 4), nn.Tanh(), linear(4, 2)]),
    "layer norm": applied(lambda: [nn.LayerNorm(3), linear(3, 2)]),
    "batch norm": applied(lambda: [nn.BatchNorm1d(3), linear(3, 2)]),
    "tied": lambda: np.sum(np.tanh(X @ (w := leaf(3, 3))) @ w),
    "cross entropy": lambda: nn.cross_entropy(linear(3, 3)(X), np.array([0, 1, 2, 1])),
    "convolution": applied(lambda: [nn.Conv1d(2, 2, 2, rng=np.random.default_rng(0))], x=RNG.normal(size=(2, 2, 5))),
    "attention": attention,
    "RNN": sequence(nn.RNN),
    "LSTM": sequence(nn.LSTM),
    "GRU": sequence(nn.GRU, 9),
    "LSTM of two layers": sequence(nn.LSTM, num_layers=2),
    "cell": cell_in_a_loop,
    "residual": residual,
    "scopes": scopes,
    "many uses": many_uses,
    "pieces": pieces,
    "unlike": unlike,
    "long loop": lambda: chain(3000)[1],
    "nested loops": lambda: nested(60, 100),
}


def adds_up(gradient, parts):
    """True if numbers as they are shown add up, to a unit of the last digit of each."""
    shown, unit = np.zeros(gradient.size), np.zeros(gradient.size)
    for sign, array in [(1, gradient), *((-1, part) for part in parts)]:
        texts = numbers(np.ravel(array))
        shown += sign * np.array([float(text) for text in texts])
        unit += np.array([last_digit(text) for text in texts])
    return bool((np.abs(shown) <= unit + 1e-12).all())


def last_digit(text):
    digits, _, exponent = text.partition("e")
    return 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))


@pytest.mark.parametrize("options", [{}, {"limit": 12}, {"fold": ["a", "c"]}], ids=["usual", "few boxes", "scopes"])
@pytest.mark.parametrize("name", MODELS)
def test_the_numbers_on_the_arrows_into_a_box_add_up(name, options):
    if "fold" in options and name != "scopes":
        options = {"limit": 25}
    loss = MODELS[name]()
    loss.backward()
    scene = draw(loss, **options).scene
    leaving = {}
    for edge in scene.edges:
        if edge.has_rule:
            leaving.setdefault(edge.tail, []).append(edge)
    checked = 0
    for node in scene.nodes:
        edges = leaving.get(node.id, [])
        if node.gradient is None or not edges or node.kind == "output":
            continue
        assert not node.reason, (node.title, node.reason)
        drawn = [edge.gradient for edge in edges if edge.drawn]
        assert all(part is not None for part in drawn), (node.title, node.text)
        assert len(edges) == 1 or all(edge.share is not None for edge in edges)
        undrawn = [] if node.undrawn_share is None else [node.undrawn_share]
        assert adds_up(node.gradient, [*drawn, *undrawn]), node.title
        checked += 1
    assert checked > 1 or name == "scalar"
