"""The source of a row's own kernel, with whatever of ours it calls: text that runs with NumPy alone."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Any

from .spelling import is_numpys


def printed(kernels: Iterable[Any]) -> str:
    """NumPy's import and the others needed, then kernels and all that they use, what is used first."""
    found: dict[str, str] = {}
    for kernel in kernels:
        define(kernel.__name__, sys.modules[kernel.__module__], found)
    imports = [text for text in found.values() if text.startswith(("import ", "from "))]
    rest = [text for text in found.values() if text not in imports]
    return "\n\n\n".join(["\n".join([*sorted(imports), "import numpy as np"]), *rest, ""])


def define(name: str, module: ModuleType, found: dict[str, str]) -> None:
    """Add the definition of a name of a module."""
    thing = getattr(module, name)
    if name in found or thing is sys.modules["numpy"]:
        return
    found[name] = ""  # a function may call itself
    home = sys.modules.get(getattr(thing, "__module__", None) or module.__name__, module)
    if inspect.ismodule(thing):
        text = f"import {thing.__name__}" + (f" as {name}" if name != thing.__name__ else "")
    elif inspect.isclass(thing) or inspect.isbuiltin(thing) or is_numpys(thing) or is_standard(home):
        text = f"from {home.__name__} import {thing.__name__}"
    else:
        statement = definitions(home)[name]
        for used in ast.walk(statement):
            if isinstance(used, ast.Name) and hasattr(home, used.id):
                define(used.id, home, found)
        text = ast.unparse(statement)
    del found[name]
    found[name] = text


def is_standard(module: ModuleType) -> bool:
    return module.__name__.split(".")[0] in sys.stdlib_module_names


@functools.cache
def definitions(module: ModuleType) -> dict[str, ast.stmt]:
    """The statements at the top of a module by the name that each binds, without types."""
    found: dict[str, ast.stmt] = {}
    for statement in Bare().visit(ast.parse(inspect.getsource(module))).body:
        if isinstance(statement, ast.FunctionDef):
            found[statement.name] = statement
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            found[statement.targets[0].id] = statement
    return found


class Bare(ast.NodeTransformer):
    """Takes the types from a module."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        return ast.copy_location(ast.Assign([node.target], node.value), node) if node.value else None
