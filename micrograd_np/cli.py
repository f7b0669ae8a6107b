"""The command line: `micrograd-np article` trains the article's networks by hand and on the tape, and compares."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

STEPS = 60_000


def main(argv: list[str] | None = None) -> int:
    """Run a command; returns its exit status: 0, 1 where something did not hold, 2 where a file cannot be written."""
    parser = commands()
    options = parser.parse_args(argv)
    if "run" not in options:
        parser.print_help()
        return 0
    try:
        status: int = options.run(options)
    except KeyboardInterrupt:
        print("\nInterrupted; every file is whole.", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"micrograd-np: {error if error.filename else error.strerror or error}", file=sys.stderr)
        return 2
    return status


def commands() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="micrograd-np",
        description="An autograd micro-framework on NumPy: a table of derivatives, one tape, and many readers of them.",
        epilog="Start with `micrograd-np article`. In Python: import micrograd_np as mg.",
    )
    subparsers = parser.add_subparsers(title="commands")
    command = subparsers.add_parser(
        "article",
        help="train the networks of 'A Neural Network in 11 lines of Python' by hand and on the tape, and compare",
        description="Train the three programs of 'A Neural Network in 11 lines of Python' by hand and on the tape, "
        "compare the two at every step, check the gradients, and draw the networks. "
        "The exit status is 1 if anything did not hold.",
    )
    command.add_argument("--out", type=Path, default=Path("article"), metavar="DIR", help="where to draw (article/)")
    command.add_argument("--json", type=Path, metavar="FILE", help="write every figure printed to a file")
    command.add_argument(
        "--steps", type=count, default=STEPS, metavar="N", help=f"train for fewer than {STEPS:,} steps"
    )
    command.set_defaults(run=article)
    command = subparsers.add_parser(
        "draw",
        help="run a script and draw the graph of what it computed last",
        description="Run FILE.py and draw the newest value with a graph among its variables, or among those of its "
        "functions, a loss before others; or what FUNCTION returns or computes last, called without arguments. "
        "The page plays the forward and the backward pass.",
    )
    command.add_argument("script", metavar="FILE.py[:FUNCTION]")
    command.add_argument(
        "arguments", nargs="*", metavar="ARGUMENT", help="what the script finds in sys.argv; its options after --"
    )
    command.add_argument(
        "--out",
        type=Path,
        default=Path("graph.html"),
        metavar="PATH",
        help="the suffix names the format: .html, .svg, .png, .pdf, .dot, .mmd, .md, .txt, .py (graph.html)",
    )
    command.set_defaults(run=draw)
    command = subparsers.add_parser(
        "learn",
        help="list the lessons, and open one",
        description="List ten lessons, from a slope to writing reverse mode yourself, and which exercises are done; or "
        "write a lesson as a notebook into this folder, and open it where Jupyter is installed.",
    )
    command.add_argument("lesson", nargs="?", metavar="N", help="the number of a lesson, or next")
    command.set_defaults(run=learn)
    return parser


def count(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= STEPS):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of steps between 1 and {STEPS:,}")
    return int(text)


def article(options: argparse.Namespace) -> int:
    """Train, compare, check and draw; print what was found."""
    check_folder("--out", options.out)
    if options.json:
        check_file("--json", options.json)
    from rich.console import Console

    from .article import compare, gradients, pictures, processes, report, terminal
    from .article.networks import NETWORKS
    from .drawing.render import write

    console = Console(highlight=False, width=None if sys.stdout.isatty() else terminal.WIDTH)
    steps = {network.name: min(options.steps, network.steps) for network in NETWORKS}
    with terminal.watching(console, steps) as tell:
        trainings = processes.train(NETWORKS, steps, tell)
    sections = [
        compare.printed_figures(trainings),
        *map(compare.hand_against_tape, trainings),
        gradients.gradient_checks(NETWORKS),
        pictures.save(options.out),
    ]
    for section in sections:
        terminal.show(section, console)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        write(options.json, report.as_json(sections).encode())
    held, sentence = report.verdict(sections)
    console.print(sentence)
    return 0 if held else 1


def draw(options: argparse.Namespace) -> int:
    """Draw a user's script."""
    check_file("--out", options.out)
    from .drawing.picture import FORMATS
    from .drawing.script import ScriptError, draw_script

    if options.out.suffix.lower() not in FORMATS:
        raise OSError(f"--out {options.out}: a picture is saved as {', '.join(FORMATS)}.")
    try:
        picture = draw_script(options.script, options.arguments)
    except ScriptError as error:
        raise OSError(error) from None
    options.out.parent.mkdir(parents=True, exist_ok=True)
    picture.save(options.out)
    print(options.out)
    return 0


def learn(options: argparse.Namespace) -> int:
    """List the lessons, or open one."""
    from .learn import ladder

    try:
        return ladder.open_lesson(options.lesson)
    except ValueError as error:
        raise OSError(error) from None


def check_folder(option: str, folder: Path) -> None:
    """Refuse, before anything is trained, a folder that cannot be made or written into."""
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    try:
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        raise OSError(f"{option} {folder}: cannot write into {existing}: {error.strerror}. Choose another.") from None


def check_file(option: str, file: Path) -> None:
    check_folder(option, file.parent)
    if file.exists() and not file.is_file():
        raise OSError(f"{option} {file}: this is no file that can be replaced. Choose another.")
