"""The article's training to look at: the sigmoid, the losses, the hidden layer, the surface between the inputs."""

from __future__ import annotations

import io
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from .. import plots
from ..core.tensor import Tensor
from ..ops.activations import sigmoid
from . import hand, tape
from .hand import Array
from .networks import NETWORKS, THREE_LAYERS, Network

STEPS = 2_000
MOMENTS = 100  # steps that are kept of a training, evenly spaced in their logarithm
SURFACES = (1, 100, 500, STEPS)
# The article's three dots on the sigmoid.
DOTS = {"green": 2.0, "blue": 0.0, "purple": -1.0}


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


def every_plot() -> dict[str, Any]:
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

    figure = plots.blank((6.4, 4))
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
    figure = plots.losses({name: {m.step: m.loss for m in moments} for name, moments in courses.items()})
    figure.axes[0].set_title("The loss, ½ Σ (y - output)²")
    return figure


def hidden_activations(moments: list[Moment]) -> Any:
    """What each hidden unit answers to each input over the training, an input in the colour of its class."""
    figure = plots.activations({m.step: m.hidden for m in moments}, THREE_LAYERS.y, [str(x) for x in hand.X])
    for unit, axes in enumerate(figure.axes):
        axes.set_title(f"l1[:, {unit}]")
    figure.suptitle("The hidden layer over the training (orange: the output is to be 1)")
    return figure


def surfaces(moments: list[Moment]) -> Any:
    """The output between the four inputs, the third of which is always 1, at some steps."""
    shown = {f"step {m.step:,}": partial(output, *m.weights) for m in moments if m.step in SURFACES}
    figure = plots.surface(shown, hand.X, THREE_LAYERS.y)
    figure.suptitle("What the 3-layer network answers between its four inputs (squares are to be 1)")
    return figure


def output(syn0: Array, syn1: Array, points: Array) -> Array:
    """What the 3-layer network answers to points of two numbers."""
    inputs = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    return sigmoid(sigmoid(inputs @ syn0) @ syn1)


def rendered(plot: Any, suffix: str) -> bytes:
    """A plot in the bytes of a format, the same bytes each time."""
    import matplotlib

    content = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "micrograd-np"}):
        plot.savefig(content, format=suffix, dpi=144, metadata={"Date": None} if suffix == "svg" else None)
    return content.getvalue()
