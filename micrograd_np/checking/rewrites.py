"""Other expressions for one in the source of a backward pass: what people take one for the other."""

from __future__ import annotations

import ast
import copy
import functools
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

Node = Any  # of a syntax tree

# What people take one for the other.
OPERATORS: dict[type, tuple[type, ...]] = {
    ast.Add: (ast.Sub, ast.Mult),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div, ast.MatMult),
    ast.Div: (ast.Mult,),
    ast.MatMult: (ast.Mult,),
}
COMPARISONS: dict[type, tuple[type, ...]] = {
    ast.Lt: (ast.Gt, ast.LtE, ast.GtE),
    ast.Gt: (ast.Lt, ast.GtE, ast.LtE),
    ast.LtE: (ast.GtE, ast.Lt, ast.Gt),
    ast.GtE: (ast.LtE, ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
}
FUNCTIONS = (  # in pairs
    *(("sum", "mean"), ("exp", "log"), ("max", "min"), ("maximum", "minimum"), ("sin", "cos"), ("sinh", "cosh")),
    *(("zeros_like", "ones_like"), ("argmax", "argmin"), ("sqrt", "square"), ("triu", "tril"), ("tanh", "sigmoid")),
    ("abs", "sign"),
)
# Functions that take an axis.
REDUCTIONS = {"sum", "mean", "max", "min", "argmax", "cumsum", "logsumexp", "lse", "softmax", "prod", "std", "var"}
# (rank, form): what may stand for an expression X; the lower the rank, the earlier it is tried. `np` must be NumPy.
# Entries are grouped in *(...) only to have several on one line.
FORMS = (
    *((1, "-X"), (1, "X.T"), (1, "X ** 2"), (1, "2 * X"), (1, "X / 2"), (2, "1 - X"), (2, "1 / X"), (2, "X[::-1]")),
    *((2, "1 - X ** 2"), (2, "X * (1 - X)"), (2, "X > 0"), (2, "np.sum(X, axis=0)")),
    *((3, "np.sum(X)"), (3, "np.sqrt(X)"), (3, "np.exp(X)"), (3, "np.log(X)"), (3, "X ** 3")),
    *((3, "np.cos(X)"), (3, "X[..., None]"), (3, "X[None]"), (3, "np.swapaxes(X, -1, -2)"), (3, "X + 1"), (3, "X - 1")),
    *((3, "np.sum(X, axis=-1, keepdims=True)"), (3, "np.sign(X)"), (3, "np.tanh(X)"), (3, "np.sin(X)")),
    *((3, "np.sum(X, axis=1)"), (3, "X * np.eye(len(X))"), (3, "X + X.T"), (3, "X * (X > 0)"), (3, "np.conj(X)")),
)
# (rank, form): what may stand for a term X, with an operand Y that broadcasts with it.
JOINED = (
    *((2, "X * Y"), (2, "X / Y"), (2, "X + Y"), (2, "X - Y"), (3, "X * (1 - Y)"), (3, "X * Y * (1 - Y)")),
    *((3, "X * (1 - Y ** 2)"), (3, "X * (Y > 0)"), (3, "X * 2 * Y"), (3, "X / Y ** 2"), (3, "X * np.exp(Y)")),
    *((3, "X * Y ** 2"), (3, "X + 2 * Y"), (3, "X / (2 * Y)"), (3, "X + Y / 2"), (3, "X - Y / 2")),
    (3, "X / (Y * (1 - Y))"),
)
SUMS = ("X - Y", "Y - X", "X + Y")  # what may stand for a factor X
# The same with a vector Y that belongs to the rows of a matrix.
COLUMNS = ("X * Y[:, None]", "X / Y[:, None]", "X + Y[:, None]", "X - Y[:, None]")
# The same arrays without their first or last entries, as weights without the bias.
PARTS = ("X[1:]", "X[:-1]", "X[:, 1:]", "X[:, :-1]")
COUNTS = ((2, "X / Y"), (2, "X * Y"), (3, "X / (Y * Y)"), (3, "X / np.sqrt(Y)"))
LENGTHS = ((2, "X / len(Y)"), (2, "X * len(Y)"))
# The same with an operand that does not broadcast.
JOINED_BY_AXES = (
    *((3, "X @ Y"), (3, "X @ Y.T"), (3, "Y @ X"), (3, "Y.T @ X"), (3, "X * Y[:, None]"), (3, "X / Y[:, None]")),
    (3, "X * Y.T"),
)


def of_node(node: Node, parent: Node, field: str) -> Iterator[tuple[int, Node]]:
    """Yield what may stand in the place of a node, each with a rank."""
    kind = type(node)
    if kind is ast.AugAssign:
        yield 0, ast.Assign([node.target], node.value)
        if type(node.op) in (ast.Add, ast.Sub):
            yield 0, replaced(node, op=ast.Sub() if type(node.op) is ast.Add else ast.Add())
    if kind in (ast.Assign, ast.AugAssign, ast.Expr):
        yield from shifted(node)
    if not issubclass(kind, ast.expr) or type(getattr(node, "ctx", None)) is ast.Store or field == "func":
        return
    if field == "iter" and kind in (ast.Name, ast.Attribute, ast.Subscript):
        yield 0, written("reversed(X)", node)
    if isinstance(parent, ast.Attribute) and isinstance(node, ast.Name):
        return
    if kind is ast.BinOp:
        for rank, op in enumerate(OPERATORS.get(type(node.op), ())):
            yield 3 * rank, replaced(node, op=op())
        if type(node.op) not in (ast.Add, ast.Mult):
            yield 0, replaced(node, left=node.right, right=node.left)
        yield 1 if type(node.right) is not ast.Constant else 0, node.left
        yield 1 if type(node.left) is not ast.Constant else 0, node.right
    elif kind is ast.UnaryOp and type(node.op) is ast.USub:
        yield 0, node.operand
    elif kind is ast.Compare and len(node.ops) == 1:
        for op in COMPARISONS.get(type(node.ops[0]), ()):
            yield 0, replaced(node, ops=[op()])
    elif kind is ast.Constant and type(node.value) is bool:
        yield 0, ast.Constant(not node.value)
    elif kind is ast.Constant and type(node.value) in (int, float):
        factor = type(parent) is ast.BinOp and type(parent.op) not in (ast.Add, ast.Sub)  # or exponent
        for number in constants(node.value):
            if not factor or number not in (0, 1):
                yield 0, signed(number)
    elif kind is ast.Subscript:
        yield from of_subscript(node)
    elif kind is ast.Call:
        yield from of_call(node)
    elif kind is ast.Attribute and node.attr == "T":
        yield 0, node.value


def shifted(statement: Any) -> Iterator[tuple[int, Node]]:
    """Yield a statement in which the index of a variable is one more or less, wherever it has the same one."""
    found = [x for x in ast.walk(statement) if isinstance(x, ast.Subscript) and isinstance(x.ctx, ast.Load)]
    count = Counter((ast.unparse(x.value), ast.unparse(x.slice)) for x in found)
    for (base, index), times in count.items():
        name = index.removesuffix(" + 1").removesuffix(" - 1")
        if times < 2 or not name.isidentifier():
            continue
        for form in sorted({"X", "X + 1", "X - 1"} - {index.replace(name, "X")}):
            again = copy.deepcopy(statement)
            for x in ast.walk(again):
                if isinstance(x, ast.Subscript) and (ast.unparse(x.value), ast.unparse(x.slice)) == (base, index):
                    x.slice = written(form, ast.Name(name, ast.Load()))
            yield 1, filled(again, {})


def constants(number: float) -> Iterator[float]:
    """Yield the numbers that people write instead of one."""
    usual = (0, 1, -1, 2, 3) if isinstance(number, int) else (0.0, 1.0, 2.0, 0.5, 1 - number)
    found = [*usual, -number, number + 1, number - 1, 2 * number, number / 2]
    found += [1 / number] if isinstance(number, float) and number else []
    yield from (c for c in found if c != number)


def of_subscript(node: Any) -> Iterator[tuple[int, Node]]:
    """Yield x[j, i] and x[arange, j] for x[i, j]; other slices; x[i + 1], x[i - 1] and x[i[::-1]]; and x alone."""
    index = node.slice
    places = index.elts if isinstance(index, ast.Tuple) else []
    single = [i for i, x in enumerate(places) if len(places) == 2 or not isinstance(x, ast.Slice)]
    for i, j in combinations(single, 2):
        exchanged = [places[{i: j, j: i}.get(k, k)] for k in range(len(places))]
        yield 0, replaced(node, slice=ast.Tuple(exchanged, ast.Load()))
    if isinstance(index, ast.Tuple) and len(index.elts) == 2:
        first, second = index.elts
        if isinstance(first, ast.Slice) and not isinstance(second, ast.Slice):
            rows = written("np.arange(len(X))", node.value)
            yield 0, replaced(node, slice=ast.Tuple([rows, second], ast.Load()))
    if isinstance(index, ast.Slice):
        yield 0, replaced(node, slice=ast.Slice(None, None, None))
        yield 0, replaced(node, slice=replaced(index, lower=index.upper, upper=index.lower))
        for lower, upper in ((None, -1), (1, None), (None, 1), (-1, None)):
            ends = {"lower": lower and signed(lower), "upper": upper and signed(upper)}  # None stays None: no end is 0
            yield 1, replaced(node, slice=replaced(index, **ends))
    elif isinstance(index, ast.Constant | ast.UnaryOp):
        yield 1, written("np.sum(X, axis=0)", node.value)
    if not isinstance(index, ast.Tuple | ast.Slice | ast.Constant | ast.BinOp):
        yield 2, replaced(node, slice=written("np.argsort(X)", index))
        for form in ("X + 1", "X - 1", "X[::-1]"):
            yield 0, replaced(node, slice=written(form, index))
    yield 1, node.value


def of_call(node: Any) -> Iterator[tuple[int, Node]]:
    """Yield the function of the same family, the arguments exchanged, another axis, or the argument alone."""
    attribute = getattr(node.func, "attr", "")
    for family in FUNCTIONS:
        if attribute in family:
            yield 0, replaced(node, func=replaced(node.func, attr=next(f for f in family if f != attribute)))
    args = node.args
    for i in range(len(args) - 1):
        yield 0, replaced(node, args=[*args[:i], args[i + 1], args[i], *args[i + 2 :]])
    if attribute in REDUCTIONS:
        axes = [k for k in node.keywords if k.arg == "axis"]
        others = [k for k in node.keywords if k.arg != "axis"]
        for axis in (0, 1, 2, -1, None):
            keyword = [] if axis is None else [ast.keyword("axis", signed(axis))]
            if axis is not None or axes:
                yield 0, replaced(node, keywords=keyword + others)
            if axis is not None:
                kept = [k for k in others if k.arg != "keepdims"]
                yield 1, replaced(node, keywords=[*keyword, *kept, ast.keyword("keepdims", ast.Constant(True))])
    if attribute in ("cumsum", "cumprod") and args:
        for form in ("f(X[::-1])[::-1]", "f(X[::-1], axis=0)[::-1]"):
            changed = written(form, args[0])
            changed.value.func = node.func  # in place of f; `written` made new nodes, so the cached template stays
            yield 0, changed
    if isinstance(node.func, ast.Name) and node.func.id in ("range", "zip", "enumerate"):
        yield 0, written("reversed(X)" if node.func.id == "range" else "reversed([*X])", node)
    if attribute == "pop":  # of a tape: the first entry, or the last one
        yield 0, replaced(node, args=[] if args else [ast.Constant(0)])
    if isinstance(node.func, ast.Name) and node.func.id == "reversed" and args:
        yield 0, args[0]
    if args:
        yield 1, args[0]
    elif isinstance(node.func, ast.Attribute) and attribute != "copy":
        yield 1, node.func.value


def signed(number: Any) -> Node:
    return ast.UnaryOp(ast.USub(), ast.Constant(-number)) if number < 0 else ast.Constant(number)


def replaced(node: Node, **fields: Any) -> Node:
    """Return a copy of a node, without its line, with other values in some fields."""
    again = copy.copy(node)
    for name in again._attributes:
        again.__dict__.pop(name, None)
    for name, value in fields.items():
        setattr(again, name, value)
    return again


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
    is_read = isinstance(node, ast.expr) and not isinstance(getattr(node, "ctx", None), ast.Store)
    if is_read and (text := node.id if isinstance(node, ast.Name) else ast.unparse(node)) in values:
        return values[text]
    return type(node)(**{field: filled(value, values) for field, value in ast.iter_fields(node)})


def locate(node: Node, at: Node) -> None:
    """Give a new node, and the new nodes in it, the line of another; what has a line is not new."""
    if "lineno" not in node.__dict__:
        if "lineno" in node._attributes:
            ast.copy_location(node, at)
        for child in ast.iter_child_nodes(node):
            locate(child, at)
