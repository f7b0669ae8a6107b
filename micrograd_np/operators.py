"""Operators, ndarray's methods and NumPy's protocols, given to `Tensor` from the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from . import cures
from .conversions import check_untraced, given, raw
from .core import errors
from .core.context import tracing
from .core.tensor import Tensor, assign
from .core.versions import memory_of
from .ops import BY_FUNCTION, FUNCTIONS, TABLE
from .ops.primitive import Primitive

BINARY = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "pow": "power",
    "mod": "remainder",
    "floordiv": "floor_divide",
}
UNARY = {"neg": "negative", "pos": "positive", "abs": "absolute"}
COMPARISONS = {
    "lt": "less",
    "le": "less_equal",
    "eq": "equal",
    "ne": "not_equal",
    "gt": "greater",
    "ge": "greater_equal",
}
COMPARISONS |= {"invert": "invert"}
LOGIC = {"and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor"}  # of what was compared
LOGIC |= {"lshift": "left_shift", "rshift": "right_shift"}
METHODS = """
    all any argmax argmin argsort astype clip conj conjugate copy cumprod cumsum diagonal dot flatten max mean min
    partition prod ptp ravel repeat reshape round sort squeeze std sum swapaxes take trace transpose var
""".split()
# PyTorch's besides.
METHODS += """
    abs ceil exp exp2 expm1 floor gelu isfinite isinf isnan log log10 log1p log2 log_softmax logsumexp matmul maximum
    median minimum norm relu sigmoid sign silu sin cos tan sinh cosh tanh arctan softmax softplus sqrt square
""".split()


def reflected(call: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, other: call(other, self)


def in_place(op: Primitive) -> Callable[..., Any]:
    """`t += u`: a write into a leaf's memory; for a recorded t, t = t + u."""

    def write(self: Tensor, other: Any) -> Any:
        if self.op is not None:
            return op(self, other)
        if tracing():
            return assign(self, op(self.detach(), other))
        data = self._data
        if isinstance(other, Tensor):
            errors.check_write(self, other)
            value = other._data
        else:
            value = op.coerce_operand(other)
        try:
            op.kernel(data, value, data)
        except Exception as error:
            errors.explain(op, (self, other), error)
        (self._memory or memory_of(self)).write()
        return self

    return write


def method(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, *args, **kwargs: function(self, *args, **kwargs)


for symbol, name in BINARY.items():
    setattr(Tensor, f"__{symbol}__", TABLE[name].__call__)
    setattr(Tensor, f"__r{symbol}__", reflected(TABLE[name].__call__))
    setattr(Tensor, f"__i{symbol}__", in_place(TABLE[name]))
for symbol, name in UNARY.items():
    setattr(Tensor, f"__{symbol}__", TABLE[name].__call__)
for symbol, name in COMPARISONS.items():
    setattr(Tensor, f"__{symbol}__", method(TABLE[name]))


def copying(name: str) -> Callable[..., Any]:
    """A method that works in place on an array, and gives a copy of a Tensor."""

    def copied(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        if tracing():
            raise errors.in_place(name)
        return FUNCTIONS[name](self, *args, **kwargs)

    return copied


for symbol, name in LOGIC.items():
    setattr(Tensor, f"__{symbol}__", method(TABLE[name]))
    setattr(Tensor, f"__r{symbol}__", lambda self, other, row=TABLE[name]: row(other, self))
for name in ("divmod",):  # of two results
    setattr(Tensor, f"__{name}__", method(FUNCTIONS[name]))
    setattr(Tensor, f"__r{name}__", reflected(FUNCTIONS[name]))
for name in METHODS:
    if name in FUNCTIONS:
        setattr(Tensor, name, copying(name) if name in ("partition", "sort") else method(FUNCTIONS[name]))


@given
def __matmul__(self: Tensor, other: Any) -> Any:
    return TABLE["matmul"](self, other)


@given
def __rmatmul__(self: Tensor, other: Any) -> Any:
    return TABLE["matmul"](other, self)


@given
def __getitem__(self: Tensor, index: Any) -> Any:
    return TABLE["getitem"](self, index)


@given
def __setitem__(self: Tensor, index: Any, value: Any) -> None:
    if self.op is not None:
        errors.refuse_setitem(self)
    check_untraced(self, "t[index] = values")
    errors.check_write(self, value)
    self._data[raw(index)] = raw(value)
    memory_of(self).write()


@given
def __len__(self: Tensor) -> int:
    return len(self._data)


@given
def __iter__(self: Tensor) -> Iterator[Any]:
    return (TABLE["getitem"](self, i) for i in range(len(self._data)))


def mask(self: Tensor) -> Any:
    """What NumPy asks of whatever stands beside a masked array."""
    raise errors.masked_array()


Tensor._mask = property(mask)  # type: ignore[attr-defined]
Tensor.assign = assign  # type: ignore[attr-defined]
Tensor._alias = TABLE["alias"].__call__  # type: ignore[attr-defined]


@given
def __array_ufunc__(self: Tensor, ufunc: Any, how: str, *inputs: Any, **kwargs: Any) -> Any:
    if how != "__call__":
        raise errors.method(ufunc.__name__, how)
    if ufunc not in BY_FUNCTION:
        raise errors.unsupported(ufunc)
    return BY_FUNCTION[ufunc](*inputs, **kwargs)


@given
def __array_function__(self: Tensor, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
    if function not in BY_FUNCTION:
        raise errors.unsupported(function)
    try:
        return BY_FUNCTION[function](*args, **kwargs)
    except TypeError as error:
        if "unexpected keyword argument" in str(error):
            raise errors.signature(function.__name__, kwargs, error) from None
        raise


Tensor.__hash__ = object.__hash__  # type: ignore[method-assign]
Tensor.real = property(method(FUNCTIONS["real"]))  # type: ignore[attr-defined]
Tensor.imag = property(method(FUNCTIONS["imag"]))  # type: ignore[attr-defined]
Tensor.T = property(method(TABLE["transpose"]))  # type: ignore[attr-defined]
Tensor.mT = property(lambda self: TABLE["swapaxes"](self, -1, -2))  # type: ignore[attr-defined]

cures.install(Tensor, "Tensor", hidden=("args", "op", "params", "scope"))
