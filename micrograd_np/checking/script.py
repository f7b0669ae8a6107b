"""Find the mistake in the lines of a script that compute gradients beside a recorded graph, as `l1_delta = ...`.

The lines between the loss and the call of `verify` become a function, whose edits are tried like those of others.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FunctionType, SimpleNamespace
from typing import Any

import numpy as np

from ..core.names import inside
from ..core.tensor import Tensor
from .by_hand import ByHand
from .calling import Pair, Played
from .claims import GIVEN, WRONG, Closeness, Row
from .edits import Edits
from .repair import Data, Source, Trial, search, watched
from .sandbox import MOST_ROWS, OWN_BUILTINS, Library, Sandbox
from .syntax import Edit, every_node, has_endless_loop, names_of_variables, operands_of, tree_of

Array = Any


@dataclass
class Script(Source):
    """The source of a function that was lines of a script, and returns the gradients by hand."""

    operands: Sequence[Any] = ()

    def edits(self, pair: Pair) -> Iterator[Edit]:
        """Yield the edits, but for numbers and comparisons.

        There are no other data to test them on, and these may fit by chance; an index does not.
        """
        arrays = (x for x in self.variables.values() if isinstance(x, np.ndarray | Tensor))
        sizes = {n for x in arrays for n in x.shape if n > 1}
        edits = Edits(self.definition, self.operands, self.variables)
        edits.counts = edits.lengths = []
        edits.values, edits.operands = (
            [x for x in each if edits.shape(x) != () or not is_size(x, self.variables, sizes)]
            for each in (edits.values, edits.operands)
        )
        for edit in edits.ranked():
            is_number = isinstance(edit.old, ast.Constant) and not isinstance(edit.parent, ast.Subscript)
            compares = count(ast.Compare, edit.new) > count(ast.Compare, edit.old)
            more = edits.shape(edit.old) == () and count(ast.Constant, edit.new) > count(ast.Constant, edit.old)
            if not is_number and not compares and not more:
                yield edit


def repair_script(
    frame: Any, loss: Tensor, given: Sequence[tuple[Row, Any]], wanted: str, close: Closeness, share: float
) -> tuple[str, list[str]]:
    """Return the edit of a line that makes a gradient right, given those before it, and all gradients made right."""
    outside = {**frame.f_globals, **frame.f_locals}
    named = [(name, x) for name, x in outside.items() if name[:1] != "_"]
    paths = {id(x): path for name, value in named for path, x in inside(name, value)}
    paths |= {id(x): name for name, x in named}
    rows = {row.label: row for row, x in given if row.fits and id(x) in paths}
    tree, lines = tree_of(frame.f_code), []
    if tree and frame.f_code.co_name != "<module>":
        tree = tree.body[0].body[0]
    if tree and wanted in rows and sys.getprofile() is None:  # `watched` needs the profiler's place
        lines = lines_between(tree.body, line_of(loss, frame), frame.f_lineno)
    if not lines:
        return "", []
    copies, file = Sandbox(), frame.f_code.co_filename
    returned = ", ".join(paths[id(x)] for row, x in given if row.label in rows)
    module: Any = ast.parse(f"def _make():\n def lines():\n  return {returned},\n return lines")
    module.body[0].body[0].body[:0] = lines
    # All variables of the script, not only those that the lines read: an edit may need another one.
    found = copies.if_known((name, outside[name]) for name in names_of_variables(tree) & outside.keys())
    scope = {"__builtins__": OWN_BUILTINS, "np": Library(np), **copies(found)}
    if copies.longest > MOST_ROWS or has_endless_loop(lines):
        return "", []
    exec(compile(module, file, "exec"), scope)
    function: FunctionType = scope["_make"]()
    operands = [as_array(x, outside) for x in operands_of(tree)]
    variables = {**scope, **watched(function).get(function.__code__, {})}
    broken = {label for label, row in rows.items() if row.status in (WRONG, GIVEN)}

    def play(*args: Any, **kwargs: Any) -> Played:
        hand = [ByHand(label, None, g) for label, g in zip(rows, function(), strict=True)]
        return Played([], [], hand, seeded=False)

    pair: Any = SimpleNamespace(play=play)
    data = Data(pair, [], False, rows, dict.fromkeys(rows, 1.0), broken, close)
    trial = Trial(data, wanted, lambda: ([], [], []))
    return search(trial, [Script(function, module, variables, operands)], share)


def count(kind: Any, node: Any) -> int:
    return sum(isinstance(x, kind) for x in every_node(node))


def is_size(operand: Any, variables: Mapping[str, Any], sizes: set[int]) -> bool:
    """Return whether a number is a size of the data, or 1 over one: it may stand for the size by chance."""
    value = abs(float(eval(ast.unparse(operand), dict(variables))))
    return any(np.isclose(value, each) for n in sizes for each in (n, 1 / n))


def lines_between(block: Sequence[Any], first: int, last: int) -> list[Any]:
    """Return the statements after one line and before the statement of another, those of all blocks around it."""
    found: list[Any] = []
    for statement in block:
        if statement.lineno <= last <= statement.end_lineno:
            parts = [getattr(statement, name, []) for name in ("body", "orelse", "finalbody")]
            inside = [part for part in parts if isinstance(part, list) and part]
            return found + [x for part in inside for x in lines_between(part, first, last) if part[0].lineno <= last]
        if first < statement.lineno and statement.end_lineno < last:
            found.append(statement)
    return found if block[-1].end_lineno >= last else []


def line_of(x: Tensor, frame: Any) -> int:
    """Return the line of a frame that made a value; 0 if other code made it."""
    if x._created_at is None:
        return 0
    code, instruction = x._created_at
    own = frame.f_code
    # IPython compiles each statement of a cell by itself.
    same_cell = code.co_filename == own.co_filename and code.co_name == own.co_name == "<module>"
    return list(code.co_positions())[instruction // 2][0] or 0 if code is own or same_cell else 0


def as_array(operand: Any, outside: Mapping[str, Any]) -> Any:
    """Return an operand, but `x.data` for a Tensor x: the lines compute with arrays."""
    is_tensor = isinstance(operand, ast.Name) and isinstance(outside.get(operand.id), Tensor)
    return ast.Attribute(operand, "data", ast.Load()) if is_tensor else operand
