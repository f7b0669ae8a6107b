"""The networks and the sigmoid as pictures, under the article's own names."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from ..drawing import Picture, draw
from ..drawing.render import write
from ..graph import Tensor
from ..ops.neural import sigmoid
from . import hand
from .compare import NETWORKS, Network

# The article's three dots, and where their colours stand on the curve.
DOTS = {"green": 2.0, "blue": 0.0, "purple": -1.0}


def graph(network: Network) -> Picture:
    """The network's first step: the values on the way to the loss, and the gradients that flowed back."""

    def first_step(*args: Tensor) -> Tensor:
        loss: Tensor = network.tape(*args)["loss"]
        loss.backward()
        return loss

    return draw(first_step, Tensor(hand.X), Tensor(network.y), *network.weights())


def slopes() -> dict[float, float]:
    """The slope of the sigmoid at the article's three dots, by the tape."""
    x = Tensor(list(DOTS.values()), requires_grad=True)
    sigmoid(x).sum().backward()
    return dict(zip(DOTS.values(), x.grad.tolist(), strict=True))


def sigmoid_slopes(suffix: str) -> bytes:
    """The sigmoid, with a line as steep as the curve through each dot; ImportError without matplotlib."""
    import matplotlib
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axes = figure.subplots()
    x = np.linspace(-6, 6, 241)
    axes.plot(x, sigmoid(x), color="black")
    for (colour, at), slope in zip(DOTS.items(), slopes().values(), strict=True):
        y = float(sigmoid(np.array(at)))
        axes.plot(at, y, "o", color=colour)
        axes.plot([at - 1.5, at + 1.5], [y - 1.5 * slope, y + 1.5 * slope], color=colour, label=f"x = {at:g}: slope {slope:.3f}")
    axes.set(title="nonlin(x), and its slope at three points", xlabel="x", ylabel="1/(1+np.exp(-x))")
    axes.grid(alpha=0.3)
    axes.legend()
    content = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "sigmoid"}):
        figure.savefig(content, format=suffix, dpi=144, metadata={"Date": None} if suffix == "svg" else None)
    return content.getvalue()


def save(folder: Path) -> dict[str, list[Path]]:
    """Draw everything and write it: the files written for each network, and none for the sigmoid without matplotlib."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for network in NETWORKS:
        stem = network.name.replace(" ", "-")
        picture = graph(network)
        files[network.name] = [picture.save(folder / f"{stem}.{suffix}") for suffix in ("svg", "png")]
    files["sigmoid"] = []
    for suffix in ("svg", "png"):
        try:
            content = sigmoid_slopes(suffix)
        except ImportError:
            break
        write(folder / f"sigmoid.{suffix}", content)
        files["sigmoid"].append(folder / f"sigmoid.{suffix}")
    return files
