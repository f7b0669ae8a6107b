"""The page for people from elsewhere: each line runs, and gives what the line on its left gives."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest

import micrograd_np as mg

PAGE = Path(__file__).parents[1] / "docs" / "coming_from.md"
SECTION = re.compile(r"^## (.+?)$(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`]+)`")


def rows():
    """(section, code there, code here) of each row of a table."""
    for title, body in SECTION.findall(PAGE.read_text(encoding="utf-8")):
        for line in body.splitlines():
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            if line.startswith("| `"):
                yield title, CODE.match(cells[0])[1], CODE.match(cells[-1])[1]


ROWS = list(rows())
NUMBERS = [[1.0, 2.5, 3.0], [4.0, 0.5, 2.0]]


def names(tensor, modules):
    """The names that the page says there are."""
    nn, optim = modules["nn"], modules["optim"]
    model = nn.Sequential(nn.Linear(3, 2))
    for p in model.parameters():
        p.grad = p.detach() * 0 if modules is not OURS else np.zeros(p.shape)
    x = tensor(NUMBERS, requires_grad=True)
    (x * 1).sum().backward()
    x.grad = None
    return {
        **modules,
        "np": np,
        "x": x,
        "w": tensor(np.ones((2, 3)), requires_grad=True),
        "v": tensor(2.0, requires_grad=True),
        "a": np.array(NUMBERS),
        "b": np.ones((2, 3)),
        "f": lambda x: (x * x).sum(),
        "model": model,
        "optimiser": optim.SGD(model.parameters(), lr=0.1),
        "X": np.ones((4, 3)),
        "y": np.ones((4, 2)),
        "labels": tensor([0, 1]) if modules is not OURS else np.array([0, 1]),
        "rng": np.random.default_rng(0),
    }


OURS = {"mg": mg, "nn": mg.nn, "optim": mg.optim}


def value(code, variables):
    """The value of the last expression of a line; None where it ends with a statement."""
    *before, last = ast.parse(code).body
    exec(compile(ast.Module(before, []), code, "exec"), variables)
    if not isinstance(last, ast.Expr):
        exec(compile(ast.Module([last], []), code, "exec"), variables)
        return None
    return eval(compile(ast.Expression(last.value), code, "eval"), variables)


def numbers(x):
    """A value as nested lists of numbers, shapes and dtypes, where it is such."""
    if isinstance(x, tuple | list):
        return [numbers(part) for part in x]
    if hasattr(x, "detach"):
        x = x.detach()
        x = x.data if isinstance(x, mg.Tensor) else x.numpy()
    return np.asarray(x).tolist() if isinstance(x, np.ndarray | np.generic | int | float) else None


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """Lines that save a file leave none in the project."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("section", "there", "here"), ROWS, ids=lambda x: x[:50])
def test_what_stands_on_the_right_runs(section, there, here):
    if "onnx" in here:
        pytest.importorskip("onnx", reason="needs onnx (extra)")
    value(here, names(mg.Tensor, OURS))


@pytest.mark.parametrize(("section", "there", "here"), [row for row in ROWS if row[0] == "NumPy"], ids=lambda x: x[:50])
def test_numpys_side_gives_the_same(section, there, here):
    variables = names(mg.Tensor, OURS)
    np.testing.assert_array_equal(numbers(value(here, variables)), numbers(value(there, variables)))


def flat(x):
    return [number for part in x for number in flat(part)] if isinstance(x, list) else [x]


PYTORCHS = [row for row in ROWS if row[0].startswith("PyTorch")]
RANDOM = ("nn.Linear", "state_dict", "parameters()")  # drawn there in another way


@pytest.mark.parametrize(("section", "there", "here"), PYTORCHS, ids=lambda x: x[:50])
def test_pytorchs_side_gives_the_same(section, there, here):
    torch = pytest.importorskip("torch", reason="needs torch==2.13.0 (extra peers)")
    theirs = {"torch": torch, "nn": torch.nn, "optim": torch.optim}
    double = {"dtype": torch.float64}
    variables = names(lambda x, **k: torch.tensor(x, **({} if str(x) == "[0, 1]" else double), **k), theirs)
    if there == "x.numpy()":
        there = "x.detach().numpy()"
    ours = numbers(value(here, names(mg.Tensor, OURS)))
    expected = numbers(value(there, variables))
    if not any(word in there for word in RANDOM) and ours is not None and expected is not None:
        assert flat(ours) == pytest.approx(flat(expected), rel=1e-6)


def test_there_is_something_to_run():
    assert len(ROWS) > 90
