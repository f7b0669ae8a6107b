"""Sliding windows of an array, and their transpose: windows added where they overlap.

Pooling is a reduction of the windows, a convolution a matrix product with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ShapeError
from .primitive import Bound, Primitive, as_array, example, remembered
from .primitive import Drawn as D

Sizes = tuple[int, ...]

LEAST = {"kernel": 1, "stride": 1, "padding": 0, "dilation": 1, "output_padding": 0}


def each_axis(axes: int, **given: Any) -> dict[str, Sizes]:
    """Expand integers to one for each axis: `stride=2` is `stride=(2, 2)`."""
    return {what: one_per_axis(what, value, axes) for what, value in given.items()}


def one_per_axis(what: str, value: Any, axes: int) -> Sizes:
    values = tuple(value) if isinstance(value, tuple | list) else (value,) * axes
    if len(values) != axes or not all(isinstance(n, int | np.integer) and n >= LEAST[what] for n in values):
        raise ArgumentError(
            f"{what}={value!r}: give an integer of at least {LEAST[what]}, or one for each of the {axes} axes that the "
            "kernel moves along."
        )
    return tuple(int(n) for n in values)


def count_steps(shape: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> Sizes:
    """Return the number of windows along each axis."""
    steps = tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(shape, kernel, stride, padding, dilation, strict=True)
    )
    if min(*shape, *kernel, *steps) < 1:
        raise ShapeError(
            f"a kernel of {kernel} entries, dilation {dilation}, does not fit into {shape} with padding {padding}. "
            "Take a smaller kernel or more padding."
        )
    return steps


def check_steps(found: Sizes, shape: Sizes, kernel: Sizes, how: dict[str, Sizes]) -> None:
    steps = count_steps(shape, kernel, **how)
    if found != steps:
        raise ShapeError(f"a kernel of {kernel} entries has {steps} windows in {shape} with {how}, not {found}.")


def tap_indices(kernel: Sizes, steps: Sizes, stride: Sizes, dilation: Sizes) -> Iterator[tuple[Sizes, Any]]:
    """Yield each entry of the kernel and the index of the array's entries that it meets."""
    for tap in np.ndindex(*kernel):
        moves = zip(tap, steps, stride, dilation, strict=True)
        yield tap, (..., *[slice(i * d, i * d + s * (n - 1) + 1, s) for i, n, s, d in moves])


def unpadded_index(shape: Sizes, padding: Sizes) -> Any:
    """Return the index of the unpadded array inside the padded one."""
    return (..., *[slice(p, p + n) for n, p in zip(shape, padding, strict=True)])


def padded(x: Any, padding: Sizes, fill: float, order: Any = "K") -> Any:
    """Pad the last axes of x with `fill`."""
    if not any(padding):
        return x.astype(x.dtype, order=order, copy=False)
    shape = x.shape[-len(padding) :]
    wide_shape = (*x.shape[: -len(padding)], *[n + 2 * p for n, p in zip(shape, padding, strict=True)])
    wide = np.full_like(x, fill, order=order, shape=wide_shape)
    wide[unpadded_index(shape, padding)] = x
    return wide


def tap_views(x: Any, kernel: Sizes, fill: float, stride: Sizes, padding: Sizes, dilation: Sizes) -> list[Any]:
    """Return, for each entry of the kernel, a view of the entries of x that it meets."""
    steps = count_steps(x.shape[-len(kernel) :], kernel, stride, padding, dilation)
    wide = padded(x, padding, fill)
    return [wide[where] for _, where in tap_indices(kernel, steps, stride, dilation)]


def window_views(x: Any, kernel: Sizes, stride: Sizes, dilation: Sizes) -> Any:
    """The windows of a kernel that moves over (C, ..., N), without a copy: (C, *kernel, *steps, N)."""
    axes = tuple(range(1, 1 + len(kernel)))
    reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    seen = np.lib.stride_tricks.sliding_window_view(x, reach, axes)
    steps, entries = ([slice(None, None, step) for step in each] for each in (stride, dilation))
    return np.moveaxis(seen[(slice(None), *steps, slice(None), *entries)], range(-len(kernel), 0), axes)


def _windows(x: Any, kernel: Sizes, fill: float, **how: Sizes) -> Any:
    """The windows along the last axes, with the kernel's axes first: (*kernel, ...)."""
    z = np.stack(tap_views(x, kernel, fill, **how))
    return z.reshape(*kernel, *z.shape[1:])


def _overlap_add(y: Any, shape: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> Any:
    """An array of this shape made from its windows, added where they overlap."""
    axes = len(shape)
    wide = [n + 2 * p for n, p in zip(shape, padding, strict=True)]
    z = np.zeros((*y.shape[axes:-axes], *wide), y.dtype, like=y)
    for tap, where in tap_indices(y.shape[:axes], y.shape[-axes:], stride, dilation):
        z[where] += y[tap]
    return z[unpadded_index(shape, padding)] if any(padding) else z


@remembered
def _bind_windows(
    x: Any, kernel: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, fill: float = 0.0
) -> Bound:
    """Bind; the kernel moves along all axes of x (N, C, ...) but the first two."""
    x = as_array(x)
    how = each_axis(x.ndim - 2, kernel=kernel, stride=stride, padding=padding, dilation=dilation)
    count_steps(x.shape[2:], **how)
    return (x,), {**how, "fill": fill}


@remembered
def _bind_overlap_add(y: Any, shape: Sizes, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> Bound:
    axes = len(shape)
    how = each_axis(axes, stride=stride, padding=padding, dilation=dilation)
    check_steps(y.shape[-axes:], shape, y.shape[:axes], how)
    return (y,), {"shape": shape, **how}


windows: Primitive = Primitive(
    _windows,
    lambda g, z, x, kernel, fill, **how: overlap_add(g, x.shape[2:], **how),
    bind=_bind_windows,
    examples=[
        example(D(2, 3, 5), 2),
        example(D(2, 1, 5, 4), (3, 2), stride=(2, 1), padding=1),
        example(D(1, 2, 6, 5), 2, dilation=(2, 3), fill=-1.0, padding=(0, 1)),
    ],
    onnx="Windows",
)
overlap_add: Primitive = Primitive(
    _overlap_add,
    lambda g, z, y, shape, **how: windows(g, y.shape[: len(shape)], **how),
    bind=_bind_overlap_add,
    examples=[
        example(D(2, 2, 3, 4), (5,)),
        example(D(3, 2, 2, 1, 3, 5), (5, 4), stride=(2, 1), padding=1),
        example(D(2, 2, 1, 2, 4, 4), (6, 5), dilation=(2, 3), padding=(0, 1)),
    ],
)
