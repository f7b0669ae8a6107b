"""Numbers brought into the form that a model learns from best."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import ArgumentError, describe
from ..nn.validation import SIZE, checked_samples, require
from ..ops.losses import one_hot as rows_of_classes
from ..ops.primitive import as_array


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
    if classes is None:
        if not labels.size:
            raise ArgumentError("no labels to count the classes of: pass classes=.")
        classes = int(labels.max()) + 1
    require("one_hot", SIZE, classes=classes)
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
