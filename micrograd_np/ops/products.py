"""Products of vectors, of matrices, and of stacks of them."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..core.backward import Rule, unbroadcast
from ..core.errors import ArgumentError, ShapeError, describe
from .primitive import Bound, MultiOutput, Primitive, as_array, constant_like, example, implements
from .primitive import Drawn as D


@implements(np.linalg.matrix_transpose)
def mT(x: Any) -> Any:
    """The transposes of the matrices in the last two axes."""
    return x.T if x.ndim == 2 else np.swapaxes(x, -1, -2)


def symmetric(x: Any) -> Any:
    return (x + mT(x)) / 2


def eye_like(x: Any) -> Any:
    """The identity, in the shape of the matrices in x's last two axes."""
    return constant_like(lambda x: np.eye(x.shape[-2], x.shape[-1], dtype=x.dtype, like=x), x)


def axis_length(x: Any, axis: int) -> int | None:
    return x.shape[axis] if -x.ndim <= axis < x.ndim else None


def check_axes(name: str, a: Any, i: int, b: Any, j: int) -> None:
    """Refuse to pair axis i of a with axis j of b unless they are equally long."""
    extents = axis_length(a, i), axis_length(b, j)
    if extents[0] != extents[1]:
        left, right = ("does not exist" if n is None else f"has {n} entries" for n in extents)
        raise ArgumentError(
            f"{name} does not fit {describe(a, 'argument 0')}, {describe(b, 'argument 1')}: "
            f"axis {i} of the first {left}, and axis {j} of the second {right}; they must be equal."
        )


class NamedOutputs(MultiOutput):
    """A row whose outputs have names, as those of NumPy's decompositions."""

    def __init__(self, function: Callable[..., Any], result: Callable[..., Any], *rules: Rule, **fields: Any) -> None:
        super().__init__(function, *rules, **fields)
        self.result = result

    def outputs_of(self, node: Any) -> Any:
        return self.result(*super().outputs_of(node))


# In a matrix product, a vector is a matrix of one row (on the left) or of one column (on the right).
def _matmul_x(g: Any, z: Any, x: Any, y: Any) -> Any:
    if y.ndim == 1:
        return np.expand_dims(g, -1) * y
    if x.ndim == 1:
        return np.matmul(y, np.expand_dims(g, -1))[..., 0]
    return np.matmul(g, mT(y))


def _matmul_y(g: Any, z: Any, x: Any, y: Any) -> Any:
    if x.ndim == 1:
        return np.expand_dims(x, -1) * np.expand_dims(g, -2) if y.ndim > 1 else g * x
    if y.ndim == 1:
        return np.matmul(mT(x), np.expand_dims(g, -1))[..., 0]
    return np.matmul(mT(x), g)


PRODUCTS = [example(D(3, 4), D(4, 2)), example(D(4), D(4)), example(D(4), D(4, 2)), example(D(3, 4), D(4))]

matmul = Primitive(
    np.matmul,
    _matmul_x,
    _matmul_y,
    sign="@",
    also=(np.linalg.matmul,),
    broadcasts=True,
    examples=[
        *PRODUCTS,
        example(D(2, 3, 4), D(4, 2)),
        example(D(4), D(2, 4, 3)),
        example(D(2, 3, 4), D(4)),
        example(D(5, 1, 3, 4), D(2, 4, 3)),
    ],
    onnx="MatMul",
    product=True,
)


# The last axis of x meets the second to last of y, or its only one.
def _dot_x(g: Any, z: Any, x: Any, y: Any) -> Any:
    if x.ndim == 2 == y.ndim:
        return g.dot(y.T)  # a third sooner than np.dot, where matrices are small
    if not x.ndim or not y.ndim:
        return g * y if x.ndim else np.sum(g * y)
    kept = [axis for axis in range(y.ndim) if axis != max(y.ndim - 2, 0)]
    return np.tensordot(g, y, (range(x.ndim - 1, g.ndim), kept))


def _dot_y(g: Any, z: Any, x: Any, y: Any) -> Any:
    if x.ndim == 2 == y.ndim:
        return x.T.dot(g)
    if not x.ndim or not y.ndim:
        return g * x if y.ndim else np.sum(g * x)
    kept = range(x.ndim - 1)
    return np.moveaxis(np.tensordot(x, g, (kept, kept)), 0, max(y.ndim - 2, 0))


dot = Primitive(
    np.dot,
    _dot_x,
    _dot_y,
    sign="@",
    examples=[
        *PRODUCTS,
        example(D(2, 3, 4), D(5, 4, 2)),
        example(D(4), D(5, 4, 2)),
        example(D(2, 3, 4), D(4)),
        example(D(3, 4), D()),
        example(D(), D(3)),
    ],
    onnx="Dot",
    product=True,
    spelling="dot",
)


def _bind_checked(name: str, i: int, j: int, x: Any, y: Any) -> Bound:
    x, y = as_array(x), as_array(y)
    check_axes(name, x, i, y, j)
    return (x, y), {}


def _bind_vecdot(x: Any, y: Any, axis: int = -1) -> Bound:
    x, y = as_array(x), as_array(y)
    check_axes("vecdot", x, axis, y, axis)
    return (x, y) if axis == -1 else (np.moveaxis(x, axis, -1), np.moveaxis(y, axis, -1)), {}


vdot = Primitive(
    np.vdot,
    lambda g, z, x, y: g * (y if y.shape == x.shape else np.reshape(y, x.shape)),
    lambda g, z, x, y: g * (x if y.shape == x.shape else np.reshape(x, y.shape)),
    examples=[example(D(4), D(4)), example(D(2, 3), D(3, 2))],
    product=True,
)
# The engine undoes a broadcast where x and z differ in shape; in these, x may be repeated and still be of z's shape.
vecdot = Primitive(
    np.vecdot,
    lambda g, z, x, y: unbroadcast(np.expand_dims(g, -1) * y, x.shape),
    lambda g, z, x, y: unbroadcast(np.expand_dims(g, -1) * x, y.shape),
    bind=_bind_vecdot,
    also=(np.linalg.vecdot,),
    broadcasts=True,
    examples=[
        example(D(2, 1, 4), D(3, 4)),
        example(D(4), D(4)),
        example(D(4, 2), D(4, 2), axis=0),
        example(D(3, 3), D(3)),
    ],
    product=True,
)


def dot_keepdims(x: Any, y: Any, axis: Any) -> Any:
    """The sums of products over an axis, or several, kept with length 1; over the last in one pass."""
    return np.expand_dims(np.vecdot(x, y), -1) if axis in (-1, (-1,)) else np.sum(x * y, axis=axis, keepdims=True)


def sum_last(x: Any) -> Any:
    """The sums over the last axis, as a matrix product, which is faster."""
    return np.matmul(x, np.ones_like(x, shape=x.shape[-1:]))


def sum_keepdims(x: Any, axis: Any) -> Any:
    """The sums over an axis, or several, kept with length 1."""
    if axis in (-1, (-1,)):
        return np.expand_dims(sum_last(x), -1)
    return np.sum(x, axis=axis, keepdims=True)


if hasattr(np, "matvec"):
    matvec = Primitive(
        np.matvec,
        lambda g, z, x, y: unbroadcast(np.expand_dims(g, -1) * np.expand_dims(y, -2), x.shape),
        lambda g, z, x, y: np.vecmat(g, x),
        bind=functools.partial(_bind_checked, "matvec", -1, -1),
        broadcasts=True,
        examples=[example(D(3, 4), D(4)), example(D(2, 1, 3, 4), D(5, 4)), example(D(3, 3), D(3, 3))],
        product=True,
    )
    vecmat = Primitive(
        np.vecmat,
        lambda g, z, x, y: np.matvec(y, g),
        lambda g, z, x, y: unbroadcast(np.expand_dims(x, -1) * np.expand_dims(g, -2), y.shape),
        bind=functools.partial(_bind_checked, "vecmat", -1, -2),
        broadcasts=True,
        examples=[example(D(3), D(3, 4)), example(D(5, 3), D(2, 1, 3, 4)), example(D(3, 3), D(3, 3))],
        product=True,
    )


@implements(np.tensordot, np.linalg.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """The sum of products over the given axes of a and of b."""
    a, b = as_array(a), as_array(b)
    if isinstance(axes, int | np.integer):
        axes = (range(-axes, 0), range(axes))
    over_a, over_b = normalize_axis_tuple(axes[0], a.ndim), normalize_axis_tuple(axes[1], b.ndim)
    if len(over_a) != len(over_b):
        raise ArgumentError(f"tensordot pairs axes, and was given {over_a} of the first and {over_b} of the second.")
    for i, j in zip(over_a, over_b, strict=True):
        check_axes("tensordot", a, i, b, j)
    kept_a = [axis for axis in range(a.ndim) if axis not in over_a]
    kept_b = [axis for axis in range(b.ndim) if axis not in over_b]
    shape_a = [a.shape[axis] for axis in kept_a]
    shape_b = [b.shape[axis] for axis in kept_b]
    met = math.prod(a.shape[axis] for axis in over_a)
    rows = np.reshape(np.transpose(a, [*kept_a, *over_a]), (math.prod(shape_a), met))
    columns = np.reshape(np.transpose(b, [*over_b, *kept_b]), (met, math.prod(shape_b)))
    return np.reshape(np.dot(rows, columns), (*shape_a, *shape_b))


@implements(np.inner)
def inner(a: Any, b: Any) -> Any:
    """The sums of products over the last axis of each."""
    a, b = as_array(a), as_array(b)
    if not a.ndim or not b.ndim:
        return np.multiply(a, b)
    check_axes("inner", a, -1, b, -1)
    return np.dot(a, mT(b)) if b.ndim > 1 else np.dot(a, b)


@implements(np.outer, np.linalg.outer)
def outer(a: Any, b: Any) -> Any:
    """Each entry of a times each entry of b."""
    return np.reshape(as_array(a), (-1, 1)) * np.reshape(as_array(b), (1, -1))


@implements(np.kron)
def kron(a: Any, b: Any) -> Any:
    """Blocks of b, one for each entry of a and multiplied by it."""
    a, b = as_array(a), as_array(b)
    ndim = max(a.ndim, b.ndim)
    a = np.reshape(a, (1,) * (ndim - a.ndim) + a.shape)
    b = np.reshape(b, (1,) * (ndim - b.ndim) + b.shape)
    blocks = np.expand_dims(a, tuple(range(1, 2 * ndim, 2))) * np.expand_dims(b, tuple(range(0, 2 * ndim, 2)))
    return np.reshape(blocks, [m * n for m, n in zip(a.shape, b.shape, strict=True)])


@implements(np.cross, np.linalg.cross)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """The cross products of vectors; of vectors in a plane, their one component."""
    if axis is not None:
        axisa = axisb = axisc = axis
    u, v = np.moveaxis(as_array(a), axisa, -1), np.moveaxis(as_array(b), axisb, -1)
    for x, given in ((u, a), (v, b)):
        if x.shape[-1] not in (2, 3):
            raise ShapeError(f"cross takes vectors of 2 or 3 entries, and {describe(given, 'one')} has {x.shape[-1]}.")
    x1, y1, z1 = vector_components(u)
    x2, y2, z2 = vector_components(v)
    up = x1 * y2 - y1 * x2
    if u.shape[-1] == v.shape[-1] == 2:
        return up
    return np.stack([y1 * z2 - z1 * y2, z1 * x2 - x1 * z2, up], axis=axisc)


def vector_components(v: Any) -> list[Any]:
    found = [v[..., i] for i in range(v.shape[-1])]
    return found if len(found) == 3 else [*found, np.zeros_like(found[0])]


@implements(np.trace)
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The sum of the diagonal."""
    return np.sum(np.diagonal(as_array(a), offset, axis1, axis2), axis=-1)


@implements(np.linalg.trace)
def linalg_trace(x: Any, *, offset: int = 0) -> Any:
    """The sums of the diagonals of the matrices in the last two axes."""
    return trace(x, offset, -2, -1)


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Sequence[Any]) -> Any:
    """The product of matrices in the order that multiplies least; the first and the last may be vectors."""
    arrays = [as_array(x) for x in arrays]
    if len(arrays) < 2 or any(x.ndim != 2 for x in arrays[1:-1]) or {arrays[0].ndim, arrays[-1].ndim} - {1, 2}:
        raise ShapeError(
            "multi_dot takes two matrices or more, of which the first and the last may be vectors; "
            f"their shapes are {', '.join(str(x.shape) for x in arrays)}."
        )
    sizes = [1 if arrays[0].ndim == 1 else arrays[0].shape[0], *[x.shape[0] for x in arrays[1:]]]
    sizes.append(1 if arrays[-1].ndim == 1 else arrays[-1].shape[1])

    @functools.cache
    def cheapest(start: int, stop: int) -> tuple[int, int]:
        """Return the fewest multiplications for a part of the product, and where to split it."""
        if stop - start == 1:
            return 0, start
        return min(
            (cheapest(start, cut)[0] + cheapest(cut, stop)[0] + sizes[start] * sizes[cut] * sizes[stop], cut)
            for cut in range(start + 1, stop)
        )

    def product(start: int, stop: int) -> Any:
        cut = cheapest(start, stop)[1]
        return np.dot(product(start, cut), product(cut, stop)) if stop - start > 1 else arrays[start]

    return product(0, len(arrays))


@implements(np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> Any:
    """A square matrix times itself, n times; its inverse, for a negative n."""
    a, n = as_array(a), operator.index(n)
    check_axes("matrix_power", a, -1, a, -2)
    if n < 0:
        return matrix_power(np.linalg.inv(a), -n)
    if n == 0:
        return np.where(False, a, eye_like(a))
    if n == 1:
        return a
    half = matrix_power(a, n // 2)
    square = np.matmul(half, half)
    return np.matmul(square, a) if n % 2 else square
