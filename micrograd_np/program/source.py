"""A program as the NumPy function that a person would have written."""

from __future__ import annotations

import ast
import builtins
import keyword
from collections import Counter
from collections.abc import Container, Iterable
from typing import Any

import numpy as np

from ..core.errors import TraceError
from ..expressions.layout import wrapped
from ..expressions.phrases import ARITHMETIC, Phrase, call, kernel_of, literal, needs_kernel, spelled
from ..ops import TABLE
from ..ops.primitive import Elementwise, item
from .ir import CONSTANT, GENERATOR, GRADIENT, RESULT, Step, Steps, Value, draws, root, values_among
from .kernels import definitions_of, printed
from .simplify import factored, overlap

WIDTH = 76  # of an expression
LINE = 96  # of a statement
LONG = 10  # lines, from which on forward, backward and writes stand apart
IN_PLACE = ("+", "-", "*", "/")
FLOAT = np.dtype(float)
VIEWS = (TABLE["transpose"], item)  # short enough to be written where they are read, however often
SHADOWING = {"sum": "total", "max": "highest", "min": "lowest", "item": "part"}
# Ops that say nothing about what they make.
COMMON = """
    astype broadcast_to concatenate copy expand_dims flatten getitem linear matmul dot moveaxis ravel reshape scatter
    stack squeeze swapaxes transpose where
""".split()


class Source:
    """The lines of a function, and the names of its values."""

    def __init__(self, program: Steps, shapes: bool = True) -> None:
        self.inputs = program.inputs()
        program, functions, self.calls = factored(program, lambda f: Source(f, shapes=False).definition())
        self.program, self.shapes = program, shapes
        self.made = program.made
        self.uses = Counter(x for step in program.steps for x in step.values)
        self.returned = values_among(program.result)
        held = ((update.parameter.name, *pair) for update in program.updates for pair in update.state.items())
        self.whose = {x: f"{kind} of {name or 'a parameter'}" for name, kind, x in held}
        self.finite = [x for x in program.finite if isinstance(x, Value) and x.kind == RESULT]
        given = [x for call in self.calls for x in call.inputs]
        consumed = program.needed([*given, *(value for _, value in program.writes)])
        self.gradients = [g for _, g in program.gradients if g is not None and g not in consumed]
        self.uses.update([*self.returned, *self.gradients, *given, *(value for _, value in program.writes)])
        kernels = (kernel_of(step.op, len(step.inputs)) for step in program.steps if needs_kernel(step.op))
        self.kernels = definitions_of(dict.fromkeys(kernels))
        self.functions = {name: Source(f, shapes=False).definition() for name, f in functions.items()}
        needed = {*self.kernels, *pythons("\n".join(self.kernels.values())), *self.functions}
        self.name = FreeNames(needed).take(program.name)  # a function so called would hide them
        self.naming = Naming(program, {*self.kernels, *self.functions, *(["gradient"] if self.finite else [])})
        self.said: dict[Value, Phrase] = {}  # how a value is written where it is read
        self.parts: list[list[str]] = [[]]  # forward, backward, writes
        self.parameters = {self.named(x): x for x in self.inputs}

    def text(self) -> str:
        """The whole function, with the kernels and the updates that it calls."""
        return printed(self.kernels) + "\n\n".join([*self.functions.values(), self.definition()])

    def definition(self) -> str:
        """The function alone."""
        for step in self.program.steps:
            self.take(step)
        self.check_finite()
        self.write_all()
        self.give_back()
        parts = ["\n".join(lines) for lines in self.parts if lines]
        long = sum(map(len, self.parts)) > LONG
        body = ("\n\n" if long else "\n").join(parts) or "    pass"
        head = "\n".join([*wrapped(f"def {self.name}({', '.join(self.parameters)}):", ""), *self.docstring()])
        return f"{head}\n{body}\n"

    def docstring(self) -> list[str]:
        """Return a docstring that says which array each parameter is, besides the function's arguments."""
        met = [(name, x) for name, x in self.parameters.items() if x not in self.program.arguments]
        if all(name == x.name and x not in self.whose for name, x in met):
            return []
        head = f'    """The arrays that program.arrays() gives, besides the arguments of {self.program.name}:'
        return [head, "", *(f"    {name}: {self.described(x)}" for name, x in met), '    """']

    def described(self, x: Value) -> str:
        """Return a description of an input array."""
        if x.kind == GENERATOR:
            return f"{x.name or 'a'} np.random.Generator"
        what = self.whose.get(x) or x.name or f"{'an' if x.kind[0] == 'a' else 'a'} {x.kind}"
        if x.kind == GRADIENT:
            what = f"the gradient of {what.removeprefix('d_')} before the call"
        return f"{what} {x.shape} {x.dtype}"

    def check_finite(self) -> None:
        """Nothing is written where a gradient is nan or inf."""
        if not self.finite:
            return
        names, indent = [self.read(x).text for x in self.finite], ""
        self.parts.append([])
        if len(names) > 1:
            self.write_down(f"for gradient in ({', '.join(names)}):")
            indent, names = "    ", ["gradient"]
        self.write_down(f"{indent}if not np.isfinite({names[0]}).all():")
        self.write_down(f'{indent}    raise FloatingPointError("a gradient is nan or inf; nothing was written")')

    def write_down(self, statement: str, comment: str = "") -> None:
        """Add a statement to the part that is being written."""
        self.parts[-1] += wrapped(statement, comment=comment)

    def named(self, value: Value) -> str:
        """A name for a value; from here on it is read by that name."""
        name = self.naming.name(value)
        self.said[value] = Phrase(name)
        return name

    def read(self, x: Any) -> Phrase:
        """Return the text of a value in an expression."""
        if not isinstance(x, Value):
            return literal(x)
        if x not in self.said and x.kind == CONSTANT:
            return literal(x.of)
        return self.said[x]

    def take(self, step: Step) -> None:
        """A step becomes part of a later expression, or a statement."""
        self.shorten(step, WIDTH)
        short = step.op in VIEWS and self.read(root(step.inputs[0], self.made)).text.isidentifier()
        once = self.uses[step.output] == 1 and step.output.shape is not None and not draws(step.op)
        told = step.output.name or step.output in (*self.gradients, *self.finite) or self.naming.is_delta(step.output)
        if not short and (told or not once):
            self.state(step.output)

    def shorten(self, step: Step, room: int) -> None:
        """Write down a step; parts of it become statements until the rest fits into the room."""
        self.said[step.output] = self.phrase(step)
        for x in sorted(filter(self.pending, step.inputs), key=lambda x: -len(self.said[x].text)):
            if len(self.said[step.output].text) <= room:
                break
            self.state(x)
            self.said[step.output] = self.phrase(step)

    def phrase(self, step: Step) -> Phrase:
        same_dtype = {x.dtype for x in step.values if x.kind != CONSTANT}
        if step.op is TABLE["where"] and {x.dtype for x in values_among(step.inputs[1:])} == {FLOAT}:
            same_dtype = {FLOAT}
        args = [self.operand(x, same_dtype) if isinstance(step.op, Elementwise) else self.read(x) for x in step.inputs]
        if isinstance(step.op, Elementwise) and needs_kernel(step.op):
            # A kernel of ours is given arrays, not NumPy's numbers.
            pairs = zip(step.inputs, args, strict=True)
            args = [call("np.asarray", arg.text) if x in self.made and x.shape == () else arg for x, arg in pairs]
        return spelled(step.op, args, step.params)

    def operand(self, x: Any, dtypes: set[Any]) -> Phrase:
        """A constant number among arrays of its dtype is a plain number."""
        if isinstance(x, Value) and x.kind == CONSTANT and x.shape == ():
            return literal(x.of.item()) if x.dtype in dtypes else literal(x.of[()])
        return self.read(x)

    def pending(self, x: Any) -> bool:
        """Return True if a value is written as an expression where it is read, without a line of its own."""
        return isinstance(x, Value) and x in self.made and not self.said[x].text.isidentifier()

    def state(self, value: Value) -> None:
        """Give a value a statement of its own."""
        shape = "" if value.shape is None or not self.shapes else f"  # {value.shape}"
        name = self.naming.name(value)
        self.shorten(self.made[value], LINE - len(f"{name} = {shape}"))
        if value in self.naming.backward and len(self.parts) == 1:
            self.parts.append([])
        self.write_down(f"{name} = {self.said[value].text}", shape)
        self.said[value] = Phrase(name)

    def write_all(self) -> None:
        """The writes, which come last; what they read of a memory is read before the first write to it."""
        targets: list[Value] = []
        for target, value in self.program.writes:
            added = self.added(target, value)
            part = value if added is None else added
            if self.reads(part, targets):
                self.keep(part if self.is_apart(part) else value)
            targets.append(target)
        for each in self.calls:
            for x in each.inputs:
                if self.reads(x, targets):
                    self.keep(x)
            targets += each.targets
        for end in (*self.returned, *self.gradients):
            if self.reads(end, targets):
                self.keep(end)
        self.parts.append([])
        for target, value in self.program.writes:
            self.write(target, value)
        for each in self.calls:
            self.write_down(f"{each.name}({', '.join(self.read(x).text for x in each.inputs)})")

    def added(self, target: Value, value: Value) -> Any:
        """The operand of an in-place statement, where a write is one."""
        step = self.made.get(value)
        in_place = step and self.pending(value) and step.op.sign in IN_PLACE and step.inputs[:-1] == (target,)
        return step.inputs[1] if step and in_place else None

    def keep(self, value: Any) -> None:
        """Compute a value now."""
        if self.pending(value):
            self.state(value)

    def is_apart(self, x: Any) -> bool:
        """Return True if a computed value has memory of its own."""
        return self.pending(x) and root(x, self.made).kind == RESULT

    def reads(self, value: Any, memories: list[Value]) -> bool:
        """Return True if an expression reads the memory of one of these inputs when it is evaluated."""
        if not isinstance(value, Value) or not memories:
            return False
        if self.pending(value):
            return any(self.reads(x, memories) for x in self.made[value].inputs)
        at = root(value, self.made)
        return any(overlap(at, x) for x in memories)

    def write(self, target: Value, value: Value) -> None:
        name, added = self.said[target].text, self.added(target, value)
        step = self.made.get(value)
        if step and added is not None:
            self.write_down(f"{name} {step.op.sign}= {self.read(added).text}")
            return
        copied = step and self.pending(value) and step.op is TABLE["copy"]  # which the statement does anyway
        self.write_down(f"{name}[...] = {self.read(step.inputs[0] if step and copied else value).text}")

    def give_back(self) -> None:
        try:
            tree = literal(self.program.rebuild([self.read(x) for x in self.program.result])).text
        except RecursionError:
            raise TraceError(f"{self.name} returns containers too deep for a text. Return what is in them.") from None
        parts = [] if tree == "None" else [tree]
        parts += [self.read(g).text for g in self.gradients]
        if parts:
            self.write_down(f"return {', '.join(parts)}")


# Names of values: the user's own, `d_…` and `…_delta` for gradients, `new_…` for writes.


class FreeNames:
    """Names that are taken once each, and are Python's."""

    def __init__(self, reserved: Iterable[str]) -> None:
        self.taken = {"np", *reserved}

    def __call__(self, wanted: str, avoided: Container[str] = ()) -> str:
        name = "".join(c if c.isalnum() or c == "_" else "_" for c in wanted)
        while "__" in name:
            name = name.replace("__", "_")
        name = name.strip("_")
        return self.take(f"{name}_" if keyword.iskeyword(name) else name or "t", avoided)

    def take(self, name: str, avoided: Container[str] = ()) -> str:
        """A name as it is, or the first with a number that is free."""
        if not name.isidentifier() or keyword.iskeyword(name):
            name = f"t_{name}"
        free, number = name, 1
        while free in self.taken or free in avoided:
            number += 1
            free = f"{name}_{number}"
        self.taken.add(free)
        return free


def pythons(text: str) -> set[str]:
    """The names of Python's own that a text reads."""
    read = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    return {name for name in read if hasattr(builtins, name)}


class Naming:
    """A name for each value that is given one; what others are called follows from it."""

    def __init__(self, program: Steps, reserved: Iterable[str]) -> None:
        self.free = FreeNames(reserved)
        self.users = {x.name for x in (*program.inputs(), *(step.output for step in program.steps)) if x.name}
        self.made = program.made
        self.given: dict[Value, str] = {}
        self.written = {value: target for target, value in program.writes}
        self.readers: dict[Value, list[Step]] = {}
        self.backward: set[Value] = set()  # what follows from a cotangent
        for step in program.steps:
            for x in step.values:
                self.readers.setdefault(x, []).append(step)
            if step.output.backward or not self.backward.isdisjoint(step.values):
                self.backward.add(step.output)

    def name(self, value: Value) -> str:
        """A name that no other value has."""
        wanted = self.suggested(value)
        self.given[value] = self.free(wanted) if wanted else self.free(self.common(value), self.users)
        return self.given[value]

    def suggested(self, value: Value) -> str | None:
        """The user's name of a value, or one that follows from the name of another."""
        if value.name:
            return f"new_{value.name}" if value in self.made and value.name in self.free.taken else value.name
        source = value.cotangent_of
        if source is not None and (source.name or source in self.given):
            return f"d_{self.given.get(source) or source.name}"
        if source is not None and (whole := self.activated(source)):
            return f"{whole}_delta"
        target = self.written.get(value)
        return f"new_{target.name or self.given.get(target, 't')}" if target else None

    def activated(self, value: Value) -> str | None:
        """The user's name for a function of a value, such as the sigmoid of it, which is one number for one number."""
        if value in self.made and is_activation(self.made[value]):
            return None
        while not value.name:
            after = [step for step in self.readers.get(value, ()) if step.output not in self.backward]
            if len(after) != 1 or not is_activation(after[0]):
                return None
            value = after[0].output
        return value.name

    def is_delta(self, value: Value) -> bool:
        return (self.suggested(value) or "").endswith("_delta")

    def common(self, value: Value) -> str:
        """A name for what has none: its op's where that says something."""
        step = self.made.get(value)
        if step is None:
            return "rng" if value.kind == GENERATOR else "t"
        name = value.kind_of or step.op.name.strip("_")
        if name == "draw":
            return str(step.params["method"])
        signed = not value.kind_of and (step.op.sign in ARITHMETIC or step.op.sign == "-")
        if signed or name in COMMON:
            return "g" if value in self.backward else "h" if value.shape else "c"
        return SHADOWING.get(name, f"{name}_value" if hasattr(builtins, name) else name)


def is_activation(step: Step) -> bool:
    """Return True if each entry of the result depends on one entry of one input."""
    others = [x for x in step.values if x.kind != CONSTANT]
    return isinstance(step.op, Elementwise) and len(set(others)) == 1
