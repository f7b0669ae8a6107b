"""That something is still what it was: what a variable, an attribute or an entry holds, or what a collection is of."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import cache, cached_property
from operator import is_
from types import CellType, MappingProxyType, MemberDescriptorType
from typing import Any, NamedTuple

import numpy as np

from ..core.tensor import Tensor


class Held(NamedTuple):
    """That a cell, a dict or list under a key, or an object as an attribute, holds a value."""

    path: str
    holder: Any
    key: Any
    value: Any
    asked: bool = True  # whether a function may ask for what is in it
    attribute: bool = False

    def now(self) -> Any:
        if isinstance(self.holder, CellType):
            return self.holder.cell_contents
        return getattr(self.holder, self.key) if self.attribute else self.holder[self.key]

    def changed(self) -> bool:
        """Whether it holds another value now: another object, or another number."""
        try:
            return not same(self.now(), self.value)
        except (KeyError, IndexError, ValueError):
            return True


class Content(NamedTuple):
    """What an array or a collection held: its length, its keys, its bytes, or whether it still has its entries."""

    path: str
    holder: Any
    look: Callable[[Any], Any]
    value: Any

    def changed(self) -> bool:
        return bool(self.look(self.holder) != self.value)


Surroundings = list[Held | Content]


def first_changed(surroundings: Surroundings) -> str | None:
    """The path of something that is not what it was."""
    return next((each.path for each in surroundings if each.changed()), None)


def same(now: Any, value: Any) -> bool:
    """Whether two values are one object, or one number with one sign."""
    if now is value:
        return True
    numbers = type(now) is type(value) and isinstance(now, int | float) and now == value
    return numbers and math.copysign(1, now) == math.copysign(1, value)


def bits(x: Any) -> bytes:
    return bytes(x) if isinstance(x, bytearray) else bytes(x.tobytes())


def has_entries(then: tuple[Any, ...]) -> Callable[[Any], bool]:
    """A look at whether a collection has the same entries; it holds on to them, for an id may come again."""

    def look(x: Any) -> bool:
        now = tuple(entries(x))
        return len(now) == len(then) and (all(map(is_, now, then)) or all(map(same, now, then)))

    return look


def entries(x: Any) -> Iterable[Any]:
    if isinstance(x, np.ndarray):
        return x.flat
    return [*x, *x.values()] if isinstance(x, dict | MappingProxyType) else x


def has_slots(names: tuple[str, ...], then: tuple[Any, ...]) -> Callable[[Any], bool]:
    has = has_entries(then)
    return lambda x: has(getattr(x, name, None) for name in names)


@cache
def slots(kind: type) -> tuple[str, ...]:
    """The names of what objects of a class hold besides their `__dict__`."""
    held = [key for base in kind.__mro__ for key, x in vars(base).items() if isinstance(x, MemberDescriptorType)]
    return tuple(held)


@cache
def count_of(kind: type) -> Callable[[Any], int]:
    """How many attributes an object has; what is worked out once, at its first use, is none that a function sets."""
    late = {key for base in kind.__mro__ for key, x in vars(base).items() if isinstance(x, cached_property)}
    if not late:
        return len
    return lambda parts: sum(key not in late or isinstance(x, Tensor) for key, x in parts.items())
