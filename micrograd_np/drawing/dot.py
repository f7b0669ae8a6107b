"""A scene as DOT source: a table for each box, an arrow for each use of a value, a frame for each scope."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from .graph import Scope
from .preview import DIM, GRADIENT, HEAT, INK, KINDS, LINE, PAPER, VALUE, brief, fits_a_grid, host, lines, preview
from .scene import Edge, Node, Scene
from .text import clip, given, shape, unshown

ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})


@dataclass(frozen=True)
class View:
    """The choice of what a picture shows: the direction, and the amount of detail for its number of boxes."""

    direction: str
    boxes: int
    walked: bool  # whether a backward pass has left gradients

    @property
    def grids(self) -> bool:
        """Return whether arrays are shown as coloured cells; in a larger picture each is one line."""
        return self.boxes <= 30

    def grid(self, node: Node) -> bool:
        """Return whether a box shows its arrays as cells; with over 12 boxes, operations need a name for it."""
        return self.grids and (self.boxes <= 12 or bool(node.name) or node.kind != "operation")

    @property
    def lines(self) -> bool:
        """Return whether arrays and rules are shown at all; the largest pictures show only the names of boxes."""
        return self.boxes <= 120

    def arrays(self, node: Node) -> list[tuple[str, Any, str]]:
        """Return the arrays that a box shows, each with its caption and colour."""
        both = [("value", node.value, VALUE), ("gradient", node.gradient, GRADIENT)]
        chosen = {"both": both, "forward": both[:1], "backward": both[1:]}[self.direction]
        return [one for one in chosen if one[1] is not None and self.lines]


def box(node: Node, view: View, more: str = "") -> str:
    fill, border, style, _ = KINDS[node.kind]
    shown = view.arrays(node)
    columns = len(shown)
    rows: list[str] = []
    if shown:
        looks = [grid(*one, columns > 1) if view.grid(node) else numbers(one[1], one[2]) for one in shown]
        cells = [f"<td{part(node, one[0])}>{look}</td>" for one, look in zip(shown, looks, strict=True)]
        strips = view.grid(node) and not all(fits_a_grid(host(one[1])) for one in shown)
        stacked = strips or sum(len(max(lines(one[1], 24 if view.grid(node) else 12), key=len)) for one in shown) > WIDE
        rows += [tr("".join(cells))] if not stacked else map(tr, cells)
        columns = 1 if stacked else columns
    rows.insert(0, row(heading(node), columns))
    if view.lines:
        rows += [row(font(line, DIM, 9), columns) for line in given(node, view.direction)]
    if note := "; ".join(filter(None, (state(node, view), more))):
        rows.append(row(font(note, DIM, 9), columns))
    return table(
        "".join(rows), f'border="1" cellspacing="0" cellpadding="4" style="{style}" bgcolor="{fill}" color="{border}"'
    )


def numbers(values: Any, ink: str) -> str:
    """Return an array as lines of text."""
    return "<br/>".join(font(line, ink, 9) for line in lines(values))


def tr(cells: str) -> str:
    return f"<tr>{cells}</tr>"


def part(node: Node, caption: str) -> str:
    """Return the attributes by which a page finds a part of a box."""
    return f' id="{node.id}_{caption}" tooltip="{caption}"'


def heading(node: Node) -> str:
    made = clip(node.text)
    title = f"<b>{escape(clip(node.title))}</b>" if node.name else font(node.tag, DIM, 10)
    equals = escape(" = " if made and node.title else "") + escape(made)
    return f"{title}{equals}{font(facts(node), DIM, 9)}"


def facts(node: Node) -> str:
    """Return the shape and the dtype, but neither for a scalar of a usual dtype."""
    words = shape(node).removeprefix("()").strip()
    return f" {words}" if words else ""


def state(node: Node, view: View) -> str:
    """Return a box's state; a missing backward is mentioned only if other boxes have gradients."""
    obvious = node.state == node.kind or ("backward" in node.state and not view.walked)
    return "" if obvious or not view.lines else node.state


def grid(caption: str, values: Any, ink: str, captioned: bool) -> str:
    """Return an array as a table of coloured cells."""
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
    return tr(f"<td{span}>{inner}</td>")


def font(text: str, colour: str, size: int) -> str:
    return f'<font color="{colour}" point-size="{size}">{escape(text)}</font>' if text else ""


def escape(text: str) -> str:
    """Escape text, so that DOT's tables read no markup in a name."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text).translate(ENTITIES)


# With many boxes, Graphviz would need minutes for the best layout: these settings limit its search.
LARGE = {"nslimit": "2", "mclimit": "0.1"}
HUGE = LARGE | {"splines": "line", "outputorder": "edgesfirst"}  # no line over a box
WIDE = 48  # letters: a value and a gradient that need more stand below each other
LOOSE = 'border="0" cellspacing="4" cellpadding="3"'


def source(scene: Scene, direction: str = "both") -> str:
    """The DOT source of a scene."""
    import graphviz  # type: ignore[import-untyped]

    view = View(direction, len(scene.nodes), scene.walked)
    digraph = graphviz.Digraph(
        graph_attr={
            "bgcolor": PAPER,
            "pad": "0.3",
            "nodesep": "0.2",
            "ranksep": "0.2",
            "newrank": "true",
            "fontname": "Courier",
            "label": f"<{legend(scene, view)}>",
            "labelloc": "b",
            **(HUGE if view.boxes > 300 else {} if view.lines else LARGE),
        },
        node_attr={"shape": "plain", "fontname": "Courier", "fontsize": "10", "fontcolor": INK},
        edge_attr={"fontname": "Courier", "fontsize": "9", "color": LINE, "fontcolor": GRADIENT, "arrowsize": "0.7"},
    )
    clusters: dict[Scope, Any] = {(): digraph}
    for node in scene.nodes:
        place = cluster(clusters, node.scope, scene.frame)
        place.node(node.id, f"<{box(node, view, rest(node, view))}>", id=node.id, _attributes={"class": node.kind})
    for scope, inner in reversed(clusters.items()):
        if scope:
            clusters[scope[:-1]].subgraph(inner)
    made = {node.id for node in scene.nodes if node.op or node.kind == "fold"}
    for i, edge in enumerate(scene.edges):
        if not edge.drawn:
            continue
        straight = {"weight": "8"} if edge.tail in made else {}  # what is computed is a line, with leaves beside it
        digraph.edge(edge.tail, edge.head, id=f"e{i}", **arrow(edge, view), **straight)
    for tail, leaf in below(scene, made):
        digraph.edge(tail, leaf, style="invis")
    return str(digraph.source)


def below(scene: Scene, made: set[str]) -> list[tuple[str, str]]:
    """Return pairs of a result and a leaf that is drawn below it, in the frame that the result goes into.

    Otherwise the frame is drawn beside the result, and a chain of layers is a staircase.
    """
    by_id, place = scene.by_id(), {node.id: i for i, node in enumerate(scene.nodes)}
    held: dict[Scope, list[str]] = {}
    first: dict[str, int] = {}  # where a leaf is first used
    for edge in scene.edges:
        first[edge.tail] = min(first.get(edge.tail, place[edge.head]), place[edge.head])
    for node in scene.nodes:
        if node.id not in made and node.scope:
            held.setdefault(node.scope, []).append(node.id)
    return [
        (edge.tail, leaf)
        for edge in scene.edges
        if edge.tail in made and by_id[edge.tail].scope[: len(by_id[edge.head].scope)] != by_id[edge.head].scope
        for leaf in held.get(by_id[edge.head].scope, ())
        if first.get(leaf, -1) > place[edge.tail]
    ]


def rest(node: Node, view: View) -> str:
    """Describe the part of a gradient that no drawn arrow shows."""
    back = view.grids and view.direction != "forward"
    rest = f"{node.reason}: {brief(node.rest)}" if node.reason and back else ""
    return "; ".join(filter(None, (unshown(node) if back else node.more, rest)))


def cluster(clusters: dict[Scope, Any], scope: Scope, opened: Scope) -> Any:
    """Return the frame of a scope, inside those of the scopes around it; the frame of an open fold can be found."""
    for depth in range(1, len(scope) + 1):
        if scope[:depth] not in clusters:
            inner = type(clusters[()])(f"cluster_{len(clusters)}")
            look = {"labelloc": "t", "labeljust": "l", "color": LINE, "style": "rounded"}
            look |= {"id": "open", "color": KINDS["fold"][1]} if scope[:depth] == opened else {}
            inner.attr(label=f"<{font(scope[depth - 1], DIM, 10)}>", **look)
            clusters[scope[:depth]] = inner
    return clusters[scope]


def arrow(edge: Edge, view: View) -> dict[str, str]:
    """Return how an edge looks: a value goes to its head; a rule's result goes back to its tail."""
    if not edge.flows:
        return {"style": "dashed"}
    back = view.direction != "forward"
    words = [clip(edge.rule)] if back and view.lines else []
    if back and edge.part is not None and view.grids:
        first, *others = lines(edge.part)
        words += [f"part: {first}", *(line.rjust(len(line) + 6) for line in others)]
    if edge.others:
        words.append(f"and {edge.others} more arrows")
    look = {"label": f"<{labelled(words)}>"} if any(words) else {}
    return (
        look | {"forward": {}, "both": {"dir": "both"}, "backward": {"dir": "back", "color": GRADIENT}}[view.direction]
    )


def labelled(words: Iterable[str]) -> str:
    return "<br/>".join(f" {escape(word)} " for word in words)


def legend(scene: Scene, view: View) -> str:
    """Return the legend: the meaning of the colours, and what was folded."""
    present = {node.kind for node in scene.nodes}
    kinds = [
        f'<td bgcolor="{fill}" border="1" color="{border}">{font(words, INK, 9)}</td>'
        for kind, (fill, border, _, words) in KINDS.items()
        if kind in present
    ]
    numbers = []
    if view.direction != "backward" and view.lines and not scene.program:
        numbers.append(f"<td>{font('values', VALUE, 9)}</td>")
    if view.direction != "forward" and view.lines:
        numbers.append(f"<td>{font(meaning(scene), GRADIENT, 9)}</td>")
    if view.grids and not scene.program:
        cells = "".join(cell("", level) for level in range(-4, 5))
        scale = f"<tr><td>{font('each array: -', INK, 9)}</td>{cells}<td>{font('+', INK, 9)}</td></tr>"
        numbers.append("<td>" + table(scale, 'border="0" cellspacing="0" cellpadding="1"') + "</td>")
    rows = [row(table(f"<tr>{''.join(parts)}</tr>", LOOSE)) for parts in (kinds, numbers) if parts]
    if view.direction != "forward" and view.lines and any(edge.rule for edge in scene.edges):
        z = ", z its value" if speaks_of_z(scene) else ""
        words = f"on an arrow: what goes back along it; {scene.g} is the gradient of the box that it comes from{z}"
        rows.append(row(font(words, GRADIENT, 9)))
        rows += [row(font(f"{name}: {gloss}", GRADIENT, 9)) for name, gloss in scene.glosses().items()]
    rows += [row(font(line, DIM, 9)) for line in folded(scene)]
    return table("".join(rows), 'border="0" cellspacing="0" cellpadding="1"')


def meaning(scene: Scene) -> str:
    """Return what a gradient is: `gradient = d loss / d (this box)`."""
    ends = [node.title or "output" for node in scene.nodes if node.kind == "output"]
    of = clip(ends[0]) if len(ends) == 1 else "(outputs)"
    return f"{'' if scene.walked else 'no backward yet; '}gradient: {scene.g} = d {of} / d (this box)"


def speaks_of_z(scene: Scene) -> bool:
    """Return whether a rule calls an operation's result z, and no value of the user has that name."""
    users = any(node.name == "z" for node in scene.nodes)
    return not users and any(re.search(r"\bz\b", edge.rule) for edge in scene.edges)


def folded(scene: Scene) -> list[str]:
    """Return the descriptions of the folds, wrapped to the width of the legend."""
    return [line for words in scene.folded for line in wrap(f"folded: {words}", 100)]
