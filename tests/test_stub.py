"""What type checkers and editors see is what the table binds."""

import re
import subprocess
import sys

import numpy as np
import pytest

import micrograd_np as mg
from tests.stub import PATH, stub

USE = """
import micrograd_np as mg
import numpy as np

x = mg.Tensor([1.0, 2.0], requires_grad=True)
y: mg.Tensor = (mg.exp(x) * 2 + 1 / x).sum(axis=0, keepdims=True)
z: mg.Tensor = x.T @ x[None, :].reshape(2, 1)
y.backward()
g = mg.grad(lambda t: (t * t).sum())(np.ones(2))
h: mg.Tensor = mg.softmax(x)
"""


def test_the_stub_is_what_the_table_says():
    """An old NumPy lacks functions, such as `cumulative_sum`, that the stub, made with a new one, declares."""
    function = re.compile(r"def (\w+)\(")
    lines = PATH.read_text(encoding="utf-8").splitlines()
    lines = [x for x in lines if not (found := function.match(x)) or hasattr(mg, found[1]) or hasattr(np, found[1])]
    assert lines == stub().splitlines(), "the stub is stale: run python -m tests.stub"


@pytest.mark.slow
def test_a_users_script_passes_strict_type_checking(tmp_path):
    script = tmp_path / "use.py"
    script.write_text(USE, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(script)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    script.write_text(USE + "mg.exp(x).typo\n", encoding="utf-8")
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 'has no attribute "typo"' in checked.stdout
