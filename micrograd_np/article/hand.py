"""The article's three programs by hand: NumPy alone, and the derivatives worked out on paper.

The lines and the names are the article's. A program yields its variables at every step, before the weights move,
so that `tape.py` can be held against it.

A delta is minus a gradient, of half the sum of squares of the error, which is why the weights move with `+=`.
`l2_delta` does not belong to `l2` but to what the sigmoid was given, `np.dot(l1, syn1)`, to which the article gives
no name; minus the gradient of `l2` itself is `l2_error`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

Array = Any
Variables = dict[str, Any]

X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
FIRST_COLUMN = np.array([[0, 0, 1, 1]]).T
FIRST_OR_SECOND = np.array([[0, 1, 1, 0]]).T


def first_weights(*shapes: tuple[int, int]) -> list[Array]:
    """First weights between -1 and 1: those that follow np.random.seed(1), without seeding the caller's generator."""
    random = np.random.RandomState(1)
    return [2 * random.random(shape) - 1 for shape in shapes]


def nonlin(x: Array, deriv: bool = False) -> Array:
    """The sigmoid; with `deriv`, its slope where its value is x."""
    if deriv:
        return x * (1 - x)
    return 1 / (1 + np.exp(-x))


def eleven_lines(X: Array, y: Array, syn0: Array, syn1: Array, steps: int) -> Iterator[Variables]:
    """The part "Just The Code": the 3-layer network in eleven lines."""
    for _ in range(steps):
        l1 = 1 / (1 + np.exp(-(np.dot(X, syn0))))
        l2 = 1 / (1 + np.exp(-(np.dot(l1, syn1))))
        l2_delta = (y - l2) * (l2 * (1 - l2))
        l1_delta = l2_delta.dot(syn1.T) * (l1 * (1 - l1))
        yield locals()
        syn1 += l1.T.dot(l2_delta)
        syn0 += X.T.dot(l1_delta)


def two_layers(X: Array, y: Array, syn0: Array, steps: int) -> Iterator[Variables]:
    """The 2-layer network."""
    for _ in range(steps):
        l0 = X
        l1 = nonlin(np.dot(l0, syn0))

        l1_error = y - l1
        l1_delta = l1_error * nonlin(l1, deriv=True)

        syn0_update = np.dot(l0.T, l1_delta)
        yield locals()
        syn0 += syn0_update


def three_layers(X: Array, y: Array, syn0: Array, syn1: Array, steps: int) -> Iterator[Variables]:
    """The 3-layer network."""
    for _ in range(steps):
        l0 = X
        l1 = nonlin(np.dot(l0, syn0))
        l2 = nonlin(np.dot(l1, syn1))

        l2_error = y - l2
        l2_delta = l2_error * nonlin(l2, deriv=True)

        l1_error = l2_delta.dot(syn1.T)
        l1_delta = l1_error * nonlin(l1, deriv=True)

        syn1_update = l1.T.dot(l2_delta)
        syn0_update = l0.T.dot(l1_delta)
        yield locals()
        syn1 += syn1_update
        syn0 += syn0_update
