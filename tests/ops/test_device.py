"""Every row, forward and backward, on arrays of a device: whatever falls back to an ndarray is a failure."""

from __future__ import annotations

import numpy as np
import pytest

from .cases import CASES
from .checks import cotangents_of, gradients, leaves, pull_back
from .strict_array import StrictArray

# Rows that a device array cannot compute, and why.
REFUSED: dict[str, str] = {}


FALLBACKS = {
    "conversion": lambda x: np.asarray(x),
    "an ndarray as operand": lambda x: x * np.ones(3),
    "an ndarray of no dimensions": lambda x: x * np.ones(()),
    "an ndarray on the left": lambda x: np.ones(3) - x,
    "an ndarray in a list": lambda x: np.concatenate([x, np.ones(3)]),
    "an ndarray as a choice": lambda x: np.where(np.ones(3) > 0, x, 0),
    "an ndarray written in": lambda x: x.__setitem__(0, np.ones(())),
    "an ndarray as buffer": lambda x: np.add(x, 1, out=np.ones(3)),
    "an index of several parts for add.at": lambda x: np.add.at(x, (slice(None),), 1.0),
}


@pytest.mark.parametrize("fallback", FALLBACKS.values(), ids=FALLBACKS)
def test_the_stand_in_is_strict(fallback):
    with pytest.raises(TypeError):
        fallback(StrictArray(np.arange(3.0)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_strict_array(case):
    if case.row.name in REFUSED:
        with pytest.raises(TypeError):
            run(case, StrictArray)
    else:
        check(case, StrictArray)


def test_gpu():
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed: the rows run on the strict stand-in alone")
    for case in CASES:
        if case.row.name not in REFUSED:
            check(case, cupy.asarray)


def check(case, on_device):
    kind = type(on_device(np.zeros(1)))
    for ours, theirs in zip(run(case, on_device), run(case, np.asarray), strict=True):
        assert type(ours) is kind, f"{case.name}: an ndarray among device arrays"
        np.testing.assert_allclose(ours.get(), theirs, rtol=1e-12, atol=1e-12, err_msg=case.name)


def run(case, on_device):
    """Outputs, gradients, and gradients of the gradients, of whatever kind they come in."""
    inputs = leaves([on_device(x) for x in case.values])
    outputs = case.outputs(inputs, on_device)
    cotangents = [on_device(g) for g in cotangents_of(outputs, case)]
    pull_back(outputs, cotangents)
    firsts = gradients(inputs)
    for x in inputs:
        x.zero_grad()
    pull_back(outputs, leaves(cotangents), create_graph=True)
    recorded = [g for g in gradients(inputs) if getattr(g, "requires_grad", False)]
    for x in inputs:
        x.zero_grad()
    pull_back(recorded, [on_device(np.ones(g.shape)) for g in recorded])
    return [*[z.data for z in outputs], *firsts, *[g.data for g in recorded], *gradients(inputs)]
