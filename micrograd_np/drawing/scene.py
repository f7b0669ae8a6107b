"""The scene that every renderer shows: boxes, arrows and their texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core.backward import FREED, fitted
from ..expressions import rules
from ..expressions.phrases import NOTHING, Phrase, formula, short
from ..ops import TABLE
from .collapse import Item, fold, frame_of, open_item, owners
from .graph import LEAVES, Graph, Scope, tagging

LONGEST = 28  # letters of a formula that serves as the name of its value
UNNAMED = Phrase("…")  # stands in formulas for a value in a fold that has no name
CROWD = 3  # if more arrows than this leave one box for folds, only the first is drawn
GIVEN = 4  # values leaving a fold that its box shows
OPENED = 40  # folds of a picture that a page can open


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
    members: list[Any] = field(default_factory=list, repr=False)  # of a fold: its ops
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


def scene_of(graph: Graph, limit: int | None = None, groups: Iterable[str] = (), opening: bool = False) -> Scene:
    """Return the scene of a graph, folded to about `limit` boxes at most, each of the named groups to one box.

    With `opening`, it has a scene for each fold in which that one is open. Numbers come later.
    """
    items = fold(graph, limit, groups)
    scene = build(graph, items)
    for item in [item for item in items if item.size > 1][: OPENED if opening else 0]:
        opened = build(graph, open_item(graph, items, item))
        opened.frame = frame_of(item)
        scene.opened[f"n{graph.ops[item.stop - 1]}"] = opened
    return scene


def build(graph: Graph, items: list[Item]) -> Scene:
    """Return the boxes of items, named, and the arrows between them; arrows from one box to the same fold are one."""
    owner = owners(graph, items)
    of_box = {int(graph.ops[item.stop - 1]): item for item in items}
    folds = [box for box, item in of_box.items() if item.size > 1]
    tail, head = owner[graph.tail], owner[graph.head]
    going, into_fold = (tail != head) & (tail >= 0), np.isin(head, folds)
    leaving: dict[int, list[int]] = {box: [] for box in folds}
    for place in np.unique(graph.tail[going & graph.made[graph.tail]]).tolist():
        if (box := int(owner[place])) in leaving:
            leaving[box].append(place)
    # A fold has the name of its last value where only that goes on, to operations that are shown.
    single = set(graph.tail[going & ~into_fold].tolist()) & {box for box in folds if leaving[box] in ([], [box])}
    said: dict[int, Phrase] = {}  # by box: how formulas call its value

    def word(arg: Any) -> Phrase:
        place = graph.place.get(id(arg))
        if place is None:
            return short(arg)
        if place in said and (place not in leaving or place in single):
            return said[place]
        return Phrase(title) if (title := graph.title(place)) else UNNAMED

    tag = tagging({title for title in (*graph.titles, *graph.tags.values()) if title})
    nodes = []
    for place in np.flatnonzero(owner == np.arange(len(owner))).tolist():
        node = box_of(graph, place)
        if place in of_box:
            item, x = of_box[place], graph.values[place]
            node.scope, node.op = item.scope, x.op.name
            made = formula(x.op, list(map(word, x.args)), x.params) if x.args else Phrase(node.op)
            entitle(node, made, tag, needed=place in single)
            said[place] = node.phrase
            if item.size > 1:
                node = fold_box(graph, node, item, [*leaving[place], *[place][: place not in leaving[place]]])
        nodes.append(node)
    key = (tail * len(owner) + head) * (graph.position.max(initial=0) + 1) + np.where(into_fold, 0, graph.position)
    flowing = np.isin(key, key[going & (graph.flows == 1)])
    edges = []
    for i in np.flatnonzero(going)[np.sort(np.unique(key[going], return_index=True)[1])].tolist():
        x, position = graph.values[graph.head[i]], int(graph.position[i])
        named = not graph.program and not into_fold[i]
        letter = rules.argument_names(x._paths[0][1], len(x.args))[position] if named else ""
        edges.append(Edge(f"n{tail[i]}", f"n{head[i]}", position, letter, word(x.args[position]), bool(flowing[i])))
    thin(nodes, edges)
    swallowed = int((owner < 0).sum())
    return Scene(nodes, edges, fold_lines(items, swallowed), program=graph.program, g=graph.g)


def box_of(graph: Graph, place: int) -> Node:
    """Return the box of one value, without a formula."""
    x = graph.values[place]
    node = Node(f"n{place}", graph.kinds[place], graph.titles[place], x, tag=graph.tags.get(place, ""))
    node.phrase, node.scope, node.value = Phrase(node.title), graph.scopes[place], graph.used.get(place)
    if graph.program:
        node.shape, node.dtype = x.shape, x.dtype
    return node


def thin(nodes: list[Node], edges: list[Edge]) -> None:
    """Draw one arrow instead of many: from a leaf to many folds (a weight used at every turn), or between two boxes."""
    by_id = {node.id: node for node in nodes}
    crowds: dict[Hashable, list[Edge]] = {}
    for edge in edges:
        tail, head = by_id[edge.tail], by_id[edge.head]
        if tail.kind in LEAVES and head.kind == "fold":
            crowds.setdefault(tail.id, []).append(edge)
        elif tail.kind == "fold":
            crowds.setdefault((tail.id, head.id), []).append(edge)
    for first, *others in crowds.values():
        if len(others) >= CROWD:
            for edge in others:
                edge.drawn = False
            if by_id[first.tail].kind == "fold":
                first.others = len(others)
            else:
                by_id[first.tail].more = f"goes into {len(others)} more folded boxes"


def fold_box(graph: Graph, last: Node, item: Item, given: list[int]) -> Node:
    """Return the box of a fold, with the one value that leaves it, or the first four that leave a group."""
    box = last
    if len(given) > 1:
        shown = [box_of(graph, place) for place in given[:GIVEN]] if item.group else []
        box = Node(last.id, "fold", None, None, scope=item.scope, gives=shown)
    box.kind, box.text, box.op = "fold", item.group or item.words, ""
    box.members = [graph.values[place] for place in graph.ops[item.start : item.stop]]
    return box


def fold_lines(items: list[Item], swallowed: int) -> list[str]:
    """Describe what was folded, one line for each fold, and how many leaves are not drawn."""
    folded = [item for item in items if item.size > 1]
    groups = [item for item in folded if item.group]
    lines = []
    if len(groups) > 3:
        inside = sum(item.size for item in groups)
        lines.append(f"{inside:,} operations in {len(groups)} boxes, each a module's or a scope's")
        folded = [item for item in folded if not item.group]
    lines += [f"{item.size:,} operations in one box: {item.group or item.words}" for item in folded]
    if swallowed:
        lines.append(f"{swallowed:,} {'leaf' if swallowed == 1 else 'leaves'} that only folded operations use")
    return lines


def entitle(node: Node, made: Phrase, tags: Callable[[str], str], needed: bool = False) -> None:
    """Give a box its text, and a generated name if the text is too long or stands for several values."""
    handy = 0 < len(made.text) <= LONGEST and not several(node.source) and not needed
    node.text = made.text
    node.tag = "" if node.name or handy else tags(node.kind)
    node.phrase = Phrase(node.title) if node.title else made


def several(x: Any) -> bool:
    """Return whether a value is a tuple: the several outputs of one op."""
    return isinstance(getattr(x, "_data", None), tuple)


def routes(x: Any) -> dict[int, Any]:
    """Return the rules by argument position, for the arguments to which a gradient flows."""
    if getattr(x, "op", None) is None or x._paths is FREED:
        return {}
    return {i: fitted(rule, i, x.op.broadcasts) for i, rule in x._paths}
