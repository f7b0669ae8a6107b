"""Exercises of lessons 6 and 7: rules for arrays, and the article's deltas."""

from __future__ import annotations

from typing import Any

import numpy as np

from .exercise import Exercise, Mistake
from .marking import argument_names, mark_gradients
from .tapes import OF_ARRAYS, mark_class


def gradient_exercise(
    name: str,
    lesson: int,
    task: str,
    template: str,
    notice: str,
    forward: Any,
    draw: Any,
    mistakes: tuple[Mistake, ...] = (),
) -> Exercise:
    """Return an exercise whose answer is a backward pass; its template says which gradients to return, or the first."""
    inputs = [name for name in argument_names(template) if name != "g"]
    returned = template.partition("# return ")[2].split(", ")
    wanted = tuple(inputs.index(name[1:]) for name in returned if name) or (0,)
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


def draw_with_zeros(rng: np.random.Generator) -> tuple[Any, ...]:
    x = rng.normal(size=(4, 5))
    x[::3, 1] = 0
    return (x,)


def draw_network(rng: np.random.Generator) -> tuple[Any, ...]:
    return rng.normal(size=(5, 3)), rng.uniform(size=(5, 1)), rng.normal(size=(3, 4)), rng.normal(size=(4, 1))


ROWS = "Row i of g is added to row i of the table. It belongs to row index[i]."

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
            Mistake("g is left out: this is the slope alone. Multiply it by g.", lambda d, g, x: (d[0] / g,)),
            Mistake("The square is missing: the slope of tanh is 1 - z ** 2.", lambda d, g, x: (g * (1 - np.tanh(x)),)),
            Mistake("The slope is taken of x. It is 1 - z ** 2, of the output z.", lambda d, g, x: (g * (1 - x**2),)),
            Mistake(
                "This is the rule of the sigmoid, z * (1 - z).", lambda d, g, x: (g * np.tanh(x) * (1 - np.tanh(x)),)
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
        mistakes=(
            Mistake(
                "g is left out: this is the gradient for a g of ones.",
                lambda d, g, x, w: (np.ones_like(g) @ w.T, x.T @ np.ones_like(g)),
            ),
            Mistake(
                "dw is divided by the number of rows. Shares add; nothing is averaged.",
                lambda d, g, x, w: (d[0], d[1] / len(x)),
            ),
        ),
    ),
    gradient_exercise(
        "bias",
        6,
        "z = x + b with x (N, D) and b (D,): b is added to every row. Return the gradients of x and of b.",
        "def bias_backward(g, x, b):\n    ...  # return dx, db",
        "b is used once for each row, and uses add. What NumPy repeats forward is summed backward.",
        np.add,
        draws((5, 3), (3,)),
        mistakes=(
            Mistake(
                "db has the shape of x. b was used in every row: add its shares, over axis 0.",
                lambda d, g, x, b: (g, g),
            ),
            Mistake("db is the mean over the rows. Shares add: take the sum.", lambda d, g, x, b: (g, g.mean(axis=0))),
            Mistake("db is one row's share. Every row used b: add them.", lambda d, g, x, b: (g, g[0])),
        ),
    ),
    gradient_exercise(
        "broadcast product",
        6,
        "z = x * s with x (N, D) and s (N, 1): one factor for each row. Return the gradients of x and of s.",
        "def scale_backward(g, x, s):\n    ...  # return dx, ds",
        "First the rule of the product, g * x, in the larger shape. Then the sum over the axis that NumPy repeated.",
        np.multiply,
        draws((5, 3), (5, 1)),
        mistakes=(
            Mistake(
                "ds has the shape of x. s was repeated along axis 1: sum over it, with keepdims=True.",
                lambda d, g, x, s: (d[0], g * x),
            ),
            Mistake(
                "ds must keep its second axis: write keepdims=True.", lambda d, g, x, s: (d[0], (g * x).sum(axis=1))
            ),
            Mistake(
                "ds is summed before it is multiplied by x. The sum comes last.",
                lambda d, g, x, s: (d[0], g.sum(axis=1, keepdims=True)),
            ),
        ),
    ),
    gradient_exercise(
        "sum",
        6,
        "z = x.sum(axis=0) with x (N, D). Return the gradient of x.",
        "def sum_backward(g, x):\n    ...",
        "What a sum adds up forward is repeated backward. For the bias it was the other way round.",
        lambda x: np.sum(x, axis=0),
        draws((4, 3)),
        mistakes=(
            Mistake("This has the shape of z. Every row of x went into z: repeat g for each.", lambda d, g, x: (g,)),
            Mistake("g is multiplied by x. In a sum, each entry has the slope 1.", lambda d, g, x: (g * x,)),
            Mistake("This is the rule of the mean. A sum divides by nothing.", lambda d, g, x: (d[0] / len(x),)),
            Mistake("g is left out: this is the gradient for g = 1.", lambda d, g, x: (np.ones_like(x),)),
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
            Mistake("This is the rule of the sum. Divide by the row's length.", lambda d, g, x: (d[0] * x.shape[1],)),
            Mistake(
                "Divided by the number of rows: the mean is taken along a row.",
                lambda d, g, x: (d[0] * x.shape[1] / x.shape[0],),
            ),
            Mistake(
                "Divided by the size of x: only D entries went into each mean.", lambda d, g, x: (d[0] / x.shape[0],)
            ),
        ),
    ),
    gradient_exercise(
        "lookup",
        6,
        "z = table[index]: row i of z is row index[i] of the array `table`. A row may be taken several times. Return "
        "the gradient of table. A loop over the rows of g is fine.",
        "def lookup_backward(g, table, index):\n    ...",
        "A row that was taken three times gets three shares. `np.add.at(d, index, g)` adds all of them; `d[index] += "
        "g` keeps only the last.",
        lambda table, index: table[index],
        lambda rng: (rng.normal(size=(5, 3)), np.array([1, 4, 1, 0, 1])),
        mistakes=(
            Mistake(
                "Rows that were taken several times keep one share only: `d[index] += g` does not add repeats. Write a "
                "loop, or np.add.at(d, index, g).",
                lambda d, g, t, i: (put_rows(np.zeros_like(t), i, g),),
            ),
            Mistake(ROWS, lambda d, g, t, i: (g[i],)),
            Mistake(ROWS, lambda d, g, t, i: (np.bincount(i, minlength=len(t))[:, None] * g,)),
            Mistake(
                "The shares of a row are averaged. They add.",
                lambda d, g, t, i: (d[0] / np.maximum(np.bincount(i, minlength=len(t)), 1)[:, None],),
            ),
        ),
    ),
    gradient_exercise(
        "relu",
        6,
        "z = np.maximum(x, 0): negative entries become 0. This function is called relu. Return the gradient of x. "
        "Where x is 0 there is no slope; return 0 there.",
        "def relu_backward(g, x):\n    ...",
        "g passes where x was passed on, and nowhere else. At 0, where no slope exists, 0 is a convention.",
        lambda x: x * (x > 0),
        draw_with_zeros,
        mistakes=(
            Mistake("This passes g where x is negative. Pass it where x is positive.", lambda d, g, x: (g * (x < 0),)),
            Mistake("g is passed on everywhere. Where x is negative, the slope is 0.", lambda d, g, x: (g,)),
            Mistake("The sign of g decides here. The sign of x must decide.", lambda d, g, x: (g * (g > 0),)),
            Mistake(
                "The sign of g decides too. Only the sign of x must decide.", lambda d, g, x: (g * (x > 0) * (g > 0),)
            ),
            Mistake("g is multiplied by x. The slope where x > 0 is 1.", lambda d, g, x: (g * np.maximum(x, 0),)),
            Mistake(
                "g is left out: this is the slope alone. Multiply it by g.", lambda d, g, x: ((x > 0).astype(float),)
            ),
            Mistake("At x = 0 the task asks for 0: write x > 0, not x >= 0.", lambda d, g, x: (g * (x >= 0),)),
        ),
    ),
    Exercise(
        "array class",
        6,
        "Write a class Value of arrays, and return it. Value(x) makes one of an array x. It has `+`, `*`, `@`, "
        "`.tanh()` and `.sum()`; `.backward()`, which is called on a single number; `.data`, the array; and `.grad`. "
        "In `+` and `*`, both arrays have the same shape.",
        "def array_class():\n    ...  # class Value: ...; return Value",
        "You have written reverse mode for arrays. Other ops need nothing but their rules.",
        mark_class,
        OF_ARRAYS,
        by_hand=False,
    ),
    gradient_exercise(
        "l2_delta",
        7,
        "The article's output layer: l2 = sigmoid(z2) and loss = 0.5 * ((y - l2) ** 2).sum(). Return the gradient of "
        "z2. (The article's l2_delta is minus this gradient.)",
        "def l2_delta(y, z2):\n    l2 = 1 / (1 + np.exp(-z2))\n    ...  # return dz2",
        "Error times slope, as the article's `l2_error * nonlin(l2, deriv=True)`, with the other sign.",
        lambda y, z2: half_square(y, sigmoid(z2)),
        draws((5, 1), (5, 1)),
        mistakes=(
            Mistake(
                "The slope of the sigmoid is left out: multiply by l2 * (1 - l2).", lambda d, g, y, z: (sigmoid(z) - y,)
            ),
            Mistake(
                "The error is left out: this is the slope of the sigmoid alone.",
                lambda d, g, y, z: (sigmoid(z) * (1 - sigmoid(z)),),
            ),
            Mistake(
                "The slope is taken of z2. It is l2 * (1 - l2), of the output.",
                lambda d, g, y, z: ((sigmoid(z) - y) * z * (1 - z),),
            ),
        ),
    ),
    gradient_exercise(
        "l1_delta",
        7,
        "The article's hidden layer: l1 = sigmoid(z1) and z2 = l1 @ syn1. g is the gradient of z2. Return the gradient "
        "of z1.",
        "def l1_delta(g, z1, syn1):\n    l1 = 1 / (1 + np.exp(-z1))\n    ...",
        "Two steps: multiply by the transposed weights, then by the slope. Every layer of every network does them.",
        lambda z1, syn1: sigmoid(z1) @ syn1,
        draws((5, 3), (3, 2)),
        mistakes=(
            Mistake("The slope of the sigmoid is left out: this is l1_error.", lambda d, g, z, s: (g @ s.T,)),
            Mistake(
                "The slope is taken of z1. It is l1 * (1 - l1), of the output.",
                lambda d, g, z, s: (g @ s.T * z * (1 - z),),
            ),
            Mistake(
                "The weights are left out: multiply g by syn1.T first.",
                lambda d, g, z, s: (g.sum(axis=1, keepdims=True) * sigmoid(z) * (1 - sigmoid(z)),),
            ),
            Mistake("A factor 1 - l1 is missing.", lambda d, g, z, s: (g @ s.T * sigmoid(z),)),
            Mistake("A factor l1 is missing.", lambda d, g, z, s: (g @ s.T * (1 - sigmoid(z)),)),
        ),
    ),
    gradient_exercise(
        "eleven lines",
        7,
        "The whole network: l1 = sigmoid(X @ syn0), l2 = sigmoid(l1 @ syn1), loss = 0.5 * ((y - l2) ** 2).sum(). "
        "Return the gradients of syn0 and syn1.",
        "def eleven_lines(X, y, syn0, syn1):\n    ...  # return dsyn0, dsyn1",
        "These are the article's updates, with a minus. You can now derive a network of any number of layers.",
        network_loss,
        draw_network,
        mistakes=(
            Mistake(
                "The gradient of syn0 lacks the slope of the hidden sigmoid, l1 * (1 - l1).",
                lambda d, g, X, y, a, b: without_hidden_slope(d, X, y, a, b),
            ),
            Mistake(
                "Both gradients lack the slope of the output sigmoid, l2 * (1 - l2).",
                lambda d, g, X, y, a, b: without_output_slope(X, y, a, b),
            ),
            Mistake(
                "They are divided by the number of rows. This loss is a sum, not a mean.",
                lambda d, g, X, y, a, b: (d[0] / len(X), d[1] / len(X)),
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
