"""Formulas for readers: `l1 @ syn1`, `-x`, `exp(x)`, `x.T`, `x[0]`."""

from __future__ import annotations

import functools
import inspect
import re
from contextlib import suppress
from typing import Any

from .phrases import Phrase, call, short, signed

LEADING = ("subscripts",)  # parameters that are written before the arrays
POSITIONAL = ("indices_or_sections", "shape")  # and after them, without their names
QUIET = ("dtype", "order", "like", "optimize")  # parameters that a formula leaves out
# The parameters of a window that has them by default; its size is always written.
WINDOW = {"kernel": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1}
BRACKETS = re.compile(r"[(\[]((?:[^()\[\]]|[(\[]…[)\]])+)[)\]]")  # innermost brackets, except those of …


def formula(op: Any, args: list[Phrase], params: dict[str, Any]) -> Phrase:
    """Write a call of an op, given how its arguments are written."""
    if op.sign and 0 < len(args) <= 2:
        return signed(op.sign, args)
    if op.formula and args:
        return op.formula(args, params, short)  # type: ignore[no-any-return]
    written = unusual(op, params)
    before, after = [[short(written.pop(key)) for key in keys if key in written] for keys in (LEADING, POSITIONAL)]
    return function_call(op.name.lstrip("_"), [*before, *args, *after], written)


def function_call(name: str, args: list[Phrase], params: dict[str, Any]) -> Phrase:
    """Write a call by name, without parameters that a reader does not miss."""
    listed = [part.text for part in args]
    for key, value in params.items():
        if value is not None and value is not False and key not in QUIET:
            one = key == "axis" and isinstance(value, tuple) and len(value) == 1
            listed.append(f"{key}={short(value[0] if one else value).text}")
    return call(name, *listed)


def unusual(op: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters that differ from their defaults; one number where all axes of a window have the same."""
    kept = {}
    for key, value in params.items():
        if key in WINDOW and isinstance(value, tuple) and len(set(value)) == 1:
            value = value[0]
        if value != defaults(op).get(key, WINDOW.get(key)):
            kept[key] = value
    return kept


@functools.cache
def defaults(op: Any) -> dict[str, Any]:
    """Return the defaults of a row's parameters: its own, or NumPy's."""
    found: dict[str, Any] = {}
    for function in (op.function, op.bind):
        with suppress(TypeError, ValueError):  # a ufunc has no signature
            known = inspect.signature(function).parameters.values()
            found |= {each.name: each.default for each in known if each.default is not each.empty}
    return found


def shortened(text: str, width: int) -> str:
    """Cut a text to a width: the last words in the deepest brackets become …, then those around them."""
    while len(text) > width:
        places = [found for found in BRACKETS.finditer(text) if found[1] != "…"]
        if not places:
            words = text[: width - 2].rpartition(", ")[0]
            if words:
                return f"{words}, …"
            words = text[: width - 1].rpartition(" ")[0]
            return f"{words} …" if len(words) > width // 2 else text[: width - 1] + "…"
        at = max(places, key=lambda found: depth(text[: found.start()]))
        words = at[1].removesuffix(", …").rpartition(", ")[0]
        inner = f"{words}, …" if words else "…"
        text = text[: at.start() + 1] + inner + text[at.end() - 1 :]
    return text


def depth(text: str) -> int:
    """Count the brackets that are open after a text."""
    return sum((letter in "([") - (letter in ")]") for letter in text)
