"""The edits of a function's source that people make when they find a mistake in it.

Another variable, operator, sign, axis or index; a factor or a term that is missing, or one too many; two lines
exchanged. An edit puts one node of the syntax tree in the place of another.
"""

from __future__ import annotations

import ast
import contextlib
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations, combinations_with_replacement, pairwise, product
from typing import Any

import numpy as np

from .binding import is_seed
from .syntax import (
    SIZES,
    Edit,
    Node,
    filled,
    fits_into,
    is_term,
    is_value,
    may_be_edited,
    names_made_of,
    names_of_variables,
    other_nodes,
    other_subscripts,
    replaced,
    targets_of,
    template,
    written,
)

MOST_OPERANDS = 24  # operands that each edit is tried with
MOST_LISTS = 16  # lists whose entries are tried, with the variables of loops as their index
MOST_COUNT = 10_000  # the largest integer that an edit may use: with a larger one, a loop could take too long
CUT = re.compile(r"\(?[-:, \d]*:[-:, \d]*\)?")  # indices of numbers, with a slice, such as (:, :2)
NUMBERS = ("f", "c", "i", "u", "b")  # kinds of dtypes
# (rank, form): what may stand for an expression X; the lower the rank, the earlier it is tried. `np` must be NumPy.
# Entries are grouped in *(...) only to have several on one line.
FORMS = (
    *((1, "-X"), (1, "X.T"), (1, "X ** 2"), (1, "2 * X"), (1, "X / 2"), (2, "1 - X"), (2, "X[::-1]")),
    *((2, "1 - X ** 2"), (2, "X * (1 - X)"), (2, "X > 0"), (2, "np.sum(X, axis=0)"), (3, "np.sum(X)")),
    *((3, "np.sqrt(X)"), (3, "np.exp(X)"), (3, "np.swapaxes(X, -1, -2)"), (3, "X + 1"), (3, "X - 1")),
    *((3, "np.sum(X, axis=-1, keepdims=True)"), (3, "np.sum(X, axis=1)"), (3, "np.sign(X)"), (3, "np.conj(X)")),
    *((3, "X * np.eye(len(X))"), (3, "X + X.T"), (3, "X * (X > 0)")),
)
# (rank, form): what may stand for a term X, with an operand Y that broadcasts with it.
JOINED = (
    *((2, "X * Y"), (2, "X / Y"), (2, "X + Y"), (2, "X - Y"), (3, "X * (1 - Y)"), (3, "X * Y * (1 - Y)")),
    *((3, "X * (1 - Y ** 2)"), (3, "X * (Y > 0)"), (3, "X * 2 * Y"), (3, "X / Y ** 2"), (3, "X * np.exp(Y)")),
    *((3, "X * Y ** 2"), (3, "X + 2 * Y"), (3, "X / (2 * Y)"), (3, "X + Y / 2"), (3, "X - Y / 2")),
    (3, "X / (Y * (1 - Y))"),
)
SUMS = ((2, "X - Y"), (2, "Y - X"), (2, "X + Y"), (2, "1 + Y * X"))  # what may stand for a factor X
PRODUCTS = ((0, "X + Y * Z"), (0, "X - Y * Z"), (1, "X + 2 * Y * Z"), (1, "X - 2 * Y * Z"))  # for a right side X
# The same arrays without their first or last entries, as weights without the bias.
PARTS = ("X[1:]", "X[:-1]", "X[:, 1:]", "X[:, :-1]")
# For a term X, with a single integer Y.
COUNTS = ((2, "X / Y"), (2, "X * Y"), (3, "X / (Y * Y)"), (3, "X / np.sqrt(Y)"))
# For a term X, with an array or list Y.
LENGTHS = ((2, "X / len(Y)"), (2, "X * len(Y)"))
MASKED = ((2, "X * Y"), (2, "X * Y[:, None]"))  # with a mask Y
# For a term X, with an operand Y that does not broadcast, or a vector that belongs to the rows of a matrix.
JOINED_BY_AXES = (
    *((3, "X * Y[:, None]"), (3, "X / Y[:, None]"), (3, "X + Y[:, None]"), (3, "X - Y[:, None]"), (3, "X * Y.T")),
    *((3, "X @ Y"), (3, "X @ Y.T"), (3, "Y @ X"), (3, "Y.T @ X")),
)


class Edits:
    """The edits of a function's statements and expressions, except in nodes whose id is in `fixed`.

    The likelier an edit, the lower its rank: first what changes one sign, operator, axis or index.
    """

    def __init__(
        self, definition: Node, operands: Sequence[Node], variables: Mapping[str, Any], fixed: Collection[int] = ()
    ) -> None:
        self.definition, self.variables, self.fixed = definition, variables, fixed
        self.known: dict[str, tuple[str, tuple[int, ...]]] = {}  # what `kind` found
        every = list(ast.walk(definition))
        loads = {node.id for node in every if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        loops = [node.target for node in every if isinstance(node, ast.For | ast.comprehension)]
        # The variables of loops.
        self.steps = {name: template(name) for target in loops for name in names_of_variables(target)}
        # Entries that are never read, of dicts and, in loops, of lists: like unread variables, they may be missing.
        texts = {ast.unparse(x): x for x in operands}
        dicts = [(x, variables[x]) for x in sorted(loads) if isinstance(variables.get(x), dict)]
        keys = [f"{x}[{key!r}]" for x, held in dicts for key in held if isinstance(key, str)]
        lists = [x for x in texts if self.kind(texts[x])[0] == "list"][:MOST_LISTS]
        entries = [(x, f"{x}[{step}]") for x in lists for step in self.steps]
        unread = {entry for x, entry in entries if not any(text.startswith(f"{x}[") for text in texts)}
        self.unused = (names_of_variables(definition) - loads) | (set(keys) - texts.keys()) | unread
        operands = list((texts | {x: template(x) for x in (*keys, *(entry for _, entry in entries))}).values())
        # values: all floating-point operands. operands: the first MOST_OPERANDS of these, unused ones first. lengths:
        # operands with axes, for len(X), plain names first.
        self.values = [x for x in operands if self.shape(x) is not None]
        self.operands = sorted(self.values, key=lambda x: not self.is_unused(x))[:MOST_OPERANDS]
        with_axes = [x for x in operands if self.kind(x)[0] and self.kind(x)[1]]
        self.lengths = sorted(with_axes, key=lambda x: not isinstance(x, ast.Name))[:MOST_OPERANDS]
        # Variables of integers or booleans; boolean arrays; and single integers that are not the variables of loops.
        self.integers = [x for x in operands if isinstance(x, ast.Name) and self.kind(x)[0] in ("i", "u", "b")]
        self.masks = [x for x in self.integers if self.kind(x)[0] == "b" and self.kind(x)[1]]
        self.counts = [x for x in operands if self.kind(x) == ("i", ()) and ast.unparse(x) not in self.steps]
        # Tuples that are indices, as in x[i, j]; and slices that are tried in the place of others.
        indices = {ast.unparse(x.slice): x.slice for x in operands if isinstance(x, ast.Subscript)}
        self.indices = [index for index in indices.values() if isinstance(index, ast.Tuple)]
        slices = {ast.unparse(x.slice) for x in every if isinstance(x, ast.Subscript)}
        self.parts = [*PARTS, *(f"X[{text.strip('()')}]" for text in sorted(slices) if CUT.fullmatch(text))]
        # The names of all that is computed with the cotangent.
        seeds = {node.arg for node in definition.args.args if is_seed(node.arg)}
        self.cotangents = names_made_of(seeds, definition)
        # The functions that are called with one argument.
        calls = [x for x in every if isinstance(x, ast.Call) and not x.keywords and len(x.args) == 1]
        self.functions = list({ast.unparse(x.func): x.func for x in calls if self.shape(x) is not None}.values())
        # Variables that are assigned one after the other.
        targets = [target.id for node in every for target in targets_of(node) if isinstance(target, ast.Name)]
        in_turn = map(template, dict.fromkeys(targets))
        self.couples = [(x, y) for x, y in pairwise(in_turn) if self.kind(x)[0] and self.kind(y)[0]]

    def shape(self, node: Node) -> tuple[int, ...] | None:
        """Return the shape of an expression; None if it gives no floating-point numbers, or is not known."""
        kind, shape = self.kind(node)
        return shape if kind == "f" else None

    def kind(self, node: Node) -> tuple[str, tuple[int, ...]]:
        """Return the kind of the numbers that an expression gives, and their shape.

        The kind is that of the dtype, as "f"; it is "list" for a list, and "" if it is not known.
        """
        text = ast.unparse(node)
        if text not in self.known:
            self.known[text] = "", ()
            # The expression may read a variable that exists only inside a loop, or may have no value: it stays unknown.
            with contextlib.suppress(Exception), np.errstate(all="ignore"):
                found = eval(text, dict(self.variables))
                if isinstance(found, list | tuple | dict):  # no array: a list times a number is a longer list
                    self.known[text] = "list" if isinstance(found, list) else "", (len(found),)
                elif (value := np.asarray(found)).dtype.kind not in "iu" or np.all(np.abs(value) <= MOST_COUNT):
                    self.known[text] = value.dtype.kind, value.shape
        return self.known[text]

    def is_integer(self, node: Node) -> bool:
        """Return whether an expression gives a whole number."""
        return self.kind(node)[0] in ("i", "u") and self.kind(node)[1] == ()

    def ranked(self) -> Iterator[Edit]:
        """Yield all edits; those of statements that do not use the cotangent (dout) get a rank of one more."""
        pending: list[tuple[Node, int]] = [(self.definition, 0)]
        for parent, penalty in pending:  # the loop appends children to it
            if isinstance(parent, ast.Assign | ast.AugAssign) and self.cotangents:
                penalty = int(not self.uses_cotangent(parent))
            for field, value in ast.iter_fields(parent):
                if parent is self.definition and field != "body":  # not its parameters and decorators
                    continue
                if field == "target":
                    if isinstance(value, ast.Subscript):
                        pending.append((value, penalty))
                    continue
                if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                    yield from self.edit_block(parent, field, value)
                place: Any = value if isinstance(value, list) else vars(parent)
                for key in range(len(value)) if isinstance(value, list) else [field]:
                    child = place[key]
                    if may_be_edited(child) and id(child) not in self.fixed:
                        pending.append((child, penalty))
                        for rank, new in self.instead_of(child, parent, field):
                            yield Edit(parent, place, key, new, rank + penalty)

    def instead_of(self, node: Node, parent: Node, field: str) -> Iterator[tuple[int, Any]]:
        """Yield what may stand in the place of a node, each with a rank."""
        yield from other_nodes(node, parent, field)
        yield from self.replace_integer(node, isinstance(parent, ast.BinOp | ast.AugAssign))
        yield from self.edit_value(node, parent, field)
        yield from self.edit_statement(node)
        yield from self.take_other_indices(node)

    def replace_integer(self, node: Node, in_formula: bool) -> Iterator[tuple[int, Any]]:
        """Yield another index, count, mask, length or value in the place of a number; or the number plus or minus 1."""
        text, kind = ast.unparse(node), self.kind(node)
        if isinstance(node, ast.Constant) and type(node.value) is int:
            yield from ((2, step) for step in self.steps.values())
        if isinstance(node, ast.Constant) and type(node.value) in (int, float) and in_formula:
            yield from ((2, x) for x in self.operands)
            yield from ((3, written("X[:, None]", x)) for x in self.operands if len(self.shape(x) or ()) == 1)
        if isinstance(node, ast.Name) and kind[0] in ("i", "u", "b"):
            yield from ((1, x) for x in self.integers if x.id != node.id and self.kind(x) == kind)
        if isinstance(node, ast.Name | ast.Call | ast.Attribute | ast.Subscript) and kind == ("i", ()):
            yield from ((1, x) for x in self.counts if ast.unparse(x) != text)
            yield from ((2, x) for x in self.operands if in_formula)
            for x in self.lengths:
                if ast.unparse(length := written("len(X)", x)) != text:
                    yield 1 if isinstance(x, ast.Name | ast.Attribute) else 3, length
            yield from ((2, written("np.sum(X)", x)) for x in (*self.operands, *self.masks) if self.kind(x)[1])
        if isinstance(node, ast.BinOp) and self.is_integer(node):
            yield from ((2, written(form, node)) for form in ("X + 1", "X - 1"))
        if isinstance(node, ast.Name) and self.is_integer(node):
            yield from ((2, written("X - Y", node, x)) for x in self.integers if x.id != node.id and self.is_integer(x))

    def edit_value(self, node: Node, parent: Node, field: str) -> Iterator[tuple[int, Any]]:
        """Yield other values in the place of one, and the value with another term or factor."""
        shape, is_no_float = self.shape(node), self.kind(node)[0] not in ("f", "c", "")
        of_other = getattr(parent, "attr", "") in SIZES or (isinstance(parent, ast.Attribute) and shape is None)
        if not is_value(node, parent, field) or is_no_float or of_other:
            return
        target = ast.unparse(getattr(parent, "target", None) or getattr(parent, "targets", [ast.Constant(0)])[0])
        others = [x for x in self.operands if ast.unparse(x) not in (target, ast.unparse(node))]
        yield from self.replace_value(node)
        if isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Mult):
            yield from self.replace_factor(node, others)
        of_part = isinstance(parent, ast.Attribute) or (isinstance(parent, ast.Subscript) and field == "value")
        if is_term(parent, field) or of_part:
            yield from self.replace_everywhere(node)
            yield from self.extend_term(node, others)
            yield from self.scale_by_size(node)
        if isinstance(parent, ast.Assign | ast.AugAssign | ast.Return) and field == "value" and shape is not None:
            yield from self.extend_right_side(node, others)

    def replace_value(self, node: Node) -> Iterator[tuple[int, Any]]:
        """Yield other values in the place of one, and functions of it."""
        text, shape = ast.unparse(node), self.shape(node)
        if isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
            for other in self.values:
                if ast.unparse(other) != text:
                    yield 1 if self.shape(other) == shape else 3, other
                if isinstance(node, ast.Subscript) and self.shape(other) == self.shape(node.value):
                    yield 1, replaced(node, value=other)
        if isinstance(node, ast.BinOp | ast.Call):
            yield from ((2, other) for other in self.operands if self.shape(other) == shape)
        for rank, form in FORMS:
            yield rank, partial(written, form, node)
        yield from ((3, partial(ast.Call, function, [node], [])) for function in self.functions)

    def replace_factor(self, node: Node, others: Sequence[Node]) -> Iterator[tuple[int, Any]]:
        """Yield sums and differences in the place of a factor, as x[i] - x[j] for x[i]."""
        fitting = [x for x in others if self.shape(x) == self.shape(node)]
        if isinstance(node, ast.Subscript):
            alike = [x for x in self.integers if self.kind(x) == self.kind(node.slice)]
            fitting += [replaced(node, slice=x) for x in alike]
        return joined(node, SUMS, fitting)

    def extend_term(self, node: Node, others: Sequence[Node]) -> Iterator[tuple[int, Any]]:
        """Yield a value times, divided by, plus or minus another one; and times a mask."""
        shape = self.shape(node)
        for other in others:
            part = self.shape(other)
            fits = shape is None or fits_into(part, shape) or fits_into(shape, part)
            of_rows = len(part or ()) == 1 and len(shape or ()) == 2
            earlier = 2 if self.is_unused(other) else int(part == shape)
            forms = (*(JOINED if fits else ()), *(JOINED_BY_AXES if of_rows or not fits else ()))
            yield from joined(node, forms, [other], -earlier)
        for mask in self.masks:
            part = self.kind(mask)[1]
            of_rows = len(part) == 1 and len(shape or ()) == 2
            if fits_into(part, shape):
                yield from joined(node, MASKED[:1], [mask])
            if of_rows:
                yield from joined(node, MASKED[1:], [mask])

    def scale_by_size(self, node: Node) -> Iterator[tuple[int, Any]]:
        """Yield a value times, and divided by, a length or a count."""
        yield from joined(node, LENGTHS, self.lengths)
        yield from joined(node, COUNTS, self.counts)
        yield from ((3, partial(written, "X / (Y * Z)", node, *pair)) for pair in combinations(self.counts, 2))
        numbers = [x for x in self.operands if self.shape(x) == ()]
        for pair in product(filter(self.is_integer, self.integers), numbers):
            yield 4, partial(written, "X * Y * Z", node, *pair)

    def extend_right_side(self, node: Node, others: Sequence[Node]) -> Iterator[tuple[int, Any]]:
        """Yield the right side R of a statement as R + f(x), R - f(x), R * f(x), R + x * y or R - x * y."""
        for function, other, op in product(self.functions, self.values, (ast.Mult, ast.Add, ast.Sub)):
            yield 3, partial(ast.BinOp, node, op(), ast.Call(function, [other], []))
        fitting = [x for x in others if fits_into(self.shape(x), self.shape(node))]
        with_it = [x for x in fitting if self.uses_cotangent(x)]
        pairs: Iterator[tuple[Node, Node]] = combinations_with_replacement(fitting, 2)
        if self.uses_cotangent(node):  # exactly one of the factors uses it, too
            pairs = product(with_it, [x for x in fitting if not self.uses_cotangent(x)])
        for pair in pairs:
            rank = 1 if any(map(self.is_unused, pair)) else 3
            yield from ((rank + more, partial(written, form, node, *pair)) for more, form in PRODUCTS)

    def is_unused(self, operand: Node) -> bool:
        return ast.unparse(operand) in self.unused

    def uses_cotangent(self, node: Node) -> bool:
        """Return whether an expression is computed with the cotangent."""
        return bool(names_of_variables(node) & self.cotangents)

    def edit_statement(self, node: Node) -> Iterator[tuple[int, Any]]:
        """Yield a statement with two values or slices exchanged, another value everywhere, or another target."""
        if not isinstance(node, ast.Assign | ast.AugAssign | ast.Return | ast.Expr):
            return
        values, _ = self.read_in(node)
        slices = {ast.unparse(x.slice): x.slice for x in ast.walk(node) if isinstance(x, ast.Subscript)}
        pairs = [(a, b) for a, b in combinations(values.items(), 2) if self.kind(a[1]) == self.kind(b[1])]
        for (first, x), (second, y) in (*pairs, *combinations(slices.items(), 2)):
            yield 1, partial(filled, node, {first: y, second: x})
        yield from self.add_to_target(node)
        for (first, x), (second, y) in combinations(values.items(), 2):
            # Two that are assigned one after the other, such as mean_y and std_y in the place of mean_x and std_x.
            couples = [(c, d) for c, d in self.couples if (self.kind(c), self.kind(d)) == (self.kind(x), self.kind(y))]
            yield from ((3, partial(filled, node, {first: c, second: d})) for c, d in couples)
        yield from self.replace_everywhere(node)
        yield from self.edit_target(node, getattr(node, "target", None), values)

    def read_in(self, node: Node) -> tuple[dict[str, Node], Counter[str]]:
        """Return the values that are read in a node, by their texts, and how often each is read."""
        loads = (x for x in ast.walk(node) if isinstance(getattr(x, "ctx", None), ast.Load))
        read = [(ast.unparse(x), x) for x in loads if self.kind(x)[0] in NUMBERS]
        return dict(read), Counter(text for text, _ in read)

    def replace_everywhere(self, node: Node) -> Iterator[tuple[int, Any]]:
        """Yield a node in which a value that occurs several times is replaced everywhere, as a by r in a * (1 - a)."""
        values, count = self.read_in(node)
        for text, value in values.items():
            if count[text] == 1:
                continue
            others = [x for x in self.values if self.kind(x) == self.kind(value) and ast.unparse(x) != text]
            if isinstance(value, ast.Name) and self.is_integer(value):
                others += [written("X * Y", value, stride) for stride in self.counts]  # an index times a stride
            if isinstance(value, ast.Subscript):
                others += [x for _, x in other_subscripts(value)]
            yield from ((1, partial(filled, node, {text: x})) for x in others)

    def edit_target(self, node: Node, target: Node, values: Mapping[str, Node]) -> Iterator[tuple[int, Any]]:
        """Yield a statement such as `x += ...` that adds to other entries of x, or to a part of them only."""
        if isinstance(target, ast.Subscript):
            for rank, new in (*other_subscripts(target), *self.take_other_indices(target)):
                yield rank, replaced(node, target=replaced(new, ctx=ast.Store()))
        if isinstance(target, ast.Name) and (shape := self.shape(target)):
            full = [x for x in values.values() if self.shape(x) == shape]
            for part in self.parts:  # as of weights without the bias
                new = filled(node, {ast.unparse(x): written(part, x) for x in full})
                sliced = written(part, ast.Name(target.id, ast.Load()))
                yield 2, replaced(new, target=replaced(sliced, ctx=ast.Store()))

    def add_to_target(self, node: Node) -> Iterator[tuple[int, Any]]:
        """Yield an assignment that adds to its target; or, if an index may occur twice, one by np.add.at."""
        target = getattr(node, "target", None) or getattr(node, "targets", [None])[0]
        index = getattr(target, "slice", ast.Slice())
        parts = index.elts if isinstance(index, ast.Tuple) else [index]
        known = [self.kind(x) for x in parts if not isinstance(x, ast.Slice)]
        # An array of integers, or an index that is not known, may name an entry twice.
        if any(kind in ("i", "u") and shape for kind, shape in known) or ("", ()) in known:
            array, sign = ast.unparse(target.value), "-" if isinstance(getattr(node, "op", None), ast.Sub) else ""
            text = ast.unparse(target)[len(array) + 1 : -1]
            text = f"np.s_[{text}]" if any(isinstance(x, ast.Slice) for x in parts) else text
            yield 0, ast.Expr(written(f"np.add.at({array}, {text}, {sign}X)", node.value))
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and not isinstance(target, ast.Tuple):
            reads_itself = isinstance(target, ast.Name) and target.id in names_of_variables(node.value)  # g = g + h
            if not reads_itself and not isinstance(node.value, ast.Constant):
                yield 0, ast.AugAssign(target, ast.Add(), node.value)

    def take_other_indices(self, node: Node) -> Iterator[tuple[int, Any]]:
        """Yield an entry with the indices of another."""
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
            for other in self.indices:
                if len(other.elts) == len(node.slice.elts):
                    yield 1, replaced(node, slice=other)

    def edit_block(self, parent: Node, field: str, block: list[Node]) -> Iterator[Edit]:
        """Yield a block without one of its statements, and with neighbours exchanged."""
        for i, statement in enumerate(block):
            if id(statement) in self.fixed:
                continue
            if isinstance(statement, ast.Assign | ast.AugAssign | ast.Expr):
                yield Edit(parent, vars(parent), field, block[:i] + block[i + 1 :] or [ast.Pass()], 0)
            if i + 1 < len(block) and not isinstance(block[i + 1], ast.Return):
                yield Edit(parent, vars(parent), field, [*block[:i], block[i + 1], statement, *block[i + 2 :]], 0)


def joined(
    node: Node, forms: Sequence[tuple[int, str]], operands: Sequence[Node], later: int = 0
) -> Iterator[tuple[int, Any]]:
    """Yield each form of a node X with each operand Y; `later` is added to the rank."""
    return ((rank + later, partial(written, form, node, x)) for x in operands for rank, form in forms)
