"""The program of a picture: what a graph computed, and the gradients of its leaves, as NumPy source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..apply import apply
from ..context import Mode
from ..graph import Tensor, constant
from ..program import Program
from ..program.record import record
from ..program.trace import TraceError
from ..pullback import gradients
from ..walk import CUT
from .flow import raw, runs_users_code
from .model import walk
from .names import Names


def program_of(outputs: Sequence[Tensor], names: Names, title: str) -> Program:
    """The program that a graph is: its ops run once more on the same leaves, and are traced.

    Where one output was given a gradient, the leaves' gradients are part of it.
    """
    if outputs[0].edges is CUT:
        raise RuntimeError(
            "there is no source of this graph: backward(retain_graph=False) forgot it. Draw before that."
        )
    again = {id(x): x for x in walk(outputs)}
    computed = [x for x in again.values() if getattr(x, "op", None) is not None and x.edges is not CUT]
    for x in computed:
        if runs_users_code(x):
            raise RuntimeError(
                f"there is no source of this graph: its {x.op.name} calls a function of yours, which would run again. "
                "Trace the function that made the graph: print(mg.trace(f)(*args))."
            )

    def run() -> Any:
        for x in computed:
            z = again[id(x)] = apply(x.op, tuple(again.get(id(a), a) for a in x.args), x.params)
            z.name = names(x)
        ends = [again[id(x)] for x in outputs]
        found = leaf_gradients(ends[0], outputs[0], names) if len(ends) == 1 else []
        return (*ends, *found) if len(ends) + len(found) > 1 else ends[0]

    run.__name__ = title
    try:
        with Mode(recording=True):
            steps = record(run, (), {})[1]
    except TraceError:
        raise RuntimeError(
            "there is no source of this graph: how many entries one of its values has depends on others, and a "
            "program's shapes are fixed. Choose with mg.where instead of an index of booleans."
        ) from None
    for value in steps.inputs():
        value.name = names(value.of) or value.name
    return Program(steps)


def leaf_gradients(end: Tensor, output: Tensor, names: Names) -> list[Any]:
    """The gradients of the leaves, where the output was given one; each is called `d_` and what its leaf is called."""
    if output._grad is None or not end.edges:
        return []
    arrows = [x for node in walk([end]) for x, _ in getattr(node, "edges", ())]
    leaves = list(dict.fromkeys(x for x in arrows if x.op is None))
    start = None if output.ndim == 0 else constant(raw(output._grad))
    if start is not None:
        start.name = f"d_{names(output) or 'output'}"
    found = list(gradients(end, leaves, start))
    for leaf, g in zip(leaves, found, strict=True):
        name = names(leaf)
        if name and g.name is None:
            g.name = f"d_{name}"
    return found
