"""By hand against the tape: trained together from the same first weights, compared at every step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from ..core.tensor import Tensor
from . import hand, tape
from .hand import Array, Variables
from .networks import Figure, Network
from .report import Row, Section
from .tape import MINUS_GRADIENT_OF

Tell = Callable[[int], None]
# The bytes of each pair of values, by hand and on the tape, a step after the other.
Log = dict[str, tuple[list[bytes], list[bytes]]]
PAGE = 1_000  # steps that are compared at once, which costs no more than comparing a few

# Where the last bits may differ, the weights still agree in the digits that Python 2 prints.
PRINTED = 1e-12


class Apart(NamedTuple):
    """How far values are apart: in units in the last place, and relative to the largest entry of their array."""

    ulp: float = 0.0
    relative: float = 0.0


def apart(a: Array, b: Array) -> Apart:
    """The largest differences between two stacks of arrays, the sign of zero aside; nan where either holds one.

    Examples
    --------
    >>> apart(np.array([[1.0, 8.0]]), np.array([[1.0, np.nextafter(8.0, 9.0)]])).ulp
    1.0
    """
    differ = (a != b).any(axis=1)
    if not differ.any():
        return Apart()
    a, b = a[differ], b[differ]
    with np.errstate(all="ignore"):
        difference, size = np.abs(a - b), np.maximum(np.abs(a), np.abs(b))
        ulp, relative = difference / np.spacing(size), difference.max(axis=1) / size.max(axis=1)
    return Apart(float(ulp.max()), float(relative.max()))


class Training(NamedTuple):
    """What training has shown: the figures by hand and on the tape, and how far apart each pair of values ever was."""

    network: Network
    steps: int
    figures: dict[Figure, tuple[str, str]]
    apart: dict[str, Apart]


def train(network: Network, steps: int, tell: Tell) -> Training:
    """Train by hand and on the tape, step beside step, and tell now and then how far it is."""
    leaves = network.weights()
    by_hand = network.hand(hand.X, network.y, *[syn.data.copy() for syn in leaves], steps=steps)
    on_tape = tape.train(network.tape, Tensor(hand.X), Tensor(network.y), *leaves, steps=steps)
    names = [*network.deltas, *network.shapes]
    training = Training(network, steps, {}, dict.fromkeys(names, Apart()))
    log: Log = {name: ([], []) for name in names}

    pairs = zip(by_hand, on_tape, strict=True)
    for j, (ours, theirs) in enumerate(pairs):
        write_down(log, names, ours, theirs)
        if j % PAGE == 0:
            compare(training, log)
            tell(j)
        for figure in network.figures:
            if figure.step == j:
                training.figures[figure] = figure.read(ours), figure.read(theirs)
    # Both programs have ended, and moved their weights once more.
    write_down(log, network.shapes, ours, theirs)
    compare(training, log)
    tell(steps)
    return training


def write_down(log: Log, names: Iterable[str], ours: Variables, theirs: Variables) -> None:
    """Keep the bytes of a step's values; the programs go on to write into some of them."""
    for name in names:
        value = MINUS_GRADIENT_OF.get(name)
        by_hand, on_tape = log[name]
        by_hand.append(ours[name].tobytes())
        on_tape.append((theirs[value].grad if value else theirs[name].data).tobytes())


def compare(training: Training, log: Log) -> None:
    """Note how far apart the values written down are, where that is further than ever, and begin a new page."""
    for name, (by_hand, on_tape) in log.items():
        if not by_hand:
            continue
        ours, theirs = (np.frombuffer(b"".join(column)).reshape(len(column), -1) for column in (by_hand, on_tape))
        found = apart(ours, -theirs if name in MINUS_GRADIENT_OF else theirs)
        training.apart[name] = Apart(*np.maximum(training.apart[name], found).tolist())
        by_hand.clear()
        on_tape.clear()


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
        value = MINUS_GRADIENT_OF.get(name)
        bar, held = ("0 ulp", ulp == 0) if network.exact else (f"{PRINTED:g} relative", relative <= PRINTED)
        rows.append(Row((name, f"-{value}.grad" if value else f"{name}.data", ulp, relative, bar), held))
    sigmoid = "the sigmoid a row of the table" if network.exact else "the sigmoid spelled out, 1/(1+np.exp(-z))"
    title = f"{network.name}, {sigmoid}: largest differences over {training.steps:,} steps"
    return Section(title, ("by hand", "on the tape", "ulp", "relative", "bar"), rows)
