"""What the rooms of linear algebra have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import called
from ..core.rules import Rule
from .composed import constant_like, stands_for
from .several import Several


@stands_for(np.linalg.matrix_transpose)
def mT(x: Any) -> Any:
    """The transposes of the matrices in the last two axes."""
    return np.swapaxes(x, -1, -2)


def symmetric(x: Any) -> Any:
    return (x + mT(x)) / 2


def eye_like(x: Any) -> Any:
    """The identity, in the shape of the matrices in x's last two axes."""
    return constant_like(lambda x: np.eye(x.shape[-2], x.shape[-1], dtype=x.dtype, like=x), x)


def extent(x: Any, axis: int) -> int | None:
    return x.shape[axis] if -x.ndim <= axis < x.ndim else None


def check_axes(name: str, a: Any, i: int, b: Any, j: int) -> None:
    """Refuse to pair axis i of a with axis j of b unless they are equally long."""
    extents = extent(a, i), extent(b, j)
    if extents[0] != extents[1]:
        left, right = ("does not exist" if n is None else f"has {n} entries" for n in extents)
        raise ValueError(
            f"{name} does not fit {called(a, 'argument 0')}, {called(b, 'argument 1')}: "
            f"axis {i} of the first {left}, and axis {j} of the second {right}; they must be equal."
        )


class Named(Several):
    """A row whose outputs have names, as those of NumPy's decompositions."""

    def __init__(self, function: Callable[..., Any], result: Callable[..., Any], *rules: Rule, **fields: Any) -> None:
        super().__init__(function, *rules, **fields)
        self.result = result

    def bound(self, *args: Any, **kwargs: Any) -> Any:
        return self.result(*super().bound(*args, **kwargs))
