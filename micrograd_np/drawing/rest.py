"""What a gradient has beside the parts that the picture shows, and where that came from."""

from __future__ import annotations

from typing import Any

import numpy as np

from .model import Edge, Node, Scene

EARLIER = "from an earlier backward"
WRITTEN = "by values written since"
ELSEWHERE = "from elsewhere: another backward, output or write"


def account(scene: Scene) -> None:
    """Give each box whose gradient is not the sum of its parts the difference, and its reason."""
    by_id = {node.id: node for node in scene.nodes}
    leaving: dict[str, list[Edge]] = {}
    for edge in scene.edges:
        if edge.flows:
            leaving.setdefault(edge.tail, []).append(edge)
    for node in scene.nodes:
        edges = leaving.get(node.id, [])
        known = node.gradient is not None and all(edge.gradient is not None for edge in edges)
        if edges and known and node.kind not in ("input", "output", "fold"):
            with np.errstate(all="ignore"):
                compare(node, edges, by_id)


def compare(node: Node, edges: list[Edge], by_id: dict[str, Node]) -> None:
    """The rest of one gradient, where it is more than rounding."""
    parts = [edge.gradient for edge in edges]
    whole = sum(parts[1:], parts[0])
    rest = node.gradient - whole
    if is_small(rest, whole, node.gradient):
        return
    node.rest = rest
    if any(is_written(by_id[edge.head].source) for edge in edges):
        node.reason = WRITTEN
    else:
        node.reason = EARLIER if not node.op and is_multiple(rest, whole) else ELSEWHERE


def is_small(difference: Any, *of: Any) -> bool:
    """Whether a difference is rounding; where there is no number, nothing is claimed."""
    sizes = [np.abs(x).max(initial=0) for x in of]
    return not np.abs(difference).max(initial=0) > max(sizes) * np.sqrt(np.finfo(difference.dtype).eps)


def is_multiple(rest: Any, whole: Any) -> bool:
    """Whether the same backward pass, run before, gave the rest."""
    times = np.rint(np.sum(rest * whole) / np.sum(whole * whole))
    return bool(times >= 1) and is_small(rest - times * whole, rest)


def is_written(made: Any) -> bool:
    """Whether what an op was made from, or what it gave, was written to: its kernel would now give something else."""
    try:
        again = made.op.kernel(*made.values, **made.params)
        return not np.allclose(again, made._data, equal_nan=True)
    except Exception:  # a kernel that cannot run twice says nothing
        return False
