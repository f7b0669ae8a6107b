"""A node of the scene as a table for DOT: heading, value and gradient side by side, and what there is to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..expressions.formulas import shortened
from .model import Node
from .palette import DIM, GRADIENT, HEAT, INK, KINDS, VALUE
from .preview import brief, preview
from .text import given, shape

ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})
WORDS = 48  # letters of a formula


@dataclass(frozen=True)
class View:
    """What is shown: which direction, and how much of it."""

    direction: str
    boxes: int
    walked: bool  # whether a backward pass has left gradients

    @property
    def grids(self) -> bool:
        """Whether arrays are shown as heated cells; in a larger picture each is one line."""
        return self.boxes <= 30

    def grid(self, node: Node) -> bool:
        """Whether the arrays of a box are; of more than a few boxes, only where the user gave a name."""
        return self.grids and (self.boxes <= 12 or bool(node.name) or node.kind != "operation")

    @property
    def lines(self) -> bool:
        """Whether arrays and rules are shown at all; in the largest pictures only what boxes are called."""
        return self.boxes <= 120

    def arrays(self, node: Node) -> list[tuple[str, Any, str]]:
        """The arrays of a box that are shown, each with its caption and ink."""
        both = [("value", node.value, VALUE), ("gradient", node.gradient, GRADIENT)]
        chosen = {"both": both, "forward": both[:1], "backward": both[1:]}[self.direction]
        return [one for one in chosen if one[1] is not None and self.lines]


def box(node: Node, view: View, more: str = "") -> str:
    fill, border, style, _ = KINDS[node.kind]
    shown = view.arrays(node)
    columns = len(shown)
    rows = [row(heading(node), columns)]
    if shown:
        looks = (
            grid(*one, captioned=columns > 1) if view.grid(node) else font(brief(one[1]), one[2], 9) for one in shown
        )
        cells = (f"<td{part(node, one[0])}>{look}</td>" for one, look in zip(shown, looks, strict=True))
        rows.append(f"<tr>{''.join(cells)}</tr>")
    if view.lines:
        rows += [row(font(line, DIM, 9), columns) for line in given(node, view.direction)]
    if note := "; ".join(filter(None, (state(node, view), more))):
        rows.append(row(font(note, DIM, 9), columns))
    return table(
        "".join(rows), f'border="1" cellspacing="0" cellpadding="4" style="{style}" bgcolor="{fill}" color="{border}"'
    )


def part(node: Node, caption: str) -> str:
    """A handle on a part of a box, by which a page finds it."""
    return f' id="{node.id}_{caption}" tooltip="{caption}"'


def heading(node: Node) -> str:
    made = clip(node.text)
    title = f"<b>{escape(clip(node.title))}</b>" if node.name else font(node.tag, DIM, 10)
    equals = escape(" = " if made and node.title else "") + escape(made)
    return f"{title}{equals}{font(facts(node), DIM, 9)}"


def facts(node: Node) -> str:
    """The shape and the dtype, where there is something to say."""
    words = shape(node).removeprefix("()").strip()
    return f" {words}" if words else ""


def state(node: Node, view: View) -> str:
    """What there is to say beside the numbers; that a backward is missing, only where others had one."""
    obvious = node.state == node.kind or ("backward" in node.state and not view.walked)
    return "" if obvious or not view.lines else node.state


def grid(caption: str, values: Any, ink: str, captioned: bool) -> str:
    """An array as a table of heated cells."""
    seen = preview(values)
    columns = len(seen.cells[0]) if seen.cells else 1
    width = max((len(text) for texts in seen.cells for text in texts), default=0)
    rows = [row(font(caption, ink, 8), columns)] if captioned else []
    for texts, heats in zip(seen.cells, seen.heat, strict=True):
        cells = (cell(text.rjust(width), level) for text, level in zip(texts, heats, strict=True))
        rows.append(f"<tr>{''.join(cells)}</tr>")
    if seen.line:
        rows.append(row(font(seen.line, INK, 9), columns))
    return table("".join(rows), 'border="0" cellspacing="1" cellpadding="2"')


def cell(text: str, level: int) -> str:
    if not text:
        return f'<td bgcolor="{HEAT[level]}" width="9" height="9" fixedsize="true"></td>'
    return f'<td bgcolor="{HEAT[level]}">{font(text, INK, 9)}</td>'


def table(rows: str, look: str) -> str:
    return f'<table cellborder="0" {look}>{rows}</table>'


def row(inner: str, columns: int = 1) -> str:
    span = f' colspan="{columns}"' if columns > 1 else ""
    return f"<tr><td{span}>{inner}</td></tr>"


def font(text: str, colour: str, size: int) -> str:
    return f'<font color="{colour}" point-size="{size}">{escape(text)}</font>' if text else ""


def clip(text: str) -> str:
    return shortened(text, WORDS)


def escape(text: str) -> str:
    """Text as text: in DOT's tables every name is only a name."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text).translate(ENTITIES)
