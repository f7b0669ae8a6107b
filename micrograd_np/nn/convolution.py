"""Convolutions as layers: kernels that move over signals and images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..ops.signals import conv1d, conv2d
from ..ops.windows import one_each
from .checks import fitting
from .init import Initialiser, fan_in_uniform, generator, zeros
from .module import Module, Parameter


class Convolution(Module):
    """Kernels that move over signals or images; the weight is (out_channels, in_channels / groups, *kernel_size).

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, padding, dilation : int, or one for each axis
    groups : int
        Into how many parts the channels are split; each kernel sees the channels of one.
    bias : bool
    rng, init, dtype
        As for Linear.
    """

    axes: ClassVar[int]
    function: ClassVar[Callable[..., Any]]

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
        init: Initialiser = fan_in_uniform,
        dtype: Any = float,
    ) -> None:
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                f"groups={groups} has to divide in_channels={in_channels} and out_channels={out_channels}."
            )
        rng = generator(rng)
        shape = (out_channels, in_channels // groups, *one_each("kernel", kernel_size, self.axes))
        self.weight = Parameter(init(rng, shape), dtype=dtype)
        self.bias = Parameter(zeros(rng, (out_channels,)), dtype=dtype) if bias else None
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups

    def forward(self, x: Any) -> Any:
        x = fitting(self, x, self.weight, self.weight.shape[1] * self.groups, axis=1)
        return self.function(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Conv1d(Convolution):
    """Kernels that move over signals: (N, C, L) to (N, O, steps).

    Examples
    --------
    >>> Conv1d(3, 8, 5, padding=2)(np.ones((2, 3, 10))).shape
    (2, 8, 10)
    """

    axes = 1
    function = staticmethod(conv1d)


class Conv2d(Convolution):
    """Kernels that move over images: (N, C, H, W) to (N, O, steps, steps).

    Examples
    --------
    >>> Conv2d(3, 8, 3, stride=2)(np.ones((2, 3, 9, 9))).shape
    (2, 8, 4, 4)
    """

    axes = 2
    function = staticmethod(conv2d)
