"""A program as a scene: a box for each of its inputs and steps, under the names that its source gives them."""

from __future__ import annotations

from typing import Any

from ..expressions.phrases import Phrase, short
from ..program import Program
from ..program.source import Source
from ..program.values import CONSTANT, Value
from .model import Edge, Node, Scene, entitle, phrase_of, tagging


def build(program: Program) -> Scene:
    """The scene of a program; it has no numbers, which come with each call."""
    steps = program.simple
    source = Source(steps)
    source.text()
    names = source.naming.given
    ends = [*steps.result, *(value for _, value in steps.writes), *(g for _, g in steps.gradients)]
    final = {end for end in ends if isinstance(end, Value)}
    changed = {target for target, _ in [*steps.writes, *steps.gradients]}
    tags = tagging(set(names.values()))
    boxes: dict[Value, Node] = {}
    edges = []
    for value in steps.inputs():
        boxes[value] = box(f"n{len(boxes)}", "leaf" if value in changed else "constant", names[value], value)
    for step in steps.steps:
        name = names.get(step.output) or source.naming.suggested(step.output)
        node = box(f"n{len(boxes)}", "output" if step.output in final else "operation", name, step.output)
        node.op, node.source = step.op.name, step
        node.words = [said(x, boxes) for x in step.inputs]
        entitle(node, phrase_of(node), tags)
        edges += [
            Edge(boxes[x].id, node.id, i, "", flows=True)
            for i, x in enumerate(step.inputs)
            if isinstance(x, Value) and x in boxes
        ]
        boxes[step.output] = node
    return Scene(list(boxes.values()), edges, whole=len(boxes), program=True)


def box(id: str, kind: str, name: str | None, value: Value) -> Node:
    return Node(id, kind, name, None, phrase=Phrase(name or ""), shape=value.shape, dtype=value.dtype)


def said(x: Any, boxes: dict[Value, Node]) -> Phrase:
    """How an input of a step is written."""
    if not isinstance(x, Value):
        return short(x)
    return short(x.of) if x.kind == CONSTANT else boxes[x].phrase
