"""NumPy functions that need no rule of their own: they are written with the rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..graph import Tensor, constant

BY_FUNCTION: dict[Callable[..., Any], Callable[..., Any]] = {}


def stands_for(*functions: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a composition in the table, under the NumPy functions whose place it takes."""

    def enter(composition: Callable[..., Any]) -> Callable[..., Any]:
        BY_FUNCTION.update(dict.fromkeys(functions, composition))
        return composition

    return enter


@stands_for(np.stack)
def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Tensors of one shape along a new axis."""
    return np.concatenate([np.expand_dims(x, axis) for x in arrays], axis)


@stands_for(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """The sum of products over the given axes of a and of b."""
    if isinstance(axes, int):
        axes = (range(a.ndim - axes, a.ndim), range(axes))
    over_a = [axis % a.ndim for axis in np.atleast_1d(axes[0]).astype(int).tolist()]
    over_b = [axis % b.ndim for axis in np.atleast_1d(axes[1]).astype(int).tolist()]
    kept_a = [axis for axis in range(a.ndim) if axis not in over_a]
    kept_b = [axis for axis in range(b.ndim) if axis not in over_b]
    rows = np.reshape(np.transpose(a, kept_a + over_a), (-1, int(np.prod([a.shape[axis] for axis in over_a]))))
    columns = np.reshape(np.transpose(b, over_b + kept_b), (rows.shape[1], -1))
    shape = [a.shape[axis] for axis in kept_a] + [b.shape[axis] for axis in kept_b]
    return np.reshape(np.dot(rows, columns), shape)


@stands_for(np.moveaxis)
def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """The axes at `source` moved to `destination`."""
    order = np.moveaxis(np.empty(range(x.ndim)), source, destination).shape
    return np.transpose(x, order)


@stands_for(np.zeros_like)
def zeros_like(x: Any) -> Any:
    """Zeros of x's shape and dtype; no gradient passes."""
    return constant_like(np.zeros_like, x)


@stands_for(np.ones_like)
def ones_like(x: Any) -> Any:
    """Ones of x's shape and dtype; no gradient passes."""
    return constant_like(np.ones_like, x)


def constant_like(make: Callable[..., Any], x: Any) -> Any:
    return constant(make(x._data)) if isinstance(x, Tensor) else make(x)
