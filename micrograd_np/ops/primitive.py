"""The kinds of ops. A *row* is one op of the table: a NumPy function, its kernel, and a VJP rule for each array.

`Primitive` is the ordinary kind; the other classes are for broadcasting, for ops without derivatives, and for several
arguments or outputs.
"""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..core import errors
from ..core.backward import Rule
from ..core.context import current_context
from ..core.dispatch import Use, apply, single
from ..core.errors import ArgumentTypeError
from ..core.tensor import Tensor, as_tensor, trace_constant
from ..core.versions import ALL, memory_of, reads
from ..cures import signature_error
from .calls import binary, cached, general, in_single, is_half, unary


class Drawn:
    """A placeholder in an example for an array of this shape, which the generated tests draw.

    Parameters
    ----------
    *shape : int
    domain : (float, float), optional
        The interval to draw from. None: the row's own domain.
    through : callable, optional
        A function that is applied to the drawn array, such as `lambda x: x @ x.T + np.eye(3)` for a positive definite
        matrix.
    """

    def __init__(
        self, *shape: int, domain: tuple[float, float] | None = None, through: Callable[[Any], Any] | None = None
    ) -> None:
        self.shape = shape
        self.domain = domain
        self.through = through


D = Drawn


class Example(NamedTuple):
    """A call of a row: its arguments, with `Drawn` in the place of random arrays."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def example(*args: Any, **kwargs: Any) -> Example:
    """Return the example that these arguments are."""
    return Example(args, kwargs)


def examples(*calls: str, **kwargs: Any) -> list[Example]:
    """Return calls with arrays of these shapes: `"3 4, 4"` is a call with a (3, 4) and a (4,)."""
    drawn = ([Drawn(*map(int, shape.split())) for shape in call.split(",")] for call in calls)
    return [Example(tuple(arrays), kwargs) for arrays in drawn]


NUMBERS = (int, float, complex, np.generic)
Bound = tuple[tuple[Any, ...], dict[str, Any]]


def as_array(x: Any) -> Any:
    """Convert an argument to an array; Tensors and arrays pass unchanged, masked arrays and matrices are refused.

    An array is what NumPy's functions dispatch on, such as CuPy's. A pandas Series, indexed by its labels, is none.
    """
    if type(x) is np.ndarray or isinstance(x, Tensor):
        return x
    errors.check_plain(x)
    return x if hasattr(x, "__array_function__") else np.asarray(x)


def operand(x: Any) -> Any:
    """Convert an argument of an elementwise op; Python and NumPy scalars stay, so that NumPy promotes them as usual."""
    return x if isinstance(x, NUMBERS) else as_array(x)


class GeneratedDoc:
    """A descriptor for `__doc__`: a class gives its own docstring, a row one that is generated from its rules."""

    write: Callable[[Any], str]  # set by the package: the module that writes it imports this one

    def __init__(self, text: str | None) -> None:
        self.text = text

    def __get__(self, row: Any, cls: Any) -> str | None:
        return self.text if row is None else type(self).write(row)


class InstanceCall:
    """Gives each op its own `__call__`, which saves one Python frame per call.

    Python looks `__call__` up on the class, and finds the descriptor of this slot: it returns the instance's own.
    """

    __slots__ = ("__call__",)

    __call__: Callable[..., Any]


class Uses(dict[int, Use]):
    """A cache: for each set of arguments whose gradient is wanted (as bits), what a node must keep for backward.

    That is: the position and rule of each such argument, the bits of the arguments whose values these rules read, and
    whether the result may share memory with the first argument.
    """

    def __init__(self, row: Primitive) -> None:
        self.row = row

    def __missing__(self, wanted: int) -> Use:
        rules = self.row.rules
        paths = [(i, rule) for i in range(wanted.bit_length()) if wanted >> i & 1 and (rule := rules[i])]
        count = len(rules)
        # A rule is called as rule(g, z, x0, x1, ...); `reads` counts from z, so x_i has the number i + 1.
        read = sum([1 << i for i in range(count) if any(reads(rule, i + 1) for _, rule in paths)])
        if any(reads(rule, count + 1) for _, rule in paths):  # *args: what is read of one is read of all
            read |= ALL << count
        self[wanted] = found = tuple(paths), read, self.row.views
        return found


def remembered(bind: Callable[..., Bound]) -> Callable[..., Bound]:
    """Mark a `bind` whose result depends only on the parameters and on the shapes and dtypes of the arrays.

    `calls.cached` then keeps its result for the next call with the same ones.
    """
    bind.remembered = True  # type: ignore[attr-defined]
    return bind


def as_given(*arrays: Any, **params: Any) -> Bound:
    """Bind arrays by position and parameters by name, unchecked: for rows that users do not call."""
    return arrays, params


class Primitive(InstanceCall):
    """A function with derivatives.

    Parameters
    ----------
    function : callable
        The NumPy function that the row stands for, or the row's own kernel.
    *rules : callable or None
        For each array argument, `(g, z, x, y, ..., **params)` to the argument's cotangent; None where there is none.
    bind : callable, optional
        A function with NumPy's signature that returns (arrays, params).
    kernel : callable, optional
        The function that computes the result; `function` itself if it is left out.
    **fields
        Other facts about the row: the class attributes below are their names and defaults.
    """

    __doc__: Any = GeneratedDoc(__doc__)
    _guarded = ("function", "_rules")  # what a compiled function looks at before each call

    coerce_operand = staticmethod(as_array)
    widens = True  # whether the rules of a float16 result are given float32 arguments

    also: Sequence[Callable[..., Any]] = ()  # other NumPy functions that are the same thing
    views: bool = False  # whether the result may share the first argument's memory
    single: bool = False  # compute float16 in float32 and round once; NumPy's own functions keep NumPy's values
    # The same function with NumPy's rarer keywords, written with rows: it is called where `bind` refuses.
    extended: Callable[..., Any] | None = None
    broadcasts: bool = False  # whether the engine sums a cotangent to its argument's shape, so that a rule need not

    # For the generated tests and the docstring: the interval from which inputs are drawn, and calls.
    domain: tuple[float, float] = (-2.0, 2.0)
    examples: Sequence[Example] = ()

    sign: str | None = None  # the operator with which a formula is written: +, @, //
    # How a call is written, where that is neither a sign nor a call by name: (args, params, literal) to a Phrase; args
    # are Phrases, and literal writes a parameter.
    formula: Callable[..., Any] | None = None
    gloss: str = ""  # for drawings: the rule in mathematics in one line, or the result if only rules call the op

    # The kernel written with rows alone: programs spell it out; loops and ONNX files need it. If its bits are not those
    # of the kernel, `exact` is False, and compiled NumPy programs call the kernel.
    decomposition: Callable[..., Any] | None = None
    exact: bool = True
    onnx: str | None = None  # the ONNX operator that computes the same, or a name of a form in saving/onnx.py
    # Whether the kernel raises for some values: a program then calls it only on values that are already there.
    checks: bool = False
    # The number of leading arguments whose nan or inf always gives a nan or inf in the result, so that a program checks
    # the result alone.
    shows_nan: int = 0
    # Whether the result's shape may depend on values (getitem: on a mask), which a program cannot know.
    shaped_by_data: bool = False
    reduction: Any = None  # the ufunc that this is the reduction by
    product: bool = False  # whether it is a sum of products: BLAS computes an array times itself in another way
    spelling: str | None = None  # the name of its form as source, where no sign, formula or call serves: source.py
    peephole: str | None = None  # the name of the test that a call changes nothing, such as x * 1: program/simplify.py
    # An entry of the result: {0}, {1} are entries of the arguments, {kind} its dtype; "" where numba has no such ufunc.
    loop: str | None = None

    def __init_subclass__(cls) -> None:
        cls.__doc__ = GeneratedDoc(cls.__doc__)  # type: ignore[assignment]

    def __init__(
        self,
        function: Callable[..., Any],
        *rules: Rule | None,
        bind: Callable[..., Bound] | None = None,
        kernel: Callable[..., Any] | None = None,
        **fields: Any,
    ) -> None:
        if unknown := fields.keys() - Primitive.__annotations__:
            raise ArgumentTypeError(f"{', '.join(unknown)}: no field of a row.")
        self.__dict__.update(fields)
        self.function = function
        self.kernel = kernel or (in_single(function) if self.single else function)
        self.uses = Uses(self)
        self.rules = rules
        if bind:
            self.bind = bind  # type: ignore[method-assign]
        self.bind_and_apply = general(self)
        self.__call__ = self.make_call()
        self.rename(function.__name__)

    def rename(self, name: str) -> None:
        """Name the row, and the function that is called, as Python names functions."""
        self.name = self.__name__ = self.__qualname__ = name
        self.__call__.__name__ = self.__call__.__qualname__ = name.lstrip("_")
        self.__module__ = self.__call__.__module__ = "micrograd_np"

    @property
    def rules(self) -> Sequence[Rule | None]:
        return self._rules

    @rules.setter
    def rules(self, rules: Sequence[Rule | None]) -> None:
        self._rules = rules
        self.uses.clear()

    @property
    def __signature__(self) -> Any:
        return inspect.signature(self.extended or self.bind)

    @functools.cached_property
    def __wrapped__(self) -> Any:
        """Return what `inspect.getsource(mg.exp)` prints: the row as it stands in the table, or else the function."""
        for home in [x for name, x in sys.modules.items() if name.startswith(__package__ or "")]:
            for x in ast.walk(ast.parse(inspect.getsource(home))) if vars(home).get(self.name) is self else ():
                target = x.targets[0] if isinstance(x, ast.Assign) else getattr(x, "target", None)
                if getattr(target, "id", "") == self.name:
                    text = textwrap.dedent(ast.get_source_segment(inspect.getsource(home), x, padded=True) or "")
                    row = ModuleType(self.name)  # of a function, inspect would take the first line alone
                    row.__file__ = f"<row {self.name}>"
                    linecache.cache[row.__file__] = len(text), None, text.splitlines(keepends=True), row.__file__
                    return row
        return self.function

    def bind(self, *arrays: Any) -> Bound:
        if len(arrays) != len(self.rules):
            raise ArgumentTypeError(f"takes {len(self.rules)} arguments, not {len(arrays)}")
        return tuple(map(self.coerce_operand, arrays)), {}

    def make_call(self) -> Callable[..., Any]:
        """Return the function that a call of the row runs."""
        if getattr(self.bind, "remembered", False):
            return cached(self)
        # The fast calls skip `bind`, so they are for ops with the default `bind` and a rule for every argument. A
        # variadic op has no rules yet when it comes here, and gets `general`.
        if all(self.rules) and "bind" not in vars(self):
            return {1: unary, 2: binary}.get(len(self.rules), general)(self)
        return general(self)

    def otherwise(self, args: tuple[Any, ...], kwargs: dict[str, Any], error: TypeError) -> Any:
        """Answer a call that `bind` refuses: with rarer keywords, or an error that names what is not taken."""
        if kwargs.keys() & PYTORCHS.keys():
            return self.bind_and_apply(*args, **in_numpys_words(kwargs))
        if len(given := without_defaults(kwargs)) < len(kwargs):
            return self.bind_and_apply(*args, **given)
        taken = inspect.signature(self.extended).parameters.keys() if self.extended else set()
        refused = {key: x for key, x in kwargs.items() if key not in taken}
        if self.extended and kwargs.keys() & {"initial", "where"} and not refused:
            return self.extended(*args, **kwargs)
        raise signature_error(self.name, refused, error) from None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


# NumPy's defaults of keywords that rows do not take, which other libraries pass on.
DEFAULTS = {"out": None, "dtype": None, "where": True, "hermitian": False, "order": None, "mode": "raise"}
PYTORCHS = {"dim": "axis", "keepdim": "keepdims"}


def without_defaults(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return keywords without those that have one of NumPy's defaults."""
    return {key: x for key, x in kwargs.items() if key not in DEFAULTS or x is not DEFAULTS[key]}


def in_numpys_words(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return keywords with PyTorch's dim= and keepdim= under NumPy's names."""
    for name, numpys in PYTORCHS.items():
        if name in kwargs and numpys in kwargs:
            raise ArgumentTypeError(f"{name}= and {numpys}= are the same argument; give one of them.")
    return {PYTORCHS.get(name, name): value for name, value in kwargs.items()}


class Part(Primitive):
    """A row that only rules and compositions call: it takes arrays by position and parameters by name, unchecked."""

    bind = staticmethod(as_given)


class Elementwise(Primitive):
    """A row whose arguments broadcast against each other; the engine sums the cotangents to the arguments' shapes."""

    def __init__(self, function: Callable[..., Any], *rules: Rule | None, **fields: Any) -> None:
        super().__init__(function, *rules, broadcasts=len(rules) > 1, **fields)
        self.coerce_operand = operand if self.broadcasts else as_array


class NonDifferentiable(Primitive):
    """A row without a derivative, whose result is a plain array: comparisons, logic, positions of extremes."""

    depends_on_data = True

    def make_call(self) -> Callable[..., Any]:
        return lambda *args, **kwargs: self.run(*args, **kwargs)

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Call NumPy's function on plain arrays; while tracing, record the call, with arguments without gradients."""
        if kwargs.keys() & PYTORCHS.keys():
            kwargs = in_numpys_words(kwargs)
        trace = current_context().trace
        if trace is not None and self.shaped_by_data:
            trace.refuse_shape(self)  # raises if the trace is strict; else the run goes on as plain NumPy
        elif trace is not None and self.depends_on_data:
            return apply(self, tuple(x.detach() if isinstance(x, Tensor) else x for x in args), kwargs)
        named = {key: x._data if isinstance(x, Tensor) else x for key, x in kwargs.items()}
        try:
            return self.function(*[x._data if isinstance(x, Tensor) else x for x in args], **named)
        except errors.MicrogradError:
            raise
        except TypeError as error:
            raise signature_error(self.name, kwargs, error) from None


def truth(function: Callable[..., bool]) -> NonDifferentiable:
    """Return a row for a function whose result is Python's True or False; while tracing, it is an array."""
    kernel = functools.wraps(function)(lambda *args, **params: np.bool_(function(*args, **params)))
    return NonDifferentiable(function, kernel=kernel)


class StaticOp(NonDifferentiable):
    """A row whose result depends only on shapes and dtypes; while tracing, a constant."""

    depends_on_data = False

    def run(self, *args: Any, **kwargs: Any) -> Any:
        found = super().run(*args, **kwargs)
        parts = found if isinstance(found, tuple) else (found,)
        return tuple(map(trace_constant, parts)) if any(isinstance(x, np.ndarray) for x in parts) else found


class Variadic(Primitive):
    """A row that takes any number of arrays; its one rule gets the position of the argument as `i`."""

    def __init__(self, function: Callable[..., Any], rule: Rule, **fields: Any) -> None:
        super().__init__(function, **fields)
        self.rules = EachArgument(rule)


class EachArgument(Sequence[Rule]):
    """The rules of a variadic op: any index gives a rule, and the length is 1, as its signature has one `*arrays`.

    `Uses` relies on this: it indexes beyond the length, and reads position 1 as all arrays.
    """

    def __init__(self, rule: Rule) -> None:
        self.rule = rule

    def __getitem__(self, i: Any) -> Any:
        return functools.partial(self.rule, i=i)

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[Rule]:
        return iter([self[0]])


def with_pytorchs_keywords(composition: Callable[..., Any]) -> Callable[..., Any]:
    """Return a composition that also takes dim= and keepdim=, if it takes axis=."""
    if "axis" not in inspect.signature(composition).parameters:
        return composition

    @functools.wraps(composition)
    def call(*args: Any, **kwargs: Any) -> Any:
        return composition(*args, **in_numpys_words(kwargs))

    return call


def constant_like(make: Callable[..., Any], x: Any, *layout: Any) -> Any:
    """Call `make` on an array or on a Tensor's data; a Tensor's result is a constant Tensor."""
    return as_tensor(trace_constant(make(x._data, *layout))) if isinstance(x, Tensor) else make(x, *layout)


# Rows with several outputs.


class Outputs(tuple[Any, ...]):
    """Several outputs of one op, or their cotangents, of which None means zeros."""

    shape = dtype = None  # the engine asks every value for these, and several outputs have none in common

    def __add__(self, other: Any) -> Outputs:
        return Outputs(b if a is None else a if b is None else a + b for a, b in zip(self, other, strict=True))


def _item(outputs: Any, i: int) -> Any:
    return outputs[i]


item = Primitive(
    _item,
    lambda g, z, x, i: Outputs(g if j == i else None for j in range(len(x))),
    bind=lambda x, i: ((x,), {"i": i}),
    formula=lambda args, params, literal: args[0].subscript(params["i"], literal),
    onnx="Item",
    peephole="packed",
)


class MultiOutput(Primitive):
    """A row with several outputs: one hidden node holds them, and each is an `item` of it.

    Its rules get all cotangents; missing ones are zeros, or None if `zeros` is False.
    """

    def __init__(self, function: Callable[..., Any], *rules: Rule | None, zeros: bool = True, **fields: Any) -> None:
        compute = fields.pop("kernel", function)
        kernel = functools.wraps(compute)(lambda *args, **params: Outputs(compute(*args, **params)))
        rules = tuple(rule and self.with_all_outputs(rule, zeros) for rule in rules)
        super().__init__(function, *rules, kernel=kernel, **fields)

    def make_call(self) -> Callable[..., Any]:
        make = super().make_call()

        return lambda *args, **kwargs: self.outputs_of(make(*args, **kwargs))

    def outputs_of(self, node: Any) -> Any:
        """Return the outputs, each as an `item` of the hidden node."""
        items = tuple(item(node, i) for i in range(len(node)))
        if isinstance(node, Tensor) and node.op is self:
            node._data.memories = list(map(memory_of, items))  # a write to one is a write to what the rule reads
        return items

    def with_all_outputs(self, rule: Rule, zeros: bool) -> Rule:
        """Wrap a rule so that it gets all outputs and all cotangents; missing ones are zeros or None."""

        @functools.wraps(rule)
        def whole_rule(g: Any, z: Any, *args: Any, **params: Any) -> Any:
            if is_half(args):
                args = tuple(map(single, args))
                z = apply(self, args, params)
            outputs = [item(z, i) for i in range(len(z))]
            parts = zip(g, outputs, strict=True)
            cotangents = [np.zeros_like(y) if part is None and zeros else part for part, y in parts]
            return rule(cotangents, outputs, *args, **params)

        return whole_rule
