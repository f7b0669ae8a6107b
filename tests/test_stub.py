"""Type checkers and editors see stubs that are fresh, and all documented code passes mypy and pyright."""

import ast
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import micrograd_np as mg
from tests.stub import STUBS

from .test_readme import BLOCK, PAGES

ROOT = Path(__file__).parents[1]
ROOMS = {"__init__.pyi": mg, "nn/__init__.pyi": mg.nn, "optim/__init__.pyi": mg.optim, "linalg.pyi": mg.linalg}
ROOMS |= {"nn/functional.pyi": mg.nn.functional, "data/__init__.pyi": mg.data}
TYPICAL = sorted((ROOT / "tests" / "typical").glob("*.py"))

OF_STUB = np.__version__.startswith("2.4.")


@pytest.mark.skipif(not OF_STUB, reason="the stubs hold the signatures of NumPy 2.4's functions")
@pytest.mark.parametrize("path", STUBS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_stub_is_what_the_package_says(path):
    """An old NumPy lacks functions, such as `cumulative_sum`, that the stub, made with a new one, declares."""
    function = re.compile(r"def (\w+)\(")
    rooms = (mg, np, mg.nn, mg.optim, mg.linalg)
    lines = path.read_text(encoding="utf-8").splitlines()
    lines = [x for x in lines if not (found := function.match(x)) or any(hasattr(room, found[1]) for room in rooms)]
    assert lines == STUBS[path]().splitlines(), "the stub is stale: run python -m tests.stub"


@pytest.mark.parametrize("name", ROOMS)
def test_a_stub_declares_all_that_is_public_and_nothing_that_is_not_there(name):
    declared = set()
    for node in ast.parse((ROOT / "micrograd_np" / name).read_text(encoding="utf-8")).body:
        declared |= {node.name} if hasattr(node, "name") else set()
        declared |= {alias.asname for alias in getattr(node, "names", [])}
    assert set(ROOMS[name].__all__) <= declared
    assert "__getattr__" not in declared


@pytest.mark.parametrize("script", TYPICAL, ids=lambda path: path.stem)
def test_a_typical_script_runs(script, capsys):
    runpy.run_path(str(script))
    assert capsys.readouterr().out


def scripts(page):
    """The blocks of a page as scripts: one that imports begins anew, others go on from the block before."""
    found = []
    for code, _ in BLOCK.findall(page.read_text(encoding="utf-8")):
        if "import micrograd_np as mg\n" in code or not found:
            found.append("")
        found[-1] += code
    return found


TYPO = """
import numpy as np
import micrograd_np as mg
from micrograd_np import nn

x = mg.Tensor([1.0], requires_grad=True)
"""
TYPOS = [
    "mg.exp(x).typo",
    "np.sum(x).typo",
    "nn.Linear(2, 3).wieght",
    "mg.tensr(x)",
    "nn.Sequential(nn.ReLU())[0].weight",
]
TYPOS += [
    "nn.cross_entropy(x, [0]).backwards()",
    "x.sumn()",
    "mg.grad(np.sum)(x.data).typo",
    "mg.optim.SGD([x], learning=1)",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All documented code, six typical scripts, and lines with a typo each."""
    folder = tmp_path_factory.mktemp("code")
    for page in PAGES:
        for number, code in enumerate(scripts(page)):
            (folder / f"page_{page.stem}_{number}.py").write_text(code, encoding="utf-8")
    for script in TYPICAL:
        shutil.copy(script, folder / f"typical_{script.name}")
    (folder / "typos.py").write_text(TYPO + "\n".join(TYPOS), encoding="utf-8")
    return folder


def assert_only_typos(errors):
    """Errors as {file: lines}: each line with a typo, and nothing else."""
    first = TYPO.count("\n") + 1
    assert sorted(set(errors.pop("typos.py", []))) == list(range(first, first + len(TYPOS)))
    assert not errors


def by_file(pairs):
    errors = {}
    for path, line in pairs:
        errors.setdefault(Path(path).name, []).append(int(line))
    return errors


@pytest.mark.slow
@pytest.mark.skipif(not OF_STUB, reason="NumPy's own stubs differ: in those of 2.5, np.sum(t) is Any")
def test_all_documented_code_passes_mypy(folder):
    options = "--config-file= --check-untyped-defs --follow-imports silent --allow-redefinition-new"
    options += " --local-partial-types --disable-error-code no-redef"  # a page uses a name anew in a later block
    scripts = map(str, sorted(folder.glob("*.py")))
    command = [sys.executable, "-m", "mypy", *options.split(), "--cache-dir", str(folder / "cache"), *scripts]
    environment = os.environ | {"MYPYPATH": str(ROOT)}
    checked = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    found = re.findall(r"^(.+?):(\d+): error", checked.stdout, re.MULTILINE)
    print(checked.stdout)  # for the report of a failure
    assert_only_typos(by_file(found))


@pytest.mark.slow
def test_all_documented_code_passes_pyright(folder):
    program = shutil.which("pyright", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if program is None:
        pytest.skip("needs pyright: pip install pyright")
    options = {"extraPaths": [str(ROOT)], "reportRedeclaration": False, "reportPossiblyUnboundVariable": False}
    (folder / "pyrightconfig.json").write_text(json.dumps(options))
    command = [program, "--pythonpath", sys.executable, "--outputjson", str(folder)]
    checked = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    if not checked.stdout.lstrip().startswith("{"):
        pytest.skip(f"pyright did not run: {checked.stderr[-200:]}")
    found = [x for x in json.loads(checked.stdout)["generalDiagnostics"] if x["severity"] == "error"]
    print(*found, sep="\n")
    assert_only_typos(by_file((x["file"], x["range"]["start"]["line"] + 1) for x in found))
