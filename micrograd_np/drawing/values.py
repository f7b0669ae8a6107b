"""Put numbers into a scene: values, gradients, and on each arrow the share of the gradient that its rule sends."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.backward import FREED, fitted, pull_arrays
from ..core.context import tracing
from ..core.names import format_location
from ..core.tensor import Tensor, as_ndarray
from ..core.versions import as_used, check_unwritten
from ..expressions import rules
from ..expressions.phrases import Phrase, short
from ..program.trace import TraceError
from .graph import is_box
from .scene import NO_BACKWARD, Edge, Node, Scene

EARLIER = "from an earlier backward"
ELSEWHERE = "from elsewhere: another backward, output or write"


def fill(scene: Scene) -> Scene:
    """Set the current numbers of a scene's boxes and arrows.

    The boxes then let go of their tensors, so a scene can be filled once.
    """
    if tracing():
        raise TraceError(
            "mg.draw and mg.explain cannot run inside a function while mg.trace or mg.compile records it: there are no "
            "numbers yet. Draw what it returns, or its program: mg.draw(mg.trace(f)(...))."
        )
    by_id, incoming, outgoing = scene.by_id(), scene.incoming_edges(), scene.gradient_edges()
    z_is_taken = any(node.name == "z" for node in scene.nodes)
    for node in scene.nodes:
        set_value(node)
    for node in scene.nodes:
        x, edges = node.graph_value, incoming.get(node.id, [])
        if node.members:
            sums = gradients_sent(node.members)
            for edge in edges:
                edge.gradient = only_part(sums.get(id(by_id[edge.tail].graph_value)))
        elif node.kind != "fold" and isinstance(x, Tensor) and x.op is not None:
            for edge in edges:
                memory = getattr(by_id[edge.tail].graph_value, "_memory", None)
                if memory and memory.written > x._order:
                    by_id[edge.tail].state = "updated since"
            set_rules(node, edges, z_is_taken, scene.g)
    for node in scene.nodes:
        set_shares(node, outgoing.get(node.id, []))
    for node in scene.nodes:
        node.graph_value, node.members = None, []
    return scene


def set_value(node: Node) -> None:
    """Set the value, the gradient and the state of one box."""
    x = node.graph_value
    if not isinstance(x, Tensor):
        if node.value is None and x is not None:
            node.value = x.copy()
        node.state = node.kind
        node.shape, node.dtype = getattr(x, "shape", None), getattr(x, "dtype", None)
        return
    node.where = format_location(x._created_at) if x._created_at else ""
    if isinstance(x._data, tuple):
        node.state = f"{len(x._data)} output{'s' if len(x._data) > 1 else ''}"
        return
    node.value = x._data if x.op is not None else x._data.copy()
    node.gradient = as_ndarray(x.grad)
    node.shape, node.dtype = x._data.shape, x._data.dtype
    if node.kind in ("constant", "frozen"):
        node.state = node.kind
    elif x._paths is FREED:
        node.state = "graph forgotten"
    elif x.grad is None:
        node.state = NO_BACKWARD


def set_rules(node: Node, edges: list[Edge], z_is_taken: bool, g_name: str) -> None:
    """Write the formula of each rule of an op on its arrow, with the gradient that the rule sends along it."""
    x = node.graph_value
    if runs_users_code(x) or x._paths is FREED:
        return
    by_position = {edge.position: edge for edge in edges}
    of_z = node.phrase if node.title or z_is_taken else None  # None: the rules' own z
    names = [of_z, *[argument_phrase(a, by_position.get(i)) for i, a in enumerate(x.args)]]
    has_gradient = x.grad is not None and is_unwritten(x)
    g = as_ndarray(x.grad) if has_gradient else None
    z, values = as_used(x)
    for position, plain in x._paths:
        if edge := by_position.get(position):
            rule = fitted(plain, position, x.op.broadcasts)
            with np.errstate(all="ignore"):
                sent, formula = rules.read_rule(rule, g, z, values, x.params, names, g_name)
            edge.rule = formula or f"{x.op.name}'s rule for {edge.argument}"
            edge.gradient = only_part(sent) if has_gradient else None


def gradients_sent(members: list[Any]) -> dict[int, Any]:
    """Return, by the id of each value outside of a fold, the sum of what the fold's ops send to it.

    The sum is None if a part of it cannot be computed.
    """
    inside = set(map(id, members))
    sums: dict[int, Any] = {}
    unknown: set[int] = set()
    for op in members:
        outside = {id(op.args[i]) for i, _ in op._paths if op.args} - inside
        if outside and (op.grad is None or runs_users_code(op) or not is_unwritten(op)):
            unknown |= outside
        elif outside:
            with np.errstate(all="ignore"):
                pulled = pull_arrays(op, as_ndarray(op.grad))
            for x, part in pulled:
                sums[id(x)] = sums[id(x)] + part if id(x) in sums else part
    return sums | dict.fromkeys(unknown)


def only_part(sent: Any) -> Any:
    """Return what a rule sends; of a tuple, which is for several outputs, the one entry that is not None."""
    return next((part for part in sent if part is not None), None) if isinstance(sent, tuple) else sent


def runs_users_code(x: Tensor) -> bool:
    """Return whether a rule calls the user's own code, such as a hook: a picture must not run that once more."""
    return any(callable(value) and not isinstance(value, type) for value in x.params.values())


def argument_phrase(x: Any, edge: Edge | None) -> Phrase | None:
    """Return how formulas write an argument: its name, how it was made, or its number."""
    if not is_box(x):
        return short(x)
    return edge.phrase if edge and edge.phrase.text else None


def is_unwritten(x: Tensor) -> bool:
    """Return whether the values that an op's rules read are as they were when the op ran."""
    try:
        check_unwritten(x)
    except RuntimeError:
        return False
    return True


def set_shares(node: Node, edges: list[Edge]) -> None:
    """Set the shares of a gradient, and its difference from their sum, with the reason for it."""
    parts = [edge.gradient for edge in edges]
    if parts and node.kind != "output" and not any(part is None for part in (node.gradient, *parts)):
        with np.errstate(all="ignore"):
            total = sum(parts[1:], parts[0])
            difference = node.gradient - total
            if not is_small(difference, total, node.gradient):
                node.difference = difference
                node.reason = EARLIER if not node.op and is_multiple(difference, total) else ELSEWHERE
    for edge in edges if len(edges) > 1 or node.reason else ():  # else the gradient in the box is the only share
        edge.share = edge.gradient
    undrawn = [edge.gradient for edge in edges if not edge.drawn and edge.gradient is not None]
    if undrawn and node.gradient is not None:  # of a fold that several values leave, shapes may differ
        node.undrawn_share = sum(undrawn[1:], undrawn[0])


def is_small(difference: Any, *of: Any) -> bool:
    """Return whether a difference is only rounding; a nan counts as rounding, so that no reason is claimed for it."""
    sizes = [np.abs(x).max(initial=0) for x in of]
    is_large = np.abs(difference).max(initial=0) > max(sizes) * np.sqrt(np.finfo(difference.dtype).eps)
    return not is_large  # of a nan, too


def is_multiple(difference: Any, total: Any) -> bool:
    """Return whether earlier runs of the same backward pass explain a difference: it is a multiple of the total."""
    times = np.rint(np.sum(difference * total) / np.sum(total * total))
    return bool(times >= 1) and is_small(difference - times * total, difference)
