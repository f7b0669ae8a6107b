"""The edits of a function's source that people make when they find a mistake in it.

Another variable, operator, sign, axis or index; a factor or a term that is missing, or one too many; two lines
exchanged. An edit puts one node of the syntax tree in the place of another.
"""

from __future__ import annotations

import ast
import functools
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations, combinations_with_replacement, pairwise, product
from typing import Any

import numpy as np

from .binding import is_seed
from .rewrites import (
    COLUMNS,
    COUNTS,
    FORMS,
    JOINED,
    JOINED_BY_AXES,
    LENGTHS,
    OPERATORS,
    PARTS,
    SUMS,
    Node,
    filled,
    of_node,
    of_subscript,
    replaced,
    written,
)
from .sandbox import STEP
from .syntax import names_made_of, names_of_variables, path_to, targets_of

MOST_OPERANDS = 24
MOST_COUNT = 10_000
CUT = re.compile(r"\(?[-:, \d]*:[-:, \d]*\)?")  # indices of numbers, with a slice, such as (:, :2)
SIZES = ("len", "shape", "size")
NUMBERS = ("f", "c", "i", "u", "b")  # kinds of dtypes
SHORT, LONG = 64, 110  # texts of an edit


def every_node(tree: Node) -> Iterator[Node]:
    """Yield the nodes of a tree, or of a list of statements."""
    for each in tree if isinstance(tree, list) else [tree]:
        yield from ast.walk(each)


@dataclass
class Edit:
    """Put another node into `parent.field` (or `parent.field[index]`); for a block, put another list of statements."""

    parent: Node
    field: str
    index: int | None
    made: Node | Callable[[], Node]  # the new node, or what makes it: most edits are never tried
    rank: int

    @functools.cached_property
    def new(self) -> Node:
        return self.made() if callable(self.made) else self.made

    @property
    def old(self) -> Node:
        value = getattr(self.parent, self.field)
        return value if self.index is None else value[self.index]

    @property
    def line(self) -> int:
        old = self.old[0] if isinstance(self.old, list) else self.old
        return int(getattr(old, "lineno", getattr(self.parent, "lineno", 0)))

    @property
    def asks_size(self) -> bool:
        """True if the new node has a size, to which others may be equal by chance."""
        return any(getattr(x, "attr", getattr(x, "id", "")) in SIZES for x in every_node(self.new))

    @property
    def has_numbers(self) -> bool:
        """True if one of the nodes has a number or a size."""
        of_numbers = (isinstance(x, ast.Constant) for x in (*every_node(self.old), *every_node(self.new)))
        return self.asks_size or any(of_numbers)

    def put(self, node: Node) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


class Edits:
    """The edits of a function's statements and expressions, but for those in statements that are `fixed`.

    The likelier an edit, the lower its rank: first what changes one sign, operator, axis or index.
    """

    def __init__(
        self, definition: Node, operands: Sequence[Node], fixed: Collection[int], variables: Mapping[str, Any]
    ) -> None:
        self.definition, self.fixed, self.variables = definition, fixed, variables
        names = [node for node in ast.walk(definition) if isinstance(node, ast.Name)]
        read = {node.id for node in names if isinstance(node.ctx, ast.Load)}
        self.unused = {node.id for node in names} - read
        indices = {ast.unparse(x.slice): x.slice for x in operands if isinstance(x, ast.Subscript)}
        self.indices = [index for index in indices.values() if isinstance(index, ast.Tuple)]
        self.known: dict[str, tuple[str, tuple[int, ...]]] = {}
        self.values = [x for x in operands if self.shape(x) is not None]
        self.operands = sorted(self.values, key=lambda x: not self.is_unused(x))[:MOST_OPERANDS]
        loops = [node.target for node in ast.walk(definition) if isinstance(node, ast.For | ast.comprehension)]
        stepping = (x.id for target in loops for x in ast.walk(target) if isinstance(x, ast.Name))
        self.steps = {name: ast.Name(name, ast.Load()) for name in stepping}
        self.counts = [x for x in operands if self.kind(x) == ("i", ()) and ast.unparse(x) not in self.steps]
        long = [x for x in operands if self.kind(x)[0] and self.kind(x)[1]]
        self.lengths = sorted(long, key=lambda x: not isinstance(x, ast.Name))[:MOST_OPERANDS]
        self.integers = [x for x in operands if isinstance(x, ast.Name) and self.kind(x)[0] in ("i", "u", "b")]
        self.masks = [x for x in self.integers if self.kind(x)[0] == "b" and self.kind(x)[1]]
        numbers = {x.value: x for x in ast.walk(definition) if isinstance(x, ast.Constant) and type(x.value) is int}
        self.numbers = [x for value, x in numbers.items() if value > 2]  # 2 is in FORMS
        seeds = {node.arg for node in definition.args.args if is_seed(node.arg)}
        self.cotangents = names_made_of(seeds, definition)  # the names of what is computed with the cotangent
        calls = [x for x in ast.walk(definition) if isinstance(x, ast.Call) and not x.keywords and not is_initial(x)]
        calls = [x for x in calls if len(x.args) in (1, 2) and self.shape(x) is not None]
        self.functions = {(len(x.args), ast.unparse(x.func)): x.func for x in calls}
        made = [node for node in ast.walk(definition) if isinstance(node, ast.Assign) and is_initial(node.value)]
        targets = [
            target for node in ast.walk(definition) for target in targets_of(node) if isinstance(target, ast.Name)
        ]
        made_in_turn = [ast.Name(name, ast.Load()) for name in dict.fromkeys(target.id for target in targets)]
        self.couples = [(x, y) for x, y in pairwise(made_in_turn) if self.kind(x)[0] and self.kind(y)[0]]
        slices = {ast.unparse(x.slice) for x in ast.walk(definition) if isinstance(x, ast.Subscript)}
        self.parts = [*PARTS, *(f"X[{text.strip('()')}]" for text in sorted(slices) if CUT.fullmatch(text))]
        self.initial = list({ast.unparse(node): node for node in made}.values())

    def shape(self, node: Node) -> tuple[int, ...] | None:
        """Return the shape of an expression; None if it gives no floating-point numbers, or is not known."""
        kind, shape = self.kind(node)
        return shape if kind == "f" else None

    def kind(self, node: Node) -> tuple[str, tuple[int, ...]]:
        """Return the kind of the numbers that an expression gives, as in `dtype.kind`, and their shape."""
        text = ast.unparse(node)
        if text not in self.known:
            self.known[text] = "", ()
            try:
                with np.errstate(all="ignore"):
                    found = eval(text, dict(self.variables))
                if isinstance(found, list | tuple | dict):  # times a number, it would be a longer list
                    self.known[text] = "list" if isinstance(found, list) else "", (len(found),)
                elif (value := np.asarray(found)).dtype.kind == "f" or is_small(value):  # a loop of many steps, no end
                    self.known[text] = value.dtype.kind, value.shape
            except Exception:  # it reads what there is only inside a loop, or is no value
                pass
        return self.known[text]

    def whole(self, node: Node) -> bool:
        """Return whether an expression gives a whole number."""
        return self.kind(node)[0] in ("i", "u") and self.kind(node)[1] == ()

    def all(self) -> Iterator[Edit]:
        """Yield all edits; those of statements that do not use the cotangent (dout) get a rank of one more."""
        cotangents = self.cotangents
        pending: list[tuple[Node, int]] = [(self.definition, 0)]
        while pending:
            parent, less = pending.pop(0)
            if isinstance(parent, ast.Assign | ast.AugAssign) and cotangents:
                less = int(not names_of_variables(parent) & cotangents)
            for field, value in ast.iter_fields(parent):
                if parent is self.definition and field != "body":  # not its parameters and decorators
                    continue
                if field == "target" and isinstance(value, ast.Subscript):
                    pending.append((value, less))
                if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                    yield from self.of_block(parent, field, value)
                for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
                    if is_open(child) and id(child) not in self.fixed and field != "target" and not is_step(child):
                        new_nodes = (
                            *of_node(child, parent, field),
                            *self.with_integers(child),
                            *self.with_operands(child, parent, field),
                            *self.of_statement(child),
                            *self.with_indices(child),
                        )
                        for rank, new in new_nodes:
                            yield Edit(parent, field, index, new, rank + less)
                        pending.append((child, less))

    def with_integers(self, node: Node) -> Iterator[tuple[int, Any]]:
        """Yield another index, count or mask in the place of one; in a statement, two of them exchanged."""
        if isinstance(node, ast.Constant) and type(node.value) is int:
            yield from ((2, step) for step in self.steps.values())
        if isinstance(node, ast.Name) and self.kind(node)[0] in ("i", "u", "b"):
            yield from ((1, x) for x in self.integers if x.id != node.id and self.kind(x) == self.kind(node))
        if isinstance(node, ast.Name | ast.Call | ast.Attribute) and self.kind(node) == ("i", ()):
            yield from ((1, x) for x in self.counts if ast.unparse(x) != ast.unparse(node))
            for x in self.lengths:
                if ast.unparse(length := written("len(X)", x)) != ast.unparse(node):
                    yield 1 if isinstance(x, ast.Name | ast.Attribute) else 3, length
            yield from ((2, written("np.sum(X)", x)) for x in (*self.operands, *self.masks) if self.kind(x)[1])
        if isinstance(node, ast.BinOp) and self.whole(node):
            yield from ((1, part) for part in (node.left, node.right))
            yield from ((2, written(form, node)) for form in ("X + 1", "X - 1"))
        if isinstance(node, ast.Name) and self.whole(node):
            yield from ((2, written("X - Y", node, x)) for x in self.integers if x.id != node.id and self.whole(x))

    def with_operands(self, node: Node, parent: Node, field: str) -> Iterator[tuple[int, Any]]:
        """Yield what may stand in the place of a value, and terms and factors that are added to it."""
        if isinstance(parent, ast.BinOp):
            yield from self.for_numbers(node)
        shape, whole = self.shape(node), self.kind(node)[0] not in ("f", "c", "")
        if not is_value(node, parent, field) or whole or (isinstance(parent, ast.Attribute) and shape is None):
            return
        if getattr(parent, "attr", "") in SIZES:
            yield from ((3, x) for x in self.lengths if ast.unparse(x) != ast.unparse(node))
            return
        target = ast.unparse(getattr(parent, "target", None) or getattr(parent, "targets", [ast.Constant(0)])[0])
        others = [x for x in self.operands if ast.unparse(x) not in (target, ast.unparse(node))]
        yield from self.in_its_place(node, is_whole(node, parent), others)
        if isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Mult):
            yield from self.differences(node, others)
        of_part = isinstance(parent, ast.Attribute) or (isinstance(parent, ast.Subscript) and field == "value")
        if is_term(parent, field) or of_part:
            yield from self.terms(node, others)
            yield from self.times_sizes(node)
        if isinstance(parent, ast.Assign | ast.AugAssign | ast.Return) and field == "value" and shape is not None:
            yield from self.larger_terms(node, others)

    def for_numbers(self, node: Node) -> Iterator[tuple[int, Any]]:
        """Yield values in the place of a number or a count."""
        if isinstance(node, ast.Name | ast.Call | ast.Attribute | ast.Subscript) and self.kind(node) == ("i", ()):
            others = [x for x in (*self.counts, *self.operands) if ast.unparse(x) != ast.unparse(node)]
            yield from ((1 if self.whole(x) else 2, x) for x in others)
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            yield from ((2, x) for x in self.operands)
            yield from ((3, written("X[:, None]", x)) for x in self.operands if len(self.shape(x) or ()) == 1)

    def in_its_place(self, node: Node, is_whole: bool, others: Sequence[Node]) -> Iterator[tuple[int, Any]]:
        """Yield other values in the place of one, and functions of it."""
        text, shape = ast.unparse(node), self.shape(node)
        if isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
            for other in self.values:
                if ast.unparse(other) != text:
                    yield 1 if self.shape(other) == shape else 3, other
                if isinstance(node, ast.Subscript) and self.shape(other) == self.shape(node.value):
                    yield 1, replaced(node, value=other)
        if isinstance(node, ast.BinOp):
            for other in self.operands:
                if self.shape(other) == shape:
                    yield 2, other
                for op in OPERATORS.get(type(node.op), ())[:1]:
                    yield 3, replaced(node, op=op(), right=other)
        for rank, form in FORMS:
            yield rank, partial(written, form, node)
        for (count, _), function in self.functions.items():
            if count == 1:
                yield 3, partial(called, function, [node])
            for other in others if count == 2 else ():
                yield 1 if self.is_unused(other) else 2 if is_whole else 4, partial(called, function, [node, other])
        if getattr(getattr(node, "func", None), "attr", "") == "mean":  # in the place of a mean with weights
            value = node.args[0] if node.args else node.func.value
            for other in self.operands:
                if self.shape(other) == self.shape(value):
                    yield 2, replaced(written("np.sum(X * Y)", value, other), keywords=node.keywords)

    def differences(self, node: Node, others: Sequence[Node]) -> Iterator[tuple[int, Any]]:
        """Yield sums and differences in the place of a factor, as x[i] - x[j] for x[i]."""
        fitting = [x for x in others if self.shape(x) == self.shape(node)]
        if isinstance(node, ast.Subscript):
            alike = [x for x in self.integers if self.kind(x) == self.kind(node.slice)]
            fitting += [replaced(node, slice=x) for x in alike]
        return ((2, partial(written, form, node, x)) for x in fitting for form in SUMS)

    def terms(self, node: Node, others: Sequence[Node]) -> Iterator[tuple[int, Any]]:
        """Yield a term with another factor, mask or term."""
        shape = self.shape(node)
        for other in others:
            part = self.shape(other)
            fits = shape is None or fits_into(part, shape) or fits_into(shape, part)
            likelier = 2 * self.is_unused(other) or part == shape  # True is 1: one rank earlier
            for rank, form in JOINED if fits else JOINED_BY_AXES:
                yield rank - likelier, partial(written, form, node, other)
            if fits and len(part or ()) == 1 and len(shape or ()) == 2:
                yield from ((3, partial(written, form, node, other)) for form in COLUMNS)
        for mask in self.masks:
            if fits_into(self.kind(mask)[1], shape):
                yield 2, partial(written, "X * Y", node, mask)
            if len(self.kind(mask)[1]) == 1 and len(shape or ()) == 2:
                yield 2, partial(written, COLUMNS[0], node, mask)

    def times_sizes(self, node: Node) -> Iterator[tuple[int, Any]]:
        """Yield a term that is multiplied or divided by a length or a count."""
        for other in self.lengths:
            less = self.kind(other)[0] == "list"  # whose length may be any number, such as 2
            yield from ((rank + less, partial(written, form, node, other)) for rank, form in LENGTHS)
        for count in (*self.counts, *self.numbers):
            yield from ((rank, partial(written, form, node, count)) for rank, form in COUNTS)
        for first, second in combinations(self.counts, 2):
            yield 3, partial(written, "X / (Y * Z)", node, first, second)
        numbers = [x for x in self.operands if self.shape(x) == ()]
        for first, second in product(filter(self.whole, self.integers), numbers):
            yield 4, partial(written, "X * Y * Z", node, first, second)

    def larger_terms(self, node: Node, others: Sequence[Node]) -> Iterator[tuple[int, Any]]:
        """Yield the whole right side of a statement with a function of a value, or a product of two, beside it."""
        functions = [function for (count, _), function in self.functions.items() if count == 1]
        for function, other, op in product(functions, self.values, (ast.Mult, ast.Add, ast.Sub)):
            yield 3, partial(joined, node, op, called(function, [other]))
        fitting = [x for x in others if fits_into(self.shape(x), self.shape(node))]
        for first, second in self.products(fitting, linear=self.is_linear(node)):
            rank = 1 if self.is_unused(first) or self.is_unused(second) else 3
            for more, forms in enumerate((("X + Y * Z", "X - Y * Z"), ("X + 2 * Y * Z", "X - 2 * Y * Z"))):
                yield from ((rank + more, partial(written, form, node, first, second)) for form in forms)

    def is_unused(self, operand: Node) -> bool:
        """Return whether an operand is a variable that is computed and never read: its use may be what is missing."""
        return getattr(operand, "id", None) in self.unused

    def is_linear(self, node: Node) -> bool:
        """Return whether an expression is computed with the cotangent."""
        return bool(names_of_variables(node) & self.cotangents)

    def products(self, operands: Sequence[Node], linear: bool) -> Iterator[tuple[Node, Node]]:
        """Yield pairs whose product may be a term; beside what is linear in the cotangent, one of them is, too."""
        if not linear:
            return combinations_with_replacement(operands, 2)
        with_it = [x for x in operands if self.is_linear(x)]
        return product(with_it, [x for x in operands if not self.is_linear(x)])

    def of_statement(self, node: Node) -> Iterator[tuple[int, Any]]:
        """Yield a statement with two values or slices exchanged, or with another value or slice wherever one stands."""
        if not isinstance(node, ast.Assign | ast.AugAssign | ast.Return | ast.Expr):
            return
        every = [x for x in ast.walk(node) if isinstance(x, ast.expr)]
        read = [x for x in every if isinstance(getattr(x, "ctx", None), ast.Load) and self.kind(x)[0] in NUMBERS]
        count = Counter(ast.unparse(x) for x in read)
        here = list({ast.unparse(x): x for x in read}.items())
        slices = {ast.unparse(x.slice): x.slice for x in every if isinstance(x, ast.Subscript)}
        pairs = [(a, b) for a, b in combinations(here, 2) if self.kind(a[1]) == self.kind(b[1])]
        for (first, x), (second, y) in (*pairs, *combinations(slices.items(), 2)):
            yield 1, partial(filled, node, {first: y, second: x})
        yield from self.added(node)
        for (first, x), (second, y) in combinations(here, 2):  # both members of a couple in the place of another's
            couples = [(c, d) for c, d in self.couples if (self.kind(c), self.kind(d)) == (self.kind(x), self.kind(y))]
            yield from ((3, partial(filled, node, {first: c, second: d})) for c, d in couples)
        for text, value in here:
            alike = [x for x in self.values if self.kind(x) == self.kind(value) and ast.unparse(x) != text]
            yield from ((1, partial(filled, node, {text: x})) for x in alike if count[text] > 1)
            strides = self.counts if count[text] > 1 and isinstance(value, ast.Name) and self.whole(value) else ()
            yield from ((1, partial(filled, node, {text: written("X * Y", value, stride)})) for stride in strides)
        target = getattr(node, "target", None)
        if isinstance(target, ast.Subscript):
            others = (*of_subscript(target), *self.with_indices(target))
            yield from ((rank, replaced(node, target=new)) for rank, new in others)
        if isinstance(target, ast.Name) and (shape := self.shape(target)):
            whole = [x for text, x in here if self.shape(x) == shape]
            for part in self.parts:  # as of weights without the bias
                new = filled(node, {ast.unparse(x): written(part, x) for x in whole})
                sliced = written(part, ast.Name(target.id, ast.Load()))
                yield 2, replaced(new, target=replaced(sliced, ctx=ast.Store()))

    def added(self, node: Node) -> Iterator[tuple[int, Any]]:
        """Yield an assignment that adds to its target, and one that does so also where an index occurs twice."""
        target = getattr(node, "target", None) or getattr(node, "targets", [None])[0]
        index = getattr(target, "slice", ast.Slice())
        parts = index.elts if isinstance(index, ast.Tuple) else [index]
        known = [self.kind(x) for x in parts if not isinstance(x, ast.Slice)]
        if any(kind in ("i", "u") and shape for kind, shape in known) or (known and ("", ()) in known):
            array, sign = ast.unparse(target.value), "-" if isinstance(getattr(node, "op", None), ast.Sub) else ""
            text = ast.unparse(target)[len(array) + 1 : -1]
            text = f"np.s_[{text}]" if ":" in text else text
            yield 0, ast.Expr(written(f"np.add.at({array}, {text}, {sign}X)", node.value))
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and not isinstance(target, ast.Tuple):
            reads_itself = isinstance(target, ast.Name) and target.id in names_of_variables(node.value)  # g = g + h
            yield from () if reads_itself else ((0, ast.AugAssign(target, ast.Add(), node.value)),)

    def with_indices(self, node: Node) -> Iterator[tuple[int, Any]]:
        """Yield an entry with the indices of another."""
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
            for other in self.indices:
                if len(other.elts) == len(node.slice.elts):
                    yield 1, replaced(node, slice=other)

    def of_block(self, parent: Node, field: str, block: list[Node]) -> Iterator[Edit]:
        """Yield a block of statements without one of them, and with neighbours exchanged."""
        for i, statement in enumerate(block):
            if id(statement) in self.fixed:
                continue
            if isinstance(statement, ast.Assign | ast.AugAssign | ast.Expr) and len(block) > 1:
                yield Edit(parent, field, None, block[:i] + block[i + 1 :], 0)
            for initial in self.initial:
                if initial is not statement:
                    yield Edit(parent, field, None, [*block[:i], initial, *block[i:]], 3)
            if i + 1 < len(block) and not isinstance(block[i + 1], ast.Return):
                yield Edit(parent, field, None, [*block[:i], block[i + 1], statement, *block[i + 2 :]], 0)


def is_step(node: Node) -> bool:
    """Return whether a node is the call that counts the steps of a `while`."""
    return getattr(getattr(node, "func", None), "id", "") == STEP


def is_small(value: Any) -> bool:
    return bool(np.all(np.abs(value) <= MOST_COUNT)) if value.dtype.kind in "iu" else True


def is_initial(node: Node) -> bool:
    """Return whether an expression is what a sum begins with: a number, or an array of zeros."""
    name = getattr(getattr(node, "func", None), "attr", "")
    return isinstance(node, ast.Constant) or name in ("zeros", "zeros_like")


def is_whole(node: Node, parent: Node) -> bool:
    return isinstance(node, ast.Name) and isinstance(parent, ast.Assign)


def called(function: Node, arguments: list[Node]) -> Node:
    return ast.Call(function, arguments, [])


def joined(left: Node, op: type, right: Node) -> Node:
    return ast.BinOp(left, op(), right)


def fits_into(part: tuple[int, ...] | None, shape: tuple[int, ...] | None) -> bool:
    """Return whether an array broadcasts to a shape."""
    if part is None or shape is None or len(part) > len(shape):
        return False
    return all(n in (1, m) for n, m in zip(part[::-1], shape[::-1], strict=False))


def is_value(node: Node, parent: Node, field: str) -> bool:
    """Return whether an expression stands for a value that is computed with, and not for a function or an index."""
    if not isinstance(
        node, ast.Name | ast.Attribute | ast.Subscript | ast.Call | ast.BinOp | ast.UnaryOp | ast.Compare
    ):
        return False
    if field in ("func", "slice", "lower", "upper", "step") or isinstance(getattr(node, "ctx", None), ast.Store):
        return False
    return not isinstance(parent, ast.Slice | ast.For)


def is_open(node: Node) -> bool:
    """Return whether a node may be edited: not a comparison with text, which is an option of the program."""
    sides = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
    return isinstance(node, ast.AST) and not any(isinstance(getattr(x, "value", None), str) for x in sides)


def is_term(parent: Node, field: str) -> bool:
    """Return whether an expression is a whole right side, a term of a sum, an argument, or a result."""
    if isinstance(parent, ast.BinOp):
        return isinstance(parent.op, ast.Add | ast.Sub) or field == "left"
    return isinstance(parent, ast.Assign | ast.AugAssign | ast.Return | ast.Tuple | ast.List | ast.Dict | ast.Call)


# An edit in words.


def edit_in_words(edit: Edit, definition: Node, file: str) -> str:
    """Return the edit as a sentence: what should stand where."""
    old = edit.old
    if isinstance(old, list):
        gone = [statement for statement in old if not any(statement is other for other in edit.new)]
        if gone:
            return f"`{ast.unparse(gone[0])}` should not be there, {file}:{gone[0].lineno}"
        if len(edit.new) > len(old):
            i = next(i for i, statement in enumerate(edit.new) if statement is not old[i])
            before = ast.unparse(old[i]).partition("\n")[0]
            return f"`{ast.unparse(edit.new[i])}` is missing before `{before}`, {file}:{old[i].lineno}"
        i = next(i for i, (a, b) in enumerate(zip(old, edit.new, strict=True)) if a is not b)
        return f"`{ast.unparse(old[i])}` should come after `{ast.unparse(old[i + 1])}`, {file}:{old[i].lineno}"
    shown, line = old, getattr(old, "lineno", definition.lineno)
    # Show the edit inside the largest expression around it that still reads as one line.
    for node in reversed(path_to(definition, old)[:-1]):
        size = len(ast.unparse(node))
        if isinstance(node, ast.Tuple) or hasattr(node, "body") or size > (LONG if shown is old else SHORT):
            break
        shown, line = node, getattr(node, "lineno", line)
        if isinstance(node, ast.stmt):
            break
    before = ast.unparse(shown)
    edit.put(edit.new)
    after = ast.unparse(edit.new if shown is old else shown)
    edit.put(old)
    before, after = (text.replace(f" and {STEP}()", "") for text in (before, after))
    return f"`{before}` should be `{after}`, {file}:{line}"
