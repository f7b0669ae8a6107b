"""float16: what this package computes itself, it computes in float32, and rounds once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.dispatch import HALF, single


def rounded(z: Any) -> Any:
    """Results of float32, one or a tuple, as float16; float64 stays, since NumPy would promote to it."""
    if isinstance(z, tuple):
        return tuple(map(rounded, z))
    return z.astype(np.float16) if z.dtype == np.float32 else z


def is_half(args: Sequence[Any]) -> bool:
    """True if an argument is float16."""
    for x in args:  # noqa: SIM110  `any` takes twice as long
        if getattr(x, "dtype", None) == HALF:
            return True
    return False


# By kernel: what a caller runs that knows that nothing is float16. `functools.wraps` would copy an attribute to others.
UNROUNDED: dict[Callable[..., Any], Callable[..., Any]] = {}


def in_single(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that computes in float32 where a positional argument is float16, and rounds its result once."""

    @functools.wraps(function)
    def rounding(*args: Any, **params: Any) -> Any:
        if not is_half(args):
            return function(*args, **params)
        return rounded(function(*map(single, args), **{key: single(x) for key, x in params.items()}))

    UNROUNDED[rounding] = function
    return rounding
