"""The networks as pictures, under the article's own names, and their training as plots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..core.tensor import Tensor
from ..drawing import Picture, draw
from ..drawing.render import write
from . import hand
from .networks import NETWORKS, Network
from .plots import every_plot, rendered
from .report import Row, Section

GRAPHS = (".svg", ".png", ".html")  # the page plays the two passes step by step
PLOTS = (".svg", ".png")
CURE = "not drawn: pip install 'micrograd-np[plots]' brings matplotlib, which draws them"


def save(folder: Path) -> Section:
    """Draw everything into a folder; the rows say where."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [row for network in NETWORKS for row in save_graph(network, folder)]
    return Section("Pictures", ("picture", "file"), [*rows, *save_plots(folder)])


def save_graph(network: Network, folder: Path) -> list[Row]:
    picture = graph(network)
    files = [folder / (network.name.replace(" ", "-") + suffix) for suffix in GRAPHS]
    try:
        return [Row((network.name, str(picture.save(file)))) for file in files]
    except RuntimeError as error:
        return [Row((network.name, str(error)), False)]


def save_plots(folder: Path) -> list[Row]:
    try:
        drawn = every_plot()
    except ImportError:
        return [Row(("plots", CURE))]
    rows = []
    for name, plot in drawn.items():
        for suffix in PLOTS:
            file = folder / f"{name}{suffix}"
            write(file, rendered(plot, suffix[1:]))
            rows.append(Row((name, str(file))))
    return rows


def graph(network: Network) -> Picture:
    """A network's first step: the values on the way to the loss, and the gradients that flowed back."""

    def first_step(*args: Tensor) -> Any:
        loss = network.tape(*args)["loss"]
        loss.backward()
        return loss

    return draw(first_step, Tensor(hand.X), Tensor(network.y), *network.weights())
