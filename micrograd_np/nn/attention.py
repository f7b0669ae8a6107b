"""Attention: each place of a sequence takes a weighted mean of the values at the places that it looks at."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.errors import called
from ..ops.classes import softmax
from ..ops.linear import linear
from ..ops.primitive import as_array
from .checks import fitting
from .init import generator, xavier_uniform, zeros
from .layers import Dropout, Linear
from .module import Module, Parameter


class MultiheadAttention(Module):
    """Scaled dot-product attention by several heads at once (Vaswani et al. 2017), with PyTorch's weights.

    `forward(query, key, value, attn_mask=None, is_causal=False, need_weights=True)` gives the output and, if they are
    wanted, the attention weights, the mean over the heads.

    Parameters
    ----------
    embed_dim : int
    num_heads : int
        A divisor of embed_dim.
    dropout : float
        Of the attention weights.
    bias : bool
    batch_first : bool
        Whether sequences are (N, L, E); else (L, N, E), PyTorch's default. Single ones are (L, E).
    rng : Generator, optional
    dtype : dtype

    Examples
    --------
    >>> x = np.ones((2, 5, 8))
    >>> y, weights = MultiheadAttention(8, 2, batch_first=True)(x, x, x, is_causal=True)
    >>> y.shape, weights.shape
    ((2, 5, 8), (2, 5, 5))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        batch_first: bool = False,
        *,
        rng: np.random.Generator | None = None,
        dtype: Any = float,
    ) -> None:
        if embed_dim % num_heads:
            raise ValueError(f"num_heads={num_heads} does not divide embed_dim={embed_dim} into equal parts.")
        rng = generator(rng)
        self.in_proj_weight: Any = Parameter(xavier_uniform(rng, (3 * embed_dim, embed_dim)), dtype=dtype)
        self.in_proj_bias: Any = Parameter(zeros(rng, (3 * embed_dim,)), dtype=dtype) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias, rng=rng, dtype=dtype)
        self.dropout = Dropout(dropout, rng=rng)
        self.num_heads = num_heads
        self.batch_first = batch_first

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        attn_mask: Any = None,
        *,
        is_causal: bool = False,
        need_weights: bool = True,
    ) -> tuple[Any, Any]:
        q, k, v = map(self.split, self.projections(query, key, value))
        scores = np.matmul(q / math.sqrt(q.shape[-1]), k.swapaxes(-1, -2))
        weights = softmax(masked(scores, attn_mask, is_causal))
        heads = np.matmul(self.dropout(weights), v).swapaxes(-2, -3)
        y = self.out_proj(self.turned(heads.reshape(*heads.shape[:-2], -1)))
        return y, np.mean(weights, axis=-3) if need_weights else None

    def projections(self, query: Any, key: Any, value: Any) -> list[Any]:
        """Queries, keys and values, the batch first; of one input by one matrix product."""
        weight, bias = self.in_proj_weight, self.in_proj_bias
        inputs = [self.turned(fitting(self, x, weight, weight.shape[1])) for x in (query, key, value)]
        if query is key is value:
            return list(np.split(linear(inputs[0], weight, bias), 3, axis=-1))
        weights, biases = np.split(weight, 3), [None] * 3 if bias is None else np.split(bias, 3)
        return [linear(x, w, b) for x, w, b in zip(inputs, weights, biases, strict=True)]

    def turned(self, x: Any) -> Any:
        """From the user's order of axes to (N, L, E), or back."""
        return x if self.batch_first or x.ndim == 2 else x.swapaxes(0, 1)

    def split(self, x: Any) -> Any:
        """(..., L, E) to (..., heads, L, E / heads)."""
        return x.reshape(*x.shape[:-1], self.num_heads, -1).swapaxes(-2, -3)


def masked(scores: Any, mask: Any, is_causal: bool) -> Any:
    """Scores (..., L, S) with -inf where no query may look: at later places if causal, and where the mask is True.

    A mask of floats is added to the scores.
    """
    if is_causal:
        scores = scores + hiding(np.tri(*scores.shape[-2:]) == 0, scores)
    if mask is None:
        return scores
    mask = as_array(mask)
    if mask.shape != scores.shape[-2:]:
        raise ValueError(
            f"{called(mask, 'attn_mask')} needs the shape {scores.shape[-2:]}: places that look, and places looked at."
        )
    if mask.dtype.kind == "f":
        return scores + mask
    if mask.all(axis=-1).any():
        raise ValueError("a row of attn_mask is all True: a query that may look nowhere has no mean to take.")
    return scores + hiding(mask, scores)


def hiding(mask: Any, scores: Any) -> Any:
    """-inf where the mask is True, else 0: added to scores, it costs their gradient nothing."""
    return np.where(mask, -np.inf, 0).astype(scores.dtype)
