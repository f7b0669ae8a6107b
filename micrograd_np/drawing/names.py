"""What the user calls a value: `name=` first, then the path in a module, then a variable that holds it.

Frames are read, never written; nothing here changes what a program computes.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import Any

import numpy as np

from .. import frames
from ..graph import Tensor
from .groups import Groups

DEPTH = 6  # how far into attributes, lists and dicts a path goes
WIDTH = 1000  # a list that is longer holds data

Variables = list[tuple[str, Any]]


class Names:
    """Names by the identity of values, which are held so that an identity stays theirs."""

    def __init__(self) -> None:
        self.modules: dict[int, str] = {}
        self.variables: dict[int, str] = {}
        self.paths: dict[int, str] = {}
        self.groups = Groups()
        self.held: list[Any] = []

    def __call__(self, value: Any) -> str | None:
        given = value.name if isinstance(value, Tensor) else None
        key = id(value)
        return given or self.modules.get(key) or self.variables.get(key) or self.paths.get(key)

    def scope(self, value: Tensor) -> tuple[str, ...]:
        """The groups in which a value is drawn, the outermost first: modules, and the user's scopes."""
        groups: tuple[str, ...] = ()
        done = 0
        for call in self.groups.around(value.birth):
            path, kind = self.modules.get(id(call.module)), type(call.module).__name__
            groups += (*value.scope[done : call.depth], f"{path}: {kind}" if path else kind)
            done = call.depth
        return groups + value.scope[done:]

    def take(self, found: dict[int, str], named: Iterable[tuple[str, Any]]) -> None:
        """Enter names; those entered before stay."""
        for name, value in named:
            self.held.append(value)
            found.setdefault(id(value), name)

    def read(self, variables: Variables) -> None:
        """Take the names of a frame's variables, and of what hangs from them."""
        kept = [(name, value) for name, value in variables if name.isidentifier() and name[0] != "_"]
        self.take(self.variables, [(name, value) for name, value in kept if is_array(value)])
        for name, value in kept:
            if hasattr(type(value), "named_parameters"):
                self.take(self.modules, value.named_parameters())
                self.take(self.modules, [(path or name, part) for path, part in modules_of(value)])
            else:
                self.take(self.paths, inside(name, value))


def is_array(value: Any) -> bool:
    return isinstance(value, Tensor | np.ndarray)


def modules_of(value: Any) -> Iterable[tuple[str, Any]]:
    return value.named_modules() if hasattr(type(value), "named_modules") else ()


def inside(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The tensors and arrays in a user's object, list or dict, with their paths."""
    pending = [(name, value, 0)]
    seen = set()
    while pending:
        path, value, depth = pending.pop()
        if is_array(value):
            if depth:
                yield path, value
        elif id(value) not in seen and depth < DEPTH:
            seen.add(id(value))
            pending += [(step, part, depth + 1) for step, part in reversed(parts(path, value))]


def parts(path: str, value: Any) -> Variables:
    """What hangs from a value: the items of a list or dict, the attributes of an object of the user's own class."""
    if isinstance(value, list | tuple | dict) and len(value) > WIDTH:
        return []
    if isinstance(value, dict):
        return [(f"{path}[{key!r}]", part) for key, part in value.items() if isinstance(key, str | int)]
    if isinstance(value, list | tuple):
        return [(f"{path}[{i}]", part) for i, part in enumerate(value)]
    if not is_users_class(type(value)):
        return []
    return [(f"{path}.{name}", part) for name, part in getattr(value, "__dict__", {}).items() if name[:1] != "_"]


def is_users_class(kind: type) -> bool:
    module = sys.modules.get(kind.__module__)
    return kind.__module__ == "__main__" or is_users(getattr(module, "__file__", None) or "<frozen")


@functools.cache
def libraries() -> tuple[str, ...]:
    import sysconfig

    return ("<frozen", *{sysconfig.get_path(place) for place in ("stdlib", "platstdlib", "purelib", "platlib")})


@functools.cache
def is_users(filename: str) -> bool:
    """Whether a file is the user's: neither ours nor a library's."""
    library = filename.startswith(libraries()) and not filename.startswith(frames.ARTICLE)
    return frames.is_users(filename) and not library


def live(names: Names) -> Names:
    """Take the names that the user's live frames give, the outermost first."""
    found = []
    frame: FrameType | None = sys._getframe(1)
    while frame:
        if is_users(frame.f_code.co_filename):
            found.append(frame)
        frame = frame.f_back
    for frame in reversed(found):
        names.read(list(frame.f_locals.items()))
        names.read(list(frame.f_globals.items()))
    return names


def watch(function: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[Any, Names]:
    """A function's result, and the names that values had while it ran, the outermost first.

    An inner function's name for what it was given serves for a leaf only: of a result, how it was made says more.
    """
    groups = Groups()
    stack: list[tuple[FrameType, dict[str, Any]]] = []
    found: list[tuple[int, Variables]] = []

    def note(frame: FrameType, event: str, _: Any) -> None:
        groups.note(frame, event)
        if not is_users(frame.f_code.co_filename):
            return
        if event == "call":
            stack.append((frame, dict(frame.f_locals)))
        elif event == "return" and stack and stack[-1][0] is frame:
            passed = stack.pop()[1]
            variables = [
                (name, value)
                for name, value in frame.f_locals.items()
                if not stack or passed.get(name) is not value or getattr(value, "op", None) is None
            ]
            found.append((len(stack), variables))

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        result = function(*args, **kwargs)
    finally:
        sys.setprofile(before)
    names = live(Names())
    names.groups = groups
    for _, variables in sorted(found, key=lambda call: call[0]):
        names.read(variables)
    return result, names
