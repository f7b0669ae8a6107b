"""Attention: each position of a sequence takes a weighted mean of the values at all positions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ArgumentTypeError, ShapeError, describe
from ..ops.dense import linear
from ..ops.losses import softmax
from ..ops.primitive import Primitive, as_array, as_given
from .init import Rng, drawn, xavier_uniform, zeros
from .layers import Dropout, Linear
from .module import Module
from .validation import checked_input


class MultiheadAttention(Module):
    """Scaled dot-product attention by several heads at once (Vaswani et al. 2017), with PyTorch's weights.

    `forward(query, key, value, attn_mask=None, *, is_causal=False, need_weights=True)` gives the output and, if they
    are wanted, the attention weights, the mean over the heads.

    Parameters
    ----------
    embed_dim : int
        The size E of the vectors.
    num_heads : int
        The number of heads, a divisor of embed_dim.
    dropout : float
        The probability with which an attention weight is set to zero in training.
    bias : bool
        Whether the linear maps add a vector.
    batch_first : bool
        Whether sequences are (N, L, E); else they are (L, N, E), PyTorch's default. A single one is (L, E).
    rng : Generator, optional
        The random generator of the first weights and of the dropout. None: a new one.
    dtype : dtype
        The floating-point dtype of the parameters.

    Raises
    ------
    ValueError
        If num_heads does not divide embed_dim; when the layer is called, if shapes do not fit together, or a mask hides
        every key from a query.
    TypeError
        If a mask holds neither booleans nor, for attn_mask, floating-point numbers.

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
        rng: Rng = None,
        dtype: Any = float,
    ) -> None:
        if embed_dim % num_heads:
            raise ArgumentError(f"MultiheadAttention: num_heads={num_heads} does not divide embed_dim={embed_dim}.")
        self.in_proj_weight = drawn(self, xavier_uniform, rng, (3 * embed_dim, embed_dim), dtype)
        self.in_proj_bias = drawn(self, zeros, rng, (3 * embed_dim,), dtype) if bias else None
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
        key_padding_mask: Any = None,
        is_causal: bool = False,
        need_weights: bool = True,
    ) -> tuple[Any, Any]:
        """The output (the query's shape) and the attention weights (N, L, S), or None.

        Parameters
        ----------
        query : (N, L, E), (L, N, E) or (L, E)
            The positions that attend, in the order of axes that `batch_first` says.
        key, value : (N, S, E), (S, N, E) or (S, E)
            The positions attended to.
        attn_mask : (L, S), optional
            True where a query may not attend to a key; or numbers that are added to the scores.
        key_padding_mask : (N, S) or (S,), optional
            True at keys that no query of the sample may attend to.
        is_causal : bool
            Whether a query attends to keys up to its own position only.
        need_weights : bool
            Whether the attention weights are given.
        """
        inputs = self._checked(query, key, value)
        q, k, v = map(self._split_heads, self._projections(inputs))
        scores = np.matmul(q / math.sqrt(q.shape[-1]), k.swapaxes(-1, -2))
        weights = softmax(masked_scores(scores, attn_mask, key_padding_mask, is_causal))
        heads = np.matmul(self.dropout(weights), v).swapaxes(-2, -3)
        y = self.out_proj(self._swap_batch(heads.reshape(inputs[0].shape)))
        return y, np.mean(weights, axis=-3) if need_weights else None

    def _checked(self, *inputs: Any) -> list[Any]:
        """Query, key and value as arrays with the batch first; raise if their shapes do not belong together."""
        arrays = [checked_input(self, x, self.in_proj_weight, self.in_proj_weight.shape[1]) for x in inputs]
        turned = q, k, v = [self._swap_batch(x) for x in arrays]
        axes = {x.ndim for x in arrays}
        batches_differ = not q.shape[:-2] == k.shape[:-2] == v.shape[:-2]
        if axes not in ({2}, {3}) or batches_differ or k.shape[-2] != v.shape[-2]:
            order = "(N, L, E)" if self.batch_first else "(L, N, E), since batch_first is False"
            given = ", ".join(map(describe, arrays, ("query", "key", "value")))
            raise ShapeError(
                f"MultiheadAttention reads {given} as {order}: all must have three axes, or all two, (L, E), with one "
                "number of samples N, and key and value one length."
            )
        return [q] * 3 if inputs[0] is inputs[1] is inputs[2] else turned

    def _projections(self, inputs: list[Any]) -> list[Any]:
        """Return queries, keys and values; if all come from one input, by one matrix product."""
        weight, bias = self.in_proj_weight, self.in_proj_bias
        if inputs[0] is inputs[1] is inputs[2]:
            return list(np.split(linear(inputs[0], weight, bias), 3, axis=-1))
        weights, biases = np.split(weight, 3), [None] * 3 if bias is None else np.split(bias, 3)
        return [linear(x, w, b) for x, w, b in zip(inputs, weights, biases, strict=True)]

    def _swap_batch(self, x: Any) -> Any:
        """Change the user's order of axes to (N, L, E), or back."""
        return x if self.batch_first or x.ndim != 3 else x.swapaxes(0, 1)

    def _split_heads(self, x: Any) -> Any:
        """(..., L, E) to (..., heads, L, E / heads)."""
        *before, size = x.shape
        return x.reshape(*before, self.num_heads, size // self.num_heads).swapaxes(-2, -3)


def masked_scores(scores: Any, attn_mask: Any, padding: Any, is_causal: bool) -> Any:
    """Return scores (..., heads, L, S) with -inf where a query may not attend; a mask of floats is added."""
    queries, keys = scores.shape[-2:]
    if is_causal:
        scores = scores + negative_infinity(np.tri(queries, keys) == 0, scores)
    if attn_mask is not None:
        scores = scores + added(attn_mask, "attn_mask", "(queries, keys)", (queries, keys), scores)
    if padding is not None:
        shape = (*scores.shape[:-3], keys)
        scores = scores + added(padding, "key_padding_mask", "(batch, keys)", shape, scores)[..., None, None, :]
    return scores


def added(mask: Any, name: str, axes: str, shape: tuple[int, ...], scores: Any) -> Any:
    """The numbers to add to scores: -inf where the mask is True; an attn_mask of floats as it is."""
    mask = as_array(mask)
    if mask.shape != shape:
        raise ShapeError(f"{describe(mask, name)} must have shape {axes} = {shape}.")
    if mask.dtype.kind == "f" and name == "attn_mask":
        return mask
    if mask.dtype.kind not in "biu":
        raise ArgumentTypeError(f"{describe(mask, name)} must be booleans, True where no query may attend.")
    return negative_infinity(with_keys(mask, name=name), scores)


def _with_keys(mask: Any, name: str) -> Any:
    """Return a mask; raise if it leaves a query no key at all, whose mean would be nan."""
    if mask.all(axis=-1).any():
        raise ArgumentError(f"a row of {name} is all True: a query that may attend to no key has no mean to take.")
    return mask


with_keys = Primitive(_with_keys, None, bind=as_given, views=True, checks=True)


def negative_infinity(mask: Any, scores: Any) -> Any:
    """-inf where the mask is True, else 0: added to scores, it costs their gradient nothing."""
    return np.where(mask, -np.inf, 0).astype(scores.dtype)
