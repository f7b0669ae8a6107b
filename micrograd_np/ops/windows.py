"""Sliding windows, and their transpose: windows added where they overlap.

The windows of a signal or an image overlap unless the stride is large enough, so each entry may lie in several. Both
rows therefore go through the entries of the kernel, of which there are few: each meets a regular part of the array, a
slice with a stride, which NumPy copies or adds at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ShapeError
from .primitive import Drawn as D
from .primitive import Primitive, as_given, example

Sizes = tuple[int, ...]

ORDERS = {1: "(N, C, L)", 2: "(N, C, H, W)"}  # of the axes of x, by how many of them a kernel moves along
# Arguments that are one number, or one for each axis that a kernel moves along, and the least that each may be.
LEAST = {"padding": 0, "output_padding": 0} | dict.fromkeys("kernel kernel_size stride dilation output_size".split(), 1)


def each_axis(axes: int, **given: Any) -> dict[str, Sizes]:
    """Expand integers to one for each axis: `stride=2` is `stride=(2, 2)`."""
    return {what: one_per_axis(what, value, axes) for what, value in given.items()}


def one_per_axis(what: str, value: Any, axes: int, owner: str = "") -> Sizes:
    """The sizes along the axes; raise, in the name of a layer if it is given, if there is not one whole number each."""
    values = tuple(value) if isinstance(value, tuple | list) else (value,) * axes
    begin = f"{owner}: {what}" if owner else what
    if len(values) != axes:
        raise ArgumentError(
            f"{begin} must be one number, or one for each of the {axes} axes that the kernel moves along, not "
            f"{value!r}."
        )
    for n in values:
        if not isinstance(n, int | np.integer) or isinstance(n, bool) or n < LEAST[what]:
            raise ArgumentError(f"{begin} must be a whole number of at least {LEAST[what]}, not {n!r}.")
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


def check_steps(found: Sizes, shape: Sizes, kernel: Sizes, **how: Sizes) -> None:
    """Refuse windows whose number does not follow from the array's shape: the rules compute one from the other."""
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


def extended(x: Any, more: Sizes, fill: float = 0) -> Any:
    """x, an array or a Tensor (N, C, ...), with `more` entries at the far end of each of its last axes."""
    return np.pad(x, [(0, 0), (0, 0), *((0, n) for n in more)], constant_values=fill) if any(more) else x


def tap_views(x: Any, kernel: Sizes, fill: float, stride: Sizes, padding: Sizes, dilation: Sizes) -> list[Any]:
    """Return, for each entry of the kernel, a view of the entries of x that it meets."""
    steps = count_steps(x.shape[-len(kernel) :], kernel, stride, padding, dilation)
    wide = padded(x, padding, fill)
    return [wide[where] for _, where in tap_indices(kernel, steps, stride, dilation)]


def _windows(x: Any, kernel: Sizes, **how: Sizes) -> Any:
    """The windows along the last axes, with the kernel's axes first: (*kernel, ...)."""
    z = np.stack(tap_views(x, kernel, 0, **how))
    return z.reshape(*kernel, *z.shape[1:])


def _overlap_add(y: Any, shape: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> Any:
    """An array of this shape made from its windows, added where they overlap."""
    axes = len(shape)
    kernel, steps = y.shape[:axes], y.shape[-axes:]
    check_steps(steps, shape, kernel, stride=stride, padding=padding, dilation=dilation)
    wide = [n + 2 * p for n, p in zip(shape, padding, strict=True)]
    z = np.zeros((*y.shape[axes:-axes], *wide), y.dtype, like=y)
    for tap, where in tap_indices(kernel, steps, stride, dilation):
        z[where] += y[tap]
    return z[unpadded_index(shape, padding)] if any(padding) else z


# How the windows of the examples lie.
SIDE_BY_SIDE = each_axis(1, stride=2, padding=0, dilation=1)
OVERLAPPING = each_axis(2, stride=(2, 1), padding=1, dilation=1)
SPREAD = each_axis(2, stride=1, padding=(0, 1), dilation=(2, 3))

windows: Primitive = Primitive(
    _windows,
    lambda g, z, x, kernel, **how: overlap_add(g, shape=x.shape[2:], **how),
    bind=as_given,
    examples=[
        example(D(2, 3, 5), kernel=(2,), **SIDE_BY_SIDE),
        example(D(2, 1, 5, 4), kernel=(3, 2), **OVERLAPPING),
        example(D(1, 2, 6, 5), kernel=(2, 2), **SPREAD),
    ],
    onnx="Windows",
    gloss="the windows of x, each as an axis of its own",
)
overlap_add: Primitive = Primitive(
    _overlap_add,
    lambda g, z, y, shape, **how: windows(g, kernel=y.shape[: len(shape)], **how),
    bind=as_given,
    examples=[
        example(D(2, 2, 3, 2), shape=(5,), **SIDE_BY_SIDE),
        example(D(3, 2, 2, 1, 3, 5), shape=(5, 4), **OVERLAPPING),
        example(D(2, 2, 1, 2, 4, 4), shape=(6, 5), **SPREAD),
    ],
    gloss="each window of g put back in its place, added up where they overlap",
)
