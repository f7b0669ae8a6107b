"""The gradients of the networks against numbers made from the loss alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checking.finite_differences import axes, complex_slopes
from ..checking.flat_function import Problem
from ..checking.gradcheck import gradcheck
from . import hand
from .networks import Network
from .report import Row, Section

# The complex step has no cancellation: only rounding separates it from a right gradient.
ROUNDING = 1e-12


def gradient_checks(networks: list[Network]) -> Section:
    """The tape's gradient at the first weights, against central differences and the complex step."""
    rows = [row for network in networks for row in gradient_check(network)]
    columns = ("network", "weights", "verdict", "central differences", "complex step")
    return Section("Gradient checks: largest relative differences", columns, rows)


def gradient_check(network: Network) -> list[Row]:
    def loss(*weights: Any) -> Any:
        return network.tape(hand.X, network.y, *weights)["loss"]

    weights = network.weights()
    report = gradcheck(loss, *weights)
    steps = complex_steps(Problem(loss, tuple(weights)))
    rows = []
    for found, step in zip(report.inputs, steps, strict=True):
        held = bool(report) and (step is None or step <= ROUNDING)
        rows.append(Row((network.name, found.name, found.verdict, found.error, step), held))
    return rows


def complex_steps(problem: Problem) -> list[float | None]:
    """For each input, the largest relative difference to the complex step; None where the loss takes none."""
    found: list[float | None] = []
    for i, gradient in problem.jacobian().items():
        x = problem.points[i].ravel()
        slopes = complex_slopes(problem.values(i, np.complex128), x, list(axes(x, range(x.size))))
        furthest = None if slopes is None else np.max(np.abs(gradient - slopes)) / np.max(np.abs(gradient))
        found.append(None if furthest is None else float(furthest))
    return found
