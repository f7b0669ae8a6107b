"""What surrounds a program's call: does it fit, which arrays does it get, what is seen after. As text, for speed."""

from __future__ import annotations

from collections.abc import Callable
from types import CellType
from typing import Any

import numpy as np

from ..graph import Tensor, constant
from ..memory import latest, memory, tick
from .emit import Emitted, indented
from .surroundings import Content, Held, Surroundings, same
from .values import ARGUMENT, GRADIENT, RESULT, TENSOR, Steps, Value


class Entry:
    """`fits()` says whether a program may run, `call(leaves)` runs it once, `loop(n, leaves)` n times.

    Parameters
    ----------
    program : Steps
    emitted : Emitted
    leaves : list
        The arguments' leaves at the first call: which of them are Tensors.
    frames : callable
        What makes a frame.
    surroundings : list
        What the function's variables held.
    """

    fits: Callable[[], bool]
    call: Callable[[Any], Any]
    loop: Callable[[int, Any], Any]

    def __init__(
        self,
        program: Steps,
        emitted: Emitted,
        leaves: Any,
        frames: Callable[[], Any],
        surroundings: Surroundings,
    ) -> None:
        self.leaves = leaves
        self.scope: dict[str, Any] = {"latest": latest, "tick": tick, "constant": constant, "array": np.asarray}
        self.scope |= {
            "free": [],
            "frames": frames,
            "rebuild": program.rebuild,
            "own": own,
            "memory": memory,
            "same": same,
        }
        arrays = ", ".join(self.array(x) for x in emitted.given)
        after = self.after(program)
        take = ["try:", "    frame = free.pop()", "except IndexError:", "    frame = frames()"]
        conditions = [*map(self.unchanged, surroundings), *self.conditions(program)]
        lines = ["def fits():", "    try:", f"        return {' and '.join(conditions) or True}"]
        lines += ["    except (KeyError, IndexError, ValueError):", "        return False"]
        lines += ["def call(leaves):", *indented([*take, f"ends = frame[0]({arrays})", *after])]
        lines += ["def loop(n, leaves):", *indented([*take, f"ends = frame[1](n, {arrays})", *after])]
        self.text = "\n".join([*lines, ""])
        exec(compile(self.text, f"<entry of {program.name}>", "exec"), self.scope)
        self.fits, self.call, self.loop = (self.scope[name] for name in ("fits", "call", "loop"))

    def bound(self, thing: Any) -> str:
        name = f"x{id(thing)}"
        self.scope[name] = thing
        return name

    def unchanged(self, each: Held | Content) -> str:
        """That a variable, an attribute or an item is what it was."""
        holder, value = self.bound(each.holder), self.bound(each.value)
        if isinstance(each, Content):
            return f"{self.bound(each.look)}({holder}) == {value}"
        key = repr(each.key) if isinstance(each.key, str | int) else self.bound(each.key)
        now = f"{holder}.cell_contents" if isinstance(each.holder, CellType) else f"{holder}[{key}]"
        return f"same({now}, {value})" if isinstance(each.value, int | float) else f"{now} is {value}"

    def tensor(self, x: Value) -> str:
        return f"leaves[{x.of}]" if x.kind == ARGUMENT else self.bound(x.of)

    def array(self, x: Value) -> str:
        """The array that an input stands for in this call."""
        if x.kind == GRADIENT:
            return f"{self.bound(x.of)}._grad"
        if x.kind == ARGUMENT:
            is_tensor = isinstance(self.leaves[x.of], Tensor)
            return f"leaves[{x.of}]._data" if is_tensor else f"array(leaves[{x.of}])"
        return self.bound(x.of)

    def conditions(self, program: Steps) -> list[str]:
        """What the function looked at besides its arguments, as it was."""
        flags = [(x.of, x.of._requires_grad) for x in program.inputs() if x.kind == TENSOR]
        found = [f"{self.bound(tensor)}._requires_grad is {flag}" for tensor, flag in flags]
        for tensor, had in program.met.items():
            found.append(f"{self.bound(tensor)}._grad is {'not ' if had else ''}None")
        return found + [f"{self.bound(module)}.training is {module.training}" for module in program.modules]

    def after(self, program: Steps) -> list[str]:
        """Give the frame back; mark what was written; leave gradients; return."""
        lines = ["free.append(frame)"]
        targets = [target for target, _ in program.writes if target.kind == TENSOR or self.is_tensor(target)]
        if targets:
            lines.append("latest.written = now = tick()")
            lines += [f"{self.memory(target)}.written = now" for target in targets]
        results = [x for x in program.result if isinstance(x, Value) and x.kind == RESULT]
        left = [(target, g) for target, g in program.gradients if g is not None]
        for i, (target, _) in enumerate(left, len(results)):
            lines.append(f"{self.tensor(target)}._grad = own(ends[{i}])")
        lines += [f"{self.tensor(target)}._grad = None" for target, g in program.gradients if g is None]
        ends = {x: f"constant(array(ends[{i}]))" for i, x in enumerate(results)}
        given = [ends[x] if x in ends else self.end(x) for x in program.result]
        return [*lines, f"return rebuild([{', '.join(given)}])"]

    def is_tensor(self, x: Value) -> bool:
        return x.kind == ARGUMENT and isinstance(self.leaves[x.of], Tensor)

    def memory(self, target: Value) -> str:
        return self.bound(memory(target.of)) if target.kind == TENSOR else f"memory({self.tensor(target)})"

    def end(self, x: Any) -> str:
        """What is returned that no step made: an input itself, a constant, or no array at all."""
        if not isinstance(x, Value):
            return self.bound(x)
        if x.kind == TENSOR or self.is_tensor(x):
            return self.tensor(x)
        return f"constant({self.array(x)}.copy())"


def own(array: Any) -> Any:
    """A gradient in memory of its own."""
    array = np.asarray(array)
    return array if array.base is None else array.copy()
