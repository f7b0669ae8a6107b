"""Places at rules and at values: what rules send and read, the forward pass, and what is used several times."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from ..core.versions import reads
from ..ops.elementwise import add, divide, multiply, negative, subtract, where
from ..ops.indexing import getitem
from ..ops.primitive import Elementwise
from ..ops.reductions import mean
from ..ops.reductions import sum as total_of
from .claims import RIGHT, Closeness, differ, parallel
from .flat_function import nodes_of
from .numeric_places import block_words
from .replay import is_one_array
from .suspicion import (
    CONTRACTIONS,
    MOST_SITES,
    MOST_USES,
    PRODUCTS,
    PROVEN,
    STEP,
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
    sloped,
    unary,
)

Array = Any
LINEAR = (add, subtract, negative, multiply, divide, total_of, mean)


# Rules.


def rules(at: Suspicion) -> Iterator[Site]:
    for edge in at.edges:
        twins = [other for other in edges_of(edge.node) if other.x is edge.x]
        if edge.position == twins[0].position:
            yield at_edge(edge, at, sent_by(twins), {"pull": partial(pulled_by, twins), "x": edge.x._data})


def pulled_by(edges: Sequence[Edge], g: Any) -> Any:
    return sum(edge.pull(g) for edge in edges)


def sent_by(edges: Sequence[Edge]) -> Callable[[Formula], Change]:
    """Return the change in which the formula gives what an op sends to an argument that it has several times."""
    first, *rest = edges
    nothing: dict[int | None, Way] = {edge.position: zeros_for(first.x) for edge in rest}
    return lambda formula: Change(rules={first.node: first.sent(formula).rules[first.node] | nothing})


def functions(at: Suspicion) -> Iterator[Site]:
    for edge in unary(at):
        z = edge.node._data
        yield at_edge(edge, at, edge.sent, {"z": z, "one": edge.pull(np.ones_like(z))})


def powers(at: Suspicion) -> Iterator[Site]:
    for edge in at.edges:
        if edge.position == 0 and len(edge.values) == 2 and np.ndim(edge.values[1]) == 0:
            x, n = edge.values[0], float(edge.values[1])
            if np.allclose(edge.node._data, x**n, equal_nan=True):
                yield at_edge(edge, at, edge.scaled, {"x": x, "n": n}, n=f"{n:g}", less=f"{n - 1:g}")
        if edge.position and edge.node.args[0] is edge.x and np.allclose(edge.node._data, edge.x._data**2):
            yield at_edge(edge, at, sloped(edge.node, edge.x), {"x": edge.x._data, "n": 2.0}, n="2", less="1")


def broadcasts(at: Suspicion) -> Iterator[Site]:
    """Yield the edges whose gradient is summed to the argument's shape."""
    for edge in at.edges:
        node = edge.node
        if node.op.broadcasts and edge.x.shape != node.shape and node.op not in PRODUCTS:
            names = {"full": full(edge), "count": node.size / max(edge.x.size, 1), "shape": edge.x.shape}
            lengths = (1,) * (node.ndim - edge.x.ndim) + edge.x.shape
            axes = [str(k) for k, (n, m) in enumerate(zip(node.shape, lengths, strict=True)) if n != m]
            axes_in_words = f"ax{'is' if len(axes) == 1 else 'es'} {' and '.join(axes)}"
            yield at_edge(edge, at, edge.sent, names, axes=axes_in_words)


def full(edge: Edge) -> Way:
    """Return the rule of an edge without the sum to the argument's shape."""
    rule = edge.node.op.rules[edge.position]
    return lambda g: rule(g, edge.node._data, *edge.values, **edge.node.params)


def matrix_products(at: Suspicion) -> Iterator[Site]:
    for edge in at.edges:
        if edge.node.op in PRODUCTS and edge.node.ndim == 2:
            first, second = edge.values
            yield at_edge(edge, at, edge.sent, {"first": first, "second": second, "shape": edge.x.shape})


def picks(at: Suspicion) -> Iterator[Site]:
    for edge in at.edges:
        if edge.node.op is getitem:
            x = edge.x._data
            order = edge.node.op.kernel(np.arange(x.size).reshape(x.shape), *edge.values[1:], **edge.node.params)
            yield at_edge(edge, at, edge.sent, {"x": x, "picked": order})


def windows(at: Suspicion) -> Iterator[Site]:
    """Yield overlapping picks of one line, as of a convolution in loops: the last one, or the first one, counts."""
    groups: dict[Any, list[Edge]] = defaultdict(list)
    for edge in at.edges:
        if edge.x.size > edge.node.size:
            groups[edge.node._created_at, edge.node.op, edge.x].append(edge)
    for (_, _, x), edges in groups.items():
        if 2 <= len(edges) <= MOST_SITES:
            yield from overwriting(at, x, sorted(edges, key=lambda edge: edge.node._order))


def overwriting(at: Suspicion, x: Tensor, steps: Sequence[Edge]) -> Iterator[Site]:
    """Yield the picks of all steps; of those of the same entry, the last step's counts, or the first one's."""
    touched = [edge.pull(np.ones_like(edge.node._data)) != 0 for edge in steps]
    for order, which in ((1, "last"), (-1, "first")):
        free = np.ones(x.shape, bool)
        for edge, mask in list(zip(steps, touched, strict=True))[::-order]:
            names = {"pull": edge.pull, "kept": free & mask, "which": which}
            site = at_edge(edge, at, edge.sent, names, which=which)
            site.line, site.wide = (x, steps[0].node._created_at, which), None
            yield site
            free = free & ~mask


def extremes(at: Suspicion) -> Iterator[Site]:
    """Yield maxima and minima over windows."""
    for edge in at.edges:
        node, x = edge.node, edge.x._data
        if len(edge.values) != 1 or not x.size > np.size(node._data) > 0 or not np.isin(node._data, x).all():
            continue
        flat = np.zeros_like(x)
        level, below = (node.op.kernel(values, **node.params) for values in (flat, -x))
        even, other = (partial(edge.pull, read=read) for read in ((level, flat), (below, -x)))
        share, usual = even(np.ones_like(level)), edge.pull(np.ones_like(level))
        if not np.allclose(share, usual):
            names = {"even": even, "count": 1 / np.max(share), "other": other, "z": node._data, "own": edge.pull}
            yield at_edge(edge, at, edge.sent, names)


def other_gradients(at: Suspicion) -> Iterator[Site]:
    """Yield rules that take the gradient of another value: before the activation, or of the layer above.

    In a loop, each step takes that of another line's value in the same step.
    """
    for edge in at.edges:
        right = at.gradient(edge.node)
        for other, g in at.elsewhere if edge.node not in at.middle else ():
            if other is not edge.node and g.shape == edge.node.shape and not np.array_equal(g, right):
                yield at_other_gradient(edge, at, other, g)
    known = at.undoubted
    for edges in at.edges_by_line:
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
            below = nodes_of([block.x])
            for edge in at.edges:
                if (
                    edge.node in below
                    and edge.node.shape == block.x.shape
                    and np.array_equal(at.base[edge.node], at.base[block.x])
                ):
                    words = {"other": at.called(block.z), "its": block_words(block, at)["its"]}
                    site = at_edge(edge, at, edge.sent, {"pull": edge.pull, "s": block.slope}, **words)
                    site.wide = None
                    yield site


def at_other_gradient(edge: Edge, at: Suspicion, other: Tensor, g: Array, line: Any = None) -> Site:
    site = at_edge(edge, at, edge.sent, {"pull": edge.pull, "other": g}, other=at.called(other))
    site.line, site.wide = line, None
    return site


def loops(at: Suspicion) -> Iterator[Site]:
    """Yield, for the edges of one line in a loop, some of them: the first or the last, or all the others."""
    for edges in at.edges_by_line:
        n, text = len(edges), f"of the {len(edges)} steps"
        some = {
            f"only the last {text} counts, as with = instead of +=": edges[:-1],
            f"only the first {text} counts, as with = instead of +=": edges[1:],
            f"the first {text} is missing": edges[:1],
            f"the last {text} is missing": edges[-1:],
        }
        for counts, missing in some.items() if 2 < n <= MOST_SITES else ():
            counting = edges[len(missing) :] if missing[0] is edges[0] else edges[: n - len(missing)]
            reaching = [edge for edge in counting if edge.x in {*at.inside}]
            if any(np.any(edge.pull(at.gradient(edge.node))) for edge in reaching):  # else no step counts at all
                site = at_edge(missing[0] if len(missing) == 1 else edges[-1], at, cut(missing), {}, counts=counts)
                site.line, site.wide = None, None
                yield site


def cut(edges: Sequence[Edge]) -> Callable[[Formula], Change]:
    """Return the change in which some edges send nothing, whatever the formula."""
    return lambda formula: Change(rules={edge.node: {edge.position: zeros_for(edge.x)} for edge in edges})


def zeros_for(x: Tensor) -> Way:
    return lambda g: np.zeros_like(x._data)


# Values that rules read.


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
                    operand = at.argument(node, place) if place else "the result"
                    site = at_edge(edges[0], at, read(edges, place), {}, operand=operand)
                    if len(edges) > 1:
                        site.words["where"] = f"both derivatives of {at.called(node)}{at.place(node)}"
                    site.line, site.wide = (None if len(edges) > 1 else (site.line, place)), None
                    yield edges, place, value, site


def is_operand(node: Tensor, place: int, value: Any) -> bool:
    """Return whether a value may be an operand of the user's formula: an array, or a number that is a constant."""
    if node.op is where and place == 1:
        return False  # a condition is no factor
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


def signs(at: Suspicion) -> Iterator[Site]:
    """Yield the functions whose rule reads only the signs of its operand, as that of abs."""
    return (at_edge(edge, at, edge.sent, {}) for edge in at.edges if len(edge.values) == 1 and compares(edge))


def compares(edge: Edge) -> bool:
    """Return whether a rule only compares what it reads, as that of a maximum: a mask may agree by chance."""
    return set(np.unique(edge.pull(np.ones_like(edge.node._data)))) <= {-1, 0, 0.5, 1}


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
        how = how or f"the {site.words['operand'].removeprefix('the ')} of the step {words['which']} is used"
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
    weights = [row for row in at.rows if row.leaf and row.fits]
    # A learning rate is fitted: that of one number fits any mistake.
    if any(row.status == RIGHT for row in at.rows) or sum(row.hand.size for row in weights) < PROVEN:
        return
    for x in (row.tensor for row in weights):
        names = {"v": x._data, "h": at.hands[x], "t": at.recording.true[x]}
        yield Site(names, {}, other_forward(x, everywhere=True), "all")


def forward_values(at: Suspicion) -> Iterator[Site]:
    """Yield sums and products with two terms of their shape: one may be left out of the values."""
    for node, i, a, words in terms_of(at):
        line, later = (*at.line_of(node), i), node.op not in (multiply, divide)
        yield Site({"a": a}, words, other_forward(node), line, later=later)


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
        names = " and ".join(map(at.called, chosen))
        yield Site({"x": None}, {"names": names}, without(chosen))


def without(nodes: Sequence[Tensor]) -> Callable[[Formula], Change]:
    """Return the change in which some values send nothing to their arguments, whatever the formula."""
    return lambda formula: Change(rules={x: {None: lambda g: []} for x in nodes})


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
    added = all(is_added(edge.node, at) for edge in edges)
    if added and not x._parents and differ(x._data) and parallel(part, x._data, Closeness()):
        return {"which": "", "use": f"the gradient of the regularisation term {at.called(edges[0].node)}"}
    ways = list(dict.fromkeys(STEP.sub("", at.called(edge.node)) for edge in edges))
    nodes = len({edge.node for edge in edges})
    like = f" and {nodes - len(ways)} like it" if nodes > len(ways) else ""
    return {"which": f"{at.called(x)} is used {count} times, and ", "use": f"its use in {' and '.join(ways)}{like}"}


def is_added(x: Tensor, at: Suspicion) -> bool:
    """Return whether a value is a term of the output, but for sums and constant factors."""
    while x is not at.recording.output:
        users = at.recording.users[x]
        if len(users) != 1:
            return False
        (user,) = users
        if user.op not in LINEAR or (len(user._parents) > 1 and user.op not in (add, subtract)):
            return False
        x = user
    return True
