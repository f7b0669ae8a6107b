"""The lines of a program as loops over single numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...expressions.phrases import literal
from ...ops.indexing import Slot
from ..ir import CONSTANT, Step, Value
from ..naming import Names
from ..simplify import uniform
from .formulas import (
    PRODUCTS,
    REDUCTIONS,
    VIEWS,
    Index,
    axes_of,
    expanded,
    formula_of,
    is_view,
    narrowed,
    picked,
    reshaped,
    shape_of,
)
from .indices import found_shape, gathered, slots, split_index
from .nests import Nest, Plan, results
from .numbers import as_kind, dtypes, number, spelled_kind

LETTERS = (*"ijklmpq", *(f"i{axis}" for axis in range(64)))


class Body:
    """Lines at one depth, with the entries that have names there."""

    def __init__(self, lines: list[str], depth: int, known: dict[Any, str]) -> None:
        self.lines, self.depth, self.known = lines, depth, dict(known)

    def say(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    def loop(self, sizes: tuple[int, ...], letters: tuple[str, ...]) -> tuple[Body, Index]:
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

    def __init__(self, plan: Plan) -> None:
        self.plan, self.program = plan, plan.program
        self.names = Names(("n", "run", *LETTERS))
        self.said = {x: self.names(x.name or "t") for x in self.program.inputs()}
        self.memory: dict[Value, str] = dict(self.said)
        self.numbers: dict[Value, str] = {}
        self.nest: Nest | None = None

    def text(self) -> str:
        """The whole function."""
        lines = [f"def run({', '.join(['n', *self.said.values()])}):"]
        head, step = Body(lines, 1, {}), Body(lines, 2, {})
        given = results(self.program)
        for value in [*self.plan.kept, *self.constants()]:
            self.memory[value] = self.names(named(self.plan.made.get(value)))
            filled = literal(value.of).text if value.kind == CONSTANT else self.empty(value)
            head.say(f"{self.memory[value]} = {filled}")
        head.say("for _ in range(n):")
        for x in self.said:
            if x.shape == () and x.dtype is not None:
                self.numbers[x] = self.names(f"{self.said[x]}_now")
                step.say(f"{self.numbers[x]} = {self.said[x]}[()]")
        for nest in self.plan.nests:
            self.run(nest, step)
        for target, value in self.program.writes:
            body, index = step.loop(shape_of(target), LETTERS)
            body.say(f"{self.said[target]}[{place(index)}] = {self.memory[value]}[{place(index)}]")
        if len(lines) == lines.index("    for _ in range(n):") + 1:
            step.say("pass")
        back = [f"{self.memory[x]}.copy()" if x in given[:i] else self.memory[x] for i, x in enumerate(given)]
        head.say(f"return ({', '.join(back)}{',' if len(back) == 1 else ''})")
        return "\n".join(lines) + "\n"

    def empty(self, value: Value) -> str:
        return f"np.empty({value.shape}, {spelled_kind(value.dtype)})"

    def constants(self) -> list[Value]:
        """Constant arrays that are read entry by entry, or by BLAS."""
        read = [(step, x) for step in self.program.steps for x in step.inputs if isinstance(x, Value)]
        alone = {step.output for nest in self.plan.nests if nest.alone for step in nest.steps}
        found = [
            x for step, x in read if x.kind == CONSTANT and x.shape and not (uniform(x.of) and step.output not in alone)
        ]
        return list(dict.fromkeys(found))

    def run(self, nest: Nest, outer: Body) -> None:
        """The loops of a nest."""
        self.nest = nest
        if nest.alone:
            (step,) = nest.steps
            {"scatter": self.scatter, "concatenate": self.concatenate}.get(step.op.loop, self.call)(step, outer)
            return
        body, index = outer.loop(nest.shape, LETTERS)
        for step in nest.steps:
            name = self.compute(step, index, body)
            body.known[step.output, index] = name
            if not step.output.shape:
                self.numbers[step.output] = name
            if step.output in self.plan.kept:
                body.say(f"{self.memory[step.output]}[{place(index)}] = {name}")

    def call(self, step: Step, outer: Body) -> None:
        """A product that BLAS computes."""
        x, y = (self.operand(x) for x in step.inputs)
        outer.say(f"np.dot({x}, {y}, {self.memory[step.output]})")

    def scatter(self, step: Step, outer: Body) -> None:
        """Zeros, to which values are added where an index says."""
        target, value = step.output, step.inputs[0]
        outer.say(f"{self.memory[target]}[...] = 0")
        body, index = outer.loop(found_shape(step, shape_of(target)), LETTERS)
        entry = self.read(value, narrowed(index, shape_of(value)), body, target.dtype)
        at = place(self.gather(step, shape_of(target), index, body))
        body.say(f"{self.memory[target]}[{at}] = {self.memory[target]}[{at}] + {entry}")

    def concatenate(self, step: Step, outer: Body) -> None:
        """Parts, one after the other."""
        output, start = step.output, 0
        axis = step.params["axis"] % len(shape_of(output))
        for x in step.inputs:
            body, index = outer.loop(shape_of(x), LETTERS)
            at = place((*index[:axis], f"{start} + {index[axis]}", *index[axis + 1 :]))
            body.say(f"{self.memory[output]}[{at}] = {self.read(x, index, body, output.dtype)}")
            start += shape_of(x)[axis]

    def gather(self, step: Step, shape: tuple[int, ...], index: Index, body: Body) -> Index:
        """Return the index of an entry that an index of arrays selects; checks that none lies outside."""
        arrays = slots(step)
        if not arrays:
            return picked(step.params["index"], shape, index)
        where, rest = split_index(step, shape, index)
        axes = [part for part in expanded(step.params["index"], shape) if part is not None]
        sizes = {int(part): size for part, size in zip(axes, shape, strict=True) if isinstance(part, Slot)}
        entries = []
        for slot, x in enumerate(arrays):
            entry, size = self.read(x, narrowed(where, shape_of(x)), body, np.dtype(np.int64)), sizes[slot]
            if x.kind != CONSTANT:
                body.say(f"if not {-size} <= {entry} < {size}:")
                body.say(f"    raise IndexError({f'an index is out of bounds for an axis of {size} entries'!r})")
            entries.append(f"({entry}) % {size}")
        return gathered(step, shape, rest, entries)

    def operand(self, x: Value) -> str:
        """An array that BLAS reads, or its transpose."""
        if x in self.memory:
            return self.memory[x]
        return f"{self.operand(self.plan.made[x].inputs[0])}.T"

    def read(self, x: Any, index: Index, body: Body, kind: Any) -> str:
        """Return the text of a value's entry at an index, as a number of a dtype."""
        step = self.plan.made.get(x) if isinstance(x, Value) else None
        while step is not None and is_view(step):
            index, x = VIEWS[step.op.loop](step, index), step.inputs[0]
            step = self.plan.made.get(x) if isinstance(x, Value) else None
        if not isinstance(x, Value):
            return number(x, kind)
        if x.kind == CONSTANT and uniform(x.of):
            return number(x.of.flat[0], kind)
        if x in self.plan.inline and (x, index) not in body.known:
            body.known[x, index] = self.compute(self.plan.made[x], index, body)
        text = self.numbers.get(x) or body.known.get((x, index)) or f"{self.memory[x]}[{place(index)}]"
        return text if x.dtype == kind else as_kind(text, kind)

    def compute(self, step: Step, index: Index, body: Body) -> str:
        """Say how an entry of a step's output is computed; its name."""
        formula = formula_of(step.op)
        if formula:
            kinds, kind = dtypes(step)
            args = [
                self.read(x, narrowed(index, shape_of(x)), body, k) for x, k in zip(step.inputs, kinds, strict=True)
            ]
            formula = formula.format(*args, kind=spelled_kind(kind))
            return self.state(step, formula if kind.kind == "f" or kind == np.int64 else as_kind(formula, kind), body)
        if step.op.loop == "chosen":
            x = step.inputs[0]
            at = self.gather(step, shape_of(x), index, body)
            return self.state(step, self.read(x, at, body, x.dtype), body)
        return self.total(step, index, body)

    def state(self, step: Step, formula: str, body: Body) -> str:
        name = self.names(named(step))
        body.say(f"{name} = {formula}")
        return name

    def total(self, step: Step, index: Index, body: Body) -> str:
        """A sum, or another reduction, over entries or over products of two."""
        output = step.output
        kind = np.dtype(float) if output.dtype.kind == "f" else output.dtype
        begin, more, end = REDUCTIONS.get(step.op.loop, REDUCTIONS["sum"])
        total = self.state(step, begin(kind), body)
        inner, entry, count = self.entries(step, index, body, kind)
        inner.say(f"{total} = {more.format(total, entry)}")
        end = end.format(total, count=count)
        return total if (end, kind) == (total, output.dtype) else self.state(step, as_kind(end, output.dtype), body)

    def entries(self, step: Step, index: Index, body: Body, kind: Any) -> tuple[Body, str, int]:
        """The inside of the loops over what is added up, the entry there, and how many there are."""
        x, *rest = step.inputs
        letters = LETTERS[sum(i != "0" for i in index) :]
        shape = shape_of(x)
        if step.op.loop in PRODUCTS:
            inner, (k,) = body.loop(shape[-1:], letters)
            places = PRODUCTS[step.op.loop](shape, shape_of(rest[0]), index, k)
            factors = [self.read(f, at, inner, kind) for f, at in zip(step.inputs, places, strict=True)]
            return inner, " * ".join(factors), shape[-1]
        if step.op.loop == "vdot":
            inner, at = body.loop(shape, letters)
            y = rest[0]
            other = reshaped(Step(None, (y,), {}, x), at)
            return inner, f"{self.read(x, at, inner, kind)} * {self.read(y, other, inner, kind)}", math.prod(shape)
        axes, kept = axes_of(step.params["axis"], len(shape)), iter(index)
        if step.params["keepdims"]:
            kept = iter([i for axis, i in enumerate(index) if axis not in axes])
        inner, over = body.loop(tuple(shape[axis] for axis in axes), letters)
        along = dict(zip(axes, over, strict=True))
        at = tuple(along[axis] if axis in axes else next(kept) for axis in range(len(shape)))
        return inner, self.read(x, at, inner, kind), math.prod(shape[axis] for axis in axes)


def named(step: Step | None) -> str:
    """Return a default name for a step's output."""
    if step is None:
        return "t"
    return step.output.name or step.output.kind_of or str(step.op.name)


def place(index: Index) -> str:
    return ", ".join(index) or "()"
