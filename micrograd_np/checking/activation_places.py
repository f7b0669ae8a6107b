"""Places at activations, softmaxes and normalisations, recognised by their numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .replay import FORMS, Block, is_one_array, slope, sources
from .suspicion import Site, Suspicion, at_edge, at_line, scaled_by, sloped, unary, whole

Array = Any


# Activations, and other functions of one value.


def block_words(block: Block, at: Suspicion) -> dict[str, str]:
    its = "the activation's derivative" if block.forms else "the derivative of f"
    text = f"{at.short(block.z)} = f({at.short(block.x)}){at_line(block.z)}"
    return {"its": its, "block": text, "where": text, "of": at.called(block.x)}


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
        if block.curved:
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
    inside = at.recording.below(z) & set(at.inside)
    return (x for x in reversed(at.recording.nodes) if x in inside and x.shape == z.shape)
