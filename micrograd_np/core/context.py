"""What surrounds a computation: one object in one ContextVar, so that threads and generators keep their own."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token, copy_context
from dataclasses import dataclass, replace
from typing import Any


@dataclass(slots=True)
class Context:
    """The modes an op looks at when it runs; never changed, but replaced by another."""

    recording: bool = True
    watch: Any = None  # is shown every op
    trace: Any = None  # writes a program; what a value is, it is asked
    scope: tuple[Any, ...] = ()  # names, and calls of modules


CURRENT: ContextVar[Context] = ContextVar("micrograd_np", default=Context())  # noqa: B039


def tracing() -> bool:
    """Whether a program is being written down: then no value may decide what happens next."""
    return CURRENT.get().trace is not None


class Mode:
    """A change of the context: a `with` block or a decorator, for plain and for generator functions."""

    def __init__(self, **changes: Any) -> None:
        self._changes = changes
        self._tokens: list[Token[Context]] = []

    def __enter__(self) -> None:
        self._tokens.append(CURRENT.set(replace(CURRENT.get(), **self._changes)))

    def __exit__(self, *exception: object) -> None:
        CURRENT.reset(self._tokens.pop())

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def plain(*args: Any, **kwargs: Any) -> Any:
            with Mode(**self._changes):
                return function(*args, **kwargs)

        @functools.wraps(function)
        def generator(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            inside = copy_context()
            inside.run(Mode(**self._changes).__enter__)
            steps = function(*args, **kwargs)
            resume, sent = steps.send, None
            while True:
                try:
                    given = inside.run(resume, sent)
                except StopIteration as end:
                    return end.value
                try:
                    resume, sent = steps.send, (yield given)
                except BaseException as thrown:  # the caller's throw() and close() belong to the generator
                    resume, sent = steps.throw, thrown

        return generator if inspect.isgeneratorfunction(function) else plain


def no_grad() -> Mode:
    """A context, or a decorator, in which nothing is recorded.

    Examples
    --------
    >>> import micrograd_np as mg
    >>> w = mg.Tensor([1.0, 2.0], requires_grad=True)
    >>> with mg.no_grad():
    ...     (w * w).requires_grad
    False
    """
    return Mode(recording=False)


@contextmanager
def scope(name: str) -> Iterator[None]:
    """A context, or a decorator, whose operations are drawn as a group of this name; scopes nest.

    Examples
    --------
    >>> import micrograd_np as mg
    >>> w = mg.Tensor(3.0, requires_grad=True)
    >>> with mg.scope("layer 1"):
    ...     z = w * w
    >>> z.scope
    ('layer 1',)
    """
    with Mode(scope=(*CURRENT.get().scope, name)):
        yield
