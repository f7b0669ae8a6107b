"""Random graphs, with their gradients: eager, printed and compiled, to the bit."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

import micrograd_np as mg

from .bits import same

UNARY = [
    *(np.sin, np.tanh, np.exp, np.negative, np.square, np.abs, mg.sigmoid, mg.relu, mg.gelu),
    *(lambda x: x.T, lambda x: x[::-1], lambda x: x[:, :2] @ x[:2], lambda x: np.swapaxes(x, 0, -1)),
    *(
        lambda x: x - np.max(x, axis=1, keepdims=True),
        lambda x: x / (np.sum(x * x) + 1),
        lambda x: np.cumsum(x, axis=0),
    ),
    *(lambda x: np.where(x > 0, x, 0.1 * x), lambda x: np.clip(x, -1, 1), lambda x: x * 1.0, lambda x: x + 0.0),
    *(lambda x: mg.softmax(x, axis=-1), lambda x: x.reshape(-1).reshape(x.shape), lambda x: x * np.eye(3)),
    *(lambda x: x * mg.no_grad()(np.tanh)(x), lambda x: np.concatenate([x, x])[1:4], lambda x: x**3),
]
BINARY = [np.add, np.subtract, np.multiply, np.maximum, np.matmul, lambda x, y: x @ y.T, lambda x, y: x / (y * y + 1)]
STEP = st.tuples(st.integers(0, len(UNARY) + len(BINARY) - 1), st.integers(0, 9), st.integers(0, 9))


def built(steps):
    """A function that applies these steps to its arguments and to what came of them."""

    def loss(x, y):
        values = [x, y]
        for op, i, j in steps:
            a, b = values[i % len(values)], values[j % len(values)]
            values.append(UNARY[op](a) if op < len(UNARY) else BINARY[op - len(UNARY)](a, b))
        return np.mean(values[-1] * np.tanh(values[-1])) + np.mean(values[len(values) // 2])

    return loss


@settings(max_examples=60, deadline=None)
@given(st.lists(STEP, min_size=1, max_size=8), st.sampled_from([np.float64, np.float32]), st.integers(0, 99))
@example([(20, 0, 0), (0, 0, 0)], np.float64, 0)  # a constant whose strides are 0
def test_eager_printed_and_compiled(steps, dtype, seed):
    rng = np.random.default_rng(seed)
    batches = [[rng.normal(size=(3, 3)).astype(dtype) for _ in range(2)] for _ in range(4)]
    both = mg.value_and_grad(built(steps), argnums=(0, 1))
    program, compiled = mg.trace(both)(*batches[0]), mg.compile(both)
    with np.errstate(all="ignore"):
        for batch in batches:
            value, gradients = both(*batch)
            assert same(program(*batch)[:2], (value, gradients))
            assert same(compiled(*batch), (value, gradients))


@settings(max_examples=30, deadline=None)
@given(st.lists(STEP, min_size=1, max_size=6), st.integers(0, 99))
@example([(30, 0, 0), (18, 2, 0), (0, 0, 0), (1, 0, 0)], 1)  # a spread cotangent times 1 becomes an operand of BLAS
@example([(30, 0, 0), (18, 2, 0), (0, 0, 0), (0, 0, 0)], 0)
def test_steps_that_write(steps, seed):
    """A weight is updated by its gradient, and the next call goes on from there."""
    loss, rng = built(steps), np.random.default_rng(seed)
    start, x = rng.normal(size=(3, 3)), rng.normal(size=(3, 3))

    def made():
        w = mg.Tensor(start, requires_grad=True)

        def step(x):
            w.zero_grad()
            value = loss(w, x) + (w * w).sum()
            value.backward()
            w.assign(w.data - 0.01 * w.grad)
            return value

        return step, w

    (eager, w), (traced, v) = made(), made()
    compiled = mg.compile(traced)
    with np.errstate(all="ignore"):
        for _ in range(5):
            assert same(eager(x), compiled(x))
            assert same([w, w.grad], [v, v.grad])
