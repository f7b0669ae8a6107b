"""The command line: `micrograd-np article` trains the article's networks by hand and on the tape, and compares."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from . import __version__
from .core.errors import FileError, MicrogradError

STEPS = 60_000
WIDTH = 1_000  # of a pipe, which has none: no line is broken


def main(argv: list[str] | None = None) -> int:
    """Run a command and return its exit status.

    0: done. 1: a comparison failed, or the reader of the output has left. 2: an error, such as a file that cannot be
    written or a script that fails. 130: interrupted.
    """
    parser = commands()
    options, unknown = parser.parse_known_args(argv)
    if unknown:
        hint = "; options of the script stand after --" if getattr(options, "run", None) is run_draw else ""
        parser.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
    if "run" not in options:
        parser.print_help()
        return 0
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        print("\nInterrupted. All files written so far are complete.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, such as `head`, has left; Python must not flush into the closed pipe at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (OSError, MicrogradError) as error:
        print(f"micrograd-np: {error}", file=sys.stderr)
        return 2


def commands() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="micrograd-np",
        description="Automatic differentiation on NumPy. To train models and verify gradients, import it in Python.",
        epilog="Start with `micrograd-np article`, or with `micrograd-np learn` to learn autodiff.",
    )
    parser.add_argument("--version", action="version", version=f"micrograd-np {__version__}")
    subparsers = parser.add_subparsers(title="commands")

    def command(name: str, run: Callable[[argparse.Namespace], int], summary: str) -> Callable[..., Any]:
        added = subparsers.add_parser(name, help=summary, description=run.__doc__)
        added.set_defaults(run=run)
        return added.add_argument

    add = command("article", run_article, "train 'A Neural Network in 11 lines of Python' by hand and on the tape")
    add("--out", "-o", type=Path, default=Path("article"), metavar="DIR", help="folder of the pictures (article/)")
    add("--steps", type=count, default=STEPS, metavar="N", help=f"train for fewer than {STEPS:,} steps")
    add = command("draw", run_draw, "run a script and draw the graph of what it computed last")
    formats = "the suffix names the format: .html, .svg, .png, .pdf, .dot, .mmd, .txt (default: graph.html)"
    add("script", metavar="FILE.py[:FUNCTION]")
    add("arguments", nargs="*", default=[], metavar="ARGUMENT", help="arguments of the script; -- before its options")
    add("--out", "-o", type=Path, default=Path("graph.html"), metavar="PATH", help=formats)
    command("learn", run_learn, "list the lessons, and open one")("lesson", nargs="?", metavar="N", help="or next")
    return parser


def count(text: str) -> int:
    """A number of steps on the command line."""
    if not (text.isdecimal() and 1 <= int(text) <= STEPS):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of steps between 1 and {STEPS:,}")
    return int(text)


def run_article(options: argparse.Namespace) -> int:
    """Train the three programs of 'A Neural Network in 11 lines of Python' by hand and on the tape, compare the two at
    every step, check the gradients, and draw the networks. The exit status is 1 if a comparison failed."""
    check_folder(options.out)
    from rich.console import Console
    from rich.progress import Progress

    from .article import report
    from .article.networks import NETWORKS, THREE_LAYERS

    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    trainings = []
    with Progress(console=console, disable=not console.is_terminal) as bar:
        for network in NETWORKS:
            steps = min(options.steps, network.steps)
            console.print(f"{network.name}: {steps:,} steps, by hand and on the tape")
            task = bar.add_task(network.name, total=steps)
            trainings.append(report.train(network, steps, partial(bar.advance, task)))
    sections = [report.printed_figures(trainings), *map(report.hand_against_tape, trainings)]
    sections += [report.gradient_checks(NETWORKS), report.pictures(options.out)]
    for section in sections:
        show(section, console)
    held, sentence = report.verdict(sections)
    console.print(sentence)
    console.print(f"Open {report.file_of(THREE_LAYERS, options.out, '.html')}, which plays the two passes.")
    return 0 if held else 1


def show(section: Any, console: Any) -> None:
    """Print a section as a table."""
    from rich.table import Table
    from rich.text import Text

    held = {True: Text("ok", "green"), False: Text("NO", "bold red"), None: Text("-")}
    table = Table(*section.columns, "held", box=None, pad_edge=False)
    for row in section.rows:
        cells = [f"{cell:.2g}" if isinstance(cell, float) else str(cell) for cell in row.cells]
        table.add_row(*map(Text, cells), held[row.held])
    console.print(section.title, style="bold")
    console.print(table)
    console.print()


def run_draw(options: argparse.Namespace) -> int:
    """Run FILE.py and draw one of its results: a loss if there is one, else the Tensor that was computed last. With
    :FUNCTION, call this function without arguments, and draw what it returns. The page plays the forward and the
    backward pass."""
    check_folder(options.out.parent)
    from .drawing.picture import FORMATS, draw_script

    if options.out.suffix.lower() not in FORMATS:
        raise FileError(f"--out {options.out}: a picture is saved as {', '.join(FORMATS)}.")
    picture = draw_script(options.script, options.arguments)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    picture.save(options.out)
    meant = next((x for x in options.arguments if Path(x).suffix.lower() in FORMATS and not Path(x).exists()), "")
    hint = f" ({meant} went to the script; to draw into it, write -o {meant})" if meant else ""
    print(f"Open {options.out}{hint}")
    return 0


def run_learn(options: argparse.Namespace) -> int:
    """Without N, list the ten lessons and the exercises you have done. With N, save lesson N as a notebook in this
    folder; where Jupyter is installed, the command also opens it."""
    from .learn import ladder

    return ladder.open_lesson(options.lesson)


def check_folder(folder: Path) -> None:
    """Raise, before anything is run, if a folder cannot be made or written into."""
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    try:
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        raise FileError(f"--out {folder}: cannot write into {existing}: {error.strerror}. Choose another.") from None
