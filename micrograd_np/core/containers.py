"""Nested containers of arrays: taken apart into leaves, and put together again."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from typing import Any

from .errors import ArgumentError

Rebuild = Callable[[Sequence[Any]], Any]
Build = Callable[[list[Any]], Any]  # a container from its new children


def flatten(tree: Any) -> tuple[list[Any], Rebuild]:
    """Return the leaves of nested dicts, lists, tuples and dataclasses, and a function that puts new ones in place.

    There is no recursion: containers may be nested as deep as memory allows.

    Raises
    ------
    ArgumentError
        If a container contains itself.

    Examples
    --------
    >>> leaves, rebuild = flatten({"w": 1, "layers": [2, (3, 4)]})
    >>> leaves
    [1, 2, 3, 4]
    >>> rebuild([10, 20, 30, 40])
    {'w': 10, 'layers': [20, (30, 40)]}
    """
    leaves: list[Any] = []
    order: list[tuple[int, Build | None]] = []  # the number of children of each container; no function for a leaf
    for _, x, size, build in walk_containers(tree, paths=False):
        order.append((size, build))
        if build is None:
            leaves.append(x)

    def rebuild(new_leaves: Sequence[Any]) -> Any:
        rest = list(new_leaves)
        built: list[Any] = []
        for size, build in reversed(order):  # children come before their container, the last child first
            if build is None:
                built.append(rest.pop())
            else:
                start = len(built) - size
                built[start:] = [build(built[start:][::-1])]
        return built[0]

    return leaves, rebuild


def walk_paths(tree: Any, root: str = "") -> Iterator[tuple[str, Any, bool]]:
    """Yield (path, value, whether it is a leaf) for the containers and leaves, in the order of `flatten`.

    A path is the source text that leads to the value, from `root`, the text of the tree itself.

    Examples
    --------
    >>> [path for path, _, is_leaf in walk_paths({"w": 1, "layers": [2, (3, 4)]}, "p") if is_leaf]
    ["p['w']", "p['layers'][0]", "p['layers'][1][0]", "p['layers'][1][1]"]
    """
    return ((path, x, build is None) for path, x, _, build in walk_containers(tree, root))


def walk_containers(tree: Any, root: str = "", paths: bool = True) -> Iterator[tuple[str, Any, int, Build | None]]:
    """Yield (path, value, number of children, function that builds it from new children, or None for a leaf).

    Raises
    ------
    ArgumentError
        If a container contains itself, as the walk would never end.
    """
    opened: set[int] = set()  # the ids of the containers around the current one
    pending: list[tuple[str | None, Any]] = [(root, tree)]
    while pending:
        path, x = pending.pop()
        if path is None:  # the mark that the children of the container with id x are all done
            opened.remove(x)
            continue
        children, build = open_container(x)
        yield path, x, len(children), build
        if build is not None:
            if id(x) in opened:
                raise ArgumentError(f"a {type(x).__name__} contains itself. Remove the entry that leads back to it.")
            opened.add(id(x))
            pending.append((None, id(x)))
            steps = reversed(child_steps(x)) if paths else repeat("")
            pending += [(path + step, child) for step, child in zip(steps, reversed(children), strict=False)]


def child_steps(x: Any) -> list[str]:
    """Return the source text that leads to each child: `['w']` for a key, `[0]` for an index, `.W` for an attribute."""
    steps: list[str] = []
    if isinstance(x, dict):
        steps = [f"[{key!r}]" for key in x]
    elif hasattr(type(x), "_fields"):
        steps = [f".{field}" for field in x._fields]
    elif isinstance(x, list | tuple):
        steps = [f"[{i}]" for i, _ in enumerate(x)]
    return steps + [f".{name}" for name in attributes(x)]


def open_container(x: Any) -> tuple[list[Any], Build | None]:
    """Return a container's children, and a function that builds the same class from others; None for a leaf.

    Attributes that a subclass or a dataclass holds come last, in the order of `attributes`.
    """
    if type(x) is dict:
        return list(x.values()), lambda children: dict(zip(x, children, strict=True))
    if type(x) in (list, tuple):
        return list(x), type(x)
    if not is_container(x):
        return [], None
    names = attributes(x)
    inside = list(x.values()) if isinstance(x, dict) else list(x) if isinstance(x, list | tuple) else []

    # `tuple.__new__`, `copy.copy` and the methods of the base classes skip what a subclass defines: its `__init__` may
    # take other arguments, and its methods may check or count the entries; a frozen dataclass lets nothing be set.
    def build(children: list[Any]) -> Any:
        entries = children[: len(inside)]
        built: Any = tuple.__new__(type(x), entries) if isinstance(x, tuple) else copy.copy(x)
        if is_its_own_dict(x):
            built.__dict__ = built  # the copy has one of its own, apart from its items
        if isinstance(x, list):
            list.__setitem__(built, slice(None), entries)
        if isinstance(x, dict):
            for key, entry in zip(x, entries, strict=True):
                dict.__setitem__(built, key, entry)
        for name, child in zip(names, children[len(inside) :], strict=True):
            object.__setattr__(built, name, child)
        return built

    return [*inside, *(getattr(x, name) for name in names)], build


def is_container(x: Any) -> bool:
    """Return whether x has children: a dict, list or tuple, or an object of a dataclass, but not the class itself."""
    return isinstance(x, dict | list | tuple) or hasattr(type(x), "__dataclass_fields__")


def attributes(x: Any) -> list[str]:
    """Return the names of a container's attributes: the fields of a dataclass, and all others that are set."""
    fields = dataclasses.fields(x) if hasattr(type(x), "__dataclass_fields__") else ()
    own = {} if is_its_own_dict(x) else getattr(x, "__dict__", {})
    return list(dict.fromkeys([*(field.name for field in fields if hasattr(x, field.name)), *own]))


def is_its_own_dict(x: Any) -> bool:
    """Return whether a dict is its own `__dict__`, so that its items are its attributes."""
    return getattr(x, "__dict__", None) is x


def has_dtype(x: Any) -> bool:
    """Return whether x is an array, a Tensor or a NumPy number; classes, and objects of the user's, have dtypes too."""
    return hasattr(type(x), "__array__") and hasattr(x, "dtype")


def map_leaves(f: Callable[[Any], Any], tree: Any) -> Any:
    """Return the same container with f applied to each leaf."""
    leaves, rebuild = flatten(tree)
    return rebuild([f(leaf) for leaf in leaves])
