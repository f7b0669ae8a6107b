"""Ways to break a rule of the table, and a row that has one rule broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import combinations

from micrograd_np import Tensor
from micrograd_np.core.backward import Rule
from micrograd_np.ops.primitive import EachArgument, Outputs

NAMES = "zxywuv"  # what a rule is given after g
Damage = Callable[[Rule], Rule]


def result(change):
    """Break what a rule returns."""

    def damage(rule):
        def broken(g, *read, **params):
            pulled = rule(g, *read, **params)
            if isinstance(pulled, Outputs):
                return Outputs(part if part is None else change(part, part) for part in pulled)
            return change(pulled, g if getattr(g, "shape", None) == pulled.shape else 1)

        return broken

    return damage


def operands(change):
    """Break what a rule is given; where there is nothing to change, the rule is left as it is."""

    def damage(rule):
        def broken(g, *read, **params):
            return rule(g, *change(read), **params)

        return broken

    return damage


def swap(a, b):
    def change(read):
        order = list(range(len(read)))
        if b < len(read):
            order[a], order[b] = b, a
        return [read[i] for i in order]

    return operands(change)


def put(a, b):
    def change(read):
        fits = b < len(read) and shape_of(read[a]) == shape_of(read[b])
        return [read[b] if fits and i == a else x for i, x in enumerate(read)]

    return operands(change)


def shape_of(x):
    return getattr(x, "shape", ())  # a number; several outputs have none, and no operand is like them


def detach(a):
    return operands(lambda read: [x.detach() if i == a and isinstance(x, Tensor) else x for i, x in enumerate(read)])


def damages(count: int) -> Iterator[tuple[str, str, Damage]]:
    """Breaks of a rule of so many arguments: what is done, to which of z, x, y, and how."""
    yield "scaled by 1.001", "", result(lambda pulled, g: pulled * 1.001)
    yield "sign flipped", "", result(lambda pulled, g: -pulled)
    yield "shifted by 0.001 g", "", result(lambda pulled, g: pulled + g * 1e-3)
    for a, b in combinations(range(1, count + 1), 2):
        yield f"{NAMES[a]} and {NAMES[b]} swapped", NAMES[a] + NAMES[b], swap(a, b)
    for b in range(1, count + 1):
        yield f"{NAMES[b]} read for z", "z", put(0, b)
    for a in range(count + 1):
        yield f"{NAMES[a]} detached", NAMES[a], detach(a)


@contextmanager
def broken(row, position, damage):
    """The row with one rule broken, while the block runs."""
    sound = row.rules
    if isinstance(sound, EachArgument):
        row.rules = EachArgument(damage(sound.rule))
    else:
        row.rules = [damage(rule) if i == position else rule for i, rule in enumerate(sound)]
    try:
        yield
    finally:
        row.rules = sound
