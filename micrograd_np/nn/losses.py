"""Losses, under PyTorch's names; prediction and target must have one shape: a silent broadcast is a wrong loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import called
from ..ops.classes import REDUCTIONS, log_softmax, one_hot
from ..ops.classes import cross_entropy as plain_cross_entropy
from ..ops.neural import log_sigmoid
from ..ops.primitive import as_array


def check_same(prediction: Any, target: Any) -> None:
    """Refuse (N, 1) against (N,), and every other pair of shapes that would broadcast."""
    if np.shape(prediction) == np.shape(target):
        return
    cure = "Reshape one of them."
    if np.size(prediction) == np.size(target):
        cure = f"They have as many entries: write target.reshape({np.shape(prediction)}), or take prediction[:, 0]."
    raise ValueError(
        f"a loss compares entry with entry, and {called(prediction, 'the prediction')} and "
        f"{called(target, 'the target')} have different shapes. {cure}"
    )


def finish(losses: Any, reduction: str) -> Any:
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction={reduction!r} is none of {', '.join(map(repr, REDUCTIONS))}.")
    return REDUCTIONS[reduction](losses)


def half_squared_error(prediction: Any, target: Any) -> Any:
    """½Σ(target - prediction)²: the loss whose gradient the article uses.

    Examples
    --------
    >>> float(half_squared_error(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    2.0
    """
    check_same(prediction, target)
    return np.sum(np.square(target - prediction)) / 2


def mse_loss(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """The mean of the squared errors; reduction is 'mean', 'sum' or 'none'."""
    check_same(prediction, target)
    return finish(np.square(prediction - target), reduction)


def l1_loss(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """The mean of the absolute errors."""
    check_same(prediction, target)
    return finish(np.abs(prediction - target), reduction)


def huber_loss(prediction: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    """½e² for errors up to delta, delta(|e| - ½delta) beyond (Huber 1964)."""
    check_same(prediction, target)
    error = np.abs(prediction - target)
    near = np.minimum(error, delta)
    return finish(near * (error - near / 2), reduction)


def binary_cross_entropy(probability: Any, target: Any, reduction: str = "mean") -> Any:
    """-(t log p + (1-t) log(1-p)); from logits, `binary_cross_entropy_with_logits` is the accurate one."""
    check_same(probability, target)
    p = as_array(probability)
    if not (np.greater_equal(p, 0).all() and np.less_equal(p, 1).all()):
        raise ValueError("binary_cross_entropy takes probabilities from 0 to 1; for logits there is ..._with_logits.")
    floor = float(np.finfo(p.dtype).tiny)
    logs = target * np.log(np.maximum(p, floor)) + (1 - target) * np.log(np.maximum(1 - p, floor))
    return finish(-logs, reduction)


def binary_cross_entropy_with_logits(logits: Any, target: Any, reduction: str = "mean") -> Any:
    """-(t log σ(x) + (1-t) log σ(-x)), accurate for logits of any size."""
    check_same(logits, target)
    return finish(-(target * log_sigmoid(logits) + (1 - target) * log_sigmoid(-logits)), reduction)


def cross_entropy(
    logits: Any, labels: Any, reduction: str = "mean", *, weight: Any = None, label_smoothing: float = 0.0
) -> Any:
    """-log softmax(logits)[label], the mean over the samples.

    Parameters
    ----------
    logits : (..., classes)
    labels : (...)
        Integers that count from 0.
    reduction : {'mean', 'sum', 'none'}
    weight : (classes,), optional
        How much each class counts; the mean is then the weighted one, as PyTorch's.
    label_smoothing : float
        The share of each target spread over all classes (Szegedy et al. 2016).

    Examples
    --------
    >>> float(cross_entropy(np.array([[0.0, 0.0], [0.0, 0.0]]), np.array([0, 1])))
    0.6931471805599453
    """
    if weight is None and not label_smoothing:
        return plain_cross_entropy(logits, labels, reduction=reduction)
    classes = np.shape(logits)[-1]
    scale = np.ones(classes) if weight is None else as_array(weight)
    chosen = one_hot(labels, classes)
    target = (1 - label_smoothing) * chosen + label_smoothing / classes
    losses = -np.sum(log_softmax(logits, axis=-1) * (target * scale), axis=-1)
    if reduction == "mean":
        return np.sum(losses) / float(np.sum(chosen * scale))
    return finish(losses, reduction)
