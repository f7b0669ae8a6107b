"""Stand in for arguments while a function is traced: arrays, and floats that change from call to call."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import MethodDescriptorType, WrapperDescriptorType
from typing import Any

import numpy as np

from ..core.names import ENGINE, caller_location, format_location, is_users_file
from ..core.tensor import Tensor, check_untraced, init_leaf
from ..ops import TABLE
from ..ops.primitive import Primitive

EXACT = {np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum}  # NumPy rounds these as Python does


def quotient(x: Any, y: Any) -> Any:
    """Return x / y; raise for a division by 0, as Python does for floats: the function itself then runs."""
    if not y:
        raise ZeroDivisionError
    return x / y


DIVIDE = Primitive(quotient, None, None)


def here() -> str:
    """The user's line that runs."""
    return format_location(caller_location())


class StandIn(Tensor):
    """A Tensor in the place of an array or of another Tensor, which is found in dicts and sets by another hash."""

    __slots__ = ()

    def __hash__(self) -> int:
        frame: Any = sys._getframe(1)
        while not (is_users_file(frame.f_code.co_filename) or frame.f_code.co_filename.startswith(ENGINE)):
            frame = frame.f_back  # Counter is Python's code, and the engine calls it, too
        if frame.f_code.co_filename.startswith(ENGINE):
            return object.__hash__(self)
        check_untraced(self, "the hash")
        return hash(self._data[()]) if self.shape == () else object.__hash__(self)


StandIn.__name__ = Tensor.__name__  # in what Python says of it


class Scalar(StandIn):
    """A number in the arithmetic of Tensors, and a float wherever else it is used: then the run is no program.

    As Python's floats do, it takes on the dtype of the array beside it. Where its value decides something (`bool`,
    `float`, `math`), the function goes on with the number, which is right this time; the trace is told that no program
    can be made of it.
    """

    __slots__ = ("tensor", "trace")

    tensor: Tensor  # the same number, as the trace knows it
    trace: Any

    @classmethod
    def of(cls, tensor: Tensor, trace: Any) -> Scalar:
        scalar = cls.__new__(cls)
        init_leaf(scalar, tensor._data)
        scalar.tensor, scalar.trace = tensor, trace
        return scalar

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # isinstance(lr, float)
        return float

    def number(self) -> float:
        """The value; that somebody asked for it is the end of the program."""
        cure = "Compute with + - * / alone, or do it outside, and give the result as an argument."
        self.trace.spoil(f"the value of a float argument is used in {here()}. {cure}")
        return float(self._data)

    def beside(self, other: Any) -> Tensor:
        """This number as a Tensor, in the dtype that a float takes on beside an array."""
        dtype = getattr(other, "dtype", self.tensor.dtype)
        dtype = np.zeros(0, dtype).real.dtype
        cast = dtype.kind == "f" and dtype != self.tensor.dtype
        return TABLE["astype"](self.tensor, dtype) if cast else self.tensor

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if ufunc in EXACT and method == "__call__" and not kwargs and self.is_exact(ufunc, *inputs):
            x, y = inputs
            left = x.beside(y) if type(x) is Scalar else x
            right = y.beside(x) if type(y) is Scalar else y
            if any(hasattr(each, "dtype") and type(each) is not Scalar for each in inputs):
                return TABLE[ufunc.__name__](left, right)
            # Arithmetic of numbers gives a number.
            op = DIVIDE if ufunc is np.divide and type(y) is Scalar else TABLE[ufunc.__name__]
            return Scalar.of(op(left, right), self.trace)
        plain = [x.number() if type(x) is Scalar else x for x in inputs]
        return getattr(ufunc, method)(*plain, **kwargs)

    @staticmethod
    def is_exact(ufunc: Any, x: Any, y: Any) -> bool:
        """Return True if NumPy and Python give the same number; Python refuses a division by 0."""
        numbers = not any(hasattr(each, "dtype") and type(each) is not Scalar for each in (x, y))
        known = all(hasattr(each, "dtype") or isinstance(each, int | float | complex) for each in (x, y))
        return known and not (numbers and ufunc is np.divide and type(y) is not Scalar and not y)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return func(*map(without_scalars, args), **{key: without_scalars(x) for key, x in kwargs.items()})

    def __neg__(self) -> Any:
        return Scalar.of(TABLE["negative"](self.tensor), self.trace)

    def __array__(self, *dtype: Any, **how: Any) -> Any:
        return np.asarray(self.number(), *dtype, **how)

    def __pos__(self) -> Any:
        return self


def without_scalars(x: Any) -> Any:
    if isinstance(x, list | tuple):
        return type(x)(map(without_scalars, x))
    return x.number() if type(x) is Scalar else x


def by_ufunc(ufunc: Any, reflected: bool) -> Callable[..., Any]:
    """An operator that a program computes."""

    def operate(self: Scalar, other: Any) -> Any:
        return self.__array_ufunc__(ufunc, "__call__", *((other, self) if reflected else (self, other)))

    return operate


def by_value(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method of Python's floats, which is given the number."""
    return lambda self, *rest: method(self.number(), *map(without_scalars, rest))


for _name, _ufunc in (("add", np.add), ("sub", np.subtract), ("mul", np.multiply), ("truediv", np.divide)):
    setattr(Scalar, f"__{_name}__", by_ufunc(_ufunc, reflected=False))
    setattr(Scalar, f"__i{_name}__", by_ufunc(_ufunc, reflected=False))
    setattr(Scalar, f"__r{_name}__", by_ufunc(_ufunc, reflected=True))
Scalar.__str__ = by_value(str)  # type: ignore[method-assign]
for _name, _method in vars(float).items():
    is_method = isinstance(_method, WrapperDescriptorType | MethodDescriptorType)
    if is_method and _name not in {*vars(Scalar), "__getattribute__"}:
        setattr(Scalar, _name, by_value(_method))
