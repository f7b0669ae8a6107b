"""Layers that every network has: linear maps, embeddings, dropout, and one after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from ..ops.nn import embedding, linear
from ..ops.primitive import as_array
from ..random import sample
from .init import Initialiser, drawn, generator, zeros
from .module import Module
from .validation import DECAY, FLAG, FUNCTION, SIZE, checked_input, require


class Sequential(Module):
    """Modules and functions, one after the other.

    Parameters
    ----------
    *layers : callable
        Modules, or functions of one array such as `np.tanh`; each is called with the result of the one before.

    Examples
    --------
    >>> Sequential(Linear(3, 4), np.tanh, Linear(4, 1))(np.ones((2, 3))).shape
    (2, 1)
    """

    def __init__(self, *layers: Callable[[Any], Any]) -> None:
        for layer in layers:
            require(self, FUNCTION, **{"a layer": layer})
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
    """A linear map, x @ weight.T + bias; the weight is (out_features, in_features), as in PyTorch.

    Parameters
    ----------
    in_features, out_features : int
        The sizes of the last axis of input and output.
    bias : bool
        Whether a vector is added; it begins as zeros.
    rng : Generator, optional
        The source of the first weights; a fresh one without it.
    init : callable, optional
        (rng, shape) to the first weights, such as `nn.init.he_normal`; `nn.init.fan_in_uniform` without it.
    dtype : dtype
        The floating-point dtype of the parameters.

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
        init: Initialiser | None = None,
        dtype: Any = float,
    ) -> None:
        require(self, SIZE, in_features=in_features, out_features=out_features)
        require(self, FLAG, bias=bias)
        rng = generator(self, rng)
        self.weight = drawn(self, init, rng, (out_features, in_features), dtype)
        self.bias = drawn(self, zeros, rng, (out_features,), dtype) if bias else None

    def forward(self, x: Any) -> Any:
        return linear(checked_input(self, x, self.weight, self.weight.shape[1]), self.weight, self.bias)


class Embedding(Module):
    """A row of the weight for each id: ids (...) to vectors (..., embedding_dim).

    Parameters
    ----------
    num_embeddings : int
        The count of ids, which are 0 to num_embeddings - 1.
    embedding_dim : int
        The size of a vector.
    rng : Generator, optional
        The source of the first weights, normal numbers; a fresh one without it.
    dtype : dtype
        The floating-point dtype of the weight.

    Examples
    --------
    >>> Embedding(10, 4)(np.array([[1, 2, 3]])).shape
    (1, 3, 4)
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, *, rng: np.random.Generator | None = None, dtype: Any = float
    ) -> None:
        require(self, SIZE, num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        shape = (num_embeddings, embedding_dim)
        self.weight = drawn(self, lambda rng, shape: rng.normal(size=shape), generator(self, rng), shape, dtype)

    def forward(self, ids: Any) -> Any:
        return embedding(ids, self.weight)


class Dropout(Module):
    """In training, entries are set to zero with probability p and the rest divided by 1 - p; in evaluation, x itself.

    Parameters
    ----------
    p : float
        The probability, at least 0 and below 1 (Srivastava et al. 2014).
    rng : Generator, optional
        The source of the random numbers; a fresh one without it.

    Examples
    --------
    >>> Dropout(0.5, rng=np.random.default_rng(0))(np.ones(4))
    array([2., 0., 0., 0.])
    """

    def __init__(self, p: float = 0.5, *, rng: np.random.Generator | None = None) -> None:
        require(self, DECAY, p=p)
        self.p = p
        self.rng = generator(self, rng)

    def forward(self, x: Any) -> Any:
        if not self.training or self.p == 0:
            return x
        draws: Any = sample(self.rng.random, np.shape(x))
        return np.where(draws >= self.p, x / (1 - self.p), 0)


class Flatten(Module):
    """All axes but the first as one: (N, ...) to (N, features).

    Examples
    --------
    >>> Flatten()(np.ones((2, 3, 4))).shape
    (2, 12)
    """

    def forward(self, x: Any) -> Any:
        x = as_array(x)
        if not x.ndim:
            raise ArgumentError("Flatten takes x (N, ...), and a number has no axis.")
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))
