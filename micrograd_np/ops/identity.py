"""Rows that leave values as they are: aliases, hooks, copies, other dtypes; and constants of an array's shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import errors
from ..core.tensor import Tensor
from .primitive import Bound, Outputs, Primitive, Variadic, as_array, constant_like, example, implements
from .primitive import Drawn as D


def _same(x: Any) -> Any:
    """The array itself."""
    return x


alias = Primitive(_same, lambda g, z, x: g, views=True, examples=[example(D(3))], onnx="Identity")

# `pack` makes one node of several values; `item` takes one out again. So a backward walk can start at several outputs,
# and one rule can return several cotangents.


def _pack(*arrays: Any) -> Any:
    """Several arrays as one value."""
    return Outputs(arrays)


def _pack_copies(*arrays: Any) -> Any:
    """Copies of several arrays as one value, for a rule that reads them after the arrays may have been written to."""
    return Outputs(x.copy("K") for x in arrays)


def _part(g: Any, z: Any, *arrays: Any, i: int) -> Any:
    """The cotangent of the i-th array; zeros if nothing used it."""
    return np.zeros_like(arrays[i]) if g[i] is None else g[i]


PACKS: dict[str, Any] = {
    "bind": lambda *arrays: (arrays, {}),
    "formula": lambda args, params, literal: literal(tuple(args)),
    "examples": [example(D(3), D(2, 2))],
    "onnx": "Pack",
}
pack = Variadic(_pack, _part, **PACKS)
pack_copies = Variadic(_pack_copies, _part, **PACKS)


def _hooked(x: Any, function: Callable[[Any], Any]) -> Any:
    """The array itself; the function is for its cotangent."""
    return x


def _hook_rule(g: Any, z: Any, x: Any, function: Callable[[Any], Any]) -> Any:
    """The cotangent that the user's function returns, or g if it returns None."""
    changed = function(g)
    if changed is None:
        return g
    errors.check_shape("what the hook returned", changed, x)
    return changed


hook = Primitive(
    _hooked,
    _hook_rule,
    bind=lambda x, function: ((x,), {"function": function}),
    views=True,
    examples=[example(D(3), lambda g: g)],
)
hook.widens = False  # the user's function sees the gradient in float16, and not widened to float32


# Copies, dtypes, constants.


def _astype(x: Any, dtype: Any, copy: bool = True) -> Any:
    """The values in another dtype."""
    return x.astype(dtype, copy=copy)


def _write_astype(args: Any, params: Any, literal: Any) -> Any:
    """Write x.astype(dtype)."""
    copy = [] if params.get("copy", True) else ["copy=False"]
    return args[0].method("astype", literal(params["dtype"]).text, *copy)


def _bind_astype(x: Any, dtype: Any, *, copy: bool = True) -> Bound:
    """Bind, detaching x where the new dtype has no gradient."""
    x, dtype = as_array(x), np.dtype(dtype)
    if isinstance(x, Tensor) and dtype.kind not in "fc":
        x = x.detach()
    # The default is left out, so that formulas and programs do not show it.
    return (x,), {"dtype": dtype} if copy else {"dtype": dtype, "copy": False}


astype = Primitive(
    _astype,
    lambda g, z, x, dtype, copy=True: g,
    bind=_bind_astype,
    views=True,
    formula=_write_astype,
    also=(np.astype,) if hasattr(np, "astype") else (),
    examples=[example(D(3), np.float64), example(D(2, 3), "float64", copy=False)],
    onnx="Cast",
    loop="{0}",
    peephole="first",
)
copy = Primitive(
    np.copy,
    lambda g, z, x, order="K": g,
    bind=lambda x, order="K": ((x,), {} if order == "K" else {"order": order}),
    examples=[example(D(2, 3)), example(D(2, 3), order="F")],
    onnx="Identity",
    loop="{0}",
    peephole="first",
)


def _like(make: Callable[..., Any], doc: str) -> Callable[..., Any]:
    """One of NumPy's functions that make an array of x's shape and dtype."""

    def like(x: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None) -> Any:
        return constant_like(make, x, dtype, order, subok, shape)

    like.__name__ = like.__qualname__ = make.__name__
    like.__doc__ = doc
    return implements(make)(like)


zeros_like = _like(np.zeros_like, "Zeros of x's shape and dtype; no gradient passes.")
ones_like = _like(np.ones_like, "Ones of x's shape and dtype; no gradient passes.")
empty_like = _like(np.empty_like, "An uninitialised array of x's shape and dtype; no gradient passes.")


@implements(np.full_like)
def full_like(
    x: Any, fill_value: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None
) -> Any:
    """An array of x's shape and dtype, filled with a value, whose gradient passes."""
    if not isinstance(fill_value, Tensor):
        return constant_like(np.full_like, x, fill_value, dtype, order, subok, shape)
    empty = np.empty_like(x, dtype, order, subok, shape)
    return copy(np.broadcast_to(astype(fill_value, empty.dtype), empty.shape))
