"""What a program's text leaves out, and what it says in the words that say most."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.containers import flatten


def body(program):
    """What stands below the function's head."""
    return str(program).split(":\n", 1)[1]


def bits(result):
    arrays = [np.asarray(getattr(x, "data", x)) for x in flatten(result)[0]]
    return [(x.dtype, x.shape, x.tobytes()) for x in arrays]


X, SQUARE = np.array([1.0, -2.0, 0.5]), np.arange(4.0).reshape(2, 2)
TEXTS = [
    (lambda x: x**0, np.arange(3), "    return np.full(3, 1)\n"),
    (lambda x: np.allclose(x, 1), X, "    return np.allclose(x, 1)\n"),
    (lambda x: x * np.array_equiv(x, x), X, "    return x * np.array_equiv(x, x)\n"),
    (lambda x: x[np.diag_indices_from(x)], SQUARE, "    return x[np.array([0, 1]), np.array([0, 1])]\n"),
]


@pytest.mark.parametrize(("f", "x", "text"), TEXTS)
def test_the_text_and_its_bits(f, x, text):
    program, compiled = mg.trace(f)(x), mg.compile(f)
    assert body(program) == text
    expected = bits(f(mg.Tensor(x)))
    assert bits(program(x)) == expected
    assert [bits(compiled(x)) for _ in range(3)] == [expected] * 3
