"""Loop forms of rows for one entry of the result: a formula, other indices, or a sum over many entries.

A row's field `loop` is the formula itself, or the name of a form in this file.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir import Step, Value
from .numbers import least, most, number

Index = tuple[str, ...]
Shape = tuple[int, ...]


# Signs with which numba computes what NumPy does; of // and % it does not, where the divisor is 0.
OPERATORS = ("+", "-", "*", "/", "**", "<", "<=", "==", "!=", ">", ">=")


def formula_of(op: Any) -> str | None:
    """One entry from one entry of each input, as text with places {0}, {1}; {kind} is the dtype computed in."""
    if op.loop is None and op.sign in OPERATORS:
        return f"{op.sign}{{0}}" if op.function.nin == 1 else f"{{0}} {op.sign} {{1}}"
    if op.loop is None and isinstance(op.function, np.ufunc) and not op.function.signature:
        return f"np.{op.name}({{0}})" if op.function.nin == 1 else f"np.{op.name}({{0}}, {{1}})"
    return op.loop if op.loop and "{" in op.loop else None


# Many entries to one: what to begin with, given the dtype; what each entry does; what is made of it, given how many.
REDUCTIONS: dict[str, tuple[Callable[[Any], str], str, str]] = {
    "sum": (lambda kind: number(0, kind), "{0} + {1}", "{0}"),
    "mean": (lambda kind: number(0, kind), "{0} + {1}", "{0} / {count}"),
    "prod": (lambda kind: number(1, kind), "{0} * {1}", "{0}"),
    "max": (lambda kind: number(least(kind), kind), "np.maximum({0}, {1})", "{0}"),
    "min": (lambda kind: number(most(kind), kind), "np.minimum({0}, {1})", "{0}"),
}


# The same entries elsewhere: from the index of an entry of the result to its index in the input.


def narrowed(index: Index, shape: Shape) -> Index:
    """The index in what was broadcast."""
    last = index[len(index) - len(shape) :]
    return tuple("0" if size == 1 else i for i, size in zip(last, shape, strict=True))


def broadcast(step: Step, index: Index) -> Index:
    return narrowed(index, step.inputs[0].shape)


def permuted(index: Index, axes: Any) -> Index:
    return tuple(index[axes.index(axis)] for axis in range(len(axes)))


def transposed(step: Step, index: Index) -> Index:
    axes, ndim = step.params["axes"], len(index)
    return permuted(index, [axis % ndim for axis in axes] if axes is not None else list(range(ndim))[::-1])


def swapped(step: Step, index: Index) -> Index:
    axes = list(range(len(index)))
    i, j = step.params["axis1"], step.params["axis2"]
    axes[i], axes[j] = axes[j], axes[i]
    return permuted(index, axes)


def flipped(step: Step, index: Index) -> Index:
    axes = axes_of(step.params["axis"], len(index))
    sizes = step.output.shape or ()
    return tuple(
        f"({size - 1} - {i})" if k in axes else i for k, (i, size) in enumerate(zip(index, sizes, strict=True))
    )


def reshaped(step: Step, index: Index) -> Index:
    before, after = step.inputs[0].shape, step.output.shape or ()
    entries = [i for i, size in zip(index, after, strict=True) if size != 1]
    if [size for size in before if size != 1] == [size for size in after if size != 1]:
        rest = iter(entries)
        return tuple("0" if size == 1 else next(rest) for size in before)
    place = " + ".join(
        scaled_index(i, stride) for i, stride, size in zip(index, steps(after), after, strict=True) if size != 1
    )
    return tuple(within(place, stride, size) for stride, size in zip(steps(before), before, strict=True))


def steps(shape: Shape) -> list[int]:
    """Return, for each axis, the distance in entries between neighbours."""
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]


def scaled_index(i: str, stride: int) -> str:
    return i if stride == 1 else f"{i} * {stride}"


def within(place: str, stride: int, size: int) -> str:
    if size == 1:
        return "0"
    return f"({place}) % {size}" if stride == 1 else f"({place}) // {stride} % {size}"


def chosen(step: Step, index: Index) -> Index:
    """Return the index of the entry that an index of integers, slices, None and ... selects."""
    return picked(step.params["index"], step.inputs[0].shape, index)


def picked(template: tuple[Any, ...], shape: Shape, index: Index) -> Index:
    rest, sizes = iter(index), iter(shape)
    found = []
    for part in expanded(template, shape):
        if part is None:
            next(rest)
        elif isinstance(part, slice):
            start, _, stride = part.indices(next(sizes))
            i = next(rest)
            found.append(i if (start, stride) == (0, 1) else f"({start} + {scaled_index(i, stride)})")
        else:
            size = next(sizes)
            found.append(str(part % size))
    return tuple(found)


def expanded(template: tuple[Any, ...], shape: Shape) -> list[Any]:
    """An index with a slice for each axis that it leaves out."""
    taken = sum(part is not None and part is not Ellipsis for part in template)
    at = template.index(Ellipsis) if Ellipsis in template else len(template)
    return [*template[:at], *[slice(None)] * (len(shape) - taken), *template[at + 1 :]]


VIEWS: dict[str, Callable[[Step, Index], Index]] = {
    view.__name__: view for view in (broadcast, transposed, swapped, flipped, reshaped, chosen)
}


# Sums of products: where the two factors of the k-th product are, for an entry of the result.


def of_matrices(x: Shape, y: Shape, index: Index, k: str) -> tuple[Index, Index]:
    """dot: the last axis of x meets the second to last of y, or its only one."""
    kept = len(x) - 1
    left, right = index[:kept], index[kept:]
    return (*left, k), (*right[:-1], k, *right[-1:])


def of_stacks(x: Shape, y: Shape, index: Index, k: str) -> tuple[Index, Index]:
    """matmul: as dot, at equal places in both stacks."""
    columns = index[-1:] if len(y) > 1 else ()
    rest = index[: len(index) - len(columns)]
    rows = rest[-1:] if len(x) > 1 else ()
    stack = rest[: len(rest) - len(rows)]
    return (*narrowed(stack, x[:-2]), *rows, k), (*narrowed(stack, y[:-2]), k, *columns)


def of_vectors(x: Shape, y: Shape, index: Index, k: str) -> tuple[Index, Index]:
    """vecdot: the last axis of both."""
    return (*narrowed(index, x[:-1]), k), (*narrowed(index, y[:-1]), k)


PRODUCTS: dict[str, Callable[[Shape, Shape, Index, str], tuple[Index, Index]]] = {
    product.__name__: product for product in (of_matrices, of_stacks, of_vectors)
}


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes that `axis=` names, as non-negative numbers."""
    if axis is None:
        return tuple(range(ndim))
    return tuple(k % ndim for k in (axis if isinstance(axis, tuple) else (axis,)))


def is_view(step: Step) -> bool:
    return step.op.loop in VIEWS and len(step.inputs) == 1 and step.params.get("order", "C") == "C"


def shape_of(x: Any) -> Shape:
    return x.shape or () if isinstance(x, Value) else ()
