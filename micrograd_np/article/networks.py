"""The three programs as data: by hand, on the tape, from which weights, and what the article prints of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from ..core.tensor import Tensor
from . import hand, tape
from .hand import Array, Variables


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
        values = hand.first_weights(*self.shapes.values())
        return [Tensor(w, requires_grad=True, name=name) for name, w in zip(self.shapes, values, strict=True)]


def output(row: int, step: Variables) -> str:
    """An entry of l1 with the eight decimals of a printed array."""
    return f"{step['l1'][row, 0]:.8f}"


def error(step: Variables) -> str:
    """The mean size of l2_error with the twelve digits of Python 2."""
    return f"{np.mean(np.abs(step['l2_error'])):.12g}"


OUTPUTS = ["0.00966449", "0.00786506", "0.99358898", "0.99211957"]
ERRORS = {
    0: "0.496410031903",
    10_000: "0.00858452565325",
    20_000: "0.00578945986251",
    30_000: "0.00462917677677",
    40_000: "0.00395876528027",
    50_000: "0.00351012256786",
}

ELEVEN_LINES = Network(
    "11 lines",
    hand.eleven_lines,
    tape.eleven_lines,
    hand.FIRST_OR_SECOND,
    {"syn0": (3, 4), "syn1": (4, 1)},
    steps=60_000,
    deltas=[],
    figures=[],
    exact=False,  # the derivative of the sigmoid spelled out is l * (1 - l) on paper, not in the last bits
)
TWO_LAYERS = Network(
    "2-layer network",
    hand.two_layers,
    tape.two_layers,
    hand.FIRST_COLUMN,
    {"syn0": (3, 1)},
    steps=10_000,
    deltas=["l1_error", "l1_delta", "syn0_update"],
    figures=[Figure(f"Output After Training, {hand.X[i]}", 9_999, OUTPUTS[i], partial(output, i)) for i in range(4)],
    exact=True,
)
THREE_LAYERS = Network(
    "3-layer network",
    hand.three_layers,
    tape.three_layers,
    hand.FIRST_OR_SECOND,
    {"syn0": (3, 4), "syn1": (4, 1)},
    steps=60_000,
    deltas=["l2_error", "l2_delta", "l1_error", "l1_delta", "syn1_update", "syn0_update"],
    figures=[Figure(f"Error at step {step:,}", step, digits, error) for step, digits in ERRORS.items()],
    exact=True,
)
NETWORKS = [ELEVEN_LINES, TWO_LAYERS, THREE_LAYERS]
