"""A few samples at a time, in an order drawn anew; and a part of the samples kept aside."""

from __future__ import annotations

import numbers
import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from ..nn.validation import FLAG, POSITIVE, SIZE, checked_generator, checked_samples, require


def batches(
    *arrays: Any,
    size: int | None = None,
    shuffle: bool = True,
    rng: np.random.Generator | None = None,
    drop_last: bool = False,
) -> Iterator[tuple[Any, ...]]:
    """An iterator of tuples: the next `size` samples of each array.

    Parameters
    ----------
    *arrays : (N, ...)
        Arrays of N samples each, the first axis.
    size : int
        The number of samples in a batch. May also stand last among the arrays: `batches(X, y, 32, rng=rng)`.
    shuffle : bool
        Whether the order is drawn; else it is the arrays' own.
    rng : Generator
        The source of the order.
    drop_last : bool
        Whether a last batch of fewer samples is left out.

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
        *arrays, size = arrays  # type: ignore[assignment]
    require("batches", SIZE._replace(text="a number of samples of at least 1, such as size=32"), size=size)
    require("batches", FLAG, shuffle=shuffle, drop_last=drop_last)
    size = operator.index(size)
    checked = checked_samples(tuple(arrays))
    count = len(checked[0])
    end = count - count % size if drop_last else count
    if not end:
        raise ArgumentError(f"{count} samples make no batch of {size}: choose a smaller size, or drop_last=False.")
    order = checked_generator(rng, "shuffle=True").permutation(count) if shuffle else np.arange(count)
    return (tuple(x[order[i : i + size]] for x in checked) for i in range(0, end, size))


def split(
    *arrays: Any, test: float = 0.2, rng: np.random.Generator | None = None, stratify: Any = None
) -> tuple[Any, ...]:
    """Two parts of each array, `X_train, X_test, y_train, y_test`, the same samples of each, drawn without return.

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
    checked = checked_samples(arrays)
    count = len(checked[0])
    require("split", POSITIVE, test=test)
    kept = int(test) if isinstance(test, numbers.Integral) else round(test * count)
    if not 0 < kept < count:
        raise ArgumentError(f"test={test} of {count} samples leaves one of the two parts empty.")
    order = checked_generator(rng, "split").permutation(count)
    if stratify is not None:
        order = stratified(order, stratify, kept)
    return tuple(x[part] for x in checked for part in (order[kept:], order[:kept]))


def stratified(order: Any, labels: Any, kept: int) -> Any:
    """The same order, but its first `kept` taken at equal distances from the samples sorted by class."""
    labels = np.asarray(labels)
    if labels.shape != order.shape:
        raise ArgumentError(f"stratify needs one label for each of the {len(order)} samples, and has {labels.shape}.")
    by_class = order[np.argsort(labels[order], kind="stable")]
    test = by_class[positions(len(order), kept)]
    chosen = np.isin(order, test)
    return np.concatenate([order[chosen], order[~chosen]])


def positions(count: int, kept: int) -> Any:
    """`kept` positions among `count`, equally far apart."""
    return (2 * np.arange(kept) + 1) * count // (2 * kept)
