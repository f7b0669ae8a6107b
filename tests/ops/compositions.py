"""A composition as a case: NumPy's own function by differences, the tape on the same text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from micrograd_np.ops.primitive import Drawn, example

from .cases import Case
from .checks import check_first_order, check_second_order, leaves
from .exactly import function


@dataclass(frozen=True)
class Composition:
    """`"np.linalg.norm(x, 1)"`, called as a row is called."""

    expression: str
    domain: tuple[float, float] = (-2.0, 2.0)

    def __call__(self, *arrays: Any) -> Any:
        return function(self.expression)(*arrays)


def check_smooth(shapes: list[tuple[int, ...]], expression: str, domain: tuple[float, float] = (-2.0, 2.0)) -> None:
    """On Tensors the values of the expression are NumPy's, and both its derivatives those of NumPy's function."""
    made = Case(Composition(expression, domain), example(*[Drawn(*shape) for shape in shapes]), expression)
    theirs = made.outputs(made.values)
    for z, expected in zip(made.outputs(leaves(made.values)), theirs, strict=True):
        assert (z.shape, z.dtype) == (np.shape(expected), expected.dtype)
        np.testing.assert_allclose(z.data, expected, rtol=1e-12, atol=1e-13)
    check_first_order(made)
    check_second_order(made)
