"""The loop: epochs of steps, and what is done between them."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np

from ..nn.module import Module
from ..optim.optimiser import Optimiser
from .history import History
from .interrupt import interruptible
from .progress import progress
from .run import Hook, Path, Run
from .steps import Loss, Metrics, evaluate, means, modes_kept, source, step


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
    """The history of training a model: what was measured in each epoch.

    Parameters
    ----------
    model, loss, optimiser : Module, callable, Optimiser
        Trained is `loss(model(x), y)`.
    data, validation : (x, y), or callable
        Arrays; or a function that gives an epoch's batches, drawn with `rng` if they are drawn.
    epochs, size : int
        How often all samples are seen, and how many at once.
    rng : Generator
        What draws the batches.
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
    FloatingPointError
        If the loss is nan or inf. Ctrl-C raises nothing: it ends the training after a whole step.
    """
    run = Run(model, optimiser, rng, schedule)
    run.check_model()
    if resume and checkpoint is not None and os.path.exists(checkpoint):
        run.load(checkpoint)
    metrics = metrics or {}
    epoch = source(data, size, rng, shuffle=True)
    validated = None if validation is None else source(validation, size, None, shuffle=False)
    steps = math.inf
    with modes_kept(model), interruptible() as check, progress(epochs, quiet) as show:
        try:
            while run.epoch < epochs and not run.history.ended:
                model.train()
                measured = []
                for batch in epoch():
                    measured.append((step(run, loss, batch, metrics, before_step), len(batch[-1])))
                    show.step(run.epoch + len(measured) / steps, measured[-1][0])
                    if on_step:
                        on_step(run)
                    check()
                steps = len(measured)
                figures = means(measured)
                if validated:
                    there = evaluate(model, loss, validated, metrics)
                    figures |= {f"val_{name}": value for name, value in there.items()}
                run.end_epoch(figures, patience)
                show.epoch(run.epoch, figures)
                answer = on_epoch(run) if on_epoch else None
                if isinstance(answer, bool | np.bool_) and answer:
                    run.history.ended = f"Ended by on_epoch after epoch {run.epoch}."
                if checkpoint is not None:
                    run.save(checkpoint)
        except KeyboardInterrupt:
            run.history.ended = f"Interrupted in epoch {run.epoch + 1}: the model is as of step {run.step}."
        else:
            run.close()
    return run.history
