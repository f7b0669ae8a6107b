"""One program of a function: compared with it once, and run instead of it from then on."""

from __future__ import annotations

import copy
from collections.abc import Callable, Container
from typing import Any

import numpy as np

from ..core.containers import flatten, has_values
from ..core.tensor import Tensor, as_ndarray
from .compare import close, equal
from .entry import MISFIT, Entry
from .guard import met
from .guards import Outside
from .record import value_of
from .simplify import simplified
from .values import GENERATOR, GRADIENT, RESULT, TENSOR, Steps, Value


class Runner:
    """One program of a function: compared with it at its first run, and run instead of it from then on."""

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
        self.emitted = backend(self.simple)
        self.call = Entry(function, self.simple, self.emitted, args, kwargs, self.frame, outside, types, moving).call

    def fits(self, args: Any, kwargs: Any) -> bool:
        """Whether this program serves a call."""
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
        """Whether after a call the next one fits: then calls may run without a look between them."""
        left = {target.of: g is not None for target, g in self.simple.gradients if target.kind == TENSOR}
        reads = any(x.kind == GRADIENT for x in self.simple.inputs())
        return not reads and all(left.get(tensor, had) is had for tensor, had in self.traced.met.items())


def array_of(x: Value, leaves: Any) -> Any:
    of = value_of(x, leaves)
    if x.kind == GRADIENT:
        return of._grad
    if isinstance(of, Tensor):
        return of._data
    return of if x.kind == GENERATOR else np.asarray(of)


def as_type(x: Any, kind: str) -> Any:
    """What a program or a traced run gives as the function itself returns it."""
    data = as_ndarray(x)
    if kind == "tensor" or not has_values(data):
        return x
    return np.asarray(data)[()] if kind == "number" else data.item() if kind == "float" else np.asarray(data)
