"""NumPy functions that need no rule of their own: they are written with the rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.context import CURRENT
from ..core.tensor import Tensor, constant

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
    """What `make` makes of an array's shape and dtype; of a Tensor, a Tensor through which no gradient passes."""
    if not isinstance(x, Tensor):
        return make(x, *layout)
    made = constant(make(x._data, *layout))
    trace = CURRENT.get().trace
    if trace is not None:
        trace.fixed(made)
    return made
