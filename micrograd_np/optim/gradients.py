"""Functions that change gradients between backward and step: clipping, and trimming of small entries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..core.errors import ArgumentTypeError
from ..core.tensor import Tensor
from ..nn.module import Module
from ..nn.validation import in_words, instance_of, require, validate

TENSOR = instance_of(Tensor)


def with_gradients(owner: str, parameters: Any) -> list[Any]:
    """The parameters that have a gradient."""
    given: Iterable[Any] = [parameters] if isinstance(parameters, Tensor) else parameters
    if isinstance(given, Module) or not isinstance(given, Iterable):
        raise ArgumentTypeError(
            f"{owner}: parameters must be a list of tensors, such as model.parameters(), not {in_words(given)}."
        )
    tensors = list(given)
    for p in tensors:
        require(owner, TENSOR, **{"each of the parameters": p})
    return [p for p in tensors if p.grad is not None]


def clip_grad_norm_(parameters: Any, max_norm: float, norm_type: float = 2.0) -> Any:
    """The norm of all gradients taken together; where it is larger than max_norm, they are scaled down to that.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        Those whose gradients are changed, such as `model.parameters()`.
    max_norm : float
        The largest norm that is left as it is, at least 0.
    norm_type : float
        The p of the p-norm, such as 2, 1 or inf.

    Raises
    ------
    TypeError
        If parameters is no list of Tensors.
    ValueError
        If a number is negative, nan or inf.

    Examples
    --------
    >>> w = Tensor([3.0, 4.0], requires_grad=True)
    >>> (w * w / 2).sum().backward()
    >>> float(clip_grad_norm_([w], max_norm=1.0))
    5.0
    >>> w.grad.round(3)
    array([0.6, 0.8])
    """
    validate("clip_grad_norm_", max_norm=max_norm, norm_type=norm_type)
    trained = with_gradients("clip_grad_norm_", parameters)
    full = [p.grad for p in trained if p.size]
    if not full:
        return np.zeros(())
    wide = [np.ravel(g.astype(np.float32) if g.dtype == np.float16 else g) for g in full]
    largest = np.max(np.stack([np.max(np.abs(g)) for g in wide]))
    unit = np.where(largest > 0, largest, 1)  # the squares of what is left are at most 1, and cannot overflow
    norms = [np.linalg.norm(g / unit, norm_type) for g in wide]
    total = unit * np.linalg.norm(np.stack(norms), norm_type)
    scale = np.minimum(max_norm / (total + 1e-6), 1)
    for p in trained:
        p.grad = p.grad * scale
    return total


def clip_grad_value_(parameters: Any, clip_value: float) -> None:
    """Bring every entry of the gradients between -clip_value and clip_value.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        Those whose gradients are changed, such as `model.parameters()`.
    clip_value : float
        The largest absolute value, at least 0.

    Raises
    ------
    TypeError
        If parameters is no list of Tensors.
    ValueError
        If a number is negative, nan or inf.

    Examples
    --------
    >>> w = Tensor([3.0, -0.5], requires_grad=True)
    >>> (w * w / 2).sum().backward()
    >>> clip_grad_value_([w], 1.0)
    >>> w.grad
    array([ 1. , -0.5])
    """
    validate("clip_grad_value_", clip_value=clip_value)
    for p in with_gradients("clip_grad_value_", parameters):
        p.grad = np.clip(p.grad, -clip_value, clip_value)


def trim_deltas(parameters: Any, threshold: float) -> None:
    """Set to zero the entries of the gradients that are smaller than the threshold: the article's delta trimming.

    The article names it and leaves it open. Read here: a delta is what a parameter is about to be changed by, before
    the learning rate; those below the threshold are left out of the step, the others stay as they are.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        Those whose gradients are changed, such as `model.parameters()`.
    threshold : float
        The absolute value below which an entry is set to zero, at least 0.

    Raises
    ------
    TypeError
        If parameters is no list of Tensors.
    ValueError
        If a number is negative, nan or inf.

    Examples
    --------
    >>> w = Tensor([3.0, -0.5], requires_grad=True)
    >>> (w * w / 2).sum().backward()
    >>> trim_deltas([w], 1.0)
    >>> w.grad
    array([3., 0.])
    """
    validate("trim_deltas", threshold=threshold)
    for p in with_gradients("trim_deltas", parameters):
        p.grad = np.where(np.abs(p.grad) < threshold, 0, p.grad)
