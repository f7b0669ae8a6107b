"""Learn autodiff: lessons with exercises that check your answers.

`micrograd-np learn` lists the ladder and opens the next lesson. In Python, `task(name)` gives a task and
`check(name, function)` marks an answer.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from ..core.errors import ArgumentTypeError, UnknownNameError
from .exercise import RIGHT, Answer, Exercise
from .ladder import EXERCISES, keep
from .marking import mark_answer
from .puzzles import Puzzle, puzzle
from .tapes import Node

__all__ = ["EXERCISES", "Answer", "Node", "Puzzle", "check", "puzzle", "task"]


class Task(str):
    """A task, shown as it reads."""

    def __repr__(self) -> str:
        return str(self)


def task(name: str) -> Task:
    """Return the task of an exercise and the template of its answer.

    Parameters
    ----------
    name : str
        The exercise, as `micrograd-np learn` lists it.

    Raises
    ------
    KeyError
        If there is no such exercise; the message names those with a similar name.

    Examples
    --------
    >>> task("product")
    c = a * b. Return the slope of c by a and the slope of c by b.
    <BLANKLINE>
    def product_slopes(a, b):
        ...  # return (slope by a, slope by b)
    """
    exercise = exercise_named(name)
    return Task(f"{textwrap.fill(exercise.task, 70)}\n\n{exercise.template}")


def check(name: str, answer: Callable[..., Any]) -> Answer:
    """Return the mark of an answer: right, wrong with the mistake's name, or not yet.

    Parameters
    ----------
    name : str
        The exercise.
    answer : callable
        The function that you wrote, with the arguments of the template. It is given copies, and may be called often.

    Returns
    -------
    Answer
        True if the answer is right and does not use the tape. A right answer is noted in the file of progress.

    Examples
    --------
    >>> check("product", lambda a, b: (a, b))
    product: wrong. Swapped: when a grows by 0.001, c = a * b grows by 0.001 * b.
    >>> check("product", lambda a, b: ...)
    product: not yet. Replace `...` by your own lines.
    """
    exercise = exercise_named(name)
    if not callable(answer):
        raise ArgumentTypeError(
            f"check({name!r}, ...) takes the function itself: write check({name!r}, f), not f(...)."
        )
    marked = mark_answer(exercise, answer)
    if marked.status == RIGHT:
        try:
            keep(name)
        except (OSError, ValueError) as error:
            return Answer(marked.name, marked.status, f"{marked.message} (Not noted as done: {error})")
    return marked


def exercise_named(name: str) -> Exercise:
    """Return an exercise by its name."""
    if name not in EXERCISES:
        near = get_close_matches(str(name), EXERCISES, n=3) or list(EXERCISES)
        raise UnknownNameError(f"there is no exercise {name!r}. Did you mean {', '.join(map(repr, near))}?")
    return EXERCISES[name]
