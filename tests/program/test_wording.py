"""The text of a program leaves out what is clear, and writes steps in their shortest form."""

import gc
import linecache

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.core.containers import flatten


def body(program):
    """The lines below the function's head."""
    text = str(program)
    return text[text.index(":\n", text.rindex("\ndef ")) + 2 :].rpartition('    """\n')[2]


def bits(result):
    arrays = [np.asarray(getattr(x, "data", x)) for x in flatten(result)[0]]
    return [(x.dtype, x.shape, x.tobytes()) for x in arrays]


def recurrent(x):
    h = np.zeros(2)
    for _ in range(2):
        h = np.tanh(x @ h + h)
    return h


RECURRENT = """\
    tanh = np.tanh(x @ np.zeros(2) + 0.0)  # (2,)
    h = np.tanh(x @ tanh + tanh)  # (2,)
    return h
"""
HELD = np.ones(3)
X, SQUARE = np.array([1.0, -2.0, 0.5]), np.arange(4.0).reshape(2, 2)
TEXTS = [
    (lambda x: x**0, np.arange(3), "    return np.full(3, 1)\n"),
    (lambda x: np.allclose(x, 1), X, "    return np.allclose(x, 1)\n"),
    (lambda x: x * np.array_equiv(x, x), X, "    return x * np.array_equiv(x, x)\n"),
    (lambda x: x[np.diag_indices_from(x)], SQUARE, "    return x[np.array([0, 1]), np.array([0, 1])]\n"),
    (recurrent, SQUARE, RECURRENT),
    (lambda x: x @ np.zeros(3) + x @ HELD, X, "    return x @ np.zeros(3) + x @ HELD\n"),
    (lambda x: x * np.ones((2, 3))[0], X, "    return np.copy(x)\n"),
    (lambda x: np.where(x > 1, np.float64(1), 0), X, "    return np.where(x > 1, 1.0, 0)\n"),
    (lambda x: np.where(x > 0, np.float64(1), x), X.astype("f4"), "    return np.where(x > 0, np.float64(1.0), x)\n"),
    (lambda x: np.logical_and(x > 0, x > 0), X, "    return x > 0\n"),
    (lambda x: np.logical_and(x, x), X, "    return np.logical_and(x, x)\n"),
    (
        mg.grad(lambda x: np.sum(x[1:] * x[:-1])),
        X,
        "    return placed(x[1:], np.s_[:-1], (3,)) + placed(x[:-1], np.s_[1:], (3,))\n",
    ),
    (mg.grad(lambda x: x[0, 1] ** 2), SQUARE, "    return placed(2 * x[0, 1], (0, 1), (2, 2))\n"),
    (mg.grad(lambda x: np.sum(x[0] ** 2)), SQUARE, "    return placed(2 * x[0], 0, (2, 2))\n"),
    (mg.grad(lambda x: np.einsum("i,i->", x, HELD)), X, '    return np.einsum(",i->i", np.array(1.0), HELD)\n'),
    (lambda x: x.transpose((0, -1)).transpose((1, 0)), SQUARE, "    return x.transpose((1, 0))\n"),
]


@pytest.mark.parametrize(("f", "x", "text"), TEXTS)
def test_the_text_and_its_bits(f, x, text):
    program, compiled = mg.trace(f)(x), mg.compile(f)
    assert body(program) == text
    expected = bits(f(mg.Tensor(x)))
    assert bits(program(x)) == expected
    assert [bits(compiled(x)) for _ in range(3)] == [expected] * 3


def test_a_name_beside_a_word_of_pythons_keeps_its_underscore():
    assert "def function(lambda_):\n    return lambda_ * 2\n" in str(mg.trace(lambda lambda_: lambda_ * 2)(X))


def test_arguments_in_a_list_are_called_by_their_place():
    def last(xs, w):
        for x in xs:
            w = w * x
        return w

    assert "def last(xs_0, xs_1, w):" in str(mg.trace(last)([np.ones(2), np.ones(2)], np.ones(2)))


def test_the_text_of_a_program_that_is_gone_is_kept_nowhere():
    program = mg.trace(np.tanh)(np.ones(2))
    filename = program.function.__code__.co_filename
    assert filename in linecache.cache
    del program
    gc.collect()
    assert filename not in linecache.cache
