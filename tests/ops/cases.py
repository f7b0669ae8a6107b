"""Each row of the table as calls that can be checked: its examples with numbers in them, drawn once and for all."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pytest

from micrograd_np.ops import TABLE
from micrograd_np.ops.primitive import Drawn, Elementwise, Example, NonDifferentiable, Outputs, Primitive, example, item

from .differences import flat, smooth, split

ROWS = [row for row in TABLE.values() if not isinstance(row, NonDifferentiable)]

# Shapes that broadcast against each other, for functions of one, two and three numbers; None is a Python number.
SHAPES: dict[int, list[tuple[tuple[int, ...] | None, ...]]] = {
    1: [((3, 4),), ((),), ((0, 3),)],
    2: [((3, 4), (4,)), ((2, 1), (1, 3)), ((), (3,)), ((0, 3), (3,)), ((), ()), ((3,), None), (None, (3,))],
    3: [((3, 4), (4,), (3, 1)), ((), (3,), ()), ((0, 3), (3,), ()), ((3,), (3,), None), ((3,), None, (3,))],
}


@dataclass(frozen=True, eq=False)
class Case:
    """A call of a row, on inputs that stand where the example has `Drawn`."""

    row: Primitive
    example: Example
    name: str
    variant: bool = False

    @cached_property
    def slots(self) -> list[Drawn]:
        found: list[Drawn] = []
        fill(self.example, found.append)
        return found

    @cached_property
    def inputs(self) -> list[Any]:
        """Numbers that are the same in each run, and near no kink of the row."""
        random = self.random
        for _ in range(20):
            inputs = draw(self.slots, self.row.domain, random)
            if smooth(self.function, flat(inputs)):
                break
        return inputs

    @cached_property
    def values(self) -> list[Any]:
        """The arguments that the row gets: the inputs, made into what the example asks for."""
        return self.through(self.inputs)

    @cached_property
    def shapes(self) -> list[tuple[int, ...]]:
        return [slot.shape for slot in self.slots]

    @property
    def random(self) -> np.random.Generator:
        return np.random.default_rng(zlib.crc32(self.name.encode()))

    def through(self, inputs: list[Any]) -> list[Any]:
        return [slot.through(x) if slot.through else x for slot, x in zip(self.slots, inputs, strict=True)]

    def outputs(self, values: list[Any], constant: Callable[[Any], Any] = lambda x: x) -> tuple[Any, ...]:
        """The result of the row for arrays, or for Tensors; `constant` is applied to the example's own arrays."""
        following = iter(values)
        args, kwargs = fill(self.example, lambda slot: next(following), constant)
        z = self.row(*args, **kwargs)
        if isinstance(getattr(z, "data", None), Outputs):
            z = tuple(item(z, i) for i in range(len(z.data)))
        return z if isinstance(z, tuple) else (z,)

    def function(self, x: Any) -> Any:
        """The case as a function of one long vector."""
        return flat(self.outputs(self.through(split(x, self.shapes))))

    def resized(self) -> Iterator[Case]:
        """The same call with each size in turn made 1, then 0, where the row takes that."""
        for size in sorted({size for shape in self.shapes for size in shape} - {0, 1}):
            for other in (1, 0):
                shrunk = Example(*fill(self.example, lambda slot, size=size, other=other: resize(slot, size, other)))
                case = Case(self.row, shrunk, f"{self.name} with {other} for {size}", variant=True)
                if runs(case):
                    yield case


def fill(part: Any, slot: Callable[[Drawn], Any], constant: Callable[[Any], Any] = lambda x: x) -> Any:
    """An example with something in the place of each `Drawn`, and of each array."""
    if isinstance(part, Drawn):
        return slot(part)
    if isinstance(part, np.ndarray):
        return constant(part)
    if isinstance(part, dict):
        return {key: fill(x, slot, constant) for key, x in part.items()}
    if isinstance(part, tuple | list):
        filled = [fill(x, slot, constant) for x in part]
        return filled if isinstance(part, list) else tuple(filled)
    return part


def draw(slots: list[Drawn], domain: tuple[float, float], random: np.random.Generator) -> list[Any]:
    """Numbers far from each other and from the middle of their domain, so that no tie and no kink is near."""
    domains = [slot.domain or domain for slot in slots]
    sizes = [math.prod(slot.shape) for slot in slots]
    pools = {}
    for low, high in dict.fromkeys(domains):
        count = sum(size for size, own in zip(sizes, domains, strict=True) if own == (low, high))
        places = random.permutation(count) + random.uniform(0.55, 0.9, count)
        pools[low, high] = iter(low + (high - low) * places / max(count, 1))
    return [
        np.array([next(pools[own]) for _ in range(size)]).reshape(slot.shape)
        for slot, size, own in zip(slots, sizes, domains, strict=True)
    ]


def resize(slot: Drawn, size: int, other: int) -> Drawn:
    shape = tuple(other if length == size else length for length in slot.shape)
    return Drawn(*shape, domain=slot.domain, through=slot.through)


def runs(case: Case) -> bool:
    try:
        return all(np.all(np.isfinite(z)) for z in case.outputs(case.values))
    except Exception:
        return False


def broadcasts(row: Primitive) -> list[Example]:
    """Calls of an elementwise row: shapes that broadcast, and booleans where there is nothing to differentiate."""
    low, high = row.domain
    number = low + 0.37 * (high - low)

    def argument(shape: tuple[int, ...] | None, rule: Any) -> Any:
        if shape is None:
            return number
        return Drawn(*shape) if rule else np.arange(math.prod(shape)).reshape(shape) % 2 == 0

    return [example(*map(argument, shapes, row.rules)) for shapes in SHAPES[len(row.rules)]]


def cases(row: Primitive) -> list[Case]:
    examples = row.examples or (broadcasts(row) if isinstance(row, Elementwise) else [])
    made = [Case(row, each, f"{row.name}-{i}") for i, each in enumerate(examples)]
    return [case for case in made if case.slots]


CASES = [case for row in ROWS for case in cases(row)]


def first_of_each_row(cases: list[Case]) -> list[Any]:
    """The cases as parameters of a test; all but the first of each row are slow."""
    return [pytest.param(case, marks=() if case.name.endswith("-0") else pytest.mark.slow) for case in cases]
