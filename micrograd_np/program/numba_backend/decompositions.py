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
    decomposition = step.op.decomposition or decomposition_of_product(step)
    if not decomposition or step.output.shape is None:
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


def decomposition_of_product(step: Step) -> Callable[..., Any] | None:
    """A sum of products written as one, unless BLAS is to compute it or it pairs each matrix of x with each of y."""
    if step.op not in PRODUCTS or fits_blas(step):
        return None
    ndims = [len(x.shape) for x in step.inputs]
    return None if step.op is TABLE["dot"] and ndims[0] > 1 and ndims[1] > 2 else PRODUCTS[step.op]


def fits_blas(step: Step) -> bool:
    """Return True for a product of two matrices, or of a matrix and a vector, that is large."""
    if step.op not in (TABLE["dot"], TABLE["matmul"]):
        return False
    x, y = (x.shape for x in step.inputs)
    return (
        sorted([len(x), len(y)]) in ([1, 2], [2, 2])
        and step.output.dtype.kind == "f"
        and math.prod(x) * math.prod(y[1:]) >= BLAS
    )


def matrix_product(x: Any, y: Any) -> Any:
    """The last axis of x meets the second to last of y, or its only one."""
    if y.ndim == 1:
        return np.sum(x * y, axis=-1)
    if x.ndim > 1:
        y = np.expand_dims(y, -3)
    return np.sum(np.expand_dims(x, -1) * y, axis=-2)


PRODUCTS: dict[Any, Callable[[Any, Any], Any]] = {
    TABLE["dot"]: matrix_product,
    TABLE["matmul"]: matrix_product,
    TABLE["vecdot"]: lambda x, y: np.sum(x * y, axis=-1),
    TABLE["vdot"]: lambda x, y: np.sum(x * np.reshape(y, x.shape)),
}
