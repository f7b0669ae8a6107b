"""Convolutions of signals and images, and their transposes, by the names that they go by."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import called
from .composed import stands_for
from .convolution import check_axes, checked_bias, conv, conv_input
from .primitive import as_array
from .windows import each_axis


@stands_for()
def conv1d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """The sum of products of each kernel with each window of a signal, the kernel not reversed.

    Parameters
    ----------
    x : (N, C, L)
    weight : (O, C / groups, K)
    bias : (O,), optional
    stride, padding, dilation, groups : int

    Examples
    --------
    >>> conv1d([[[1.0, 2.0, 4.0, 8.0]]], [[[-1.0, 1.0]]])
    array([[[1., 2., 4.]]])
    """
    x, weight = as_array(x), as_array(weight)
    check_axes("conv1d", 1, x, weight)
    return conv(x, weight, bias, stride, padding, dilation, groups)


@stands_for()
def conv2d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """The sum of products of each kernel with each window of an image, the kernel not flipped.

    Parameters
    ----------
    x : (N, C, H, W)
    weight : (O, C / groups, KH, KW)
    bias : (O,), optional
    stride, padding, dilation : int or (int, int)
    groups : int
        Into how many parts the channels are split; each kernel sees the channels of one.

    Examples
    --------
    >>> conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)), padding=1)
    array([[[[1., 2., 2., 1.],
             [2., 4., 4., 2.],
             [2., 4., 4., 2.],
             [1., 2., 2., 1.]]]])
    """
    x, weight = as_array(x), as_array(weight)
    check_axes("conv2d", 2, x, weight)
    return conv(x, weight, bias, stride, padding, dilation, groups)


def transposed(
    name: str, axes: int, x: Any, weight: Any, bias: Any, output_padding: Any, groups: int, **given: Any
) -> Any:
    """Each entry of x times the kernel, added up where the kernels overlap."""
    x, weight = as_array(x), as_array(weight)
    check_axes(name, axes, x, weight)
    how = each_axis(axes, **given)
    (more,) = each_axis(axes, output_padding=output_padding).values()
    sizes = zip(x.shape[2:], weight.shape[2:], how["stride"], how["padding"], how["dilation"], more, strict=True)
    shape = tuple((n - 1) * s + d * (k - 1) + 1 - 2 * p + m for n, k, s, p, d, m in sizes)
    if min(shape) < 1:
        raise ValueError(f"{name}: padding={how['padding']} takes away all of what {called(x, 'x')} lays down.")
    z = conv_input(x, weight, shape, groups=groups, **how)
    return z if bias is None else z + np.reshape(checked_bias(bias, z.shape[1]), (-1, *[1] * axes))


@stands_for()
def conv_transpose1d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """The transpose of conv1d: each entry of a signal lays down a kernel, and overlaps add up.

    Parameters
    ----------
    x : (N, C, L)
    weight : (C, O / groups, K)
    bias : (O,), optional
    stride, padding, output_padding, groups, dilation : int
        As of the conv1d that is transposed; output_padding is what its stride left over at the end.

    Examples
    --------
    >>> conv_transpose1d([[[1.0, 2.0]]], [[[1.0, 10.0, 100.0]]], stride=2)
    array([[[  1.,  10., 102.,  20., 200.]]])
    """
    moves = {"stride": stride, "padding": padding, "dilation": dilation}
    return transposed("conv_transpose1d", 1, x, weight, bias, output_padding, groups, **moves)


@stands_for()
def conv_transpose2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """The transpose of conv2d: each entry of an image lays down a kernel, and overlaps add up.

    Parameters
    ----------
    x : (N, C, H, W)
    weight : (C, O / groups, KH, KW)
    bias : (O,), optional
    stride, padding, output_padding, dilation : int or (int, int)
        As of the conv2d that is transposed; output_padding is what its stride left over at the end.
    groups : int

    Examples
    --------
    >>> conv_transpose2d(np.ones((1, 1, 1, 2)), np.ones((1, 1, 2, 2)))
    array([[[[1., 2., 1.],
             [1., 2., 1.]]]])
    """
    moves = {"stride": stride, "padding": padding, "dilation": dilation}
    return transposed("conv_transpose2d", 2, x, weight, bias, output_padding, groups, **moves)
