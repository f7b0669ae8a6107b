"""Each program by hand against the same on the tape: compared at every step, from the same first weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..graph import Tensor
from . import hand, tape
from .hand import Array, Variables

Watch = Callable[[Iterable[Any], str, int], Iterable[Any]]


class Figure(NamedTuple):
    """A number that the article prints at a step, and how to read it from the step's variables."""

    name: str
    step: int
    digits: str
    read: Callable[[Variables], str]


class Network(NamedTuple):
    """One of the article's programs: by hand, on the tape, what it learns, and what the article says of it."""

    name: str
    hand: Callable[..., Iterator[Variables]]
    tape: Callable[..., Variables]
    y: Array
    shapes: dict[str, tuple[int, int]]
    steps: int
    minus_gradients: dict[str, str]
    figures: list[Figure]
    exact: bool

    def weights(self) -> list[Tensor]:
        first = zip(self.shapes, hand.weights(*self.shapes.values()), strict=True)
        return [Tensor(values, requires_grad=True, name=name) for name, values in first]


def output(i: int) -> Callable[[Variables], str]:
    return lambda step: f"{step['l1'][i, 0]:.8f}"


def error(step: Variables) -> str:
    return f"{np.mean(np.abs(step['l2_error'])):.12g}"


OUTPUTS = ["0.00966449", "0.00786506", "0.99358898", "0.99211957"]
ERRORS = [
    "0.496410031903",
    "0.00858452565325",
    "0.00578945986251",
    "0.00462917677677",
    "0.00395876528027",
    "0.00351012256786",
]

# The sigmoid spelled out has another derivative, equal on paper: the last bits differ, and so much is said of it.
NETWORKS = [
    Network(
        "11 lines",
        hand.eleven_lines,
        tape.eleven_lines,
        hand.FIRST_OR_SECOND,
        {"syn0": (3, 4), "syn1": (4, 1)},
        steps=60_000,
        minus_gradients={},
        figures=[],
        exact=False,
    ),
    Network(
        "2-layer network",
        hand.two_layers,
        tape.two_layers,
        hand.FIRST_COLUMN,
        {"syn0": (3, 1)},
        steps=10_000,
        minus_gradients=tape.TWO_LAYERS,
        figures=[Figure(f"Output After Training, {hand.X[i]}", 9_999, OUTPUTS[i], output(i)) for i in range(4)],
        exact=True,
    ),
    Network(
        "3-layer network",
        hand.three_layers,
        tape.three_layers,
        hand.FIRST_OR_SECOND,
        {"syn0": (3, 4), "syn1": (4, 1)},
        steps=60_000,
        minus_gradients=tape.THREE_LAYERS,
        figures=[Figure(f"Error at step {10_000 * i}", 10_000 * i, ERRORS[i], error) for i in range(6)],
        exact=True,
    ),
]


class Apart(NamedTuple):
    """How far two arrays are apart: in units in the last place, and relative to the largest entry."""

    ulp: float = 0.0
    relative: float = 0.0


def apart(a: Array, b: Array) -> Apart:
    """The largest differences of two arrays, the sign of zero aside; nan where either holds one.

    Examples
    --------
    >>> apart(np.array([1.0, 8.0]), np.array([1.0, np.nextafter(8.0, 9.0)])).ulp
    1.0
    """
    if a.tobytes() == b.tobytes():
        return Apart()
    difference, size = np.abs(a - b), np.maximum(np.abs(a), np.abs(b))
    return Apart(float(np.max(difference / np.spacing(size))), float(np.max(difference) / np.max(size)))


class Training(NamedTuple):
    """What training by hand and on the tape has shown: the figures of both, and how far apart the two ever were."""

    network: Network
    steps: int
    figures: dict[Figure, tuple[str, str]]
    apart: dict[str, Apart]


def train(network: Network, steps: int, watch: Watch) -> Training:
    """Train by hand and on the tape in step, and compare every delta, update and weight at every step."""
    steps = min(steps, network.steps)
    leaves = network.weights()
    by_hand = network.hand(hand.X, network.y, *[leaf.data.copy() for leaf in leaves], steps=steps)
    on_tape = tape.train(network.tape, Tensor(hand.X), Tensor(network.y), *leaves, steps=steps)
    figures = {}
    furthest = dict.fromkeys([*network.minus_gradients, *network.shapes], Apart())

    def compare(names: Iterable[str], ours: Variables, theirs: Variables) -> None:
        for name in names:
            value = network.minus_gradients.get(name)
            found = apart(ours[name], -theirs[value].grad if value else theirs[name].data)
            if found != Apart():
                furthest[name] = Apart(*np.maximum(furthest[name], found).tolist())

    pairs = zip(by_hand, on_tape, strict=True)
    for j, (ours, theirs) in enumerate(watch(pairs, network.name, steps)):
        compare(furthest, ours, theirs)
        for figure in network.figures:
            if figure.step == j:
                figures[figure] = figure.read(ours), figure.read(theirs)
    # The programs are at their end: the weights have moved once more.
    compare(network.shapes, ours, theirs)
    return Training(network, steps, figures, furthest)
