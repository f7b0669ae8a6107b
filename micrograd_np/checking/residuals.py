"""The residual of a wrong gradient in words: which entries are off, by what ratio, and the slope that was used."""

from __future__ import annotations

from typing import Any

import numpy as np

from .claims import Closeness
from .conventions import Convention
from .replay import is_one_array
from .suspicion import Suspicion

Array = Any


def picture(at: Suspicion, convention: Convention, close: Closeness) -> list[str]:
    """Return sentences: where a row is wrong, by what ratio, and the slope that the hand used at an activation."""
    row = at.row
    hand, expected = row.hand / convention.of(row), row.expected
    off = np.abs(hand - expected) > close.rtol * np.abs(expected) + close.floor * np.max(np.abs(expected), initial=0)
    if not off.any():
        return []
    said = [f"{row.label} is off in {places(off)}."]
    told = off & (expected != 0)
    with np.errstate(all="ignore"):
        ratio = hand[told] / expected[told]
    if ratio.size and np.isfinite(ratio).all():
        low, high = float(np.min(ratio)), float(np.max(ratio))
        digits = 4 if f"{low:.4g}" != f"{high:.4g}" else 9
        text = f"{low:.4g}" if np.isclose(low, high, 1e-9) else f"between {low:.{digits}g} and {high:.{digits}g}"
        said.append(f"There, your values divided by the right ones give {text}.")
    for block in at.blocks:
        g = at.base.get(block.z)
        if block.x is row.tensor and len(at.recording.users[block.x]) <= len(block.inner) and is_one_array(g):
            with np.errstate(all="ignore"):
                used = hand / g
            place = np.unravel_index(
                np.nanargmax(np.where(np.isfinite(used), np.abs(used - block.slope), -1)), used.shape
            )
            where = ", ".join(map(str, place))
            said.append(
                f"You used the slope {used[place]:.4g} at [{where}] of {at.called(block.z)}, where "
                f"{at.called(block.x)} is {block.x._data[place]:.4g} and the slope is {block.slope[place]:.4g}."
            )
            break
    return said


def places(off: Array) -> str:
    """Return the marked entries of an array in words: all, some rows or columns, a block, or a count."""
    count = int(off.sum())
    if count == off.size:
        return "all entries" if count > 1 else "its one entry"
    for axis in range(off.ndim):
        others = tuple(a for a in range(off.ndim) if a != axis)
        any_of = np.flatnonzero(off.any(axis=others))
        if off.ndim > 1 and len(any_of) < off.shape[axis] and np.take(off, any_of, axis).all():
            word = {0: "row", 1: "column"}.get(axis) if off.ndim == 2 else f"index {axis} ="
            return f"{word}{'s' * (off.ndim == 2 and len(any_of) > 1)} {runs(any_of)}"
    corners = [f"{i.min()}:{i.max() + 1}" for i in np.nonzero(off)]
    inside = int(np.prod([i.max() + 1 - i.min() for i in np.nonzero(off)]))
    if inside == count > 1:
        return f"the block [{', '.join(corners)}]"
    return f"{count} of {off.size} entries, the first at [{', '.join(str(int(i[0])) for i in np.nonzero(off))}]"


def runs(numbers: Array) -> str:
    """Return sorted numbers as text, such as `0, 2 to 4`."""
    groups = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    return ", ".join(str(g[0]) if len(g) == 1 else f"{g[0]} to {g[-1]}" for g in groups)
