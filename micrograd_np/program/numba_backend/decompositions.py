"""Rows whose kernels are several lines of NumPy, taken apart into rows that are one step each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...core.errors import ArgumentTypeError
from ..record import record
from ..values import CONSTANT, RESULT, Step, Steps, Value


def lowered(program: Steps) -> Steps:
    """The program with such rows taken apart, to the last bits but a few."""
    now: dict[Value, Any] = {}
    steps: list[Step] = []
    for step in program.steps:
        step = step._replace(inputs=tuple(now.get(x, x) if isinstance(x, Value) else x for x in step.inputs))
        if step.op.decomposition:
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
        finite=[current(x) for x in program.finite],
        updates=[update._replace(gradient=current(update.gradient)) for update in program.updates],
    )


def spliced(step: Step, steps: list[Step]) -> Value:
    """Put the steps of a row at the end of others; the value that they lead to."""
    zeros = tuple(np.zeros(x.shape, x.dtype) for x in step.inputs)
    parts = record(lambda *arrays: step.op.decomposition(*arrays, **step.params), zeros, {})[1]
    given: dict[Value, Any] = dict(zip(parts.arguments, step.inputs, strict=True))
    for x in parts.inputs():
        given.setdefault(x, Value(CONSTANT, x.of, x.shape, x.dtype, x.strides))
    for part in parts.steps:
        inputs = tuple(given.get(x, x) if isinstance(x, Value) else x for x in part.inputs)
        steps.append(part._replace(inputs=inputs, where=step.where))
    (result,) = parts.result
    if result.dtype != step.output.dtype or result.kind != RESULT:
        raise ArgumentTypeError(f"{step.op.name} of {[x.dtype for x in step.inputs]} has no loops.")
    result.name = result.name or step.output.name
    return result  # type: ignore[no-any-return]
