"""Short views of an array, as numbers or as a strip of colours; and the colours of a drawing."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

ROWS, COLUMNS, STRIP = 6, 4, 12
FEW = 12  # an array of at most so many numbers is always shown in full
NOISE = 1e-12  # a mean smaller than this, relative to the largest number, is rounding and shown as 0
LEVELS = 4
STRANGE = 9  # the heat of nan and of infinity


class Preview(NamedTuple):
    """Cells of text with the heat of each, -4 (most negative) to 4, and a line below them."""

    cells: list[list[str]]
    heat: list[list[int]]
    line: str


def preview(values: Any) -> Preview:
    """Return what a box shows of an array: all its numbers if they fit, else the means of its parts as colours."""
    values = host(values)
    if values.size == 0:
        return Preview([], [], "empty")
    if fits_a_grid(values):
        rows = in_rows(values)
        texts = iter(numbers(rows.ravel()))
        levels = heat(rows) if values.size > 1 else heat(np.where(np.isfinite(rows), 0, rows))
        return Preview([[next(texts) for _ in row] for row in rows], levels.tolist(), "")
    levels = heat(strip(values)).tolist()
    return Preview([[""] * len(levels)], [levels], range_of(values))


def brief(values: Any) -> str:
    """Return an array in one line: all of a few numbers, else the least and the greatest."""
    values = host(values)
    if values.size == 0:
        return "empty"
    if values.size == 1:
        return numbers(values.ravel())[0]
    return " ".join(line.strip() for line in lines(values)) if values.size <= FEW else range_of(values, mean=False)


def lines(values: Any, few: int = FEW) -> list[str]:
    """Return an array as a box shows it in text: a few numbers row by row, six on a line; others in one line."""
    values = host(values)
    if not 1 < values.size <= few:
        return [brief(values)]
    texts = iter(numbers(values.ravel()))
    rows = [[next(texts) for _ in range(values.shape[-1])] for _ in range(values.size // values.shape[-1])]
    width = max(len(text) for row in rows for text in row) if len(rows) > 1 or len(rows[0]) > ROWS else 0
    found = []
    for row in rows:
        step = -(-len(row) // -(-len(row) // ROWS))
        parts = [" ".join(text.rjust(width) for text in row[i : i + step]) for i in range(0, len(row), step)]
        found += [f"{' ' if i else '['}{part}{'' if part is not parts[-1] else ']'}" for i, part in enumerate(parts)]
    return found


def in_rows(values: Any) -> Any:
    """Return a small array as rows; a vector of more than six numbers becomes two rows if its length is even."""
    if values.ndim < 2:
        count = 2 if values.size > ROWS and values.size % 2 == 0 else 1
        return values.reshape(count, -1)
    return values.reshape(-1, values.shape[-1])


def host(values: Any) -> Any:
    """Return the values as a NumPy array in the computer's own memory (not a GPU's)."""
    return np.asarray(values.get() if hasattr(values, "get") else values)


def fits_a_grid(values: Any) -> bool:
    """Return whether an array is small enough to show each of its numbers."""
    rows, columns = in_rows(values).shape if values.ndim != 1 else (1, values.size)
    return bool(values.size <= FEW or (values.ndim <= 2 and rows <= ROWS and columns <= COLUMNS))


def range_of(values: Any, mean: bool = True) -> str:
    """`-1.2 … 3.4, mean 0.05` of real numbers, `all 1` of equal ones; of complex numbers, the same of their size."""
    if values.dtype.kind == "c":
        return f"|·| {range_of(np.abs(values), mean)}"
    if (values == values.flat[0]).all():
        return f"all {numbers(values.ravel()[:1])[0]}"
    strange = {"nan": np.isnan(values), "inf": values == np.inf, "-inf": values == -np.inf}
    words = [f"{which.sum()} {word}" for word, which in strange.items() if which.any()]
    finite = values[np.isfinite(values)]
    if finite.size:
        with np.errstate(over="ignore"):
            least, greatest = numbers(np.array([finite.min(), finite.max()]))
            middle = finite.mean(dtype=float)
        is_noise = abs(middle) < NOISE * np.abs(finite).max()
        means = [f"mean {numbers(np.array([0.0 if is_noise else middle]))[0]}"] if mean else []
        words = [f"{least} … {greatest}", *means, *words]
    return ", ".join(words)


def numbers(values: Any) -> list[str]:
    """Format numbers to three digits, all with the same number of decimals."""
    if values.dtype.kind in "biu":
        return [str(int(x)) for x in values]
    if values.dtype.kind == "c":
        pairs = zip(numbers(values.real), numbers(values.imag), strict=True)
        return [f"{real}{'' if imaginary[0] == '-' else '+'}{imaginary}j" for real, imaginary in pairs]
    largest = max((abs(float(x)) for x in values if math.isfinite(x)), default=0.0)
    whole = largest < 1e4 and all(float(x).is_integer() for x in values if math.isfinite(x))
    if whole or 1e-3 <= largest < 1e5:
        decimals = 0 if whole else min(max(2 - math.floor(math.log10(largest)), 0), 4)
        texts = [format(float(x), f".{decimals}f") for x in values]
        return [text.lstrip("-") if float(text) == 0 else text for text in texts]
    return [format(float(x), ".1e") if x else "0" for x in values]


def strip(values: Any) -> Any:
    """Return the means of at most twelve pieces of an array, in order."""
    flat = np.abs(values.ravel()) if values.dtype.kind == "c" else values.ravel().astype(float)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.array([piece.mean() for piece in np.array_split(flat, min(STRIP, flat.size))])


def heat(values: Any) -> Any:
    """Return the colour level of each number, relative to the largest size: -4 to 4, and 9 for nan and infinity."""
    real = np.abs(values) if values.dtype.kind == "c" else values.astype(float)
    finite = np.isfinite(real)
    farthest = np.max(np.abs(real[finite]), initial=0.0)
    if not farthest:
        return np.where(finite, 0, STRANGE)
    share = np.divide(real, farthest, where=finite, out=np.zeros_like(real))
    return np.where(finite, np.sign(share) * np.ceil(np.abs(share) * LEVELS), STRANGE).astype(int)


INK, DIM, LINE = "#1f2328", "#667079", "#8b949e"
VALUE, GRADIENT = "#0a5a9c", "#b3400e"
PAPER = "#fefefe"

# kind: (fill, border, style, what the legend says)
KINDS = {
    "constant": ("#f0f0ee", "#a3a39d", "rounded", "constant"),
    "frozen": ("#eef2f5", "#7b8794", "rounded,dashed", "frozen"),
    "leaf": ("#fff4d9", "#e09b00", "rounded", "leaf: wants a gradient"),
    "operation": ("#fdfdff", "#7d97b3", "rounded", "operation"),
    "output": ("#e6f5ee", "#009e73", "rounded", "output"),
    "fold": ("#f3eef8", "#8a6fb0", "rounded", "folded"),
}

HEAT = {
    -4: "#6db3e0", -3: "#9bcbeb", -2: "#c3e0f4", -1: "#e2f0fa", 0: "#fbfbfb",
    1: "#fdecdb", 2: "#fcd7b4", 3: "#fabc85", 4: "#f59c53", 9: "#d9a8e6",
}  # fmt: skip

DARK = {
    INK: "#e6edf3", DIM: "#9aa4af", LINE: "#7d8590", VALUE: "#79c0ff", GRADIENT: "#ffa277", PAPER: "#0d1117",
    "#f0f0ee": "#22252a", "#a3a39d": "#6e7681", "#eef2f5": "#1c232b", "#7b8794": "#8b98a5",
    "#fff4d9": "#332a12", "#e09b00": "#d29922", "#fdfdff": "#161b22", "#7d97b3": "#4f6b8a",
    "#e6f5ee": "#10291f", "#009e73": "#2ea97f", "#f3eef8": "#251d30", "#8a6fb0": "#9a7fc4",
    "#6db3e0": "#1f6fa8", "#9bcbeb": "#1c5680", "#c3e0f4": "#18405e", "#e2f0fa": "#152c3f", "#fbfbfb": "#191e25",
    "#fdecdb": "#33241a", "#fcd7b4": "#523318", "#fabc85": "#744416", "#f59c53": "#9a5a17", "#d9a8e6": "#6b3a7a",
}  # fmt: skip
