"""Training to look at: the loss, what the hidden layer makes of each input, and the surface between the inputs.

A plot is a matplotlib figure; matplotlib comes with `pip install 'micrograd-np[plots]'`.
"""

from __future__ import annotations

import io
from typing import Any, NamedTuple

import numpy as np

from ..drawing.palette import HEAT
from ..graph import Tensor
from ..ops.neural import sigmoid
from . import hand, tape
from .hand import Array
from .networks import NETWORKS, THREE_LAYERS, Network

STEPS = 2_000
MOMENTS = 100  # steps that are kept of a training, evenly spaced in their logarithm
SURFACES = (1, 100, 500, STEPS)
# The article's three dots on the sigmoid.
DOTS = {"green": 2.0, "blue": 0.0, "purple": -1.0}
CLASSES = ("#0072b2", "#d55e00")
BLUE_TO_ORANGE = [HEAT[-4], HEAT[0], HEAT[4]]


class Moment(NamedTuple):
    """A step of a training, the first being 1, as it was before the weights moved."""

    step: int
    loss: float
    hidden: Array
    weights: list[Array]


def course(network: Network, steps: int = STEPS) -> list[Moment]:
    """Moments of a training on the tape."""
    kept = set(np.geomspace(1, steps, MOMENTS).astype(int).tolist()) | set(SURFACES)
    weights = network.weights()
    training = tape.train(network.tape, Tensor(hand.X), Tensor(network.y), *weights, steps=steps)
    return [
        Moment(i, step["loss"].item(), step["l1"].data, [syn.data.copy() for syn in weights])
        for i, step in enumerate(training, 1)
        if i in kept
    ]


def plots() -> dict[str, Any]:
    """Every plot by its name; ImportError where there is no matplotlib."""
    sigmoid = sigmoid_slopes()
    courses = {network.name: course(network) for network in NETWORKS}
    three_layers = courses[THREE_LAYERS.name]
    return {
        "sigmoid": sigmoid,
        "loss": loss_curves(courses),
        "hidden": hidden_activations(three_layers),
        "surface": surfaces(three_layers),
    }


def sigmoid_slopes() -> Any:
    """The sigmoid, and through each dot a line with the slope that the tape finds there."""
    dots = Tensor(list(DOTS.values()), requires_grad=True)
    values = sigmoid(dots)
    values.backward(np.ones(dots.shape))

    figure = blank((6.4, 4))
    axes = figure.subplots()
    x = np.linspace(-6, 6, 241)
    axes.plot(x, sigmoid(x), color="black")
    for colour, at, value, slope in zip(DOTS, dots.data, values.data, dots.grad, strict=True):
        x = at + np.array([-1.5, 1.5])
        axes.plot(x, value + slope * (x - at), color=colour, label=f"x = {at:g}: slope {slope:.3f}")
        axes.plot(at, value, "o", color=colour)
    axes.set(title="The sigmoid, and its slope at three points", xlabel="x", ylabel="nonlin(x)")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def loss_curves(courses: dict[str, list[Moment]]) -> Any:
    """The loss of each network over its training."""
    figure = blank((6.4, 4))
    axes = figure.subplots()
    for (name, moments), line in zip(courses.items(), ("-", "-", "--"), strict=True):
        axes.loglog([m.step for m in moments], [m.loss for m in moments], line, label=name)
    axes.set(title="The loss, ½ Σ (y - output)²", xlabel="step", ylabel="loss")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def hidden_activations(moments: list[Moment]) -> Any:
    """What each hidden unit answers to each input over the training, an input in the colour of its class."""
    figure = blank((9, 3))
    panels = figure.subplots(1, moments[0].hidden.shape[1], sharey=True)
    for unit, axes in enumerate(panels):
        for row, (x, answer) in enumerate(zip(hand.X, THREE_LAYERS.y[:, 0], strict=True)):
            line = ("-", "--", "-.", ":")[row]
            axes.semilogx(
                [m.step for m in moments],
                [m.hidden[row, unit] for m in moments],
                line,
                color=CLASSES[answer],
                label=str(x),
            )
        axes.set(title=f"l1[:, {unit}]", xlabel="step")
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("activation")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right", title="input")
    figure.suptitle("The hidden layer over the training (orange: the output is to be 1)")
    return figure


def surfaces(moments: list[Moment]) -> Any:
    """The output between the four inputs, the third of which is always 1, at some steps."""
    from matplotlib.colors import LinearSegmentedColormap

    side = np.linspace(-0.5, 1.5, 81)
    first, second = np.meshgrid(side, side)
    inputs = np.stack([first, second, np.ones_like(first)], axis=-1)
    shown = [m for m in moments if m.step in SURFACES]
    figure = blank((9, 2.8))
    panels = figure.subplots(1, len(shown), sharey=True)
    for axes, moment in zip(panels, shown, strict=True):
        syn0, syn1 = moment.weights
        output = sigmoid(sigmoid(inputs @ syn0) @ syn1)[..., 0]
        colours = LinearSegmentedColormap.from_list("", BLUE_TO_ORANGE)
        image = axes.imshow(output, extent=(-0.5, 1.5, -0.5, 1.5), origin="lower", vmin=0, vmax=1, cmap=colours)
        axes.contour(first, second, output, [0.5], colors="black", linewidths=1)
        for x, answer in zip(hand.X, THREE_LAYERS.y[:, 0], strict=True):
            axes.plot(x[0], x[1], "os"[answer], color=CLASSES[answer], markeredgecolor="white", markersize=8)
        axes.set(title=f"step {moment.step:,}", xlabel="first input", xticks=[0, 1], yticks=[0, 1])
    panels[0].set_ylabel("second input")
    figure.colorbar(image, ax=panels, label="l2")
    figure.suptitle("What the 3-layer network answers between its four inputs (squares are to be 1)")
    return figure


def blank(size: tuple[float, float]) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout="constrained")


def rendered(plot: Any, suffix: str) -> bytes:
    """A plot in the bytes of a format, the same bytes each time."""
    import matplotlib

    content = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "micrograd-np"}):
        plot.savefig(content, format=suffix, dpi=144, metadata={"Date": None} if suffix == "svg" else None)
    return content.getvalue()
