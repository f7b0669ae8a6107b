"""Convolutions and their transposes: three rows for one trilinear form, each the derivative of the others.

The sum of conv(x, w) * y is linear in x, in w and in y. Its derivative in y is conv(x, w), in x conv_input(y, w), and
in w conv_weight(x, y). So each derivative of one of the three rows, of any order, is again made of the three.

The kernels make a matrix of which each column is a window (im2col), so that BLAS does the sums. They keep the samples
in the last axis: a window's entry is then a long run of memory, one for all samples, and copying it is cheap.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ShapeError, describe
from .dense import with_shape
from .primitive import Bound, D, Primitive, as_array, as_given, example, remembered
from .windows import (
    ORDERS,
    OVERLAPPING,
    SPREAD,
    Sizes,
    check_steps,
    count_steps,
    each_axis,
    extended,
    padded,
    tap_indices,
    unpadded_index,
)

CACHE = 2**19  # numbers in the windows that are made at a time, so that they stay in the processor's cache


def samples_last(x: Any, padding: Sizes) -> Any:
    """Reorder (N, C, ...) to (C, ..., N) in memory, padded with zeros, so that windows are copied in long runs."""
    return padded(np.moveaxis(x, 0, -1), (*padding, 0), 0.0, order="C")


def window_views(x: Any, kernel: Sizes, stride: Sizes, dilation: Sizes) -> Any:
    """View (C, ..., N) as the windows of a kernel that moves over it: (C, *kernel, *steps, N)."""
    axes = tuple(range(1, 1 + len(kernel)))
    reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    seen = np.lib.stride_tricks.sliding_window_view(x, reach, axes)
    steps, entries = ([slice(None, None, step) for step in each] for each in (stride, dilation))
    return np.moveaxis(seen[(slice(None), *steps, slice(None), *entries)], range(-len(kernel), 0), axes)


def samples_first(x: Any) -> Any:
    """View (groups, C, ..., N) as (N, groups * C, ...)."""
    return np.moveaxis(x.reshape(x.shape[0] * x.shape[1], *x.shape[2:]), -1, 0)


def split_groups(x: Any, groups: int) -> Any:
    """View (C, ...) as (groups, C / groups, ...)."""
    return x.reshape(groups, x.shape[0] // groups, *x.shape[1:])


def as_matrix(x: Any, axes: int) -> Any:
    """Reshape to a matrix: the first axes become rows, the others columns."""
    return x.reshape(prod(x.shape[:axes]), prod(x.shape[axes:]))


def output_blocks(groups: int, steps: Sizes, size: int) -> Iterator[tuple[int, slice, Any]]:
    """Yield blocks of the output: the group, a slice of the first axis, and the index into (groups, ..., *steps).

    A block is so small that its windows, `size` numbers for each step, fit the processor's cache.
    """
    few = max(1, CACHE // max(1, size * prod(steps[1:])))
    for group in range(groups):
        for start in range(0, steps[0], few):
            now = slice(start, min(start + few, steps[0]))
            yield group, now, (group, ..., now, *[slice(None)] * len(steps[1:]))


def _conv(x: Any, w: Any, *bias: Any, groups: int, stride: Sizes, padding: Sizes, dilation: Sizes) -> Any:
    """Return the sum of products of each kernel with each window of x."""
    kernel, (outs, ins) = w.shape[2:], w.shape[:2]
    seen = split_groups(window_views(samples_last(x, padding), kernel, stride, dilation), groups)
    steps = seen.shape[2 + len(kernel) :]
    kind = np.result_type(x.dtype, w.dtype, *[b.dtype for b in bias])
    z = np.empty((groups, outs // groups, *steps), kind, like=x)
    kernels = w.reshape(groups, outs // groups, ins * prod(kernel))
    for group, _, here in output_blocks(groups, steps, kernels.shape[-1]):
        sums = as_matrix(z[here], 1)  # a view: the product is written into z
        np.matmul(kernels[group], as_matrix(seen[here], 1 + len(kernel)), out=sums)
        for b in bias:
            sums += b.reshape(groups, -1, 1)[group]
    return samples_first(z)


def _conv_input(y: Any, w: Any, shape: Sizes, groups: int, stride: Sizes, padding: Sizes, dilation: Sizes) -> Any:
    """Return the transpose of conv in its input: for each entry of y a scaled copy of the kernel, added up."""
    kernel, outs, ins = w.shape[2:], w.shape[0] // groups, w.shape[1]
    check_steps(y.shape[2:], shape, kernel, stride=stride, padding=padding, dilation=dilation)
    y = split_groups(samples_last(y, (0,) * len(kernel)), groups)
    # The windows are computed block by block, and each entry of a window is added to its place in x. Neighbouring
    # blocks overlap in x, so nothing may be assigned there: each write is an addition.
    wide = [n + 2 * p for n, p in zip(shape, padding, strict=True)]
    x = np.zeros((groups, ins, *wide, y.shape[-1]), np.result_type(y.dtype, w.dtype), like=y)
    kernels = w.reshape(groups, outs, ins * prod(kernel)).swapaxes(1, 2)
    for group, now, here in output_blocks(groups, y.shape[2:], kernels.shape[1]):
        laid = np.matmul(kernels[group], as_matrix(y[here], 1)).reshape(ins, *kernel, *y[here].shape[1:])
        under = x[group, :, now.start * stride[0] :]  # where the block's first window begins
        for tap, where in tap_indices(kernel, laid.shape[1 + len(kernel) : -1], stride, dilation):
            under[(*where, slice(None))] += laid[(slice(None), *tap)]
    return samples_first(x[unpadded_index((*shape, x.shape[-1]), (*padding, 0))])


def _conv_weight(x: Any, y: Any, kernel: Sizes, groups: int, stride: Sizes, padding: Sizes, dilation: Sizes) -> Any:
    """Return the transpose of conv in its kernel: the sum of the windows of x, each times its entry of y."""
    check_steps(y.shape[2:], x.shape[2:], kernel, stride=stride, padding=padding, dilation=dilation)
    seen = split_groups(window_views(samples_last(x, padding), kernel, stride, dilation), groups)
    y = split_groups(samples_last(y, (0,) * len(kernel)), groups)
    (_, ins), (_, outs) = seen.shape[:2], y.shape[:2]
    # One product sums over all windows and samples of a block; the sums of the blocks are added.
    w = np.zeros((groups, ins * prod(kernel), outs), np.result_type(x.dtype, y.dtype), like=x)
    for group, _, here in output_blocks(groups, y.shape[2:], w.shape[1]):
        w[group] += np.matmul(as_matrix(seen[here], 1 + len(kernel)), as_matrix(y[here], 1).T)
    return w.swapaxes(1, 2).reshape(groups * outs, ins, *kernel)


def check_kernel_axes(name: str, axes: int, x: Any, w: Any) -> None:
    """Raise unless x and the weight have the axes that the kernel moves along, and two before them."""
    if not x.ndim == w.ndim == axes + 2:
        raise ArgumentError(
            f"{name} takes x {ORDERS[axes]} and a weight of as many axes, not {describe(x, 'x')} and "
            f"{describe(w, 'weight')}. Add a missing axis of length 1 with x[None] or x[:, None]."
        )


def check_channels(name: str, x: Any, takes: int, w: Any, groups: Any) -> None:
    """Raise unless the groups divide the weight, and x has the channels that it takes."""
    if not isinstance(groups, int | np.integer) or groups < 1 or w.shape[0] % groups:
        raise ArgumentError(f"groups={groups!r} does not divide axis 0 of {describe(w, 'weight')}.")
    if x.shape[1] != takes:
        cure = " If they are on the last axis, write np.moveaxis(x, -1, 1)." if x.shape[-1] == takes else ""
        raise ShapeError(
            f"{name} with {describe(w, 'weight')} and groups={groups} takes {takes} channels on axis 1, and "
            f"{describe(x, 'x')} has {x.shape[1]}.{cure}"
        )


@remembered
def _bind_conv(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Bound:
    """Bind x, weight and bias; raise unless their channels belong together and the kernel fits into x."""
    x, w = as_array(x), as_array(weight)
    check_channels(f"conv{x.ndim - 2}d", x, w.shape[1] * groups, w, groups)
    how = each_axis(x.ndim - 2, stride=stride, padding=padding, dilation=dilation)
    count_steps(x.shape[2:], w.shape[2:], **how)
    given = () if bias is None else (with_shape("bias", bias, w.shape[:1]),)
    return (x, w, *given), {"groups": groups, **how}


PADDED = each_axis(1, stride=1, padding=1, dilation=1)

conv: Primitive = Primitive(
    _conv,
    lambda g, z, x, w, *bias, **how: conv_input(g, w, shape=x.shape[2:], **how),
    lambda g, z, x, w, *bias, **how: conv_weight(x, g, kernel=w.shape[2:], **how),
    lambda g, z, x, w, bias, **how: np.sum(g, axis=(0, *range(2, g.ndim))),
    bind=_bind_conv,
    examples=[
        example(D(2, 3, 5), D(2, 3, 2), D(2), padding=1),
        example(D(2, 1, 5, 4), D(2, 1, 3, 2), stride=(2, 1), padding=(0, 1)),
        example(D(1, 4, 4, 5), D(2, 2, 2, 2), D(2), dilation=(1, 2), groups=2),
    ],
    onnx="Conv",
)
conv_input: Primitive = Primitive(
    _conv_input,
    lambda g, z, y, w, shape, **how: conv(g, w, **how),
    lambda g, z, y, w, shape, **how: conv_weight(g, y, kernel=w.shape[2:], **how),
    bind=as_given,
    examples=[
        example(D(2, 2, 6), D(2, 3, 2), shape=(5,), groups=1, **PADDED),
        example(D(2, 2, 3, 5), D(2, 1, 3, 2), shape=(5, 4), groups=1, **OVERLAPPING),
        example(D(1, 2, 2, 4), D(2, 2, 2, 2), shape=(4, 5), groups=2, **SPREAD),
    ],
    gloss="the convolution transposed: each entry of g times w, added up where windows overlap",
)
conv_weight: Primitive = Primitive(
    _conv_weight,
    lambda g, z, x, y, kernel, **how: conv_input(y, g, shape=x.shape[2:], **how),
    lambda g, z, x, y, kernel, **how: conv(x, g, **how),
    bind=as_given,
    examples=[
        example(D(2, 3, 5), D(2, 2, 6), kernel=(2,), groups=1, **PADDED),
        example(D(2, 4, 4, 5), D(2, 2, 2, 4), kernel=(2, 2), groups=2, **SPREAD),
    ],
    gloss="the sum over all windows of x of g times the window",
)


# The functions that layers call.


def named_padding(owner: str, padding: str, kernel: Sizes, stride: Sizes, dilation: Sizes) -> tuple[Sizes, Sizes]:
    """Return the padding at both ends for 'same' or 'valid', and one more for the far end where their sum is odd."""
    if padding not in ("same", "valid"):
        raise ArgumentError(f"{owner}: padding must be numbers of at least 0, 'same' or 'valid', not {padding!r}.")
    if padding == "same" and set(stride) != {1}:
        raise ArgumentError(f"{owner}: padding='same' needs a stride of 1, not {stride}. Give the padding as a number.")
    reach = [d * (k - 1) if padding == "same" else 0 for k, d in zip(kernel, dilation, strict=True)]
    return tuple(n // 2 for n in reach), tuple(n % 2 for n in reach)


def convolution(axes: int, x: Any, weight: Any, bias: Any, padding: Any, groups: int, **given: Any) -> Any:
    """Return a convolution; padding may be 'same', for an output of the input's size, or 'valid', which is 0."""
    name, x, weight = f"conv{axes}d", as_array(x), as_array(weight)
    check_kernel_axes(name, axes, x, weight)
    if isinstance(padding, str):
        padding, more = named_padding(name, padding, weight.shape[2:], **each_axis(axes, **given))
        x = extended(x, more)
    return conv(x, weight, bias, padding=padding, groups=groups, **given)


def conv1d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Return the sum of products of each kernel with each window of a signal; the kernel is not reversed.

    Parameters
    ----------
    x : (N, C, L)
    weight : (O, C / groups, K)
    bias : (O,), optional
    stride, dilation, groups : int
    padding : int, 'same' or 'valid'
        The zeros at both ends; with 'same' the output has the input's size, for a stride of 1; 'valid' is 0.

    Examples
    --------
    >>> conv1d([[[1.0, 2.0, 4.0, 8.0]]], [[[-1.0, 1.0]]])
    array([[[1., 2., 4.]]])
    """
    return convolution(1, x, weight, bias, padding, groups, stride=stride, dilation=dilation)


def conv2d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Return the sum of products of each kernel with each window of an image; the kernel is not flipped.

    Parameters
    ----------
    x : (N, C, H, W)
    weight : (O, C / groups, KH, KW)
    bias : (O,), optional
    stride, dilation : int or (int, int)
    padding : int, (int, int), 'same' or 'valid'
        The zeros at both ends; with 'same' the output has the input's size, for a stride of 1; 'valid' is 0.
    groups : int
        The number of parts that the channels are split into; each kernel sees the channels of one part.

    Examples
    --------
    >>> conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)), padding=1)
    array([[[[1., 2., 2., 1.],
             [2., 4., 4., 2.],
             [2., 4., 4., 2.],
             [1., 2., 2., 1.]]]])
    """
    return convolution(2, x, weight, bias, padding, groups, stride=stride, dilation=dilation)


def check_output_padding(owner: str, output_padding: Sizes, stride: Sizes, dilation: Sizes) -> None:
    """Raise unless output_padding is below stride or dilation on each axis, as in PyTorch."""
    if any(m >= max(s, d) for m, s, d in zip(output_padding, stride, dilation, strict=True)):
        raise ArgumentError(
            f"{owner}: output_padding must be below stride or dilation, and {output_padding} is below neither "
            f"{stride} nor {dilation}."
        )


def conv_transpose(axes: int, x: Any, weight: Any, bias: Any, output_padding: Any, groups: int, **given: Any) -> Any:
    """Return a transposed convolution: for each entry of x a scaled copy of the kernel, added where they overlap."""
    name, x, weight = f"conv_transpose{axes}d", as_array(x), as_array(weight)
    check_kernel_axes(name, axes, x, weight)
    check_channels(name, x, weight.shape[0], weight, groups)
    how = each_axis(axes, **given)
    (more,) = each_axis(axes, output_padding=output_padding).values()
    check_output_padding(name, more, how["stride"], how["dilation"])
    # `whole` are the sizes of the result without padding; `ends` are where the padded result starts and stops in it.
    sizes = zip(x.shape[2:], weight.shape[2:], how["stride"], how["dilation"], strict=True)
    whole = [(n - 1) * s + d * (k - 1) + 1 for n, k, s, d in sizes]
    ends = [(p, n - p + m) for n, p, m in zip(whole, how["padding"], more, strict=True)]
    shape = tuple(stop - start for start, stop in ends)
    if min(shape) < 1:
        raise ArgumentError(f"{name}: padding={how['padding']} removes the whole result of {describe(x, 'x')}.")
    if all(m < s for m, s in zip(more, how["stride"], strict=True)):
        z = conv_input(x, weight, shape=shape, groups=groups, **how)
    else:  # no convolution has windows that end so early: cut the whole result, after zeros at its end
        z = conv_input(x, weight, shape=tuple(whole), groups=groups, **how | {"padding": (0,) * axes})
        z = extended(z, tuple(max(stop - n, 0) for n, (_, stop) in zip(whole, ends, strict=True)))
        z = z[(slice(None), slice(None), *(slice(*end) for end in ends))]
    return z if bias is None else z + np.reshape(with_shape("bias", bias, z.shape[1:2]), (-1, *[1] * axes))


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
    """Return the transpose of conv1d: for each entry of a signal a scaled copy of the kernel, added up.

    Parameters
    ----------
    x : (N, C, L)
    weight : (C, O / groups, K)
    bias : (O,), optional
    stride, padding, output_padding, groups, dilation : int
        Those of the conv1d that is transposed. output_padding is the number of entries at the end that its stride left
        over.

    Examples
    --------
    >>> conv_transpose1d([[[1.0, 2.0]]], [[[1.0, 10.0, 100.0]]], stride=2)
    array([[[  1.,  10., 102.,  20., 200.]]])
    """
    return conv_transpose(1, x, weight, bias, output_padding, groups, stride=stride, padding=padding, dilation=dilation)


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
    """Return the transpose of conv2d: for each entry of an image a scaled copy of the kernel, added up.

    Parameters
    ----------
    x : (N, C, H, W)
    weight : (C, O / groups, KH, KW)
    bias : (O,), optional
    stride, padding, output_padding, dilation : int or (int, int)
        Those of the conv2d that is transposed. output_padding is the number of entries at the end that its stride left
        over.
    groups : int

    Examples
    --------
    >>> conv_transpose2d(np.ones((1, 1, 1, 2)), np.ones((1, 1, 2, 2)))
    array([[[[1., 2., 1.],
             [1., 2., 1.]]]])
    """
    return conv_transpose(2, x, weight, bias, output_padding, groups, stride=stride, padding=padding, dilation=dilation)
