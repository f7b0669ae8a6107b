"""Import order is reading order: a module imports only modules above it in the package's table of contents."""

import ast
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
# Imported only when it is asked for, by a function of a module below.
LATE = {
    ("custom", "checking"),
    ("ops", "expressions"),
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
    return found


@pytest.mark.parametrize("module", MODULES, ids=".".join)
def test_a_module_imports_only_modules_above_it(module):
    assert module[0] in ORDER, f"{module[0]} has no place in the table of contents, the package's docstring"
    above = ORDER[: ORDER.index(module[0]) + 1]
    below = {name[0] for name in imports(module) if name[0] not in above}
    assert not {(module[0], name) for name in below} - LATE


def test_every_module_of_the_table_of_contents_is_there():
    assert not set(ORDER) - {module[0] for module in MODULES}


@pytest.mark.parametrize("room", sorted({module[0] for module in MODULES if len(module) > 1}))
def test_no_circle_inside_a_room(room):
    inside = [module for module in MODULES if module[0] == room]
    tuple(TopologicalSorter({module: imports(module) & set(inside) for module in inside}).static_order())
