"""One program of a function: compared with it, and run instead of it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.containers import flatten
from ..core.tensor import Tensor, as_ndarray
from .compare import check_same
from .entry import MISFIT, Entry
from .looks import Surroundings
from .record import record, value_of
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
            (as_ndarray(new), (next(rest) if x.kind == RESULT else copies.get(x, x.of)) if isinstance(x, Value) else x)
            for x, new in zip(self.simple.result, returned, strict=False)
        ]
        pairs.append((len(returned), len(self.simple.result)))
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


def array_of(x: Value, leaves: Any) -> Any:
    of = value_of(x, leaves)
    if x.kind == GRADIENT:
        return of._grad
    if isinstance(of, Tensor):
        return of._data
    return of if x.kind == GENERATOR else np.asarray(of)
