"""A plan of loop nests: the values computed in one nest, and those kept in memory for a later one."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np

from ...ops import TABLE
from ...ops.indexing import complete_index
from ..ir import CONSTANT, RESULT, Step, Steps, Value
from ..simplify import is_dense, shape_of
from ..trace import memory_owner

View = Callable[[Any], Any]
# Signs with which numba computes what NumPy does; of // and % it does not, where the divisor is 0.
OPERATORS = ("+", "-", "*", "/", "**", "<", "<=", "==", "!=", ">", ">=")

# A step is a formula of entries, an entry that lies elsewhere, or a reduction of many.


def formula_of(op: Any) -> str | None:
    """One entry from one entry of each input, as text with places {0}, {1}; {kind} is the dtype computed in."""
    if op.loop is None and op.sign in OPERATORS:
        return f"{op.sign}{{0}}" if op.function.nin == 1 else f"{{0}} {op.sign} {{1}}"
    if op.loop is None and isinstance(op.function, np.ufunc) and not op.function.signature:
        return f"np.{op.name}({{0}})" if op.function.nin == 1 else f"np.{op.name}({{0}}, {{1}})"
    return op.loop or None


def view_of(step: Step) -> View | None:
    """The function of an array that a step is, if that gives a view of it."""
    flat = step.op is TABLE["flatten"]
    if not (flat or step.op.views) or formula_of(step.op) or len(step.inputs) != 1:
        return None
    source = bytes_for(step.inputs[0])
    view: View = partial(np.ravel if flat else step.op.kernel, **step.params)
    if step.op is TABLE["getitem"]:
        view = itemgetter((*complete_index(step.params["index"], source.ndim), Ellipsis))  # a number is no view
    return view if memory_owner(view(source)) is source else None


def bytes_for(x: Any) -> Any:
    """An array of a value's shape, to look at views of; nothing reads its entries."""
    return np.empty(shape_of(x), np.int8)


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


class Plan:
    """The nests in order, the values that are kept, and those computed inside the reduction that alone reads them."""

    def __init__(self, program: Steps) -> None:
        self.program = solid(program)
        self.made = {step.output: step for step in self.program.steps}
        self.views = {x: view for x, step in self.made.items() if (view := view_of(step))}
        self.steps = [step for step in self.program.steps if step.output not in self.views]
        self.ends = set(ends(self.program))
        self.inside: dict[Value, Value] = {}  # the result of the reduction that a value is computed inside
        self.readers: dict[Value, list[tuple[Step, bool]]] = defaultdict(list)
        for step in self.steps:
            for source, direct in self.sources(step):
                self.readers[source].append((step, direct))
        for step in reversed(self.steps):
            self.put_inside(step)
        self.nests: dict[int, list[Step]] = {}  # of one shape each, computed entry by entry; or one that stands alone
        self.place: dict[Value, int] = {}
        for step in self.steps:
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
        if value in reader.inputs and reader.op in REDUCTIONS:
            self.inside[value] = reader.output
        elif direct and reader.output in self.inside:
            self.inside[value] = self.inside[reader.output]

    def put(self, step: Step) -> None:
        """Into the first nest of its shape in which all is known that a step reads."""
        value, first = step.output, 0
        for source, direct in self.sources(step):
            here = self.place[source]
            joins = direct and value not in self.inside and not stands_alone(self.made[source])
            first = max(first, here if joins or source in self.inside else here + 1)
        if value in self.inside:
            self.place[value] = first  # the first nest that may read it
            return
        later = (i for i, (head, *_) in self.nests.items() if i >= first and head.output.shape == value.shape)
        fitting = (i for i in later if not stands_alone(step) and not stands_alone(self.nests[i][0]))
        self.place[value] = next(fitting, len(self.nests))
        self.nests.setdefault(self.place[value], []).append(step)

    def is_kept(self, value: Value) -> bool:
        """Return True if a value is kept in memory after its nest."""
        if not value.shape or value in self.inside or value in self.ends:
            return value in self.ends
        here, alone = self.place[value], stands_alone(self.made[value])
        return alone or not all(direct and self.place[r.output] == here for r, direct in self.readers[value])


def ends(program: Steps) -> list[Value]:
    """Return the values that are kept for the end of a step: results, gradients, writes, and what has to be finite."""
    return [*results(program), *(value for _, value in program.writes), *program.finite]


def has_to_be_finite(program: Steps) -> list[Value]:
    """Return the gradients of an optimiser and what it writes: where one holds nan or inf, a step writes nothing."""
    held = {x for update in program.updates for x in (update.parameter, *update.state.values())}
    written = [value for target, value in program.writes if target in held]
    return [x for x in dict.fromkeys([*program.finite, *written]) if x.kind == RESULT]


def results(program: Steps) -> list[Value]:
    """Return the values that a run returns."""
    return [x for x in program.result if isinstance(x, Value)] + [g for _, g in program.gradients if g is not None]


def stands_alone(step: Step) -> bool:
    """Return True if a step is a call, or fills its result in parts."""
    return step.op.product or step.op in (TABLE["scatter"], TABLE["concatenate"])


def solid(program: Steps) -> Steps:
    """The program with copies where memory is shown that is not a step's own: inputs, views, operands of a call."""
    program = replace(program, finite=has_to_be_finite(program))
    made: dict[Value, Step] = {}
    for step in program.steps:
        if stands_alone(step) and step.op is not TABLE["scatter"]:
            step = step._replace(inputs=tuple(operand(x, step.output.dtype, made) for x in step.inputs))
        made[step.output] = step
    own = {x: x if x in made and not view_of(made[x]) else add_copy(x, made) for x in dict.fromkeys(ends(program))}
    return replace(
        program,
        result=[own[x] if isinstance(x, Value) else x for x in program.result],
        writes=[(target, own[x]) for target, x in program.writes],
        gradients=[(target, None if g is None else own[g]) for target, g in program.gradients],
        finite=[own[x] for x in program.finite],
        steps=list(made.values()),
    )


def operand(x: Value, dtype: Any, made: dict[Value, Step]) -> Value:
    """An operand of a call: of the result's dtype, and an array without gaps or the transpose of a matrix."""
    turned = x in made and made[x].op is TABLE["transpose"] and len(x.shape) == 2
    source = made[x].inputs[0] if turned else x
    dense = not view_of(made[source]) if source in made else source.kind == CONSTANT or is_dense(source)
    return x if dense and x.dtype == dtype else add_copy(x, made, dtype)


def add_copy(x: Value, made: dict[Value, Step], dtype: Any = None) -> Value:
    output = Value(RESULT, None, x.shape, dtype or x.dtype)
    output.name = x.name
    made[output] = Step(TABLE["copy"], (x,), {}, output)
    return output
