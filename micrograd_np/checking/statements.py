"""Find the mistake in the statement that computed a gradient beside a recorded graph, as `l1_delta = ...`."""

from __future__ import annotations

import ast
import contextlib
import linecache
import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .claims import WRONG, Closeness, Row, differ
from .edits import Edits
from .flat_function import plain
from .recordable import definition_of
from .repair import same_numbers
from .sandbox import OWN_BUILTINS, Library, Sandbox, UncopiedError
from .suspicion import PROVEN
from .syntax import Edit, edit_in_words, locate, names_of_variables, operands_of

Array = Any
Given = tuple[Row, Any, Array]  # a row, the user's array, and what it should be
MOST_EDITS = 6_000
MOST_STEPS = 6


def repair_statement(
    frame: Any, loss: Tensor, given: Sequence[Given], wanted: str, close: Closeness, is_named: bool
) -> tuple[str, list[str]]:
    """Return the edit of one of the statements behind a gradient that makes it right, and all rows made right.

    There is no other data to test it on, so numbers and comparisons are not put in: they might fit by chance. If the
    mistake `is_named`, only the statement of the gradient itself is edited.
    """
    outside = {**frame.f_globals, **frame.f_locals}
    names, tree = {id(x): name for name, x in outside.items()}, tree_of_frame(frame)
    # Those that were given are judged by themselves, so only the statements between them are looked at.
    stops = {names[id(x)] for _, x, _ in given if id(x) in names}
    wrong = {names[id(x)]: (row, true) for row, x, true in given if row.status == WRONG and id(x) in names}
    name = next((name for name, (row, _) in wrong.items() if row.label == wanted), None)
    if tree is None or name is None or wrong[name][0].hand.size < PROVEN or not differ(wrong[name][0].hand):
        return "", []
    variables = variables_of(tree, outside)
    steps = [x for name in wrong for x in statements_behind(tree, name, stops, variables, line_of(loss, frame))]
    place: Any = ast.parse("def f(): pass").body[0]
    every: list[tuple[Edit, Any]] = []
    for step in statements_behind(tree, name, stops, variables, line_of(loss, frame))[: 1 if is_named else None]:
        place.body = [step]
        later = assigned_from(tree, step)
        operands = [as_array(x, outside) for x in operands_of(tree) if not names_of_variables(x) & later]
        edits = Edits(place, operands, set(), variables)
        edits.counts = edits.lengths = []
        every += [(edit, step) for edit in edits.ranked() if not isinstance(edit.old, list | ast.Constant | ast.stmt)]
    for edit, step in sorted(every, key=lambda pair: pair[0].rank)[:MOST_EDITS]:
        old = edit.old
        if any(isinstance(x, ast.Compare) for x in ast.walk(edit.new)) and not isinstance(old, ast.Compare):
            continue
        locate(edit.new, old)
        edit.put(edit.new)
        again = dict(variables)
        for other in sorted(steps, key=lambda other: other.lineno):
            if other.lineno >= step.lineno:
                again[other.targets[0].id] = right_side(other, again)
        edit.put(old)
        mended = [
            row.label
            for name, (row, true) in wrong.items()
            if np.shape(again[name]) == true.shape and close(again[name], true, row.size)
        ]
        if wanted in mended:
            place.body = [step]
            return edit_in_words(edit, place, os.path.basename(frame.f_code.co_filename)), mended
    return "", []


def statements_behind(tree: Any, name: str, stops: set[str], variables: Mapping[str, Any], first: int) -> list[Any]:
    """Return the statements after a line from which a variable was computed, the last one first.

    They are those that give their variables the values that these have now.
    """
    found: list[Any] = []
    pending = [(name, 10**9)]
    while pending and len(found) < MOST_STEPS:
        name, before = pending.pop(0)
        for statement in assignments(tree, name):
            value = right_side(statement, variables) if first < statement.lineno < before else None
            if value is not None and same_numbers(value, variables.get(name)):
                found += [statement] if statement not in found else []
                reads = names_of_variables(statement.value) - stops
                pending += [(each, statement.lineno) for each in sorted(reads)]
                break
    return found


def right_side(statement: Any, variables: Mapping[str, Any]) -> Any:
    """Return what the right side of an assignment gives; None if there is no such code, or it does not fit."""
    try:
        code = compile(ast.Expression(statement.value), "", "eval")
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            return np.asarray(plain(eval(code, dict(variables))))
    except Exception:
        return None


def line_of(x: Tensor, frame: Any) -> int:
    """Return the line of a frame that made a value; 0 if other code made it."""
    code, instruction = x._created_at or (None, 0)
    return list(code.co_positions())[instruction // 2][0] or 0 if code is frame.f_code else 0


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
