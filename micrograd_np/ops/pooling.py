"""Sliding windows, their transpose (windows added where they overlap), and pooling: the largest entry or mean of each.

Which entries are the largest is constant near every x. So the rule that sends a cotangent to them is linear, and its
transpose takes the mean of what lies there. Entries that are equally large share equally, as in np.max."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ShapeError, describe
from .primitive import Bound, Primitive, as_array, example, implements, remembered
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
    gloss="the windows of x, each as an axis of its own",
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
    gloss="each window of g put back in its place, added up where they overlap",
)


def _max_pool(x: Any, kernel: Sizes, **how: Sizes) -> Any:
    """The largest entry of each window."""
    first, *rest = tap_views(x, kernel, -np.inf, **how)
    z = first.copy(order="K")
    for seen in rest:
        np.maximum(z, seen, out=z)
    return z


def where_largest(x: Any, z: Any, kernel: Sizes, **how: Sizes) -> tuple[list[Any], Any]:
    """Return masks of the largest entries, one for each entry of the kernel, and how many there are in each window.

    The count is 0 where z is nan: a cotangent divided by it and multiplied by False is nan for the whole window.
    """
    chosen = [seen == z for seen in tap_views(x, kernel, -np.inf, **how)]
    few = np.int8 if len(chosen) < 128 else np.int32  # so small that it takes on any float's dtype
    count: Any = np.zeros_like(z, dtype=few)
    for here in chosen:
        count += here
    return chosen, count


def _max_pool_input(y: Any, x: Any, z: Any, kernel: Sizes, **how: Sizes) -> Any:
    """Add each entry of y to the largest entry of its window in x; z holds those entries."""
    chosen, count = where_largest(x, z, kernel, **how)
    stride, padding, dilation = how["stride"], how["padding"], how["dilation"]
    share = np.empty_like(z, dtype=y.dtype)
    share[...] = y  # NumPy copies from one order in memory to another faster than it divides
    overlap = any(s <= d * (k - 1) for s, d, k in zip(stride, dilation, kernel, strict=True))
    tiled = not overlap and not any(padding) and len(chosen) * z.size == x.size  # each entry lies in one window
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
    chosen, count = where_largest(x, z, kernel, **how)
    with np.errstate(divide="ignore", invalid="ignore"):
        pairs = zip(chosen, tap_views(v, kernel, 0, **how), strict=True)
        return sum(np.where(here, seen, 0) for here, seen in pairs) / count


@remembered
def _bind_max_pool(x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Bound:
    x = as_array(x)
    return (x,), each_axis(x.ndim - 2, kernel=kernel, stride=stride, padding=padding, dilation=dilation)


def _bind_top(x: Any, z: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any, dict[str, Sizes]]:
    (x,), how = _bind_max_pool(x, *args, **kwargs)
    z, moves = as_array(z), {name: sizes for name, sizes in how.items() if name != "kernel"}
    check_steps(z.shape[2:], x.shape[2:], how["kernel"], moves)
    check_same_shape("z", z.shape[:2], "x", x.shape[:2])
    return x, z, how


@remembered
def _bind_input(y: Any, x: Any, z: Any, *args: Any, **kwargs: Any) -> Bound:
    y, (x, z, how) = as_array(y), _bind_top(x, z, *args, **kwargs)
    check_same_shape("y", y.shape, "z", z.shape)
    return (y, x, z), how


@remembered
def _bind_mean(v: Any, x: Any, z: Any, *args: Any, **kwargs: Any) -> Bound:
    v, (x, z, how) = as_array(v), _bind_top(x, z, *args, **kwargs)
    check_same_shape("v", v.shape, "x", x.shape)
    return (v, x, z), how


def check_same_shape(what: str, shape: Sizes, other: str, needed: Sizes) -> None:
    if shape != needed:
        raise ShapeError(f"{what} of shape {shape} does not lie where {other} of shape {needed} does.")


max_pool: Primitive = Primitive(
    _max_pool,
    lambda g, z, x, **how: max_pool_input(g, x, z, **how),
    bind=_bind_max_pool,
    examples=[
        example(D(2, 2, 5), 2, 2, 0, 1),
        example(D(1, 2, 5, 4), (3, 2), (2, 1), 1, 1),
        example(D(1, 1, 6, 5), 2, 1, (0, 1), (2, 3)),
    ],
    onnx="MaxPool",
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
    gloss="each entry of g, at the place of the largest entry of its window; equal ones share",
)
max_pool_mean: Primitive = Primitive(
    _max_pool_mean,
    lambda g, z, v, x, top, **how: max_pool_input(g, x, top, **how),
    None,
    None,
    bind=_bind_mean,
    examples=[example(D(2, 2, 5), *OF_SIGNALS), example(D(1, 2, 5, 4), *OF_IMAGES)],
    gloss="for each window, the mean of g over its largest entries",
)


# By the names that layers use.


def window_params(
    axes: int, x: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any = 1
) -> tuple[Any, dict[str, Any]]:
    """Return x and the parameters of its windows, which lie side by side unless a stride is given."""
    x = as_array(x)
    if x.ndim != axes + 2:
        sizes = "L" if axes == 1 else "H, W"
        raise ArgumentError(
            f"pooling takes x (N, C, {sizes}), not {describe(x, 'x')}. Add a missing axis with x[None]."
        )
    how = each_axis(axes, kernel=kernel_size, padding=padding, dilation=dilation)
    if any(2 * p > d * (k - 1) + 1 for k, p, d in zip(*how.values(), strict=True)):
        raise ArgumentError(
            f"padding={padding} is more than half of kernel_size={kernel_size}: windows without an entry."
        )
    return x, {**how, "stride": how["kernel"] if stride is None else stride}


def overhang(x: Any, how: dict[str, Any]) -> tuple[int, ...]:
    """For each axis, the entries beyond the padding that a last window needs; it has to begin before that padding."""
    axes = x.ndim - 2
    (stride,) = each_axis(axes, stride=how["stride"]).values()
    found = []
    for n, k, s, p, d in zip(x.shape[2:], how["kernel"], stride, how["padding"], how["dilation"], strict=True):
        steps = -(-(n + 2 * p - d * (k - 1) - 1) // s)
        steps -= steps * s >= n + p
        found.append(max(steps * s + d * (k - 1) + 1 - n - 2 * p, 0))
    return tuple(found)


def extended(x: Any, more: tuple[int, ...], fill: float, padding: Any = None) -> Any:
    """x with `more` entries at the far end of each axis, after the padding if that is given."""
    ends = [(p, p + m) for p, m in zip(padding or (0,) * len(more), more, strict=True)]
    return np.pad(x, [(0, 0), (0, 0), *ends], constant_values=fill) if any(map(any, ends)) else x


def largest_of_windows(
    axes: int, x: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Any:
    x, how = window_params(axes, x, kernel_size, stride, padding, dilation)
    return max_pool(extended(x, overhang(x, how), -np.inf) if ceil_mode else x, **how)


def average_pool(
    axes: int, x: Any, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool, count_include_pad: bool
) -> Any:
    x, how = window_params(axes, x, kernel_size, stride, padding)
    window = tuple(range(axes))
    ones = np.ones_like(x[:1, :1])
    if ceil_mode and any(more := overhang(x, how)):
        counted = extended(ones, (0,) * axes, 1, how["padding"]) if count_include_pad else ones
        counted = extended(counted, more, 0, None if count_include_pad else how["padding"])
        x, how = extended(x, more, 0, how["padding"]), {**how, "padding": (0,) * axes}
        return np.mean(windows(x, **how), axis=window) / np.mean(windows(counted, **how), axis=window)
    mean = np.mean(windows(x, **how), axis=window)
    return mean if count_include_pad else mean / np.mean(windows(ones, **how), axis=window)


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
