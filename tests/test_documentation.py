"""A row's docstring: its example runs, and its formula is the rule."""

import doctest

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.ops import TABLE, namespace
from micrograd_np.ops.primitive import Elementwise, NonDifferentiable, Primitive

PUBLIC = {name: row for name, row in TABLE.items() if namespace(name)}


@pytest.mark.parametrize("name", PUBLIC)
def test_the_example_runs(name):
    test = doctest.DocTestParser().get_doctest(TABLE[name].__doc__, {"mg": mg, "np": np}, name, None, None)
    failures = []
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=failures.append)
    assert failures == []


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("exp", ["dx = g * z"]),
        ("sigmoid", ["dx = g * (z * (1 - z))"]),
        ("divide", ["dx = g / y", "dy = -g * z / y"]),
        ("dot", ["dx = g @ y.T", "dy = x.T @ g"]),
        ("where", ["dx = where(c, g, 0)", "dy = where(c, 0, g)"]),
    ],
)
def test_the_derivative_is_read_off_the_rule(name, lines):
    said = [line.strip() for line in TABLE[name].__doc__.splitlines() if " = " in line and ">>>" not in line]
    assert said[: len(lines)] == lines


def test_every_row_has_one():
    assert all(row.__doc__ for row in TABLE.values())


def test_a_class_keeps_its_own_docstring():
    assert Primitive.__doc__.startswith("A function with derivatives.")
    assert Elementwise.__doc__.startswith("A row whose arguments broadcast")


def test_a_row_without_derivative_says_so():
    assert all("no derivative" in row.__doc__ for row in PUBLIC.values() if isinstance(row, NonDifferentiable))


def test_a_public_row_is_found_where_its_docstring_says():
    for name, row in PUBLIC.items():
        assert getattr({"mg": mg, "mg.linalg": mg.linalg}[namespace(name)], name) is row
