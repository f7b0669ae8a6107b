"""The scene that every renderer shows: boxes and arrows with their texts and numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core.backward import FREED, fitted, pull_arrays
from ..core.context import tracing
from ..core.errors import TraceError
from ..core.names import format_location
from ..core.tensor import Tensor, as_ndarray
from ..core.versions import as_used, check_unwritten
from ..expressions import rules
from ..expressions.phrases import NOTHING, Phrase, formula, short
from ..ops import TABLE
from .collapse import Item, box_places, fold
from .graph import LEAVES, Graph, Scope, is_box

EARLIER = "from an earlier backward"
ELSEWHERE = "from elsewhere: another backward, output or write"
MAX_TITLE = 28  # a formula of at most this many characters serves as the name of its value
UNNAMED = Phrase("…")  # stands in formulas for a value in a fold that has no name
MAX_EDGES = 3  # if more arrows than this go from a leaf to folds, or from a fold to one box, only the first is drawn
NO_BACKWARD = "no backward yet"  # the state of a value whose gradient is not computed


@dataclass
class Node:
    """A box: a value, how it was made, and the gradient that reached it."""

    id: str
    kind: str  # constant, frozen, leaf, operation, output or fold
    name: str | None
    graph_value: Any = field(repr=False)  # a tensor, an array or a step of a program; None once the box has numbers
    op: str = ""  # empty for a leaf
    text: str = ""  # how it was made: `l1 @ syn1`
    tag: str = ""  # a generated name, if the user gave none and the text is too long to serve as one
    phrase: Phrase = NOTHING  # what formulas call it
    shape: tuple[int, ...] | None = None
    dtype: Any = None
    value: Any = None
    gradient: Any = None
    difference: Any = None  # the gradient less the sum of what the rules on its arrows sent
    reason: str = ""  # why there is a difference
    state: str = ""  # why there is no gradient, or what happened to the value
    undrawn: str = ""  # the uses for which no arrow is drawn
    undrawn_share: Any = None  # the part of the gradient that came along arrows that are not drawn
    where: str = ""
    scope: Scope = ()
    members: list[Any] = field(default_factory=list, repr=False)  # of a fold: its ops

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
    argument: str = ""  # what the op's rules call it: x, y, ...
    phrase: Phrase = NOTHING  # what formulas call the value that goes along it
    has_rule: bool = False  # whether the op has a rule for this argument
    rule: str = ""
    gradient: Any = None  # what the rule sent
    share: Any = None  # the same, if the value has other uses; otherwise its box shows this number
    drawn: bool = True  # False for all but the first of many arrows alike; see hide_repeated
    undrawn_edges: int = 0  # how many arrows that are not drawn it stands for


@dataclass
class Scene:
    """A whole picture, as every renderer gets it: boxes in the order of computation, and arrows."""

    nodes: list[Node]
    edges: list[Edge]
    folded: list[str] = field(default_factory=list)
    program: bool = False  # whether it shows a traced program, which has no numbers
    g: str = "g"  # the name of the arriving gradient in formulas: g, unless the user has a value called g

    @property
    def has_gradients(self) -> bool:
        return any(node.gradient is not None for node in self.nodes)

    def state(self, node: Node) -> str:
        """Return a box's state, or no text if its kind says the same, or if no box of the scene has a gradient yet."""
        obvious = node.state == node.kind or (node.state == NO_BACKWARD and not self.has_gradients)
        return "" if obvious else node.state

    def glosses(self) -> dict[str, str]:
        """Return the glosses of the ops that formulas mention, by the op's name."""
        by_id = self.by_id()
        found: dict[str, str] = {}
        for edge in self.edges:
            if edge.rule:
                found |= glosses_of(by_id[edge.head].op, edge.rule)
        return dict(sorted(found.items()))

    def by_id(self) -> dict[str, Node]:
        return {node.id: node for node in self.nodes}

    def frames(self) -> dict[Scope, list[Node]]:
        """Return the boxes of each frame, those of frames in it aside; an outer frame comes before those in it."""
        found: dict[Scope, list[Node]] = {(): []}
        for node in self.nodes:
            for depth in range(len(node.scope)):
                found.setdefault(node.scope[: depth + 1], [])
            found[node.scope].append(node)
        return found

    def incoming_edges(self) -> dict[str, list[Edge]]:
        """Return, for each box, the arrows that end there."""
        return edges_by("head", self.edges)

    def gradient_edges(self) -> dict[str, list[Edge]]:
        """Return, for each box, the arrows that begin there and bring a gradient back to it."""
        return edges_by("tail", [edge for edge in self.edges if edge.has_rule])


def glosses_of(op: str, rule: str) -> dict[str, str]:
    """Return the glosses of an op and of those that its rule calls, by their names."""
    names = (op, *re.findall(r"\w+(?=\()", rule))
    return {name: row.gloss for name in names if (row := TABLE.get(name)) and row.gloss}


def edges_by(end: str, edges: list[Edge]) -> dict[str, list[Edge]]:
    """Return the arrows of each box, which is at their "tail" or at their "head"."""
    found: dict[str, list[Edge]] = {}
    for edge in edges:
        found.setdefault(getattr(edge, end), []).append(edge)
    return found


def scene_of(graph: Graph, limit: int | None = None, groups: Iterable[str] = ()) -> Scene:
    """Return the scene of a graph, without numbers: `fill` sets them.

    It is folded to about `limit` boxes, and each of the named groups becomes one box. One arrow stands for all uses of
    a box's value in the same fold.
    """
    items = fold(graph, limit, groups)
    boxes = box_places(graph, items)
    item_of = {int(graph.ops[item.stop - 1]): item for item in items}
    folds = [place for place, item in item_of.items() if item.size > 1]
    crossing = np.flatnonzero((boxes[graph.tail] != boxes[graph.head]) & (boxes[graph.tail] >= 0))  # between boxes
    # A fold shows its last value if no other value leaves it; it takes its name if an operation that is shown uses it.
    used, user = graph.tail[crossing], boxes[graph.head[crossing]]
    single = set(folds) - set(boxes[used[boxes[used] != used]].tolist())
    named_folds = single & set(used[~np.isin(user, folds)].tolist())
    nodes: list[Node] = []
    phrases: dict[int, Phrase] = {}  # by the place of a box: how formulas call its value
    for place in np.flatnonzero(boxes == np.arange(len(boxes))).tolist():
        node = value_box(graph, place, phrases, must_be_named=place in named_folds)
        if item := item_of.get(place):
            node.scope = item.scope
            if item.size == 1 or place in named_folds:
                phrases[place] = node.phrase
            if item.size > 1:
                node = node if place in single else Node(node.id, "fold", None, None, scope=item.scope)
                node.kind, node.text, node.op = "fold", item.group or item.words, ""
                node.members = [graph.values[i] for i in graph.ops[item.start : item.stop]]
        nodes.append(node)
    edges = build_edges(graph, boxes, crossing, folds, phrases)
    hide_repeated(nodes, edges)
    hidden_leaves = int(np.count_nonzero(boxes < 0))
    return Scene(nodes, edges, fold_lines(items, hidden_leaves), program=graph.program, g=graph.g)


def build_edges(graph: Graph, boxes: Any, crossing: Any, folds: list[int], phrases: dict[int, Phrase]) -> list[Edge]:
    """Return an arrow for each use of a box's value; all uses by the operations in one fold have one arrow."""
    tail, head, position = boxes[graph.tail[crossing]], boxes[graph.head[crossing]], graph.position[crossing]
    into_fold = np.isin(head, folds)
    slot = np.where(into_fold, 0, position)
    # One number for each arrow: uses with equal tail, head and slot have the same.
    arrow = np.ravel_multi_index((tail, head, slot), (len(boxes), len(boxes), slot.max(initial=0) + 1))
    has_rule = np.isin(arrow, arrow[graph.has_rule[crossing]])
    edges = []
    for i in np.sort(np.unique(arrow, return_index=True)[1]).tolist():  # the first use for each arrow
        x, argument = graph.values[graph.head[crossing[i]]], int(position[i])
        edge = Edge(f"n{tail[i]}", f"n{head[i]}", argument, has_rule=bool(has_rule[i]))
        edge.phrase = phrase_of(graph, x.args[argument], phrases)
        if not graph.program and not into_fold[i]:
            edge.argument = rules.argument_names(x._paths[0][1], len(x.args))[argument]
        edges.append(edge)
    return edges


def phrase_of(graph: Graph, arg: Any, phrases: dict[int, Phrase]) -> Phrase:
    """Return how formulas write an argument: its name, how it was made, or its number."""
    place = graph.place.get(id(arg))
    if place is None:
        return short(arg)
    title = graph.title(place)
    return phrases.get(place) or (Phrase(title) if title else UNNAMED)


def value_box(graph: Graph, place: int, phrases: dict[int, Phrase], must_be_named: bool) -> Node:
    """Return the box of one value; it gets a name if it must have one, or if its formula cannot serve as a name."""
    x = graph.values[place]
    node = Node(f"n{place}", graph.kinds[place], graph.titles[place], x, tag=graph.tags.get(place, ""))
    node.phrase, node.scope, node.value = Phrase(node.title), graph.scopes[place], graph.used.get(place)
    if graph.program:
        node.shape, node.dtype = x.shape, x.dtype
    if graph.made[place]:
        node.op = x.op.name
        args = [phrase_of(graph, arg, phrases) for arg in x.args]
        made = formula(x.op, args, x.params) if args else Phrase(node.op)
        serves_as_name = 0 < len(made.text) <= MAX_TITLE and not isinstance(getattr(x, "_data", None), tuple)
        node.text = made.text
        if not node.name and (must_be_named or not serves_as_name):
            node.tag = graph.new_tag(node.kind)
        node.phrase = Phrase(node.title) if node.title else made
    return node


def hide_repeated(nodes: list[Node], edges: list[Edge]) -> None:
    """Draw one arrow instead of many: from a leaf to folds (a weight of each iteration), or between two boxes."""
    by_id = {node.id: node for node in nodes}
    groups: dict[tuple[str, str], list[Edge]] = {}
    for edge in edges:
        tail, head = by_id[edge.tail], by_id[edge.head]
        if tail.kind == "fold" or (tail.kind in LEAVES and head.kind == "fold"):
            groups.setdefault((tail.id, head.id if tail.kind == "fold" else ""), []).append(edge)
    for (tail_id, head_id), (first, *others) in groups.items():
        if len(others) >= MAX_EDGES:
            for edge in others:
                edge.drawn = False
            if head_id:
                first.undrawn_edges = len(others)
            else:
                by_id[tail_id].undrawn = f"goes into {len(others)} more folded boxes"


def fold_lines(items: list[Item], hidden_leaves: int) -> list[str]:
    """Describe what was folded, one line for each fold, and how many leaves are not drawn."""
    folded = [item for item in items if item.size > 1]
    groups = [item for item in folded if item.group]
    lines = []
    if len(groups) > 3:
        inside = sum(item.size for item in groups)
        lines.append(f"{inside:,} operations in {len(groups)} boxes, each a module's or a scope's")
        folded = [item for item in folded if not item.group]
    lines += [f"{item.size:,} operations in one box: {item.group or item.words}" for item in folded]
    if hidden_leaves:
        lines.append(f"{hidden_leaves:,} {'leaf' if hidden_leaves == 1 else 'leaves'} that only folded operations use")
    return lines


# Numbers: values, gradients, and on each arrow the share of the gradient that its rule sends.


def fill(scene: Scene) -> Scene:
    """Set the current numbers of a scene's boxes and arrows.

    Then the boxes no longer hold their tensors, so a scene can be filled only once.
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
    of_z = node.phrase if node.title or z_is_taken else None  # None: formulas write z
    names = [of_z]
    for i, a in enumerate(x.args):
        edge = by_position.get(i)
        names.append(short(a) if not is_box(a) else edge.phrase if edge and edge.phrase.text else None)
    has_gradient = x.grad is not None and is_unwritten(x)
    g = as_ndarray(x.grad) if has_gradient else None
    z, values = as_used(x)
    for position, raw_rule in x._paths:
        if edge := by_position.get(position):
            rule = fitted(raw_rule, position, x.op.broadcasts)
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
    """Return what a rule sends. For an op with several outputs that is a tuple: return its entry that is not None."""
    return next((part for part in sent if part is not None), None) if isinstance(sent, tuple) else sent


def runs_users_code(x: Tensor) -> bool:
    """Return whether a rule calls the user's own code, such as a hook: a picture must not run that once more."""
    return any(callable(value) and not isinstance(value, type) for value in x.params.values())


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
    for edge in edges if len(edges) > 1 or node.reason else ():  # a single share is equal to the gradient in the box
        edge.share = edge.gradient
    undrawn = [edge.gradient for edge in edges if not edge.drawn and edge.gradient is not None]
    if undrawn and node.gradient is not None:  # a fold with several values has no gradient of its own
        node.undrawn_share = sum(undrawn[1:], undrawn[0])


def is_small(difference: Any, *of: Any) -> bool:
    """Return whether a difference is only rounding; a nan counts as rounding, so that no reason is claimed for it."""
    sizes = [np.abs(x).max(initial=0) for x in of]
    is_large = np.abs(difference).max(initial=0) > max(sizes) * np.sqrt(np.finfo(difference.dtype).eps)
    return not is_large  # True for a nan, too


def is_multiple(difference: Any, total: Any) -> bool:
    """Return whether a difference is a whole multiple of the total, as after earlier runs of the same backward pass."""
    times = np.rint(np.sum(difference * total) / np.sum(total * total))
    return bool(times >= 1) and is_small(difference - times * total, difference)
