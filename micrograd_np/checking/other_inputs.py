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
NEAR = 1e-3  # how far an input is moved off a kink, relative to its largest entry


def moved_off(pair: Pair) -> Pair:
    """Return the same functions with the float inputs moved a little.

    An input that has no gradient by hand is not moved if it has a property that backward may rely on. For example, the
    backward of a softmax may rely on one-hot labels whose rows sum to 1.
    """
    rng = np.random.default_rng(1)
    checked = {slot for _, slot, _ in pair.play().hand}

    def moved(slot: Slot) -> Array:
        x = slot.value
        noise = rng.normal(size=np.shape(x)).astype(x.dtype)
        size = NEAR * max(float(np.max(np.abs(x), initial=0)), 1e-3)
        return x + size * noise if slot in checked or is_free(x) else x

    return pair.at([moved(slot) for slot in pair.slots])


def with_variety(pair: Pair, constant: Collection[Slot]) -> Pair:
    """Return the same functions with other numbers in arrays that hold one number everywhere."""
    return pair.at([varied(s.value) if s in constant else s.value for s in pair.slots])


def varied(x: Array) -> Array:
    """Return an array of different numbers, for an array that holds one number everywhere."""
    rng = np.random.default_rng(2)
    return (x * rng.uniform(0.6, 1.4, x.shape) if x.any() else rng.normal(0, 0.7, x.shape)).astype(x.dtype)


def elsewhere(pair: Pair, among: Collection[Slot], seed: int, near: bool = False, other_signs: bool = False) -> Pair:
    """Return the same functions with other values in their slots and, for an odd seed, labels in another order.

    The slots `among`, and other slots that are free (see `is_free`), are permuted, which keeps their range, and scaled.
    A sorted array stays sorted, and a symmetric one symmetric; an array of one number gets different ones. With
    `near`, values are only scaled a little, for functions that are not defined everywhere. A grid that is not `among`
    them is shifted as a whole: its mean may be 0 by chance.
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
        other.leaves = [rng.permutation(x) if is_labels(x) else x for x in pair.leaves]
    return other


def is_labels(x: Any) -> bool:
    """Return whether an argument is an array of integers, not a single one."""
    return getattr(x, "dtype", None) is not None and x.dtype.kind in "iu" and x.ndim > 0


def of_other_sizes(pair: Pair, among: Collection[Slot]) -> Iterator[list[Pair]]:
    """Yield the same functions with one more sample; then, for each length, with one more entry along its axes.

    A formula may use a size, or a number or another size that is equal to it by chance: other sizes show which. Each
    list has a second choice, of twice the length, since functions may need multiples of some number.
    """
    arrays = arrays_of(pair)
    lengths = sorted({n for x in arrays for n in growing(x).shape if n > 1}) or [1]
    batch = number_of_samples(arrays)
    choices: list[tuple[int, int | None]] = [(length, None) for length in lengths]  # all axes of that length grow
    if batch in lengths:
        choices.insert(0, (batch, 1))  # only first axes grow: one more sample
    for length, axes in choices:
        yield [longer(pair, among, length, axes, more) for more in ([length // 2], range(length))]


def of_more_samples(pair: Pair, among: Collection[Slot]) -> Iterator[tuple[str, Callable[[], Pair]]]:
    """Yield a reason why the number of rows may hide a mistake, and a callable that adds a row to the same functions.

    All arrays with that number of rows get one more; then only the first slot and the labels.
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
    """Return the same functions with more entries along each axis of a length, among the first `axes` (None: all).

    The entries at the indices `more` are repeated at the end. If `only` is given, other slots do not grow. The slots
    `among`, and other slots that are free, are also scaled.
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
    """Return an array with only those axes that may grow.

    The last axis may not grow if it holds indices that are all different: x[indices] -= 1 is right only while they are.
    """
    if not is_whole(x) or x.ndim == 0 or x.size <= 1:
        return x
    ordered = np.sort(x, axis=-1)
    has_repeats = np.any(ordered[..., 1:] == ordered[..., :-1])
    return x if has_repeats else x[..., 0]


def arrays_of(pair: Pair) -> list[Array]:
    """Return the values of the slots, and the arguments that are arrays of integers or booleans."""
    return [*(s.value for s in pair.slots), *filter(is_whole, pair.leaves)]


def number_of_samples(arrays: Sequence[Array]) -> int:
    """Return the number of rows of the first array that has rows and columns; 0 if there is none."""
    return next((int(x.shape[0]) for x in arrays if x.ndim > 1), 0)


def is_whole(x: Any) -> bool:
    """Return whether x is an array of integers or booleans."""
    return isinstance(x, np.ndarray) and x.dtype.kind in "iub"


def at_double(pair: Pair) -> Pair:
    """Return the same functions at the same values in float64, if their outputs then are float64.

    Whether a formula is right does not depend on the precision, and in float64 rounding hides no mistake.
    """
    if all(s.value.dtype.itemsize >= 8 for s in pair.slots):
        return pair
    wide = pair.at([s.value.astype(np.float64) for s in pair.slots])
    with np.errstate(all="ignore"):
        hands = [np.asarray(plain(g)) for _, _, g in pair.play().hand]
        if any(g.dtype.kind == "f" and not np.isfinite(g).all() for g in hands):
            return pair  # float64 might hide this nan or inf, which is to be reported
        try:
            return wide if all(y.dtype != np.float32 for y in wide.play().outputs) else pair
        except Exception:  # the functions take only float32
            return pair


def is_constant(x: Array) -> bool:
    """Return whether an array holds one number everywhere, as the scales and biases of a new layer do.

    Equal probabilities do not count: with other numbers they might no longer sum to 1.
    """
    if x.size < 2 or not np.all(x == x.flat[0]):
        return False
    return not (0 < x.flat[0] < 1 and np.allclose(np.sum(x, axis=-1), 1))


def is_free(x: Array) -> bool:
    """Return whether an array may get any other values: it is no labels, probabilities, grid or symmetric matrix."""
    whole = np.array_equal(x, np.round(x))
    shares = x.ndim > 0 and np.allclose(np.sum(x, axis=-1), 1)
    symmetric = x.ndim == 2 and np.array_equal(x, x.T)
    return not (whole or shares or is_grid(x) or symmetric)


def is_grid(x: Array) -> bool:
    """Return whether numbers ascend, as points in time do; a shift of all of them keeps their distances."""
    return x.ndim == 1 and x.size > 2 and bool(np.all(np.diff(x) > 0)) and not np.array_equal(x, np.round(x))
