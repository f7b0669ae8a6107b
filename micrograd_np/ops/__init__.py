"""The table of derivatives: every row by name, and by the NumPy function it stands for.

The files in reading order:

calls, primitive    how a row is called, in float32 for float16; the kinds of rows
elementwise         functions of single numbers, applied to each entry: the shortest rows
reductions, statistics    sums, products and extremes; running totals, order statistics, averages
products, linalg, decompositions    matrix products and einsum; equations and inverses; eigenvalues and norms
shape, joining      the same entries, as they are or elsewhere; many arrays as one
indexing            entries chosen by an index, and the transpose; masks and positions
dense, layers, losses     the linear map and activations; normalization and recurrent networks; what is minimised
windows, conv       sliding windows and pooling; convolutions
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import (
    conv,
    decompositions,
    dense,
    elementwise,
    indexing,
    joining,
    layers,
    linalg,
    losses,
    primitive,
    products,
    reductions,
    shape,
    statistics,
    windows,
)
from .primitive import Primitive

TABLE: dict[str, Primitive] = {}
FUNCTIONS: dict[str, Callable[..., Any]] = {}
BY_FUNCTION: dict[Callable[..., Any], Callable[..., Any]] = {}

ROOMS = [elementwise, reductions, statistics, products, linalg, decompositions, shape, indexing]
ROOMS += [joining, dense, layers, losses, windows, conv]

for room in ROOMS:
    for name, row in vars(room).items():
        if isinstance(row, Primitive) and row.place[0] == room.__file__:
            row.name = name
            TABLE[name] = row
            BY_FUNCTION.update(dict.fromkeys((row.function, *row.also), row))

FUNCTIONS.update(TABLE | primitive.COMPOSITIONS)
BY_FUNCTION.update(primitive.BY_FUNCTION)

# NumPy's other names for the same things: abs, conj, mod, pow, ...
for name, function in vars(np).items():
    if callable(function) and function in BY_FUNCTION:
        FUNCTIONS.setdefault(name, BY_FUNCTION[function])

# Rows that only other rows and compositions are made of.
PARTS = """
    alias apart binary_cross_entropy cofactors cofactors_slope conv conv_input conv_weight euclidean excess
    exp_share getitem gru_sequence half_squared_error huber_loss l1_loss linalg_diagonal
    linalg_trace logistic_loss lstm_sequence max_pool max_pool_input max_pool_mean mse_loss overlap_add p_norm
    pack pack_copies pad_constant qr_factors ratio rnn_sequence standardize svd_factors windows
""".split()


def namespace(name: str) -> str | None:
    """Return the namespace of a function: `mg`, `mg.linalg` if NumPy keeps it there, or None if it is private."""
    if name in PARTS:
        return None
    return "mg.linalg" if hasattr(np.linalg, name) and not hasattr(np, name) else "mg"
