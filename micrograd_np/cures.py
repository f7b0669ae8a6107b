"""Answers for names from PyTorch, NumPy, JAX and micrograd that do not exist here: `cures.txt` says what to write."""

from __future__ import annotations

import difflib
import dis
import pkgutil
import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any


def read_tables(text: str) -> dict[str, dict[str, str]]:
    """The sections of a text as {owner: {name: code}}."""
    sections = text.split("\n[")[1:]
    pairs = ((owner, lines.strip().splitlines()) for owner, lines in (part.split("]\n", 1) for part in sections))
    return {owner: dict(line.split(": ", 1) for line in lines) for owner, lines in pairs}


TABLES = read_tables((pkgutil.get_data(__package__, "cures.txt") or b"").decode())


def unknown_name(owner: str, name: str, public: Iterable[str]) -> AttributeError:
    """Return the error for a name that does not exist: it names the cure, or a public name with a similar spelling.

    The error carries `obj=None`. With the module there, Python would add its own suggestion, by spelling alone: squeeze
    for unsqueeze.
    """
    asked, text = name, f"{owner} has no {name!r}."
    table = TABLES[owner]
    if not name.startswith("_") and (near := difflib.get_close_matches(name, {*public, *table}, 1, 0.75)):
        name = near[0]
        text += "" if name in table and f"{name!r}" in text else f" Did you mean {name!r}?"
    if code := table.get(name):
        text += f" The nearest here: {code[2:]}" if code.startswith("~ ") else f" Write {code}"
    return AttributeError(text, name=asked, obj=None)


def answer(owner: str, name: str, public: Iterable[str]) -> Exception:
    """Return what a module's `__getattr__` has to raise.

    `from module import name` hides any AttributeError behind a message of its own, so that it gets an ImportError.
    """
    error = unknown_name(owner, name, public)
    caller = sys._getframe(2)
    if caller.f_code.co_code[caller.f_lasti] == dis.opmap["IMPORT_FROM"]:
        return ImportError(str(error), name=name)
    return error


def contents(owner: str, names: dict[str, Any], modules: str = "") -> tuple[list[str], Any, Any]:
    """The `__all__`, `__getattr__` and `__dir__` of a package: all that its `__init__` imports is public.

    Only the named modules are: Python enters the others because something was imported from them.
    """
    known = modules.split()
    public = [name for name in sorted(names) if not isinstance(names[name], ModuleType) or name in known]
    public = [name for name in public if name[0] != "_"]

    def __getattr__(name: str) -> Any:
        raise answer(owner, name, public)

    return public, __getattr__, lambda: [*public, *(name for name in names if name.startswith("__"))]


class Cure:
    """An attribute that raises an error with the code to write; `__getattr__` would slow down all other attributes."""

    __slots__ = ("name", "otherwise", "owner")

    def __init__(self, owner: str, name: str, otherwise: Callable[..., Any] | None) -> None:
        self.owner, self.name, self.otherwise = owner, name, otherwise

    def __get__(self, instance: Any, cls: Any) -> Any:
        error = unknown_name(self.owner, self.name, ())
        if instance is None or self.otherwise is None:
            raise error
        return self.otherwise(error, instance, self.name)


def install(cls: type, owner: str, hidden: Iterable[str] = (), otherwise: Callable[..., Any] | None = None) -> None:
    """Give a class an attribute for each name of its table; completion shows neither these nor the hidden names.

    `otherwise(error, instance, name)` may answer instead of raising the error.
    """
    for name in TABLES[owner]:
        if not hasattr(cls, name):
            setattr(cls, name, Cure(owner, name, otherwise))

    def __dir__(self: Any) -> list[str]:
        names = [name for name in object.__dir__(self) if name not in TABLES[owner] or has_own(self, name)]
        return [name for name in names if name not in hidden]

    cls.__dir__ = __dir__  # type: ignore[assignment, method-assign]


def has_own(instance: Any, name: str) -> bool:
    """True if an object has an attribute that is not a Cure."""
    if name in getattr(instance, "__dict__", ()):
        return True
    found = next((vars(cls)[name] for cls in type(instance).__mro__ if name in vars(cls)), None)
    return not isinstance(found, Cure)
