"""Classes: scores to probabilities, labels to losses, and ids to vectors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import called
from .examples import Drawn as D
from .examples import example
from .indexing import scatter
from .linalg import dots, sums, totals
from .linear import rows
from .primitive import Bound, Plain, Primitive, as_array
from .reduction import scalar_axis


def along(x: Any, axis: Any = -1) -> Bound:
    x = as_array(x)
    return (x,), {"axis": scalar_axis(x, axis)}


def at(which: Any) -> Any:
    """The index into rows that takes from each the one entry that `which` says."""
    return np.arange(which.size, like=which), which.reshape(-1)


def picked(x: Any, which: Any) -> Any:
    """From each row along the last axis of x the one entry that `which` says."""
    return rows(x)[at(which)].reshape(which.shape)


def largest(x: Any, axis: Any) -> Any:
    """The largest along an axis, or several, kept with length 1; where in a row it lies, NumPy finds sooner than it."""
    if axis in (-1, (-1,)) and x.size:
        return picked(x, x.argmax(axis=-1, keepdims=True))
    return np.max(x, axis=axis, keepdims=True)


def _softmax(x: Any, axis: Any) -> Any:
    """exp(x) / sum(exp(x)), without overflow."""
    z = np.empty_like(x, dtype=np.result_type(x.dtype, 0.0))
    np.subtract(x, largest(x, axis), out=z)
    np.exp(z, out=z)
    z /= totals(z, axis)
    return z


def _softmax_spelled(x: Any, axis: Any) -> Any:
    x = x if x.dtype.kind == "f" else x.astype(np.result_type(x.dtype, 0.0))
    z = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return z / totals(z, axis)


def _log_softmax(x: Any, axis: Any) -> Any:
    """x - log(sum(exp(x))), without overflow."""
    z = x - np.max(x, axis=axis, keepdims=True)
    return z - np.log(np.sum(np.exp(z), axis=axis, keepdims=True))


CASES = [example(D(3, 4)), example(D(3, 4), axis=0), example(D(2, 3, 2), axis=(0, -1))]

softmax = Primitive(
    _softmax,
    lambda g, z, x, axis: z * (g - dots(g, z, axis)),
    bind=along,
    spelled=_softmax_spelled,
    single=True,
    examples=CASES,
)
log_softmax = Primitive(
    _log_softmax,
    lambda g, z, x, axis: g - np.exp(z) * np.sum(g, axis=axis, keepdims=True),
    bind=along,
    spelled=_log_softmax,
    single=True,
    examples=CASES,
)


def check_integers(what: str, labels: Any) -> None:
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{what} are integers that count from 0, not {labels.dtype}. Write .astype(int) if they do.")


def check_range(what: str, labels: Any, count: int) -> None:
    if labels.size and (labels.min() < 0 or labels.max() >= count):
        wrong = np.logical_or(labels < 0, labels >= count)
        where = tuple(np.argwhere(wrong)[0].tolist())
        raise IndexError(
            f"{what} count from 0 to {count - 1}, and {int(wrong.sum())} of {labels.size} lie outside, the first at "
            f"index {where}: {int(labels[where])}."
        )


def _one_hot(labels: Any, num_classes: int) -> Any:
    """For each label a row of zeros with a 1 at the label, of integers so small that they take on any other dtype."""
    labels = as_array(labels)
    check_integers("labels", labels)
    check_range("labels", labels, num_classes)
    return (labels[..., None] == np.arange(num_classes, like=labels)).astype(np.int8)


one_hot = Plain(_one_hot, examples=[example(np.array([0, 2, 1]), 3)])


# What is done with the losses of the samples, and with what cotangent that leaves each.
REDUCTIONS: dict[str, Callable[[Any], Any]] = {"none": lambda losses: losses, "mean": np.mean, "sum": np.sum}


def _bind_cross_entropy(logits: Any, labels: Any, *, reduction: str = "mean") -> Bound:
    x, labels = as_array(logits), as_array(labels)
    if labels.ndim != x.ndim:
        check_integers("labels", labels)
    if labels.shape not in (x.shape, x.shape[:-1]) or not x.ndim:
        raise ValueError(
            f"cross_entropy of {called(x, 'logits')} takes labels of shape {x.shape[:-1]}, an integer each, or "
            f"{x.shape}, a probability for each class, not {called(labels, 'labels')}. The classes are the last axis: "
            "np.moveaxis(logits, 1, -1) puts them there."
        )
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction={reduction!r} is none of 'mean', 'sum' and 'none'.")
    if reduction == "mean" and not x.size:
        raise ValueError(f"the mean over no samples: {called(x, 'logits')} is an empty batch.")
    return (x, labels), {"reduction": reduction}


def _cross_entropy(x: Any, labels: Any, reduction: str) -> Any:
    """-log of the probability that softmax(x) gives the label; for labels that are probabilities, its mean."""
    x = x - largest(x, -1)
    log_sum = np.log(sums(np.exp(x)))
    if labels.ndim == x.ndim:
        losses = log_sum * np.sum(labels, axis=-1) - np.sum(labels * x, axis=-1)
    else:
        check_range("labels", labels, x.shape[-1])
        losses = log_sum - picked(x, labels)
    return REDUCTIONS[reduction](losses)


def share(g: Any, x: Any, reduction: str) -> Any:
    """The cotangent of each sample's loss, in a shape that broadcasts against x."""
    if reduction == "none":
        return np.expand_dims(g, -1)
    return g / (x.size // x.shape[-1]) if reduction == "mean" else g


def _cross_entropy_x(g: Any, z: Any, x: Any, labels: Any, reduction: str) -> Any:
    """The probabilities that were predicted, less those that are right."""
    if labels.ndim == x.ndim:
        return share(g, x, reduction) * (softmax(x) * np.sum(labels, axis=-1, keepdims=True) - labels)
    return share(g, x, reduction) * excess(x, labels)


def _excess(x: Any, labels: Any) -> Any:
    """softmax(x), less 1 at the label: how much too probable each class is held."""
    z = _softmax(rows(x), -1)
    z[at(labels)] -= 1
    return z.reshape(x.shape)


excess = Primitive(
    _excess,
    lambda g, z, x, labels: np.multiply(p := softmax(x), g - dots(g, p, -1)),
    None,
    bind=lambda x, labels: ((as_array(x), as_array(labels)), {}),
    single=True,
    examples=[example(D(3, 4), np.array([3, 0, 3])), example(D(2, 2, 3), np.array([[0, 2], [1, 1]]))],
)
LABELS = np.array([3, 0, 3])
cross_entropy = Primitive(
    _cross_entropy,
    _cross_entropy_x,
    lambda g, z, x, labels, reduction: share(-g, x, reduction) * log_softmax(x),
    bind=_bind_cross_entropy,
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
LEAST, STEEPEST = math.exp(-100), 1e-12


def _binary_cross_entropy(p: Any, t: Any) -> Any:
    """-(t log p + (1-t) log(1-p)) for each entry, at most 100."""
    return -(t * np.log(np.maximum(p, LEAST)) + (1 - t) * np.log(np.maximum(1 - p, LEAST)))


binary_cross_entropy = Primitive(
    _binary_cross_entropy,
    lambda g, z, p, t: g * ((1 - t) / np.maximum(1 - p, STEEPEST) - t / np.maximum(p, STEEPEST)),
    lambda g, z, p, t: g * (np.log(np.maximum(1 - p, LEAST)) - np.log(np.maximum(p, LEAST))),
    domain=(0.1, 0.9),
    spelled=_binary_cross_entropy,
    examples=[example(D(3, 4), D(3, 4)), example(D(), D()), example(D(0, 3), D(0, 3))],
)


def _bind_embedding(ids: Any, weight: Any) -> Bound:
    ids, weight = as_array(ids), as_array(weight)
    check_integers("ids", ids)
    return (ids, weight), {}


def _embedding(ids: Any, weight: Any) -> Any:
    """For each id its row of the weight."""
    check_range("ids", ids, weight.shape[0])
    return weight[ids]


embedding = Primitive(
    _embedding,
    None,
    lambda g, z, ids, weight: scatter(g, ids, weight.shape),
    bind=_bind_embedding,
    examples=[example(np.array([2, 0, 2]), D(4, 3)), example(np.array([[1, 1], [0, 2]]), D(3, 2))],
)
