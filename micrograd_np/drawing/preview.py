"""An array at a glance: a grid of its numbers where it is tiny, else a strip of heat and three numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

ROWS, COLUMNS, STRIP = 6, 4, 12
FEW = 12  # numbers that are always shown whole, in their order
NOISE = 1e-12  # a mean that is smaller against the greatest number is what rounding left of 0
LEVELS = 4
STRANGE = 9  # the heat of nan and of infinity


@dataclass(frozen=True)
class Preview:
    """Cells of text with the heat of each, -4 (most negative) to 4, and a line below them."""

    cells: list[list[str]]
    heat: list[list[int]]
    line: str


def preview(values: Any) -> Preview:
    """What a box shows of an array."""
    values = host(values)
    if values.size == 0:
        return Preview([], [], "empty")
    if fits(values):
        rows = in_rows(values)
        texts = iter(numbers(rows.ravel()))
        levels = heat(rows) if values.size > 1 else heat(np.where(np.isfinite(rows), 0, rows))
        return Preview([[next(texts) for _ in row] for row in rows], levels.tolist(), "")
    levels = heat(strip(values)).tolist()
    return Preview([[""] * len(levels)], [levels], summary(values))


def brief(values: Any) -> str:
    """Return an array in one line: a few numbers whole, else the least and greatest."""
    values = host(values)
    if values.size == 0:
        return "empty"
    if values.size == 1:
        return numbers(values.ravel())[0]
    return " ".join(lines(values)) if values.size <= FEW else summary(values, mean=False)


def lines(values: Any) -> list[str]:
    """Return an array as a box shows it in text: a few numbers row by row, others in one line."""
    values = host(values)
    if not 1 < values.size <= FEW:
        return [brief(values)]
    rows = in_rows(values)
    words = iter(numbers(values.ravel()))
    texts = [[next(words) for _ in row] for row in rows]
    width = max(len(word) for row in texts for word in row) if len(texts) > 1 else 0
    found = [" ".join(word.rjust(width) for word in row) for row in texts]
    if values.ndim < 2:
        return [f"{'[' if i == 0 else ' '}{row}{']' if row is found[-1] else ''}" for i, row in enumerate(found)]
    return [f"[{row}]" for row in found]


def in_rows(values: Any) -> Any:
    """Return an array of few numbers as rows: a long vector as two of them."""
    if values.ndim < 2:
        count = 2 if values.size > ROWS and values.size % 2 == 0 else 1
        return values.reshape(count, -1)
    return values.reshape(-1, values.shape[-1])


def host(values: Any) -> Any:
    """The values as an array in the computer's own memory."""
    return np.asarray(values.get() if hasattr(values, "get") else values)


def fits(values: Any) -> bool:
    """Whether an array is shown number by number."""
    rows, columns = in_rows(values).shape if values.ndim != 1 else (1, values.size)
    return bool(values.size <= FEW or (values.ndim <= 2 and rows <= ROWS and columns <= COLUMNS))


def summary(values: Any, mean: bool = True) -> str:
    """`-1.2 … 3.4, mean 0.05` of real numbers, `all 1` of equal ones; of complex numbers, the same of their size."""
    if values.dtype.kind == "c":
        return f"|·| {summary(np.abs(values), mean)}"
    if (values == values.flat[0]).all():
        return f"all {numbers(values.ravel()[:1])[0]}"
    strange = {"nan": np.isnan(values), "inf": values == np.inf, "-inf": values == -np.inf}
    words = [f"{which.sum()} {word}" for word, which in strange.items() if which.any()]
    finite = values[np.isfinite(values)]
    if finite.size:
        with np.errstate(over="ignore"):
            least, greatest = numbers(np.array([finite.min(), finite.max()]))
            middle = finite.mean(dtype=float)
            if abs(middle) < NOISE * np.abs(finite).max():
                middle = 0.0
            middle = numbers(np.array([middle]))
        words = [f"{least} … {greatest}", *(f"mean {number}" for number in middle if mean), *words]
    return ", ".join(words)


def numbers(values: Any) -> list[str]:
    """Numbers to three digits, all with the same number of decimals."""
    if values.dtype.kind in "biu":
        return [str(int(x)) for x in values]
    if values.dtype.kind == "c":
        pairs = zip(numbers(values.real), numbers(values.imag), strict=True)
        return [f"{real}{'' if imaginary[0] == '-' else '+'}{imaginary}j" for real, imaginary in pairs]
    largest = max((abs(float(x)) for x in values if math.isfinite(x)), default=0.0)
    if all(float(x).is_integer() for x in values if math.isfinite(x)) and largest < 1e4:
        return [positive_zero(format(float(x), ".0f")) for x in values]
    if 1e-3 <= largest < 1e5:
        decimals = min(max(2 - math.floor(math.log10(largest)), 0), 4)
        return [positive_zero(format(float(x), f".{decimals}f")) for x in values]
    return [format(float(x), ".1e") if x else "0" for x in values]


def positive_zero(text: str) -> str:
    return text.lstrip("-") if float(text) == 0 else text


def strip(values: Any) -> Any:
    """The means of a dozen pieces at most of an array, in order."""
    flat = np.abs(values.ravel()) if values.dtype.kind == "c" else values.ravel().astype(float)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.array([piece.mean() for piece in np.array_split(flat, min(STRIP, flat.size))])


def heat(values: Any) -> Any:
    """How far each number is from zero, against the farthest: -4 to 4, and 9 for what is no number."""
    real = np.abs(values) if values.dtype.kind == "c" else values.astype(float)
    finite = np.isfinite(real)
    farthest = np.max(np.abs(real[finite]), initial=0.0)
    if not farthest:
        return np.where(finite, 0, STRANGE)
    share = np.divide(real, farthest, where=finite, out=np.zeros_like(real))
    return np.where(finite, np.sign(share) * np.ceil(np.abs(share) * LEVELS), STRANGE).astype(int)
