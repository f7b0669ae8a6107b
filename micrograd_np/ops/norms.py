"""Norms of vectors and matrices. Their first derivative at 0 is 0 by convention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..core.errors import ArgumentError, describe
from .elementwise import divisor, ratio
from .primitive import Bound, Primitive, as_array, example, implements
from .primitive import Drawn as D
from .reductions import expand_reduced


def _euclidean_x(g: Any, z: Any, x: Any, axis: Any) -> Any:
    return ratio(expand_reduced(g, axis), x, expand_reduced(z, axis))


def _bind_euclidean(x: Any, axis: Any = None) -> Bound:
    return (x,), {"axis": axis}


euclidean = Primitive(
    np.linalg.norm,
    _euclidean_x,
    bind=_bind_euclidean,
    examples=[example(D(3)), example(D(2, 3, 4)), example(D(3, 4), axis=-1), example(D(2, 3, 4), axis=(0, -1))],
)


def _p_norm_x(g: Any, z: Any, x: Any, ord: float, axis: int) -> Any:
    """(|x| / z)^(ord - 1); for ord < 1 its inverse to a positive power, so that no zero is divided by."""
    if ord < 1:
        return (
            expand_reduced(g, axis)
            * np.sign(x)
            * np.where(x == 0, 1, expand_reduced(z, axis) / divisor(np.abs(x))) ** (1 - ord)
        )
    share = np.abs(x) / divisor(expand_reduced(z, axis))
    return expand_reduced(g, axis) * np.sign(x) * np.where(x == 0, 1, share) ** (ord - 1)


p_norm = Primitive(
    np.linalg.norm,
    _p_norm_x,
    bind=lambda x, ord, axis: ((x,), {"ord": ord, "axis": axis}),
    examples=[example(D(3, 4), 3, 0), example(D(4), 1.5, 0), example(D(2, 3), -2, -1), example(D(3), 0.5, 0)],
)


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The norm of a vector, or of a matrix; without `ord`, the root of the sum of squares."""
    x = as_array(x)
    if x.dtype.kind in "biu":
        x = x.astype(float)
    axes = normalize_axis_tuple(range(x.ndim) if axis is None else axis, x.ndim)
    if axis is None and (ord is None or (ord, x.ndim) in ((2, 1), ("fro", 2), ("f", 2))):
        z = euclidean(x)
    elif len(axes) == 1:
        z = norm_of_vectors(x, ord, axes[0])
    elif len(axes) == 2:
        z = norm_of_matrices(x, ord, axes)
    else:
        raise ArgumentError(
            f"norm takes vectors or matrices, and {describe(x, 'the array')} has {len(axes)} axes. Choose one or two "
            "by "
            "axis=, or leave out ord= for the root of the sum of all squares."
        )
    return np.expand_dims(z, axes) if keepdims else z


def norm_of_vectors(x: Any, ord: Any, axis: int) -> Any:
    if ord is None or ord == 2:
        return euclidean(x, axis)
    if isinstance(ord, str):
        raise ArgumentError(f"norm has no ord={ord!r} for vectors: a number, np.inf or -np.inf.")
    size = np.abs(x)
    if math.isinf(ord):
        return np.max(size, axis=axis) if ord > 0 else np.min(size, axis=axis)
    if ord == 0:
        return np.sum(np.sign(size), axis=axis)
    return np.sum(size, axis=axis) if ord == 1 else p_norm(x, ord, axis)


def norm_of_matrices(x: Any, ord: Any, axes: tuple[int, int]) -> Any:
    if ord in (None, "fro", "f"):
        return euclidean(x, axes)
    if ord in (2, -2, "nuc"):
        values = np.linalg.svdvals(np.moveaxis(x, axes, (-2, -1)))
        reduce = np.sum if ord == "nuc" else np.max if ord > 0 else np.min
        return reduce(values, axis=-1)
    if ord in (1, -1, np.inf, -np.inf):
        rows, columns = axes if abs(ord) == 1 else axes[::-1]
        sums = np.sum(np.abs(x), axis=rows, keepdims=True)
        return np.squeeze((np.max if ord > 0 else np.min)(sums, axis=columns, keepdims=True), axes)
    raise ArgumentError(f"norm has no ord={ord!r} for matrices: 1, -1, 2, -2, np.inf, -np.inf, 'fro' or 'nuc'.")


@implements(np.linalg.vector_norm)
def vector_norm(x: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """The norm of the vectors that lie in one axis, or in several taken together."""
    x = as_array(x)
    axes = normalize_axis_tuple(range(x.ndim) if axis is None else axis, x.ndim)
    if len(axes) == 1:
        return np.linalg.norm(x, ord, axes[0], keepdims)
    moved = np.moveaxis(x, axes, range(len(axes)))
    flat = np.reshape(moved, (math.prod(moved.shape[: len(axes)]), *moved.shape[len(axes) :]))
    z = np.linalg.norm(flat, ord, 0)
    return np.expand_dims(z, axes) if keepdims else z


@implements(np.linalg.matrix_norm)
def matrix_norm(x: Any, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """The norm of the matrices in the last two axes."""
    return np.linalg.norm(x, ord, (-2, -1), keepdims)


@implements(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    """The condition number: the norm of x times that of its inverse."""
    x = as_array(x)
    if p in (None, 2, -2):
        values = np.linalg.svdvals(x)
        largest, smallest = values[..., 0], values[..., -1]
        return smallest / largest if p == -2 else largest / smallest
    return np.linalg.norm(x, p, (-2, -1)) * np.linalg.norm(np.linalg.inv(x), p, (-2, -1))
