"""Exercises, answers, and known mistakes: the data that marking works on."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

RIGHT = "right"
WRONG = "wrong"
NOT_YET = "not yet"
USED_THE_TAPE = "right, but it used the tape"

Gradients = tuple[Any, ...]


@dataclass(frozen=True)
class Answer:
    """The mark of one answer; true if the answer is right and was derived by hand.

    Attributes
    ----------
    name : str
        The exercise.
    status : str
        One of "right", "wrong", "not yet", "right, but it used the tape".
    message : str
        The named mistake, or what to notice.
    """

    name: str
    status: str
    message: str

    def __bool__(self) -> bool:
        return self.status == RIGHT

    def __repr__(self) -> str:
        return f"{self.name}: {self.status}. {self.message}".rstrip()


@dataclass(frozen=True)
class Mistake:
    """A known mistake: the numbers that it gives, and the sentence that names it.

    Exactly one of `change` and `forward` is set. `change` computes the mistaken gradients from the true ones. `forward`
    is the exercise's forward pass with the mistake in it: its true gradients are the mistaken ones.
    """

    sentence: str
    change: Callable[..., Any] | None = None  # (true gradients, g, *inputs) to gradients
    forward: Callable[..., Any] | None = None


@dataclass(frozen=True)
class Exercise:
    """A task, the template that a reader fills in, and the function that marks the answer."""

    name: str
    lesson: int
    task: str
    template: str
    notice: str
    mark: Callable[[Exercise, Callable[..., Any]], Answer]
    options: dict[str, Any] = field(default_factory=dict)
    by_hand: bool = True  # False where the answer is meant to use the tape

    def right(self) -> Answer:
        return Answer(self.name, RIGHT, self.notice)

    def wrong(self, message: str) -> Answer:
        return Answer(self.name, WRONG, message)

    def not_yet(self) -> Answer:
        return Answer(self.name, NOT_YET, "Replace `...` by your own lines.")

    def unanswered(self, answer: Callable[..., Any]) -> Answer:
        """Return the mark of a function that returned nothing: the template as it is, or a forgotten `return`."""
        scope: dict[str, Any] = {}
        exec(self.template, scope)
        template = scope[self.template.split("(")[0].split()[-1]]
        code = getattr(inspect.unwrap(answer), "__code__", None)
        same = code is None or ... in code.co_consts or code.co_code == template.__code__.co_code
        return self.not_yet() if same else self.wrong("It returns None. End the function with `return ...`.")
