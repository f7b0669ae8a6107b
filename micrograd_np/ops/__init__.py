"""The table of derivatives: every row by name, and by the NumPy function it stands for.

The files in reading order:

calls, primitive    how a row is called, in float32 for float16; the kinds of rows
elementwise         functions of single numbers, applied to each entry: the shortest rows
reductions          sums, products and extremes; running totals, order statistics, averages
products, linalg    matrix products, einsum, norms; equations, inverses, eigenvalues
shape, joining      the same entries, as they are or elsewhere; many arrays as one
indexing            entries chosen by an index, and the transpose; masks and positions
dense, layers, losses     the linear map and activations; normalization and recurrent networks; what is minimised
convolution         sliding windows, pooling, convolutions
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import convolution, dense, elementwise, indexing, joining, layers, linalg, losses, products, reductions, shape
from .primitive import Part, Primitive, item, with_pytorchs_keywords

TABLE: dict[str, Primitive] = {}
FUNCTIONS: dict[str, Callable[..., Any]] = {}
BY_FUNCTION: dict[Callable[..., Any], Callable[..., Any]] = {}

# A room stands after those from which it imports rows.
ROOMS = [elementwise, reductions, products, indexing, linalg, shape, joining, dense, layers, losses, convolution]

# Functions that are written with rows and that NumPy does not have, or not in each of its versions.
COMPOSITIONS = """
    avg_pool1d avg_pool2d batch_norm conv1d conv2d conv_transpose1d conv_transpose2d cumulative_prod cumulative_sum
    layer_norm max_pool1d max_pool2d unstack
""".split()


def numpys(name: str) -> list[Callable[..., Any]]:
    """Return NumPy's functions of this name; `linalg_trace` is np.linalg.trace, whose namesake is another function."""
    spaces = [np.linalg] if name.startswith("linalg_") else [np, np.linalg]
    found = [vars(space).get(name.removeprefix("linalg_")) for space in spaces]
    return [function for function in found if callable(function) and not isinstance(function, type)]


# A row is the op that has its name. A function of a room that has the name of one of NumPy's stands for that one.
for room in ROOMS:
    for name, entry in vars(room).items():
        if isinstance(entry, Primitive) and entry not in (item, *TABLE.values()):
            entry.rename(name)
            TABLE[name] = entry
            BY_FUNCTION.update(dict.fromkeys((entry.function, *entry.also), entry))
        elif getattr(entry, "__module__", None) == room.__name__ and (name in COMPOSITIONS or numpys(name)):
            FUNCTIONS[name] = with_pytorchs_keywords(entry)
            BY_FUNCTION.update(dict.fromkeys(numpys(name), FUNCTIONS[name]))
FUNCTIONS.update(TABLE)

# NumPy's other names for the same things: abs, conj, mod, pow, ...
for name, function in vars(np).items():
    if callable(function) and function in BY_FUNCTION:
        FUNCTIONS.setdefault(name, BY_FUNCTION[function])

# Other rows that only rows and compositions are made of.
PARTS = """
    alias binary_cross_entropy cofactors conv excess exp_share getitem gru_sequence half_squared_error huber_loss
    l1_loss linalg_diagonal linalg_trace logistic_loss lstm_sequence mse_loss pack pack_copies pad_constant qr_factors
    ratio rnn_sequence standardize svd_factors
""".split()


def namespace(name: str) -> str | None:
    """Return the namespace of a function: `mg`, `mg.linalg` if NumPy keeps it there, or None if it is private."""
    if name in PARTS or isinstance(TABLE.get(name), Part):
        return None
    return "mg.linalg" if hasattr(np.linalg, name) and not hasattr(np, name) else "mg"
