"""Places that are recognised by their numbers: at activations and normalisations, and at gradients."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from itertools import combinations, permutations
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .conventions import named_factors
from .flat_function import nodes_of
from .replay import ACTIVATIONS, FORMS, Block, is_one_array, slope, sources
from .suspicion import (
    MOST_SAMPLES,
    PRODUCTS,
    PROVEN,
    Change,
    Formula,
    Site,
    Suspicion,
    at_edge,
    at_line,
    gradient,
    sloped,
    unary,
    whole,
)

Array = Any


# Activations, and other functions of one value.


def block_words(block: Block, at: Suspicion) -> dict[str, str]:
    function = next((name for name, _ in block.forms), "f")
    its = "the activation's derivative" if function in ACTIVATIONS else f"the derivative of {function}"
    text = f"{at.short(block.z)} = f({at.short(block.x)}){at_line(block.z)}"
    itself = "the activation itself" if function in ACTIVATIONS else "the function itself"
    return {"its": its, "itself": itself, "block": text, "where": text, "of": at.called(block.x)}


def at_block(block: Block, at: Suspicion, **names: Any) -> Site:
    line = block.z._created_at, block.z.op.name
    words = block_words(block, at)
    many = f"{words['where']}, each of the {{sites}} times"
    return Site(names, words, sloped(block.z, block.x), line, {"block": many, "where": many}, later=not block.forms)


def activations(at: Suspicion) -> Iterator[Site]:
    for block in at.blocks:
        if block.curved:  # 1 + x is no activation
            yield at_block(block, at, z=block.z._data, s=block.slope, x=block.x._data)


def masks(at: Suspicion) -> Iterator[Site]:
    for block in at.blocks:
        if any(name == "relu" for name, _ in block.forms):
            yield Site({"s": block.slope}, block_words(block, at), whole(block.z, block.x))


def other_values(at: Suspicion) -> Iterator[Site]:
    """Yield activations whose derivative is evaluated at another value, or given it."""
    for block in at.blocks:
        x, a = block.x._data, block.z._data
        for name, w in at.like(x.shape, but=x):
            how = f"the derivative is evaluated at {name}, not at {at.called(block.x)}"
            shared = (
                f"the derivative is evaluated at {block_words(block, at)['itself']}" if np.array_equal(w, a) else None
            )
            yield at_other_value(block, at, block.slope_at(w), how, shared)
        for function, text in block.forms:
            form = FORMS[function][1]
            for name, w in at.like(a.shape, but=a):
                z = at.called(block.z)
                how = f"{text} is given {name}, and belongs to a = {z}"
                how = f"{name} stands where {z} belongs, as the derivative of {function}" if text == "a" else how
                shared = f"{text} is given what the {function} was given" if np.array_equal(w, x) else None
                yield at_other_value(block, at, form(w), how, shared)


def at_other_value(block: Block, at: Suspicion, other: Array, how: str, shared: str | None) -> Site:
    site = at_block(block, at, s=other)
    site.words["how"] = how
    site.many["how"], site.line = shared or "", (site.line, shared) if shared else None
    return site


def slopes(at: Suspicion) -> Iterator[Site]:
    for block in at.blocks:
        if block.curved:
            yield at_block(block, at, x=block.x._data)
    for edge in unary(at):
        yield at_edge(edge, at, edge.scaled, {"x": edge.x._data})


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
        if not is_one_array(u) or u.dtype.kind != "f" or not 1 <= u.ndim <= 5:
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
    inside = nodes_of([z]) & set(at.inside)
    return (x for x in reversed(at.recording.nodes) if x in inside and x.shape == z.shape and x is not z)


# Gradients.


def gradients(at: Suspicion, least: int = 1) -> Iterator[Site]:
    for x in at.places:
        g = at.gradient(x)
        if g.any() and g.size >= least:
            yield Site({"g": g}, {"x": at.called(x)}, gradient(x, g))


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
            what = f"the gradient of {at.called(x)} comes from"
            yield Site(of_samples(g) | {"g": g, "pull": np.asarray}, {"what": what, "where": ""}, gradient(x, g))
    for edge in at.edges:
        node = edge.node
        product = node.op in PRODUCTS and node.ndim == 2 and edge.position == 1 and edge.values[0].ndim == 2
        summed = node.op.broadcasts and edge.x.shape != node.shape and math.prod(node.shape[1:]) == edge.x.size
        if (product or (summed and node.op not in PRODUCTS)) and 1 < node.shape[0] <= MOST_SAMPLES:
            words = {"what": "what counts is", "where": f", in {at_edge(edge, at, edge.sent, {}).words['where']}"}
            yield Site(of_samples(node._data) | {"pull": edge.pull}, words, edge.sent)


def of_samples(x: Array) -> dict[str, Any]:
    """Return the names of the number of samples, and of the number i of each, in the shape of a factor of x."""
    return {"n": len(x), "i": np.arange(len(x)).reshape(-1, *[1] * (x.ndim - 1))}


def samples(at: Suspicion) -> Iterator[Site]:
    for site in batches(at):
        for j in range(site.names["n"]):
            yield Site({**site.names, "j": j}, {**site.words, "j": str(j)}, site.change)


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
    for x in at.all_places:
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
                yield Site(names, words, change, line, {"x": f"{words['x']}, each of the {{sites}} times,"})
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
