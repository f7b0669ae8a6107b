"""Places at rules: those of ops, of windows and picks, of extremes, and of the steps of loops."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from ..ops.indexing import getitem
from .flat_function import nodes_of
from .numeric_places import block_words
from .suspicion import (
    MOST_SITES,
    PRODUCTS,
    Change,
    Edge,
    Formula,
    Site,
    Suspicion,
    Way,
    at_edge,
    edges_of,
    sloped,
    unary,
)

Array = Any


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
    nothing: dict[int | None, Way] = {edge.position: lambda g: 0.0 * first.x._data for edge in rest}
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
                names = {"pull": edge.pull, "kept": free & mask, "which": which}
                site = at_edge(edge, at, edge.sent, names, which=which)
                site.line, site.wide = (x, len(step), steps[0][0].node._created_at, which), None
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
        sending = [edge for edge in edges if np.any(edge.pull(at.gradient(edge.node)))] if n <= MOST_SITES else []
        for counts, missing in some.items() if n > 2 else ():
            if any(edge not in missing for edge in sending):  # else no step counts at all
                site = at_edge(edges[-1], at, scaled(missing), {}, counts=counts)
                site.line, site.wide = None, None
                yield site


def scaled(edges: Sequence[Edge]) -> Callable[[Formula], Change]:
    """Return the change in which what some edges send is multiplied by the formula."""

    def sends(edge: Edge, formula: Formula) -> Way:
        return lambda g: formula() * edge.pull(g)

    return lambda formula: Change(rules={edge.node: {edge.position: sends(edge, formula)} for edge in edges})
