"""Products of vectors and matrices; einsum, which sums over whichever axes are named; and norms.

A rule is called as (g, z, x, y): the cotangent of the result, the result, and the arguments (see primitive.py).
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ..core.backward import unbroadcast
from ..core.errors import ArgumentError, ArgumentTypeError, describe
from .elementwise import ones_for_zeros, ratio
from .primitive import Bound, D, Part, Primitive, Variadic, as_array, constant_like, example, examples, remembered
from .reductions import axes_of, expand_reduced


def mT(x: Any) -> Any:
    """Transpose the matrices in the last two axes; for one matrix, `x.T` is faster than `np.swapaxes`."""
    return x.T if x.ndim == 2 else np.swapaxes(x, -1, -2)


def as_floats(x: Any) -> Any:
    """Return x as an array; integers become float64, in which NumPy's linear algebra computes with them."""
    x = as_array(x)
    return x.astype(float) if x.dtype.kind in "biu" else x


def symmetric_part(x: Any) -> Any:
    """Return (x + xᵀ) / 2 for each matrix."""
    return (x + mT(x)) / 2


def eye_like(x: Any, n: int | None = None) -> Any:
    """Return the identity matrix of n rows, in x's dtype; without n, it has as many as the matrices of x."""
    return constant_like(lambda x: np.eye(x.shape[-1] if n is None else n, dtype=x.dtype, like=x), x)


def signs_like(x: Any) -> Any:
    """Return the matrix of (-1)^(i + j), of the size and dtype of the matrices of x."""

    def signs(x: Any) -> Any:
        k = np.arange(x.shape[-1], dtype=x.dtype, like=x)
        return 1 - 2 * ((k[:, None] + k) % 2)

    return constant_like(signs, x)


def check_axes(name: str, a: Any, i: int, b: Any, j: int) -> None:
    """Raise unless axis i of a is as long as axis j of b."""
    extents = [x.shape[axis] if -x.ndim <= axis < x.ndim else None for x, axis in ((a, i), (b, j))]
    if extents[0] != extents[1]:
        left, right = ("does not exist" if n is None else f"has {n} entries" for n in extents)
        raise ArgumentError(
            f"{name} does not fit {describe(a, 'argument 0')}, {describe(b, 'argument 1')}: "
            f"axis {i} of the first {left}, and axis {j} of the second {right}; they must be equal."
        )


# In a matrix product, a vector counts as a matrix: on the left of one row, on the right of one column.
def _matmul_x(g: Any, z: Any, x: Any, y: Any) -> Any:
    """Return the cotangent of x: g @ y.T, where vectors count as matrices."""
    if y.ndim == 1:
        return np.expand_dims(g, -1) * y
    if x.ndim == 1:
        return np.matmul(y, np.expand_dims(g, -1))[..., 0]
    return np.matmul(g, mT(y))


def _matmul_y(g: Any, z: Any, x: Any, y: Any) -> Any:
    """Return the cotangent of y: x.T @ g, where vectors count as matrices."""
    if x.ndim == 1:
        return np.expand_dims(x, -1) * np.expand_dims(g, -2) if y.ndim > 1 else g * x
    if y.ndim == 1:
        return np.matmul(mT(x), np.expand_dims(g, -1))[..., 0]
    return np.matmul(mT(x), g)


PRODUCTS = examples("3 4, 4 2", "4, 4", "4, 4 2", "3 4, 4")

matmul = Primitive(
    np.matmul,
    _matmul_x,
    _matmul_y,
    sign="@",
    also=(np.linalg.matmul,),
    broadcasts=True,
    examples=PRODUCTS + examples("2 3 4, 4 2", "4, 2 4 3", "2 3 4, 4", "5 1 3 4, 2 4 3"),
    onnx="MatMul",
    product=True,
)


# np.dot sums over the last axis of x and the second-to-last axis of y, or y's only axis: these two "meet".
def _dot_x(g: Any, z: Any, x: Any, y: Any) -> Any:
    """Return the cotangent of x: g times y, summed over all axes of y but the one that x meets."""
    if x.ndim == 2 == y.ndim:
        return np.dot(g, y.T)
    if not x.ndim or not y.ndim:
        return g * y if x.ndim else np.sum(g * y)
    kept = [axis for axis in range(y.ndim) if axis != max(y.ndim - 2, 0)]
    return np.tensordot(g, y, (range(x.ndim - 1, g.ndim), kept))


def _dot_y(g: Any, z: Any, x: Any, y: Any) -> Any:
    """Return the cotangent of y: x times g, summed over all axes of x but the last, which moves to where y has it."""
    if x.ndim == 2 == y.ndim:
        return np.dot(x.T, g)  # not x.T.dot(g): that method takes no Tensor, and g is one in a second derivative
    if not x.ndim or not y.ndim:
        return g * x if y.ndim else np.sum(g * x)
    kept = range(x.ndim - 1)
    return np.moveaxis(np.tensordot(x, g, (kept, kept)), 0, max(y.ndim - 2, 0))


dot = Primitive(
    np.dot,
    _dot_x,
    _dot_y,
    sign="@",
    examples=PRODUCTS + examples("2 3 4, 5 4 2", "4, 5 4 2", "2 3 4, 4", "3 4, ", ", 3"),
    onnx="Dot",
    product=True,
    spelling="dot",
)


def _bind_equal_axes(name: str, i: int, j: int, x: Any, y: Any) -> Bound:
    """Bind x and y; raise unless axis i of x is as long as axis j of y."""
    x, y = as_array(x), as_array(y)
    check_axes(name, x, i, y, j)
    return (x, y), {}


def _bind_vecdot(x: Any, y: Any, axis: int = -1) -> Bound:
    """Bind x and y; raise unless the summed axes are equally long, and move them to the end."""
    x, y = as_array(x), as_array(y)
    check_axes("vecdot", x, axis, y, axis)
    return (x, y) if axis == -1 else (np.moveaxis(x, axis, -1), np.moveaxis(y, axis, -1)), {}


vdot = Primitive(
    np.vdot,
    lambda g, z, x, y: g * (y if y.shape == x.shape else np.reshape(y, x.shape)),
    lambda g, z, x, y: g * (x if y.shape == x.shape else np.reshape(x, y.shape)),
    examples=examples("4, 4", "2 3, 3 2"),
    product=True,
)
# The engine sums a cotangent to its argument's shape (`fit`). These rules do so themselves, also over no axis: that sum
# turns -0 into +0, a bit which gradients keep from release to release.
vecdot = Primitive(
    np.vecdot,
    lambda g, z, x, y: unbroadcast(np.expand_dims(g, -1) * y, x.shape),
    lambda g, z, x, y: unbroadcast(np.expand_dims(g, -1) * x, y.shape),
    bind=_bind_vecdot,
    also=(np.linalg.vecdot,),
    broadcasts=True,
    examples=[*examples("2 1 4, 3 4", "4, 4"), example(D(4, 2), D(4, 2), axis=0), example(D(3, 3), D(3))],
    product=True,
)


def dot_keepdims(x: Any, y: Any, axis: Any) -> Any:
    """Return the sums of x * y over one or more axes, which stay with length 1; the last axis takes one pass."""
    return np.expand_dims(np.vecdot(x, y), -1) if axis in (-1, (-1,)) else np.sum(x * y, axis=axis, keepdims=True)


def sum_last(x: Any) -> Any:
    """Return the sums over the last axis, computed as a matrix product, which is faster."""
    return np.matmul(x, np.ones_like(x, shape=x.shape[-1:]))


def sum_keepdims(x: Any, axis: Any) -> Any:
    """Return the sums over one or more axes, which stay with length 1."""
    if axis in (-1, (-1,)):
        return np.expand_dims(sum_last(x), -1)
    return np.sum(x, axis=axis, keepdims=True)


if hasattr(np, "matvec"):
    matvec = Primitive(
        np.matvec,
        lambda g, z, x, y: unbroadcast(np.expand_dims(g, -1) * np.expand_dims(y, -2), x.shape),
        lambda g, z, x, y: np.vecmat(g, x),
        bind=functools.partial(_bind_equal_axes, "matvec", -1, -1),
        broadcasts=True,
        examples=examples("3 4, 4", "2 1 3 4, 5 4", "3 3, 3 3"),
        product=True,
    )
    vecmat = Primitive(
        np.vecmat,
        lambda g, z, x, y: np.matvec(y, g),
        lambda g, z, x, y: unbroadcast(np.expand_dims(x, -1) * np.expand_dims(g, -2), y.shape),
        bind=functools.partial(_bind_equal_axes, "vecmat", -1, -2),
        broadcasts=True,
        examples=examples("3, 3 4", "5 3, 2 1 3 4", "3 3, 3 3"),
        product=True,
    )


# Products of many arrays, summed over the axes that the result lacks.

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@functools.lru_cache
def explicit_subscripts(subscripts: str, ndims: tuple[int, ...]) -> tuple[tuple[str, ...], str]:
    """Return the subscripts of each operand and of the result, with a letter for every axis."""
    inputs, arrow, output = subscripts.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(ndims):
        raise ArgumentError(f"einsum({subscripts!r}) takes {len(terms)} arrays, and was given {len(ndims)}.")
    np.einsum(subscripts, *[np.empty((1,) * n) for n in ndims])  # raises for what NumPy cannot read
    unnamed = [n - len(term.replace("...", "")) for term, n in zip(terms, ndims, strict=True)]
    letters = inputs.replace("...", "").replace(",", "")
    ellipsis = "".join([c for c in LETTERS if c not in subscripts][: max(unnamed)])
    if not arrow:
        output = ("..." if ellipsis else "") + "".join(sorted(c for c in letters if letters.count(c) == 1))
    # Shapes are aligned at the right, as in broadcasting: "..." of n axes takes the last n letters.
    terms = [term.replace("...", ellipsis[len(ellipsis) - n :]) for term, n in zip(terms, unnamed, strict=True)]
    return tuple(terms), output.replace("...", ellipsis)


def check_sizes(subscripts: str, terms: tuple[str, ...], arrays: tuple[Any, ...]) -> None:
    """Raise unless axes of one letter are equally long; axes of different arrays may also have length 1."""
    sizes: dict[str, int] = {}
    for term, x in zip(terms, arrays, strict=True):
        own = dict(zip(term, x.shape, strict=True))  # of a letter that stands twice in the term, the last size
        for label, size in zip(term, x.shape, strict=True):
            seen = sizes.get(label, 1)
            if own[label] != size or (seen != size and 1 not in (seen, size)):
                listed = ", ".join(describe(x, f"argument {i}") for i, x in enumerate(arrays))
                raise ArgumentError(
                    f"einsum({subscripts!r}) does not fit {listed}: "
                    f"the axes named {label} have {seen if own[label] == size else own[label]} and {size} entries."
                )
            sizes[label] = max(seen, size) if size else 0


@remembered
def _bind_einsum(subscripts: str, *operands: Any, optimize: Any = False) -> Bound:
    """Write the subscripts with a letter for every axis; raise unless the arrays fit them."""
    if not isinstance(subscripts, str):
        raise ArgumentTypeError("subscripts come first, as text: einsum('ij,jk->ik', x, y).")
    arrays = tuple(map(as_array, operands))
    terms, output = explicit_subscripts(subscripts.replace(" ", ""), tuple(x.ndim for x in arrays))
    check_sizes(subscripts, terms, arrays)
    return arrays, {"subscripts": f"{','.join(terms)}->{output}", "optimize": optimize}


def _einsum(*arrays: Any, subscripts: str, optimize: Any) -> Any:
    """Call np.einsum, which takes the subscripts before the arrays."""
    return np.einsum(subscripts, *arrays, optimize=optimize)


def _einsum_rule(g: Any, z: Any, *arrays: Any, i: int, subscripts: str, optimize: Any) -> Any:
    """Return the cotangent of operand i: an einsum of g and the other operands, whose result has the axes of operand i.

    If operand i names an axis twice ("ii"), an identity matrix is one more factor: the cotangent then lies on the
    diagonal. If no other operand has an axis in full length, a vector of ones is one more factor.
    """
    inputs, output = subscripts.split("->")
    terms = inputs.split(",")
    own, x = terms[i], arrays[i]
    factors = [(output, g), *[(term, arrays[j]) for j, term in enumerate(terms) if j != i]]
    elsewhere = {axis for term, factor in factors for axis in zip(term, factor.shape, strict=True)}
    spare = iter([c for c in LETTERS if c not in subscripts])
    wanted = ""
    for label, size in zip(own, x.shape, strict=True):
        if label in wanted:
            twin, label = label, next(spare)
            factors.append((twin + label, eye_like(x, size)))
        elif (label, size) not in elsewhere:
            factors.append((label, np.ones_like(x, shape=size)))
        wanted += label
    subscripts = ",".join(term for term, _ in factors) + "->" + wanted
    product = np.einsum(subscripts, *[factor for _, factor in factors], optimize=bool(optimize))
    # einsum adds products of several factors to +0, so that no -0 is in its result: `unbroadcast` changes nothing then.
    without_negative_zero = len(factors) > 1 and not optimize
    return product if without_negative_zero and product.shape == x.shape else unbroadcast(product, x.shape)


einsum = Variadic(
    np.einsum,
    _einsum_rule,
    kernel=_einsum,
    bind=_bind_einsum,
    views=True,
    broadcasts=True,
    examples=[
        example("ij,jk->ik", D(3, 4), D(4, 2)),
        example("...ij,...jk->...ik", D(2, 3, 4), D(4, 2)),
        example("iji->j", D(3, 2, 3)),
        example("ij,ij,k->kj", D(1, 4), D(3, 4), D(1)),
        example("ii,i,ij->", D(3, 3), D(3), D(3, 4)),
        example("i,j,k,ij->jk", D(2), D(3), D(4), D(2, 3), optimize=True),
    ],
    onnx="Einsum",
    product=True,
    spelling="einsum",
)


# Norms. The first derivative of a norm at 0 is 0 by convention.

# The direction of x: x / norm, and 0 by convention where the norm is 0.
euclidean = Part(
    np.linalg.norm,
    lambda g, z, x, axis=None: ratio(expand_reduced(g, axis), x, expand_reduced(z, axis)),
    examples=[example(D(3)), example(D(2, 3, 4)), example(D(3, 4), axis=-1), example(D(2, 3, 4), axis=(0, -1))],
)


def _p_norm_x(g: Any, z: Any, x: Any, ord: float, axis: int) -> Any:
    """sign(x) (|x| / z)^(ord - 1)."""
    z, size = expand_reduced(z, axis), np.abs(x)
    # For ord < 1 the inverse of the quotient to a positive power, so that no zero is divided by.
    share = z / ones_for_zeros(size) if ord < 1 else size / ones_for_zeros(z)
    return expand_reduced(g, axis) * np.sign(x) * np.where(x == 0, 1, share) ** abs(ord - 1)


p_norm = Part(
    np.linalg.norm,
    _p_norm_x,
    examples=[example(D(3, 4), ord=3, axis=0), example(D(2, 3), ord=-2, axis=-1), example(D(3), ord=0.5, axis=0)],
)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The norm of a vector, or of a matrix; without `ord`, the root of the sum of squares."""
    x = as_floats(x)
    axes = axes_of(x, axis)
    if axis is None and (ord is None or (ord, x.ndim) in ((2, 1), ("fro", 2), ("f", 2))):
        z = euclidean(x)
    elif len(axes) == 1:
        z = norm_of_vectors(x, ord, axes[0])
    elif len(axes) == 2:
        z = norm_of_matrices(x, ord, axes)
    else:
        raise ArgumentError(f"norm takes vectors or matrices, and {describe(x, 'x')} has {len(axes)} axes. Give axis=.")
    return np.expand_dims(z, axes) if keepdims else z


def norm_of_vectors(x: Any, ord: Any, axis: int) -> Any:
    """The norms of the vectors along one axis, by NumPy's `ord`."""
    if ord is None or ord == 2:
        return euclidean(x, axis=axis)
    if isinstance(ord, str):
        raise ArgumentError(f"norm has no ord={ord!r} for vectors: a number, np.inf or -np.inf.")
    size = np.abs(x)
    if math.isinf(ord):
        return np.max(size, axis=axis) if ord > 0 else np.min(size, axis=axis)
    if ord == 0:
        return np.sum(np.where(np.isnan(size), 1, np.sign(size)), axis=axis)
    return np.sum(size, axis=axis) if ord == 1 else p_norm(x, ord=ord, axis=axis)


def norm_of_matrices(x: Any, ord: Any, axes: tuple[int, int]) -> Any:
    """The norms of the matrices in two axes, by NumPy's `ord`."""
    if ord in (None, "fro", "f"):
        return euclidean(x, axis=axes)
    if ord in (2, -2, "nuc"):
        values = np.linalg.svdvals(np.moveaxis(x, axes, (-2, -1)))
        reduce = np.sum if ord == "nuc" else np.max if ord > 0 else np.min
        return reduce(values, axis=-1)
    if ord in (1, -1, np.inf, -np.inf):
        rows, columns = axes if abs(ord) == 1 else axes[::-1]
        sums = np.sum(np.abs(x), axis=rows, keepdims=True)
        return np.squeeze((np.max if ord > 0 else np.min)(sums, axis=columns, keepdims=True), axes)
    raise ArgumentError(f"norm has no ord={ord!r} for matrices: 1, -1, 2, -2, np.inf, -np.inf, 'fro' or 'nuc'.")


def vector_norm(x: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """The norm of the vectors that lie in one axis, or in several taken together."""
    x = as_array(x)
    axes = axes_of(x, axis)
    if len(axes) == 1:
        return np.linalg.norm(x, ord, axes[0], keepdims)
    moved = np.moveaxis(x, axes, range(len(axes)))
    flat = np.reshape(moved, (math.prod(moved.shape[: len(axes)]), *moved.shape[len(axes) :]))
    z = np.linalg.norm(flat, ord, 0)
    return np.expand_dims(z, axes) if keepdims else z


def matrix_norm(x: Any, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """The norm of the matrices in the last two axes."""
    return np.linalg.norm(x, ord, (-2, -1), keepdims)


def cond(x: Any, p: Any = None) -> Any:
    """The condition number: the norm of x times that of its inverse."""
    x = as_array(x)
    if p in (None, 2, -2):
        values = np.linalg.svdvals(x)
        largest, smallest = values[..., 0], values[..., -1]
        return smallest / largest if p == -2 else largest / smallest
    return np.linalg.norm(x, p, (-2, -1)) * np.linalg.norm(np.linalg.inv(x), p, (-2, -1))
