"""Progress of a training: a bar on a terminal, some lines elsewhere."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

Figures = dict[str, float]
Show = Callable[[float, Figures], None]

LINES = 20


class Shown(NamedTuple):
    """Two functions, called after a step and after an epoch with the number of epochs done and the figures."""

    step: Show
    epoch: Show


def nothing(done: float, figures: Figures) -> None:
    """Shows nothing."""


@contextmanager
def progress(epochs: int, quiet: bool) -> Iterator[Shown]:
    """Give the functions that show the progress of a training."""
    if quiet:
        yield Shown(nothing, nothing)
    elif sys.stdout.isatty():
        with bar(epochs) as show:
            yield Shown(show, show)
    else:
        yield Shown(nothing, lines(epochs))


def figures_text(figures: Figures) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in figures.items())


def lines(epochs: int) -> Show:
    """A line for the first epoch, the last, and so many between that a long training does not fill the page."""
    every = math.ceil(epochs / LINES)

    def show(done: float, figures: Figures) -> None:
        if done in (1, epochs) or done % every == 0:
            print(f"epoch {done:.0f}/{epochs}  {figures_text(figures)}", flush=True)

    return show


@contextmanager
def bar(epochs: int) -> Iterator[Show]:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("epoch {task.fields[epoch]}/{task.total}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.description}")) as shown:
        task = shown.add_task("", total=epochs, epoch=0)
        yield lambda done, figures: shown.update(
            task, completed=done, epoch=math.ceil(done), description=figures_text(figures)
        )
