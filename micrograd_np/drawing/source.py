"""The program of a picture: what a graph computed, and the gradients of its leaves, as NumPy source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..core.backward import CUT, operands
from ..core.context import Mode
from ..core.dispatch import apply
from ..core.tensor import Tensor, constant
from ..program import Program
from ..program.record import record
from ..program.trace import TraceError
from ..pullback import gradients
from .flow import raw, runs_users_code
from .model import walk


def program_of(outputs: Sequence[Tensor], names: Mapping[int, str | None], title: str) -> Program:
    """The program that a graph is: its ops run once more on the same leaves, and are traced.

    Where one output was given a gradient, the leaves' gradients are part of it. Names are those of values by their ids.
    """
    if outputs[0].paths is CUT:
        raise RuntimeError(
            "there is no source of this graph: backward(retain_graph=False) forgot it. Draw before that."
        )
    again = {id(x): x for x in walk(outputs)}
    given = [(used, x) for node in list(again.values()) for used, x in taken_arrays(node)]
    names = {**names, **{id(used): names.get(id(x)) for used, x in given}}
    computed = [x for x in again.values() if getattr(x, "op", None) is not None and x.paths is not CUT]
    for x in computed:
        if runs_users_code(x):
            raise RuntimeError(
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
            steps = record(run, (), {})[1]
    except TraceError:
        raise RuntimeError(
            "there is no source of this graph: how many entries one of its values has depends on others, and a "
            "program's shapes are fixed. Choose with mg.where instead of an index of booleans."
        ) from None
    for value in steps.inputs():
        value.name = names.get(id(value.of)) or value.name
    return Program(steps)


def taken_arrays(node: Any) -> list[tuple[Any, Any]]:
    """The plain arrays that an op took: what they held then, and the user's own."""
    pairs = zip(getattr(node, "values", ()), getattr(node, "args", ()), strict=True)
    return [(used, x) for used, x in pairs if not isinstance(x, Tensor)]


def leaf_gradients(end: Tensor, output: Tensor, names: Mapping[int, str | None]) -> list[Any]:
    """The gradients of the leaves, where the output was given one; each is called `d_` and what its leaf is called."""
    if output._grad is None or not end.edges:
        return []
    arrows = [x for node in walk([end]) for x, _ in getattr(node, "edges", ())]
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
