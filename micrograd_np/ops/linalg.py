"""Matrix products and what is made of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .primitive import Primitive, Several, example
from .primitive import Drawn as D


def mT(x: Any) -> Any:
    return np.swapaxes(x, -1, -2)


# A vector in a matrix product is a matrix of one row (on the left) or of one column (on the right).
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
    broadcasts=True,
    examples=[*PRODUCTS, example(D(2, 3, 4), D(4, 2)), example(D(4), D(2, 4, 3)), example(D(5, 1, 3, 4), D(2, 4, 3))],
)


def _dot_x(g: Any, z: Any, x: Any, y: Any) -> Any:
    if x.ndim == 2 == y.ndim:
        return np.dot(g, y.T)
    if not x.ndim or not y.ndim:
        return np.sum(g * y) if y.ndim else g * y
    kept = y.ndim - 1
    axes = [*range(y.ndim - 2), y.ndim - 1] if y.ndim > 1 else []
    return np.tensordot(g, y, (list(range(g.ndim - kept, g.ndim)), axes))


def _dot_y(g: Any, z: Any, x: Any, y: Any) -> Any:
    if x.ndim == 2 == y.ndim:
        return np.dot(x.T, g)
    if not x.ndim or not y.ndim:
        return np.sum(g * x) if x.ndim else g * x
    kept = list(range(x.ndim - 1))
    if y.ndim == 1:
        return np.tensordot(x, g, (kept, kept))
    return np.moveaxis(np.tensordot(x, g, (kept, kept)), 0, -2)


dot = Primitive(
    np.dot,
    _dot_x,
    _dot_y,
    sign="@",
    examples=[*PRODUCTS, example(D(2, 3, 4), D(5, 4, 2)), example(D(3, 4), D()), example(D(), D(3))],
)


def _slogdet_x(g: Any, z: Any, x: Any) -> Any:
    """d log|det x| = tr(x⁻¹ dx); the sign is locally constant."""
    return np.expand_dims(g[1], (-1, -2)) * mT(np.linalg.inv(x))


inv = Primitive(
    np.linalg.inv,
    lambda g, z, x: -np.matmul(mT(z), np.matmul(g, mT(z))),
    examples=[example(D(3, 3, through=lambda x: x + 4 * np.eye(3)))],
)
slogdet = Several(np.linalg.slogdet, _slogdet_x, examples=[example(D(3, 3)), example(D(2, 3, 3))])
