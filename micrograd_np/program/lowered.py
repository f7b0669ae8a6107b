"""Rows whose kernels are several lines of NumPy, taken apart into rows that are one step each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..ops import TABLE
from ..ops.activations import _CUBIC, _LIMIT, _LINEAR, _MINUS_SQRT_HALF
from .record import record
from .values import CONSTANT, RESULT, Step, Steps, Value


def softmax(x: Any, axis: Any) -> Any:
    z = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return z / np.sum(z, axis=axis, keepdims=True)


def log_softmax(x: Any, axis: Any) -> Any:
    z = x - np.max(x, axis=axis, keepdims=True)
    return z - np.log(np.sum(np.exp(z), axis=axis, keepdims=True))


def logsumexp(x: Any, axis: Any, keepdims: bool) -> Any:
    top = np.max(x, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    z = top + np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True))
    return z if keepdims else np.squeeze(z, axis)


def var(x: Any, axis: Any, ddof: float, keepdims: bool) -> Any:
    deviation = x - np.mean(x, axis=axis, keepdims=True)
    total = np.sum(deviation * deviation, axis=axis, keepdims=keepdims)
    return total / (x.size // max(total.size, 1) - ddof)


def std(x: Any, **params: Any) -> Any:
    return np.sqrt(var(x, **params))


def checked(labels: Any, count: int) -> Any:
    """The labels, which must count from 0 and be less than count: a negative one looks beyond the end."""
    return TABLE["getitem"](np.arange(count), np.where(labels < 0, count, labels))


def cross_entropy(x: Any, labels: Any, reduction: str) -> Any:
    logs = log_softmax(x, -1)
    if labels.ndim == x.ndim:
        losses = -np.sum(labels * logs, axis=-1)
    else:
        right = checked(labels, x.shape[-1])[..., None] == np.arange(x.shape[-1])
        losses = -np.sum(np.where(right, logs, 0), axis=-1)
    return {"none": losses, "mean": losses.mean(), "sum": losses.sum()}[reduction]


def excess(x: Any, labels: Any) -> Any:
    right = checked(labels, x.shape[-1])[..., None] == np.arange(x.shape[-1])
    return softmax(x, -1) - right


def embedding(ids: Any, weight: Any) -> Any:
    return weight[checked(ids, weight.shape[0])]


def fall(x: Any) -> Any:
    return np.exp(np.minimum(x * (-_CUBIC * (x * x) - _LINEAR), _LIMIT[x.dtype]))


def gelu(x: Any, approximate: str) -> Any:
    if approximate == "none":
        return x * (TABLE["erfc"](x * _MINUS_SQRT_HALF) / 2)
    return x / (fall(x) + 1)


def gelu_slope(x: Any) -> Any:
    s = 1 / (1 + fall(x))
    return s * (1 + (1 - s) * x * (3 * _CUBIC * (x * x) + _LINEAR))


CLASSES = (softmax, log_softmax, logsumexp, cross_entropy, excess, embedding)
LOWERED: dict[str, Callable[..., Any]] = {f.__name__: f for f in (*CLASSES, var, std, gelu, gelu_slope)}


def lowered(program: Steps) -> Steps:
    """The program with such rows taken apart, to the last bits but a few."""
    now: dict[Value, Any] = {}
    steps: list[Step] = []
    for step in program.steps:
        step = step._replace(inputs=tuple(now.get(x, x) if isinstance(x, Value) else x for x in step.inputs))
        if step.op.name in LOWERED:
            now[step.output] = spliced(step, steps)
        else:
            steps.append(step)

    def current(x: Any) -> Any:
        return now.get(x, x) if isinstance(x, Value) else x

    return replace(
        program,
        steps=steps,
        result=[current(x) for x in program.result],
        writes=[(target, current(x)) for target, x in program.writes],
        gradients=[(target, current(x)) for target, x in program.gradients],
    )


def spliced(step: Step, steps: list[Step]) -> Value:
    """Put the steps of a row at the end of others; the value that they lead to."""
    function = LOWERED[step.op.name]
    zeros = tuple(np.zeros(x.shape, x.dtype) for x in step.inputs)
    parts = record(lambda *arrays: function(*arrays, **step.params), zeros, {})[1]
    given: dict[Value, Any] = dict(zip(parts.arguments, step.inputs, strict=True))
    for x in parts.inputs():
        given.setdefault(x, Value(CONSTANT, x.of, x.shape, x.dtype, x.strides))
    for part in parts.steps:
        inputs = tuple(given.get(x, x) if isinstance(x, Value) else x for x in part.inputs)
        steps.append(part._replace(inputs=inputs, where=step.where))
    (result,) = parts.result
    if result.dtype != step.output.dtype or result.kind != RESULT:
        raise TypeError(f"{step.op.name} of {[x.dtype for x in step.inputs]} has no loops.")
    result.name = result.name or step.output.name
    return result  # type: ignore[no-any-return]
