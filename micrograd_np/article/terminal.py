"""How it looks: a bar while training and tables at the end; in a pipe, plain lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from .compare import Watch
from .report import Section

WIDTH = 120  # of a pipe, which has none
HELD = {True: Text("ok", "green"), False: Text("NO", "bold red"), None: Text("-")}


@contextmanager
def watching(console: Console) -> Iterator[Watch]:
    """What shows how far a training has come."""
    if not console.is_terminal:
        yield lambda steps, name, total: lines(console, steps, name, total)
        return
    with Progress(console=console) as progress:
        yield lambda steps, name, total: progress.track(steps, total, description=name)


def lines(console: Console, steps: Iterable[Any], name: str, total: int) -> Iterator[Any]:
    for j, step in enumerate(steps):
        if j % 10_000 == 0:
            console.print(f"{name}: step {j:,} of {total:,}")
        yield step


def show(section: Section, console: Console) -> None:
    table = Table(
        *section.columns,
        "held",
        title=section.title,
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
    )
    for row in section.rows:
        table.add_row(*[Text(shown(cell)) for cell in row.cells], HELD[row.held])
    console.print(table)
    console.print()


def shown(cell: Any) -> str:
    return f"{cell:.2g}" if isinstance(cell, float) else str(cell)
