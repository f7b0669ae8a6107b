"""Entries that come up again: repeated, tiled, spread over a grid, or carried past the border."""

from __future__ import annotations

from typing import Any

import numpy as np

from .choosing import lines_of
from .composed import stands_for
from .examples import Drawn as D
from .examples import example
from .primitive import Primitive, as_array


@stands_for(np.repeat)
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Each entry so many times in a row; the entries of the raveled array where no axis is given."""
    x, axis = lines_of(as_array(x), axis)
    before, length, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    if not isinstance(repeats, int):
        return np.take(x, np.repeat(np.arange(length), np.asarray(repeats)), axis)
    repeated = np.broadcast_to(np.expand_dims(x, axis + 1), (*before, length, repeats, *after))
    return np.reshape(repeated, (*before, length * repeats, *after))


@stands_for(np.tile)
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


@stands_for(np.meshgrid)
def meshgrid(*arrays: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Any, ...]:
    """Coordinates of the points of a grid, one array for each axis of it."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"np.meshgrid takes indexing 'xy' or 'ij', not {indexing!r}.")
    along = list(range(len(arrays)))
    if indexing == "xy":
        along[:2] = along[:2][::-1]
    lines = [
        np.reshape(as_array(x), [-1 if axis == own else 1 for axis in range(len(arrays))])
        for x, own in zip(arrays, along, strict=True)
    ]
    grids = tuple(lines) if sparse else np.broadcast_arrays(*lines)
    return tuple(np.copy(grid) for grid in grids) if copy else grids


def _inside(g: Any, z: Any, x: Any, pad_width: Any, mode: str, constant_values: Any) -> Any:
    widths = border(pad_width, x.ndim)
    return g[tuple(slice(before, before + size) for (before, _), size in zip(widths, x.shape, strict=True))]


def border(pad_width: Any, ndim: int) -> list[list[int]]:
    """How many entries go before and after each axis, from the spellings that NumPy takes."""
    filled: list[list[int]] = np.broadcast_to(pad_width, (ndim, 2)).tolist()
    return filled


pad_constant = Primitive(
    np.pad,
    _inside,
    bind=lambda x, pad_width, constant_values=0: (
        (x,),
        {"pad_width": pad_width, "mode": "constant", "constant_values": constant_values},
    ),
    examples=[
        example(D(2, 3), 1),
        example(D(2, 3), ((1, 0), (0, 2)), constant_values=2.0),
        example(D(4), (1, 2), constant_values=((3.0, 4.0),)),
    ],
)
BORDERS = ("edge", "reflect", "symmetric", "wrap")


@stands_for(np.pad)
def pad(x: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Any:
    """An array with a border: constant, or entries of its own."""
    x = as_array(x)
    if isinstance(pad_width, dict):
        widths = (pad_width.get(axis, pad_width.get(axis - x.ndim, 0)) for axis in range(x.ndim))
        pad_width = [border(width, 1)[0] for width in widths]
    if mode == "constant":
        return pad_constant(x, pad_width, **options)
    if mode not in BORDERS or options.get("reflect_type", "even") != "even":
        raise TypeError(
            f"np.pad with mode={mode!r} and {options} is not supported on Tensors; "
            f"constant, {', '.join(BORDERS)} (even) are."
        )
    sides = zip(x.shape, border(pad_width, x.ndim), strict=True)
    inside = [np.pad(np.arange(size), width, mode, **options) for size, width in sides]
    return x[np.ix_(*inside)]
