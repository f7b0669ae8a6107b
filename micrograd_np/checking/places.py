"""The places of the table of mistakes: each is found in the user's graph, and a mistake there is replayed.

A place is a generator of sites. A site gives the formula's names their values, and says in which of three ways its
result changes the backward pass: another gradient, another rule, or other values that the rules read. The same mistake
is also tried at all sites that one line of the user's program made, as in a loop.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations, permutations
from typing import Any

import numpy as np

from ..core.backward import Pulled
from ..core.errors import ShapeError
from ..core.tensor import Tensor
from ..core.versions import reads
from ..ops.einsum import einsum
from ..ops.indexing import getitem
from ..ops.primitive import Elementwise
from ..ops.products import dot, matmul
from .claims import Closeness, parallel
from .conventions import named_factors
from .mistakes import Mistake, mistakes
from .replay import FORMS, Block, Override, is_one_array, slope, sources
from .suspicion import Edge, Suspicion, at_line, edges_of, file_line

Array = Any
Way = Callable[[Any], Any]
Formula = Callable[..., Any]

# A factor found by least squares proves something only if it fits at least this many numbers.
PROVEN = 3
MOST_SAMPLES = 64
MOST_SITES = 200  # of one line
MOST_USES = 12
PRODUCTS = (dot, matmul)
CONTRACTIONS = (dot, matmul, einsum)


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
    `many`.
    """

    names: dict[str, Any]
    words: dict[str, str]
    change: Callable[[Formula], Change]
    line: Any = None
    many: dict[str, str] = field(default_factory=dict)
    wide: Any = None


@dataclass
class Hypothesis:
    """A mistake at some sites; with `fitted` it has an unknown number."""

    kind: str
    says: str
    mistake: Mistake
    sites: Sequence[Site]

    def change(self, c: float = 0.0) -> Change:
        """Return how the backward pass changes."""
        whole = Change()
        for site in self.sites:
            part = site.change(partial(self.mistake.formula, **site.names, c=c))
            whole.gradients |= part.gradients
            whole.values |= part.values
            whole.everywhere |= part.everywhere
            for node, ways in part.rules.items():
                whole.rules[node] = whole.rules.get(node, {}) | ways
        return whole


def hypotheses(place: str, at: Suspicion) -> Iterator[Hypothesis]:
    """Yield the mistakes of the table at all sites of one place, and at those that share a line together."""
    lines: dict[Any, list[Site]] = defaultdict(list)
    for site in PLACES[place](at):
        for line in {site.line, site.wide} - {None}:
            lines[line].append(site)
        yield from (hypothesis(mistake, [site], site.words) for mistake in mistakes()[place])
    for sites in lines.values():
        if 1 < len(sites) <= MOST_SITES:
            words = {**sites[0].words, **sites[0].many}
            yield from (hypothesis(mistake, sites, words) for mistake in mistakes()[place])


def hypothesis(mistake: Mistake, sites: Sequence[Site], words: Mapping[str, str]) -> Hypothesis:
    says = mistake.sentence
    for name, word in words.items():
        says = says.replace(f"{{{name}}}", word)
    return Hypothesis(mistake.kind, says, mistake, sites)


# The ways in which a formula changes the backward pass.


def shaped(found: Any, x: Any) -> Array:
    """Return what a formula gives; raise if its shape is not that of the value, as a formula for other shapes."""
    if np.shape(found) != np.shape(x):
        raise ShapeError("the formula does not apply here")
    return found


def gradient(x: Tensor, g: Array) -> Callable[[Formula], Change]:
    return lambda formula: Change({x: shaped(formula(), g) - g})


def sent(edge: Edge) -> Callable[[Formula], Change]:
    """Return the change in which the formula gives what an edge sends."""
    return lambda formula: Change(
        rules={edge.node: {edge.position: lambda g: shaped(formula(g=g), edge.x._data)}},
    )


def scaled_by(edge: Edge) -> Callable[[Formula], Change]:
    """Return the change in which the formula gives the derivative of an elementwise edge."""

    def change(formula: Formula) -> Change:
        its = shaped(formula(), edge.x._data)
        return Change(rules={edge.node: {edge.position: lambda g: g * its}})

    return change


def whole(z: Tensor, x: Tensor) -> Callable[[Formula], Change]:
    """Return the change in which the formula gives what arrives at x from z, whatever is between them."""

    def send(formula: Formula, g: Any) -> Pulled:
        return [(x, shaped(formula(g=g), x._data))]

    return lambda formula: Change(rules={z: {None: partial(send, formula)}})


def sloped(z: Tensor, x: Tensor) -> Callable[[Formula], Change]:
    """Return the change in which the formula gives the slope of z as a function of x."""

    def change(formula: Formula) -> Change:
        its = shaped(formula(), x._data)
        return Change(rules={z: {None: lambda g: [(x, g * its)]}})

    return change


def read(edges: Sequence[Edge], place: int) -> Callable[[Formula], Change]:
    """Return the change in which the formula gives what the rules of one op read for z (place 0), x (1), ..."""

    def change(formula: Formula) -> Change:
        value = (edges[0].node._data, *edges[0].values)[place]
        other = shaped(formula(), value)
        return Change(rules={edges[0].node: {edge.position: edge.reading(place, other) for edge in edges}})

    return change


def other_forward(node: Tensor, everywhere: bool = False) -> Callable[[Formula], Change]:
    """Return the change in which the formula gives the value of a node that the rules after it read."""
    return lambda formula: Change(values={node: shaped(formula(), node._data)}, everywhere=everywhere)


def sending(node: Tensor, ways: Mapping[int | None, Way]) -> Override:
    """Return an override of a node that sends something else to some arguments, given by position."""
    pairs = [(edge.x, ways.get(edge.position, edge.pull)) for edge in edges_of(node)]
    return lambda g: [(x, way(g)) for x, way in pairs]


# Activations, and other functions of one value.


def block_words(block: Block, at: Suspicion) -> dict[str, str]:
    its = "the activation's derivative" if block.forms else "the derivative of f"
    text = f"{at.short(block.z)} = f({at.short(block.x)}){at_line(block.z)}"
    return {"its": its, "block": text, "where": text, "of": at.called(block.x)}


def at_block(block: Block, at: Suspicion, **names: Any) -> Site:
    line = block.z._created_at, block.z.op.name
    many = f"each activation of the line of {at.called(block.z)}"
    change = sloped(block.z, block.x)
    return Site(names, block_words(block, at), change, line, {"block": many, "where": many})


def activations(at: Suspicion) -> Iterator[Site]:
    for block in at.blocks:
        yield at_block(block, at, z=block.z._data, s=block.slope, x=block.x._data)


def masks(at: Suspicion) -> Iterator[Site]:
    for block in at.blocks:
        if any(name == "relu" for name, _ in block.forms):
            yield Site({"s": block.slope}, block_words(block, at), whole(block.z, block.x))


def other_values(at: Suspicion) -> Iterator[Site]:
    """Yield activations whose derivative is evaluated at another value, or given it."""
    for block in at.blocks:
        x, z = block.x._data, block.z._data
        for name, w in at.like(x.shape, but=x):
            how = f"the derivative is evaluated at {name}, not at {at.called(block.x)}"
            shared = "the derivative is evaluated at the activation" if np.array_equal(w, z) else None
            yield at_other_value(block, at, block.slope_at(w), how, shared)
        for function, text in block.forms:
            form = FORMS[function][1]
            for name, w in at.like(z.shape, but=z):
                how = f"{text} is given {name}, and belongs to a = {at.called(block.z)}"
                shared = f"{text} is given what the {function} was given" if np.array_equal(w, x) else None
                yield at_other_value(block, at, form(w), how, shared)


def at_other_value(block: Block, at: Suspicion, other: Array, how: str, shared: str | None) -> Site:
    site = at_block(block, at, s=other)
    site.words["how"] = how
    site.many["how"], site.line = shared or "", (site.line, shared) if shared else None
    return site


def slopes(at: Suspicion) -> Iterator[Site]:
    for block in at.blocks:
        yield at_block(block, at, x=block.x._data)
    for edge in unary(at):
        yield at_edge(edge, at, scaled_by(edge), x=edge.x._data)


def inner_derivatives(at: Suspicion) -> Iterator[Site]:
    """Yield inner functions, such as u in tanh(u(x))."""
    seen: set[Tensor] = set()
    for block in at.blocks:
        for y in block.inner[1:]:
            if y in seen or not y._parents or y.shape != block.x.shape:
                continue
            seen.add(y)
            for x, inner in sources(y):
                if x is block.x:
                    where = f"{at.called(y)}, a function of {at.short(x)}{at.place(y)}"
                    yield Site({"s": slope(x, y, inner)}, {"where": where}, sloped(y, x))


# Softmax and normalisations, recognised by their numbers, however the forward pass was written.


def softmaxes(at: Suspicion) -> Iterator[Site]:
    for z, x, k in find_softmaxes(at):
        yield Site({"p": z._data, "k": k}, {"where": at.called(z) + at.place(z)}, whole(z, x))


def softmax_axes(at: Suspicion) -> Iterator[Site]:
    for z, x, k in find_softmaxes(at):
        for o in range(z.ndim):
            if o != k:
                yield Site({"p": z._data, "o": o}, {"where": at.called(z) + at.place(z)}, whole(z, x))


def find_softmaxes(at: Suspicion) -> Iterator[tuple[Tensor, Tensor, int]]:
    for z in at.above:
        p = z._data
        if not is_one_array(p) or p.dtype.kind != "f" or p.ndim < 1 or np.any(p < 0) or np.any(p > 1):
            continue
        for k in range(p.ndim):
            if p.shape[k] > 1 and np.allclose(p.sum(axis=k), 1):
                for x in ancestors(z, at):
                    e = np.exp(x._data - x._data.max(axis=k, keepdims=True))
                    if np.allclose(e / e.sum(axis=k, keepdims=True), p):
                        yield z, x, k


def normalisations(at: Suspicion) -> Iterator[Site]:
    for z, x, names in find_normalisations(at):
        yield Site(names, {"where": at.called(z) + at.place(z)}, whole(z, x))


def normalisation_axes(at: Suspicion) -> Iterator[Site]:
    for z, x, names in find_normalisations(at):
        del names["x"], names["n"]
        for o in subsets(z.ndim):
            if o != names["k"] and len(o) < z.ndim:
                yield Site({**names, "o": o}, {"where": at.called(z) + at.place(z)}, whole(z, x))


def find_normalisations(at: Suspicion) -> Iterator[tuple[Tensor, Tensor, dict[str, Any]]]:
    for z in at.above:
        u = z._data
        if not is_one_array(u) or u.dtype.kind != "f" or not 1 <= u.ndim <= 4:
            continue
        for k in subsets(u.ndim):
            n, v = math.prod(u.shape[axis] for axis in k), u.var(axis=k)
            if n < 3 or not np.allclose(u.mean(axis=k), 0, atol=1e-7) or np.any(v > 1 + 1e-6) or np.any(v < 0.5):
                continue
            for x in ancestors(z, at):
                middle = x._data.mean(axis=k, keepdims=True)
                s = (x._data - middle).std(axis=k, keepdims=True) / u.std(axis=k, keepdims=True)
                moved = np.max(np.abs(middle)) > 1e-9 * np.max(np.abs(x._data))
                if moved and np.allclose((x._data - middle) / s, u):
                    yield z, x, {"x": x._data, "u": u, "s": s, "k": k, "n": n}


def subsets(ndim: int) -> list[tuple[int, ...]]:
    return [k for count in range(1, ndim + 1) for k in combinations(range(ndim), count)]


def ancestors(z: Tensor, at: Suspicion) -> Iterator[Tensor]:
    """Yield the values of z's shape that lie between the row and z."""
    inside = at.recording.below(z) & set(at.inside)
    return (x for x in reversed(at.recording.nodes) if x in inside and x.shape == z.shape)


# Single rules.


def at_edge(edge: Edge, at: Suspicion, change: Callable[[Formula], Change], **names: Any) -> Site:
    node, x = at.called(edge.node), at.called(edge.x)
    words = {"where": f"{node}, on the way to {x}{at.place(edge.node)}", "node": node, "of": x}
    each = f"each {edge.node.op.name} of the line that made {node}, on the way to {x} and its like"
    line = edge.node._created_at, edge.node.op.name, edge.position
    return Site(names, words, change, line, {"where": each}, (file_line(edge.node), edge.node.op.name, edge.position))


def rules(at: Suspicion) -> Iterator[Site]:
    return (at_edge(edge, at, sent(edge), pull=edge.pull, x=edge.x._data) for edge in at.edges)


def functions(at: Suspicion) -> Iterator[Site]:
    for edge in unary(at):
        z = edge.node._data
        yield at_edge(edge, at, sent(edge), z=z, one=edge.pull(np.ones_like(z)))


def unary(at: Suspicion) -> Iterator[Edge]:
    return (
        e for e in at.edges if len(e.values) == 1 and e.x.shape == e.node.shape and isinstance(e.node.op, Elementwise)
    )


def inverses(at: Suspicion) -> Iterator[Site]:
    for edge in at.edges:
        x, z = edge.x._data, edge.node._data
        if (
            len(edge.values) == 1
            and x.ndim == 2
            and x.shape == z.shape
            and x.shape[0] == x.shape[1]
            and np.allclose(x @ z, np.eye(len(x)), atol=1e-6)
        ):
            yield at_edge(edge, at, sent(edge), z=z)


def powers(at: Suspicion) -> Iterator[Site]:
    for edge in at.edges:
        if edge.position == 0 and len(edge.values) == 2 and np.ndim(edge.values[1]) == 0:
            x, n = edge.values[0], float(edge.values[1])
            if np.allclose(edge.node._data, x**n, equal_nan=True):
                site = at_edge(edge, at, scaled_by(edge), x=x, n=n)
                site.words |= {"n": f"{n:g}", "less": f"{n - 1:g}"}
                yield site


def broadcasts(at: Suspicion) -> Iterator[Site]:
    """Yield the edges whose gradient is summed to the argument's shape."""
    for edge in at.edges:
        node = edge.node
        if node.op.broadcasts and edge.x.shape != node.shape and node.op not in PRODUCTS:
            names = {"full": full(edge), "count": node.size / max(edge.x.size, 1), "shape": edge.x.shape}
            yield at_edge(edge, at, sent(edge), **names)


def full(edge: Edge) -> Way:
    """Return the rule of an edge without the sum to the argument's shape."""
    rule = edge.node.op.rules[edge.position]
    return lambda g: rule(g, edge.node._data, *edge.values, **edge.node.params)


def matrix_products(at: Suspicion) -> Iterator[Site]:
    for edge in at.edges:
        if edge.node.op in PRODUCTS and edge.node.ndim == 2:
            first, second = edge.values
            yield at_edge(edge, at, sent(edge), first=first, second=second, shape=edge.x.shape)


def picks(at: Suspicion) -> Iterator[Site]:
    for edge in at.edges:
        if edge.node.op is getitem:
            x = edge.x._data
            order = edge.node.op.kernel(np.arange(x.size).reshape(x.shape), *edge.values[1:], **edge.node.params)
            yield at_edge(edge, at, sent(edge), x=x, picked=order)


def windows(at: Suspicion) -> Iterator[Site]:
    """Yield overlapping picks of one line, as of a convolution in loops: the last one, or the first one, counts."""
    groups: dict[Any, list[Edge]] = defaultdict(list)
    for edge in at.edges:
        if edge.x.size > edge.node.size:
            groups[edge.node._created_at, edge.node.op, edge.x].append(edge)
    for edges in groups.values():
        if not 2 <= len(edges) <= MOST_SITES:
            continue
        touched = [edge.pull(np.ones_like(edge.node._data)) != 0 for edge in edges]
        for order, which in ((1, "last"), (-1, "first")):
            free = np.ones(edges[0].x.shape, bool)
            for edge, mask in list(zip(edges, touched, strict=True))[::-order]:
                site = at_edge(edge, at, sent(edge), pull=edge.pull, kept=free & mask, which=which)
                site.line, site.wide, free = (site.line, which), None, free & ~mask
                site.words["which"] = which
                yield site


def extremes(at: Suspicion) -> Iterator[Site]:
    """Yield maxima and minima over windows."""
    for edge in at.edges:
        node, x = edge.node, edge.x._data
        if len(edge.values) != 1 or not x.size > np.size(node._data) > 0 or not np.isin(node._data, x).all():
            continue
        flat = np.zeros_like(x)
        level, below = (node.op.kernel(values, **node.params) for values in (flat, -x))
        even, other = (partial(ruled, edge, z, values) for z, values in ((level, flat), (below, -x)))
        share, usual = even(np.ones_like(level)), edge.pull(np.ones_like(level))
        if not np.allclose(share, usual):
            yield at_edge(edge, at, sent(edge), even=even, count=1 / np.max(share), other=other)


def ruled(edge: Edge, z: Array, x: Array, g: Any) -> Any:
    return edge.rule(g, z, x, **edge.node.params)


def other_gradients(at: Suspicion) -> Iterator[Site]:
    """Yield rules that take the gradient of another value: before the activation, or of the layer above."""
    for edge in at.edges:
        right = at.gradient(edge.node)
        for other, g in at.elsewhere:
            if other is not edge.node and g.shape == edge.node.shape and not np.array_equal(g, right):
                site = at_edge(edge, at, sent(edge), pull=edge.pull, other=g)
                site.words["other"], site.line, site.wide = at.called(other), None, None
                yield site


# What rules read.


def read_values(at: Suspicion) -> Iterator[tuple[list[Edge], int, Array, Site]]:
    """Yield each value that a rule reads, and those that several rules of one op read, with a site."""
    for node in dict.fromkeys(edge.node for edge in at.edges):
        mine, every = [edge for edge in at.edges if edge.node is node], edges_of(node)
        for edges in [*([edge] for edge in mine), *([every] if len(every) > 1 else [])]:
            for place, value in enumerate((node._data, *edges[0].values)):
                if getattr(value, "ndim", 0) and any(reads(edge.rule, place) for edge in edges):
                    site = at_edge(edges[0], at, read(edges, place))
                    site.words["operand"] = at.called((node, *node.args)[place])
                    site.many["operand"] = f"factor ({site.words['operand']}, ...)"
                    if len(edges) > 1:
                        site.words["where"] = f"both derivatives of {at.called(node)}{at.place(node)}"
                    site.line, site.wide = (None if len(edges) > 1 else (site.line, place)), None
                    yield edges, place, value, site


def operands(at: Suspicion) -> Iterator[Site]:
    for edges, _, value, site in read_values(at):
        site.names = {"v": value, "z": edges[0].node._data}
        yield site


def two_valued_operands(at: Suspicion) -> Iterator[Site]:
    for edges, place, value, site in read_values(at):
        top = np.max(value, initial=0)
        mask = np.all((value == 0) | (value == top)) and isinstance(edges[0].node.op, Elementwise)
        if top and mask and place and edges[0].position != place - 1:
            site.names = {"v": value, "top": top}
            site.words["top"] = f"{top:.4g}"
            yield site


def other_operands(at: Suspicion) -> Iterator[Site]:
    for _, _, value, site in read_values(at):
        for name, w in at.like(value.shape, but=value):
            if (w.dtype.kind == "b") == (value.dtype.kind == "b"):
                yield Site({"w": w}, {**site.words, "w": name}, site.change)


def steps(at: Suspicion) -> Iterator[Site]:
    """Yield, for the ops of one line in a loop, what the same line made one step later, or earlier."""
    groups: dict[Any, list[tuple[list[Edge], int, Array, Site]]] = defaultdict(list)
    for found in read_values(at):
        groups[found[3].line].append(found)
    for line, group in groups.items():
        own = [(edges[0].node, *edges[0].node.args)[place] for edges, place, _, _ in group]
        made = [(x.op, x._created_at) for x in own if getattr(x, "op", None)]
        if line is None or len(set(made)) != 1:
            continue
        nodes = [x for x in at.recording.nodes if x.op is not None and (x.op, x._created_at) == made[0]]
        order = {id(x): i for i, x in enumerate(nodes)}
        start = next((x for x in own if not getattr(x, "op", None)), None)
        for by, which in ((1, "after"), (-1, "before")):
            places = [order.get(id(x), -1) + by for x in own]
            others = [nodes[i] if 0 <= i < len(nodes) else start for i in places]
            if all(getattr(x, "shape", None) == y.shape for x, y in zip(others, own, strict=True)):
                for x, (_, _, _, site) in zip(others, group, strict=True):
                    words = {**site.words, "which": which}
                    yield Site({"w": getattr(x, "_data", x)}, words, site.change, (line, which), site.many)


def read_weights(at: Suspicion) -> Iterator[Site]:
    """Yield the reads of each weight with a gradient by hand, and of all such weights together."""
    uses: dict[Tensor, list[Site]] = defaultdict(list)
    for edges, place, value, site in read_values(at):
        w = (edges[0].node, *edges[0].node.args)[place]
        known = isinstance(w, Tensor) and w in at.hands and not w._parents
        if known and len(edges) == 1 and place - 1 != edges[0].position:
            uses[w].append(Site({"v": value, "d": at.hands[w]}, {"w": at.called(w)}, site.change, w))
    names = " and ".join(at.called(w) for w in uses)
    for sites in uses.values():
        yield from sites
        for site in sites if len(uses) > 1 else ():
            yield Site(site.names, site.words, site.change, "all", {"w": names})


def all_weights(at: Suspicion) -> Iterator[Site]:
    leaves = [row.tensor for row in at.rows if row.leaf and row.fits]
    for x in leaves:
        names = {"v": x._data, "h": at.hands[x], "t": at.recording.true[x]}
        yield Site(names, {}, other_forward(x, everywhere=True), "all")


def forward_values(at: Suspicion) -> Iterator[Site]:
    """Yield sums and products with two terms of their shape: one may be left out of the values."""
    return (Site({"a": a}, words, other_forward(node)) for node, _, a, words in terms_of(at))


def forward_and_gradients(at: Suspicion) -> Iterator[Site]:
    inside = set(at.inside)
    for node, i, a, words in terms_of(at):
        kept = node.args[1 - i]
        if node in inside and isinstance(kept, Tensor) and not isinstance(node.args[i], Tensor):

            def change(formula: Formula, node: Tensor = node, a: Array = a, kept: Tensor = kept) -> Change:
                return Change(values={node: a}, rules={node: {None: lambda g: [(kept, formula(g=g))]}})

            yield Site({"a": a}, words, change)


def terms_of(at: Suspicion) -> Iterator[tuple[Tensor, int, Array, dict[str, str]]]:
    for node in reversed(at.recording.nodes):
        if node.op is None or not node._parents or len(node._values) != 2 or not node.op.broadcasts:
            continue
        for i, x in enumerate(node.args):
            other = node._values[1 - i]
            if np.shape(other) == node.shape and np.size(getattr(x, "_data", x)):
                words = {"b": at.called(x), "node": f"{at.called(node)}{at.place(node)}"}
                yield node, i, np.array(other, dtype=float), words


# Values that are used several times, and statistics.


def statistics(at: Suspicion) -> Iterator[Site]:
    """Yield what may be a mean, variance or maximum: smaller than its argument, and no scalar; alone and in pairs."""
    found = [x for x in at.places[1:] if x.size > 1 and x.op not in CONTRACTIONS]
    found = [x for x in found if any(x.size < y.size for y, _ in x._parents)]
    for chosen in [*combinations(found, 1), *combinations(found, 2)]:
        nothing = Change(rules={x: {None: lambda g: []} for x in chosen})
        names = " and ".join(map(at.called, chosen))
        yield Site({"x": None}, {"names": names}, partial(constant_change, nothing))


def constant_change(change: Change, formula: Formula) -> Change:
    return change


def uses(at: Suspicion) -> Iterator[Site]:
    for x in at.places:
        parts = [(edge, edge.pull(at.base[edge.node])) for edge in at.edges if edge.x is x and edge.node in at.base]
        total = sum(part for _, part in parts)
        for edge, part in parts if 2 <= len(parts) <= MOST_USES else ():
            words = {"x": at.called(x), "count": str(len(parts)), "use": f"its use in {at.called(edge.node)}"}
            yield Site({"part": part, "total": total, "count": len(parts)}, words, gradient(x, total))


# Gradients.


def at_gradient(x: Tensor, g: Array, at: Suspicion, **names: Any) -> Site:
    return Site({"g": g, **names}, {"x": at.called(x)}, gradient(x, g))


def gradients(at: Suspicion, least: int = 1) -> Iterator[Site]:
    for x in at.places:
        g = at.gradient(x)
        if g.any() and g.size >= least:
            yield at_gradient(x, g, at)


def arrays(at: Suspicion) -> Iterator[Site]:
    return gradients(at, 2)


def axes(at: Suspicion) -> Iterator[Site]:
    for site in arrays(at):
        g = site.names["g"]
        for k in range(g.ndim):
            if g.shape[k] > 1:
                yield Site({"g": g, "k": k}, {**site.words, "k": str(k)}, site.change)


def orders(at: Suspicion) -> Iterator[Site]:
    for site in arrays(at):
        g = site.names["g"]
        for o in permutations(range(g.ndim)) if g.ndim <= 4 else ():
            if o != tuple(range(g.ndim)):
                turned = "is transposed" if g.ndim == 2 else f"has its axes in the order {o}"
                yield Site({"g": g, "o": o}, {**site.words, "o": str(o), "turned": turned}, site.change)


def columns(at: Suspicion) -> Iterator[Site]:
    """Yield gradients whose blocks of columns may be in another order, as those of the gates of an LSTM."""
    for site in arrays(at):
        g = site.names["g"]
        for k in {g.ndim - 1, 0}:
            for m in (2, 3, 4):
                for o in permutations(range(m)) if not g.shape[k] % m and g.shape[k] >= 2 * m else ():
                    if o != tuple(range(m)):
                        words = {**site.words, "m": str(m), "k": str(k), "o": ", ".join(map(str, o))}
                        yield Site({"g": g, "k": k, "o": o}, words, site.change)


def batches(at: Suspicion) -> Iterator[Site]:
    """Yield gradients that are made of samples, along axis 0; the formula gives each sample's weight."""
    for x in at.places:
        g = at.gradient(x)
        if x._parents and g.any() and g.ndim and 1 < g.shape[0] <= MOST_SAMPLES:  # a leaf's axis 0 is no batch
            yield of_samples(len(g), f"the gradient of {at.called(x)} comes from", "", weighted(gradient(x, g), g))
    for edge in at.edges:
        node = edge.node
        product = node.op in PRODUCTS and node.ndim == 2 and edge.position == 1 and edge.values[0].ndim == 2
        summed = node.op.broadcasts and edge.x.shape != node.shape and math.prod(node.shape[1:]) == edge.x.size
        if (product or (summed and node.op not in PRODUCTS)) and 1 < node.shape[0] <= MOST_SAMPLES:
            where = at_edge(edge, at, sent(edge)).words["where"]
            yield of_samples(len(node), "what counts is", f", in {where}", weighted_rule(edge))


def of_samples(n: int, what: str, where: str, change: Callable[[Formula], Change]) -> Site:
    return Site({"i": np.arange(n), "n": n}, {"what": what, "where": where}, change)


def weighted(change: Callable[[Formula], Change], g: Array) -> Callable[[Formula], Change]:
    return lambda formula: change(lambda: by_sample(g, formula()))


def weighted_rule(edge: Edge) -> Callable[[Formula], Change]:
    return lambda formula: Change(
        rules={edge.node: {edge.position: lambda g: edge.pull(by_sample(g, formula()))}},
    )


def by_sample(g: Array, weights: Array) -> Array:
    return g * np.reshape(weights, (-1, *[1] * (g.ndim - 1)))


def samples(at: Suspicion) -> Iterator[Site]:
    for site in batches(at):
        for j in range(site.names["n"]):
            yield Site({"i": site.names["i"], "j": j}, {**site.words, "j": str(j)}, site.change)


def factors(at: Suspicion) -> Iterator[Site]:
    """Yield the usual factors and the program's constants, for rows with too few numbers to fit a factor."""
    if at.row.hand.size >= PROVEN:
        return
    usual = dict.fromkeys([*named_factors(at.sizes), *(f for c in at.constants for f in (c, 1 / c))])
    for site in gradients(at):
        for f in (sign * factor for factor in usual for sign in (1, -1)):
            if f not in (1, -1):
                yield Site({**site.names, "f": f}, {**site.words, "f": at.factor_text(f)}, site.change)


def cross_entropies(at: Suspicion) -> Iterator[Site]:
    """Yield the values whose gradient is p - y, up to a factor: a softmax with its loss."""
    for x in at.places:
        g = at.gradient(x)
        for axis in (-1, 0)[: g.ndim]:
            logits, turned = np.moveaxis(x._data, axis, -1), np.moveaxis(g, axis, -1)
            if logits.shape[-1] < 2:
                continue
            p = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
            p /= np.sum(p, axis=-1, keepdims=True)
            factor, y = next(((f, p - turned / f) for f in one_hot_factors(turned, p)), (0.0, p))
            if factor:
                labels = np.broadcast_to(np.any(y > 0.5, axis=0), y.shape)
                first = np.where(np.arange(len(y)).reshape(-1, *[1] * (y.ndim - 1)) == 0, labels, 0)
                names = {"p": p, "y": y, "logits": logits, "columns": labels, "first": first}
                change = partial(turned_back, x, g, factor, axis)
                words = {"x": at.called(x)}
                line = x._created_at, x.shape
                yield Site(names, words, change, line, {"x": f"{words['x']} and its like"})
                break


def turned_back(x: Tensor, g: Array, factor: float, axis: int, formula: Formula) -> Change:
    return Change({x: np.moveaxis(factor * formula(), -1, axis) - g})


def one_hot_factors(g: Array, p: Array) -> Iterator[float]:
    """Yield factors for which p - g/factor is one-hot: in g, only the right class has the other sign."""
    rows, chances = g.reshape(-1, g.shape[-1]), p.reshape(-1, g.shape[-1])
    every = np.arange(len(rows))
    for right in (rows.argmin(axis=-1), rows.argmax(axis=-1)):
        factor = float(np.median(rows[every, right] / (chances[every, right] - 1)))
        if np.isfinite(factor) and factor:
            y = p - g / factor
            if np.allclose(y.sum(axis=-1), 1, atol=1e-6) and np.all(y > -1e-6) and np.all(y < 1 + 1e-6):
                yield factor


# The row itself.


def rows(at: Suspicion) -> Iterator[Site]:
    x, r, h = at.row.tensor, at.row.expected, at.hand
    words = {"x": at.row.label, "limit": f"{np.max(np.abs(h), initial=0):g}"}
    yield Site({"r": r, "h": h, "v": x._data}, words, gradient(x, r))


def other_rows(at: Suspicion) -> Iterator[Site]:
    for other, g in at.elsewhere:
        yield Site({"w": g}, {"x": at.row.label, "w": at.called(other)}, gradient(at.row.tensor, at.row.expected))


def added_values(at: Suspicion) -> Iterator[Site]:
    x, r = at.row.tensor, at.row.expected
    for name, w in at.like(r.shape, but=x._data):
        if not parallel(
            w, r, Closeness(1e-6, 1e-6)
        ):  # a multiple of the gradient that is added to the gradient is a scale
            yield Site({"r": r, "w": w}, {"x": at.row.label, "w": name}, gradient(x, r))


def own_factors(at: Suspicion) -> Iterator[Site]:
    """Yield the factors of the row's own rows and columns."""
    x, r, h = at.row.tensor, at.row.expected, at.hand
    for axis in range(r.ndim):
        others = tuple(a for a in range(r.ndim) if a != axis)
        square = np.sum(r**2, axis=others, keepdims=True)
        f = np.where(square, np.sum(h * r, axis=others, keepdims=True), 1) / np.where(square, square, 1)
        flat = f.ravel()
        counts = 1 / flat
        divides = np.all(flat > 0) and np.allclose(counts, np.round(counts), 1e-6) and np.ptp(np.round(flat, 6)) > 0
        off = np.flatnonzero(~np.isclose(flat, 1, 1e-6))
        one = 0 < len(off) < len(flat) and len({f"{k:.6g}" for k in flat[off]}) == 1
        zeros, few = one and not h.take(off, axis).any(), one and len(off) <= len(flat) // 2
        listed = [f"1/{k:.0f}" for k in counts[:6]] + ["..."] * (len(flat) > 6)
        part = "entry" if r.ndim == 1 else ("row", "column")[axis] if r.ndim == 2 else f"index of axis {axis}:"
        words = {"x": at.row.label, "part": part, "listed": ", ".join(listed), "which": ", ".join(map(str, off))}
        words["times"] = f"{flat[off[0]]:.4g}" if len(off) else ""
        names = {"zeros": zeros, "divides": divides and r.ndim > 1, "few": few and r.size > r.shape[axis]}
        yield Site({"r": r, "f": f, **names}, words, gradient(x, r))


PLACES: dict[str, Callable[[Suspicion], Iterable[Site]]] = {
    "activation": activations,
    "mask": masks,
    "other value": other_values,
    "slope": slopes,
    "inner": inner_derivatives,
    "softmax": softmaxes,
    "axis of a softmax": softmax_axes,
    "normalisation": normalisations,
    "axis of a normalisation": normalisation_axes,
    "statistic": statistics,
    "cross-entropy": cross_entropies,
    "use": uses,
    "power": powers,
    "function": functions,
    "inverse": inverses,
    "extreme": extremes,
    "windows": windows,
    "picks": picks,
    "rule": rules,
    "broadcast": broadcasts,
    "product": matrix_products,
    "two-valued operand": two_valued_operands,
    "operand": operands,
    "weight": read_weights,
    "all weights": all_weights,
    "gradient": gradients,
    "array": arrays,
    "row": rows,
    "part": own_factors,
    "value": added_values,
    "another": other_rows,
    "factor": factors,
    "axis": axes,
    "order": orders,
    "columns": columns,
    "batch": batches,
    "sample": samples,
    "step": steps,
    "other gradient": other_gradients,
    "forward value": forward_values,
    "forward and gradient": forward_and_gradients,
    "other operand": other_operands,
}
