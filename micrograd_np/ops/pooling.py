"""Pooling: the largest entry, or the mean, of each window of signals and images.

Which entries are the largest is constant near every x. So the rule that sends a cotangent to them is linear, and its
transpose takes the mean of what lies there. Entries that are equally large share equally, as in np.max."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import called
from .primitive import Bound, Primitive, as_array, example, implements
from .primitive import Drawn as D
from .windows import Sizes, check_steps, each_axis, entries, inside, padded, taps, windows


def _max_pool(x: Any, kernel: Sizes, **how: Sizes) -> Any:
    """The largest entry of each window."""
    first, *rest = entries(x, kernel, -np.inf, **how)
    z = first.copy(order="K")
    for seen in rest:
        np.maximum(z, seen, out=z)
    return z


def where_largest(x: Any, z: Any, kernel: Sizes, **how: Sizes) -> tuple[list[Any], Any]:
    """Where each entry of the kernel falls on the largest of its window, z; and how many of a window do.

    None does where z is nan: a cotangent divided by that 0, and multiplied by False, is nan for all of the window.
    """
    chosen = [seen == z for seen in entries(x, kernel, -np.inf, **how)]
    few = np.int8 if len(chosen) < 128 else np.int32  # so small that it takes on any float's dtype
    count: Any = np.zeros_like(z, dtype=few)
    for here in chosen:
        count += here
    return chosen, count


def _max_pool_input(y: Any, x: Any, z: Any, kernel: Sizes, **how: Sizes) -> Any:
    """For each window of x, its entry of y to the largest of the window, z."""
    chosen, count = where_largest(x, z, kernel, **how)
    stride, padding, dilation = how["stride"], how["padding"], how["dilation"]
    share = np.empty_like(z, dtype=y.dtype)
    share[...] = y  # NumPy copies from one order in memory to another faster than it divides
    overlap = any(s <= d * (k - 1) for s, d, k in zip(stride, dilation, kernel, strict=True))
    tiled = not overlap and not any(padding) and len(chosen) * z.size == x.size  # each entry lies in one window
    wide = padded((np.empty_like if tiled else np.zeros_like)(x, dtype=y.dtype), padding, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share /= count
        for here, (_, where) in zip(chosen, taps(kernel, share.shape[2:], stride, dilation), strict=True):
            if overlap:
                wide[where] += share * here
            else:
                np.multiply(share, here, out=wide[where])
    return wide[inside(x.shape[2:], padding)]


def _max_pool_mean(v: Any, x: Any, z: Any, kernel: Sizes, **how: Sizes) -> Any:
    """For each window of x, the mean of the entries of v that lie where x is the largest of the window, z."""
    chosen, count = where_largest(x, z, kernel, **how)
    with np.errstate(divide="ignore", invalid="ignore"):
        pairs = zip(chosen, entries(v, kernel, 0, **how), strict=True)
        return sum(np.where(here, seen, 0) for here, seen in pairs) / count


def _bind_max_pool(x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Bound:
    x = as_array(x)
    return (x,), each_axis(x.ndim - 2, kernel=kernel, stride=stride, padding=padding, dilation=dilation)


def _bind_top(x: Any, z: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any, dict[str, Sizes]]:
    (x,), how = _bind_max_pool(x, *args, **kwargs)
    z, moves = as_array(z), {name: sizes for name, sizes in how.items() if name != "kernel"}
    check_steps(z.shape[2:], x.shape[2:], how["kernel"], moves)
    check_shape("z", z.shape[:2], "x", x.shape[:2])
    return x, z, how


def _bind_input(y: Any, x: Any, z: Any, *args: Any, **kwargs: Any) -> Bound:
    y, (x, z, how) = as_array(y), _bind_top(x, z, *args, **kwargs)
    check_shape("y", y.shape, "z", z.shape)
    return (y, x, z), how


def _bind_mean(v: Any, x: Any, z: Any, *args: Any, **kwargs: Any) -> Bound:
    v, (x, z, how) = as_array(v), _bind_top(x, z, *args, **kwargs)
    check_shape("v", v.shape, "x", x.shape)
    return (v, x, z), how


def check_shape(what: str, shape: Sizes, other: str, needed: Sizes) -> None:
    if shape != needed:
        raise ValueError(f"{what} of shape {shape} does not lie where {other} of shape {needed} does.")


max_pool: Primitive = Primitive(
    _max_pool,
    lambda g, z, x, **how: max_pool_input(g, x, z, **how),
    bind=_bind_max_pool,
    examples=[
        example(D(2, 2, 5), 2, 2, 0, 1),
        example(D(1, 2, 5, 4), (3, 2), (2, 1), 1, 1),
        example(D(1, 1, 6, 5), 2, 1, (0, 1), (2, 3)),
    ],
)
# An array, the largest entries of its windows, and how these lie.
SIGNALS = np.sin(np.arange(20.0)).reshape(2, 2, 5)
IMAGES = np.sin(np.arange(40.0)).reshape(1, 2, 5, 4)
PAIRS, TALL = (2, 2, 0, 1), ((3, 2), (2, 1), 1, 1)
OF_SIGNALS = SIGNALS, max_pool(SIGNALS, *PAIRS), *PAIRS
OF_IMAGES = IMAGES, max_pool(IMAGES, *TALL), *TALL
max_pool_input: Primitive = Primitive(
    _max_pool_input,
    lambda g, z, y, x, top, **how: max_pool_mean(g, x, top, **how),
    None,
    None,
    bind=_bind_input,
    examples=[example(D(2, 2, 2), *OF_SIGNALS), example(D(1, 2, 3, 5), *OF_IMAGES)],
)
max_pool_mean: Primitive = Primitive(
    _max_pool_mean,
    lambda g, z, v, x, top, **how: max_pool_input(g, x, top, **how),
    None,
    None,
    bind=_bind_mean,
    examples=[example(D(2, 2, 5), *OF_SIGNALS), example(D(1, 2, 5, 4), *OF_IMAGES)],
)


# By the names that layers use.


def moves(
    axes: int, x: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any = 1
) -> tuple[Any, dict[str, Any]]:
    """x, and how the windows lie in it: side by side unless a stride is given."""
    x = as_array(x)
    if x.ndim != axes + 2:
        sizes = "L" if axes == 1 else "H, W"
        raise ValueError(f"pooling takes x (N, C, {sizes}), not {called(x, 'x')}. Add a missing axis with x[None].")
    how = each_axis(axes, kernel=kernel_size, padding=padding, dilation=dilation)
    if any(2 * p > d * (k - 1) + 1 for k, p, d in zip(*how.values(), strict=True)):
        raise ValueError(f"padding={padding} is more than half of kernel_size={kernel_size}: windows without an entry.")
    return x, {**how, "stride": how["kernel"] if stride is None else stride}


def average(axes: int, x: Any, kernel_size: Any, stride: Any, padding: Any, count_include_pad: bool) -> Any:
    x, how = moves(axes, x, kernel_size, stride, padding)
    window = tuple(range(axes))
    mean = np.mean(windows(x, **how), axis=window)
    if count_include_pad:
        return mean
    return mean / np.mean(windows(np.ones_like(x[:1, :1]), **how), axis=window)


@implements()
def max_pool1d(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1) -> Any:
    """The largest entry of each window of a signal.

    Parameters
    ----------
    x : (N, C, L)
    kernel_size : int
    stride : int, optional
        The size of the kernel without it: windows side by side.
    padding, dilation : int

    Examples
    --------
    >>> max_pool1d([[[3.0, 1.0, 4.0, 1.0, 5.0, 9.0]]], 2)
    array([[[3., 4., 9.]]])
    """
    x, how = moves(1, x, kernel_size, stride, padding, dilation)
    return max_pool(x, **how)


@implements()
def max_pool2d(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1) -> Any:
    """The largest entry of each window of an image.

    Parameters
    ----------
    x : (N, C, H, W)
    kernel_size : int or (int, int)
    stride : int or (int, int), optional
        The size of the kernel without it: windows side by side.
    padding, dilation : int or (int, int)

    Examples
    --------
    >>> max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """
    x, how = moves(2, x, kernel_size, stride, padding, dilation)
    return max_pool(x, **how)


@implements()
def avg_pool1d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, *, count_include_pad: bool = True
) -> Any:
    """The mean of each window of a signal.

    Parameters
    ----------
    x : (N, C, L)
    kernel_size : int
    stride : int, optional
        The size of the kernel without it: windows side by side.
    padding : int
    count_include_pad : bool
        Whether the zeros of the padding count as entries.

    Examples
    --------
    >>> avg_pool1d([[[3.0, 1.0, 4.0, 2.0]]], 2)
    array([[[2., 3.]]])
    """
    return average(1, x, kernel_size, stride, padding, count_include_pad)


@implements()
def avg_pool2d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, *, count_include_pad: bool = True
) -> Any:
    """The mean of each window of an image.

    Parameters
    ----------
    x : (N, C, H, W)
    kernel_size : int or (int, int)
    stride : int or (int, int), optional
        The size of the kernel without it: windows side by side.
    padding : int or (int, int)
    count_include_pad : bool
        Whether the zeros of the padding count as entries.

    Examples
    --------
    >>> avg_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    array([[[[ 2.5,  4.5],
             [10.5, 12.5]]]])
    """
    return average(2, x, kernel_size, stride, padding, count_include_pad)
