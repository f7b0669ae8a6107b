"""Decompositions of matrices: Cholesky, QR, eigenvalues, singular values.

Eigenvectors and singular vectors are free in sign, and in basis where values are equal: their rules are the derivatives
of functions that do not depend on that choice.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core.errors import ArgumentError
from .primitive import Drawn as D
from .primitive import Primitive, as_array, example, implements
from .products import NamedOutputs, eye_like, mT, symmetric

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
    return symmetric(np.linalg.solve(mT(lower), mT(left)))


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


class QRResult(NamedTuple):
    Q: Any
    R: Any


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
    QRResult,
    _qr_x,
    bind=lambda a, mode: ((a,), {"mode": mode}),
    examples=[
        example(D(4, 3), "reduced"),
        example(D(2, 3, 3), "reduced"),
        example(D(2, 4), "reduced"),
        example(D(2, 1), "complete"),
    ],
)


@implements(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    """Orthonormal columns Q and upper triangular R whose product is a."""
    if mode not in ("reduced", "complete", "r"):
        raise ArgumentError(f"qr with mode={mode!r} is not supported on Tensors; 'reduced', 'complete' and 'r' are.")
    return qr_factors(as_array(a), "reduced").R if mode == "r" else qr_factors(as_array(a), mode)


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
            f"{name}: values {i} and {j} are equal to rounding, or {j} is 0, and their vectors have no derivative. "
            "Use the values alone (np.linalg.eigvalsh, svdvals); or, where the function is smooth all the same, write "
            "it without vectors: by products, np.linalg.inv, np.linalg.matrix_power."
        )
    return gaps


apart = Primitive(
    _apart,
    lambda g, z, gaps, values, name: g,
    None,
    bind=lambda gaps, values, name: ((gaps, values), {"name": name}),
    views=True,
    examples=[example(D(3, 3, domain=(0.5, 2)), np.ones(3), "eigh")],
)


def pair_differences(values: Any) -> Any:
    """The differences of each two values; on the diagonal, where nothing is divided by them, a number that is not 0."""
    gaps = np.expand_dims(values, -2) - np.expand_dims(values, -1)
    return gaps + eye_like(gaps) * np.expand_dims(1 + np.sum(np.abs(values), axis=-1), (-1, -2))


class EighResult(NamedTuple):
    eigenvalues: Any
    eigenvectors: Any


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
        inside = inside + turn / apart(pair_differences(values), values, "eigh")
    return symmetric(np.matmul(np.matmul(vectors, inside), mT(vectors)))


def _eigvalsh_x(g: Any, z: Any, x: Any, UPLO: Any) -> Any:
    vectors = np.linalg.eigh(x, UPLO)[1]
    return symmetric(np.matmul(vectors * np.expand_dims(g, -2), mT(vectors)))


SYMMETRIC = [example(D(3, 3, through=symmetric)), example(D(2, 3, 3, through=symmetric), "U")]

eigh = NamedOutputs(
    np.linalg.eigh,
    EighResult,
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


class SVDResult(NamedTuple):
    U: Any
    S: Any
    Vh: Any


def vectors_cotangent(g: Any, u: Any, s: Any) -> Any:
    """The cotangent through the singular vectors of one side, before the product with those of the other."""
    k = s.shape[-1]
    g, thin = thin_cotangent(g, u, k), u[..., :k]
    inside = np.matmul(mT(thin), g)
    across, down = np.expand_dims(s, -2), np.expand_dims(s, -1)
    gaps = apart(pair_differences(s), s, "svd") * (across + down + eye_like(inside))
    turns = np.matmul(thin, (inside - mT(inside)) / gaps * across)
    if u.shape[-2] == k:
        return turns
    return turns + (g - np.matmul(thin, inside)) / apart(across, s, "svd")


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
    return symmetric(g_x) if hermitian else g_x


def _svdvals_x(g: Any, z: Any, x: Any) -> Any:
    u, _, vh = np.linalg.svd(x, full_matrices=False)
    return np.matmul(u * np.expand_dims(g, -2), vh)


svd_factors = NamedOutputs(
    np.linalg.svd,
    SVDResult,
    _svd_x,
    bind=lambda a, full_matrices, hermitian=False: ((a,), {"full_matrices": full_matrices, "hermitian": hermitian}),
    zeros=False,
    examples=[
        example(D(4, 2), False),
        example(D(2, 2, 3), False),
        example(D(3, 3), True),
        example(D(2, 1), True),
        example(D(3, 3, through=symmetric), True, hermitian=True),
    ],
    gloss="as for eigh of x.T @ x: g of u, s and vh turned back by u and vh",
)
svdvals = Primitive(np.linalg.svdvals, _svdvals_x, examples=[example(D(4, 2)), example(D(2, 2, 3))])


@implements(np.linalg.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """Orthonormal U and V, and the singular values S between them: a = U S Vh."""
    a = as_array(a)
    if compute_uv:
        return svd_factors(a, full_matrices, hermitian)
    return svd_factors(a, False, True).S if hermitian else np.linalg.svdvals(a)
