"""Convolutions as layers: kernels that move over signals and images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..ops.signals import conv1d, conv2d
from ..ops.windows import Sizes, one_each
from .checks import fitting
from .init import Initialiser, fan_in_uniform, generator, zeros
from .module import Module, Parameter


class Convolution(Module):
    """Kernels that move over signals or images; the weight is (out_channels, in_channels / groups, *kernel_size).

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, padding, dilation : int, or one for each axis
        With padding='same' the output has the input's size, for a stride of 1; 'valid' is 0.
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
        kernel = one_each("kernel", kernel_size, self.axes)
        shape = (out_channels, in_channels // groups, *kernel)
        self.weight = Parameter(init(rng, shape), dtype=dtype)
        self.bias = Parameter(zeros(rng, (out_channels,)), dtype=dtype) if bias else None
        self.stride, self.dilation, self.groups = stride, dilation, groups
        self.padding, self._more = padded(padding, kernel, stride, dilation)

    def forward(self, x: Any) -> Any:
        x = fitting(self, x, self.weight, self.weight.shape[1] * self.groups, axis=1)
        if any(self._more):
            x = np.pad(x, [(0, 0), (0, 0), *((0, more) for more in self._more)])
        return self.function(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


def padded(padding: Any, kernel: Sizes, stride: Any, dilation: Any) -> tuple[Any, Sizes]:
    """The padding at both ends, and what 'same' adds at the far end besides, where the kernel's reach is odd."""
    if padding != "same":
        return 0 if padding == "valid" else padding, ()
    if set(one_each("stride", stride, len(kernel))) != {1}:
        raise ValueError(f"padding='same' needs a stride of 1, not {stride}: give the padding as a number.")
    dilations = one_each("dilation", dilation, len(kernel))
    reach = [d * (k - 1) for k, d in zip(kernel, dilations, strict=True)]
    return tuple(n // 2 for n in reach), tuple(n % 2 for n in reach)


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
