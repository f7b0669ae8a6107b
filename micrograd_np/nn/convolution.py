"""Convolutions and pooling as layers: kernels and windows that move over signals and images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..core.errors import ArgumentError, ShapeError, describe
from ..core.tensor import trace_constant
from ..ops import convolution as ops
from .init import Initialiser, Rng, drawn, zeros
from .layers import Function
from .module import Module, document_like
from .validation import checked_input


class Convolution(Module):
    """The base of Conv1d and Conv2d: kernels move over x, and each position gives a sum of products.

    The weight is (out_channels, in_channels / groups, *kernel_size).

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
        Neighbouring entries of the kernel are multiplied with entries of x this far apart.
    groups : int
        The number of parts that the channels are split into; each kernel sees the channels of one part.
    bias : bool
        Whether a number is added to each output channel; it begins as 0.
    rng : Generator, optional
        The random generator of the first weights. None: a new one.
    init : callable, optional
        A function of (rng, shape) that returns the first weights, such as `nn.init.he_normal`. None:
        `nn.init.fan_in_uniform`.
    dtype : dtype
        The floating-point dtype of the parameters.

    Raises
    ------
    ValueError
        When the layer is called, if axis 1 of x is not of size in_channels, or the kernel does not fit into x.
    TypeError
        If NumPy would promote x and the weight to another dtype than the weight's.
    """

    _axes: ClassVar[int]  # the number of axes that the kernel moves along
    _is_transposed: ClassVar[bool] = False
    _function: ClassVar[Callable[..., Any]]  # the function of ops/convolution.py that forward calls

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
        rng: Rng = None,
        init: Initialiser | None = None,
        dtype: Any = float,
    ) -> None:
        if in_channels % groups or out_channels % groups:
            sizes = f"in_channels={in_channels} and out_channels={out_channels}"
            raise ArgumentError(f"{type(self).__name__}: groups={groups} must divide {sizes}.")
        kernel = ops.one_per_axis("kernel_size", kernel_size, self._axes)
        if isinstance(padding, str):
            # Raises for another name than 'same' and 'valid', and for 'same' with a stride.
            ops.named_padding(type(self).__name__, padding, kernel, stride, dilation)
        first, second = (in_channels, out_channels) if self._is_transposed else (out_channels, in_channels)
        self.weight = drawn(self, init, rng, (first, second // groups, *kernel), dtype)
        self.bias = drawn(self, zeros, rng, (out_channels,), dtype) if bias else None
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups

    def forward(self, x: Any) -> Any:
        x = checked_input(self, x, self.weight)
        return self._function(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Conv1d(Convolution):
    """Kernels that move over signals (N samples, C channels, length L); the result is (N, out_channels, windows).

    Examples
    --------
    >>> Conv1d(3, 8, 5, padding=2)(np.ones((2, 3, 10))).shape
    (2, 8, 10)
    """

    _axes = 1
    _function = staticmethod(ops.conv1d)


class Conv2d(Convolution):
    """Kernels that move over images (N, C, height, width); the result is (N, out_channels, windows down, across).

    Examples
    --------
    >>> Conv2d(3, 8, 3, stride=2)(np.ones((2, 3, 9, 9))).shape
    (2, 8, 4, 4)
    """

    _axes = 2
    _function = staticmethod(ops.conv2d)


class ConvTranspose(Convolution):
    """The base of ConvTranspose1d and ConvTranspose2d, the transposes of convolutions.

    Each entry of x scales a copy of the kernel, and copies that overlap are added. The weight is
    (in_channels, out_channels / groups, *kernel_size), as in PyTorch.

    Parameters
    ----------
    in_channels, out_channels : int
        The sizes of axis 1 of input and output.
    kernel_size : int or tuple of int
        The size of the kernel, one for all axes or one for each.
    stride : int or tuple of int
        The distance in the output between the kernels of neighbouring entries of x.
    padding : int or tuple of int
        How many entries are cut off at both ends of each axis of the output.
    output_padding : int or tuple of int
        How many entries are added at the far end of each axis of the output. Must be smaller than the stride.
    groups : int
        The number of parts that the channels are split into; each kernel sees the channels of one part.
    bias : bool
        Whether a number is added to each output channel; it begins as 0.
    rng : Generator, optional
        The random generator of the first weights. None: a new one.
    init : callable, optional
        A function of (rng, shape) that returns the first weights, such as `nn.init.he_normal`. None:
        `nn.init.fan_in_uniform`.
    dtype : dtype
        The floating-point dtype of the parameters.

    Raises
    ------
    ValueError
        When the layer is called, if axis 1 of x is not of size in_channels, or padding removes the whole result.
    TypeError
        If NumPy would promote x and the weight to another dtype than the weight's.
    """

    _is_transposed = True

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
        *,
        rng: Rng = None,
        init: Initialiser | None = None,
        dtype: Any = float,
    ) -> None:
        # The base class also takes padding='same'.
        ops.one_per_axis("padding", padding, self._axes, type(self).__name__)
        options: dict[str, Any] = {"rng": rng, "init": init, "dtype": dtype}
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, 1, groups, bias, **options)
        ops.checked_output_padding(type(self).__name__, self._axes, output_padding, stride)
        self.output_padding = output_padding

    def forward(self, x: Any) -> Any:
        x = checked_input(self, x, self.weight)
        options = (self.stride, self.padding, self.output_padding, self.groups)
        return self._function(x, self.weight, self.bias, *options)


class ConvTranspose1d(ConvTranspose):
    """The transpose of a convolution of signals (N, C, L); the result is (N, out_channels, length).

    Examples
    --------
    >>> ConvTranspose1d(3, 8, 4, stride=2, padding=1)(np.ones((2, 3, 10))).shape
    (2, 8, 20)
    """

    _axes = 1
    _function = staticmethod(ops.conv_transpose1d)


class ConvTranspose2d(ConvTranspose):
    """The transpose of a convolution of images (N, C, H, W); the result is (N, out_channels, height, width).

    Examples
    --------
    >>> ConvTranspose2d(3, 8, 2, stride=2)(np.ones((2, 3, 4, 5))).shape
    (2, 8, 8, 10)
    """

    _axes = 2
    _function = staticmethod(ops.conv_transpose2d)


class MaxPool1d(Function):
    """The largest entry of each window of signals (N, C, L).

    Parameters
    ----------
    kernel_size : int or tuple of int
        The size of the window, one for all axes or one for each.
    stride : int or tuple of int, optional
        The distance between windows. None: the size of a window.
    padding : int or tuple of int
        How many entries are added at both ends of each axis. They are minus infinity.
    dilation : int or tuple of int
        The distance between the entries of a window.

    Examples
    --------
    >>> MaxPool1d(2)(np.array([[[1.0, 3.0, 2.0, 0.0]]]))
    array([[[3., 2.]]])
    """

    _function = staticmethod(ops.max_pool1d)


class MaxPool2d(Function, axes=2):  # the arguments may be tuples of two numbers
    """The largest entry of each window of images (N, C, H, W).

    Examples
    --------
    >>> MaxPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """

    _function = staticmethod(ops.max_pool2d)


document_like(MaxPool2d, MaxPool1d)


class AvgPool1d(Function):
    """The mean of each window of signals (N, C, L).

    Parameters
    ----------
    kernel_size : int or tuple of int
        The size of the window, one for all axes or one for each.
    stride : int or tuple of int, optional
        The distance between windows. None: the size of a window.
    padding : int or tuple of int
        How many entries are added at both ends of each axis. They are 0, and count in the mean.

    Examples
    --------
    >>> AvgPool1d(2)(np.array([[[1.0, 3.0, 2.0, 0.0]]]))
    array([[[2., 1.]]])
    """

    _function = staticmethod(ops.avg_pool1d)


class AvgPool2d(Function, axes=2):  # as for MaxPool2d
    """The mean of each window of images (N, C, H, W).

    Examples
    --------
    >>> AvgPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 2.5,  4.5],
             [10.5, 12.5]]]])
    """

    _function = staticmethod(ops.avg_pool2d)


document_like(AvgPool2d, AvgPool1d)


class AdaptiveAvgPool(Module):
    """The base of AdaptiveAvgPool1d and AdaptiveAvgPool2d: average pooling to a given output size.

    Windows of about the same size cover each axis of x. Window i of n over L entries begins at floor(i * L / n) and
    ends before ceil((i + 1) * L / n), as in PyTorch.

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
        self.output_size = output_size

    def forward(self, x: Any) -> Any:
        x = checked_input(self, x)
        if x.ndim != self._axes + 2 or 0 in x.shape[2:]:
            taken = f"x {ops.ORDERS[self._axes]} with entries to take the mean of, not {describe(x, 'x')}"
            raise ShapeError(f"{type(self).__name__} takes {taken}. Add a missing axis with x[None].")
        counts = ops.one_per_axis("output_size", self.output_size, self._axes)
        for axis, count in zip(range(-self._axes, 0), counts, strict=True):
            means = averaging_matrix(x.shape[axis], count, x.dtype)
            x = np.moveaxis(np.matmul(np.moveaxis(x, axis, -1), means), -1, axis)
        return x


def averaging_matrix(size: int, count: int, dtype: Any) -> Any:
    """Return a matrix (size, count); a row times this matrix gives the means of `count` windows over the row."""
    starts = np.arange(count) * size // count
    stops = -(-np.arange(1, count + 1) * size // count)
    places = np.arange(size)[:, None]
    inside = (places >= starts) & (places < stops)
    # The matrix follows from shapes alone, so it is a constant of a traced program.
    return trace_constant((inside / (stops - starts)).astype(dtype))


class AdaptiveAvgPool1d(AdaptiveAvgPool):
    """The means of windows over signals (N, C, L); the result is (N, C, output_size).

    Examples
    --------
    >>> AdaptiveAvgPool1d(2)(np.array([[[1.0, 3.0, 5.0, 7.0]]]))
    array([[[2., 6.]]])
    """

    _axes = 1


class AdaptiveAvgPool2d(AdaptiveAvgPool):
    """The means of windows over images (N, C, H, W); the result is (N, C, *output_size).

    Examples
    --------
    >>> AdaptiveAvgPool2d(1)(np.ones((2, 3, 4, 5))).shape
    (2, 3, 1, 1)
    """

    _axes = 2
