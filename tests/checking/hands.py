"""Backward passes by hand in which every step may be taken wrongly on purpose, one at a time.

A network records its loss on the tape and works out its gradients by hand. `hand(name, right, **slips)` takes one step:
it gives the right value, or that of the one slip that is planted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import micrograd_np as mg

Array = Any
LR = 0.1


@dataclass
class Hand:
    """The steps of one backward pass, with at most one slip: (row, kind)."""

    slip: tuple[str, str] | None = None
    rows: dict[str, Array] = field(default_factory=dict)
    offered: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, name: str, right: Array, **slips: Callable[[], Array]) -> Array:
        """A step whose result is one of the rows."""
        self.rows[name] = self.hidden(name, right, **anywhere(right), **slips)
        return self.rows[name]

    def hidden(self, name: str, right: Any, **slips: Callable[[], Any]) -> Any:
        """A step that only other rows are made from."""
        self.offered += [(name, kind) for kind in slips]
        return slips[self.slip[1]]() if self.slip and self.slip[0] == name else right


def anywhere(g: Array) -> dict[str, Callable[[], Array]]:
    """Slips that may befall any gradient."""
    found = {
        "sign": lambda: -g,
        "twice as large": lambda: 2 * g,
        "never written": lambda: np.zeros_like(g),
        "rounded to integers": lambda: g.astype(int).astype(float),
        "clipped": lambda: np.clip(g, -np.median(np.abs(g)), np.median(np.abs(g))),
        "normalised": lambda: g / np.linalg.norm(g),
        "reversed": lambda: g[::-1],
        "shifted by one": lambda: np.roll(g, 1, axis=0),
        "squared": lambda: g * g,
    }
    if g.ndim == 2 and g.shape[0] == g.shape[1]:
        found["transposed"] = lambda: g.T
    if g.ndim == 2 and 1 not in g.shape:
        found["reshaped for transposed"] = lambda: g.T.reshape(g.shape)
    return found


def product(x: Array, g: Array) -> dict[str, Callable[[], Array]]:
    """Slips in the gradient of a weight, x.T @ g."""
    n = len(x)
    return {
        "mean for sum": lambda: x.T @ g / n,
        "last sample only": lambda: np.outer(x[-1], g[-1]),
        "first sample only": lambda: np.outer(x[0], g[0]),
        "half of the batch": lambda: x[: n // 2].T @ g[: n // 2],
        "a sample missing": lambda: x[1:].T @ g[1:],
        "a sample twice": lambda: x.T @ g + np.outer(x[1], g[1]),
        "batch averaged first": lambda: np.outer(x.mean(0), g.sum(0)),
    }


def decay(g: Array, w: Array) -> dict[str, Callable[[], Array]]:
    return {"weight decay": lambda: g + 0.01 * w, "sign decay": lambda: g + 0.01 * np.sign(w)}


def bias(g: Array) -> dict[str, Callable[[], Array]]:
    """Slips in the gradient of a bias, g.sum(0)."""
    found = {
        "mean for sum": lambda: g.mean(0),
        "last sample only": lambda: g[-1],
        "first sample only": lambda: g[0],
    }
    if g.shape[0] == g.shape[1]:
        found["summed over the wrong axis"] = lambda: g.sum(1)
    return found


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def slope(a: Array) -> Array:
    return a * (1 - a)


def tensors(**values: Array) -> list[mg.Tensor]:
    return [mg.Tensor(value, requires_grad=True, name=name) for name, value in values.items()]


def named(**values: Any) -> None:
    """The names of values that a function's own variables would give them, were it still running."""
    for name, value in values.items():
        value.name = name


def activation(g: Array, a: Array, z: Array) -> dict[str, Callable[[], Array]]:
    """Slips in the gradient of what a sigmoid was given."""
    return {
        "derivative left out": lambda: g,
        "derivative twice": lambda: g * slope(a) ** 2,
        "slope of the pre-activation": lambda: g * slope(z),
        "derivative at the activation": lambda: g * slope(sigmoid(a)),
        "slope of tanh": lambda: g * (1 - a * a),
        "value for derivative": lambda: g * a,
        "part of the derivative": lambda: g * (1 - a),
    }
