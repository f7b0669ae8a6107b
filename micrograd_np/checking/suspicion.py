"""A wrong row, the part of the graph in which the mistake may be, and the changes of a backward pass at its sites.

A mistake puts something else in the place of a gradient, of a rule, or of a value that a rule reads.
"""

from __future__ import annotations

import ast
import linecache
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import permutations
from typing import Any

import numpy as np

from ..core.backward import Rule
from ..core.errors import ShapeError
from ..core.names import format_location
from ..core.tensor import Tensor
from ..core.versions import as_used
from ..ops.primitive import Elementwise
from ..ops.products import dot, einsum, matmul
from .claims import Row
from .conventions import Convention, Sizes, factor_name
from .flat_function import nodes_of
from .gradcheck import rules_of
from .replay import Block, Override, Recording, blocks, in_float64, is_one_array

Array = Any
Way = Callable[[Any], Any]
Formula = Callable[..., Any]

# A factor found by least squares proves something only if it fits at least this many numbers.
PROVEN = 3
MOST_SAMPLES = 64
MOST_SITES = 500  # of one line
FEW = 6  # sites of one line that are tried one by one
MOST_USES = 12
STEP = re.compile(r" \(step \d+\)")
PLAIN_FACTORS = (0.25, 0.5, 1, 2, 4)
PRODUCTS = (dot, matmul)
CONTRACTIONS = (dot, matmul, einsum)
LONGEST = 60  # source text
MOST_SCALARS = 12  # single numbers are often equal by chance


@dataclass
class Edge:
    """One edge of the graph: the node, the position of the argument, the argument and its rule."""

    node: Tensor
    position: int
    x: Tensor
    rule: Rule

    @property
    def values(self) -> tuple[Array, ...]:
        return as_used(self.node)[1]

    @property
    def line(self) -> Any:
        """The place in the program that made the edge; None if it is not known."""
        return self.node._created_at and (self.node._created_at, self.node.op.name, self.position)

    def pull(self, g: Any, read: Sequence[Any] = ()) -> Any:
        """Return what the rule gives; it may `read` other values for z, x, y, ..."""
        return self.rule(g, *(read or (self.node._data, *self.values)), **self.node.params)

    def sent(self, formula: Formula) -> Change:
        """Return the change in which the formula gives what the edge sends."""
        return Change(rules={self.node: {self.position: lambda g: shaped(formula(g=g), self.x._data)}})

    def scaled(self, formula: Formula) -> Change:
        """Return the change in which the formula gives the derivative of an elementwise edge."""
        its = shaped(formula(), self.x._data)
        return Change(rules={self.node: {self.position: lambda g: g * its}})


def edges_of(node: Tensor) -> list[Edge]:
    pairs = [(position, rule) for position, rule in rules_of(node) if is_one_array(node.args[position]._data)]
    return [Edge(node, position, node.args[position], rule) for position, rule in pairs]


@dataclass
class Suspicion:
    """A wrong row, and all that a hypothesis about it may use.

    `hands` holds the gradients by hand, without the factor of the convention, and `given` those that nodes propagate.
    `base` holds the cotangent that each node propagates: by hand if given, else the tape's.
    """

    row: Row
    rows: Sequence[Row]
    recording: Recording
    convention: Convention
    sizes: Sizes
    name: Callable[[Any], str | None]
    tested: bool = False  # causes are tested on other data, too, so that one number may prove them
    known_hypotheses: dict[str, dict[Any, Any]] = field(default_factory=dict)  # by place, once they are needed

    def __post_init__(self) -> None:
        self.hands = {row.tensor: row.hand / self.convention.of(row) for row in self.rows if row.fits}
        self.hand = self.hands[self.row.tensor]
        self.given = {x: hand for x, hand in self.hands.items() if x._parents}
        self.base = {**self.recording.walk(self.given), **self.given}

    def gradient(self, x: Tensor) -> Any:
        """Return the right gradient of the row's value, or of one above it, given the gradients by hand."""
        return self.row.expected if x is self.row.tensor else self.base.get(x)

    @cached_property
    def above(self) -> list[Tensor]:
        """The nodes that the row's gradient is computed from, newest first."""
        return self.recording.above(self.row.tensor, self.given)

    @cached_property
    def inside(self) -> list[Tensor]:
        """The row's node, and the nodes above it for which there is no gradient by hand."""
        return [self.row.tensor, *(x for x in self.above if x not in self.given)]

    @cached_property
    def undoubted(self) -> dict[Tensor, Array]:
        """Other values and their gradients, which do not depend on the row's gradient."""
        doubted = nodes_of([self.row.tensor])
        doubted |= {x for block in self.blocks if block.forms for x in block.inner[1:]}  # nobody has those gradients
        return {x: g for x, g in self.base.items() if x not in doubted and is_one_array(g)}

    @cached_property
    def elsewhere(self) -> list[tuple[Tensor, Array]]:
        """The same without values in the middle of a loop."""
        return [(x, g) for x, g in self.undoubted.items() if x not in self.middle]

    @cached_property
    def edges(self) -> list[Edge]:
        """The edges to the row and to values above it, those near the row first, without the inside of activations."""
        inside = set(self.inside)
        if self.recording.output._created_at is None and self.recording.output.op is not None:
            return []  # the whole forward pass is one op, which numbers differentiate
        hidden = {x for block in self.blocks if block.forms for x in block.inner}
        nodes = [node for node in reversed(self.above) if node not in hidden]
        found = [edge for node in nodes for edge in edges_of(node) if edge.x in inside]
        # A mistake in a loop is in all its steps: also in the one whose gradient goes to another row alone, as to h0.
        lines, known = {edge.line for edge in found}, {(edge.node, edge.position) for edge in found}
        others = [edge for node in self.recording.nodes if node not in hidden for edge in edges_of(node)]
        return found + [edge for edge in others if edge.line in lines and (edge.node, edge.position) not in known]

    @cached_property
    def edges_by_line(self) -> list[list[Edge]]:
        """The edges by the line, op and argument that made them, in the order of the program."""
        found: dict[Any, list[Edge]] = defaultdict(list)
        for edge in sorted(self.edges, key=lambda edge: edge.node._order):
            found[edge.node._created_at, edge.node.op, edge.position].append(edge)
        return list(found.values())

    @cached_property
    def places(self) -> list[Tensor]:
        """The values whose gradient may be wrong, the row's own first, without the middle of loops."""
        return [x for x in self.all_places if x not in self.middle]

    @cached_property
    def all_places(self) -> list[Tensor]:
        """The values whose gradient may be wrong, the row's own first, without the inside of activations."""
        hidden = {x for block in self.blocks if block.forms for x in block.inner[1:]}
        found = [self.row.tensor, *(x for x in reversed(self.inside[1:]) if x not in hidden)]
        return [x for x in found if is_one_array(self.gradient(x))]

    @cached_property
    def blocks(self) -> list[Block]:
        inside, above = set(self.inside), set(self.above)
        found = blocks(self.recording.nodes, self.recording.users, self.known)
        return [block for block in found if block.x in inside and block.z in above]

    @cached_property
    def lines(self) -> dict[Any, list[Tensor]]:
        """The values of the graph by the line and op that made them, those that a loop made, in its order."""
        found: dict[Any, list[Tensor]] = defaultdict(list)
        for node in self.recording.nodes:
            if node.op is not None and node._created_at and is_one_array(node._data):
                found[self.line_of(node)].append(node)
        return {line: nodes for line, nodes in found.items() if len(nodes) > 1}

    @cached_property
    def middle(self) -> set[Tensor]:
        """The values that long loops made, but those of the first and the last step."""
        return {x for nodes in self.lines.values() if len(nodes) > FEW for x in nodes[1:-1]} - {self.row.tensor}

    @staticmethod
    def line_of(x: Tensor) -> Any:
        return x._created_at, x.op

    @cached_property
    def tangents(self) -> list[dict[Tensor, Array]]:
        """The derivatives of each value above the row along two random directions of the row's value.

        The sum of a gradient's change times its tangent is the change of the row's gradient along that direction.
        """
        x, rng = self.row.tensor, np.random.default_rng(1)
        step = 1e-6 * max(1.0, float(np.max(np.abs(x._data), initial=0)))
        found = []
        for direction in (rng.uniform(0.5, 1.5, x.shape), rng.normal(size=x.shape)):
            ahead, behind = (self.recording.again({x: x._data + sign * step * direction}) for sign in (1, -1))
            pairs = {node: (ahead[node], behind[node]) for node in ahead if is_one_array(ahead[node])}
            found.append({node: (y - z) / (2 * step) for node, (y, z) in pairs.items()})
        return found

    @cached_property
    def on_other_data(self) -> Suspicion:
        """The same question where all inputs have other values, as if the gradients by hand were right there."""
        rng = np.random.default_rng(2)

        def moved(x: Array) -> Array:
            """Return other values of the same signs; a symmetric matrix stays one."""
            if x.ndim == 2 and np.array_equal(x, x.T):
                by = rng.uniform(0.8, 1.25, len(x))
                return x * np.outer(by, by)
            return x * rng.uniform(0.8, 1.25, x.shape)

        output, again = in_float64(self.recording.output, moved)
        recording = Recording(output, np.asarray(self.recording.seed))
        former = {new: old for old, new in again.items()}
        rows = [
            replace(row, tensor=x, hand=g, true=g, expected=g)
            for row in self.rows
            if row.fits and (x := again.get(row.tensor)) is not None and (g := recording.true.get(x)) is not None
        ]
        row = next(row for row in rows if row.label == self.row.label)

        def name(x: Any) -> str | None:
            return self.name(former.get(x, x) if isinstance(x, Tensor) else x)

        return Suspicion(row, rows, recording, Convention(), self.sizes, name)

    @cached_property
    def constants(self) -> dict[float, tuple[str, str]]:
        """The constants in the user's forward pass, each with its name or number, and where it is."""
        found: dict[float, tuple[str, str]] = {}
        for node in self.recording.nodes:
            pairs = zip(node.args, node._values, strict=True) if node.op is not None else ()
            for i, (x, value) in enumerate(pairs, 1):
                is_number = isinstance(value, int | float | np.number | np.ndarray) and np.ndim(value) == 0
                c = abs(float(value)) if is_number and not isinstance(x, Tensor) else 0.0
                if c not in (0, 1, 2, 0.5) and np.isfinite(c):
                    text = self.argument(node, i).strip("`")
                    name, says = (text, f"{text} is {c:g}") if text.isidentifier() else (f"{c:g}", f"{c:g} is")
                    found.setdefault(c, (name, f" ({says} in {self.short(node)})"))
        return found

    def factor_text(self, factor: float) -> str:
        """Return the name of a factor: from the sizes of the data, from a constant of the program, or a number.

        2 may be the length of any axis, and 2/3 the quotient of two constants: these are explained by a batch alone.
        """
        named = factor_name(factor, self.sizes)
        if named and "axis 0 " in named and not self.tested:  # a constant may have the same value by chance
            return named
        if named and abs(factor) in PLAIN_FACTORS and "axis 0 " not in named:
            named = named.split(" (")[0]
        for (c, (name, _)), (d, (other, _)) in permutations(self.constants.items(), 2):
            if math.isclose(abs(factor), c / d, rel_tol=1e-6) and abs(factor) not in PLAIN_FACTORS:
                return f"{factor:.4g}" if named else f"{'-' * (factor < 0)}{name}/{other}"
        for c, (name, where) in self.constants.items():
            for value, shown in ((c, name), (1 / c, f"1/{name}"), (c * c, f"{name}**2"), (1 / c**2, f"1/{name}**2")):
                if math.isclose(abs(factor), value, rel_tol=1e-6) and (not named or name.isidentifier()):
                    return f"{'-' * (factor < 0)}{shown}{where}"
        return named or f"{factor:.4g}"

    def known(self, x: Tensor) -> bool:
        return x in self.given or x is self.row.tensor or bool(self.name(x))

    def like(self, shape: tuple[int, ...], but: Array = None) -> Iterator[tuple[str, Array]]:
        """Yield the recorded values of a shape, each once, with their names."""
        values = self.recording.values.get(shape, ())
        for x, w in values if shape else values[:MOST_SCALARS]:
            if (but is None or not np.array_equal(w, but)) and not (isinstance(x, Tensor) and x in self.middle):
                yield self.called(x), w

    def place(self, x: Tensor) -> str:
        """Return the line that made a named value; for others an empty text, as `called` gives their line."""
        return at_line(x) if self.name(x) else ""

    def named(self, x: Any) -> str | None:
        """Return the user's name for a value; of one in a list, the variable that was given it, and in which step."""
        name = self.name(x)
        variable = assigned_variable(x) if name and "[" in name and isinstance(x, Tensor) else ""
        steps = self.lines.get(self.line_of(x), []) if variable else []
        place = next((f" (step {i})" for i, other in enumerate(steps, 1) if other is x), "")
        return f"{variable}{place}" if variable else name

    def short(self, x: Tensor) -> str:
        """Return the name of a value, or the source text of its expression."""
        return self.named(x) or (f"`{expression(x)}`" if x.op is not None else made(x))

    def argument(self, node: Tensor, place: int) -> str:
        """Return the name of a node (place 0) or of an argument (1, 2, ...), or the source text of an argument."""
        x = (node, *node.args)[place]
        if isinstance(x, Tensor) or self.name(x):
            return self.called(x)
        return next((f"`{text}`" for text in argument_texts(node)[place - 1 : place]), made(x))

    def called(self, x: Any) -> str:
        """Return the name of a value, or how it was made."""
        texts = self.recording.texts
        if id(x) not in texts:
            texts[id(x)] = self.named(x) or made(x)
        return texts[id(x)]


def made(x: Any) -> str:
    """Return a text for a value without a name: the source of the expression that made it."""
    if isinstance(x, Tensor) and x.op is not None:
        return f"`{expression(x)}`" + (f" ({file_line(x)})" if x._created_at else "")
    return f"{float(x):.6g}" if np.ndim(x) == 0 else f"an array of shape {np.shape(x)}"


def source_of(x: Tensor) -> tuple[str, str, str]:
    """Return the user's line that made a value: what is before the expression, the expression, and what is after it."""
    if x._created_at is None:
        return "", "", ""
    code, instruction = x._created_at
    first, last, start, end = list(code.co_positions())[instruction // 2]
    if first is None or first != last or start is None:
        return "", "", ""
    line = linecache.getline(code.co_filename, first).encode()
    before, text, after = (part.decode(errors="ignore").strip() for part in (line[:start], line[start:end], line[end:]))
    return before, text, after


def expression(x: Tensor) -> str:
    """Return the part of the user's line that made a value, or the op's name if the source is not known."""
    text = source_of(x)[1]
    return text if 0 < len(text) <= LONGEST else x.op.name


def assigned_variable(x: Tensor) -> str:
    """Return the variable to which the user's line assigns a value, or an empty text."""
    before, _, after = source_of(x)
    found = re.fullmatch(r"([A-Za-z]\w*)\s*=", before)
    return found[1] if found and after.split("#")[0].strip() in ("", ";") else ""


def argument_texts(node: Tensor) -> list[str]:
    """Return the source texts of an expression's operands, or of a call's arguments."""
    try:
        tree: Any = ast.parse(expression(node), mode="eval").body
    except SyntaxError:
        return []
    parts: list[ast.expr] = []
    if isinstance(tree, ast.BinOp):
        parts = [tree.left, tree.right]
    elif isinstance(tree, ast.Call) and isinstance(tree.func, ast.Attribute):
        parts = [tree.func.value, *tree.args][ast.unparse(tree.func.value) == "np" :]
    return [ast.unparse(part) for part in parts]


def file_line(x: Tensor) -> str:
    """Return the line that made a value, as `net.py:24`."""
    return format_location(x._created_at).split(": ")[0] if x._created_at else "an unknown line"


def at_line(x: Tensor) -> str:
    """Return the line that made a value, as `, net.py:24 (a2 = sigmoid(z2))`."""
    if x._created_at is None:
        return ""
    name, _, text = format_location(x._created_at).partition(": ")
    return f", {name}" + (f" ({text})" if text else "")


@dataclass
class Change:
    """The difference between a wrong backward pass and the right one.

    `gradients` are added to cotangents. `rules` hold what a node sends to single arguments by position, or under None
    to all. `values` stand for the node's own where rules above the row read them, or everywhere.
    """

    gradients: dict[Tensor, Array] = field(default_factory=dict)
    rules: dict[Tensor, dict[int | None, Way]] = field(default_factory=dict)
    values: dict[Tensor, Array] = field(default_factory=dict)
    everywhere: bool = False

    def overrides(self, at: Suspicion) -> dict[Tensor, Override]:
        """Return what the nodes with other rules send to their arguments."""
        found: dict[Tensor, Override] = {}
        if self.values:
            inside = {*at.inside, *at.above}
            found = at.recording.reading(at.recording.again(self.values))
            if not self.everywhere:
                found = {x: way for x, way in found.items() if x in inside and x not in self.values}
        for node, ways in self.rules.items():
            found[node] = ways[None] if None in ways else sending(node, ways)
        return found


@dataclass
class Site:
    """One place in the graph: names for formulas, words for sentences, and the change that a formula makes.

    Sites with the same `line`, or with the same `wide` line, may share a mistake; the sentence then uses the words of
    `many`. A site that is `later` says less than others.
    """

    names: dict[str, Any]
    words: dict[str, str]
    change: Callable[[Formula], Change]
    line: Any = None
    many: dict[str, str] = field(default_factory=dict)
    wide: Any = None
    later: bool = False


# The ways in which a formula changes the backward pass.


def shaped(found: Any, x: Any) -> Array:
    """Return what a formula gives; raise if its shape is not that of the value, as a formula for other shapes."""
    if np.shape(found) != np.shape(x):
        raise ShapeError("the formula does not apply here")
    return found


def gradient(x: Tensor, g: Array) -> Callable[[Formula], Change]:
    return lambda formula: Change({x: shaped(formula(), g) - g})


def whole(z: Tensor, x: Tensor) -> Callable[[Formula], Change]:
    """Return the change in which the formula gives what arrives at x from z, whatever is between them."""

    return lambda formula: Change(rules={z: {None: lambda g: [(x, shaped(formula(g=g), x._data))]}})


def sloped(z: Tensor, x: Tensor) -> Callable[[Formula], Change]:
    """Return the change in which the formula gives the slope of z as a function of x."""

    def change(formula: Formula) -> Change:
        its = shaped(formula(), x._data)
        return Change(rules={z: {None: lambda g: [(x, g * its)]}})

    return change


def read(edges: Sequence[Edge], place: int) -> Callable[[Formula], Change]:
    """Return the change in which the formula gives what the rules of one op read for z (place 0), x (1), ..."""

    def change(formula: Formula) -> Change:
        node, values = edges[0].node, (edges[0].node._data, *edges[0].values)
        other, args = shaped(formula(), values[place]), (node, *node.args)
        same = [i == place or (isinstance(x, Tensor) and x is args[place]) for i, x in enumerate(args)]
        given = [other if it else value for it, value in zip(same, values, strict=True)]
        return Change(rules={node: {edge.position: partial(edge.pull, read=given) for edge in edges}})

    return change


def other_forward(node: Tensor, everywhere: bool = False) -> Callable[[Formula], Change]:
    """Return the change in which the formula gives the value of a node that the rules after it read."""
    return lambda formula: Change(values={node: shaped(formula(), node._data)}, everywhere=everywhere)


def sending(node: Tensor, ways: Mapping[int | None, Way]) -> Override:
    """Return an override of a node that sends something else to some arguments, given by position."""
    pairs = [(edge.x, ways.get(edge.position, edge.pull)) for edge in edges_of(node)]
    return lambda g: [(x, way(g)) for x, way in pairs]


def at_edge(edge: Edge, at: Suspicion, change: Callable[[Formula], Change], names: dict[str, Any], **more: str) -> Site:
    node, x = at.called(edge.node), at.called(edge.x)
    words = {"where": f"{node}, on the way to {x}{at.place(edge.node)}", "node": node, "of": x, **more}
    each = f"{node}, each of the {{sites}} times, on the way to {x}{at.place(edge.node)}"
    line = edge.node._created_at, edge.node.op.name, edge.position
    return Site(names, words, change, line, {"where": each}, (file_line(edge.node), edge.node.op.name, edge.position))


def unary(at: Suspicion) -> Iterator[Edge]:
    return (
        e for e in at.edges if len(e.values) == 1 and e.x.shape == e.node.shape and isinstance(e.node.op, Elementwise)
    )
