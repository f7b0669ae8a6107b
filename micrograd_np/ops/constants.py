"""Copies, other dtypes, and arrays of one number in another's image."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .composed import constant_like, stands_for
from .examples import Drawn as D
from .examples import example
from .primitive import Bound, Primitive, as_array


def _astype(x: Any, dtype: Any, copy: bool = True) -> Any:
    return x.astype(dtype, copy=copy)


def _write_astype(args: Any, params: Any, literal: Any) -> Any:
    copy = [] if params.get("copy", True) else ["copy=False"]
    return args[0].method("astype", literal(params["dtype"]).text, *copy)


def _bind_astype(x: Any, dtype: Any, *, copy: bool = True) -> Bound:
    """Integers and booleans have no gradient: what is made of them starts anew."""
    x, dtype = as_array(x), np.dtype(dtype)
    if isinstance(x, Tensor) and dtype.kind not in "fc":
        x = x.detach()
    return (x,), {"dtype": dtype} if copy else {"dtype": dtype, "copy": False}


astype = Primitive(
    _astype,
    lambda g, z, x, dtype, copy=True: g,
    bind=_bind_astype,
    views=True,
    formula=_write_astype,
    also=(np.astype,) if hasattr(np, "astype") else (),
    examples=[example(D(3), np.float64), example(D(2, 3), "float64", copy=False)],
)
copy = Primitive(np.copy, lambda g, z, x: g, bind=lambda x, order="K": ((x,), {}), examples=[example(D(2, 3))])


@stands_for(np.zeros_like)
def zeros_like(x: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None) -> Any:
    """Zeros of x's shape and dtype; no gradient passes."""
    return constant_like(np.zeros_like, x, dtype, order, subok, shape)


@stands_for(np.ones_like)
def ones_like(x: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None) -> Any:
    """Ones of x's shape and dtype; no gradient passes."""
    return constant_like(np.ones_like, x, dtype, order, subok, shape)


@stands_for(np.empty_like)
def empty_like(x: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None) -> Any:
    """An array of x's shape and dtype, of whatever numbers; no gradient passes."""
    return constant_like(np.empty_like, x, dtype, order, subok, shape)


@stands_for(np.full_like)
def full_like(
    x: Any, fill_value: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None
) -> Any:
    """An array of x's shape and dtype, filled with a value, whose gradient passes."""
    if not isinstance(fill_value, Tensor):
        return constant_like(np.full_like, x, fill_value, dtype, order, subok, shape)
    empty = np.empty_like(x, dtype, order, subok, shape)
    return copy(np.broadcast_to(astype(fill_value, empty.dtype), empty.shape))
