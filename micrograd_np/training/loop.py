"""`fit`: epochs of steps, with validation, checkpoints and hooks between them."""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ArgumentTypeError
from ..cures import answering
from ..nn.module import Module
from ..nn.validation import FUNCTION, SIZE, in_words, require, validate
from ..optim.optimiser import Optimiser
from ..saving.formats import format_of
from .run import History, Hook, Path, Run
from .steps import Figures, Loss, Metrics, batches_of, evaluate, means, modes_kept, samples_in, step

Show = Callable[[float, Figures], None]  # called with the number of epochs done, and the figures
LINES = 20  # shown of a long training, and the first and the last


@answering
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
    validate("fit", loss=loss, epochs=epochs, size=size, metrics=metrics, resume=resume, quiet=quiet)
    require("fit", SIZE, patience=1 if patience is None else patience)
    hooks: dict[str, Any] = {"before_step": before_step, "on_step": on_step, "on_epoch": on_epoch}
    hooks |= {f"metrics[{name!r}]": metric for name, metric in metrics.items()}
    require("fit", FUNCTION, **{name: hook for name, hook in hooks.items() if hook is not None})
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
    epoch = batches_of("data", data, size=size, rng=rng)
    validated = None if validation is None else batches_of("validation", validation, size=size, shuffle=False)
    names = ["loss", *metrics]
    run.history._make_columns([*names, *(f"val_{name}" for name in names if validated)])
    steps, last_step = math.inf, run.step
    with modes_kept(model), interruptible() as handle_interrupt, progress(epochs, quiet) as (show_step, show_epoch):
        try:
            while run.epoch < epochs and not run.history.ended:
                model.train()
                measured = []
                for batch in epoch():
                    measured.append((step(run, loss, batch, metrics, before_step), samples_in(batch[-1])))
                    show_step(run.epoch + len(measured) / steps, measured[-1][0])
                    if on_step:
                        on_step(run)
                    handle_interrupt()
                steps = len(measured)
                figures = means(measured)
                if validated:
                    there = evaluate(model, loss, validated, metrics)
                    figures |= {f"val_{name}": value for name, value in there.items()}
                run._end_epoch(figures, patience)
                last_step = run.step
                show_epoch(run.epoch, figures)
                answer = on_epoch(run) if on_epoch else None
                if isinstance(answer, bool | np.bool_) and answer:
                    run.history.ended = f"Ended by on_epoch after epoch {run.epoch}."
                if checkpoint is not None:
                    run.save(checkpoint)
        except KeyboardInterrupt:
            between = run.epoch and run.step == last_step
            place = f"after epoch {run.epoch}" if between else f"in epoch {run.epoch + 1}"
            run.history.ended = f"Interrupted {place}: the model is as of step {run.step}."
        else:
            run._close()
    if run.history.ended and not quiet:
        print(run.history.ended, flush=True)
    return run.history


# glibc raises its thresholds by the largest block that was freed, up to 32 MiB.
LARGEST = 2**25 - 2**16


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
    """Give a function to call between steps, which handles a Ctrl-C pressed meanwhile; a second one is handled at once.

    It is handled by the handler that was there before: Python's own, which raises KeyboardInterrupt, or the user's.
    """
    before = signal.getsignal(signal.SIGINT)
    pressed: list[tuple[int, Any]] = []

    def handle() -> None:
        if pressed:
            before(*pressed.pop())  # type: ignore[operator, misc]

    def press(number: int, frame: Any) -> None:
        handle()  # an earlier one, which no step has ended since
        pressed.append((number, frame))

    # Signals reach the main thread only; a handler that is no Python function is left where it is.
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield handle
        return
    signal.signal(signal.SIGINT, press)
    try:
        yield handle
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def progress(epochs: int, quiet: bool) -> Iterator[tuple[Show, Show]]:
    """Give two functions that show the figures after a step and after an epoch: on a bar, or elsewhere in lines."""
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
    """The figures with four digits."""
    return "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
