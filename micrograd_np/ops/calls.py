"""The functions that a call of a row runs, one for each kind of signature: each binds the arguments and runs the op.

They are the innermost loop of all that a user writes, so each does only what its signature needs. All of them give what
`bind` and `apply` would give, and `apply` is what one should read first.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from types import EllipsisType, NoneType
from typing import Any

import numpy as np
from numpy import ndarray

from ..core import errors
from ..core.dispatch import HALF, apply, make_node
from ..core.tensor import Tensor
from .half import UNROUNDED

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
            errors.explain(op, (x,), error)
        loose = 1 if (shared := x._memory) is not None and shared.copies else 0
        return make_node(op, uses[x._requires_grad], z, (x,), (value,), NONE, loose)

    return call


def binary(op: Any) -> Callable[..., Any]:
    """Return the function of a row of two arguments and no parameters."""
    kernel, uses = op.kernel, op.uses

    def call(x: Any, y: Any, *rest: Any, **params: Any) -> Any:
        if rest or params:
            return op.bind_and_apply(x, y, *rest, **params)
        wanted = loose = 0  # bits, as in `apply`
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


# Rows with metadata, and with more arrays: `bind` is asked once for each way of calling.

WAYS = 1000  # that are remembered of a row, before it begins again
ATOMS = frozenset((int, str, bool, NoneType, EllipsisType))
layout = attrgetter("shape", "dtype")


class UnknownKindError(Exception):
    """An argument may change, such as a list: what `bind` makes of it holds for this call alone."""


def key_of(x: Any) -> tuple[Any, ...]:
    """Return metadata as a key: with its type, since 1 and True are equal and mean different things."""
    kind = type(x)
    if kind in ATOMS:
        return kind, x
    if kind is float:
        return kind, x or str(x)  # 0.0 and -0.0 are equal, too
    if kind is tuple:
        return kind, *map(key_of, x)
    if kind is slice:
        return kind, key_of(x.start), key_of(x.stop), key_of(x.step)
    if isinstance(x, np.dtype | type):
        return kind, x
    raise UnknownKindError


def by_way(op: Any) -> Callable[..., Any]:
    """Return the function of a row whose `bind` depends on metadata, and of arrays on shapes and dtypes alone.

    A way of calling is all of these. For each, `bind` runs once: what it checks then holds, and its parameters are
    kept. That needs arrays that come before the metadata, and that `bind` passes on as they are; other calls ask it
    each time.
    """
    ways: dict[Any, tuple[dict[str, Any], Callable[..., Any]]] = {}
    bound, uses = general(op), op.uses

    def call(*args: Any, **kwargs: Any) -> Any:
        key: list[Any] = []
        values: Any = []
        wanted = loose = 0
        tensors = False
        bit = 1
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
            key.append(layout(value))
        count = len(values)
        arrays = args if count == len(args) else args[:count]
        try:
            for x in args[count:]:
                key.append((type(x), x) if type(x) in ATOMS else key_of(x))
            for name, x in kwargs.items():
                key.append((name, key_of(x)))
        except UnknownKindError:
            return bound(*args, **kwargs)
        way = ways.get(which := tuple(key))
        if way is None:
            try:
                given, params = op.bind(*args, **kwargs)
            except TypeError as error:
                return op.otherwise(args, kwargs, error)
            if len(given) != count or any(x is not y for x, y in zip(given, arrays, strict=True)):
                return apply(op, given, params)
            if len(ways) >= WAYS:
                ways.clear()
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
