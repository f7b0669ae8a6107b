"""Tensor's operators and methods, and what Python's own tools say of a row."""

import ast
import inspect
from pathlib import Path

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import operators
from micrograd_np.ops import TABLE


@pytest.mark.parametrize(
    ("row", "begins"),
    [
        (mg.exp, "exp = Elementwise(np.exp, "),
        (mg.log, "log = Elementwise(np.log, "),
        (mg.logaddexp, "logaddexp = Elementwise(\n"),
        (mg.argmax, "argmax = NonDifferentiable("),
    ],
)
def test_getsource_prints_the_row(row, begins):
    assert inspect.getsource(row).startswith(begins)


def test_every_row_has_a_source_and_a_name():
    for name, row in TABLE.items():
        source = inspect.getsource(row)
        (statement,) = ast.parse(source).body  # the whole row, be it one line or ten
        assert source.startswith((f"{name} = ", f"{name}: "))
        assert isinstance(statement.value, ast.Call)
        assert (row.__name__, row.__qualname__, row.__module__) == (name, name, "micrograd_np")


def test_getsource_of_a_custom_op_prints_the_users_function():
    @mg.custom_op(lambda g, z, x: g)
    def twice(x):
        return x * 2

    assert "def twice(x):" in inspect.getsource(twice)
    assert twice.__name__ == "twice"


def test_grep_finds_each_operator_and_method():
    text = Path(operators.__file__).read_text(encoding="utf-8")
    for name in ("__add__", "__rmatmul__", "__isub__", "__getitem__", "sum", "reshape", "T"):
        assert f"\nTensor.{name} = " in text
    assert "setattr" not in text


def test_completion_shows_public_names_only():
    shown = {name for name in dir(mg.Tensor([1.0])) if name[0] != "_"}
    engine = shown - set(dir(np.ndarray)) - set(TABLE)
    expected = "norm args assign backward detach grad is_leaf name numpy op params requires_grad scope zero_grad"
    assert engine <= {*expected.split(), *vars(mg)}
