"""Determinants, inverses, and solutions of linear equations."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..core.context import tracing
from ..core.names import line, spot
from ..core.tensor import Tensor
from .composed import stands_for
from .examples import Drawn as D
from .examples import example
from .matrices import Named, check_axes, eye_like, mT, symmetric
from .primitive import Bound, Plain, Primitive, as_array
from .reduction import others


def regular(x: Any) -> Any:
    """Far from singular, for the examples."""
    return x + 4 * np.eye(x.shape[-1])


INVERTIBLE = [example(D(3, 3, through=regular)), example(D(2, 3, 3, through=regular))]


def _cofactors(x: Any) -> Any:
    """The derivative of det x: det x · x⁻ᵀ, and where x is singular the same from its singular values."""
    determinant = np.linalg.det(x)
    z = np.empty_like(x)
    regular = determinant != 0
    inverses = np.linalg.inv(x[regular])
    z[regular] = determinant[regular][..., None, None] * np.swapaxes(inverses, -1, -2)
    u, s, vh = np.linalg.svd(x[~regular])
    sign = np.linalg.det(u) * np.linalg.det(vh)
    z[~regular] = sign[..., None, None] * np.matmul(u * others(s)[..., None, :], vh)
    return z


def _cofactors_slope(g: Any, x: Any) -> Any:
    """The second derivative of det x, along g. In the bases of u and v a cofactor is a product of singular values."""
    u, s, vh = np.linalg.svd(x)
    n = s.shape[-1]
    inside = np.matmul(np.matmul(np.swapaxes(u, -1, -2), g), np.swapaxes(vh, -1, -2))
    rest = others(np.where(np.eye(n), 1, s[..., None, :])) * (1 - np.eye(n))  # [i, j]: all values but the two
    diagonal = np.matmul(rest, np.einsum("...ii->...i", inside)[..., None])
    turned = np.eye(n) * diagonal - np.swapaxes(inside * rest, -1, -2)
    sign = np.linalg.det(u) * np.linalg.det(vh)
    return (sign[..., None, None] * np.matmul(np.matmul(u, turned), vh)).astype(x.dtype)


def _cofactors_slope_x(h: Any, z: Any, g: Any, x: Any) -> Any:
    """The third derivative, by the inverse: what no singular x has."""
    inverse = np.linalg.inv(x)
    left, right = np.matmul(inverse, g), np.matmul(inverse, h)
    both = np.matmul(left, right)

    def trace(y: Any) -> Any:
        return np.expand_dims(np.trace(y, axis1=-2, axis2=-1), (-1, -2))

    inside = eye_like(x) * (trace(left) * trace(right) - trace(both)) - trace(right) * left - trace(left) * right
    inside = np.matmul(inside + both + np.matmul(right, left), inverse)
    return np.expand_dims(np.linalg.det(x), (-1, -2)) * mT(inside)


det = Primitive(np.linalg.det, lambda g, z, x: np.expand_dims(g, (-1, -2)) * cofactors(x), examples=INVERTIBLE)
cofactors: Primitive = Primitive(_cofactors, lambda g, z, x: cofactors_slope(g, x), examples=INVERTIBLE)
cofactors_slope: Primitive = Primitive(
    _cofactors_slope,
    lambda h, z, g, x: cofactors_slope(h, x),
    _cofactors_slope_x,
    bind=lambda g, x: ((as_array(g), as_array(x)), {}),
    examples=[example(D(3, 3), D(3, 3, through=regular)), example(D(2, 3, 3), D(2, 3, 3, through=regular))],
)


class SlogdetResult(NamedTuple):
    sign: Any
    logabsdet: Any


def _slope_of_slogdet(g: Any, z: Any, x: Any) -> Any:
    """x⁻ᵀ. Where x is singular the logarithm is -inf and its slope inf or nan, with NumPy's warning, as that of log."""
    singular = np.expand_dims(z[0] == 0, (-1, -2))
    inverse = np.linalg.inv(np.where(singular, eye_like(x), x))
    return np.expand_dims(g[1], (-1, -2)) * mT(inverse) / np.where(singular, 0, 1).astype(x.dtype)


slogdet = Named(np.linalg.slogdet, SlogdetResult, _slope_of_slogdet, examples=INVERTIBLE)
inv = Primitive(
    np.linalg.inv,
    lambda g, z, x: -np.matmul(mT(z), np.matmul(g, mT(z))),
    examples=INVERTIBLE,
)


def columns(x: Any, b: Any) -> Any:
    """Solutions as matrices; NumPy takes the right side for one vector only where it has one axis."""
    return np.expand_dims(x, -1) if b.ndim == 1 else x


def _solve_a(g: Any, z: Any, a: Any, b: Any) -> Any:
    return -np.matmul(np.linalg.solve(mT(a), columns(g, b)), mT(columns(z, b)))


def _solve_b(g: Any, z: Any, a: Any, b: Any) -> Any:
    x = np.linalg.solve(mT(a), columns(g, b))
    return x[..., 0] if b.ndim == 1 else x


def _bind_solve(a: Any, b: Any) -> Bound:
    a, b = as_array(a), as_array(b)
    check_axes("solve", a, -2, b, -1 if b.ndim == 1 else -2)
    return (a, b), {}


solve = Primitive(
    np.linalg.solve,
    _solve_a,
    _solve_b,
    bind=_bind_solve,
    broadcasts=True,
    examples=[
        example(D(3, 3, through=regular), D(3)),
        example(D(3, 3, through=regular), D(3, 2)),
        example(D(2, 3, 3, through=regular), D(3)),
        example(D(2, 1, 3, 3, through=regular), D(4, 3, 2)),
    ],
)


def _pinv_x(g: Any, z: Any, x: Any, rcond: Any, hermitian: bool, **_: Any) -> Any:
    """Golub and Pereyra, "The differentiation of pseudo-inverses" (1973): x and its neighbours are of one rank."""
    if hermitian:  # NumPy has read one triangle
        x = np.tril(x) + mT(np.tril(x, -1))
    g, zT = mT(g), mT(z)
    inside = np.matmul(np.matmul(zT, mT(g)), zT)
    left = np.matmul(g - np.matmul(x, np.matmul(z, g)), np.matmul(z, zT))
    right = np.matmul(np.matmul(zT, z), g - np.matmul(np.matmul(g, z), x))
    return symmetric(left + right - inside) if hermitian else left + right - inside


def _bind_pinv(a: Any, rcond: Any = None, hermitian: bool = False, **rtol: Any) -> Bound:
    return (as_array(a),), {"rcond": rcond, "hermitian": hermitian, **rtol}


pinv = Primitive(
    np.linalg.pinv,
    _pinv_x,
    bind=_bind_pinv,
    examples=[example(D(4, 2)), example(D(2, 2, 3)), example(D(3, 3, through=regular))],
)
matrix_rank = Plain(np.linalg.matrix_rank)


@stands_for(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: float | None = None) -> Any:
    """The x for which |a x - b| is smallest; the squares of what remains; a's rank and singular values."""
    a, b = as_array(a), as_array(b)
    check_axes("lstsq", a, 0, b, 0)
    if tracing() and isinstance(a, Tensor):
        raise TypeError(
            "how many residuals np.linalg.lstsq gives depends on the rank of a, and a program's shapes are fixed: "
            f"{line(spot())}. Write np.linalg.pinv(a) @ b for the solution alone."
        )
    rows, unknowns = a.shape
    precision = float(np.finfo(a.dtype).eps)
    rcond = precision * max(rows, unknowns) if rcond is None else rcond if rcond >= 0 else precision
    x = np.matmul(np.linalg.pinv(a, rcond), b)
    singular = np.linalg.svdvals(a)
    rank = int(np.sum(singular > rcond * singular[:1]))
    remains = np.square(b - np.matmul(a, x))
    told = rank == unknowns < rows
    return x, np.sum(remains, axis=0, keepdims=b.ndim == 1) if told else np.ravel(x[:0]), rank, singular


@stands_for(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """The x for which a and x, multiplied over all axes of x, give b."""
    a, b = as_array(a), as_array(b)
    if axes is not None:
        a = np.moveaxis(a, axes, range(-len(axes), 0))
    shape = a.shape[b.ndim :]
    x = np.linalg.solve(np.reshape(a, (b.size, math.prod(shape))), np.reshape(b, b.size))
    return np.reshape(x, shape)


@stands_for(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    """The inverse of a as a map from its last axes to its first `ind`."""
    a = as_array(a)
    left, right = a.shape[:ind], a.shape[ind:]
    return np.reshape(np.linalg.inv(np.reshape(a, (math.prod(left), math.prod(right)))), (*right, *left))
