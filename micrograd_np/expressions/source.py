"""NumPy source of one step: an operator, a method, a call, or a call of the row's own kernel."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ..custom import CustomOp
from ..ops.indexing import join_index, placed, scattered
from .phrases import ATOM, Phrase, call, defaults, is_default, literal, operation

Params = dict[str, Any]
REQUIRED = inspect.Parameter.empty  # the default of a parameter that has none


def dot(args: list[Phrase], params: Params) -> Phrase:
    left, right = args
    return left.method("dot", right.text) if left.precedence == ATOM else call("np.dot", left.text, right.text)


def scatter(args: list[Phrase], params: Params) -> Phrase:
    parts, is_single = params["index"], len(args) == 1
    index = ", ".join(literal(part).text for part in join_index(parts, tuple(args[1:])))
    if len(parts) == 1 and not is_single:
        index += ","
    if any(isinstance(part, slice) for part in parts):
        index = f"np.s_[{index}]"
    elif not is_single or len(parts) > 1:
        index = f"({index})"
    return call("placed" if is_single else "scattered", args[0].text, index, literal(params["shape"]).text)


def concatenate(args: list[Phrase], params: Params) -> Phrase:
    return call("np.concatenate", f"[{', '.join(x.text for x in args)}]", *keywords(np.concatenate, params))


def einsum(args: list[Phrase], params: Params) -> Phrase:
    optimize = [f"optimize={literal(params['optimize']).text}"] if params["optimize"] is not False else []
    return call("np.einsum", literal(params["subscripts"]).text, *[x.text for x in args], *optimize)


def draw(args: list[Phrase], params: Params) -> Phrase:
    listed = [literal(x).text for x in params["args"]]
    listed += [f"{key}={literal(value).text}" for key, value in params["kwargs"].items()]
    return args[0].method(params["method"], *listed)


def split_pieces(args: list[Phrase], params: Params) -> Phrase:
    cut = call("np.split", args[0].text, *[literal(params[key]).text for key in ("indices_or_sections", "axis")])
    return Phrase(f"[piece.copy() for piece in {cut.text}]")


OWN: dict[str, Callable[[list[Phrase], Params], Phrase]] = {
    "dot": dot,
    "scatter": scatter,
    "concatenate": concatenate,
    "einsum": einsum,
    "split": split_pieces,
    "draw": draw,
}


def spelled(op: Any, args: list[Phrase], params: Params) -> Phrase:
    """A step, given how its inputs are written."""
    if op.spelling:
        return OWN[op.spelling](args, params)
    if op.sign and len(args) <= 2:
        return operation(op.sign, args)
    if has_method(op):
        return op.formula(args, params, literal)  # type: ignore[no-any-return]
    listed = [x.text for x in args]
    return call(function_name(op), *listed, *keywords(kernel_of(op), params))


def function_name(op: Any) -> str:
    """`np.exp`, `np.linalg.inv`; for a kernel of ours its own name."""
    kernel = kernel_of(op)
    if not is_numpys(kernel):
        return str(kernel.__name__)
    module = getattr(kernel, "__module__", None) or "numpy"
    return f"{module.replace('numpy', 'np', 1)}.{kernel.__name__}"


def kernel_of(op: Any, inputs: int = 1) -> Any:
    """The function that computes; for several outputs, that which gives them as a tuple."""
    if op.spelling == "scatter":
        return scattered if inputs > 1 else placed  # an index of arrays may name an entry twice
    return op.function if isinstance(op, CustomOp) else inspect.unwrap(op.kernel, stop=is_numpys)


def is_numpys(kernel: Any) -> bool:
    return isinstance(kernel, np.ufunc) or str(getattr(kernel, "__module__", "")).split(".")[0] == "numpy"


def keywords(function: Any, params: Params) -> list[str]:
    """Return parameters as keywords, without those that have the function's defaults."""
    known = defaults(function)
    listed = []
    for key, value in params.items():
        if not is_default(value, known.get(key, REQUIRED)):
            is_single = key == "axis" and isinstance(value, tuple) and len(value) == 1 and is_numpys(function)
            listed.append(f"{key}={literal(value[0] if is_single else value).text}")
    return listed


def has_method(op: Any) -> bool:
    """Return whether a row's formula serves as Python source: the row has a formula and no decomposition."""
    return op.formula is not None and op.decomposition is None


def needs_kernel(op: Any) -> bool:
    """Return whether a step calls a function of this package, which must then be printed with the source."""
    return op.spelling == "scatter" or not (op.spelling or has_method(op) or is_numpys(kernel_of(op)))
