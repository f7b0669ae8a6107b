"""The scene as DOT source: a table for each box, an arrow for each use of a value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .model import Edge, Node, Scene
from .palette import DIM, GRADIENT, HEAT, INK, KINDS, LINE, PAPER, VALUE
from .preview import brief, preview

DIRECTIONS = ("both", "forward", "backward")
FULL = 60  # boxes; a larger picture shows each array in one line
ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", " ": "&#160;"})
WORDS = 44  # letters of a formula; longer ones end in …


def source(scene: Scene, direction: str = "both") -> str:
    """The DOT source of a scene."""
    import graphviz  # type: ignore[import-untyped]

    digraph = graphviz.Digraph(
        graph_attr={
            "rankdir": "TB",
            "bgcolor": PAPER,
            "pad": "0.3",
            "nodesep": "0.3",
            "ranksep": "0.35",
            "fontname": "Courier",
            "label": legend(scene, direction),
            "labelloc": "b",
        },
        node_attr={"shape": "plain", "fontname": "Courier", "fontsize": "10", "fontcolor": INK},
        edge_attr={"fontname": "Courier", "fontsize": "9", "color": LINE, "fontcolor": GRADIENT, "arrowsize": "0.7"},
    )
    full = len(scene.nodes) <= FULL
    for node in scene.nodes:
        digraph.node(node.id, box(node, direction, full), id=node.id, _attributes={"class": node.kind})
    for edge in scene.edges:
        digraph.edge(edge.tail, edge.head, **arrow(edge, direction, full))
    return str(digraph.source)


def arrow(edge: Edge, direction: str, full: bool) -> dict[str, str]:
    if not edge.flows:
        return {"style": "dashed"}
    if direction == "forward":
        return {}
    words = [clip(edge.rule), "" if edge.part is None else f"part: {brief(edge.part)}"] if full else []
    look = {"label": f"<{lines(filter(None, words))}>"} if any(words) else {}
    return look | ({"dir": "back", "color": GRADIENT} if direction == "backward" else {})


def lines(words: Iterable[str]) -> str:
    return "<br/>".join(f" {escape(word)} " for word in words)


def box(node: Node, direction: str, full: bool) -> str:
    fill, border, style, _ = KINDS[node.kind]
    shown = []
    if direction != "backward" and node.value is not None:
        shown.append(("value", node.value, VALUE))
    if direction != "forward" and node.gradient is not None:
        shown.append(("gradient", node.gradient, GRADIENT))
    rows = [row(heading(node), len(shown))]
    if shown:
        captioned = full and len(shown) == 2
        rows.append("<tr>" + "".join(f"<td>{array(*one, full, captioned)}</td>" for one in shown) + "</tr>")
    if note := state(node, direction):
        rows.append(row(font(note, DIM, 9), len(shown)))
    return (
        f'<<table border="1" cellborder="0" cellspacing="0" cellpadding="4" '
        f'style="{style}" bgcolor="{fill}" color="{border}">{"".join(rows)}</table>>'
    )


def heading(node: Node) -> str:
    made = clip(node.text)
    words = f"<b>{escape(node.name)}</b>" if node.name else escape(made)
    if node.name and node.kind in ("operation", "output"):
        words += escape(f" = {made}")
    return f"{words} {font(facts(node.value), DIM, 9)}"


def facts(value: Any) -> str:
    """The shape, and the dtype where it is not the usual one."""
    if not hasattr(value, "dtype"):
        return ""
    usual = value.dtype.name in ("float64", "int64", "bool")
    return f"{value.shape if value.ndim else ''}{'' if usual else ' ' + value.dtype.name}"


def state(node: Node, direction: str) -> str:
    if node.kind == node.state or (direction == "forward" and "backward" in node.state):
        return ""
    return node.state


def array(caption: str, values: Any, ink: str, full: bool, captioned: bool) -> str:
    """An array as a table of heated cells; in a large picture, as one line."""
    if not hasattr(values, "dtype"):
        return font(f"{len(values)} outputs", DIM, 9)
    if not full:
        return font(brief(values), ink, 9)
    seen = preview(values)
    columns = len(seen.cells[0]) if seen.cells else 1
    width = max((len(text) for texts in seen.cells for text in texts), default=0)
    rows = [row(font(caption, ink, 8), columns)] if captioned else []
    for texts, heats in zip(seen.cells, seen.heat, strict=True):
        cells = (cell(text.rjust(width), level) for text, level in zip(texts, heats, strict=True))
        rows.append(f"<tr>{''.join(cells)}</tr>")
    if seen.line:
        rows.append(row(font(seen.line, INK, 9), columns))
    return f'<table border="0" cellborder="0" cellspacing="1" cellpadding="2">{"".join(rows)}</table>'


def cell(text: str, level: int) -> str:
    if not text:
        return f'<td bgcolor="{HEAT[level]}" width="9" height="9" fixedsize="true"></td>'
    return f'<td bgcolor="{HEAT[level]}">{font(text, INK, 9)}</td>'


def legend(scene: Scene, direction: str) -> str:
    kinds = [kind for kind in KINDS if any(node.kind == kind for node in scene.nodes)]
    parts = [
        f'<td bgcolor="{KINDS[k][0]}" border="1" color="{KINDS[k][1]}">{font(KINDS[k][3], INK, 9)}</td>' for k in kinds
    ]
    if direction != "backward":
        parts.append(f"<td>{font('values', VALUE, 9)}</td>")
    if direction != "forward":
        parts.append(f"<td>{font('gradients; g: the one arriving at an op, z: its result', GRADIENT, 9)}</td>")
    scale = "".join(f'<td bgcolor="{HEAT[i]}" width="9" height="9" fixedsize="true"></td>' for i in range(-4, 5))
    scale = f"<td>{font('-', INK, 9)}</td>{scale}<td>{font('+', INK, 9)}</td>"
    parts.append(f'<td><table border="0" cellborder="0" cellspacing="0" cellpadding="1"><tr>{scale}</tr></table></td>')
    return f'<<table border="0" cellborder="0" cellspacing="6" cellpadding="3"><tr>{"".join(parts)}</tr></table>>'


def row(inner: str, columns: int) -> str:
    span = f' colspan="{columns}"' if columns > 1 else ""
    return f"<tr><td{span}>{inner}</td></tr>"


def font(text: str, colour: str, size: int) -> str:
    return f'<font color="{colour}" point-size="{size}">{escape(text)}</font>' if text else ""


def clip(text: str) -> str:
    return text if len(text) <= WORDS else text[: WORDS - 1] + "…"


def escape(text: str) -> str:
    """Text as text: in DOT's tables every name is only a name."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text).translate(ENTITIES)
