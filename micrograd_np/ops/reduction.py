"""Many numbers to few: a rule spreads the cotangent back over what was reduced."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from .primitive import Bound, Plain, Primitive, example
from .primitive import Drawn as D


def over(x: Any, axis: Any = None, keepdims: bool = False) -> Bound:
    return (x,), {"axis": axis, "keepdims": keepdims}


def spread(g: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """A reduction's result, or cotangent, in a shape that broadcasts against what was reduced."""
    return g if keepdims or axis is None else np.expand_dims(g, axis)


CASES = [example(D(3, 4)), example(D(3, 4), axis=0), example(D(2, 3, 4), axis=(0, -1), keepdims=True)]

sum = Primitive(
    np.sum,
    lambda g, z, x, axis, keepdims: np.broadcast_to(spread(g, x, axis, keepdims), x.shape),
    bind=over,
    examples=CASES,
)
mean = Primitive(
    np.mean,
    lambda g, z, x, axis, keepdims: np.broadcast_to(spread(g, x, axis, keepdims) * (z.size / builtins.max(x.size, 1)), x.shape),
    bind=over,
    examples=CASES,
)


def _extreme(g: Any, z: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """The largest entries share the cotangent equally."""
    chosen = x == spread(z, x, axis, keepdims)
    return chosen * (spread(g, x, axis, keepdims) / np.sum(chosen, axis=axis, keepdims=True))


max = Primitive(np.max, _extreme, bind=over, also=(np.amax,), examples=CASES)
min = Primitive(np.min, _extreme, bind=over, also=(np.amin,), examples=CASES)

argmax = Plain(np.argmax)
argmin = Plain(np.argmin)
