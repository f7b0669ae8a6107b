"""What weights begin as: arrays drawn from a NumPy Generator, so that a run can be repeated."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Shape = tuple[int, ...]
Initialiser = Callable[[np.random.Generator, Shape], Any]


def generator(rng: np.random.Generator | None) -> np.random.Generator:
    """The user's own Generator, or a fresh one where it does not matter."""
    return np.random.default_rng() if rng is None else rng


def fans(shape: Shape) -> tuple[int, int]:
    """How many inputs one output of a weight (out, in, *window) has, and how many outputs one input."""
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


def zeros(rng: np.random.Generator, shape: Shape) -> Any:
    """Zeros; nothing is drawn."""
    return np.zeros(shape)


def uniform(rng: np.random.Generator, shape: Shape, bound: float = 1.0) -> Any:
    """Uniform in (-bound, bound); with bound 1 the article's `2*random - 1`."""
    return bound * (2 * rng.random(shape) - 1)


def fan_in_uniform(rng: np.random.Generator, shape: Shape) -> Any:
    """Uniform within 1/sqrt(fan_in): what PyTorch's layers begin as."""
    return uniform(rng, shape, 1 / math.sqrt(max(fans(shape)[0], 1)))


def xavier_uniform(rng: np.random.Generator, shape: Shape) -> Any:
    """Uniform with variance 2/(fan_in + fan_out), for tanh and sigmoid (Glorot and Bengio 2010, eq. 16)."""
    return uniform(rng, shape, math.sqrt(6 / sum(fans(shape))))


def xavier_normal(rng: np.random.Generator, shape: Shape) -> Any:
    """Normal with variance 2/(fan_in + fan_out), for tanh and sigmoid (Glorot and Bengio 2010)."""
    return rng.normal(0, math.sqrt(2 / sum(fans(shape))), shape)


def he_uniform(rng: np.random.Generator, shape: Shape) -> Any:
    """Uniform with variance 2/fan_in, for relu (He et al. 2015, eq. 10)."""
    return uniform(rng, shape, math.sqrt(6 / fans(shape)[0]))


def he_normal(rng: np.random.Generator, shape: Shape) -> Any:
    """Normal with variance 2/fan_in, for relu (He et al. 2015, eq. 10)."""
    return rng.normal(0, math.sqrt(2 / fans(shape)[0]), shape)


def orthogonal(rng: np.random.Generator, shape: Shape) -> Any:
    """Rows, or columns if there are fewer, that are orthonormal (Saxe et al. 2014)."""
    rows, columns = shape[0], math.prod(shape[1:])
    q, r = np.linalg.qr(rng.normal(size=(max(rows, columns), min(rows, columns))))
    q = q * np.sign(np.diagonal(r))  # uniform over all orthonormal bases
    return (q if rows >= columns else q.T).reshape(shape)
