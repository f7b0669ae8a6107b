"""Answers for names and calls from PyTorch, NumPy, JAX and micrograd that are none here: `cures.txt` has the code."""

from __future__ import annotations

import difflib
import dis
import functools
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any, TypeVar

from .core.context import current_context
from .core.errors import ArgumentTypeError, MicrogradError, TraceError, UnsupportedError
from .core.names import caller_location, format_location

F = TypeVar("F", bound=Callable[..., Any])


def read_tables(text: str) -> dict[str, dict[str, str]]:
    """The sections of a text as {owner: {name: code}}; the owner is a class or module, or `arguments`, or `calls`.

    A line is `name: code`, or `name: ~ code` where the code is near, but not the same.
    """
    tables = {}
    for section in text.split("\n[")[1:]:
        owner, lines = section.split("]\n", 1)
        tables[owner] = dict(line.split(": ", 1) for line in lines.strip().splitlines())
    return tables


TABLES = read_tables((pkgutil.get_data(__package__, "cures.txt") or b"").decode())
ARGUMENTS, CALLS, NUMPYS = TABLES.pop("arguments"), TABLES.pop("calls"), TABLES.pop("numpy")


def nearest(name: str, known: Iterable[str], table: Iterable[str] = ()) -> str | None:
    """Return the name that is spelled alike, whatever its case and underscores are: a known one before one of a table.

    Of two that differ in case alone, it is the class for a name with a capital, and else the function.
    """
    alike = sorted(known, key=lambda each: each[0].isupper() == name[0].isupper())
    spelled = {each.lower().replace("_", ""): each for each in (*table, *alike)}
    found = difflib.get_close_matches(name.lower().replace("_", ""), spelled, 1, 0.75)
    return spelled[found[0]] if found else None


def unknown_name(owner: str, name: str, public: Iterable[str]) -> AttributeError:
    """Return the error for a name that does not exist: it says what to write, or which public name is spelled alike.

    The error carries `obj=None`. With the module there, Python would add its own suggestion, by spelling alone: squeeze
    for unsqueeze.
    """
    text = f"{owner} has no {name!r}."
    table, public = TABLES[owner], set(public)
    meant = name if name in table or name.startswith("_") else nearest(name, public, table)
    if code := table.get(meant or ""):
        text += f" The nearest here: {code[2:]}" if code.startswith("~ ") else f" Write {code}"
    elif meant in public:
        text += f" Did you mean {meant!r}?"
    return AttributeError(text, name=name, obj=None)


def answer(owner: str, name: str, public: Iterable[str]) -> Exception:
    """Return what a module's `__getattr__` has to raise.

    `from module import name` would replace the text of an AttributeError by its own, so that it gets an ImportError.
    """
    error = unknown_name(owner, name, public)
    caller = sys._getframe(2)
    if caller.f_code.co_code[caller.f_lasti] == dis.opmap["IMPORT_FROM"]:
        return ImportError(str(error), name=name)
    return error


def contents(owner: str, names: dict[str, Any], modules: str = "") -> tuple[list[str], Any, Any]:
    """The `__all__`, `__getattr__` and `__dir__` of a package: all that its `__init__` imports is public.

    Of modules, only the named ones are: Python adds the others as a side effect of imports.
    """
    shown = {name for name, x in names.items() if not isinstance(x, ModuleType)}.union(modules.split())
    public = sorted(name for name in shown if name[0] != "_")

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
        names = set(object.__dir__(self)).difference(hidden)
        return [name for name in names if not isinstance(inspect.getattr_static(self, name, None), Cure)]

    cls.__dir__ = __dir__  # type: ignore[assignment, method-assign]


def answering(function: F) -> F:
    """Decorate a function: a call that does not fit its arguments is answered with the argument, or call, to write."""

    @functools.wraps(function)
    def answered(*args: Any, **options: Any) -> Any:
        try:
            return function(*args, **options)
        except TypeError as error:
            if error.__traceback__ and error.__traceback__.tb_next:  # raised inside of the function
                raise
        name = type(args[0]).__name__ if function.__name__ == "__init__" else function.__name__
        raise misfit(name, inspect.signature(function), args, options)

    return answered  # type: ignore[return-value]


def misfit(name: str, signature: inspect.Signature, args: Any, options: dict[str, Any]) -> ArgumentTypeError:
    """Return the error for a call that does not fit a function's arguments."""
    known = [each for each in signature.parameters if each != "self"]
    for unknown in options.keys() - known if "options" not in known else ():
        return unknown_argument(name, unknown, known)
    try:
        signature.bind(*args, **options)
    except TypeError as error:
        cure = f"Write {CALLS[name]}" if name in CALLS else f"It has {', '.join(known) or 'none'}."
        return ArgumentTypeError(f"{name}: {error}. {cure}")
    raise AssertionError


def unknown_argument(owner: str, name: str, known: list[str]) -> ArgumentTypeError:
    """Return the error for a keyword that a function does not have."""
    code = ARGUMENTS.get(name, "")
    meant = next((each for each in code.split() if each in known), None) or nearest(name, known)
    cure = f"Write {meant}=" if meant else f"Write {code}" if "(" in code else f"It has {', '.join(known) or 'none'}"
    cure = code[2:] if code.startswith("~ ") else cure
    return ArgumentTypeError(f"{owner} has no argument {name!r}. {cure}.")


def signature_error(name: str, kwargs: dict[str, Any], error: Exception) -> MicrogradError:
    """Return the error for arguments that a row does not take; `error` is Python's, or that of a row inside."""
    if "out" in kwargs and current_context().trace is not None:
        return TraceError(
            f"{name} writes into a plain array in a traced function, and its program would not: "
            f"{format_location(caller_location())}. Hold the array in a Tensor that is made "
            "outside, state = mg.Tensor(state); `state *= 0.9` and `state += x` then write into that."
        )
    told = re.sub(r"^[\w.<>]+\(\) (?=got|takes|missing)", "", str(error))  # without the name of the row's binder
    told = told.removeprefix(f"{name}: ")
    cures = [f"{key}= is not supported on Tensors. {NUMPYS[key]}" for key in kwargs if key in NUMPYS]
    return UnsupportedError(f"{name}: {' '.join(cures) or told}")


def method_error(name: str, how: str) -> UnsupportedError:
    """Return the error for a method of a ufunc, such as np.add.outer."""
    return UnsupportedError(f"np.{name}.{how} is not supported on Tensors. {NUMPYS[how].format(name=name)}")
