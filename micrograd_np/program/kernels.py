"""The source of a row's own kernel, with whatever it calls itself: text that runs with NumPy alone."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
import textwrap
from collections.abc import Iterable
from types import FunctionType, ModuleType, NoneType
from typing import Any

from ..core.errors import TraceError
from ..expressions.phrases import is_numpys, kernel_of
from ..ops.primitive import Primitive

OURS = __name__.split(".")[0]
NUMBERS = (bool, int, float, str, NoneType)


def definitions_of(kernels: Iterable[Any]) -> dict[str, str]:
    """Each name that kernels need, and the statement that binds it, what is used first."""
    found: dict[str, tuple[Any, str]] = {}
    for kernel in kernels:
        define(kernel.__name__, kernel, sys.modules[kernel.__module__], found)
    return {name: text for name, (_, text) in found.items()}


def printed(found: dict[str, str]) -> str:
    """The top of a file: NumPy's import and the others needed, then the definitions."""
    imports = sorted(filter(is_import, found.values()), key=lambda text: (text.startswith("from"), text))
    head = "\n".join(imports) + "\n\n" if imports else ""
    rest = [text for text in found.values() if not is_import(text)]
    return "\n\n\n".join([f"{head}import numpy as np", *rest, ""])


def is_import(text: str) -> bool:
    return text.startswith(("import ", "from "))


def define(name: str, thing: Any, module: ModuleType, found: dict[str, tuple[Any, str]]) -> None:
    """Add the definition of a name of a module or of a function in it."""
    other = found.get(name, (thing,))[0]
    if thing is not other and not (isinstance(thing, NUMBERS) and thing == other):
        raise TraceError(f"ops of yours know two things as {name}, and a program has one of a name. Rename one.")
    if name in found or thing is sys.modules["numpy"]:
        return
    found[name] = thing, ""  # a function may call itself
    home = sys.modules.get(getattr(thing, "__module__", None) or module.__name__, module)
    package = home.__name__.split(".")[0]
    if inspect.ismodule(thing):
        text = f"import {thing.__name__}" + (f" as {name}" if name != thing.__name__ else "")
    elif inspect.isclass(thing) and issubclass(thing, Exception) and thing.__module__.split(".")[0] == OURS:
        text = f"{name} = {next(base for base in thing.__mro__ if base.__module__ == 'builtins').__name__}"
    elif isinstance(thing, Primitive):
        kernel = thing.decomposition if thing.decomposition and thing.exact else kernel_of(thing)
        define(kernel.__name__, kernel, home, found)
        text = f"{name} = {kernel.__name__}"
    elif inspect.isclass(thing) or inspect.isbuiltin(thing) or is_numpys(thing) or package in sys.stdlib_module_names:
        text = f"from {home.__name__} import {thing.__name__}"
    elif package == OURS:
        text = definitions(home)[name]
        for used in names_in(text):
            if hasattr(home, used):
                define(used, getattr(home, used), home, found)
    elif isinstance(thing, FunctionType):
        text = own_text(thing)
        variables = {**thing.__globals__, **inspect.getclosurevars(thing).nonlocals}
        for used in names_in(text):
            if used in variables:
                define(used, variables[used], home, found)
    elif isinstance(thing, NUMBERS):
        text = f"{name} = {thing!r}"
    else:
        what = f"an op of yours reads {name}, a {type(thing).__name__}, which a program's text cannot hold"
        raise TraceError(f"{what}. Make it an argument of the op.")
    del found[name]
    found[name] = thing, text


def names_in(text: str) -> list[str]:
    """The names that a statement reads and does not bind itself."""
    nodes = list(ast.walk(ast.parse(text)))
    own = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    own |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    return [node.id for node in nodes if isinstance(node, ast.Name) and node.id not in own]


def own_text(function: FunctionType) -> str:
    """The source of a user's function, wherever it stands, without decorators."""
    try:
        statement = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    except (OSError, SyntaxError):
        statement = None
    if not isinstance(statement, ast.FunctionDef):
        what = f"a program is printed with the source of its ops, and that of {function.__name__} is not to be had"
        raise TraceError(f"{what}. Write it as a def in a file.")
    return ast.unparse(Untyped().visit(statement))


@functools.cache
def definitions(module: ModuleType) -> dict[str, str]:
    """The statements at the top of a module by the name that each binds, without types."""
    found: dict[str, str] = {}
    for statement in ast.parse(inspect.getsource(module)).body:
        target = getattr(statement, "target", None) or next(iter(getattr(statement, "targets", [])), None)
        name = statement.name if isinstance(statement, ast.FunctionDef) else getattr(target, "id", None)
        if name:
            found[name] = ast.unparse(Untyped().visit(statement))
    return found


class Untyped(ast.NodeTransformer):
    """Takes the types out of a statement."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(node.arg)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns, node.decorator_list = None, []
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        return node.value and ast.Assign([node.target], node.value, lineno=0)
