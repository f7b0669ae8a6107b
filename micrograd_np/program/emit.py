"""A program as Python that runs fast: one line a step, into buffers; views, constants and functions looked up once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..expressions.source import is_numpys, kernel_of
from ..ops.primitive import Elementwise
from .plan import REDUCTIONS, SINGLE, Plan, laid_out
from .simplify import draws
from .values import CONSTANT, RESULT, Step, Steps, Value

OPERATORS = {"add": " + ", "subtract": " - ", "multiply": " * ", "divide": " / "}
NAMED_OUT = ("maximum", "minimum")  # which take a third array for a third operand


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
        self.names: dict[Any, str] = {x: f"c{i}" for i, x in enumerate(self.fixed)}
        self.names |= {x: f"a{i}" for i, x in enumerate(self.given)}
        self.meanings: dict[str, Any] = {}  # functions and constants
        self.known: dict[Any, str] = {}
        self.numbers: set[Value] = set()  # that NumPy gives as a number of its own, not as an array
        self.once: list[str] = []  # statements for each frame
        self.body: dict[Value, str] = {}  # statements for each call, by what they make
        for step in program.steps:
            self.take(step)
        self.text = self.whole()
        scope = dict(self.meanings)
        exec(compile(self.text, f"<compiled {program.name}>", "exec"), scope)
        self.make: Callable[..., Any] = scope["make"]

    def frame(self, fixed: list[Any]) -> Any:
        """(step, loop): one call, and n of them, on these arrays for those that stay the same."""
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
            self.body[step.output] = f"{name} = {self.arithmetic(step)}"
        else:
            if step.output.shape == () and step.output.dtype in SINGLE and gives_numbers(step.op):
                self.numbers.add(step.output)
            self.body[step.output] = f"{name} = {self.call(step)}"

    def is_of_numbers(self, step: Step) -> bool:
        """Whether a step is arithmetic of numbers of one dtype: an operator is faster then, and rounds alike."""
        values = [x for x in step.inputs if isinstance(x, Value)]
        alike = {x.dtype for x in (*values, step.output)} == {step.output.dtype}
        return step.op.name in OPERATORS and alike and self.numbers.issuperset(values)

    def arithmetic(self, step: Step) -> str:
        found = [self.names[x] if isinstance(x, Value) else self.meaning(float(x)) for x in step.inputs]
        return OPERATORS[step.op.name].join(found)

    def call(self, step: Step, out: str | None = None) -> str:
        """The call of a step's function, which may be given an array to write into."""
        op = step.op
        args = [self.read(x, step) for x in step.inputs]
        if not is_numpys(kernel_of(op)):  # a kernel of ours is given arrays, not NumPy's numbers
            args = [
                f"{self.meaning(np.asarray)}({arg})" if x in self.plan.made and x.shape == () else arg
                for x, arg in zip(step.inputs, args, strict=True)
            ]
        if op.name in REDUCTIONS and step.output.shape is not None:
            reduce = self.meaning(REDUCTIONS[op.name].reduce)
            axis, keepdims = self.meaning(step.params["axis"]), step.params["keepdims"]
            return f"{reduce}({args[0]}, {axis}, None, {out}, {keepdims})"
        if op.name == "transpose" and step.params["axes"] is None:
            return f"{args[0]}.T"
        if op.name == "vdot" and all(map(self.plan.lies_flat, step.inputs)):
            return f"{self.flat(args[0])}.dot({self.flat(args[1])})"
        if op.name == "dot" and out:
            return f"{args[0]}.dot({args[1]}, {out})"
        args += [f"out={out}" if op.name in NAMED_OUT else out] if out else []
        args += [f"**{self.meaning(step.params)}"] if step.params else []
        return f"{self.meaning(op.kernel)}({', '.join(args)})"

    def flat(self, name: str) -> str:
        """The same memory in one dimension."""
        line = f"flat_{name} = {name}.reshape(-1)"
        self.once += [] if line in self.once else [line]
        return f"flat_{name}"

    def read(self, x: Any, step: Step) -> str:
        if isinstance(x, Value):
            return self.meaning(x.of) if x.kind == CONSTANT else self.names[x]
        return self.meaning(number_as_array(x, step))

    def meaning(self, thing: Any) -> str:
        """A name for a function, a constant or a container of parameters."""
        key = repr((thing.dtype, thing.item())) if isinstance(thing, np.ndarray) and not thing.ndim else id(thing)
        if key not in self.known:
            self.known[key] = f"k{len(self.known)}"
            self.meanings[self.known[key]] = thing
        return self.known[key]

    def whole(self) -> str:
        """`make`, which gives `step` and `loop`; all calls of a loop but the last do only what later ones need."""
        buffers = [f"b{i}" for i in range(len(self.plan.buffers))]
        made = ", ".join([*(self.names[x] for x in self.fixed), *buffers])
        given = ", ".join(self.names[x] for x in self.given)
        values = dict(self.program.writes)
        checks = [f"{self.meaning(check)}({self.final(values[x])})" for x, check in self.program.checks]
        writes = [self.write(target, value) for target, value in self.program.writes]
        needed = self.lasting()
        lasting = [line for step, line in self.body.items() if step in needed]
        ends = [x for x in self.program.result if isinstance(x, Value) and x.kind == RESULT]
        ends += [g for _, g in self.program.gradients if g is not None]
        lines = [f"def make({made}):", *indented(self.once), f"    def step({given}):"]
        lines += indented([*self.body.values(), *checks, *completed(writes)], 2)
        lines += [f"        return ({''.join(self.final(x) + ', ' for x in ends)})", f"    def loop(n, {given}):"]
        lines += ["        for _ in range(n - 1):", *indented([*lasting, *checks, *completed(writes), "pass"], 3)]
        return "\n".join([*lines, f"        return step({given})", "    return step, loop", ""])

    def write(self, target: Value, value: Value) -> str:
        """What puts a value into an input's memory: byte by byte, where both lie there in one piece."""
        to, source = self.names[target], self.final(value)
        if not (self.plan.lies_flat(target) and self.plan.lies_flat(value)):
            return f"{to}[...] = {source}"
        for name in (to, source):
            line = f"bytes_{name} = {self.meaning(memoryview)}({name}).cast('B')"
            self.once += [] if line in self.once else [line]
        return f"bytes_{to}[:] = bytes_{source}"

    def lasting(self) -> set[Value]:
        """What is needed for what is written, or moves a generator on."""
        needed = {value for _, value in self.program.writes}
        for step in reversed(self.program.steps):
            if step.output in needed or draws(step.op):
                needed.add(step.output)
                needed.update(x for x in step.inputs if isinstance(x, Value))
        return needed

    def final(self, x: Any) -> str:
        return self.meaning(x.of) if x.kind == CONSTANT else self.names[x]


def gives_numbers(op: Any) -> bool:
    """Whether a row's function gives a number of NumPy's own for a 0-d array."""
    return isinstance(op.kernel, np.ufunc) or op.name in (*REDUCTIONS, "vdot")


def completed(writes: list[str]) -> list[str]:
    """Writes that are completed once they have begun: done twice, they are what they are."""
    again = [f"    {line}" for line in writes]
    return ["try:", *again, "except BaseException:", *again, "    raise"] if writes else []


def indented(lines: list[str], depth: int = 1) -> list[str]:
    return [" " * 4 * depth + line for line in lines]


def number_as_array(x: Any, step: Step) -> Any:
    """A Python number in the dtype that it takes on beside the step's arrays: so it is converted once."""
    kinds = {y.dtype for y in step.inputs if isinstance(y, Value)}
    alike = isinstance(step.op, Elementwise) and all(step.op.rules) and len(kinds) == 1
    if not alike or isinstance(x, bool) or not isinstance(x, int | float):
        return x
    (dtype,) = kinds
    return np.asarray(x, dtype) if dtype.kind == "f" else x
