"""The scene as a Mermaid flowchart: for pages that draw it themselves, such as a README on GitHub."""

from __future__ import annotations

from .palette import INK, KINDS
from .scene import Edge, Node, Scene
from .text import clip, number, said, shape, unshown

# Mermaid's own entities: a name is only a name.
ENTITIES = str.maketrans({c: f"#{ord(c)};" for c in '#&<>"`;\\'})


def mermaid(scene: Scene, direction: str = "both") -> str:
    """A flowchart's source."""
    lines = ["flowchart TB", *groups(scene, direction)]
    lines += [arrow(edge, direction) for edge in scene.edges if edge.drawn]
    for kind, (fill, border, style, _) in KINDS.items():
        if any(node.kind == kind for node in scene.nodes):
            dashes = ",stroke-dasharray:4" if "dashed" in style else ""
            lines.append(f"classDef {kind} fill:{fill},stroke:{border},color:{INK}{dashes}")
    lines += [f"%% folded: {clip(words)}" for words in scene.folded]
    return "\n".join(lines) + "\n"


def groups(scene: Scene, direction: str) -> list[str]:
    """Return the boxes, those of a scope inside its frame."""
    members: dict[tuple[str, ...], list[str]] = {(): []}
    for node in scene.nodes:
        for depth in range(len(node.scope)):
            members.setdefault(node.scope[: depth + 1], [])
        members[node.scope].append(box(node, direction))
    for i, scope in reversed(list(enumerate(members))):
        if scope:
            members[scope[:-1]][:0] = [f"subgraph s{i}[{quoted(clip(scope[-1]))}]", *members[scope], "end"]
    return members[()]


def box(node: Node, direction: str) -> str:
    words = [f"{said(node)} {shape(node)}".strip()]
    if direction != "backward" and (value := number(node.value)):
        words.append(f"value {value}")
    if direction != "forward" and (gradient := number(node.gradient)):
        words.append(f"gradient {gradient}")
        if node.reason:
            words.append(f"{node.reason}: {number(node.rest)}")
    words += [unshown(node)] if node.more else []
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
