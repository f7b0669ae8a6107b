"""A write into an array that the function made itself is seen in its result."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.core.containers import flatten


def shifted(x):
    y = x * 2
    z = y * 1
    y += 1
    return y, z


def standardised(x):
    x = x * 1.0
    x -= x.mean()
    x /= x.std()
    return x


def collected(x):
    total = np.zeros_like(x)
    before = total + 5
    total += x
    return total, before


def copied(x):
    total = mg.Tensor(np.zeros(3))
    total.assign(x * 2)
    return total


@pytest.mark.parametrize("f", [shifted, standardised, collected, copied])
def test_a_write_to_what_the_function_made_is_seen_in_what_it_returns(f):
    program, compiled = mg.trace(f)(np.arange(3.0)), mg.compile(f)
    for x in (np.arange(3.0), np.array([4.0, 1.0, 7.0]), np.arange(3.0)):
        expected = [x.data for x in flatten(f(mg.Tensor(x)))[0]]
        np.testing.assert_array_equal(flatten(program(x))[0], expected)
        np.testing.assert_array_equal([x.data for x in flatten(compiled(x))[0]], expected)


def test_a_method_that_means_something_else_on_an_array_is_refused():
    with pytest.raises(TypeError, match=r"Write np.sort\(t\)"):
        mg.trace(lambda a: a.sort())(np.ones(3))
