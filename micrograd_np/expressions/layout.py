"""Source in lines that are not too long, and text as a prompt and a notebook show it."""

from __future__ import annotations

import html
import io
import tokenize
from collections.abc import Iterable, Sequence
from itertools import pairwise

WIDTH = 100
INDENT = "    "


def wrapped(text: str, indent: str = INDENT, comment: str = "") -> list[str]:
    """A statement as lines: one, or what its widest brackets hold on lines of its own."""
    whole = f"{indent}{text}{comment}"
    brackets = outermost(text)
    if len(whole) <= WIDTH or not brackets:
        return [whole]
    start, stop, commas = max(brackets, key=lambda found: found[1] - found[0])
    places = [start + 1, *(comma + 1 for comma in commas), stop]
    parts = [text[a:b].strip() for a, b in pairwise(places)]
    lines, inner = [f"{indent}{text[: start + 1]}"], indent + INDENT
    for part in parts:
        if lines[1:] and len(lines[-1]) + 1 + len(part) <= WIDTH:
            lines[-1] += f" {part}"
        else:
            lines += wrapped(part, inner)
    return [*lines, f"{indent}{text[stop:]}{comment}"]


def outermost(text: str) -> list[tuple[int, int, list[int]]]:
    """Return, for each outermost pair of brackets, the places where it opens and closes, and of the commas in it."""
    found = []
    opened: list[int] = []
    commas: list[int] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        place = token.start[1]
        if token.type == tokenize.OP and token.string in "([{":
            opened.append(place)
        elif token.type == tokenize.OP and token.string in ")]}":
            start = opened.pop()
            if not opened:
                found.append((start, place, commas))
                commas = []
        elif token.string == "," and len(opened) == 1:
            commas.append(place)
    return found


def aligned(rows: Sequence[Sequence[str]], sides: str) -> list[str]:
    """The rows of a table as lines, two spaces between columns; a column is aligned to the left for <, right for >."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    formats = [f"{side}{width}" for side, width in zip(sides, widths, strict=True)]
    return ["  ".join(map(format, row, formats)) for row in rows]


class Listing(str):
    """Text that a prompt shows as it is, and a notebook in a block of its own."""

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return f"<pre style='white-space:pre-wrap'>{html.escape(self)}</pre>"


def html_table(rows: Iterable[Sequence[str]], head: Sequence[str] = ()) -> str:
    """Return rows of text as an HTML table, numbers and formulas in letters of one width."""
    cells = "text-align:left;font-family:monospace;white-space:pre-wrap"
    lines = ["".join(f"<th style='text-align:left'>{html.escape(text)}</th>" for text in head)] if head else []
    lines += ["".join(f"<td style='{cells}'>{html.escape(text)}</td>" for text in row) for row in rows]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"
