"""The ladder: the lessons, their exercises, and which of these are done.

A lesson is a text file in the MyST notebook format: Markdown, with code cells between ```` ```{code-cell} ```` and
```` ``` ````. A notebook is made from it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ..core.errors import ArgumentError
from . import exercises_arrays, exercises_layers, exercises_networks, exercises_numbers
from .exercise import Exercise

EXERCISES: dict[str, Exercise] = {
    exercise.name: exercise
    for table in (exercises_numbers, exercises_arrays, exercises_layers, exercises_networks)
    for exercise in table.EXERCISES
}
FOLDER = Path(__file__).parent / "lessons"
CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
PROGRESS = "MICROGRAD_NP_PROGRESS"  # the variable of the environment that names the file


def lessons() -> dict[int, Path]:
    """Return the file of each lesson by its number."""
    return {int(path.stem.split("_")[0]): path for path in sorted(FOLDER.glob("*.md"))}


def cells(text: str) -> list[tuple[str, str]]:
    r"""Return the cells of a lesson, each as ("markdown" or "code", source).

    Examples
    --------
    >>> cells("# One\n\n```{code-cell}\n1 + 1\n```\n\nTwo.\n")
    [('markdown', '# One'), ('code', '1 + 1'), ('markdown', 'Two.')]
    """
    parts = CELL.split(FRONT_MATTER.sub("", text))
    kinds = ("markdown", "code")
    return [(kinds[i % 2], part.strip("\n")) for i, part in enumerate(parts) if part.strip()]


def notebook(text: str) -> dict[str, Any]:
    """Return a lesson in the Jupyter notebook format, version 4.5."""
    made = []
    for number, (kind, source) in enumerate(cells(text)):
        cell: dict[str, Any] = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": source}
        made.append(cell | ({"execution_count": None, "outputs": []} if kind == "code" else {}))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def title(path: Path) -> str:
    """Return the title of a lesson, without its number."""
    heading = next(line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("# "))
    return heading.partition(": ")[2]


def listing() -> str:
    """Return the ladder as text: each lesson, its exercises, and which of them are done."""
    answered = done()
    lines = []
    for number, path in lessons().items():
        names = [exercise.name for exercise in EXERCISES.values() if exercise.lesson == number]
        count = f"{sum(name in answered for name in names)} of {len(names)}" if names else "no exercise"
        lines.append(f"{number:3}. {title(path)} ({count})")
        lines += [f"       [{'x' if name in answered else ' '}] {name}" for name in names]
    following = next_lesson(answered)
    lines.append("")
    lines.append("[x]: your answer was marked right.")
    lines.append(f"Next: micrograd-np learn {following}" if following else "All exercises are done.")
    return "\n".join(lines)


def next_lesson(answered: set[str]) -> int | None:
    """Return the first lesson that has an exercise left, or None."""
    return min((exercise.lesson for exercise in EXERCISES.values() if exercise.name not in answered), default=None)


def progress_file() -> Path:
    """Return the file of progress: $MICROGRAD_NP_PROGRESS, or ~/.micrograd_np/progress.json."""
    return Path(os.environ.get(PROGRESS) or Path.home() / ".micrograd_np" / "progress.json")


def done() -> set[str]:
    """Return the names of the exercises that were answered right; none where there is no file yet.

    Raises
    ------
    ValueError
        If the file is damaged. It is left as it is.
    """
    file = progress_file()
    try:
        names = json.loads(file.read_text(encoding="utf-8"))["right"]
        if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
            raise TypeError
    except FileNotFoundError:
        return set()
    except (ValueError, KeyError, TypeError):
        raise ArgumentError(
            f"{file} is not a file of progress. Move it away to start anew; nothing was changed."
        ) from None
    return set(names)


def keep(name: str) -> None:
    """Note that an exercise was answered right; the file is whole at every moment."""
    names = done()
    if name in names:
        return
    file = progress_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=file.parent, suffix=".tmp", delete=False, encoding="utf-8") as new:
        json.dump({"right": sorted(names | {name})}, new, indent=1)
    os.replace(new.name, file)


def write_notebook(number: int, folder: Path) -> tuple[Path, bool]:
    """Write a lesson as a notebook; a file that is there already is kept, since it holds answers.

    Returns
    -------
    path : Path
        The notebook.
    new : bool
        False if it was there already.

    Raises
    ------
    ValueError
        If there is no such lesson.
    """
    found = lessons()
    if number not in found:
        raise ArgumentError(f"there is no lesson {number}: the lessons are 1 to {max(found)}.")
    path = folder / f"lesson_{number}.ipynb"
    try:
        with path.open("x", encoding="utf-8") as file:
            json.dump(notebook(found[number].read_text(encoding="utf-8")), file, indent=1, ensure_ascii=False)
    except FileExistsError:
        return path, False
    return path, True


def open_lesson(number: str | None) -> int:
    """Run `micrograd-np learn [N | next]`: list the ladder, or open a lesson."""
    if number is None:
        print(listing())
        return 0
    if number == "next":
        following = next_lesson(done())
        if following is None:
            print("All exercises are done.")
            return 0
        number = str(following)
    if not number.isdecimal():
        raise ArgumentError(f"{number!r} is no lesson. Write a number from 1 to {max(lessons())}, or next.")
    path, new = write_notebook(int(number), Path())
    print(f"{path} {'written' if new else 'is there already, with your answers; it was kept'}.")
    jupyter = shutil.which("jupyter")
    if jupyter and sys.stdout.isatty():
        return subprocess.call([jupyter, "notebook", str(path)])
    print(f"Open it in Jupyter (pip install notebook; jupyter notebook {path}) or in an editor that shows notebooks.")
    print(f"Without a notebook: read {lessons()[int(number)]}, and paste its code into ipython (pip install ipython).")
    return 0
