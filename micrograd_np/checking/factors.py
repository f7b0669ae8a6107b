"""The names of factors: twice, half, one over the batch; and which sizes of the data such a factor may come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isclose

PLAIN = (1, 2, 4)

Sizes = Mapping[int, str]


def named_factors(sizes: Sizes) -> Iterator[tuple[float, str]]:
    """Factors that mistakes and conventions are made of, with what they are called, the simplest first."""
    for top in PLAIN:
        yield float(top), f"{top}"
        yield 1 / top, f"1/{top}"
    for count in sizes:
        for value, text in ((count, f"{count}"), (1 / count, f"1/{count}"), (2 / count, f"2/{count}")):
            yield float(value), text
        yield count / 2, f"{count}/2"
        yield float(count * count), f"{count}*{count}"
        yield 1 / (count * count), f"1/({count}*{count})"


def factor_name(factor: float, sizes: Sizes) -> str | None:
    """What a factor is called, such as `-1/4 (4 is axis 0 of X)`; None if it has no name."""
    sign = "-" if factor < 0 else ""
    found = [text for value, text in named_factors(sizes) if isclose(value, abs(factor), rel_tol=1e-6)]
    if not found:
        return None
    used = [count for count in sizes if any(str(count) in text.replace("(", "/").split("/") for text in found)]
    reasons = "; ".join(f"{count} is {sizes[count]}" for count in used[:3])
    readings = " = ".join(dict.fromkeys(sign + text for text in found))
    return f"{readings} ({reasons})" if reasons else readings


def rounded(factor: float) -> float:
    """A factor without what rounding left on it."""
    for value in (factor, 1 / factor if factor else 0.0):
        for denominator in (1, 2, 3):
            near = round(value * denominator) / denominator
            if near and isclose(value, near, rel_tol=1e-6):
                return near if value == factor else 1 / near
    return factor
