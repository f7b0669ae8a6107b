"""Losses that compare entry with entry: a number for each, and then their mean, their sum, or all of them.

Each is one row, whose rule gives each entry its share of the cotangent, times the slope there. As several ops, a loss
of few numbers would cost more than the rest of the network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ShapeError, describe
from .activations import log_sigmoid, sigmoid
from .classification import REDUCTIONS
from .half import in_single
from .primitive import Bound, Primitive, as_array, example, remembered
from .primitive import Drawn as D

# The same bits from arrays, sooner: np.mean and np.sum spend three times as long before they begin.
FAST: dict[str, Callable[[Any], Any]] = {
    "none": lambda losses: losses,
    "mean": lambda losses: np.add.reduce(losses, axis=None) / losses.size,
    "sum": lambda losses: np.add.reduce(losses, axis=None),
}


def checked_pair(prediction: Any, target: Any) -> tuple[Any, Any]:
    """Both as arrays; raise for (N, 1) against (N,), and every other pair of shapes that would broadcast."""
    prediction, target = as_array(prediction), as_array(target)
    if prediction.shape == target.shape:
        whole = prediction.dtype.kind in "biu" and target.dtype.kind in "biu"
        return (prediction.astype(float) if whole else prediction), target  # 1 - 2 of unsigned integers is 255
    cure = "Reshape one of them."
    if prediction.size == target.size:
        cure = f"They have as many entries: write target.reshape{prediction.shape}."
    raise ShapeError(
        f"a loss compares entry with entry, and {describe(prediction, 'the prediction')} and "
        f"{describe(target, 'the target')} have different shapes. {cure}"
    )


def check_reduction(owner: str, reduction: Any, losses: Any) -> None:
    """Raise for an unknown reduction, and for the mean over no entries."""
    if not isinstance(reduction, str) or reduction not in REDUCTIONS:
        shown = describe(reduction, "an array")
        raise ArgumentError(f"{owner}: reduction must be one of {', '.join(map(repr, REDUCTIONS))}, not {shown}.")
    if reduction == "mean" and not losses.size:
        raise ArgumentError(f"{owner}: the mean over no entries. Prediction and target are an empty batch.")


def entrywise(name: str, loss: Callable[..., Any], rule: Callable[..., Any], rule_of_target: Any, **more: Any) -> Any:
    """A row from the loss of an entry and the rules for it; `more` are the row's parameters with an example of each."""

    def spelled(x: Any, t: Any, reduction: str, **params: Any) -> Any:
        return REDUCTIONS[reduction](loss(x, t, **params))

    def fast(x: Any, t: Any, reduction: str, **params: Any) -> Any:
        return FAST[reduction](loss(x, t, **params))

    @remembered
    def bind(prediction: Any, target: Any, reduction: str = "mean", **params: Any) -> Bound:
        x, t = checked_pair(prediction, target)
        check_reduction(name, reduction, x)
        return (x, t), {"reduction": reduction, **params}

    spelled.__name__, spelled.__doc__ = name, loss.__doc__
    return Primitive(
        spelled,
        lambda g, z, x, t, reduction, **params: rule(share_of_entry(g, x, reduction), x, t, **params),
        lambda g, z, x, t, reduction, **params: rule_of_target(share_of_entry(g, x, reduction), x, t, **params),
        bind=bind,
        kernel=in_single(fast),
        decomposition=spelled,
        single=True,
        examples=[example(D(3, 4), D(3, 4), reduction=reduction, **more) for reduction in REDUCTIONS],
    )


def share_of_entry(g: Any, x: Any, reduction: str) -> Any:
    """The cotangent of each entry's loss."""
    return g / x.size if reduction == "mean" else g


def _half_square(x: Any, t: Any) -> Any:
    """(t - x)²/2."""
    return np.square(t - x) / 2


def _square(x: Any, t: Any) -> Any:
    """(x - t)²."""
    return np.square(x - t)


def _distance(x: Any, t: Any) -> Any:
    """|x - t|."""
    return np.abs(x - t)


def _huber(x: Any, t: Any, delta: float) -> Any:
    """e²/2 for errors e up to delta, delta (|e| - delta/2) beyond (Huber 1964)."""
    error = x - t
    near = np.clip(error, -delta, delta)
    return near * (error - near / 2)


def _logistic(x: Any, t: Any) -> Any:
    """-(t log σ(x) + (1 - t) log σ(-x)), accurate for x of any size."""
    return -(t * log_sigmoid(x) + (1 - t) * log_sigmoid(-x))


half_squared_error = entrywise(
    "half_squared_error", _half_square, lambda g, x, t: g * (x - t), lambda g, x, t: g * (t - x)
)
mse_loss = entrywise("mse_loss", _square, lambda g, x, t: g * 2 * (x - t), lambda g, x, t: g * 2 * (t - x))
l1_loss = entrywise("l1_loss", _distance, lambda g, x, t: g * np.sign(x - t), lambda g, x, t: g * np.sign(t - x))
huber_loss = entrywise(
    "huber_loss",
    _huber,
    lambda g, x, t, delta: g * np.clip(x - t, -delta, delta),
    lambda g, x, t, delta: g * np.clip(t - x, -delta, delta),
    delta=0.5,
)
logistic_loss = entrywise(
    "logistic_loss",
    _logistic,
    lambda g, x, t: g * ((1 - t) * sigmoid(x) - t * sigmoid(-x)),
    lambda g, x, t: g * (log_sigmoid(-x) - log_sigmoid(x)),
)
