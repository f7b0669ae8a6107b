"""einsum: products of the entries of arrays, summed over the indices that the result lacks."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..core.backward import unbroadcast
from ..core.errors import ArgumentError, ArgumentTypeError, describe
from .primitive import Bound, Variadic, as_array, constant_like, example, remembered
from .primitive import Drawn as D

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def subscripts_and_arrays(operands: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """Return the subscripts and the arrays of either form of call: `"ij,j", x, y` or `x, [0, 1], y, [1]`."""
    if isinstance(operands[0], str):
        return operands[0].replace(" ", ""), operands[1:]
    paired = operands[: len(operands) // 2 * 2]
    words = ["".join("..." if label is Ellipsis else LETTERS[label] for label in labels) for labels in operands[1::2]]
    subscripts = ",".join(words)
    if len(operands) > len(paired):
        subscripts += "->" + "".join("..." if label is Ellipsis else LETTERS[label] for label in operands[-1])
    return subscripts, paired[::2]


@functools.lru_cache
def explicit_subscripts(subscripts: str, ndims: tuple[int, ...]) -> tuple[tuple[str, ...], str]:
    """Return the subscripts of each operand and of the result, with a letter for every axis."""
    inputs, arrow, output = subscripts.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(ndims):
        raise ArgumentError(f"einsum({subscripts!r}) takes {len(terms)} arrays, and was given {len(ndims)}.")
    hidden = []
    for position, (term, ndim) in enumerate(zip(terms, ndims, strict=True)):
        named = term.replace("...", "", 1)
        hidden.append(ndim - len(named))
        if hidden[-1] < 0 or (hidden[-1] > 0 and named == term):
            raise ArgumentError(
                f"einsum({subscripts!r}) names {len(named)} axes of argument {position}, which has {ndim}. "
                "One letter for each axis; ... for those without a name."
            )
    letters = [c for c in inputs.replace("...", "") if c != ","]
    spare = [c for c in LETTERS if c not in subscripts][: max(hidden)]
    if not arrow:
        output = ("..." if spare else "") + "".join(sorted(c for c in letters if letters.count(c) == 1))
    if spare and "..." not in output:
        raise ArgumentError(f"einsum({subscripts!r}) has ... on the left; the result needs it too: '->...{output}'.")
    terms = [term.replace("...", "".join(spare[len(spare) - n :])) for term, n in zip(terms, hidden, strict=True)]
    output = output.replace("...", "".join(spare))
    wrong = {c for c in letters if c not in LETTERS} | {c for c in output if c not in "".join(terms)}
    wrong |= {c for c in output if output.count(c) > 1}
    if wrong:
        raise ArgumentError(
            f"einsum({subscripts!r}) cannot read {', '.join(map(repr, sorted(wrong)))}: axes are named by letters, and "
            "each axis of the result once, by a letter of the left side."
        )
    return tuple(terms), output


def check_sizes(subscripts: str, terms: tuple[str, ...], arrays: tuple[Any, ...]) -> None:
    """Raise unless axes of one letter are equally long; axes of different arrays may also have length 1."""
    sizes: dict[str, int] = {}
    for term, x in zip(terms, arrays, strict=True):
        own = dict(zip(term, x.shape, strict=True))
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
def _bind_einsum(*operands: Any, optimize: Any = False) -> Bound:
    if not operands:
        raise ArgumentTypeError("missing 1 required positional argument: 'subscripts'")
    subscripts, given = subscripts_and_arrays(operands)
    arrays = tuple(map(as_array, given))
    terms, output = explicit_subscripts(subscripts, tuple(x.ndim for x in arrays))
    check_sizes(subscripts, terms, arrays)
    return arrays, {"subscripts": f"{','.join(terms)}->{output}", "optimize": optimize}


def _einsum(*arrays: Any, subscripts: str, optimize: Any) -> Any:
    return np.einsum(subscripts, *arrays, optimize=optimize)


def identity_like(n: int, x: Any) -> Any:
    return constant_like(lambda x: np.eye(n, dtype=x.dtype, like=x), x)


def ones_like_vector(n: int, x: Any) -> Any:
    return constant_like(lambda x: np.ones(n, x.dtype, like=x), x)


def _einsum_rule(g: Any, z: Any, *arrays: Any, i: int, subscripts: str, optimize: Any) -> Any:
    """The einsum of the cotangent and the other operands that has this operand's axes.

    An axis named twice is multiplied with an identity matrix, so that the cotangent lies on the diagonal; an axis that
    no other operand has in full length is multiplied with a vector of ones.
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
            factors.append((twin + label, identity_like(size, x)))
        elif (label, size) not in elsewhere:
            factors.append((label, ones_like_vector(size, x)))
        wanted += label
    subscripts = ",".join(term for term, _ in factors) + "->" + wanted
    product = np.einsum(subscripts, *[factor for _, factor in factors], optimize=bool(optimize))
    summed = len(factors) > 1 and not optimize  # from +0 on, so that another sum over no axes changes no bit
    return product if summed and product.shape == x.shape else unbroadcast(product, x.shape)


einsum = Variadic(
    np.einsum,
    _einsum_rule,
    kernel=_einsum,
    bind=_bind_einsum,
    views=True,
    broadcasts=True,
    examples=[
        example("ij,jk->ik", D(3, 4), D(4, 2)),
        example("ij,kj", D(3, 4), D(2, 4)),
        example("...ij,...jk->...ik", D(2, 3, 4), D(4, 2)),
        example("i...,i...", D(3, 2), D(3, 4, 2)),
        example("ii->i", D(3, 3)),
        example("iji->j", D(3, 2, 3)),
        example("ij->j", D(3, 4)),
        example("ij->ji", D(3, 4)),
        example("ij,ij,k->kj", D(1, 4), D(3, 4), D(1)),
        example("ii,i,ij->", D(3, 3), D(3), D(3, 4)),
        example("i,j,k,ij->jk", D(2), D(3), D(4), D(2, 3), optimize=True),
        example(D(2, 3), [0, 1], D(3, 4), [1, 2], [2, 0]),
    ],
    onnx="Einsum",
    product=True,
    spelling="einsum",
)
