"""The linear map of a layer, and normalization."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..core.dispatch import HALF, single
from ..core.errors import ArgumentError, ShapeError, describe
from .half import in_single, rounded
from .primitive import Bound, MultiOutput, Primitive, as_array, example, implements, remembered
from .primitive import Drawn as D
from .products import check_axes, dot_keepdims, sum_keepdims
from .reductions import reduced_count


def rows(x: Any) -> Any:
    """Reshape (..., features) to (samples, features)."""
    return x if x.ndim == 2 else np.reshape(x, (prod(x.shape[:-1]), x.shape[-1]))


def _linear(x: Any, w: Any, *bias: Any) -> Any:
    """x @ weight.T + bias."""
    z = np.matmul(rows(x), w.T)
    for b in bias:
        z = np.add(z, b, out=z if b.dtype == z.dtype else None)
    return z if x.ndim == 2 else z.reshape(*x.shape[:-1], w.shape[0])


def _linear_rows(x: Any, w: Any, *bias: Any) -> Any:
    z = np.matmul(rows(x), w.T)
    for b in bias:
        z = z + b
    return np.reshape(z, (*x.shape[:-1], w.shape[0]))


@remembered
def _bind_linear(x: Any, weight: Any, bias: Any = None) -> Bound:
    x, w = as_array(x), as_array(weight)
    if w.ndim != 2:
        raise ArgumentError(f"linear takes a weight (out_features, in_features), not {describe(w, 'weight')}.")
    check_axes("linear", x, -1, w, -1)
    if bias is None:
        return (x, w), {}
    bias = as_array(bias)
    if bias.shape != w.shape[:1]:
        raise ShapeError(f"{describe(bias, 'bias')} needs the shape {w.shape[:1]}: an entry for each output.")
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
    decomposition=_linear_rows,
    examples=[example(D(3, 4), D(2, 4), D(2)), example(D(2, 3, 4), D(2, 4)), example(D(4), D(3, 4), D(3))],
    onnx="Gemm",
)


# Normalization.


def _standardize(x: Any, axis: Any, eps: float) -> tuple[Any, Any, Any]:
    """(x - mean) / sqrt(variance + eps), and the mean and the variance, over some axes that are kept with length 1."""
    mean = sum_keepdims(x, axis)
    mean /= reduced_count(x, mean)
    centred = x - mean
    var = dot_keepdims(centred, centred, axis)
    var /= reduced_count(x, mean)
    centred *= 1 / np.sqrt(var + eps)
    return centred, mean, var


def _standardize_x(g: Any, z: Any, x: Any, axis: Any, eps: float) -> Any:
    """The cotangent less its components along 1 and along the result, which change only mean and variance."""
    (g_unit, g_mean, g_var), (unit, mean, var) = g, z
    entries = reduced_count(x, mean)
    scale = 1 / np.sqrt(var + eps)
    shift = (g_mean - scale * np.sum(g_unit, axis=axis, keepdims=True)) / entries
    stretch = (2 * g_var / scale - scale * dot_keepdims(g_unit, unit, axis)) / entries
    return scale * g_unit + stretch * unit + shift


def _bind_standardize(x: Any, axis: Any = None, eps: float = 1e-5) -> Bound:
    return (as_array(x),), {"axis": axis, "eps": eps}


standardize = MultiOutput(
    _standardize,
    _standardize_x,
    bind=_bind_standardize,
    examples=[example(D(3, 4)), example(D(3, 4), axis=-1), example(D(3, 2, 2), axis=(0, 2), eps=0.1)],
    onnx="Standardize",
)


@implements()
@in_single
def layer_norm(x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """The entries of each sample with mean 0 and variance 1, times a weight, plus a bias.

    Parameters
    ----------
    x : (..., *normalized_shape)
    normalized_shape : int or tuple of int
        The last sizes of x: the axes over which mean and variance are taken.
    weight, bias : normalized_shape, optional
    eps : float
        Added to the variance.

    Examples
    --------
    >>> layer_norm([[1.0, 3.0], [10.0, 30.0]], 2, eps=0)
    array([[-1.,  1.],
           [-1.,  1.]])
    """
    x = as_array(x)
    sizes = tuple(normalized_shape) if isinstance(normalized_shape, tuple | list) else (normalized_shape,)
    if not sizes or x.shape[-len(sizes) :] != sizes:
        raise ShapeError(f"normalized_shape={normalized_shape} is not how the shape of {describe(x, 'x')} ends.")
    y = standardize(x, tuple(range(-len(sizes), 0)), eps)[0]
    y = y if weight is None else y * parameter("weight", weight, sizes)
    return y if bias is None else y + parameter("bias", bias, sizes)


@implements()
def batch_norm(x: Any, *, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> tuple[Any, Any, Any]:
    """The entries of each channel with mean 0 and variance 1 over the batch, times a weight, plus a bias.

    Returns the channels' means and variances too (of the population, divided by the count), for running statistics.

    Parameters
    ----------
    x : (N, C, ...)
    weight, bias : (C,), optional
    eps : float
        Added to the variance.

    Examples
    --------
    >>> y, mean, var = batch_norm([[1.0, 10.0], [3.0, 30.0]], eps=0)
    >>> y
    array([[-1., -1.],
           [ 1.,  1.]])
    >>> mean, var
    (array([ 2., 20.]), array([  1., 100.]))
    """
    half = (x := as_array(x)).dtype == HALF
    x, weight, bias = single(x), single(weight), single(bias)
    if x.ndim < 2 or x.size <= x.shape[1]:
        raise ArgumentError(
            f"batch_norm takes x (N, C, ...) with two entries a channel or more, to have a variance, not "
            f"{describe(x, 'x')}."
        )
    channels = (x.shape[1],)
    broad = channels + (1,) * (x.ndim - 2)
    y, mean, var = standardize(x, (0, *range(2, x.ndim)), eps)
    y = y if weight is None else y * np.reshape(parameter("weight", weight, channels), broad)
    y = y if bias is None else y + np.reshape(parameter("bias", bias, channels), broad)
    y = rounded(y) if half else y  # not the variance, which float16 may not be able to hold
    return y, np.reshape(mean, channels), np.reshape(var, channels)


def parameter(what: str, given: Any, shape: tuple[int, ...]) -> Any:
    given = as_array(given)
    if given.shape != shape:
        raise ShapeError(f"{describe(given, what)} needs the shape {shape}.")
    return given
