"""Running a program instead of its function: does it fit a call, is it the same, what is seen afterwards."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Container
from itertools import count
from typing import Any

import numpy as np

from ..core.containers import flatten, has_values
from ..core.names import format_location
from ..core.tensor import Tensor, as_ndarray, constant
from ..core.versions import latest, memory_of, next_id
from .guards import MISFIT, Guard, Names
from .ir import ARGUMENT, ARRAY, CONSTANT, GENERATOR, GRADIENT, RESULT, TENSOR, Steps, Value
from .outside import Outside
from .record import value_of
from .simplify import root, simplified
from .trace import TraceError, memory_owner

GIVEN = {"array": "array({})", "tensor": "constant(array({}))", "number": "array({})[()]", "float": "float({})"}


class Left:
    """The number of calls of a loop that are left; a check failed in the next one."""

    def __init__(self, calls: int) -> None:
        self.calls = calls


class Entry:
    """`call(args, kwargs, n)` does n calls in one go, or gives MISFIT: the program does not serve them.

    Where the program raises, nothing has been written: the function itself runs, so that the user sees what it shows.

    Parameters
    ----------
    runner : Runner
        What the program was made of, and what makes its frames.
    args, kwargs
        Those of the traced call.
    moving : container of int
        The places of float arguments that are inputs.
    """

    def __init__(self, runner: Runner, args: Any, kwargs: Any, moving: Container[int]) -> None:
        program, self.types, self.calls = runner.simple, runner.types, count()
        scope = {"latest": latest, "next_id": next_id, "constant": constant, "array": np.asarray, "Left": Left}
        scope |= {"free": [], "frames": runner.frame, "served": self.calls.__next__, "function": runner.function}
        self.names = Names(**scope, rebuild=program.rebuild, owned=owned, memory=memory_of)
        guard = Guard(args, kwargs, self.names, met(program), moving)
        self.leaves, self.paths = guard.leaves, guard.paths
        conditions = [*guard.conditions, *self.conditions(program), *(edge.text for edge in runner.outside.edges)]
        self.names.scope |= runner.outside.names.scope
        self.names.cells |= runner.outside.names.cells
        arrays = ", ".join(self.array(x) for x in runner.emitted.given)
        take = ["if not n:", "    return None", "served()", "try:", "    frame = free.pop()"]
        take += ["except IndexError:", "    frame = frames()"]
        take += ["try:", "    if n != 1:", f"        n = frame[1](n, {arrays})", "        if n != 1:"]
        take += ["            return Left(n)", f"    ends = frame[0]({arrays})"]
        take += ["except Exception:", "    return function(*args, **kwargs)", "finally:", "    free.append(frame)"]
        self.call = self.names.function("call(args, kwargs, n=1)", conditions, [*take, *self.after(program)])

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
        """Return the conditions on the state of Tensors and modules that the function read."""
        state = {x for update in program.updates for x in update.state.values()}
        flags = [(x.of, x.of._requires_grad) for x in program.inputs() if x.kind == TENSOR and x not in state]
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
            end = f"owned(ends[{i}])" if alone else f"array(ends[{i}]).copy()"
            lines.append(f"{self.tensor(target)}._grad = {end}")
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
        """Return the text of a result that is no Tensor: a copy of an array, anything else as it is."""
        return f"{self.names(x)}.copy()" if isinstance(x, np.ndarray) else self.names(x)


def owned(array: Any) -> Any:
    """A gradient in memory of its own."""
    array = np.asarray(array)
    return array if array.base is None else array.copy()


class Runner:
    """One program of a function: compared with it at its first run, and run instead of it from then on.

    `types` says of each result what the function itself returns: a tensor, an array, a number of NumPy's or Python's.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        steps: Steps,
        args: Any,
        kwargs: Any,
        backend: Callable[[Steps], Any],
        outside: Outside,
        types: list[str],
        moving: Container[int],
    ) -> None:
        self.function = function
        self.outside = outside
        self.types = types
        self.traced = steps
        self.simple = simplified(steps)
        self.met = met(self.simple)
        self.checked = self.repeats = False
        self.failures = 0
        self.emitted = backend(self.simple)
        entry = Entry(self, args, kwargs, moving)
        self.call, self.calls = entry.call, entry.calls

    def served(self) -> int:
        """Return how many calls it has served: the number that `count` gives next, read without taking it."""
        return int(repr(self.calls).removeprefix("count(").removesuffix(")"))

    def fits(self, args: Any, kwargs: Any) -> bool:
        """Return True if this program serves a call."""
        return self.call(args, kwargs, 0) is not MISFIT

    def frame(self) -> Any:
        """The program on the arrays that stay the same."""
        return self.emitted.frame([array_of(x, ()) for x in self.emitted.fixed])

    def first(self, args: Any, kwargs: Any) -> tuple[Any, bool]:
        """The function runs, and its program on copies: every bit must be the same. The result, and whether it is."""
        leaves, _ = flatten((args, kwargs))
        rngs = {id(x.of): copy.deepcopy(x.of) for x in self.simple.inputs() if x.kind == GENERATOR}
        inputs = {x: array_of(x, leaves) for x in (*self.emitted.fixed, *self.emitted.given)}
        targets = {target for target, _ in self.simple.writes}
        copies = inputs | {x: a.copy(order="K") for x, a in inputs.items() if x in targets}
        copies |= {x: rngs[id(a)] for x, a in inputs.items() if x.kind == GENERATOR}
        step, _ = self.emitted.frame([copies[x] for x in self.emitted.fixed])
        try:
            ends = step(*[copies[x] for x in self.emitted.given])
        except Exception:  # a check failed, and the function itself shows what that means
            self.failures += 1
            return self.function(*args, **kwargs), True
        result = self.function(*args, **kwargs)
        returned, _ = flatten(result)
        rest = iter(ends)
        found = [
            as_type((next(rest) if x.kind == RESULT else copies.get(x, x.of)) if isinstance(x, Value) else x, kind)
            for x, kind in zip(self.simple.result, self.types, strict=True)
        ]
        pairs = [*zip(returned, found, strict=False), (len(returned), len(found))]
        left = [(value_of(x, leaves)._grad, next(rest)) for x, g in self.simple.gradients if g is not None]
        written = [(inputs[target], copies[target]) for target, _ in self.simple.writes]
        alike = equal if self.emitted.exact else close
        self.checked = all(alike(as_ndarray(a), b) for a, b in [*pairs, *left, *written])
        self.repeats = self.leaves_as_found()
        return result, self.checked

    def leaves_as_found(self) -> bool:
        """Return True if the state after a call fits the next one, so that a loop needs no check between calls."""
        left = {target.of: g is not None for target, g in self.simple.gradients if target.kind == TENSOR}
        reads = any(x.kind == GRADIENT for x in self.simple.inputs())
        return not reads and all(left.get(tensor, had) is had for tensor, had in self.traced.met.items())


def met(program: Steps) -> frozenset[int]:
    """The ids of what holds the memory that a program which writes met by itself: no argument may lie there."""
    known = [x.of for x in program.inputs() if x.kind in (TENSOR, ARRAY)] if program.writes else []
    return frozenset(id(memory_owner(x)) for x in known)


def array_of(x: Value, leaves: Any) -> Any:
    of = value_of(x, leaves)
    if x.kind == GRADIENT:
        return of._grad
    if isinstance(of, Tensor):
        return of._data
    return of if x.kind == GENERATOR else np.asarray(of)


def as_type(x: Any, kind: str) -> Any:
    """Return a result of a program as the type that the plain function returns."""
    data = as_ndarray(x)
    if kind == "tensor" or not has_values(data):
        return x
    return np.asarray(data)[()] if kind == "number" else data.item() if kind == "float" else np.asarray(data)


def check_same(first: Steps, second: Steps) -> None:
    """Refuse a function whose program gave other bits, once it has been written down again: this names the line."""
    raise TraceError(f"{first.name} does not do the same at each call: {difference(first, second)}")


def equal(a: Any, b: Any) -> bool:
    if not (has_values(a) and has_values(b)):
        return type(a) is type(b) and bool(a is b or a == b or repr(a) == repr(b))
    a, b = np.asarray(a), np.asarray(b)
    return (a.shape, a.dtype) == (b.shape, b.dtype) and a.tobytes() == b.tobytes()


def close(a: Any, b: Any) -> bool:
    if not (has_values(a) and has_values(b)):
        return equal(a, b)
    a, b = np.asarray(a), np.asarray(b)
    rtol = 1e-4 if a.dtype == np.float32 else 1e-9
    alike = (a.shape, a.dtype) == (b.shape, b.dtype)
    return alike and np.allclose(a, b, rtol, rtol * float(np.max(np.abs(a), initial=0)), equal_nan=True)


def difference(first: Steps, second: Steps) -> str:
    for old, new in zip(first.steps, second.steps, strict=False):
        if (old.op, repr(old.params)) != (new.op, repr(new.params)):
            return f"{old.op.name} was {new.op.name} now: {format_location(new.where)}" if new.where else new.op.name
        for x, y in zip(old.inputs, new.inputs, strict=False):
            if isinstance(x, Value) and isinstance(y, Value):
                changed = x.kind in (ARRAY, CONSTANT) and x.kind == y.kind and not equal(x.of, y.of)
            else:
                changed = repr(x) != repr(y)
            if changed and new.where:
                return (
                    f"an array or number in {format_location(new.where)} is another than before, and a program would "
                    "keep the "
                    "old one. Make it of Tensors, give it as an argument, or draw it with mg.sample."
                )
    if len(first.steps) != len(second.steps):
        return f"it took {len(first.steps)} steps, and {len(second.steps)} now."
    return (
        "something that it computes with, and that is neither Tensor nor argument, is another than at its first call. "
        "Make it a Tensor, or an argument."
    )
