"""A scene as DOT source: a table for each box, an arrow for each use of a value, a frame for each scope.

Graphviz renders it as SVG, PNG or PDF.
"""

from __future__ import annotations

import re
from textwrap import wrap
from typing import Any

from ..core.errors import UsageError
from ..core.names import printable
from .graph import Scope
from .preview import DARK, DIM, GRADIENT, HEAT, INK, KINDS, LINE, PAPER, VALUE, brief, fits_a_grid, host, lines, preview
from .scene import Edge, Node, Scene
from .text import clip, shape, undrawn

ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})


class View:
    """The choice of what a picture shows: the direction, and the detail for its number of boxes."""

    def __init__(self, scene: Scene, direction: str) -> None:
        self.scene = scene
        self.boxes = len(scene.nodes)
        self.values, self.gradients = direction != "backward", direction != "forward"
        self.has_cells = self.boxes <= 30  # arrays are shown as coloured cells; in a larger picture each is one line
        self.has_text = self.boxes <= 120  # the largest pictures show only the names of boxes
        self.direction = direction

    def shows_cells(self, node: Node) -> bool:
        """Return whether a box shows its arrays as cells; with over 12 boxes, operations need a name."""
        return self.has_cells and (self.boxes <= 12 or bool(node.name) or node.kind != "operation")

    def arrays(self, node: Node) -> list[tuple[str, Any, str]]:
        """Return the arrays that a box shows, each with its caption and colour."""
        chosen = [("value", node.value, VALUE)] if self.values else []
        chosen += [("gradient", node.gradient, GRADIENT)] if self.gradients else []
        return [each for each in chosen if self.has_text and each[1] is not None]


def box(node: Node, view: View) -> str:
    fill, border, style, _ = KINDS[node.kind]
    arrays = view.arrays(node)
    in_cells = view.shows_cells(node)
    columns = 1 if is_stacked(arrays, in_cells) else len(arrays)
    cells = []
    for caption, values, ink in arrays:
        in_lines = "<br/>".join(font(line, ink, 9) for line in lines(values))
        shown = cell_table(caption, values, ink, len(arrays) > 1) if in_cells else in_lines
        cells.append(f'<td id="{node.id}_{caption}" tooltip="{caption}">{shown}</td>')  # a page finds it by its id
    rows = [row(heading(node), columns)]
    rows += [tr("".join(cells))] if columns > 1 else map(tr, cells)
    notes = view.scene.state(node) if view.has_text else "", *undrawn_notes(node, view)
    rows += [row(font(note, DIM, 9), columns) for note in notes if note]
    look = f'border="1" cellspacing="0" cellpadding="4" style="{style}" bgcolor="{fill}" color="{border}"'
    return table("".join(rows), look)


def is_stacked(arrays: list[tuple[str, Any, str]], in_cells: bool) -> bool:
    """Return whether a value and a gradient are below each other: side by side they would be too wide."""
    if in_cells and not all(fits_a_grid(host(values)) for _, values, _ in arrays):
        return True
    widths = [max(map(len, lines(values, 24 if in_cells else 12))) for _, values, _ in arrays]
    return sum(widths) > MAX_SIDE_BY_SIDE


def tr(cells: str) -> str:
    return f"<tr>{cells}</tr>"


def heading(node: Node) -> str:
    made = clip(node.text)
    title = f"<b>{escape(clip(node.title))}</b>" if node.name else font(node.tag, DIM, 10)
    equals = escape(" = " if made and node.title else "") + escape(made)
    return f"{title}{equals}{font(facts(node), DIM, 9)}"


def facts(node: Node) -> str:
    """Return the shape and the dtype, but neither for a scalar of a usual dtype."""
    words = shape(node).removeprefix("()").strip()
    return f" {words}" if words else ""


def cell_table(caption: str, values: Any, ink: str, captioned: bool) -> str:
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
    """Escape text, so that no character of a name is read as markup."""
    return printable(text).translate(ENTITIES)


SPACED = {"bgcolor": PAPER, "pad": "0.3", "nodesep": "0.2", "ranksep": "0.2", "newrank": "true", "fontname": "Courier"}
# With many boxes, Graphviz would need minutes for the best layout: these settings limit its search.
LARGE = {"nslimit": "2", "mclimit": "0.1"}
HUGE = LARGE | {"splines": "line", "outputorder": "edgesfirst"}  # no line over a box
MAX_SIDE_BY_SIDE = 48  # letters of a value and a gradient; if they need more, they are below each other
HEADS = {
    "forward": {},
    "both": {"dir": "both", "color": f"{GRADIENT};0.001:{LINE}"},  # the head at the tail has the first colour
    "backward": {"dir": "back", "color": GRADIENT},
}
LOOSE = 'border="0" cellspacing="4" cellpadding="3"'


def source(scene: Scene, direction: str = "both") -> str:
    """The DOT source of a scene."""
    import graphviz  # type: ignore[import-untyped]

    view = View(scene, direction)
    limits = HUGE if view.boxes > 300 else {} if view.has_text else LARGE
    digraph = graphviz.Digraph(
        graph_attr=SPACED | {"label": f"<{legend(scene, view)}>", "labelloc": "b"} | limits,
        node_attr={"shape": "plain", "fontname": "Courier", "fontsize": "10", "fontcolor": INK},
        edge_attr={"fontname": "Courier", "fontsize": "9", "color": LINE, "fontcolor": GRADIENT, "arrowsize": "0.7"},
    )
    frames = scene.frames()
    clusters = {scope: graphviz.Digraph(f"cluster_{i}") if scope else digraph for i, scope in enumerate(frames)}
    for scope, nodes in frames.items():
        if scope:
            label = f"<{font(scope[-1], DIM, 10)}>"
            clusters[scope].attr(label=label, labelloc="t", labeljust="l", color=LINE, style="rounded")
        for node in nodes:
            clusters[scope].node(node.id, f"<{box(node, view)}>", id=node.id, _attributes={"class": node.kind})
    for scope in reversed(list(frames)[1:]):
        clusters[scope[:-1]].subgraph(clusters[scope])
    computed = {node.id for node in scene.nodes if node.op or node.kind == "fold"}
    for i, edge in enumerate(scene.edges):
        if not edge.drawn:
            continue
        straight = {"weight": "8"} if edge.tail in computed else {}  # computed values in a line, leaves beside it
        digraph.edge(edge.tail, edge.head, id=f"e{i}", **arrow(edge, view), **straight)
    for tail, leaf in invisible_edges(scene, computed):
        digraph.edge(tail, leaf, style="invis")
    return str(digraph.source)


def invisible_edges(scene: Scene, computed: set[str]) -> list[tuple[str, str]]:
    """Return edges from a result to each leaf in the frame that it goes into, which put the leaf below the result.

    Otherwise Graphviz places the frame beside the result, and a chain of layers is a staircase.
    """
    by_id, order = scene.by_id(), {node.id: i for i, node in enumerate(scene.nodes)}
    leaves: dict[Scope, list[str]] = {}
    for node in scene.nodes:
        if node.id not in computed and node.scope:
            leaves.setdefault(node.scope, []).append(node.id)
    first_use: dict[str, int] = {}
    for edge in scene.edges:
        first_use[edge.tail] = min(first_use.get(edge.tail, order[edge.head]), order[edge.head])
    pairs = []
    for edge in scene.edges:
        frame = by_id[edge.head].scope
        if edge.tail in computed and by_id[edge.tail].scope[: len(frame)] != frame:  # it enters the frame
            pairs += [(edge.tail, leaf) for leaf in leaves.get(frame, ()) if first_use.get(leaf, -1) > order[edge.tail]]
    return pairs


def undrawn_notes(node: Node, view: View) -> list[str]:
    """Describe the parts of a gradient that no drawn arrow shows."""
    if not view.has_cells or not view.gradients:
        return [node.undrawn]
    return [*undrawn(node), f"{node.reason}: {brief(node.difference)}" if node.reason else ""]


def arrow(edge: Edge, view: View) -> dict[str, str]:
    """Return how an edge looks: a value goes to its head, and a rule's result goes back to its tail."""
    if not edge.has_rule:
        return {"style": "dashed"}
    words = []
    if view.gradients:
        if edge.rule and view.has_text:
            rule = clip(edge.rule)
            words.append(rule if rule.count("…") < 3 else f"its rule for {edge.argument}")
        if edge.share is not None and view.has_cells:
            first, *others = lines(edge.share)
            words += [f"share: {first}", *(" " * len("share: ") + line for line in others)]
    if edge.undrawn_edges:
        words.append(f"and {edge.undrawn_edges} more arrows")
    look = {"label": "<" + "<br/>".join(f"  {escape(word)} " for word in words) + ">"} if words else {}
    return look | HEADS[view.direction]


def legend(scene: Scene, view: View) -> str:
    """Return the legend: the meaning of the colours, and what was folded."""
    present = {node.kind for node in scene.nodes}
    kinds = [
        f'<td bgcolor="{fill}" border="1" color="{border}">{font(words, INK, 9)}</td>'
        for kind, (fill, border, _, words) in KINDS.items()
        if kind in present
    ]
    scales = []
    if view.values and view.has_text and not scene.program:
        scales.append(f"<td>{font('values', VALUE, 9)}</td>")
    if view.gradients and view.has_text:
        scales.append(f"<td>{font(gradient_meaning(scene), GRADIENT, 9)}</td>")
    if view.has_cells and not scene.program:
        cells = "".join(cell("", level) for level in range(-4, 5))
        scale = f"<tr><td>{font('each array: -', INK, 9)}</td>{cells}<td>{font('+', INK, 9)}</td></tr>"
        scales.append("<td>" + table(scale, 'border="0" cellspacing="0" cellpadding="1"') + "</td>")
    rows = [row(table(f"<tr>{''.join(parts)}</tr>", LOOSE)) for parts in (kinds, scales) if parts]
    if view.gradients and view.has_text and any(edge.rule for edge in scene.edges):
        z = ", and z is its value" if speaks_of_z(scene) else ""
        words = f"on an arrow: the rule of the lower box; {scene.g} is the gradient of that box{z}"
        rows.append(row(font(words, GRADIENT, 9)))
        rows += [row(font(f"{name}: {gloss}", GRADIENT, 9)) for name, gloss in scene.glosses().items()]
    rows += [row(font(line, DIM, 9)) for words in scene.folded for line in wrap(f"folded: {words}", 100)]
    return table("".join(rows), 'border="0" cellspacing="0" cellpadding="1"')


def gradient_meaning(scene: Scene) -> str:
    """Return what a gradient is: `gradient = d loss / d (this box)`."""
    ends = [node.title or "output" for node in scene.nodes if node.kind == "output"]
    of = clip(ends[0]) if len(ends) == 1 else "(outputs)"
    return f"{'' if scene.has_gradients else 'no backward yet; '}gradient: {scene.g} = d {of} / d (this box)"


def speaks_of_z(scene: Scene) -> bool:
    """Return whether a rule calls an operation's result z, and no value of the user has that name."""
    users = any(node.name == "z" for node in scene.nodes)
    return not users and any(re.search(r"\bz\b", edge.rule) for edge in scene.edges)


# DOT source as SVG or PNG by graphviz-pure, and as PDF by the system's Graphviz.

# Text is measured in bytes, of which … has three. What stands for it meanwhile is as wide as a dot, and in no name.
DOTS, STAND_IN = "…", "\x7f."
TITLE = re.compile(rb'(<g id="clust\d+" class="cluster">(?:(?!</g>).)*?)(<text.*?</text>\n)', re.DOTALL)
FITTING = b'<svg style="max-width:100%;height:auto" '  # a drawing fits the cell of a notebook
SIZE = re.compile(rb'(width|height)="([\d.]+)pt"')
SCALE = 1.1  # pixels for a point: formulas are as large as small print
# An arrow with two heads: the first is where the gradient goes, the second where the value goes.
HEADS_OF_EDGE = re.compile(rb'(class="edge">(?:(?!</g>).)*?<polygon)((?:(?!</g>).)*?<polygon)', re.DOTALL)
DATE = re.compile(rb"(/CreationDate \(D:)\d{14}")  # without it, the same picture is the same bytes


def engine(format: str) -> str:
    """The layout program: graphviz-pure, which draws alike everywhere; for a PDF, Graphviz's own `dot`."""
    import shutil
    import sysconfig

    if format == "pdf":
        if found := shutil.which("dot"):
            return found
        raise UsageError(
            "PDF needs the program `dot`, and there is none on the PATH. Install your system's graphviz package, "
            "or save as .svg or .png."
        )
    beside = sysconfig.get_path("scripts")
    if found := shutil.which("graphviz-pure", path=beside) or shutil.which("graphviz-pure"):
        return found
    raise UsageError(
        f"the layout program graphviz-pure is neither in {beside} nor on the PATH. Install it with "
        "`pip install graphviz-pure`. DOT source (.dot), Mermaid (.mmd) and text (.txt) need none."
    )


def render(source: str, format: str, *options: str) -> bytes:
    """A drawing of DOT source, in the format's bytes; the options are the layout program's."""
    import subprocess

    command = [engine(format), f"-T{format}", *options]
    if format == "svg":
        source = source.replace(DOTS, STAND_IN)
    done = subprocess.run(command, input=source.encode(), capture_output=True, check=False)
    if done.returncode:
        raise UsageError(f"{command[0]} could not draw this: {done.stderr.decode(errors='replace').strip()}")
    if format == "svg":
        return styled(done.stdout)
    return DATE.sub(rb"\g<1>19800101000000", done.stdout) if format == "pdf" else done.stdout


def styled(svg: bytes) -> bytes:
    """A drawing that follows the reader's light or dark page, without the ids that hovering would show."""
    svg = re.sub(rb"<title>[^<]*</title>\n", b"", svg).replace(STAND_IN.encode(), DOTS.encode())
    svg = HEADS_OF_EDGE.sub(rb'\1 class="back"\2 class="to"', svg)
    svg = SIZE.sub(lambda found: b'%s="%.0f"' % (found[1], SCALE * float(found[2])), svg, count=2)
    svg = svg.replace(b"<svg ", FITTING, 1)
    titles = b"".join(found[2] for found in TITLE.finditer(svg))  # go over the arrows that cross them
    svg = TITLE.sub(rb"\1", svg)
    start, end = svg.index(b">", svg.index(b"<svg")) + 1, svg.rindex(b"</g>")
    over = b'<g class="titles">\n' + titles + b"</g>\n" if titles else b""
    return svg[:start] + b"\n" + style().encode() + svg[start:end] + over + svg[end:]


def style() -> str:
    """A style sheet for the drawing: a font that is at hand, words that lines spare, each colour's dark counterpart."""
    fonts = "ui-monospace, Menlo, Consolas, 'Liberation Mono', 'DejaVu Sans Mono', monospace"
    halo = f".edge text,.titles text{{paint-order:stroke;stroke-width:3px;stroke-linejoin:round;stroke:{PAPER}}}"
    swaps = f".edge text,.titles text{{stroke:{DARK[PAPER]}}}" + "".join(
        f'[fill="{light}"]{{fill:{dark}}}[stroke="{light}"]{{stroke:{dark}}}' for light, dark in DARK.items()
    )
    return f"<style>text{{font-family:{fonts}}}{halo}@media (prefers-color-scheme:dark){{{swaps}}}</style>"
