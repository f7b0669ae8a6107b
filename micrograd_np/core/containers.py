"""Nested containers of arrays: taken apart into leaves, and put together again."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from .errors import ArgumentError

Rebuild = Callable[[Sequence[Any]], Any]


def flatten(tree: Any) -> tuple[list[Any], Rebuild]:
    """Return the leaves of nested dicts, lists, tuples and dataclasses, and what puts others in their place.

    Neither recurses, so that containers may be nested as deep as memory allows.

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
    order: list[Container | None] = []  # children before their container; None is a leaf
    opened: set[int] = set()  # the containers around the current one
    pending = [tree]
    while pending:
        x = pending.pop()
        if type(x) is Container:
            order.append(x)
            opened.remove(x.id)
            continue
        children, build = open_container(x)
        if build is None:
            order.append(None)
            leaves.append(x)
            continue
        check_acyclic(x, opened)
        opened.add(id(x))
        pending.append(Container(id(x), len(children), build))
        pending += reversed(children)

    def rebuild(leaves: Sequence[Any]) -> Any:
        rest = iter(leaves)
        built: list[Any] = []
        for step in order:
            if step is None:
                built.append(next(rest))
            else:
                start = len(built) - step.size
                built[start:] = [step.build(built[start:])]
        return built[0]

    return leaves, rebuild


class Container(NamedTuple):
    """An opened container: its id, its number of children, and a function that builds it from new children."""

    id: int
    size: int
    build: Callable[[list[Any]], Any]


def walk_paths(tree: Any, path: str = "") -> Iterator[tuple[str, Any, bool]]:
    """Yield (path, value, whether it is a leaf) for containers and leaves, in the order of `flatten`.

    Examples
    --------
    >>> [path for path, _, is_leaf in walk_paths({"w": 1, "layers": [2, (3, 4)]}, "p") if is_leaf]
    ["p['w']", "p['layers'][0]", "p['layers'][1][0]", "p['layers'][1][1]"]
    """
    opened: set[int] = set()
    pending: list[tuple[str | None, Any]] = [(path, tree)]
    while pending:
        step, x = pending.pop()
        if step is None:
            opened.remove(x)
            continue
        children, build = open_container(x)
        yield step, x, build is None
        if build is not None:
            check_acyclic(x, opened)
            opened.add(id(x))
            pending.append((None, id(x)))
            pending += reversed([(step + more, child) for more, child in zip(child_steps(x), children, strict=True)])


def check_acyclic(x: Any, opened: set[int]) -> None:
    """Raise if a container contains itself, as a walk through it would never end."""
    if id(x) in opened:
        raise ArgumentError(f"a {type(x).__name__} contains itself. Give a container of arrays that ends.")


def child_steps(x: Any) -> list[str]:
    """Return how each child of a container is reached, as source."""
    steps: list[str] = []
    if isinstance(x, dict):
        steps = [f"[{key!r}]" for key in x]
    elif hasattr(type(x), "_fields"):
        steps = [f".{field}" for field in x._fields]
    elif isinstance(x, list | tuple):
        steps = [f"[{i}]" for i, _ in enumerate(x)]
    return steps + [f".{name}" for name in attributes(x)]


def open_container(tree: Any) -> tuple[list[Any], Callable[[list[Any]], Any] | None]:
    """Return a container's children, and a function that builds the same class from others; None for a leaf.

    Attributes that a subclass or a dataclass holds come last, in the order of `attributes`.
    """
    if type(tree) is dict:
        return list(tree.values()), lambda children: dict(zip(tree, children, strict=True))
    if type(tree) in (list, tuple):
        return list(tree), type(tree)
    if not is_container(tree):
        return [], None
    names = attributes(tree)
    inside = list(tree.values()) if isinstance(tree, dict) else list(tree) if isinstance(tree, list | tuple) else []

    def build(children: list[Any]) -> Any:
        entries = children[: len(inside)]
        built: Any = tuple.__new__(type(tree), entries) if isinstance(tree, tuple) else copy.copy(tree)
        if is_its_own_dict(tree):
            built.__dict__ = built
        if isinstance(tree, list):
            list.__setitem__(built, slice(None), entries)
        if isinstance(tree, dict):
            for key, entry in zip(tree, entries, strict=True):
                dict.__setitem__(built, key, entry)
        for name, child in zip(names, children[len(inside) :], strict=True):
            object.__setattr__(built, name, child)
        return built

    return [*inside, *(getattr(tree, name) for name in names)], build


def is_container(x: Any) -> bool:
    return isinstance(x, dict | list | tuple) or hasattr(type(x), "__dataclass_fields__")


def attributes(tree: Any) -> list[str]:
    """Return the names of a container's attributes: the fields of a dataclass, and all others that are set."""
    fields: list[str] = []
    if hasattr(type(tree), "__dataclass_fields__"):
        import dataclasses  # imported only here, to keep the import of the package fast

        fields = [field.name for field in dataclasses.fields(tree) if hasattr(tree, field.name)]
    own = {} if is_its_own_dict(tree) else getattr(tree, "__dict__", {})
    return list(dict.fromkeys([*fields, *own]))


def is_its_own_dict(tree: Any) -> bool:
    """Return whether a dict is its own `__dict__`, so that its items are its attributes."""
    return getattr(tree, "__dict__", None) is tree


def has_values(x: Any) -> bool:
    """Return whether x is an array, a Tensor or a NumPy number; classes, and objects of the user's, have dtypes too."""
    return hasattr(type(x), "__array__") and hasattr(x, "dtype")


def map_leaves(f: Callable[[Any], Any], tree: Any) -> Any:
    """Return the same container with f applied to each leaf."""
    leaves, rebuild = flatten(tree)
    return rebuild([f(leaf) for leaf in leaves])
