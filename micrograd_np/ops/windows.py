"""Sliding windows and their transpose, windows added where they overlap; pooling: the largest or the mean of each.

The windows of a signal or an image overlap unless the stride is large enough, so each entry may lie in several. The
rows therefore go through the entries of the kernel (*taps*), of which there are few: over all windows, each meets a
slice of the array with a stride, which NumPy copies, adds or compares at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ShapeError, check_shape, describe
from .primitive import D, Primitive, as_array, as_given, example

Sizes = tuple[int, ...]

ORDERS = {1: "(N, C, L)", 2: "(N, C, H, W)"}  # of the axes of x, by how many of them a kernel moves along
# Arguments that are one number, or one for each axis that a kernel moves along, and the least that each may be.
LEAST = {"padding": 0, "output_padding": 0} | dict.fromkeys("kernel kernel_size stride dilation output_size".split(), 1)


def each_axis(axes: int, **given: Any) -> dict[str, Sizes]:
    """Expand integers to one for each axis: `stride=2` is `stride=(2, 2)`."""
    return {what: one_per_axis(what, value, axes) for what, value in given.items()}


def one_per_axis(what: str, value: Any, axes: int, owner: str = "") -> Sizes:
    """Return one whole number for each axis; raise if there are others. `owner` is a layer's name, for the message."""
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
    """Raise unless the number of windows follows from the array's shape, as the rules compute one from the other."""
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
    """Return x (N, C, ...), an array or a Tensor, with `more` entries at the far end of each of its last axes."""
    return np.pad(x, [(0, 0), (0, 0), *((0, n) for n in more)], constant_values=fill) if any(more) else x


def tap_views(x: Any, kernel: Sizes, fill: float, stride: Sizes, padding: Sizes, dilation: Sizes) -> list[Any]:
    """Return, for each entry of the kernel, a view of the entries of x that it meets."""
    steps = count_steps(x.shape[-len(kernel) :], kernel, stride, padding, dilation)
    wide = padded(x, padding, fill)
    return [wide[where] for _, where in tap_indices(kernel, steps, stride, dilation)]


def _windows(x: Any, kernel: Sizes, **how: Sizes) -> Any:
    """Return the windows along the last axes, with the kernel's axes first: (*kernel, ...)."""
    z = np.stack(tap_views(x, kernel, 0, **how))
    return z.reshape(*kernel, *z.shape[1:])


def _overlap_add(y: Any, shape: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> Any:
    """Make an array of this shape from its windows, which are added where they overlap."""
    axes = len(shape)
    kernel, steps = y.shape[:axes], y.shape[-axes:]
    check_steps(steps, shape, kernel, stride=stride, padding=padding, dilation=dilation)
    wide = [n + 2 * p for n, p in zip(shape, padding, strict=True)]
    z = np.zeros((*y.shape[axes:-axes], *wide), y.dtype, like=y)
    for tap, where in tap_indices(kernel, steps, stride, dilation):
        z[where] += y[tap]
    return z[unpadded_index(shape, padding)] if any(padding) else z


# The positions of the windows in the examples.
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


# Pooling. A small step of x does not change which entries are the largest. So the rule that sends a cotangent to them
# is linear, and its transpose takes the mean of the entries there. Equal entries share equally, as in np.max.


def lowest(dtype: np.dtype[Any]) -> float | int:
    """Return a value that no entry of the dtype is below, for padding."""
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min if dtype.kind in "iu" else 0


def _max_pool(x: Any, kernel: Sizes, **how: Sizes) -> Any:
    """Return the largest entry of each window."""
    first, *rest = tap_views(x, kernel, lowest(x.dtype), **how)
    z = first.copy(order="K")
    for seen in rest:
        np.maximum(z, seen, out=z)
    return z


def where_largest(x: Any, z: Any, kernel: Sizes, **how: Sizes) -> tuple[list[Any], Any]:
    """Return masks of the largest entries, one for each entry of the kernel, and how many there are in each window.

    The count is 0 where z is nan: a cotangent divided by it and multiplied by False is nan for the whole window.
    """
    chosen = [seen == z for seen in tap_views(x, kernel, lowest(x.dtype), **how)]
    few = np.int8 if len(chosen) < 128 else np.int32  # a small integer: to divide by it keeps float16
    count: Any = np.zeros_like(z, dtype=few)
    for here in chosen:
        count += here
    return chosen, count


def _max_pool_input(y: Any, x: Any, z: Any, kernel: Sizes, **how: Sizes) -> Any:
    """Add each entry of y to the largest entry of its window in x; z holds those entries."""
    check_shape("y", y, z)
    chosen, count = where_largest(x, z, kernel, **how)
    stride, padding, dilation = how["stride"], how["padding"], how["dilation"]
    share = np.empty_like(z, dtype=y.dtype)
    share[...] = y  # NumPy copies from one order in memory to another faster than it divides
    # If no entry lies in two windows, its share is assigned and not added. If, besides, each entry lies in a window,
    # `wide` need not begin as zeros.
    overlap = any(s <= d * (k - 1) for s, d, k in zip(stride, dilation, kernel, strict=True))
    tiled = not overlap and not any(padding) and len(chosen) * z.size == x.size
    wide = padded((np.empty_like if tiled else np.zeros_like)(x, dtype=y.dtype), padding, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share /= count
        for here, (_, where) in zip(chosen, tap_indices(kernel, share.shape[2:], stride, dilation), strict=True):
            if overlap:
                wide[where] += share * here
            else:
                np.multiply(share, here, out=wide[where])
    return wide[unpadded_index(x.shape[2:], padding)]


def _max_pool_mean(v: Any, x: Any, z: Any, kernel: Sizes, **how: Sizes) -> Any:
    """Return the mean of v over the largest entries of each window of x; z holds those entries."""
    check_shape("v", v, x)
    chosen, count = where_largest(x, z, kernel, **how)
    with np.errstate(divide="ignore", invalid="ignore"):
        pairs = zip(chosen, tap_views(v, kernel, 0, **how), strict=True)
        return sum(np.where(here, seen, 0) for here, seen in pairs) / count


max_pool: Primitive = Primitive(
    _max_pool,
    lambda g, z, x, **how: max_pool_input(g, x, z, **how),
    bind=as_given,
    examples=[
        example(D(2, 2, 5), kernel=(2,), **SIDE_BY_SIDE),
        example(D(1, 2, 5, 4), kernel=(3, 2), **OVERLAPPING),
        example(D(1, 1, 6, 5), kernel=(2, 2), **SPREAD),
    ],
    onnx="MaxPool",
)
# For the examples: arrays, the largest entries of their windows, and the positions of these.
SIGNALS = np.sin(np.arange(20.0)).reshape(2, 2, 5)
IMAGES = np.sin(np.arange(40.0)).reshape(1, 2, 5, 4)
PAIRS, TALL = {"kernel": (2,), **SIDE_BY_SIDE}, {"kernel": (3, 2), **OVERLAPPING}
OF_SIGNALS, OF_IMAGES = (SIGNALS, max_pool(SIGNALS, **PAIRS)), (IMAGES, max_pool(IMAGES, **TALL))
max_pool_input: Primitive = Primitive(
    _max_pool_input,
    lambda g, z, y, x, top, **how: max_pool_mean(g, x, top, **how),
    None,
    None,
    bind=as_given,
    examples=[example(D(2, 2, 2), *OF_SIGNALS, **PAIRS), example(D(1, 2, 3, 5), *OF_IMAGES, **TALL)],
    gloss="each entry of g, at the place of the largest entry of its window; equal ones share",
)
max_pool_mean: Primitive = Primitive(
    _max_pool_mean,
    lambda g, z, v, x, top, **how: max_pool_input(g, x, top, **how),
    None,
    None,
    bind=as_given,
    examples=[example(D(2, 2, 5), *OF_SIGNALS, **PAIRS), example(D(1, 2, 5, 4), *OF_IMAGES, **TALL)],
    gloss="for each window, the mean of g over its largest entries",
)


# The functions that layers call.


def window_params(
    axes: int, x: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any = 1
) -> tuple[Any, dict[str, Sizes]]:
    """Return x and the parameters of its windows, which lie side by side unless a stride is given."""
    x = as_array(x)
    if x.ndim != axes + 2:
        raise ArgumentError(f"pooling takes x {ORDERS[axes]}, not {describe(x, 'x')}. Add a missing axis with x[None].")
    stride = kernel_size if stride is None else stride
    how = each_axis(axes, kernel=kernel_size, stride=stride, padding=padding, dilation=dilation)
    if any(2 * p > d * (k - 1) + 1 for k, _, p, d in zip(*how.values(), strict=True)):
        raise ArgumentError(
            f"padding={padding} is more than half of kernel_size={kernel_size}: windows without an entry."
        )
    return x, how


def overhang(x: Any, how: dict[str, Sizes]) -> Sizes:
    """Return, for each axis, how many entries beyond the padding a last window of ceil_mode needs.

    There is such a window only if it begins before the padding at the far end.
    """
    found = []
    for n, k, s, p, d in zip(x.shape[2:], *how.values(), strict=True):
        steps = -(-(n + 2 * p - d * (k - 1) - 1) // s)
        steps -= steps * s >= n + p
        found.append(max(steps * s + d * (k - 1) + 1 - n - 2 * p, 0))
    return tuple(found)


def largest_of_windows(
    axes: int, x: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Any:
    """Return the largest entry of each window."""
    x, how = window_params(axes, x, kernel_size, stride, padding, dilation)
    return max_pool(extended(x, overhang(x, how), lowest(x.dtype)) if ceil_mode else x, **how)


def average_pool(
    axes: int, x: Any, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool, count_include_pad: bool
) -> Any:
    """Return the sum of each window, divided by the number of its entries that count.

    Entries of the padding count only with count_include_pad; entries beyond it, which ceil_mode adds, never do.
    """
    x, how = window_params(axes, x, kernel_size, stride, padding)
    window, more = tuple(range(axes)), overhang(x, how) if ceil_mode else (0,) * axes
    mean = np.mean(windows(extended(x, more), **how), axis=window)
    if count_include_pad and not any(more):
        return mean
    counted = np.ones_like(x[:1, :1])
    if count_include_pad:
        counted = np.pad(counted, [(0, 0), (0, 0), *[(p, p) for p in how["padding"]]], constant_values=1)
        how["padding"] = (0,) * axes
    return mean / np.mean(windows(extended(counted, more), **how), axis=window)


def max_pool1d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, *, ceil_mode: bool = False
) -> Any:
    """The largest entry of each window of a signal.

    Parameters
    ----------
    x : (N, C, L)
    kernel_size : int
    stride : int, optional
        The size of the kernel without it: windows side by side.
    padding, dilation : int
    ceil_mode : bool
        Whether a last window that reaches beyond the end counts.

    Examples
    --------
    >>> max_pool1d([[[3.0, 1.0, 4.0, 1.0, 5.0, 9.0]]], 2)
    array([[[3., 4., 9.]]])
    """
    return largest_of_windows(1, x, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool2d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, *, ceil_mode: bool = False
) -> Any:
    """The largest entry of each window of an image.

    Parameters
    ----------
    x : (N, C, H, W)
    kernel_size : int or (int, int)
    stride : int or (int, int), optional
        The size of the kernel without it: windows side by side.
    padding, dilation : int or (int, int)
    ceil_mode : bool
        Whether a last window that reaches beyond the end counts.

    Examples
    --------
    >>> max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """
    return largest_of_windows(2, x, kernel_size, stride, padding, dilation, ceil_mode)


def avg_pool1d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    *,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """The mean of each window of a signal.

    Parameters
    ----------
    x : (N, C, L)
    kernel_size : int
    stride : int, optional
        The size of the kernel without it: windows side by side.
    padding : int
    ceil_mode : bool
        Whether a last window that reaches beyond the end counts.
    count_include_pad : bool
        Whether the zeros of the padding count as entries.

    Examples
    --------
    >>> avg_pool1d([[[3.0, 1.0, 4.0, 2.0]]], 2)
    array([[[2., 3.]]])
    """
    return average_pool(1, x, kernel_size, stride, padding, ceil_mode, count_include_pad)


def avg_pool2d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    *,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """The mean of each window of an image.

    Parameters
    ----------
    x : (N, C, H, W)
    kernel_size : int or (int, int)
    stride : int or (int, int), optional
        The size of the kernel without it: windows side by side.
    padding : int or (int, int)
    ceil_mode : bool
        Whether a last window that reaches beyond the end counts.
    count_include_pad : bool
        Whether the zeros of the padding count as entries.

    Examples
    --------
    >>> avg_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    array([[[[ 2.5,  4.5],
             [10.5, 12.5]]]])
    """
    return average_pool(2, x, kernel_size, stride, padding, ceil_mode, count_include_pad)
