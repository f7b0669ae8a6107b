"""Programs and pictures: a traced program as a scene, and the program that a graph is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core.backward import FREED, operands
from ..core.context import Mode
from ..core.dispatch import apply
from ..core.errors import UsageError
from ..core.tensor import Tensor, constant
from ..expressions.phrases import Phrase, short
from ..program import Program
from ..program.ir import CONSTANT, Value
from ..program.outside import Outside
from ..program.record import record
from ..program.source import Source
from ..program.trace import TraceError
from ..transforms import gradients
from .graph import ops_of, walk
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
    return Scene(list(boxes.values()), edges, whole=len(boxes), program=True)


def program_box(id: str, kind: str, name: str | None, value: Value) -> Node:
    return Node(id, kind, name, None, phrase=Phrase(name or ""), shape=value.shape, dtype=value.dtype)


def input_phrase(x: Any, boxes: dict[Value, Node]) -> Phrase:
    """Return how an input of a step is written."""
    if not isinstance(x, Value):
        return short(x)
    return short(x.of) if x.kind == CONSTANT else boxes[x].phrase


def program_of(outputs: Sequence[Tensor], names: Mapping[int, str | None], title: str) -> Program:
    """The program that a graph is: its ops run once more on the same leaves, and are traced.

    Where one output was given a gradient, the leaves' gradients are part of it. Names are those of values by their ids.
    """
    if outputs[0]._paths is FREED:
        raise UsageError("there is no source of this graph: backward(retain_graph=False) forgot it. Draw before that.")
    again = {id(x): x for x in walk(outputs)}
    given = [(used, x) for node in list(again.values()) for used, x in taken_arrays(node)]
    names = {**names, **{id(used): names.get(id(x)) for used, x in given}}
    computed = [x for x in again.values() if getattr(x, "op", None) is not None and x._paths is not FREED]
    for x in computed:
        if runs_users_code(x):
            raise UsageError(
                f"there is no source of this graph: its {x.op.name} calls a function of yours, of which only you have "
                "the source."
            )

    def run() -> Any:
        for x in computed:
            z = again[id(x)] = apply(x.op, tuple(again.get(id(a), a) for a in operands(x)[1:]), x.params)
            z.name = names.get(id(x))
        ends = [again[id(x)] for x in outputs]
        found = leaf_gradients(ends[0], outputs[0], names) if len(ends) == 1 else []
        return (*ends, *found) if len(ends) + len(found) > 1 else ends[0]

    run.__name__ = title
    try:
        with Mode(recording=True):
            # The graph's own arrays are inputs of the program, as leaves are: they were there before it ran.
            arrays = [*(used for used, _ in given), *(raw(x._grad) for x in outputs if x._grad is not None)]
            steps = record(run, (), {}, outside=Outside(run, [arrays], strict=False))[1]
            if steps.spoiled:
                raise TraceError(steps.spoiled)
    except TraceError:
        raise UsageError(
            "there is no source of this graph: how many entries one of its values has depends on others, and a "
            "program's shapes are fixed. Choose with mg.where instead of an index of booleans."
        ) from None
    for value in steps.inputs():
        value.name = names.get(id(value.of)) or value.name
    steps.arguments[:] = steps.inputs()  # the picture names them all; none needs to be explained
    return Program(steps)


def taken_arrays(node: Any) -> list[tuple[Any, Any]]:
    """Return the plain arrays that an op took: each with its values at that time, and the user's array."""
    pairs = zip(getattr(node, "_values", ()), getattr(node, "args", ()), strict=True)
    return [(used, x) for used, x in pairs if not isinstance(x, Tensor)]


def leaf_gradients(end: Tensor, output: Tensor, names: Mapping[int, str | None]) -> list[Any]:
    """Return the gradients of the leaves if the output has one; the name of each is `d_` and its leaf's name."""
    if output._grad is None or not end._parents:
        return []
    arrows = [x for node in walk([end]) for x, _ in getattr(node, "_parents", ())]
    leaves = list(dict.fromkeys(x for x in arrows if x.op is None))
    start = None if output.ndim == 0 else constant(raw(output._grad))
    if start is not None:
        start.name = f"d_{names.get(id(output)) or 'output'}"
    found = list(gradients(end, leaves, start))
    for leaf, g in zip(leaves, found, strict=True):
        name = names.get(id(leaf))
        if name and g.name is None:
            g.name = f"d_{name}"
    return found


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
