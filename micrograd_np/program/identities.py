"""Steps that leave an input as it is, to the bit, and steps in the words that say most."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ops import TABLE
from ..ops.primitive import Outputs
from .values import CONSTANT, Step, Value


def same(step: Step, made: dict[Value, Step]) -> Value | None:
    """The input that a step leaves as it is."""
    output = step.output
    rule = IDENTITIES.get(step.op.name)
    found = rule(step, made) if rule else None
    if isinstance(found, Value) and (found.shape, found.dtype) == (output.shape, output.dtype):
        return found if order_of(found) == order_of(output) else None
    return None


def told(step: Step) -> Step:
    """A step in the words that say most."""
    shape = step.output.shape or ()
    if step.op.name == "swapaxes" and len(shape) == 2 and len(swapped(step)) == 2:
        return step._replace(op=TABLE["transpose"], params={"axes": None})
    if step.op is TABLE["dot"] and any(y.shape == () for y in step.inputs):  # a NumPy number has no `.dot`
        return step._replace(op=TABLE["multiply"])
    if step.op.name == "reshape":
        return step._replace(params={**step.params, "shape": shape})
    return step


def is_dense(x: Any) -> bool:
    """Whether an array lies in memory row after row."""
    return bool(x.strides == np.empty(x.shape, x.dtype).strides)


def order_of(x: Value) -> list[int]:
    """The axes that are longer than 1, the one with the widest steps first: how an array is walked through."""
    axes = [i for i, size in enumerate(x.shape) if size > 1]
    return sorted(axes, key=lambda i: -abs(x.strides[i])) if x.strides and 0 not in x.shape else []


def times_one(step: Step, made: dict[Value, Step]) -> Value | None:
    x, y = step.inputs
    return x if is_number(y, 1) else y if is_number(x, 1) else None


def by_one(step: Step, made: dict[Value, Step]) -> Value | None:
    return step.inputs[0] if is_number(step.inputs[1], 1) else None


def minus_zero(step: Step, made: dict[Value, Step]) -> Value | None:
    return step.inputs[0] if is_number(step.inputs[1], 0) else None


def first(step: Step, made: dict[Value, Step]) -> Value | None:
    return step.inputs[0]  # type: ignore[no-any-return]


def swapped(step: Step) -> set[int]:
    """The axes that a `swapaxes` step swaps, counted from 0: 1 and -1 of a matrix are one axis."""
    return {axis % len(step.output.shape) for axis in step.params.values()}


def swapped_back(step: Step, made: dict[Value, Step]) -> Value | None:
    """The input of a swap that swaps nothing, or that undoes the swap before it."""
    if len(swapped(step)) == 1:
        return step.inputs[0]  # type: ignore[no-any-return]
    inner = made.get(step.inputs[0])
    if inner is None or inner.op is not step.op:
        return None
    return inner.inputs[0] if swapped(step) == swapped(inner) else None


def undone(step: Step, made: dict[Value, Step]) -> Value | None:
    """-(-x)"""
    inner = made.get(step.inputs[0])
    if inner is None or inner.op is not step.op or any(map(bool, (*step.params.values(), *inner.params.values()))):
        return None
    return inner.inputs[0]  # type: ignore[no-any-return]


def in_order(step: Step, made: dict[Value, Step]) -> Value | None:
    """x.T.T, and axes in the order that they have."""
    axes = step.params["axes"]
    kept = axes is not None and tuple(axis % len(axes) for axis in axes) == tuple(range(len(axes)))
    return step.inputs[0] if kept else undone(step, made)


def twice(step: Step, made: dict[Value, Step]) -> Value | None:
    """x & x"""
    return step.inputs[0] if step.inputs[0] is step.inputs[1] else None


def reshaped(step: Step, made: dict[Value, Step]) -> Value | None:
    return step.inputs[0] if step.params.get("order", "C") == "C" else None


Identity = Callable[[Step, dict[Value, Step]], Value | None]
IDENTITIES: dict[str, Identity] = {
    "multiply": times_one,
    "divide": by_one,
    "power": by_one,
    "subtract": minus_zero,
    "negative": undone,
    "transpose": in_order,
    "reshape": reshaped,
    "swapaxes": swapped_back,
    **dict.fromkeys(("logical_and", "logical_or", "bitwise_and", "bitwise_or"), twice),
    **dict.fromkeys(("astype", "broadcast_to", "positive", "copy", "squeeze", "conjugate", "real"), first),
}


def constant_of(x: Any) -> Any:
    if isinstance(x, Value):
        return x.of if x.kind == CONSTANT else None
    return x


def uniform(data: Any) -> bool:
    return bool(data.size > 0 and data.tobytes() == data.flat[0].tobytes() * data.size)


def is_number(x: Any, number: float) -> bool:
    """Whether x is this number, +0 and not -0 for 0."""
    data = constant_of(x)
    if isinstance(data, Outputs) or data is None or np.size(data) != 1:
        return False
    return bool(np.all(np.equal(data, number)) and not np.any(np.signbit(data)))
