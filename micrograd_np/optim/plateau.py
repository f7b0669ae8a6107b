"""A schedule that listens: the learning rate falls when a figure has stopped to get better."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .optimiser import Optimiser


class ReduceLROnPlateau:
    """Multiplies the learning rates by factor when more than `patience` steps in a row brought no better figure.

    Parameters
    ----------
    optimiser : Optimiser
    mode : {'min', 'max'}
        Whether a smaller figure is better, or a larger one.
    factor : float
    patience : int
    threshold : float
        How much better counts: a share of the best, or with threshold_mode='abs' a difference.
    cooldown : int
        Steps after a reduction that are not counted.
    min_lr : float
    eps : float
        A reduction by less is left out.

    Examples
    --------
    >>> from micrograd_np import nn, optim
    >>> optimiser = optim.SGD([nn.Parameter([1.0])], lr=1.0)
    >>> schedule = ReduceLROnPlateau(optimiser, factor=0.5, patience=0)
    >>> for loss in (3.0, 2.0, 2.0):
    ...     schedule.step(loss)
    >>> optimiser.lr
    0.5
    """

    def __init__(
        self,
        optimiser: Optimiser,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
        eps: float = 1e-8,
    ) -> None:
        if factor >= 1:
            raise ValueError(f"factor={factor} would not reduce the learning rate: give one below 1.")
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ValueError(f"mode={mode!r} is 'min' or 'max', and threshold_mode={threshold_mode!r} 'rel' or 'abs'.")
        self.optimiser, self.sign, self.relative = optimiser, 1 if mode == "max" else -1, threshold_mode == "rel"
        self.factor, self.patience, self.threshold = factor, patience, threshold
        self.cooldown, self.min_lr, self.eps = cooldown, min_lr, eps
        self.best = -math.inf * self.sign
        self.bad_steps = self.cooling = 0

    def step(self, metric: Any) -> None:
        """Take note of a figure, and reduce the learning rates if it is time."""
        value = float(metric.item() if hasattr(metric, "item") else metric)
        if self.is_better(value):
            self.best, self.bad_steps = value, 0
        else:
            self.bad_steps += 1
        if self.cooling:
            self.cooling -= 1
            self.bad_steps = 0
        if self.bad_steps > self.patience:
            self.reduce()
            self.cooling, self.bad_steps = self.cooldown, 0

    def is_better(self, value: float) -> bool:
        sign, best = self.sign, self.best
        least = best * (1 + sign * self.threshold) if self.relative else best + sign * self.threshold
        return sign * value > sign * least

    def reduce(self) -> None:
        for group in self.optimiser.param_groups:
            before = float(group["lr"])
            after = max(before * self.factor, self.min_lr)
            if before - after > self.eps:
                group["lr"] = after

    def state_dict(self) -> dict[str, Any]:
        """The best figure so far, and the counts."""
        counts = {"best": self.best, "bad_steps": self.bad_steps, "cooling": self.cooling}
        return {name: np.array(value) for name, value in counts.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state that `state_dict` gave; the learning rates are the optimiser's to restore."""
        self.best, self.bad_steps, self.cooling = float(state["best"]), int(state["bad_steps"]), int(state["cooling"])
