"""How a report looks: lines of text in a terminal, a table in a notebook."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

Cells = Sequence[Sequence[str]]


def text_table(head: Sequence[str], rows: Cells, indent: str = "  ") -> str:
    """Columns as wide as they need, separated by two spaces."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)]
    return "\n".join(indent + line.rstrip() for line in lines)


def html_table(head: Sequence[str], rows: Cells) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag} style='text-align:left'>{html.escape(x)}</{tag}>" for x in cells) + "</tr>"

    return f"<table>{line(head, 'th')}{''.join(line(row, 'td') for row in rows)}</table>"


def html_lines(lines: Sequence[str]) -> str:
    return "".join(f"<p>{html.escape(line)}</p>" for line in lines)


def number(x: Any) -> str:
    return f"{float(x):.6g}"


def counted(n: int, noun: str) -> str:
    """`1 entry`, `12 entries`."""
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{n:,} {noun if n == 1 else plural}"
