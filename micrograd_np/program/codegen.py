"""Code generation: where each value lives, and a program as Python that runs fast.

One line a step, into buffers that are used again; views, constants and functions are looked up once.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np

from ..expressions.phrases import is_numpys, kernel_of
from ..ops import TABLE
from ..ops.primitive import Elementwise
from .guards import indented
from .ir import ARRAY, CONSTANT, RESULT, TENSOR, Step, Steps, Value, draws, root, values_among

PRODUCTS = (TABLE["dot"], TABLE["matmul"])
SINGLE = (np.dtype("f4"), np.dtype("f8"))
FIXED = (TENSOR, ARRAY, CONSTANT)  # whose memory is the same at every call


class Plan:
    """The buffers of a program, which step writes into which, and which views stand still.

    A buffer is free again after the last step that reads its memory, by way of a view or not. An elementwise step may
    take the buffer of an operand that it is the last to read: each entry is read before it is written. A product or a
    sum may not, since it reads entries again after it wrote others. What the caller is given lives in no buffer, or the
    next call would change it; nor does what is written in the end share one before the writes are done.

    Attributes
    ----------
    buffers : list of Value
        For each buffer, a value that it has the shape, dtype and strides of.
    out : dict
        Value to the number of the buffer that its step writes into.
    still : set of Value
        Views of memory that is the same at every call.
    """

    def __init__(self, program: Steps) -> None:
        self.program = program
        self.made = program.made
        self.prototypes: dict[Value, Any] = {}  # arrays laid out as the values are
        self.buffers: list[Value] = []
        self.out: dict[Value, int] = {}
        self.still: set[Value] = set()
        self.free: dict[Any, list[int]] = defaultdict(list)
        self.seen = {root(x, self.made) for x in program.given}  # which the caller keeps
        self.last = self.last_uses()
        for position, step in enumerate(program.steps):
            self.place(position, step)

    def last_uses(self) -> dict[Value, int]:
        """The last step that looks at each memory; what is written in the end lives to the end."""
        last: dict[Value, int] = {}  # by the value that owns the memory
        for position, step in enumerate(self.program.steps):
            for x in (step.output, *step.values):
                last[root(x, self.made)] = position
        for _, value in self.program.writes:
            last[root(value, self.made)] = len(self.program.steps)
        return last

    def place(self, position: int, step: Step) -> None:
        value = step.output
        roots = dict.fromkeys(root(x, self.made) for x in step.values)
        dying = [x for x in roots if self.last.get(x) == position and x in self.out]
        if step.op.views:
            alone = step.values == [step.inputs[0]]
            if alone and not step.op.checks and self.stands(step.inputs[0]) and self.is_view(step):
                self.still.add(value)
        elif self.takes_out(step) and value not in self.seen:
            if isinstance(step.op, Elementwise):  # may write over what it reads, entry by entry
                self.release(dying)
                dying = []
            self.out[value] = self.buffer(value)
        self.release(dying)

    def release(self, values: list[Value]) -> None:
        for x in values:
            self.free[layout(x)].append(self.out[x])

    def buffer(self, value: Value) -> int:
        if free := self.free[layout(value)]:
            return free.pop()
        self.buffers.append(value)
        return len(self.buffers) - 1

    def stands(self, x: Value) -> bool:
        """Return True if a value's array is the same object at every call."""
        return x.kind in FIXED or x in self.out or x in self.still

    def lies_flat(self, x: Value) -> bool:
        """Return True if a value is an array in one piece of memory that stays the same at every call."""
        several = math.prod(x.shape or ()) > 1
        return x.dtype in SINGLE and several and self.stands(x) and x.contiguous() and not self.is_spread(x)

    def is_product_of_matrices(self, step: Step) -> bool:
        """Return True if BLAS reads both operands in place: `x.dot` then gives the bits of `np.matmul`, faster."""
        same = {x.dtype for x in step.values} == {step.output.dtype}
        flat = all(len(x.shape or ()) == 2 and (x.contiguous() or x.contiguous(-1)) for x in step.inputs)
        return same and flat and step.output.contiguous() and not any(map(self.is_spread, step.inputs))

    def is_spread(self, x: Value) -> bool:
        """Return True if a value views a broadcast: its strides are 0 where those of the trace need not be."""
        while x in self.made and self.made[x].op.views:
            if self.made[x].op is TABLE["broadcast_to"]:
                return True
            x = self.made[x].inputs[0]
        return False

    def is_view(self, step: Step) -> bool:
        source = self.prototype(step.inputs[0])
        with np.errstate(all="ignore"):  # the prototype holds any numbers
            view = step.op.kernel(source, *step.inputs[1:], **step.params)
        self.prototypes[step.output] = view
        return np.shares_memory(view, source)

    def prototype(self, x: Value) -> Any:
        return self.prototypes.setdefault(x, laid_out(x))

    def takes_out(self, step: Step) -> bool:
        """Return True if the step's function takes `out=`."""
        op, value = step.op, step.output
        if not value.shape or 0 in value.strides:
            return False
        if op.reduction or (isinstance(op.kernel, np.ufunc) and op.kernel.signature is None):
            return True
        return op in PRODUCTS and self.is_product_of_matrices(step)


def layout(x: Value) -> Any:
    return (x.shape, x.dtype, x.strides)


def laid_out(x: Value) -> Any:
    """An array of a value's shape, dtype and order in memory."""
    shape, strides = x.shape or (), x.strides or ()
    order = sorted(range(len(shape)), key=lambda axis: -abs(strides[axis]))
    data = np.empty([shape[axis] for axis in order], x.dtype)
    return data.transpose(np.argsort(order)) if shape else data


# An error of a write, as into an array that is read-only: other writes are done, and the function would do them again.
BEGUN = ["if hasattr(error, 'halfway'):", "    raise"]
OPERATORS = ("+", "-", "*", "/")
# A sum of squares below this proves that all numbers are finite, in float32 too: inf and nan are not below, and neither
# is a square that overflows. Where it is not below, each number is looked at.
LARGE = 1e19
NAMED_OUT = (TABLE["maximum"], TABLE["minimum"])  # which take a third array for a third operand


class Emitted:
    """The text of a program for speed, and what its names stand for.

    `frame(fixed)` gives a function of the arrays that differ from call to call. It has buffers of its own, so that as
    many calls may run at once as there are frames.
    """

    exact = True

    def __init__(self, program: Steps) -> None:
        self.program = program
        self.plan = Plan(program)
        inputs = program.inputs()
        self.fixed = [x for x in inputs if self.plan.stands(x)]
        self.given = [x for x in inputs if not self.plan.stands(x)]
        self.names: dict[Any, str] = {x: f"a{i}" for i, x in enumerate([*self.fixed, *self.given])}
        self.meanings: dict[str, Any] = {}  # functions and constants
        self.known: dict[Any, str] = {}
        self.numbers: set[Value] = set()  # that NumPy gives as a number of its own, not as an array
        self.once: list[str] = []  # statements for each frame
        self.body: dict[Value, str] = {}  # statements for each call, by what they make
        for step in program.steps:
            self.take(step)
        text, scope = self.text(), dict(self.meanings)
        exec(compile(text, f"<compiled {program.name}>", "exec"), scope)
        self.make: Any = scope["make"]

    def frame(self, fixed: list[Any]) -> Any:
        """(step, loop): one call, and n - 1 of them, on these arrays for those that stay the same."""
        return self.make(*fixed, *[laid_out(x) for x in self.plan.buffers])

    def take(self, step: Step) -> None:
        name = self.names[step.output] = f"v{len(self.names)}"
        if step.output in self.plan.out:
            self.names[step.output] = name = f"b{self.plan.out[step.output]}"
            self.body[step.output] = self.call(step, name)
        elif step.output in self.plan.still:
            self.once.append(f"{name} = {self.call(step)}")
        elif self.is_of_numbers(step):
            self.numbers.add(step.output)
            found = [self.names[x] if isinstance(x, Value) else self.meaning(float(x)) for x in step.inputs]
            self.body[step.output] = f"{name} = {f' {step.op.sign} '.join(found)}"
        else:
            if step.output.shape == () and step.output.dtype in SINGLE and gives_numbers(step.op):
                self.numbers.add(step.output)
            self.body[step.output] = f"{name} = {self.call(step)}"

    def is_of_numbers(self, step: Step) -> bool:
        """Return True if a step is arithmetic of numbers of one dtype: an operator is then faster and rounds alike."""
        alike = {x.dtype for x in step.values} == {step.output.dtype}
        return step.op.sign in OPERATORS and len(step.inputs) == 2 and alike and self.numbers.issuperset(step.values)

    def call(self, step: Step, out: str | None = None) -> str:
        """The call of a step's function, which may be given an array to write into."""
        op = step.op
        args = [self.read(x, step) for x in step.inputs]
        if not is_numpys(kernel_of(op)):  # a kernel of ours is given arrays, not NumPy's numbers
            pairs, array = zip(step.inputs, args, strict=True), self.meaning(np.asarray)
            args = [f"{array}({arg})" if x in self.plan.made and x.shape == () else arg for x, arg in pairs]
        if op.reduction and step.output.shape is not None:
            axis, keepdims = self.meaning(step.params["axis"]), step.params["keepdims"]
            return f"{self.meaning(op.reduction.reduce)}({args[0]}, {axis}, None, {out}, {keepdims})"
        if op is TABLE["transpose"] and step.params["axes"] is None:
            return f"{args[0]}.T"
        if op is TABLE["vdot"] and all(map(self.plan.lies_flat, step.inputs)):
            return f"{self.flat(args[0])}.dot({self.flat(args[1])})"
        if op in PRODUCTS and self.plan.is_product_of_matrices(step):
            return f"{args[0]}.dot({args[1]}{f', {out}' if out else ''})"
        args += [f"out={out}" if op in NAMED_OUT else out] if out else []
        args += [f"**{self.meaning(step.params)}"] if step.params else []
        return f"{self.meaning(op.kernel)}({', '.join(args)})"

    def flat(self, name: str) -> str:
        """The same memory in one dimension."""
        line = f"flat_{name} = {name}.reshape(-1)"
        self.once += [] if line in self.once else [line]
        return f"flat_{name}"

    def read(self, x: Any, step: Step) -> str:
        return self.final(x) if isinstance(x, Value) else self.meaning(number_as_array(x, step))

    def meaning(self, thing: Any) -> str:
        """A name for a function, a constant or a container of parameters."""
        key = repr((thing.dtype, thing.item())) if isinstance(thing, np.ndarray) and not thing.ndim else id(thing)
        if key not in self.known:
            self.known[key] = f"k{len(self.known)}"
            self.meanings[self.known[key]] = thing
        return self.known[key]

    def text(self) -> str:
        """The source of `make`, which returns (step, loop) for the arrays that stay the same.

        `step` makes one call. `loop` makes n - 1, and in each only what later calls need; it returns how many are left.
        """
        given = ", ".join(self.names[x] for x in self.given)
        ends = [x for x in values_among(self.program.result) if x.kind == RESULT]
        ends += values_among(g for _, g in self.program.gradients)
        checked = self.needed_checks()
        needed = self.lasting(checked)
        lasting = [line for value, line in self.body.items() if value in needed]
        checks = self.checks([x for x in checked if x.kind == RESULT])
        writes = completed([f"{self.names[at]}[...] = {self.final(value)}" for at, value in self.program.writes])
        buffers = [f"b{i}" for i in range(len(self.plan.buffers))]
        lines = [f"def make({', '.join([*(self.names[x] for x in self.fixed), *buffers])}):", *indented(self.once)]
        lines += [f"    def step({given}):", *indented([*self.undone([*self.body.values(), *checks]), *writes], 2)]
        lines += [f"        return ({''.join(self.final(x) + ', ' for x in ends)})"]
        lines += [f"    def loop(n, {given}):", "        for left in range(n, 1, -1):", "            try:"]
        lines += [*indented([*self.undone([*lasting, *checks]), *writes, "pass"], 4)]
        lines += ["            except Exception as error:", *indented([*BEGUN, "return left"], 4), "        return 1"]
        return "\n".join([*lines, "    return step, loop", ""])

    def checks(self, values: list[Value]) -> list[str]:
        """One line that looks at all that has to be finite: a sum of squares is, but for very large numbers."""
        if not values:
            return []
        names = [self.names[x] for x in values]
        squares = [
            f"{self.flat(name)}.dot({self.flat(name)})"
            if self.plan.lies_flat(x)
            else f"{self.meaning(np.vdot)}({name}, {name})"
            for name, x in zip(names, values, strict=True)
        ]
        check = f"{self.meaning(check_finite)}({', '.join(names)})"
        return [f"if not {' + '.join(squares)} < {LARGE}: {check}"]

    def needed_checks(self) -> list[Value]:
        """Return the values to check for nan; one whose nan would show in another checked value is left out."""
        shows: set[Value] = set()
        found = []
        for x in self.program.checked[::-1]:  # what is written stands last
            if x not in shows:
                found.append(x)
            shows |= self.sources(x)
        return found[::-1]

    def sources(self, value: Value) -> set[Value]:
        """Return the values whose nan or inf makes this value nan or inf."""
        found, pending = set(), [value]
        while pending:
            step = self.plan.made.get(pending.pop())
            through = [x for x in step.inputs[: step.op.shows_nan] if x in self.plan.made] if step else []
            pending += [x for x in through if x not in found]
            found.update(through)
        return found

    def undone(self, lines: list[str]) -> list[str]:
        """Lines before the writes; where one of them raises, generators are put back."""
        rngs = dict.fromkeys(self.names[step.inputs[0]] for step in self.program.steps if draws(step.op))
        if not rngs:
            return lines
        before = [f"state_{name} = {name}.bit_generator.state" for name in rngs]
        after = [f"    {name}.bit_generator.state = state_{name}" for name in rngs]
        return [*before, "try:", *indented(lines), "except BaseException:", *after, "    raise"]

    def lasting(self, checked: list[Value]) -> set[Value]:
        """Return the values that writes, checks and random draws depend on."""
        drawn = [step.output for step in self.program.steps if draws(step.op)]
        return self.program.needed([*(value for _, value in self.program.writes), *checked, *drawn])

    def final(self, x: Any) -> str:
        return self.meaning(x.of) if x.kind == CONSTANT else self.names[x]


def check_finite(*arrays: Any) -> None:
    """Refuse to write a nan or inf; the function itself, which runs then, says which parameter it is."""
    if not all(np.isfinite(x).all() for x in arrays):
        raise FloatingPointError


def gives_numbers(op: Any) -> bool:
    """Return True if a row's function returns a NumPy scalar for a 0-d array."""
    return isinstance(op.kernel, np.ufunc) or op.reduction is not None or op is TABLE["vdot"]


def completed(writes: list[str]) -> list[str]:
    """Writes that are completed once they have begun: done twice, they are what they are.

    An interrupt between two of them would leave some parameters new and some old.
    """
    begun, again = indented(writes), indented(writes, 2)
    rest = ["    error.halfway = True", "    try:", *again, "    finally:", "        raise error"]
    return ["try:", *begun, "except BaseException as error:", *rest] if writes else []


def number_as_array(x: Any, step: Step) -> Any:
    """A Python number in the dtype that it takes on beside the step's arrays: so it is converted once."""
    kinds = {y.dtype for y in step.values}
    alike = isinstance(step.op, Elementwise) and all(step.op.rules) and len(kinds) == 1
    if not alike or isinstance(x, bool) or not isinstance(x, int | float):
        return x
    (dtype,) = kinds
    return np.asarray(x, dtype) if dtype.kind == "f" else x
