"""Where a program gives other bits than its function: which line made something that it does not make anew."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.containers import has_values
from ..core.names import format_location
from .trace import TraceError
from .values import ARRAY, CONSTANT, Steps, Value


def check_same(first: Steps, second: Steps) -> None:
    """Refuse a function whose program gave other bits, once it has been written down again: this names the line."""
    raise TraceError(f"{first.name} does not do the same at each call: {difference(first, second)}")


def equal(a: Any, b: Any) -> bool:
    if not (has_values(a) and has_values(b)):
        return type(a) is type(b) and bool(a is b or a == b or repr(a) == repr(b))
    a, b = np.asarray(a), np.asarray(b)
    return (a.shape, a.dtype) == (b.shape, b.dtype) and a.tobytes() == b.tobytes()


def close(a: Any, b: Any) -> bool:
    if not (has_values(a) and has_values(b)):
        return equal(a, b)
    a, b = np.asarray(a), np.asarray(b)
    rtol = 1e-4 if a.dtype == np.float32 else 1e-9
    alike = (a.shape, a.dtype) == (b.shape, b.dtype)
    return alike and np.allclose(a, b, rtol, rtol * float(np.max(np.abs(a), initial=0)), equal_nan=True)


def difference(first: Steps, second: Steps) -> str:
    for old, new in zip(first.steps, second.steps, strict=False):
        if (old.op, repr(old.params)) != (new.op, repr(new.params)):
            return f"{old.op.name} was {new.op.name} now: {format_location(new.where)}" if new.where else new.op.name
        for x, y in zip(old.inputs, new.inputs, strict=False):
            if isinstance(x, Value) and isinstance(y, Value):
                changed = x.kind in (ARRAY, CONSTANT) and x.kind == y.kind and not equal(x.of, y.of)
            else:
                changed = repr(x) != repr(y)
            if changed and new.where:
                return (
                    f"an array or number in {format_location(new.where)} is another than before, and a program would "
                    "keep the "
                    "old one. Make it of Tensors, give it as an argument, or draw it with mg.sample."
                )
    if len(first.steps) != len(second.steps):
        return f"it took {len(first.steps)} steps, and {len(second.steps)} now."
    return (
        "something that it computes with, and that is neither Tensor nor argument, is another than at its first call. "
        "Make it a Tensor, or an argument."
    )
