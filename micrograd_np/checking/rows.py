"""What the user worked out by hand, beside the value of the graph whose gradient it is."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..graph import Tensor
from .blocks import is_elementwise, sources
from .recording import Recording

Array = Any

RIGHT = "right"
GIVEN = "right, given"
WRONG = "wrong"
SHAPE = "wrong shape"


@dataclass
class Row:
    """One gradient: by hand, by the tape (`true`), and as the tape makes it from the hand's own values (`expected`).

    `size` is that of the terms that sum up to it; `numeric` is the verdict of numbers on the tape, and `agrees` tells
    whether they agree with the hand.
    """

    label: str
    tensor: Tensor
    hand: Array
    status: str = RIGHT
    true: Array = None
    expected: Array = None
    size: float = 0.0
    upstream: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    numeric: str = ""
    slope: Any = None

    @property
    def leaf(self) -> bool:
        """Whether it is the gradient of a weight or an input, not of a value between."""
        return not self.tensor.edges

    def vanishes(self, close: Closeness) -> bool:
        """Whether the true gradient is nothing but what rounding leaves of terms that cancel."""
        return bool(np.max(np.abs(self.true), initial=0) <= close.floor * self.size)

    def agrees(self, factor: float) -> bool:
        """Whether the hand, up to a factor, is what numbers say."""
        if self.slope is None or self.status == SHAPE:
            return False
        directions, low, high = self.slope
        along = directions @ (self.hand / factor).reshape(-1, 1)
        return bool(np.all((along >= low) & (along <= high)))


@dataclass
class Closeness:
    """When two arrays are one: relative to each entry, and to the largest."""

    rtol: float = 1e-6
    floor: float = 1e-9

    def __call__(self, a: Array, b: Array, beside: float = 0.0) -> bool:
        """Whether a is b; a difference that is nothing `beside` a number counts for nothing."""
        if a.shape != b.shape:
            return False
        with np.errstate(all="ignore"):
            largest = max(float(np.max(np.abs(b), initial=0)), beside)
            allowed = self.rtol * np.abs(b) + self.floor * largest + np.finfo(float).tiny
            return bool(np.all(np.abs(a - b) <= allowed))


def in_backward_order(rows: Iterable[Row], recording: Recording) -> list[Row]:
    """As backprop completes them: the loss's end first."""

    def when(row: Row) -> float:
        users = recording.users[row.tensor]
        return -min(x.birth for x in users) + 0.5 if row.leaf and users else -row.tensor.birth

    return sorted(rows, key=when)


PREFIXES = ("grad_", "delta_", "d_", "d")
SUFFIXES = ("_gradient", "_grad", "_update", "_delta", "_error", "_d")


def candidates(key: str) -> Iterable[tuple[str, bool]]:
    """The values that a name of a gradient may speak of, and whether of what their activation was given."""
    yield key, False
    for suffix in SUFFIXES:
        if key.endswith(suffix) and len(key) > len(suffix):
            yield key[: -len(suffix)], suffix == "_delta"
    for prefix in PREFIXES:
        if key.startswith(prefix) and len(key) > len(prefix):
            yield key[len(prefix) :], prefix == "delta_"


def resolve(key: Any, recording: Recording, named: Mapping[str, Sequence[Tensor]]) -> tuple[str, Tensor]:
    """The label of a row and the value of the graph that a key of `verify` means."""
    nodes = set(recording.nodes)
    if isinstance(key, Tensor):
        if key not in nodes:
            raise ValueError(
                f"{key.name or 'a tensor'} {key.shape} is not in the graph of the output, or has no gradient there. "
                "Give tensors that the output was made from, with requires_grad=True or made from such."
            )
        label = next((name for name, tensors in named.items() if any(key is x for x in tensors)), None)
        return key.name or label or f"{key.op.name if key.op else 'input'} {key.shape}", key
    for name, before in candidates(key):
        for tensor in named.get(name, ()):
            if tensor in nodes:
                return (key, preactivation(tensor)) if before else (key, tensor)
    close = difflib.get_close_matches(key, named, 3, 0.5)
    hint = f" Did you mean {' or '.join(close)}?" if close else f" It has {', '.join(named) or 'no names'}."
    raise ValueError(
        f"the graph has no value called {key!r}, nor one whose gradient that name says.{hint} A tensor may be the key "
        "itself, or be given a name: mg.Tensor(..., name='W1')."
    )


def preactivation(tensor: Tensor) -> Tensor:
    """What the activation that made the value was given; the value itself if none did."""
    found = tensor
    if is_elementwise(tensor):
        for x, _ in sources(tensor):
            found = x
            if not is_elementwise(x):
                break
    return found


def as_hand(label: str, values: Any, precision: Callable[[Any], Array] = np.asarray) -> Array:
    data = values._data if isinstance(values, Tensor) else precision(values)
    if data.dtype.kind not in "fiub":
        raise TypeError(f"the gradient by hand of {label} has dtype {data.dtype}; give an array of numbers.")
    return data.astype(np.float64)
