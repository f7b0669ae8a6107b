"""A function that is traced once for each kind of arguments, and from then on run as its program."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..containers import flatten
from ..context import CURRENT
from ..graph import Tensor
from .compare import check_same
from .emit import Emitted
from .entry import MISFIT, Entry
from .looks import Surroundings, first_changed
from .machine import Machine
from .record import record, value_of
from .simplify import simplified
from .surroundings import known
from .trace import TraceError
from .values import ARRAY, GENERATOR, GRADIENT, RESULT, TENSOR, Steps, Value

LIMIT = 16  # programs of one function
BACKENDS: dict[str, Callable[[Steps], Any]] = {"numpy": Emitted, "numba": Machine}


class Compiled:
    """What `mg.compile` makes of a function; called as it is."""

    def __init__(self, function: Callable[..., Any], backend: Callable[[Steps], Any]) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.backend = backend
        self.programs: list[Runner] = []  # what served last comes first
        self.latest: Callable[[Any, Any], Any] = misfit

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        result = self.latest(args, kwargs)
        return self.other(args, kwargs) if result is MISFIT else result

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __repr__(self) -> str:
        return f"<compiled {getattr(self.function, '__name__', 'function')}: {len(self.programs)} kinds of arguments>"

    def loop(self, n: int, *args: Any, **kwargs: Any) -> Any:
        """What the last of n calls returns; once the program is known, all the rest run in one go."""
        if n < 0:
            raise ValueError(f"loop(n) makes n calls, and n is {n}.")
        result = None
        for done in range(n):
            runner = self.serving(args, kwargs)
            if runner and runner.repeats:
                result = runner.call(args, kwargs, n - done)
                if result is not MISFIT:
                    return result
            result = self(*args, **kwargs)
        return result

    def other(self, args: Any, kwargs: Any) -> Any:
        """A call that the latest program does not serve."""
        runner = self.serving(args, kwargs)
        if runner is None:
            leaves, _ = flatten((args, kwargs))
            recorded = any(isinstance(x, Tensor) and x.op is not None for x in leaves)
            if recorded or CURRENT.get().watch is not None:
                return self.function(*args, **kwargs)
            return self.begin(leaves, args, kwargs)
        if not runner.checked:
            return runner.first(args, kwargs)
        self.latest = runner.call
        return self(*args, **kwargs)

    def serving(self, args: Any, kwargs: Any) -> Runner | None:
        """The program for a call, moved to the front."""
        runner = next((x for x in self.programs if x.fits(args, kwargs)), None)
        if runner and runner is not self.programs[0]:
            self.programs = [runner, *(x for x in self.programs if x is not runner)]
        return runner

    def begin(self, leaves: Any, args: Any, kwargs: Any) -> Any:
        """The first call of its kind: the function runs, and is written down."""
        before = known(self.function, leaves)
        result, steps = record(self.function, args, kwargs)
        path = first_changed(before)
        if path is not None:
            raise TraceError(
                f"{steps.name} changed {path} itself, which its program would not do. Return what it makes and keep it "
                "outside, or hold it in a Tensor and write to that; what the function did this time is done."
            )
        operands = {id(x.of) for x in steps.inputs() if x.kind == ARRAY}  # are read at each call
        fixed = [each for each in known(self.function, leaves) if id(each.holder) not in operands]
        runner = Runner(self.function, steps, args, kwargs, wants_gradient(result), self.backend, fixed)
        self.programs = [runner, *self.programs][:LIMIT]
        self.latest = misfit
        return result


class Runner:
    """One program of a function: compared with it at its first run, and run instead of it from then on."""

    def __init__(
        self,
        function: Callable[..., Any],
        steps: Steps,
        args: Any,
        kwargs: Any,
        wanted: bool,
        backend: Callable[[Steps], Any],
        surroundings: Surroundings,
    ) -> None:
        self.function = function
        self.traced = steps
        self.simple = simplified(steps)
        self.wanted = wanted and not steps.writes and not steps.gradients  # a gradient of the result may be asked for
        self.checked = self.repeats = False
        self.emitted = backend(self.simple)
        self.call = Entry(self.simple, self.emitted, args, kwargs, self.frame, surroundings).call

    def fits(self, args: Any, kwargs: Any) -> bool:
        """Whether this program serves a call."""
        return self.call(args, kwargs, 0) is not MISFIT

    def frame(self) -> Any:
        """The program on the arrays that stay the same."""
        return self.emitted.frame([array_of(x, ()) for x in self.emitted.fixed])

    def first(self, args: Any, kwargs: Any) -> Any:
        """The second call of its kind: the function runs, and its program on copies; every bit must be the same."""
        if self.wanted:
            return self.function(*args, **kwargs)
        leaves, _ = flatten((args, kwargs))
        rngs = {id(x.of): copy.deepcopy(x.of) for x in self.simple.inputs() if x.kind == GENERATOR}
        inputs = {x: array_of(x, leaves) for x in (*self.emitted.fixed, *self.emitted.given)}
        targets = {target for target, _ in self.simple.writes}
        copies = inputs | {x: a.copy(order="K") for x, a in inputs.items() if x in targets}
        copies |= {x: rngs[id(a)] for x, a in inputs.items() if x.kind == GENERATOR}
        step, _ = self.emitted.frame([copies[x] for x in self.emitted.fixed])
        ends = step(*[copies[x] for x in self.emitted.given])
        result, again = record(self.function, args, kwargs)
        returned, _ = flatten(result)
        rest = iter(ends)
        pairs = [
            (new.data, next(rest) if x.kind == RESULT else copies.get(x, x.of))
            for x, new in zip(self.simple.result, returned, strict=True)
            if isinstance(x, Value)
        ]
        left = [(value_of(x, leaves)._grad, next(rest)) for x, g in self.simple.gradients if g is not None]
        written = [(inputs[target], copies[target]) for target, _ in self.simple.writes]
        check_same(self.traced, again, [*pairs, *left, *written], self.emitted.exact)
        self.checked = True
        self.repeats = self.leaves_as_found()
        return result

    def leaves_as_found(self) -> bool:
        """Whether after a call the next one fits: then calls may run without a look between them."""
        left = {target.of: g is not None for target, g in self.simple.gradients if target.kind == TENSOR}
        reads = any(x.kind == GRADIENT for x in self.simple.inputs())
        return not reads and all(left.get(tensor, had) is had for tensor, had in self.traced.met.items())


def misfit(args: Any, kwargs: Any) -> Any:
    """What is called where no program is known."""
    return MISFIT


def array_of(x: Value, leaves: Any) -> Any:
    of = value_of(x, leaves)
    if x.kind == GRADIENT:
        return of._grad
    if isinstance(of, Tensor):
        return of._data
    return of if x.kind == GENERATOR else np.asarray(of)


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
    backend : {"numpy", "numba"}
        The second makes machine code, which rounds differently (compared to 1e-9, float32 1e-4) and has no loops for
        some rows, which it names; `step.loop(n)` then runs n steps without coming back to Python. Needs numba.

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
    if not callable(function):
        raise TypeError(
            f"mg.compile takes a function, not {type(function).__name__}: write compiled = mg.compile(step)."
        )
    if backend not in BACKENDS:
        raise ValueError(f"there is no backend {backend!r}; there are {', '.join(map(repr, BACKENDS))}.")
    return Compiled(function, BACKENDS[backend])
