"""The places of the table of mistakes: each is found in the user's graph, and a mistake there is replayed.

A place is a generator of sites. A site gives the formula's names their values, and says in which of three ways its
result changes the backward pass: another gradient, another rule, or other values that the rules read. The same mistake
is also tried at all sites that one line of the user's program made, as in a loop.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from ..core.versions import reads
from ..ops.indexing import getitem
from ..ops.primitive import Elementwise
from .activation_places import (
    activations,
    inner_derivatives,
    masks,
    normalisation_axes,
    normalisations,
    other_values,
    slopes,
    softmax_axes,
    softmaxes,
)
from .changes import (
    CONTRACTIONS,
    MOST_SITES,
    MOST_USES,
    PRODUCTS,
    Change,
    Formula,
    Site,
    Way,
    at_edge,
    gradient,
    other_forward,
    read,
    scaled_by,
    sent,
    unary,
)
from .gradient_places import (
    added_values,
    arrays,
    axes,
    batches,
    columns,
    cross_entropies,
    factors,
    gradients,
    orders,
    other_rows,
    own_factors,
    rows,
    samples,
)
from .mistakes import Mistake, mistakes
from .suspicion import Edge, Suspicion, edges_of

Array = Any


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


# Single rules.


def rules(at: Suspicion) -> Iterator[Site]:
    return (at_edge(edge, at, sent(edge), pull=edge.pull, x=edge.x._data) for edge in at.edges)


def functions(at: Suspicion) -> Iterator[Site]:
    for edge in unary(at):
        z = edge.node._data
        yield at_edge(edge, at, sent(edge), z=z, one=edge.pull(np.ones_like(z)))


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
