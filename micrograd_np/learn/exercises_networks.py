"""Exercises of lesson 10: attention, recurrent cells, convolution and pooling, each derived by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .exercise import Mistake
from .exercises_arrays import draws, gradient_exercise, sigmoid
from .exercises_layers import held, softmax_forward, through


def attention_forward(q: Any, k: Any, v: Any, scale: float | None = None, weights: Any = lambda p: p) -> Any:
    return weights(softmax_forward(q @ k.T * (q.shape[1] ** -0.5 if scale is None else scale))) @ v


def lstm_step_forward(
    x: Any, h: Any, c: Any, w: Any, b: Any, of_gates: Any = lambda x: x, of_cell: Any = lambda x: x
) -> Any:
    a = x @ w[: x.shape[1]] + h @ w[x.shape[1] :] + b
    n = c.shape[1]
    i, f, o = (sigmoid(a[:, k * n : (k + 1) * n]) for k in range(3))
    new_c = of_gates(f) * c + i * np.tanh(a[:, 3 * n :])
    return np.concatenate([o * np.tanh(of_cell(new_c)), new_c], axis=1)


def rnn_forward(xs: Any, w: Any, u: Any, stop: Any = lambda h: h) -> Any:
    h = np.zeros((xs.shape[1], u.shape[0]))
    for t in range(xs.shape[0]):
        h = np.tanh(xs[t] @ w + stop(h) @ u)
    return h


def convolution_forward(x: Any, w: Any) -> Any:
    length = x.shape[1] - w.shape[0] + 1
    return sum(x[:, k : k + length] * w[k] for k in range(w.shape[0]))


def max_pool_forward(x: Any) -> Any:
    return x.reshape(x.shape[0], -1, 2).max(axis=2)


def draw_pool(rng: np.random.Generator) -> tuple[Any, ...]:
    return (rng.permutation(24).reshape(3, 8) / 7.0 - 1.5,)


EXERCISES = [
    gradient_exercise(
        "attention",
        10,
        "z = softmax(q @ k.T / sqrt(D)) @ v, with q (T, D), k (S, D), v (S, E). Return the gradients of q, k and v.",
        "def attention_backward(g, q, k, v):\n    ...  # return dq, dk, dv",
        "Two matrix products and a softmax, each with a rule that you know. The scale appears in dq and in dk.",
        attention_forward,
        draws((5, 3), (4, 3), (4, 2)),
        mistakes=(
            Mistake(
                "The scale 1 / sqrt(D) is missing in dq and dk.",
                lambda d, g, q, k, v: (d[0] * q.shape[1] ** 0.5, d[1] * q.shape[1] ** 0.5, d[2]),
            ),
            Mistake(
                "The weights are treated as constants: dq and dk are 0.",
                forward=lambda q, k, v: attention_forward(q, k, v, weights=held) + 0 * (q.sum() + k.sum()),
            ),
            Mistake(
                "The softmax is left out of dq and dk: go back through it before you multiply by k and q.",
                lambda d, g, q, k, v: ((g @ v.T) @ k * q.shape[1] ** -0.5, (g @ v.T).T @ q * q.shape[1] ** -0.5, d[2]),
            ),
            Mistake(
                "The softmax keeps only the diagonal of its Jacobian, p * (1 - p).",
                lambda d, g, q, k, v: diagonal_attention(d, g, q, k, v),
            ),
        ),
    ),
    gradient_exercise(
        "rnn",
        10,
        "h = 0; for each step t: h = tanh(xs[t] @ w + h @ u), with xs (T, N, D). z is the last h. Return the gradients "
        "of w and u.",
        "def rnn_backward(g, xs, w, u):\n    ...  # return dw, du",
        "The same w and u are used at every step, so their gradients add over the steps: a value used T times.",
        rnn_forward,
        lambda rng: (rng.normal(size=(4, 3, 2)), rng.normal(size=(2, 5)), rng.normal(size=(5, 5)) / 2),
        mistakes=(
            Mistake(
                "Only the last step is counted. Go on through h to the steps before it.",
                forward=lambda xs, w, u: rnn_forward(xs, w, u, held),
            ),
        ),
    ),
    gradient_exercise(
        "lstm_step",
        10,
        "a = x @ w[:D] + h @ w[D:] + b. Cut a along axis 1 into four equal blocks. The sigmoid of the first three "
        "gives i, f and o; the tanh of the last gives n. Then new_c = f * c + i * n and new_h = o * tanh(new_c). g "
        "holds the gradients of new_h and new_c side by side. Return those of x, h, c, w and b.",
        "def lstm_step_backward(g, x, h, c, w, b):\n    gh, gc = np.split(g, 2, axis=1)\n"
        "    ...  # return dx, dh, dc, dw, db",
        "new_c gets two shares: gc, and one by way of tanh(new_c).",
        lstm_step_forward,
        draws((5, 3), (5, 2), (5, 2), (5, 8), (8,)),
        mistakes=(
            Mistake(
                "new_c gets only gc. The share by way of tanh(new_c) is missing.",
                forward=lambda x, h, c, w, b: lstm_step_forward(x, h, c, w, b, of_cell=held),
            ),
            Mistake(
                "f is treated as a constant: its block of a gets a gradient too.",
                forward=lambda x, h, c, w, b: lstm_step_forward(x, h, c, w, b, of_gates=held),
            ),
            Mistake(
                "new_c gets only the share by way of new_h. Add gc, its own gradient.",
                lambda d, g, *a: through_all(lstm_step_forward, g * (np.arange(g.shape[1]) < g.shape[1] // 2), a),
            ),
        ),
    ),
    gradient_exercise(
        "convolution",
        10,
        "z[:, t] = sum over k of x[:, t + k] * w[k], with x (N, L) and w (K,). Return the gradients of x and w.",
        "def convolution_backward(g, x, w):\n    ...  # return dx, dw",
        "Every x[:, t + k] gets a share from z[:, t]. Every entry of w was used at every place t, so its shares add.",
        convolution_forward,
        draws((3, 7), (3,)),
        mistakes=(
            Mistake(
                "dx uses w in the wrong order, its last entry first.",
                lambda d, g, x, w: (through(lambda x: convolution_forward(x, w[::-1]), g, x), d[1]),
            ),
            Mistake("dw stands in the wrong order, its last entry first.", lambda d, g, x, w: (d[0], d[1][::-1])),
            Mistake("dw is averaged over the batch. Shares add.", lambda d, g, x, w: (d[0], d[1] / len(x))),
        ),
    ),
    gradient_exercise(
        "max_pool",
        10,
        "Cut axis 1 of x (N, L) into pairs: entries 0 and 1, entries 2 and 3, and so on. z (N, L / 2) holds the larger "
        "of each pair. Return the gradient of x.",
        "def max_pool_backward(g, x):\n    ...",
        "g goes to the larger entry. Where both are equal there is no single slope, and any split of g is right.",
        max_pool_forward,
        draw_pool,
        mistakes=(
            Mistake(
                "Half of g goes to each. All of it belongs to the larger one.",
                lambda d, g, x: (np.repeat(g, 2, axis=1) / 2,),
            ),
            Mistake("g goes to both. It belongs to the larger one.", lambda d, g, x: (np.repeat(g, 2, axis=1),)),
            Mistake("g goes to the smaller one.", lambda d, g, x: (np.repeat(g, 2, axis=1) - d[0],)),
            Mistake("g is multiplied by x. The slope by the larger one is 1.", lambda d, g, x: (d[0] * x,)),
        ),
    ),
]


def diagonal_attention(d: Any, g: Any, q: Any, k: Any, v: Any) -> tuple[Any, ...]:
    scale = q.shape[1] ** -0.5
    p = softmax_forward(q @ k.T * scale)
    ds = (g @ v.T) * p * (1 - p)
    return ds @ k * scale, ds.T @ q * scale, d[2]


def through_all(forward: Any, g: Any, inputs: Any) -> tuple[Any, ...]:
    """Return the gradients of all inputs through a forward pass."""
    leaves = [Tensor(x, requires_grad=True) for x in inputs]
    forward(*leaves).backward(g)
    return tuple(leaf.grad for leaf in leaves)
