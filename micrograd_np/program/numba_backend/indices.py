"""Advanced indexing in loops: the entries that an index of arrays among slices selects."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops.indexing import Slot, join_index
from .formulas import Index, Shape, expanded, picked, shape_of


def slots(step: Any) -> tuple[Any, ...]:
    """The arrays of an index."""
    return tuple(step.inputs[1:])


def found_shape(step: Any, shape: Shape) -> Shape:
    """The shape of what an index finds in an array."""
    arrays = tuple(np.zeros(shape_of(x), int) for x in slots(step))
    found: Shape = np.broadcast_to(0, shape)[join_index(step.params["index"], arrays)].shape
    return found


def split_index(step: Any, shape: Shape, index: Index) -> tuple[Index, Index]:
    """The part of a result's index that is in its arrays, and the rest, which is in its slices."""
    parts = expanded(step.params["index"], shape)
    advanced = [at for at, part in enumerate(parts) if isinstance(part, int)]
    axes = max(len(shape_of(x)) for x in slots(step))
    together = advanced[-1] - advanced[0] + 1 == len(advanced)
    start = sum(not isinstance(part, int) for part in parts[: advanced[0]]) if together else 0
    return index[start : start + axes], index[:start] + index[start + axes :]


def gathered(step: Any, shape: Shape, rest: Index, entries: list[str]) -> Index:
    """The index in the array, given that in the slices and the entries of the arrays."""
    template = step.params["index"]
    plain = tuple(0 if isinstance(part, Slot) else part for part in template)
    axes = [part for part in expanded(template, shape) if part is not None]
    at = picked(plain, shape, rest)
    return tuple(entries[part] if isinstance(part, Slot) else i for i, part in zip(at, axes, strict=True))
