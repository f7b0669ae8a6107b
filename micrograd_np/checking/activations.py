"""Mistakes in the derivative of an activation: left out, taken twice, of the wrong value, or another's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from ..core.backward import Pulled
from ..core.tensor import Tensor
from .blocks import ACTIVATIONS, Block, forms_of
from .suspicion import Hypothesis, Suspicion, rerouting

Array = Any


def activations(at: Suspicion) -> Iterator[Hypothesis]:
    for block in at.blocks:
        where = f"{at.called(block.z)} = f({at.called(block.x)})"
        for kind, says, slope in wrong_slopes(block, at):
            if kind == "derivative left out" or np.any(slope != 1):
                yield Hypothesis(kind, f"{says}, in {where}", overrides=rerouting(block, slope))
        yield from masks_by_gradient(block, where)
    yield from on_one_line(at)


def wrong_slopes(block: Block, at: Suspicion) -> Iterator[tuple[str, str, Array]]:
    x, z, slope = block.x._data, block.z._data, block.slope
    with np.errstate(all="ignore"):
        its = "the activation's derivative" if any(forms_of(block)) else "the derivative of f"
        yield "derivative left out", f"{its} is left out", np.ones_like(slope)
        yield "derivative twice", f"{its} is multiplied in twice", slope * slope
        yield "derivative inverted", "the gradient is divided by the activation's derivative", 1 / slope
        yield "value for derivative", "the activation itself stands for its derivative", z
        yield "derivative of the derivative", "s*(1-s) of the slope stands for the slope", slope * (1 - slope)
        for name, w in at.like(x.shape, but=x):
            says = f"the derivative is evaluated at {name}, not at {at.called(block.x)}"
            yield "derivative of the wrong value", says, block.slope_at(w)
        own = list(forms_of(block))
        for _, text, form in own:
            for name, w in at.like(z.shape, but=z):
                says = f"{text} is given {name}, and belongs to a = {at.called(block.z)}"
                yield "derivative of the wrong value", says, form(w)
        for name, (text, form) in ACTIVATIONS.items():
            if name not in [mine for mine, _, _ in own]:
                yield "another's derivative", f"the derivative of another function ({name}: {text})", form(z)
                yield "another's derivative", f"the derivative of another function ({name}: {text})", form(x)
        yield "part of the derivative", "a factor of the derivative is missing (1-a is left)", 1 - z
        yield "part of the derivative", "the square stands for the product: (1-a)**2", (1 - z) ** 2
        yield "part of the derivative", "a sign inside the derivative is wrong: a*(1+a)", z * (1 + z)
        yield "part of the derivative", "a sign inside the derivative is wrong: 1+a*a", 1 + z * z


def masks_by_gradient(block: Block, where: str) -> Iterator[Hypothesis]:
    """A rectifier's mask made from the gradient itself, alone or besides the value."""
    if any(name == "relu" for name, _, _ in forms_of(block)):
        for also, says in ((np.ones_like(block.slope), "not of the value"), (block.slope, "besides that of the value")):
            override = {block.z: partial(masked, block, also)}
            says = f"the mask is made from the sign of the gradient, {says}, in {where}"
            yield Hypothesis("mask of the gradient", says, overrides=override)


def masked(block: Block, also: Array, g: Any) -> Pulled:
    return [(block.x, g * (g > 0) * also)]


def on_one_line(at: Suspicion) -> Iterator[Hypothesis]:
    """The same slip in all activations that one line of the program computes."""
    groups: dict[Any, list[Block]] = defaultdict(list)
    for block in at.blocks:
        groups[block.z.where, block.z.op.name].append(block)
    for group in groups.values():
        if len(group) < 2:
            continue
        where = f"each activation of the line of {at.called(group[0].z)}"
        slopes: dict[tuple[str, str], list[tuple[Block, Array]]] = defaultdict(list)
        for block in group:
            for kind, says, slope in shared_slopes(block):
                slopes[kind, says].append((block, slope))
        for (kind, says), parts in slopes.items():
            overrides: dict[Tensor, Any] = {}
            for block, slope in parts:
                overrides |= rerouting(block, slope)
            yield Hypothesis(kind, f"{says}, in {where}", overrides=overrides)


def shared_slopes(block: Block) -> Iterator[tuple[str, str, Array]]:
    x, z = block.x._data, block.z._data
    with np.errstate(all="ignore"):
        yield "derivative left out", "the activation's derivative is left out", np.ones_like(block.slope)
        yield "derivative twice", "the activation's derivative is multiplied in twice", block.slope**2
        yield "derivative of the wrong value", "the derivative is evaluated at the activation", block.slope_at(z)
        yield "value for derivative", "the activation itself stands for its derivative", z
        for name, text, form in forms_of(block):
            yield "derivative of the wrong value", f"{text} is given what the {name} was given", form(x)
        for name, (text, form) in ACTIVATIONS.items():
            yield "another's derivative", f"the derivative of another function ({name}: {text})", form(z)
