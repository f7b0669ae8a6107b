"""How far a run has come: a bar on a terminal, some lines elsewhere."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Figures = dict[str, float]
Show = Callable[[float, Figures], None]

LINES = 20


def said(figures: Figures) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in figures.items())


@contextmanager
def progress(epochs: int, quiet: bool) -> Iterator[Show]:
    """A function of how many epochs are done, a part of one included, and of the latest figures."""
    if quiet:
        yield lambda done, figures: None
    elif sys.stdout.isatty():
        with bar(epochs) as show:
            yield show
    else:
        yield lines(epochs)


def lines(epochs: int) -> Show:
    """A line for the first epoch, the last, and so many between that a long run does not fill the page."""
    every = math.ceil(epochs / LINES)

    def show(done: float, figures: Figures) -> None:
        if done in (1, epochs) or done % every == 0:
            print(f"epoch {int(done)}/{epochs}  {said(figures)}", flush=True)

    return show


@contextmanager
def bar(epochs: int) -> Iterator[Show]:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("epoch {task.fields[epoch]}/{task.total}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.description}")) as shown:
        task = shown.add_task("", total=epochs, epoch=0)
        yield lambda done, figures: shown.update(task, completed=done, epoch=math.ceil(done), description=said(figures))
