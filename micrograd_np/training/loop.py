"""Training with `fit`: epochs of steps, with validation, checkpoints and hooks between them."""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import numpy as np

from ..core.context import no_grad
from ..core.errors import ArgumentError, ArgumentTypeError, NonFiniteError
from ..core.tensor import Tensor
from ..data.samples import Batches, batches
from ..nn.module import Module
from ..nn.validation import FUNCTION, SIZE, checked, in_words, require
from ..optim.optimiser import Optimiser
from ..saving.formats import format_of
from .run import History, Hook, Path, Run

Loss = Callable[[Any, Any], Any]
Metrics = Mapping[str, Callable[[Any, Any], Any]]
Figures = dict[str, float]  # the loss and the metrics, by name
MakeBatches = Callable[[], Iterable[Any]]  # the batches of one epoch
Show = Callable[[float, Figures], None]  # called with the number of epochs done, and the figures
LINES = 20  # of a long training, about so many epochs are printed


@checked
def fit(
    model: Module,
    loss: Loss,
    optimiser: Optimiser,
    data: Any,
    *,
    epochs: int,
    size: int = 32,
    rng: np.random.Generator | None = None,
    validation: Any = None,
    metrics: Metrics | None = None,
    schedule: Any = None,
    patience: int | None = None,
    before_step: Hook | None = None,
    on_step: Hook | None = None,
    on_epoch: Hook | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    quiet: bool = False,
) -> History:
    """Train a model; return its history, the figures of each epoch.

    Parameters
    ----------
    model, loss, optimiser : Module, callable, Optimiser
        Trained is `loss(model(x), y)`.
    data, validation : (x, y), Batches or callable
        Arrays; or what `mg.data.batches` returns; or a function that gives an epoch's batches. Those of your own draw
        with `rng`, so that a checkpoint knows of it.
    epochs, size : int
        How often all samples are seen, and how many at once.
    rng : Generator
        The source of the batches' order.
    metrics : dict of callables
        Figures of (prediction, target) to measure too, by name.
    schedule : Schedule, optional
        Stepped after each epoch; a ReduceLROnPlateau is told the loss.
    patience : int, optional
        Ends after so many epochs without a lower loss, of validation if there is one, and goes back to the lowest.
    before_step, on_step, on_epoch : callable, optional
        Called with the Run: between backward and step, after each step, after each epoch. True from on_epoch ends it.
    checkpoint : path, optional
        A .npz or .safetensors file that the Run is saved to after each epoch.
    resume : bool
        Whether to go on from the checkpoint if there is one; the model then becomes the same to the last bit.
    quiet : bool
        Whether nothing is printed.

    Raises
    ------
    TypeError, ValueError
        If an argument cannot be used; nothing has been trained then.
    FloatingPointError
        If the loss is nan or inf. Ctrl-C raises nothing: it ends the training after a whole step. A SIGINT handler of
        the user's own is called instead, after a whole step too, and ends the training by raising KeyboardInterrupt.

    Examples
    --------
    >>> import micrograd_np as mg
    >>> rng = np.random.default_rng(0)
    >>> model = mg.nn.Linear(2, 1, rng=rng)
    >>> X = rng.normal(size=(100, 2))
    >>> adam = mg.optim.Adam(model.parameters(), lr=0.1)
    >>> history = fit(model, mg.nn.mse_loss, adam, (X, X[:, :1]), epochs=3, rng=rng)
    epoch 1/3  loss 0.6088
    epoch 2/3  loss 0.1252
    epoch 3/3  loss 0.07229
    """
    metrics = {} if metrics is None else metrics
    require("fit", SIZE, patience=1 if patience is None else patience)
    require("fit", FUNCTION, **{f"metrics[{name!r}]": metric for name, metric in metrics.items()})
    if taken := {"loss", "val_loss"} & set(metrics):
        raise ArgumentError(f'fit: the history has a "{min(taken)}" of what is trained; give the metric another name.')
    if schedule is not None and not callable(getattr(schedule, "step", None)):
        raise ArgumentTypeError(f"fit: schedule must be a Schedule or a ReduceLROnPlateau, not {in_words(schedule)}.")
    if checkpoint is not None:
        format_of(checkpoint)  # raises for an unknown suffix now, and not after the first epoch
    elif resume:
        raise ArgumentError("fit: resume=True goes on from a file: pass its path as checkpoint= too.")
    keep_freed_memory()
    run = Run(model, optimiser, rng, schedule)
    run._check_model()
    if resume and checkpoint is not None and os.path.exists(checkpoint):
        run.load(checkpoint)
    make_batches = batches_of("data", data, size=size, rng=rng)
    validated = None if validation is None else batches_of("validation", validation, size=size, shuffle=False)
    names = ["loss", *metrics]
    for name in [*names, *(f"val_{name}" for name in names if validated)]:
        run.history.setdefault(name, [math.nan] * run.epoch)
    steps = math.inf
    with keeping_modes(model), interruptible() as handle_interrupt, progress(epochs, quiet) as (show_step, show_epoch):
        try:
            while run.epoch < epochs and not run.history.ended:
                model.train()
                by_batch = []
                for batch in make_batches():
                    by_batch.append(step(run, loss, batch, metrics, before_step))
                    show_step(run.epoch + len(by_batch) / steps, by_batch[-1][0])
                    if on_step:
                        on_step(run)
                    handle_interrupt()
                steps = len(by_batch)
                figures = weighted_means(by_batch)
                if validated:
                    there = evaluate(model, loss, validated, metrics)
                    figures |= {f"val_{name}": value for name, value in there.items()}
                run._end_epoch(figures, patience)
                show_epoch(run.epoch, figures)
                answer = on_epoch(run) if on_epoch else None
                if isinstance(answer, bool | np.bool_) and answer:
                    run.history.ended = f"Ended by on_epoch after epoch {run.epoch}."
                if checkpoint is not None:
                    run.save(checkpoint)
        except KeyboardInterrupt:
            run.history.ended = f"Interrupted after {run.epoch} epochs: the model is as of step {run.step}."
        else:
            run._close()
    if run.history.ended and not quiet:
        print(run.history.ended, flush=True)
    return run.history


LARGEST = 2**25 - 2**16  # bytes: just below 32 MiB, above which glibc does not raise its thresholds


def keep_freed_memory() -> None:
    """Make glibc keep up to 64 MiB of freed memory for the next arrays, which saves training steps a page fault a page.

    A step frees its graph at once, and the next one builds one as large. `fit` calls this; call it once before a
    training loop of your own. It holds for the whole process, and until its end. glibc learns how much to keep from the
    largest block that it has seen freed, so one is allocated and freed here; no page of it is touched. Where
    `MALLOC_TRIM_THRESHOLD_` or `MALLOC_MMAP_THRESHOLD_` is set, that counts instead; other C libraries are not changed.

    Examples
    --------
    >>> keep_freed_memory()
    """
    np.empty(LARGEST, np.uint8)


@contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Hold back a Ctrl-C; yield a function that handles it, to be called between steps.

    It calls the handler that was there before: Python's own, which raises KeyboardInterrupt, or the user's. When Ctrl-C
    is pressed again in the same step, the first one is handled at once.
    """
    before = signal.getsignal(signal.SIGINT)
    pressed: list[tuple[Any, ...]] = []

    def handle(*now: Any) -> None:
        if pressed:  # an earlier one
            before(*pressed.pop())  # type: ignore[operator, misc]
        if now:  # called by the signal, with its number and the frame
            pressed.append(now)

    # Signals reach the main thread only; a handler that is no Python function is left where it is.
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield handle
        return
    signal.signal(signal.SIGINT, handle)
    try:
        yield handle
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def progress(epochs: int, quiet: bool) -> Iterator[tuple[Show, Show]]:
    """Yield functions that show the figures after a step and after an epoch: on a bar in a terminal, else in lines."""
    if not quiet and sys.stdout.isatty():
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("epoch {task.fields[epoch]}/{task.total}"), BarColumn(), TimeRemainingColumn())
        with Progress(*columns, TextColumn("{task.description}")) as bar:
            task = bar.add_task("", total=epochs, epoch=0)

            def move(done: float, figures: Figures) -> None:
                bar.update(task, completed=done, epoch=math.ceil(done), description=figures_text(figures))

            yield move, move
        return

    def nothing(done: float, figures: Figures) -> None:
        """Show nothing."""

    waiting = ""  # the line of the last epoch, if it was not printed

    def line(done: float, figures: Figures) -> None:
        nonlocal waiting
        waiting = f"epoch {done:.0f}/{epochs}  {figures_text(figures)}"
        if done in (1, epochs) or done % math.ceil(epochs / LINES) == 0:
            print(waiting, flush=True)
            waiting = ""

    yield nothing, nothing if quiet else line
    if waiting:
        print(waiting, flush=True)


def figures_text(figures: Figures) -> str:
    """Return the figures as text, with four digits."""
    return "  ".join(f"{name} {value:.4g}" for name, value in figures.items())


# One step of a training, one evaluation, and the averages of loss and metrics over an epoch.


def batches_of(what: str, data: Any, **how: Any) -> MakeBatches:
    """Return a function that makes the batches of one epoch from the argument named `what`.

    `how` goes to `mg.data.batches`, if `data` is a pair of arrays.
    """
    if callable(data):
        return cast(MakeBatches, data)
    if isinstance(data, Batches):
        return lambda: data
    if isinstance(data, tuple | list) and len(data) > 1 and not all(map(looks_like_batch, data)):
        return lambda: batches(*data, **how)
    raise ArgumentTypeError(
        f"fit: {what} must be a pair of arrays (x, y), or a function that gives an epoch's batches, not "
        f"{in_words(data)}. For batches of your own write {what}=lambda: {what}, or make them with mg.data.batches. If "
        "a tuple or list is to be one array, write np.stack."
    )


def looks_like_batch(value: Any) -> bool:
    """Return True for a tuple or list with at least one array that is not 0-d."""
    return isinstance(value, tuple | list) and any(getattr(part, "shape", ()) for part in value)


def step(run: Run, loss: Loss, batch: Any, metrics: Metrics, before_step: Hook | None) -> tuple[Figures, int]:
    """Take one step on a batch; return its loss and metrics, and its number of samples."""
    with np.errstate(all="ignore"):  # no warnings: an overflow makes the loss inf or nan, which raises
        prediction, target, cost = predict(run.model, loss, batch)
        if not isinstance(cost, Tensor):
            raise ArgumentTypeError(
                f"fit: loss(model(x), y) must return a Tensor made from the model's output, but returned "
                f"{in_words(cost)}. Does the function end in a return, and use NumPy's functions or this library's?"
            )
        value = as_float("loss(model(x), y)", cost)
        if not math.isfinite(value):
            raise NonFiniteError(
                f"the loss is {value} in step {run.step + 1}, epoch {run.epoch + 1}. If it grew before, the "
                f"learning rate ({run.optimiser.lr:g}) is too high: lower it, or clip gradients in before_step. Else "
                "look at the data, the first weights and the loss. mg.detect_anomaly() names the op that made it."
            )
        run.optimiser.zero_grad()
        cost.backward()
    if before_step:
        before_step(run)
    run.optimiser.step()
    run.step += 1
    return measure(metrics, prediction.detach() if isinstance(prediction, Tensor) else prediction, target, value)


def predict(model: Module, loss: Loss, batch: Any) -> tuple[Any, Any, Any]:
    """Return prediction, target and loss of a batch, which must be a tuple of inputs and, last, the target."""
    if not isinstance(batch, tuple | list) or len(batch) < 2:
        raise ArgumentTypeError(f"fit: a batch must be a tuple (x, y) of arrays, not {in_words(batch)}.")
    *inputs, target = batch
    prediction = model(*inputs)
    return prediction, target, loss(prediction, target)


def measure(metrics: Metrics, prediction: Any, target: Any, cost: Any) -> tuple[Figures, int]:
    """Return loss and metrics of a batch as numbers, and its number of samples, 1 for a target without axes."""
    figures = {"loss": as_float("loss(model(x), y)", cost)}
    figures |= {name: as_float(f"the metric {name!r}", metric(prediction, target)) for name, metric in metrics.items()}
    return figures, len(target) if np.ndim(target) else 1


def as_float(what: str, value: Any) -> float:
    """Return a loss or a metric as a float; raise if it is not a single number."""
    if getattr(value, "size", None) == 1 or isinstance(value, int | float):
        return float(value.item() if hasattr(value, "item") else value)
    raise ArgumentError(f"fit: {what} must be one number, such as a mean over the batch, but is {in_words(value)}.")


@no_grad()
def evaluate(model: Module, loss: Loss, make_batches: MakeBatches, metrics: Metrics) -> Figures:
    """Return the averages of the loss and the metrics over all batches, with the model in evaluation mode."""
    with keeping_modes(model):
        model.eval()
        return weighted_means([measure(metrics, *predict(model, loss, batch)) for batch in make_batches()])


def weighted_means(pairs: list[tuple[Figures, int]]) -> Figures:
    """Return the mean of each figure over the batches, weighted by their numbers of samples."""
    if not pairs:
        raise ArgumentError("the data gave no batch: is it an iterator that was used up in the epoch before?")
    figures, samples = zip(*pairs, strict=True)
    return {name: float(np.average([each[name] for each in figures], weights=samples)) for name in figures[0]}


@contextmanager
def keeping_modes(model: Module) -> Iterator[None]:
    """When the block ends, put each module back into the mode it had: training or evaluation."""
    before = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in before:
            module.training = training
