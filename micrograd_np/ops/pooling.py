"""Pooling: a reduction of the windows of signals and images."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import called
from .composed import stands_for
from .max_pooling import max_pool
from .primitive import as_array
from .windows import each_axis, windows


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
