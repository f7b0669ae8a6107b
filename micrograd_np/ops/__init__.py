"""The table of derivatives: every row by name, and by the NumPy function it stands for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import composed, control, elementwise, indexing, linalg, neural, plain, reduction, shape
from .primitive import Primitive

TABLE: dict[str, Primitive] = {}
FUNCTIONS: dict[str, Callable[..., Any]] = {}
BY_FUNCTION: dict[Callable[..., Any], Callable[..., Any]] = {}

for room in (control, plain, elementwise, reduction, linalg, shape, indexing, neural):
    for name, row in vars(room).items():
        if isinstance(row, Primitive):
            row.name = name
            TABLE[name] = row
            BY_FUNCTION.update(dict.fromkeys((row.function, *row.also), row))

FUNCTIONS.update(TABLE)
for function, composition in composed.BY_FUNCTION.items():
    BY_FUNCTION[function] = FUNCTIONS[composition.__name__] = composition
