"""Each row of the table as a program: traced, printed, and run with NumPy alone, it gives the bits that eager gives."""

import subprocess
import sys

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.core.containers import flatten
from tests.ops.cases import CASES, first_of_each_row

# `pack` makes a node of several values, which the engine alone calls.
STEPS = [case for case in CASES if case.row.name not in ("pack", "pack_copies")]
MASKED = ("getitem-4", "getitem-6")


def assert_same_bits(found, expected):
    assert len(found) == len(expected)
    for ours, theirs in zip(map(np.asarray, found), map(np.asarray, expected), strict=True):
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        assert ours.tobytes() == theirs.tobytes()


def given(x):
    return x.data if isinstance(x, mg.Tensor) else x


def backward_of(case):
    """The case, and the gradients of a weighted sum of what it gives."""
    rng = np.random.default_rng(0)
    weights = {}

    def f(*inputs):
        outputs = [x for x in case.outputs(list(inputs)) if isinstance(x, mg.Tensor)]
        for position, x in enumerate(outputs):
            if position not in weights:
                weights[position] = np.asarray(rng.normal(size=x.shape))
        recorded = [(x * weights[i]).sum() for i, x in enumerate(outputs) if x.requires_grad]
        if recorded:
            sum(recorded[1:], recorded[0]).backward()
        return outputs

    return f


def leaves(case):
    return [mg.Tensor(x, requires_grad=True) for x in case.values]


def seen(outputs, inputs):
    return [x.data for x in outputs] + [x.grad for x in inputs if x.grad is not None]


def alone(program, inputs):
    """The result of the printed text for arrays, in a world where it is all there is."""
    names = {}
    exec(str(program), names)
    assert not [name for name in names if "micrograd" in name]
    arrays = [given(inputs[x.of] if x.kind == "argument" else x.of) for x in program.inputs]
    return flatten(names[program.simple.name](*arrays))[0]


@pytest.mark.parametrize("case", first_of_each_row(STEPS), ids=lambda case: case.name)
def test_a_row_gives_the_same_bits(case):
    f = backward_of(case)
    if case.name in MASKED:
        with pytest.raises(TypeError, match="how many entries getitem gives depends on the values"):
            mg.trace(f)(*leaves(case))
        return
    eager, traced = leaves(case), leaves(case)
    expected = seen(f(*eager), eager)
    program = mg.trace(f)(*traced)
    assert_same_bits([x.grad for x in traced if x.grad is not None], [x.grad for x in eager if x.grad is not None])
    assert_same_bits(flatten(program(*leaves(case)))[0], expected)
    assert_same_bits(alone(program, leaves(case)), expected)


@pytest.mark.parametrize("name", ["conv-0", "einsum-0", "sigmoid-0", "cross_entropy-0", "inv-0"])
def test_a_file_runs_where_the_package_is_not(name, tmp_path):
    case = next(case for case in CASES if case.name == name)
    f, inputs = backward_of(case), leaves(case)
    expected = seen(f(*inputs), inputs)
    program = mg.trace(f)(*leaves(case))
    arrays = [given(inputs[x.of] if x.kind == "argument" else x.of) for x in program.inputs]
    (tmp_path / "step.py").write_text(str(program))
    np.savez(tmp_path / "inputs.npz", *arrays)
    script = f"""
import sys
sys.modules["micrograd_np"] = None
import numpy as np
from step import {program.simple.name} as step
given = np.load("inputs.npz")
found = step(*(given[name] for name in given.files))
outputs, gradients = found[0], found[1:]
np.savez("outputs.npz", *outputs, *gradients)
"""
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, env={"PYTHONPATH": str(tmp_path)})
    found = np.load(tmp_path / "outputs.npz")
    assert_same_bits([found[name] for name in found.files], expected)
