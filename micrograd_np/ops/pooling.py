"""Pooling: the largest entry or the mean of each window.

Which entries are the largest is constant near every x. So the rule that sends a cotangent to them is linear, and its
transpose takes the mean of what lies there. Entries that are equally large share equally, as in np.max."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import ArgumentError, check_shape, describe
from .primitive import Drawn as D
from .primitive import Primitive, as_array, as_given, example, implements
from .windows import (
    ORDERS,
    OVERLAPPING,
    SIDE_BY_SIDE,
    SPREAD,
    Sizes,
    each_axis,
    extended,
    padded,
    tap_indices,
    tap_views,
    unpadded_index,
    windows,
)

# The kernels go through the entries of the kernel, not of the image: of each, NumPy compares all windows at once.


def lowest(dtype: np.dtype[Any]) -> float | int:
    """Return the value that no entry is below, for padding."""
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min if dtype.kind in "iu" else 0


def _max_pool(x: Any, kernel: Sizes, **how: Sizes) -> Any:
    """The largest entry of each window."""
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
    # Where each entry lies in one window at most, its share is written in place of being added; where each lies in
    # one, nothing has to be set to 0 before.
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
    """The mean of v over the largest entries of each window of x; z holds those entries."""
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
# An array, the largest entries of its windows, and how these lie.
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


# By the names that layers use.


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
    """For each axis, the entries beyond the padding that a last window needs; it has to begin before that padding."""
    found = []
    for n, k, s, p, d in zip(x.shape[2:], *how.values(), strict=True):
        steps = -(-(n + 2 * p - d * (k - 1) - 1) // s)
        steps -= steps * s >= n + p
        found.append(max(steps * s + d * (k - 1) + 1 - n - 2 * p, 0))
    return tuple(found)


def largest_of_windows(
    axes: int, x: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Any:
    """The largest entry of each window."""
    x, how = window_params(axes, x, kernel_size, stride, padding, dilation)
    return max_pool(extended(x, overhang(x, how), lowest(x.dtype)) if ceil_mode else x, **how)


def average_pool(
    axes: int, x: Any, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool, count_include_pad: bool
) -> Any:
    """The sum of each window, by the number of its entries that count: all, but for those beyond the padding."""
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


@implements()
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


@implements()
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


@implements()
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


@implements()
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
