"""Whether a gradient by hand can be compared at all: its shape, and what a wrong shape says; its nans."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .recording import Recording
from .rows import NOT_FINITE, SHAPE, Closeness, Row

Array = Any


def check_finite(row: Row) -> None:
    """A nan or inf that the true gradient has not: nothing can be compared, and nothing may follow from it."""
    wrong = ~np.isfinite(row.hand)
    if row.fits and wrong.any() and np.isfinite(row.true).all():
        row.status = NOT_FINITE
        place = list(map(int, np.argwhere(wrong)[0]))
        row.notes.append(
            f"{row.label} is {row.hand[tuple(place)]} at {place or 'its one entry'} ({wrong.sum()} of {wrong.size} "
            "entries are nan or inf), and the true gradient is finite. np.seterr(all='raise') stops at the line that "
            "makes it."
        )


def fit_shape(row: Row, close: Closeness, recording: Recording, name: Callable[[Any], str | None]) -> None:
    """Axes of length 1 more or less are let pass with a note; other shapes are wrong, and often tell why."""
    shape, hand = row.tensor.shape, row.hand
    if hand.shape == shape:
        return
    row.expected = row.true
    if [n for n in hand.shape if n != 1] == [n for n in shape if n != 1]:
        row.notes.append(
            f"{row.label} has shape {hand.shape}, and its value {shape}: the numbers are compared in order."
        )
        row.hand = hand.reshape(shape)
        return
    row.status = SHAPE
    reason = belongs_to(row, close, recording, name) or shape_reason(row, close, recording)
    row.notes.append(f"{row.label} has shape {hand.shape} and should have {shape}, that of its value: {reason}")


def belongs_to(row: Row, close: Closeness, recording: Recording, name: Callable[[Any], str | None]) -> str:
    """Whether it is the gradient of another weight or input, given in the wrong place."""
    for x, g in recording.true.items():
        if not x.edges and name(x) and getattr(g, "shape", None) == row.hand.shape and parallel(row.hand, g, close):
            return (
                f"it is the gradient of {name(x)}. Give each its own: backward returns them in the order of the inputs."
            )
    return ""


def shape_reason(row: Row, close: Closeness, recording: Recording) -> str:
    """What the shape says of the mistake, and whether the numbers agree."""
    hand, true = row.hand, row.true
    for axis in range(hand.ndim):
        summed = hand.sum(axis)
        if summed.shape == true.shape and (np.any(summed) and parallel(summed, true, close)):
            return f"it is not summed over axis {axis}, which has {hand.shape[axis]} entries: add .sum(axis={axis})."
    for user in recording.users[row.tensor]:
        g = recording.true[user]
        for axis in range(getattr(g, "ndim", 0)):
            summed = g.sum(axis)
            if summed.shape == hand.shape and parallel(hand, summed, close):
                return f"it is summed over axis {axis}, and should be over the others."
    if hand.T.shape == true.shape:
        agrees = " The numbers are right." if parallel(hand.T, true, close) else ""
        return f"it is transposed: add .T, or exchange the two factors of the product.{agrees}"
    if hand.size == true.size:
        return "it has the same number of entries in another arrangement."
    for axis in range(true.ndim):
        summed = true.sum(axis)
        if summed.shape == hand.shape and parallel(hand, summed, close):
            return f"it is summed over axis {axis}, and should not be."
    if hand.ndim == true.ndim:
        axes = [axis for axis in range(true.ndim) if hand.shape[axis] != true.shape[axis]]
        text = ", ".join(f"axis {axis} has {hand.shape[axis]} entries for {true.shape[axis]}" for axis in axes)
        return f"{text}."
    return f"it has {hand.ndim} axes for {true.ndim}."


def parallel(a: Array, b: Array, close: Closeness) -> bool:
    square = np.sum(b * b)
    return bool(square) and close(a, np.sum(a * b) / square * b)
