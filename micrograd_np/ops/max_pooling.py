"""The largest entry of each window, and the transpose of its derivative.

Which entries are the largest is constant near every x: sending a cotangent to them is linear, and the transpose of that
takes the mean of what lies there. Entries that are equally the largest share equally, as they do in np.max.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .examples import Drawn as D
from .examples import example
from .primitive import Bound, Primitive, as_array
from .windows import Sizes, check_steps, each_axis, entries, inside, padded, taps


def tiled(x: Any, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> tuple[int, Sizes, dict[str, Sizes]]:
    """How many entries of a row a window takes, and how the kernel moves besides.

    Windows that lie side by side along the last axis are taken out of it, so that whole rows are worked on at a time.
    """
    *others, k = kernel
    if (stride[-1], padding[-1], dilation[-1], x.shape[-1] % k) == (k, 0, 1, 0):
        return k, (*others, 1), {"stride": (*stride[:-1], 1), "padding": padding, "dilation": dilation}
    return 1, kernel, {"stride": stride, "padding": padding, "dilation": dilation}


def narrow(x: Any, k: int, combine: Any) -> Any:
    """Each k neighbours along the last axis as one."""
    z = x[..., ::k]
    for j in range(1, k):
        z = combine(z, x[..., j::k])
    return z


def widen(x: Any, k: int) -> Any:
    """Each entry k times along the last axis."""
    if k == 1:
        return x
    z = np.empty((*x.shape[:-1], k * x.shape[-1]), x.dtype, like=x)
    for j in range(k):
        z[..., j::k] = x
    return z


def _max_pool(x: Any, kernel: Sizes, **how: Sizes) -> Any:
    """The largest entry of each window."""
    k, kernel, how = tiled(x, kernel, **how)
    first, *rest = entries(x, kernel, -np.inf, **how)
    z = first.copy()
    for seen in rest:
        np.maximum(z, seen, out=z)
    return narrow(z, k, np.maximum)


def largest(x: Any, kernel: Sizes, **how: Sizes) -> tuple[list[Any], Any]:
    """Where each entry of the kernel falls on the largest of its window; and how many of a window do."""
    z = _max_pool(x, kernel, **how)
    k, kernel, how = tiled(x, kernel, **how)
    z = widen(z, k)
    chosen = [seen == z for seen in entries(x, kernel, -np.inf, **how)]
    count = np.zeros(z.shape, np.int16, like=x)  # so small that it takes on any float's dtype
    for here in chosen:
        count += here
    return chosen, np.maximum(narrow(count, k, np.add), 1)  # none is equal to a nan


def _max_pool_input(y: Any, x: Any, kernel: Sizes, **how: Sizes) -> Any:
    """For each window of x, its entry of y to the largest of the window."""
    chosen, count = largest(x, kernel, **how)
    k, kernel, how = tiled(x, kernel, **how)
    share = widen(y / count, k)
    z = np.zeros(x.shape, y.dtype, like=y)
    if any(how["padding"]):
        z = padded(z, how["padding"], 0)
    overlap = any(s <= d * (k - 1) for s, d, k in zip(how["stride"], how["dilation"], kernel, strict=True))
    for here, (_, where) in zip(chosen, taps(kernel, share.shape[2:], how["stride"], how["dilation"]), strict=True):
        if overlap:
            z[where] += share * here
        else:
            np.multiply(share, here, out=z[where])
    return z[inside(x.shape[2:], how["padding"])] if any(how["padding"]) else z


def _max_pool_mean(v: Any, x: Any, kernel: Sizes, **how: Sizes) -> Any:
    """For each window of x, the mean of the entries of v that lie where x is the largest of the window."""
    chosen, count = largest(x, kernel, **how)
    k, kernel, how = tiled(x, kernel, **how)
    total = sum(here * seen for here, seen in zip(chosen, entries(v, kernel, 0, **how), strict=True))
    return narrow(total, k, np.add) / count


def _bind_max_pool(x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Bound:
    x = as_array(x)
    return (x,), each_axis(x.ndim - 2, kernel=kernel, stride=stride, padding=padding, dilation=dilation)


def _bind_input(y: Any, x: Any, *args: Any, **kwargs: Any) -> Bound:
    (x,), how = _bind_max_pool(x, *args, **kwargs)
    y, moves = as_array(y), {name: sizes for name, sizes in how.items() if name != "kernel"}
    check_steps(y.shape[2:], x.shape[2:], how["kernel"], moves)
    check_shape("y", y.shape[:2], x.shape[:2])
    return (y, x), how


def _bind_mean(v: Any, x: Any, *args: Any, **kwargs: Any) -> Bound:
    (x,), how = _bind_max_pool(x, *args, **kwargs)
    v = as_array(v)
    check_shape("v", v.shape, x.shape)
    return (v, x), how


def check_shape(what: str, shape: Sizes, needed: Sizes) -> None:
    if shape != needed:
        raise ValueError(f"{what} of shape {shape} does not lie where x of shape {needed} does.")


max_pool: Primitive = Primitive(
    _max_pool,
    lambda g, z, x, **how: max_pool_input(g, x, **how),
    bind=_bind_max_pool,
    examples=[
        example(D(2, 2, 5), 2, 2, 0, 1),
        example(D(1, 2, 5, 4), (3, 2), (2, 1), 1, 1),
        example(D(1, 1, 6, 5), 2, 1, (0, 1), (2, 3)),
    ],
)
SIGNALS = np.sin(np.arange(20.0)).reshape(2, 2, 5)
IMAGES = np.sin(np.arange(40.0)).reshape(1, 2, 5, 4)
max_pool_input: Primitive = Primitive(
    _max_pool_input,
    lambda g, z, y, x, **how: max_pool_mean(g, x, **how),
    None,
    bind=_bind_input,
    examples=[example(D(2, 2, 2), SIGNALS, 2, 2, 0, 1), example(D(1, 2, 3, 5), IMAGES, (3, 2), (2, 1), 1, 1)],
)
max_pool_mean: Primitive = Primitive(
    _max_pool_mean,
    lambda g, z, v, x, **how: max_pool_input(g, x, **how),
    None,
    bind=_bind_mean,
    examples=[example(D(2, 2, 5), SIGNALS, 2, 2, 0, 1), example(D(1, 2, 5, 4), IMAGES, (3, 2), (2, 1), 1, 1)],
)
