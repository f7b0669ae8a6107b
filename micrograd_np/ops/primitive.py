"""A row of the table: what NumPy function it is, how it is computed, and one rule for each array argument."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..core import misfits
from ..core.context import tracing
from ..core.dispatch import apply, binary, unary
from ..core.rules import Rule
from ..core.tensor import Tensor, fixed
from .examples import Example

ARRAYS = (list, tuple, np.ndarray)
Bound = tuple[tuple[Any, ...], dict[str, Any]]


def as_array(x: Any) -> Any:
    """An argument as an array; Tensors, and arrays of whatever kind, pass, but not those with a mask."""
    if isinstance(x, np.ndarray) and type(x) is not np.ndarray and hasattr(x, "mask"):
        raise misfits.masked()
    return x if hasattr(x, "dtype") and not isinstance(x, np.generic) else np.asarray(x)


def operand(x: Any) -> Any:
    """An argument of an elementwise row: a list is an array, a Python number stays one, since it takes on any dtype."""
    return as_array(x) if isinstance(x, ARRAYS) else x


class Described:
    """A docstring: for the class its own, for a row one that is made from its rules when it is asked for."""

    def __init__(self, text: str | None) -> None:
        self.text = text

    def __get__(self, row: Any, cls: Any) -> str | None:
        if row is None:
            return self.text
        from ..documentation import docstring

        return docstring(row)


class Callee:
    """What is called through a function of its own."""

    __slots__ = ("__call__",)

    __call__: Callable[..., Any]


class Primitive(Callee):
    """A function with derivatives.

    Parameters
    ----------
    function : callable
        The NumPy function that the row stands for, or the row's own kernel.
    *rules : callable or None
        For each array argument, `(g, z, x, y, ..., **params)` to the argument's cotangent; None where there is none.
    bind : callable, optional
        NumPy's signature to (arrays, params).
    kernel : callable, optional
        How arrays are computed with, where that is not `function` itself.
    also : sequence of callables
        Other NumPy functions that are the same thing.
    sign : str, optional
        The sign a formula is written with.
    domain : (float, float)
        Where the generated tests draw inputs from.
    examples : sequence of Example
        How the generated tests, and the docstring, call it.
    views : bool
        Whether the result may share the first argument's memory.
    broadcasts : bool
        Whether the engine undoes a broadcast, so that a rule need not.
    spelled : callable, optional
        The kernel, to the same bits, written with rows alone: what a program spells out instead of calling it.
    checks : bool
        Whether the kernel refuses some values: a program then runs it at each call, on values that are there.
    shows_nan : int
        Of how many of the first arguments each nan or inf makes one in the result: a program then checks that alone.
    """

    __doc__: Any = Described(__doc__)
    _guarded = ("function", "_rules")  # what a compiled function looks at before each call

    direct: Mapping[int, Callable[..., Any]] = {1: unary, 2: binary}
    ready = staticmethod(as_array)

    def __init_subclass__(cls) -> None:
        cls.__doc__ = Described(cls.__doc__)  # type: ignore[assignment]

    def __init__(
        self,
        function: Callable[..., Any],
        *rules: Rule | None,
        bind: Callable[..., Bound] | None = None,
        kernel: Callable[..., Any] | None = None,
        also: Sequence[Callable[..., Any]] = (),
        sign: str | None = None,
        domain: tuple[float, float] = (-2.0, 2.0),
        examples: Sequence[Example] = (),
        views: bool = False,
        broadcasts: bool = False,
        spelled: Callable[..., Any] | None = None,
        checks: bool = False,
        shows_nan: int = 0,
    ) -> None:
        self.function = function
        self.name = function.__name__
        self.kernel = kernel or function
        self.rules = rules
        self.also = also
        self.sign = sign
        self.domain = domain
        self.examples = examples
        self.views = views
        self.broadcasts = broadcasts
        self.spelled = spelled
        self.checks = checks
        self.shows_nan = shows_nan
        if bind:
            self.bind = bind  # type: ignore[method-assign]
        direct = self.direct.get(len(rules)) if all(rules) and not bind else None
        self.__call__ = direct(self) if direct else self.bound

    @property
    def rules(self) -> Sequence[Rule | None]:
        return self._rules

    @rules.setter
    def rules(self, rules: Sequence[Rule | None]) -> None:
        self._rules = rules
        x, y = [((i, rule),) for i, rule in enumerate([*rules, None, None][:2])]
        self.paths = ((), x, y, x + y)  # by what is wanted: nothing, x, y, both

    @property
    def __signature__(self) -> Any:
        return inspect.signature(self.bind)

    def bind(self, *arrays: Any) -> Bound:
        if len(arrays) != len(self.rules):
            raise TypeError(f"takes {len(self.rules)} arguments, not {len(arrays)}")
        return tuple(map(self.ready, arrays)), {}

    def bound(self, *args: Any, **kwargs: Any) -> Any:
        """A call in NumPy's signature."""
        try:
            arrays, params = self.bind(*args, **kwargs)
        except TypeError as error:
            raise misfits.signature(self.name, kwargs, error) from None
        return apply(self, arrays, params)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class Elementwise(Primitive):
    """A row whose arguments broadcast against each other; the engine undoes it."""

    def __init__(self, function: Callable[..., Any], *rules: Rule | None, **fields: Any) -> None:
        super().__init__(function, *rules, broadcasts=len(rules) > 1, **fields)
        self.ready = operand if self.broadcasts else as_array


class Plain(Primitive):
    """A row without derivative, whose result is plain: comparisons, logic, indices of extremes."""

    direct: Mapping[int, Callable[..., Any]] = {}
    of_values = True

    def bound(self, *args: Any, **kwargs: Any) -> Any:
        if self.of_values and tracing():
            return apply(self, tuple(x.detach() if isinstance(x, Tensor) else x for x in args), kwargs)
        named = {key: x._data if isinstance(x, Tensor) else x for key, x in kwargs.items()}
        return self.kernel(*[x._data if isinstance(x, Tensor) else x for x in args], **named)


class Verdict(Plain):
    """A row whose result is Python's True or False, and under a trace an array as any other."""

    def __init__(self, function: Callable[..., Any]) -> None:
        kernel = functools.wraps(function)(lambda *args, **params: np.bool_(function(*args, **params)))
        super().__init__(function, kernel=kernel)

    def bound(self, *args: Any, **kwargs: Any) -> Any:
        found = super().bound(*args, **kwargs)
        return found if tracing() else bool(found)


class Known(Plain):
    """A row whose result follows from shapes and dtypes alone, and is known before any value is."""

    of_values = False

    def bound(self, *args: Any, **kwargs: Any) -> Any:
        found = super().bound(*args, **kwargs)
        parts = found if isinstance(found, tuple) else (found,)
        return tuple(map(fixed, parts)) if any(isinstance(x, np.ndarray) for x in parts) else found


class Variadic(Primitive):
    """A row that takes any number of arrays; its one rule is told which by `i`."""

    def __init__(self, function: Callable[..., Any], rule: Rule, **fields: Any) -> None:
        super().__init__(function, **fields)
        self.rules = EachArgument(rule)


class EachArgument(Sequence[Rule]):
    """The rules of a variadic row, one for each position."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule

    def __getitem__(self, i: Any) -> Any:
        return functools.partial(self.rule, i=i)

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[Rule]:
        return iter([self[0]])
