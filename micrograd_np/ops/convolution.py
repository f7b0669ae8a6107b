"""Convolution: three rows for one trilinear form, each the derivative of the others.

The sum of conv(x, w) * y is linear in x, in w and in y. Its derivative in y is conv, in x conv_input, in w conv_weight:
every order of derivative is again one of the three.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from ..errors import called
from .examples import Drawn as D
from .examples import example
from .primitive import Bound, Primitive, as_array
from .windows import Sizes, _overlap_add, check_steps, count_steps, each_axis, views

CACHE = 2**18  # numbers; the windows made at a time stay in the processor's cache


def parts(
    images: int, ins: int, outs: int, kernel: Sizes, steps: Sizes, groups: int
) -> Iterator[tuple[slice, slice, slice]]:
    """A few images and the channels of one group at a time; ins and outs count the channels of a group."""
    few = max(1, CACHE // max(1, ins * prod(kernel) * prod(steps)))
    for group in range(groups):
        for start in range(0, images, few):
            yield (
                slice(start, start + few),
                slice(group * ins, (group + 1) * ins),
                slice(group * outs, (group + 1) * outs),
            )


def matrices(x: Any, axes: int) -> Any:
    """The last axes as one, and those between the first and them as one: (N, ..., *steps) to (N, rows, columns)."""
    shape = x.shape
    return x.reshape(shape[0], prod(shape[1:-axes]), prod(shape[-axes:]))


def _conv(x: Any, w: Any, *bias: Any, groups: int, **how: Sizes) -> Any:
    """The sum of products of each kernel with each window of x."""
    kernel, outs = w.shape[2:], w.shape[0]
    seen = views(x, kernel, fill=0.0, **how)
    axes, steps = len(kernel), seen.shape[2 + len(kernel) :]
    z = np.empty((x.shape[0], outs, *steps), np.result_type(x.dtype, w.dtype, *[b.dtype for b in bias]), like=x)
    rows, sums = w.reshape(outs, prod(w.shape[1:])), matrices(z, axes)
    for images, i, o in parts(x.shape[0], w.shape[1], outs // groups, kernel, steps, groups):
        np.matmul(rows[o], matrices(seen[images, i], axes), out=sums[images, o])
    for b in bias:
        z += b.reshape(-1, *[1] * axes)
    return z


def _conv_input(y: Any, w: Any, shape: Sizes, groups: int, stride: Sizes, padding: Sizes, dilation: Sizes) -> Any:
    """The transpose of conv in its input, a transposed convolution: each entry of y lays down a copy of the kernel."""
    kernel, outs, ins = w.shape[2:], w.shape[0] // groups, w.shape[1]
    around = tuple(d * (k - 1) - p for k, p, d in zip(kernel, padding, dilation, strict=True))
    each = w.reshape(groups, outs, ins, *kernel).swapaxes(1, 2)
    if set(stride) == {1} and min(around) >= 0:  # what lays down kernels at every place is seen by reversed ones
        turned = np.flip(each, tuple(range(3, each.ndim))).reshape(groups * ins, outs, *kernel)
        return _conv(y, turned, groups=groups, stride=stride, padding=around, dilation=dilation)
    axes, steps = len(kernel), y.shape[2:]
    x = np.empty((y.shape[0], ins * groups, *shape), np.result_type(y.dtype, w.dtype), like=y)
    columns = each.reshape(groups * ins, outs, prod(kernel)).swapaxes(1, 2)
    for images, i, o in parts(y.shape[0], ins, outs, kernel, steps, groups):
        part = x[images, i]
        laid = np.matmul(columns[i].reshape(ins * prod(kernel), outs), matrices(y[images, o], axes))
        laid = np.moveaxis(laid.reshape(*part.shape[:2], *kernel, *steps), range(2, 2 + axes), range(axes))
        part[...] = _overlap_add(laid, shape, stride, padding, dilation)
    return x


def _conv_weight(x: Any, y: Any, kernel: Sizes, groups: int, **how: Sizes) -> Any:
    """The transpose of conv in its kernel: the windows of x summed up, each with the entry of y that it led to."""
    ins, outs, axes = x.shape[1] // groups, y.shape[1], len(kernel)
    seen, sums = views(x, kernel, fill=0.0, **how), matrices(y, axes)
    w = np.zeros((outs, ins * prod(kernel)), np.result_type(x.dtype, y.dtype), like=x)
    for images, i, o in parts(x.shape[0], ins, outs // groups, kernel, y.shape[2:], groups):
        w[o] += np.matmul(sums[images, o], matrices(seen[images, i], axes).swapaxes(1, 2)).sum(axis=0)
    return w.reshape(outs, ins, *kernel)


def check_axes(name: str, axes: int, x: Any, w: Any) -> None:
    if not x.ndim == w.ndim == axes + 2:
        sizes = {1: "L", 2: "H, W"}.get(axes, "...")
        raise ValueError(
            f"{name} takes x (N, C, {sizes}) and a weight of as many axes, not {called(x, 'x')} and "
            f"{called(w, 'weight')}. Add a missing axis of length 1 with x[None] or x[:, None]."
        )


def check_channels(x: Any, takes: int, w: Any, groups: Any) -> None:
    if not isinstance(groups, int | np.integer) or groups < 1 or w.shape[0] % groups:
        raise ValueError(f"groups={groups!r} does not divide axis 0 of {called(w, 'weight')}.")
    if x.shape[1] != takes:
        raise ValueError(
            f"{called(x, 'x')} has {x.shape[1]} channels (axis 1), and {called(w, 'weight')} with groups={groups} "
            f"takes {takes}."
        )


def checked_bias(bias: Any, outs: int) -> Any:
    bias = as_array(bias)
    if bias.shape != (outs,):
        raise ValueError(f"{called(bias, 'bias')} needs the shape ({outs},): an entry for each output channel.")
    return bias


def _bind_conv(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Bound:
    x, w = as_array(x), as_array(weight)
    check_axes("conv", max(x.ndim - 2, 1), x, w)
    check_channels(x, w.shape[1] * groups, w, groups)
    how = each_axis(x.ndim - 2, stride=stride, padding=padding, dilation=dilation)
    count_steps(x.shape[2:], w.shape[2:], **how)
    if bias is None:
        return (x, w), {"groups": groups, **how}
    return (x, w, checked_bias(bias, w.shape[0])), {"groups": groups, **how}


def _bind_conv_input(
    y: Any, weight: Any, shape: Sizes, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Bound:
    y, w = as_array(y), as_array(weight)
    check_axes("conv_input", max(y.ndim - 2, 1), y, w)
    check_channels(y, w.shape[0], w, groups)
    how = each_axis(y.ndim - 2, stride=stride, padding=padding, dilation=dilation)
    check_steps(y.shape[2:], shape, w.shape[2:], how)
    return (y, w), {"shape": shape, "groups": groups, **how}


def _bind_conv_weight(
    x: Any, y: Any, kernel: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Bound:
    x, y = as_array(x), as_array(y)
    check_axes("conv_weight", max(x.ndim - 2, 1), x, y)
    how = each_axis(x.ndim - 2, kernel=kernel, stride=stride, padding=padding, dilation=dilation)
    kernel = how.pop("kernel")
    check_steps(y.shape[2:], x.shape[2:], kernel, how)
    return (x, y), {"kernel": kernel, "groups": groups, **how}


conv: Primitive = Primitive(
    _conv,
    lambda g, z, x, w, *bias, **how: conv_input(g, w, x.shape[2:], **how),
    lambda g, z, x, w, *bias, **how: conv_weight(x, g, kernel=w.shape[2:], **how),
    lambda g, z, x, w, bias, **how: np.sum(g, axis=(0, *range(2, g.ndim))),
    bind=_bind_conv,
    examples=[
        example(D(2, 3, 5), D(2, 3, 2), D(2), padding=1),
        example(D(2, 1, 5, 4), D(2, 1, 3, 2), stride=(2, 1), padding=(0, 1)),
        example(D(1, 4, 4, 5), D(2, 2, 2, 2), D(2), dilation=(1, 2), groups=2),
    ],
)
conv_input: Primitive = Primitive(
    _conv_input,
    lambda g, z, y, w, shape, **how: conv(g, w, **how),
    lambda g, z, y, w, shape, **how: conv_weight(g, y, kernel=w.shape[2:], **how),
    bind=_bind_conv_input,
    examples=[
        example(D(2, 2, 6), D(2, 3, 2), shape=(5,), padding=1),
        example(D(2, 2, 2, 5), D(2, 1, 3, 2), shape=(5, 4), stride=(2, 1), padding=(0, 1)),
        example(D(1, 2, 3, 3), D(2, 2, 2, 2), shape=(4, 5), dilation=(1, 2), groups=2),
    ],
)
conv_weight: Primitive = Primitive(
    _conv_weight,
    lambda g, z, x, y, kernel, **how: conv_input(y, g, x.shape[2:], **how),
    lambda g, z, x, y, kernel, **how: conv(x, g, **how),
    bind=_bind_conv_weight,
    examples=[
        example(D(2, 3, 5), D(2, 2, 6), kernel=2, padding=1),
        example(D(2, 4, 5, 4), D(2, 2, 2, 3), (3, 2), stride=(2, 1), padding=(0, 1), dilation=(1, 3), groups=2),
    ],
)
