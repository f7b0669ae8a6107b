"""The same entries, as they are or in another arrangement; each rule arranges the cotangent back.

As they are: aliases, hooks, copies, other dtypes. In another arrangement: shapes, axes, diagonals.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..core.backward import unbroadcast
from ..core.errors import ArgumentTypeError, ShapeError, check_shape
from ..core.tensor import Tensor
from .indexing import scatter
from .primitive import Bound, D, Outputs, Primitive, StaticOp, Variadic, as_array, constant_like, example


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
    check_shape("what the hook returned", changed, x)
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
    return like


zeros_like = _like(np.zeros_like, "Zeros of x's shape and dtype; no gradient passes.")
ones_like = _like(np.ones_like, "Ones of x's shape and dtype; no gradient passes.")
empty_like = _like(np.empty_like, "An uninitialised array of x's shape and dtype; no gradient passes.")


def full_like(
    x: Any, fill_value: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None
) -> Any:
    """An array of x's shape and dtype, filled with a value, whose gradient passes."""
    if not isinstance(fill_value, Tensor):
        return constant_like(np.full_like, x, fill_value, dtype, order, subok, shape)
    empty = np.empty_like(x, dtype, order, subok, shape)
    return copy(np.broadcast_to(astype(fill_value, empty.dtype), empty.shape))


# Other shapes, the entries in the same order.


def order_param(order: str) -> dict[str, str]:
    """Return `order` as a parameter, nothing for C; refuse A and K, which depend on memory layout."""
    if order not in ("C", "F"):
        cure = "" if isinstance(order, str) else " x.reshape(len(x), -1) keeps the first axis."
        raise ArgumentTypeError(f"order={order!r} is not supported on Tensors; 'C' and 'F' are.{cure}")
    return {"order": order} if order == "F" else {}


def _bind_reshape(x: Any, *sizes: Any, shape: Any = None, order: str = "C") -> Bound:
    """Bind all spellings: `np.reshape(x, (2, 3))`, `np.reshape(x, (2, 3), "F")`, `x.reshape(2, 3)`."""
    if not sizes and shape is None:
        raise ArgumentTypeError("missing 1 required positional argument: 'shape'")
    if sizes and isinstance(sizes[-1], str):
        *sizes, order = sizes  # type: ignore[assignment]
    if shape is None:
        shape = sizes[0] if len(sizes) == 1 else tuple(sizes)
    return (x,), {"shape": tuple(shape) if isinstance(shape, list) else shape, **order_param(order)}


def _write_reshape(args: Any, params: Any, literal: Any) -> Any:
    """Write x.reshape(sizes)."""
    shape = [str(size) for size in np.atleast_1d(params["shape"]).tolist()] or ["()"]
    return args[0].method("reshape", *shape, *(['order="F"'] if params.get("order") == "F" else []))


def _reshape(x: Any, shape: Any, order: Any = "C") -> Any:
    """np.reshape with the shape by position."""
    return np.reshape(x, shape, order)  # NumPy 2.0 has another name for shape=


reshape = Primitive(
    np.reshape,
    lambda g, z, x, shape, order="C": np.reshape(g, x.shape, order=order),
    kernel=_reshape,
    bind=_bind_reshape,
    views=True,
    formula=_write_reshape,
    examples=[example(D(3, 4), (2, 6)), example(D(), (1, 1)), example(D(2, 3, 4), (4, 6), order="F")],
    onnx="Reshape",
    peephole="reshaped",
)


def _flatten(x: Any, order: str = "C") -> Any:
    """The entries along one axis, in memory of their own."""
    return x.flatten(order)


flatten = Primitive(
    _flatten,
    lambda g, z, x, order="C": np.reshape(g, x.shape, order=order),
    bind=lambda x, order="C": ((as_array(x),), order_param(order)),
    formula=lambda args, params, literal: args[0].method("flatten", *(['"F"'] if params.get("order") == "F" else [])),
    examples=[example(D(2, 3)), example(D(2, 3, 4), order="F")],
    onnx="Reshape",
)


def ravel(x: Any, order: Any = "C") -> Any:
    """The entries along one axis."""
    return np.reshape(x, -1, order=order)


expand_dims = Primitive(
    np.expand_dims,
    lambda g, z, x, axis: np.reshape(g, x.shape),
    bind=lambda x, axis: ((x,), {"axis": axis}),
    views=True,
    examples=[example(D(3, 4), 1), example(D(3), (0, -1))],
    onnx="Reshape",
)
squeeze = Primitive(
    np.squeeze,
    lambda g, z, x, axis: np.reshape(g, x.shape),
    bind=lambda x, axis=None: ((x,), {"axis": axis}),
    views=True,
    examples=[example(D(3, 1, 4)), example(D(1, 3, 1), -1)],
    onnx="Reshape",
    peephole="first",
)


def atleast_1d(*arrays: Any) -> Any:
    """Arrays of one axis or more."""
    return map_arrays(arrays, lambda x: x if x.ndim > 0 else np.reshape(x, 1))


def atleast_2d(*arrays: Any) -> Any:
    """Arrays of two axes or more; a vector becomes a row."""
    return map_arrays(arrays, lambda x: x if x.ndim > 1 else np.reshape(x, (1, -1)))


def atleast_3d(*arrays: Any) -> Any:
    """Arrays of three axes or more; a vector goes along the middle one, a matrix along the first two."""
    return map_arrays(
        arrays, lambda x: x if x.ndim > 2 else np.reshape(x, (*x.shape, 1) if x.ndim == 2 else (1, -1, 1))
    )


def map_arrays(arrays: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    """Change each array; of one array, the result itself and no tuple."""
    changed = tuple(change(as_array(x)) for x in arrays)
    return changed[0] if len(changed) == 1 else changed


# Other axes.


def _bind_transpose(x: Any, *order: Any, axes: Any = None) -> Bound:
    """Bind all spellings: `np.transpose(x, (1, 0))`, `np.transpose(x, axes=(1, 0))`, `x.transpose(1, 0)`, `x.T`."""
    if order:
        axes = order[0] if len(order) == 1 else order
    return (x,), {"axes": axes if axes is None else tuple(axes)}


def inverse_order(axes: tuple[int, ...] | None) -> Any:
    """Return the inverse permutation of axes."""
    return axes and sorted(range(len(axes)), key=lambda axis: axes[axis] % len(axes))


def _write_transpose(args: Any, params: Any, literal: Any) -> Any:
    """Write x.T or x.transpose(axes)."""
    axes = params.get("axes")
    return args[0].transposed() if axes is None else args[0].method("transpose", literal(axes).text)


def _write_swapaxes(args: Any, params: Any, literal: Any) -> Any:
    """Write x.mT or x.swapaxes(i, j)."""
    axes = params["axis1"], params["axis2"]
    return args[0].transposed("mT") if set(axes) == {-1, -2} else args[0].method("swapaxes", *map(str, axes))


transpose = Primitive(
    np.transpose,
    lambda g, z, x, axes: np.transpose(g, inverse_order(axes)),
    bind=_bind_transpose,
    views=True,
    formula=_write_transpose,
    examples=[example(D(3, 4)), example(D(2, 3, 4), (1, -1, 0)), example(D(2, 3, 4), axes=(-2, 2, 0))],
    onnx="Transpose",
    peephole="in_order",
)
swapaxes = Primitive(
    np.swapaxes,
    lambda g, z, x, axis1, axis2: np.swapaxes(g, axis1, axis2),
    bind=lambda x, axis1, axis2: ((x,), {"axis1": axis1, "axis2": axis2}),
    views=True,
    formula=_write_swapaxes,
    examples=[example(D(2, 3, 4), 0, -1)],
    onnx="Transpose",
    peephole="swapped_back",
)


def matrix_transpose(x: Any) -> Any:
    """The last two axes exchanged."""
    return np.swapaxes(x, -1, -2)


def in_order_of(move: Callable[..., Any], x: Any, *how: Any) -> Any:
    """The axes of x, moved as NumPy moves those of an array in which the size of each axis is its number."""
    x = as_array(x)
    return np.transpose(x, move(np.empty(range(x.ndim)), *how).shape)


def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """The axes at `source` moved to `destination`."""
    return in_order_of(np.moveaxis, x, source, destination)


def rollaxis(x: Any, axis: int, start: int = 0) -> Any:
    """One axis moved to before the axis that was at `start`."""
    return in_order_of(np.rollaxis, x, axis, start)


# The axes turned round.

flip = Primitive(
    np.flip,
    lambda g, z, x, axis: np.flip(g, axis),
    bind=lambda x, axis=None: ((x,), {"axis": axis}),
    views=True,
    examples=[example(D(3)), example(D(2, 3)), example(D(2, 3, 4), axis=(0, -1))],
)


def fliplr(x: Any) -> Any:
    """The columns in the other order."""
    return np.flip(x, 1)


def flipud(x: Any) -> Any:
    """The rows in the other order."""
    return np.flip(x, 0)


def rot90(x: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    """The plane of two axes, turned k times by 90 degrees from the first towards the second."""
    x = as_array(x)
    first, second = normalize_axis_tuple(axes, x.ndim, "axes")
    turned_axes: Any = {0: (), 1: second, 2: (first, second), 3: first}[k % 4]
    turned = np.flip(x, turned_axes)
    return np.swapaxes(turned, first, second) if k % 2 else turned


def _bind_roll(x: Any, shift: Any, axis: Any = None) -> Bound:
    """Shifts as whole numbers."""
    return (x,), {"shift": shift if isinstance(shift, int) else tuple(np.ravel(shift).tolist()), "axis": axis}


roll = Primitive(
    np.roll,
    lambda g, z, x, shift, axis: np.roll(g, np.negative(shift).tolist(), axis),
    bind=_bind_roll,
    examples=[example(D(5), 2), example(D(2, 3), -1), example(D(2, 3, 4), (1, -2), axis=(0, 2))],
)


# Entries repeated along axes that were not there, or had one entry.

broadcast_to = Primitive(
    np.broadcast_to,
    lambda g, z, x, shape: unbroadcast(g, x.shape),
    bind=lambda x, shape: ((x,), {"shape": tuple(shape) if isinstance(shape, list) else shape}),
    views=True,
    examples=[example(D(3, 1), (2, 3, 4)), example(D(), (2, 3))],
    onnx="Expand",
    peephole="first",
)


def broadcast_arrays(*arrays: Any) -> tuple[Any, ...]:
    """The arrays in the shape that they broadcast to."""
    given = [as_array(x) for x in arrays]
    shape = np.broadcast_shapes(*[x.shape for x in given])
    return tuple(np.broadcast_to(x, shape) for x in given)


# How many axes and entries there are.

shape = StaticOp(np.shape, examples=[example(D(2, 3))])
ndim = StaticOp(np.ndim, examples=[example(D(2, 3))])
size = StaticOp(np.size, examples=[example(D(2, 3)), example(D(2, 3), 1)])


# Diagonals.


def diagonal_slice(rows: int, columns: int, offset: int) -> slice:
    """Return the slice of a diagonal in the raveled matrix."""
    length = max(min(rows + min(offset, 0), columns - max(offset, 0)), 0)
    start = max(offset, -offset * columns)
    return slice(start, start + length * (columns + 1), columns + 1) if length else slice(0, 0)


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The diagonal of the matrices in two axes, as the last axis."""
    x = as_array(x)
    axes = normalize_axis_tuple((axis1, axis2), x.ndim)
    matrices = x if axes == (x.ndim - 2, x.ndim - 1) else np.moveaxis(x, axes, (-2, -1))
    *others, rows, columns = matrices.shape
    return np.reshape(matrices, (*others, rows * columns))[..., diagonal_slice(rows, columns, offset)]


def linalg_diagonal(x: Any, *, offset: int = 0) -> Any:
    """The diagonal of the matrices in the last two axes."""
    return np.diagonal(x, offset, -2, -1)


def diagflat(x: Any, k: int = 0) -> Any:
    """A square matrix with the entries on a diagonal, and zeros elsewhere."""
    x = np.ravel(as_array(x))
    side = x.size + abs(k)
    return np.reshape(scatter(x, diagonal_slice(side, side, k), (side * side,)), (side, side))


def diag(x: Any, k: int = 0) -> Any:
    """The diagonal of a matrix; the matrix with a vector on its diagonal."""
    x = as_array(x)
    if x.ndim not in (1, 2):
        raise ShapeError(f"np.diag takes a vector or a matrix, not an array of shape {x.shape}.")
    return np.diagonal(x, k) if x.ndim == 2 else np.diagflat(x, k)


TRIANGLE: dict[str, Any] = {
    "bind": lambda x, k=0: ((x,), {"k": k}),
    "broadcasts": True,
    "examples": [example(D(3, 4)), example(D(2, 4, 3), k=-1), example(D(3), k=1)],
}
tril = Primitive(np.tril, lambda g, z, x, k: np.tril(g, k), **TRIANGLE)
triu = Primitive(np.triu, lambda g, z, x, k: np.triu(g, k), **TRIANGLE)

diag_indices_from = StaticOp(np.diag_indices_from, examples=[example(D(3, 3))])
tril_indices_from = StaticOp(np.tril_indices_from, examples=[example(D(3, 4), 1)])
triu_indices_from = StaticOp(np.triu_indices_from, examples=[example(D(3, 4), -1)])
