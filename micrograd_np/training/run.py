"""Everything that the next step of a run depends on, so that it can be kept and taken up again."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..nn.module import Module, load
from ..optim.optimiser import Optimiser
from ..optim.plateau import ReduceLROnPlateau
from .history import History


@dataclass
class Run:
    """A model in training: what hooks are given, and what a checkpoint holds.

    Parameters
    ----------
    model : Module
    optimiser : Optimiser
    rng : Generator, optional
        What draws the batches.
    schedule : Schedule, optional
    history : History
    epoch, step : int
        How many were completed.
    best : dict
        The lowest loss, its epoch, and the model's state then, where there is a patience.
    recent : deque
        The losses of the last steps.
    """

    model: Module
    optimiser: Optimiser
    rng: np.random.Generator | None = None
    schedule: Any = None
    history: History = field(default_factory=History)
    epoch: int = 0
    step: int = 0
    best: dict[str, Any] = field(default_factory=dict)
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=3))

    def end_epoch(self, figures: dict[str, float], patience: int | None) -> None:
        """Take note of an epoch, move the schedule on, and see whether patience is at its end."""
        self.epoch += 1
        self.history.add(figures)
        loss = figures.get("val_loss", figures["loss"])
        if isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step(loss)
        elif self.schedule:
            self.schedule.step()
        if patience is not None:
            if not self.best or loss < self.best["loss"]:
                self.best = {"loss": loss, "epoch": self.epoch, **prefixed("model", self.model.state_dict())}
            elif self.epoch - self.best["epoch"] >= patience:
                self.history.ended = f"No lower loss for {patience} epochs."

    def take_best(self) -> None:
        """Go back to the epoch of the lowest loss, if it was kept."""
        if self.best:
            self.model.load_state_dict(part(self.best, "model"))
            self.history.ended += f" The model is as of epoch {int(self.best['epoch'])}, the best."
            self.history.ended = self.history.ended.strip()

    def state_dict(self) -> dict[str, Any]:
        """Copies of everything that the next step depends on, as arrays by name."""
        state = {name: tensor.data.copy() for name, tensor in self.named_tensors()}
        state |= {name: packed(generator) for name, generator in self.generators()}
        state |= prefixed("schedule", self.schedule.state_dict() if self.schedule else {})
        state |= prefixed("history", {name: np.array(column) for name, column in self.history.items()})
        state |= prefixed("best", {name: np.array(value) for name, value in self.best.items()})
        return state | {"epoch": np.array(self.epoch), "step": np.array(self.step)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up a state that `state_dict` gave: all of it, or none and an error that lists each mismatch."""
        tensors, generators = dict(self.named_tensors()), dict(self.generators())
        others = ("generator.", "schedule.", "history.", "best.")
        values = {name: x for name, x in state.items() if not name.startswith(others) and name not in ("epoch", "step")}
        missing = [name for name in ("epoch", "step", *generators) if name not in state]
        if missing:
            raise ValueError(f"this state is of another run: it lacks {', '.join(missing)}. Nothing was changed.")
        load("this run", tensors, values)
        for name, generator in generators.items():
            generator.bit_generator.state = unpacked(state[name])
        if self.schedule:
            self.schedule.load_state_dict(part(state, "schedule"))
        self.history = History({name: column.tolist() for name, column in part(state, "history").items()})
        self.best = part(state, "best")
        self.epoch, self.step = int(state["epoch"]), int(state["step"])

    def named_tensors(self) -> Iterator[tuple[str, Any]]:
        yield from ((f"model.{name}", tensor) for name, tensor in self.model.named_tensors())
        yield from ((f"optimiser.{name}", tensor) for name, tensor in self.optimiser.named_state())

    def generators(self) -> Iterator[tuple[str, np.random.Generator]]:
        """What draws the batches, and what the model's parts draw from, such as dropout."""
        if self.rng is not None:
            yield "generator.rng", self.rng
        for path, module in self.model.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, np.random.Generator):
                    yield f"generator.model.{path}.{name}", value


Hook = Callable[[Run], Any]


def prefixed(prefix: str, state: dict[str, Any]) -> dict[str, Any]:
    return {f"{prefix}.{name}": value for name, value in state.items()}


def part(state: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(f"{prefix}."): x for name, x in state.items() if name.startswith(f"{prefix}.")}


def packed(generator: np.random.Generator) -> Any:
    """The state of a Generator as an array of bytes: its numbers are larger than any dtype."""
    text = json.dumps(generator.bit_generator.state, default=lambda array: array.tolist())
    return np.frombuffer(text.encode(), np.uint8)


def unpacked(array: Any) -> Any:
    return json.loads(array.tobytes())
