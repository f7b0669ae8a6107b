"""Modules as text: a line or an indented few, and a table with the shapes of the outputs."""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import Any

import numpy as np

from ..core.context import no_grad
from ..core.names import printable
from ..core.tensor import Tensor
from ..expressions.layout import aligned

WIDTH = 100
DEEPEST = 20  # levels of nesting that are shown; a much deeper text would exceed Python's recursion limit


def module_text(module: Any, depth: int = 0, around: tuple[Any, ...] = ()) -> str:
    """`Linear(weight=Parameter(2, 3), bias=None)`: all attributes except private ones, generators and `training`."""
    attributes = {name: value for name, value in vars(module).items() if name[0] != "_" and name != "training"}
    if depth >= DEEPEST:
        return f"{type(module).__name__}(...)"
    return call_text(
        type(module).__name__,
        [
            f"{name}={value_text(value, depth + 1, (*around, module))}"
            for name, value in attributes.items()
            if not isinstance(value, np.random.Generator)
        ],
    )


def call_text(name: str, parts: list[str], brackets: str = "()") -> str:
    """Return the parts in brackets, on one line if they fit, else one on each line."""
    line = f"{name}{brackets[0]}{', '.join(parts)}{brackets[1]}"
    if len(line) <= WIDTH and "\n" not in line:
        return line
    lines = textwrap.indent(",\n".join(parts), "    ")
    return f"{name}{brackets[0]}\n{lines},\n{brackets[1]}"


def value_text(value: Any, depth: int, around: tuple[Any, ...]) -> str:
    """Return an attribute as text; one that contains itself, or is nested too deep, is `...`."""
    if any(value is each for each in around) or depth > DEEPEST:
        return "..."
    if isinstance(value, Tensor | np.ndarray):
        return f"{type(value).__name__}{value.shape}"
    if isinstance(value, list):
        return call_text("", [value_text(part, depth, (*around, value)) for part in value], "[]")
    if isinstance(value, dict):
        parts = [f"{printable(str(key))}: {value_text(part, depth, (*around, value))}" for key, part in value.items()]
        return call_text("", parts, "{}")
    if type(value).__repr__ is getattr(type(value), "_default_repr", None):
        return module_text(value, depth, around)
    return getattr(value, "__name__", None) or getattr(value, "name", None) or repr(value)


def summary_table(model: Any, input_shapes: tuple[Any, ...], dtype: Any) -> str:
    """One row for each part, and the sum of the parameters."""
    dtype = dtype or next((parameter.dtype for parameter in model.parameters()), float)
    inputs = [x if hasattr(x, "shape") else np.zeros(x, dtype) for x in input_shapes]
    shapes = output_shapes(model, inputs)
    counts = own_parameters(model)
    rows: list[tuple[str, ...]] = [("path", "layer", "output shape", "parameters")]
    for path, module in model.named_modules():
        rows.append((printable(path), type(module).__name__, shapes.get(id(module), "-"), f"{counts[path]:,}"))
    total = sum(counts.values())
    rows.append(("total", "", "", f"{total:,}"))
    if frozen := total - model.num_parameters():
        rows.append(("frozen", "", "", f"{frozen:,}"))
    return "\n".join(aligned(rows, "<<<>"))


def output_shapes(model: Any, inputs: list[Any]) -> dict[int, str]:
    """Run the model in evaluation; return the output shape of each part by its id. The parts are left as they were."""
    before = [(module, dict(vars(module))) for module in model.modules()]
    shapes: dict[int, str] = {}

    def watched(module: Any) -> Any:
        forward = module.forward

        def watched_forward(*args: Any, **kwargs: Any) -> Any:
            output = forward(*args, **kwargs)
            shapes[id(module)] = shape_text(output)
            return output

        return watched_forward

    try:
        for module in model.eval().modules():
            module.forward = watched(module)
        with no_grad():
            model(*inputs)
    finally:
        for module, attributes in before:
            vars(module).clear()
            vars(module).update(attributes)
    return shapes


def shape_text(output: Any) -> str:
    """The shape of an output, or those of several."""
    if isinstance(output, tuple | list):
        return ", ".join(map(shape_text, output))
    return str(getattr(output, "shape", "-"))


def own_parameters(model: Any) -> Counter[str]:
    """Count the parameters of each part, without those of its own parts, by path."""
    paths = {path for path, _ in model.named_modules()}
    counts: Counter[str] = Counter()
    for path, parameter in model.named_parameters():
        while path not in paths:
            path = path.rpartition(".")[0]
        counts[path] += parameter.size
    return counts
