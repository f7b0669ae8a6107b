"""Sliding windows of signals and images: pooling, convolutions, and the transposes of both.

The windows of a signal or an image overlap unless the stride is large enough, so one entry may lie in several windows.
The rows loop over the entries of the kernel (*taps*), which are few, and not over the windows, which are many. Over all
windows, one tap meets a slice of the array with a stride. NumPy copies, adds or compares this slice in one call.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ShapeError, check_shape, describe
from .dense import with_shape
from .primitive import Bound, D, Part, Primitive, as_array, example, remembered

Sizes = tuple[int, ...]

ORDERS = {1: "(N, C, L)", 2: "(N, C, H, W)"}  # the axes of x, for a kernel that moves along 1 or 2 of them
# The least value of each argument that is one number, or one number for each axis that a kernel moves along.
LEAST = {"padding": 0, "output_padding": 0} | dict.fromkeys("kernel kernel_size stride dilation output_size".split(), 1)


def each_axis(axes: int, **given: Any) -> dict[str, Sizes]:
    """Expand integers to one for each axis: `stride=2` is `stride=(2, 2)`."""
    return {what: one_per_axis(what, value, axes) for what, value in given.items()}


def one_per_axis(what: str, value: Any, axes: int, owner: str = "") -> Sizes:
    """Return a whole number for each axis; raise if `value` does not give them. The message names the layer `owner`."""
    values = tuple(value) if isinstance(value, tuple | list) else (value,) * axes
    begin = f"{owner}: {what}" if owner else what
    if len(values) != axes:
        many = f"one for each of the {axes} axes that the kernel moves along"
        raise ArgumentError(f"{begin} must be one number, or {many}, not {value!r}.")
    for n in values:
        if not isinstance(n, int | np.integer) or isinstance(n, bool) or n < LEAST[what]:
            raise ArgumentError(f"{begin} must be a whole number of at least {LEAST[what]}, not {n!r}.")
    return tuple(int(n) for n in values)


def count_steps(shape: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> Sizes:
    """Return the number of windows along each axis."""
    sizes = zip(shape, kernel, stride, padding, dilation, strict=True)
    steps = tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in sizes)
    if min(*shape, *kernel, *steps) < 1:
        how = f"dilation {dilation}, does not fit into {shape} with padding {padding}"
        raise ShapeError(f"a kernel of {kernel} entries, {how}. Take a smaller kernel or more padding.")
    return steps


def check_steps(found: Sizes, shape: Sizes, *how: Sizes) -> None:
    """Raise unless the array has `found` windows along each axis: the rules compute one shape from the other."""
    if found != (steps := count_steps(shape, *how)):
        raise ShapeError(f"a kernel has {steps} windows in {shape}, not {found}.")


def tap_indices(kernel: Sizes, steps: Sizes, stride: Sizes, dilation: Sizes) -> Iterator[tuple[Sizes, Any]]:
    """Yield each entry of the kernel and the index of the array's entries that it meets."""
    for tap in np.ndindex(*kernel):
        moves = zip(tap, steps, stride, dilation, strict=True)
        yield tap, (..., *[slice(i * d, i * d + s * (n - 1) + 1, s) for i, n, s, d in moves])


def unpadded_index(shape: Sizes, padding: Sizes) -> Any:
    """Return the index of the unpadded array inside the padded one."""
    return (..., *[slice(p, p + n) for n, p in zip(shape, padding, strict=True)])


def padded(x: Any, padding: Sizes, fill: float, order: Any = "K") -> Any:
    """Pad the last axes of x with `fill`."""
    if not any(padding):
        return x.astype(x.dtype, order=order, copy=False)
    shape = x.shape[-len(padding) :]
    wide_shape = (*x.shape[: -len(padding)], *[n + 2 * p for n, p in zip(shape, padding, strict=True)])
    wide = np.full_like(x, fill, order=order, shape=wide_shape)
    wide[unpadded_index(shape, padding)] = x
    return wide


def tap_views(x: Any, kernel: Sizes, fill: float, stride: Sizes, padding: Sizes, dilation: Sizes) -> list[Any]:
    """Return, for each entry of the kernel, a view of the entries of x that it meets."""
    steps = count_steps(x.shape[-len(kernel) :], kernel, stride, padding, dilation)
    wide = padded(x, padding, fill)
    return [wide[where] for _, where in tap_indices(kernel, steps, stride, dilation)]


def _windows(x: Any, kernel: Sizes, **how: Sizes) -> Any:
    """Return the windows along the last axes, with the kernel's axes first: (*kernel, ...)."""
    z = np.stack(tap_views(x, kernel, 0, **how))
    return z.reshape(*kernel, *z.shape[1:])


def _overlap_add(y: Any, shape: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> Any:
    """Make an array of this shape from its windows, which are added where they overlap."""
    axes = len(shape)
    kernel, steps = y.shape[:axes], y.shape[-axes:]
    check_steps(steps, shape, kernel, stride, padding, dilation)
    wide_shape = [n + 2 * p for n, p in zip(shape, padding, strict=True)]
    z = np.zeros((*y.shape[axes:-axes], *wide_shape), y.dtype, like=y)
    for tap, where in tap_indices(kernel, steps, stride, dilation):
        z[where] += y[tap]
    return z[unpadded_index(shape, padding)] if any(padding) else z


# The positions of the windows in the examples.
POSITIONS = each_axis(2, stride=(2, 1), padding=(1, 0), dilation=(1, 2))

WINDOWS = [example(D(2, 1, 6, 4), kernel=(3, 2), **POSITIONS)]

windows: Part = Part(
    _windows,
    lambda g, z, x, kernel, **how: overlap_add(g, shape=x.shape[2:], **how),
    examples=WINDOWS,
    onnx="Windows",
    gloss="the windows of x, each as an axis of its own",
)
overlap_add: Part = Part(
    _overlap_add,
    lambda g, z, y, shape, **how: windows(g, kernel=y.shape[: len(shape)], **how),
    examples=[example(D(3, 2, 2, 1, 3, 2), shape=(6, 4), **POSITIONS)],
    gloss="each window of g put back in its place, added up where they overlap",
)


# Pooling. A small step of x does not change which entries are the largest. So max_pool_input, which sends each
# cotangent to the largest entries, is linear in the cotangent. Its transpose, max_pool_mean, takes the mean of the same
# entries. Equal entries share equally, as in np.max.


def lowest(dtype: np.dtype[Any]) -> float | int:
    """Return a value that no entry of the dtype is below, for padding."""
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min if dtype.kind in "iu" else 0


def _max_pool(x: Any, kernel: Sizes, **how: Sizes) -> Any:
    """Return the largest entry of each window."""
    first, *rest = tap_views(x, kernel, lowest(x.dtype), **how)
    z = first.copy(order="K")
    for seen in rest:
        np.maximum(z, seen, out=z)
    return z


def where_largest(x: Any, z: Any, kernel: Sizes, **how: Sizes) -> tuple[list[Any], Any]:
    """Return masks of the largest entries, one for each entry of the kernel, and how many there are in each window.

    Where z is nan, no entry equals it and the count is 0. A cotangent divided by 0 is inf or nan, and times False it is
    nan: so the whole window gets nan.
    """
    chosen = [seen == z for seen in tap_views(x, kernel, lowest(x.dtype), **how)]
    count: Any = np.zeros_like(z, dtype=np.int8 if len(chosen) < 128 else np.int32)
    for here in chosen:
        count += here
    return chosen, count


def _max_pool_input(y: Any, x: Any, top: Any, kernel: Sizes, **how: Sizes) -> Any:
    """Return zeros like x, with each entry of y at the largest entry of its window; top holds the largest entries."""
    check_shape("y", y, top)
    chosen, count = where_largest(x, top, kernel, **how)
    stride, padding, dilation = how["stride"], how["padding"], how["dilation"]
    share = np.empty_like(top, dtype=y.dtype)
    share[...] = y  # first copy to the memory order of top, then divide: NumPy is slow to divide across two orders
    # If windows do not overlap, each share is assigned, not added.
    overlap = any(s <= d * (k - 1) for s, d, k in zip(stride, dilation, kernel, strict=True))
    wide = padded(np.zeros_like(x, dtype=y.dtype), padding, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share /= count
        for here, (_, where) in zip(chosen, tap_indices(kernel, share.shape[2:], stride, dilation), strict=True):
            if overlap:
                wide[where] += share * here
            else:
                np.multiply(share, here, out=wide[where])
    return wide[unpadded_index(x.shape[2:], padding)]


def _max_pool_mean(v: Any, x: Any, top: Any, kernel: Sizes, **how: Sizes) -> Any:
    """Return the mean of v over the largest entries of each window of x; top holds those entries."""
    check_shape("v", v, x)
    chosen, count = where_largest(x, top, kernel, **how)
    with np.errstate(divide="ignore", invalid="ignore"):
        pairs = zip(chosen, tap_views(v, kernel, 0, **how), strict=True)
        return sum(np.where(here, seen, 0) for here, seen in pairs) / count.astype(v.dtype)


max_pool: Part = Part(
    _max_pool,
    lambda g, z, x, **how: max_pool_input(g, x, z, **how),
    examples=WINDOWS,
    onnx="MaxPool",
)
# For the examples: images, and the largest entries of their windows.
IMAGES = np.sin(np.arange(48.0)).reshape(1, 2, 6, 4)
TOPS = max_pool(IMAGES, kernel=(3, 2), **POSITIONS)
max_pool_input: Part = Part(
    _max_pool_input,
    lambda g, z, y, x, top, **how: max_pool_mean(g, x, top, **how),
    None,
    None,
    examples=[example(D(1, 2, 3, 2), IMAGES, TOPS, kernel=(3, 2), **POSITIONS)],
    gloss="each entry of g, at the place of the largest entry of its window; equal ones share",
)
max_pool_mean: Part = Part(
    _max_pool_mean,
    lambda g, z, v, x, top, **how: max_pool_input(g, x, top, **how),
    None,
    None,
    examples=[example(D(1, 2, 6, 4), IMAGES, TOPS, kernel=(3, 2), **POSITIONS)],
    gloss="for each window, the mean of g over its largest entries",
)


# The functions that layers call.


def check_ndim(name: str, axes: int, **arrays: Any) -> None:
    """Raise unless arrays have the axes that a kernel moves along, and two before them."""
    if any(x.ndim != axes + 2 for x in arrays.values()):
        given = " and ".join(describe(x, what) for what, x in arrays.items())
        raise ArgumentError(f"{name} takes x {ORDERS[axes]}, not {given}. Add a missing axis with x[None].")


def window_params(axes: int, x: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any = 1) -> Any:
    """Return x as an array and the parameters of its windows; without a stride, windows lie side by side."""
    x = as_array(x)
    check_ndim("pooling", axes, x=x)
    stride = kernel_size if stride is None else stride
    sizes = each_axis(axes, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation)
    how = {"kernel": sizes.pop("kernel_size"), **sizes}
    if any(2 * p > d * (k - 1) + 1 for k, p, d in zip(how["kernel"], how["padding"], how["dilation"], strict=True)):
        raise ArgumentError(f"padding={padding} is more than half of kernel_size={kernel_size}. Take less padding.")
    return x, how


def max_pool1d(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1) -> Any:
    """The largest entry of each window of a signal.

    Parameters
    ----------
    x : (N, C, L)
    kernel_size : int
    stride : int, optional
        Without it, the kernel's size, so that windows lie side by side.
    padding, dilation : int

    Examples
    --------
    >>> max_pool1d([[[3.0, 1.0, 4.0, 1.0, 5.0, 9.0]]], 2)
    array([[[3., 4., 9.]]])
    """
    x, how = window_params(1, x, kernel_size, stride, padding, dilation)
    return max_pool(x, **how)


def max_pool2d(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1) -> Any:
    """The largest entry of each window of an image.

    Parameters
    ----------
    x : (N, C, H, W)
    kernel_size : int or (int, int)
    stride : int or (int, int), optional
        Without it, the kernel's size, so that windows lie side by side.
    padding, dilation : int or (int, int)

    Examples
    --------
    >>> max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """
    x, how = window_params(2, x, kernel_size, stride, padding, dilation)
    return max_pool(x, **how)


def avg_pool1d(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0) -> Any:
    """The mean of each window of a signal; the zeros of the padding count.

    Parameters
    ----------
    x : (N, C, L)
    kernel_size : int
    stride : int, optional
        Without it, the kernel's size, so that windows lie side by side.
    padding : int

    Examples
    --------
    >>> avg_pool1d([[[3.0, 1.0, 4.0, 2.0]]], 2)
    array([[[2., 3.]]])
    """
    x, how = window_params(1, x, kernel_size, stride, padding)
    return np.mean(windows(x, **how), axis=(0,))


def avg_pool2d(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0) -> Any:
    """The mean of each window of an image; the zeros of the padding count.

    Parameters
    ----------
    x : (N, C, H, W)
    kernel_size : int or (int, int)
    stride : int or (int, int), optional
        Without it, the kernel's size, so that windows lie side by side.
    padding : int or (int, int)

    Examples
    --------
    >>> avg_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    array([[[[ 2.5,  4.5],
             [10.5, 12.5]]]])
    """
    x, how = window_params(2, x, kernel_size, stride, padding)
    return np.mean(windows(x, **how), axis=(0, 1))


# Convolutions and their transposes: three rows for one trilinear form, each the derivative of the others.
#
# The sum of conv(x, w) * y is linear in x, in w and in y. Its derivative in y is conv(x, w), in x conv_input(y, w), and
# in w conv_weight(x, y). So each derivative of one of the three rows, of any order, is again made of the three.
#
# The functions below make a matrix whose columns are the windows (im2col), so that BLAS does the sums. They keep the
# samples in the last axis: one entry of a window, for all samples, is then one run of memory, and is cheap to copy.

CACHE = 2**19  # the most numbers in the windows that are made at one time: they must fit the processor's cache


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
    length = max(1, CACHE // max(1, size * prod(steps[1:])))
    for group in range(groups):
        for start in range(0, steps[0], length):
            now = slice(start, min(start + length, steps[0]))
            yield group, now, (group, ..., now, *[slice(None)] * len(steps[1:]))


def _conv(x: Any, w: Any, *bias: Any, groups: int, stride: Sizes, padding: Sizes, dilation: Sizes) -> Any:
    """Return the sum of products of each kernel with each window of x."""
    outs, ins = w.shape[:2]
    kernel = w.shape[2:]
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
    check_steps(y.shape[2:], shape, kernel, stride, padding, dilation)
    y = split_groups(samples_last(y, (0,) * len(kernel)), groups)
    # The windows are computed block by block, and each entry of a window is added to its place in x. Neighbouring
    # blocks overlap in x, so nothing may be assigned there: each write is an addition.
    wide_shape = [n + 2 * p for n, p in zip(shape, padding, strict=True)]
    x = np.zeros((groups, ins, *wide_shape, y.shape[-1]), np.result_type(y.dtype, w.dtype), like=y)
    kernels = w.reshape(groups, outs, ins * prod(kernel)).swapaxes(1, 2)
    for group, now, here in output_blocks(groups, y.shape[2:], kernels.shape[1]):
        columns = np.matmul(kernels[group], as_matrix(y[here], 1)).reshape(ins, *kernel, *y[here].shape[1:])
        below = x[group, :, now.start * stride[0] :]  # x from the first entry of the block's first window
        for tap, where in tap_indices(kernel, columns.shape[1 + len(kernel) : -1], stride, dilation):
            below[(*where, slice(None))] += columns[(slice(None), *tap)]
    return samples_first(x[unpadded_index((*shape, x.shape[-1]), (*padding, 0))])


def _conv_weight(x: Any, y: Any, kernel: Sizes, groups: int, stride: Sizes, padding: Sizes, dilation: Sizes) -> Any:
    """Return the transpose of conv in its kernel: the sum of the windows of x, each times its entry of y."""
    check_steps(y.shape[2:], x.shape[2:], kernel, stride, padding, dilation)
    seen = split_groups(window_views(samples_last(x, padding), kernel, stride, dilation), groups)
    y = split_groups(samples_last(y, (0,) * len(kernel)), groups)
    ins, outs = seen.shape[1], y.shape[1]
    # One product sums over all windows and samples of a block; the sums of the blocks are added.
    w = np.zeros((groups, ins * prod(kernel), outs), np.result_type(x.dtype, y.dtype), like=x)
    for group, _, here in output_blocks(groups, y.shape[2:], w.shape[1]):
        w[group] += np.matmul(as_matrix(seen[here], 1 + len(kernel)), as_matrix(y[here], 1).T)
    return w.swapaxes(1, 2).reshape(groups * outs, ins, *kernel)


def check_channels(name: str, x: Any, takes: int, w: Any, groups: Any) -> None:
    """Raise unless `groups` divides axis 0 of the weight, and x has `takes` channels."""
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


conv: Primitive = Primitive(
    _conv,
    lambda g, z, x, w, *bias, **how: conv_input(g, w, shape=x.shape[2:], **how),
    lambda g, z, x, w, *bias, **how: conv_weight(x, g, kernel=w.shape[2:], **how),
    lambda g, z, x, w, bias, **how: np.sum(g, axis=(0, *range(2, g.ndim))),
    bind=_bind_conv,
    examples=[
        example(D(2, 3, 5), D(2, 3, 2), D(2), padding=1),
        example(D(1, 4, 6, 4), D(2, 2, 3, 2), groups=2, **POSITIONS),
    ],
    onnx="Conv",
)
conv_input: Part = Part(
    _conv_input,
    lambda g, z, y, w, shape, **how: conv(g, w, **how),
    lambda g, z, y, w, shape, **how: conv_weight(g, y, kernel=w.shape[2:], **how),
    examples=[example(D(2, 2, 3, 2), D(2, 1, 3, 2), shape=(6, 4), groups=2, **POSITIONS)],
    gloss="the convolution transposed: each entry of g times w, added up where windows overlap",
)
conv_weight: Part = Part(
    _conv_weight,
    lambda g, z, x, y, kernel, **how: conv_input(y, g, shape=x.shape[2:], **how),
    lambda g, z, x, y, kernel, **how: conv(x, g, **how),
    examples=[example(D(2, 2, 6, 4), D(2, 2, 3, 2), kernel=(3, 2), groups=2, **POSITIONS)],
    gloss="the sum over all windows of x of g times the window",
)


# The functions that layers call.


def named_padding(owner: str, padding: str, kernel: Sizes, stride: Any, dilation: Any) -> tuple[Sizes, Sizes]:
    """Return the padding at each end for 'same' or 'valid', and what the far end gets more: 1 if the total is odd."""
    stride, dilation = each_axis(len(kernel), stride=stride, dilation=dilation).values()
    if padding not in ("same", "valid"):
        raise ArgumentError(f"{owner}: padding must be numbers of at least 0, 'same' or 'valid', not {padding!r}.")
    if padding == "same" and set(stride) != {1}:
        raise ArgumentError(f"{owner}: padding='same' needs a stride of 1, not {stride}. Give the padding as a number.")
    reach = [d * (k - 1) if padding == "same" else 0 for k, d in zip(kernel, dilation, strict=True)]
    return tuple(n // 2 for n in reach), tuple(n % 2 for n in reach)


def convolution(axes: int, x: Any, weight: Any, bias: Any, padding: Any, groups: int, **given: Any) -> Any:
    """Return a convolution; padding may be 'same', for an output of the input's size, or 'valid', which is 0."""
    name, x, weight = f"conv{axes}d", as_array(x), as_array(weight)
    check_ndim(name, axes, x=x, weight=weight)
    if isinstance(padding, str):
        padding, more = named_padding(name, padding, weight.shape[2:], **given)
        x = np.pad(x, [(0, 0), (0, 0), *((0, n) for n in more)]) if any(more) else x
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


def checked_output_padding(owner: str, axes: int, output_padding: Any, stride: Any) -> Sizes:
    """Return output_padding for each axis; raise unless it is below the stride, which leaves over fewer entries."""
    more, stride = each_axis(axes, output_padding=output_padding, stride=stride).values()
    if any(m >= s for m, s in zip(more, stride, strict=True)):
        raise ArgumentError(f"{owner}: output_padding={more} must be below the stride {stride}.")
    return more


def conv_transpose(axes: int, x: Any, weight: Any, bias: Any, output_padding: Any, groups: int, **given: Any) -> Any:
    """Return a transposed convolution: for each entry of x a scaled copy of the kernel, added where they overlap."""
    name, x, weight = f"conv_transpose{axes}d", as_array(x), as_array(weight)
    check_ndim(name, axes, x=x, weight=weight)
    check_channels(name, x, weight.shape[0], weight, groups)
    how = each_axis(axes, **given, dilation=1)
    more = checked_output_padding(name, axes, output_padding, how["stride"])
    sizes = zip(x.shape[2:], weight.shape[2:], *how.values(), more, strict=True)
    shape = tuple((n - 1) * s - 2 * p + d * (k - 1) + 1 + m for n, k, s, p, d, m in sizes)
    if min(shape) < 1:
        raise ArgumentError(f"{name}: padding={how['padding']} removes the whole result of {describe(x, 'x')}.")
    z = conv_input(x, weight, shape=shape, groups=groups, **how)
    return z if bias is None else z + np.reshape(with_shape("bias", bias, z.shape[1:2]), (-1, *[1] * axes))


def conv_transpose1d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, groups: int = 1
) -> Any:
    """Return the transpose of conv1d: for each entry of a signal a scaled copy of the kernel, added up.

    Parameters
    ----------
    x : (N, C, L)
    weight : (C, O / groups, K)
    bias : (O,), optional
    stride, padding, output_padding, groups : int
        Those of the conv1d that is transposed. output_padding is the number of entries at the end that its stride left
        over.

    Examples
    --------
    >>> conv_transpose1d([[[1.0, 2.0]]], [[[1.0, 10.0, 100.0]]], stride=2)
    array([[[  1.,  10., 102.,  20., 200.]]])
    """
    return conv_transpose(1, x, weight, bias, output_padding, groups, stride=stride, padding=padding)


def conv_transpose2d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, groups: int = 1
) -> Any:
    """Return the transpose of conv2d: for each entry of an image a scaled copy of the kernel, added up.

    Parameters
    ----------
    x : (N, C, H, W)
    weight : (C, O / groups, KH, KW)
    bias : (O,), optional
    stride, padding, output_padding : int or (int, int)
        Those of the conv2d that is transposed. output_padding is the number of entries at the end that its stride left
        over.
    groups : int

    Examples
    --------
    >>> conv_transpose2d(np.ones((1, 1, 1, 2)), np.ones((1, 1, 2, 2)))
    array([[[[1., 2., 1.],
             [1., 2., 1.]]]])
    """
    return conv_transpose(2, x, weight, bias, output_padding, groups, stride=stride, padding=padding)
