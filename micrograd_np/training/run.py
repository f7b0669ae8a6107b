"""The state of a training: all that the next step depends on, which a checkpoint holds; and its history."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from ..expressions.layout import aligned
from ..nn.module import Module
from ..nn.validation import instance_of, require
from ..optim.optimiser import Optimiser
from ..optim.schedules import ReduceLROnPlateau
from ..saving import load, save
from ..saving.files import put_into

Path = str | os.PathLike[str]
SHOWN = 8


class History(dict[str, list[float]]):
    """Lists by name, with a number for each epoch: `history["loss"][-1]` is the last; `ended` says why it is the last.

    Examples
    --------
    >>> history = History()
    >>> history.add({"loss": 0.7, "val_loss": 0.8})
    >>> history.add({"loss": 0.5, "val_loss": 0.6})
    >>> history
    epoch  loss  val_loss
        1   0.7       0.8
        2   0.5       0.6
    """

    ended: str = ""

    def add(self, figures: dict[str, float]) -> None:
        """Add the figures of an epoch; nan stands where one was not measured.

        Parameters
        ----------
        figures : dict of float
            The figures by name.
        """
        epochs = self.epochs()
        for name in dict.fromkeys([*self, *figures]):
            self.setdefault(name, [math.nan] * epochs).append(figures.get(name, math.nan))

    def epochs(self) -> int:
        """Return the number of epochs."""
        return max(map(len, self.values()), default=0)

    def __repr__(self) -> str:
        rows = [[str(i + 1), *(f"{column[i]:.4g}" for column in self.values())] for i in range(self.epochs())]
        if len(rows) > SHOWN:
            rows[SHOWN // 2 : -SHOWN // 2] = [["…"] * (len(self) + 1)]
        rows.insert(0, ["epoch", *self])
        lines = aligned(rows, ">" * len(rows[0]))
        return "\n".join([*lines, self.ended] if self.ended else lines)


@dataclass
class Run:
    """A model in training: what hooks are given, and what a checkpoint holds.

    Parameters
    ----------
    model : Module
        The model that `fit` trains.
    optimiser : Optimiser
        The optimiser of its parameters.
    rng : Generator, optional
        The source of the batches' order.
    schedule : Schedule or ReduceLROnPlateau, optional
        The schedule of the learning rate.
    history : History
        The figures of the epochs so far.
    epoch, step : int
        How many were completed.
    best : dict
        The lowest loss, its epoch, and the model's state then, where there is a patience.

    Examples
    --------
    >>> import micrograd_np as mg
    >>> model = mg.nn.Linear(2, 1)
    >>> data = np.zeros((4, 2)), np.zeros((4, 1))
    >>> def shown(run):
    ...     print(run.epoch, run.step)
    >>> _ = mg.fit(model, mg.nn.mse_loss, mg.optim.SGD(model.parameters()), data, epochs=2, size=2,
    ...            rng=np.random.default_rng(0), on_epoch=shown, quiet=True)
    1 2
    2 4
    """

    model: Module
    optimiser: Optimiser
    rng: np.random.Generator | None = None
    schedule: Any = None
    history: History = field(default_factory=History)
    epoch: int = 0
    step: int = 0
    best: dict[str, Any] = field(default_factory=dict)

    def _check_model(self) -> None:
        """Raise if the model has parameters that the optimiser was not given."""
        require("fit", instance_of(Module), model=self.model)
        require("fit", instance_of(Optimiser), optimiser=self.optimiser)
        known = set(map(id, self.optimiser._parameters))
        named = self.model.named_parameters()
        unknown = [name for name, p in named if p.requires_grad and id(p) not in known]
        if unknown:
            raise ArgumentError(
                f"{type(self.optimiser).__name__} was not given {', '.join(unknown)} of this model: make it with "
                "model.parameters(), and freeze what should not train with requires_grad = False."
            )

    def _end_epoch(self, figures: dict[str, float], patience: int | None) -> None:
        """Record an epoch, step the schedule, and end the training if patience is at its end.

        Parameters
        ----------
        figures : dict of float
            The figures of the epoch by name; the schedule and the patience look at val_loss, else at loss.
        patience : int, optional
            The number of epochs without a lower loss after which the training ends.
        """
        self.epoch += 1
        self.history.add(figures)
        loss = figures.get("val_loss", figures["loss"])
        if isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step(loss)
        elif self.schedule:
            self.schedule.step()
        if patience is not None:
            if loss < self.best.get("loss", math.inf):  # never true of nan
                self.best = {"loss": loss, "epoch": self.epoch, "model": self.model.state_dict()}
            elif self.epoch - self.best.get("epoch", 0) >= patience:
                self.history.ended = f"No lower loss for {patience} epochs."

    def _close(self) -> None:
        """Restore the epoch of the lowest loss, if it was kept; record if the loss rose."""
        losses = self.history.get("loss", [])
        said = [self.history.ended] if self.history.ended else []
        if self.best:
            self.model.load_state_dict(self.best["model"])
            said.append(f"The model is as of epoch {self.best['epoch']}, the best.")
        elif losses and losses[-1] > losses[0]:
            risen = f"The loss rose from {losses[0]:.3g} to {losses[-1]:.3g}"
            said.append(f"{risen}: the learning rate ({self.optimiser.lr:g}) may be too high.")
        self.history.ended = " ".join(said)

    def _parts(self) -> dict[str, Any]:
        """The objects that a checkpoint is restored into."""
        return {"model": self.model, "optimiser": self.optimiser, "rng": self.rng, "schedule": self.schedule}

    def save(self, path: Path) -> None:
        """Write a checkpoint: `fit(…, checkpoint=path, resume=True)` goes on from it, to the same bits.

        Parameters
        ----------
        path : str or path
            Ends in .npz or .safetensors.
        """
        counts = {"epoch": self.epoch, "step": self.step, "best": self.best}
        save(path, self._parts() | counts | {"history": dict(self.history), "ended": self.history.ended})

    def load(self, path: Path) -> None:
        """Restore a checkpoint that fits: all of it, or nothing and a LoadError.

        Parameters
        ----------
        path : str or path
            A file that `save` wrote.
        """
        state = load(path)
        put_into(self._parts(), {name: state[name] for name in self._parts() if name in state}, path)
        self.history = History(state["history"])
        self.history.ended = state["ended"]
        self.epoch, self.step, self.best = state["epoch"], state["step"], state["best"]


Hook = Callable[[Run], Any]
