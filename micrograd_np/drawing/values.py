"""Put numbers into a scene: values, gradients, and along each arrow the part of the gradient that it sends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..core.backward import FREED, fit
from ..core.context import tracing
from ..core.names import format_location
from ..core.tensor import Tensor
from ..core.versions import as_used, check_unwritten
from ..expressions import rules
from ..expressions.phrases import Phrase, short
from ..program.trace import TraceError
from .graph import is_box, ops_of
from .scene import Edge, Node, Scene, routes

Memory = dict[Any, Any]


def fill(scene: Scene, memory: Memory | None = None) -> Scene:
    """Give the boxes and arrows of a scene, and of those in which a fold is open, their numbers as they are now.

    `memory` holds what these scenes share: copies of leaves, and what each rule sent.
    """
    if tracing():
        raise TraceError(
            "a traced function has no numbers to draw or explain while it is written down. Draw what it returns, or "
            "its program: mg.draw(mg.trace(f)(...))."
        )
    memory = {} if memory is None else memory
    for opened in scene.opened.values():
        fill(opened, memory)
    by_id, arriving = scene.by_id(), scene.arriving()
    taken = {node.name for node in scene.nodes}
    for node in scene.nodes:
        look(node, memory)
        for given in node.gives:
            look(given, memory)
            given.source = None
    for node in scene.nodes:
        edges = arriving.get(node.id, [])
        if node.members:
            pull_members(node, edges, by_id, memory)
        elif node.kind != "fold" and isinstance(node.source, Tensor) and node.source.op is not None:
            for edge in edges:
                mark_updated(by_id[edge.tail], node.source)
            pull(node, edges, taken, scene.g, memory)
    account(scene)
    shares = Counter(edge.tail for edge in scene.edges if edge.flows)
    for edge in scene.edges:
        edge.part = edge.gradient if shares[edge.tail] > 1 or by_id[edge.tail].reason else None
        tail = by_id[edge.tail]
        if not edge.drawn and edge.gradient is not None:
            tail.unshown = edge.gradient if tail.unshown is None else tail.unshown + edge.gradient
    for node in scene.nodes:
        node.source, node.members = None, []
    return scene


def pull_members(node: Node, edges: list[Edge], by_id: dict[str, Node], memory: Memory) -> None:
    """Set what a fold sends to each value outside of it."""
    key = (id(node.members[0]), id(node.members[-1]), len(node.members))
    sums = remembered(memory, key, partial(sent_by, node.members))
    for edge in edges:
        edge.gradient = single(sums.get(id(by_id[edge.tail].source)))


def sent_by(members: list[Any]) -> dict[int, Any]:
    """Return the sums of what the rules of ops send to each value outside of them, None where one is not known."""
    inside = set(map(id, members))
    sums: dict[int, Any] = {}
    unknown: set[int] = set()
    for op in members:
        sent = [(op.args[i], rule) for i, rule in op._paths if op._paths is not FREED and id(op.args[i]) not in inside]
        known = sent and op.grad is not None and not runs_users_code(op) and fresh(op)
        z, values = as_used(op) if known else (None, [])
        for x, rule in sent:
            if not known:
                unknown.add(id(x))
                continue
            with np.errstate(all="ignore"):
                part = rule(raw(op.grad), z, *values, **op.params)
            if hasattr(part, "dtype"):
                part = fit(part, x._data, op.op.broadcasts)
            sums[id(x)] = part if id(x) not in sums else sums[id(x)] + part
    return sums | dict.fromkeys(unknown)


def look(node: Node, memory: Memory) -> None:
    """Set the value, the gradient and the state of one box."""
    x = node.source
    if not isinstance(x, Tensor):
        node.value = remembered(memory, id(x), x.copy) if node.value is None and x is not None else node.value
        node.state = node.kind
        node.shape, node.dtype = getattr(x, "shape", None), getattr(x, "dtype", None)
        return
    node.value = x._data if x.op is not None else remembered(memory, id(x), x._data.copy)
    node.gradient = raw(x.grad)
    node.where = format_location(x._created_at) if x._created_at else ""
    if isinstance(x._data, tuple):
        node.value, node.gradient, node.state = None, None, f"{len(x._data)} output{'s' if len(x._data) > 1 else ''}"
        return
    node.shape, node.dtype = x._data.shape, x._data.dtype
    if node.kind in ("constant", "frozen"):
        node.state = node.kind
    elif x._paths is FREED:
        node.state = "graph forgotten"
    elif x.grad is None:
        node.state = "no backward yet"


def remembered(memory: Memory, key: Any, make: Callable[[], Any]) -> Any:
    if key not in memory:
        memory[key] = make()
    return memory[key]


def raw(x: Any) -> Any:
    return x._data if isinstance(x, Tensor) else x


def mark_updated(node: Node, user: Tensor) -> None:
    """Mark a leaf that was written to after an op had read it: it no longer holds what the op saw."""
    memory = getattr(node.source, "_memory", None)
    if memory and memory.written > user._order:
        node.state = "updated since"


def pull(node: Node, edges: list[Edge], taken: set[str | None], of_g: str, memory: Memory) -> None:
    """Set the formula of each rule of an op on its arrow, and the gradient that the rule sends along it."""
    x = node.source
    if runs_users_code(x):
        return
    arriving = {edge.position: edge for edge in edges}
    names = [result_phrase(node, taken), *[argument_phrase(a, arriving.get(i)) for i, a in enumerate(x.args)]]
    known = x.grad is not None and fresh(x)
    g = raw(x.grad) if known else ones(x._data)
    z, values = as_used(x)
    for position, rule in routes(x).items():
        if edge := arriving.get(position):
            read = partial(rules.read_rule, rule, g, z, values, x.params, names, of_g)
            with np.errstate(all="ignore"):
                sent, formula = remembered(memory, (id(x), position, *names), read)
            edge.rule = formula or f"{x.op.name}'s rule for {edge.argument}"
            edge.gradient = single(sent) if known else None


def single(sent: Any) -> Any:
    """Return the one part that is sent to one of several outputs, without the Nones for the others."""
    return next((part for part in sent if part is not None), None) if isinstance(sent, tuple) else sent


def runs_users_code(x: Tensor) -> bool:
    """Return whether a rule calls the user's own code, such as a hook: a picture must not run that once more."""
    return any(callable(value) and not isinstance(value, type) for value in x.params.values())


def result_phrase(node: Node, taken: set[str | None]) -> Phrase | None:
    """Return the name of an op's result in formulas; None stands for the rules' own z, if the user has no z."""
    return node.phrase if node.title or "z" in taken else None


def argument_phrase(x: Any, edge: Edge | None) -> Phrase | None:
    """Return how formulas write an argument: its name, how it was made, or its number."""
    if not is_box(x):
        return short(x)
    return edge.word if edge and edge.word.text else None


def fresh(x: Tensor) -> bool:
    try:
        check_unwritten(x)
    except RuntimeError:
        return False
    return True


def ones(z: Any) -> Any:
    """Return a cotangent of ones in the right shapes, for a formula without numbers."""
    return type(z)(map(ones, z)) if isinstance(z, tuple) else np.ones_like(z)


EARLIER = "from an earlier backward"
ELSEWHERE = "from elsewhere: another backward, output or write"


def account(scene: Scene) -> None:
    """Give each box whose gradient is not the sum of its parts the difference, and its reason."""
    leaving = scene.leaving()
    for node in scene.nodes:
        edges = leaving.get(node.id, [])
        known = node.gradient is not None and all(edge.gradient is not None for edge in edges)
        if edges and known and node.kind != "output":
            with np.errstate(all="ignore"):
                compare(node, edges)


def compare(node: Node, edges: list[Edge]) -> None:
    """Set the part of one gradient that the arrows do not explain, if it is more than rounding."""
    parts = [edge.gradient for edge in edges]
    whole = sum(parts[1:], parts[0])
    rest = node.gradient - whole
    if is_small(rest, whole, node.gradient):
        return
    node.rest = rest
    node.reason = EARLIER if not node.op and is_multiple(rest, whole) else ELSEWHERE


def is_small(difference: Any, *of: Any) -> bool:
    """Return whether a difference is only rounding; a nan counts as rounding, so that no reason is claimed for it."""
    sizes = [np.abs(x).max(initial=0) for x in of]
    return not np.abs(difference).max(initial=0) > max(sizes) * np.sqrt(np.finfo(difference.dtype).eps)


def is_multiple(rest: Any, whole: Any) -> bool:
    """Return whether earlier runs of the same backward pass explain the rest: it is a multiple of the whole."""
    times = np.rint(np.sum(rest * whole) / np.sum(whole * whole))
    return bool(times >= 1) and is_small(rest - times * whole, rest)


SHORT = 300  # ops of a graph that is run again for each entry
ENTRIES = 64  # of all leaves together


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
