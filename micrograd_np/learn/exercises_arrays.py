"""Exercises of lessons 6 and 7: rules for arrays, and the article's deltas."""

from __future__ import annotations

from typing import Any

import numpy as np

from .exercise import Exercise, Mistake
from .marking import mark_gradients


def gradient_exercise(
    name: str,
    lesson: int,
    task: str,
    template: str,
    notice: str,
    forward: Any,
    draw: Any,
    wanted: tuple[int, ...] = (0,),
    mistakes: tuple[Mistake, ...] = (),
) -> Exercise:
    """Return an exercise whose answer is a backward pass."""
    options = {"forward": forward, "draw": draw, "wanted": wanted, "mistakes": mistakes}
    return Exercise(name, lesson, task, template, notice, mark_gradients, options)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def half_square(y: Any, l2: Any) -> Any:
    return 0.5 * ((y - l2) ** 2).sum()


def draws(*shapes: tuple[int, ...]) -> Any:
    """Return a function from a generator to normal arrays of the given shapes."""
    return lambda rng: tuple(rng.normal(size=shape) for shape in shapes)


def network_loss(X: Any, y: Any, syn0: Any, syn1: Any) -> Any:
    return half_square(y, sigmoid(sigmoid(X @ syn0) @ syn1))


def draw_network(rng: np.random.Generator) -> tuple[Any, ...]:
    return rng.normal(size=(5, 3)), rng.uniform(size=(5, 1)), rng.normal(size=(3, 4)), rng.normal(size=(4, 1))


def draw_output_layer(rng: np.random.Generator) -> tuple[Any, ...]:
    return rng.uniform(size=(5, 1)), rng.uniform(0.1, 0.9, size=(5, 1))


EXERCISES = [
    gradient_exercise(
        "tanh",
        6,
        "z = np.tanh(x), entry by entry. Return the gradient of x, given g, the gradient of z.",
        "def tanh_backward(g, x):\n    ...",
        "One multiplication by g, entry by entry: an elementwise rule never mixes entries.",
        np.tanh,
        draws((3, 4)),
        mistakes=(
            Mistake("g is left out: this is the slope alone. Multiply it by g.", change=lambda d, g, x: (d[0] / g,)),
            Mistake(
                "The square is missing: the slope of tanh is 1 - z ** 2.",
                change=lambda d, g, x: (g * (1 - np.tanh(x)),),
            ),
            Mistake(
                "The slope is taken of x. It is 1 - z ** 2, of the output z.", change=lambda d, g, x: (g * (1 - x**2),)
            ),
            Mistake(
                "This is the rule of the sigmoid, z * (1 - z).",
                change=lambda d, g, x: (g * np.tanh(x) * (1 - np.tanh(x)),),
            ),
        ),
    ),
    gradient_exercise(
        "matmul",
        6,
        "z = x @ w with x (N, D) and w (D, M). Return the gradients of x and of w. Let the shapes lead you.",
        "def matmul_backward(g, x, w):\n    ...  # return dx, dw",
        "There is only one way to multiply g (N, M) with w to get (N, D), and one with x to get (D, M).",
        np.matmul,
        draws((5, 3), (3, 4)),
        wanted=(0, 1),
        mistakes=(
            Mistake(
                "g is left out: put g where ones stand.",
                change=lambda d, g, x, w: (np.ones_like(g) @ w.T, x.T @ np.ones_like(g)),
            ),
            Mistake(
                "dw is an average: this one adds over the rows, it does not divide by them.",
                change=lambda d, g, x, w: (d[0], d[1] / len(x)),
            ),
        ),
    ),
    gradient_exercise(
        "bias",
        6,
        "z = x + b with x (N, D) and b (D,): b is added to every row. Return the gradients of x and of b.",
        "def bias_backward(g, x, b):\n    ...  # return dx, db",
        "Broadcasting uses b once for each row, and uses add: the transpose of broadcasting is a sum.",
        np.add,
        draws((5, 3), (3,)),
        wanted=(0, 1),
        mistakes=(
            Mistake(
                "db has the shape of x. b was used in every row: add its shares, over axis 0.",
                change=lambda d, g, x, b: (g, g),
            ),
            Mistake(
                "db is the mean over the rows. Shares add: take the sum.", change=lambda d, g, x, b: (g, g.mean(axis=0))
            ),
            Mistake("db is one row's share. Every row used b: add them.", change=lambda d, g, x, b: (g, g[0])),
        ),
    ),
    gradient_exercise(
        "broadcast product",
        6,
        "z = x * s with x (N, D) and s (N, 1): one factor for each row. Return the gradients of x and of s.",
        "def scale_backward(g, x, s):\n    ...  # return dx, ds",
        "First the rule of the product, g * x, in the large shape; then the sum over the axis that was stretched.",
        np.multiply,
        draws((5, 3), (5, 1)),
        wanted=(0, 1),
        mistakes=(
            Mistake(
                "ds has the shape of x. s was stretched along axis 1: sum over it, with keepdims=True.",
                change=lambda d, g, x, s: (d[0], g * x),
            ),
            Mistake(
                "ds must keep its second axis: write keepdims=True.",
                change=lambda d, g, x, s: (d[0], (g * x).sum(axis=1)),
            ),
            Mistake(
                "ds is summed before it is multiplied by x. The sum comes last.",
                change=lambda d, g, x, s: (d[0], g.sum(axis=1, keepdims=True)),
            ),
        ),
    ),
    gradient_exercise(
        "sum",
        6,
        "z = x.sum(axis=0) with x (N, D). Return the gradient of x.",
        "def sum_backward(g, x):\n    ...",
        "The transpose of a sum is broadcasting, as the transpose of broadcasting is a sum.",
        lambda x: np.sum(x, axis=0),
        draws((4, 3)),
        mistakes=(
            Mistake(
                "The gradient has the shape of z. Every entry of x went into z: repeat g for every row.",
                change=lambda d, g, x: (g,),
            ),
            Mistake("This is the rule of the mean. A sum divides by nothing.", change=lambda d, g, x: (d[0] / len(x),)),
            Mistake("g is left out: this is the gradient for g = 1.", change=lambda d, g, x: (np.ones_like(x),)),
        ),
    ),
    gradient_exercise(
        "mean",
        6,
        "z = x.mean(axis=1, keepdims=True) with x (N, D). Return the gradient of x.",
        "def mean_backward(g, x):\n    ...",
        "As for the sum, divided by the number of entries that were averaged: D, not N * D.",
        lambda x: np.mean(x, axis=1, keepdims=True),
        draws((5, 3)),
        mistakes=(
            Mistake(
                "This is the rule of the sum. Divide by the number of entries in a row.",
                change=lambda d, g, x: (d[0] * x.shape[1],),
            ),
            Mistake(
                "Divided by the number of rows: the mean is taken along a row.",
                change=lambda d, g, x: (d[0] * x.shape[1] / x.shape[0],),
            ),
            Mistake(
                "Divided by the size of x: only D entries went into each mean.",
                change=lambda d, g, x: (d[0] / x.shape[0],),
            ),
        ),
    ),
    gradient_exercise(
        "lookup",
        6,
        "z = table[index]: rows of a table, some of them several times. Return the gradient of the table.",
        "def lookup_backward(g, table, index):\n    ...",
        "A row that was looked up three times gets three shares. `np.add.at` adds all; `dtable[index] += g` keeps "
        "the last.",
        lambda table, index: table[index],
        lambda rng: (rng.normal(size=(5, 3)), np.array([1, 4, 1, 0, 1])),
        mistakes=(
            Mistake(
                "Rows that were looked up several times keep one share only: `dtable[index] += g` does not add "
                "repeats. "
                "Use np.add.at.",
                change=lambda d, g, t, i: (put_rows(np.zeros_like(t), i, g),),
            ),
            Mistake(
                "The shares of a row are averaged. They add.",
                change=lambda d, g, t, i: (d[0] / np.maximum(np.bincount(i, minlength=len(t)), 1)[:, None],),
            ),
        ),
    ),
    gradient_exercise(
        "maximum",
        6,
        "z = np.maximum(x, 0), the relu. Return the gradient of x; at 0 it is 0.",
        "def relu_backward(g, x):\n    ...",
        "A choice passes g to what was chosen, and nothing to what was not. At 0 there is no slope: 0 is a convention.",
        lambda x: np.maximum(x, 0),
        draws((4, 5)),
        mistakes=(
            Mistake("The mask is the wrong way round.", change=lambda d, g, x: (g * (x < 0),)),
            Mistake("The mask is missing: entries below 0 pass nothing.", change=lambda d, g, x: (g,)),
            Mistake("The mask is taken of g. It belongs to x.", change=lambda d, g, x: (g * (g > 0),)),
            Mistake("The mask is taken of g too. Only x decides.", change=lambda d, g, x: (g * (x > 0) * (g > 0),)),
            Mistake(
                "x itself is multiplied in: the slope where x > 0 is 1.", change=lambda d, g, x: (g * np.maximum(x, 0),)
            ),
            Mistake("g is left out: this is the mask alone.", change=lambda d, g, x: ((x > 0).astype(float),)),
        ),
    ),
    gradient_exercise(
        "l2_delta",
        7,
        "The article's output layer: loss = 0.5 * ((y - l2) ** 2).sum() and l2 = sigmoid(z2). Return the gradient "
        "of z2, "
        "given y and l2. (The article's l2_delta is minus this, since it adds it to the weights.)",
        "def l2_delta(y, z2):\n    l2 = 1 / (1 + np.exp(-z2))\n    ...",
        "Error times slope: the article's `l2_error * nonlin(l2, deriv=True)`, with the sign turned round.",
        lambda y, z2: half_square(y, sigmoid(z2)),
        draws((5, 1), (5, 1)),
        wanted=(1,),
        mistakes=(
            Mistake(
                "The slope of the sigmoid is left out: multiply by l2 * (1 - l2).",
                change=lambda d, g, y, z: (sigmoid(z) - y,),
            ),
            Mistake(
                "The error is left out: this is the slope of the sigmoid alone.",
                change=lambda d, g, y, z: (sigmoid(z) * (1 - sigmoid(z)),),
            ),
            Mistake(
                "The slope is taken of z2. It is l2 * (1 - l2), of the output.",
                change=lambda d, g, y, z: ((sigmoid(z) - y) * z * (1 - z),),
            ),
        ),
    ),
    gradient_exercise(
        "l1_delta",
        7,
        "The article's hidden layer: z2 = l1 @ syn1 and l1 = sigmoid(z1). g is the gradient of z2. Return the "
        "gradient of "
        "z1.",
        "def l1_delta(g, z1, syn1):\n    l1 = 1 / (1 + np.exp(-z1))\n    ...",
        "Across the weights by the transpose, then times the slope: every layer of every network does these two steps.",
        lambda z1, syn1: sigmoid(z1) @ syn1,
        draws((5, 3), (3, 2)),
        mistakes=(
            Mistake("The slope of the sigmoid is left out: this is l1_error.", change=lambda d, g, z, s: (g @ s.T,)),
            Mistake(
                "The slope is taken of z1. It is l1 * (1 - l1), of the output.",
                change=lambda d, g, z, s: (g @ s.T * z * (1 - z),),
            ),
            Mistake(
                "The weights are left out: g must cross syn1 first.",
                change=lambda d, g, z, s: (g.sum(axis=1, keepdims=True) * sigmoid(z) * (1 - sigmoid(z)),),
            ),
            Mistake("A factor 1 - l1 is missing.", change=lambda d, g, z, s: (g @ s.T * sigmoid(z),)),
            Mistake("A factor l1 is missing.", change=lambda d, g, z, s: (g @ s.T * (1 - sigmoid(z)),)),
        ),
    ),
    gradient_exercise(
        "eleven lines",
        7,
        "The whole article: l1 = sigmoid(X @ syn0), l2 = sigmoid(l1 @ syn1), loss = 0.5 * ((y - l2) ** 2).sum(). "
        "Return the "
        "gradients of syn0 and syn1.",
        "def eleven_lines(X, y, syn0, syn1):\n    ...  # return dsyn0, dsyn1",
        "These are the article's updates, with a minus. You can now derive any stack of layers.",
        network_loss,
        draw_network,
        wanted=(2, 3),
        mistakes=(
            Mistake(
                "The gradient of syn0 lacks the slope of the hidden sigmoid, l1 * (1 - l1).",
                change=lambda d, g, X, y, a, b: without_hidden_slope(d, X, y, a, b),
            ),
            Mistake(
                "Both gradients lack the slope of the output sigmoid, l2 * (1 - l2).",
                change=lambda d, g, X, y, a, b: without_output_slope(X, y, a, b),
            ),
            Mistake(
                "They are averages over the rows; this loss is a sum.",
                change=lambda d, g, X, y, a, b: (d[0] / len(X), d[1] / len(X)),
            ),
        ),
    ),
]


def put_rows(table: Any, index: Any, values: Any) -> Any:
    table[index] = values
    return table


def without_hidden_slope(d: Any, X: Any, y: Any, syn0: Any, syn1: Any) -> tuple[Any, Any]:
    l2 = sigmoid(sigmoid(X @ syn0) @ syn1)
    return X.T @ ((l2 - y) * l2 * (1 - l2) @ syn1.T), d[1]


def without_output_slope(X: Any, y: Any, syn0: Any, syn1: Any) -> tuple[Any, Any]:
    l1 = sigmoid(X @ syn0)
    delta = sigmoid(l1 @ syn1) - y
    return X.T @ (delta @ syn1.T * l1 * (1 - l1)), l1.T @ delta
