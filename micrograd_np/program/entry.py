"""A call of a program: does it fit, which arrays does it get, what is seen afterwards. As text, for speed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container
from typing import Any

import numpy as np

from ..core.context import CURRENT
from ..core.tensor import Tensor, constant
from ..core.versions import latest, memory_of, next_id
from .emit import Emitted, indented
from .guard import Guard, met
from .guards import Names, Outside, entries, same
from .simplify import root
from .values import ARGUMENT, GRADIENT, RESULT, TENSOR, Steps, Value

MISFIT = object()  # what a call gives that a program does not serve
GIVEN = {"array": "array({})", "tensor": "constant(array({}))", "number": "array({})[()]", "float": "float({})"}


def misfit(args: Any, kwargs: Any) -> Any:
    """What is called where no program is known."""
    return MISFIT


class Left:
    """How many calls of a loop are left: in the next one a check failed."""

    def __init__(self, calls: int) -> None:
        self.calls = calls


class Entry:
    """`call(args, kwargs, n)` does n calls in one go, or gives MISFIT: the program does not serve them.

    Where the program raises, nothing has been written: the function itself runs, so that the user sees what it shows.

    Parameters
    ----------
    function : callable
        What the program was made of.
    program : Steps
    emitted : Emitted
    args, kwargs
        Those of the traced call.
    frames : callable
        What makes a frame.
    outside : Outside
        What the function reads besides its arguments.
    types : list of str
        For each result, what the function itself returns: a tensor, an array, a number of NumPy's or of Python's.
    moving : container of int
        The places of float arguments that are inputs.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        program: Steps,
        emitted: Emitted,
        args: Any,
        kwargs: Any,
        frames: Callable[[], Any],
        outside: Outside,
        types: list[str],
        moving: Container[int],
    ) -> None:
        scope: dict[str, Any] = {"latest": latest, "next_id": next_id, "constant": constant, "array": np.asarray}
        scope |= {
            "free": [],
            "frames": frames,
            "rebuild": program.rebuild,
            "own": own,
            "memory": memory_of,
            "Left": Left,
        }
        scope |= {"context": CURRENT.get, "MISFIT": MISFIT, "function": function}
        self.names = Names(scope | {"same": same, "entries": entries})
        self.types = types
        guard = Guard(args, kwargs, self.names, met(program), moving)
        self.leaves, self.paths = guard.leaves, guard.paths
        conditions = [mode(self.names), *guard.conditions, *self.conditions(program)]
        conditions += outside.conditions(self.names)
        arrays = ", ".join(self.array(x) for x in emitted.given)
        look = ["try:", f"    fits = {' and '.join(dict.fromkeys(conditions))}"]
        look += ["except (KeyError, IndexError, NameError, AttributeError, ValueError):", "    fits = False"]
        look += ["if not fits:", "    return MISFIT", "if not n:", "    return None"]
        take = ["try:", "    frame = free.pop()", "except IndexError:", "    frame = frames()"]
        take += ["try:", "    if n != 1:", f"        n = frame[1](n, {arrays})", "        if n != 1:"]
        take += ["            return Left(n)", f"    ends = frame[0]({arrays})"]
        take += ["except Exception:", "    return function(*args, **kwargs)", "finally:", "    free.append(frame)"]
        lines = ["    def call(args, kwargs, n=1):", *indented([*look, *take, *self.after(program)], 2)]
        self.call = self.names.function(lines, "call")

    def tensor(self, x: Value) -> str:
        return self.paths[x.of] if x.kind == ARGUMENT else self.names(x.of)

    def array(self, x: Value) -> str:
        """The array that an input stands for in this call."""
        if x.kind == GRADIENT:
            return f"{self.names(x.of)}._grad"
        if x.kind == ARGUMENT:
            leaf, path = self.leaves[x.of], self.paths[x.of]
            if isinstance(leaf, Tensor):
                return f"{path}._data"
            return path if type(leaf) is np.ndarray else f"array({path})"
        return self.names(x.of)

    def conditions(self, program: Steps) -> list[str]:
        """What the function looked at of Tensors and modules, as it was."""
        flags = [(x.of, x.of._requires_grad) for x in program.inputs() if x.kind == TENSOR]
        found = [f"{self.names(tensor)}._requires_grad is {flag}" for tensor, flag in flags]
        for tensor, had in program.met.items():
            found.append(f"{self.names(tensor)}._grad is {'not ' if had else ''}None")
        own = {id(module) for module, _ in program.modes}
        read = [module for module in program.modules if id(module) not in own]
        return found + [f"{self.names(module)}.training is {module.training}" for module in read]

    def after(self, program: Steps) -> list[str]:
        """Mark what was written; leave gradients; return."""
        lines = [f"{self.names(module)}.training = {mode}" for module, mode in program.modes]
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
        places = iter(range(len(results)))
        given = [
            self.end(x, kind, places) if isinstance(x, Value) else self.plain(x)
            for x, kind in zip(program.result, self.types, strict=True)
        ]
        alone = len(given) == 1 and program.rebuild(given) is given[0]
        return [*lines, f"return {given[0]}" if alone else f"return rebuild([{', '.join(given)}])"]

    def is_tensor(self, x: Value) -> bool:
        return x.kind == ARGUMENT and isinstance(self.leaves[x.of], Tensor)

    def memory(self, target: Value) -> str:
        return self.names(memory_of(target.of)) if target.kind == TENSOR else f"memory({self.tensor(target)})"

    def end(self, x: Value, kind: str, places: Any) -> str:
        """A result, of the type that the function itself gives it."""
        if x.kind == RESULT:
            return GIVEN[kind].format(f"ends[{next(places)}]")
        if kind == "tensor" and (x.kind == TENSOR or self.is_tensor(x)):
            return self.tensor(x)
        if kind == "array" and x.kind == ARGUMENT and not self.is_tensor(x):
            return str(self.paths[x.of])
        return GIVEN[kind].format(f"{self.array(x)}.copy()")

    def plain(self, x: Any) -> str:
        """What is returned that is no Tensor: an array in memory of its own, and anything else as it is."""
        return f"{self.names(x)}.copy()" if isinstance(x, np.ndarray) else self.names(x)


def mode(names: Names) -> str:
    """That nobody records or traces around the call, and gradients are wanted or not as before."""
    now = CURRENT.get()
    return f"((now := context()) is {names(now)} or now.watch is None and now.recording is {now.recording})"


def own(array: Any) -> Any:
    """A gradient in memory of its own."""
    array = np.asarray(array)
    return array if array.base is None else array.copy()
