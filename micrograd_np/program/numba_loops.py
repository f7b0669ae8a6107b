"""A program as loops over single numbers: which loops there are, and their lines."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..expressions.phrases import ATOM, literal, number_literal
from ..ops import TABLE
from ..ops.indexing import Slot, complete_index, join_index
from .ir import CONSTANT, RESULT, Step, Steps, Value
from .simplify import shape_of, uniform
from .source import FreeNames
from .trace import memory_owner

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
    return [*program.given, *(value for _, value in program.writes), *program.finite]


def stands_alone(step: Step) -> bool:
    """Return True if a step is a call, or fills its result in parts."""
    return step.op.product or step.op in (TABLE["scatter"], TABLE["concatenate"])


def solid(program: Steps) -> Steps:
    """The program with copies where memory is shown that is not a step's own: inputs, views, operands of a call."""
    program = replace(program, finite=[x for x in program.checked if x.kind == RESULT])
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
    dense = not view_of(made[source]) if source in made else source.kind == CONSTANT or source.contiguous()
    return x if dense and x.dtype == dtype else add_copy(x, made, dtype)


def add_copy(x: Value, made: dict[Value, Step], dtype: Any = None) -> Value:
    output = Value(RESULT, None, x.shape, dtype or x.dtype)
    output.name = x.name
    made[output] = Step(TABLE["copy"], (x,), {}, output)
    return output


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
        self.names = FreeNames(("n", "run", "left", "math", "range", "IndexError", *LETTERS))
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
        given = self.program.given
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
        pairs = zip(step.inputs, kinds, strict=True)
        args = [self.read(x, broadcast_index(index, shape_of(x)), body, k) for x, k in pairs]
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
