"""The modes of a computation, in one ContextVar, so that threads and tasks keep their own."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator, Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from .names import Location

Fields = dict[str, Any]


@dataclass(slots=True)
class Context:
    """The modes that an op reads when it runs. Its fields do not change: a new context replaces it."""

    recording: bool = True
    watch: Any = None  # an object that is told of every op
    trace: Any = None  # the trace that records a program, if one is active
    scope: tuple[Any, ...] = ()  # names given by the user, and calls of modules
    where: Location | None = None  # the user's line that called a module of the package, while only its code runs
    entered: tuple[Entry, ...] = ()  # the modes that have been entered and not left, oldest first

    def changed(self, changes: Fields, entered: tuple[Entry, ...]) -> Context:
        """Return a copy with other values in some fields (`dataclasses.replace` takes four times as long)."""
        context = Context(self.recording, self.watch, self.trace, self.scope, self.where, entered)
        for field, value in changes.items():
            setattr(context, field, value)
        return context


@dataclass(slots=True, eq=False)
class Entry:
    """A mode that was entered: the fields that it sets, the context before it, and the one inside."""

    mode: Any
    fields: Iterable[str]
    before: Context
    inside: Context | None = None


CURRENT: ContextVar[Context] = ContextVar("micrograd_np", default=Context())  # noqa: B039
current_context = CURRENT.get  # looked up once: `CURRENT.get()` would look up the method at each call


def tracing() -> bool:
    """Return True while a program is traced, when Python control flow must not depend on values."""
    return current_context().trace is not None


def restore(fields: Iterable[str], before: Context, older: Sequence[Entry], newer: Sequence[Entry]) -> None:
    """Restore the former values of some fields, while modes that were entered later may still be active.

    Modes are not always left in the order in which they were entered: a generator may be suspended inside a `with`
    block while its caller, or another generator, leaves an older one. If a newer mode set the field too, the field
    keeps its value, and the newer mode will restore the older value instead of the one it found.
    """
    changes: Fields = {}
    for field in fields:
        value = getattr(before, field)
        above = next((entry for entry in newer if field in entry.fields), None)
        if above is None:
            changes[field] = value
        else:
            above.before = above.before.changed({field: value}, above.before.entered)
    CURRENT.set(current_context().changed(changes, (*older, *newer)))


class Mode:
    """A change of the context, made by a `with` block, or by a decorator of functions and generators.

    One object may be entered again while it is on, and by several threads.
    """

    def __init__(self, **changes: Any) -> None:
        self._changes = changes

    def __repr__(self) -> str:
        return f"a mode that sets {', '.join(self._changes)}"

    def changes(self, context: Context) -> Fields:
        """Return the fields that the mode sets, with their values."""
        return self._changes

    def __enter__(self) -> None:
        context = current_context()
        changes = self.changes(context)
        entry = Entry(self, changes, context)
        entry.inside = inside = context.changed(changes, (*context.entered, entry))
        CURRENT.set(inside)

    def __exit__(self, *exception: object) -> None:
        now = current_context()
        entry = next((entry for entry in reversed(now.entered) if entry.mode is self), None)
        if entry is None:
            raise RuntimeError(
                "a mode, such as mg.no_grad(), is left in another thread or task than the one that entered it, where "
                "it is still on. Run the whole with block, or the whole generator, in one thread."
            )
        expected, entry.inside = entry.inside, None  # no reference cycle stays
        if now is expected:
            CURRENT.set(entry.before)
        else:  # other modes were entered or left meanwhile, and are kept
            position = now.entered.index(entry)
            restore(entry.fields, entry.before, now.entered[:position], now.entered[position + 1 :])

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.isasyncgenfunction(function) or inspect.iscoroutinefunction(function):
            raise TypeError(
                f"{function.__qualname__} is an async function, which a mode cannot decorate. Write the with block "
                "inside it, around the computation alone."
            )

        @functools.wraps(function)
        def plain(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        @functools.wraps(function)
        def generator(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            steps = function(*args, **kwargs)
            resume, sent = steps.send, None
            while True:
                try:
                    with self:  # between two values the mode is off, for the caller
                        given = resume(sent)
                except StopIteration as end:
                    return end.value
                try:
                    resume, sent = steps.send, (yield given)
                except BaseException as thrown:  # the caller's throw() and close() belong to the generator
                    resume, sent = steps.throw, thrown

        return generator if inspect.isgeneratorfunction(function) else plain


class no_grad(Mode):  # noqa: N801
    """A context manager or decorator in which nothing is recorded.

    Examples
    --------
    >>> import micrograd_np as mg
    >>> w = mg.Tensor([1.0, 2.0], requires_grad=True)
    >>> with mg.no_grad():
    ...     (w * w).requires_grad
    False
    """

    def __init__(self) -> None:
        super().__init__(recording=False)

    def __repr__(self) -> str:
        return "no_grad()"


class scope(Mode):  # noqa: N801
    """A context manager or decorator whose operations are drawn as a group of this name; scopes nest.

    Examples
    --------
    >>> import micrograd_np as mg
    >>> w = mg.Tensor(3.0, requires_grad=True)
    >>> with mg.scope("layer 1"):
    ...     z = w * w
    >>> z.scope
    ('layer 1',)
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def changes(self, context: Context) -> Fields:
        return {"scope": (*context.scope, self.name)}

    def __repr__(self) -> str:
        return f"scope({self.name!r})"


def enter_call(before: Context, scope: tuple[Any, ...], where: Location | None) -> Context:
    """Enter the scope of a call, faster than `scope` does; `leave_call` needs its result."""
    inside = Context(before.recording, before.watch, before.trace, scope, where, before.entered)
    CURRENT.set(inside)
    return inside


def leave_call(before: Context, inside: Context) -> None:
    """Leave the scope of a call."""
    now = current_context()
    if now is inside:
        CURRENT.set(before)
    else:  # keep the modes that a generator entered or left during the call
        older = [entry for entry in now.entered if entry in before.entered]
        restore(("scope", "where"), before, older, now.entered[len(older) :])
