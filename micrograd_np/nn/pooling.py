"""Pooling as layers: the largest entry or the mean of windows over signals and images."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..core.errors import ShapeError, describe
from ..core.tensor import trace_constant
from ..ops import pooling
from ..ops.windows import ORDERS
from .module import Module, documented_like
from .stateless import Function
from .validation import checked_input, validate


class MaxPool1d(Function):
    """The largest entry of each window of signals (N, C, L).

    Parameters
    ----------
    kernel_size : int or tuple of int
        The size of the window, one for all axes or one for each.
    stride : int or tuple of int, optional
        The distance between windows; their size without it.
    padding : int or tuple of int
        The entries added at both ends of each axis: minus infinity.
    dilation : int or tuple of int
        The distance between the entries of a window.
    ceil_mode : bool
        Whether a last window that reaches beyond the end counts.

    Examples
    --------
    >>> MaxPool1d(2)(np.array([[[1.0, 3.0, 2.0, 0.0]]]))
    array([[[3., 2.]]])
    """

    _function = staticmethod(pooling.max_pool1d)


class MaxPool2d(Function, axes=2):
    """The largest entry of each window of images (N, C, H, W).

    Parameters
    ----------
    kernel_size : int or tuple of int
        The size of the window, one for all axes or one for each.
    stride : int or tuple of int, optional
        The distance between windows; their size without it.
    padding : int or tuple of int
        The entries added at both ends of each axis: minus infinity.
    dilation : int or tuple of int
        The distance between the entries of a window.
    ceil_mode : bool
        Whether a last window that reaches beyond the end counts.

    Examples
    --------
    >>> MaxPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """

    _function = staticmethod(pooling.max_pool2d)


class AvgPool1d(Function):
    """The mean of each window of signals (N, C, L).

    Parameters
    ----------
    kernel_size : int or tuple of int
        The size of the window, one for all axes or one for each.
    stride : int or tuple of int, optional
        The distance between windows; their size without it.
    padding : int or tuple of int
        The entries added at both ends of each axis: zeros.
    ceil_mode : bool
        Whether a last window that reaches beyond the end counts.
    count_include_pad : bool
        Whether the zeros of the padding count in the mean.

    Examples
    --------
    >>> AvgPool1d(2)(np.array([[[1.0, 3.0, 2.0, 0.0]]]))
    array([[[2., 1.]]])
    """

    _function = staticmethod(pooling.avg_pool1d)


class AvgPool2d(Function, axes=2):
    """The mean of each window of images (N, C, H, W).

    Parameters
    ----------
    kernel_size : int or tuple of int
        The size of the window, one for all axes or one for each.
    stride : int or tuple of int, optional
        The distance between windows; their size without it.
    padding : int or tuple of int
        The entries added at both ends of each axis: zeros.
    ceil_mode : bool
        Whether a last window that reaches beyond the end counts.
    count_include_pad : bool
        Whether the zeros of the padding count in the mean.

    Examples
    --------
    >>> AvgPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 2.5,  4.5],
             [10.5, 12.5]]]])
    """

    _function = staticmethod(pooling.avg_pool2d)


class AdaptivePool(Module):
    """Average pooling to a given output size: windows of about the same size cover each axis of x.

    Window i of n over L entries begins at floor(i * L / n) and ends before ceil((i + 1) * L / n), as in PyTorch.

    Parameters
    ----------
    output_size : int or tuple of int
        The number of windows, one for all axes or one for each.

    Raises
    ------
    ValueError
        When the layer is called, if x has another number of axes, or no entries.
    """

    _axes: ClassVar[int]

    def __init__(self, output_size: Any) -> None:
        validate(self, output_size=output_size)
        self.output_size = output_size

    def forward(self, x: Any) -> Any:
        x = checked_input(self, x)
        if x.ndim != self._axes + 2 or 0 in x.shape[2:]:
            raise ShapeError(
                f"{type(self).__name__} takes x {ORDERS[self._axes]} with entries to take the mean of, not "
                f"{describe(x, 'x')}. Add a missing axis with x[None]."
            )
        counts = self.output_size if isinstance(self.output_size, tuple | list) else [self.output_size] * self._axes
        for axis, count in zip(range(-self._axes, 0), counts, strict=True):
            x = np.moveaxis(np.matmul(np.moveaxis(x, axis, -1), window_means(x.shape[axis], count, x.dtype)), -1, axis)
        return x


def window_means(size: int, count: int, dtype: Any) -> Any:
    """Return a matrix (size, count); a row times this matrix gives the means of `count` windows over the row."""
    starts = np.arange(count) * size // count
    stops = -(-np.arange(1, count + 1) * size // count)
    places = np.arange(size)[:, None]
    inside = (places >= starts) & (places < stops)
    return trace_constant((inside / (stops - starts)).astype(dtype))


@documented_like(AdaptivePool)
class AdaptiveAvgPool1d(AdaptivePool):
    """The means of windows over signals: (N, C, L) to (N, C, output_size).

    Examples
    --------
    >>> AdaptiveAvgPool1d(2)(np.array([[[1.0, 3.0, 5.0, 7.0]]]))
    array([[[2., 6.]]])
    """

    _axes = 1


@documented_like(AdaptivePool)
class AdaptiveAvgPool2d(AdaptivePool):
    """The means of windows over images: (N, C, H, W) to (N, C, *output_size).

    Examples
    --------
    >>> AdaptiveAvgPool2d(1)(np.ones((2, 3, 4, 5))).shape
    (2, 3, 1, 1)
    """

    _axes = 2
