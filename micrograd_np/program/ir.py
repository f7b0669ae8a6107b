"""The parts of a program, as data: values, the steps that make them, results and writes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..core.names import Location

# Where a value comes from, and what `of` then holds.
ARGUMENT = "argument"  # the position among the leaves of the arguments
TENSOR = "tensor"  # a Tensor that the function met, read at each call
ARRAY = "array"  # an array that the function met, read at each call
GRADIENT = "gradient"  # the Tensor whose `.grad` was there before
GENERATOR = "generator"  # a NumPy Generator
CONSTANT = "constant"  # an array that never changes
RESULT = "result"  # nothing: a step makes it


class Value:
    """One value of a program, which never changes: a write makes another one.

    The shape is None for several outputs, which are taken apart by `item`.
    """

    def __init__(self, kind: str, of: Any, shape: Any = None, dtype: Any = None, strides: Any = None) -> None:
        self.kind = kind
        self.of = of
        self.shape = shape
        self.dtype = dtype
        self.strides = strides
        self.name: str | None = None
        self.kind_of: str | None = None  # the row that was spelled out to make it
        self.cotangent_of: Value | None = None
        self.backward = False  # whether a rule made it

    def contiguous(self, way: int = 1) -> bool:
        """Return True if the array lies in memory row after row, or with way=-1 column after column."""
        expected, size = [], self.dtype.itemsize
        for length in (self.shape or ())[::-way]:
            expected.append(size)
            size *= length
        return bool(self.strides == tuple(expected[::-way]))

    def __repr__(self) -> str:
        return f"<{self.name or self.kind} {self.shape} {self.dtype}>"


def new(kind: str, of: Any, data: Any = None) -> Value:
    """Return a value that stands for `of`, with the shape, dtype and strides of `data` (by default, of `of`)."""
    data = of if data is None else data
    if not hasattr(data, "shape"):
        return Value(kind, of)
    return Value(kind, of, data.shape, data.dtype, getattr(data, "strides", None))


class Update(NamedTuple):
    """An optimiser's update of one parameter: its class, and what it is given."""

    name: str
    parameter: Value
    gradient: Any
    state: dict[str, Value]


class Step(NamedTuple):
    """A row that ran: on values and plain numbers, with parameters, at a line of the user's."""

    op: Any
    inputs: tuple[Any, ...]
    params: dict[str, Any]
    output: Value
    where: Location | None = None
    update: int = 0  # the number of an optimiser's update that it is part of, from 1

    @property
    def values(self) -> list[Value]:
        """The inputs that are no plain numbers."""
        return values_among(self.inputs)


@dataclass(eq=False)
class Steps:
    """Everything that a run of a function did, in order, and what is seen of it afterwards."""

    name: str
    steps: list[Step]
    arguments: list[Value]
    result: list[Any]  # the leaves of what was returned: values, and whatever else as it was
    rebuild: Callable[[Sequence[Any]], Any]
    writes: list[tuple[Value, Value]]  # (input, what is in its memory in the end)
    gradients: list[tuple[Value, Value | None]]  # (input, the `.grad` that it is left with)
    met: dict[Any, bool] = field(default_factory=dict)  # tensor: whether it had a gradient, where that was looked at
    modules: list[Any] = field(default_factory=list)
    finite: list[Value] = field(default_factory=list)  # gradients: where one is not, nothing is written
    updates: list[Update] = field(default_factory=list)  # whose new values have to be finite, too
    modes: list[tuple[Any, bool]] = field(default_factory=list)  # modules whose `training` was set
    path: set[Any] = field(default_factory=set)  # the instructions of the user's code that ran
    returned: list[Any] = field(default_factory=list)  # the containers that were returned
    spoiled: str | None = None  # why these steps are no program

    def inputs(self) -> list[Value]:
        """The values that no step makes, in the order in which they are first read."""
        read = [x for step in self.steps for x in step.values]
        ends = values_among([*(x for pair in (*self.writes, *self.gradients) for x in pair), *self.result])
        return [x for x in dict.fromkeys([*self.arguments, *read, *ends]) if x.kind not in (RESULT, CONSTANT)]

    @property
    def given(self) -> list[Value]:
        """The values that the caller gets: results, then the gradients that the function left."""
        return values_among([*self.result, *(g for _, g in self.gradients)])

    @property
    def checked(self) -> list[Value]:
        """The gradients of an optimiser, and what it writes: where one holds nan or inf, nothing is written."""
        held = {x for update in self.updates for x in (update.parameter, *update.state.values())}
        return values_among(dict.fromkeys([*self.finite, *(value for target, value in self.writes if target in held)]))

    @functools.cached_property
    def made(self) -> dict[Value, Step]:
        """The step that makes each value; what is changed later is another `Steps`."""
        return {step.output: step for step in self.steps}

    def needed(self, ends: Iterable[Value]) -> set[Value]:
        """Return values, and all that they are made from."""
        found = set(ends)
        for step in reversed(self.steps):
            if step.output in found:
                found.update(step.values)
        return found


def values_among(xs: Iterable[Any]) -> list[Value]:
    return [x for x in xs if isinstance(x, Value)]


def root(x: Any, made: dict[Value, Step]) -> Any:
    """The value whose memory a view shows."""
    while x in made and made[x].op.views:
        x = made[x].inputs[0]
    return x


def draws(op: Any) -> bool:
    return bool(op.spelling == "draw")
