"""Numbers in loops: the text of a number of a dtype, and the dtype of a result by NumPy's promotion."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...expressions.phrases import ATOM
from ...expressions.phrases import number_literal as written
from ...ops import TABLE
from ..ir import Step, Value

KINDS = tuple(map(np.dtype, ("f8", "f4", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?")))
PYTHONS = (np.dtype(float), np.dtype(int))
BOOL = np.dtype(bool)


def number(x: Any, kind: Any) -> str:
    """A number of a dtype, as a literal where Python's own is of that dtype."""
    if kind == BOOL:
        return repr(bool(x))
    text = written(float(x) if kind.kind == "f" else int(x)).within(ATOM)
    return text if kind in PYTHONS else as_kind(text, kind)


def as_kind(text: str, kind: Any) -> str:
    return f"{spelled_kind(kind)}({text})"


def spelled_kind(kind: Any) -> str:
    return "np.bool_" if kind == BOOL else f"np.{kind.name}"


def least(kind: Any) -> Any:
    """The number that no other is less than."""
    return {"f": -math.inf, "b": False}[kind.kind] if kind.kind in "fb" else np.iinfo(kind).min


def most(kind: Any) -> Any:
    """The number that no other is greater than."""
    return {"f": math.inf, "b": True}[kind.kind] if kind.kind in "fb" else np.iinfo(kind).max


def dtypes(step: Step) -> tuple[list[Any], Any]:
    """The dtypes that a formula's inputs are computed with, and its result's."""
    output = step.output.dtype
    if isinstance(step.op.kernel, np.ufunc):
        *inputs, output = step.op.kernel.resolve_dtypes((*map(kind_of, step.inputs), None))
        return inputs, output
    if step.op is TABLE["where"]:
        return [BOOL, output, output], output
    return [output] * len(step.inputs), output


def kind_of(x: Any) -> Any:
    """A value's dtype; of a Python number its type, which takes on any other."""
    if isinstance(x, Value):
        return x.dtype
    return BOOL if isinstance(x, bool) else type(x)
