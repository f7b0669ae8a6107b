"""Layers that every network has: linear maps, embeddings, dropout, and one after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..ops.classes import embedding
from ..ops.linear import linear
from ..ops.primitive import as_array
from ..random import sample
from .checks import fitting
from .init import Initialiser, fan_in_uniform, generator, zeros
from .module import Module, Parameter


class Sequential(Module):
    """Modules and functions, one after the other.

    Examples
    --------
    >>> Sequential(Linear(3, 4), np.tanh, Linear(4, 1))(np.ones((2, 3))).shape
    (2, 1)
    """

    def __init__(self, *layers: Callable[[Any], Any]) -> None:
        self.layers = list(layers)

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x

    def __getitem__(self, index: int) -> Any:
        return self.layers[index]

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.layers)


class Linear(Module):
    """x @ weight.T + bias, with a weight of shape (out_features, in_features) as PyTorch keeps it.

    Parameters
    ----------
    in_features, out_features : int
    bias : bool
    rng : Generator, optional
        Where the weights are drawn from.
    init : callable
        (rng, shape) to the first weights; one of `nn.init`.
    dtype : dtype

    Examples
    --------
    >>> Linear(3, 2, rng=np.random.default_rng(0))
    Linear(weight=Parameter(2, 3), bias=Parameter(2,))
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        rng: np.random.Generator | None = None,
        init: Initialiser = fan_in_uniform,
        dtype: Any = float,
    ) -> None:
        rng = generator(rng)
        self.weight: Any = Parameter(init(rng, (out_features, in_features)), dtype=dtype)
        self.bias = Parameter(zeros(rng, (out_features,)), dtype=dtype) if bias else None

    def forward(self, x: Any) -> Any:
        return linear(fitting(self, x, self.weight, self.weight.shape[1]), self.weight, self.bias)


class Embedding(Module):
    """A row of the weight for each id: ids (...) to vectors (..., embedding_dim).

    Examples
    --------
    >>> Embedding(10, 4)(np.array([[1, 2, 3]])).shape
    (1, 3, 4)
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, *, rng: np.random.Generator | None = None, dtype: Any = float
    ) -> None:
        self.weight = Parameter(generator(rng).normal(size=(num_embeddings, embedding_dim)), dtype=dtype)

    def forward(self, ids: Any) -> Any:
        return embedding(ids, self.weight)


class Dropout(Module):
    """In training, entries set to zero with probability p, and the rest divided by 1 - p; in evaluation, x itself.

    Parameters
    ----------
    p : float
        From 0 up to, but not, 1.
    rng : Generator, optional
    """

    def __init__(self, p: float = 0.5, *, rng: np.random.Generator | None = None) -> None:
        if not 0 <= p < 1:
            raise ValueError(f"Dropout(p={p}): p is the share of entries set to zero, from 0 up to, but not, 1.")
        self.p = p
        self.rng = generator(rng)

    def forward(self, x: Any) -> Any:
        if not self.training or self.p == 0:
            return x
        draws: Any = sample(self.rng.random, np.shape(x))
        return np.where(draws >= self.p, x / (1 - self.p), 0)


class Flatten(Module):
    """All axes but the first as one."""

    def forward(self, x: Any) -> Any:
        x = as_array(x)
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))
