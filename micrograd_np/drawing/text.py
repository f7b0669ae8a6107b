"""A scene in plain text, a line for each value and each rule, and as a Mermaid flowchart."""

from __future__ import annotations

from collections.abc import Iterable

from ..core.names import printable
from ..expressions.layout import aligned
from ..expressions.phrases import shortened
from .preview import INK, KINDS, brief
from .scene import Edge, Node, Scene

Row = tuple[str, ...]
WORDS = 48


def text(scene: Scene, direction: str = "both") -> str:
    """The picture for a terminal."""
    parts = []
    if direction != "backward":
        parts += ["forward", table(forward(scene, node) for node in scene.nodes)]
    if direction != "forward":
        missing = "" if scene.has_gradients else "no backward yet; "
        parts += [f"backward: {missing}{scene.g} is the gradient of the value on the right", table(backward(scene))]
        parts += [f"{name}: {gloss}" for name, gloss in scene.glosses().items()]
    parts += [f"folded: {words}" for words in scene.folded]
    return "\n".join(part for part in parts if part) + "\n"


def forward(scene: Scene, node: Node) -> Row:
    kind = "" if node.kind == "operation" else node.kind
    notes = "; ".join(filter(None, (kind, scene.state(node))))
    return equation(node), shape(node), figures(node.value), notes


def backward(scene: Scene) -> list[Row]:
    """Return rows that show the shares of each value's gradient, starting with the output's."""
    uses, by_id = scene.gradient_edges(), scene.by_id()
    rows: list[Row] = []
    for node in reversed(scene.nodes):
        edges = uses.get(node.id, [])
        if node.kind == "output" and node.gradient is not None:
            rows.append((label(node), shape(node), "the start", "", figures(node.gradient)))
        lines = []
        for edge in sorted((x for x in edges if x.drawn), key=lambda edge: by_id[edge.head].kind == "fold"):
            rule = "folded" if by_id[edge.head].kind == "fold" else clip(edge.rule)
            more = f", and {edge.undrawn_edges} more arrows" if edge.undrawn_edges else ""
            # A rule that reads what was written to since cannot run again; of the only one, the gradient is known.
            share = node.gradient if len(edges) == 1 and edge.gradient is None else edge.gradient
            lines.append((rule + more, label(by_id[edge.head]), figures(share)))
        if node.undrawn or node.undrawn_share is not None:
            lines.append((f"folded, {node.undrawn or 'more arrows'}", "", figures(node.undrawn_share)))
        if node.reason:
            lines.append((node.reason, "", figures(node.difference)))
        for i, (rule, head, gradient) in enumerate(lines):
            name = (label(node), shape(node)) if i == 0 else ("", "")
            rows.append((*name, f"{'+ ' if i else ''}{rule}", head, gradient))
        if len(lines) > 1 and node.gradient is not None:
            rows.append(("", "", "= the sum", "", figures(node.gradient)))
    return rows


def undrawn(node: Node) -> list[str]:
    """Describe the arrows of a value that are not drawn, and the gradient that comes back along them."""
    share = figures(node.undrawn_share)
    return [node.undrawn, *([f"share: {share}"] if share else [])] if node.undrawn else []


def equation(node: Node) -> str:
    return clip(f"{node.title} = {node.text}" if node.title and node.text else label(node))


def label(node: Node) -> str:
    return clip(node.title or node.text)


def shape(node: Node) -> str:
    """Return the shape, and the dtype if it is not float64, int64 or bool."""
    usual = node.dtype is None or node.dtype.name in ("float64", "int64", "bool")
    return ("" if node.shape is None else str(node.shape)) + ("" if usual else f" {node.dtype.name}")


def figures(values: object) -> str:
    return brief(values) if hasattr(values, "dtype") else ""


def clip(words: str) -> str:
    return shortened(printable(words), WORDS)


def table(rows: Iterable[Row]) -> str:
    """Align rows in columns."""
    rows = list(rows)
    return "\n".join(f"  {line}".rstrip() for line in aligned(rows, "<" * len(rows[0]))) if rows else ""


# Mermaid's own entities: a name is only a name.
ENTITIES = str.maketrans({c: f"#{ord(c)};" for c in '#&<>"`;\\'})


def mermaid(scene: Scene, direction: str = "both") -> str:
    """A flowchart's source."""
    lines = ["flowchart TB", *groups(scene, direction)]
    lines += [mermaid_arrow(edge, direction) for edge in scene.edges if edge.drawn]
    for kind, (fill, border, style, _) in KINDS.items():
        if any(node.kind == kind for node in scene.nodes):
            dashes = ",stroke-dasharray:4" if "dashed" in style else ""
            lines.append(f"classDef {kind} fill:{fill},stroke:{border},color:{INK}{dashes}")
    lines += [f"%% folded: {clip(words)}" for words in scene.folded]
    return "\n".join(lines) + "\n"


def groups(scene: Scene, direction: str) -> list[str]:
    """Return the boxes, those of a scope inside its frame."""
    members = {scope: [mermaid_box(node, direction) for node in nodes] for scope, nodes in scene.frames().items()}
    for i, scope in list(enumerate(members))[:0:-1]:  # the inner frames first
        members[scope[:-1]][:0] = [f"subgraph s{i}[{quoted(clip(scope[-1]))}]", *members[scope], "end"]
    return members[()]


def mermaid_box(node: Node, direction: str) -> str:
    words = [f"{equation(node)} {shape(node)}".strip()]
    if direction != "backward" and (value := figures(node.value)):
        words.append(f"value {value}")
    if direction != "forward" and (gradient := figures(node.gradient)):
        words.append(f"gradient {gradient}")
        if node.reason:
            words.append(f"{node.reason}: {figures(node.difference)}")
    words += [", ".join(undrawn(node))] if node.undrawn else []
    return f"{node.id}[{quoted(*words)}]:::{node.kind}"


def mermaid_arrow(edge: Edge, direction: str) -> str:
    if not edge.has_rule:
        return f"{edge.tail} -.-> {edge.head}"
    words = [clip(edge.rule)] if edge.rule and direction != "forward" else []
    words += [f"and {edge.undrawn_edges} more arrows"] if edge.undrawn_edges else []
    label = f"|{quoted(*words)}|" if words else ""
    ends = (edge.head, edge.tail) if direction == "backward" else (edge.tail, edge.head)
    return f"{ends[0]} -->{label} {ends[1]}"


def quoted(*lines: str) -> str:
    words = "<br/>".join(line.translate(ENTITIES) for line in lines)
    return f'"{words or " "}"'
