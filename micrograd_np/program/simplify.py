"""The same program without what does not matter: every bit of what is left stays as it was."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np

from ..ops import TABLE
from ..ops.primitive import Elementwise
from .identities import constant_of, is_dense, is_number, same, told, uniform
from .trace import TraceError
from .values import ARRAY, CONSTANT, RESULT, TENSOR, Step, Steps, Value

EXACT = [TABLE[name] for name in ("add", "subtract", "multiply", "divide", "negative")]
SPREAD = TABLE["broadcast_to"]
LISTED = 16  # numbers, and no more, are written out
PRODUCTS = ("dot", "matmul", "inner", "vdot", "vecdot", "tensordot", "einsum", "matvec", "vecmat")


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
    while True:
        walk = Walk(apart, by_update)
        for step in program.steps:
            walk.take(step)
        if apart == walk.apart:
            return walk.rest(program)
        apart = walk.apart


class Walk:
    """One pass over the steps; `now` says what each value has become."""

    def __init__(self, apart: Iterable[Value], by_update: bool) -> None:
        self.by_update = by_update
        self.now: dict[Value, Value] = {}
        self.made: dict[Value, Step] = {}  # in order
        self.seen: dict[Any, Value] = {}
        self.before: dict[Value, Step] = {}
        self.apart = set(apart)  # values that are not merged with their equals

    def take(self, step: Step) -> None:
        self.before[step.output] = step
        op, inputs = step.op, tuple(self.current(x) for x in step.inputs)
        if step.op.name in PRODUCTS:
            self.keep_apart(step, inputs)
        inputs = self.unspread(step, inputs)
        step = told(self.reshaped_once(step._replace(inputs=inputs)))
        became = self.folded(step) or same(step, self.made) or self.spread_later(step)
        if became is None and not draws(op):
            key = (step.update if self.by_update else 0, signature(step))
            became = self.seen.setdefault(key, step.output)
            if became is not step.output and step.output in self.apart:
                became = None
        if became is not None and became is not step.output:
            self.now[step.output] = became
            became.name = became.name or (step.output.name if became.kind == RESULT else None)
            took, owner = became.cotangent_of, step.output.cotangent_of
            if became.backward and owner and (took is None or (took.kind == RESULT != owner.kind)):
                became.cotangent_of = owner
        else:
            self.made[step.output] = step

    def current(self, x: Any) -> Any:
        return self.now.get(x, x) if isinstance(x, Value) else x

    def folded(self, step: Step) -> Value | None:
        """The value, if it can be known now."""
        values = [constant_of(x) for x in step.inputs]
        to_nothing = step.op.name == "power" and is_number(step.inputs[1], 0)
        if to_nothing:
            values = [np.ones(step.output.shape, step.output.dtype)]
        if draws(step.op) or step.output.shape is None or any(x is None for x in values):
            return None
        data = values[0] if to_nothing else np.asarray(step.op.kernel(*values, **step.params))
        if data.size > LISTED and not uniform(data):
            return None
        key = (data.dtype, data.shape, data.tobytes())
        return self.seen.setdefault(key, Value(CONSTANT, data, data.shape, data.dtype, data.strides))

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
        """What a value was broadcast from; of a constant of one number, that number."""
        if x in self.made and self.made[x].op is SPREAD:
            return self.made[x].inputs[0]
        if isinstance(x, Value) and x.kind == CONSTANT and x.shape and uniform(x.of):
            first = np.array(x.of.flat[0])
            key = (first.dtype, first.shape, first.tobytes())
            return self.seen.setdefault(key, Value(CONSTANT, first, (), first.dtype, ()))
        return None

    def spread_later(self, step: Step) -> Value | None:
        """A broadcast number is computed with first, and broadcast then: the arithmetic is exact on each alike."""
        places = [i for i, x in enumerate(step.inputs) if x in self.made and self.made[x].op is SPREAD]
        others = [x for i, x in enumerate(step.inputs) if i not in places]
        if step.op not in EXACT or len(places) != 1 or any(shape_of(x) for x in others):
            return None
        spread = self.made[step.inputs[places[0]]]
        inputs = [spread.inputs[0] if i in places else x for i, x in enumerate(step.inputs)]
        shape, dtype = spread.inputs[0].shape, step.output.dtype
        small = Value(RESULT, None, shape, dtype, np.empty(shape, dtype).strides)
        self.take(Step(step.op, tuple(inputs), step.params, small, step.where, step.update))
        wide = copy(step.output)
        self.take(Step(SPREAD, (self.current(small),), {"shape": step.output.shape}, wide, step.where, step.update))
        return self.current(wide)  # type: ignore[no-any-return]

    def keep_apart(self, step: Step, inputs: tuple[Any, ...]) -> None:
        """BLAS multiplies an array by itself in another way: two operands that were two arrays stay two."""
        roots = [root(x, self.made) for x in inputs]
        olds = [root(x, self.before) for x in step.inputs]
        for i, (now, old) in enumerate(zip(roots, olds, strict=True)):
            if isinstance(old, Value) and any(now is a and old is not b for a, b in zip(roots[:i], olds, strict=False)):
                self.apart.add(old)

    def reshaped_once(self, step: Step) -> Step:
        """A reshape of a reshape, where what lies between lay in memory as its source does."""
        inner = self.made.get(step.inputs[0]) if step.op.name == "reshape" else None
        if inner is None or inner.op is not step.op or any(x.params.get("order", "C") != "C" for x in (inner, step)):
            return step
        source = inner.inputs[0]
        return step._replace(inputs=(source,)) if is_dense(source) else step

    def fresh(self, x: Any, given: bool, targets: list[Value]) -> Any:
        """What a value has become; a copy of the memory of an input that it is to outlive, or was a copy of before."""
        if not isinstance(x, Value):
            return x
        now = self.current(x)
        at = root(now, self.made)
        was_copy = root(x, self.before) is not at
        if at.kind in (RESULT, CONSTANT) or (given and now in targets and not was_copy):
            return now
        if not (given and was_copy) and not any(overlap(at, target) for target in targets):
            return now
        output = copy(x) if x.kind == RESULT else Value(RESULT, None, x.shape, x.dtype, x.strides)
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
        needed = {x for x in ends if isinstance(x, Value)}
        steps = []
        for step in reversed(self.made.values()):
            if step.output in needed or draws(step.op):
                steps.append(step)
                needed.update(x for x in step.inputs if isinstance(x, Value))
        left: dict[str, Any] = {
            "result": result,
            "writes": writes,
            "gradients": gradients,
            "finite": finite,
            "updates": updates,
        }
        return replace(program, steps=steps[::-1], **left)


def signature(step: Step) -> Any:
    """What two steps have in common that give the same."""
    inputs = tuple(x if isinstance(x, Value) else (type(x), repr(x)) for x in step.inputs)
    return (step.op, inputs, repr(step.params))


def root(x: Any, made: dict[Value, Step]) -> Any:
    """The value whose memory a view shows."""
    while x in made and made[x].op.views:
        x = made[x].inputs[0]
    return x


def check_arrays(program: Steps) -> None:
    """Refuse an array that shows the memory of a Tensor that is written to: which of its values is read is unknown."""
    for x in program.inputs():
        for target, _ in program.writes:
            if x.kind == ARRAY and overlap(x, target):
                raise TraceError(
                    f"{x.name or 'an array'} shows the memory of {target.name or 'a tensor'}, to which "
                    f"{program.name} writes, and a program writes last. Read the Tensor itself, or copy it before."
                )


def overlap(x: Value, y: Value) -> bool:
    """Whether two inputs show one memory; arguments are their own."""
    a, b = [getattr(at.of, "_data", at.of) if at.kind in (TENSOR, ARRAY) else None for at in (x, y)]
    return x is y or (isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and np.may_share_memory(a, b))


def draws(op: Any) -> bool:
    return bool(op.name == "_draw")


def shape_of(x: Any) -> tuple[int, ...]:
    return getattr(x, "shape", ()) or ()
