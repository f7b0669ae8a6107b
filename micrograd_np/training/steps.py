"""Steps of a training, and the means of their figures over an epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import numpy as np

from ..core.context import no_grad
from ..core.errors import ArgumentError, ArgumentTypeError, NonFiniteError
from ..core.tensor import Tensor
from ..data.samples import Batches, batches
from ..nn.module import Module
from ..nn.validation import in_words
from .run import Hook, Run

Loss = Callable[[Any, Any], Any]
Metrics = Mapping[str, Callable[[Any, Any], Any]]
Figures = dict[str, float]
Epoch = Callable[[], Iterable[Any]]


def batches_of(what: str, data: Any, **how: Any) -> Epoch:
    """Return a function that gives the batches of one epoch; `what` is the name of the argument, for messages."""
    if callable(data):
        return cast(Epoch, data)
    if isinstance(data, Batches):
        return lambda: data
    if isinstance(data, tuple | list) and data and all(map(holds_arrays, data)):
        raise ArgumentTypeError(
            f"fit: {what} must be a pair of arrays (x, y), and is a {type(data).__name__} of {len(data)} tuples or "
            f"lists of arrays. If these are batches (x, y), write {what}=lambda: {what}; if each is to be one array, "
            "join its parts with np.stack."
        )
    if isinstance(data, tuple | list) and len(data) > 1:
        return lambda: batches(*data, **how)
    raise ArgumentTypeError(
        f"fit: {what} must be a pair of arrays (x, y), or a function that gives an epoch's batches, not "
        f"{in_words(data)}. For batches of your own write {what}=mg.data.batches(x, y, 32, rng=rng)."
    )


def holds_arrays(value: Any) -> bool:
    """Return True for a tuple or list with at least one array that is not 0-d: then it looks like a batch."""
    return isinstance(value, tuple | list) and any(getattr(part, "shape", ()) for part in value)


def step(run: Run, loss: Loss, batch: Any, metrics: Metrics, before_step: Hook | None) -> Figures:
    """Take one step on a batch; return its loss and metrics."""
    *inputs, target = checked_batch(batch)
    with np.errstate(all="ignore"):  # no warnings: an overflow makes the loss inf or nan, and check_loss raises
        prediction = run.model(*inputs)
        cost = loss(prediction, target)
        if not isinstance(cost, Tensor):
            raise ArgumentTypeError(
                f"fit: loss(model(x), y) must return a Tensor made from the model's output, and returned "
                f"{in_words(cost)}. Does the function end in a return, and use NumPy's functions or this library's?"
            )
        figures = {"loss": as_float("loss(model(x), y)", cost)}
        check_loss(run, figures["loss"])
        run.optimiser.zero_grad()
        cost.backward()
    if before_step:
        before_step(run)
    run.optimiser.step()
    run.step += 1
    return figures | measured(metrics, prediction.detach() if isinstance(prediction, Tensor) else prediction, target)


def checked_batch(batch: Any) -> Any:
    """A batch; raise unless it is a tuple of inputs and, last, the target."""
    if isinstance(batch, tuple | list) and len(batch) > 1:
        return batch
    raise ArgumentTypeError(f"fit: a batch must be a tuple (x, y) of arrays, not {in_words(batch)}.")


def check_loss(run: Run, loss: float) -> None:
    """Raise if the loss is nan or inf; else keep it for the next message."""
    if not math.isfinite(loss):
        cause = "Look at the data, the first weights and the loss."
        if run.recent:
            before = ", ".join(f"{value:.3g}" for value in run.recent)
            cause = (
                f"Before it was {before}. If it grew, the learning rate ({run.optimiser.lr:g}) is too high: lower it, "
                "or clip gradients in before_step."
            )
        raise NonFiniteError(
            f"the loss is {loss} in step {run.step + 1}, epoch {run.epoch + 1}. {cause} mg.detect_anomaly() names the "
            "op that made the first nan or inf."
        )
    run.recent.append(loss)


def measured(metrics: Metrics, prediction: Any, target: Any) -> Figures:
    """The metrics of a batch as numbers."""
    return {name: as_float(f"the metric {name!r}", metric(prediction, target)) for name, metric in metrics.items()}


def as_float(what: str, value: Any) -> float:
    """A loss or a metric as a float; raise if it is not a single number."""
    if getattr(value, "size", None) == 1 or isinstance(value, int | float):
        return float(value.item() if hasattr(value, "item") else value)
    raise ArgumentError(f"fit: {what} must be one number, such as a mean over the batch, and is {in_words(value)}.")


@no_grad()
def evaluate(model: Module, loss: Loss, epoch: Epoch, metrics: Metrics) -> Figures:
    """The loss and the metrics over all batches, in evaluation."""
    figures = []
    with modes_kept(model):
        model.eval()
        for batch in epoch():
            *inputs, target = checked_batch(batch)
            prediction = model(*inputs)
            cost = {"loss": as_float("loss(model(x), y)", loss(prediction, target))}
            figures.append((cost | measured(metrics, prediction, target), samples_in(target)))
    return means(figures)


def samples_in(target: Any) -> int:
    """Return the number of samples in a batch; a target without axes is one."""
    return len(target) if np.ndim(target) else 1


def means(figures: list[tuple[Figures, int]]) -> Figures:
    """The mean of each figure over batches, weighted by their numbers of samples."""
    if not figures:
        raise ArgumentError("the data gave no batch: is it an iterator that was used up in the epoch before?")
    by_batch, samples = zip(*figures, strict=True)
    return {name: float(np.average([each[name] for each in by_batch], weights=samples)) for name in by_batch[0]}


@contextmanager
def modes_kept(model: Module) -> Iterator[None]:
    """Restore training or evaluation of all parts of the model at the end."""
    before = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in before:
            module.training = training
