"""Convolutions and pooling as layers: kernels and windows that move over signals and images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..core.errors import ArgumentError, ShapeError, describe
from ..core.tensor import trace_constant
from ..ops.conv import check_output_padding, conv1d, conv2d, conv_transpose1d, conv_transpose2d, named_padding
from ..ops.windows import ORDERS, avg_pool1d, avg_pool2d, each_axis, max_pool1d, max_pool2d, one_per_axis
from .init import Initialiser, drawn, zeros
from .layers import Function
from .module import Module, documented_like
from .validation import checked_input, validate


class Convolution(Module):
    """Kernels that move over signals or images; the weight is (out_channels, in_channels / groups, *kernel_size).

    Parameters
    ----------
    in_channels, out_channels : int
        The sizes of axis 1 of input and output.
    kernel_size : int or tuple of int
        The size of the kernel, one for all axes or one for each.
    stride : int or tuple of int
        The distance between neighbouring windows.
    padding : int or tuple of int, 'same' or 'valid'
        The zeros at both ends of each axis. With 'same' the output has the input's size, for a stride of 1; 'valid'
        is 0.
    dilation : int or tuple of int
        The distance between the entries of x that neighbouring entries of the kernel meet.
    groups : int
        The number of parts that the channels are split into; each kernel sees the channels of one part.
    bias : bool
        Whether a number is added to each output channel; it begins as 0.
    rng : Generator, optional
        The source of the first weights; a fresh one without it.
    init : callable, optional
        (rng, shape) to the first weights, such as `nn.init.he_normal`; `nn.init.fan_in_uniform` without it.
    dtype : dtype
        The floating-point dtype of the parameters.

    Raises
    ------
    ValueError
        When the layer is called, if axis 1 of x is not of size in_channels, or the kernel does not fit into x.
    TypeError
        If NumPy would promote x and the weight to another dtype than the weight's.
    """

    _axes: ClassVar[int]
    _function: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        rng: np.random.Generator | None = None,
        init: Initialiser | None = None,
        dtype: Any = float,
    ) -> None:
        validate(self, in_channels=in_channels, out_channels=out_channels, kernel_size=kernel_size, stride=stride)
        validate(self, dilation=dilation, groups=groups, bias=bias)
        if in_channels % groups or out_channels % groups:
            raise ArgumentError(
                f"{type(self).__name__}: groups={groups} must divide in_channels={in_channels} and "
                f"out_channels={out_channels}."
            )
        kernel = one_per_axis("kernel_size", kernel_size, self._axes)
        if isinstance(padding, str):
            moves = each_axis(self._axes, stride=stride, dilation=dilation)
            named_padding(type(self).__name__, padding, kernel, **moves)
        else:
            validate(self, padding=padding)
        self.weight = drawn(self, init, rng, (*self._channels(in_channels, out_channels, groups), *kernel), dtype)
        self.bias = drawn(self, zeros, rng, (out_channels,), dtype) if bias else None
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups

    def _channels(self, in_channels: int, out_channels: int, groups: int) -> tuple[int, int]:
        """The first two sizes of the weight."""
        return out_channels, in_channels // groups

    def forward(self, x: Any) -> Any:
        x = checked_input(self, x, self.weight)
        return self._function(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


@documented_like(Convolution)
class Conv1d(Convolution):
    """Kernels that move over signals: (N, C, L) to (N, O, steps).

    Examples
    --------
    >>> Conv1d(3, 8, 5, padding=2)(np.ones((2, 3, 10))).shape
    (2, 8, 10)
    """

    _axes = 1
    _function = staticmethod(conv1d)


@documented_like(Convolution)
class Conv2d(Convolution):
    """Kernels that move over images: (N, C, H, W) to (N, O, steps, steps).

    Examples
    --------
    >>> Conv2d(3, 8, 3, stride=2)(np.ones((2, 3, 9, 9))).shape
    (2, 8, 4, 4)
    """

    _axes = 2
    _function = staticmethod(conv2d)


class ConvTranspose(Convolution):
    """The transpose of a convolution: each entry of x scales a kernel, and overlapping kernels are added.

    The weight is (in_channels, out_channels / groups, *kernel_size), as in PyTorch.

    Parameters
    ----------
    in_channels, out_channels : int
        The sizes of axis 1 of input and output.
    kernel_size : int or tuple of int
        The size of the kernel, one for all axes or one for each.
    stride : int or tuple of int
        The distance between the kernels that neighbouring entries of x lay down.
    padding : int or tuple of int
        The entries that are cut off at both ends of the output.
    output_padding : int or tuple of int
        The entries that are added at the far end of the output; below stride or dilation.
    groups : int
        The number of parts that the channels are split into; each kernel sees the channels of one part.
    bias : bool
        Whether a number is added to each output channel; it begins as 0.
    dilation : int or tuple of int
        The distance between the entries of the kernel in the output.
    rng : Generator, optional
        The source of the first weights; a fresh one without it.
    init : callable, optional
        (rng, shape) to the first weights, such as `nn.init.he_normal`; `nn.init.fan_in_uniform` without it.
    dtype : dtype
        The floating-point dtype of the parameters.

    Raises
    ------
    ValueError
        When the layer is called, if axis 1 of x is not of size in_channels, or padding removes the whole result.
    TypeError
        If NumPy would promote x and the weight to another dtype than the weight's.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        *,
        rng: np.random.Generator | None = None,
        init: Initialiser | None = None,
        dtype: Any = float,
    ) -> None:
        validate(self, padding=padding, output_padding=output_padding)
        options: dict[str, Any] = {"rng": rng, "init": init, "dtype": dtype}
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, **options)
        sizes = each_axis(self._axes, output_padding=output_padding, stride=stride, dilation=dilation)
        check_output_padding(type(self).__name__, **sizes)
        self.output_padding = output_padding

    def _channels(self, in_channels: int, out_channels: int, groups: int) -> tuple[int, int]:
        return in_channels, out_channels // groups

    def forward(self, x: Any) -> Any:
        x = checked_input(self, x, self.weight)
        moves = (self.stride, self.padding, self.output_padding, self.groups, self.dilation)
        return self._function(x, self.weight, self.bias, *moves)


@documented_like(ConvTranspose)
class ConvTranspose1d(ConvTranspose):
    """The transpose of a convolution of signals: (N, C, L) to (N, O, size).

    Examples
    --------
    >>> ConvTranspose1d(3, 8, 4, stride=2, padding=1)(np.ones((2, 3, 10))).shape
    (2, 8, 20)
    """

    _axes = 1
    _function = staticmethod(conv_transpose1d)


@documented_like(ConvTranspose)
class ConvTranspose2d(ConvTranspose):
    """The transpose of a convolution of images: (N, C, H, W) to (N, O, height, width).

    Examples
    --------
    >>> ConvTranspose2d(3, 8, 2, stride=2)(np.ones((2, 3, 4, 5))).shape
    (2, 8, 8, 10)
    """

    _axes = 2
    _function = staticmethod(conv_transpose2d)


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

    _function = staticmethod(max_pool1d)


@documented_like(MaxPool1d)
class MaxPool2d(Function, axes=2):
    """The largest entry of each window of images (N, C, H, W).

    Examples
    --------
    >>> MaxPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """

    _function = staticmethod(max_pool2d)


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

    _function = staticmethod(avg_pool1d)


@documented_like(AvgPool1d)
class AvgPool2d(Function, axes=2):
    """The mean of each window of images (N, C, H, W).

    Examples
    --------
    >>> AvgPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 2.5,  4.5],
             [10.5, 12.5]]]])
    """

    _function = staticmethod(avg_pool2d)


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
