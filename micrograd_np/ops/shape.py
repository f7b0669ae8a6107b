"""The same numbers in another arrangement: each rule arranges the cotangent back."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..rules import unbroadcast
from .primitive import Bound, Primitive, Variadic, example
from .primitive import Drawn as D


def _reshape(x: Any, *shape: Any, order: str = "C") -> Bound:
    """Both spellings: `np.reshape(x, (2, 3))` and `x.reshape(2, 3)`."""
    if order != "C":
        raise TypeError("order= other than 'C' is not supported on Tensors")
    return (x,), {"shape": shape[0] if len(shape) == 1 else shape}


reshape = Primitive(
    np.reshape,
    lambda g, z, x, shape: np.reshape(g, x.shape),
    bind=_reshape,
    views=True,
    examples=[example(D(3, 4), (2, 6)), example(D(3, 4), -1), example(D(), (1, 1))],
)


def _transpose(x: Any, *axes: Any) -> Bound:
    """All spellings: `np.transpose(x, (1, 0))`, `x.transpose(1, 0)`, `x.T`."""
    return (x,), {"axes": axes[0] if len(axes) == 1 else axes or None}


transpose = Primitive(
    np.transpose,
    lambda g, z, x, axes: np.transpose(g, None if axes is None else np.argsort([axis % x.ndim for axis in axes])),
    bind=_transpose,
    views=True,
    examples=[example(D(3, 4)), example(D(2, 3, 4), (1, -1, 0))],
)
swapaxes = Primitive(
    np.swapaxes,
    lambda g, z, x, axis1, axis2: np.swapaxes(g, axis1, axis2),
    bind=lambda x, axis1, axis2: ((x,), {"axis1": axis1, "axis2": axis2}),
    views=True,
    examples=[example(D(2, 3, 4), 0, -1)],
)
expand_dims = Primitive(
    np.expand_dims,
    lambda g, z, x, axis: np.reshape(g, x.shape),
    bind=lambda x, axis: ((x,), {"axis": axis}),
    views=True,
    examples=[example(D(3, 4), 1), example(D(3), (0, -1))],
)
squeeze = Primitive(
    np.squeeze,
    lambda g, z, x, axis: np.reshape(g, x.shape),
    bind=lambda x, axis=None: ((x,), {"axis": axis}),
    views=True,
    examples=[example(D(3, 1, 4)), example(D(1, 3, 1), -1)],
)
broadcast_to = Primitive(
    np.broadcast_to,
    lambda g, z, x, shape: unbroadcast(g, x.shape),
    bind=lambda x, shape: ((x,), {"shape": shape}),
    views=True,
    examples=[example(D(3, 1), (2, 3, 4)), example(D(), (2, 3))],
)


def _astype(x: Any, dtype: Any) -> Any:
    return x.astype(dtype)


astype = Primitive(
    _astype,
    lambda g, z, x, dtype: g,
    bind=lambda x, dtype: ((x,), {"dtype": np.dtype(dtype)}),
    also=(np.astype,) if hasattr(np, "astype") else (),
    examples=[example(D(3), np.float64)],
)


def _concatenate(*arrays: Any, axis: int) -> Any:
    return np.concatenate(arrays, axis=axis)


def _concatenate_rule(g: Any, z: Any, *arrays: Any, i: int, axis: Any) -> Any:
    if axis is None:
        start = sum(x.size for x in arrays[:i])
        return np.reshape(g[start : start + arrays[i].size], arrays[i].shape)
    start = sum(x.shape[axis] for x in arrays[:i])
    return np.swapaxes(np.swapaxes(g, 0, axis)[start : start + arrays[i].shape[axis]], 0, axis)


concatenate = Variadic(
    np.concatenate,
    _concatenate_rule,
    kernel=_concatenate,
    bind=lambda arrays, axis=0: (tuple(arrays), {"axis": axis}),
    examples=[example([D(3, 4), D(2, 4)]), example([D(3, 4), D(3, 1)], axis=-1), example([D(2), D(3, 2)], axis=None)],
)
