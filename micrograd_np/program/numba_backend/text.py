"""The lines of a program as loops over single numbers."""

from __future__ import annotations

import math
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ...expressions.phrases import ATOM, literal, number_literal
from ...ops import TABLE
from ...ops.indexing import Slot, complete_index, join_index
from ..ir import CONSTANT, Step, Value
from ..simplify import shape_of, uniform
from ..source import Names
from ..trace import memory_owner
from .nests import REDUCTIONS, Plan, View, bytes_for, formula_of, results, stands_alone

Index = tuple[str, ...]
BOOL = np.dtype(bool)
LETTERS = (*"ijklmpq", *(f"i{axis}" for axis in range(64)))


class Body:
    """Lines at one depth, with the entries that have names there."""

    def __init__(self, lines: list[str], depth: int, known: dict[Any, str], letters: Index = LETTERS) -> None:
        self.lines, self.depth, self.known, self.letters = lines, depth, dict(known), letters

    def say(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    def loop(self, sizes: tuple[int, ...]) -> tuple[Body, Index]:
        """The inside of loops, one for each axis of more than one entry."""
        body, index = self, []
        for size in sizes:
            index.append("0" if size == 1 else body.letters[0])
            if size != 1:
                body.say(f"for {index[-1]} in range({size}):")
                body = Body(self.lines, body.depth + 1, body.known, body.letters[1:])
        return body, tuple(index)


class Text:
    """The lines of `run`."""

    def __init__(self, plan: Plan, inputs: list[Value]) -> None:
        self.plan, self.program = plan, plan.program
        self.names = Names(("n", "run", "left", "math", "range", "IndexError", *LETTERS))
        self.inputs = {x: self.names(x.name or "t") for x in inputs}
        self.memory = dict(self.inputs)  # the names of arrays
        self.head: list[str] = []  # the lines that make them

    def text(self) -> str:
        """The whole function."""
        step = Body([], 2, {})
        for nest in self.plan.nests.values():
            self.run(nest, step)
        for value in self.program.finite:
            finite = f"np.isfinite({self.array(value)}{'' if value.shape else '[()]'})"
            step.say(f"if not {finite}{'.all()' if value.shape else ''}:")
            step.say("    break")
        for target, value in self.program.writes:
            step.say(f"{self.inputs[target]}[...] = {self.array(value)}")
        given = results(self.program)
        back = [f"{self.array(x)}.copy()" if x in given[:i] else self.array(x) for i, x in enumerate(given)]
        first = f"def run({', '.join(['n', *self.inputs.values()])}):"
        step.say("left -= 1")
        loop = ["    left = n", "    for _ in range(n):", *step.lines]
        return "\n".join([first, *self.head, *loop, f"    return ({', '.join(['left', *back])},)\n"])

    def array(self, x: Value) -> str:
        """The name of the array that a value is kept in; of a transpose, that of its source with `.T`."""
        if x in self.plan.views:
            return f"{self.array(self.plan.made[x].inputs[0])}.T"
        if x not in self.memory:
            self.memory[x] = self.names(self.named(x))
            made = literal(x.of).text if x.kind == CONSTANT else f"np.empty({x.shape}, {spelled_kind(x.dtype)})"
            self.head.append(f"    {self.memory[x]} = {made}")
        return self.memory[x]

    def named(self, x: Value) -> str:
        """Return a default name for a value."""
        return x.name or x.kind_of or (str(self.plan.made[x].op.name) if x in self.plan.made else "t")

    def run(self, nest: list[Step], outer: Body) -> None:
        """The loops of a nest."""
        if stands_alone(nest[0]):
            self.scatter(nest[0], outer) if nest[0].op is TABLE["scatter"] else self.call(nest[0], outer)
            return
        body, index = outer.loop(shape_of(nest[0].output))
        for step in nest:
            name = body.known[step.output, index] = self.compute(step, index, body)
            if step.output in self.plan.kept:
                body.say(f"{self.array(step.output)}[{place(index)}] = {name}")

    def call(self, step: Step, outer: Body) -> None:
        """A product that BLAS computes, or arrays that NumPy joins."""
        operands, output = ", ".join(map(self.array, step.inputs)), self.array(step.output)
        if step.op.product:
            outer.say(f"np.dot({operands}, {output})")
        else:
            outer.say(f"{output}[...] = np.concatenate(({operands},), {step.params['axis'] % len(step.output.shape)})")

    def scatter(self, step: Step, outer: Body) -> None:
        """Zeros, to which values are added where an index says."""
        target, value = self.array(step.output), step.inputs[0]
        outer.say(f"{target}[...] = 0")
        arrays = tuple(np.zeros(shape_of(x), int) for x in step.inputs[1:])
        body, index = outer.loop(bytes_for(step.output)[join_index(step.params["index"], arrays)].shape)
        entry = self.read(value, broadcast_index(index, shape_of(value)), body, step.output.dtype)
        at = place(self.chosen(step, step.output, index, body))
        body.say(f"{target}[{at}] = {target}[{at}] + {entry}")

    def chosen(self, step: Step, source: Value, index: Index, body: Body) -> Index:
        """Return the index of an entry that an index with arrays chooses; checks that none lies outside."""
        template, arrays = complete_index(step.params["index"], len(shape_of(source))), step.inputs[1:]
        view = itemgetter((*(slice(None) if isinstance(part, Slot) else part for part in template), Ellipsis))
        if arrays:
            advanced = [at for at, part in enumerate(template) if isinstance(part, int)]
            start = advanced[0] if advanced[-1] - advanced[0] + 1 == len(advanced) else 0  # as NumPy puts their axes
            end = start + max(len(shape_of(x)) for x in arrays)
            where, slices = index[start:end], iter(index[:start] + index[end:])
            parts = [part for part in template if isinstance(part, Slot) or not isinstance(part, int)]
            index = tuple(
                self.checked(arrays[part], size, where, body) if isinstance(part, Slot) else next(slices)
                for part, size in zip(parts, view(bytes_for(source)).shape, strict=True)
            )
        return source_index(view, source, index)

    def checked(self, x: Value, size: int, index: Index, body: Body) -> str:
        """An entry of an array of positions on an axis, counted from its start."""
        entry = self.read(x, broadcast_index(index, shape_of(x)), body, np.dtype(np.int64))
        if x.kind != CONSTANT:
            body.say(f"if not {-size} <= {entry} < {size}:")
            body.say(f"    raise IndexError({f'an index is out of bounds for an axis of {size} entries'!r})")
        return f"({entry} % {size})"

    def read(self, x: Any, index: Index, body: Body, kind: Any) -> str:
        """Return the text of a value's entry at an index, as a number of a dtype."""
        while x in self.plan.views:
            source = self.plan.made[x].inputs[0]
            x, index = source, source_index(self.plan.views[x], source, index)
        if not isinstance(x, Value):
            return number(x, kind)
        if x.kind == CONSTANT and uniform(x.of):
            return number(x.of.flat[0], kind)
        text = body.known.get((x, index)) or f"{self.array(x)}[{place(index)}]"
        return text if x.dtype == kind else as_kind(text, kind)

    def compute(self, step: Step, index: Index, body: Body) -> str:
        """Say how an entry of a step's output is computed; its name."""
        if step.op is TABLE["getitem"]:
            x = step.inputs[0]
            return self.state(step, self.read(x, self.chosen(step, x, index, body), body, x.dtype), body)
        if step.op in REDUCTIONS:
            return self.reduction(step, index, body)
        kinds, kind = dtypes(step)
        args = [
            self.read(x, broadcast_index(index, shape_of(x)), body, k) for x, k in zip(step.inputs, kinds, strict=True)
        ]
        formula = str(formula_of(step.op)).format(*args, kind=spelled_kind(kind))
        return self.state(step, formula if kind.kind == "f" or kind == np.int64 else as_kind(formula, kind), body)

    def state(self, step: Step, formula: str, body: Body) -> str:
        name = self.names(self.named(step.output))
        body.say(f"{name} = {formula}")
        return name

    def reduction(self, step: Step, index: Index, body: Body) -> str:
        """Say how the entries over some axes are reduced to one; floats in double precision."""
        (x,), output = step.inputs, step.output
        kind = np.dtype(float) if output.dtype.kind == "f" else output.dtype
        begin, more, end = REDUCTIONS[step.op]
        total = self.state(step, number(begin(kind), kind), body)
        axis, kept = step.params["axis"], iter(index)
        axes = normalize_axis_tuple(range(len(x.shape)) if axis is None else axis, len(x.shape))
        inner, over = body.loop(tuple(x.shape[axis] for axis in axes))
        along = dict(zip(axes, over, strict=True))
        if step.params["keepdims"]:
            kept = iter([i for axis, i in enumerate(index) if axis not in axes])
        at = tuple(along[axis] if axis in axes else next(kept) for axis in range(len(x.shape)))
        for part in (part for part in self.plan.steps if self.plan.inside.get(part.output) is output):
            inner.known[part.output, at] = self.compute(part, at, inner)
        inner.say(f"{total} = {more.format(total, self.read(x, at, inner, kind))}")
        end = end.format(total, count=math.prod(x.shape[axis] for axis in axes))
        return total if (end, kind) == (total, output.dtype) else self.state(step, as_kind(end, output.dtype), body)


def place(index: Index) -> str:
    return ", ".join(index) or "()"


# Indices.


def broadcast_index(index: Index, shape: tuple[int, ...]) -> Index:
    """The index in what was broadcast."""
    last = index[len(index) - len(shape) :]
    return tuple("0" if size == 1 else i for i, size in zip(last, shape, strict=True))


def source_index(view: View, source: Value, index: Index) -> Index:
    """The index, in an array, of the entry at an index of a view of it."""
    shape, found = shape_of(source), []
    whole = bytes_for(source)
    for axis, (size, stride) in enumerate(zip(shape, whole.strides, strict=True)):
        along = np.empty(size, np.int8)
        found.append(
            position(along, view(np.broadcast_to(along.reshape(-1, *[1] * (len(shape) - axis - 1)), shape)), index)
            or f"({position(whole, view(whole), index)} // {stride} % {size})"  # axes merged by a reshape
        )
    return tuple(found)


def position(source: Any, view: Any, index: Index) -> str | None:
    """The position in a line of bytes of the entry at an index of a view; None if the view is a copy."""
    if memory_owner(view) is not source:
        return None
    start = view.__array_interface__["data"][0] - source.__array_interface__["data"][0]
    moves = [(i, step) for i, step, size in zip(index, view.strides, view.shape, strict=True) if size > 1 and step]
    terms = [i if step == 1 else f"{step} * {i}" for i, step in moves]
    text = " + ".join([str(start), *terms] if start or not terms else terms)
    return text if text.isalnum() else f"({text})"


# Numbers, and NumPy's promotion.


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
