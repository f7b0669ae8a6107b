"""What the user's functions look up: the names in their code, and the modules that they import."""

from __future__ import annotations

import dis
import functools
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from .looks import Held

GLOBALS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
BY_NAME = frozenset({"getattr", "hasattr", "vars", "globals", "attrgetter", "__dict__", "asdict", "astuple", "fields"})


@functools.cache
def names_in(code: CodeType) -> frozenset[str]:
    """The names that a function, and the functions in it, look up."""
    names = looked_up(code, "LOAD_", "IMPORT_")
    return names | words(code) if names & BY_NAME or any(x.opname == "MATCH_CLASS" for x in steps_of(code)) else names


@functools.cache
def looked_up(code: CodeType, *how: str) -> frozenset[str]:
    """The names that instructions of some kinds look up."""
    return frozenset(x.argval for x in steps_of(code) if x.opcode in dis.hasname and x.opname.startswith(how))


def steps_of(code: CodeType) -> Iterator[dis.Instruction]:
    """The instructions of a function, and of the functions in it."""
    yield from dis.get_instructions(code)
    for inner in code.co_consts:
        yield from steps_of(inner) if isinstance(inner, CodeType) else ()


def words(constant: Any) -> frozenset[str]:
    """The strings among the constants of a function, which may be names."""
    if isinstance(constant, CodeType | tuple):
        parts = constant.co_consts if isinstance(constant, CodeType) else constant
        return frozenset().union(*map(words, parts))
    return frozenset([constant] if isinstance(constant, str) else [])


def asked(name: str, named: set[str]) -> bool:
    """Whether functions with these names in them may ask for an attribute."""
    return name in named or not BY_NAME.isdisjoint(named)


def variables(f: FunctionType) -> Iterator[Held]:
    """The variables of others that a user's function reads, and the user's modules that it imports."""
    for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
        try:
            yield Held(name, cell, None, cell.cell_contents)
        except ValueError:  # a variable that has no value yet
            continue
    names = looked_up(f.__code__, *GLOBALS)
    names = names_in(f.__code__) if "globals" in names else names
    yield from (Held(name, f.__globals__, name, f.__globals__[name]) for name in sorted(names & f.__globals__.keys()))
    for name in sorted(looked_up(f.__code__, "IMPORT_NAME")):
        for module in (*places(f.__globals__.get("__package__") or "", name), name.partition(".")[0]):
            if is_users(sys.modules.get(module)):
                yield Held(module, sys.modules, module, sys.modules[module])


def places(package: str, name: str) -> Iterator[str]:
    """What a module may be called in full: it is imported by its own name, or from a package around."""
    yield name
    while package:
        yield f"{package}.{name}".rstrip(".")
        package = package.rpartition(".")[0]


def is_users(thing: Any) -> bool:
    """Whether a function, class or module stands in the user's own code."""
    from ..core import names

    if isinstance(thing, FunctionType):
        return names.is_own_code(thing.__code__.co_filename)
    if isinstance(thing, type):
        return names.is_users_class(thing)
    if not isinstance(thing, ModuleType):
        return False
    return names.is_own_code(getattr(thing, "__file__", None) or next(iter(getattr(thing, "__path__", ())), "<frozen"))
