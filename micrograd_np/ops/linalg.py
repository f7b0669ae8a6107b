"""Determinants, inverses, solutions of linear equations, and norms, whose first derivative at 0 is 0 by convention."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..core.context import tracing
from ..core.errors import ArgumentError, ArgumentTypeError, describe
from ..core.names import caller_location, format_location
from ..core.tensor import Tensor
from .elementwise import divisor, ratio
from .primitive import Bound, NonDifferentiable, Primitive, as_array, example, implements
from .primitive import Drawn as D
from .products import NamedOutputs, check_axes, eye_like, mT, symmetric
from .reductions import expand_reduced, products_of_others


def invertible(x: Any) -> Any:
    """Make a matrix invertible, for the examples."""
    return x + 4 * np.eye(x.shape[-1])


INVERTIBLE = [example(D(3, 3, through=invertible)), example(D(2, 3, 3, through=invertible))]


def _cofactors(x: Any) -> Any:
    """The derivative of det x: det x · x⁻ᵀ, and where x is singular the same from its singular values."""
    determinant = np.linalg.det(x)
    z = np.empty_like(x)
    regular = determinant != 0
    inverses = np.linalg.inv(x[regular])
    z[regular] = determinant[regular][..., None, None] * np.swapaxes(inverses, -1, -2)
    u, s, vh = np.linalg.svd(x[~regular])
    sign = np.linalg.det(u) * np.linalg.det(vh)
    z[~regular] = sign[..., None, None] * np.matmul(u * products_of_others(s)[..., None, :], vh)
    return z


def _cofactors_slope(g: Any, x: Any) -> Any:
    """The second derivative of det x, along g. In the bases of u and v a cofactor is a product of singular values."""
    unknown = np.logical_not(np.isfinite(x).all(axis=(-1, -2)))[..., None, None]  # NumPy would refuse the whole batch
    u, s, vh = np.linalg.svd(np.where(unknown, 0, x))
    eye = np.eye(x.shape[-1], dtype=x.dtype, like=x)
    inside = np.matmul(np.matmul(np.swapaxes(u, -1, -2), g), np.swapaxes(vh, -1, -2))
    rest = products_of_others(np.where(eye == 1, 1, s[..., None, :])) * (1 - eye)  # [i, j]: all values but the two
    diagonal = np.matmul(rest, np.einsum("...ii->...i", inside)[..., None])
    turned = eye * diagonal - np.swapaxes(inside * rest, -1, -2)
    sign = np.linalg.det(u) * np.linalg.det(vh)
    z = sign[..., None, None] * np.matmul(np.matmul(u, turned), vh)
    return np.where(unknown, np.nan, z).astype(x.dtype)


def _cofactors_slope_x(h: Any, z: Any, g: Any, x: Any) -> Any:
    """The third derivative, by the inverse; it does not exist for a singular x."""
    inverse = np.linalg.inv(x)
    left, right = np.matmul(inverse, g), np.matmul(inverse, h)
    both = np.matmul(left, right)

    def trace(y: Any) -> Any:
        return np.expand_dims(np.trace(y, axis1=-2, axis2=-1), (-1, -2))

    inside = eye_like(x) * (trace(left) * trace(right) - trace(both)) - trace(right) * left - trace(left) * right
    inside = np.matmul(inside + both + np.matmul(right, left), inverse)
    return np.expand_dims(np.linalg.det(x), (-1, -2)) * mT(inside)


det = Primitive(np.linalg.det, lambda g, z, x: np.expand_dims(g, (-1, -2)) * cofactors(x), examples=INVERTIBLE)
cofactors: Primitive = Primitive(
    _cofactors,
    lambda g, z, x: cofactors_slope(g, x),
    examples=INVERTIBLE,
    gloss="det(x) * inv(x).T, also where x is singular",
)
cofactors_slope: Primitive = Primitive(
    _cofactors_slope,
    lambda h, z, g, x: cofactors_slope(h, x),
    _cofactors_slope_x,
    bind=lambda g, x: ((as_array(g), as_array(x)), {}),
    examples=[example(D(3, 3), D(3, 3, through=invertible)), example(D(2, 3, 3), D(2, 3, 3, through=invertible))],
    gloss="the derivative of cofactors(x) along g",
)


class SlogdetResult(NamedTuple):
    sign: Any
    logabsdet: Any


def _slope_of_slogdet(g: Any, z: Any, x: Any) -> Any:
    """x⁻ᵀ. Where x is singular the logarithm is -inf and its slope inf or nan, with NumPy's warning, as that of log."""
    singular = np.expand_dims(z[0] == 0, (-1, -2))
    inverse = np.linalg.inv(np.where(singular, eye_like(x), x))
    return np.expand_dims(g[1], (-1, -2)) * mT(inverse) / np.where(singular, 0, 1).astype(x.dtype)


slogdet = NamedOutputs(np.linalg.slogdet, SlogdetResult, _slope_of_slogdet, examples=INVERTIBLE)
inv = Primitive(np.linalg.inv, lambda g, z, x: -np.matmul(mT(z), np.matmul(g, mT(z))), examples=INVERTIBLE)


def as_columns(x: Any, b: Any) -> Any:
    """Add a column axis if b is one vector; NumPy reads b as a vector only if it has one axis."""
    return np.expand_dims(x, -1) if b.ndim == 1 else x


def _solve_a(g: Any, z: Any, a: Any, b: Any) -> Any:
    return -np.matmul(np.linalg.solve(mT(a), as_columns(g, b)), mT(as_columns(z, b)))


def _solve_b(g: Any, z: Any, a: Any, b: Any) -> Any:
    x = np.linalg.solve(mT(a), as_columns(g, b))
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
        example(D(3, 3, through=invertible), D(3)),
        example(D(3, 3, through=invertible), D(3, 2)),
        example(D(2, 3, 3, through=invertible), D(3)),
        example(D(2, 1, 3, 3, through=invertible), D(4, 3, 2)),
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
    examples=[example(D(4, 2)), example(D(2, 2, 3)), example(D(3, 3, through=invertible))],
)
matrix_rank = NonDifferentiable(np.linalg.matrix_rank)


@implements(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: float | None = None) -> Any:
    """The x for which |a x - b| is smallest; the squares of what remains; a's rank and singular values."""
    a, b = as_array(a), as_array(b)
    check_axes("lstsq", a, 0, b, 0)
    if tracing() and isinstance(a, Tensor):
        raise ArgumentTypeError(
            "how many residuals np.linalg.lstsq gives depends on the rank of a, and a program's shapes are fixed: "
            f"{format_location(caller_location())}. Write np.linalg.pinv(a) @ b for the solution alone."
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


@implements(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """The x for which a and x, multiplied over all axes of x, give b."""
    a, b = as_array(a), as_array(b)
    if axes is not None:
        a = np.moveaxis(a, axes, range(-len(axes), 0))
    shape = a.shape[b.ndim :]
    x = np.linalg.solve(np.reshape(a, (b.size, math.prod(shape))), np.reshape(b, b.size))
    return np.reshape(x, shape)


@implements(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    """The inverse of a as a map from its last axes to its first `ind`."""
    a = as_array(a)
    left, right = a.shape[:ind], a.shape[ind:]
    return np.reshape(np.linalg.inv(np.reshape(a, (math.prod(left), math.prod(right)))), (*right, *left))


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
