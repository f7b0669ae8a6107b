"""The update rules: each is a few lines on a parameter p, its gradient g and its state.

At the end, what changes gradients between backward and step: clipping, and trimming of small entries.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..core.dispatch import single
from ..core.errors import ArgumentError, ArgumentTypeError
from ..core.tensor import Tensor, constant
from ..nn.validation import DECAY, in_words, instance_of, require, validate
from .optimiser import Group, Optimiser, State, listed

Params = Iterable[Any]
Pair = tuple[float, float]


def zeros(p: Tensor) -> Tensor:
    """A state of the parameter's shape that begins with zeros; float32 for float16."""
    return constant(single(np.zeros_like(p.data)))


def counter(p: Tensor) -> Tensor:
    """A count of steps, in the dtype of the parameter; float32 for float16."""
    return constant(single(np.zeros((), p.dtype)))


def decayed(p: Any, g: Any, weight_decay: Any) -> Any:
    """The gradient plus weight_decay * p, which is that of the penalty weight_decay / 2 * p²."""
    return g if weight_decay is None else g + weight_decay * p


class SGD(Optimiser):
    """p -= lr * g, with momentum (Polyak 1964), Nesterov's (1983) and weight decay, as PyTorch defines them.

    Parameters
    ----------
    params : iterable
        Parameters, such as `model.parameters()`, (name, parameter) pairs, or groups: dicts with "params" and options.
    lr : float
        The learning rate, at least 0; the article calls it alpha.
    momentum : float
        The factor of the velocity; 0 is no momentum.
    weight_decay : float
        The factor of p in the gradient, that of a penalty of half the weight decay times p².
    nesterov : bool
        Whether the gradient is that at the point where the momentum leads to; needs a momentum.

    Raises
    ------
    TypeError
        If params are no leaf Tensors, or an option is no number.
    ValueError
        If there are no params, one is given twice, or an option is out of its range.

    Examples
    --------
    >>> from micrograd_np import nn
    >>> w = nn.Parameter([1.0, 2.0])
    >>> w.grad = [1.0, -1.0]
    >>> SGD([w], lr=0.5).step()
    >>> w.data.round(3)
    array([0.5, 2.5])
    """

    _elementwise = True
    _optional_when_zero = ("momentum", "weight_decay")

    def __init__(
        self, params: Params, lr: float = 1e-3, momentum: float = 0.0, weight_decay: float = 0.0, nesterov: bool = False
    ) -> None:
        if nesterov and not momentum:
            raise ArgumentError(f"SGD: nesterov=True needs a momentum above 0, such as 0.9, and it is {momentum}.")
        self.nesterov = nesterov
        super().__init__(params, lr=lr, momentum=momentum, weight_decay=weight_decay)

    def _begin(self, p: Tensor, group: Group) -> State:
        return {} if group["momentum"] is None else {"velocity": zeros(p)}

    def update(self, p: Any, g: Any, state: State, lr: Any, momentum: Any, weight_decay: Any) -> None:
        g = decayed(p, g, weight_decay)
        if momentum is not None:
            velocity = state["velocity"]
            velocity *= momentum
            velocity += g
            g = g + momentum * velocity if self.nesterov else velocity
        p -= np.multiply(lr, g, self._scratch)


class Adam(Optimiser):
    """Steps scaled by running moments of the gradient (Kingma and Ba 2015, algorithm 1).

    Parameters
    ----------
    params : iterable
        Parameters, such as `model.parameters()`, (name, parameter) pairs, or groups: dicts with "params" and options.
    lr : float
        The learning rate, at least 0; the article calls it alpha.
    betas : (float, float)
        The shares of the first and the second moment that stay at each step, below 1.
    eps : float
        Added to the root, so that nothing is divided by 0.
    weight_decay : float
        The factor of p in the gradient, that of a penalty of half the weight decay times p².

    Raises
    ------
    TypeError
        If params are no leaf Tensors, or an option is no number.
    ValueError
        If there are no params, one is given twice, or an option is out of its range.

    Examples
    --------
    >>> from micrograd_np import nn
    >>> w = nn.Parameter([1.0, 2.0])
    >>> w.grad = [1.0, -1.0]
    >>> Adam([w], lr=0.5).step()
    >>> w.data.round(3)
    array([0.5, 2.5])
    """

    _elementwise = True
    _optional_when_zero = ("weight_decay",)
    _ranges = Optimiser._ranges | {"beta1": DECAY, "beta2": DECAY}
    _decoupled = False

    def __init__(
        self, params: Params, lr: float = 1e-3, betas: Pair = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0.0
    ) -> None:
        if not isinstance(betas, tuple | list) or len(betas) != 2:
            raise ArgumentTypeError(
                f"{type(self).__name__}: betas must be two numbers, such as (0.9, 0.999), not {in_words(betas)}."
            )
        super().__init__(params, lr=lr, beta1=betas[0], beta2=betas[1], eps=eps, weight_decay=weight_decay)

    def _begin(self, p: Tensor, group: Group) -> State:
        return {"first": zeros(p), "second": zeros(p), "steps": counter(p)}

    def update(
        self, p: Any, g: Any, state: State, lr: Any, beta1: Any, beta2: Any, eps: Any, weight_decay: Any
    ) -> None:
        first, second, steps = state["first"], state["second"], state["steps"]
        steps += 1.0
        out = self._scratch
        if not self._decoupled:
            g = decayed(p, g, weight_decay)
        elif weight_decay is not None:
            p *= 1 - lr * weight_decay
        first += np.multiply(1.0 - beta1, np.subtract(g, first, out), out)
        second += np.multiply(1.0 - beta2, np.subtract(np.multiply(g, g, out), second, out), out)
        size = np.add(np.sqrt(np.divide(second, 1.0 - beta2**steps, out), out), eps, out)
        p -= np.multiply(lr / (1.0 - beta1**steps), np.divide(first, size, out), out)


class AdamW(Adam):
    """Adam whose weight decay shrinks the parameter itself (Loshchilov and Hutter 2019).

    Parameters
    ----------
    params : iterable
        Parameters, such as `model.parameters()`, (name, parameter) pairs, or groups: dicts with "params" and options.
    lr : float
        The learning rate, at least 0; the article calls it alpha.
    betas : (float, float)
        The shares of the first and the second moment that stay at each step, below 1.
    eps : float
        Added to the root, so that nothing is divided by 0.
    weight_decay : float
        The share of p, times the learning rate, that is taken off p at each step.

    Raises
    ------
    TypeError
        If params are no leaf Tensors, or an option is no number.
    ValueError
        If there are no params, one is given twice, or an option is out of its range.

    Examples
    --------
    >>> from micrograd_np import nn
    >>> w = nn.Parameter([1.0, 2.0])
    >>> w.grad = [1.0, -1.0]
    >>> AdamW([w], lr=0.5, weight_decay=0.1).step()
    >>> w.data.round(3)
    array([0.45, 2.4 ])
    """

    _decoupled = True

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: Pair = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)


class RMSprop(Optimiser):
    """Steps divided by a running root mean square of the gradient (Hinton 2012, lecture 6e).

    Parameters
    ----------
    params : iterable
        Parameters, such as `model.parameters()`, (name, parameter) pairs, or groups: dicts with "params" and options.
    lr : float
        The learning rate, at least 0.
    alpha : float
        The share of the mean square that stays at each step, below 1.
    eps : float
        Added to the root, so that nothing is divided by 0.
    weight_decay : float
        The factor of p in the gradient, that of a penalty of half the weight decay times p².
    momentum : float
        The share of the last step in this one; 0 is without.

    Raises
    ------
    TypeError
        If params are no leaf Tensors, or an option is no number.
    ValueError
        If there are no params, one is given twice, or an option is out of its range.

    Examples
    --------
    >>> from micrograd_np import nn
    >>> w = nn.Parameter([1.0, 2.0])
    >>> w.grad = [1.0, -1.0]
    >>> RMSprop([w], lr=0.5).step()
    >>> w.data.round(3)
    array([-4.,  7.])
    """

    _elementwise = True
    _optional_when_zero = ("momentum", "weight_decay")
    _ranges = Optimiser._ranges | {"alpha": DECAY}

    def __init__(
        self,
        params: Params,
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum)

    def _begin(self, p: Tensor, group: Group) -> State:
        return {"square": zeros(p)} | ({} if group["momentum"] is None else {"velocity": zeros(p)})

    def update(
        self, p: Any, g: Any, state: State, lr: Any, alpha: Any, eps: Any, weight_decay: Any, momentum: Any
    ) -> None:
        g = decayed(p, g, weight_decay)
        out = self._scratch
        square = state["square"]
        square += np.multiply(1.0 - alpha, np.subtract(np.multiply(g, g, out), square, out), out)
        g = np.divide(g, np.add(np.sqrt(square, out), eps, out), out)
        if momentum is not None:
            velocity = state["velocity"]
            velocity *= momentum
            velocity += g
            g = velocity
        p -= np.multiply(lr, g, out)


class Adagrad(Optimiser):
    """Steps divided by the root of the sum of all squared gradients so far (Duchi et al. 2011).

    Parameters
    ----------
    params : iterable
        Parameters, such as `model.parameters()`, (name, parameter) pairs, or groups: dicts with "params" and options.
    lr : float
        The learning rate, at least 0; the article calls it alpha.
    eps : float
        Added to the root, so that nothing is divided by 0.
    weight_decay : float
        The factor of p in the gradient, that of a penalty of half the weight decay times p².

    Raises
    ------
    TypeError
        If params are no leaf Tensors, or an option is no number.
    ValueError
        If there are no params, one is given twice, or an option is out of its range.

    Examples
    --------
    >>> from micrograd_np import nn
    >>> w = nn.Parameter([1.0, 2.0])
    >>> w.grad = [1.0, -1.0]
    >>> Adagrad([w], lr=0.5).step()
    >>> w.data.round(3)
    array([0.5, 2.5])
    """

    _elementwise = True
    _optional_when_zero = ("weight_decay",)

    def __init__(self, params: Params, lr: float = 0.01, eps: float = 1e-10, weight_decay: float = 0.0) -> None:
        super().__init__(params, lr=lr, eps=eps, weight_decay=weight_decay)

    def _begin(self, p: Tensor, group: Group) -> State:
        return {"total": zeros(p)}

    def update(self, p: Any, g: Any, state: State, lr: Any, eps: Any, weight_decay: Any) -> None:
        g = decayed(p, g, weight_decay)
        out = self._scratch
        total = state["total"]
        total += np.multiply(g, g, out)
        size = np.add(np.sqrt(total, out), eps, out)
        p -= np.multiply(lr, np.divide(g, size, out), out)


# What changes gradients between backward and step: clipping, and trimming of small entries.

TENSOR = instance_of(Tensor)


def with_gradients(owner: str, parameters: Any) -> list[Any]:
    """The parameters that have a gradient."""
    tensors = [parameters] if isinstance(parameters, Tensor) else listed(owner, "parameters", parameters)
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
    wide = [np.ravel(single(g)) for g in full]
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
