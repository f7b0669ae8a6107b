"""Random draws: always from a Generator that the user holds, never from a hidden one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .core.context import CURRENT
from .core.errors import ArgumentTypeError
from .core.tensor import Tensor, constant
from .ops.primitive import Primitive, as_array


def sample(method: Callable[..., Any], *args: Any, **kwargs: Any) -> Tensor:
    """A constant Tensor drawn by a method of a NumPy Generator; a program draws anew at every call.

    Parameters
    ----------
    method : callable
        Such as `rng.random`, `rng.normal`, `rng.integers`.
    *args, **kwargs
        What the method takes.

    Raises
    ------
    TypeError
        If it is no method of a Generator: numbers from a hidden global state cannot be repeated.

    Examples
    --------
    >>> import numpy as np
    >>> sample(np.random.default_rng(0).integers, 10, size=3)
    Tensor([8, 6, 5])
    """
    if not hasattr(getattr(method, "__self__", None), "bit_generator"):
        name = getattr(method, "__name__", repr(method))
        cure = "Make one with rng = np.random.default_rng(seed), and pass a method, such as rng.random."
        raise ArgumentTypeError(f"{name} is no method of a Generator. {cure}")
    trace = CURRENT.get().trace
    drawn: Tensor = trace.draw(draw, method, args, kwargs) if trace else constant(as_array(method(*args, **kwargs)))
    return drawn


def _draw(rng: Any, method: str, args: Any, kwargs: Any, number: bool) -> Any:
    """Draw again, at each run of a program; Python's number becomes an array, since it would take on another dtype."""
    found = getattr(rng, method)(*args, **kwargs)
    return as_array(found) if number else found


draw = Primitive(_draw, None, spelling="draw")  # the step of a program
