"""Simplify a program without changing a single bit of its results.

What must hold, or a program gives other bits than its function:

- One value stands for another only if shape, dtype and the order in memory agree. What a product or a sum reads keeps
  its strides, too (`read_by_layout`), since BLAS and NumPy add up in an order that depends on them.
- Two arrays that are equal stay two where BLAS multiplies them (`keep_apart`).
- A rule for numbers holds for all numbers: `x * 1`, `x / 1` and `x - 0` are x, but `x + 0` is not (for -0), and `x * 0`
  is not 0 (for nan).
- A draw is neither merged with its equal nor left out, for the next numbers depend on it.
- A value never changes. What a memory holds before a write and after it are two values, and the writes come last.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import TraceError
from ..ops import TABLE
from ..ops.primitive import Elementwise, Outputs
from .ir import ARGUMENT, ARRAY, CONSTANT, RESULT, TENSOR, Step, Steps, Update, Value, draws, new, root, values_among

SPREAD = TABLE["broadcast_to"]
PACKS = TABLE["pack"], TABLE["pack_copies"]
LEAST = 4  # steps of an update that are worth a function
LISTED = 16  # numbers, and no more, are written out


def simplified(program: Steps, by_update: bool = False) -> Steps:
    """Constants folded, identities and unneeded broadcasts gone, each thing computed once, and nothing in vain.

    Parameters
    ----------
    program : Steps
    by_update : bool
        Whether each update of an optimiser computes what it needs by itself, and so can be a function of its own.
    """
    check_arrays(program)
    apart: set[Value] = set()
    rigid = read_by_layout(program)
    while True:  # a walk may find two operands that were merged too early (keep_apart): then it starts again
        walk = Walk(apart, by_update, rigid)
        for step in program.steps:
            walk.take(step)
        if apart == walk.apart:
            return walk.rest(program)
        apart = walk.apart


class Walk:
    """One pass over the steps; `now` says what each value has become."""

    def __init__(self, apart: Iterable[Value], by_update: bool, rigid: set[Value]) -> None:
        self.by_update = by_update
        self.rigid = rigid  # values that must lie in memory as they did
        self.now: dict[Value, Value] = {}  # the value that replaces another
        self.made: dict[Value, Step] = {}  # the steps that are kept, by their output, in order
        self.seen: dict[Any, Value] = {}  # the value of each expression and constant, by a key
        self.before: dict[Value, Step] = {}  # the original steps, by their output
        self.apart = set(apart)  # values that are not merged with their equals

    def take(self, step: Step) -> None:
        self.before[step.output] = step
        op, inputs = step.op, tuple(self.current(x) for x in step.inputs)
        if step.op.product:
            self.keep_apart(step, inputs)
        inputs = self.unspread(step, inputs)
        step = of_numbers(self.reshaped_once(step._replace(inputs=inputs)))
        # The order matters: what is folded needs no rule, and what a rule removes is not computed elsewhere.
        became = self.folded(step) or self.unchanged(step)
        if became is None and not draws(op):
            key = (step.update if self.by_update else 0, signature(step))
            became = self.seen.setdefault(key, step.output)
        if step.output in self.apart:
            became = step.output
        if became is not None and became is not step.output:
            self.now[step.output] = became
            became.name = became.name or (step.output.name if became.kind == RESULT else None)
            # The cotangent of a leaf is called d_w; that is clearer than the name of a value in between.
            took, owner = became.cotangent_of, step.output.cotangent_of
            if became.backward and owner and (took is None or (took.kind == RESULT != owner.kind)):
                became.cotangent_of = owner
        else:
            self.made[step.output] = step

    def current(self, x: Any) -> Any:
        return self.now.get(x, x) if isinstance(x, Value) else x

    def unchanged(self, step: Step) -> Value | None:
        """The input that a step leaves as it is."""
        output = step.output
        found = IDENTITIES[step.op.peephole](step, self.made) if step.op.peephole else None
        if not isinstance(found, Value) or (found.shape, found.dtype) != (output.shape, output.dtype):
            return None
        if output in self.rigid and steps_of(found) != steps_of(output):
            return None
        return found if order_of(found) == order_of(output) else None

    def folded(self, step: Step) -> Value | None:
        """The value, if it can be known now."""
        values = [constant_of(x) for x in step.inputs]
        is_power_zero = step.op is TABLE["power"] and is_number(step.inputs[1], 0)  # 1 for every x, also for nan
        if is_power_zero:
            values = [np.ones(step.output.shape, step.output.dtype)]
        if step.output.shape is None or any(x is None for x in values):
            return None
        data = values[0] if is_power_zero else np.asarray(step.op.kernel(*values, **step.params))
        # A long list of numbers would fill the text; one number that is repeated is written as such.
        if data.size > LISTED and not uniform(data):
            return None
        return self.constant(data)

    def constant(self, data: Any) -> Value:
        key = (data.dtype, data.shape, data.strides, data.tobytes())
        return self.seen.setdefault(key, new(CONSTANT, data))

    def unspread(self, step: Step, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Inputs without the broadcasts that the op does anyway."""
        if not isinstance(step.op, Elementwise):
            return inputs
        for position, x in enumerate(inputs):
            narrow = self.narrow(x)
            if narrow is not None:
                others = [shape_of(y) for i, y in enumerate(inputs) if i != position]
                if np.broadcast_shapes(narrow.shape, *others) == step.output.shape:
                    inputs = (*inputs[:position], narrow, *inputs[position + 1 :])
        return inputs

    def narrow(self, x: Any) -> Any:
        """Return the value before a broadcast; for a constant that repeats one number, that number."""
        if x in self.made and self.made[x].op is SPREAD:
            return self.made[x].inputs[0]
        if isinstance(x, Value) and x.kind == CONSTANT and x.shape and uniform(x.of):
            return self.constant(np.array(x.of.flat[0]))
        return None

    def keep_apart(self, step: Step, inputs: tuple[Any, ...]) -> None:
        """BLAS multiplies an array by itself in another way: two operands that were two arrays stay two."""
        roots = [root(x, self.made) for x in inputs]
        olds = [root(x, self.before) for x in step.inputs]
        for i, (now, old) in enumerate(zip(roots, olds, strict=True)):
            twins = [b for a, b in zip(roots[:i], olds, strict=False) if now is a and old is not b]
            self.apart.update(values_among([old, *twins] if twins else []))

    def reshaped_once(self, step: Step) -> Step:
        """A reshape of a reshape, where what lies between lay in memory as its source does."""
        inner = self.made.get(step.inputs[0]) if step.op is TABLE["reshape"] else None
        if inner is None or inner.op is not step.op or any(x.params.get("order", "C") != "C" for x in (inner, step)):
            return step
        source = inner.inputs[0]
        return step._replace(inputs=(source,)) if source.contiguous() else step

    def fresh(self, x: Any, given: bool, targets: list[Value]) -> Any:
        """Return what a value has become, or a copy of it if it shares memory with an input and must not.

        `given` says that the user gets it (a result or a gradient). Then a copy in the source stays a copy, and so does
        what lies in memory that is written to.
        """
        if not isinstance(x, Value):
            return x
        now = self.current(x)
        at = root(now, self.made)
        was_copy = root(x, self.before) is not at  # the source made a copy, such as x.copy(), and a rule removed it
        if at.kind in (RESULT, CONSTANT) or (given and now in targets and not was_copy):
            return now
        if not (given and was_copy) and not any(overlap(at, target) for target in targets):
            return now
        output = copy(x) if x.kind == RESULT else new(RESULT, None, x)
        step = Step(TABLE["copy"], (now,), {}, output)
        made = self.seen.setdefault((0, signature(step)), step.output)
        self.made.setdefault(made, step)
        return made

    def rest(self, program: Steps) -> Steps:
        """The program of what is still needed for what is seen in the end."""
        targets = [target for target, _ in program.writes]
        result = [self.fresh(x, True, targets) for x in program.result]
        writes = [(at, value if value is at else self.fresh(value, False, targets)) for at, value in program.writes]
        gradients = [(target, self.fresh(value, True, targets)) for target, value in program.gradients]
        finite = list(dict.fromkeys(self.current(x) for x in program.finite))
        updates = [update._replace(gradient=self.current(update.gradient)) for update in program.updates]
        ends = [*finite, *result, *(x for _, x in writes), *(x for _, x in gradients)]
        drawn = [x for x, step in self.made.items() if draws(step.op)]  # the next numbers depend on each
        kept = replace(program, steps=list(self.made.values()))
        needed = kept.needed([*values_among(ends), *drawn])
        kept = replace(kept, steps=[step for step in kept.steps if step.output in needed], updates=updates)
        return replace(kept, result=result, writes=writes, gradients=gradients, finite=finite)


def signature(step: Step) -> Any:
    """Return a key that is equal for steps that compute the same (common subexpressions)."""
    inputs = tuple(x if isinstance(x, Value) else (type(x), repr(x)) for x in step.inputs)
    return (step.op, inputs, repr(step.params))


def check_arrays(program: Steps) -> None:
    """Refuse an array that shows the memory of a Tensor that is written to: which of its values is read is unknown."""
    arrays = [x for x in program.inputs() if x.kind == ARRAY]
    for x, target in [(x, target) for x in arrays for target, _ in program.writes if overlap(x, target)]:
        what = f"{x.name or 'an array'} shows the memory of {target.name or 'a tensor'}, to which {program.name} writes"
        raise TraceError(f"{what}, and a program writes last. Read the Tensor itself, or copy it before.")


def overlap(x: Value, y: Value) -> bool:
    """Return True if two captured inputs are aliases; arguments never are, since a guard checks them."""
    a, b = [getattr(at.of, "_data", at.of) if at.kind in (TENSOR, ARRAY) else None for at in (x, y)]
    return x is y or (isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and np.may_share_memory(a, b))


def shape_of(x: Any) -> tuple[int, ...]:
    return getattr(x, "shape", ()) or ()


def read_by_layout(program: Steps) -> set[Value]:
    """Return the values whose layout in memory decides about the last bits of what is made of them.

    BLAS and sums add in an order that depends on strides. An elementwise op does not: its bits are the same for each
    layout, and the layout of its result is too if all inputs are in C order.
    """
    rigid = {x for x in program.given if x.shape}  # which the caller may write to
    for step in program.steps:
        inputs = [x for x in step.values if x.shape]
        if not isinstance(step.op, Elementwise) or any(order_of(x) != sorted(order_of(x)) for x in inputs):
            rigid.update(inputs)
    return rigid


def steps_of(x: Value) -> list[tuple[int, int]]:
    """Return the length and the stride of each axis that is longer than 1."""
    return [(size, stride) for size, stride in zip(x.shape, x.strides or (), strict=False) if size > 1]


def of_numbers(step: Step) -> Step:
    """The product of a NumPy number, which has no `.dot`."""
    by_number = step.op is TABLE["dot"] and any(y.shape == () for y in step.inputs)
    return step._replace(op=TABLE["multiply"]) if by_number else step


def order_of(x: Value) -> list[int]:
    """The axes that are longer than 1, the one with the widest steps first: how an array is walked through."""
    axes = [i for i, size in enumerate(x.shape) if size > 1]
    return sorted(axes, key=lambda i: -abs(x.strides[i])) if x.strides and 0 not in x.shape else []


def times_one(step: Step, made: dict[Value, Step]) -> Value | None:
    x, y = step.inputs
    return x if is_number(y, 1) else y if is_number(x, 1) else None


def swapped(step: Step) -> set[int]:
    """The axes that a `swapaxes` step swaps, counted from 0: 1 and -1 of a matrix are one axis."""
    return {axis % len(step.output.shape) for axis in step.params.values()}


def swapped_back(step: Step, made: dict[Value, Step]) -> Value | None:
    """The input of a swap that swaps nothing, or that undoes the swap before it."""
    if len(swapped(step)) == 1:
        return step.inputs[0]  # type: ignore[no-any-return]
    inner = made.get(step.inputs[0])
    if inner is None or inner.op is not step.op:
        return None
    return inner.inputs[0] if swapped(step) == swapped(inner) else None


def undone(step: Step, made: dict[Value, Step]) -> Value | None:
    """The x of -(-x), x.T.T and other ops that undo themselves."""
    inner = made.get(step.inputs[0])
    # With parameters, such as axes=(1, 2, 0), doing it twice may not give x.
    if inner is None or inner.op is not step.op or any(map(bool, (*step.params.values(), *inner.params.values()))):
        return None
    return inner.inputs[0]  # type: ignore[no-any-return]


def in_order(step: Step, made: dict[Value, Step]) -> Value | None:
    """x.T.T, and axes in the order that they have."""
    axes = step.params["axes"]
    kept = axes is not None and tuple(axis % len(axes) for axis in axes) == tuple(range(len(axes)))
    return step.inputs[0] if kept else undone(step, made)


def packed(step: Step, made: dict[Value, Step]) -> Value | None:
    """(x, y)[0]"""
    inner = made.get(step.inputs[0])
    return inner.inputs[step.params["i"]] if inner and inner.op in PACKS else None


Identity = Callable[[Step, dict[Value, Step]], Value | None]
IDENTITIES: dict[str, Identity] = {  # by the field `peephole` of a row
    "times_one": times_one,
    "by_one": lambda step, made: step.inputs[0] if is_number(step.inputs[1], 1) else None,
    "minus_zero": lambda step, made: step.inputs[0] if is_number(step.inputs[1], 0) else None,
    "undone": undone,
    "in_order": in_order,
    "reshaped": lambda step, made: step.inputs[0] if step.params.get("order", "C") == "C" else None,
    "swapped_back": swapped_back,
    "packed": packed,
    "twice": lambda step, made: step.inputs[0] if step.inputs[0] is step.inputs[1] else None,  # x & x
    "first": lambda step, made: step.inputs[0],
}


def constant_of(x: Any) -> Any:
    return x if not isinstance(x, Value) else x.of if x.kind == CONSTANT else None


def uniform(data: Any) -> bool:
    return bool(data.size > 0 and data.tobytes() == data.flat[0].tobytes() * data.size)


def is_number(x: Any, number: float) -> bool:
    """Return True if x is this number; for 0, only if it is +0. No complex number is."""
    data = constant_of(x)
    if isinstance(data, Outputs) or data is None or np.size(data) != 1 or np.iscomplexobj(data):
        return False
    return bool(np.all(np.equal(data, number)) and not np.any(np.signbit(data)))


# An optimiser's update as one function of a program's text, called for each parameter.


class Part(NamedTuple):
    """One update: its steps, the values that they read from outside, and the writes."""

    update: Update
    steps: list[Step]
    inputs: list[Value]
    writes: list[tuple[Value, Value]]


class Call(NamedTuple):
    """A call of an update's function, and what it writes to."""

    name: str
    inputs: list[Value]
    targets: list[Value]


def factored(program: Steps, printed: Callable[[Steps], str]) -> tuple[Steps, dict[str, Steps], list[Call]]:
    """Take optimiser updates out of a program: return the rest, one function for each kind of update, and the calls.

    Updates share a function if their source text is equal. An update stays in the program if other steps read from it,
    or if it reads what another update writes.
    """
    alike: dict[str, list[Part]] = defaultdict(list)
    for part in separable(program):
        alike[printed(function(part, part.update.name.lower()))].append(part)
    functions: dict[str, Steps] = {}
    calls: list[Call] = []
    steps, writes = list(program.steps), list(program.writes)
    for first, *others in alike.values():
        if not others or len(first.steps) < LEAST:
            continue
        name = first.update.name.lower()
        names = name, *(f"{name}_{i}" for i in range(2, len(functions) + 3))
        name = next(x for x in names if x not in functions)
        functions[name] = function(first, name)
        for part in (first, *others):
            calls.append(Call(name, part.inputs, [target for target, _ in part.writes]))
            gone = {step.output for step in part.steps}
            steps = [step for step in steps if step.output not in gone]
            writes = [(target, value) for target, value in writes if value not in gone]
    return replace(program, steps=steps, writes=writes), functions, calls


def separable(program: Steps) -> Iterator[Part]:
    """The updates that nothing else reads from, and that read nothing that another writes."""
    readers: dict[Any, set[Any]] = defaultdict(set)
    for step in program.steps:
        for x in step.values:
            readers[x].add(step.output)
    others = {*program.given, *program.finite}
    targets = {target for target, _ in program.writes}
    for number, update in enumerate(program.updates, 1):
        own = {update.parameter, *update.state.values()}
        writes = [(target, value) for target, value in program.writes if target in own]
        ends = others | {value for target, value in program.writes if target not in own}
        inside: set[Value] = set()
        steps = []
        for step in reversed(program.steps):
            own_step = step.update == number and not draws(step.op)  # a draw that moved would give other numbers
            if own_step and readers[step.output] <= inside and step.output not in ends:
                inside.add(step.output)
                steps.append(step)
        steps.reverse()
        read = dict.fromkeys(x for step in steps for x in step.values)
        inputs = [x for x in read if x.kind != CONSTANT and x not in inside]
        inputs += [target for target, _ in writes if target not in inputs]
        roles = ["p", "g", *update.state]  # the order of the parameters; options come last
        # Roles come in their order; an input with any other name comes after them.
        inputs.sort(key=lambda x: [*roles, role(update, x)].index(role(update, x)))
        apart = not any(x in targets and x not in own for x in inputs)
        if apart and writes and all(value in inside for _, value in writes):
            yield Part(update, steps, inputs, writes)


def role(update: Update, x: Value) -> str:
    """The name of an input in the function."""
    roles = {update.gradient: "g", update.parameter: "p", **{value: kind for kind, value in update.state.items()}}
    return roles.get(x) or x.name or "t"


def function(part: Part, name: str) -> Steps:
    """An update as a program of its own."""
    own = {x: copy(x) for x in (*part.inputs, *(step.output for step in part.steps))}
    for x in own.values():
        x.cotangent_of = None
    for place, x in enumerate(part.inputs):
        own[x].kind, own[x].of, own[x].name = ARGUMENT, place, role(part.update, x)
    inputs = [tuple(own.get(x, x) for x in step.inputs) for step in part.steps]
    steps = [step._replace(inputs=x, output=own[step.output]) for step, x in zip(part.steps, inputs, strict=True)]
    writes = [(own[target], own[value]) for target, value in part.writes]
    return Steps(name, steps, [own[x] for x in part.inputs], [None], lambda leaves: leaves[0], writes, [])
