"""The functions behind a call of an op, one for each kind of signature. Each binds the arguments and runs the op.

Every op that a user calls passes through here, so the code of `apply` is repeated, cut down to what each signature
needs. The results are the same: read `apply` in core/dispatch.py first.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from types import EllipsisType, NoneType
from typing import Any

import numpy as np
from numpy import ndarray

from ..core import errors
from ..core.dispatch import HALF, apply, make_node, single
from ..core.tensor import Tensor

# float16: what this package computes itself, it computes in float32, and rounds once.


def rounded(z: Any) -> Any:
    """Results of float32, one or a tuple, as float16; float64 stays, since NumPy would promote to it."""
    if isinstance(z, tuple):
        return tuple(map(rounded, z))
    return z.astype(np.float16) if z.dtype == np.float32 else z


def is_half(args: Sequence[Any]) -> bool:
    """True if an argument is float16."""
    for x in args:  # noqa: SIM110  `any` takes twice as long
        if getattr(x, "dtype", None) == HALF:
            return True
    return False


# By kernel: what a caller runs that knows that nothing is float16. `functools.wraps` would copy an attribute to others.
UNROUNDED: dict[Callable[..., Any], Callable[..., Any]] = {}


def in_single(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that computes in float32 where a positional argument is float16, and rounds its result once."""

    @functools.wraps(function)
    def rounding(*args: Any, **params: Any) -> Any:
        if not is_half(args):
            return function(*args, **params)
        return rounded(function(*map(single, args), **{key: single(x) for key, x in params.items()}))

    UNROUNDED[rounding] = function
    return rounding


# Ops of one or two arrays without parameters, and in general.

NONE: dict[str, Any] = {}


def general(op: Any) -> Callable[..., Any]:
    """Return the function of a row that is called in NumPy's signature: `bind` tells arrays from parameters."""

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            arrays, params = op.bind(*args, **kwargs)
        except TypeError as error:
            return op.otherwise(args, kwargs, error)
        return apply(op, arrays, params)

    return call


def unary(op: Any) -> Callable[..., Any]:
    """Return the function of a row of one argument and no parameters."""
    kernel, uses = op.kernel, op.uses

    def call(x: Any, *rest: Any, **params: Any) -> Any:
        if rest or params or not isinstance(x, Tensor):
            return op.bind_and_apply(x, *rest, **params)
        value = x._data
        try:
            z = kernel(value)
        except Exception as error:
            errors.explain(op, (x,), error)  # always raises
        loose = 1 if (shared := x._memory) is not None and shared.copies else 0
        return make_node(op, uses[x._requires_grad], z, (x,), (value,), NONE, loose)  # True is bit 1: x is wanted

    return call


def binary(op: Any) -> Callable[..., Any]:
    """Return the function of a row of two arguments and no parameters."""
    kernel, uses = op.kernel, op.uses

    def call(x: Any, y: Any, *rest: Any, **params: Any) -> Any:
        if rest or params:
            return op.bind_and_apply(x, y, *rest, **params)
        # Bits, one for each argument. wanted: its gradient is needed. loose: others can write to its memory (a plain
        # array, or shared memory), so what the rules read of it must be copied or checked.
        wanted = loose = 0
        if isinstance(x, Tensor):
            left = x._data
            if x._requires_grad:
                wanted = 1
            if (shared := x._memory) is not None and shared.copies:
                loose = 1
        elif isinstance(y, Tensor):
            left = x = x if type(x) is ndarray else op.coerce_operand(x)
            if hasattr(x, "dtype"):  # not a Python number
                loose = 1
        else:
            return op.bind_and_apply(x, y)
        if isinstance(y, Tensor):
            right = y._data
            if y._requires_grad:
                wanted += 2
            if (shared := y._memory) is not None and shared.copies:
                loose += 2
        else:
            right = y = y if type(y) is ndarray else op.coerce_operand(y)
            if hasattr(y, "dtype"):
                loose += 2
        try:
            z = kernel(left, right)
        except Exception as error:
            errors.explain(op, (x, y), error)
        return make_node(op, uses[wanted], z, (x, y), (left, right), NONE, loose)

    return call


# Ops with parameters or with more than two arrays: the result of `bind` is cached.

WAYS = 1000  # that are remembered of a row, before it begins again
ATOMS = frozenset((int, str, bool, NoneType, EllipsisType))


class UnknownKindError(Exception):
    """An argument may change, such as a list: what `bind` makes of it holds for this call alone."""


def key_of(x: Any) -> tuple[Any, ...]:
    """Return metadata as a key: with its type, since 1 and True are equal and mean different things."""
    kind = type(x)
    if kind in ATOMS:
        return kind, x
    if kind is float:
        return kind, x or str(x)  # 0.0 and -0.0 are equal and mean different things: they become text
    if kind is tuple:
        return kind, *map(key_of, x)
    if kind is slice:
        return kind, key_of(x.start), key_of(x.stop), key_of(x.step)
    if isinstance(x, np.dtype | type):
        return kind, x
    raise UnknownKindError


def by_way(op: Any) -> Callable[..., Any]:
    """Return the call function of an op whose `bind` uses only the metadata and the shapes and dtypes of its arrays.

    Its result is cached under these. A call is cached only if the arrays come first, and `bind` returns them unchanged.
    """
    ways: dict[Any, tuple[dict[str, Any], Callable[..., Any]]] = {}
    bound, uses = op.bind_and_apply, op.uses

    def call(*args: Any, **kwargs: Any) -> Any:
        key: list[Any] = []
        values: Any = []
        bit, wanted, loose, tensors = 1, 0, 0, False
        for x in args:
            if isinstance(x, Tensor):
                tensors = True
                if x._requires_grad:
                    wanted |= bit
                if (shared := x._memory) is not None and shared.copies:
                    loose |= bit
                value = x._data
            elif type(x) is ndarray:
                loose |= bit
                value = x
            else:
                break
            bit += bit
            values.append(value)
            key.append(value.shape)
            key.append(value.dtype)
        arrays = args[: len(values)]
        try:
            for x in args[len(values) :]:
                key.append(x if type(x) is str else key_of(x))
            for name in kwargs:
                key.append((name, key_of(kwargs[name])))
        except UnknownKindError:
            return bound(*args, **kwargs)
        way = ways.get(which := tuple(key))
        if way is None:
            try:
                given, params = op.bind(*args, **kwargs)
            except TypeError as error:
                return op.otherwise(args, kwargs, error)
            if len(given) != len(arrays) or any(x is not y for x, y in zip(given, arrays, strict=True)):
                return apply(op, given, params)
            if len(ways) >= WAYS:
                ways.clear()
            # Kernels of float16 round at the end. Other dtypes get the kernel without this test.
            half = any(x.dtype == HALF for x in values)
            way = ways[which] = params, op.kernel if half else UNROUNDED.get(op.kernel, op.kernel)
        params, kernel = way
        values = tuple(values)
        try:
            z = kernel(*values, **params) if params else kernel(*values)
        except Exception as error:
            errors.explain(op, arrays, error)
        if not tensors:
            return np.asarray(z) if isinstance(z, np.generic) else z
        return make_node(op, uses[wanted], z, arrays, values, params, loose)

    return call
