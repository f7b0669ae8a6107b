"""Choosing entries, and its transpose: putting entries into zeros."""

from __future__ import annotations

import math
from types import EllipsisType, NoneType
from typing import Any

import numpy as np

from ..core.rules import unbroadcast
from .examples import Drawn as D
from .examples import example
from .primitive import Bound, Primitive, as_array

BASIC = (int, slice, NoneType, EllipsisType)


class Slot(int):
    """In an index: here goes the row's array argument of this number."""

    def __repr__(self) -> str:
        return f"Slot({int(self)})"


def split_index(index: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """An index as (arrays, template): integer and boolean arrays are arguments, the rest is metadata."""
    arrays: list[Any] = []
    template: list[Any] = []
    for part in index if isinstance(index, tuple) else (index,):
        if isinstance(part, BASIC):
            template.append(part)
        elif isinstance(part, np.integer):
            template.append(int(part))
        else:
            template.append(Slot(len(arrays)))
            arrays.append(as_index(part))
    return tuple(arrays), tuple(template)


def as_index(part: Any) -> Any:
    """A list, range or tuple inside an index as an array; an empty one chooses nothing."""
    array = as_array(part)
    return array if array is part or array.size else array.astype(int)


def join_index(template: tuple[Any, ...], arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(arrays[part] if isinstance(part, Slot) else part for part in template)


def _bind_getitem(x: Any, index: Any) -> Bound:
    arrays, template = split_index(index)
    return (x, *arrays), {"index": template}


def _getitem(x: Any, *arrays: Any, index: tuple[Any, ...]) -> Any:
    return x[join_index(index, arrays)]


def _bind_scatter(values: Any, index: Any, shape: Any) -> Bound:
    arrays, template = split_index(index)
    return (as_array(values), *arrays), {"index": template, "shape": shape}


def _scatter(values: Any, *arrays: Any, index: tuple[Any, ...], shape: Any) -> Any:
    return put(values, join_index(index, arrays), shape)


def put(values: Any, index: tuple[Any, ...], shape: Any) -> Any:
    """Zeros of a shape, with values added at an index; entries that the index names twice add up."""
    target = np.zeros_like(values, shape=shape, order="C")
    if any(hasattr(part, "dtype") and part.dtype.kind in "iu" and part.size > 1 for part in index):
        add_at(target, index, values)
    else:
        target[index] = fill(values, target[index].shape)
    return target


def placed(values: Any, index: Any, shape: Any) -> Any:
    """Zeros of a shape, with values at an index that names no entry twice."""
    target = np.zeros_like(values, shape=shape, order="C")
    target[index] = values
    return target


def _scatter_values(g: Any, z: Any, values: Any, *arrays: Any, index: tuple[Any, ...], shape: Any) -> Any:
    taken = g[join_index(index, arrays)]
    return taken if taken.shape == values.shape else unbroadcast(taken, values.shape)


def add_at(target: Any, index: tuple[Any, ...], values: Any) -> None:
    """Add at an index that may name an entry twice, by way of the raveled array.

    On one axis np.add.at is several times faster. On more than 32 it crashes, and it gets values that broadcast wrong.
    """
    positions = raveled(target, index)
    np.add.at(target.reshape(-1), positions.reshape(-1), fill(values, positions.shape).reshape(-1))


def raveled(target: Any, index: tuple[Any, ...]) -> Any:
    """Where in the raveled target an index points; integers that lead need no look at the axes after them."""
    if len(index) > target.ndim or not all(map(counts, index)):
        return np.arange(target.size, like=target).reshape(target.shape)[index]
    rows: Any = 0
    for part, size in zip(index, target.shape, strict=False):
        rows = rows * size + np.arange(size, like=target)[part]
    trailing = target.shape[len(index) :]
    width = math.prod(trailing)
    within = np.arange(width, like=target).reshape(trailing)
    return (rows * width).reshape(rows.shape + (1,) * len(trailing)) + within


def counts(part: Any) -> bool:
    """Whether a part of an index is an integer, or an array of integers."""
    return part.dtype.kind in "iu" if hasattr(part, "dtype") else type(part) is int


def fill(values: Any, shape: tuple[int, ...]) -> Any:
    """Values in the shape of the entries that they go to."""
    if values.shape == shape:
        return values
    try:
        return np.broadcast_to(values, shape)
    except ValueError:
        raise ValueError(
            f"values of shape {values.shape} do not fit the entries of shape {shape} that the index chooses. Give one "
            "value for each entry, or values that broadcast to that shape."
        ) from None


getitem: Primitive = Primitive(
    _getitem,
    lambda g, z, x, *arrays, index: scatter(g, join_index(index, arrays), x.shape),
    bind=_bind_getitem,
    formula=lambda args, params, literal: args[0].subscript(join_index(params["index"], args[1:]), literal),
    views=True,
    examples=[
        example(D(3, 4), 1),
        example(D(3, 4), (slice(None), slice(None, None, -2))),
        example(D(3, 4), (np.array([0, 2, 0]), np.array([1, 1, 1]))),
        example(D(3, 4), [0, 2, -3]),
        example(D(3, 4), np.array([True, False, True])),
        example(D(2, 3, 4), (Ellipsis, None, np.array([3, 0]))),
        example(D(2, 3, 4), (np.array([[True, False, True], [False, True, True]]), slice(1, 3))),
    ],
)


def _write_scatter(args: Any, params: Any, literal: Any) -> Any:
    place = args[0]._replace(text="zeros").subscript(join_index(params["index"], args[1:]), literal)
    return place._replace(text=f"{place.text} += {args[0].text}", rank=0)


scatter: Primitive = Primitive(
    _scatter,
    _scatter_values,
    bind=_bind_scatter,
    formula=_write_scatter,
    examples=[
        example(D(4), 1, shape=(3, 4)),
        example(D(3), (np.array([0, 2, 0]), np.array([1, 1, 1])), shape=(3, 4)),
        example(D(3, 2), np.array([0, 2, 0]), shape=(4, 2)),
        example(D(), (slice(None), np.array([0, 2, 0])), shape=(2, 3)),
    ],
)
