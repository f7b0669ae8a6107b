"""Compiled training steps do what eager ones do, to the bit, in everything that they return and leave."""

import warnings

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.core.containers import flatten
from micrograd_np.program.trace import TraceError

from .steps import STEPS

# What is refused, each with a cure that tests of refusals follow to the letter.
REFUSED = {"labels_in_one_hot", "plain_momentum", "early_stopped", "a_schedule_inside"}


def seen(x):
    """What a caller can tell of a value."""
    data = x.data if isinstance(x, mg.Tensor) else x
    if isinstance(data, np.ndarray | np.generic):
        return type(x), data.shape, data.dtype, data.tobytes()
    return type(x), repr(x)


def outcome(make, way):
    """What a step returns and leaves at each of its calls."""
    run, calls, left, *rest = make()
    run = way(run)
    for i, args in enumerate(calls):
        if rest:
            rest[0](i)
        result = run(*args)
        yield [seen(x) for x in flatten(result)[0]], [(seen(w), seen(w.grad)) for w in left]


@pytest.mark.parametrize("name", STEPS)
def test_a_compiled_step(name):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* runs as it is")
        expected = list(outcome(STEPS[name], lambda f: f))
        found = outcome(STEPS[name], mg.compile)
        if name in REFUSED:
            with pytest.raises(TraceError):
                list(found)
            return
        for i, (a, b) in enumerate(zip(found, expected, strict=True)):
            assert a == b, f"call {i + 1}"


def test_how_many_steps():
    assert len(STEPS) >= 100
    assert len(REFUSED) <= len(STEPS) / 10
    assert STEPS.keys() >= REFUSED
