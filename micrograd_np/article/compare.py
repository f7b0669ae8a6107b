"""By hand against the tape: trained together from the same first weights, compared at every step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from ..graph import Tensor
from . import hand, tape
from .hand import Array, Variables
from .networks import Figure, Network
from .report import Row, Section

Watch = Callable[[Iterable[Any], str, int], Iterable[Any]]

# Where the last bits may differ, the weights still agree in the digits that Python 2 prints.
PRINTED = 1e-12


class Apart(NamedTuple):
    """How far two arrays are apart: in units in the last place, and relative to the largest entry."""

    ulp: float = 0.0
    relative: float = 0.0


def apart(a: Array, b: Array) -> Apart:
    """The largest difference of two arrays, the sign of zero aside; nan where either holds one.

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
    """What training has shown: the figures by hand and on the tape, and how far apart each pair of values ever was."""

    network: Network
    steps: int
    figures: dict[Figure, tuple[str, str]]
    apart: dict[str, Apart]


def train(network: Network, steps: int, watch: Watch) -> Training:
    """Train by hand and on the tape, step beside step."""
    steps = min(steps, network.steps)
    leaves = network.weights()
    by_hand = network.hand(hand.X, network.y, *[syn.data.copy() for syn in leaves], steps=steps)
    on_tape = tape.train(network.tape, Tensor(hand.X), Tensor(network.y), *leaves, steps=steps)
    training = Training(network, steps, {}, dict.fromkeys([*network.minus_gradients, *network.shapes], Apart()))

    pairs = zip(by_hand, on_tape, strict=True)
    for j, (ours, theirs) in enumerate(watch(pairs, network.name, steps)):
        compare(training, training.apart, ours, theirs)
        for figure in network.figures:
            if figure.step == j:
                training.figures[figure] = figure.read(ours), figure.read(theirs)
    # Both programs have ended, and moved their weights once more.
    compare(training, network.shapes, ours, theirs)
    return training


def compare(training: Training, names: Iterable[str], ours: Variables, theirs: Variables) -> None:
    """Note how far apart the values of a step are, where that is further than ever."""
    for name in names:
        value = training.network.minus_gradients.get(name)
        found = apart(ours[name], -theirs[value].grad if value else theirs[name].data)
        if found != Apart():
            training.apart[name] = Apart(*np.maximum(training.apart[name], found).tolist())


def printed_figures(trainings: list[Training]) -> Section:
    """The numbers that the article prints, beside ours."""
    rows = []
    for training in trainings:
        for figure in training.network.figures:
            by_hand, on_tape = training.figures.get(figure, ("not reached", "not reached"))
            held = figure.digits == by_hand == on_tape if figure in training.figures else None
            rows.append(Row((figure.name, figure.digits, by_hand, on_tape), held))
    return Section("The article's figures", ("printed", "article", "by hand", "on the tape"), rows)


def hand_against_tape(training: Training) -> Section:
    """The largest differences over the whole run, the weights after the last step included."""
    network = training.network
    rows = []
    for name, (ulp, relative) in training.apart.items():
        value = network.minus_gradients.get(name)
        bar, held = ("0 ulp", ulp == 0) if network.exact else (f"{PRINTED:g} relative", relative <= PRINTED)
        rows.append(Row((name, f"-{value}.grad" if value else f"{name}.data", ulp, relative, bar), held))
    title = f"{network.name}: largest differences over {training.steps:,} steps"
    return Section(title, ("by hand", "on the tape", "ulp", "relative", "bar"), rows)
