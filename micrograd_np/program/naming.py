"""Names of a program's values: the user's own, `d_…` and `…_delta` for gradients, `new_…` for writes."""

from __future__ import annotations

import ast
import builtins
import keyword
from collections.abc import Container, Iterable

from ..expressions.phrases import ARITHMETIC
from ..ops.primitive import Elementwise
from .ir import CONSTANT, GENERATOR, Step, Steps, Value

SHADOWING = {"sum": "total", "max": "highest", "min": "lowest", "item": "part"}
# Ops that say nothing about what they make.
COMMON = """
    astype broadcast_to concatenate copy expand_dims flatten getitem linear matmul dot moveaxis ravel reshape scatter
    stack squeeze swapaxes transpose where
""".split()


class Names:
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
        self.free = Names(reserved)
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
