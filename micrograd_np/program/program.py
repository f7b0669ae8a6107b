"""A program: what a function did, as NumPy source, and as a function of its own."""

from __future__ import annotations

import functools
import itertools
import linecache
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import errors
from ..core.context import CURRENT
from ..core.names import caller_location, format_location
from ..core.tensor import Tensor
from ..core.versions import memory_of
from .arguments import Arguments
from .record import record, value_of, wants_gradient
from .simplify import simplified
from .source import Source
from .trace import TraceError
from .values import ARGUMENT, GENERATOR, GRADIENT, Step, Steps

number = itertools.count(1).__next__


class Program:
    """What `mg.trace(f)(*args)` wrote down; `str(program)` is NumPy source, complete with its imports.

    Called, it runs that source on the arrays of its arguments and of the Tensors that it met, in which it writes as the
    function did. It returns arrays: what the function returned, then the gradients that it left and did not use.
    Arguments that it was not traced for, of another shape or another plain value, are refused.
    """

    _guarded = ()  # a program is not called in a traced function

    def __init__(self, steps: Steps, arguments: Arguments | None = None, wanted: bool = False) -> None:
        self.arguments = arguments or Arguments(None, (), {})
        self.wanted = wanted  # a gradient of what the function returned
        self.traced = steps
        self.simple = simplified(steps)
        self.inputs = self.simple.inputs()
        source = Source(self.simple)
        self.name, self.text = source.name, source.text()

    @property
    def steps(self) -> list[Step]:
        """The steps that the text is made of: (op, inputs, params, output, where)."""
        return self.simple.steps

    @functools.cached_property
    def function(self) -> Callable[..., Any]:
        """The text as a Python function of all its parameters, which a debugger steps through."""
        filename = f"<program {self.name} {number()}>"
        linecache.cache[filename] = (len(self.text), None, self.text.splitlines(keepends=True), filename)
        names: dict[str, Any] = {"__name__": filename}
        exec(compile(self.text, filename, "exec"), names)
        weakref.finalize(names[self.name], linecache.cache.pop, filename, None)
        return names[self.name]  # type: ignore[no-any-return]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves = self.arguments.leaves(args, kwargs)
        self.check_seen_by_nobody(leaves)
        given = [value_of(x, leaves) for x in self.inputs]
        arrays = [self.array(x.kind, of) for x, of in zip(self.inputs, given, strict=True)]
        try:
            return self.function(*arrays)
        finally:
            for target, _ in self.simple.writes:
                written = value_of(target, leaves)
                if isinstance(written, Tensor):
                    memory_of(written).write()

    def check_seen_by_nobody(self, leaves: list[Any]) -> None:
        """Refuse a call that should be traced, or recorded: what a program computes is on no tape."""
        now, how = CURRENT.get(), f"calling the program {self.name}"
        if now.trace is not None:
            raise TraceError(
                f"{how} in a traced function would make today's value part of the program: "
                f"{format_location(caller_location())}. Call the "
                "plain function there."
            )
        written = {target.of for target, _ in self.simple.writes if target.kind == ARGUMENT}
        for i, (x, traced) in enumerate(zip(leaves, self.arguments.wanted, strict=True)):
            if not (now.recording and isinstance(x, Tensor)):
                continue
            is_weight = i in written or self.simple.gradients
            if x.op is not None or (not is_weight and (self.wanted or not traced)):
                errors.check_uncut(x, how, "Call the plain function, or give the program .data for the values alone.")

    @staticmethod
    def array(kind: str, of: Any) -> Any:
        if kind == GRADIENT:
            return of._grad
        if kind == GENERATOR:
            return of
        return of._data if isinstance(of, Tensor) else np.asarray(of)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Program {self.name}: {len(self.steps)} steps>"


def trace(f: Callable[..., Any]) -> Callable[..., Program]:
    """The function that runs f once, with all its effects, and returns what it did as a Program.

    f may use Tensors of its own, call `backward`, `mg.grad` and an optimiser's `step`. Arrays among its arguments
    become Tensors. Random numbers are drawn with `mg.sample`.

    Raises
    ------
    TypeError
        If a value decides what happens next, as in `if loss > 1`; if a shape depends on values; if random numbers are
        drawn in another way. The error names the line.

    Examples
    --------
    >>> print(trace(lambda x: np.tanh(x) * 2)(np.ones(3)))
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def function(x):
        return np.tanh(x) * 2
    <BLANKLINE>
    """
    if not callable(f):
        raise TypeError(
            "mg.trace writes down what a function does: mg.trace(f)(*args). The sum of a diagonal is t.trace(), or "
            "mg.linalg.trace(t)."
        )

    @functools.wraps(f)
    def traced(*args: Any, **kwargs: Any) -> Program:
        arguments = Arguments(f, args, kwargs)
        result, steps = record(f, args, kwargs)
        return Program(steps, arguments, wants_gradient(result))

    return traced
