"""Programs and pictures: a traced program as a scene, and the program that a graph is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core.backward import FREED
from ..core.tensor import Tensor
from ..expressions.phrases import Phrase, short
from ..program import Program
from ..program.ir import CONSTANT, Value
from ..program.source import Source
from .graph import ops_of
from .scene import Edge, Node, Scene, entitle, phrase_of, tagging
from .values import raw, runs_users_code

SHORT = 300  # ops of a graph that is run again for each entry
ENTRIES = 64  # of all leaves together


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
        boxes[value] = program_box(f"n{len(boxes)}", "leaf" if value in changed else "constant", names[value], value)
    for step in steps.steps:
        name = names.get(step.output) or source.naming.suggested(step.output)
        node = program_box(f"n{len(boxes)}", "output" if step.output in final else "operation", name, step.output)
        node.op, node.source = step.op.name, step
        node.words = [input_phrase(x, boxes) for x in step.inputs]
        entitle(node, phrase_of(node), tags)
        edges += [
            Edge(boxes[x].id, node.id, i, "", flows=True)
            for i, x in enumerate(step.inputs)
            if isinstance(x, Value) and x in boxes
        ]
        boxes[step.output] = node
    return Scene(list(boxes.values()), edges, program=True)


def program_box(id: str, kind: str, name: str | None, value: Value) -> Node:
    return Node(id, kind, name, None, phrase=Phrase(name or ""), shape=value.shape, dtype=value.dtype)


def input_phrase(x: Any, boxes: dict[Value, Node]) -> Phrase:
    """Return how an input of a step is written."""
    if not isinstance(x, Value):
        return short(x)
    return short(x.of) if x.kind == CONSTANT else boxes[x].phrase


def nudge(outputs: Sequence[Tensor], leaves: Mapping[int, str]) -> dict[str, list[float]]:
    """Return how a scalar output changes when 0.001 is added to an entry of a leaf, by box: each graph is run again.

    Random numbers are arguments of ops, and stay as they were.
    """
    ops, changes = ops_of(outputs), {}
    if len(outputs) != 1 or outputs[0].size != 1 or len(ops) > SHORT or any(map(runs_users_code, ops)):
        return {}
    used = {id(x): x for op in ops for x in op.args if id(x) in leaves}
    if sum(x.size for x in used.values()) > ENTRIES or any(x._paths is FREED for x in ops):
        return {}
    before = rerun(ops, {})
    for key, leaf in used.items():
        found = []
        for i in range(leaf.size):
            moved = raw(leaf).astype(float)
            moved.flat[i] += 0.001
            found.append(float(np.ravel(rerun(ops, {key: moved.astype(leaf.dtype)}) - before)[0]))
        changes[leaves[key]] = found
    return changes


def rerun(ops: Sequence[Tensor], values: dict[int, Any]) -> Any:
    """Return the last op's value with other values of some leaves."""
    values = dict(values)
    with np.errstate(all="ignore"):
        for op in ops:
            args = [values.get(id(x), used) for x, used in zip(op.args, op._values, strict=True)]
            values[id(op)] = op.op.kernel(*args, **(op.params or {}))
    return values[id(ops[-1])]
