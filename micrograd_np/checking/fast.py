"""A gradient along random directions: three slopes in place of one for each entry, and what they can miss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.containers import flatten
from ..pullback import vjp
from .labels import is_float

Array = Any
Function = Callable[..., Any]

COUNT = 3
# A derivative along a direction is a sum over all entries: this is small beside one of 10,000 equal ones.
RTOL = 1e-8


def contracted(f: Function, seed: int) -> Function:
    """The function whose one output is the sum of f's outputs, with random weights."""

    def weighed(*inputs: Any) -> Any:
        outputs, _ = flatten(f(*inputs))
        return sum(np.sum(y * weights(y, seed)) for y in outputs)

    return weighed


def derivative(f: Function, seed: int) -> Function:
    """The gradients of `contracted(f)`: their derivatives are f's second ones."""

    def gradients(*inputs: Any) -> Any:
        leaves, rebuild = flatten(inputs)
        floats = [i for i, x in enumerate(leaves) if is_float(x)]

        def of_floats(*chosen: Any) -> Any:
            replaced = dict(zip(floats, chosen, strict=True))
            return f(*rebuild([replaced.get(i, x) for i, x in enumerate(leaves)]))

        output, pullback = vjp(of_floats, *[leaves[i] for i in floats])
        outputs, rebuild_output = flatten(output)
        return pullback(rebuild_output([weights(y, seed) for y in outputs]))

    return gradients


def weights(y: Any, seed: int) -> Array:
    return np.random.default_rng(seed).uniform(0.5, 1.5, np.shape(y))


def random_directions(size: int, seed: int) -> Array:
    """Directions whose entries differ, and none is small: a single wrong entry always shows."""
    rng = np.random.default_rng(seed)
    directions = rng.uniform(0.5, 1.5, (COUNT, size)) * rng.choice([-1.0, 1.0], (COUNT, size))
    return directions / np.sqrt(max(size, 1))


def spread(gradient: Array, directions: Array, rtol: float) -> Array:
    """What is allowed along each direction: relative to the size of the sum's terms."""
    return np.maximum(rtol * np.linalg.norm(directions * gradient, axis=1), np.finfo(float).tiny)[:, None]


def missed(gradient: Array, directions: Array, allowed: Array, part: float = 1e-3) -> float:
    """The chance that one entry, off by a part of its value, is not seen along any direction."""
    seen = np.abs(directions * gradient) * part > allowed
    nonzero = gradient != 0
    return float(1 - seen.any(axis=0)[nonzero].mean()) if nonzero.any() else 0.0


def narrow_down(differs: Callable[[Array], float], direction: Array) -> int:
    """The entry at which a direction's error sits, by halving."""
    entries = np.arange(direction.size)
    while entries.size > 1:
        half = entries[: entries.size // 2]
        rest = entries[entries.size // 2 :]
        entries = half if differs(masked(direction, half)) >= differs(masked(direction, rest)) else rest
    return int(entries[0])


def masked(direction: Array, entries: Array) -> Array:
    kept = np.zeros_like(direction)
    kept[entries] = direction[entries]
    return kept
