"""Nested containers of arrays: taken apart into leaves, and put together again."""

from __future__ import annotations

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
    """The children of one container and what builds it anew; a leaf has no builder."""
    if isinstance(tree, dict):
        return list(tree.values()), lambda children: type(tree)(zip(tree, children, strict=True))
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return list(tree), lambda children: type(tree)(*children)
    if isinstance(tree, list | tuple):
        return list(tree), type(tree)
    if hasattr(tree, "__dataclass_fields__") and not isinstance(tree, type):
        import dataclasses  # whoever has one has imported it; nobody else waits for it

        names = [field.name for field in dataclasses.fields(tree)]
        return [getattr(tree, name) for name in names], lambda children: dataclasses.replace(
            tree, **dict(zip(names, children, strict=True))
        )
    return [], None


def map_leaves(f: Callable[[Any], Any], tree: Any) -> Any:
    """The same container, with f of each leaf."""
    leaves, rebuild = flatten(tree)
    return rebuild([f(leaf) for leaf in leaves])
