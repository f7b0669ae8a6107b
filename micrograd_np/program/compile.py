"""A function that is traced once for each kind of arguments, and from then on run as its program."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..containers import flatten
from ..context import CURRENT
from ..graph import Tensor, constant
from ..memory import Memory, memory, tick
from .compare import check_same
from .emit import Emitted
from .record import record, value_of
from .simplify import simplified
from .values import ARGUMENT, GENERATOR, GRADIENT, RESULT, TENSOR, Steps, Value

LIMIT = 16  # programs of one function


class Compiled:
    """What `mg.compile` makes of a function; called as it is."""

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.programs: dict[Any, list[Runner]] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        context = CURRENT.get()
        if context.trace is not None or context.watch is not None:
            return self.function(*args, **kwargs)
        leaves, _ = flatten((args, kwargs)) if args or kwargs else ([], None)
        if any(isinstance(x, Tensor) and x.op is not None for x in leaves):
            return self.function(*args, **kwargs)  # someone else's graph goes through it
        key = (context.recording, *map(kind, leaves), *sorted(kwargs), *identities(leaves))
        for runner in self.programs.get(key, ()):
            if runner.fits():
                return runner(leaves, args, kwargs)
        return self.begin(key, args, kwargs)

    def begin(self, key: Any, args: Any, kwargs: Any) -> Any:
        """The first call of its kind: the function runs, and is written down."""
        result, steps = record(self.function, args, kwargs)
        runners = self.programs.setdefault(key, [])
        runners.insert(0, Runner(self.function, steps, wants_gradient(result)))
        while sum(map(len, self.programs.values())) > LIMIT:
            oldest = next(iter(self.programs))
            self.programs[oldest].pop() if len(self.programs[oldest]) > 1 else self.programs.pop(oldest)
        return result

    def loop(self, n: int, *args: Any, **kwargs: Any) -> Any:
        """What the last of n calls returns; once the program is known, all the rest run in one go."""
        result = None
        for done in range(n):
            runner = self.ready(args, kwargs)
            if runner is not None:
                return runner.loop(n - done, flatten((args, kwargs))[0])
            result = self(*args, **kwargs)
        return result

    def ready(self, args: Any, kwargs: Any) -> Runner | None:
        context = CURRENT.get()
        leaves, _ = flatten((args, kwargs))
        if context.watch is not None or any(isinstance(x, Tensor) and x.op is not None for x in leaves):
            return None
        key = (context.recording, *map(kind, leaves), *sorted(kwargs), *identities(leaves))
        fitting = [x for x in self.programs.get(key, ()) if x.fits() and x.repeats()]
        return fitting[0] if fitting else None


class Runner:
    """One program, and what has to hold for it to be run instead of the function."""

    def __init__(self, function: Callable[..., Any], steps: Steps, wanted: bool) -> None:
        self.function = function
        self.traced = steps
        self.simple = simplified(steps)
        self.wanted = wanted and not steps.writes and not steps.gradients  # a gradient of the result may be asked for
        self.checked = False
        self.emitted = Emitted(self.simple)
        self.frames: list[Any] = []
        inputs = self.simple.inputs()
        self.flags = [(x.of, x.of._requires_grad) for x in inputs if x.kind == TENSOR]
        self.modules = [(module, module.training) for module in steps.modules]
        self.results = [x for x in self.simple.result if isinstance(x, Value) and x.kind == RESULT]
        self.targets = [target for target, _ in self.simple.writes]

    def fits(self) -> bool:
        """Whether what the function looked at besides its arguments is as it was."""
        return (
            all([tensor._requires_grad is flag for tensor, flag in self.flags])
            and all([(tensor._grad is not None) is had for tensor, had in self.traced.met.items()])
            and all([module.training is mode for module, mode in self.modules])
        )

    def repeats(self) -> bool:
        """Whether a call leaves everything so that the next one fits: then calls may run without a look between."""
        left = {target.of: g is not None for target, g in self.simple.gradients if target.kind == TENSOR}
        reads = any(x.kind == GRADIENT for x in self.simple.inputs())
        return self.checked and not self.wanted and not reads and all(
            left.get(tensor, had) is had for tensor, had in self.traced.met.items()
        )

    def __call__(self, leaves: list[Any], args: Any, kwargs: Any) -> Any:
        if self.wanted:
            return self.function(*args, **kwargs)
        if not self.checked:
            return self.check(leaves, args, kwargs)
        frame = self.take()
        ends = frame[0](*[array_of(x, leaves) for x in self.emitted.given])
        self.frames.append(frame)
        return self.finish(ends, leaves)

    def loop(self, n: int, leaves: list[Any]) -> Any:
        frame = self.take()
        ends = frame[1](n, *[array_of(x, leaves) for x in self.emitted.given])
        self.frames.append(frame)
        return self.finish(ends, leaves)

    def take(self) -> Any:
        try:
            return self.frames.pop()
        except IndexError:
            return self.emitted.frame([array_of(x, ()) for x in self.emitted.fixed])

    def finish(self, ends: tuple[Any, ...], leaves: list[Any]) -> Any:
        """What is seen after a call: results, gradients, and that memory was written to."""
        for target in self.targets:
            written = value_of(target, leaves)
            if isinstance(written, Tensor):
                memory(written).written = Memory.newest = tick()
        count = len(self.results)
        for (target, g), array in zip(
            [pair for pair in self.simple.gradients if pair[1] is not None], ends[count:], strict=True
        ):
            value_of(target, leaves)._grad = own(array, g)
        for target, g in self.simple.gradients:
            if g is None:
                value_of(target, leaves)._grad = None
        fresh = iter(ends)
        given = [self.end(x, fresh, leaves) for x in self.simple.result]
        return self.simple.rebuild(given)

    @staticmethod
    def end(x: Any, fresh: Any, leaves: list[Any]) -> Any:
        if not isinstance(x, Value):
            return x
        if x.kind == RESULT:
            return constant(np.asarray(next(fresh)))
        return constant(x.of.copy()) if x.kind not in (ARGUMENT, TENSOR) else value_of(x, leaves)

    def check(self, leaves: list[Any], args: Any, kwargs: Any) -> Any:
        """The second call of its kind: the function runs, and its program on copies; every bit must be the same."""
        held: dict[int, Any] = {}

        def copied(x: Value) -> Any:
            array = array_of(x, leaves)
            if x.kind == GENERATOR:
                return held.setdefault(id(array), copy.deepcopy(array))
            return array.copy(order="K")

        fixed = [copied(x) for x in self.emitted.fixed]
        given = [copied(x) for x in self.emitted.given]
        ends = self.emitted.frame(fixed)[0](*given)
        arrays = dict(zip([*self.emitted.fixed, *self.emitted.given], [*fixed, *given], strict=True))
        result, again = record(self.function, args, kwargs)
        expected = [x.data for x, value in zip(flatten(result)[0], self.simple.result, strict=True) if value in self.results]
        expected += [value_of(target, leaves)._grad for target, g in self.simple.gradients if g is not None]
        found = list(ends)
        for target in self.targets:
            expected.append(array_of(target, leaves))
            found.append(arrays[target])
        check_same(self.traced, again, expected, found)
        self.checked = True
        return result


def kind(x: Any) -> Any:
    """What has to be the same of an argument for a program to serve it."""
    if isinstance(x, Tensor):
        return (Tensor, x._data.shape, x._data.dtype, x._data.strides, x._requires_grad)
    if hasattr(x, "dtype"):
        return (np.shape(x), x.dtype, getattr(x, "strides", ()))
    return (type(x), x)


def identities(leaves: list[Any]) -> tuple[int, ...]:
    """Which arguments are one and the same."""
    if len(leaves) < 2:
        return ()
    first: dict[int, int] = {}
    return tuple(first.setdefault(id(x), i) for i, x in enumerate(leaves))


def array_of(x: Value, leaves: Any) -> Any:
    of = value_of(x, leaves)
    if x.kind == GRADIENT:
        return of._grad
    if isinstance(of, Tensor):
        return of._data
    return of if x.kind == GENERATOR else np.asarray(of)


def own(array: Any, g: Value) -> Any:
    array = np.asarray(array)
    return array if array.base is None and g.kind == RESULT else array.copy()


def wants_gradient(result: Any) -> bool:
    return any(isinstance(x, Tensor) and x._requires_grad for x in flatten(result)[0])


def compile(function: Callable[..., Any], backend: str = "numpy") -> Compiled:
    """The same function, run as a program from the third call of a kind on; a decorator, too.

    A kind is what shapes, dtypes and other facts the arguments have. The first call traces, the second compares: a
    program that differs in one bit is an error that names the line. Results are those of the function, to the bit.

    Parameters
    ----------
    function : callable
        A whole step best: loss, backward and update. Where its result still wants a gradient, it runs as it is.
    backend : {"numpy"}

    Raises
    ------
    TypeError
        If a value decides what happens next; see `mg.trace`.

    Examples
    --------
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> @compile
    ... def step(x):
    ...     loss = ((w - x) ** 2).sum()
    ...     loss.backward()
    ...     w.assign(w.data - 0.25 * w.grad)
    ...     w.zero_grad()
    ...     return loss
    >>> for _ in range(4):
    ...     loss = step(np.zeros(2))
    >>> w.data
    array([0.0625, 0.125 ])
    """
    return Compiled(function)
