"""Programs and pictures: a traced program as a scene, and the program that a graph is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.backward import FREED
from ..core.tensor import Tensor
from ..expressions.phrases import short
from ..program import Program
from ..program.ir import Value
from ..program.source import Source
from .graph import Graph, ops_of
from .values import raw, runs_users_code

SHORT = 300  # ops of a graph that is run again for each entry
ENTRIES = 64  # of all leaves together


@dataclass(eq=False)
class Operation:
    """A step of a program, with what the graph of a picture reads of one."""

    op: Any
    args: tuple[Any, ...]
    params: dict[str, Any]
    shape: Any
    dtype: Any
    _created_at: Any


def program_graph(program: Program) -> Graph:
    """Return the graph of a program; it has no numbers, which come with each call."""
    steps = program.simple
    source = Source(steps)
    source.text()
    names = source.naming.given
    ends = [*steps.result, *(value for _, value in steps.writes), *(g for _, g in steps.gradients)]
    final = {end for end in ends if isinstance(end, Value)}
    changed = {target for target, _ in [*steps.writes, *steps.gradients]}
    made: dict[Value, Any] = {value: value for value in steps.inputs()}
    kinds = ["leaf" if value in changed else "constant" for value in made]
    titles: list[str | None] = [names[value] for value in made]
    for step in steps.steps:
        args = tuple(made.get(x, short(x.of)) if isinstance(x, Value) else x for x in step.inputs)
        output = step.output
        made[output] = Operation(step.op, args, step.params, output.shape, output.dtype, step.where)
        kinds.append("output" if output in final else "operation")
        titles.append(names.get(output) or source.naming.suggested(output))
    values = list(made.values())
    return Graph(values, kinds, titles, {id(x): i for i, x in enumerate(values)}, program=True)


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
