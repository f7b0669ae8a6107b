"""Linear algebra: determinants, inverses, linear equations, products made of dot and matmul, and decompositions."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..core.backward import Rule
from ..core.context import tracing
from ..core.errors import ArgumentError, ArgumentTypeError, ShapeError, describe
from ..core.names import caller_location, format_location
from ..core.tensor import Tensor
from .indexing import getitem, scatter
from .primitive import Bound, D, MultiOutput, NonDifferentiable, Part, Primitive, as_array, as_given, example, examples
from .products import as_floats, check_axes, eye_like, mT, signs_like, symmetric_part
from .reductions import products_of_others


class NamedOutputs(MultiOutput):
    """A row whose outputs have names: those of NumPy's result, such as `EighResult`."""

    def __init__(self, function: Callable[..., Any], rule: Rule, **fields: Any) -> None:
        super().__init__(function, rule, **fields)
        self.result = type(function(np.eye(1)))  # NumPy exports no such type: call the function once to get it

    def outputs_of(self, node: Any) -> Any:
        return self.result(*super().outputs_of(node))


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


def _cofactors_x(g: Any, z: Any, x: Any) -> Any:
    """Return the second derivative of det x along g: a cofactor is, up to its sign, the determinant of a minor.

    The derivative of that determinant is the matrix of the minor's cofactors, even where the minor is singular.
    """
    others = np.argsort(eye_like(x), kind="stable")[:, :-1]  # row i: all indices but i, which is sorted last
    minors = (Ellipsis, others[:, None, :, None], others[None, :, None, :])
    slopes = np.expand_dims(g * signs_like(x), (-1, -2)) * cofactors(getitem(x, minors))
    return scatter(slopes, minors, x.shape)


det = Primitive(np.linalg.det, lambda g, z, x: np.expand_dims(g, (-1, -2)) * cofactors(x), examples=INVERTIBLE)
cofactors: Primitive = Primitive(
    _cofactors,
    _cofactors_x,
    examples=INVERTIBLE,
    gloss="det(x) * inv(x).T, also where x is singular",
)


def _slogdet_x(g: Any, z: Any, x: Any) -> Any:
    """Return g times x⁻ᵀ. For a singular x it is inf or nan, with NumPy's warning, like the slope of log at 0."""
    singular = np.expand_dims(z[0] == 0, (-1, -2))
    inverse = np.linalg.inv(np.where(singular, eye_like(x), x))
    # A singular x divides by 0: this gives inf or nan, and NumPy's warning.
    return np.expand_dims(g[1], (-1, -2)) * mT(inverse) / np.where(singular, 0, 1).astype(x.dtype)


slogdet = NamedOutputs(np.linalg.slogdet, _slogdet_x, examples=INVERTIBLE)
inv = Primitive(np.linalg.inv, lambda g, z, x: -np.matmul(mT(z), np.matmul(g, mT(z))), examples=INVERTIBLE)


def as_columns(x: Any, b: Any) -> Any:
    """Add a column axis if b is one vector; NumPy reads b as a vector only if it has one axis."""
    return np.expand_dims(x, -1) if b.ndim == 1 else x


def _solve_b(g: Any, z: Any, a: Any, b: Any) -> Any:
    """The solution of the transposed equations for the cotangent."""
    x = np.linalg.solve(mT(a), as_columns(g, b))
    return x[..., 0] if b.ndim == 1 else x


def _bind_solve(a: Any, b: Any) -> Bound:
    """Raise unless a and b have the same number of equations."""
    a, b = as_array(a), as_array(b)
    check_axes("solve", a, -2, b, -1 if b.ndim == 1 else -2)
    return (a, b), {}


solve = Primitive(
    np.linalg.solve,
    lambda g, z, a, b: -np.matmul(np.linalg.solve(mT(a), as_columns(g, b)), mT(as_columns(z, b))),
    _solve_b,
    bind=_bind_solve,
    broadcasts=True,
    examples=[example(D(3, 3, through=invertible), D(3)), example(D(2, 1, 3, 3, through=invertible), D(4, 3, 2))],
)


def _pinv_x(g: Any, z: Any, x: Any, **_: Any) -> Any:
    """Golub and Pereyra, "The differentiation of pseudo-inverses" (1973). The rank of x must not change nearby."""
    g, zT = mT(g), mT(z)
    inside = np.matmul(np.matmul(zT, mT(g)), zT)
    left = np.matmul(g - np.matmul(x, np.matmul(z, g)), np.matmul(z, zT))
    right = np.matmul(np.matmul(zT, z), g - np.matmul(np.matmul(g, z), x))
    return left + right - inside


def _bind_pinv(a: Any, rcond: Any = None, *, rtol: Any = np._NoValue) -> Bound:
    """NumPy's signature; `rtol` is another name of `rcond`, and None is another default than none."""
    return (as_array(a),), {"rcond": rcond} if rtol is np._NoValue else {"rcond": rcond, "rtol": rtol}


pinv = Primitive(
    np.linalg.pinv,
    _pinv_x,
    bind=_bind_pinv,
    examples=[example(D(4, 2)), example(D(2, 2, 3)), example(D(3, 3, through=invertible))],
)
matrix_rank = NonDifferentiable(np.linalg.matrix_rank)


def lstsq(a: Any, b: Any, rcond: float | None = None) -> Any:
    """The x for which |a x - b| is smallest; the squares of what remains; a's rank and singular values."""
    a, b = as_floats(a), as_floats(b)
    check_axes("lstsq", a, 0, b, 0)
    if tracing() and isinstance(a, Tensor):
        raise ArgumentTypeError(
            "how many residuals np.linalg.lstsq gives depends on the rank of a, and a program's shapes are fixed: "
            f"{format_location(caller_location())}. Write np.linalg.pinv(a) @ b for the solution alone."
        )
    rows, unknowns = a.shape
    precision = float(np.finfo(a.dtype).eps)
    if rcond is None:
        rcond = precision * max(rows, unknowns)
    elif rcond < 0:
        rcond = precision
    x = np.matmul(np.linalg.pinv(a, rcond), b)
    singular = np.linalg.svdvals(a)
    rank = int(np.sum(singular > rcond * singular[:1]))
    residuals = np.ravel(x[:0])  # empty, as in NumPy, unless a has full rank and more rows than columns
    if rank == unknowns < rows:
        residuals = np.sum(np.square(b - np.matmul(a, x)), axis=0, keepdims=b.ndim == 1)
    return x, residuals, rank, singular


def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """The x for which a and x, multiplied over all axes of x, give b."""
    a, b = as_array(a), as_array(b)
    if axes is not None:
        a = np.moveaxis(a, axes, range(-len(axes), 0))
    shape = a.shape[b.ndim :]
    x = np.linalg.solve(np.reshape(a, (b.size, math.prod(shape))), np.reshape(b, b.size))
    return np.reshape(x, shape)


def tensorinv(a: Any, ind: int = 2) -> Any:
    """The inverse of a as a map from its last axes to its first `ind`."""
    a = as_array(a)
    left, right = a.shape[:ind], a.shape[ind:]
    return np.reshape(np.linalg.inv(np.reshape(a, (math.prod(left), math.prod(right)))), (*right, *left))


# Products made of other products.


def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """The sum of products over the given axes of a and of b."""
    a, b = as_array(a), as_array(b)
    if isinstance(axes, int | np.integer):
        axes = (range(-axes, 0), range(axes))
    over_a, over_b = normalize_axis_tuple(axes[0], a.ndim), normalize_axis_tuple(axes[1], b.ndim)
    if len(over_a) != len(over_b):
        raise ArgumentError(f"tensordot takes as many axes of the first as of the second, not {over_a} and {over_b}.")
    for i, j in zip(over_a, over_b, strict=True):
        check_axes("tensordot", a, i, b, j)
    count = len(over_a)
    a, b = np.moveaxis(a, over_a, range(a.ndim - count, a.ndim)), np.moveaxis(b, over_b, range(count))
    left, terms, right = a.shape[: a.ndim - count], math.prod(b.shape[:count]), b.shape[count:]
    product = np.dot(np.reshape(a, (math.prod(left), terms)), np.reshape(b, (terms, math.prod(right))))
    return np.reshape(product, left + right)


def inner(a: Any, b: Any) -> Any:
    """The sums of products over the last axis of each."""
    a, b = as_array(a), as_array(b)
    if not a.ndim or not b.ndim:
        return np.multiply(a, b)
    check_axes("inner", a, -1, b, -1)
    return np.dot(a, mT(b)) if b.ndim > 1 else np.dot(a, b)


def outer(a: Any, b: Any) -> Any:
    """Each entry of a times each entry of b."""
    return np.reshape(as_array(a), (-1, 1)) * np.reshape(as_array(b), (1, -1))


def kron(a: Any, b: Any) -> Any:
    """Blocks of b, one for each entry of a and multiplied by it."""
    a, b = as_array(a), as_array(b)
    ndim = max(a.ndim, b.ndim)
    a = np.reshape(a, (1,) * (ndim - a.ndim) + a.shape)
    b = np.reshape(b, (1,) * (ndim - b.ndim) + b.shape)
    blocks = np.expand_dims(a, tuple(range(1, 2 * ndim, 2))) * np.expand_dims(b, tuple(range(0, 2 * ndim, 2)))
    return np.reshape(blocks, [m * n for m, n in zip(a.shape, b.shape, strict=True)])


def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """The cross products of vectors of three entries."""
    if axis is not None:
        axisa = axisb = axisc = axis
    u, v = np.moveaxis(as_array(a), axisa, -1), np.moveaxis(as_array(b), axisb, -1)
    for x, given in ((u, a), (v, b)):
        if x.shape[-1] != 3:
            raise ShapeError(f"cross takes vectors of 3 entries, and {describe(given, 'one')} has {x.shape[-1]}.")
    x1, y1, z1 = (u[..., i] for i in range(3))
    x2, y2, z2 = (v[..., i] for i in range(3))
    return np.stack([y1 * z2 - z1 * y2, z1 * x2 - x1 * z2, x1 * y2 - y1 * x2], axis=axisc)


def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The sum of the diagonal."""
    return np.sum(np.diagonal(as_array(a), offset, axis1, axis2), axis=-1)


def linalg_trace(x: Any, *, offset: int = 0) -> Any:
    """The sums of the diagonals of the matrices in the last two axes."""
    return trace(x, offset, -2, -1)


def multi_dot(arrays: Sequence[Any]) -> Any:
    """The product of matrices in the order that multiplies least; the first and the last may be vectors."""
    arrays = [as_array(x) for x in arrays]
    if len(arrays) < 2 or any(x.ndim != 2 for x in arrays[1:-1]) or {arrays[0].ndim, arrays[-1].ndim} - {1, 2}:
        shapes = ", ".join(str(x.shape) for x in arrays)
        raise ShapeError(f"multi_dot takes two matrices or more (the first and last may be vectors), not {shapes}.")
    sizes = [1 if arrays[0].ndim == 1 else arrays[0].shape[0], *[x.shape[0] for x in arrays[1:]]]
    sizes.append(1 if arrays[-1].ndim == 1 else arrays[-1].shape[1])

    @functools.cache
    def cheapest(start: int, stop: int) -> tuple[int, int]:
        """Return the fewest multiplications for a part of the product, and where to split it."""
        if stop - start == 1:
            return 0, start
        return min(
            (cheapest(start, cut)[0] + cheapest(cut, stop)[0] + sizes[start] * sizes[cut] * sizes[stop], cut)
            for cut in range(start + 1, stop)
        )

    def product(start: int, stop: int) -> Any:
        cut = cheapest(start, stop)[1]
        return np.dot(product(start, cut), product(cut, stop)) if stop - start > 1 else arrays[start]

    return product(0, len(arrays))


def matrix_power(a: Any, n: int) -> Any:
    """The product of n copies of a square matrix; of its inverse for a negative n."""
    a, n = as_array(a), operator.index(n)
    check_axes("matrix_power", a, -1, a, -2)
    if n < 0:
        return matrix_power(np.linalg.inv(a), -n)
    if n == 0:
        return np.where(False, a, eye_like(a))  # an identity for each matrix of a; the result keeps its link to a
    if n == 1:
        return a
    half = matrix_power(a, n // 2)
    square = np.matmul(half, half)
    return np.matmul(square, a) if n % 2 else square


# Decompositions: Cholesky, QR, eigenvalues, singular values.
#
# Eigenvectors and singular vectors are unique only up to their sign; those of equal values, only up to a change of
# basis. Their rules hold for functions that do not depend on that choice.


def positive_definite(x: Any) -> Any:
    """Make a matrix symmetric and positive definite, for the examples."""
    return np.matmul(x, mT(x)) + np.eye(x.shape[-1])


def _cholesky_x(g: Any, z: Any, x: Any, upper: bool) -> Any:
    """Murray, "Differentiation of the Cholesky decomposition" (2016). x is symmetric, and so is its cotangent."""
    lower, g = (mT(z), mT(g)) if upper else (z, g)
    inside = np.matmul(mT(lower), g)
    inside = np.tril(inside, -1) + eye_like(inside) * inside / 2
    left = np.linalg.solve(mT(lower), inside)
    return symmetric_part(np.linalg.solve(mT(lower), mT(left)))


cholesky = Primitive(
    np.linalg.cholesky,
    _cholesky_x,
    bind=lambda a, *, upper=False: ((as_array(a),), {"upper": upper}),
    examples=[example(D(3, 3, through=positive_definite)), example(D(2, 3, 3, through=positive_definite), upper=True)],
    gloss="inv(z).T @ half(z.T @ g) @ inv(z), symmetrised; half keeps the lower triangle and half of the diagonal",
)


def thin_cotangent(g: Any, q: Any, k: int) -> Any:
    """The cotangent of q's first k columns.

    The other columns stay orthogonal to these, so they depend on them, and their cotangent is passed on.
    """
    return g[..., :k] - np.matmul(q[..., k:], np.matmul(mT(g[..., k:]), q[..., :k]))


def _qr_x(g: Any, z: Any, x: Any, mode: str) -> Any:
    """Roberts and Roberts, "QR and LQ decomposition matrix backpropagation algorithms" (2020).

    The first k columns of x must be linearly independent; k is the smaller of its two sizes.
    """
    k = min(x.shape[-2:])
    q, r = z[0][..., :k], z[1][..., :k, :]
    g_q, g_r = thin_cotangent(g[0], z[0], k), g[1][..., :k, :]
    g_q = g_q + np.matmul(x[..., k:], mT(g_r[..., k:]))
    inside = np.matmul(r[..., :k], mT(g_r[..., :k])) - np.matmul(mT(g_q), q)
    inside = np.tril(inside) + mT(np.tril(inside, -1))
    first = mT(np.linalg.solve(r[..., :k], mT(g_q + np.matmul(q, inside))))
    return np.concatenate([first, np.matmul(q, g_r[..., k:])], axis=-1)


qr_factors = NamedOutputs(
    np.linalg.qr,
    _qr_x,
    bind=as_given,
    examples=[*examples("4 3", "2 3 3", "2 4", mode="reduced"), example(D(2, 1), mode="complete")],
)


def qr(a: Any, mode: str = "reduced") -> Any:
    """Orthonormal columns Q and upper triangular R whose product is a."""
    if mode not in ("reduced", "complete", "r"):
        raise ArgumentError(f"qr with mode={mode!r} is not supported on Tensors; 'reduced', 'complete' and 'r' are.")
    factors = qr_factors(as_array(a), mode="reduced" if mode == "r" else mode)
    return factors.R if mode == "r" else factors


# Eigenvalues and singular values.


def _apart(gaps: Any, values: Any, name: str) -> Any:
    """Return the gaps, to divide by; raise if one is 0 up to rounding.

    A cotangent of 0 does not make equal values safe: for the logarithm of the identity matrix the cotangents of the
    eigenvectors are all 0, and the derivative is not.
    """
    largest = np.max(np.abs(values), axis=-1, initial=0)[..., None, None]
    equal = np.abs(gaps) <= gaps.shape[-1] * np.finfo(gaps.dtype).eps * largest
    if np.any(equal):
        *_, i, j = np.argwhere(equal)[0].tolist()
        raise np.linalg.LinAlgError(
            f"{name}: values {i} and {j} are equal to rounding, or one is zero: their vectors have no derivative. Use "
            "the values alone (np.linalg.eigvalsh, svdvals), or write the function with products or inv instead."
        )
    return gaps


apart = Part(
    _apart,
    lambda g, z, gaps, values, name: g,
    None,
    views=True,
    examples=[example(D(3, 3, domain=(0.5, 2)), np.ones(3), name="eigh")],
)


def pair_differences(values: Any) -> Any:
    """The difference of each pair of values; the diagonal, which no rule needs, holds numbers that are not 0."""
    gaps = np.expand_dims(values, -2) - np.expand_dims(values, -1)
    return gaps + eye_like(gaps) * np.expand_dims(1 + np.sum(np.abs(values), axis=-1), (-1, -2))


def _eigh_x(g: Any, z: Any, x: Any, UPLO: str) -> Any:
    """Giles, "Collected matrix derivative results" (2008), 3.1. x is symmetric, and so is its cotangent.

    Vectors of equal eigenvalues have no derivative; the values have.
    """
    (g_values, g_vectors), (values, vectors) = g, z
    inside = 0
    if g_values is not None:
        inside = eye_like(vectors) * np.expand_dims(g_values, -2)
    if g_vectors is not None:
        turn = (1 - eye_like(vectors)) * np.matmul(mT(vectors), g_vectors)
        inside = inside + turn / apart(pair_differences(values), values, name="eigh")
    return symmetric_part(np.matmul(np.matmul(vectors, inside), mT(vectors)))


def _eigvalsh_x(g: Any, z: Any, x: Any, UPLO: Any) -> Any:
    """Return v diag(g) vᵀ; eigh gives the eigenvectors v, which eigvalsh does not return."""
    vectors = np.linalg.eigh(x, UPLO)[1]
    return symmetric_part(np.matmul(vectors * np.expand_dims(g, -2), mT(vectors)))


SYMMETRIC = [example(D(3, 3, through=symmetric_part)), example(D(2, 3, 3, through=symmetric_part), "U")]

eigh = NamedOutputs(
    np.linalg.eigh,
    _eigh_x,
    bind=lambda a, UPLO="L": ((as_array(a),), {"UPLO": UPLO}),
    zeros=False,
    examples=SYMMETRIC,
    gloss="v @ (diag(g of the values) + (v.T @ (g of v)) / (differences of values)) @ v.T, symmetrised",
)
eigvalsh = Primitive(
    np.linalg.eigvalsh,
    _eigvalsh_x,
    bind=lambda a, UPLO="L": ((as_array(a),), {"UPLO": UPLO}),
    examples=SYMMETRIC,
    gloss="v * g @ v.T, with the eigenvectors v",
)


def vectors_cotangent(g: Any, u: Any, s: Any) -> Any:
    """The cotangent through the singular vectors of one side, before the product with those of the other."""
    k = s.shape[-1]
    g, thin = thin_cotangent(g, u, k), u[..., :k]
    inside = np.matmul(mT(thin), g)
    across, down = np.expand_dims(s, -2), np.expand_dims(s, -1)
    # s_j² - s_i²; the diagonal is not 0.
    gaps = apart(pair_differences(s), s, name="svd") * (across + down + eye_like(inside))
    turns = np.matmul(thin, (inside - mT(inside)) / gaps * across)
    if u.shape[-2] == k:
        return turns
    return turns + (g - np.matmul(thin, inside)) / apart(across, s, name="svd")


def _svd_x(g: Any, z: Any, x: Any, full_matrices: bool) -> Any:
    """Townsend, "Differentiating the singular value decomposition" (2016).

    Vectors of equal singular values, or of the value 0 where x is not square, have no derivative; the values have.
    """
    (g_u, g_s, g_vh), (u, s, vh) = g, z
    k = s.shape[-1]
    thin_u, thin_vh = u[..., :k], vh[..., :k, :]
    g_x = 0
    if g_s is not None:
        g_x = np.matmul(thin_u * np.expand_dims(g_s, -2), thin_vh)
    if g_u is not None:
        g_x = g_x + np.matmul(vectors_cotangent(g_u, u, s), thin_vh)
    if g_vh is not None:
        g_x = g_x + np.matmul(thin_u, mT(vectors_cotangent(mT(g_vh), mT(vh), s)))
    return g_x


def _svdvals_x(g: Any, z: Any, x: Any) -> Any:
    """Return u diag(g) vᵀ; svd gives the singular vectors u and v, which svdvals does not return."""
    u, _, vh = np.linalg.svd(x, full_matrices=False)
    return np.matmul(u * np.expand_dims(g, -2), vh)


svd_factors = NamedOutputs(
    np.linalg.svd,
    _svd_x,
    bind=as_given,
    zeros=False,
    examples=examples("4 2", "2 2 3", full_matrices=False) + examples("3 3", "2 1", full_matrices=True),
    gloss="u @ (g of u, s and vh, over the differences of s**2) @ vh, as for eigh of x.T @ x",
)
svdvals = Primitive(np.linalg.svdvals, _svdvals_x, examples=examples("4 2", "2 2 3"))


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """Orthonormal U and V, and the singular values S between them: a = U S Vh."""
    a = as_array(a)
    return svd_factors(a, full_matrices=full_matrices) if compute_uv else np.linalg.svdvals(a)
