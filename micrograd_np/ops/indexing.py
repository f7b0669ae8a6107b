"""Indexing: `getitem` takes entries of an array, and `scatter`, its transpose, adds entries to zeros."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import EllipsisType, NoneType
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..core.backward import unbroadcast
from ..core.errors import ArgumentError, OutOfRangeError
from .primitive import Bound, D, NonDifferentiable, Primitive, StaticOp, as_array, example, truth

BASIC = (int, slice, NoneType, EllipsisType)


class Slot(int):
    """A placeholder in an index: the row's array argument of this number belongs there."""

    def __repr__(self) -> str:
        return f"Slot({int(self)})"


# The arrays in an index are arguments of the row, since programs, pictures and snapshots have to know of them. What is
# left of the index is a parameter, the template, with a Slot in the place of each array.


def split_index(index: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Split an index into (arrays, template): integer and boolean arrays are arguments, the rest is metadata."""
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
    """Convert a list, range or tuple inside an index to an array of integers or booleans."""
    array = as_array(part)
    return array if array is part or array.size else array.astype(int)  # an empty list would be an array of floats


def join_index(template: tuple[Any, ...], arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """Put the arrays back into a template: return the index."""
    return tuple(arrays[part] if isinstance(part, Slot) else part for part in template)


def complete_index(template: tuple[Any, ...], ndim: int) -> list[Any]:
    """Return the parts of an index, with a full slice for each axis that it leaves out."""
    taken = sum(part is not None and part is not Ellipsis for part in template)
    at = template.index(Ellipsis) if Ellipsis in template else len(template)
    return [*template[:at], *[slice(None)] * (ndim - taken), *template[at + 1 :]]


def _bind_getitem(x: Any, index: Any) -> Bound:
    """Bind x and the arrays of the index as arguments, and the template as a parameter."""
    arrays, template = split_index(index)
    return (x, *arrays), {"index": template}


def _getitem(x: Any, *arrays: Any, index: tuple[Any, ...]) -> Any:
    """Return the entries at an index."""
    return x[join_index(index, arrays)]


def _bind_scatter(values: Any, index: Any, shape: Any) -> Bound:
    """Bind the values and the arrays of the index as arguments, template and shape as parameters."""
    arrays, template = split_index(index)
    return (as_array(values), *arrays), {"index": template, "shape": shape}


def _scatter(values: Any, *arrays: Any, index: tuple[Any, ...], shape: Any) -> Any:
    """Return zeros with values added at an index."""
    return scattered(values, join_index(index, arrays), shape)


def scattered(values: Any, index: tuple[Any, ...], shape: Any) -> Any:
    """Return zeros of a shape, with values added at an index; values for an entry that is named twice add up."""
    target = np.zeros_like(values, shape=shape, order="C")
    if any(hasattr(part, "dtype") and part.dtype.kind in "iu" and part.size > 1 for part in index):
        add_at(target, index, values)
    else:  # slices, masks and single integers name no entry twice
        target[index] = broadcast_values(values, target[index].shape)
    return target


def placed(values: Any, index: Any, shape: Any) -> Any:
    """Return zeros of a shape, with values at an index that names no entry twice."""
    target = np.zeros_like(values, shape=shape, order="C")
    target[index] = values
    return target


def _scatter_values(g: Any, z: Any, values: Any, *arrays: Any, index: tuple[Any, ...], shape: Any) -> Any:
    """Return the cotangent of the values: the entries of g at the index, summed over axes that were repeated."""
    taken = g[join_index(index, arrays)]
    return taken if taken.shape == values.shape else unbroadcast(taken, values.shape)


def add_at(target: Any, index: tuple[Any, ...], values: Any) -> None:
    """Add values at an index that may name an entry twice; both are raveled first.

    On one axis np.add.at is several times faster. On more than 32 axes it crashes, and it gives wrong results for
    values that broadcast.
    """
    positions = raveled_positions(target, index)
    np.add.at(target.reshape(-1), positions.reshape(-1), broadcast_values(values, positions.shape).reshape(-1))


def raveled_positions(target: Any, index: tuple[Any, ...]) -> Any:
    """Return the positions in the raveled target that an index points to."""
    if len(index) > target.ndim or not all(map(is_integer, index)):
        return np.arange(target.size, like=target).reshape(target.shape)[index]
    # Integers alone, such as the ids of an embedding: to number all entries of a large target would take longer than
    # the rest, so only those of its first axes are numbered, one axis at a time. np.arange refuses what lies outside.
    rows: Any = 0
    for part, size in zip(index, target.shape, strict=False):
        rows = rows * size + np.arange(size, like=target)[part]
    trailing = target.shape[len(index) :]
    width = math.prod(trailing)
    within = np.arange(width, like=target).reshape(trailing)
    return (rows * width).reshape(rows.shape + (1,) * len(trailing)) + within


def is_integer(part: Any) -> bool:
    """Return True for an integer, and for an array of integers."""
    return part.dtype.kind in "iu" if hasattr(part, "dtype") else type(part) is int


def broadcast_values(values: Any, shape: tuple[int, ...]) -> Any:
    """Broadcast values to the shape of the entries that they replace."""
    return values if values.shape == shape else np.broadcast_to(values, shape)


getitem: Primitive = Primitive(
    _getitem,
    lambda g, z, x, *arrays, index: scatter(g, join_index(index, arrays), x.shape),
    bind=_bind_getitem,
    formula=lambda args, params, literal: args[0].subscript(join_index(params["index"], args[1:]), literal),
    views=True,
    shaped_by_data=True,
    examples=[
        example(D(3, 4), 1),
        example(D(3, 4), (slice(None), slice(None, None, -2))),
        example(D(3, 4), (np.array([0, 2, 0]), np.array([1, 1, 1]))),
        example(D(3, 4), [0, 2, -3]),
        example(D(3, 4), np.array([True, False, True])),
        example(D(2, 3, 4), (Ellipsis, None, np.array([3, 0]))),
        example(D(2, 3, 4), (np.array([[True, False, True], [False, True, True]]), slice(1, 3))),
    ],
    onnx="Slice",
)


def _write_scatter(args: Any, params: Any, literal: Any) -> Any:
    """Write zeros[index] += values."""
    place = args[0]._replace(text="zeros").subscript(join_index(params["index"], args[1:]), literal)
    return place._replace(text=f"{place.text} += {args[0].text}", precedence=0)


scatter: Primitive = Primitive(
    _scatter,
    _scatter_values,
    bind=_bind_scatter,
    formula=_write_scatter,
    examples=[example(D(4), 1, shape=(3, 4)), example(D(), (slice(None), np.array([0, 2, 0])), shape=(2, 3))],
    spelling="scatter",
)


# Entries chosen by arrays of integers or conditions.


def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Take the entries at the indices along an axis; without an axis, those of the raveled array."""
    x, axis = lines_of(x, axis)
    return getitem(x, (slice(None),) * axis + (integer_indices(indices),))


def along_axis(x: Any, axis: int | None) -> tuple[Any, int]:
    """Return x and the axis to work along; without an axis, x is raveled."""
    x = as_array(x)
    return (np.ravel(x), 0) if axis is None else (x, normalize_axis_index(axis, x.ndim))


def lines_of(x: Any, axis: int | None) -> tuple[Any, int]:
    """Return the same; a number has axes 0 and -1, too."""
    return along_axis(x if np.ndim(x) else np.ravel(x), axis)


def integer_indices(indices: Any) -> Any:
    """Return indices of integers: True and False count as 1 and 0."""
    indices = as_index(indices)
    return indices.astype(int) if indices.dtype == bool else indices


def take_along_axis(x: Any, indices: Any, axis: int | None = -1) -> Any:
    """Take, from each line along an axis, the entries at that line's indices."""
    (x, axis), indices = along_axis(x, axis), as_array(indices)
    if indices.ndim != x.ndim or indices.dtype.kind not in "iu":
        found = f"{indices.dtype} of shape {indices.shape}"
        raise OutOfRangeError(f"np.take_along_axis takes integers of {x.ndim} axes as indices, as x has, not {found}.")
    lines = list(np.ix_(*map(np.arange, x.shape)))
    lines[axis] = indices
    return x[tuple(lines)]


def compress(condition: Any, x: Any, axis: int | None = None) -> Any:
    """Take the entries along an axis for which a condition holds."""
    return np.take(x, np.flatnonzero(condition), axis)


def extract(condition: Any, x: Any) -> Any:
    """Take the entries for which a condition holds, as an array of one axis."""
    return np.take(x, np.flatnonzero(condition))


def delete(x: Any, obj: Any, axis: int | None = None) -> Any:
    """Return x without some of the entries along an axis."""
    x, axis = along_axis(x, axis)
    obj = np.asarray(obj) if hasattr(obj, "dtype") else obj
    return np.take(x, np.delete(np.arange(x.shape[axis]), obj), axis)


def choose(a: Any, choices: Sequence[Any]) -> Any:
    """Choose each entry from one of several arrays: `a` has the number of the array in `choices`."""
    a, *arrays = np.broadcast_arrays(a, *choices)
    if np.any(np.less(a, 0)):
        raise ArgumentError("np.choose counts the choices from 0: give no negative number.")
    return np.take_along_axis(np.stack(arrays), integer_indices(a)[None], 0)[0]


def sort(x: Any, axis: int | None = -1, kind: Any = None, *, stable: bool | None = None) -> Any:
    """Sort the entries along an axis in ascending order."""
    x, axis = along_axis(x, axis)
    return np.take_along_axis(x, np.argsort(x, axis, kind, stable=stable), axis)


def partition(x: Any, kth: Any, axis: int | None = -1) -> Any:
    """Sort the entries in part: none before the k-th is larger than it, and none after it is smaller."""
    x, axis = along_axis(x, axis)
    return np.take_along_axis(x, np.argpartition(x, kth, axis), axis)


# Masks and positions, of which indices are made. They have no derivative; the results are plain arrays.
less = NonDifferentiable(np.less, sign="<", onnx="Less")
less_equal = NonDifferentiable(np.less_equal, sign="<=", onnx="LessOrEqual")
equal = NonDifferentiable(np.equal, sign="==", onnx="Equal")
not_equal = NonDifferentiable(np.not_equal, sign="!=", onnx="NotEqual")
greater = NonDifferentiable(np.greater, sign=">", onnx="Greater")
greater_equal = NonDifferentiable(np.greater_equal, sign=">=", onnx="GreaterOrEqual")
isclose = NonDifferentiable(np.isclose)
allclose = truth(np.allclose)
array_equal = truth(np.array_equal)
array_equiv = truth(np.array_equiv)

# Tests of the kind of a number.
isfinite = NonDifferentiable(np.isfinite)
isinf = NonDifferentiable(np.isinf, onnx="IsInf")
isnan = NonDifferentiable(np.isnan, onnx="IsNaN")
isneginf = NonDifferentiable(np.isneginf)
isposinf = NonDifferentiable(np.isposinf)
signbit = NonDifferentiable(np.signbit)
isreal = NonDifferentiable(np.isreal)
iscomplex = NonDifferentiable(np.iscomplex)
isrealobj = StaticOp(np.isrealobj)
iscomplexobj = StaticOp(np.iscomplexobj)

# Logic, and the arithmetic of bits and of integers.
logical_and = NonDifferentiable(np.logical_and, onnx="And", loop="{0} and {1}", peephole="twice")
logical_or = NonDifferentiable(np.logical_or, onnx="Or", loop="{0} or {1}", peephole="twice")
logical_xor = NonDifferentiable(np.logical_xor, onnx="Xor")
logical_not = NonDifferentiable(np.logical_not, onnx="Not", loop="not {0}")
bitwise_and = NonDifferentiable(np.bitwise_and, sign="&", peephole="twice")
bitwise_or = NonDifferentiable(np.bitwise_or, sign="|", peephole="twice")
bitwise_xor = NonDifferentiable(np.bitwise_xor, sign="^")
bitwise_count = NonDifferentiable(np.bitwise_count, loop="")
invert = NonDifferentiable(np.invert, sign="~")
left_shift = NonDifferentiable(np.left_shift, sign="<<")
right_shift = NonDifferentiable(np.right_shift, sign=">>")
gcd = NonDifferentiable(np.gcd)
lcm = NonDifferentiable(np.lcm)

# Positions.
argmax = NonDifferentiable(np.argmax, onnx="ArgMax")
argmin = NonDifferentiable(np.argmin, onnx="ArgMin")
nanargmax = NonDifferentiable(np.nanargmax)
nanargmin = NonDifferentiable(np.nanargmin)
argsort = NonDifferentiable(np.argsort)
argpartition = NonDifferentiable(np.argpartition)
argwhere = NonDifferentiable(np.argwhere, shaped_by_data=True)
nonzero = NonDifferentiable(np.nonzero, shaped_by_data=True)
flatnonzero = NonDifferentiable(np.flatnonzero, shaped_by_data=True)
searchsorted = NonDifferentiable(np.searchsorted)
digitize = NonDifferentiable(np.digitize)
isin = NonDifferentiable(np.isin)
