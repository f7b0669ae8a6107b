"""Compiled training steps do what eager ones do, to the bit, in everything that they return and leave."""

import warnings

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.core.containers import flatten

from .steps import STEPS

# What runs as it is, after one warning with a cure, which tests of refusals follow to the letter.
PLAIN = {"labels_in_one_hot", "plain_momentum", "early_stopped", "a_schedule_inside", "a_rate_that_decides"}


def seen(x):
    """The facts of a value that a caller can tell."""
    data = x.data if isinstance(x, mg.Tensor) else x
    if isinstance(data, np.ndarray | np.generic):
        return type(x), data.shape, data.dtype, data.tobytes()
    return type(x), repr(x)


def outcome(make, way):
    """The results of each call of a step, and the state that it leaves."""
    run, calls, left, *rest = make()
    run = way(run)
    for i, args in enumerate(calls):
        if rest:
            rest[0](i)
        result = run(*args)
        yield [seen(x) for x in flatten(result)[0]], [(seen(w), seen(w.grad)) for w in left]


@pytest.mark.parametrize("name", STEPS)
def test_a_compiled_step(name):
    expected = list(outcome(STEPS[name], lambda f: f))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for i, (a, b) in enumerate(zip(outcome(STEPS[name], mg.compile), expected, strict=True)):
            assert a == b, f"call {i + 1}"
    assert ["runs as it is" in str(warning.message) for warning in told] == [True] * (name in PLAIN)


def test_how_many_steps():
    assert len(STEPS) >= 100
    assert len(PLAIN) <= len(STEPS) / 10
    assert STEPS.keys() >= PLAIN
