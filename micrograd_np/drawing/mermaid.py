"""The scene as a Mermaid flowchart: for pages that draw it themselves, such as a README on GitHub."""

from __future__ import annotations

from .palette import INK, KINDS
from .scene import Edge, Node, Scene
from .text import clip, number, said, shape

# Mermaid's own entities: a name is only a name.
ENTITIES = str.maketrans({c: f"#{ord(c)};" for c in '#&<>"`;\\'})


def mermaid(scene: Scene, direction: str = "both") -> str:
    """A flowchart's source."""
    lines = ["flowchart TB", *group(scene, direction, ())]
    lines += [arrow(edge, direction) for edge in scene.edges if edge.drawn]
    for kind, (fill, border, style, _) in KINDS.items():
        if any(node.kind == kind for node in scene.nodes):
            dashes = ",stroke-dasharray:4" if "dashed" in style else ""
            lines.append(f"classDef {kind} fill:{fill},stroke:{border},color:{INK}{dashes}")
    lines += [f"%% folded: {clip(words)}" for words in scene.folded]
    return "\n".join(lines) + "\n"


def group(scene: Scene, direction: str, scope: tuple[str, ...]) -> list[str]:
    """The boxes of a scope, after the scopes inside it."""
    depth = len(scope)
    inner = dict.fromkeys(node.scope[: depth + 1] for node in scene.nodes if node.scope[:depth] == scope)
    lines = []
    for deeper in inner:
        if deeper != scope:
            first = next(node.id for node in scene.nodes if node.scope[: depth + 1] == deeper)
            lines += [f"subgraph {first}_{depth}[{quoted(clip(deeper[-1]))}]", *group(scene, direction, deeper), "end"]
    return lines + [box(node, direction) for node in scene.nodes if node.scope == scope]


def box(node: Node, direction: str) -> str:
    words = [f"{said(node)} {shape(node)}".strip()]
    if direction != "backward" and (value := number(node.value)):
        words.append(f"value {value}")
    if direction != "forward" and (gradient := number(node.gradient)):
        words.append(f"gradient {gradient}")
        if node.reason:
            words.append(f"{node.reason}: {number(node.rest)}")
    words += [node.more] if node.more else []
    return f"{node.id}[{quoted(*words)}]:::{node.kind}"


def arrow(edge: Edge, direction: str) -> str:
    if not edge.flows:
        return f"{edge.tail} -.-> {edge.head}"
    words = [clip(edge.rule)] if edge.rule and direction != "forward" else []
    words += [f"and {edge.others} more arrows"] if edge.others else []
    label = f"|{quoted(*words)}|" if words else ""
    ends = (edge.head, edge.tail) if direction == "backward" else (edge.tail, edge.head)
    return f"{ends[0]} -->{label} {ends[1]}"


def quoted(*lines: str) -> str:
    words = "<br/>".join(line.translate(ENTITIES) for line in lines)
    return f'"{words or " "}"'
