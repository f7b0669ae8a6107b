"""Choosing entries, and its transpose: putting entries into zeros."""

from __future__ import annotations

from typing import Any

import numpy as np

from .primitive import Bound, Primitive, example
from .primitive import Drawn as D


class Slot(int):
    """In an index: here goes the row's array argument of this number."""

    def __repr__(self) -> str:
        return f"Slot({int(self)})"


def split_index(index: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """An index as (arrays, template): integer and boolean arrays are arguments, the rest is metadata."""
    parts = index if isinstance(index, tuple) else (index,)
    arrays: list[Any] = []
    template = []
    for part in parts:
        if isinstance(part, list) or hasattr(part, "dtype"):
            template.append(Slot(len(arrays)))
            arrays.append(part if hasattr(part, "dtype") else np.asarray(part, dtype=None if part else int))
        else:
            template.append(part)
    return tuple(arrays), tuple(template)


def join_index(template: tuple[Any, ...], arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(arrays[part] if isinstance(part, Slot) else part for part in template)


def _bind_getitem(x: Any, index: Any) -> Bound:
    arrays, template = split_index(index)
    return (x, *arrays), {"index": template}


def _getitem(x: Any, *arrays: Any, index: tuple[Any, ...]) -> Any:
    return x[join_index(index, arrays)]


def _bind_scatter(values: Any, index: Any, shape: Any) -> Bound:
    arrays, template = split_index(index)
    return (values, *arrays), {"index": template, "shape": shape}


def _scatter(values: Any, *arrays: Any, index: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """Zeros of a shape, with values added at an index; entries that the index names twice add up."""
    target = np.zeros(shape, values.dtype, like=values)
    if arrays:
        np.add.at(target, join_index(index, arrays), values)
    else:
        target[index] += values
    return target


getitem = Primitive(
    _getitem,
    lambda g, z, x, *arrays, index: scatter(g, join_index(index, arrays), x.shape),
    bind=_bind_getitem,
    views=True,
    examples=[
        example(D(3, 4), 1),
        example(D(3, 4), (slice(None), slice(None, None, -2))),
        example(D(3, 4), (np.array([0, 2, 0]), np.array([1, 1, 1]))),
        example(D(3, 4), np.array([True, False, True])),
        example(D(2, 3, 4), (Ellipsis, None, np.array([3, 0]))),
    ],
)
scatter = Primitive(
    _scatter,
    lambda g, z, values, *arrays, index, shape: g[join_index(index, arrays)],
    bind=_bind_scatter,
    examples=[
        example(D(4), 1, shape=(3, 4)),
        example(D(3), (np.array([0, 2, 0]), np.array([1, 1, 1])), shape=(3, 4)),
    ],
)
