"""Diagonals: taken out, put in, and what lies on one side of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from .composed import stands_for
from .examples import Drawn as D
from .examples import example
from .indexing import scatter
from .primitive import Bound, Known, Primitive, as_array


def entries(rows: int, columns: int, offset: int) -> slice:
    """Where a diagonal lies in the raveled matrix."""
    length = max(min(rows + min(offset, 0), columns - max(offset, 0)), 0)
    start = max(offset, -offset * columns)
    return slice(start, start + length * (columns + 1), columns + 1) if length else slice(0, 0)


@stands_for(np.diagonal)
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The diagonal of the matrices in two axes, as the last axis."""
    x = as_array(x)
    axes = normalize_axis_tuple((axis1, axis2), x.ndim)
    matrices = x if axes == (x.ndim - 2, x.ndim - 1) else np.moveaxis(x, axes, (-2, -1))
    *others, rows, columns = matrices.shape
    return np.reshape(matrices, (*others, rows * columns))[..., entries(rows, columns, offset)]


@stands_for(np.linalg.diagonal)
def linalg_diagonal(x: Any, *, offset: int = 0) -> Any:
    """The diagonal of the matrices in the last two axes."""
    return np.diagonal(x, offset, -2, -1)


@stands_for(np.diagflat)
def diagflat(x: Any, k: int = 0) -> Any:
    """A square matrix with the entries on a diagonal, and zeros elsewhere."""
    x = np.ravel(as_array(x))
    side = x.size + abs(k)
    return np.reshape(scatter(x, entries(side, side, k), (side * side,)), (side, side))


@stands_for(np.diag)
def diag(x: Any, k: int = 0) -> Any:
    """The diagonal of a matrix; the matrix with a vector on its diagonal."""
    x = as_array(x)
    if x.ndim not in (1, 2):
        raise ValueError(f"np.diag takes a vector or a matrix, not an array of shape {x.shape}.")
    return np.diagonal(x, k) if x.ndim == 2 else np.diagflat(x, k)


def _bind_triangle(x: Any, k: int = 0) -> Bound:
    return (x,), {"k": k}


TRIANGLES = [example(D(3, 4)), example(D(2, 4, 3), k=-1), example(D(3), k=1)]

tril = Primitive(np.tril, lambda g, z, x, k: np.tril(g, k), bind=_bind_triangle, broadcasts=True, examples=TRIANGLES)
triu = Primitive(np.triu, lambda g, z, x, k: np.triu(g, k), bind=_bind_triangle, broadcasts=True, examples=TRIANGLES)

diag_indices_from = Known(np.diag_indices_from, examples=[example(D(3, 3))])
tril_indices_from = Known(np.tril_indices_from, examples=[example(D(3, 4), 1)])
triu_indices_from = Known(np.triu_indices_from, examples=[example(D(3, 4), -1)])
