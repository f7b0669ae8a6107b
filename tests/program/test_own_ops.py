"""A program is printed with the ops that a user wrote, wherever these stand and whatever they read."""

import sys

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn
from micrograd_np.expressions.phrases import kernel_of, needs_kernel
from micrograd_np.ops.primitive import Primitive
from micrograd_np.program.kernels import definitions_of

STEEPNESS = 2.5


def bent(x):
    return np.tanh(x) * STEEPNESS


@mg.custom_op(lambda g, z, x, *, power: g * power * x ** (power - 1))
def raised(x: np.ndarray, *, power: int) -> np.ndarray:
    """x to a power, and nothing else."""
    return x**power + 0 * bent(x)


def scaling(k, name="scaled"):
    @mg.custom_op(lambda g, z, x: g * k)
    def scaled(x):
        return x * k

    scaled.name = name
    return scaled


PRINTED = """\
import numpy as np


STEEPNESS = 2.5


def bent(x):
    return np.tanh(x) * STEEPNESS


def raised(x, *, power):
    \"""x to a power, and nothing else.\"""
    return x ** power + 0 * bent(x)


k = 3.0


def scaled(x):
    return x * k


def function(x):
    return scaled(raised(x, power=3))
"""


def test_a_program_is_printed_with_them():
    tripled = scaling(3.0)
    program = mg.trace(lambda x: tripled(raised(x, power=3)))(np.ones(3))
    assert str(program) == PRINTED
    x = np.linspace(-1, 2, 3)
    np.testing.assert_array_equal(program(x), tripled(raised(x, power=3)))


def test_their_rules_are_written_out():
    w = mg.Tensor([1.0, 2.0], requires_grad=True)

    def step():
        raised(w, power=3).sum().backward()
        return w.grad

    assert "    d_w = 3.0 * w**2  # (2,)\n" in str(mg.trace(step)())


@mg.custom_op(lambda g, z, x: g * sum([STEEPNESS for _ in range(2)]))
def steepened(x):
    return x * sum([STEEPNESS for _ in range(2)])


def test_what_is_read_in_a_comprehension_is_printed_too():
    x = np.ones(3)
    np.testing.assert_array_equal(mg.trace(lambda x: steepened(x))(x)(x), x * 5)


TABLE = np.arange(3.0)


@mg.custom_op(None)
def looked_up(x):
    return TABLE[x]


REFUSED = [
    (lambda x: scaling(2.0)(scaling(3.0)(x)), "two things as (scaled|k)"),
    (lambda x: mg.custom_op(lambda g, z, x: g)(lambda x: x + 0)(x), "that of <lambda> is not to be had"),
    (lambda x: looked_up(x.astype(int)), "reads TABLE, a ndarray"),
]


@pytest.mark.parametrize(("f", "says"), REFUSED)
def test_what_cannot_be_printed_is_said(f, says):
    with pytest.raises(TypeError, match=says):
        mg.trace(f)(np.ones(3))


def rows():
    """Every row of the package, in the table or not."""
    modules = [module for name, module in sys.modules.items() if name.startswith("micrograd_np.")]
    found = {id(x): x for module in modules for x in vars(module).values() if isinstance(x, Primitive)}
    called = [row for row in found.values() if not (row.decomposition and row.exact)]  # the others are spelled out
    return [row for row in called if needs_kernel(row) and kernel_of(row).__name__ != "<lambda>"]


def test_any_two_rows_of_the_package_can_be_printed_together():
    text = definitions_of(map(kernel_of, rows()))
    assert {"_cross_entropy", "_max_pool_input"} <= text.keys()


def test_a_network_with_a_pool_and_a_loss_is_printed():
    pool = nn.MaxPool2d(2)

    def loss(x):
        return nn.cross_entropy(pool(x).reshape(2, 4), np.array([0, 1]))

    x = np.random.default_rng(0).normal(size=(2, 1, 4, 4))
    np.testing.assert_array_equal(mg.trace(mg.grad(loss))(x)(x), mg.grad(loss)(x))
