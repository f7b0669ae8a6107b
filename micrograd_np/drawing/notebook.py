"""A tensor in a notebook: its name, shape and state, its values and its gradient as heated tables."""

from __future__ import annotations

from html import escape
from typing import Any

from ..core.tensor import Tensor
from .boxes import facts
from .flow import look
from .model import Node, kind
from .palette import GRADIENT, HEAT, INK, VALUE
from .preview import preview


def tensor_html(tensor: Tensor) -> str:
    """A tensor as a piece of a page."""
    node = Node("", kind(tensor, False), tensor.name, source=tensor)
    look(node)
    made = f"op {tensor.op.name}" if tensor.op is not None else node.kind
    words = filter(None, [f"<b>{escape(tensor.name)}</b>" if tensor.name else "", escape(facts(node)), made])
    shown = [("value", node.value, VALUE), ("gradient", node.gradient, GRADIENT)]
    grids = "".join(grid(*one) for one in shown if one[1] is not None)
    state = "" if node.state == node.kind else node.state
    return f"<div>{' · '.join(words)}<div style='display:flex;gap:1em'>{grids}</div>{escape(state)}</div>"


def grid(caption: str, values: Any, ink: str) -> str:
    """An array as a table."""
    seen = preview(values)
    rows = "".join(
        "<tr>" + "".join(cell(text, level) for text, level in zip(texts, heats, strict=True)) + "</tr>"
        for texts, heats in zip(seen.cells, seen.heat, strict=True)
    )
    return (
        f"<figure style='margin:0'><figcaption style='color:{ink}'>{caption}</figcaption>"
        f"<table>{rows}</table>{escape(seen.line)}</figure>"
    )


def cell(text: str, level: int) -> str:
    look = f"background:{HEAT[level]};color:{INK};font-family:monospace;text-align:right;padding:1px 4px"
    return f"<td style='{look}'>{text or '&nbsp;'}</td>"
