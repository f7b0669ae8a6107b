"""Programs of shapes and values at the edge: no axes, axes of one, values that a row refuses."""

import numpy as np
import pytest

import micrograd_np as mg

from .bits import bits, same

X, S = np.array([[1.0, -2.0], [3.0, 0.5]]), np.array(0.3)
STACK = np.arange(24.0).reshape(2, 3, 4)
AXES = [(a, b) for a in (-3, -1, 0, 2) for b in (-3, -2, 1, 2)]
FUNCTIONS = {
    "one axis by two names": (lambda x: np.swapaxes(x, 1, -1) * 1.0, X),
    "the gradient of a cumulative product": (mg.grad(lambda x: np.cumprod(x, axis=1).sum()), X),
    "a product of numbers": (lambda x: np.dot(np.sin(x), np.cos(x)), S),
    "a product of a number and an array": (lambda x: np.dot(np.sin(x[0, 0]), x), X),
    "gelu of a product": (mg.grad(lambda x: mg.gelu(np.dot(x, x))), np.ones(3)),
    "gelu of a number": (mg.grad(lambda x: mg.gelu(np.sin(x))), S),
    "probabilities that were computed": (lambda x: mg.nn.binary_cross_entropy(mg.sigmoid(x), np.ones((2, 2))), X),
    **{f"axes {pair}": (lambda x, pair=pair: np.swapaxes(x, *pair) * 2.0, STACK) for pair in AXES},
    **{
        f"axes {pair} and back": (lambda x, pair=pair: np.swapaxes(np.swapaxes(x, *pair) * 2.0, *pair[::-1]), STACK)
        for pair in AXES
    },
}


@pytest.mark.parametrize(("f", "x"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_printed_and_compiled(f, x):
    compiled = mg.compile(f)
    assert same(mg.trace(f)(x)(x), f(x))
    for _ in range(4):
        assert same(compiled(x), f(x))


def test_a_range_is_checked_at_each_call():
    """A row that refuses values runs on the values of the call, never on a buffer that nobody has filled yet."""
    loss = mg.compile(lambda x: mg.nn.binary_cross_entropy(x * 2.0, np.ones(50)))
    for _ in range(4):
        loss(np.full(50, 0.25))
    with pytest.raises(ValueError, match="probabilities from 0 to 1"):
        loss(np.full(50, 3.0))
    loss(np.full(50, 0.25))


def test_a_mask_of_booleans_is_checked_at_each_call():
    attend = mg.nn.MultiheadAttention(4, 2, batch_first=True, rng=np.random.default_rng(0))
    compiled = mg.compile(lambda x, mask: attend(x, x, x, key_padding_mask=mask)[0].detach())
    x, mask = np.ones((2, 3, 4)), np.array([[0, 0, 1], [0, 0, 0]], bool)
    for hidden in (mask, mask, mask, ~mask[::-1] & mask):
        assert bits(compiled(x, hidden)) == bits(attend(x, x, x, key_padding_mask=hidden)[0])
    assert len(compiled.programs) == 1
    with pytest.raises(ValueError, match="a row of key_padding_mask is all True"):
        compiled(x, ~mask)


def test_a_weight_used_twice_in_a_checkpoint():
    """Its gradients of one checkpoint are added up before those of another: a program would add them in a row."""
    w = mg.Tensor(0.7, requires_grad=True)

    def step(x):
        cell = mg.checkpoint(lambda h: np.tanh(np.tanh(h * w) * w))
        w.zero_grad()
        cell(cell(x)).sum().backward()
        return w.grad.copy()

    compiled = mg.compile(step)
    with pytest.warns(UserWarning, match=r"mg.checkpoint uses w \(\) float64 more than once.*Leave mg.checkpoint out"):
        for seed in range(8):
            x = np.random.default_rng(seed).normal(size=(2, 3))
            assert compiled(x).tobytes() == step(x).tobytes()


def test_a_checkpoint_in_a_step():
    def trained(compiled):
        w = mg.Tensor(np.ones(2), requires_grad=True)
        block = mg.checkpoint(lambda x: np.tanh(x * w))
        optimiser = mg.optim.SGD([w], lr=0.5)

        def step(x):
            optimiser.zero_grad()
            loss = (block(x) ** 2).sum()
            loss.backward()
            optimiser.step()
            return loss.detach()

        run = mg.compile(step) if compiled else step
        return [(run(np.array([1.0, i])).data.item(), w.data.tolist()) for i in range(5)]

    assert trained(True) == trained(False)
