"""Entries chosen by arrays of integers or conditions: what NumPy calls take, compress, choose, sort."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from .composed import stands_for
from .indexing import as_index
from .primitive import as_array


@stands_for(np.take)
def take(x: Any, indices: Any, axis: int | None = None, *, mode: str = "raise") -> Any:
    """The entries at the indices along an axis; of the raveled array where no axis is given."""
    x = as_array(x)
    x, axis = lines_of(x, axis)
    return x[(slice(None),) * axis + (within(indices, x.shape[axis], mode),)]


def lines_of(x: Any, axis: int | None) -> tuple[Any, int]:
    """x and the axis along which to choose; raveled where none is given, or there is none but NumPy takes 0 and -1."""
    if axis is None or not x.ndim:
        x, axis = np.ravel(x), 0 if axis is None else axis
    return x, normalize_axis_index(axis, x.ndim)


def within(indices: Any, length: int, mode: str) -> Any:
    """Indices as `mode` treats those outside an axis of this length; True and False are 1 and 0."""
    indices = as_index(indices)
    if indices.dtype == bool:
        indices = indices.astype(int)
    if mode not in ("raise", "wrap", "clip"):
        raise ValueError(f"mode is 'raise', 'wrap' or 'clip', not {mode!r}.")
    if mode == "wrap":
        return indices % length
    return np.clip(indices, 0, length - 1) if mode == "clip" else indices


@stands_for(np.take_along_axis)
def take_along_axis(x: Any, indices: Any, axis: int | None = -1) -> Any:
    """For each line along an axis, its entries at the indices of that line."""
    x, indices = as_array(x), as_array(indices)
    if axis is None:
        x, axis = np.ravel(x), 0
    if indices.ndim != x.ndim:
        raise ValueError(f"np.take_along_axis takes indices of {x.ndim} axes as x has, not of shape {indices.shape}.")
    if indices.dtype.kind not in "iu":
        raise IndexError(f"np.take_along_axis takes integers as indices, not {indices.dtype}.")
    lines = list(np.ix_(*map(np.arange, x.shape)))
    lines[normalize_axis_index(axis, x.ndim)] = indices
    return x[tuple(lines)]


@stands_for(np.compress)
def compress(condition: Any, x: Any, axis: int | None = None) -> Any:
    """The entries along an axis for which a condition holds."""
    return np.take(x, np.flatnonzero(condition), axis)


@stands_for(np.extract)
def extract(condition: Any, x: Any) -> Any:
    """The entries for which a condition holds, along one axis."""
    return np.take(x, np.flatnonzero(condition))


@stands_for(np.delete)
def delete(x: Any, obj: Any, axis: int | None = None) -> Any:
    """The entries along an axis without some of them."""
    x = as_array(x)
    if axis is None:
        x, axis = np.ravel(x), 0
    axis = normalize_axis_index(axis, x.ndim)
    obj = np.asarray(obj) if hasattr(obj, "dtype") else obj
    return np.take(x, np.delete(np.arange(x.shape[axis]), obj), axis)


@stands_for(np.choose)
def choose(a: Any, choices: Sequence[Any], *, mode: str = "raise") -> Any:
    """At each place, the entry of that array among `choices` which `a` names."""
    a, *arrays = np.broadcast_arrays(a, *choices)
    return np.take_along_axis(np.stack(arrays), within(a, len(arrays), mode)[None], 0)[0]


def with_axis(x: Any, axis: int | None) -> Any:
    """x as an array that has this axis."""
    x = as_array(x)
    if axis is not None:
        normalize_axis_index(axis, x.ndim)
    return x


@stands_for(np.sort)
def sort(x: Any, axis: int | None = -1, kind: Any = None, *, stable: bool | None = None) -> Any:
    """The entries in ascending order along an axis."""
    x = with_axis(x, axis)
    return np.take_along_axis(x, np.argsort(x, axis, kind, stable=stable), axis)


@stands_for(np.partition)
def partition(x: Any, kth: Any, axis: int | None = -1) -> Any:
    """The k-th entry where sorting would put it, no larger entry before it and no smaller one after."""
    x = with_axis(x, axis)
    return np.take_along_axis(x, np.argpartition(x, kth, axis), axis)
