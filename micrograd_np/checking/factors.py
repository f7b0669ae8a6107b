"""The names of factors: twice, half, one over the batch; and which sizes of the data such a factor may come from."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from math import isclose
from typing import Any

from ..core.tensor import Tensor
from .recording import Recording

PLAIN = (1, 2, 4)
NUMBERS = re.compile(r"\d+")

Sizes = Mapping[int, str]


def named_factors(sizes: Sizes) -> dict[float, str]:
    """Factors that mistakes and conventions are made of, with what they are called at the simplest."""
    found: dict[float, str] = {}
    for count in (*PLAIN, *sizes):
        found.setdefault(float(count), f"{count}")
        found.setdefault(1 / count, f"1/{count}")
    for count in sizes:
        found.setdefault(2 / count, f"2/{count}")
        found.setdefault(count / 2, f"{count}/2")
        found.setdefault(float(count * count), f"{count}*{count}")
        found.setdefault(1 / (count * count), f"1/({count}*{count})")
        if count > 2:  # a variance divides by one less
            found.setdefault((count - 1) / count, f"({count}-1)/{count}")
            found.setdefault(count / (count - 1), f"{count}/({count}-1)")
            found.setdefault(1 / (count - 1), f"1/({count}-1)")
    return found


def factor_name(factor: float, sizes: Sizes) -> str | None:
    """What a factor is called, such as `-1/4 (4 is axis 0 of X)`; None if it has no name."""
    sign = "-" if factor < 0 else ""
    text = next(
        (text for value, text in named_factors(sizes).items() if isclose(value, abs(factor), rel_tol=1e-6)), None
    )
    if text is None:
        return None
    reasons = "; ".join(
        f"{count} is {places}" for count, places in sizes.items() if str(count) in NUMBERS.findall(text)
    )
    return f"{sign}{text} ({reasons})" if reasons else sign + text


def rounded(factor: float) -> float:
    """A factor without what rounding left on it."""
    for value in (factor, 1 / factor if factor else 0.0):
        for denominator in (1, 2, 3):
            near = round(value * denominator) / denominator
            if near and isclose(value, near, rel_tol=1e-6):
                return near if value == factor else 1 / near
    return factor


def sizes_of(recording: Recording, called: Callable[[Any], str | None]) -> dict[int, str]:
    """The sizes in the data, each with the axes that have it."""
    places: dict[int, list[str]] = {}
    seen: list[Any] = []
    for node in recording.nodes:
        for x in (*node.args, node):
            if hasattr(x, "shape") and x.shape and not any(x is other for other in seen):
                seen.append(x)
                for axis, size in enumerate(x.shape):
                    name = called(x)
                    if size > 1:
                        places.setdefault(size, []).extend([f"axis {axis} of {name}"] if name else [])
    for size in {x.size for x in seen if isinstance(x, Tensor)} - {1}:
        places.setdefault(size, [])
    return {size: describe(found) for size, found in places.items()}


def describe(places: Sequence[str]) -> str:
    """Two of the places, different axes if there are such."""
    another = [place for place in places if place.split()[:2] != places[0].split()[:2]]
    return (
        " and ".join(dict.fromkeys([*places[:1], *another[:1], *places[1:2]][:2])) or "the size of a value on the way"
    )
