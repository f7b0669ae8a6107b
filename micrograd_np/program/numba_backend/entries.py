"""What one entry of a row's result is: a formula of entries, an entry that lies elsewhere, or a reduction of many."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...expressions.phrases import ATOM, number_literal
from ...ops import TABLE
from ...ops.indexing import Slot
from ..ir import Step, Value
from ..simplify import shape_of
from ..trace import memory_owner

Index = tuple[str, ...]
Shape = tuple[int, ...]

# Formulas.


def formula_of(op: Any) -> str | None:
    """One entry from one entry of each input, as text with places {0}, {1}; {kind} is the dtype computed in."""
    if op.loop is None and isinstance(op.function, np.ufunc) and not op.function.signature:
        return f"np.{op.name}({{0}})" if op.function.nin == 1 else f"np.{op.name}({{0}}, {{1}})"
    return op.loop or None


def broadcast_index(index: Index, shape: Shape) -> Index:
    """The index in what was broadcast."""
    last = index[len(index) - len(shape) :]
    return tuple("0" if size == 1 else i for i, size in zip(last, shape, strict=True))


# Views: NumPy says where they start and how far apart their entries are.


def view_of(step: Step) -> tuple[Any, Any] | None:
    """An array of bytes in the shape of a step's input, and the step's view of it; None for what is no view."""
    flat = step.op is TABLE["flatten"]
    if not (flat or step.op.views) or formula_of(step.op) or len(step.inputs) != 1:
        return None
    source = np.empty(shape_of(step.inputs[0]), np.int8)
    if step.op is TABLE["getitem"]:
        return source, basic_view(source, step.params["index"])
    view = (np.ravel if flat else step.op.kernel)(source, **step.params)
    return (source, view) if memory_owner(view) is source else None


def basic_view(source: Any, template: Sequence[Any]) -> Any:
    """The part of an array that an index chooses without its arrays."""
    rest = () if Ellipsis in template else (Ellipsis,)
    return source[(*(slice(None) if isinstance(part, Slot) else part for part in template), *rest)]


def source_index(source: Any, view: Any, index: Index) -> Index:
    """The index, in a row-major array, of the entry at an index of a view of it."""
    if not view.size:
        return ("0",) * source.ndim
    start = memory_address(view) - memory_address(source)
    moves = [(i, step) for i, step, size in zip(index, view.strides, view.shape, strict=True) if size > 1 and step]
    extents = [(size - 1) * step for step, size in zip(view.strides, view.shape, strict=True) if size > 1 and step]
    first, axes = np.unravel_index(start, source.shape), list(zip(source.strides, source.shape, strict=True))
    owners = [next(axis for axis, (stride, n) in enumerate(axes) if n > 1 and stride <= abs(step)) for _, step in moves]
    found = []
    for axis, (stride, size) in enumerate(axes):
        mine = [k for k, owner in enumerate(owners) if owner == axis]
        reach = [int(first[axis]), int(first[axis])]
        for k in mine:
            reach[extents[k] > 0] += extents[k] // stride
        if reach[0] < 0 or reach[1] >= size or any(moves[k][1] % stride for k in mine):
            place = affine(start, moves)
            return tuple("0" if n == 1 else f"({place} // {stride} % {n})" for stride, n in axes)
        found.append(affine(int(first[axis]), [(moves[k][0], moves[k][1] // stride) for k in mine]))
    return tuple(found)


def memory_address(array: Any) -> int:
    return int(array.__array_interface__["data"][0])


def affine(start: int, terms: list[tuple[str, int]]) -> str:
    """A number plus multiples of indices, as text."""
    texts = [i if times == 1 else f"{times} * {i}" for i, times in terms]
    texts = [str(start), *texts] if start or not texts else texts
    return texts[0] if len(texts) == 1 and "*" not in texts[0] else f"({' + '.join(texts)})"


# Indices with arrays.


def complete_index(step: Step, ndim: int) -> list[Any]:
    """An index with a slice for each axis that it leaves out."""
    template = step.params["index"]
    taken = sum(part is not None and part is not Ellipsis for part in template)
    at = template.index(Ellipsis) if Ellipsis in template else len(template)
    return [*template[:at], *[slice(None)] * (ndim - taken), *template[at + 1 :]]


def split_at_arrays(template: list[Any], index: Index, ndim: int) -> tuple[Index, Index]:
    """The part of a result's index that is in the arrays, of ndim axes, and the rest, which is in the slices."""
    advanced = [at for at, part in enumerate(template) if isinstance(part, int)]
    together = advanced[-1] - advanced[0] + 1 == len(advanced)
    start = advanced[0] if together else 0
    return index[start : start + ndim], index[:start] + index[start + ndim :]


# Reductions: what to begin with, given the dtype; what each entry does; what is made of it, given how many.
REDUCTIONS: dict[Any, tuple[Callable[[Any], Any], str, str]] = {
    TABLE["sum"]: (lambda kind: 0, "{0} + {1}", "{0}"),
    TABLE["mean"]: (lambda kind: 0, "{0} + {1}", "{0} / {count}"),
    TABLE["prod"]: (lambda kind: 1, "{0} * {1}", "{0}"),
    TABLE["max"]: (lambda kind: limits(kind)[0], "np.maximum({0}, {1})", "{0}"),
    TABLE["min"]: (lambda kind: limits(kind)[1], "np.minimum({0}, {1})", "{0}"),
}


def limits(kind: Any) -> tuple[Any, Any]:
    """The least number of a dtype, and the greatest."""
    if kind.kind in "iu":
        return np.iinfo(kind).min, np.iinfo(kind).max
    return (-math.inf, math.inf) if kind.kind == "f" else (False, True)


# Numbers, and NumPy's promotion.

KINDS = tuple(map(np.dtype, ("f8", "f4", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?")))
BOOL = np.dtype(bool)


def number(x: Any, kind: Any) -> str:
    """A number of a dtype, as a literal where Python's own is of that dtype."""
    if kind == BOOL:
        return repr(bool(x))
    text = number_literal(float(x) if kind.kind == "f" else int(x)).within(ATOM)
    return text if kind in (np.dtype(float), np.dtype(int)) else as_kind(text, kind)


def as_kind(text: str, kind: Any) -> str:
    return f"{spelled_kind(kind)}({text})"


def spelled_kind(kind: Any) -> str:
    return "np.bool_" if kind == BOOL else f"np.{kind.name}"


def dtypes(step: Step) -> tuple[list[Any], Any]:
    """The dtypes that a formula's inputs are computed with, and its result's."""
    output = step.output.dtype
    if isinstance(step.op.kernel, np.ufunc):
        kinds = [x.dtype if isinstance(x, Value) else BOOL if isinstance(x, bool) else type(x) for x in step.inputs]
        *inputs, output = step.op.kernel.resolve_dtypes((*kinds, None))
        return inputs, output
    if step.op is TABLE["where"]:
        return [BOOL, output, output], output
    return [output] * len(step.inputs), output
