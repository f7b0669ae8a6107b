"""The networks as pictures, under the article's own names, and the sigmoid with its slopes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from ..drawing import Picture, draw
from ..drawing.render import write
from ..graph import Tensor
from ..ops.neural import sigmoid
from . import hand
from .networks import NETWORKS, Network
from .report import Row, Section

GRAPHS = (".svg", ".png", ".html")  # the page plays the two passes step by step
PLOTS = (".svg", ".png")
# The article's three dots on the sigmoid.
DOTS = {"green": 2.0, "blue": 0.0, "purple": -1.0}
CURE = "not drawn: pip install 'micrograd-np[plots]' brings matplotlib, which draws it"


def save(folder: Path) -> Section:
    """Draw everything into a folder; the rows say where."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [row for network in NETWORKS for row in save_graph(network, folder)]
    return Section("Pictures", ("picture", "file"), [*rows, *save_sigmoid(folder)])


def save_graph(network: Network, folder: Path) -> list[Row]:
    picture = graph(network)
    files = [folder / (network.name.replace(" ", "-") + suffix) for suffix in GRAPHS]
    try:
        return [Row((network.name, str(picture.save(file)))) for file in files]
    except RuntimeError as error:
        return [Row((network.name, str(error)), False)]


def save_sigmoid(folder: Path) -> list[Row]:
    try:
        plot = sigmoid_slopes()
    except ImportError:
        return [Row(("sigmoid", CURE))]
    files = [folder / f"sigmoid{suffix}" for suffix in PLOTS]
    for file in files:
        write(file, rendered(plot, file.suffix[1:]))
    return [Row(("sigmoid", str(file))) for file in files]


def graph(network: Network) -> Picture:
    """A network's first step: the values on the way to the loss, and the gradients that flowed back."""

    def first_step(*args: Tensor) -> Any:
        loss = network.tape(*args)["loss"]
        loss.backward()
        return loss

    return draw(first_step, Tensor(hand.X), Tensor(network.y), *network.weights())


def sigmoid_slopes() -> Any:
    """The sigmoid, and through each dot a line with the slope that the tape finds there; needs matplotlib."""
    from matplotlib.figure import Figure

    dots = Tensor(list(DOTS.values()), requires_grad=True)
    values = sigmoid(dots)
    values.backward(np.ones(dots.shape))

    figure = Figure(figsize=(6.4, 4), layout="constrained")
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


def rendered(plot: Any, suffix: str) -> bytes:
    """A plot in the bytes of a format, the same bytes each time."""
    import matplotlib

    content = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "sigmoid"}):
        plot.savefig(content, format=suffix, dpi=144, metadata={"Date": None} if suffix == "svg" else None)
    return content.getvalue()
