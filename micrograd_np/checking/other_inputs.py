"""The same functions at other inputs: off the kinks, of other numbers, on other data, in float64."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from .calling import Pair
from .flat_function import plain
from .slots import Slot

Array = Any
NEAR = 1e-3  # how far inputs are moved off a kink, relative to the size of each


def moved_off(pair: Pair) -> Pair:
    """Return the same functions with the float inputs moved a little.

    An input without a gradient by hand stays if backward may rely on what would be lost: right code of a softmax
    takes it that the rows of its one-hot labels sum to 1.
    """
    rng = np.random.default_rng(1)
    checked = {slot for _, slot, _ in pair.play().hand}
    sizes = [NEAR * max(float(np.max(np.abs(s.value), initial=0)), 1e-3) for s in pair.slots]
    noise = [rng.normal(size=np.shape(s.value)).astype(s.value.dtype) for s in pair.slots]
    moving = [slot in checked or is_free(slot.value) for slot in pair.slots]
    pairs = zip(pair.slots, sizes, noise, moving, strict=True)
    return pair.at([s.value + size * by if moves else s.value for s, size, by, moves in pairs])


def with_variety(pair: Pair, constant: Collection[Slot]) -> Pair:
    """Return the same functions with other numbers in arrays that hold one number everywhere."""
    return pair.at([varied(s.value) if s in constant else s.value for s in pair.slots])


def varied(x: Array) -> Array:
    """Return different numbers in the place of one number everywhere."""
    rng = np.random.default_rng(2)
    return (x * rng.uniform(0.6, 1.4, x.shape) if x.any() else rng.normal(0, 0.7, x.shape)).astype(x.dtype)


def elsewhere(pair: Pair, among: Collection[Slot], seed: int, near: bool = False, other_signs: bool = False) -> Pair:
    """Return the same functions where slots have other values of the same kind, and labels another order.

    The values are permuted, so that they keep their range, and scaled; what is sorted or symmetric stays so, and what
    holds one number everywhere gets different ones. Values that are `near` are only scaled a little, for functions
    that are not defined everywhere. A grid without a gradient is moved as a whole: its mean may be 0 by chance.
    """
    rng = np.random.default_rng(seed)

    def shuffled(x: Array) -> Array:
        scale = rng.uniform(0.8, 1.25, x.shape)
        if x.ndim == 2 and np.array_equal(x, x.T):
            by = rng.permutation(len(x))
            return x[np.ix_(by, by)] * np.outer(scale[0], scale[0])
        if x.ndim == 1 and np.all(np.diff(x) > 0):
            return np.sort(x * scale)
        return rng.permutation(x.ravel()).reshape(x.shape) * scale

    def moved(slot: Slot) -> Array:
        x = slot.value
        if slot not in among and is_grid(x):
            return x + 0.1 * seed * np.ptp(x)
        if near:
            return x * rng.uniform(0.95, 1.05, x.shape) if slot in among else x
        if slot not in among and not is_free(x):
            return x
        signs = rng.choice([-1.0, 1.0], x.shape) if other_signs and is_free(x) else 1.0
        return signs * shuffled(varied(x) if is_constant(x) else x)

    other = pair.at([moved(slot).astype(slot.value.dtype) for slot in pair.slots])
    if seed % 2 and not near:
        labels = [getattr(x, "dtype", None) is not None and x.dtype.kind in "iu" and x.ndim > 0 for x in pair.leaves]
        pairs = zip(pair.leaves, labels, strict=True)
        other.leaves = [rng.permutation(x) if label else x for x, label in pairs]
    return other


def of_other_sizes(pair: Pair, among: Collection[Slot]) -> Iterator[list[Pair]]:
    """Yield the same functions with one more sample, and with one more entry along all axes of one length, for each.

    So what depends on a size is told from a number, or another size, that is equal to it by chance. Each comes with a
    second choice, of twice the length: functions may ask for multiples of something.
    """
    arrays = arrays_of(pair)
    lengths = sorted({n for x in arrays for n in growing(x).shape if n > 1}) or [1]
    batch = number_of_samples(arrays)
    # The axes that grow: the first alone, of one more sample, or all.
    for length, axes in [*[(batch, 1)] * (batch in lengths), *((length, None) for length in lengths)]:
        yield [longer(pair, among, length, axes, more) for more in ([length // 2], range(length))]


def of_more_samples(pair: Pair, among: Collection[Slot]) -> Iterator[tuple[str, Callable[[], Pair]]]:
    """Yield why the number of rows may hide a mistake, and what makes the same functions with one more row.

    All arrays with so many rows get one more; or only the first one, beside labels.
    """
    arrays = arrays_of(pair)
    for rows in sorted({int(x.shape[0]) for x in arrays if x.ndim}):
        if rows == 1 or any(rows in x.shape[1:] for x in arrays):
            several = f"there are {rows} samples, as many as entries along another axis"
            first = next((slot for slot in pair.slots if slot.value.ndim > 1 and len(slot.value) == rows), None)
            for only in (None, first) if first else (None,):
                why = "there is one sample" if rows == 1 else several
                yield why, partial(longer, pair, among, rows, 1, [0], only)


def longer(
    pair: Pair, among: Collection[Slot], length: int, axes: int | None, more: Sequence[int], only: Slot | None = None
) -> Pair:
    """Return the same functions with more entries along the first axes of a length, or all (None).

    Each of the entries `more` is there once more. The values of the slots `among` are scaled, and others that are free.
    """
    rng = np.random.default_rng(3)

    def grown(x: Array) -> Array:
        shares = x.dtype.kind == "f" and x.ndim > 0 and np.allclose(np.sum(x, axis=-1), 1)
        for axis in [axis for axis, n in enumerate(growing(x).shape[:axes]) if n == length]:
            if shares and axis == x.ndim - 1:  # the sum of probabilities, or of a one-hot row, stays 1
                x = np.concatenate([x, np.zeros_like(x[..., : len(more)])], axis)
            else:
                x = np.take(x, [*range(length), *more], axis)
        return x

    def other(slot: Slot) -> Array:
        x = slot.value if only not in (None, slot) else grown(slot.value)
        scaled = slot in among or is_free(slot.value)  # two equal columns would make x.T @ x singular
        return (x * rng.uniform(0.8, 1.25, x.shape)).astype(x.dtype) if scaled else x

    again = pair.at([other(s) for s in pair.slots])
    again.leaves = [grown(x) if is_whole(x) else x for x in pair.leaves]
    return again


def growing(x: Array) -> Array:
    """Return an array with the axes that may grow: the last one of indices that are all different may not.

    They must stay different: x[indices] -= 1 is right only then.
    """
    ordered = np.sort(x, axis=-1) if is_whole(x) and x.ndim else np.zeros(2)
    return x if np.any(ordered[..., 1:] == ordered[..., :-1]) or x.size == 1 else x[..., 0]


def arrays_of(pair: Pair) -> list[Array]:
    return [*(s.value for s in pair.slots), *filter(is_whole, pair.leaves)]


def number_of_samples(arrays: Sequence[Array]) -> int:
    return next((int(x.shape[0]) for x in arrays if x.ndim > 1), 0)


def is_whole(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind in "iub"


def at_double(pair: Pair) -> Pair:
    """Return the same functions at the same values in float64, where they give float64 and finite numbers there.

    Whether a formula is right does not depend on the precision, and in float64 rounding hides no mistake.
    """
    if all(s.value.dtype.itemsize >= 8 for s in pair.slots):
        return pair
    wide = pair.at([s.value.astype(np.float64) for s in pair.slots])
    with np.errstate(all="ignore"):
        hands = [np.asarray(plain(g)) for _, _, g in pair.play().hand]
        if any(g.dtype.kind == "f" and not np.isfinite(g).all() for g in hands):
            return pair  # a nan that only float32 has is a finding
        try:
            return wide if all(y.dtype != np.float32 for y in wide.play().outputs) else pair
        except Exception:  # it takes float32 only
            return pair


def is_constant(x: Array) -> bool:
    """Return whether an array holds one number everywhere, as the scales and biases of a new layer do.

    Equal probabilities do not count: with other numbers they might no longer sum to 1.
    """
    if x.size < 2 or not np.all(x == x.flat[0]):
        return False
    return not (0 < x.flat[0] < 1 and np.allclose(np.sum(x, axis=-1), 1))


def is_free(x: Array) -> bool:
    """Return whether an array has nothing to lose when it is moved: no labels, probabilities, order or symmetry."""
    whole = np.array_equal(x, np.round(x))
    shares = x.ndim > 0 and np.allclose(np.sum(x, axis=-1), 1)
    symmetric = x.ndim == 2 and np.array_equal(x, x.T)
    return not (whole or shares or is_grid(x) or symmetric)


def is_grid(x: Array) -> bool:
    """Return whether numbers are in order, as points in time; they may be moved together, with their distances."""
    return x.ndim == 1 and x.size > 2 and bool(np.all(np.diff(x) > 0)) and not np.array_equal(x, np.round(x))
