"""Samples: arrays in batches, in an order drawn anew; a part kept aside; numbers in the form a model learns from."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, describe
from ..nn.validation import checked, validate
from ..ops.losses import check_integers
from ..ops.losses import one_hot as rows_of_classes
from ..ops.primitive import as_array


@checked
def batches(
    *arrays: Any,
    size: int | None = None,
    shuffle: bool = True,
    rng: np.random.Generator | None = None,
    drop_last: bool = False,
) -> Batches:
    """Tuples of the next `size` samples of each array; each pass over them draws a new order.

    Parameters
    ----------
    *arrays : (N, ...)
        Arrays of N samples each, the first axis.
    size : int
        The most samples in a batch. May also stand last among the arrays: `batches(X, y, 32, rng=rng)`.
    shuffle : bool
        Whether the order is drawn; else it is the arrays' own.
    rng : Generator
        The source of the order.
    drop_last : bool
        Whether a last batch of fewer samples is left out.

    Returns
    -------
    Batches
        For a loop in each epoch; `len` is the number of batches.

    Raises
    ------
    ValueError
        If there are no samples, their numbers differ, or one holds nan or inf.

    Examples
    --------
    >>> for x, y in batches(np.arange(5), np.arange(5) ** 2, size=2, shuffle=False):
    ...     print(x, y)
    [0 1] [0 1]
    [2 3] [4 9]
    [4] [16]
    """
    if size is None:
        *arrays, size = arrays or (None,)  # type: ignore[assignment]
    validate("batches", size=size)
    size = operator.index(size)
    samples = checked_samples(arrays)
    count = len(samples[0])
    end = count - count % size if drop_last else count
    if not end:
        raise ArgumentError(f"{count} samples make no batch of {size}: choose a smaller size, or drop_last=False.")
    if shuffle:
        validate("batches(shuffle=True)", rng=rng)  # a hidden one could not repeat a run
    return Batches(samples, range(0, end, size), rng if shuffle else None)


class Batches:
    """Batches of samples, for a loop in each epoch: each pass gives all, in an order drawn when it begins.

    Parameters
    ----------
    arrays : list of (N, ...)
        Arrays of N samples each.
    starts : range
        Where each batch begins; the step is the size of a batch.
    rng : Generator, optional
        The source of the order; without it, the arrays' own.

    Examples
    --------
    >>> loader = batches(np.arange(4), size=2, rng=np.random.default_rng(0))
    >>> len(loader)
    2
    >>> [[x.tolist() for (x,) in loader] for epoch in range(2)]
    [[[2, 0], [1, 3]], [[3, 2], [1, 0]]]
    """

    def __init__(self, arrays: list[Any], starts: range, rng: np.random.Generator | None = None) -> None:
        self.arrays, self.starts, self.rng = arrays, starts, rng

    def __len__(self) -> int:
        return len(self.starts)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        count, size = len(self.arrays[0]), self.starts.step
        order = np.arange(count) if self.rng is None else self.rng.permutation(count)
        return (tuple(x[order[i : i + size]] for x in self.arrays) for i in self.starts)

    def __repr__(self) -> str:
        return f"Batches({len(self)} of {self.starts.step} samples)"


@checked
def split(
    *arrays: Any, test: float = 0.2, rng: np.random.Generator | None = None, stratify: Any = None
) -> tuple[Any, ...]:
    """Two parts of each array, `X_train, X_test, y_train, y_test`, the same samples of each, drawn without replacement.

    Parameters
    ----------
    *arrays : (N, ...)
        Arrays of N samples each, the first axis.
    test : float or int
        The share of the samples that goes to the test part, or with an int their number.
    rng : Generator
        The source of the choice.
    stratify : (N,), optional
        Labels: each class then gives its share of the test part, to the next whole number.

    Raises
    ------
    ValueError
        If a part would be empty, or the arrays are such as `batches` refuses.

    Examples
    --------
    >>> train, test = split(np.arange(10), test=0.3, rng=np.random.default_rng(0))
    >>> len(train), len(test)
    (7, 3)
    """
    samples = checked_samples(arrays)
    count = len(samples[0])
    validate("split", rng=rng)
    kept = int(test) if isinstance(test, Integral) else round(test * count)
    if not 0 < kept < count:
        raise ArgumentError(f"test={test} of {count} samples leaves one of the two parts empty.")
    order = rng.permutation(count)  # type: ignore[union-attr]
    if stratify is not None:
        order = stratified(order, stratify, kept)
    return tuple(x[part] for x in samples for part in (order[kept:], order[:kept]))


def stratified(order: Any, labels: Any, kept: int) -> Any:
    """The same order, but its first `kept` taken at equal distances from the samples sorted by class."""
    labels = np.asarray(labels)
    if labels.shape != order.shape:
        raise ArgumentError(f"stratify needs one label for each of the {len(order)} samples, and has {labels.shape}.")
    by_class = order[np.argsort(labels[order], kind="stable")]
    places = (2 * np.arange(kept) + 1) * len(order) // (2 * kept)
    chosen = np.isin(order, by_class[places])
    return np.concatenate([order[chosen], order[~chosen]])


def one_hot(labels: Any, classes: int | None = None) -> Any:
    """For each label a row of zeros with a 1 at the label, in small integers that take on any other dtype.

    Parameters
    ----------
    labels : (...)
        Integers that count from 0.
    classes : int, optional
        How many there are; one more than the largest label without it.

    Raises
    ------
    IndexError
        If a label lies outside; TypeError if labels are no integers.

    Examples
    --------
    >>> one_hot([0, 2, 1])
    array([[1, 0, 0],
           [0, 0, 1],
           [0, 1, 0]], dtype=int8)
    """
    labels = as_array(labels)
    if classes is None and not labels.size:
        raise ArgumentError("no labels to count the classes of: pass classes=.")
    check_integers("labels", labels)
    if classes is None:
        classes = max(int(labels.max()), 0) + 1
    validate("one_hot", classes=classes)
    return rows_of_classes(labels, classes)


def standardise(train: Any, *others: Any) -> Any:
    """Each column less its mean, divided by its standard deviation; both are those of `train`, for the others too.

    Parameters
    ----------
    train : (N, ...)
        The samples that a model learns from.
    *others : (M, ...)
        Scaled by what was found in train, so that nothing is learned from them.

    Returns
    -------
    array, or one for each argument
        A column that is constant in train is 0 there.

    Raises
    ------
    ValueError
        If train holds nan or inf, or another array has other columns.

    Examples
    --------
    >>> train, test = standardise([[1.0, 5.0], [3.0, 5.0]], [[4.0, 6.0]])
    >>> train
    array([[-1.,  0.],
           [ 1.,  0.]])
    >>> test
    array([[2., 1.]])
    """
    (train,) = checked_samples((train,))
    constant = np.equal(train.min(axis=0), train.max(axis=0))
    centre = np.where(constant, train[0], train.mean(axis=0))
    width = np.where(constant, 1, train.std(axis=0))
    scaled = []
    for x in (train, *(as_array(x) for x in others)):
        if x.shape[1:] != train.shape[1:]:
            raise ArgumentError(
                f"{describe(x, 'x')} has other columns than {describe(train, 'train')}, which it is scaled by."
            )
        scaled.append((x - centre) / width)
    return tuple(scaled) if others else scaled[0]


def checked_samples(arrays: tuple[Any, ...]) -> list[Any]:
    """The arguments as arrays of equally many samples, at least one, without nan or inf."""
    checked = [as_array(x) for x in arrays]
    names = [describe(x, f"array {i}") for i, x in enumerate(checked)]
    sizes = {len(x) if x.ndim else 0 for x in checked}
    if len(sizes) != 1 or 0 in sizes:
        given = ", ".join(names) or "none"
        raise ArgumentError(f"give arrays of equally many samples on the first axis, at least one, not {given}.")
    for x, name in zip(checked, names, strict=True):
        check_all_finite(x, name)
    return checked


def check_all_finite(x: Any, name: str) -> None:
    """Raise if nan or inf is in the data: one of them in a batch makes all weights nan."""
    if x.dtype.kind != "f":
        return
    with np.errstate(all="ignore"):
        if math.isfinite(x.sum()):  # the common case in one pass: a finite sum has no nan and no inf in it
            return
    wrong = np.logical_not(np.isfinite(x))
    if wrong.any():
        where = tuple(np.argwhere(wrong)[0].tolist())
        raise ArgumentError(
            f"{name} holds nan or inf in {int(wrong.sum())} of {x.size} entries, the first at {where}: "
            f"{x[where]}. Leave out such samples, or fill them in with np.where(np.isfinite(x), x, value)."
        )
