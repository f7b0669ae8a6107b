"""What is done to gradients between backward and step: clipping, and trimming of what is too small."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..core.tensor import Tensor


def with_gradient(parameters: Any) -> list[Any]:
    given: Iterable[Any] = [parameters] if isinstance(parameters, Tensor) else parameters
    return [p for p in given if p.grad is not None]


def clip_grad_norm_(parameters: Any, max_norm: float, norm_type: float = 2.0) -> Any:
    """The norm of all gradients taken together; where it is larger than max_norm, they are scaled down to that.

    Parameters
    ----------
    parameters : iterable of Tensor
    max_norm : float
    norm_type : float
        2, 1, inf or another p of a p-norm.

    Examples
    --------
    >>> w = Tensor([3.0, 4.0], requires_grad=True)
    >>> (w * w / 2).sum().backward()
    >>> float(clip_grad_norm_([w], max_norm=1.0))
    5.0
    >>> w.grad.round(3)
    array([0.6, 0.8])
    """
    trained = with_gradient(parameters)
    norms = [np.linalg.norm(np.ravel(p.grad), norm_type) for p in trained]
    total = np.linalg.norm(np.stack(norms), norm_type) if norms else np.zeros(())
    scale = np.minimum(max_norm / (total + 1e-6), 1)
    for p in trained:
        p.grad = p.grad * scale
    return total


def clip_grad_value_(parameters: Any, clip_value: float) -> None:
    """Bring every entry of the gradients between -clip_value and clip_value.

    Examples
    --------
    >>> w = Tensor([3.0, -0.5], requires_grad=True)
    >>> (w * w / 2).sum().backward()
    >>> clip_grad_value_([w], 1.0)
    >>> w.grad
    array([ 1. , -0.5])
    """
    for p in with_gradient(parameters):
        p.grad = np.clip(p.grad, -clip_value, clip_value)


def trim_deltas(parameters: Any, threshold: float) -> None:
    """Set to zero the entries of the gradients that are smaller than the threshold: the article's delta trimming.

    The article names it and leaves it open. Read here: a delta is what a parameter is about to be changed by, before
    the learning rate; those below the threshold are left out of the step, the others stay as they are.

    Examples
    --------
    >>> w = Tensor([3.0, -0.5], requires_grad=True)
    >>> (w * w / 2).sum().backward()
    >>> trim_deltas([w], 1.0)
    >>> w.grad
    array([3., 0.])
    """
    if not 0 <= threshold < math.inf:
        raise ValueError(f"threshold={threshold} is no size that an entry of a gradient could be below.")
    for p in with_gradient(parameters):
        p.grad = np.where(np.abs(p.grad) < threshold, 0, p.grad)
