"""Matrices as products with triangular ones: Cholesky and QR."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .composed import stands_for
from .examples import Drawn as D
from .examples import example
from .matrices import Named, eye_like, mT, symmetric
from .primitive import Primitive, as_array


def positive(x: Any) -> Any:
    """Symmetric and positive definite, for the examples."""
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
    examples=[example(D(3, 3, through=positive)), example(D(2, 3, 3, through=positive), upper=True)],
)


def absorbed(g: Any, q: Any, k: int) -> Any:
    """The cotangent of q's first k columns, that of the rest included: they turn with the first to stay orthogonal."""
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
    g_q, g_r = absorbed(g[0], z[0], k), g[1][..., :k, :]
    g_q = g_q + np.matmul(x[..., k:], mT(g_r[..., k:]))
    inside = np.matmul(r[..., :k], mT(g_r[..., :k])) - np.matmul(mT(g_q), q)
    inside = np.tril(inside) + mT(np.tril(inside, -1))
    first = mT(np.linalg.solve(r[..., :k], mT(g_q + np.matmul(q, inside))))
    return np.concatenate([first, np.matmul(q, g_r[..., k:])], axis=-1)


qr_factors = Named(
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


@stands_for(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    """Orthonormal columns Q and upper triangular R whose product is a."""
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"qr with mode={mode!r} is not supported on Tensors; 'reduced', 'complete' and 'r' are.")
    return qr_factors(as_array(a), "reduced").R if mode == "r" else qr_factors(as_array(a), mode)
