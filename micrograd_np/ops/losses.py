"""Classes and losses: scores to probabilities, ids to vectors, predictions to numbers to minimise."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ArgumentTypeError, OutOfRangeError, ShapeError, describe
from .calls import in_single
from .dense import log_sigmoid, rows, sigmoid
from .indexing import getitem, scatter
from .primitive import Bound, D, NonDifferentiable, Primitive, as_array, example, remembered
from .products import dot_keepdims, sum_keepdims, sum_last
from .reductions import scalar_axis


def _bind_axis(x: Any, axis: Any = -1) -> Bound:
    """The axis; of a number, axis 0 or -1 is none."""
    x = as_array(x)
    return (x,), {"axis": scalar_axis(x, axis)}


def label_index(which: Any) -> Any:
    """The index that takes one entry from each row, at the column given by `which`."""
    return np.arange(which.size, like=which), which.reshape(-1)


def _softmax(x: Any, axis: Any) -> Any:
    """exp(x) / sum(exp(x)), without overflow."""
    x = x if x.dtype.kind == "f" else x.astype(np.result_type(x.dtype, 0.0))
    z = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return z / sum_keepdims(z, axis)


def _fast_softmax(x: Any, axis: Any) -> Any:
    """The bits of `_softmax`, in less time."""
    if axis not in (-1, (-1,)) or x.dtype.kind != "f":
        return _softmax(x, axis)
    z = np.exp(x - np.maximum.reduce(x, -1, keepdims=True))
    return z / np.matmul(z, np.ones(z.shape[-1], z.dtype, like=z))[..., None]


def _log_softmax(x: Any, axis: Any) -> Any:
    """x - log(sum(exp(x))), without overflow."""
    z = x - np.max(x, axis=axis, keepdims=True)
    return z - np.log(np.sum(np.exp(z), axis=axis, keepdims=True))


CASES = [example(D(3, 4)), example(D(3, 4), axis=0), example(D(2, 3, 2), axis=(0, -1))]

softmax = Primitive(
    _softmax,
    lambda g, z, x, axis: z * (g - dot_keepdims(g, z, axis)),
    bind=_bind_axis,
    kernel=in_single(_fast_softmax),
    decomposition=_softmax,
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
    """Raise unless labels or ids are integers."""
    if labels.dtype.kind not in "iu":
        raise ArgumentTypeError(f"{what} are integers from 0, not {labels.dtype}. Write .astype(int) if they are.")


def check_range(what: str, labels: Any, count: int) -> None:
    """Raise, with the first place, if a label or an id lies outside."""
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


# From the samples' losses to the result.
# np.mean and np.sum spend most of their time before they begin: arrays are added up directly, to the same bits.
def total_of(losses: Any) -> Any:
    """Return the sum."""
    return np.add.reduce(losses, None) if type(losses) is np.ndarray else np.sum(losses)


def mean_of(losses: Any) -> Any:
    """Return the mean."""
    return np.add.reduce(losses, None) / losses.size if type(losses) is np.ndarray else np.mean(losses)


REDUCTIONS: dict[str, Callable[[Any], Any]] = {"none": lambda losses: losses, "mean": mean_of, "sum": total_of}


def check_reduction(owner: str, reduction: Any, losses: Any) -> None:
    """Raise for an unknown reduction, and for the mean over no entries."""
    if not isinstance(reduction, str) or reduction not in REDUCTIONS:
        shown = describe(reduction, "an array")
        raise ArgumentError(f"{owner}: reduction must be one of {', '.join(map(repr, REDUCTIONS))}, not {shown}.")
    if reduction == "mean" and not losses.size:
        raise ArgumentError(f"{owner}: the mean over no entries: {describe(losses, 'the batch')} is an empty batch.")


@remembered
def _bind_cross_entropy(logits: Any, labels: Any, *, reduction: str = "mean") -> Bound:
    """Check that labels are classes or probabilities of the logits."""
    x, labels = as_array(logits), as_array(labels)
    if labels.ndim == x.ndim + 1 and x.dtype.kind in "iu" and labels.dtype.kind == "f":
        pair = f"{describe(x, 'the labels')} and {describe(labels, 'the logits')}"
        raise ArgumentError(f"cross_entropy takes the logits first and then the labels: swap {pair}.")
    if labels.ndim != x.ndim:
        check_integers("labels", labels)
    if labels.shape not in (x.shape, x.shape[:-1]) or not x.ndim:
        raise ShapeError(
            f"cross_entropy of {describe(x, 'logits')} takes labels of shape {x.shape[:-1]}, an integer each, or "
            f"{x.shape}, a probability for each class, not {describe(labels, 'labels')}. The classes are the last "
            "axis: np.moveaxis(logits, 1, -1) puts them there."
        )
    check_reduction("cross_entropy", reduction, x)
    return (x, labels), {"reduction": reduction}


def _cross_entropy(x: Any, labels: Any, reduction: str) -> Any:
    """-log of the probability that softmax(x) gives the label; for labels that are probabilities, its mean."""
    x = x - np.maximum.reduce(x, -1, keepdims=True)
    log_sum = np.log(np.matmul(np.exp(x), np.ones(x.shape[-1], x.dtype, like=x)))
    if labels.ndim == x.ndim:
        return REDUCTIONS[reduction](log_sum * np.sum(labels, axis=-1) - np.sum(labels * x, axis=-1))
    check_range("labels", labels, x.shape[-1])
    return REDUCTIONS[reduction](log_sum - rows(x)[label_index(labels)].reshape(labels.shape))


def _cross_entropy_rows(x: Any, labels: Any, reduction: str) -> Any:
    """The same for loops, which check the labels as indices, and for ONNX."""
    x = x - np.max(x, axis=-1, keepdims=True)
    log_sum = np.log(sum_last(np.exp(x)))
    if labels.ndim == x.ndim:
        losses = log_sum * np.sum(labels, axis=-1) - np.sum(labels * x, axis=-1)
    else:
        losses = log_sum - np.sum(np.where(_right(labels, x), x, 0), axis=-1)
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
    z = _fast_softmax(rows(x), -1)
    z[label_index(labels)] -= 1
    return z.reshape(x.shape)


def _valid(labels: Any, count: int) -> Any:
    """The labels, for loops: one that is negative or too large is an index out of bounds."""
    return getitem(np.arange(count), np.where(labels < 0, count, labels))


def _right(labels: Any, x: Any) -> Any:
    """True at each sample's label."""
    return _valid(labels, x.shape[-1])[..., None] == np.arange(x.shape[-1])


def _excess_rows(x: Any, labels: Any) -> Any:
    """The same with rows alone."""
    return _softmax(x, -1) - _right(labels, x)


def _embedding_rows(ids: Any, weight: Any) -> Any:
    """The rows of the weight, for loops, which check ids as indices."""
    return weight[_valid(ids, weight.shape[0])]


excess = Primitive(
    _excess,
    lambda g, z, x, labels: np.multiply(p := softmax(x), g - dot_keepdims(g, p, -1)),
    None,
    decomposition=_excess_rows,
    exact=False,
    single=True,
    examples=[example(D(3, 4), np.array([3, 0, 3])), example(D(2, 2, 3), np.array([[0, 2], [1, 1]]))],
    gloss="softmax(x) - y, with integer labels y as one-hot rows",
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


# As PyTorch has it: the logarithm of 0 counts as -100, with slope 1e12, so that a wrong probability still learns.
LEAST_PROBABILITY = math.exp(-100)
LEAST_DIVISOR = 1e-12


def _bind_embedding(ids: Any, weight: Any) -> Bound:
    """Check that ids are integers within the weight."""
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


def checked_pair(prediction: Any, target: Any) -> tuple[Any, Any]:
    """Both as arrays; raise for (N, 1) against (N,), and every other pair of shapes that would broadcast."""
    prediction, target = as_array(prediction), as_array(target)
    if prediction.shape == target.shape:
        whole = prediction.dtype.kind in "biu" and target.dtype.kind in "biu"
        return (prediction.astype(float) if whole else prediction), target  # 1 - 2 of unsigned integers is 255
    cure = "Reshape one of them."
    if prediction.size == target.size:
        cure = f"They have as many entries: write target.reshape{prediction.shape}."
    elif target.dtype.kind in "iu" and target.shape == prediction.shape[:-1]:
        cure = f"For labels write mg.one_hot(target, {prediction.shape[-1]}), or take cross_entropy."
    raise ShapeError(
        f"a loss compares entry with entry, and {describe(prediction, 'the prediction')} and "
        f"{describe(target, 'the target')} have different shapes. {cure}"
    )


def entrywise(name: str, loss: Any, rule: Any, rule_of_target: Any = None, target: Any = None, **more: Any) -> Any:
    """A row from the loss of an entry and the rules for it; without `rule_of_target`, x and t may change places.

    Its examples have the parameters `more` and, with a reduction, the `target`.
    """

    def reduced(x: Any, t: Any, reduction: str, **params: Any) -> Any:
        return REDUCTIONS[reduction](loss(x, t, **params))

    @remembered
    def bind(prediction: Any, target: Any, reduction: str = "mean", **params: Any) -> Bound:
        x, t = checked_pair(prediction, target)
        check_reduction(name, reduction, x)
        return (x, t), {"reduction": reduction, **params}

    rule_of_target = rule_of_target or (lambda g, x, t, **params: rule(g, t, x, **params))
    reduced.__name__, reduced.__doc__ = name, loss.__doc__
    return Primitive(
        reduced,
        lambda g, z, x, t, reduction, **params: rule(share_of_entry(g, x, reduction), x, t, **params),
        lambda g, z, x, t, reduction, **params: rule_of_target(share_of_entry(g, x, reduction), x, t, **params),
        bind=bind,
        decomposition=reduced,
        single=True,
        examples=[
            example(D(3, 4), D(3, 4) if target is None or reduction == "none" else target, reduction=reduction, **more)
            for reduction in REDUCTIONS
        ],
    )


def share_of_entry(g: Any, x: Any, reduction: str) -> Any:
    """The cotangent of each entry's loss."""
    return g / x.size if reduction == "mean" else g


def _half_square(x: Any, t: Any) -> Any:
    """(t - x)²/2."""
    return np.square(t - x) / 2.0


def _square(x: Any, t: Any) -> Any:
    """(x - t)²."""
    return np.square(x - t)


def _distance(x: Any, t: Any) -> Any:
    """|x - t|."""
    return np.abs(x - t)


def _huber(x: Any, t: Any, delta: float) -> Any:
    """e²/2 for errors e up to delta, delta (|e| - delta/2) beyond (Huber 1964)."""
    error = x - t
    near = np.minimum(np.maximum(error, -delta), delta)  # np.clip spends most of its time before it begins
    return near * (error - near / 2)


def _binary_cross_entropy(p: Any, t: Any) -> Any:
    """-(t log p + (1-t) log(1-p)) for each entry, at most 100."""
    return -(t * np.log(np.maximum(p, LEAST_PROBABILITY)) + (1 - t) * np.log(np.maximum(1 - p, LEAST_PROBABILITY)))


def _logistic(x: Any, t: Any) -> Any:
    """-(t log σ(x) + (1 - t) log σ(-x)), accurate for x of any size."""
    return t * np.logaddexp(-x, 0) + (1 - t) * np.logaddexp(x, 0)


half_squared_error = entrywise("half_squared_error", _half_square, lambda g, x, t: g * (x - t))
mse_loss = entrywise("mse_loss", _square, lambda g, x, t: g * 2 * (x - t))
l1_loss = entrywise("l1_loss", _distance, lambda g, x, t: g * np.sign(x - t))
huber_loss = entrywise("huber_loss", _huber, lambda g, x, t, delta: g * np.clip(x - t, -delta, delta), delta=0.5)
binary_cross_entropy = entrywise(
    "binary_cross_entropy",
    _binary_cross_entropy,
    lambda g, p, t: g * ((1 - t) / np.maximum(1 - p, LEAST_DIVISOR) - t / np.maximum(p, LEAST_DIVISOR)),
    lambda g, p, t: g * (np.log(np.maximum(1 - p, LEAST_PROBABILITY)) - np.log(np.maximum(p, LEAST_PROBABILITY))),
    target=np.eye(3, 4, dtype=np.float16),
)
binary_cross_entropy.domain = (0.1, 0.9)
logistic_loss = entrywise(
    "binary_cross_entropy_with_logits",
    _logistic,
    lambda g, x, t: g * ((1 - t) * sigmoid(x) - t * sigmoid(-x)),
    lambda g, x, t: g * (log_sigmoid(-x) - log_sigmoid(x)),
)
