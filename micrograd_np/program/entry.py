"""What surrounds a program's call: does it fit, which arrays does it get, what is seen after. As text, for speed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from types import CellType, FunctionType
from typing import Any

import numpy as np

from ..core.context import CURRENT
from ..core.tensor import Tensor, constant
from ..core.versions import latest, memory_of, next_id
from .emit import Emitted, indented
from .guard import Guard, met
from .looks import Content, Held, Surroundings, same
from .simplify import root
from .values import ARGUMENT, GRADIENT, RESULT, TENSOR, Steps, Value

MISFIT = object()  # what a call gives that a program does not serve


class Entry:
    """`call(args, kwargs, n)` does n calls in one go, or gives MISFIT: the program does not serve them.

    Parameters
    ----------
    program : Steps
    emitted : Emitted
    args, kwargs
        Those of the first call.
    frames : callable
        What makes a frame.
    surroundings : list
        What the function's variables held.
    """

    def __init__(
        self,
        program: Steps,
        emitted: Emitted,
        args: Any,
        kwargs: Any,
        frames: Callable[[], Any],
        surroundings: Surroundings,
    ) -> None:
        self.cells: dict[str, CellType] = {}
        self.scope: dict[str, Any] = {"latest": latest, "next_id": next_id, "constant": constant, "array": np.asarray}
        self.scope |= {"free": [], "frames": frames, "rebuild": program.rebuild, "own": own, "memory": memory_of}
        self.scope |= {"same": same, "context": CURRENT.get, "MISFIT": MISFIT}
        guard = Guard(args, kwargs, self.bound, met(program))
        self.leaves, self.paths = guard.leaves, guard.paths
        conditions = [self.mode(), *guard.conditions, *map(self.unchanged, surroundings), *self.conditions(program)]
        conditions = list(dict.fromkeys(conditions))
        arrays = ", ".join(self.array(x) for x in emitted.given)
        lines = [f"def make({', '.join(self.cells)}):", "    def call(args, kwargs, n=1):"]
        look = ["try:", f"    fits = {' and '.join(conditions)}"]
        look += ["except (KeyError, IndexError, NameError, AttributeError):", "    fits = False"]
        look += ["if not fits:", "    return MISFIT", "if not n:", "    return None"]
        take = ["try:", "    frame = free.pop()", "except IndexError:", "    frame = frames()"]
        take += [f"ends = frame[0]({arrays}) if n == 1 else frame[1](n, {arrays})"]
        lines += indented([*look, *take, *self.after(program)], 2)
        self.text = "\n".join([*lines, "    return call", ""])
        exec(compile(self.text, f"<entry of {program.name}>", "exec"), self.scope)
        self.call = self.inside(self.scope["make"](*[None] * len(self.cells)))

    def inside(self, f: FunctionType) -> FunctionType:
        """The same function, whose free variables are the user's own: what they hold is read as fast as there."""
        closure = tuple(self.cells[name] for name in f.__code__.co_freevars)
        return FunctionType(f.__code__, self.scope, f.__name__, f.__defaults__, closure)

    def mode(self) -> str:
        """That nobody records or traces around the call, and gradients are wanted or not as before."""
        now = CURRENT.get()
        return f"((now := context()) is {self.bound(now)} or now.watch is None and now.recording is {now.recording})"

    def bound(self, thing: Any) -> str:
        name = f"x{id(thing)}"
        self.scope[name] = thing
        return name

    def unchanged(self, each: Held | Content) -> str:
        """That a variable, an attribute or an item is what it was."""
        value = repr(each.value) if isinstance(each.value, bool) else self.bound(each.value)
        if isinstance(each, Content):
            return f"{self.bound(each.look)}({self.bound(each.holder)}) == {value}"
        key = repr(each.key) if isinstance(each.key, str | int) else self.bound(each.key)
        if each.attribute:
            now = f"{self.bound(each.holder)}.{each.key}"
        elif isinstance(each.holder, CellType):
            now = f"c{id(each.holder)}"
            self.cells[now] = each.holder
        else:
            now = f"{self.bound(each.holder)}[{key}]"
        number = isinstance(each.value, int | float) and not isinstance(each.value, bool)
        return f"same({now}, {value})" if number else f"{now} is {value}"

    def tensor(self, x: Value) -> str:
        return self.paths[x.of] if x.kind == ARGUMENT else self.bound(x.of)

    def array(self, x: Value) -> str:
        """The array that an input stands for in this call."""
        if x.kind == GRADIENT:
            return f"{self.bound(x.of)}._grad"
        if x.kind == ARGUMENT:
            leaf, path = self.leaves[x.of], self.paths[x.of]
            if isinstance(leaf, Tensor):
                return f"{path}._data"
            return path if type(leaf) is np.ndarray else f"array({path})"
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
            lines.append("latest.written = now = next_id()")
            lines += [f"{self.memory(target)}.written = now" for target in targets]
        results = [x for x in program.result if isinstance(x, Value) and x.kind == RESULT]
        left = [(target, g) for target, g in program.gradients if g is not None]
        made = {step.output: step for step in program.steps}
        shared = Counter(root(x, made) for x in (*results, *(g for _, g in left)))
        for i, (target, g) in enumerate(left, len(results)):
            alone = g.kind == RESULT and shared[root(g, made)] == 1
            lines.append(f"{self.tensor(target)}._grad = {f'own(ends[{i}])' if alone else f'array(ends[{i}]).copy()'}")
        lines += [f"{self.tensor(target)}._grad = None" for target, g in program.gradients if g is None]
        ends = {x: f"constant(array(ends[{i}]))" for i, x in enumerate(results)}
        given = [ends.get(x) or self.end(x) if isinstance(x, Value) else self.plain(x) for x in program.result]
        alone = len(given) == 1 and program.rebuild(given) is given[0]
        return [*lines, f"return {given[0]}" if alone else f"return rebuild([{', '.join(given)}])"]

    def is_tensor(self, x: Value) -> bool:
        return x.kind == ARGUMENT and isinstance(self.leaves[x.of], Tensor)

    def memory(self, target: Value) -> str:
        return self.bound(memory_of(target.of)) if target.kind == TENSOR else f"memory({self.tensor(target)})"

    def end(self, x: Value) -> str:
        """What is returned that no step made: an input itself, or a constant."""
        if x.kind == TENSOR or self.is_tensor(x):
            return self.tensor(x)
        return f"constant({self.array(x)}.copy())"

    def plain(self, x: Any) -> str:
        """What is returned that is no Tensor: an array in memory of its own, and anything else as it is."""
        return f"{self.bound(x)}.copy()" if isinstance(x, np.ndarray) else self.bound(x)


def own(array: Any) -> Any:
    """A gradient in memory of its own."""
    array = np.asarray(array)
    return array if array.base is None else array.copy()
