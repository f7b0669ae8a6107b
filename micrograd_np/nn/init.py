"""First values of weights: arrays drawn from a NumPy Generator, so that a run can be repeated."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import cures
from ..core.errors import ArgumentError
from .module import Parameter

Shape = tuple[int, ...]
Rng = np.random.Generator | None
Initialiser = Callable[[np.random.Generator, Shape], Any]


def drawn(owner: Any, init: Initialiser | None, rng: Rng, shape: Shape, dtype: Any) -> Any:
    """A Parameter of the shape and dtype, with values from `init`, or from `fan_in_uniform` without it."""
    init = fan_in_uniform if init is None else init
    values = np.asarray(init(np.random.default_rng(rng), shape))
    if values.shape != shape:
        raise ArgumentError(
            f"{type(owner).__name__}: init must return an array of shape {shape}, and its result has {values.shape}."
        )
    return Parameter(values, dtype=dtype)


def fans(shape: Shape) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight (out, in, *window): inputs of one output, and outputs of one input."""
    if len(shape) < 2 or 0 in shape:
        raise ArgumentError(
            f"shape {shape} has no fan-in and fan-out: a weight is (out, in, ...), each size 1 or more. Draw other "
            "arrays with nn.init.zeros or nn.init.uniform."
        )
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


def zeros(rng: np.random.Generator, shape: Shape) -> Any:
    """Zeros; nothing is drawn.

    Parameters
    ----------
    rng : Generator
        Not used.
    shape : tuple of int
        The shape of the array.

    Examples
    --------
    >>> zeros(np.random.default_rng(0), (2, 3))
    array([[0., 0., 0.],
           [0., 0., 0.]])
    """
    return np.zeros(shape)


def uniform(rng: np.random.Generator, shape: Shape, bound: float = 1.0) -> Any:
    """Uniform numbers in (-bound, bound); with bound 1 the article's `2*random - 1`.

    Parameters
    ----------
    rng : Generator
        The source of the random numbers.
    shape : tuple of int
        The shape of the array.
    bound : float
        The largest absolute value.

    Examples
    --------
    >>> uniform(np.random.default_rng(0), (2, 3), 0.1).round(3)
    array([[ 0.027, -0.046, -0.092],
           [-0.097,  0.063,  0.083]])
    """
    return bound * (2 * rng.random(shape) - 1)


def fan_in_uniform(rng: np.random.Generator, shape: Shape) -> Any:
    """Uniform numbers within 1/sqrt(fan_in), as PyTorch's layers begin.

    Parameters
    ----------
    rng : Generator
        The source of the random numbers.
    shape : tuple of int
        The shape of the weight: (out, in) of a linear map, (out, in, *window) of a convolution.

    Raises
    ------
    ValueError
        If the shape has fewer than two axes: then there is no fan-in.

    Examples
    --------
    >>> fan_in_uniform(np.random.default_rng(0), (2, 3)).round(3)
    array([[ 0.158, -0.266, -0.53 ],
           [-0.558,  0.362,  0.477]])
    """
    return uniform(rng, shape, 1 / math.sqrt(fans(shape)[0]))


def xavier_uniform(rng: np.random.Generator, shape: Shape) -> Any:
    """Uniform numbers of variance 2/(fan_in + fan_out), for tanh and sigmoid (Glorot and Bengio 2010, eq. 16).

    Parameters
    ----------
    rng : Generator
        The source of the random numbers.
    shape : tuple of int
        The shape of the weight: (out, in, ...).

    Raises
    ------
    ValueError
        If the shape has fewer than two axes: then there is no fan-in.

    Examples
    --------
    >>> xavier_uniform(np.random.default_rng(0), (2, 3)).round(3)
    array([[ 0.3  , -0.504, -1.006],
           [-1.059,  0.686,  0.904]])
    """
    return uniform(rng, shape, math.sqrt(6 / sum(fans(shape))))


def xavier_normal(rng: np.random.Generator, shape: Shape) -> Any:
    """Normal numbers of variance 2/(fan_in + fan_out), for tanh and sigmoid (Glorot and Bengio 2010).

    Parameters
    ----------
    rng : Generator
        The source of the random numbers.
    shape : tuple of int
        The shape of the weight: (out, in, ...).

    Raises
    ------
    ValueError
        If the shape has fewer than two axes: then there is no fan-in.

    Examples
    --------
    >>> xavier_normal(np.random.default_rng(0), (2, 3)).round(3)
    array([[ 0.08 , -0.084,  0.405],
           [ 0.066, -0.339,  0.229]])
    """
    return rng.normal(0, math.sqrt(2 / sum(fans(shape))), shape)


def he_uniform(rng: np.random.Generator, shape: Shape) -> Any:
    """Uniform numbers of variance 2/fan_in, for relu (He et al. 2015, eq. 10).

    Parameters
    ----------
    rng : Generator
        The source of the random numbers.
    shape : tuple of int
        The shape of the weight: (out, in, ...).

    Raises
    ------
    ValueError
        If the shape has fewer than two axes: then there is no fan-in.

    Examples
    --------
    >>> he_uniform(np.random.default_rng(0), (2, 3)).round(3)
    array([[ 0.387, -0.651, -1.298],
           [-1.367,  0.886,  1.167]])
    """
    return uniform(rng, shape, math.sqrt(6 / fans(shape)[0]))


def he_normal(rng: np.random.Generator, shape: Shape) -> Any:
    """Normal numbers of variance 2/fan_in, for relu (He et al. 2015, eq. 10).

    Parameters
    ----------
    rng : Generator
        The source of the random numbers.
    shape : tuple of int
        The shape of the weight: (out, in, ...).

    Raises
    ------
    ValueError
        If the shape has fewer than two axes: then there is no fan-in.

    Examples
    --------
    >>> he_normal(np.random.default_rng(0), (2, 3)).round(3)
    array([[ 0.103, -0.108,  0.523],
           [ 0.086, -0.437,  0.295]])
    """
    return rng.normal(0, math.sqrt(2 / fans(shape)[0]), shape)


def orthogonal(rng: np.random.Generator, shape: Shape) -> Any:
    """Rows, or columns if there are fewer, that are orthonormal (Saxe et al. 2014).

    Parameters
    ----------
    rng : Generator
        The source of the random numbers.
    shape : tuple of int
        The shape of the weight: (out, in, ...); the axes from the second on count as one.

    Raises
    ------
    ValueError
        If the shape has fewer than two axes: then there is no fan-in.

    Examples
    --------
    >>> w = orthogonal(np.random.default_rng(0), (2, 3))
    >>> np.allclose(w @ w.T, np.eye(2))
    True
    """
    fans(shape)
    rows, columns = shape[0], math.prod(shape[1:])
    q, r = np.linalg.qr(rng.normal(size=(max(rows, columns), min(rows, columns))))
    q = q * np.sign(np.diagonal(r))  # uniform over all orthonormal bases
    return (q if rows >= columns else q.T).reshape(shape)


PUBLIC = "fan_in_uniform he_normal he_uniform orthogonal uniform xavier_normal xavier_uniform zeros".split()


def __getattr__(name: str) -> Any:
    raise cures.answer("mg.nn.init", name, PUBLIC)
