"""Plots of a training: losses, the outputs of hidden units, and the border between two classes.

A plot is a matplotlib figure: `.savefig(path)` writes it. matplotlib comes with `pip install 'micrograd-np[plots]'`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np

from .core.context import no_grad
from .core.errors import ArgumentError, MissingPackageError, ShapeError
from .core.tensor import as_ndarray
from .drawing.preview import HEAT
from .training.run import History

CLASSES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
LINES = ("-", "--", "-.", ":")
MARKERS = "osD^vP"
BLUE_TO_ORANGE = [HEAT[-4], HEAT[0], HEAT[4]]
SIDE = 81  # points of a surface's side
ROW = 4  # panels beside each other
NAMED = 8  # lines, and no more, have a name in the legend
WIDE = 100  # the largest number of an axis by the least, from which on it is logarithmic


def losses(curves: Mapping[str, Any] | Sequence[float]) -> Any:
    """A figure of losses and metrics during a training, a line for each name; an axis is logarithmic over a wide range.

    Parameters
    ----------
    curves : mapping of str to sequence or mapping, or sequence
        Such as the history that `mg.fit` returns: a number for each step, or `{1: 0.7, 10: 0.5}`, numbers by step. A
        list without a name is the loss.
        Beside a "loss", a metric has a panel of its own.

    Examples
    --------
    >>> figure = losses({"loss": [0.7, 0.5, 0.4], "val_loss": [0.8, 0.6, 0.6]})
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['loss', 'val_loss']
    """
    curves = curves if isinstance(curves, Mapping) else {"loss": curves}
    names = [name.removeprefix("val_") if "loss" in curves else "loss" for name in curves]
    panels = list(dict.fromkeys(names)) or ["loss"]
    figure = blank((6.4, 4 + 2 * (len(panels) - 1)))
    grid = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
    for panel, axes in zip(panels, grid, strict=True):
        axes.set_ylabel(panel)
        axes.grid(alpha=0.3)
    for i, (name, values) in enumerate(curves.items()):
        by_step = values if isinstance(values, Mapping) else dict(enumerate(values, 1))
        axes = grid[panels.index(names[i])]  # the lines of all panels are in one legend
        axes.plot(list(by_step), list(by_step.values()), LINES[i % len(LINES)], color=f"C{i % 10}", label=name)
    for axes in grid:
        scale_steps(axes)
    shown = np.concatenate([np.ravel(line.get_ydata()) for line in grid[0].lines] or [np.ones(1)])
    if shown.size and shown.min() > 0 and shown.max() >= WIDE * shown.min():
        grid[0].set_yscale("log")
    grid[0].set_title("The training")
    grid[-1].set_xlabel("epoch" if isinstance(curves, History) else "step")
    if curves:
        figure.legend(loc="outside right upper")  # never over a line
    return figure


def scale_steps(axes: Any) -> None:
    """Make the axis of the steps logarithmic if they go far; a step 0 is shown too."""
    steps = np.concatenate([np.ones(1), *(np.ravel(line.get_xdata()) for line in axes.lines)])
    if steps.max() >= WIDE:
        axes.set_xscale("log" if steps.min() >= 1 else "symlog")


def activations(hidden: Mapping[int, Any], y: Sequence[int] | None = None, names: Sequence[str] = ()) -> Any:
    """A figure of the outputs of hidden units during a training: a panel for each unit, a line for each input.

    Parameters
    ----------
    hidden : mapping of int to array
        By step, what the layer gave: an array (inputs, units).
    y : sequence of int, optional
        The class of each input, which gives its line a colour.
    names : sequence of str
        What the inputs are called.

    Raises
    ------
    ValueError
        If the arrays are not all of one shape (inputs, units), or y has not a class for each input.

    Examples
    --------
    >>> len(activations({1: np.zeros((4, 3)), 10: np.ones((4, 3))}, y=[0, 1, 1, 0]).axes)
    3
    """
    course = stacked(hidden)
    _, inputs, units = course.shape
    classes = np.zeros(inputs, int) if y is None else np.ravel(y).astype(int)
    check_length("y", classes, "classes", inputs)
    rows, columns = -(-units // ROW), min(units, ROW)
    figure = blank((2.25 * columns + (0 if rows == 1 else 1.5), 3 if rows == 1 else 2.2 * rows))
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    panels = grid.ravel()
    for axes in panels[units:]:
        axes.remove()
    for unit, axes in enumerate(panels[:units]):
        for i, line in zip(range(inputs), cycle(LINES), strict=False):
            label = names[i] if i < len(names) else f"input {i}"
            axes.plot(list(hidden), course[:, i, unit], line, color=CLASSES[classes[i] % len(CLASSES)], label=label)
        scale_steps(axes)
        axes.set(title=f"unit {unit}", xlabel="step")
        axes.grid(alpha=0.3)
    for axes in grid[:, 0]:
        axes.set_ylabel("activation")
    if inputs <= NAMED:
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right", title="input")
    return figure


def surface(f: Any, X: Any, y: Any, border: float = 0.5) -> Any:
    """A figure of a network's output between its inputs, with the border between two classes as a line.

    Parameters
    ----------
    f : callable, or mapping of str to callable
        Of points (N, 2) to a number each, such as `lambda x: model(x)`; several by their titles are panels.
    X : array_like
        The inputs, of which the first two columns are drawn.
    y : array_like
        The class of each input.
    border : float
        Where an answer turns from one class to the other: 0.5 of a sigmoid, 0 of a logit.

    Raises
    ------
    ValueError
        If f gives more than a number for each point, X has less than two columns, or y has not a class for each row.

    Examples
    --------
    >>> figure = surface(lambda x: x[:, 0] * x[:, 1], [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 0, 0, 1])
    >>> figure.axes[0].get_title()
    'output'
    """
    from matplotlib.colors import LinearSegmentedColormap

    functions = f if isinstance(f, Mapping) else {"output": f}
    X, classes = np.asarray(as_ndarray(X), float), np.ravel(as_ndarray(y)).astype(int)
    if X.ndim != 2 or X.shape[1] < 2:
        raise ShapeError(f"a surface needs inputs of two columns or more, and X has the shape {X.shape}.")
    check_length("y", classes, "classes", len(X))
    low, high = X[:, :2].min(axis=0), X[:, :2].max(axis=0)
    margin = np.where(high > low, (high - low) / 2, 0.5)  # a constant column has a width, too
    low, high = low - margin, high + margin
    first, second = np.meshgrid(*np.linspace(low, high, SIDE).T)
    points = np.stack([first.ravel(), second.ravel()], axis=1)
    outputs = {title: answers(function, points).reshape(first.shape) for title, function in functions.items()}
    reach = max(np.abs(output - border).max() for output in outputs.values()) or 1.0
    figure = blank((2.25 * len(outputs) + 1, 2.8))
    panels = figure.subplots(1, len(outputs), sharey=True, squeeze=False)[0]
    colours = LinearSegmentedColormap.from_list("", BLUE_TO_ORANGE)
    for axes, (title, output) in zip(panels, outputs.items(), strict=True):
        place = (low[0], high[0], low[1], high[1])
        look = {"vmin": border - reach, "vmax": border + reach, "cmap": colours}
        image = axes.imshow(output, extent=place, origin="lower", aspect="auto", **look)
        if output.min() < border < output.max():
            axes.contour(first, second, output, [border], colors="black", linewidths=1)
        for label in np.unique(classes):
            at, look = X[classes == label], {"color": CLASSES[label % len(CLASSES)], "markeredgecolor": "white"}
            axes.plot(at[:, 0], at[:, 1], MARKERS[label % len(MARKERS)], markersize=8, **look)
        axes.set(title=title, xlabel="first input")
    panels[0].set_ylabel("second input")
    figure.colorbar(image, ax=panels, label="output")
    return figure


def stacked(hidden: Mapping[int, Any]) -> Any:
    """Return the activations of a layer at all steps as one array (steps, inputs, units)."""
    arrays = {step: np.asarray(as_ndarray(array)) for step, array in hidden.items()}
    shapes = {step: array.shape for step, array in arrays.items()}
    if not arrays or len(set(shapes.values())) > 1 or len(next(iter(shapes.values()))) != 2:
        given = ", ".join(f"{shape} at step {step}" for step, shape in list(shapes.items())[:3]) or "none"
        raise ShapeError(f"activations are arrays of one shape (inputs, units), by step; these are {given}.")
    return np.stack(list(arrays.values()))


def check_length(name: str, values: Any, what: str, inputs: int) -> None:
    """Raise unless there is one value for each input."""
    if len(values) != inputs:
        raise ArgumentError(f"{name} has {len(values)} {what} for {inputs} inputs. Give one for each.")


def answers(f: Callable[[Any], Any], points: Any) -> Any:
    """A number for each point."""
    with no_grad():
        given = np.asarray(as_ndarray(f(points)), float)
    if given.size != len(points):
        what = f"a surface shows a number for each of {len(points)} points, and the function gave shape {given.shape}"
        raise ShapeError(f"{what}. Choose one, such as lambda x: model(x)[:, 0].")
    return given


def blank(size: tuple[float, float]) -> Any:
    """A figure without a window."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingPackageError("matplotlib draws the plots: pip install 'micrograd-np[plots]'") from None
    return Figure(figsize=size, layout="constrained")
