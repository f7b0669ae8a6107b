"""What a layer says of an input that it was not made for."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import called
from ..ops.primitive import as_array


def fitting(layer: Any, x: Any, weight: Any, features: int, axis: int = -1) -> Any:
    """x as an array, or an error if its features or its dtype are not those that the layer has weights for."""
    x = as_array(x)
    if not -x.ndim <= axis < x.ndim or x.shape[axis] != features:
        name, what = type(layer).__name__, "features" if axis == -1 else "channels"
        raise ValueError(
            f"this {name} takes {features} {what} on axis {axis}, and {called(x, 'x')} has another number. Make a "
            f"{name} of that many, or reshape."
        )
    check_dtype(layer, x, weight)
    return x


def check_dtype(layer: Any, x: Any, weight: Any) -> None:
    """Refuse an input that would turn everything after it into another dtype than the weights'."""
    if x.dtype is weight.dtype or x.dtype.kind == "c":
        return
    if np.result_type(x.dtype, weight.dtype) != weight.dtype:
        raise TypeError(
            f"{called(x, 'x')} in a {type(layer).__name__} of {weight.dtype} weights: all that follows would be "
            f"{np.result_type(x.dtype, weight.dtype)}. Write x.astype('{weight.dtype}'), or make the layer with "
            f"dtype='{x.dtype if x.dtype.kind == 'f' else 'float64'}'."
        )
