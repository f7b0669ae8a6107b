"""NumPy functions that need no rule of their own: they are written with the rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..graph import Tensor, constant

COMPOSITIONS: dict[str, Callable[..., Any]] = {}
BY_FUNCTION: dict[Callable[..., Any], Callable[..., Any]] = {}


def stands_for(*functions: Callable[..., Any] | None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a composition in the table, under the NumPy functions whose place it takes; None is one NumPy lacks yet."""

    def enter(composition: Callable[..., Any]) -> Callable[..., Any]:
        COMPOSITIONS[composition.__name__] = composition
        BY_FUNCTION.update(dict.fromkeys(filter(None, functions), composition))
        return composition

    return enter


def constant_like(make: Callable[..., Any], x: Any, *layout: Any) -> Any:
    """What `make` makes of an array, without a past: of a Tensor, a Tensor."""
    return constant(make(x._data, *layout)) if isinstance(x, Tensor) else make(x, *layout)
