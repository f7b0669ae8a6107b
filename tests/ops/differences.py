"""Derivatives by differences, of a function of one long vector."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

STEP = 2e-3


def flat(arrays: Sequence[Any]) -> Any:
    return np.concatenate([np.ravel(x) for x in arrays])


def split(vector: Any, shapes: Sequence[tuple[int, ...]]) -> list[Any]:
    parts = []
    for shape in shapes:
        size = math.prod(shape)
        parts.append(vector[:size].reshape(shape))
        vector = vector[size:]
    return parts


def slope(f: Callable[[Any], Any], x: Any, v: Any, step: float) -> Any:
    return (f(x + step * v) - f(x - step * v)) / (2 * step)


def derivative(f: Callable[[Any], Any], x: Any, v: Any) -> Any:
    """f'(x) v, by central differences at two steps, whose leading errors cancel."""
    return (4 * slope(f, x, v, STEP / 2) - slope(f, x, v, STEP)) / 3


def derivatives(f: Callable[[Any], Any], x: Any, directions: Any) -> Any:
    """f'(x) V, a column for each direction."""
    return np.stack([derivative(f, x, v) for v in directions.T], axis=-1)


def smooth(f: Callable[[Any], Any], x: Any) -> bool:
    """True if no kink and no jump of f is near x: the slopes at two steps agree, whichever way the entries move."""
    places = np.arange(x.size)
    for bit in range(x.size.bit_length() + 1):
        v = 1.0 - 2 * (places >> bit & 1)  # every two entries move apart for some bit, and all together for the last
        near, far = slope(f, x, v, STEP), slope(f, x, v, 2 * STEP)
        if not np.all(np.abs(near - far) <= 0.01 * (1 + np.abs(near))):
            return False
    return True
