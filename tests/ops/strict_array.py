"""An array that keeps a GPU array's rules without a GPU, so that whatever falls back to NumPy is seen to.

The rules are CuPy's: NumPy's two protocols dispatch; nothing becomes an ndarray unless asked by `get`; an ndarray is no
operand, and comes in by `np.asarray(x, like=...)` or as an index; reductions stay arrays of no dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

SCALARS = (bool, int, float, complex, np.generic)
METHODS = """
    all any argmax argmin argsort astype clip conj copy cumprod cumsum diagonal dot fill flatten max mean min prod
    ravel repeat reshape round sort squeeze std sum swapaxes take trace transpose var
""".split()
CONVERSIONS = {np.array, np.asarray, np.ascontiguousarray}


class StrictArray(NDArrayOperatorsMixin):
    """A NumPy array behind CuPy's rules."""

    __slots__ = ("_array",)

    def __init__(self, array: Any) -> None:
        self._array = np.asarray(array)

    shape = property(lambda self: self._array.shape)
    dtype = property(lambda self: self._array.dtype)
    ndim = property(lambda self: self._array.ndim)
    size = property(lambda self: self._array.size)
    strides = property(lambda self: self._array.strides)
    base = property(lambda self: self._array.base)
    T = property(lambda self: wrap(self._array.T))
    real = property(lambda self: wrap(self._array.real))
    imag = property(lambda self: wrap(self._array.imag))

    def get(self) -> Any:
        return self._array

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("implicit conversion of a device array to an ndarray")

    def __array_ufunc__(self, ufunc: Any, how: str, *inputs: Any, **kwargs: Any) -> Any:
        operands = (*inputs, *kwargs.get("out", ()))
        if not all(isinstance(x, (StrictArray, np.ndarray, *SCALARS)) for x in operands):
            return NotImplemented
        return wrap(getattr(ufunc, how)(*map(unwrap, inputs), **unwrap(kwargs)))

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if not all(issubclass(kind, StrictArray | np.ndarray) for kind in types):
            return NotImplemented
        if function in CONVERSIONS:
            return wrap(function(*open_up(args), **open_up(kwargs)))
        return wrap(function(*unwrap(args), **unwrap(kwargs)))

    def __getitem__(self, index: Any) -> Any:
        return wrap(self._array[open_up(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        self._array[open_up(index)] = unwrap(value)

    def __len__(self) -> int:
        return len(self._array)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self._array)

    def __int__(self) -> int:
        return int(self._array)

    def __float__(self) -> float:
        return float(self._array)

    def __index__(self) -> int:
        return self._array.__index__()

    def item(self) -> Any:
        return self._array.item()

    def tolist(self) -> Any:
        return self._array.tolist()

    def __repr__(self) -> str:
        return f"StrictArray({self._array!r})"


def method(name: str) -> Callable[..., Any]:
    return lambda self, *args, **kwargs: wrap(getattr(self._array, name)(*unwrap(args), **unwrap(kwargs)))


for name in METHODS:
    setattr(StrictArray, name, method(name))


def wrap(x: Any) -> Any:
    """The array that NumPy returned, on the device."""
    if isinstance(x, np.ndarray | np.generic):
        return StrictArray(x)
    return type(x)(map(wrap, x)) if type(x) in (tuple, list) else tuple(map(wrap, x)) if isinstance(x, tuple) else x


def unwrap(x: Any) -> Any:
    """The arrays that NumPy gets: the memory of device arrays, and no other array."""
    if isinstance(x, np.ndarray):
        raise TypeError(f"an ndarray of shape {x.shape} among device arrays")
    return inside(unwrap, x)


def open_up(x: Any) -> Any:
    """The memory of device arrays; ndarrays pass."""
    return inside(open_up, x)


def inside(change: Callable[[Any], Any], x: Any) -> Any:
    if isinstance(x, StrictArray):
        return x._array
    if isinstance(x, dict):
        return {key: change(value) for key, value in x.items()}
    return type(x)(map(change, x)) if type(x) in (tuple, list) else x
