"""Random draws, always from a Generator that the user holds, never from a hidden one; and the state of generators."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
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


def generator_state(rng: Any) -> tuple[Any, Callable[[], Any]]:
    """Return the state of a generator, and a function that restores it, except for how many children it has spawned."""
    if hasattr(rng, "getstate"):  # random.Random
        return rng.getstate(), functools.partial(rng.setstate, rng.getstate())
    if hasattr(rng, "get_state"):  # np.random.RandomState
        now = rng.get_state(legacy=False)
        return list(flat(now)), functools.partial(rng.set_state, now)
    bits = getattr(rng, "bit_generator", rng)
    spawned = getattr(getattr(bits, "seed_seq", None), "n_children_spawned", 0)
    return [*flat(bits.state), spawned], functools.partial(setattr, bits, "state", bits.state)


def flat(state: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the entries of nested dicts; arrays become lists, which == compares at once."""
    for key, x in state.items():
        if isinstance(x, dict):
            yield from flat(x)
        else:
            yield key, x.tolist() if hasattr(x, "tolist") else x
