"""Schedules: the learning rate as a function of how many steps of the schedule were taken."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ArgumentTypeError
from ..nn.validation import COUNT, Checked, instance_of, one_of, require
from .optimiser import Optimiser

OPTIMISER = instance_of(Optimiser)


class Schedule(Checked):
    """The base of schedules: write `rate(base, t)`, the learning rate after t steps of a group that began with base.

    A schedule sets the learning rate when it is made, and at each `step()`, which is called after the optimiser's.

    Parameters
    ----------
    optimiser : Optimiser
        The optimiser whose learning rates are set.

    Examples
    --------
    >>> class Halving(Schedule):
    ...     def rate(self, base, t):
    ...         return base / 2**t
    """

    def __init__(self, optimiser: Optimiser) -> None:
        require(self, OPTIMISER, optimiser=optimiser)
        self.optimiser = optimiser
        self.t = 0
        for group in optimiser.param_groups:
            if group.initial_lr is None:
                group.initial_lr = float(group["lr"])
        self.base = [float(group.initial_lr or 0) for group in optimiser.param_groups]
        self._set_rates()

    def __repr__(self) -> str:
        rates = ", ".join(f"{float(group['lr']):g}" for group in self.optimiser.param_groups)
        return f"{type(self).__name__}(after {self.t} steps, lr={rates})"

    def rate(self, base: float, t: int) -> float:
        """The learning rate of a group; each schedule writes its own.

        Parameters
        ----------
        base : float
            The learning rate that the group began with.
        t : int
            The number of steps of the schedule that were taken.
        """
        raise ArgumentTypeError(f"{type(self).__name__} has no rate method: define rate(self, base, t).")

    def _set_rates(self) -> None:
        """Write the learning rates of this step into the optimiser's groups."""
        for group, base in zip(self.optimiser.param_groups, self.base, strict=True):
            group["lr"] = self.rate(base, self.t)

    def step(self) -> None:
        """Go on by one, an epoch or a batch, and set the learning rates."""
        self.t += 1
        self._set_rates()

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group."""
        return [float(group["lr"]) for group in self.optimiser.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return the number of steps taken, and the learning rates at the beginning."""
        return {"t": np.array(self.t), "base": np.array(self.base)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state; the learning rates are in the optimiser's state.

        Parameters
        ----------
        state : dict of arrays
            The dict that `state_dict` returned.
        """
        self.t, self.base = int(state["t"]), [float(base) for base in state["base"]]


class LambdaLR(Schedule):
    """base * factor(t), for a function of one's own.

    Parameters
    ----------
    optimiser : Optimiser
        The optimiser whose learning rates are set.
    lr_lambda : callable
        The number of steps to the factor.

    Examples
    --------
    >>> from micrograd_np import nn, optim
    >>> schedule = LambdaLR(optim.SGD([nn.Parameter([1.0])], lr=0.5), lambda t: 1 / (1 + t))
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.25]
    """

    def __init__(self, optimiser: Optimiser, lr_lambda: Callable[[int], float]) -> None:
        self.factor = lr_lambda
        super().__init__(optimiser)

    def rate(self, base: float, t: int) -> float:
        return base * self.factor(t)


class StepLR(Schedule):
    """base * gamma ** (t // step_size): multiplied by gamma after every step_size steps.

    Parameters
    ----------
    optimiser : Optimiser
        The optimiser whose learning rates are set.
    step_size : int
        The number of steps between two changes.
    gamma : float
        The factor of a change.

    Examples
    --------
    >>> from micrograd_np import nn, optim
    >>> schedule = StepLR(optim.SGD([nn.Parameter([1.0])], lr=1.0), 2, 0.5)
    >>> rates = schedule.get_last_lr()
    >>> for _ in range(4):
    ...     schedule.step()
    ...     rates += schedule.get_last_lr()
    >>> [round(rate, 3) for rate in rates]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    def __init__(self, optimiser: Optimiser, step_size: int, gamma: float = 0.1) -> None:
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimiser)

    def rate(self, base: float, t: int) -> float:
        return float(base * self.gamma ** (t // self.step_size))


class CosineAnnealingLR(Schedule):
    """From base to eta_min in T_max steps along half a cosine (Loshchilov and Hutter 2017), and back after it.

    Parameters
    ----------
    optimiser : Optimiser
        The optimiser whose learning rates are set.
    T_max : int
        The number of steps to eta_min.
    eta_min : float
        The lowest learning rate.

    Examples
    --------
    >>> from micrograd_np import nn, optim
    >>> schedule = CosineAnnealingLR(optim.SGD([nn.Parameter([1.0])], lr=1.0), T_max=4)
    >>> rates = schedule.get_last_lr()
    >>> for _ in range(4):
    ...     schedule.step()
    ...     rates += schedule.get_last_lr()
    >>> [round(rate, 3) for rate in rates]
    [1.0, 0.854, 0.5, 0.146, 0.0]
    """

    def __init__(self, optimiser: Optimiser, T_max: int, eta_min: float = 0.0) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimiser)

    def rate(self, base: float, t: int) -> float:
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * t / self.T_max)) / 2


class LinearLR(Schedule):
    """From base * start_factor to base * end_factor in total_iters steps, and constant after: a warm-up.

    Parameters
    ----------
    optimiser : Optimiser
        The optimiser whose learning rates are set.
    start_factor, end_factor : float
        The factors at the beginning and at the end.
    total_iters : int
        The number of steps between them.

    Examples
    --------
    >>> from micrograd_np import nn, optim
    >>> schedule = LinearLR(optim.SGD([nn.Parameter([1.0])], lr=1.0), 0.5, total_iters=2)
    >>> rates = schedule.get_last_lr()
    >>> for _ in range(3):
    ...     schedule.step()
    ...     rates += schedule.get_last_lr()
    >>> [round(rate, 3) for rate in rates]
    [0.5, 0.75, 1.0, 1.0]
    """

    def __init__(
        self, optimiser: Optimiser, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5
    ) -> None:
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimiser)

    def rate(self, base: float, t: int) -> float:
        done = min(t / self.total_iters, 1.0)
        return base * (self.start_factor + (self.end_factor - self.start_factor) * done)


class SequentialLR(Schedule):
    """Schedules one after the other: the next takes over, from its own beginning, at each milestone.

    Parameters
    ----------
    optimiser : Optimiser
        The optimiser whose learning rates are set.
    schedules : list of Schedule
        Schedules of the same optimiser.
    milestones : list of int
        The steps at which the second and the later ones begin, one fewer than there are schedules.

    Examples
    --------
    >>> from micrograd_np import nn, optim
    >>> optimiser = optim.SGD([nn.Parameter([1.0])], lr=1.0)
    >>> parts = [LinearLR(optimiser, 0.5, total_iters=2), CosineAnnealingLR(optimiser, T_max=100)]
    >>> schedule = SequentialLR(optimiser, parts, milestones=[2])
    >>> rates = schedule.get_last_lr()
    >>> for _ in range(2):
    ...     schedule.step()
    ...     rates += schedule.get_last_lr()
    >>> rates
    [0.5, 0.75, 1.0]
    """

    def __init__(self, optimiser: Optimiser, schedules: Sequence[Schedule], milestones: Sequence[int]) -> None:
        require(self, OPTIMISER, optimiser=optimiser)
        starts = [0, *milestones]
        fits = all(isinstance(schedule, Schedule) and schedule.optimiser is optimiser for schedule in schedules)
        if not fits or len(schedules) != len(starts) or any(not start < end for start, end in pairwise(starts)):
            raise ArgumentError(
                "SequentialLR takes schedules of this optimiser, one or more, and as milestones the steps at which the "
                f"second and the later ones begin, which increase: not {schedules} and {milestones}."
            )
        self.schedules, self.starts = schedules, starts
        super().__init__(optimiser)

    def rate(self, base: float, t: int) -> float:
        now = bisect_right(self.starts, t) - 1
        return self.schedules[now].rate(base, t - self.starts[now])


class ReduceLROnPlateau(Checked):
    """Multiplies the learning rates by factor when more than `patience` steps in a row brought no better figure.

    Parameters
    ----------
    optimiser : Optimiser
        The optimiser whose learning rates are set.
    mode : {'min', 'max'}
        Whether a smaller figure is better, or a larger one.
    factor : float
        The factor of a reduction, above 0 and below 1.
    patience : int
        The number of steps in a row without a better figure that are waited for.
    threshold : float
        The smallest improvement that counts, as a share of the best's size.
    min_lr : float
        The lowest learning rate.

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
        min_lr: float = 0.0,
    ) -> None:
        require(self, OPTIMISER, optimiser=optimiser)
        require(self, one_of("min", "max"), mode=mode)
        require(self, COUNT, patience=patience)
        self.optimiser, self.sign = optimiser, 1 if mode == "max" else -1
        self.factor, self.patience, self.threshold, self.min_lr = factor, patience, threshold, min_lr
        self.best = -math.inf * self.sign
        self.bad_steps = 0

    def __repr__(self) -> str:
        rates = ", ".join(f"{float(group['lr']):g}" for group in self.optimiser.param_groups)
        return f"{type(self).__name__}({self.bad_steps} steps without a better figure, lr={rates})"

    def step(self, metric: Any) -> None:
        """Take note of a figure, and reduce the learning rates if it is time.

        Parameters
        ----------
        metric : float
            The figure, such as the loss of an epoch.
        """
        value = float(metric.item() if hasattr(metric, "item") else metric)
        # Compared with the first figure, a share of infinity would be nan. A larger share of a negative one is smaller.
        gain = 0 if math.isinf(self.best) else self.threshold * abs(self.best)
        if self.sign * value > self.sign * self.best + gain:
            self.best, self.bad_steps = value, 0
        else:
            self.bad_steps += 1
        if self.bad_steps > self.patience:
            self.bad_steps = 0
            for group in self.optimiser.param_groups:
                rate = float(group["lr"])
                reduced = max(rate * self.factor, self.min_lr)
                if rate - reduced > 1e-8:  # as in PyTorch
                    group["lr"] = reduced

    def state_dict(self) -> dict[str, Any]:
        """Return the best figure so far, and the number of steps since."""
        return {"best": np.array(self.best), "bad_steps": np.array(self.bad_steps)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state; the learning rates are in the optimiser's state.

        Parameters
        ----------
        state : dict of arrays
            The dict that `state_dict` returned.
        """
        self.best, self.bad_steps = float(state["best"]), int(state["bad_steps"])
