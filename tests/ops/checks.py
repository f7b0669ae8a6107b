"""Derivatives of a case by differences and by the tape; a case is seen as one function f of one long vector x."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from micrograd_np import Tensor
from micrograd_np.core.tensor import constant

from .cases import Case
from .differences import derivative, derivatives, flat, split

SMALL = 16  # entries, up to which a case is checked entry by entry, too


class Probe(NamedTuple):
    """The arrays that check a case: a cotangent g of f, a cotangent c of its gradient, and directions v (columns)."""

    g: Any
    c: Any
    v: Any


@cache
def probe(case: Case) -> Probe:
    n, m = flat(case.inputs).size, flat(case.outputs(case.values)).size
    random = case.random
    v = random.uniform(-1, 1, (n, 2))
    if n <= SMALL and not case.variant:
        v = np.hstack([v, np.eye(n)])
    return Probe(random.uniform(0.5, 2, m), random.uniform(0.5, 2, n), v)


def leaves(arrays: Sequence[Any]) -> list[Tensor]:
    made = [constant(x) for x in arrays]
    for leaf in made:
        leaf.requires_grad = True
    return made


def cotangents_of(outputs: Sequence[Any], case: Case) -> list[Any]:
    parts = split(probe(case).g, [z.shape for z in outputs])
    return [part.astype(z.dtype) for part, z in zip(parts, outputs, strict=True)]


def gradients(tensors: Sequence[Tensor]) -> list[Any]:
    return [np.zeros_like(t.data) if t.grad is None else t.grad for t in tensors]


def pull_back(outputs: Sequence[Any], cotangents: Sequence[Any], **how: bool) -> None:
    """Each output walks back on its own."""
    for z, g in zip(outputs, cotangents, strict=True):
        if z.requires_grad:
            z.backward(g, **how)


def first_order(case: Case) -> Callable[[Any], Any]:
    """The gradient of ⟨g, f(x)⟩ by the tape."""

    def gradient(x: Any) -> Any:
        inputs = leaves(split(x, case.shapes))
        outputs = case.outputs(case.through(inputs))
        pull_back(outputs, cotangents_of(outputs, case))
        return flat(gradients(inputs))

    return gradient


def second_order(case: Case) -> tuple[Any, Any]:
    """The gradient of ⟨c, ∇⟨g, f(x)⟩⟩ in x and in g, by the tape of the tape; all outputs walk back together."""
    inputs = leaves(case.inputs)
    outputs = case.outputs(case.through(inputs))
    cotangents = leaves(cotangents_of(outputs, case))
    if len(outputs) == 1:
        outputs[0].backward(cotangents[0], create_graph=True)
    else:
        sum(np.sum(z * g) for z, g in zip(outputs, cotangents, strict=True)).backward(create_graph=True)
    firsts = gradients(inputs)
    for t in (*inputs, *cotangents):
        t.zero_grad()
    pull_back([t for t in firsts if isinstance(t, Tensor)], split(probe(case).c, case.shapes))
    return flat(gradients(inputs)), flat(gradients(cotangents))


@cache
def first_differences(case: Case) -> Any:
    """f'(x) along each direction: from what the row computes, whatever its rules say."""
    return derivatives(case.function, flat(case.inputs), probe(case).v)


@cache
def second_differences(case: Case) -> Any:
    """The derivative of the tape's gradient along each direction."""
    return derivatives(first_order(case), flat(case.inputs), probe(case).v)


@cache
def tangent(case: Case) -> Any:
    """f'(x) c."""
    return derivative(case.function, flat(case.inputs), probe(case).c)


def assert_near(ours: Any, theirs: Any, what: str) -> None:
    """Equal in seven digits: differences are good to nine or more, and a rule broken by 0.1 % is wrong in the third."""
    largest = np.max(np.abs(theirs), initial=1e-3)
    np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-8 * largest, err_msg=what)


def check_first_order(case: Case) -> None:
    gradient = first_order(case)(flat(case.inputs))
    assert_near(gradient @ probe(case).v, probe(case).g @ first_differences(case), f"{case.name}: first order")


def check_second_order(case: Case) -> None:
    in_x, in_g = second_order(case)
    assert_near(in_x @ probe(case).v, probe(case).c @ second_differences(case), f"{case.name}: second order")
    assert_near(in_g, tangent(case), f"{case.name}: the transpose of the rule is not the derivative")
