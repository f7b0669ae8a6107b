"""How it looks: a bar while training and tables at the end; in a pipe, plain lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from .report import Section

WIDTH = 1_000  # of a pipe, which has none: no line is broken
LINES = 10_000  # steps from one line to the next
HELD = {True: Text("ok", "green"), False: Text("NO", "bold red"), None: Text("-")}


@contextmanager
def watching(console: Console, totals: dict[str, int]) -> Iterator[Callable[[str, int], None]]:
    """What is told how far each training has come."""

    def line(name: str, step: int) -> None:
        if step % LINES == 0:
            console.print(f"{name}: step {step:,} of {totals[name]:,}")

    if not console.is_terminal:
        yield line
        return
    with Progress(console=console) as progress:
        tasks = {name: progress.add_task(name, total=total) for name, total in totals.items()}
        yield lambda name, step: progress.update(tasks[name], completed=step)


def show(section: Section, console: Console) -> None:
    table = Table(*section.columns, "held", box=None, pad_edge=False)
    for row in section.rows:
        table.add_row(*[Text(shown(cell)) for cell in row.cells], HELD[row.held])
    console.print(section.title, style="bold")
    console.print(table)
    console.print()


def shown(cell: Any) -> str:
    return "-" if cell is None else f"{cell:.2g}" if isinstance(cell, float) else str(cell)
