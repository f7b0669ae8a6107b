"""The lines of a program as loops over single numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ...expressions.phrases import literal
from ...ops import TABLE
from ...ops.indexing import Slot, join_index
from ..ir import CONSTANT, Step, Value
from ..naming import Names
from ..simplify import shape_of, uniform
from .entries import (
    REDUCTIONS,
    Index,
    Shape,
    as_kind,
    basic_view,
    broadcast_index,
    complete_index,
    dtypes,
    formula_of,
    number,
    source_index,
    spelled_kind,
    split_at_arrays,
)
from .nests import SCATTER, Nest, Plan, results

LETTERS = (*"ijklmpq", *(f"i{axis}" for axis in range(64)))


class Body:
    """Lines at one depth, with the entries that have names there."""

    def __init__(self, lines: list[str], depth: int, known: dict[Any, str]) -> None:
        self.lines, self.depth, self.known = lines, depth, dict(known)

    def say(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    def loop(self, sizes: Shape, letters: tuple[str, ...] = LETTERS) -> tuple[Body, Index]:
        """The inside of loops, one for each axis of more than one entry."""
        body, index, free = self, [], iter(letters)
        for size in sizes:
            index.append("0" if size == 1 else next(free))
            if size != 1:
                body.say(f"for {index[-1]} in range({size}):")
                body = Body(self.lines, body.depth + 1, body.known)
        return body, tuple(index)


class Text:
    """The lines of `run`."""

    def __init__(self, plan: Plan, inputs: list[Value]) -> None:
        self.plan, self.program = plan, plan.program
        self.names = Names(("n", "run", *LETTERS))
        self.inputs = {x: self.names(x.name or "t") for x in inputs}
        self.memory = dict(self.inputs)  # the names of arrays
        self.head: list[str] = []  # the lines that make them

    def text(self) -> str:
        """The whole function."""
        step = Body([], 2, {})
        for x, name in self.inputs.items():
            if x.shape == () and x.dtype is not None:
                step.known[x, ()] = self.names(f"{name}_now")
                step.say(f"{step.known[x, ()]} = {name}[()]")
        for nest in self.plan.nests:
            self.run(nest, step)
        for target, value in self.program.writes:
            step.say(f"{self.inputs[target]}[...] = {self.array(value)}")
        given = results(self.program)
        back = [f"{self.array(x)}.copy()" if x in given[:i] else self.array(x) for i, x in enumerate(given)]
        return "\n".join(
            [
                f"def run({', '.join(['n', *self.inputs.values()])}):",
                *self.head,
                "    for _ in range(n):",
                *(step.lines or ["        pass"]),
                f"    return ({', '.join(back)}{',' if len(back) == 1 else ''})\n",
            ]
        )

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

    def run(self, nest: Nest, outer: Body) -> None:
        """The loops of a nest."""
        if nest.alone:
            (step,) = nest.steps
            self.scatter(step, outer) if step.op is SCATTER else self.call(step, outer)
            return
        body, index = outer.loop(nest.shape)
        for step in nest.steps:
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
        source = np.empty(shape_of(step.output), np.int8)
        body, index = outer.loop(source[join_index(step.params["index"], arrays)].shape)
        entry = self.read(value, broadcast_index(index, shape_of(value)), body, step.output.dtype)
        at = place(self.chosen(step, source, index, body))
        body.say(f"{target}[{at}] = {target}[{at}] + {entry}")

    def chosen(self, step: Step, source: Any, index: Index, body: Body) -> Index:
        """Return the index of an entry that an index with arrays chooses; checks that none lies outside."""
        template, arrays = complete_index(step, source.ndim), step.inputs[1:]
        view = basic_view(source, template)
        if arrays:
            where, rest = split_at_arrays(template, index, max(len(shape_of(x)) for x in arrays))
            slices = iter(rest)
            parts = [part for part in template if isinstance(part, Slot) or not isinstance(part, int)]
            index = tuple(
                self.position(arrays[part], size, where, body) if isinstance(part, Slot) else next(slices)
                for part, size in zip(parts, view.shape, strict=True)
            )
        return source_index(source, view, index)

    def position(self, x: Value, size: int, index: Index, body: Body) -> str:
        """An entry of an array of positions on an axis, counted from its start."""
        entry = self.read(x, broadcast_index(index, shape_of(x)), body, np.dtype(np.int64))
        if x.kind != CONSTANT:
            body.say(f"if not {-size} <= {entry} < {size}:")
            body.say(f"    raise IndexError({f'an index is out of bounds for an axis of {size} entries'!r})")
        return f"({entry} % {size})"

    def read(self, x: Any, index: Index, body: Body, kind: Any) -> str:
        """Return the text of a value's entry at an index, as a number of a dtype."""
        while x in self.plan.views:
            x, index = self.plan.made[x].inputs[0], source_index(*self.plan.views[x], index)
        if not isinstance(x, Value):
            return number(x, kind)
        if x.kind == CONSTANT and uniform(x.of):
            return number(x.of.flat[0], kind)
        if x in self.plan.inline and (x, index) not in body.known:
            body.known[x, index] = self.compute(self.plan.made[x], index, body)
        text = body.known.get((x, index)) or f"{self.array(x)}[{place(index)}]"
        return text if x.dtype == kind else as_kind(text, kind)

    def compute(self, step: Step, index: Index, body: Body) -> str:
        """Say how an entry of a step's output is computed; its name."""
        if step.op is TABLE["getitem"]:
            x = step.inputs[0]
            at = self.chosen(step, np.empty(shape_of(x), np.int8), index, body)
            return self.state(step, self.read(x, at, body, x.dtype), body)
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
        inner, over = body.loop(tuple(x.shape[axis] for axis in axes), LETTERS[sum(i != "0" for i in index) :])
        along = dict(zip(axes, over, strict=True))
        if step.params["keepdims"]:
            kept = iter([i for axis, i in enumerate(index) if axis not in axes])
        at = tuple(along[axis] if axis in axes else next(kept) for axis in range(len(x.shape)))
        inner.say(f"{total} = {more.format(total, self.read(x, at, inner, kind))}")
        end = end.format(total, count=math.prod(x.shape[axis] for axis in axes))
        return total if (end, kind) == (total, output.dtype) else self.state(step, as_kind(end, output.dtype), body)


def place(index: Index) -> str:
    return ", ".join(index) or "()"
