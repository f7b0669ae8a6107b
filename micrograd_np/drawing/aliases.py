"""Where mg.grad and its kin give a function its own view of a value, a picture shows the value."""

from __future__ import annotations

from .model import Scene
from .renamed import rename


def see_through(scene: Scene) -> Scene:
    """A scene without aliases: what reads one, reads what it is an alias of, under the first name that either has."""
    by_id = {node.id: node for node in scene.nodes}
    alias = {edge.head: edge.tail for edge in scene.edges if by_id[edge.head].op == "alias"}
    alias = {id: tail for id, tail in alias.items() if by_id[id].kind != "output"}
    if not alias:
        return scene
    for id, tail in alias.items():  # in the order of computation, so that what a tail is an alias of is known
        alias[id] = alias.get(tail, tail)
        value = by_id[alias[id]]
        value.name = value.name or by_id[id].name
    scene.nodes = [node for node in scene.nodes if node.id not in alias]
    scene.edges = [edge for edge in scene.edges if edge.head not in alias]
    for edge in scene.edges:
        edge.tail = alias.get(edge.tail, edge.tail)
    operations = {node.id: node.id for node in scene.nodes if node.op}
    rename(scene, operations, operations, ())
    return scene
