"""Gradients worked out by hand against the tape and against numbers: who is wrong, where first, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .calling import check_form, check_gradients, live_names, run, variables
from .claims import Closeness, Row, as_hand, precision_of, resolve
from .conventions import sizes_of
from .diagnosis import examine
from .finite_differences import EPS, TOO_COARSE, WRONG, Measured, compare
from .gradcheck import random_directions, spread, suspects
from .replay import Recording, in_float64
from .verify_report import VerifyReport

Array = Any
DIRECTIONS = 2
RTOL = 1e-6
ROUNDING = 1e-9  # beside the terms of a sum


def verify(output: Any, *given: Any, gradient: Any = None, numeric: bool = True) -> VerifyReport:
    """Hand against tape against numbers: which gradient is wrong first, and the mistake that gives its numbers.

    Two forms: `verify(loss, {tensor_or_name: array})` on a recorded graph, before the weights are updated, and
    `verify(forward, backward, *inputs)` with two NumPy functions. The report is true if the hand is right.

    Parameters
    ----------
    output : Tensor, or callable
        The loss; or the forward pass, (*inputs) to the loss, to an output, or to (loss or output, cache).
    *given : dict; or callable and inputs
        Gradients by hand, under tensors, their names, or names made of these such as `l1_delta`, `dW1`. Or the backward
        pass and the inputs; it is given what it asks for, of the output's gradient, the cache, and the inputs.
    gradient : array_like, optional
        The gradient of an output that is no scalar.
    numeric : bool
        Whether the tape is checked against differences too.

    Examples
    --------
    >>> def forward(w):
    ...     return np.sum(np.tanh(w) ** 2)
    >>> def backward(w):
    ...     return 2 * np.tanh(w)
    >>> report = verify(forward, backward, np.array([0.3, -0.5, 0.9]))
    >>> bool(report), report.findings[0].causes[0].kind
    (False, 'left out')
    """
    check_form(output, given)
    if isinstance(output, Tensor):
        return compare_three(output, given[0], gradient, live_names(), variables(), numeric)
    backward, *inputs = given
    output, gradient, hand, names = run(output, backward, inputs, gradient)
    return compare_three(output, hand, gradient, names, {}, numeric)


def compare_three(
    output: Tensor,
    hand: Mapping[Any, Any],
    gradient: Any,
    name: Callable[[Any], str | None],
    variables: Mapping[str, Tensor],
    numeric: bool,
) -> VerifyReport:
    check_gradients(output, hand, gradient)
    recording = Recording(output, gradient)
    named: dict[str, list[Tensor]] = {}
    for node in recording.nodes:
        if called := name(node):
            named.setdefault(called, []).append(node)
    for variable, tensor in variables.items():
        named.setdefault(variable, []).append(tensor)
    rows = []
    for key, values in hand.items():
        label, tensor = resolve(key, recording, named)
        rows.append(Row(label, tensor, as_hand(label, values)))
    recording, rows, close, name = in_double(recording, rows, name)
    close = close.at_best(max(map(precision_of, hand.values())))
    sizes = sizes_of(recording, name)
    found = examine(rows, recording, close, sizes, name)
    wrong_ops = check_tape(found.rows, recording) if numeric else []
    return VerifyReport(found, sizes, wrong_ops, numeric)


def in_double(
    recording: Recording, rows: Sequence[Row], name: Callable[[Any], str | None]
) -> tuple[Recording, list[Row], Closeness, Callable[[Any], str | None]]:
    """The graph in float64, where it is not: what float32 rounded away is then known, and allowed."""
    if all(x.dtype != np.float32 for x in recording.nodes if hasattr(x._data, "dtype")):
        return recording, list(rows), Closeness(), name
    output, again = in_float64(recording.output)
    double = Recording(output, np.asarray(recording.seed, dtype=np.float64))
    former = {new: old for old, new in again.items()}
    floor = 1e-5
    for row in rows:
        true = double.true[again[row.tensor]]
        lost = np.max(np.abs(recording.true[row.tensor] - true), initial=0) / max(
            np.max(np.abs(true), initial=0), 1e-300
        )
        floor = max(floor, 30 * float(lost))
    moved = [Row(row.label, again[row.tensor], row.hand) for row in rows]
    return (
        double,
        moved,
        Closeness(1e-4, min(floor, 1e-2)),
        lambda x: name(former.get(x, x) if isinstance(x, Tensor) else x),
    )


def check_tape(rows: Sequence[Row], recording: Recording) -> list[str]:
    """Fill in what numbers say of each row, and name the ops whose rules are wrong if the tape is."""
    inner = float(np.linalg.norm([rounding(node, g) for node, g in recording.true.items()]))
    for row in rows:
        check_row(row, recording, inner)
    accused = [row for row in rows if row.numeric == WRONG]
    found = suspects([x for x in recording.nodes if x.edges], 1e-5) if accused else []
    if not found:
        for row in accused:  # an op that is wrong can be shown to be: without one it is the numbers that err
            row.numeric = TOO_COARSE
    return found


def rounding(node: Tensor, g: Any) -> float:
    """How much a value adds to the output, whose rounding it shares."""
    return float(np.linalg.norm(g * node._data)) if hasattr(g, "shape") else 0.0


def check_row(row: Row, recording: Recording, inner: float) -> None:
    """The tape's gradient against slopes along random directions."""
    tensor = row.tensor
    f = recording.function_of(tensor)
    true = recording.true[tensor].reshape(-1, 1)
    directions = random_directions(tensor.size, 0)[:DIRECTIONS]
    cancelled = ROUNDING * row.size * np.linalg.norm(directions, axis=1)[:, None]
    allowed = spread(true[:, 0], directions, RTOL) + cancelled

    def values(dtype: Any) -> Callable[[Array], Array]:
        return lambda flat: f(flat.astype(dtype).reshape(tensor.shape))

    what = Measured(values, tensor._data.ravel(), EPS, inner)
    held = compare(what, list(directions), directions @ true, lambda _: allowed)
    low, high = held.found.bounds
    row.numeric, row.slope = held.verdict, (directions, low - allowed, high + allowed)
