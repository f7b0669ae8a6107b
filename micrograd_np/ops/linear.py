"""The linear map of a layer, as one matrix product however many axes hold the samples."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..core.errors import called
from .examples import Drawn as D
from .examples import example
from .matrices import check_axes
from .primitive import Bound, Primitive, as_array


def rows(x: Any) -> Any:
    """Each sample as a row: (..., features) to (samples, features)."""
    return x if x.ndim == 2 else np.reshape(x, (prod(x.shape[:-1]), x.shape[-1]))


def _linear(x: Any, w: Any, *bias: Any) -> Any:
    """x @ weight.T + bias."""
    z = np.matmul(rows(x), w.T)
    for b in bias:
        z = np.add(z, b, out=z if b.dtype == z.dtype else None)
    return z if x.ndim == 2 else z.reshape(*x.shape[:-1], w.shape[0])


def _spelled(x: Any, w: Any, *bias: Any) -> Any:
    z = np.matmul(rows(x), w.T)
    for b in bias:
        z = z + b
    return np.reshape(z, (*x.shape[:-1], w.shape[0]))


def _bind_linear(x: Any, weight: Any, bias: Any = None) -> Bound:
    x, w = as_array(x), as_array(weight)
    if w.ndim != 2:
        raise ValueError(f"linear takes a weight (out_features, in_features), not {called(w, 'weight')}.")
    check_axes("linear", x, -1, w, -1)
    if bias is None:
        return (x, w), {}
    bias = as_array(bias)
    if bias.shape != w.shape[:1]:
        raise ValueError(f"{called(bias, 'bias')} needs the shape {w.shape[:1]}: an entry for each output.")
    return (x, w, bias), {}


def _write_linear(args: Any, params: Any, literal: Any) -> Any:
    product = args[0].infix("@", args[1].transposed())
    return product.infix("+", args[2]) if len(args) > 2 else product


linear: Primitive = Primitive(
    _linear,
    lambda g, z, x, w, *bias: linear(g, w.T),
    lambda g, z, x, w, *bias: np.matmul(rows(g).T, rows(x)),
    lambda g, z, x, w, bias: np.sum(rows(g), axis=0),
    bind=_bind_linear,
    formula=_write_linear,
    spelled=_spelled,
    examples=[example(D(3, 4), D(2, 4), D(2)), example(D(2, 3, 4), D(2, 4)), example(D(4), D(3, 4), D(3))],
)
