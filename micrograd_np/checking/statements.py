"""Find the mistake in the statement that computed a gradient beside a recorded graph, as `l1_delta = ...`."""

from __future__ import annotations

import ast
import contextlib
import linecache
import os
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .claims import Closeness, Row, differ
from .edits import Edits, edit_in_words
from .flat_function import plain
from .recordable import definition_of
from .rewrites import locate
from .sandbox import OWN_BUILTINS, Library, Sandbox, UncopiedError
from .suspicion import PROVEN
from .syntax import names_of_variables, operands_of

Array = Any
MOST_EDITS = 6_000


def repair_statement(frame: Any, values: Any, row: Row, expected: Array, close: Closeness) -> str:
    """Return the edit of the statement that gave a gradient its value, after which it gives the right one.

    There is no other data to test it on, so numbers are not edited: another one might fit by chance.
    """
    outside = {**frame.f_globals, **frame.f_locals}
    name = next((name for name, x in reversed(outside.items()) if x is values), None)
    tree = tree_of_frame(frame)
    if tree is None or name is None or row.hand.size < PROVEN or not differ(row.hand):
        return ""
    variables = variables_of(tree, outside)

    def gives(statement: Any, wanted: Array) -> bool:
        try:
            code = compile(ast.Expression(statement.value), "", "eval")
            with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
                found = np.asarray(plain(eval(code, variables)))
            return found.shape == wanted.shape and close(found, wanted, row.size)
        except Exception:  # there is no such code, or it does not fit
            return False

    statement = next((x for x in assignments(tree, name) if gives(x, row.hand)), None)
    if statement is None:  # the value was changed later, in place
        return ""
    place: Any = ast.parse("def f(): pass").body[0]
    place.body = [statement]
    later = assigned_from(tree, statement)
    operands = [as_array(x, outside) for x in operands_of(tree) if not names_of_variables(x) & later]
    every = Edits(place, operands, set(), variables)
    every.counts = every.lengths = []
    for edit in sorted(every.all(), key=lambda edit: edit.rank)[:MOST_EDITS]:
        if isinstance(edit.old, list | ast.Constant | ast.stmt):
            continue
        old = edit.old
        locate(edit.new, old)
        edit.put(edit.new)
        found = gives(statement, expected)
        edit.put(old)
        if found:
            return edit_in_words(edit, place, os.path.basename(frame.f_code.co_filename))
    return ""


def as_array(operand: Any, outside: Mapping[str, Any]) -> Any:
    """Return an operand, but `x.data` for a Tensor x: the statement computes with arrays."""
    is_tensor = isinstance(operand, ast.Name) and isinstance(outside.get(operand.id), Tensor)
    return ast.Attribute(operand, "data", ast.Load()) if is_tensor else operand


def variables_of(tree: Any, outside: Mapping[str, Any]) -> dict[str, Any]:
    """Return copies of the variables that a source names, in which its expressions can be evaluated."""
    copies, made = Sandbox(), {"__builtins__": OWN_BUILTINS, "np": Library(np)}
    for name in names_of_variables(tree) & outside.keys():
        with contextlib.suppress(UncopiedError):
            made[name] = copies(outside[name])
    return made


def assigned_from(tree: Any, statement: Any) -> set[str]:
    """Return the variables that have no value before a statement: they are assigned there, or only later."""
    stored = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    return {node.id for node in stored} - {node.id for node in stored if node.lineno < statement.lineno}


def tree_of_frame(frame: Any) -> Any:
    """Return the source of a frame, a function's or a module's; None if it is not known."""
    try:
        if frame.f_code.co_name != "<module>":
            make: Any = definition_of(frame.f_code).body[0]
            return make.body[0]
        return ast.parse("".join(linecache.getlines(frame.f_code.co_filename)))
    except Exception:  # not known, or not what runs
        return None


def assignments(tree: Any, name: str | None) -> list[Any]:
    """Return the statements that compute a variable, the last one first."""
    every = (node for node in ast.walk(tree) if isinstance(node, ast.Assign) and len(node.targets) == 1)
    named = [node for node in every if isinstance(node.targets[0], ast.Name) and node.targets[0].id == name]
    return sorted(named, key=lambda node: -node.lineno)
