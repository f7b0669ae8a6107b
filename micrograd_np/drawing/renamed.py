"""After folding, names of ours and formulas anew: they speak of what is shown, and of nothing that a fold hides."""

from __future__ import annotations

from collections.abc import Container

from ..expressions.phrases import Phrase
from .model import Edge, Node, Scene, entitle, phrase_of, tagging

UNNAMED = Phrase("…")  # what formulas call a value in a fold, where neither the user nor we have a name for it


def rename(scene: Scene, owner: dict[str, str], told: Container[str], single: Container[str]) -> None:
    """Write the operations again, in a scene whose boxes are not joined yet.

    `owner` has the box of each operation, `told` those that are shown or that a fold tells about, and `single` the
    folds of which the last value alone goes on, to operations that are shown: it is called as its box is.
    """
    tags = tagging({node.title for node in scene.nodes if node.name or not node.op})
    arriving: dict[str, list[Edge]] = {}
    for edge in scene.edges:
        arriving.setdefault(edge.head, []).append(edge)
    joined = joins(owner)
    inside = {node.id: node.phrase for node in scene.nodes if not node.op}
    outside = dict(inside)
    for node in scene.nodes:
        if not node.op:
            continue
        box = owner[node.id]
        for edge in arriving.get(node.id, ()):
            near = inside if owner.get(edge.tail) == box else outside
            edge.word = node.words[edge.position] = near[edge.tail]
        if node.id in told:
            entitle(node, phrase_of(node), tags, needed=node.id in single)
        else:
            node.text, node.tag = UNNAMED.text, ""
        inside[node.id] = node.phrase if node.id in told else own(node)
        outside[node.id] = node.phrase if box not in joined or node.id in single else own(node)


def joins(owner: dict[str, str]) -> set[str]:
    """The boxes of more than one operation."""
    return {box for id, box in owner.items() if id != box}


def own(node: Node) -> Phrase:
    return Phrase(node.name) if node.name else UNNAMED
