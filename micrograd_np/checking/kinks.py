"""Kinks: where a derivative jumps, any choice between its one-sided values is right by the chain rule.

An op has a kink where its rule gives another result when its arguments move by a billionth. The test does not use the
op's name, so it finds relu, clip, abs, ties of maximum, max, median, sort and pooling in the same way. A boolean that
was made by comparing the op's own values, as in np.where(x > 0, x, 0) or x * (x > 0), counts as part of the op.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice, product
from typing import Any

import numpy as np

from ..core.backward import Pulled
from ..core.tensor import Tensor
from ..core.versions import as_used
from .comparison import signed
from .replay import Override, Recording, is_one_array, pulls_of

Array = Any
Choice = dict[Tensor, Override]  # for each kinked op, the function that replaces its rules
SHIFT = 1e-9  # how far arguments are moved, relative to their size
JUMP = 1e-5  # a relative change of a derivative that is a jump after such a shift
MOST_CHOICES = 64


class Kinks:
    """The kinked ops of a recording, and the choices that may be made at them."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.entries: dict[Tensor, int] = {}
        lines: dict[Any, dict[str, Choice]] = defaultdict(lambda: defaultdict(dict))
        with np.errstate(all="ignore"):
            for node in recording.nodes:
                g = recording.true.get(node)
                if node._parents and is_one_array(g):
                    for name, override, count in alternatives(node):
                        lines[node._created_at][name][node] = override
                        self.entries[node] = max(count, self.entries.get(node, 0))
        self.by_line = [list(choices.values()) for choices in lines.values()]

    def __bool__(self) -> bool:
        return bool(self.entries)

    def choices(self) -> Iterator[Choice]:
        """Yield choices at the kinks, the same for all ops of one line, first none; at most 64 of them."""
        options = [[{}, *choices] for choices in self.by_line]
        for chosen in islice(product(*options), MOST_CHOICES):
            yield {node: override for choice in chosen for node, override in choice.items()}

    def allows(self, tensor: Tensor, hand: Array, slack: float) -> bool:
        """Return whether a gradient directly below kinked ops is between the gradients that the choices give."""
        users = [node for node in self.recording.users[tensor] if node in self.recording.true]
        kinked = [node for node in users if node in self.entries]
        if not kinked:
            return False

        def sent(pulled: Pulled) -> Any:
            return sum(part for x, part in pulled if x is tensor)

        low: Any = 0.0
        high: Any = 0.0
        with np.errstate(all="ignore"):
            for node in users:
                g = self.recording.true[node]
                ways = [sent(pulls_of(node, g)), *(sent(way(g)) for way in self.ways(node))]
                low, high = low + np.min(ways, axis=0), high + np.max(ways, axis=0)
        inside = bool(np.all((hand >= low - slack) & (hand <= high + slack)))
        # A reduction such as max shares its cotangent among tied entries, and the shares must sum to it. `ways[0]` is
        # what the one user sends.
        if len(kinked) == len(users) == 1 and kinked[0].size < tensor.size:
            return inside and abs(np.sum(hand) - np.sum(ways[0])) <= slack * hand.size
        return inside

    def ways(self, node: Tensor) -> list[Override]:
        """Return the derivatives that a node may have instead of its own."""
        return [choice[node] for choices in self.by_line for choice in choices if node in choice]

    def count(self) -> tuple[int, int]:
        """Return how many entries lie on a kink, and how many entries the kinked ops have."""
        return sum(self.entries.values()), sum(getattr(node.args[0], "size", 0) for node in self.entries)


def alternatives(node: Tensor) -> Iterator[tuple[str, Override, int]]:
    """Yield other derivatives that an op's rules give at moved values: a name, the override, the count of entries."""
    values = as_used(node)[1]
    if not is_one_array(node._data) or node._data.dtype.kind != "f":
        return
    g = signed(np.random.default_rng(0), node.shape).astype(node._data.dtype)
    usual = pulls_of(node, g)
    seen: list[list[Array]] = []
    for name, moved in moves(node, values):
        try:
            z = node.op.kernel(*moved, **node.params)
            found = pulls_of(node, g, z, moved)
        except Exception:  # no derivative at this side, so no choice
            continue
        # A jump is as large at half the shift as at the whole; a steep smooth derivative changes by half of it, below
        # the 0.75 that the test asks for. Without this, 1 / x near 0 would count as a kink.
        halfway = found
        if not name.startswith("mask"):
            halves = [v if v is m else ((v + m) / 2).astype(v.dtype) for v, m in zip(values, moved, strict=True)]
            halfway = pulls_of(node, g, node.op.kernel(*halves, **node.params), halves)
        jumps = [
            jumping(a, b) & jumping(a, c) & (np.abs(c - a) > 0.75 * np.abs(b - a))
            for (_, a), (_, b), (_, c) in zip(usual, found, halfway, strict=True)
        ]
        count = max((int(np.sum(j & np.isfinite(b))) for j, (_, b) in zip(jumps, found, strict=True)), default=0)
        arrays = [b for _, b in found]
        if not count or not all(np.isfinite(b).all() for b in arrays):
            continue
        if np.asarray(z).shape != node.shape or not np.allclose(
            z, node._data, 1e-6, 1e-6 * max(np.max(np.abs(node._data)), 1e-2)
        ):
            continue
        if any(all(np.allclose(a, b) for a, b in zip(arrays, other, strict=True)) for other in seen):
            continue
        seen.append(arrays)
        yield name, partial(pulls_of, node, z=z, values=moved), count


def jumping(a: Array, b: Array) -> Array:
    """Return a mask: derivatives differ by more than smooth ones can when the values move by a billionth."""
    return (np.abs(b - a) > JUMP * (np.abs(a) + np.abs(b))) & (np.abs(b - a) > JUMP * np.max(np.abs(a), initial=0))


def moves(node: Tensor, values: Sequence[Any]) -> Iterator[tuple[str, list[Any]]]:
    """Yield the arguments of an op with one of them moved a little: up, down, or by a ramp over its entries."""
    wanted = {i for i, _ in node._paths}
    for i in sorted(wanted):
        x = values[i]
        if not is_one_array(x) or x.dtype.kind != "f" or not x.size:
            continue
        largest = float(np.max(np.abs(x)))
        size = np.where(x != 0, np.abs(x), largest or 1.0)
        # float32 cannot hold a shift of a billionth: it gets a millionth.
        step = (1e3 * SHIFT if x.dtype.itemsize < 8 else SHIFT) * np.maximum(size, 1e-3 * largest)
        # Up or down decides about relu and abs, but not about ties of max, where all entries move alike. A ramp makes
        # the first of two equal entries smaller or larger than the last; permuted ramps break the ties in other ways.
        ramp = np.linspace(-1, 1, x.size).reshape(x.shape) if x.size > 1 else np.zeros(x.shape)
        mixed = [np.random.default_rng(k).permutation(ramp.ravel()).reshape(x.shape) for k in range(2)]
        ramps = {"first": -ramp, "last": ramp, "some": mixed[0], "others": mixed[1]}
        ways = {"up": step, "down": -step, **{name: np.max(step) * by for name, by in ramps.items()}}
        for name, by in ways.items():
            yield f"{name} {i}", [*values[:i], (x + by).astype(x.dtype), *values[i + 1 :]]
    yield from flips(node, values)


def flips(node: Tensor, values: Sequence[Any]) -> Iterator[tuple[str, list[Any]]]:
    """Yield the arguments with a mask inverted where the result stays the same, as np.where(x > 0, x, 0) at 0."""
    data = [x for x in values if is_one_array(x) and x.dtype.kind == "f"]
    for i, mask in enumerate(values):
        if not is_one_array(mask) or not np.size(mask) or i in {j for j, _ in node._paths}:
            continue
        yes = np.asarray(mask) != 0
        top = np.max(mask)
        if not np.all((mask == 0) | (mask == top)) or not compared(yes, data):
            continue
        other = np.where(yes, np.zeros_like(mask), np.full_like(mask, top))
        try:
            z = node.op.kernel(*values[:i], other, *values[i + 1 :], **node.params)
        except Exception:  # the op takes no such mask
            continue
        if np.shape(z) != node.shape:  # the mask is an index
            continue
        free = np.broadcast_to(np.isclose(z, node._data, 0, 1e-12), node.shape)
        if free.shape == np.shape(mask) and free.any():
            yield f"mask {i}", [*values[:i], np.where(free, other, mask), *values[i + 1 :]]


def compared(yes: Array, data: Sequence[Array]) -> bool:
    """Return whether a mask is a comparison of two of the values, or of a value with 0."""
    sides = [x for x in data if x.shape == yes.shape]
    for a in sides:
        for b in (0.0, *sides):
            if b is not a and any(np.array_equal(yes, test) for test in (a > b, a >= b, a < b, a <= b)):
                return True
    return False
