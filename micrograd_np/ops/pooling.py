"""Pooling: a reduction of the windows of signals and images.

Entries that are equally the largest of a window share its gradient equally, as they do in np.max. Which entries these
are is constant near every x, so that sending a cotangent to them is linear, and its transpose takes their mean.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import called
from .composed import stands_for
from .primitive import Bound, Primitive, as_array, example
from .primitive import Drawn as D
from .windows import Sizes, check_steps, count_steps, each_axis, inside, padded, taps, windows


def entries(x: Any, kernel: Sizes, fill: float, padding: Sizes, **moves: Sizes) -> list[Any]:
    """For each entry of the kernel, what of x it falls on as the kernel moves: views."""
    steps = count_steps(x.shape[-len(kernel) :], kernel, padding=padding, **moves)
    wide = padded(x, padding, fill)
    return [wide[where] for _, where in taps(kernel, steps, **moves)]


def _max_pool(x: Any, kernel: Sizes, **how: Sizes) -> Any:
    """The largest entry of each window."""
    first, *rest = entries(x, kernel, -np.inf, **how)
    z = first.copy()
    for seen in rest:
        np.maximum(z, seen, out=z)
    return z


def largest(x: Any, dtype: Any, kernel: Sizes, **how: Sizes) -> tuple[list[Any], Any]:
    """Where each entry of the kernel falls on the largest of its window; and how many of a window do."""
    z = _max_pool(x, kernel, **how)
    chosen = [seen == z for seen in entries(x, kernel, -np.inf, **how)]
    count = np.zeros(z.shape, dtype, like=x)
    for here in chosen:
        count += here
    return chosen, np.maximum(count, 1, out=count)  # none is equal to a nan


def _max_pool_input(y: Any, x: Any, kernel: Sizes, **how: Sizes) -> Any:
    """For each window of x, its entry of y to the largest of the window."""
    chosen, count = largest(x, y.dtype, kernel, **how)
    z = np.zeros(x.shape, y.dtype, like=y)
    if any(how["padding"]):
        z = padded(z, how["padding"], 0)
    share = y / count
    for here, (_, where) in zip(chosen, taps(kernel, y.shape[2:], how["stride"], how["dilation"]), strict=True):
        z[where] += share * here
    return z[inside(x.shape[2:], how["padding"])] if any(how["padding"]) else z


def _max_pool_mean(v: Any, x: Any, kernel: Sizes, **how: Sizes) -> Any:
    """For each window of x, the mean of the entries of v that lie where x is the largest of the window."""
    chosen, count = largest(x, v.dtype, kernel, **how)
    z = np.zeros(count.shape, v.dtype, like=v)
    for here, seen in zip(chosen, entries(v, kernel, 0, **how), strict=True):
        z += here * seen
    return z / count


def _bind_max_pool(x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Bound:
    x = as_array(x)
    return (x,), each_axis(x.ndim - 2, kernel=kernel, stride=stride, padding=padding, dilation=dilation)


def _bind_input(y: Any, x: Any, *args: Any, **kwargs: Any) -> Bound:
    (x,), how = _bind_max_pool(x, *args, **kwargs)
    y, moves = as_array(y), {name: sizes for name, sizes in how.items() if name != "kernel"}
    check_steps(y.shape[2:], x.shape[2:], how["kernel"], moves)
    check_shape("y", y.shape[:2], x.shape[:2])
    return (y, x), how


def _bind_mean(v: Any, x: Any, *args: Any, **kwargs: Any) -> Bound:
    (x,), how = _bind_max_pool(x, *args, **kwargs)
    v = as_array(v)
    check_shape("v", v.shape, x.shape)
    return (v, x), how


def check_shape(what: str, shape: Sizes, needed: Sizes) -> None:
    if shape != needed:
        raise ValueError(f"{what} of shape {shape} does not lie where x of shape {needed} does.")


max_pool: Primitive = Primitive(
    _max_pool,
    lambda g, z, x, **how: max_pool_input(g, x, **how),
    bind=_bind_max_pool,
    examples=[
        example(D(2, 2, 5), 2, 2, 0, 1),
        example(D(1, 2, 5, 4), (3, 2), (2, 1), 1, 1),
        example(D(1, 1, 6, 5), 2, 1, (0, 1), (2, 3)),
    ],
)
SIGNALS = np.sin(np.arange(20.0)).reshape(2, 2, 5)
IMAGES = np.sin(np.arange(40.0)).reshape(1, 2, 5, 4)
max_pool_input: Primitive = Primitive(
    _max_pool_input,
    lambda g, z, y, x, **how: max_pool_mean(g, x, **how),
    None,
    bind=_bind_input,
    examples=[example(D(2, 2, 2), SIGNALS, 2, 2, 0, 1), example(D(1, 2, 3, 5), IMAGES, (3, 2), (2, 1), 1, 1)],
)
max_pool_mean: Primitive = Primitive(
    _max_pool_mean,
    lambda g, z, v, x, **how: max_pool_input(g, x, **how),
    None,
    bind=_bind_mean,
    examples=[example(D(2, 2, 5), SIGNALS, 2, 2, 0, 1), example(D(1, 2, 5, 4), IMAGES, (3, 2), (2, 1), 1, 1)],
)


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


@stands_for()
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


@stands_for()
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


@stands_for()
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


@stands_for()
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
