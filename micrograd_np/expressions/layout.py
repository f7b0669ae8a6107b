"""Source in lines that are not too long, and text as a prompt and a notebook show it."""

from __future__ import annotations

import html
import io
import tokenize
from collections.abc import Iterable, Sequence

WIDTH = 100
INDENT = "    "


def wrapped(text: str, indent: str = INDENT, comment: str = "") -> list[str]:
    """Return a statement as lines: one, or several that end at commas inside brackets."""
    if len(f"{indent}{text}{comment}") <= WIDTH:
        return [f"{indent}{text}{comment}"]
    depth, start, parts = 0, 0, []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.OP:
            depth += (token.string in "([{") - (token.string in ")]}")
            if token.string == "," and depth:
                parts.append(text[start : token.end[1]])
                start = token.end[1]
    lines = [indent]
    for part in (*parts, text[start:] + comment):
        if len(lines[-1]) + len(part) <= WIDTH or lines == [indent]:
            lines[-1] += part
        else:
            lines.append(f"{indent}{2 * INDENT}{part.lstrip()}")
    return lines


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
