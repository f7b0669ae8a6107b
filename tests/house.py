"""Measure the package: lines of code, names, imports."""

import ast
from pathlib import Path

import micrograd_np

PACKAGE = Path(micrograd_np.__file__).parent
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def code_lines(path):
    """The lines of a file that are neither blank nor a comment nor a docstring."""
    docstrings = set()
    for node in ast.walk(parsed(path)):
        first = node.body[0] if isinstance(node, DOCUMENTED) and node.body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            docstrings.update(range(first.lineno, first.end_lineno + 1))
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    return sum(bool(x.strip()) and not x.strip().startswith("#") and i not in docstrings for i, x in lines)
