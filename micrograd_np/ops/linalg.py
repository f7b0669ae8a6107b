"""Products of vectors, of matrices, and of stacks of them."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..core.rules import unbroadcast
from .examples import Drawn as D
from .examples import example
from .matrices import check_axes, mT
from .primitive import Bound, Primitive, as_array


# In a matrix product, a vector is a matrix of one row (on the left) or of one column (on the right).
def _matmul_x(g: Any, z: Any, x: Any, y: Any) -> Any:
    if y.ndim == 1:
        return np.expand_dims(g, -1) * y
    if x.ndim == 1:
        return np.matmul(y, np.expand_dims(g, -1))[..., 0]
    return np.matmul(g, mT(y))


def _matmul_y(g: Any, z: Any, x: Any, y: Any) -> Any:
    if x.ndim == 1:
        return np.expand_dims(x, -1) * np.expand_dims(g, -2) if y.ndim > 1 else g * x
    if y.ndim == 1:
        return np.matmul(mT(x), np.expand_dims(g, -1))[..., 0]
    return np.matmul(mT(x), g)


PRODUCTS = [
    example(D(3, 4), D(4, 2)),
    example(D(4), D(4)),
    example(D(4), D(4, 2)),
    example(D(3, 4), D(4)),
]

matmul = Primitive(
    np.matmul,
    _matmul_x,
    _matmul_y,
    sign="@",
    also=(np.linalg.matmul,),
    broadcasts=True,
    examples=[
        *PRODUCTS,
        example(D(2, 3, 4), D(4, 2)),
        example(D(4), D(2, 4, 3)),
        example(D(2, 3, 4), D(4)),
        example(D(5, 1, 3, 4), D(2, 4, 3)),
    ],
)


# The last axis of x meets the second to last of y, or its only one.
def _dot_x(g: Any, z: Any, x: Any, y: Any) -> Any:
    if x.ndim == 2 == y.ndim:
        return g.dot(y.T)  # a third sooner than np.dot, where matrices are small
    if not x.ndim or not y.ndim:
        return g * y if x.ndim else np.sum(g * y)
    kept = [axis for axis in range(y.ndim) if axis != max(y.ndim - 2, 0)]
    return np.tensordot(g, y, (range(x.ndim - 1, g.ndim), kept))


def _dot_y(g: Any, z: Any, x: Any, y: Any) -> Any:
    if x.ndim == 2 == y.ndim:
        return x.T.dot(g)
    if not x.ndim or not y.ndim:
        return g * x if y.ndim else np.sum(g * x)
    kept = range(x.ndim - 1)
    return np.moveaxis(np.tensordot(x, g, (kept, kept)), 0, max(y.ndim - 2, 0))


dot = Primitive(
    np.dot,
    _dot_x,
    _dot_y,
    sign="@",
    examples=[
        *PRODUCTS,
        example(D(2, 3, 4), D(5, 4, 2)),
        example(D(4), D(5, 4, 2)),
        example(D(2, 3, 4), D(4)),
        example(D(3, 4), D()),
        example(D(), D(3)),
    ],
)


def fitting(name: str, i: int, j: int, x: Any, y: Any) -> Bound:
    x, y = as_array(x), as_array(y)
    check_axes(name, x, i, y, j)
    return (x, y), {}


def _bind_vecdot(x: Any, y: Any, axis: int = -1) -> Bound:
    x, y = as_array(x), as_array(y)
    check_axes("vecdot", x, axis, y, axis)
    return (x, y) if axis == -1 else (np.moveaxis(x, axis, -1), np.moveaxis(y, axis, -1)), {}


vdot = Primitive(
    np.vdot,
    lambda g, z, x, y: g * (y if y.shape == x.shape else np.reshape(y, x.shape)),
    lambda g, z, x, y: g * (x if y.shape == x.shape else np.reshape(x, y.shape)),
    examples=[example(D(4), D(4)), example(D(2, 3), D(3, 2))],
)
# The engine undoes a broadcast where x and z differ in shape; in these, x may be repeated and still be of z's shape.
vecdot = Primitive(
    np.vecdot,
    lambda g, z, x, y: unbroadcast(np.expand_dims(g, -1) * y, x.shape),
    lambda g, z, x, y: unbroadcast(np.expand_dims(g, -1) * x, y.shape),
    bind=_bind_vecdot,
    also=(np.linalg.vecdot,),
    broadcasts=True,
    examples=[
        example(D(2, 1, 4), D(3, 4)),
        example(D(4), D(4)),
        example(D(4, 2), D(4, 2), axis=0),
        example(D(3, 3), D(3)),
    ],
)


def dots(x: Any, y: Any, axis: Any) -> Any:
    """The sums of products over an axis, or several, kept with length 1; over the last in one pass."""
    return np.expand_dims(np.vecdot(x, y), -1) if axis in (-1, (-1,)) else np.sum(x * y, axis=axis, keepdims=True)


def sums(x: Any) -> Any:
    """The sums over the last axis, as a matrix product, which is faster."""
    return np.matmul(x, np.ones_like(x, shape=x.shape[-1:]))


def totals(x: Any, axis: Any) -> Any:
    """The sums over an axis, or several, kept with length 1."""
    if axis in (-1, (-1,)):
        return np.expand_dims(sums(x), -1)
    return np.sum(x, axis=axis, keepdims=True)


if hasattr(np, "matvec"):
    matvec = Primitive(
        np.matvec,
        lambda g, z, x, y: unbroadcast(np.expand_dims(g, -1) * np.expand_dims(y, -2), x.shape),
        lambda g, z, x, y: np.vecmat(g, x),
        bind=functools.partial(fitting, "matvec", -1, -1),
        broadcasts=True,
        examples=[example(D(3, 4), D(4)), example(D(2, 1, 3, 4), D(5, 4)), example(D(3, 3), D(3, 3))],
    )
    vecmat = Primitive(
        np.vecmat,
        lambda g, z, x, y: np.matvec(y, g),
        lambda g, z, x, y: unbroadcast(np.expand_dims(x, -1) * np.expand_dims(g, -2), y.shape),
        bind=functools.partial(fitting, "vecmat", -1, -2),
        broadcasts=True,
        examples=[example(D(3), D(3, 4)), example(D(5, 3), D(2, 1, 3, 4)), example(D(3, 3), D(3, 3))],
    )
