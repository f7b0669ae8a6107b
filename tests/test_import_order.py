"""Import order is reading order: a module imports only modules above it in the package's table of contents."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import micrograd_np

PACKAGE = Path(micrograd_np.__file__).parent
ORDER = [name for line in micrograd_np.__doc__.splitlines() if "  " in line for name in line.split("  ")[0].split(", ")]
MODULES = {
    path.relative_to(PACKAGE).with_suffix("").parts: path
    for path in PACKAGE.rglob("*.py")
    if path.relative_to(PACKAGE).parts not in (("__init__.py",), ("__main__.py",))
}


def imports(module: tuple[str, ...]) -> set[tuple[str, ...]]:
    """The modules of the package that a module imports, at its top or in a function."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            start = (*module[: -node.level], *(node.module.split(".") if node.module else ()))
            for imported in [(*start, alias.name) for alias in node.names]:
                known = (imported, start, (*start, "__init__"))
                found.update([name for name in known if name in MODULES][:1])
    return found - {module}


@pytest.mark.parametrize("module", MODULES, ids=".".join)
def test_a_module_imports_only_modules_above_it(module):
    assert module[0] in ORDER, f"{module[0]} has no place in the table of contents, the package's docstring"
    above = ORDER[: ORDER.index(module[0]) + 1]
    assert not {name for name in imports(module) if name[0] not in above}


def test_every_module_of_the_table_of_contents_is_there():
    assert not set(ORDER) - {module[0] for module in MODULES}


def test_no_circle():
    """Imports inside functions count."""
    tuple(TopologicalSorter({module: imports(module) for module in MODULES}).static_order())


def test_a_trace_or_a_compiled_call_loads_none_of_drawing():
    script = (
        "import sys, numpy as np, micrograd_np as mg\n"
        "f = lambda x: np.exp(x).sum()\n"
        "print(mg.trace(f)(np.ones(3)))\n"
        "g = mg.compile(f)\n"
        "[g(np.ones(3)) for _ in range(4)]\n"
        "assert mg.exp.__doc__\n"
        "print([name for name in sys.modules if name.startswith('micrograd_np.drawing')])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
