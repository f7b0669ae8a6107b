"""A program as the NumPy function that a person would have written."""

from __future__ import annotations

import keyword
from collections import Counter
from typing import Any

from ..ops.primitive import Elementwise
from .kernels import printed
from .phrases import ATOM, Phrase, literal
from .simplify import draws, root
from .spelling import kernel_of, needs_kernel, spelled
from .values import CONSTANT, RESULT, Step, Steps, Value

WIDTH = 76  # of an expression
IN_PLACE = {"add": "+=", "subtract": "-=", "multiply": "*=", "divide": "/="}
VIEWS = ("transpose", "item", "_item")  # short enough to be written where they are read, however often


class Source:
    """The lines of a function, and the names of its values."""

    def __init__(self, program: Steps) -> None:
        self.program = program
        self.made = {step.output: step for step in program.steps}
        self.uses = Counter(x for step in program.steps for x in step.inputs if isinstance(x, Value))
        self.returned = [x for x in program.result if isinstance(x, Value)]
        consumed = self.ancestors([value for _, value in program.writes])
        self.gradients = [g for _, g in program.gradients if g is not None and g not in consumed]
        self.uses.update([*self.returned, *self.gradients, *(value for _, value in program.writes)])
        self.taken = Names()
        self.said: dict[Value, Phrase] = {}  # how a value is written where it is read
        self.lines: list[str] = []
        self.parameters = [self.named(x) for x in program.inputs()]

    def text(self) -> str:
        """The whole function, with the kernels that it calls."""
        for step in self.program.steps:
            self.take(step)
        self.write_all()
        self.give_back()
        kernels = [kernel_of(step.op) for step in self.program.steps if needs_kernel(step.op)]
        head = printed(dict.fromkeys(kernels))
        body = "\n".join(f"    {line}" for line in self.lines or ["pass"])
        return f"{head}def {self.program.name}({', '.join(self.parameters)}):\n{body}\n"

    def ancestors(self, values: list[Value]) -> set[Value]:
        """What values are made from, and they themselves."""
        found = set(values)
        for step in reversed(self.program.steps):
            if step.output in found:
                found.update(x for x in step.inputs if isinstance(x, Value))
        return found

    def named(self, value: Value, otherwise: str = "t") -> str:
        """A name for a value, the user's if it has one; from here on it is read by that name."""
        name = self.taken(self.suggested(value) or otherwise)
        self.said[value] = Phrase(name)
        return name

    def suggested(self, value: Value) -> str | None:
        if value.name:
            return value.name
        source = value.cotangent_of
        if source is None:
            return None
        if source.name:
            return f"d_{source.name}"
        after = [s for s in self.program.steps if source in s.inputs and s.output.cotangent_of is None]
        return None if not after else self.delta(after[0])

    def delta(self, step: Step) -> str | None:
        """`l2_delta`: the cotangent of what goes into the function that gives l2."""
        while isinstance(step.op, Elementwise) and not step.output.name:
            after = [s for s in self.program.steps if step.output in s.inputs]
            if len(after) != 1:
                return None
            step = after[0]
        return f"{step.output.name}_delta" if isinstance(step.op, Elementwise) else None

    def read(self, x: Any) -> Phrase:
        """How a value is written in an expression."""
        if not isinstance(x, Value):
            return literal(x)
        if x not in self.said and x.kind == CONSTANT:
            return literal(x.of)
        return self.said[x]

    def take(self, step: Step) -> None:
        """A step becomes part of a later expression, or a statement."""
        phrase = self.phrase(step)
        if len(phrase.text) > WIDTH:
            for x in sorted((x for x in step.inputs if self.pending(x)), key=lambda x: -len(self.said[x].text)):
                self.state(x)
                phrase = self.phrase(step)
                if len(phrase.text) <= WIDTH:
                    break
        self.said[step.output] = phrase
        short = step.op.name in VIEWS and self.said[root(step.output, self.made)].rank == ATOM
        once = self.uses[step.output] == 1 and step.output.shape is not None and not draws(step.op)
        delta = (self.suggested(step.output) or "").endswith("_delta")
        if not short and (step.output.name or delta or not once):
            self.state(step.output)

    def phrase(self, step: Step) -> Phrase:
        same_dtype = {x.dtype for x in step.inputs if isinstance(x, Value) and x.kind != CONSTANT}
        args = [self.operand(x, same_dtype) if isinstance(step.op, Elementwise) else self.read(x) for x in step.inputs]
        return spelled(step.op, args, step.params)

    def operand(self, x: Any, dtypes: set[Any]) -> Phrase:
        """A constant number among arrays of its dtype is a plain number."""
        if isinstance(x, Value) and x.kind == CONSTANT and x.shape == ():
            return literal(x.of.item()) if x.dtype in dtypes else literal(x.of[()])
        return self.read(x)

    def pending(self, x: Any) -> bool:
        """Whether a value is written as an expression where it is read."""
        return isinstance(x, Value) and x in self.made and not self.said[x].text.isidentifier()

    def state(self, value: Value) -> None:
        """Give a value a statement of its own."""
        expression = self.said[value].text
        shape = "" if value.shape is None else f"  # {value.shape}"
        name = self.named(value, self.made[value].op.name.strip("_"))
        self.lines.append(f"{name} = {expression}{shape}")

    def write_all(self) -> None:
        """The writes, which come last; what they read is computed before the first of them."""
        written: set[Value] = set()
        for position, (_, value) in enumerate(self.program.writes):
            for part in self.operands(value) if position else []:
                if self.reads(part) & {target for target, _ in self.program.writes[:position]}:
                    self.keep(part)
        for end in (*self.returned, *self.gradients):
            if self.reads(end) & {target for target, _ in self.program.writes}:
                self.keep(end)
        for target, value in self.program.writes:
            self.write(target, value)
            written.add(target)

    def operands(self, value: Value) -> list[Any]:
        """What a write statement reads."""
        step = self.made.get(value)
        if step and self.pending(value) and step.op.name in IN_PLACE:
            return list(step.inputs[1:]) if step.inputs[0] in self.said else [value]
        return [value]

    def keep(self, value: Any) -> None:
        """Compute a value now, in memory of its own."""
        if not isinstance(value, Value) or value not in self.made:
            return
        if self.made[value].op.views:
            self.said[value] = Phrase(f"{self.said[value].within(ATOM)}.copy()")
        if self.pending(value):
            self.state(value)

    def reads(self, value: Any) -> set[Value]:
        """The inputs whose memory an expression looks at when it is evaluated."""
        if not isinstance(value, Value):
            return set()
        if value.kind != RESULT:
            return {value}
        step = self.made[value]
        if self.pending(value):
            return set().union(*(self.reads(x) for x in step.inputs))
        return self.reads(step.inputs[0]) if step.op.views else set()

    def write(self, target: Value, value: Value) -> None:
        name = self.said[target].text
        step = self.made.get(value)
        if step and self.pending(value) and step.op.name in IN_PLACE and step.inputs[0] is target:
            self.lines.append(f"{name} {IN_PLACE[step.op.name]} {self.read(step.inputs[1]).text}")
        else:
            self.lines.append(f"{name}[...] = {self.read(value).text}")

    def give_back(self) -> None:
        tree = self.program.rebuild([self.read(x) for x in self.program.result])
        parts = [] if tree is None and self.gradients else [literal(tree).text]
        parts += [self.read(g).text for g in self.gradients]
        if parts != ["None"]:
            self.lines.append(f"return {', '.join(parts)}")


class Names:
    """Names that are taken once each, and are Python's."""

    def __init__(self) -> None:
        self.taken = {"np"}

    def __call__(self, wanted: str) -> str:
        name = "".join(c if c.isalnum() or c == "_" else "_" for c in wanted)
        while "__" in name:
            name = name.replace("__", "_")
        name = name.strip("_") or "t"
        if not name.isidentifier() or keyword.iskeyword(name):
            name = f"t_{name}"
        free, number = name, 1
        while free in self.taken:
            number += 1
            free = f"{name}_{number}"
        self.taken.add(free)
        return free
