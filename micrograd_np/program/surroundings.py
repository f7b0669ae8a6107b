"""What a function knows besides its arguments' values: its variables, and whatever hangs from them."""

from __future__ import annotations

import dis
import functools
import math
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..graph import Tensor

WHOLE = (Tensor, np.generic, str, bytes, int, float, complex, type(None))  # nothing hangs from these
UNORDERED = (deque, set, bytearray, array)  # of which each entry is looked at
DEPTH = 8
WIDTH = 1000  # what is longer holds data, of which only the length is looked at


class Held(NamedTuple):
    """That a cell, dict or list holds a value under a key."""

    path: str
    holder: Any
    key: Any
    value: Any

    def now(self) -> Any:
        return self.holder.cell_contents if isinstance(self.holder, CellType) else self.holder[self.key]

    def changed(self) -> bool:
        """Whether it holds another value now: another object, or another number."""
        try:
            return not same(self.now(), self.value)
        except (KeyError, IndexError, ValueError):
            return True


class Content(NamedTuple):
    """What an array or a collection held: its length, or its bytes, or its entries."""

    path: str
    holder: Any
    look: Callable[[Any], Any]
    value: Any

    def changed(self) -> bool:
        return bool(self.look(self.holder) != self.value)


Surroundings = list[Held | Content]


def same(now: Any, value: Any) -> bool:
    """Whether two values are one object, or one number with one sign."""
    if now is value:
        return True
    numbers = type(now) is type(value) and isinstance(now, int | float) and now == value
    return numbers and math.copysign(1, now) == math.copysign(1, value)


def bits(x: Any) -> bytes:
    return bytes(x.tobytes())


def entries(x: Iterable[Any]) -> list[Any]:
    return [repr(part) if isinstance(part, int | float) else id(part) for part in x]


def slotted(x: Any) -> list[Any]:
    """What the slots of an object of a user's class hold."""
    names = [name for kind in type(x).__mro__ if is_users(kind) for name in getattr(kind, "__slots__", ())]
    return entries(getattr(x, name, None) for name in names)


def known(f: Any, leaves: Any) -> Surroundings:
    """Everything that hangs from a function's variables, from its object and from its arguments, and that it names."""
    named: set[str] = set()
    while True:
        found, names = reached(f, leaves, named)
        if names == named:
            return found
        named = names


def reached(f: Any, leaves: Any, named: set[str]) -> tuple[Surroundings, set[str]]:
    """What the user's functions can reach by these names, and the names in those functions."""
    found: Surroundings = []
    names: set[str] = set()
    pending = [("self", f, 0), *((f"argument {i}", x, 0) for i, x in enumerate(leaves) if not hasattr(x, "dtype"))]
    seen: set[int] = set()
    while pending:
        path, value, depth = pending.pop()
        if id(value) in seen or depth == DEPTH or isinstance(value, WHOLE):
            continue
        seen.add(id(value))
        if isinstance(value, FunctionType) and is_users(value):
            names |= names_in(value.__code__)
        looks = list(looked_at(path, value, named))
        found += looks
        pending += [(each.path, each.value, depth + 1) for each in looks if isinstance(each, Held)]
        pending += [(path, part, depth) for part in behind(value)]
    return found, names


def looked_at(path: str, value: Any, named: set[str]) -> Iterator[Held | Content]:
    """What is to stay as it is of one value."""
    if isinstance(value, np.ndarray):
        attribute = path.rpartition(".")[2].partition("[")[0] if "." in path else None
        if attribute is None or attribute in named:  # data that is never asked for is not read through at each call
            yield Content(path, value, bits, bits(value))
    elif isinstance(value, UNORDERED):
        yield Content(path, value, entries, entries(value))
    elif isinstance(value, FunctionType):
        yield from variables(value, named)
    elif hasattr(value, "__wrapped__"):
        return
    elif isinstance(value, dict | list | tuple):
        yield Content(path, value, len, len(value))
        if len(value) <= WIDTH:
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            yield from (Held(f"{path}[{key!r}]", value, key, x) for key, x in pairs)
    elif isinstance(value, type):
        own: Any = vars(value) if is_users(value) else {}
        kept = [(key, x) for key, x in own.items() if key in named or is_called(value, key, x)]
        yield Content(value.__name__, own, len, len(own))
        yield from (Held(f"{value.__name__}.{key}", own, key, x) for key, x in kept)
    elif not isinstance(value, ModuleType):
        parts = getattr(value, "__dict__", {})
        if parts:
            yield Content(path, parts, len, len(parts))
            yield from (Held(f"{path}.{key}", parts, key, x) for key, x in parts.items())
        if slotted(value):
            yield Content(path, value, slotted, slotted(value))


def is_called(kind: type, key: str, x: Any) -> bool:
    """Whether a function of a class may be called by others: by Python, or by a base of ours that it overrides."""
    bases = [base for base in kind.__mro__ if base is not object and not is_users(base)]
    return isinstance(x, FunctionType) and (key[:2] == "__" or any(hasattr(base, key) for base in bases))


def behind(value: Any) -> list[Any]:
    """What else a value stands for: the class of an object, the bases of a class, what a method or a partial calls."""
    if hasattr(value, "__wrapped__"):
        return [value.__wrapped__]
    if isinstance(value, MethodType):
        return [value.__self__, value.__func__]
    if isinstance(value, functools.partial):
        return [value.func, value.args, value.keywords]
    if isinstance(value, property):
        return [value.fget]
    if isinstance(value, type):
        return list(value.__bases__) if is_users(value) else []
    return [] if isinstance(value, FunctionType | ModuleType | np.ndarray) else [type(value)]


def variables(f: FunctionType, named: set[str]) -> Iterator[Held]:
    """The variables of others that a user's function reads, its defaults, and what it reads of the user's modules."""
    if not is_users(f):
        return
    for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
        try:
            yield Held(name, cell, None, cell.cell_contents)
        except ValueError:  # a variable that has no value yet
            continue
    names = names_in(f.__code__)
    for name in sorted(names & f.__globals__.keys()):
        value = f.__globals__[name]
        yield Held(name, f.__globals__, name, value)
        if isinstance(value, ModuleType) and is_users(value):
            yield from (Held(f"{name}.{x}", vars(value), x, vars(value)[x]) for x in sorted(names & vars(value).keys()))
    for defaults in (f.__defaults__, f.__kwdefaults__):
        if defaults:
            yield from (x for x in looked_at(f.__name__, defaults, named) if isinstance(x, Held))


@functools.cache
def names_in(code: CodeType) -> frozenset[str]:
    """The names that a function, and the functions in it, look up."""
    own = {x.argval for x in dis.get_instructions(code) if x.opcode in dis.hasname and not x.opname.startswith("STORE")}
    return frozenset(own).union(*(names_in(x) for x in code.co_consts if isinstance(x, CodeType)))


def is_users(thing: Any) -> bool:
    """Whether a function, class or module stands in the user's own code."""
    from ..drawing import names

    if isinstance(thing, FunctionType):
        return names.is_users(thing.__code__.co_filename)
    if isinstance(thing, type):
        return names.is_users_class(thing)
    return names.is_users(getattr(thing, "__file__", None) or "<frozen")


def first_changed(surroundings: Surroundings) -> str | None:
    """The path of something that is not what it was."""
    return next((each.path for each in surroundings if each.changed()), None)
