"""Several arrays to one, and one to several."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from .composed import stands_for
from .examples import Drawn as D
from .examples import example
from .primitive import Bound, Variadic, as_array
from .several import Several

# Many arrays are joined in pieces of this many: a rule looks at each array before its own.
PIECE = 64


def _concatenate(*arrays: Any, axis: int | None) -> Any:
    return np.concatenate(arrays, axis=axis)


def _bind_concatenate(arrays: Sequence[Any], axis: int | None = 0) -> Bound:
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
)


@stands_for(np.stack)
def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Arrays of one shape along a new axis."""
    return np.concatenate([np.expand_dims(as_array(x), axis) for x in arrays], axis)


@stands_for(np.vstack)
def vstack(arrays: Sequence[Any]) -> Any:
    """Arrays above each other; vectors become rows."""
    return np.concatenate([np.atleast_2d(x) for x in arrays], 0)


@stands_for(np.hstack)
def hstack(arrays: Sequence[Any]) -> Any:
    """Arrays next to each other; vectors one after the other."""
    columns = [np.atleast_1d(x) for x in arrays]
    return np.concatenate(columns, 0 if columns and columns[0].ndim == 1 else 1)


@stands_for(np.dstack)
def dstack(arrays: Sequence[Any]) -> Any:
    """Arrays behind each other, along a third axis."""
    return np.concatenate([np.atleast_3d(x) for x in arrays], 2)


@stands_for(np.column_stack)
def column_stack(arrays: Sequence[Any]) -> Any:
    """Arrays next to each other; vectors become columns."""
    given = [as_array(x) for x in arrays]
    return np.concatenate([x if x.ndim > 1 else np.reshape(x, (-1, 1)) for x in given], 1)


@stands_for(np.append)
def append(x: Any, values: Any, axis: int | None = None) -> Any:
    """An array with another one after it; both raveled where no axis is given."""
    return np.concatenate([as_array(x), as_array(values)], axis)


@stands_for(np.block)
def block(arrays: Any) -> Any:
    """One array of nested lists of blocks: the innermost lists join along the last axis."""
    depth = nesting(arrays)
    return joined(arrays, depth, max(depth, most_axes(arrays)))


def nesting(arrays: Any) -> int:
    return 1 + max(map(nesting, arrays), default=0) if isinstance(arrays, list) else 0


def most_axes(arrays: Any) -> int:
    return max(map(most_axes, arrays), default=0) if isinstance(arrays, list) else as_array(arrays).ndim


def joined(arrays: Any, depth: int, axes: int) -> Any:
    """Blocks that are `depth` lists deep, as one array of so many axes."""
    if isinstance(arrays, list):
        return np.concatenate([joined(x, depth - 1, axes) for x in arrays], axes - depth)
    if depth:
        raise ValueError("np.block takes lists that are nested equally deep everywhere.")
    x = as_array(arrays)
    return np.reshape(x, (1,) * (axes - x.ndim) + x.shape)


def _split(x: Any, indices_or_sections: Any, axis: int) -> Any:
    return [piece.copy() for piece in np.split(x, indices_or_sections, axis)]


def _bind_split(x: Any, indices_or_sections: Any, axis: int = 0) -> Bound:
    x = as_array(x)
    length = x.shape[normalize_axis_index(axis, x.ndim)]
    if np.ndim(indices_or_sections):
        points = [slice(point).indices(length)[1] for point in indices_or_sections]
        if points != sorted(points):
            raise ValueError(f"np.split of a Tensor takes indices that ascend, not {indices_or_sections}.")
        indices_or_sections = tuple(points)
    return (x,), {"indices_or_sections": indices_or_sections, "axis": axis}


split = Several(
    np.split,
    lambda g, z, x, indices_or_sections, axis: np.concatenate(g, axis),
    bind=_bind_split,
    kernel=_split,
    examples=[example(D(6, 2), 3), example(D(2, 5), (1, 3), axis=-1)],
)


@stands_for(np.array_split)
def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """Parts along an axis; for a number of parts, of sizes as equal as can be."""
    x = as_array(x)
    if np.ndim(indices_or_sections):
        return np.split(x, indices_or_sections, axis)
    size, longer = divmod(x.shape[normalize_axis_index(axis, x.ndim)], indices_or_sections)
    sizes = [size + 1] * longer + [size] * (indices_or_sections - longer)
    return np.split(x, list(accumulate(sizes))[:-1], axis)


@stands_for(np.hsplit)
def hsplit(x: Any, indices_or_sections: Any) -> Any:
    """Parts next to each other."""
    x = as_array(x)
    return np.split(x, indices_or_sections, 1 if x.ndim > 1 else 0)


@stands_for(np.vsplit)
def vsplit(x: Any, indices_or_sections: Any) -> Any:
    """Parts above each other."""
    return np.split(with_axes(x, 2, "np.vsplit"), indices_or_sections, 0)


@stands_for(np.dsplit)
def dsplit(x: Any, indices_or_sections: Any) -> Any:
    """Parts behind each other."""
    return np.split(with_axes(x, 3, "np.dsplit"), indices_or_sections, 2)


def with_axes(x: Any, axes: int, name: str) -> Any:
    x = as_array(x)
    if x.ndim < axes:
        raise ValueError(f"{name} splits arrays of {axes} or more axes; this one has shape {x.shape}.")
    return x


@stands_for(getattr(np, "unstack", None))
def unstack(x: Any, *, axis: int = 0) -> tuple[Any, ...]:
    """The entries along an axis, each without it."""
    x = as_array(x)
    length = x.shape[normalize_axis_index(axis, x.ndim)]
    return tuple(np.squeeze(part, axis) for part in np.split(x, length, axis)) if length else ()
