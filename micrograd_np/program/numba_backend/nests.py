"""A plan of loop nests: the values computed in one nest, and those kept in memory for a later one."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from ...ops import TABLE
from ..ir import CONSTANT, RESULT, Step, Steps, Value
from .formulas import PRODUCTS, REDUCTIONS, formula_of, is_view, shape_of

BLAS = 2000  # products from which on a call of BLAS is faster than loops
FILLED = ("scatter", "concatenate")
DEEP = 50  # formulas that are at most nested in a sum


@dataclass(eq=False)
class Nest:
    """Steps whose results have one shape, computed entry by entry; or one that stands alone."""

    shape: tuple[int, ...]
    alone: bool = False
    steps: list[Step] = field(default_factory=list)


class Plan:
    """The nests in order, the values that are kept, and those computed inside the sum that alone reads them."""

    def __init__(self, program: Steps) -> None:
        self.program = solid(program)
        self.steps = [step for step in self.program.steps if not is_view(step)]
        self.made = {step.output: step for step in self.program.steps}
        self.ends = set(ends(self.program))
        self.inline: dict[Value, int] = {}
        self.readers: dict[Value, list[tuple[Step, bool]]] = defaultdict(list)
        for step in self.steps:
            for source, direct in self.sources(step):
                self.readers[source].append((step, direct))
        for step in reversed(self.steps):
            self.put_inside(step)
        self.nests: list[Nest] = []
        self.place: dict[Value, int] = {}
        for step in self.steps:
            self.put(step)
        for step in reversed(self.steps):
            self.put_later(step)
        for step in self.steps:
            if step.output in self.place:
                self.nests[self.place[step.output]].steps.append(step)
        self.kept = {step.output for step in self.steps if self.is_kept(step.output)}
        self.nests = [nest for nest in self.nests if nest.steps]

    def sources(self, step: Step) -> Iterator[tuple[Value, bool]]:
        """The values that a step reads, views seen through; whether it reads just the entry that it computes."""
        for x in step.inputs:
            source = x
            while source in self.made and is_view(self.made[source]):
                source = self.made[source].inputs[0]
            if source in self.made:
                direct = formula_of(step.op) is not None and source is x and source.shape == step.output.shape
                yield source, direct

    def put_inside(self, step: Step) -> None:
        """Compute a value inside the one sum that reads it entry by entry."""
        value, readers = step.output, self.readers[step.output]
        if not formula_of(step.op) or value in self.ends or not value.shape or len({r.output for r, _ in readers}) != 1:
            return
        reader, direct = readers[0]
        sums = all(x is value or not isinstance(x, Value) or x.shape == value.shape for x in reader.inputs)
        once = value in reader.inputs and sums and (reader.op.loop in REDUCTIONS or reader.op.loop == "vdot")
        depth = self.inline.get(reader.output, 0)
        if once or (direct and 0 < depth < DEEP):
            self.inline[value] = depth + 1

    def put(self, step: Step) -> None:
        """The first nest of its shape in which all is known that a step reads."""
        if step.output in self.inline:
            return
        first = 0
        for source, direct in self.reads(step):
            here = self.place[source]
            first = max(first, here if direct and not self.nests[here].alone else here + 1)
        shape, alone = shape_of(step.output), stands_alone(step)
        fitting = (i for i in range(first, len(self.nests)) if self.nests[i].shape == shape and not self.nests[i].alone)
        at = len(self.nests) if alone else next(fitting, len(self.nests))
        if at == len(self.nests):
            self.nests.append(Nest(shape, alone))
        self.place[step.output] = at

    def reads(self, step: Step) -> Iterator[tuple[Value, bool]]:
        """The values of nests that a step reads, also by what is computed inside it."""
        for source, direct in self.sources(step):
            if source in self.inline:
                yield from ((x, False) for x, _ in self.reads(self.made[source]))
            else:
                yield source, direct

    def put_later(self, step: Step) -> None:
        """Compute a value in the only later nest that reads it, unless that would keep more than one value."""
        value = step.output
        places = {self.place.get(r.output) if direct else None for r, direct in self.readers[value]}
        if not formula_of(step.op) or not value.shape or value in self.ends or len(places) != 1 or None in places:
            return
        here, (later,) = self.place.get(value), places
        left = {x for x, direct in self.sources(step) if self.place[x] == here and direct and not self.is_kept(x)}
        if len(left) <= 1:
            self.place[value] = later  # type: ignore[assignment]

    def is_kept(self, value: Value) -> bool:
        """Return True if a value is kept in memory after its nest."""
        if not value.shape or value in self.inline:
            return value in self.ends
        here = self.place[value]
        alone = self.nests[here].alone
        return (
            alone
            or value in self.ends
            or not all(d and self.place.get(r.output) == here for r, d in self.readers[value])
        )


def ends(program: Steps) -> list[Value]:
    """Return the values that a caller sees: results, writes, gradients."""
    written = [value for _, value in program.writes]
    return [*results(program), *written]


def results(program: Steps) -> list[Value]:
    """Return the values that a run returns."""
    return [x for x in program.result if isinstance(x, Value)] + [g for _, g in program.gradients if g is not None]


def solid(program: Steps) -> Steps:
    """The program with copies where memory is shown that is not a step's own: inputs, views, operands of BLAS."""
    made: dict[Value, Step] = {}
    for step in program.steps:
        if stands_alone(step) and step.op.loop in PRODUCTS:
            step = step._replace(inputs=tuple(ready(x, step.output.dtype, made) for x in step.inputs))
        elif step.op.loop == "of_matrices" and any(not shape_of(x) for x in step.inputs):
            step = step._replace(op=TABLE["multiply"])
        made[step.output] = step
    own = {x: x if x in made and not is_view(made[x]) else add_copy(x, made) for x in dict.fromkeys(ends(program))}
    return replace(
        program,
        result=[own[x] if isinstance(x, Value) else x for x in program.result],
        writes=[(target, own[x]) for target, x in program.writes],
        gradients=[(target, None if g is None else own[g]) for target, g in program.gradients],
        steps=list(made.values()),
    )


def ready(x: Value, dtype: Any, made: dict[Value, Step]) -> Value:
    """An operand of BLAS: of the product's dtype, and without gaps."""
    return x if x.dtype == dtype and is_plain(x, made) else add_copy(x, made, dtype)


def add_copy(x: Value, made: dict[Value, Step], dtype: Any = None) -> Value:
    output = Value(RESULT, None, x.shape, dtype or x.dtype)
    output.name = x.name
    made[output] = Step(TABLE["copy"], (x,), {}, output)
    return output


def is_plain(x: Any, made: dict[Value, Step]) -> bool:
    """Return True if BLAS can read a value, or its transpose, as it lies in memory."""
    step = made.get(x)
    if step is None:
        return x.kind == CONSTANT or x.strides in orders(x)
    if is_view(step):
        return (
            step.op.loop == "transposed"
            and len(x.shape) == 2
            and step.params["axes"] is None
            and is_plain(step.inputs[0], made)
        )
    return True


def orders(x: Value) -> list[tuple[int, ...]]:
    """The strides of an array without gaps, by rows and by columns."""
    shape, size = shape_of(x), x.dtype.itemsize
    rows = tuple(size * math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
    columns = tuple(size * math.prod(shape[:axis]) for axis in range(len(shape)))
    return [rows, columns]


def stands_alone(step: Step) -> bool:
    """Return True if a step has loops of its own: it fills its result in parts, or it is a product for BLAS."""
    if step.op.loop in FILLED:
        return True
    if step.op.loop not in ("of_matrices", "of_stacks"):
        return False
    x, y = (shape_of(x) for x in step.inputs)
    fits = 1 <= len(x) <= 2 and 1 <= len(y) <= 2 and len(x) + len(y) > 2
    return fits and step.output.dtype.kind == "f" and math.prod(x) * math.prod(y[1:]) >= BLAS
