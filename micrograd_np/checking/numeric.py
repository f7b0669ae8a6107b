"""The slope of a function from its values alone, with an error bar that says how far it can be trusted.

A step h that is too large sees the function's curvature, one that is too small sees rounding, and no single h is
right for every function. So each slope is taken with h, h/2 and h/4 and extrapolated twice: what the two
extrapolations disagree about, with the rounding of the values, is the error bar. The same values give the slope
to the left and to the right, which differ at a kink.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

Array = Any
Function = Callable[[Array], Array]

PARTS = (1, 2, 4)


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
        with np.errstate(all="ignore"):
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

    def at(self, rows: Array) -> Slopes:
        """The slopes along some of the directions."""
        return Slopes(*(getattr(self, field.name)[rows] for field in fields(self)))

    def take(self, rows: Array, other: Slopes, better: Array) -> None:
        """Put another estimate of some rows in place, where it is the better one."""
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            mine[rows] = np.where(better, theirs, mine[rows])


def slopes(f: Function, x: Array, directions: Sequence[Array], h: float, eps: float, inner: Array = 0.0) -> Slopes:
    """Slopes of f at x along directions.

    Parameters
    ----------
    f : callable
        From an array like x to a 1-D array of m outputs.
    x : (k,) array
    directions : sequence of n arrays of shape (k,)
    h : float
        The largest of the three steps.
    eps : float
        The relative rounding error of x and of f's values.
    inner : float or (m,) array
        The size of what f adds up to its values, where that is larger than they are.

    Examples
    --------
    >>> found = slopes(lambda x: np.abs(x), np.array([0.0, 3.0]), list(np.eye(2)), 1e-3, 1e-16)
    >>> found.left.diagonal().round(6), found.right.diagonal().round(6), found.kinked.diagonal()
    (array([-1.,  1.]), array([1., 1.]), array([ True, False]))
    """
    with np.errstate(all="ignore"):
        middle = f(x)
        around = np.array([[f(x + sign * h / k * v) for sign in (1, -1) for k in PARTS] for v in directions])
        ahead, behind = np.moveaxis(around.reshape(len(directions), 2, len(PARTS), middle.size), 0, 2)
        rounding = eps / (h / 4) * np.maximum(np.max(np.abs([ahead, behind]), axis=(0, 1)), inner)
        shares = np.array(PARTS)[:, None, None] / h
        left, left_bar = limit((middle - behind) * shares, 1, rounding)
        right, right_bar = limit((ahead - middle) * shares, 1, rounding)
        value, bar = limit((ahead - behind) * shares / 2, 2, rounding)
        bar = np.where(np.isfinite(left_bar + right_bar), bar, np.inf)
        found = []
        moved = eps / (h / 4) * np.array([np.max(np.abs(x[v != 0]), initial=0) for v in directions])[:, None]
        for slope, its_bar in ((value, bar), (left, left_bar), (right, right_bar)):
            wider = its_bar + moved * np.abs(slope)  # x itself is rounded when it moves
            found += [slope, np.where(np.isnan(wider), np.inf, wider)]
    return Slopes(*found)


def limit(differences: Array, order: int, rounding: Array) -> tuple[Array, Array]:
    """The limit of differences with steps h, h/2, h/4 whose errors begin with h**order, and its error bar.

    Differences that do not converge have seen rounding, which leaves them nearly equal, or they know nothing.
    """
    wide, middle, narrow = differences
    p = 2**order
    first, second = (p * middle - wide) / (p - 1), (p * narrow - middle) / (p - 1)
    value, bar = second, np.abs(second - first)
    if order == 1:
        value, bar = (4 * second - first) / 3, bar / 3
    before, after = np.abs(middle - wide), np.abs(narrow - middle)
    scatter = 10 * np.maximum(before, after)
    unsettled = np.where(scatter < np.abs(value) / 10, scatter, np.inf)
    return value, np.where(after <= 1.4 * before / p + 2 * rounding, bar, unsettled) + rounding


def complex_slopes(f: Function, x: Array, directions: Sequence[Array]) -> Array | None:
    """Slopes by the complex step, which has no cancellation; None where f does not take complex numbers.

    A function that drops the imaginary part, as absolute values do, gives wrong slopes here without a word: believe
    them only beside differences that agree.
    """
    step = 1e-100
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            return np.array([np.imag(f(x + 1j * step * v)) / step for v in directions])
    except Exception:  # whatever f says of complex numbers, it means no
        return None


def axes(x: Array, entries: Sequence[int]) -> Iterator[Array]:
    """The unit directions of entries of x."""
    for i in entries:
        v = np.zeros(x.size, x.dtype)
        v[i] = 1
        yield v
