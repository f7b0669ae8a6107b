"""Classes: scores to probabilities, labels to losses, ids to vectors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ArgumentTypeError, OutOfRangeError, ShapeError, describe
from .indexing import getitem, scatter
from .nn import rows
from .primitive import Bound, NonDifferentiable, Primitive, as_array, example, remembered
from .primitive import Drawn as D
from .products import dot_keepdims, sum_keepdims, sum_last
from .reductions import scalar_axis


def _bind_axis(x: Any, axis: Any = -1) -> Bound:
    x = as_array(x)
    return (x,), {"axis": scalar_axis(x, axis)}


def label_index(which: Any) -> Any:
    """The index that takes one entry from each row, at the column given by `which`."""
    return np.arange(which.size, like=which), which.reshape(-1)


def take_labels(x: Any, which: Any) -> Any:
    """One entry of each row along the last axis of x, at the column given by `which`."""
    return rows(x)[label_index(which)].reshape(which.shape)


def row_max(x: Any, axis: Any) -> Any:
    """The maximum over one or more axes, kept with length 1. NumPy's argmax is faster than its max on the last one."""
    if axis in (-1, (-1,)) and x.size:
        return take_labels(x, x.argmax(axis=-1, keepdims=True))
    return np.max(x, axis=axis, keepdims=True)


def _softmax(x: Any, axis: Any) -> Any:
    """exp(x) / sum(exp(x)), without overflow."""
    z = np.empty_like(x, dtype=np.result_type(x.dtype, 0.0))
    np.subtract(x, row_max(x, axis), out=z)
    np.exp(z, out=z)
    z /= sum_keepdims(z, axis)
    return z


def _softmax_rows(x: Any, axis: Any) -> Any:
    x = x if x.dtype.kind == "f" else x.astype(np.result_type(x.dtype, 0.0))
    z = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return z / sum_keepdims(z, axis)


def _log_softmax(x: Any, axis: Any) -> Any:
    """x - log(sum(exp(x))), without overflow."""
    z = x - np.max(x, axis=axis, keepdims=True)
    return z - np.log(np.sum(np.exp(z), axis=axis, keepdims=True))


CASES = [example(D(3, 4)), example(D(3, 4), axis=0), example(D(2, 3, 2), axis=(0, -1))]

softmax = Primitive(
    _softmax,
    lambda g, z, x, axis: z * (g - dot_keepdims(g, z, axis)),
    bind=_bind_axis,
    decomposition=_softmax_rows,
    single=True,
    examples=CASES,
    onnx="Softmax",
)
log_softmax = Primitive(
    _log_softmax,
    lambda g, z, x, axis: g - np.exp(z) * np.sum(g, axis=axis, keepdims=True),
    bind=_bind_axis,
    decomposition=_log_softmax,
    single=True,
    examples=CASES,
    onnx="LogSoftmax",
)


def check_integers(what: str, labels: Any) -> None:
    if labels.dtype.kind not in "iu":
        raise ArgumentTypeError(
            f"{what} are integers that count from 0, not {labels.dtype}. Write .astype(int) if they do."
        )


def check_range(what: str, labels: Any, count: int) -> None:
    if labels.size and (labels.min() < 0 or labels.max() >= count):
        wrong = np.logical_or(labels < 0, labels >= count)
        where = tuple(np.argwhere(wrong)[0].tolist())
        raise OutOfRangeError(
            f"{what} count from 0 to {count - 1}, and {int(wrong.sum())} of {labels.size} lie outside, the first at "
            f"index {where}: {int(labels[where])}."
        )


def _one_hot(labels: Any, num_classes: int) -> Any:
    """A row of zeros with a 1 at the label, for each label; int8, so that products keep the other operand's dtype."""
    labels = as_array(labels)
    check_integers("labels", labels)
    check_range("labels", labels, num_classes)
    return (labels[..., None] == np.arange(num_classes, like=labels)).astype(np.int8)


one_hot = NonDifferentiable(_one_hot, examples=[example(np.array([0, 2, 1]), 3)])


# What is done with the losses of the samples, and with what cotangent that leaves each.
REDUCTIONS: dict[str, Callable[[Any], Any]] = {"none": lambda losses: losses, "mean": np.mean, "sum": np.sum}


@remembered
def _bind_cross_entropy(logits: Any, labels: Any, *, reduction: str = "mean") -> Bound:
    x, labels = as_array(logits), as_array(labels)
    if labels.ndim != x.ndim:
        check_integers("labels", labels)
    if labels.shape not in (x.shape, x.shape[:-1]) or not x.ndim:
        raise ShapeError(
            f"cross_entropy of {describe(x, 'logits')} takes labels of shape {x.shape[:-1]}, an integer each, or "
            f"{x.shape}, a probability for each class, not {describe(labels, 'labels')}. The classes are the last "
            "axis: "
            "np.moveaxis(logits, 1, -1) puts them there."
        )
    if reduction not in REDUCTIONS:
        raise ArgumentError(f"reduction={reduction!r} is none of 'mean', 'sum' and 'none'.")
    if reduction == "mean" and not x.size:
        raise ArgumentError(f"the mean over no samples: {describe(x, 'logits')} is an empty batch.")
    return (x, labels), {"reduction": reduction}


def _cross_entropy(x: Any, labels: Any, reduction: str) -> Any:
    """-log of the probability that softmax(x) gives the label; for labels that are probabilities, its mean."""
    x = x - row_max(x, -1)
    log_sum = np.log(sum_last(np.exp(x)))
    if labels.ndim == x.ndim:
        losses = log_sum * np.sum(labels, axis=-1) - np.sum(labels * x, axis=-1)
    else:
        check_range("labels", labels, x.shape[-1])
        losses = log_sum - take_labels(x, labels)
    return REDUCTIONS[reduction](losses)


def sample_cotangent(g: Any, x: Any, reduction: str) -> Any:
    """The cotangent of each sample's loss, in a shape that broadcasts against x."""
    if reduction == "none":
        return np.expand_dims(g, -1)
    return g / (x.size // x.shape[-1]) if reduction == "mean" else g


def _cross_entropy_x(g: Any, z: Any, x: Any, labels: Any, reduction: str) -> Any:
    """The predicted probabilities less the right ones, times each sample's cotangent."""
    if labels.ndim == x.ndim:
        return sample_cotangent(g, x, reduction) * (softmax(x) * np.sum(labels, axis=-1, keepdims=True) - labels)
    return sample_cotangent(g, x, reduction) * excess(x, labels)


def _excess(x: Any, labels: Any) -> Any:
    """softmax(x), less 1 at the label: the error of the predicted probabilities."""
    z = _softmax(rows(x), -1)
    z[label_index(labels)] -= 1
    return z.reshape(x.shape)


def _valid(labels: Any, count: int) -> Any:
    """The labels, for loops: one that is negative or too large is an index out of bounds."""
    return getitem(np.arange(count), np.where(labels < 0, count, labels))


def _right(labels: Any, x: Any) -> Any:
    """True at each sample's label."""
    return _valid(labels, x.shape[-1])[..., None] == np.arange(x.shape[-1])


def _cross_entropy_rows(x: Any, labels: Any, reduction: str) -> Any:
    logs = _log_softmax(x, -1)
    chosen = labels * logs if labels.ndim == x.ndim else np.where(_right(labels, x), logs, 0)
    return REDUCTIONS[reduction](-np.sum(chosen, axis=-1))


def _excess_rows(x: Any, labels: Any) -> Any:
    z = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return z / np.sum(z, axis=-1, keepdims=True) - _right(labels, x)


def _embedding_rows(ids: Any, weight: Any) -> Any:
    return weight[_valid(ids, weight.shape[0])]


excess = Primitive(
    _excess,
    lambda g, z, x, labels: np.multiply(p := softmax(x), g - dot_keepdims(g, p, -1)),
    None,
    bind=lambda x, labels: ((as_array(x), as_array(labels)), {}),
    decomposition=_excess_rows,
    exact=False,
    single=True,
    examples=[example(D(3, 4), np.array([3, 0, 3])), example(D(2, 2, 3), np.array([[0, 2], [1, 1]]))],
)
LABELS = np.array([3, 0, 3])
cross_entropy = Primitive(
    _cross_entropy,
    _cross_entropy_x,
    lambda g, z, x, labels, reduction: sample_cotangent(-g, x, reduction) * log_softmax(x),
    bind=_bind_cross_entropy,
    decomposition=_cross_entropy_rows,
    exact=False,
    single=True,
    examples=[
        example(D(3, 4), LABELS),
        example(D(3, 4), LABELS, reduction="sum"),
        example(D(2, 2, 3), np.array([[0, 2], [1, 1]]), reduction="none"),
        example(D(3, 4), D(3, 4, domain=(0.1, 0.9))),
        example(D(2, 3), D(2, 3, domain=(0.1, 0.9)), reduction="none"),
    ],
)


# As PyTorch has it: the logarithm of a probability of 0 is -100, and its slope 1e12, so that a wrong one still learns.
LEAST_PROBABILITY = math.exp(-100)
LEAST_DIVISOR = 1e-12


def _binary_cross_entropy(p: Any, t: Any) -> Any:
    """-(t log p + (1-t) log(1-p)) for each entry, at most 100."""
    return -(t * np.log(np.maximum(p, LEAST_PROBABILITY)) + (1 - t) * np.log(np.maximum(1 - p, LEAST_PROBABILITY)))


binary_cross_entropy = Primitive(
    _binary_cross_entropy,
    lambda g, z, p, t: g * ((1 - t) / np.maximum(1 - p, LEAST_DIVISOR) - t / np.maximum(p, LEAST_DIVISOR)),
    lambda g, z, p, t: g * (np.log(np.maximum(1 - p, LEAST_PROBABILITY)) - np.log(np.maximum(p, LEAST_PROBABILITY))),
    domain=(0.1, 0.9),
    decomposition=_binary_cross_entropy,
    examples=[example(D(3, 4), D(3, 4)), example(D(), D()), example(D(0, 3), D(0, 3))],
)


def _bind_embedding(ids: Any, weight: Any) -> Bound:
    ids, weight = as_array(ids), as_array(weight)
    check_integers("ids", ids)
    return (ids, weight), {}


def _embedding(ids: Any, weight: Any) -> Any:
    """The rows of the weight at the ids."""
    check_range("ids", ids, weight.shape[0])
    return weight[ids]


embedding = Primitive(
    _embedding,
    None,
    lambda g, z, ids, weight: scatter(g, ids, weight.shape),
    bind=_bind_embedding,
    decomposition=_embedding_rows,
    exact=False,
    examples=[example(np.array([2, 0, 2]), D(4, 3)), example(np.array([[1, 1], [0, 2]]), D(3, 2))],
    onnx="Gather",
)
