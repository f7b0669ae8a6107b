"""Tensor's operators, ndarray's methods and NumPy's protocols: one assignment each, from the table.

An operator is the row's own function, since a `def` around it would cost a tenth of a small op's time. mypy cannot
see attributes that are assigned from outside a class, and is told to be quiet in this file; the stub declares them.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy import ndarray

from . import cures
from .core import errors
from .core.context import current_context
from .core.tensor import Tensor, assign
from .core.versions import memory_of
from .ops import BY_FUNCTION, FUNCTIONS
from .ops.primitive import Primitive, without_defaults

table: Any = SimpleNamespace(**FUNCTIONS)
# What NumPy's functions call, without the step over the row's `__call__`.
CALLS = {function: row.__call__ if isinstance(row, Primitive) else row for function, row in BY_FUNCTION.items()}


def reflected(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return `x + t` for `t + x`."""
    return lambda self, other: call(other, self)


def in_place(op: Primitive) -> Callable[..., Any]:
    """Return `t += u`: a write into a leaf's memory; for a recorded t, t = t + u."""
    kernel = op.kernel

    def write(self: Tensor, other: Any) -> Any:
        if self.op is not None or ((trace := current_context().trace) is not None and trace.is_number(self)):
            return op(self, other)
        if trace is not None:
            return assign(self, op(self.detach(), other))
        data = self._data
        if isinstance(other, Tensor):
            errors.check_write(self, other)
            value = other._data
        else:
            value = other if type(other) is ndarray else op.coerce_operand(other)
        try:
            kernel(data, value, data)
        except Exception as error:
            errors.reraise(op, (self, other), error)
        (self._memory or memory_of(self)).write()
        return self

    return write


def copy(self: Tensor, order: str = "C") -> Any:
    """Return a copy, as ndarray's method does: in C order, where `np.copy` keeps the order."""
    return table.copy(self, order)


def refuse_mask(self: Tensor) -> Any:
    """Answer NumPy, which asks whatever stands beside a masked array for its mask."""
    errors.check_plain(np.ma.masked)


def array_ufunc(self: Tensor, ufunc: Any, how: str, *inputs: Any, **kwargs: Any) -> Any:
    """Answer `np.exp(t)`, and every other ufunc (NEP 13)."""
    call = CALLS.get(ufunc) if how == "__call__" else None
    try:
        if call is None:
            raise errors.unsupported_error(ufunc) if how == "__call__" else cures.method_error(ufunc.__name__, how)
        return call(*inputs, **kwargs) if kwargs else call(*inputs)  # unpacking no keywords costs as much as a call
    except TypeError as error:
        return by_numpy(error, getattr(ufunc, how), inputs, kwargs)


def array_function(self: Tensor, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
    """Answer `np.sum(t)`, and every other function of NumPy that is no ufunc (NEP 18)."""
    call = CALLS.get(function)
    try:
        if call is None:
            raise errors.unsupported_error(function)
        return call(*args, **kwargs) if kwargs else call(*args)
    except TypeError as error:
        if "unexpected keyword argument" in str(error):
            if len(given := without_defaults(kwargs)) < len(kwargs):
                return array_function(self, function, types, args, given)
            error = cures.signature_error(function.__name__, kwargs, error)
        return by_numpy(error, function, args, kwargs)


def by_numpy(error: Exception, function: Any, args: Any, kwargs: Any) -> Any:
    """Answer a call that no row serves: an error, but while compiling what NumPy gives for the arrays."""
    trace = current_context().trace
    if trace is None:
        raise error from None
    return trace.by_numpy(error, function, args, kwargs)


# Arithmetic.
Tensor.__add__ = table.add.__call__
Tensor.__sub__ = table.subtract.__call__
Tensor.__mul__ = table.multiply.__call__
Tensor.__truediv__ = table.divide.__call__
Tensor.__pow__ = table.power.__call__
Tensor.__mod__ = table.remainder.__call__
Tensor.__floordiv__ = table.floor_divide.__call__
Tensor.__matmul__ = table.matmul.__call__
Tensor.__divmod__ = table.divmod
Tensor.__radd__ = reflected(table.add.__call__)
Tensor.__rsub__ = reflected(table.subtract.__call__)
Tensor.__rmul__ = reflected(table.multiply.__call__)
Tensor.__rtruediv__ = reflected(table.divide.__call__)
Tensor.__rpow__ = reflected(table.power.__call__)
Tensor.__rmod__ = reflected(table.remainder.__call__)
Tensor.__rfloordiv__ = reflected(table.floor_divide.__call__)
Tensor.__rmatmul__ = reflected(table.matmul.__call__)
Tensor.__rdivmod__ = reflected(table.divmod)
Tensor.__iadd__ = in_place(table.add)
Tensor.__isub__ = in_place(table.subtract)
Tensor.__imul__ = in_place(table.multiply)
Tensor.__itruediv__ = in_place(table.divide)
Tensor.__ipow__ = in_place(table.power)
Tensor.__imod__ = in_place(table.remainder)
Tensor.__ifloordiv__ = in_place(table.floor_divide)
Tensor.__neg__ = table.negative.__call__
Tensor.__pos__ = table.positive.__call__
Tensor.__abs__ = table.absolute.__call__

# Comparisons, and logic of what was compared.
Tensor.__lt__ = table.less.__call__
Tensor.__le__ = table.less_equal.__call__
Tensor.__eq__ = table.equal.__call__
Tensor.__ne__ = table.not_equal.__call__
Tensor.__gt__ = table.greater.__call__
Tensor.__ge__ = table.greater_equal.__call__
Tensor.__invert__ = table.invert.__call__
Tensor.__hash__ = object.__hash__  # a Tensor is equal to itself alone, whatever == says
Tensor.__and__ = table.bitwise_and.__call__
Tensor.__or__ = table.bitwise_or.__call__
Tensor.__xor__ = table.bitwise_xor.__call__
Tensor.__lshift__ = table.left_shift.__call__
Tensor.__rshift__ = table.right_shift.__call__
Tensor.__rand__ = reflected(table.bitwise_and.__call__)
Tensor.__ror__ = reflected(table.bitwise_or.__call__)
Tensor.__rxor__ = reflected(table.bitwise_xor.__call__)
Tensor.__rlshift__ = reflected(table.left_shift.__call__)
Tensor.__rrshift__ = reflected(table.right_shift.__call__)

# ndarray's methods.
Tensor.all = table.all.__call__
Tensor.any = table.any.__call__
Tensor.argmax = table.argmax.__call__
Tensor.argmin = table.argmin.__call__
Tensor.argsort = table.argsort.__call__
Tensor.astype = table.astype.__call__
Tensor.clip = table.clip
Tensor.conj = table.conj.__call__
Tensor.conjugate = table.conjugate.__call__
Tensor.copy = copy
Tensor.cumprod = table.cumprod.__call__
Tensor.cumsum = table.cumsum.__call__
Tensor.diagonal = table.diagonal
Tensor.dot = table.dot.__call__
Tensor.flatten = table.flatten.__call__
Tensor.max = table.max.__call__
Tensor.mean = table.mean.__call__
Tensor.min = table.min.__call__
Tensor.prod = table.prod.__call__
Tensor.ptp = table.ptp
Tensor.ravel = table.ravel
Tensor.repeat = table.repeat
Tensor.reshape = table.reshape.__call__
Tensor.round = table.round.__call__
Tensor.squeeze = table.squeeze.__call__
Tensor.std = table.std.__call__
Tensor.sum = table.sum.__call__
Tensor.swapaxes = table.swapaxes.__call__
Tensor.take = table.take
Tensor.trace = table.trace
Tensor.transpose = table.transpose.__call__
Tensor.var = table.var.__call__
Tensor.__getitem__ = table.getitem.__call__
Tensor.assign = assign
Tensor.real = property(table.real.__call__)
Tensor.imag = property(table.imag.__call__)
Tensor.T = property(table.transpose.__call__)
Tensor.mT = property(lambda self: table.swapaxes(self, -1, -2))

# PyTorch's besides.
Tensor.abs = table.abs.__call__
Tensor.exp = table.exp.__call__
Tensor.floor = table.floor.__call__
Tensor.log = table.log.__call__
Tensor.log_softmax = table.log_softmax.__call__
Tensor.logsumexp = table.logsumexp.__call__
Tensor.matmul = table.matmul.__call__
Tensor.maximum = table.maximum.__call__
Tensor.median = table.median
Tensor.minimum = table.minimum.__call__
Tensor.norm = table.norm
Tensor.relu = table.relu.__call__
Tensor.sigmoid = table.sigmoid.__call__
Tensor.sign = table.sign.__call__
Tensor.sin = table.sin.__call__
Tensor.cos = table.cos.__call__
Tensor.tanh = table.tanh.__call__
Tensor.softmax = table.softmax.__call__
Tensor.sqrt = table.sqrt.__call__
Tensor.square = table.square.__call__

# NumPy's protocols, and what the engine itself asks of the table.
Tensor.__array_ufunc__ = array_ufunc
Tensor.__array_function__ = array_function
Tensor._mask = property(refuse_mask)
Tensor._alias = table.alias.__call__


def attribute_of_array(error: AttributeError, tensor: Tensor, name: str) -> Any:
    """Answer an attribute that an array has and a Tensor does not."""
    return by_numpy(error, getattr, (tensor, name), {})


Tensor.__init__ = cures.answering(Tensor.__init__)
cures.install(Tensor, "Tensor", hidden=("args", "op", "params", "scope"), otherwise=attribute_of_array)
