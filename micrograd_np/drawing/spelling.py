"""An op as the user would write it: `l1 @ syn1`, `-x`, `exp(x)`, `x.T`, `x[0]`."""

from __future__ import annotations

import functools
import inspect
from contextlib import suppress
from typing import Any

import numpy as np

from ..ops.indexing import Slot
from ..ops.linear import linear
from ..ops.several import item
from ..program.phrases import ATOM, UNARY, Phrase, infix, prefix
from ..program.spelling import reshape, swapaxes

NOTHING = Phrase("")
POSITIONAL = ("indices_or_sections", "shape")  # parameters whose place says what they are
# What a window does if nothing is said; of its size, something is.
WINDOW = {"kernel": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1}


def written(op: Any, args: list[Phrase], params: dict[str, Any]) -> Phrase:
    """An op, given how its arguments are written."""
    if op.sign and len(args) == 2:
        return infix(op.sign, *args)
    if op.sign and len(args) == 1:
        return prefix(op.sign, args[0])
    if op is item:
        return subscript(args[0], (params["i"],))
    if op is linear:
        product = infix("@", args[0], transposed(args[1], "T"))
        return infix("+", product, args[2]) if len(args) > 2 else product
    if op.name == "getitem":
        return subscript(args[0], fill(params["index"], args[1:]))
    if op.name == "scatter":
        index = subscript(NOTHING, fill(params["index"], args[1:]))
        return call("scatter", [args[0], index], {"shape": params["shape"]})
    if op.name == "einsum":
        return call("einsum", [literal(params["subscripts"]), *args], {})
    if op.name == "swapaxes":
        return swapaxes(args, params)
    if op.name == "reshape":
        return reshape(args, params | {"shape": np.atleast_1d(params["shape"]).tolist()})
    said = unusual(op, params)
    needed = [literal(said.pop(key)) for key in POSITIONAL if key in said]
    return call(op.name.lstrip("_"), [*args, *needed], said)


def unusual(op: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Parameters without those that are what they are if nothing is said; one number for all axes of a window."""
    said = {}
    for key, value in params.items():
        if key in WINDOW and isinstance(value, tuple) and len(set(value)) == 1:
            value = value[0]
        if value != defaults(op).get(key, WINDOW.get(key)):
            said[key] = value
    return said


@functools.cache
def defaults(op: Any) -> dict[str, Any]:
    """The defaults of a row's parameters: its own, or NumPy's."""
    found: dict[str, Any] = {}
    for function in (op.function, op.bind):
        with suppress(TypeError, ValueError):  # a ufunc has no signature
            known = inspect.signature(function).parameters.values()
            found |= {each.name: each.default for each in known if each.default is not each.empty}
    return found


def fill(index: Any, arrays: list[Phrase]) -> Any:
    """An index with its arrays in their places."""
    parts = index if isinstance(index, tuple) else (index,)
    return tuple(arrays[part] if isinstance(part, Slot) else part for part in parts)


def call(name: str, args: list[Phrase], params: dict[str, Any]) -> Phrase:
    if name == "transpose" and not any(part.text != "None" for part in args[1:]) and params.get("axes") is None:
        return transposed(args[0], "T")
    listed = [part.text for part in args]
    for key, value in params.items():
        if value is not None and value is not False and key not in ("dtype", "order", "like"):
            one = key == "axis" and isinstance(value, tuple) and len(value) == 1
            listed.append(f"{key}={literal(value[0] if one else value).text}")
    return Phrase(f"{name}({', '.join(listed)})")


def transposed(x: Phrase, how: str) -> Phrase:
    text = x.within(ATOM)
    return Phrase(text.removesuffix(f".{how}") if text.endswith(f".{how}") else f"{text}.{how}")


def subscript(x: Phrase, index: tuple[Any, ...]) -> Phrase:
    return Phrase(f"{x.within(ATOM)}[{', '.join(literal(part).text for part in index)}]")


def literal(value: Any) -> Phrase:
    """A value as it stands in a formula."""
    if isinstance(value, Phrase):
        return value
    if hasattr(value, "phrase"):  # an array that writes down what is done to it
        return value.phrase  # type: ignore[no-any-return]
    if isinstance(value, slice):
        ends = ["" if end is None else str(end) for end in (value.start, value.stop, value.step)]
        return Phrase(":".join(ends[: 3 if ends[2] else 2]))
    if value is Ellipsis:
        return Phrase("...")
    if isinstance(value, np.dtype | type):
        return Phrase(np.dtype(value).name)
    if isinstance(value, list | tuple):
        inner = ", ".join(literal(part).text for part in value)
        return Phrase(f"({inner},)" if len(value) == 1 else f"({inner})")
    if hasattr(value, "dtype"):
        if value.ndim:
            return Phrase("…")
        value = value.item()
    text = f"{value:.4g}" if isinstance(value, float) else repr(value)
    return Phrase(text, UNARY if text.startswith("-") else ATOM)
