"""The functions that run when a user calls an op: four, for four kinds of signature.

Each separates the arrays from the parameters and runs the op. Every call of an op passes through here, so each function
repeats the code of `apply`, cut down to what its signature needs. The results are the same: read `apply` in
core/dispatch.py first.

Two numbers have a bit for each argument. wanted: the argument needs a gradient. loose: others can write to its memory,
as it is a plain array or shares memory, so what the rules read of it must be copied or checked.
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

# float16: this package's own kernels compute in float32, and round once.


def rounded(z: Any) -> Any:
    """Return a result, or a tuple of results, with float32 as float16; float64 stays, as NumPy would promote to it."""
    if isinstance(z, tuple):
        return tuple(map(rounded, z))
    return z.astype(np.float16) if z.dtype == np.float32 else z


def is_half(args: Sequence[Any]) -> bool:
    """Return True if an argument is float16."""
    for x in args:  # noqa: SIM110  `any` takes twice as long
        if getattr(x, "dtype", None) == HALF:
            return True
    return False


# By kernel that tests for float16, the function inside: a caller that knows that nothing is float16 runs this one. The
# kernel has no attribute for it, as `functools.wraps` would copy that to other functions.
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

NO_PARAMS: dict[str, Any] = {}


def general(op: Any) -> Callable[..., Any]:
    """Return the call function of a row with NumPy's own signature; `bind` separates the arrays from the parameters."""

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            arrays, params = op.bind(*args, **kwargs)
        except TypeError as error:
            return op.otherwise(args, kwargs, error)
        return apply(op, arrays, params)

    return call


def unary(op: Any) -> Callable[..., Any]:
    """Return the call function of a row of one argument and no parameters."""
    kernel, uses = op.kernel, op.uses

    def call(x: Any, *rest: Any, **params: Any) -> Any:
        if rest or params or not isinstance(x, Tensor):
            return op.bind_and_apply(x, *rest, **params)
        value = x._data
        try:
            z = kernel(value)
        except Exception as error:
            errors.reraise(op, (x,), error)  # always raises
        loose = 1 if (shared := x._memory) is not None and shared.copies else 0
        # uses[True] is uses[1], of the first argument.
        return make_node(op, uses[x._requires_grad], z, (x,), (value,), NO_PARAMS, loose)

    return call


def binary(op: Any) -> Callable[..., Any]:
    """Return the call function of a row of two arguments and no parameters."""
    kernel, uses = op.kernel, op.uses

    def call(x: Any, y: Any, *rest: Any, **params: Any) -> Any:
        if rest or params:
            return op.bind_and_apply(x, y, *rest, **params)
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
            errors.reraise(op, (x, y), error)
        return make_node(op, uses[wanted], z, (x, y), (left, right), NO_PARAMS, loose)

    return call


# Ops with parameters or with more than two arrays: the result of `bind` is cached.

MOST_CACHED = 1000  # calls that each row keeps; then its cache is emptied
ATOMS = frozenset((int, str, bool, NoneType, EllipsisType))


class NotCacheableError(Exception):
    """An argument is of a kind that `key_of` does not know, such as a list, which may change: `bind` runs anew."""


def key_of(x: Any) -> tuple[Any, ...]:
    """Return a parameter as a key: with its type, since 1 and True are equal and mean different things."""
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
    raise NotCacheableError


def cached(op: Any) -> Callable[..., Any]:
    """Return the call function of a row whose `bind` looks only at the parameters and the arrays' shapes and dtypes.

    The result of `bind` is kept for the next call with the same ones, if the arrays come first in the call, and `bind`
    returned them unchanged.
    """
    cache: dict[Any, tuple[dict[str, Any], Callable[..., Any]]] = {}
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
        except NotCacheableError:
            return bound(*args, **kwargs)
        found = cache.get(call_key := tuple(key))
        if found is None:
            try:
                given, params = op.bind(*args, **kwargs)
            except TypeError as error:
                return op.otherwise(args, kwargs, error)
            if len(given) != len(arrays) or any(x is not y for x, y in zip(given, arrays, strict=True)):
                return apply(op, given, params)
            if len(cache) >= MOST_CACHED:
                cache.clear()
            # A kernel made by `in_single` tests in each call whether an argument is float16. The key has the dtypes: if
            # none is float16, keep the function inside, without the test.
            half = any(x.dtype == HALF for x in values)
            found = cache[call_key] = params, op.kernel if half else UNROUNDED.get(op.kernel, op.kernel)
        params, kernel = found
        values = tuple(values)
        try:
            z = kernel(*values, **params) if params else kernel(*values)
        except Exception as error:
            errors.reraise(op, arrays, error)
        if not tensors:
            return np.asarray(z) if isinstance(z, np.generic) else z
        return make_node(op, uses[wanted], z, arrays, values, params, loose)

    return call
