"""The syntax tree of a user's function: what it computes with, what it reads, and what it writes."""

from __future__ import annotations

import ast
from collections import Counter
from typing import Any

from .recordable import definition_of
from .sandbox import STEP

Node = Any  # of a syntax tree


def tree_of(function: Any) -> ast.Module | None:
    """Return the source of a function, in which each `while` counts its steps; None if it is not known."""
    try:
        tree: ast.Module = definition_of(function.__code__)
    except Exception:  # not known, or not what runs
        return None
    make: Any = tree.body[0]
    definition = make.body[0]
    # What its defaults and annotations name may not exist in the sandbox; and only the code is used.
    definition.args.defaults = [ast.Constant(None) for _ in definition.args.defaults]
    definition.args.kw_defaults = [x and ast.Constant(None) for x in definition.args.kw_defaults]
    definition.returns = None
    for node in ast.walk(definition):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.While):
            node.test = ast.BoolOp(ast.And(), [node.test, ast.Call(ast.Name(STEP, ast.Load()), [], [])])
    ast.fix_missing_locations(tree)
    return tree


def operands_of(definition: Node) -> list[Node]:
    """Return what a function computes with: variables, attributes and entries, each once, the most used first."""
    found: Counter[str] = Counter()
    called = {id(node.func) for node in ast.walk(definition) if isinstance(node, ast.Call)}
    inner = {id(node.value) for node in ast.walk(definition) if isinstance(node, ast.Attribute | ast.Subscript)}
    for node in ast.walk(definition):
        whole = isinstance(node, ast.Name | ast.Subscript) or (isinstance(node, ast.Attribute) and node.attr != "T")
        # `Edits` evaluates operands to learn their shapes: a call in one would run again, with its side effects.
        calls = any(isinstance(x, ast.Call | ast.NamedExpr | ast.Await) for x in ast.walk(node))
        if whole and not calls and id(node) not in called and not (isinstance(node, ast.Name) and id(node) in inner):
            found[ast.unparse(node)] += 1
    found.update(node.arg for node in ast.walk(definition) if isinstance(node, ast.arg))
    found.pop("self", None)
    return [ast.parse(text, mode="eval").body for text, _ in found.most_common()]


def leading_to_loss(definition: Node) -> set[int]:
    """Return the ids of the statements that compute the first returned value, the loss; these may not be edited."""
    every: list[Node] = list(ast.walk(definition))
    returned = [getattr(node.value, "elts", [node.value])[0] for node in every if isinstance(node, ast.Return)]
    needed = {name for x in returned for name in names_of_variables(x)}
    writing = {id(node): (node, {base_of(t) for t in targets_of(node)}) for node in every if targets_of(node)}
    found: set[int] = set()
    while True:
        more = {key for key, (_, written_to) in writing.items() if key not in found and written_to & needed}
        if not more:
            return found
        found |= more
        # Not all names: `loss, dw = 0.0, np.zeros(3)` assigns dw, too.
        needed |= {name for key in more for name in names_of_variables(writing[key][0].value)}


def names_made_of(names: set[str], definition: Node) -> set[str]:
    """Return some variables, and those that are computed from them."""
    writing = [(names_of_variables(node), {base_of(t) for t in targets_of(node)}) for node in ast.walk(definition)]
    found = set(names)
    while more := {name for read, written_to in writing if read & found for name in written_to} - found:
        found |= more
    return found


def names_of_variables(node: Node) -> set[str]:
    return {x.id for x in ast.walk(node) if isinstance(x, ast.Name)} if node is not None else set()


def targets_of(node: Node) -> list[Node]:
    """Return what an assignment writes to."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
    return [part for target in targets for part in getattr(target, "elts", [target])]


def base_of(node: Node) -> str:
    """Return the variable that a target writes to."""
    while isinstance(node, ast.Subscript | ast.Attribute | ast.Starred):
        node = node.value
    return getattr(node, "id", "")


def path_to(root: Node, wanted: Node) -> list[Node]:
    """Return the nodes from the root down to one."""
    for child in ast.iter_child_nodes(root):
        if child is wanted:
            return [root, child]
        if below := path_to(child, wanted):
            return [root, *below]
    return []
