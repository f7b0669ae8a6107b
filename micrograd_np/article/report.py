"""The report of the command `article`: the programs by hand against those on the tape, gradient checks, pictures."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import plots
from ..checking import gradcheck
from ..core.tensor import Tensor
from ..drawing import Picture, draw
from ..ops.dense import sigmoid
from .networks import MINUS_GRADIENT_OF, NETWORKS, THREE_LAYERS, Array, Figure, Network, Variables, X, train_on_tape

PRINTED = 1e-12  # where the last bits may differ, the weights still agree in the digits that Python 2 prints

TOLD = 1_000  # steps from one report of progress to the next


class Row(NamedTuple):
    """The cells of a table's row, and whether its check held; None without a check."""

    cells: tuple[Any, ...]
    held: bool | None = None


class Section(NamedTuple):
    """Rows under one heading."""

    title: str
    columns: tuple[str, ...]
    rows: list[Row]


class Training(NamedTuple):
    """The printed figures, and all values by name, (steps, size), by hand and on the tape."""

    network: Network
    steps: int
    figures: dict[Figure, tuple[str, str]]
    by_hand: dict[str, Array]
    on_tape: dict[str, Array]


def train(network: Network, steps: int, tell: Callable[[int], None] = lambda step: None) -> Training:
    """Train by hand and on the tape, step beside step; `tell` is called with the steps done since its last call."""
    leaves = network.weights()
    by_hand = network.hand(X, network.y, *[syn.data.copy() for syn in leaves], steps=steps)
    on_tape = train_on_tape(network.tape, Tensor(X), Tensor(network.y), *leaves, steps=steps)
    training = Training(network, steps, {}, {}, {})
    for j, (ours, theirs) in enumerate(zip(by_hand, on_tape, strict=True)):
        record(training, j, [*network.deltas, *network.shapes], ours, theirs)
        training.figures.update({x: (x.read(ours), x.read(theirs)) for x in network.figures if x.step == j})
        if j % TOLD == TOLD - 1:
            tell(TOLD)
    # Both programs have ended, and moved their weights once more.
    record(training, steps, list(network.shapes), ours, theirs)
    tell(steps % TOLD)
    return training


def record(training: Training, j: int, names: list[str], ours: Variables, theirs: Variables) -> None:
    """Copy a step's values: the programs go on to write into some of them."""
    for name in names:
        value = MINUS_GRADIENT_OF.get(name)
        for values, found in (
            (training.by_hand, ours[name]),
            (training.on_tape, -theirs[value].grad if value else theirs[name].data),
        ):
            if name not in values:
                values[name] = np.zeros((training.steps + 1, found.size))
            values[name][j] = found.ravel()


def apart(a: Array, b: Array) -> tuple[float, float]:
    """The largest differences of two stacks of arrays, in units in the last place and relative to their array's size.

    The sign of zero does not count; where either holds nan, the differences are nan.

    Examples
    --------
    >>> apart(np.array([[1.0, 8.0]]), np.array([[1.0, np.nextafter(8.0, 9.0)]]))[0]
    1.0
    """
    differ = (a != b).any(axis=1)
    if not differ.any():
        return 0.0, 0.0
    a, b = a[differ], b[differ]
    with np.errstate(all="ignore"):
        difference, size = np.abs(a - b), np.maximum(np.abs(a), np.abs(b))
        ulp, relative = difference / np.spacing(size), difference.max(axis=1) / size.max(axis=1)
    return float(ulp.max()), float(relative.max())


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
    for name, values in training.by_hand.items():
        ulp, relative = apart(values, training.on_tape[name])
        value = MINUS_GRADIENT_OF.get(name)
        bar, held = ("0 ulp", ulp == 0) if network.exact else (f"{PRINTED:g} relative", relative <= PRINTED)
        rows.append(Row((name, f"-{value}.grad" if value else f"{name}.data", ulp, relative, bar), held))
    sigmoid = "the sigmoid a row of the table" if network.exact else "the sigmoid spelled out, 1/(1+np.exp(-z))"
    title = f"{network.name}, {sigmoid}: largest differences over {training.steps:,} steps"
    return Section(title, ("by hand", "on the tape", "ulp", "relative", "bar"), rows)


def gradient_checks(networks: list[Network]) -> Section:
    """The tape's gradient at the first weights, against central differences of the loss."""
    rows = []
    for network in networks:
        report = gradcheck(lambda *syns, f=network: f.tape(X, f.y, *syns)["loss"], *network.weights())
        rows += [Row((network.name, x.name, x.verdict, x.error), bool(report)) for x in report.inputs]
    columns = ("network", "weights", "verdict", "central differences")
    return Section("Gradient checks: largest relative differences", columns, rows)


def verdict(sections: list[Section]) -> tuple[bool, str]:
    """Return whether all held, and a sentence that says so."""
    rows = [row for section in sections for row in section.rows]
    checked = [row.held for row in rows if row.held is not None]
    unreached = sum("not reached" in row.cells for row in rows)
    short = f" {unreached} of the article's figures lie beyond the steps trained." if unreached else ""
    if all(checked):
        return True, f"All {len(checked)} checks held.{short}"
    return False, f"{checked.count(False)} of {len(checked)} checks did NOT hold.{short}"


# The networks under the article's own names, and plots of their training.

STEPS = 2_000
MOMENTS = 100  # steps that are kept of a training, evenly spaced in their logarithm
SURFACES = (1, 100, 500, STEPS)
CURE = "not drawn: pip install 'micrograd-np[plots]' brings matplotlib, which draws them"


def pictures(folder: Path) -> Section:
    """Draw everything into a folder; the rows say where."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for network in NETWORKS:
        files = [file_of(network, folder, suffix) for suffix in (".svg", ".html")]  # the page plays the two passes
        rows += [Row((network.name, str(graph(network).save(file)))) for file in files]
    try:
        for name, plot in every_plot().items():
            file = folder / f"{name}.svg"
            plot.savefig(file)
            rows.append(Row((name, str(file))))
    except ImportError:
        rows.append(Row(("plots", CURE)))
    return Section("Pictures", ("picture", "file"), rows)


def file_of(network: Network, folder: Path, suffix: str) -> Path:
    """The file of a network's picture."""
    return folder / (network.name.replace(" ", "-") + suffix)


def graph(network: Network) -> Picture:
    """A network's first step: the values on the way to the loss, and the gradients that flowed back."""

    def first_step(*args: Tensor) -> Any:
        loss = network.tape(*args)["loss"]
        loss.backward()
        return loss

    return draw(first_step, Tensor(X), Tensor(network.y), *network.weights())


def every_plot() -> dict[str, Any]:
    """Every plot by its name; ImportError where there is no matplotlib."""
    plots.blank((1, 1))  # before anything is trained
    courses = {network.name: course(network) for network in NETWORKS}
    three_layers = courses[THREE_LAYERS.name]
    losses = plots.losses(
        {name: {i: step["loss"].item() for i, step in kept.items()} for name, kept in courses.items()}
    )
    losses.axes[0].set_title("The loss, ½ Σ (y - output)²")
    return {"loss": losses, "hidden": hidden_activations(three_layers), "surface": surfaces(three_layers)}


def course(network: Network, steps: int = STEPS) -> dict[int, dict[str, Any]]:
    """Some steps of a training on the tape, the first being 1, with copies of the weights before they moved."""
    kept = set(np.geomspace(1, steps, MOMENTS).astype(int).tolist()) | set(SURFACES)
    weights = network.weights()
    training = train_on_tape(network.tape, Tensor(X), Tensor(network.y), *weights, steps=steps)
    return {
        i: step | {name: step[name].data.copy() for name in network.shapes}
        for i, step in enumerate(training, 1)
        if i in kept
    }


def hidden_activations(course: dict[int, dict[str, Any]]) -> Any:
    """Plot each hidden unit's output for each input during the training; a line's colour is the class of its input."""
    hidden = {i: step["l1"].data for i, step in course.items()}
    figure = plots.activations(hidden, THREE_LAYERS.y, [str(x) for x in X])
    for unit, axes in enumerate(figure.axes):
        axes.set_title(f"l1[:, {unit}]")
    figure.suptitle("The hidden layer over the training (orange: the right output is 1)")
    return figure


def surfaces(course: dict[int, dict[str, Any]]) -> Any:
    """The output between the four inputs, the third of which is always 1, at some steps."""
    shown = {f"step {i:,}": partial(output, course[i]["syn0"], course[i]["syn1"]) for i in SURFACES if i in course}
    figure = plots.surface(shown, X, THREE_LAYERS.y)
    figure.suptitle("The output of the 3-layer network between its four inputs (squares: the right output is 1)")
    return figure


def output(syn0: Array, syn1: Array, points: Array) -> Array:
    """Return the output of the 3-layer network for points of two numbers; the third input is always 1."""
    inputs = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    return sigmoid(sigmoid(inputs @ syn0) @ syn1)
