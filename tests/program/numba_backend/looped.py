"""The comparison of loops with NumPy that the tests share."""

import importlib.util

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.core.containers import flatten
from micrograd_np.program.execution import array_of
from micrograd_np.program.numba_backend import compiled, jitted, loops


def in_python(steps):
    return compiled(loops(steps))


MISSING = importlib.util.find_spec("numba") is None
NUMBA = pytest.param(jitted, id="numba", marks=pytest.mark.skipif(MISSING, reason="numba is not installed"))
PYTHON = pytest.param(in_python, id="python")
RNG = np.random.default_rng(0)


both = pytest.mark.parametrize("made", [PYTHON, NUMBA])
in_numba = pytest.mark.skipif(MISSING, reason="numba is not installed")


def check(made, f, *args, n=1, rtol=1e-12):
    """Assert that n steps write and give back what n calls of the NumPy text write and give back."""
    program = mg.trace(f)(*args)
    start = [np.asarray(array_of(x, args)) for x in program.inputs]
    ours, numpys = [np.copy(x, order="K") for x in start], [np.copy(x, order="K") for x in start]
    left, *found = made(program.simple)(n, *ours)
    assert left == 0
    for _ in range(n):
        expected = program.function(*numpys)
    leaves = [x for x in flatten(expected)[0] if hasattr(x, "dtype")]
    for x, y in zip([*ours, *found[: len(leaves)]], [*numpys, *leaves], strict=True):
        assert (x.shape, x.dtype) == (y.shape, y.dtype)
        np.testing.assert_allclose(x, y, rtol=rtol, atol=rtol)
    return found


def drawn(*shape, dtype=float):
    return RNG.uniform(0.5, 2, shape).astype(dtype)
