"""Exercises of lesson 10: the layers of real networks, each derived by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .exercise import Exercise, Mistake
from .exercises_arrays import draws, gradient_exercise
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


def draw_labels(rng: np.random.Generator) -> tuple[Any, ...]:
    return rng.normal(size=(6, 4)), np.array([0, 3, 1, 1, 2, 0])


def draw_dropout(rng: np.random.Generator) -> tuple[Any, ...]:
    return rng.normal(size=(4, 5)), (rng.uniform(size=(4, 5)) < 0.75).astype(float)


def draw_norm(rng: np.random.Generator) -> tuple[Any, ...]:
    return rng.normal(size=(6, 4)) * 2, rng.uniform(0.5, 1.5, size=4), rng.normal(size=4)


MEAN_HELD = "The mean is treated as a constant in dx. It depends on every x that was averaged, so a term is missing."
STD_HELD = (
    "The deviation is treated as a constant in dx. It depends on every x that went into it, so a term is missing."
)
BOTH_HELD = "Mean and deviation are both treated as constants in dx: two terms are missing."


def norm_mistakes(forward: Any, axis: int) -> tuple[Mistake, ...]:
    """Return the mistakes of a normalisation layer along an axis."""
    other = 1 - axis
    return (
        Mistake(BOTH_HELD, forward=lambda *a: forward(*a, of_mean=held, of_std=held)),
        Mistake(MEAN_HELD, forward=lambda *a: forward(*a, of_mean=held)),
        Mistake(STD_HELD, forward=lambda *a: forward(*a, of_std=held)),
        Mistake(
            "dgamma multiplies g by x. It is given the normalised x.",
            lambda d, g, x, a, b: (d[0], (g * x).sum(axis=0), d[2]),
        ),
        Mistake(
            "gamma is left out of dx: multiply g by gamma first.",
            lambda d, g, x, a, b: (through(lambda x: normalise(x, axis), g, x), d[1], d[2]),
        ),
        Mistake(
            "dbeta and dgamma are means over the rows. Shares add.",
            lambda d, g, x, a, b: (d[0], d[1] / len(x), d[2] / len(x)),
        ),
        Mistake(
            f"dx takes its means over axis {other}. The layer normalises along axis {axis}.",
            lambda d, g, x, a, b: (
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
    Exercise(
        "newton",
        10,
        "Return one Newton step for a function f of one number: x - f'(x) / f''(x). Use mg.grad, twice.",
        "def newton_step(f, x):\n    ...",
        "mg.grad works on what mg.grad returns. In this exercise you may use the tape.",
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
    gradient_exercise(
        "softmax",
        10,
        "p = softmax(x) along axis 1, with x (N, K). Return the gradient of x, given g, the gradient of p.",
        "def softmax_backward(g, x):\n    e = np.exp(x - x.max(axis=1, keepdims=True))\n"
        "    p = e / e.sum(axis=1, keepdims=True)\n    ...",
        "The gradient is p times (g minus the weighted mean of g). Adding one number to all of g changes nothing, "
        "since the probabilities always add to 1.",
        softmax_forward,
        draws((5, 4)),
        mistakes=(
            Mistake(
                "Only the diagonal of the Jacobian is used: every p depends on every x of its row.",
                lambda d, g, x: (g * softmax_forward(x) * (1 - softmax_forward(x)),),
            ),
            Mistake(
                "The sum in the denominator is treated as a constant. It depends on every x.",
                forward=lambda x: softmax_forward(x, held),
            ),
            Mistake(
                "The sum runs over the columns (axis 0). Each row is a distribution: sum over axis 1.",
                lambda d, g, x: (softmax_forward(x) * (g - (g * softmax_forward(x)).sum(axis=0)),),
            ),
            Mistake(
                "The sum lacks p: it is the sum of g * p.",
                lambda d, g, x: (softmax_forward(x) * (g - g.sum(axis=1, keepdims=True)),),
            ),
        ),
    ),
    gradient_exercise(
        "log_softmax",
        10,
        "z = log(softmax(x)) along axis 1. Return the gradient of x.",
        "def log_softmax_backward(g, x):\n    e = np.exp(x - x.max(axis=1, keepdims=True))\n"
        "    p = e / e.sum(axis=1, keepdims=True)\n    ...",
        "There is no division by p, so a p of 0 does no harm. That is why libraries offer log_softmax as one function.",
        log_softmax_forward,
        draws((5, 4)),
        mistakes=(
            Mistake("The term with the sum of g is missing.", lambda d, g, x: (g,)),
            Mistake(
                "p is not multiplied by anything. It is multiplied by the row's sum of g.",
                lambda d, g, x: (g - softmax_forward(x),),
            ),
            Mistake(
                "p is multiplied by g itself. It is multiplied by the row's sum of g.",
                lambda d, g, x: (g - softmax_forward(x) * g,),
            ),
            Mistake(
                "This is the rule of softmax itself, without the logarithm.",
                lambda d, g, x: (softmax_forward(x) * (g - (g * softmax_forward(x)).sum(axis=1, keepdims=True)),),
            ),
        ),
    ),
    gradient_exercise(
        "cross_entropy",
        10,
        "loss = the mean over the rows of -log(softmax(scores)[label]). Return the gradient of scores.",
        "def cross_entropy_backward(scores, labels):\n"
        "    e = np.exp(scores - scores.max(axis=1, keepdims=True))\n    p = e / e.sum(axis=1, keepdims=True)\n    ...",
        "Probability minus label, divided by N; the label is 1 in its own column and 0 in the others (one-hot). It is "
        "the prediction minus the truth, as in the article's error.",
        cross_entropy_forward,
        draw_labels,
        mistakes=(
            Mistake("The 1/N of the mean is missing.", lambda d, g, s, y: (d[0] * len(y),)),
            Mistake(
                "The label is not subtracted: p[np.arange(N), labels] -= 1.",
                lambda d, g, s, y: (softmax_forward(s) / len(y),),
            ),
            Mistake(
                "1 is subtracted in the columns of all labels, in every row. Write p[np.arange(N), labels] -= 1.",
                lambda d, g, s, y: ((softmax_forward(s) - np.isin(np.arange(s.shape[1]), y)) / len(y),),
            ),
            Mistake(
                "It is divided by the number of classes. The mean is over the rows.",
                lambda d, g, s, y: (d[0] * len(y) / s.shape[1],),
            ),
        ),
    ),
    gradient_exercise(
        "dropout",
        10,
        "z = x * mask / 0.75, where the mask of zeros and ones keeps three quarters. Return the gradient of x.",
        "def dropout_backward(g, x, mask):\n    ...",
        "The same mask and the same scale, forward and backward, since z is x times a constant.",
        lambda x, mask: x * mask / 0.75,
        draw_dropout,
        mistakes=(
            Mistake("This is z itself. Multiply g, not x.", lambda d, g, x, mask: (x * mask / 0.75,)),
            Mistake("The scale 1 / 0.75 is missing.", lambda d, g, x, mask: (g * mask,)),
            Mistake("The mask is missing: what was dropped passes nothing.", lambda d, g, x, mask: (g / 0.75,)),
            Mistake("g is multiplied by 0.75. Divide by it.", lambda d, g, x, mask: (g * mask * 0.75,)),
            Mistake(
                "This passes g where x was dropped. Pass it where x was kept.",
                lambda d, g, x, mask: (g * (1 - mask) / 0.75,),
            ),
        ),
    ),
    gradient_exercise(
        "layer_norm",
        10,
        "z = (x - mean) / sqrt(var + 1e-5) * gamma + beta, with mean and var along axis 1. Return the gradients of x, "
        "gamma and beta.",
        "def layer_norm_backward(g, x, gamma, beta):\n    ...  # return dx, dgamma, dbeta",
        "dx has three terms: g itself, minus its mean, minus the part of it along the normalised x.",
        layer_norm_forward,
        draw_norm,
        mistakes=norm_mistakes(layer_norm_forward, 1),
    ),
    gradient_exercise(
        "batch_norm",
        10,
        "z = (x - mean) / sqrt(var + 1e-5) * gamma + beta, with mean and var along axis 0. Return the gradients of x, "
        "gamma and beta.",
        "def batch_norm_backward(g, x, gamma, beta):\n    ...  # return dx, dgamma, dbeta",
        "The formula of layer_norm along the other axis. The gradient of one example depends on the whole batch.",
        batch_norm_forward,
        draw_norm,
        mistakes=norm_mistakes(batch_norm_forward, 0),
    ),
    gradient_exercise(
        "distance",
        10,
        "z = sqrt(((x - y) ** 2).sum(axis=1)), with x and y (N, D). Return the gradients of x and y.",
        "def distance_backward(g, x, y):\n    ...  # return dx, dy",
        "The gradient is g times a vector of length 1 along the line between the points. At distance 0 there is none.",
        lambda x, y: np.sqrt(((x - y) ** 2).sum(axis=1)),
        draws((5, 3), (5, 3)),
        mistakes=(
            Mistake(
                "The division by the distance is missing.",
                lambda d, g, x, y: (g[:, None] * (x - y), g[:, None] * (y - x)),
            ),
            Mistake("dy has the sign of dx: y is subtracted.", lambda d, g, x, y: (d[0], d[0])),
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
]


def first_and_second_slope(f: Any, x: float) -> tuple[float, float]:
    """Return the first and second derivative of a function of one number."""
    from ..transforms import grad

    return float(np.asarray(grad(f)(x))), float(np.asarray(grad(grad(f))(x)))


def newton_truth(f: Any, x: float) -> float:
    first, second = first_and_second_slope(f, x)
    return x - first / second
