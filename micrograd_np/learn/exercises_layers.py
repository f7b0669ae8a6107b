"""Exercises of lesson 10: the layers of real networks, each derived by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .exercise import Exercise, Mistake
from .exercises_arrays import draws, gradient_exercise, sigmoid
from .marking import mark_values

EPS = 1e-5


def held(x: Any) -> Any:
    """Return a value through which no gradient passes: how a mistake takes it for a constant."""
    return x.detach() if isinstance(x, Tensor) else x


def softmax_forward(x: Any, stop: Any = lambda x: x) -> Any:
    e = np.exp(x - held(x).max(axis=1, keepdims=True))
    return e / stop(e.sum(axis=1, keepdims=True))


def log_softmax_forward(x: Any) -> Any:
    return np.log(softmax_forward(x))


def cross_entropy_forward(scores: Any, labels: Any) -> Any:
    return -log_softmax_forward(scores)[np.arange(len(labels)), labels].mean()


def normalise(x: Any, axis: int, of_mean: Any = lambda x: x, of_std: Any = lambda x: x) -> Any:
    centred = x - of_mean(x.mean(axis=axis, keepdims=True))
    return centred / of_std(np.sqrt((centred**2).mean(axis=axis, keepdims=True) + EPS))


def layer_norm_forward(x: Any, gamma: Any, beta: Any, **held_parts: Any) -> Any:
    return normalise(x, 1, **held_parts) * gamma + beta


def batch_norm_forward(x: Any, gamma: Any, beta: Any, **held_parts: Any) -> Any:
    return normalise(x, 0, **held_parts) * gamma + beta


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


def draw_labels(rng: np.random.Generator) -> tuple[Any, ...]:
    return rng.normal(size=(6, 4)), np.array([0, 3, 1, 1, 2, 0])


def draw_dropout(rng: np.random.Generator) -> tuple[Any, ...]:
    return rng.normal(size=(4, 5)), (rng.uniform(size=(4, 5)) < 0.75).astype(float)


def draw_norm(rng: np.random.Generator) -> tuple[Any, ...]:
    return rng.normal(size=(6, 4)) * 2, rng.uniform(0.5, 1.5, size=4), rng.normal(size=4)


MEAN_HELD = "The mean is taken for a constant in dx. It depends on every x that was averaged, so a term is missing."
STD_HELD = "The deviation is taken for a constant in dx. It depends on every x that went into it, so a term is missing."
BOTH_HELD = "Mean and deviation are both taken for constants in dx: two terms are missing."


def norm_mistakes(forward: Any, axis: int) -> tuple[Mistake, ...]:
    """Return the mistakes of a normalisation layer along an axis."""
    other = 1 - axis
    return (
        Mistake(BOTH_HELD, forward=lambda *a: forward(*a, of_mean=held, of_std=held)),
        Mistake(MEAN_HELD, forward=lambda *a: forward(*a, of_mean=held)),
        Mistake(STD_HELD, forward=lambda *a: forward(*a, of_std=held)),
        Mistake(
            "dgamma multiplies g by x. It is given the normalised x.",
            change=lambda d, g, x, a, b: (d[0], (g * x).sum(axis=0), d[2]),
        ),
        Mistake(
            "gamma is left out of dx: multiply g by gamma first.",
            change=lambda d, g, x, a, b: (through(lambda x: normalise(x, axis), g, x), d[1], d[2]),
        ),
        Mistake(
            "dbeta and dgamma are means over the rows. Shares add.",
            change=lambda d, g, x, a, b: (d[0], d[1] / len(x), d[2] / len(x)),
        ),
        Mistake(
            f"dx takes its means over axis {other}. The layer normalises along axis {axis}.",
            change=lambda d, g, x, a, b: (
                through(lambda x: normalise(x, other), g * a, x),
                (g * normalise(x, other)).sum(axis=0),
                d[2],
            ),
        ),
    )


def through(forward: Any, g: Any, x: Any) -> Any:
    """Return the gradient of x through a forward pass."""
    leaf = Tensor(x, requires_grad=True)
    forward(leaf).backward(g)
    return leaf.grad


EXERCISES = [
    gradient_exercise(
        "softmax",
        10,
        "p = softmax(x) along axis 1, with x (N, K). Return the gradient of x, given g, the gradient of p.",
        "def softmax_backward(g, x):\n    e = np.exp(x - x.max(axis=1, keepdims=True))\n"
        "    p = e / e.sum(axis=1, keepdims=True)\n    ...",
        "p * (g - a weighted mean of g): what all entries share has no effect, since the probabilities add to 1.",
        softmax_forward,
        draws((5, 4)),
        mistakes=(
            Mistake(
                "Only the diagonal of the Jacobian is used: every p depends on every x of its row.",
                change=lambda d, g, x: (g * softmax_forward(x) * (1 - softmax_forward(x)),),
            ),
            Mistake(
                "The sum in the denominator is taken for a constant. It depends on every x.",
                forward=lambda x: softmax_forward(x, held),
            ),
            Mistake(
                "The sum runs over the columns (axis 0). Each row is a distribution: sum over axis 1.",
                change=lambda d, g, x: (softmax_forward(x) * (g - (g * softmax_forward(x)).sum(axis=0)),),
            ),
            Mistake(
                "The sum lacks p: it is the sum of g * p.",
                change=lambda d, g, x: (softmax_forward(x) * (g - g.sum(axis=1, keepdims=True)),),
            ),
        ),
    ),
    gradient_exercise(
        "log_softmax",
        10,
        "z = log(softmax(x)) along axis 1. Return the gradient of x.",
        "def log_softmax_backward(g, x):\n    e = np.exp(x - x.max(axis=1, keepdims=True))\n"
        "    p = e / e.sum(axis=1, keepdims=True)\n    ...",
        "No division by p is left: that is why the logarithm and the softmax belong together.",
        log_softmax_forward,
        draws((5, 4)),
        mistakes=(
            Mistake("The term with the sum of g is missing.", change=lambda d, g, x: (g,)),
            Mistake(
                "p is multiplied by g itself. It is multiplied by the row's sum of g.",
                change=lambda d, g, x: (g - softmax_forward(x) * g,),
            ),
            Mistake(
                "This is the rule of softmax itself, without the logarithm.",
                change=lambda d, g, x: (
                    softmax_forward(x) * (g - (g * softmax_forward(x)).sum(axis=1, keepdims=True)),
                ),
            ),
        ),
    ),
    gradient_exercise(
        "cross_entropy",
        10,
        "loss = the mean over the rows of -log(softmax(scores)[label]). Return the gradient of scores.",
        "def cross_entropy_backward(scores, labels):\n"
        "    e = np.exp(scores - scores.max(axis=1, keepdims=True))\n    p = e / e.sum(axis=1, keepdims=True)\n    ...",
        "Probability minus one-hot label, over N: what is predicted minus what is true, as in the article's error.",
        cross_entropy_forward,
        draw_labels,
        mistakes=(
            Mistake("The 1/N of the mean is missing.", change=lambda d, g, s, y: (d[0] * len(y),)),
            Mistake(
                "The label is not subtracted: p[np.arange(N), labels] -= 1.",
                change=lambda d, g, s, y: (softmax_forward(s) / len(y),),
            ),
            Mistake(
                "1 is subtracted in the columns of all labels, in every row. Write p[np.arange(N), labels] -= 1.",
                change=lambda d, g, s, y: ((softmax_forward(s) - np.isin(np.arange(s.shape[1]), y)) / len(y),),
            ),
            Mistake(
                "It is divided by the number of classes. The mean is over the rows.",
                change=lambda d, g, s, y: (d[0] * len(y) / s.shape[1],),
            ),
            Mistake(
                "It is divided by the number of entries. The mean is over the rows.",
                change=lambda d, g, s, y: (d[0] / s.shape[1],),
            ),
        ),
    ),
    gradient_exercise(
        "dropout",
        10,
        "z = x * mask / 0.75, where the mask of zeros and ones keeps three quarters. Return the gradient of x.",
        "def dropout_backward(g, x, mask):\n    ...",
        "The same mask and the same scale, both ways: the layer is linear in x.",
        lambda x, mask: x * mask / 0.75,
        draw_dropout,
        mistakes=(
            Mistake("The scale 1 / 0.75 is missing.", change=lambda d, g, x, mask: (g * mask,)),
            Mistake("The mask is missing: what was dropped passes nothing.", change=lambda d, g, x, mask: (g / 0.75,)),
            Mistake("The scale is turned over: divide by 0.75.", change=lambda d, g, x, mask: (g * mask * 0.75,)),
            Mistake("The mask is the wrong way round.", change=lambda d, g, x, mask: (g * (1 - mask) / 0.75,)),
        ),
    ),
    gradient_exercise(
        "layer_norm",
        10,
        "z = (x - mean) / sqrt(var + 1e-5) * gamma + beta, with mean and var along axis 1. Return the gradients of "
        "x, gamma "
        "and beta.",
        "def layer_norm_backward(g, x, gamma, beta):\n    ...  # return dx, dgamma, dbeta",
        "dx has three terms: g itself, minus its mean, minus the part of it along the normalised x.",
        layer_norm_forward,
        draw_norm,
        wanted=(0, 1, 2),
        mistakes=norm_mistakes(layer_norm_forward, 1),
    ),
    gradient_exercise(
        "batch_norm",
        10,
        "z = (x - mean) / sqrt(var + 1e-5) * gamma + beta, with mean and var along axis 0. Return the gradients of "
        "x, gamma "
        "and beta.",
        "def batch_norm_backward(g, x, gamma, beta):\n    ...  # return dx, dgamma, dbeta",
        "The formula of layer norm along the other axis. Each example's gradient depends on the whole batch.",
        batch_norm_forward,
        draw_norm,
        wanted=(0, 1, 2),
        mistakes=norm_mistakes(batch_norm_forward, 0),
    ),
    gradient_exercise(
        "attention",
        10,
        "z = softmax(q @ k.T / sqrt(D)) @ v, with q (T, D), k (S, D), v (S, E). Return the gradients of q, k and v.",
        "def attention_backward(g, q, k, v):\n    ...  # return dq, dk, dv",
        "Two matrix products and a softmax, each undone by the rule that you know. The scale appears in dq and in dk.",
        attention_forward,
        draws((5, 3), (4, 3), (4, 2)),
        wanted=(0, 1, 2),
        mistakes=(
            Mistake(
                "The scale 1 / sqrt(D) is missing in dq and dk.",
                change=lambda d, g, q, k, v: (d[0] * q.shape[1] ** 0.5, d[1] * q.shape[1] ** 0.5, d[2]),
            ),
            Mistake(
                "The weights are taken for constants: dq and dk are 0.",
                forward=lambda q, k, v: attention_forward(q, k, v, weights=held) + 0 * (q.sum() + k.sum()),
            ),
            Mistake(
                "The softmax is left out of dq and dk: go back through it before you multiply by k and q.",
                change=lambda d, g, q, k, v: (
                    (g @ v.T) @ k * q.shape[1] ** -0.5,
                    (g @ v.T).T @ q * q.shape[1] ** -0.5,
                    d[2],
                ),
            ),
            Mistake(
                "The softmax keeps only the diagonal of its Jacobian, p * (1 - p).",
                change=lambda d, g, q, k, v: diagonal_attention(d, g, q, k, v),
            ),
        ),
    ),
    gradient_exercise(
        "rnn",
        10,
        "h = 0; for each step t: h = tanh(xs[t] @ w + h @ u), with xs (T, N, D). z is the last h. Return the "
        "gradients of w "
        "and u.",
        "def rnn_backward(g, xs, w, u):\n    ...  # return dw, du",
        "The same w and u are used at every step, so their gradients add over the steps: a value used T times.",
        rnn_forward,
        lambda rng: (rng.normal(size=(4, 3, 2)), rng.normal(size=(2, 5)), rng.normal(size=(5, 5)) / 2),
        wanted=(1, 2),
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
        "a = x @ w[:D] + h @ w[D:] + b; its four blocks are i, f, o (sigmoid) and n (tanh). new_c = f * c + i * n "
        "and new_h = "
        "o * tanh(new_c). g holds the gradients of new_h and new_c side by side. Return those of x, h, c, w and b.",
        "def lstm_step_backward(g, x, h, c, w, b):\n    gh, gc = np.split(g, 2, axis=1)\n"
        "    ...  # return dx, dh, dc, dw, db",
        "new_c gets two shares: its own, and one by way of tanh(new_c). Forget one and the memory learns nothing.",
        lstm_step_forward,
        draws((5, 3), (5, 2), (5, 2), (5, 8), (8,)),
        wanted=(0, 1, 2, 3, 4),
        mistakes=(
            Mistake(
                "new_c gets only its own share. The share by way of tanh(new_c) is missing.",
                forward=lambda x, h, c, w, b: lstm_step_forward(x, h, c, w, b, of_cell=held),
            ),
            Mistake(
                "The forget gate passes nothing back: f is taken for a constant.",
                forward=lambda x, h, c, w, b: lstm_step_forward(x, h, c, w, b, of_gates=held),
            ),
            Mistake(
                "new_c gets only the share by way of new_h. Its own gradient, gc, is missing.",
                change=lambda d, g, *a: through_all(
                    lstm_step_forward, g * (np.arange(g.shape[1]) < g.shape[1] // 2), a
                ),
            ),
        ),
    ),
    gradient_exercise(
        "convolution",
        10,
        "z[:, t] = sum over k of x[:, t + k] * w[k], with x (N, L) and w (K,). Return the gradients of x and w.",
        "def convolution_backward(g, x, w):\n    ...  # return dx, dw",
        "dx slides the kernel the other way. Every entry of w was used at every place, so its shares add over all.",
        convolution_forward,
        draws((3, 7), (3,)),
        wanted=(0, 1),
        mistakes=(
            Mistake(
                "dx uses the kernel the wrong way round.",
                change=lambda d, g, x, w: (through(lambda x: convolution_forward(x, w[::-1]), g, x), d[1]),
            ),
            Mistake("dw is flipped.", change=lambda d, g, x, w: (d[0], d[1][::-1])),
            Mistake(
                "Both are flipped.",
                change=lambda d, g, x, w: (through(lambda x: convolution_forward(x, w[::-1]), g, x), d[1][::-1]),
            ),
            Mistake("dw is averaged over the batch. Shares add.", change=lambda d, g, x, w: (d[0], d[1] / len(x))),
        ),
    ),
    gradient_exercise(
        "max_pool",
        10,
        "z is the larger of each pair of neighbours along axis 1, with x (N, L). Return the gradient of x.",
        "def max_pool_backward(g, x):\n    ...",
        "The winner takes all. Where two are equal there is no single slope, and any split of g is right.",
        max_pool_forward,
        draw_pool,
        mistakes=(
            Mistake(
                "g is shared out to both. Only the larger one was passed on.",
                change=lambda d, g, x: (np.repeat(g, 2, axis=1) / 2,),
            ),
            Mistake(
                "g goes to both. Only the larger one was passed on.", change=lambda d, g, x: (np.repeat(g, 2, axis=1),)
            ),
            Mistake("g goes to the smaller one.", change=lambda d, g, x: (np.repeat(g, 2, axis=1) - d[0],)),
            Mistake("The winner's value is multiplied in. A choice has slope 1.", change=lambda d, g, x: (d[0] * x,)),
        ),
    ),
    gradient_exercise(
        "distance",
        10,
        "z = sqrt(((x - y) ** 2).sum(axis=1)), with x and y (N, D). Return the gradients of x and y.",
        "def distance_backward(g, x, y):\n    ...  # return dx, dy",
        "A unit vector times g: pushed apart along the line between them. At distance 0 there is no direction.",
        lambda x, y: np.sqrt(((x - y) ** 2).sum(axis=1)),
        draws((5, 3), (5, 3)),
        wanted=(0, 1),
        mistakes=(
            Mistake(
                "The division by the distance is missing.",
                change=lambda d, g, x, y: (g[:, None] * (x - y), g[:, None] * (y - x)),
            ),
            Mistake("dy has the sign of dx: y is subtracted.", change=lambda d, g, x, y: (d[0], d[0])),
        ),
    ),
    gradient_exercise(
        "gelu",
        10,
        "z = 0.5 x (1 + tanh(u)), u = 0.79788456 (x + 0.044715 x^3). Return the gradient of x.",
        "def gelu_backward(g, x):\n    ...",
        "A product of two functions of x: both paths count, as in lesson 3.",
        lambda x: 0.5 * x * (1 + np.tanh(0.79788456 * (x + 0.044715 * x**3))),
        draws((4, 5)),
        mistakes=(
            Mistake(
                "Only the path by way of the factor x is counted. u depends on x too.",
                forward=lambda x: 0.5 * x * (1 + held(np.tanh(0.79788456 * (x + 0.044715 * x**3)))),
            ),
            Mistake(
                "Only the path by way of u is counted. x is a factor too.",
                forward=lambda x: 0.5 * held(x) * (1 + np.tanh(0.79788456 * (x + 0.044715 * x**3))),
            ),
        ),
    ),
    Exercise(
        "newton",
        10,
        "Return one Newton step for a function f of one number: x - f'(x) / f''(x). Use mg.grad, twice.",
        "def newton_step(f, x):\n    ...",
        "grad of grad is the same table, read with Tensors. Here the tape is the tool, and using it is right.",
        mark_values,
        {
            "truth": lambda f, x: newton_truth(f, x),
            "cases": [(quartic, 2.0) for quartic in (lambda x: x**4 - 3 * x**2 + x, lambda x: np.exp(x) - 2 * x)],
            "mistakes": [
                (lambda f, x: 2 * x - newton_truth(f, x), "The step goes up: subtract f' / f''."),
                (
                    lambda f, x: x - first_and_second_slope(f, x)[0],
                    "This is gradient descent with rate 1: divide by the second derivative.",
                ),
                (
                    lambda f, x: x - f(x) / first_and_second_slope(f, x)[0],
                    "This is Newton's method for f(x) = 0. For a minimum, f' must be 0.",
                ),
                (lambda f, x: newton_truth(f, x) - x, "This is the step. Add it to x."),
            ],
        },
        by_hand=False,
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


def first_and_second_slope(f: Any, x: float) -> tuple[float, float]:
    """Return the first and second derivative of a function of one number."""
    from ..transforms import grad

    return float(np.asarray(grad(f)(x))), float(np.asarray(grad(grad(f))(x)))


def newton_truth(f: Any, x: float) -> float:
    first, second = first_and_second_slope(f, x)
    return x - first / second
