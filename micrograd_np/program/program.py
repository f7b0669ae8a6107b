"""A program: what a function did, as NumPy source, and as a function of its own."""

from __future__ import annotations

import functools
import itertools
import linecache
import reprlib
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..core import errors
from ..core.containers import flatten, has_dtype, walk_paths
from ..core.context import CURRENT
from ..core.errors import ArgumentTypeError, TraceError
from ..core.tensor import Tensor
from ..cures import answering
from ..expressions.layout import Listing
from ..transforms import wants_gradient
from .execution import array_of
from .guards import MISFIT, Guard, Names, indented, misfit
from .ir import ARGUMENT, Step, Steps
from .record import by_path, named_arguments, parameters_of, record
from .scalars import here
from .simplify import simplified
from .source import Source

number = itertools.count(1).__next__


class Arguments:
    """The arguments of a traced call; later ones are brought into their order.

    Parameters
    ----------
    f : callable
        What was traced: its parameters' names and defaults count.
    args, kwargs
        What it was called with.
    """

    def __init__(self, f: Callable[..., Any], args: Any, kwargs: Any) -> None:
        self.f = f
        name = getattr(f, "__name__", "f")
        self.name = name if name.isidentifier() else "f"
        self.defaults = {p.name: p.default for p in parameters_of(f) if p.default is not p.empty}
        given = named_arguments(f, args, kwargs)
        found = [walked for name, tree in given.items() for walked in walk_paths(tree, name)]
        leaves = [x for _, x, is_leaf in found if is_leaf]
        self.paths = [path for path, _, is_leaf in found if is_leaf]
        self.twins = twins(leaves)
        self.wanted = [isinstance(x, Tensor) and x.requires_grad for x in leaves]
        read = {path: Shaped.of(x) for path, x in zip(self.paths, leaves, strict=True) if has_dtype(x)}
        self.traced = by_path(self.defaults | given) | read

    def leaves(self, args: Any, kwargs: Any) -> list[Any]:
        """The leaves of a call, in the order of the traced one's; refused where they do not fit."""
        given = by_path(self.defaults | named_arguments(self.f, args, kwargs))
        for path, then in self.traced.items():
            if path not in given:
                raise self.misfit(TypeError, f"with {path} = {described_value(then)}", f"without {path}")
            if not serves(then, now := given[path]):
                was, is_now = described_value(then), described_value(now)
                another = "another " if was == is_now else ""
                raise self.misfit(ValueError, f"with {path} = {was}", f"with {path} = {another}{is_now}")
        for path in given.keys() - self.traced.keys():
            raise self.misfit(TypeError, f"without {path}", f"with {path} = {described_value(given[path])}")
        leaves = [given[path] for path in self.paths]
        for i, (then, now) in enumerate(zip(self.twins, twins(leaves), strict=True)):
            if now < then or leaves[i] is not leaves[then]:
                first, words = self.paths[min(then, now)], ["one Tensor", "two"]
                was, is_now = words if then < i else words[::-1]
                raise self.misfit(ValueError, f"with {first} and {self.paths[i]} as {was}", f"with them as {is_now}")
        return leaves

    def misfit(self, kind: type[Exception], then: str, now: str) -> Exception:
        return kind(
            f"{self.name} was traced {then}, and its program was called {now}. A program computes for what it was "
            f"traced with alone: trace again with these arguments, mg.trace({self.name})(...)."
        )


class Shaped(NamedTuple):
    """The properties of an array that a guard compares; its values may differ."""

    shape: tuple[int, ...]
    dtype: Any

    @classmethod
    def of(cls, x: Any) -> Shaped:
        return cls(np.shape(x), x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype)

    def __str__(self) -> str:
        return f"{self.shape} {self.dtype}"


def serves(then: Any, now: Any) -> bool:
    """Return True if a program that was traced with one value serves another."""
    if isinstance(then, Shaped):
        return (has_dtype(now) or isinstance(now, int | float | complex)) and Shaped.of(now) == then
    return now is then or (type(now) is type(then) and not has_dtype(now) and bool(now == then))


def twins(leaves: list[Any]) -> list[int]:
    """Return the first position of each leaf; a Tensor that wants a gradient is one input, even if given twice."""
    wanted = [x if isinstance(x, Tensor) and x.requires_grad else object() for x in leaves]
    return [next(j for j, y in enumerate(wanted) if y is x) for x in wanted]


def described_value(x: Any) -> str:
    """A part of an argument, as an error shows it."""
    if isinstance(x, Shaped) or has_dtype(x):
        return str(x if isinstance(x, Shaped) else Shaped.of(x))
    return f"a {x.__name__}" if isinstance(x, type) else reprlib.repr(x)


class Program:
    """The program that `mg.trace(f)(*args)` recorded; `str(program)` is NumPy source, complete with its imports.

    Called, it runs that source on the arrays of its arguments and of the Tensors that it met, in which it writes as the
    function did. It returns arrays: what the function returned, then the gradients that it left and did not use.
    Arguments that it was not traced for, of another shape or another plain value, are refused.
    """

    _guarded = ()  # a program is not called in a traced function

    def __init__(self, steps: Steps, arguments: Arguments, wanted: bool) -> None:
        self.arguments = arguments
        self.wanted = wanted  # a gradient of what the function returned
        self.simple = simplified(steps, by_update=True)
        self.inputs = self.simple.inputs()
        self.direct: Callable[[Any, Any], Any] = misfit
        source = Source(self.simple)
        self.name, self.text = source.name, source.text()
        self.parameters = list(source.parameters)

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
        result = self.direct(args, kwargs)
        return self.checked(args, kwargs) if result is MISFIT else result

    def checked(self, args: Any, kwargs: Any) -> Any:
        """A call whose arguments have to be looked at; the next like it is direct."""
        leaves = self.arguments.leaves(args, kwargs)
        self.check_seen_by_nobody(leaves)
        self.direct = self.entry(args, kwargs, leaves)
        result = self.direct(args, kwargs)
        if result is MISFIT:  # an argument that is not even like itself
            raise TraceError(f"{self.name} cannot be called with these arguments.")
        return result

    def entry(self, args: Any, kwargs: Any, leaves: list[Any]) -> Callable[[Any, Any], Any]:
        """`call(args, kwargs)` for arguments like these, as text: it costs little more than the function itself."""
        guard = Guard(args, kwargs, Names(function=self.function), moving=())
        places = {id(x): path for x, path in zip(guard.leaves, guard.paths, strict=True)}
        guard.paths = [places.get(id(x)) or guard.names(x) for x in leaves]  # in the order of the traced call
        guard.leaves = leaves
        given = ", ".join(map(guard.array, self.inputs))
        body = ["try:", f"    return function({given})", "finally:", *indented(guard.marks(self.simple) or ["pass"])]
        return guard.names.function("call(args, kwargs)", guard.conditions, body)  # type: ignore[no-any-return]

    def check_seen_by_nobody(self, leaves: list[Any]) -> None:
        """Refuse a call that should be traced, or recorded: what a program computes is on no tape."""
        now, how = CURRENT.get(), f"calling the program {self.name}"
        if now.trace is not None:
            what = f"{how} in a traced function would make today's value part of the program"
            raise TraceError(f"{what}: {here()}. Call the plain function there.")
        written = {target.of for target, _ in self.simple.writes if target.kind == ARGUMENT}
        for i, (x, traced) in enumerate(zip(leaves, self.arguments.wanted, strict=True)):
            if not (now.recording and isinstance(x, Tensor)):
                continue
            is_weight = i in written or self.simple.gradients
            if x.op is not None or (not is_weight and (self.wanted or not traced)):
                errors.check_uncut(x, how, "Call the plain function, or give the program .data for the values alone.")

    def arrays(self) -> dict[str, Any]:
        """The parameters of the text that are no arguments, by name: its Tensors' arrays, gradients, generators."""
        pairs = zip(self.parameters, self.inputs, strict=True)
        return {name: array_of(x, ()) for name, x in pairs if x.kind != ARGUMENT}

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return Listing(self)._repr_html_()


@answering
def trace(f: Callable[..., Any]) -> Callable[..., Program]:
    """The function that runs f once, with all its effects, and returns what it did as a Program.

    f may use Tensors of its own, call `backward`, `mg.grad` and an optimiser's `step`. Arrays among its arguments
    become Tensors. Numbers stay numbers, and are constants of the program: give np.array(3.0) for 3.0 if x is to be
    an argument. Random numbers are drawn with `mg.sample`.

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
        cure = "The sum of a diagonal is t.trace(), or mg.linalg.trace(t)."
        raise ArgumentTypeError(f"mg.trace writes down what a function does: mg.trace(f)(*args). {cure}")

    @functools.wraps(f)
    def traced(*args: Any, **kwargs: Any) -> Program:
        arguments = Arguments(f, args, kwargs)
        result, steps = record(f, args, kwargs)
        return Program(steps, arguments, any(map(wants_gradient, flatten(result)[0])))

    return traced
