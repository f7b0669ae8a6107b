"""Decompositions of matrices: Cholesky, QR, eigenvalues, singular values; and norms, some of which are singular values.

Eigenvectors and singular vectors are free in sign, and in basis where values are equal: their rules are the derivatives
of functions that do not depend on that choice. The first derivative of a norm at 0 is 0 by convention.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, describe
from .elementwise import ones_for_zeros, ratio
from .primitive import D, Primitive, as_array, as_given, example
from .products import NamedOutputs, as_floats, eye_like, mT, symmetric_part
from .reductions import axes_of, expand_reduced

# Triangular factors.


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
    """The cotangent of q's first k columns. The others turn to stay orthogonal to them, and add theirs."""
    return g[..., :k] - np.matmul(q[..., k:], np.matmul(mT(g[..., k:]), q[..., :k]))


def _qr_x(g: Any, z: Any, x: Any, mode: str) -> Any:
    """Roberts and Roberts, "QR and LQ decomposition matrix backpropagation algorithms" (2020).

    The first columns of x have to be independent.
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
    examples=[
        example(D(4, 3), mode="reduced"),
        example(D(2, 3, 3), mode="reduced"),
        example(D(2, 4), mode="reduced"),
        example(D(2, 1), mode="complete"),
    ],
)


def qr(a: Any, mode: str = "reduced") -> Any:
    """Orthonormal columns Q and upper triangular R whose product is a."""
    if mode not in ("reduced", "complete", "r"):
        raise ArgumentError(f"qr with mode={mode!r} is not supported on Tensors; 'reduced', 'complete' and 'r' are.")
    factors = qr_factors(as_array(a), mode="reduced" if mode == "r" else mode)
    return factors.R if mode == "r" else factors


# Eigenvalues and singular values.


def _apart(gaps: Any, values: Any, name: str) -> Any:
    """Distances to divide by; an error where one is 0 to rounding.

    At equal values the cotangents do not tell a function that is smooth there from one that is not: of the logarithm of
    the identity all are 0, and its derivative is not.
    """
    largest = np.max(np.abs(values), axis=-1, initial=0)[..., None, None]
    equal = np.abs(gaps) <= gaps.shape[-1] * np.finfo(gaps.dtype).eps * largest
    if np.any(equal):
        *_, i, j = np.argwhere(equal)[0].tolist()
        raise np.linalg.LinAlgError(
            f"{name}: values {i} and {j} are equal to rounding, or one of them is zero, and their vectors have no "
            "derivative. "
            "Use the values alone (np.linalg.eigvalsh, svdvals); or, where the function is smooth all the same, write "
            "it without vectors: by products, np.linalg.inv, np.linalg.matrix_power."
        )
    return gaps


apart = Primitive(
    _apart,
    lambda g, z, gaps, values, name: g,
    None,
    bind=as_given,
    views=True,
    examples=[example(D(3, 3, domain=(0.5, 2)), np.ones(3), name="eigh")],
)


def pair_differences(values: Any) -> Any:
    """The differences of each two values; on the diagonal, where nothing is divided by them, a number that is not 0."""
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
    """The cotangent as a diagonal, turned back by the eigenvectors, which the values alone do not give."""
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
    gaps = apart(pair_differences(s), s, name="svd") * (across + down + eye_like(inside))
    turns = np.matmul(thin, (inside - mT(inside)) / gaps * across)
    if u.shape[-2] == k:
        return turns
    return turns + (g - np.matmul(thin, inside)) / apart(across, s, name="svd")


def _svd_x(g: Any, z: Any, x: Any, full_matrices: bool, hermitian: bool) -> Any:
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
    return symmetric_part(g_x) if hermitian else g_x


def _svdvals_x(g: Any, z: Any, x: Any) -> Any:
    """The cotangent as a diagonal, turned back by the singular vectors, which the values alone do not give."""
    u, _, vh = np.linalg.svd(x, full_matrices=False)
    return np.matmul(u * np.expand_dims(g, -2), vh)


svd_factors = NamedOutputs(
    np.linalg.svd,
    _svd_x,
    bind=as_given,
    zeros=False,
    examples=[
        example(D(4, 2), full_matrices=False, hermitian=False),
        example(D(2, 2, 3), full_matrices=False, hermitian=False),
        example(D(3, 3), full_matrices=True, hermitian=False),
        example(D(2, 1), full_matrices=True, hermitian=False),
        example(D(3, 3, through=symmetric_part), full_matrices=True, hermitian=True),
    ],
    gloss="as for eigh of x.T @ x: g of u, s and vh turned back by u and vh",
)
svdvals = Primitive(np.linalg.svdvals, _svdvals_x, examples=[example(D(4, 2)), example(D(2, 2, 3))])


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """Orthonormal U and V, and the singular values S between them: a = U S Vh."""
    a = as_array(a)
    if compute_uv:
        return svd_factors(a, full_matrices=full_matrices, hermitian=hermitian)
    return svd_factors(a, full_matrices=False, hermitian=True).S if hermitian else np.linalg.svdvals(a)


# Norms.


# The direction of x: x / norm, and 0 by convention where the norm is 0.
euclidean = Primitive(
    np.linalg.norm,
    lambda g, z, x, axis=None: ratio(expand_reduced(g, axis), x, expand_reduced(z, axis)),
    bind=as_given,
    examples=[example(D(3)), example(D(2, 3, 4)), example(D(3, 4), axis=-1), example(D(2, 3, 4), axis=(0, -1))],
)


def _p_norm_x(g: Any, z: Any, x: Any, ord: float, axis: int) -> Any:
    """sign(x) (|x| / z)^(ord - 1)."""
    z, size = expand_reduced(z, axis), np.abs(x)
    # For ord < 1 the inverse of the quotient to a positive power, so that no zero is divided by.
    share = z / ones_for_zeros(size) if ord < 1 else size / ones_for_zeros(z)
    return expand_reduced(g, axis) * np.sign(x) * np.where(x == 0, 1, share) ** abs(ord - 1)


p_norm = Primitive(
    np.linalg.norm,
    _p_norm_x,
    bind=as_given,
    examples=[
        example(D(3, 4), ord=3, axis=0),
        example(D(4), ord=1.5, axis=0),
        example(D(2, 3), ord=-2, axis=-1),
        example(D(3), ord=0.5, axis=0),
    ],
)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The norm of a vector, or of a matrix; without `ord`, the root of the sum of squares."""
    x = as_floats(x)
    axes = axes_of(x, axis)
    if axis is None and (ord is None or (ord, x.ndim) in ((2, 1), ("fro", 2), ("f", 2))):
        z = euclidean(x)
    elif len(axes) == 1:
        z = norm_of_vectors(x, ord, axes[0])
    elif len(axes) == 2:
        z = norm_of_matrices(x, ord, axes)
    else:
        raise ArgumentError(
            f"norm takes vectors or matrices, and {describe(x, 'the array')} has {len(axes)} axes. Choose one or two "
            "by axis=, or leave out ord= for the root of the sum of all squares."
        )
    return np.expand_dims(z, axes) if keepdims else z


def norm_of_vectors(x: Any, ord: Any, axis: int) -> Any:
    """The norms of the vectors along one axis, by NumPy's `ord`."""
    if ord is None or ord == 2:
        return euclidean(x, axis=axis)
    if isinstance(ord, str):
        raise ArgumentError(f"norm has no ord={ord!r} for vectors: a number, np.inf or -np.inf.")
    size = np.abs(x)
    if math.isinf(ord):
        return np.max(size, axis=axis) if ord > 0 else np.min(size, axis=axis)
    if ord == 0:
        return np.sum(np.where(np.isnan(size), 1, np.sign(size)), axis=axis)
    return np.sum(size, axis=axis) if ord == 1 else p_norm(x, ord=ord, axis=axis)


def norm_of_matrices(x: Any, ord: Any, axes: tuple[int, int]) -> Any:
    """The norms of the matrices in two axes, by NumPy's `ord`."""
    if ord in (None, "fro", "f"):
        return euclidean(x, axis=axes)
    if ord in (2, -2, "nuc"):
        values = np.linalg.svdvals(np.moveaxis(x, axes, (-2, -1)))
        reduce = np.sum if ord == "nuc" else np.max if ord > 0 else np.min
        return reduce(values, axis=-1)
    if ord in (1, -1, np.inf, -np.inf):
        rows, columns = axes if abs(ord) == 1 else axes[::-1]
        sums = np.sum(np.abs(x), axis=rows, keepdims=True)
        return np.squeeze((np.max if ord > 0 else np.min)(sums, axis=columns, keepdims=True), axes)
    raise ArgumentError(f"norm has no ord={ord!r} for matrices: 1, -1, 2, -2, np.inf, -np.inf, 'fro' or 'nuc'.")


def vector_norm(x: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """The norm of the vectors that lie in one axis, or in several taken together."""
    x = as_array(x)
    axes = axes_of(x, axis)
    if len(axes) == 1:
        return np.linalg.norm(x, ord, axes[0], keepdims)
    moved = np.moveaxis(x, axes, range(len(axes)))
    flat = np.reshape(moved, (math.prod(moved.shape[: len(axes)]), *moved.shape[len(axes) :]))
    z = np.linalg.norm(flat, ord, 0)
    return np.expand_dims(z, axes) if keepdims else z


def matrix_norm(x: Any, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """The norm of the matrices in the last two axes."""
    return np.linalg.norm(x, ord, (-2, -1), keepdims)


def cond(x: Any, p: Any = None) -> Any:
    """The condition number: the norm of x times that of its inverse."""
    x = as_array(x)
    if p in (None, 2, -2):
        values = np.linalg.svdvals(x)
        largest, smallest = values[..., 0], values[..., -1]
        return smallest / largest if p == -2 else largest / smallest
    return np.linalg.norm(x, p, (-2, -1)) * np.linalg.norm(np.linalg.inv(x), p, (-2, -1))
