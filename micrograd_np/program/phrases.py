"""Pieces of NumPy source: text that knows how tightly its outermost sign binds."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..ops.indexing import Slot

COMPARISON, OR, XOR, AND, SHIFT, SUM, PRODUCT, UNARY, POWER, ATOM = range(10)
RANKS = {"**": POWER, "*": PRODUCT, "@": PRODUCT, "/": PRODUCT, "%": PRODUCT, "//": PRODUCT, "+": SUM, "-": SUM}
BITS = {"<<": SHIFT, ">>": SHIFT, "&": AND, "^": XOR, "|": OR}


class Phrase(NamedTuple):
    """Text, and how tightly its outermost sign binds."""

    text: str
    rank: int = ATOM

    def within(self, rank: int) -> str:
        return self.text if self.rank >= rank else f"({self.text})"


def infix(sign: str, left: Phrase, right: Phrase) -> Phrase:
    rank = (RANKS | BITS).get(sign, COMPARISON)
    if sign == "**":
        return Phrase(f"{left.within(rank + 1)}**{right.within(rank)}", rank)
    chained = rank == COMPARISON  # a < b < c is another thing than (a < b) < c
    return Phrase(f"{left.within(rank + chained)} {sign} {right.within(rank + 1)}", rank)


def prefix(sign: str, x: Phrase) -> Phrase:
    return Phrase(sign + x.within(UNARY), UNARY)


def method(x: Phrase, name: str, *listed: str) -> Phrase:
    return Phrase(f"{x.within(ATOM)}.{name}({', '.join(listed)})")


def attribute(x: Phrase, name: str) -> Phrase:
    return Phrase(f"{x.within(ATOM)}.{name}")


def subscript(x: Phrase, index: Any, arrays: list[Phrase] | None = None) -> Phrase:
    """x[index], with arrays in their slots."""
    parts = index if isinstance(index, tuple) else (index,)
    said = [arrays[part].text if isinstance(part, Slot) and arrays else literal(part).text for part in parts]
    return Phrase(f"{x.within(ATOM)}[{', '.join(said) or '()'}]")


def call(name: str, *listed: str) -> Phrase:
    return Phrase(f"{name}({', '.join(listed)})")


def literal(value: Any) -> Phrase:
    """A number, a slice, a dtype, or a container of such, as it is written; an array, digit for digit."""
    if isinstance(value, Phrase):
        return value
    if isinstance(value, slice):
        ends = ["" if end is None else str(end) for end in (value.start, value.stop, value.step)]
        return Phrase(":".join(ends[: 3 if ends[2] else 2]))
    if value is Ellipsis:
        return Phrase("...")
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        name = np.dtype(value).name
        return Phrase(f"np.{name}" if hasattr(np, name) and name != "bool" else repr(np.dtype(value).str))
    if isinstance(value, np.ndarray):
        return array(value)
    if isinstance(value, np.generic):
        return Phrase(f"np.{value.dtype.name}({number(value.item()).text})")
    if isinstance(value, list | tuple):
        inner = ", ".join(literal(part).text for part in value)
        if isinstance(value, list):
            return Phrase(f"[{inner}]")
        return Phrase(f"({inner},)" if len(value) == 1 else f"({inner})")
    if isinstance(value, dict):
        return Phrase("{" + ", ".join(f"{key!r}: {literal(part).text}" for key, part in value.items()) + "}")
    return number(value)


def number(value: Any) -> Phrase:
    text = repr(value)
    if isinstance(value, str) and '"' not in text:
        text = f'"{text[1:-1]}"'
    if isinstance(value, float):
        text = {"inf": "np.inf", "-inf": "-np.inf", "nan": "np.nan"}.get(text, text)
    return Phrase(text, UNARY if text.startswith("-") else ATOM)


def size(shape: tuple[int, ...]) -> str:
    return str(shape[0]) if len(shape) == 1 else str(shape)


def array(data: Any) -> Phrase:
    dtype = "" if data.dtype in (np.dtype(float), np.dtype(int), np.dtype(bool)) else f", {literal(data.dtype).text}"
    if data.size and data.tobytes() == data.flat[0].tobytes() * data.size and data.ndim:
        first = data.flat[0].item()
        if repr(first) in ("0.0", "1.0"):
            return call("np.zeros" if first == 0 else "np.ones", size(data.shape) + dtype)
        return call("np.full", size(data.shape), number(first).text + dtype)
    if not data.size:
        return call("np.zeros", size(data.shape) + dtype)
    said = literal(data.tolist()).text
    return Phrase(f"np.array({said}{dtype})")
