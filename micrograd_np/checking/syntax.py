"""Syntax trees of users' functions: what they read and write, and what people take for what in them."""

from __future__ import annotations

import ast
import contextlib
import functools
import linecache
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from types import CodeType
from typing import Any

from .recordable import definition_of

Node = Any  # of a syntax tree
SIZES = ("len", "shape", "size")
VALUES = (ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.BinOp, ast.UnaryOp, ast.Compare)

# What people take one for the other: operators, the likeliest first, and pairs of functions.
OPERATORS = {
    "Add": ("Sub", "Mult"),
    "Sub": ("Add",),
    "Mult": ("Div", "MatMult"),
    "Div": ("Mult",),
    "MatMult": ("Mult",),
}
ORDER = ("Lt", "Gt", "LtE", "GtE")
OPERATORS |= {name: tuple(other for other in ORDER if other != name) for name in ORDER} | {"Eq": ("NotEq",)}
FUNCTIONS = """
    sum mean, exp log, max min, maximum minimum, sin cos, sinh cosh, tanh sigmoid, sqrt square, abs sign, triu tril,
    argmax argmin, zeros_like ones_like
""".split(",")
AXES = ("0", "1", "2", "-1", "(0, 1)", "(0, 2)", "(1, 2)", "(2, 3)", "(0, 2, 3)")
# Functions that take an axis.
REDUCTIONS = {"sum", "mean", "max", "min", "argmax", "cumsum", "logsumexp", "lse", "softmax", "prod", "std", "var"}


def tree_of(code: CodeType) -> Any:
    """Return the source of a module, or that of a function as `definition_of` does; None if it is not known."""
    with contextlib.suppress(Exception):  # not known, or not what runs
        if code.co_name == "<module>":
            return ast.parse("".join(linecache.getlines(code.co_filename)))
        return definition_of(code)
    return None


def has_endless_loop(trees: Iterable[Node]) -> bool:
    """Return whether a loop may not end with an edit: a `while`."""
    return any(isinstance(node, ast.While) for tree in trees for node in ast.walk(tree))


def operands_of(definition: Node) -> list[Node]:
    """Return what a function computes with: variables, attributes and entries, each once, the most used first."""
    found: Counter[str] = Counter()
    called = {id(node.func) for node in ast.walk(definition) if isinstance(node, ast.Call)}
    inner = {id(node.value) for node in ast.walk(definition) if isinstance(node, ast.Attribute | ast.Subscript)}
    for node in ast.walk(definition):
        whole = isinstance(node, ast.Name | ast.Subscript) or (isinstance(node, ast.Attribute) and node.attr != "T")
        # `Edits` evaluates operands to learn their shapes; a call in one could change what it is given.
        calls = any(isinstance(x, ast.Call | ast.NamedExpr | ast.Await) for x in ast.walk(node))
        if whole and not calls and id(node) not in called and not (isinstance(node, ast.Name) and id(node) in inner):
            found[ast.unparse(node)] += 1
    found.update(node.arg for node in ast.walk(definition) if isinstance(node, ast.arg))
    found.pop("self", None)
    return [ast.parse(text, mode="eval").body for text, _ in found.most_common()]


def leading_to_loss(definition: Node) -> set[int]:
    """Return the ids of the statements that compute the first returned value, the loss; these may not be edited."""
    returns = [node for node in ast.walk(definition) if isinstance(node, ast.Return)]
    returned = [getattr(node.value, "elts", [node.value])[0] for node in returns]
    every = assignments(definition)
    names = {name for x in returned for name in names_of_variables(x)}
    needed = closure(names, [(written_to, read) for _, written_to, read in every])
    return {id(node) for node, written_to, _ in every if written_to & needed}


def names_made_of(names: set[str], definition: Node) -> set[str]:
    """Return some variables, and those that are computed from them."""
    return closure(names, [(read, written_to) for _, written_to, read in assignments(definition)])


def assignments(definition: Node) -> list[tuple[Node, set[str], set[str]]]:
    """Return the assignments, each with the variables that it writes to and reads."""
    found: list[tuple[Node, list[Node]]] = [(node, targets_of(node)) for node in ast.walk(definition)]
    # Not all names: `loss, dw = 0.0, np.zeros(3)` writes to dw, too.
    return [(node, {base_of(x) for x in targets}, names_of_variables(node.value)) for node, targets in found if targets]


def closure(names: set[str], steps: Sequence[tuple[set[str], set[str]]]) -> set[str]:
    """Return some names, and all that steps from some names to others lead to."""
    found = set(names)
    while more := {name for start, end in steps if start & found for name in end} - found:
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


def is_value(node: Node, parent: Node, field: str) -> bool:
    """Return whether an expression stands for a value that is computed with, and not for a function or an index."""
    is_function_or_index = field in ("func", "slice", "lower", "upper", "step") or isinstance(parent, ast.For)
    return isinstance(node, VALUES) and not is_function_or_index and not is_written(node)


def is_written(node: Node) -> bool:
    return isinstance(getattr(node, "ctx", None), ast.Store)


def may_be_edited(node: Node) -> bool:
    """Return whether a node may be edited: mode == "train" may not, as it is an option of the program."""
    sides = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
    return isinstance(node, ast.AST) and not any(isinstance(getattr(x, "value", None), str) for x in sides)


def is_term(parent: Node, field: str) -> bool:
    """Return whether an expression is a whole right side, a term, a left operand, an argument, or a result."""
    if isinstance(parent, ast.BinOp):
        return isinstance(parent.op, ast.Add | ast.Sub) or field == "left"
    return isinstance(parent, ast.Assign | ast.AugAssign | ast.Return | ast.Tuple | ast.List | ast.Dict | ast.Call)


def fits_into(part: tuple[int, ...] | None, shape: tuple[int, ...] | None) -> bool:
    """Return whether an array broadcasts to a shape."""
    if part is None or shape is None or len(part) > len(shape):
        return False
    return all(n in (1, m) for n, m in zip(part[::-1], shape[::-1], strict=False))


# What may stand in the place of a node.


def other_nodes(node: Node, parent: Node, field: str) -> Iterator[tuple[int, Node]]:
    """Yield what may stand in the place of a node, each with a rank."""
    kind, name = type(node), getattr(getattr(node, "func", None), "id", "")
    if kind is ast.AugAssign:
        yield 0, ast.Assign([node.target], node.value)
        yield from ((0, replaced(node, op=op)) for op in other_operators(node.op)[:1])
    if not issubclass(kind, ast.expr) or is_written(node) or field == "func":
        return
    if field == "iter" and name == "reversed":
        yield 0, node.args[0]
    elif field == "iter":
        yield 0, written("reversed([*X])" if name in ("zip", "enumerate") else "reversed(X)", node)
    if isinstance(parent, ast.Attribute) and isinstance(node, ast.Name):
        return
    if kind is ast.BinOp:
        yield from ((3 * rank, replaced(node, op=op)) for rank, op in enumerate(other_operators(node.op)))
        if type(node.op) not in (ast.Add, ast.Mult):
            yield 0, replaced(node, left=node.right, right=node.left)
        yield int(type(node.right) is not ast.Constant), node.left
        yield int(type(node.left) is not ast.Constant), node.right
    elif kind is ast.UnaryOp and type(node.op) is ast.USub:
        yield 0, node.operand
    elif kind is ast.Compare and len(node.ops) == 1:
        yield from ((0, replaced(node, ops=[op])) for op in other_operators(node.ops[0]))
        sides = node.left, node.comparators[0]
        yield from ((1, written(form, *sides)) for form in ("np.minimum(X, Y)", "np.maximum(X, Y)"))
    elif kind is ast.Constant and type(node.value) is bool:
        yield 0, ast.Constant(not node.value)
    elif kind is ast.Constant and type(node.value) in (int, float):
        factor = type(parent) is ast.BinOp and type(parent.op) not in (ast.Add, ast.Sub)  # or exponent
        for number in constants(node.value):
            if not factor or number not in (0, 1):
                yield 0, template(str(number))
    elif kind is ast.Constant and isinstance(node.value, str) and "->" in node.value and isinstance(parent, ast.Call):
        yield from ((1, ast.Constant(text)) for text in other_letters(node.value))
    elif kind is ast.Subscript:
        yield from other_subscripts(node)
    elif kind is ast.Call:
        yield from other_calls(node)
    elif kind is ast.Attribute and node.attr == "T":
        yield 0, node.value


def other_operators(op: Node) -> list[Node]:
    return [getattr(ast, name)() for name in OPERATORS.get(type(op).__name__, ())]


def other_letters(subscripts: str) -> Iterator[str]:
    """Yield the subscripts of an einsum with another letter in one place, and with two letters of a term exchanged."""
    terms = re.split(r"(,|->)", subscripts)
    letters = sorted({letter for letter in subscripts if letter.isalpha()})
    for i, term in enumerate(terms):
        others = [term[:k] + letter + term[k + 1 :] for k in range(len(term)) for letter in letters]
        exchanged = [term.translate(str.maketrans(a + b, b + a)) for a, b in combinations(term, 2)]
        for other in (*exchanged, *others) if term.isalpha() else ():
            if other != term:
                yield "".join([*terms[:i], other, *terms[i + 1 :]])


def constants(number: float) -> Iterator[float]:
    """Yield the numbers that people write instead of one."""
    usual = (0, 1, -1, 2, 3) if isinstance(number, int) else (0.0, 1.0, 2.0, 0.5, 1 - number)
    found = [*usual, -number, number + 1, number - 1, 2 * number, number / 2]
    found += [1 / number] if isinstance(number, float) and number else []
    yield from (c for c in found if c != number)


def other_subscripts(node: Any) -> Iterator[tuple[int, Node]]:
    """Yield x[j, i] and x[arange, j] for x[i, j]; other slices; x[i + 1], x[i - 1] and x[i[::-1]]; and x alone."""
    index = node.slice
    places = index.elts if isinstance(index, ast.Tuple) else []
    single = [i for i, x in enumerate(places) if len(places) == 2 or not isinstance(x, ast.Slice)]
    for i, j in combinations(single, 2):
        exchanged = [places[{i: j, j: i}.get(k, k)] for k in range(len(places))]
        yield 0, replaced(node, slice=ast.Tuple(exchanged, ast.Load()))
    if [isinstance(x, ast.Slice) for x in places] == [True, False]:
        rows = written("np.arange(len(X))", node.value)
        yield 0, replaced(node, slice=ast.Tuple([rows, places[1]], ast.Load()))
    if isinstance(index, ast.Slice):
        yield 0, replaced(node, slice=replaced(index, lower=index.upper, upper=index.lower))
        yield from ((1, written(part, node.value)) for part in ("X[:]", "X[:-1]", "X[1:]", "X[:1]", "X[-1:]"))
    elif isinstance(index, ast.Constant | ast.UnaryOp):
        yield 1, written("np.sum(X, axis=0)", node.value)
    elif not isinstance(index, ast.Tuple | ast.BinOp):
        for form in ("X + 1", "X - 1", "X[::-1]"):
            yield 0, replaced(node, slice=written(form, index))
    yield 1, node.value


def other_calls(node: Any) -> Iterator[tuple[int, Node]]:
    """Yield the function of the same family, the arguments exchanged, another axis, or the argument alone."""
    attribute, args = getattr(node.func, "attr", ""), node.args
    for pair in map(str.split, FUNCTIONS):
        if attribute in pair:
            yield 0, replaced(node, func=replaced(node.func, attr=pair[1 - pair.index(attribute)]))
    for i in range(len(args) - 1):
        yield 0, replaced(node, args=[*args[:i], args[i + 1], args[i], *args[i + 2 :]])
    if attribute in REDUCTIONS:
        others = [k for k in node.keywords if k.arg != "axis"]
        kept = [k for k in others if k.arg != "keepdims"]
        if others != node.keywords:
            yield 0, replaced(node, keywords=others)
        for axis in AXES:
            keyword = ast.keyword("axis", template(axis))
            yield 0, replaced(node, keywords=[keyword, *others])
            yield 1, replaced(node, keywords=[keyword, *kept, ast.keyword("keepdims", ast.Constant(True))])
    if attribute in ("cumsum", "cumprod") and args:
        for form in ("f(X[::-1])[::-1]", "f(X[::-1], axis=0)[::-1]"):
            changed = written(form, args[0])
            changed.value.func = node.func  # in place of f; `written` made new nodes, so the cached template stays
            yield 0, changed
    if attribute == "pop":  # of a tape: the first entry, or the last one
        yield 0, replaced(node, args=[] if args else [ast.Constant(0)])
    if args:
        yield 1, args[0]
    elif attribute and attribute != "copy":
        yield 1, node.func.value


def replaced(node: Node, **fields: Any) -> Node:
    """Return a copy of a node, without its line, with other values in some fields."""
    return type(node)(**{**dict(ast.iter_fields(node)), **fields})


@functools.cache
def template(form: str) -> Node:
    return ast.parse(form, mode="eval").body


def written(form: str, x: Node, y: Node = None, z: Node = None) -> Node:
    """Return an expression with X, Y and Z filled in."""
    return filled(template(form), {"X": x, "Y": y, "Z": z})


def filled(node: Node, values: Mapping[str, Node]) -> Node:
    """Return a copy of an expression or a statement, without lines, with nodes in the place of expressions.

    `values` has the nodes under the texts of the expressions that are read, and of slices.
    """
    if isinstance(node, list):
        return [filled(part, values) for part in node]
    if not isinstance(node, ast.AST):
        return node
    is_read = isinstance(node, ast.expr) and not is_written(node)
    if is_read and (text := node.id if isinstance(node, ast.Name) else ast.unparse(node)) in values:
        return values[text]
    return type(node)(**{field: filled(value, values) for field, value in ast.iter_fields(node)})


# An edit, and its text.


def every_node(tree: Node) -> Iterator[Node]:
    """Yield the nodes of a tree, or of a list of statements."""
    for each in tree if isinstance(tree, list) else [tree]:
        yield from ast.walk(each)


@dataclass
class Edit:
    """Put another node into a place: `place[key]` is a field of the parent, or an entry of a field that is a list.

    For a block, old and new are lists of statements.
    """

    parent: Node
    place: Any
    key: Any
    made: Node | Callable[[], Node]  # the new node, or what makes it: most edits are never tried
    rank: int

    @functools.cached_property
    def new(self) -> Node:
        return self.made() if callable(self.made) else self.made

    @property
    def old(self) -> Node:
        return self.place[self.key]

    @property
    def line(self) -> int:
        old = self.old[0] if isinstance(self.old, list) else self.old
        return int(getattr(old, "lineno", getattr(self.parent, "lineno", 0)))

    @property
    def reads_size(self) -> bool:
        """True if the new node reads a size. Others may be equal by chance, so only other sizes prove the edit."""
        return any(getattr(x, "attr", getattr(x, "id", "")) in SIZES for x in every_node(self.new))

    @property
    def has_numbers(self) -> bool:
        """True if the old or the new node has a constant, or the new one reads a size."""
        of_numbers = (isinstance(x, ast.Constant) for x in (*every_node(self.old), *every_node(self.new)))
        return self.reads_size or any(of_numbers)
