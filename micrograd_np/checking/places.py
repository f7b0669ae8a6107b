"""The places of the table of mistakes: each is found in the user's graph, and a mistake there is replayed.

A place is a generator of sites. A site gives the formula's names their values, and says in which of three ways its
result changes the backward pass: another gradient, another rule, or other values that the rules read. The same mistake
is also tried at all sites that one line of the user's program made, as in a loop.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from ..core.versions import reads
from ..ops.elementwise import divide, multiply
from ..ops.indexing import getitem
from ..ops.joining import pad_constant
from ..ops.primitive import Elementwise
from . import numeric_places
from .claims import RIGHT, Closeness, differ, parallel
from .mistakes import Mistake, mistakes
from .replay import is_one_array
from .suspicion import (
    CONTRACTIONS,
    FEW,
    MOST_SITES,
    MOST_USES,
    PRODUCTS,
    Change,
    Edge,
    Formula,
    Site,
    Suspicion,
    Way,
    at_edge,
    edges_of,
    gradient,
    other_forward,
    read,
    scaled_by,
    sent,
    sloped,
    unary,
)

Array = Any
COUNTS = re.compile(r"\d+(?= times, | like it| of the | steps)")


@dataclass
class Hypothesis:
    """A mistake at some sites; with `fitted` it has an unknown number."""

    place: str
    kind: str
    says: str
    mistake: Mistake
    sites: Sequence[Site]
    nth: int = 0  # among those with the same sentence

    @property
    def key(self) -> tuple[int, str, int]:
        """The part of a hypothesis that is the same about other data, where loops may have other lengths."""
        return self.mistake.rank, uncounted(self.says), self.nth

    @property
    def rank(self) -> tuple[bool, int]:
        return self.sites[0].later, self.mistake.rank

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


def uncounted(says: str) -> str:
    """Return a sentence without the number of steps, which other data may change."""
    return COUNTS.sub("#", says)


def hypotheses(place: str, at: Suspicion) -> Iterator[Hypothesis]:
    """Yield the hypotheses of a place, and number those with the same sentence."""
    seen: Counter[tuple[int, str, int]] = Counter()
    for found in unnumbered(place, at):
        seen[found.key] += 1
        yield replace(found, nth=seen[found.key])


def unnumbered(place: str, at: Suspicion) -> Iterator[Hypothesis]:
    """Yield the mistakes of the table at all sites that share a line of the program, and at single sites.

    Of a long loop, the single sites are its first and its last step.
    """
    lines: dict[Any, list[Site]] = defaultdict(list)
    single: list[Site] = []
    for site in sites_of(place, at):
        for line in {site.line, site.wide} - {None}:
            lines[line].append(site)
        if site.line is None:
            single.append(site)
    for sites in lines.values():
        if 1 < len(sites) <= MOST_SITES:
            words = {**sites[0].words, **sites[0].many, "sites": str(len(sites))}
            yield from (hypothesis(place, mistake, sites, words) for mistake in mistakes()[place])
    for line in dict.fromkeys(site.line for sites in lines.values() for site in sites):
        single += lines[line] if len(lines[line]) <= FEW else [lines[line][0], lines[line][-1]]
    for site in single:
        yield from (hypothesis(place, mistake, [site], site.words) for mistake in mistakes()[place])


def sites_of(place: str, at: Suspicion) -> Iterable[Site]:
    """Return the sites of a place; the function that finds them has the name of its heading in the table."""
    name = place.replace(" ", "_")
    modules = (globals(), vars(numeric_places))
    found: Iterable[Site] = next(names[name] for names in modules if name in names)(at)
    return found


def hypothesis(place: str, mistake: Mistake, sites: Sequence[Site], words: Mapping[str, str]) -> Hypothesis:
    says = mistake.sentence
    for name, word in words.items():
        says = says.replace(f"{{{name}}}", word)
    return Hypothesis(place, mistake.kind, says, mistake, sites)


# Single rules.


def rules(at: Suspicion) -> Iterator[Site]:
    for edge in at.edges:
        twins = [other for other in edges_of(edge.node) if other.x is edge.x]
        if edge.position == twins[0].position:
            yield at_edge(edge, at, sent_by(twins), pull=partial(pulled_by, twins), x=edge.x._data)


def pulled_by(edges: Sequence[Edge], g: Any) -> Any:
    return sum(edge.pull(g) for edge in edges)


def sent_by(edges: Sequence[Edge]) -> Callable[[Formula], Change]:
    """Return the change in which the formula gives what an op sends to an argument that it has several times."""
    first, *rest = edges

    def change(formula: Formula) -> Change:
        found = sent(first)(formula)
        found.rules[first.node] |= {edge.position: lambda g: 0.0 * first.x._data for edge in rest}
        return found

    return change


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
        if edge.position and edge.node.args[0] is edge.x and np.allclose(edge.node._data, edge.x._data**2):
            site = at_edge(edge, at, sloped(edge.node, edge.x), x=edge.x._data, n=2.0)
            site.words |= {"n": "2", "less": "1"}
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
    together: dict[Tensor, list[list[Edge]]] = defaultdict(list)
    for (_, _, x), edges in groups.items():
        if 2 <= len(edges) <= MOST_SITES:
            together[x].append(sorted(edges, key=lambda edge: edge.node._order))
    for x, several in together.items():
        alike = len({len(edges) for edges in several}) == 1
        for lines in [*([edges] for edges in several), *([several] if alike and len(several) > 1 else [])]:
            yield from overwriting(at, x, list(zip(*lines, strict=True)))


def overwriting(at: Suspicion, x: Tensor, steps: Sequence[Sequence[Edge]]) -> Iterator[Site]:
    """Yield the picks of all steps; of those of the same entry, the last step's counts, or the first one's."""
    touched = [sum(edge.pull(np.ones_like(edge.node._data)) != 0 for edge in step) > 0 for step in steps]
    for order, which in ((1, "last"), (-1, "first")):
        free = np.ones(x.shape, bool)
        for step, mask in list(zip(steps, touched, strict=True))[::-order]:
            for edge in step:
                site = at_edge(edge, at, sent(edge), pull=edge.pull, kept=free & mask, which=which)
                site.line, site.wide = (x, len(step), steps[0][0].node._created_at, which), None
                site.words["which"] = which
                yield site
            free = free & ~mask


def paddings(at: Suspicion) -> Iterator[Site]:
    for edge in at.edges:
        if edge.node.op is pad_constant:
            first = tuple(slice(0, size) for size in edge.x.shape)
            last = tuple(slice(-size, None) for size in edge.x.shape)
            yield at_edge(edge, at, sent(edge), first=first, last=last)


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
            names = {"even": even, "count": 1 / np.max(share), "other": other}
            yield at_edge(edge, at, sent(edge), z=node._data, own=edge.pull, **names)


def ruled(edge: Edge, z: Array, x: Array, g: Any) -> Any:
    return edge.rule(g, z, x, **edge.node.params)


def other_gradients(at: Suspicion) -> Iterator[Site]:
    """Yield rules that take the gradient of another value: before the activation, or of the layer above.

    In a loop, each step takes that of another line's value in the same step.
    """
    lines: dict[Any, list[Edge]] = defaultdict(list)
    for edge in at.edges:
        lines[edge.node._created_at, edge.node.op, edge.position].append(edge)
        right = at.gradient(edge.node)
        for other, g in at.elsewhere if edge.node not in at.middle else ():
            if other is not edge.node and g.shape == edge.node.shape and not np.array_equal(g, right):
                yield at_other_gradient(edge, at, other, g)
    known = at.undoubted
    for edges in lines.values():
        for values in at.lines.values():
            if len(values) == len(edges) > 1 and values[0] in known and values[0].shape == edges[0].node.shape:
                pairs = list(zip(edges, values, strict=True))
                if all(edge.node is not x and x in known for edge, x in pairs):
                    for edge, x in pairs:
                        yield at_other_gradient(edge, at, x, known[x], (at.line_of(edge.node), at.line_of(values[0])))


def skipped_activations(at: Suspicion) -> Iterator[Site]:
    """Yield rules that are given the gradient of an activation, and not that of the sum that it is a function of."""
    for block in at.blocks:
        if block.curved and np.all(block.slope):
            below = {block.x} | at.recording.below(block.x)
            for edge in at.edges:
                if (
                    edge.node in below
                    and edge.node.shape == block.x.shape
                    and np.array_equal(at.base[edge.node], at.base[block.x])
                ):
                    site = at_edge(edge, at, sent(edge), pull=edge.pull, s=block.slope)
                    site.words["other"], site.wide = at.called(block.z), None
                    yield site


def at_other_gradient(edge: Edge, at: Suspicion, other: Tensor, g: Array, line: Any = None) -> Site:
    site = at_edge(edge, at, sent(edge), pull=edge.pull, other=g)
    site.words["other"], site.line, site.wide = at.called(other), line, None
    return site


def loops(at: Suspicion) -> Iterator[Site]:
    """Yield, for the edges of one line in a loop, some of them: the first or the last, or all the others."""
    lines: dict[Any, list[Edge]] = defaultdict(list)
    for edge in at.edges:
        lines[edge.node._created_at, edge.node.op, edge.position].append(edge)
    for edges in lines.values():
        edges = sorted(edges, key=lambda edge: edge.node._order)
        n, text = len(edges), f"of the {len(edges)} steps"
        some = {
            f"only the last {text} counts, as with = instead of +=": edges[:-1],
            f"only the first {text} counts, as with = instead of +=": edges[1:],
            f"the first {text} is missing": edges[:1],
            f"the last {text} is missing": edges[-1:],
        }
        for counts, missing in some.items() if 2 < n <= MOST_SITES else ():
            site = at_edge(edges[-1], at, scaled(missing))
            yield Site({}, {**site.words, "counts": counts}, site.change)


def scaled(edges: Sequence[Edge]) -> Callable[[Formula], Change]:
    """Return the change in which what some edges send is multiplied by the formula."""

    def sends(edge: Edge, formula: Formula) -> Way:
        return lambda g: formula() * edge.pull(g)

    return lambda formula: Change(rules={edge.node: {edge.position: sends(edge, formula)} for edge in edges})


# What rules read.


def read_values(at: Suspicion) -> Iterator[tuple[list[Edge], int, Array, Site]]:
    """Yield each value that a rule reads, and those that several rules of one op read, with a site."""
    for node in dict.fromkeys(edge.node for edge in at.edges):
        mine, every = [edge for edge in at.edges if edge.node is node], edges_of(node)
        twins = len({edge.x for edge in every}) < len(every)  # of x * x, both derivatives read the other x
        for edges in [*([] if twins else ([edge] for edge in mine)), *([every] if len(every) > 1 else [])]:
            for place, value in enumerate((node._data, *edges[0].values)):
                places = [place] if not place else [i for i, x in enumerate(node.args, 1) if x is node.args[place - 1]]
                count = sum(reads(edge.rule, i) for edge in edges for i in places)
                if is_operand(node, place, value) and count and (len(edges) == 1 or count > 1):
                    site = at_edge(edges[0], at, read(edges, place))
                    site.words["operand"] = at.argument(node, place) if place else "the result"
                    if len(edges) > 1:
                        site.words["where"] = f"both derivatives of {at.called(node)}{at.place(node)}"
                    site.line, site.wide = (None if len(edges) > 1 else (site.line, place)), None
                    yield edges, place, value, site


def is_operand(node: Tensor, place: int, value: Any) -> bool:
    """Return whether a value may be an operand of the user's formula: an array, or a number that is a constant."""
    number = isinstance(value, int | float | np.number | np.ndarray) and not isinstance(value, bool)
    return bool(getattr(value, "ndim", 0)) or (number and isinstance(node.op, Elementwise))


def operands(at: Suspicion) -> Iterator[Site]:
    for edges, _, value, site in read_values(at):
        site.names = {"v": value, "z": edges[0].node._data}
        yield site


def two_valued_operands(at: Suspicion) -> Iterator[Site]:
    for edges, place, value, site in read_values(at):
        top = np.max(value, initial=0)
        mask = np.all((value == 0) | (value == top)) and isinstance(edges[0].node.op, Elementwise)
        if top and mask and np.size(value) > 1 and place and edges[0].position != place - 1:
            site.names = {"v": value, "top": top}
            site.words["top"] = f"{top:.4g}"
            yield site


def other_operands(at: Suspicion) -> Iterator[Site]:
    for edges, _, value, site in read_values(at):
        for name, w in at.like(value.shape, but=value) if np.ndim(value) and edges[0].node not in at.middle else ():
            if (w.dtype.kind == "b") == (value.dtype.kind == "b") and (at.tested or not compares(edges[0])):
                yield Site({"w": w}, {**site.words, "w": name}, site.change)


def compares(edge: Edge) -> bool:
    """Return whether a rule only compares what it reads, as that of a maximum: a mask may agree by chance."""
    return set(np.unique(edge.pull(np.ones_like(edge.node._data)))) <= {0, 0.5, 1}


def steps(at: Suspicion) -> Iterator[Site]:
    """Yield, for the reads of one line in a loop, what a line made in the step before or after, or another in the same.

    What a loop begins with has no step before it.
    """
    groups: dict[Any, list[tuple[list[Edge], int, Array, Site]]] = defaultdict(list)
    for found in read_values(at):
        groups[found[3].line].append(found)
    made = at.lines
    starts = {}  # what a loop begins with, by the line that makes what follows it
    for group in groups.values():
        first, *rest = [(edges[0].node, *edges[0].node.args)[place] for edges, place, _, _ in group]
        values = made.get(at.line_of(rest[0]), []) if rest and isinstance(rest[0], Tensor) else []
        if len(rest) > 1 and list(map(id, rest)) == list(map(id, values[: len(rest)])):
            starts[at.line_of(rest[0])] = first
    for line, group in groups.items():
        own = [(edges[0].node, *edges[0].node.args)[place] for edges, place, _, _ in group]
        if line is None or not 1 < len(group) <= MOST_SITES:
            continue
        home = {at.line_of(x) for x in own if getattr(x, "op", None)}
        start = next((x for x in own if not getattr(x, "op", None)), starts.get(next(iter(home), None)))
        for values in made.values():
            order = {id(x): i for i, x in enumerate(values)}
            for by, which in ((1, "after"), (-1, "before")) if home == {at.line_of(values[0])} else ():
                places = [order.get(id(x), -1) + by for x in own]
                others = [values[i] if 0 <= i < len(values) else start for i in places]
                yield from in_steps(group, others, {"which": which})
            if len(values) == len(own) and at.line_of(values[0]) not in home:
                yield from in_steps(group, values, {"which": ""}, at.called(values[0]))


def in_steps(
    group: Sequence[tuple[list[Edge], int, Array, Site]], others: Sequence[Any], words: dict[str, str], name: str = ""
) -> Iterator[Site]:
    """Yield sites in which the reads of a line are given other values, one for each."""
    values = [getattr(x, "_data", x) for x in others]
    if any(np.shape(w) != np.shape(value) for w, (_, _, value, _) in zip(values, group, strict=True)):
        return
    if all(np.array_equal(w, value) for w, (_, _, value, _) in zip(values, group, strict=True)):
        return
    for w, (_, _, _, site) in zip(values, group, strict=True):
        how = f"{name} stands where {site.words['operand']} belongs" if name else ""
        how = how or f"the {site.words['operand']} of the step {words['which']} is used"
        many = {**site.many, "how": how}
        yield Site({"w": w}, {**site.words, "how": how}, site.change, (site.line, words["which"], name), many)


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
    if any(row.status == RIGHT for row in at.rows):
        return
    for x in (row.tensor for row in at.rows if row.leaf and row.fits):
        names = {"v": x._data, "h": at.hands[x], "t": at.recording.true[x]}
        yield Site(names, {}, other_forward(x, everywhere=True), "all")


def forward_values(at: Suspicion) -> Iterator[Site]:
    """Yield sums and products with two terms of their shape: one may be left out of the values."""
    return (
        Site({"a": a}, words, other_forward(node), (*at.line_of(node), i), later=node.op not in (multiply, divide))
        for node, i, a, words in terms_of(at)
    )


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
    found = [x for x in found if any(x.size < y.size for y, _ in x._parents) and not vanishes(at, x)]
    for chosen in [*combinations(found, 1), *(combinations(found, 2) if len(found) <= MOST_USES else ())]:
        nothing = Change(rules={x: {None: lambda g: []} for x in chosen})
        names = " and ".join(map(at.called, chosen))
        yield Site({"x": None}, {"names": names}, partial(constant_change, nothing))


def constant_change(change: Change, formula: Formula) -> Change:
    return change


def vanishes(at: Suspicion, x: Tensor) -> bool:
    """Return whether a gradient is only a rounding error, as that of the maximum that a softmax subtracts."""
    g = at.gradient(x)
    return not is_one_array(g) or negligible(g, at.recording.sizes.get(x, 0.0))


def negligible(g: Array, beside: float) -> bool:
    return bool(np.max(np.abs(g), initial=0) <= 1e-9 * beside)


def uses(at: Suspicion) -> Iterator[Site]:
    """Yield the uses of a value; those of one line, as in a loop, are one use, and so are two that send the same."""
    for x in at.places:
        lines: dict[Any, list[Edge]] = defaultdict(list)
        for edge in at.edges:
            if edge.x is x and edge.node in at.base:
                lines[edge.node._created_at or edge.node].append(edge)
        groups: list[tuple[list[Edge], Array]] = []
        for edges in lines.values() if len(lines) > 1 else ():
            part = sum(edge.pull(at.base[edge.node]) for edge in edges)
            twin = next((group for group in groups if np.allclose(group[1], part, 1e-9, 0)), None)
            if twin:
                twin[0].extend(edges)
            else:
                groups.append((edges, part))
        terms = [(edges, sum(edge.pull(at.base[edge.node]) for edge in edges)) for edges, _ in groups]
        total = sum(part for _, part in terms)
        terms = [(edges, part) for edges, part in terms if not negligible(part, at.recording.sizes.get(x, 0.0))]
        for edges, part in terms if 2 <= len(terms) <= MOST_USES else ():
            names = {"part": part, "total": total, "count": len(terms)}
            yield Site(names, use_words(at, x, edges, part, len(terms)), gradient(x, total))


def use_words(at: Suspicion, x: Tensor, edges: Sequence[Edge], part: Array, count: int) -> dict[str, str]:
    """Return the words for a use of a value; a use that sends a multiple of the value itself is a regularisation."""
    if not x._parents and differ(x._data) and parallel(part, x._data, Closeness()):
        return {"which": "", "use": f"the gradient of the regularisation term {at.called(edges[0].node)}"}
    ways = list(dict.fromkeys(at.called(edge.node) for edge in edges))
    nodes = len({edge.node for edge in edges})
    like = f" and {nodes - len(ways)} like it" if nodes > len(ways) else ""
    return {"which": f"{at.called(x)} is used {count} times, and ", "use": f"its use in {' and '.join(ways)}{like}"}
