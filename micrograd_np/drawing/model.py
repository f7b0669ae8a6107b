"""The picture model: what every renderer shows. The same walk as backward's, in words and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..graph import CUT, Tensor
from . import formulas
from .formulas import Phrase
from .names import Names

LONGEST = 28


@dataclass
class Node:
    """A box: a value, how it was made, and the gradient that reached it."""

    id: str
    kind: str  # constant, frozen, leaf, operation or output
    name: str | None
    text: str  # how it was made: `l1 @ syn1`
    source: Any = field(repr=False)
    value: Any = None
    gradient: Any = None
    state: str = ""  # why there is no gradient, or what happened to the value
    where: str = ""
    scope: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return self.name or self.text


@dataclass
class Edge:
    """An arrow: a value goes into an op, and a gradient comes back along it."""

    tail: str
    head: str
    position: int
    argument: str  # what the op's rules call it: x, y, ...
    flows: bool = False  # whether the op has a rule for this argument
    rule: str = ""
    gradient: Any = None  # what the rule sent
    part: Any = None  # the same, where others arrive at the tail as well


@dataclass
class Scene:
    """A whole picture, before any renderer has seen it: boxes in the order of computation."""

    nodes: list[Node]
    edges: list[Edge]
    folded: list[str] = field(default_factory=list)


def walk(outputs: Sequence[Tensor]) -> list[Any]:
    """Every value that the outputs were made from, arguments before results."""
    ops: dict[int, Tensor] = {}
    pending = [x for x in outputs if x.op is not None]
    while pending:
        node = pending.pop()
        if id(node) not in ops:
            ops[id(node)] = node
            pending += [x for x in node.args if getattr(x, "op", None) is not None]
    order: dict[int, Any] = {}
    for node in sorted(ops.values(), key=lambda node: node.birth):
        for x in node.args:
            if is_box(x):
                order.setdefault(id(x), x)
        order[id(node)] = node
    for x in outputs:
        order.setdefault(id(x), x)
    return list(order.values())


def is_box(x: Any) -> bool:
    """Whether an argument is a box of its own: numbers are written into the op's."""
    return isinstance(x, Tensor) or getattr(x, "ndim", 0) > 0


def build(outputs: Sequence[Tensor], names: Names) -> Scene:
    """The scene of a graph, its boxes and arrows named; numbers come later."""
    values = walk(outputs)
    ids = {id(x): f"n{i}" for i, x in enumerate(values)}
    final = {id(x) for x in outputs}
    phrases: dict[int, Phrase] = {}
    nodes = []
    edges = []
    for x in values:
        args = x.args if isinstance(x, Tensor) else ()
        name = names(x)
        text = made(x, [phrases[id(a)] if is_box(a) else formulas.literal(a) for a in args])
        short = text if len(text.text) <= LONGEST else Phrase("…")
        phrases[id(x)] = Phrase(name) if name else short
        nodes.append(Node(ids[id(x)], kind(x, id(x) in final), name, text.text, source=x))
        flowing = routes(x)
        letters = formulas.letters(x.edges[0][1], len(args)) if args else []
        for i, (a, letter) in enumerate(zip(args, letters, strict=True)):
            if is_box(a):
                edges.append(Edge(ids[id(a)], ids[id(x)], i, letter, i in flowing))
    return Scene(nodes, edges)


def kind(x: Any, final: bool) -> str:
    if not isinstance(x, Tensor):
        return "constant"
    if x.op is not None:
        return "output" if final else "operation"
    return "leaf" if x.requires_grad else "constant" if x.grad is None else "frozen"


def made(x: Any, args: list[Phrase]) -> Phrase:
    """How a value was made, as a formula; a leaf was made by nothing."""
    if getattr(x, "op", None) is None:
        return Phrase(kind(x, False))
    return formulas.written(x.op, args, x.params) if args else Phrase(x.op.name)


def routes(x: Any) -> dict[int, Any]:
    """The rule of each argument to which a gradient flows."""
    found: dict[int, Any] = {}
    if getattr(x, "op", None) is None or x.edges is CUT:
        return found
    start = 0
    for tensor, rule in x.edges:
        start = next(i for i in range(start, len(x.args)) if x.args[i] is tensor and x.op.rules[i] is not None)
        found[start] = rule
        start += 1
    return found
