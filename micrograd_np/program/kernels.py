"""The source of a row's own kernel, with whatever of ours it calls: text that runs with NumPy alone."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from .phrases import literal
from .spelling import is_numpys


def printed(kernels: Iterable[Any]) -> str:
    """Definitions of kernels and of all that they call, what is called first."""
    found: dict[str, str] = {}
    for kernel in kernels:
        collect(kernel, found)
    return "\n\n".join(found.values())


def collect(function: Any, found: dict[str, str]) -> None:
    name = function.__name__
    if name in found:
        return
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    if not isinstance(tree, ast.FunctionDef):
        raise TypeError(f"{name} is no function with a name of its own, and cannot be printed.")
    bare(tree)
    imports: dict[str, str] = {}
    for free, thing in free_names(function, tree):
        if inspect.ismodule(thing):
            if thing.__name__ != "numpy":
                imports[free] = f"import {thing.__name__}" + (f" as {free}" if free != thing.__name__ else "")
        elif inspect.isfunction(thing) and not is_numpys(thing):
            collect(thing, found)
        elif inspect.isfunction(thing) or inspect.isclass(thing) or inspect.isbuiltin(thing):
            imports[free] = f"from {thing.__module__} import {thing.__name__}"
        else:
            found.setdefault(free, f"{free} = {literal(thing).text}")
    found |= {name: text for name, text in imports.items() if name not in found}
    found[name] = ast.unparse(tree)


def free_names(function: Any, tree: ast.FunctionDef) -> Iterator[tuple[str, Any]]:
    """The names that a function takes from its module, and what they are."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in function.__globals__:
            yield node.id, function.__globals__[node.id]


def bare(tree: ast.FunctionDef) -> None:
    """Take the types from a function."""
    tree.returns = None
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef):
            node.returns = None
