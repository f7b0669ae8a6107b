"""Convolutions as layers, and their transposes: kernels that move over signals and images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..core.errors import ArgumentError
from ..ops.conv import check_output_padding, conv1d, conv2d, conv_transpose1d, conv_transpose2d, named_padding
from ..ops.windows import each_axis, one_per_axis
from .init import Initialiser, drawn, zeros
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
