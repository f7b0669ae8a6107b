"""Nested containers of arrays: taken apart into leaves, and put together again."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

Rebuild = Callable[[Sequence[Any]], Any]


def flatten(tree: Any) -> tuple[list[Any], Rebuild]:
    """The leaves of nested dicts, lists, tuples and dataclasses, and what puts others in their places.

    Examples
    --------
    >>> leaves, rebuild = flatten({"w": 1, "layers": [2, (3, 4)]})
    >>> leaves
    [1, 2, 3, 4]
    >>> rebuild([10, 20, 30, 40])
    {'w': 10, 'layers': [20, (30, 40)]}
    """
    children, build = open_container(tree)
    if build is None:
        return [tree], lambda leaves: leaves[0]
    parts = [flatten(child) for child in children]
    build_container = build

    def rebuild(leaves: Sequence[Any]) -> Any:
        rest = iter(leaves)
        return build_container([inner([next(rest) for _ in found]) for found, inner in parts])

    return [leaf for found, _ in parts for leaf in found], rebuild


def open_container(tree: Any) -> tuple[list[Any], Callable[[list[Any]], Any] | None]:
    """The children of one container and what builds it anew, of the same class; a leaf has no builder.

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
    return isinstance(x, dict | list | tuple) or (hasattr(x, "__dataclass_fields__") and not isinstance(x, type))


def attributes(tree: Any) -> list[str]:
    """The attributes of a container: a dataclass's fields, and whatever else was set."""
    fields: list[str] = []
    if hasattr(tree, "__dataclass_fields__"):
        import dataclasses  # whoever has one has imported it; nobody else waits for it

        fields = [field.name for field in dataclasses.fields(tree) if hasattr(tree, field.name)]
    own = {} if is_its_own_dict(tree) else getattr(tree, "__dict__", {})
    return list(dict.fromkeys([*fields, *own]))


def is_its_own_dict(tree: Any) -> bool:
    """Whether a dict's items are its attributes."""
    return getattr(tree, "__dict__", None) is tree


def has_values(x: Any) -> bool:
    """Whether x is an array, a Tensor or a number of NumPy's; a class of these has a dtype, too."""
    return hasattr(x, "dtype") and not isinstance(x, type)


def map_leaves(f: Callable[[Any], Any], tree: Any) -> Any:
    """The same container, with f of each leaf."""
    leaves, rebuild = flatten(tree)
    return rebuild([f(leaf) for leaf in leaves])
