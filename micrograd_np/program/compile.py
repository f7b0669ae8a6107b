"""A function that is traced once for each kind of arguments, and from then on run as its program."""

from __future__ import annotations

import functools
import operator
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.containers import flatten, has_values
from ..core.context import CURRENT
from ..core.tensor import Tensor, constant
from .emit import Emitted
from .entry import MISFIT
from .guard import met, owner
from .looks import first_changed
from .machine import Machine
from .record import is_array, record, wants_gradient
from .runner import Runner
from .surroundings import known
from .trace import TraceError
from .values import ARRAY, Steps

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
        self.turns = Turns()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        result = self.latest(args, kwargs)
        return self.other(args, kwargs) if result is MISFIT else result

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else Bound(self, instance)

    def __repr__(self) -> str:
        return f"<compiled {getattr(self.function, '__name__', 'function')}: {len(self.programs)} kinds of arguments>"

    def loop(self, n: int, *args: Any, **kwargs: Any) -> Any:
        """What the last of n calls returns; once the program is known, all the rest run in one go."""
        n = times(n)
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
        if (runner is None and self.is_recorded(args, kwargs)) or (runner is not None and runner.wanted):
            return self.function(*tensors(args), **tensors(kwargs))
        if runner is None or not runner.checked:
            with self.turns:
                runner = self.serving(args, kwargs)
                if runner is None:
                    return self.begin(args, kwargs)
                if not runner.checked:
                    return runner.first(args, kwargs)
        self.latest = runner.call
        return self(*args, **kwargs)

    @staticmethod
    def is_recorded(args: Any, kwargs: Any) -> bool:
        """Whether somebody records or traces around a call."""
        leaves, _ = flatten((args, kwargs))
        return CURRENT.get().watch is not None or any(isinstance(x, Tensor) and x.op is not None for x in leaves)

    def serving(self, args: Any, kwargs: Any) -> Runner | None:
        """The program for a call, moved to the front."""
        runner = next((x for x in self.programs if x.fits(args, kwargs)), None)
        if runner and runner is not self.programs[0]:
            self.programs = [runner, *(x for x in self.programs if x is not runner)]
        return runner

    def begin(self, args: Any, kwargs: Any) -> Any:
        """The first call of its kind: the function runs, and is written down."""
        leaves, _ = flatten((args, kwargs))
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
        if not met(steps).isdisjoint(id(owner(x)) for x in leaves if has_values(x)):
            return result  # an argument that is in the memory of what the function knows by itself
        runner = Runner(self.function, steps, args, kwargs, wants_gradient(result), self.backend, fixed)
        self.programs = [runner, *self.programs][:LIMIT]
        self.latest = misfit
        return result


class Bound(functools.partial[Any]):
    """A compiled method of an object."""

    def loop(self, n: int, *args: Any, **kwargs: Any) -> Any:
        return self.func.loop(n, *self.args, *args, **kwargs)  # type: ignore[attr-defined]


class Turns:
    """Threads that make the first calls take turns; a copy of the function has turns of its own."""

    def __init__(self) -> None:
        self.lock = threading.RLock()

    def __enter__(self) -> None:
        self.lock.acquire()

    def __exit__(self, *exception: object) -> None:
        self.lock.release()

    def __reduce__(self) -> Any:
        return Turns, ()


def misfit(args: Any, kwargs: Any) -> Any:
    """What is called where no program is known."""
    return MISFIT


def times(n: Any) -> int:
    """How many calls a loop makes."""
    try:
        n = operator.index(n)
    except TypeError:
        raise TypeError(
            f"loop(n, ...) is told first how many calls to make, and was given a {type(n).__name__}: write "
            "step.loop(100, X, y)."
        ) from None
    if n < 0:
        raise ValueError(f"loop(n) makes n calls, and n is {n}.")
    return int(n)


def tensors(tree: Any) -> Any:
    """The same arguments, with Tensors for arrays, as the function has them when it is traced."""
    leaves, rebuild = flatten(tree)
    return (
        rebuild([constant(np.asarray(x)) if is_array(x) else x for x in leaves]) if any(map(is_array, leaves)) else tree
    )


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
