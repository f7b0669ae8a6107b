"""Pieces of formulas: text that knows how tightly its outermost sign binds; numbers, arrays and calls of ops."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from contextlib import suppress
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

COMPARISON, OR, XOR, AND, SHIFT, SUM, PRODUCT, UNARY, POWER, ATOM = range(10)
RANKS = {"**": POWER, "*": PRODUCT, "@": PRODUCT, "/": PRODUCT, "%": PRODUCT, "//": PRODUCT, "+": SUM, "-": SUM}
BITS = {"<<": SHIFT, ">>": SHIFT, "&": AND, "^": XOR, "|": OR}


class Phrase(NamedTuple):
    """Text, and how tightly its outermost sign binds."""

    text: str
    rank: int = ATOM

    def within(self, rank: int) -> str:
        """Return the text, in brackets where it binds less tightly than its surroundings."""
        return self.text if self.rank >= rank else f"({self.text})"

    def attribute(self, name: str) -> Phrase:
        return Phrase(f"{self.within(ATOM)}.{name}")

    def method(self, name: str, *listed: str) -> Phrase:
        return Phrase(f"{self.within(ATOM)}.{name}({', '.join(listed)})")

    def subscript(self, index: Any, literal: Callable[[Any], Phrase]) -> Phrase:
        parts = index if isinstance(index, tuple) else (index,)
        return Phrase(f"{self.within(ATOM)}[{', '.join(literal(part).text for part in parts) or '()'}]")

    def transposed(self, how: str = "T") -> Phrase:
        """Return `x.T`; of `x.T`, `x`."""
        text = self.within(ATOM)
        return Phrase(text.removesuffix(f".{how}")) if text.endswith(f".{how}") else self.attribute(how)

    def infix(self, sign: str, right: Phrase) -> Phrase:
        rank = (RANKS | BITS).get(sign, COMPARISON)
        if sign == "**":
            return Phrase(f"{self.within(rank + 1)}**{right.within(rank)}", rank)
        chained = rank == COMPARISON  # a < b < c differs from (a < b) < c
        return Phrase(f"{self.within(rank + chained)} {sign} {right.within(rank + 1)}", rank)

    def prefix(self, sign: str) -> Phrase:
        return Phrase(sign + self.within(UNARY), UNARY)


NOTHING = Phrase("")


def signed(sign: str, args: list[Phrase]) -> Phrase:
    """Return a formula with a sign before its one operand, or between its two."""
    return args[0].infix(sign, args[1]) if len(args) == 2 else args[0].prefix(sign)


def call(name: str, *listed: str) -> Phrase:
    return Phrase(f"{name}({', '.join(listed)})")


def literal(value: Any) -> Phrase:
    """Write a number, slice, dtype or container exactly, as Python reads it; an array digit for digit."""
    return written(value, exact)


def short(value: Any) -> Phrase:
    """Write a value for a reader: numbers of four digits, no `np.`, and … for an array."""
    return written(value, brief)


def written(value: Any, leaf: Callable[[Any], Phrase]) -> Phrase:
    """Write what both styles write alike; `leaf` writes the rest."""
    if isinstance(value, Phrase):
        return value
    if isinstance(value, slice):
        ends = ["" if end is None else str(end) for end in (value.start, value.stop, value.step)]
        return Phrase(":".join(ends[: 3 if ends[2] else 2]))
    if value is Ellipsis:
        return Phrase("...")
    if isinstance(value, list | tuple):
        inner = ", ".join(written(part, leaf).text for part in value)
        if isinstance(value, list):
            return Phrase(f"[{inner}]")
        return Phrase(f"({inner},)" if len(value) == 1 else f"({inner})")
    if isinstance(value, dict):
        return Phrase("{" + ", ".join(f"{key!r}: {written(part, leaf).text}" for key, part in value.items()) + "}")
    return leaf(value)


def exact(value: Any) -> Phrase:
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        name = np.dtype(value).name
        return Phrase(f"np.{name}" if hasattr(np, name) and name != "bool" else repr(np.dtype(value).str))
    if isinstance(value, np.ndarray):
        return array(value)
    if isinstance(value, np.generic):
        return Phrase(f"np.{value.dtype.name}({number_literal(value.item()).text})")
    return number_literal(value)


def brief(value: Any) -> Phrase:
    if hasattr(value, "phrase"):  # an array that writes down what is done to it
        return value.phrase  # type: ignore[no-any-return]
    if isinstance(value, np.dtype | type):
        return Phrase(np.dtype(value).name)
    if hasattr(value, "dtype"):
        if value.ndim:
            return Phrase("…")
        value = value.item()
    text = f"{value:.4g}" if isinstance(value, float) else repr(value)
    return Phrase(text, UNARY if text.startswith("-") else ATOM)


def number_literal(value: Any) -> Phrase:
    text = repr(value)
    if isinstance(value, str) and '"' not in text:
        text = f'"{text[1:-1]}"'
    if isinstance(value, float):
        text = {"inf": "np.inf", "-inf": "-np.inf", "nan": "np.nan"}.get(text, text)
    return Phrase(text, UNARY if text.startswith("-") else ATOM)


def size(shape: tuple[int, ...]) -> str:
    return str(shape[0]) if len(shape) == 1 else str(shape)


def array(data: Any) -> Phrase:
    """An array in the shortest call of NumPy that makes it, else digit for digit."""
    known = pattern(data)
    plain = data.dtype in (np.dtype(float), np.dtype(int), np.dtype(bool))
    dtype = "" if plain else f", {literal(data.dtype).text}"
    return call(*known) if known else Phrase(f"np.array({literal(data.tolist()).text}{dtype})")


def pattern(data: Any) -> tuple[str, str] | None:
    """The NumPy function that makes an array, with its arguments: equal numbers, a diagonal, a triangle, a range."""
    kind = literal(data.dtype).text if data.dtype != bool else "bool"
    dtype = "" if data.dtype in (np.dtype(float), np.dtype(int), np.dtype(bool)) else f", {kind}"
    if not data.size:
        return "np.zeros", size(data.shape) + dtype
    if any(n > 1 and not step for n, step in zip(data.shape, data.strides, strict=True)):
        # BLAS adds up a repeated number in another way than as many numbers in memory: the last bits would differ.
        part = data[tuple(slice(None) if step else slice(1) for step in data.strides)]
        if part.size > 1:
            return "np.broadcast_to", f"{array(part).text}, {data.shape}"
        one = number_literal(part.item()).text
        return "np.broadcast_to", f"{one if not dtype else f'{kind}({one})'}, {data.shape}"
    first = data.flat[0].item()
    if data.ndim and data.tobytes() == data.flat[0].tobytes() * data.size:
        if repr(first) in ("0.0", "1.0"):
            return "np.zeros" if first == 0 else "np.ones", size(data.shape) + dtype
        return "np.full", f"{size(data.shape)}, {number_literal(first).text}{dtype}"
    if data.ndim == 2 and min(data.shape) > 1 and data.dtype.kind in "bif":
        rows, columns = data.shape
        dtype = "" if data.dtype == float else f", dtype={kind}"
        if same_bits(data, np.eye(rows, columns, dtype=data.dtype)):
            return "np.eye", (str(rows) if rows == columns else f"{rows}, {columns}") + dtype
        for k in (0, -1):
            if same_bits(data, np.tri(rows, columns, k, dtype=data.dtype)):
                return "np.tri", f"{rows}, {columns}, {k}{dtype}"
    if data.ndim == 1 and data.size > 4 and data.dtype == int and same_bits(data, np.arange(first, first + data.size)):
        return "np.arange", str(data.size) if first == 0 else f"{first}, {first + data.size}"
    return None


def same_bits(x: Any, y: Any) -> bool:
    return (x.shape, x.dtype) == (y.shape, y.dtype) and x.tobytes() == y.tobytes()


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
        depths = list(accumulate((letter in "([") - (letter in ")]") for letter in text))
        at = max(places, key=lambda found: depths[found.start()])
        words = at[1].removesuffix(", …").rpartition(", ")[0]
        inner = f"{words}, …" if words else "…"
        text = text[: at.start() + 1] + inner + text[at.end() - 1 :]
    return text
