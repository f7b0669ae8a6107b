"""The article's three programs: by hand, on the tape, and as data with what the article prints of them.

The lines and the names are the article's. By hand, NumPy alone computes, and the derivatives were worked out on paper.
On the tape only the way to the loss is written, and `backward` finds the way back. A program yields its variables at
every step, before the weights move, so that the two can be compared.

The article never writes its loss down. It is ½Σ(y - l2)². A delta is minus a gradient of it, which is why the weights
move with `+=` by hand. `l2_delta` does not belong to `l2` but to what the sigmoid was given, `np.dot(l1, syn1)`, to
which the article gives no name. On the tape this is `z2`: `l2_delta` is `-z2.grad`, while `l2_error` is `-l2.grad`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..core.tensor import Tensor
from ..ops.dense import sigmoid

Array = Any
Variables = dict[str, Any]

X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
FIRST_COLUMN = np.array([[0, 0, 1, 1]]).T
FIRST_OR_SECOND = np.array([[0, 1, 1, 0]]).T


def first_weights(*shapes: tuple[int, int]) -> list[Array]:
    """First weights between -1 and 1: those that follow np.random.seed(1), without seeding the caller's generator."""
    random = np.random.RandomState(1)
    return [2 * random.random(shape) - 1 for shape in shapes]


# By hand.


def nonlin(x: Array, deriv: bool = False) -> Array:
    """The sigmoid; with `deriv`, its slope where its value is x."""
    if deriv:
        return x * (1 - x)
    return 1 / (1 + np.exp(-x))


def eleven_lines_by_hand(X: Array, y: Array, syn0: Array, syn1: Array, steps: int) -> Iterator[Variables]:
    """The part "Just The Code": the 3-layer network in eleven lines."""
    for _ in range(steps):
        l1 = 1 / (1 + np.exp(-(np.dot(X, syn0))))
        l2 = 1 / (1 + np.exp(-(np.dot(l1, syn1))))
        l2_delta = (y - l2) * (l2 * (1 - l2))
        l1_delta = l2_delta.dot(syn1.T) * (l1 * (1 - l1))
        yield locals()
        syn1 += l1.T.dot(l2_delta)
        syn0 += X.T.dot(l1_delta)


def two_layers_by_hand(X: Array, y: Array, syn0: Array, steps: int) -> Iterator[Variables]:
    """The 2-layer network."""
    for _ in range(steps):
        l0 = X
        l1 = nonlin(np.dot(l0, syn0))

        l1_error = y - l1
        l1_delta = l1_error * nonlin(l1, deriv=True)

        syn0_update = np.dot(l0.T, l1_delta)
        yield locals()
        syn0 += syn0_update


def three_layers_by_hand(X: Array, y: Array, syn0: Array, syn1: Array, steps: int) -> Iterator[Variables]:
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


# On the tape.

# What has a name in the article, and the value of whose gradient it is the negative.
MINUS_GRADIENT_OF = {
    "l2_error": "l2",
    "l2_delta": "z2",
    "l1_error": "l1",
    "l1_delta": "z1",
    "syn1_update": "syn1",
    "syn0_update": "syn0",
}


def eleven_lines_on_tape(X: Any, y: Any, syn0: Any, syn1: Any) -> Variables:
    """The part "Just The Code", with the sigmoid spelled out as in the article."""
    l1 = 1 / (1 + np.exp(-(np.dot(X, syn0))))
    l2 = 1 / (1 + np.exp(-(np.dot(l1, syn1))))
    loss = np.sum(np.square(y - l2)) / 2
    return locals()


def two_layers_on_tape(X: Any, y: Any, syn0: Any) -> Variables:
    """The 2-layer network."""
    z1 = np.dot(X, syn0)
    l1 = sigmoid(z1)

    l1_error = y - l1
    loss = np.sum(np.square(l1_error)) / 2
    return locals()


def three_layers_on_tape(X: Any, y: Any, syn0: Any, syn1: Any) -> Variables:
    """The 3-layer network."""
    z1 = np.dot(X, syn0)
    l1 = sigmoid(z1)
    z2 = np.dot(l1, syn1)
    l2 = sigmoid(z2)

    l2_error = y - l2
    loss = np.sum(np.square(l2_error)) / 2
    return locals()


def train_on_tape(
    network: Callable[..., Variables], X: Any, y: Any, *weights: Tensor, steps: int
) -> Iterator[Variables]:
    """The loop that all three share; it descends the loss where the article climbs with its deltas."""
    for _ in range(steps):
        step = network(X, y, *weights)
        step["loss"].backward()
        yield step
        for syn in weights:
            syn -= syn.grad
            syn.zero_grad()


# As data.


class Figure(NamedTuple):
    """A number that the article prints at a step, and how to read it from the step's variables."""

    name: str
    step: int
    digits: str
    read: Callable[[Variables], str]


class Network(NamedTuple):
    """One of the article's programs; `exact` where hand and tape agree to the last bit."""

    name: str
    hand: Callable[..., Iterator[Variables]]
    tape: Callable[..., Variables]
    y: Array
    shapes: dict[str, tuple[int, int]]
    steps: int
    deltas: list[str]
    figures: list[Figure]
    exact: bool

    def weights(self) -> list[Tensor]:
        """The first weights, under their names."""
        values = first_weights(*self.shapes.values())
        return [Tensor(w, requires_grad=True, name=name) for name, w in zip(self.shapes, values, strict=True)]


def output(row: int, step: Variables) -> str:
    """An entry of l1 with the eight decimals of a printed array."""
    return f"{step['l1'][row, 0]:.8f}"


def error(step: Variables) -> str:
    """The mean size of l2_error with the twelve digits of Python 2."""
    return f"{np.mean(np.abs(step['l2_error'])):.12g}"


OUTPUTS = "0.00966449 0.00786506 0.99358898 0.99211957".split()
ERRORS = """
    0.496410031903 0.00858452565325 0.00578945986251 0.00462917677677 0.00395876528027 0.00351012256786
""".split()  # at every 10,000th step

ELEVEN_LINES = Network(
    "11 lines",
    eleven_lines_by_hand,
    eleven_lines_on_tape,
    FIRST_OR_SECOND,
    {"syn0": (3, 4), "syn1": (4, 1)},
    steps=60_000,
    deltas=[],
    figures=[],
    exact=False,  # the derivative of the sigmoid spelled out is l * (1 - l) on paper, not in the last bits
)
TWO_LAYERS = Network(
    "2-layer network",
    two_layers_by_hand,
    two_layers_on_tape,
    FIRST_COLUMN,
    {"syn0": (3, 1)},
    steps=10_000,
    deltas=["l1_error", "l1_delta", "syn0_update"],
    figures=[Figure(f"Output After Training, {X[i]}", 9_999, OUTPUTS[i], partial(output, i)) for i in range(4)],
    exact=True,
)
THREE_LAYERS = Network(
    "3-layer network",
    three_layers_by_hand,
    three_layers_on_tape,
    FIRST_OR_SECOND,
    {"syn0": (3, 4), "syn1": (4, 1)},
    steps=60_000,
    deltas=list(MINUS_GRADIENT_OF),
    figures=[Figure(f"Error at step {i * 10_000:,}", i * 10_000, x, error) for i, x in enumerate(ERRORS)],
    exact=True,
)
NETWORKS = [ELEVEN_LINES, TWO_LAYERS, THREE_LAYERS]
