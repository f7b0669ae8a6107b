"""Checks of the arguments of `verify`: an error says what is wrong, and what to write instead."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ArgumentTypeError, ShapeError
from ..core.tensor import Tensor
from .flat_function import parameter_names, plain

Array = Any


def check_form(output: Any, given: Sequence[Any]) -> None:
    """Raise if a call of `verify` has none of its forms."""
    if isinstance(output, Tensor) and len(given) == 1 and isinstance(given[0], dict):
        return
    method = getattr(output, "__self__", None) is not None
    if callable(output) and not isinstance(output, Tensor) and (given or method):
        return
    raise ArgumentTypeError(
        "verify takes a recorded loss and its gradients by hand, verify(loss, {'W1': dW1, w2: dw2}); two functions and "
        "their inputs, verify(forward, backward, x, w); or one that returns the loss and its gradients, "
        f"verify(loss_and_grad, x, w); not {', '.join(type(x).__name__ for x in (output, *given))}."
    )


def check_gradients(output: Tensor, hand: Any, gradient: Any) -> None:
    if not hand:
        raise ArgumentError("verify was given no gradient by hand: name at least one, as in {'W1': dW1}.")
    if output.size != 1 and gradient is None:
        raise ShapeError(
            f"verify starts from a loss, and the output has shape {output.shape}. Give the loss itself, or the "
            "gradient that your backward pass starts from: verify(output, {...}, gradient=dout)."
        )
    if not np.isfinite(output._data).all():
        raise ArgumentError(
            f"the output is {output._data}, so there is no gradient to compare with. mg.detect_anomaly() names the op "
            "that made the first nan or inf."
        )


def check_inputs(forward: Callable[..., Any], inputs: Sequence[Any]) -> None:
    try:
        inspect.signature(forward).bind(*inputs)
    except TypeError:
        raise ArgumentTypeError(
            f"{called(forward)} takes {', '.join(parameter_names(forward))}, and verify was given {len(inputs)} inputs "
            "for it: write verify(forward, backward, *inputs)."
        ) from None
    except ValueError:
        return  # the function's signature is not known


def check_repeats(forward: Callable[..., Any], first: Array, again: Array) -> None:
    if np.shape(first) != np.shape(again) or not np.allclose(first, plain(again), equal_nan=True):
        raise ArgumentError(
            f"{called(forward)} gave two outputs for the same inputs, so its gradients cannot be compared. Draw random "
            "numbers, such as a dropout mask, outside of it, or make their generator anew in each call."
        )


def called(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", "the function")
