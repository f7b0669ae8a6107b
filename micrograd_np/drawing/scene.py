"""The scene that every renderer shows: boxes, arrows and their texts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from ..core.backward import FREED, fitted
from ..core.names import Names
from ..core.tensor import Tensor
from ..expressions import rules
from ..expressions.phrases import NOTHING, Phrase, formula, short
from ..ops import TABLE
from .graph import Graph, bindings, drawn_graph

Scope = tuple[str, ...]  # labels of the frames around a box, the outermost first

LONGEST = 28
UNNAMED = Phrase("…")  # stands in formulas for a value in a fold that has no name
GRADIENTS = ("g", "grad", "gradient", "cotangent", "…")


@dataclass
class Node:
    """A box: a value, how it was made, and the gradient that reached it."""

    id: str
    kind: str  # constant, frozen, leaf, operation, output or fold
    name: str | None
    source: Any = field(repr=False)
    op: str = ""  # empty for a leaf
    text: str = ""  # how it was made: `l1 @ syn1`
    tag: str = ""  # a generated name, if the user gave none and the text is too long to serve as one
    words: list[Phrase] = field(default_factory=list)  # of an operation: how each of its arguments is written
    phrase: Phrase = NOTHING  # what formulas call it
    shape: tuple[int, ...] | None = None
    dtype: Any = None
    value: Any = None
    gradient: Any = None
    rest: Any = None  # the part of the gradient that no rule shown here sent
    reason: str = ""  # the origin of `rest`
    state: str = ""  # why there is no gradient, or what happened to the value
    more: str = ""  # the uses for which no arrow is drawn
    where: str = ""
    scope: Scope = ()
    gives: list[Node] = field(default_factory=list)  # the values that leave a fold, if there are several
    hidden: list[Any] = field(default_factory=list, repr=False)  # ops before this one for which there is no box
    members: list[Any] = field(default_factory=list, repr=False)  # of a fold: its ops
    kept: bool = False  # never folded
    unshown: Any = None  # the part of the gradient that came along arrows that are not drawn

    @property
    def title(self) -> str:
        """Return the user's name for the value or a generated one; empty if its short text serves as its name."""
        return self.name or self.tag


@dataclass
class Edge:
    """An arrow: a value goes into an op, and a gradient comes back along it."""

    tail: str
    head: str
    position: int
    argument: str  # what the op's rules call it: x, y, ...
    word: Phrase = NOTHING  # what formulas call the value that goes along it
    flows: bool = False  # whether the op has a rule for this argument
    rule: str = ""
    gradient: Any = None  # what the rule sent
    part: Any = None  # the same, where others arrive at the tail as well
    drawn: bool = True  # whether a drawing has room for it
    others: int = 0  # how many arrows that are not drawn it stands for


@dataclass
class Scene:
    """A whole picture, before any renderer has seen it: boxes in the order of computation."""

    nodes: list[Node]
    edges: list[Edge]
    folded: list[str] = field(default_factory=list)
    hidden_leaves: int = 0  # that only ops without a box use
    program: bool = False  # whether it shows steps, which have no numbers
    opened: dict[str, Scene] = field(default_factory=dict)  # for each fold that a page can open, the scene with it open
    frame: Scope = ()  # the scope that stands for the open fold
    g: str = "g"  # the name of the arriving gradient in formulas: g, unless the user has a value called g

    @property
    def walked(self) -> bool:
        """Return whether a backward pass has left gradients."""
        return any(node.gradient is not None for node in self.nodes)

    def glosses(self) -> dict[str, str]:
        """Return a line on each row that formulas mention and that needs one, by its name."""
        heads = self.by_id()
        said = [f"{edge.rule} {heads[edge.head].op}(" for edge in self.edges if edge.rule]
        names = {name for words in said for name in re.findall(r"\w+(?=\()", words)}
        return {name: row.gloss for name in sorted(names) if (row := TABLE.get(name)) and row.gloss}

    def by_id(self) -> dict[str, Node]:
        return {node.id: node for node in self.nodes}

    def arriving(self) -> dict[str, list[Edge]]:
        """Return the arrows by the box in which they end."""
        found: dict[str, list[Edge]] = {}
        for edge in self.edges:
            found.setdefault(edge.head, []).append(edge)
        return found

    def leaving(self) -> dict[str, list[Edge]]:
        """Return the arrows along which a gradient comes back, by the box that it reaches."""
        found: dict[str, list[Edge]] = {}
        for edge in self.edges:
            if edge.flows:
                found.setdefault(edge.tail, []).append(edge)
        return found


def build(outputs: Sequence[Tensor], names: Names, graph: Graph | None = None) -> Scene:
    """Return the scene of a graph, its boxes and arrows named; numbers come later."""
    graph = graph or drawn_graph(outputs)
    final = {id(x) for x in outputs}
    boxes: dict[int, Node] = {}
    read_graph(graph, names)
    titles = names.distinct(graph.values)
    taken = {name for name in titles.values() if name}
    tags = tagging(taken)
    edges = []
    for i, x in enumerate(graph.values):
        node = Node(f"n{i}", kind(x, id(x) in final), titles[id(x)], source=x)
        made = NOTHING
        if getattr(x, "op", None) is not None:
            node.op, node.scope = x.op.name, names.scope(x)
            node.hidden = graph.hidden.get(id(x), [])
            tails = [boxes.get(graph.stand_in.get(id(a), id(a))) for a in x.args]
            for a, used, tail in zip(x.args, x._values, tails, strict=True):
                if tail and a is tail.source and not isinstance(a, Tensor) and tail.value is None:
                    tail.value = used  # the array may have been written to since
            node.words = [
                UNNAMED if id(a) in graph.stand_in else tail.phrase if tail else short(a)
                for tail, a in zip(tails, x.args, strict=True)
            ]
            made = phrase_of(node)
            edges += arrows(node, tails) + hidden_arrows(node, boxes)
        entitle(node, made, tags)
        boxes[id(x)] = node
    g = next(letter for letter in GRADIENTS if letter not in taken)
    scene = Scene(list(boxes.values()), edges, g=g)
    scene.hidden_leaves = graph.hidden_leaves
    place_weights(scene, names)
    drop_single(scene)
    return scene


def read_graph(graph: Graph, names: Names) -> None:
    """Tell `names` about the whole graph: variables bound to values and calls of modules, also those of hidden ops."""
    ops = [op for x in graph.values for op in (*graph.hidden.get(id(x), ()), x) if getattr(op, "op", None) is not None]
    names.about(graph.values, ops, bindings(ops))
    for op in {id(op.scope): op for op in ops if op.scope}.values():
        names.scope(op)


def place_weights(scene: Scene, names: Names) -> None:
    """Put each weight into the group that contains all its uses; a module's inputs stay outside of its frame."""
    users: dict[str, list[Scope]] = {}
    by_id = scene.by_id()
    for edge in scene.edges:
        users.setdefault(edge.tail, []).append(by_id[edge.head].scope)
    for node in scene.nodes:
        if node.kind in ("leaf", "frozen"):
            scope = common(users.get(node.id, []))
            own = id(node.source) in names.modules
            node.scope = scope if own else tuple(takewhile(lambda label: not is_module(label), scope))


def drop_single(scene: Scene) -> None:
    """Remove the frame around a module that has only one box."""
    counts = Counter(node.scope[:depth] for node in scene.nodes for depth in range(1, len(node.scope) + 1))
    for node in scene.nodes:
        if node.scope and counts[node.scope] == 1 and is_module(node.scope[-1]):
            node.scope = node.scope[:-1]


def is_module(label: str) -> bool:
    """Return whether a group is a module's call, such as `layers.0: Linear`, and not a scope of the user."""
    return ": " in label


def common(scopes: Sequence[Scope]) -> Scope:
    """Return the outer groups that all the scopes share."""
    shared: Scope = ()
    for level in zip(*scopes, strict=False):
        if len(set(level)) > 1:
            break
        shared += level[:1]
    return shared


def arrows(node: Node, tails: list[Node | None]) -> list[Edge]:
    """Return the arrows into an operation from the boxes of its arguments."""
    flowing = routes(node.source)
    letters = rules.letters(node.source._parents[0][1], len(tails))
    return [
        Edge(tail.id, node.id, i, letter, tail.phrase, i in flowing)
        for i, (tail, letter) in enumerate(zip(tails, letters, strict=True))
        if tail
    ]


def hidden_arrows(node: Node, boxes: dict[int, Node]) -> list[Edge]:
    """Return an arrow from each box that ops without a box use, to the op that stands for them."""
    found: dict[int, Edge] = {}
    for op in node.hidden:
        flowing = [i for i, _ in op._paths]
        for i, x in enumerate(op.args):
            if id(x) in boxes:
                edge = found.setdefault(id(x), Edge(boxes[id(x)].id, node.id, -1 - len(found), ""))
                edge.flows |= i in flowing
    return list(found.values())


def phrase_of(node: Node) -> Phrase:
    """Return the formula of an operation, or its name if the graph has forgotten its arguments."""
    return formula(node.source.op, node.words, node.source.params) if node.words else Phrase(node.op)


def entitle(node: Node, made: Phrase, tags: Callable[[str], str], needed: bool = False) -> None:
    """Give a box its text, and a generated name if the text is too long or stands for several values."""
    handy = 0 < len(made.text) <= LONGEST and not several(node.source) and not needed
    node.text = made.text
    node.tag = "" if node.name or handy else tags(node.kind)
    node.phrase = Phrase(node.title) if node.title else made


def tagging(taken: set[str]) -> Callable[[str], str]:
    """Return a function that makes names for unnamed values: w1, c1, v1, ... for leaves, constants and results."""
    counts: Counter[str] = Counter()

    def tag(kind: str) -> str:
        letter = {"leaf": "w", "constant": "c", "frozen": "c"}.get(kind, "v")
        counts[letter] += 1
        found = f"{letter}{counts[letter]}"
        return tag(kind) if found in taken else found

    return tag


def kind(x: Any, final: bool) -> str:
    if not isinstance(x, Tensor):
        return "constant"
    if x.op is not None:
        return "output" if final else "operation"
    return "leaf" if x.requires_grad else "constant" if x.grad is None else "frozen"


def several(x: Any) -> bool:
    """Return whether a value is a tuple: the several outputs of one op."""
    return isinstance(getattr(x, "_data", None), tuple)


def routes(x: Any) -> dict[int, Any]:
    """Return the rules by argument position, for the arguments to which a gradient flows."""
    found: dict[int, Any] = {}
    if getattr(x, "op", None) is None or x._paths is FREED:
        return found
    start = 0
    for tensor, rule in x._parents:
        start = next(i for i in range(start, len(x.args)) if x.args[i] is tensor and x.op.rules[i] is not None)
        found[start] = fitted(rule, start, x.op.broadcasts)
        start += 1
    return found
