"""A plan of loop nests: the values computed in one nest, and those kept in memory for a later one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from ...ops import TABLE
from ..ir import CONSTANT, RESULT, Step, Steps, Value
from ..simplify import is_dense, shape_of
from .entries import REDUCTIONS, formula_of, view_of

SCATTER = TABLE["scatter"]
DEEP = 50  # formulas that are at most nested in a sum


@dataclass(eq=False)
class Nest:
    """Steps whose results have one shape, computed entry by entry; or one that stands alone."""

    shape: tuple[int, ...]
    alone: bool = False
    steps: list[Step] = field(default_factory=list)


class Plan:
    """The nests in order, the values that are kept, and those computed inside the reduction that alone reads them."""

    def __init__(self, program: Steps) -> None:
        self.program = solid(program)
        self.made = {step.output: step for step in self.program.steps}
        self.views = {x: view for x, step in self.made.items() if (view := view_of(step))}
        self.steps = [step for step in self.program.steps if step.output not in self.views]
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
            if step.output not in self.inline:
                self.put(step)
        self.kept = {step.output for step in self.steps if self.is_kept(step.output)}

    def sources(self, step: Step) -> Iterator[tuple[Value, bool]]:
        """The values that a step reads, views seen through; whether it reads just the entry that it computes."""
        for x in step.inputs:
            source = x
            while source in self.views:
                source = self.made[source].inputs[0]
            if source in self.made:
                direct = formula_of(step.op) is not None and source is x and source.shape == step.output.shape
                yield source, direct

    def put_inside(self, step: Step) -> None:
        """Compute a value inside the one reduction that reads it entry by entry."""
        value, readers = step.output, self.readers[step.output]
        if not formula_of(step.op) or value in self.ends or not value.shape or len({r.output for r, _ in readers}) != 1:
            return
        reader, direct = readers[0]
        depth = self.inline.get(reader.output, 0)
        if (value in reader.inputs and reader.op in REDUCTIONS) or (direct and 0 < depth < DEEP):
            self.inline[value] = depth + 1

    def put(self, step: Step) -> None:
        """Into the first nest of its shape in which all is known that a step reads."""
        first = 0
        for source, direct in self.reads(step):
            here = self.place[source]
            first = max(first, here if direct and not self.nests[here].alone else here + 1)
        shape, alone = shape_of(step.output), stands_alone(step)
        fitting = (i for i in range(first, len(self.nests)) if self.nests[i].shape == shape and not self.nests[i].alone)
        at = len(self.nests) if alone else next(fitting, len(self.nests))
        if at == len(self.nests):
            self.nests.append(Nest(shape, alone))
        self.nests[at].steps.append(step)
        self.place[step.output] = at

    def reads(self, step: Step) -> Iterator[tuple[Value, bool]]:
        """The values of nests that a step reads, also by what is computed inside it."""
        for source, direct in self.sources(step):
            if source in self.inline:
                yield from ((x, False) for x, _ in self.reads(self.made[source]))
            else:
                yield source, direct

    def is_kept(self, value: Value) -> bool:
        """Return True if a value is kept in memory after its nest."""
        if not value.shape or value in self.inline:
            return value in self.ends
        here = self.place[value]
        together = all(direct and self.place.get(r.output) == here for r, direct in self.readers[value])
        return self.nests[here].alone or value in self.ends or not together


def ends(program: Steps) -> list[Value]:
    """Return the values that a caller sees: results, writes, gradients."""
    written = [value for _, value in program.writes]
    return [*results(program), *written]


def results(program: Steps) -> list[Value]:
    """Return the values that a run returns."""
    return [x for x in program.result if isinstance(x, Value)] + [g for _, g in program.gradients if g is not None]


def stands_alone(step: Step) -> bool:
    """Return True if a step is a call, or fills its result in parts."""
    return step.op.product or step.op in (SCATTER, TABLE["concatenate"])


def solid(program: Steps) -> Steps:
    """The program with copies where memory is shown that is not a step's own: inputs, views, operands of a call."""
    made: dict[Value, Step] = {}
    for step in program.steps:
        if stands_alone(step) and step.op is not SCATTER:
            step = step._replace(inputs=tuple(operand(x, step.output.dtype, made) for x in step.inputs))
        made[step.output] = step
    own = {x: x if x in made and not view_of(made[x]) else add_copy(x, made) for x in dict.fromkeys(ends(program))}
    return replace(
        program,
        result=[own[x] if isinstance(x, Value) else x for x in program.result],
        writes=[(target, own[x]) for target, x in program.writes],
        gradients=[(target, None if g is None else own[g]) for target, g in program.gradients],
        steps=list(made.values()),
    )


def operand(x: Value, dtype: Any, made: dict[Value, Step]) -> Value:
    """An operand of a call: of the result's dtype, and an array without gaps or the transpose of one."""
    source = made[x].inputs[0] if x in made and is_transpose(made[x]) else x
    dense = not view_of(made[source]) if source in made else source.kind == CONSTANT or is_dense(source)
    return x if dense and x.dtype == dtype else add_copy(x, made, dtype)


def is_transpose(step: Step) -> bool:
    """Return True for the transpose of a matrix."""
    source, view = view_of(step) or (None, None)
    return source is not None and (view.shape, view.strides) == (source.shape[::-1], source.strides[::-1]) != ((), ())


def add_copy(x: Value, made: dict[Value, Step], dtype: Any = None) -> Value:
    output = Value(RESULT, None, x.shape, dtype or x.dtype)
    output.name = x.name
    made[output] = Step(TABLE["copy"], (x,), {}, output)
    return output
