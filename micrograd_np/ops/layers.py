"""Normalization, and recurrent networks: what layers compute that is more than a sum of products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.dispatch import HALF, single
from ..core.errors import ArgumentError, ArgumentTypeError, ShapeError, describe
from .calls import in_single, rounded
from .dense import linear, relu, rows, sigmoid, with_shape
from .primitive import Bound, D, MultiOutput, Outputs, as_array, example, item
from .products import dot_keepdims, sum_keepdims
from .reductions import reduced_count
from .shape import pack_copies

# Normalization.


def _standardize(x: Any, axis: Any, eps: float) -> tuple[Any, Any, Any]:
    """Return (x - mean) / sqrt(variance + eps), mean and variance; the last two keep the axes, with length 1."""
    mean = sum_keepdims(x, axis)
    mean /= reduced_count(x, mean)
    centred = x - mean
    var = dot_keepdims(centred, centred, axis)
    var /= reduced_count(x, mean)
    centred *= 1 / np.sqrt(var + eps)
    return centred, mean, var


def _standardize_x(g: Any, z: Any, x: Any, axis: Any, eps: float) -> Any:
    """Return the cotangent of x: that of the result without its parts along 1 and along the result, and scaled.

    A step of x along these two changes only mean and variance, whose cotangents come in here.
    """
    (g_unit, g_mean, g_var), (unit, mean, var) = g, z
    entries = reduced_count(x, mean)
    scale = 1 / np.sqrt(var + eps)
    shift = (g_mean - scale * np.sum(g_unit, axis=axis, keepdims=True)) / entries
    stretch = (2 * g_var / scale - scale * dot_keepdims(g_unit, unit, axis)) / entries
    return scale * g_unit + stretch * unit + shift


standardize = MultiOutput(
    _standardize,
    _standardize_x,
    bind=lambda x, axis=None, eps=1e-5: ((as_array(x),), {"axis": axis, "eps": eps}),
    examples=[example(D(3, 4)), example(D(3, 4), axis=-1), example(D(3, 2, 2), axis=(0, 2), eps=0.1)],
    onnx="Standardize",
    gloss="its rule is (g - mean(g) - z * mean(g * z)) / std(x), with z = (x - mean(x)) / std(x)",
)


@in_single
def layer_norm(x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Shift and scale the entries of each sample to mean 0 and variance 1; multiply by a weight and add a bias.

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
    x = floating(as_array(x))
    axes = last_axes(x, normalized_shape)
    sizes = x.shape[axes[0] :]
    y = standardize(x, axes, eps)[0]
    y = y if weight is None else y * with_shape("weight", weight, sizes)
    return y if bias is None else y + with_shape("bias", bias, sizes)


def last_axes(x: Any, normalized_shape: Any) -> tuple[int, ...]:
    """Return the last axes of x, one for each size of normalized_shape; raise unless the shape of x ends in these."""
    sizes = tuple(normalized_shape) if isinstance(normalized_shape, tuple | list) else (normalized_shape,)
    if not sizes or x.shape[-len(sizes) :] != sizes:
        raise ShapeError(f"normalized_shape={normalized_shape} is not how the shape of {describe(x, 'x')} ends.")
    return tuple(range(-len(sizes), 0))


def floating(x: Any) -> Any:
    """Return x; raise if it has integers, which cannot hold the fractions that normalization gives."""
    if x.dtype.kind in "biu":
        raise ArgumentTypeError(f"a norm gives fractions, which {describe(x, 'x')} cannot hold. Write x.astype(float).")
    return x


def batch_norm(x: Any, *, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> tuple[Any, Any, Any]:
    """Shift and scale the entries of each channel to mean 0 and variance 1; multiply by a weight and add a bias.

    Returns the channels' means and variances, too, for running averages. A variance is the mean of squares, divided by
    the number of entries and not by one less.

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
    half = (x := floating(as_array(x))).dtype == HALF
    x, weight, bias = single(x), single(weight), single(bias)
    if x.ndim < 2 or x.size <= x.shape[1]:
        raise ArgumentError(f"batch_norm takes x (N, C, ...), two entries a channel or more, not {describe(x, 'x')}.")
    channels = (x.shape[1],)
    y, mean, var = standardize(x, (0, *range(2, x.ndim)), eps)
    y = y if weight is None else y * along_channels(with_shape("weight", weight, channels), x.ndim)
    y = y if bias is None else y + along_channels(with_shape("bias", bias, channels), x.ndim)
    y = rounded(y) if half else y  # not the variance, which float16 may not be able to hold
    return y, np.reshape(mean, channels), np.reshape(var, channels)


def along_channels(v: Any, ndim: int) -> Any:
    """Return v (C,) with the shape (C, 1, ..., 1), which broadcasts over x (N, C, ...) of ndim axes."""
    return np.reshape(v, (-1, *[1] * (ndim - 2)))


# Recurrent networks: one step of each cell, and rows for a whole sequence of steps.
#
# A step takes what the input and the state add to its gates; cells call it with Tensors, the kernels with arrays. The
# rule of a sequence computes the slopes of all steps at once from the recorded states, and then goes back along the
# steps, with one matrix product each: on the tape every step would cost a dozen small ops. This one pass gives the
# cotangents of all arguments, so the arguments are packed into one node, and the rule returns all of them.

# One step; x and from_h are lists: what the input and the state add to each gate.


def rnn_step(x: Any, from_h: Any, nonlinearity: str) -> Any:
    """Return the next state of an Elman network: tanh or relu of a sum (Elman 1990)."""
    z = x + from_h
    return np.tanh(z) if nonlinearity == "tanh" else relu(z)


def gru_step(x: Any, from_h: Any, h: Any) -> Any:
    """Return the next state of a gated recurrent unit (Cho et al. 2014); the reset gate acts after the product."""
    update = sigmoid(x[1] + from_h[1])
    new = np.tanh(x[2] + sigmoid(x[0] + from_h[0]) * from_h[2])
    return new + update * (h - new)


def lstm_step(gates: Any, c: Any) -> Any:
    """Return the next state (h, c) of a long short-term memory (Hochreiter, Schmidhuber 1997; Gers et al. 2000)."""
    write, keep, value, read = gates
    c = sigmoid(keep) * c + sigmoid(write) * np.tanh(value)
    return sigmoid(read) * np.tanh(c), c


# Sequences, forward. The rules need what the states added to the gates, so a kernel returns that, too.


def gates_of(x: Any, count: int) -> list[Any]:
    """Split the last axis into views, one for each gate; np.split would take as long as the rest of a step."""
    size = x.shape[-1] // count
    return [x[..., i * size : (i + 1) * size] for i in range(count)]


def in_order(steps: int, reverse: bool) -> Any:
    """Return the numbers of the steps, from the first on or from the last on."""
    return range(steps)[::-1] if reverse else range(steps)


def run_along(packed: Any, states: int, reverse: bool, step: Callable[..., Any]) -> tuple[Any, ...]:
    """Return what step(from_x, from_h, *states) gives at all steps, and what the states added to the gates."""
    from_x, *now = packed[: 1 + states]
    found: list[Any] = [()] * len(from_x)
    for t in in_order(len(from_x), reverse):
        from_h = linear(now[0], *packed[1 + states :])
        now = step(from_x[t : t + 1], from_h, *now)
        found[t] = (*now, from_h)
    return tuple(map(np.concatenate, zip(*found, strict=True)))


def _rnn(packed: Any, reverse: bool, nonlinearity: str) -> Any:
    """Return the states of an Elman network along a sequence."""
    return run_along(packed, 1, reverse, lambda x, from_h, h: [rnn_step(x, from_h, nonlinearity)])[:1]


def _gru(packed: Any, reverse: bool) -> Any:
    """Return the states of a gated recurrent unit along a sequence, and what they added to the gates."""
    return run_along(packed, 1, reverse, lambda x, from_h, h: [gru_step(gates_of(x, 3), gates_of(from_h, 3), h)])


def _lstm(packed: Any, reverse: bool) -> Any:
    """Return the states h and c of a long short-term memory along a sequence, and what they added to the gates."""
    return run_along(packed, 2, reverse, lambda x, from_h, h, c: lstm_step(gates_of(x + from_h, 4), c))


# Sequences, backward.


def unpacked(packed: Any) -> list[Any]:
    """Return the arguments that were packed into one node."""
    return [item(packed, i) for i in range(len(packed))]


def steps_before(z: Any, first: Any, reverse: bool) -> Any:
    """Return the state that each step began with."""
    return np.concatenate([z[1:], first] if reverse else [first, z[:-1]])


def plus(x: Any, y: Any) -> Any:
    """Return the sum of two cotangents, of which None means zeros."""
    return y if x is None else x if y is None else x + y


def part(g: Any, t: int) -> Any:
    """Return the cotangent of step t; None, which means zeros, stays None."""
    return None if g is None else g[t]


def walk_back(g: Any, g_added: Any, slopes: Any, kept: Any, w: Any, reverse: bool) -> tuple[Any, Any, Any]:
    """Return the cotangents of all states, those of the gates, and that of the state before the first step.

    Parameters
    ----------
    g : (L, N, H)
        The cotangent that the states get from outside the sequence.
    g_added : (L, N, G · H) or None
        The same for what the states add to the gates, which is an output, too.
    slopes : (L, N, G, H)
        The derivative of a state in each of its G gates.
    kept : (L, N, H) or None
        The derivative of a state in the state before it, apart from that by way of the gates.
    w : (G · H, H)
    """
    totals, gates = [g] * len(slopes), [g] * len(slopes)
    carried: Any = None
    for t in in_order(len(slopes), not reverse):
        totals[t] = total = plus(g[t], carried)
        gates[t] = by_gate = np.reshape(np.expand_dims(total, -2) * slopes[t], (*total.shape[:-1], w.shape[0]))
        carried = plus(np.matmul(plus(by_gate, part(g_added, t)), w), None if kept is None else total * kept[t])
    return np.stack(totals), np.stack(gates), np.expand_dims(carried, 0)


def of_weights(g: Any, before: Any, bias: Any) -> list[Any]:
    """Return the cotangents of weight and bias, given that of what the states add: one product for all steps."""
    return [np.matmul(rows(g).T, rows(before)), *[np.sum(rows(g), axis=0) for _ in bias]]


def _rnn_rule(g: Any, z: Any, packed: Any, reverse: bool, nonlinearity: str) -> Any:
    """Return the cotangents: the slope of z = tanh(gates) is 1 - z², that of relu is 1 where z is positive."""
    (g,), (z,), (_, h, w, *bias) = g, z, unpacked(packed)
    slope = 1 - z * z if nonlinearity == "tanh" else ~(z <= 0)
    _, gates, first = walk_back(g, None, np.expand_dims(slope, -2), None, w, reverse)
    return Outputs([gates, first, *of_weights(gates, steps_before(z, h, reverse), bias)])


def _gru_rule(g: Any, z: Any, packed: Any, reverse: bool) -> Any:
    """Return the cotangents, from the slopes of z = new + update * (before - new) in the gates reset, update and new.

    The input adds to the gate `new` itself, the state only what `reset` lets through: so the cotangents of the two
    differ in that gate alone.
    """
    (g, g_added), (z, added), (from_x, h, w, *bias) = g, z, unpacked(packed)
    before, size = steps_before(z, h, reverse), z.shape[-1]
    gates = sigmoid(from_x[..., : 2 * size] + added[..., : 2 * size])
    reset, update, added_new = gates[..., :size], gates[..., size:], added[..., 2 * size :]
    new = np.tanh(from_x[..., 2 * size :] + reset * added_new)
    to_new = (1 - update) * (1 - new * new)
    to_gates = np.concatenate([to_new * added_new, before - new], -1) * (gates * (1 - gates))
    slopes = np.reshape(np.concatenate([to_gates, to_new * reset], -1), (*z.shape[:-1], 3, size))
    g = np.zeros_like(z) if g is None else g  # only the last state's use, or none, may reach the loss
    totals, by_gate, first = walk_back(g, g_added, slopes, update, w, reverse)
    to_x = np.concatenate([by_gate[..., : 2 * size], totals * to_new], -1)
    return Outputs([to_x, first, *of_weights(plus(by_gate, g_added), before, bias)])


def _lstm_rule(g: Any, z: Any, packed: Any, reverse: bool) -> Any:
    """Return the cotangents; two are carried back: that of c by way of the gate `keep`, that of h by way of all gates.

    c has slopes in write, keep and value, and h, which is read * tanh(c), in read and by way of c in the other three.
    """
    (g_h, g_c, g_added), (hs, cs, added), (from_x, h, c, w, *bias) = g, z, unpacked(packed)
    before, c_before, size = steps_before(hs, h, reverse), steps_before(cs, c, reverse), hs.shape[-1]
    gates = from_x + added
    inner, read = sigmoid(gates[..., : 2 * size]), sigmoid(gates[..., 3 * size :])
    write, keep = inner[..., :size], inner[..., size:]
    value, shown = np.tanh(gates[..., 2 * size : 3 * size]), np.tanh(cs)
    to_inner = np.concatenate([value, c_before], -1) * (inner * (1 - inner))
    slopes = np.concatenate([to_inner, write * (1 - value * value)], -1)
    slopes = np.reshape(slopes, (*cs.shape[:-1], 3, size))
    to_c, to_read = read * (1 - shown * shown), shown * (read * (1 - read))
    g_h = np.zeros_like(hs) if g_h is None else g_h
    by_gate = [g_h] * len(hs)
    h_carried: Any = None
    c_carried: Any = None
    for t in in_order(len(hs), not reverse):
        of_h = plus(g_h[t], h_carried)
        of_c = plus(plus(of_h * to_c[t], part(g_c, t)), c_carried)
        by_c = np.reshape(np.expand_dims(of_c, -2) * slopes[t], (*of_c.shape[:-1], 3 * size))
        by_gate[t] = gates_now = np.concatenate([by_c, of_h * to_read[t]], -1)
        h_carried, c_carried = np.matmul(plus(gates_now, part(g_added, t)), w), of_c * keep[t]
    to_x = np.stack(by_gate)
    first = [np.expand_dims(h_carried, 0), np.expand_dims(c_carried, 0)]
    return Outputs([to_x, *first, *of_weights(plus(to_x, g_added), before, bias)])


def _bind(*arrays: Any, **params: Any) -> Bound:
    """Pack the arrays into one node, so that one rule gives all their cotangents."""
    return (pack_copies(*[as_array(x) for x in arrays]),), params


class Sequence(MultiOutput):
    """A row for all steps of a sequence; float16 is computed in float32, and rounded once."""

    def make_call(self) -> Any:
        return in_single(super().make_call())


def sequence(kernel: Any, rule: Any, gates: int, states: int, *options: dict[str, Any]) -> Any:
    """Return a row for sequences; its examples go both ways, with and without batch and bias, for each option."""
    size = 2 * gates
    batch = [D(3, 2, size), *[D(1, 2, 2)] * states, D(size, 2)]
    alone = [D(3, size), *[D(1, 2)] * states, D(size, 2), D(size)]
    examples = []
    for params in options:
        examples += [example(*batch, D(size), reverse=False, **params), example(*batch, reverse=True, **params)]
        examples += [example(*alone, reverse=False, **params)]
    gloss = "the cell step by step; back, from the last step on: g of a step and what the next one sends"
    fields: dict[str, Any] = {"zeros": False, "domain": (-1, 1), "decomposition": kernel, "exact": False}
    return Sequence(kernel, rule, bind=_bind, examples=examples, gloss=gloss, **fields)


rnn_sequence = sequence(_rnn, _rnn_rule, 1, 1, {"nonlinearity": "tanh"}, {"nonlinearity": "relu"})
gru_sequence = sequence(_gru, _gru_rule, 3, 1, {})
lstm_sequence = sequence(_lstm, _lstm_rule, 4, 2, {})
