"""Losses, under PyTorch's names, as functions and as layers.

Prediction and target must have one shape: a silent broadcast is a wrong loss.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.context import tracing
from ..core.errors import ArgumentError, ShapeError, describe
from ..core.tensor import as_ndarray
from ..ops import losses as rows
from ..ops.calls import in_single
from ..ops.dense import log_sigmoid
from ..ops.losses import REDUCTIONS, log_softmax, one_hot
from ..ops.primitive import Primitive, as_array
from .layers import Function
from .validation import validate


def half_squared_error(prediction: Any, target: Any) -> Any:
    """½Σ(target - prediction)²: the loss whose gradient the article uses.

    Parameters
    ----------
    prediction, target : (...)
        Arrays of one shape.

    Examples
    --------
    >>> float(half_squared_error(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    2.0
    """
    return rows.half_squared_error(prediction, target, "sum")


def mse_loss(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """The mean of the squared errors.

    Parameters
    ----------
    prediction, target : (...)
        Arrays of one shape.
    reduction : {'mean', 'sum', 'none'}
        Whether the losses of the entries are averaged, summed, or given one by one.

    Examples
    --------
    >>> float(mse_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    2.0
    """
    return rows.mse_loss(prediction, target, reduction)


def l1_loss(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """The mean of the absolute errors.

    Parameters
    ----------
    prediction, target : (...)
        Arrays of one shape.
    reduction : {'mean', 'sum', 'none'}
        Whether the losses of the entries are averaged, summed, or given one by one.

    Examples
    --------
    >>> float(l1_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    1.0
    """
    return rows.l1_loss(prediction, target, reduction)


def huber_loss(prediction: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    """½e² for errors up to delta, delta(|e| - ½delta) beyond (Huber 1964).

    Parameters
    ----------
    prediction, target : (...)
        Arrays of one shape.
    reduction : {'mean', 'sum', 'none'}
        Whether the losses of the entries are averaged, summed, or given one by one.
    delta : float
        The size of an error from which on the loss grows in a straight line; above 0.

    Examples
    --------
    >>> huber_loss(np.array([0.5, 3.0]), np.zeros(2), reduction="none")
    array([0.125, 2.5  ])
    """
    if type(delta) is not float or not 0 < delta < np.inf:
        validate("huber_loss", delta=delta)
    return rows.huber_loss(prediction, target, reduction, delta=delta)


def _shares(x: Any) -> Any:
    """Return x; raise if an entry is not from 0 to 1."""
    if x.size and not (x.min() >= 0 and x.max() <= 1):
        raise ArgumentError(
            "binary cross-entropy takes targets and probabilities from 0 to 1. For logits write "
            "binary_cross_entropy_with_logits."
        )
    return x


shares = Primitive(_shares, lambda g, z, x: g, views=True, checks=True)


def checked_shares(x: Any) -> Any:
    """Return x; raise if an entry is not from 0 to 1. Only a trace records the check."""
    if tracing():
        return shares(x)
    _shares(as_ndarray(as_array(x)))
    return x


@in_single
def binary_cross_entropy(probability: Any, target: Any, reduction: str = "mean") -> Any:
    """-(t log p + (1-t) log(1-p)), at most 100 an entry; for logits there is `..._with_logits`, more accurate.

    Parameters
    ----------
    probability : (...)
        Numbers from 0 to 1.
    target : (...)
        Numbers from 0 to 1, of the same shape.
    reduction : {'mean', 'sum', 'none'}
        Whether the losses of the entries are averaged, summed, or given one by one.

    Examples
    --------
    >>> float(binary_cross_entropy(np.array([0.5]), np.array([1.0])))
    0.6931471805599453
    """
    return rows.binary_cross_entropy(checked_shares(probability), checked_shares(target), reduction)


@in_single
def binary_cross_entropy_with_logits(
    logits: Any, target: Any, reduction: str = "mean", *, pos_weight: Any = None
) -> Any:
    """-(t log σ(x) + (1-t) log σ(-x)), accurate for logits of any size.

    Parameters
    ----------
    logits : (...)
        The arguments of the sigmoid.
    target : (...)
        Numbers from 0 to 1, of the same shape.
    reduction : {'mean', 'sum', 'none'}
        Whether the losses of the entries are averaged, summed, or given one by one.
    pos_weight : number or (classes,), optional
        The factor of the first part, for each class on the last axis; above 1 where positives are rare.

    Examples
    --------
    >>> float(binary_cross_entropy_with_logits(np.array([0.0]), np.array([1.0])))
    0.6931471805599453
    """
    target = checked_shares(target)
    if pos_weight is None:
        return rows.logistic_loss(logits, target, reduction)
    x, target = rows.checked_pair(logits, target)
    scale = as_array(pos_weight).astype(x.dtype)
    if scale.shape not in ((), x.shape[-1:]):
        raise ShapeError(f"{describe(scale, 'pos_weight')} needs the shape () or {x.shape[-1:]}: one for each class.")
    rows.check_reduction("binary_cross_entropy_with_logits", reduction, x)
    losses = -(scale * (target * log_sigmoid(x)) + (1 - target) * log_sigmoid(-x))
    return REDUCTIONS[reduction](losses)


@in_single
def cross_entropy(
    logits: Any,
    labels: Any,
    reduction: str = "mean",
    *,
    weight: Any = None,
    label_smoothing: float = 0.0,
    ignore_index: int | None = None,
) -> Any:
    """-log softmax(logits)[label], the mean over the samples.

    Parameters
    ----------
    logits : (..., classes)
        The arguments of the softmax; the classes are the last axis.
    labels : (...) or (..., classes)
        Integers that count from 0, or probabilities.
    reduction : {'mean', 'sum', 'none'}
        Whether the losses of the samples are averaged, summed, or given one by one.
    weight : (classes,), optional
        The factor of each class; the mean is then the weighted one, as PyTorch's.
    label_smoothing : float
        The share of each target spread over all classes, from 0 to 1 (Szegedy et al. 2016).
    ignore_index : int, optional
        The label of samples that are left out of the loss, and of the mean; PyTorch's default is -100.

    Examples
    --------
    >>> float(cross_entropy(np.array([[0.0, 0.0], [0.0, 0.0]]), np.array([0, 1])))
    0.6931471805599453
    """
    if weight is None and ignore_index is None and type(label_smoothing) is float and label_smoothing == 0:
        return rows.cross_entropy(logits, labels, reduction=reduction)
    validate("cross_entropy", label_smoothing=label_smoothing)
    if ignore_index is not None:
        validate("cross_entropy", ignore_index=ignore_index)
    (x, labels), _ = rows.cross_entropy.bind(logits, labels, reduction=reduction)  # type: ignore[call-arg]
    classes = x.shape[-1]
    scale = as_array(np.ones(classes) if weight is None else weight).astype(x.dtype)
    if scale.shape != (classes,):
        raise ShapeError(f"{describe(scale, 'weight')} needs the shape ({classes},): a number for each class.")
    if labels.ndim == x.ndim and ignore_index is not None:
        raise ArgumentError("cross_entropy: ignore_index is a label, and these labels are probabilities.")
    spread: Any = label_smoothing / classes
    if ignore_index is None:
        chosen = (labels if labels.ndim == x.ndim else one_hot(labels, classes)).astype(x.dtype)
    else:
        kept = np.not_equal(labels, ignore_index)
        chosen = one_hot(np.where(kept, labels, 0), classes) * kept[..., None].astype(x.dtype)
        spread = spread * kept[..., None].astype(x.dtype)
    target = (1 - label_smoothing) * chosen + spread
    losses = -np.sum(log_softmax(x, axis=-1) * (target * scale), axis=-1)
    if reduction == "mean" and labels.ndim != x.ndim:
        return np.sum(losses) / np.sum(chosen * scale)
    return REDUCTIONS[reduction](losses)


# Losses as layers.


class MSELoss(Function, inputs=2):
    """The mean of the squared errors of (prediction, target).

    Parameters
    ----------
    reduction : {'mean', 'sum', 'none'}
        Whether the losses are averaged, summed, or given one by one.

    Examples
    --------
    >>> float(MSELoss()(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    2.0
    """

    _function = staticmethod(mse_loss)


class L1Loss(Function, inputs=2):
    """The mean of the absolute errors of (prediction, target).

    Parameters
    ----------
    reduction : {'mean', 'sum', 'none'}
        Whether the losses are averaged, summed, or given one by one.

    Examples
    --------
    >>> float(L1Loss()(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    1.0
    """

    _function = staticmethod(l1_loss)


class HuberLoss(Function, inputs=2):
    """Half the squares of small errors, and large ones in a straight line (Huber 1964).

    Parameters
    ----------
    reduction : {'mean', 'sum', 'none'}
        Whether the losses are averaged, summed, or given one by one.
    delta : float
        The size of an error, above 0, from which on the loss grows in a straight line.

    Examples
    --------
    >>> float(HuberLoss()(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    0.75
    """

    _function = staticmethod(huber_loss)


class BCELoss(Function, inputs=2):
    """Binary cross-entropy of (probability, target).

    Parameters
    ----------
    reduction : {'mean', 'sum', 'none'}
        Whether the losses are averaged, summed, or given one by one.

    Examples
    --------
    >>> float(BCELoss()(np.array([0.5]), np.array([1.0])).round(3))
    0.693
    """

    _function = staticmethod(binary_cross_entropy)


class BCEWithLogitsLoss(Function, inputs=2):
    """Binary cross-entropy of (logits, target).

    Parameters
    ----------
    reduction : {'mean', 'sum', 'none'}
        Whether the losses are averaged, summed, or given one by one.
    pos_weight : number or (classes,), optional
        The factor of the loss of positives.

    Examples
    --------
    >>> float(BCEWithLogitsLoss()(np.array([0.0]), np.array([1.0])).round(3))
    0.693
    """

    _function = staticmethod(binary_cross_entropy_with_logits)


class CrossEntropyLoss(Function, inputs=2):
    """Cross-entropy of (logits, labels): -log softmax(logits)[label].

    Parameters
    ----------
    reduction : {'mean', 'sum', 'none'}
        Whether the losses are averaged, summed, or given one by one.
    weight : (classes,), optional
        The factor of each class; the mean is then the weighted one.
    label_smoothing : float
        The share of each target spread over all classes, from 0 to 1 (Szegedy et al. 2016).
    ignore_index : int, optional
        The label of samples that are left out.

    Examples
    --------
    >>> float(CrossEntropyLoss()(np.zeros((1, 2)), np.array([1])).round(3))
    0.693
    """

    _function = staticmethod(cross_entropy)
