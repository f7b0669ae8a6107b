"""What leaves the tape: a Tensor as a number, an array, a copy, a text; refused where it would cut the graph unseen."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from .core import errors
from .core.context import CURRENT
from .core.tensor import Tensor
from .core.versions import expose


def given(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give Tensor a method."""
    setattr(Tensor, function.__name__, function)
    return function


def raw(x: Any) -> Any:
    return x._data if isinstance(x, Tensor) else x


def check_untraced(tensor: Tensor, how: str) -> None:
    """Refuse what would bake a value into a program without a word."""
    trace = CURRENT.get().trace
    if trace is not None:
        trace.refuse(tensor, how)


@given
def __contains__(self: Tensor, value: Any) -> bool:
    check_untraced(self, "in")
    return raw(value) in self._data


@given
def __bool__(self: Tensor) -> bool:
    check_untraced(self, "bool()")
    return bool(self._data)


@given
def __float__(self: Tensor) -> float:
    check_untraced(self, "float()")
    errors.check_uncut(self, *errors.to_number("float"))
    return float(self._data)


@given
def __int__(self: Tensor) -> int:
    check_untraced(self, "int()")
    errors.check_uncut(self, *errors.to_number("int"))
    return int(self._data)


@given
def __index__(self: Tensor) -> int:
    check_untraced(self, "an index")
    return operator.index(self._data)


@given
def __format__(self: Tensor, spec: str) -> str:
    check_untraced(self, "the text")
    return format(self._data.item() if self.size == 1 else self._data, spec) if spec else repr(self)


@given
def __array__(self: Tensor, dtype: Any = None, copy: bool | None = None) -> Any:
    check_untraced(self, "conversion to an array")
    errors.check_uncut(
        self, "conversion to an array", "np.stack of tensors stays a tensor; .data or .detach() gives the values alone."
    )
    return np.array(expose(self), dtype=dtype, copy=copy)


@given
def numpy(self: Tensor) -> Any:
    """The values as an array that shares the tensor's memory; refused where a gradient would be lost."""
    check_untraced(self, ".numpy()")
    errors.check_uncut(self, ".numpy()", "Write .data or .detach().numpy() for the values alone.")
    return expose(self)


@given
def __reduce__(self: Tensor) -> Any:
    """A leaf is pickled and copied as its values; what is recorded holds on to a graph, and is not."""
    errors.check_unrecorded(self)
    return _leaf, (type(self), self._data, self._requires_grad, self.name, self._grad)


def _leaf(kind: type[Tensor], data: Any, requires_grad: bool, name: str | None, grad: Any) -> Tensor:
    leaf = kind.__new__(kind)
    Tensor.__init__(leaf, data, requires_grad, name=name)
    leaf._grad = grad
    return leaf


@given
def item(self: Tensor) -> Any:
    """The one number of a tensor of one entry."""
    check_untraced(self, ".item()")
    return self._data.item()


@given
def tolist(self: Tensor) -> Any:
    """The numbers in nested lists; a number alone, of a tensor without axes."""
    check_untraced(self, ".tolist()")
    return self._data.tolist()


@given
def __repr__(self: Tensor) -> str:
    check_untraced(self, "the text")
    facts = [np.array2string(self._data, separator=", ", prefix="Tensor(")]
    facts += [f"dtype={self.dtype}"] if self.dtype not in (np.dtype(float), np.dtype(int), np.dtype(bool)) else []
    facts += [f"name={self.name!r}"] if self.name else []
    facts += ["requires_grad=True"] if self._requires_grad and self.op is None else []
    facts += [f"op={self.op.name}"] if self.op is not None else []
    return f"Tensor({', '.join(facts)})"
