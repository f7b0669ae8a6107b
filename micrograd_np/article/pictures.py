"""Draw the networks under the article's own names, and plot their training."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .. import plots
from ..core.tensor import Tensor
from ..drawing import Picture, draw
from ..ops.dense import sigmoid
from .comparison import Row, Section
from .networks import NETWORKS, THREE_LAYERS, Array, Network, X, train_on_tape

STEPS = 2_000
MOMENTS = 100  # steps that are kept of a training, evenly spaced in their logarithm
SURFACES = (1, 100, 500, STEPS)
CURE = "not drawn: pip install 'micrograd-np[plots]' brings matplotlib, which draws them"


def save(folder: Path) -> Section:
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
