"""Arrays joined, split, repeated and padded."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..core.errors import ArgumentError, ArgumentTypeError, ShapeError
from .indexing import lines_of
from .primitive import Bound, D, MultiOutput, Primitive, Variadic, as_array, example

# Many arrays are joined in pieces of this many: a rule looks at each array before its own.
PIECE = 64


def _concatenate(*arrays: Any, axis: int | None) -> Any:
    """np.concatenate of arrays that are arguments of their own."""
    return np.concatenate(arrays, axis=axis)


def _bind_concatenate(arrays: Sequence[Any], axis: int | None = 0) -> Bound:
    """Join many arrays in pieces first."""
    arrays = tuple(map(as_array, arrays))
    while len(arrays) > PIECE:
        arrays = tuple(concatenate(arrays[i : i + PIECE], axis) for i in range(0, len(arrays), PIECE))
    return arrays, {"axis": axis}


def _concatenate_part(g: Any, z: Any, *arrays: Any, i: int, axis: int | None) -> Any:
    """The part of the cotangent that belongs to the i-th array."""
    if axis is None:
        start = sum(x.size for x in arrays[:i])
        return np.reshape(g[start : start + arrays[i].size], arrays[i].shape)
    start = sum(x.shape[axis] for x in arrays[:i])
    return g[(slice(None),) * (axis % g.ndim) + (slice(start, start + arrays[i].shape[axis]),)]


concatenate = Variadic(
    np.concatenate,
    _concatenate_part,
    kernel=_concatenate,
    bind=_bind_concatenate,
    examples=[example([D(3, 4), D(2, 4)]), example([D(3, 4), D(3, 1)], axis=-1), example([D(2), D(3, 2)], axis=None)],
    onnx="Concat",
    spelling="concatenate",
)


def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Arrays of one shape along a new axis."""
    return np.concatenate([np.expand_dims(as_array(x), axis) for x in arrays], axis)


def vstack(arrays: Sequence[Any]) -> Any:
    """Arrays above each other; vectors become rows."""
    return np.concatenate([np.atleast_2d(x) for x in arrays], 0)


def hstack(arrays: Sequence[Any]) -> Any:
    """Arrays next to each other; vectors one after the other."""
    columns = [np.atleast_1d(x) for x in arrays]
    return np.concatenate(columns, 0 if columns and columns[0].ndim == 1 else 1)


def dstack(arrays: Sequence[Any]) -> Any:
    """Arrays behind each other, along a third axis."""
    return np.concatenate([np.atleast_3d(x) for x in arrays], 2)


def column_stack(arrays: Sequence[Any]) -> Any:
    """Arrays next to each other; vectors become columns."""
    given = [as_array(x) for x in arrays]
    return np.concatenate([x if x.ndim > 1 else np.reshape(x, (-1, 1)) for x in given], 1)


def append(x: Any, values: Any, axis: int | None = None) -> Any:
    """An array with another one after it; both raveled where no axis is given."""
    return np.concatenate([as_array(x), as_array(values)], axis)


def block(arrays: Any) -> Any:
    """One array of nested lists of blocks: the innermost lists join along the last axis."""
    depth = list_depth(arrays)
    return join_blocks(arrays, depth, max(depth, most_axes(arrays)))


def list_depth(arrays: Any) -> int:
    """The depth of nested lists; 0 of an array."""
    return 1 + max(map(list_depth, arrays), default=0) if isinstance(arrays, list) else 0


def most_axes(arrays: Any) -> int:
    """The largest number of axes of an array in nested lists."""
    return max(map(most_axes, arrays), default=0) if isinstance(arrays, list) else as_array(arrays).ndim


def join_blocks(arrays: Any, depth: int, axes: int) -> Any:
    """Join blocks nested `depth` lists deep into one array of `axes` axes."""
    if isinstance(arrays, list):
        return np.concatenate([join_blocks(x, depth - 1, axes) for x in arrays], axes - depth)
    if depth:
        raise ArgumentError("np.block takes lists that are nested equally deep everywhere.")
    x = as_array(arrays)
    return np.reshape(x, (1,) * (axes - x.ndim) + x.shape)


def _split(x: Any, indices_or_sections: Any, axis: int) -> Any:
    """np.split, with parts in memory of their own."""
    return [piece.copy() for piece in np.split(x, indices_or_sections, axis)]


def _bind_split(x: Any, indices_or_sections: Any, axis: int = 0) -> Bound:
    """Count the points to split at from 0, and refuse those that do not ascend."""
    x = as_array(x)
    length = x.shape[normalize_axis_index(axis, x.ndim)]
    if np.ndim(indices_or_sections):
        points = [slice(point).indices(length)[1] for point in indices_or_sections]
        if points != sorted(points):
            raise ArgumentError(f"np.split of a Tensor takes indices that ascend, not {indices_or_sections}.")
        indices_or_sections = tuple(points)
    return (x,), {"indices_or_sections": indices_or_sections, "axis": axis}


split = MultiOutput(
    np.split,
    lambda g, z, x, indices_or_sections, axis: np.concatenate(g, axis),
    bind=_bind_split,
    kernel=_split,
    examples=[example(D(6, 2), 3), example(D(2, 5), (1, 3), axis=-1)],
    onnx="Split",
    spelling="split",
)


def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """Parts along an axis; for a number of parts, of sizes as equal as can be."""
    x = as_array(x)
    if np.ndim(indices_or_sections):
        return np.split(x, indices_or_sections, axis)
    size, longer = divmod(x.shape[normalize_axis_index(axis, x.ndim)], indices_or_sections)
    sizes = [size + 1] * longer + [size] * (indices_or_sections - longer)
    return np.split(x, list(accumulate(sizes))[:-1], axis)


def hsplit(x: Any, indices_or_sections: Any) -> Any:
    """Parts next to each other."""
    x = as_array(x)
    return np.split(x, indices_or_sections, 1 if x.ndim > 1 else 0)


def vsplit(x: Any, indices_or_sections: Any) -> Any:
    """Parts above each other."""
    return np.split(require_axes(x, 2, "np.vsplit"), indices_or_sections, 0)


def dsplit(x: Any, indices_or_sections: Any) -> Any:
    """Parts behind each other."""
    return np.split(require_axes(x, 3, "np.dsplit"), indices_or_sections, 2)


def require_axes(x: Any, axes: int, name: str) -> Any:
    """x as an array; raise if it has fewer axes."""
    x = as_array(x)
    if x.ndim < axes:
        raise ShapeError(f"{name} splits arrays of {axes} or more axes; this one has shape {x.shape}.")
    return x


def unstack(x: Any, *, axis: int = 0) -> tuple[Any, ...]:
    """The entries along an axis, each without it."""
    x = as_array(x)
    length = x.shape[normalize_axis_index(axis, x.ndim)]
    return tuple(np.squeeze(part, axis) for part in np.split(x, length, axis)) if length else ()


# Entries that come up again.


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """The entries, each repeated along an axis; of the raveled array where no axis is given."""
    x, axis = lines_of(x, axis)
    before, length, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    if not isinstance(repeats, int):
        return np.take(x, np.repeat(np.arange(length), np.asarray(repeats)), axis)
    repeated = np.broadcast_to(np.expand_dims(x, axis + 1), (*before, length, repeats, *after))
    return np.reshape(repeated, (*before, length * repeats, *after))


def tile(x: Any, reps: Any) -> Any:
    """The whole array so many times along each axis."""
    x = as_array(x)
    reps = (reps,) if isinstance(reps, int) else tuple(reps)
    ndim = max(x.ndim, len(reps))
    reps = (1,) * (ndim - len(reps)) + reps
    sizes = (1,) * (ndim - x.ndim) + x.shape
    apart = np.reshape(x, [n for size in sizes for n in (1, size)])
    tiled = np.broadcast_to(apart, [n for pair in zip(reps, sizes, strict=True) for n in pair])
    return np.reshape(tiled, [times * size for times, size in zip(reps, sizes, strict=True)])


def meshgrid(*arrays: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Any, ...]:
    """Coordinates of the points of a grid, one array for each axis of it."""
    if indexing not in ("xy", "ij"):
        raise ArgumentError(f"np.meshgrid takes indexing 'xy' or 'ij', not {indexing!r}.")
    along = list(range(len(arrays)))
    if indexing == "xy":
        along[:2] = along[:2][::-1]
    lines = [
        np.reshape(as_array(x), [-1 if axis == own else 1 for axis in range(len(arrays))])
        for x, own in zip(arrays, along, strict=True)
    ]
    grids = tuple(lines) if sparse else np.broadcast_arrays(*lines)
    return tuple(np.copy(grid) for grid in grids) if copy else grids


def _inside(g: Any, z: Any, x: Any, pad_width: Any, constant_values: Any) -> Any:
    """The part of the cotangent inside the padding."""
    widths = pad_pairs(pad_width, x.ndim)
    return g[tuple(slice(before, before + size) for (before, _), size in zip(widths, x.shape, strict=True))]


def pad_pairs(pad_width: Any, ndim: int) -> list[list[int]]:
    """Return the numbers of entries added before and after each axis, from NumPy's spellings of `pad_width`."""
    filled: list[list[int]] = np.broadcast_to(pad_width, (ndim, 2)).tolist()
    return filled


pad_constant = Primitive(
    np.pad,
    _inside,
    bind=lambda x, pad_width, constant_values=0: ((x,), {"pad_width": pad_width, "constant_values": constant_values}),
    examples=[example(D(2, 3), ((1, 0), (0, 2)), constant_values=2.0), example(D(4), 1, constant_values=((3.0, 4.0),))],
)
BORDERS = ("edge", "reflect", "symmetric", "wrap")


def pad(x: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Any:
    """An array with a border: constant, or entries of its own."""
    x = as_array(x)
    if isinstance(pad_width, dict):
        raise ArgumentTypeError("np.pad takes a pair of widths for each axis, such as ((1, 1), (0, 0)), and no dict.")
    if mode == "constant":
        return pad_constant(x, pad_width, **options)
    if mode not in BORDERS or options.get("reflect_type", "even") != "even":
        known = f"constant, {', '.join(BORDERS)} (even)"
        raise ArgumentTypeError(
            f"np.pad with mode={mode!r}{f' and {options}' if options else ''} is not supported on Tensors; {known} are."
        )
    sides = zip(x.shape, pad_pairs(pad_width, x.ndim), strict=True)
    inside = [np.pad(np.arange(size), width, mode, **options) for size, width in sides]
    return x[np.ix_(*inside)]
