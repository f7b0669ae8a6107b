"""The slope of a function from its values alone, with an error bar that says how far it can be trusted.

A step h that is too large sees the function's curvature, one that is too small sees rounding, and no single h is
right for every function. So each slope is taken with h, h/2 and h/4 and extrapolated twice: what the two
extrapolations disagree about, with the rounding of the values, is the error bar. The same values give the slope
to the left and to the right, which differ at a kink.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

Array = Any
Function = Callable[[Array], Array]


@dataclass
class Slopes:
    """Slopes of m outputs along n directions: arrays of shape (n, m)."""

    value: Array
    bar: Array
    left: Array
    left_bar: Array
    right: Array
    right_bar: Array

    @property
    def kinked(self) -> Array:
        """Where left and right differ by more than their error bars."""
        return np.abs(self.right - self.left) > 4 * (self.left_bar + self.right_bar)

    @property
    def uncertainty(self) -> Array:
        """The error bar, at a kink that of its sides."""
        return np.where(self.kinked, np.minimum(np.maximum(self.left_bar, self.right_bar), self.bar), self.bar)

    @property
    def bounds(self) -> tuple[Array, Array]:
        """What the slope may be: within the error bar, at a kink anything between its sides."""
        low = np.minimum(self.left - self.left_bar, self.right - self.right_bar)
        high = np.maximum(self.left + self.left_bar, self.right + self.right_bar)
        known = np.isfinite(self.bar)
        low = np.where(self.kinked, low, np.where(known, self.value - self.bar, -np.inf))
        return low, np.where(self.kinked, high, np.where(known, self.value + self.bar, np.inf))

    def take(self, rows: Array, other: Slopes, better: Array) -> None:
        """Put another estimate of some rows in place, where it is the better one."""
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            mine[rows] = np.where(better, theirs, mine[rows])


def slopes(f: Function, x: Array, directions: Sequence[Array], step: float, eps: float) -> Slopes:
    """Slopes of f at x along directions.

    Parameters
    ----------
    f : callable
        From an array like x to a 1-D array of m outputs.
    x : (k,) array
    directions : sequence of n arrays of shape (k,)
    step : float
        The largest of the three steps, relative to the size of x, or to 1 where x is smaller.
    eps : float
        The relative rounding error of x and of f's values.

    Examples
    --------
    >>> found = slopes(lambda x: np.abs(x), np.array([0.0, 3.0]), list(np.eye(2)), 1e-3, 1e-16)
    >>> found.left.diagonal().round(6), found.right.diagonal().round(6), found.kinked.diagonal()
    (array([-1.,  1.]), array([1., 1.]), array([ True, False]))
    """
    middle = f(x)
    rows = [slope(f, x, v, step, middle, eps) for v in directions]
    return Slopes(*(np.array([row[i] for row in rows]).reshape(len(rows), middle.size) for i in range(6)))


def slope(f: Function, x: Array, v: Array, step: float, middle: Array, eps: float) -> list[Array]:
    """Along one direction: the value, its bar, and those of the left and of the right side."""
    h = step * max(1.0, float(np.max(np.abs(x[v != 0]), initial=0)))
    with np.errstate(all="ignore"):
        ahead = [f(x + h / k * v) for k in (1, 2, 4)]
        behind = [f(x - h / k * v) for k in (1, 2, 4)]
        rounding = eps / (h / 4) * np.max(np.abs([middle, *ahead, *behind]), axis=0)
        left = limit([(middle - b) * (k / h) for k, b in zip((1, 2, 4), behind, strict=True)], 1, rounding)
        right = limit([(a - middle) * (k / h) for k, a in zip((1, 2, 4), ahead, strict=True)], 1, rounding)
        value, bar = limit(
            [(a - b) * (k / 2 / h) for k, a, b in zip((1, 2, 4), ahead, behind, strict=True)], 2, rounding
        )
        bar = np.where(np.isfinite(left[1] + right[1]), bar, np.inf)
    moved = eps / (step / 4)  # x itself is rounded when it moves
    found = []
    for value, bar in ((value, bar), left, right):
        bar = bar + moved * np.abs(value)
        found += [value, np.where(np.isnan(bar), np.inf, bar)]
    return found


def limit(differences: list[Array], order: int, rounding: Array) -> tuple[Array, Array]:
    """The limit of differences with steps h, h/2, h/4 whose errors begin with h**order, and its error bar.

    Differences that do not converge have seen rounding, which leaves them nearly equal, or they know nothing.
    """
    wide, middle, narrow = differences
    p = 2**order
    first, second = (p * middle - wide) / (p - 1), (p * narrow - middle) / (p - 1)
    value = (2 * p * second - first) / (2 * p - 1) if order == 1 else second
    before, after = np.abs(middle - wide), np.abs(narrow - middle)
    bar = np.where(after <= 1.4 * before / p + 2 * rounding, np.abs(value - (second if order == 1 else first)), np.inf)
    scattered = 10 * np.maximum(before, after)
    bar = np.where(np.isinf(bar) & (scattered < np.abs(value) / 10), scattered, bar)
    return value, bar + rounding


def complex_slopes(f: Function, x: Array, directions: Sequence[Array]) -> Array | None:
    """Slopes by the complex step, which has no cancellation; None where f does not take complex numbers.

    A function that drops the imaginary part, as absolute values do, gives wrong slopes here without a word: believe
    them only beside differences that agree.
    """
    step = 1e-100
    try:
        with np.errstate(all="ignore"):
            return np.array([np.imag(f(x + 1j * step * v)) / step for v in directions])
    except Exception:  # whatever f says of complex numbers, it means no
        return None


def axes(x: Array, entries: Sequence[int]) -> Iterator[Array]:
    """The unit directions of entries of x."""
    for i in entries:
        v = np.zeros(x.size, x.dtype)
        v[i] = 1
        yield v
