"""How a row is called in its docstring and in the tests that are generated for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Drawn:
    """In an example: an array that the generated tests draw, of this shape.

    Parameters
    ----------
    *shape : int
    domain : (float, float), optional
        Where to draw from; the row's own domain without it.
    through : callable, optional
        Applied to what was drawn, such as `lambda x: x @ x.T + np.eye(3)` for a positive definite matrix.
    """

    def __init__(
        self,
        *shape: int,
        domain: tuple[float, float] | None = None,
        through: Callable[[Any], Any] | None = None,
    ) -> None:
        self.shape = shape
        self.domain = domain
        self.through = through


class Example(NamedTuple):
    """How to call a row: arguments, with `Drawn` where an array of random numbers goes."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def example(*args: Any, **kwargs: Any) -> Example:
    return Example(args, kwargs)
