"""Rows taken apart into rows of one step each: those with a decomposition, and products of small matrices."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ...ops import TABLE
from ..ir import CONSTANT, RESULT, Step, Steps, Value
from ..record import record

BLAS = 2000  # multiplications from which on a call of BLAS is faster than loops


def lowered(program: Steps) -> Steps:
    """The program with such rows taken apart, to the last bits but a few."""
    return replace(program, steps=[part for step in program.steps for part in parts_of(step)])


def parts_of(step: Step) -> Iterator[Step]:
    """The steps that a step consists of, the last of which makes its output."""
    decomposition = step.op.decomposition or PRODUCTS.get(step.op)
    if not decomposition or step.output.shape is None or fits_blas(step):
        yield step
        return
    zeros = tuple(np.zeros(x.shape, x.dtype) for x in step.inputs)
    parts = record(lambda *arrays: decomposition(*arrays, **step.params), zeros, {})[1]
    (result,) = parts.result
    if (result.kind, result.dtype) != (RESULT, step.output.dtype):
        yield step
        return
    values = dict(zip([*parts.arguments, result], [*step.inputs, step.output], strict=True))
    values |= {x: Value(CONSTANT, x.of, x.shape, x.dtype, x.strides) for x in parts.inputs() if x not in values}
    for part in parts.steps:
        inputs = tuple(values.get(x, x) if isinstance(x, Value) else x for x in part.inputs)
        output = values.get(part.output, part.output)
        yield from parts_of(part._replace(inputs=inputs, output=output, where=step.where))


def fits_blas(step: Step) -> bool:
    """Return True for a product of two matrices, or of a matrix and a vector, that is large."""
    if step.op not in (TABLE["dot"], TABLE["matmul"]):
        return False
    x, y = (x.shape for x in step.inputs)
    fits = sorted([len(x), len(y)]) in ([1, 2], [2, 2]) and step.output.dtype.kind == "f"
    return fits and math.prod(x) * math.prod(y[1:]) >= BLAS


def _dot(x: Any, y: Any) -> Any:
    """The last axis of x meets the second to last of y, or its only one."""
    if y.ndim == 1:
        return np.sum(x * y, axis=-1)
    return np.sum(np.reshape(x, (*x.shape[:-1], *[1] * (y.ndim - 2), x.shape[-1], 1)) * y, axis=-2)


def _matmul(x: Any, y: Any) -> Any:
    """As dot, at equal places in both stacks of matrices."""
    if x.ndim < 2 or y.ndim < 2:
        return _dot(x, y)
    return np.sum(np.expand_dims(x, -1) * np.expand_dims(y, -3), axis=-2)


PRODUCTS: dict[Any, Callable[[Any, Any], Any]] = {
    TABLE["dot"]: _dot,
    TABLE["matmul"]: _matmul,
    TABLE["vecdot"]: lambda x, y: np.sum(x * y, axis=-1),
    TABLE["vdot"]: lambda x, y: np.sum(x * np.reshape(y, x.shape)),
}
