"""What a function knows besides its arguments' values: its variables, and whatever hangs from them."""

from __future__ import annotations

import functools
from array import array
from collections import deque
from collections.abc import Iterator
from contextvars import ContextVar
from operator import attrgetter
from types import FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..core.tensor import Tensor
from .looks import Content, Held, Surroundings, bits, count_of, entries, has_entries, has_slots, same, slots
from .lookups import asked, is_users, names_in, variables
from .trace import TraceError

WHOLE = (np.generic, np.ufunc, str, bytes, int, float, complex, type(None))  # nothing hangs from these
LISTED = (list, tuple, deque, set, frozenset)
MAPPED = (dict, MappingProxyType)
RAW = (bytearray, array, memoryview)
DATA = (np.ndarray, *LISTED, *MAPPED, *RAW)  # which a function may hold, and never ask for
PLAIN_KEYS = (str, bytes, int, float, complex, type(None), type)
WIDTH = 1000  # of what is longer, the entries are compared, and what hangs from them is not
MOST = 50_000


class Place(NamedTuple):
    """A value, how it is reached, and whether a function may ask for what is in it."""

    path: str
    value: Any
    asked: bool = True


class Reach(NamedTuple):
    """What functions can reach, nearest first; what of it is to stay as it is; and the names in these functions."""

    places: list[Place]
    looks: Surroundings
    names: set[str]


def known(f: Any, leaves: Any) -> Surroundings:
    """Everything that hangs from a function's variables, from its object and from its arguments, and that it names."""
    reach = reached(f, leaves)
    for place in reach.places:
        if place.asked and is_iterator(place.value):
            raise TraceError(
                f"{place.path} is an iterator ({type(place.value).__name__}), which a program would not move on. Take "
                "the next value outside, and give it as an argument: step(next(batches))."
            )
    return reach.looks


def reached(f: Any, leaves: Any) -> Reach:
    """What the user's functions can reach by the names that are in them."""
    named: set[str] = set()
    while True:
        reach = reached_by(f, leaves, named)
        if reach.names == named:
            return reach
        named = reach.names


def reached_by(f: Any, leaves: Any, named: set[str]) -> Reach:
    arguments = [Place(f"argument {i}", x) for i, x in enumerate(leaves) if not hasattr(x, "dtype")]
    root = f.__name__ if isinstance(f, FunctionType) else "self"
    pending = deque([Place(root, f, False), *arguments])
    reach = Reach([], [], set())
    seen: set[tuple[int, bool]] = set()
    while pending:
        place = pending.popleft()
        value = place.value
        key = id(value), place.asked and isinstance(value, DATA)
        if isinstance(value, WHOLE) or key in seen or is_logger(value):
            continue
        seen.add(key)
        reach.places.append(place)
        if len(seen) > MOST:
            raise TraceError(
                f"more than {MOST} things hang from {getattr(f, '__name__', 'the function')} ({place.path} is one), "
                "too many to look at before each call. Keep data in arrays, or give it as an argument."
            )
        if isinstance(value, FunctionType) and is_users(value):
            reach.names.update(names_in(value.__code__))
        if isinstance(value, attrgetter):
            reach.names.update(part for name in value.__reduce__()[1] for part in name.split("."))
        looks = list(looked_at(place, named))
        reach.looks.extend(looks)
        pending += behind(place, named)
        pending += [Place(x.path[-200:], x.value, x.asked) for x in looks if isinstance(x, Held)]
    return reach


def looked_at(place: Place, named: set[str]) -> Iterator[Held | Content]:
    """What is to stay as it is of one value."""
    path, value = place.path, place.value
    if isinstance(value, Tensor):
        yield Held(f"{path}.requires_grad", value, "_requires_grad", value._requires_grad, attribute=True)
    elif isinstance(value, (np.ndarray, *RAW)):
        if place.asked:  # data that is never asked for is not read through at each call
            yield content(path, value) if has_objects(value) else Content(path, value, bits, bits(value))
    elif isinstance(value, FunctionType):
        yield from of_function(path, value, named) if is_users(value) else ()
    elif isinstance(value, ModuleType):
        own = vars(value) if is_users(value) else {}
        yield from (Held(f"{path}.{key}", own, key, own[key]) for key in sorted(named & own.keys()))
    elif isinstance(value, type):
        yield from of_class(value, named) if is_users(value) else ()
    elif isinstance(value, ContextVar):
        now = value.get(None)
        yield Content(path, value, lambda x: same(x.get(None), now), True)
    elif not hasattr(value, "__wrapped__"):
        if isinstance(value, LISTED + MAPPED):
            yield from of_collection(place)
        yield from attributes(path, value, named)


def of_collection(place: Place) -> Iterator[Held | Content]:
    """What is to stay as it is of a collection: how many entries or which keys, and what it holds under each."""
    path, value = place.path, place.value
    if isinstance(value, tuple | frozenset):
        return
    if len(value) > WIDTH:
        yield content(path, value) if place.asked else Content(path, value, len, len(value))
    elif isinstance(value, MAPPED):
        plain = all(isinstance(key, PLAIN_KEYS) for key in value)
        yield Content(path, value, list, list(value)) if plain else content(path, value)
        yield from (Held(f"{path}[{key!r}]", value, key, x, place.asked) for key, x in value.items())
    elif isinstance(value, list) and (len(value) < 8 or not all(isinstance(x, WHOLE) for x in value)):
        yield Content(path, value, len, len(value))
        yield from (Held(f"{path}[{i}]", value, i, x, place.asked) for i, x in enumerate(value))
    else:
        yield content(path, value)


def content(path: str, value: Any) -> Content:
    return Content(path, value, has_entries(tuple(entries(value))), True)


def attributes(path: str, value: Any, named: set[str]) -> Iterator[Held | Content]:
    """What an object has, in its `__dict__` and in slots."""
    parts = getattr(value, "__dict__", None)
    kind: Any = type(value)
    if isinstance(parts, dict):
        count = count_of(kind)
        yield Content(path, parts, count, count(parts))
        for key, x in parts.items():
            inner = is_iterator(x) and not is_users(kind)  # a library counts in its own objects
            yield Held(f"{path}.{key}", parts, key, x, key in named if inner else asked(key, named))
    names = slots(kind) if is_users(kind) else ()
    if names:
        yield Content(path, value, has_slots(names, tuple(getattr(value, name, None) for name in names)), True)


def of_function(path: str, f: FunctionType, named: set[str]) -> Iterator[Held | Content]:
    """The variables of a user's function, and what it is made of: editors put new code into an old function."""
    yield from variables(f)
    for part in ("__code__", "__defaults__", "__kwdefaults__"):
        if getattr(f, part) is not None:
            yield Held(f"{path}.{part}", f, part, getattr(f, part), attribute=True)
    if vars(f) or asked("hasattr", named):
        yield from attributes(path, f, named)


def of_class(kind: type, named: set[str]) -> Iterator[Held | Content]:
    own: Any = vars(kind)
    bases = [base for base in kind.__mro__ if base is not object and not is_users(base)]
    yield Content(kind.__name__, own, len, len(own))
    for key, x in own.items():
        if asked(key, named) or is_called(bases, key, x):
            yield Held(f"{kind.__name__}.{key}", own, key, x)


def is_called(bases: list[type], key: str, x: Any) -> bool:
    """Whether a function of a class may be called by others: by Python, or by a base of ours that it overrides."""
    return isinstance(x, FunctionType) and (key[:2] == "__" or any(hasattr(base, key) for base in bases))


def behind(place: Place, named: set[str]) -> Iterator[Place]:
    """What else a value stands for: the class of an object, the bases of a class, what a method or a partial calls."""
    path, value = place.path, place.value
    if hasattr(value, "__wrapped__"):
        yield Place(path, value.__wrapped__)
    elif isinstance(value, MethodType):
        yield from (Place(path, value.__self__), Place(path, value.__func__))
    elif isinstance(value, functools.partial):
        yield from (Place(path, x) for x in (value.func, value.args, value.keywords))
    elif isinstance(value, property):
        yield from (Place(path, x) for x in (value.fget, value.fset, value.fdel))
    elif isinstance(value, ContextVar):
        yield Place(path, value.get(None))
    elif isinstance(value, type):
        yield from (Place(path, x) for x in (*value.__bases__, type(value)) if is_users(value))
    elif not isinstance(value, FunctionType | ModuleType | Tensor):
        kind: Any = type(value)
        yield Place(path, kind)
        names = slots(kind) if is_users(kind) else ()
        yield from (Place(f"{path}.{x}", getattr(value, x, None), asked(x, named)) for x in names)
        if (isinstance(value, LISTED) and not isinstance(value, list)) or has_objects(value):
            yield from (
                Place(f"{path}[{i}]", x, place.asked) for i, x in zip(range(WIDTH), entries(value), strict=False)
            )


def is_logger(x: Any) -> bool:
    """Whether something writes what is told to it, and like `print` has no part in what is computed."""
    return type(x).__module__ == "logging"


def has_objects(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype == object


def is_iterator(x: Any) -> bool:
    """Whether something of Python's own gives one value after another, and cannot be looked at without taking one."""
    return type(x).__module__ in ("builtins", "itertools") and hasattr(type(x), "__next__")
