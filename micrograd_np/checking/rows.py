"""What the user worked out by hand, beside the value of the graph whose gradient it is."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .blocks import is_elementwise, sources
from .recording import Recording

Array = Any

RIGHT = "right"
GIVEN = "right, given"
WRONG = "wrong"
SHAPE = "wrong shape"
NOT_FINITE = "not finite"


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
    def fits(self) -> bool:
        """Whether there are numbers to compare."""
        return self.status not in (SHAPE, NOT_FINITE)

    @property
    def leaf(self) -> bool:
        """Whether it is the gradient of a weight or an input, not of a value between."""
        return not self.tensor.edges

    def vanishes(self, close: Closeness) -> bool:
        """Whether the true gradient is nothing but what rounding leaves of terms that cancel."""
        return bool(np.max(np.abs(self.true), initial=0) <= close.floor * self.size)

    def agrees(self, factor: float) -> bool:
        """Whether the hand, up to a factor, is what numbers say."""
        if self.slope is None or not self.fits:
            return False
        directions, low, high = self.slope
        along = directions @ (self.hand / factor).reshape(-1, 1)
        return bool(np.all((along >= low) & (along <= high)))


@dataclass
class Closeness:
    """When two arrays are one: relative to each entry, and to the largest."""

    rtol: float = 1e-6
    floor: float = 1e-9

    def at_best(self, eps: float) -> Closeness:
        """As close as numbers with a relative rounding error of eps can be."""
        return Closeness(max(self.rtol, min(1e3 * eps, 1e-2)), max(self.floor, min(1e2 * eps, 1e-2)))

    def __call__(self, a: Array, b: Array, beside: float = 0.0) -> bool:
        """Whether a is b; a difference that is nothing `beside` a number counts for nothing."""
        if a.shape != b.shape:
            return False
        with np.errstate(all="ignore"):
            largest = max(float(np.max(np.abs(b), initial=0)), beside)
            allowed = self.rtol * np.abs(b) + self.floor * largest + np.finfo(float).tiny
            return bool(np.all((np.abs(a - b) <= allowed) | ((a != a) & (b != b)) | (a == b)))


def in_backward_order(rows: Iterable[Row], recording: Recording) -> list[Row]:
    """As backprop completes them: the loss's end first."""

    def when(row: Row) -> float:
        users = recording.users[row.tensor]
        return -min(x.birth for x in users) + 0.5 if row.leaf and users else -row.tensor.birth

    return sorted(rows, key=when)


# `dW1`, `dL_dW1`, `dLdW1`, `grad_W1`, `delta_l1`, `nabla_b`; `W1_grad`, `l1_delta`, `l2_error`.
PREFIX = re.compile(r"(?:d(?:loss|[A-Za-z])_?d_?|grad_?|delta_?|nabla_?|g_|d_?)(?=.)")
SUFFIX = re.compile(r"(?<=.)(?:_?gradient|_?grad|_update|_delta|_error|_d)$")


def candidates(key: str) -> Iterable[tuple[str, bool]]:
    """The values that a name of a gradient may speak of, and whether of what their activation was given."""
    yield key, False
    if found := SUFFIX.search(key):
        yield key[: found.start()], found[0] == "_delta"
    if found := PREFIX.match(key):
        yield key[found.end() :], found[0].startswith("delta")
    if key.startswith("d"):
        yield key[1:], False


def resolve(key: Any, recording: Recording, named: Mapping[str, Sequence[Tensor]]) -> tuple[str, Tensor]:
    """The label of a row and the value of the graph that a key of `verify` means."""
    nodes = set(recording.nodes)
    if not isinstance(key, Tensor | str):
        raise TypeError(f"the gradients by hand are named by tensors or by text, as in {{'dW1': dW1}}, not by {key!r}.")
    if isinstance(key, Tensor):
        if key not in nodes:
            raise ValueError(
                f"{key.name or 'a tensor'} {key.shape} is not in the graph of the output, or has no gradient there. "
                "Give tensors that the output was made from, with requires_grad=True or made from such."
            )
        label = next((name for name, tensors in named.items() if any(key is x for x in tensors)), None)
        return key.name or label or f"{key.op.name if key.op else 'input'} {key.shape}", key
    lower = {name.lower(): tensors for name, tensors in reversed(list(named.items()))}
    for names, wanted in ((named, key), (lower, key.lower())):
        for name, before in candidates(wanted):
            for tensor in names.get(name, ()):
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


def precision_of(values: Any) -> float:
    """The rounding error of a gradient by hand; of anything but floating-point numbers 0."""
    dtype = getattr(values, "dtype", np.dtype(float))
    return float(np.finfo(dtype).eps) if dtype.kind == "f" else 0.0


def as_hand(label: str, values: Any) -> Array:
    if values is None:
        raise TypeError(f"the gradient by hand of {label} is None: give an array of numbers, or leave it out.")
    data = values._data if isinstance(values, Tensor) else np.asarray(values)
    if data.dtype.kind not in "fiub":
        raise TypeError(f"the gradient by hand of {label} has dtype {data.dtype}; give an array of numbers.")
    return data.astype(np.float64)
