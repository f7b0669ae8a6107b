"""Losses, under PyTorch's names; prediction and target must have one shape: a silent broadcast is a wrong loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.context import tracing
from ..core.errors import called
from ..ops.classes import REDUCTIONS, log_softmax, one_hot
from ..ops.classes import binary_cross_entropy as entry_losses
from ..ops.classes import cross_entropy as plain_cross_entropy
from ..ops.neural import log_sigmoid
from ..ops.primitive import Primitive, as_array


def same(prediction: Any, target: Any) -> tuple[Any, Any]:
    """Both as arrays; refuses (N, 1) against (N,), and every other pair of shapes that would broadcast."""
    prediction, target = as_array(prediction), as_array(target)
    if prediction.shape == target.shape:
        return prediction, target
    cure = "Reshape one of them."
    if prediction.size == target.size:
        cure = f"They have as many entries: write target.reshape{prediction.shape}."
    raise ValueError(
        f"a loss compares entry with entry, and {called(prediction, 'the prediction')} and "
        f"{called(target, 'the target')} have different shapes. {cure}"
    )


def finish(losses: Any, reduction: str) -> Any:
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction={reduction!r} is none of {', '.join(map(repr, REDUCTIONS))}.")
    if reduction == "mean" and not losses.size:
        raise ValueError("the mean over no entries: prediction and target are an empty batch.")
    return REDUCTIONS[reduction](losses)


def half_squared_error(prediction: Any, target: Any) -> Any:
    """½Σ(target - prediction)²: the loss whose gradient the article uses.

    Examples
    --------
    >>> float(half_squared_error(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    2.0
    """
    prediction, target = same(prediction, target)
    return np.sum(np.square(target - prediction)) / 2


def mse_loss(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """The mean of the squared errors; reduction is 'mean', 'sum' or 'none'."""
    prediction, target = same(prediction, target)
    return finish(np.square(prediction - target), reduction)


def l1_loss(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """The mean of the absolute errors."""
    prediction, target = same(prediction, target)
    return finish(np.abs(prediction - target), reduction)


def huber_loss(prediction: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    """½e² for errors up to delta, delta(|e| - ½delta) beyond (Huber 1964)."""
    prediction, target = same(prediction, target)
    error = prediction - target
    near = np.clip(error, -delta, delta)
    return finish(near * (error - near / 2), reduction)


def _probabilities(p: Any) -> Any:
    """p itself, all of which is from 0 to 1."""
    if not (np.greater_equal(p, 0).all() and np.less_equal(p, 1).all()):
        raise ValueError("binary_cross_entropy takes probabilities from 0 to 1; for logits there is ..._with_logits.")
    return p


probabilities = Primitive(_probabilities, lambda g, z, p: g, views=True)  # a step, so that a program checks them too


def binary_cross_entropy(probability: Any, target: Any, reduction: str = "mean") -> Any:
    """-(t log p + (1-t) log(1-p)), at most 100 an entry; for logits there is `..._with_logits`, more accurate."""
    p, target = same(probability, target)
    p = probabilities(p) if tracing() else _probabilities(p)
    return finish(entry_losses(p, target), reduction)


def binary_cross_entropy_with_logits(
    logits: Any, target: Any, reduction: str = "mean", *, pos_weight: Any = None
) -> Any:
    """-(t log σ(x) + (1-t) log σ(-x)), accurate for logits of any size.

    Parameters
    ----------
    logits, target : (...)
    reduction : {'mean', 'sum', 'none'}
    pos_weight : number or (classes,), optional
        How much the first part counts, of each class on the last axis; above 1 where positives are rare.
    """
    x, target = same(logits, target)
    positive = target * log_sigmoid(x)
    if pos_weight is not None:
        scale = as_array(pos_weight).astype(x.dtype)
        if scale.shape not in ((), x.shape[-1:]):
            raise ValueError(f"{called(scale, 'pos_weight')} needs the shape () or {x.shape[-1:]}: one for each class.")
        positive = scale * positive
    return finish(-(positive + (1 - target) * log_sigmoid(-x)), reduction)


def cross_entropy(
    logits: Any, labels: Any, reduction: str = "mean", *, weight: Any = None, label_smoothing: float = 0.0
) -> Any:
    """-log softmax(logits)[label], the mean over the samples.

    Parameters
    ----------
    logits : (..., classes)
    labels : (...) or (..., classes)
        Integers that count from 0, or probabilities.
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
    (x, labels), _ = plain_cross_entropy.bind(logits, labels, reduction=reduction)  # type: ignore[call-arg]
    classes = x.shape[-1]
    scale = as_array(np.ones(classes) if weight is None else weight).astype(x.dtype)
    if scale.shape != (classes,):
        raise ValueError(f"{called(scale, 'weight')} needs the shape ({classes},): a number for each class.")
    chosen = (labels if labels.ndim == x.ndim else one_hot(labels, classes)).astype(x.dtype)
    target = (1 - label_smoothing) * chosen + label_smoothing / classes
    losses = -np.sum(log_softmax(x, axis=-1) * (target * scale), axis=-1)
    if reduction == "mean" and labels.ndim != x.ndim:
        return np.sum(losses) / np.sum(chosen * scale)
    return finish(losses, reduction)
