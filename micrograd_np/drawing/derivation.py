"""A chain rule as mathematics: lines in matrix notation, simplified as in a textbook, each with its reason.

Rules and lines are NumPy source. One rule is substituted into another as a syntax tree, the tree is simplified, and
only the result is typeset. So tests can evaluate each line and compare it with the tape.
"""

from __future__ import annotations

import ast
import copy
import functools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import groupby
from typing import Any

import numpy as np

from .. import ops
from ..ops.primitive import Elementwise
from .latex import NOTATION, Writer, escape, is_product, symbol_of, value_of
from .scene import Edge, Node, Scene, glosses_of
from .text import label

MAX_NAMES = 12  # values and gradients in a line; a gradient that needs more has a line of its own


@dataclass
class Line:
    """One gradient. `latex` and `source` say the same; `reads` has the values of the names in `source`."""

    symbol: str
    latex: str
    reason: str
    source: str
    reads: dict[str, Any]
    value: Any


@dataclass
class Derivation:
    """The names that the lines of one derivation share, and notes on rules.

    Each value and each gradient has a key: `l1 @ syn1` is `_v3_` in a line's source, where `keys["l1 @ syn1"]` is
    `_v3_`, `latex["_v3_"]` is `l_{2}`, `reads["_v3_"]` is the array, and `trees["_v3_"]` is the tree of `l1 @ syn1`.
    """

    g: str
    keys: dict[str, str] = field(default_factory=dict)
    latex: dict[str, str] = field(default_factory=dict)
    reads: dict[str, Any] = field(default_factory=dict)
    trees: dict[str, ast.expr] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)

    def new_key(self, prefix: str, latex: str, value: Any) -> str:
        key = f"_{prefix}{len(self.reads)}_"
        self.latex[key], self.reads[key] = latex, value
        return key

    def add_value(self, node: Node) -> None:
        """Give a key to the value of a box that has a name, or is one of several outputs."""
        output = re.fullmatch(r"(\w+)\[(\d+)\]", node.text)
        if not (node.title or output) or not hasattr(node.value, "dtype"):
            return
        symbol = symbol_of(node.title)
        if output and not node.title:
            symbol = rf"{{{symbol_of(output[1])}}}_{{[{output[2]}]}}"
        self.keys[node.phrase.text] = key = self.new_key("v", symbol, node.value)
        if node.op and (tree := self.parse(node.text, self.keys)):
            self.trees[key] = tree

    def parse(self, formula: str, keys: dict[str, str]) -> ast.expr | None:
        """Return a formula as a tree in which each value is a key; None if the formula is no expression."""
        for text in sorted(keys, key=len, reverse=True):
            formula = re.sub(rf"(?<![\w.']){re.escape(text)}(?![\w'(])", keys[text], formula)
        try:
            return ast.parse(formula, mode="eval").body
        except SyntaxError:
            return None

    def vjp(self, edge: Edge, head: Node, tail: Node, g: ast.expr) -> ast.expr:
        """Return what a rule sends along an arrow, given the gradient at its head."""
        rule, keys = edge.rule, self.keys | {self.g: "_g_"}
        if "z" not in keys:
            if not head.title and head.text and "…" not in head.text:
                rule = re.sub(r"\bz\b", f"({head.text})", rule)  # a value without a name is written out
            keys["z"] = self.new_key("z", "z", head.value)
        tree = self.parse(rule, keys)
        if tree is None or head.gradient is None or not self.has_notation(tree):
            return self.opaque_vjp(edge, head, tail, tree, g)
        for node in ast.walk(tree):
            match node:
                case ast.Call(ast.Name("excess"), [_, ast.Name(y)]) if self.reads[y].dtype.kind in "iu":
                    self.notes[rf"{self.latex[y]} \text{{ as one-hot rows}}"] = None  # in softmax(x) - y
        return Replace(g).visit(tree)  # type: ignore[no-any-return]

    def has_notation(self, tree: ast.expr) -> bool:
        """Return whether a rule reads only values that have keys, and calls only what matrix notation has."""
        nodes = list(ast.walk(tree))
        names = {x.id for x in nodes if isinstance(x, ast.Name)}
        called = {x.func.id for x in nodes if isinstance(x, ast.Call) and isinstance(x.func, ast.Name)}
        plain = {name for name in called if isinstance(row := ops.TABLE.get(name), Elementwise) and not row.gloss}
        return names <= (called | {"_g_"} | self.reads.keys()) and called <= (NOTATION | plain)

    def opaque_vjp(self, edge: Edge, head: Node, tail: Node, tree: ast.expr | None, g: ast.expr) -> ast.expr:
        """Return a rule without matrix notation as one call.

        The rule of `x[0]`, which is `zeros[0] += g`, is the transpose of a selection, S_{[0]}^T g. Another rule is
        `vjp_op(g; x)`, with a note that says what it is.
        """
        reads, sent = self.reads, edge.gradient
        selection = re.fullmatch(r"zeros\[([^,]*)\] \+= \w+", edge.rule)

        def run(g: Any) -> Any:
            found = value_of(tree, reads | {"_g_": g}) if tree and head.gradient is not None else None
            return sent if found is None else found  # formulas leave parameters out: such a rule cannot be evaluated

        if selection:
            return call(self.new_key("f", rf"S_{{[{escape(selection[1])}]}}^{{\top}} \, @", run), g)
        op = "fold" if head.kind == "fold" else head.op.strip("_") or "op"
        vjp = rf"\mathrm{{vjp}}_{{\text{{{escape(op)}}}}}"
        known = [label(head)] if head.kind == "fold" else [*glosses_of(head.op, edge.rule).values(), edge.rule]
        self.notes[rf"{vjp} \text{{: {escape(known[0] or 'the sum of what its rules send')}}}"] = None
        of = self.latex.get(self.keys.get(tail.phrase.text, ""), "") or rf"\text{{{escape(label(tail))}}}"
        return call(self.new_key("f", rf"{vjp}\left(@;\, {of}\right)", run), g)


def derive(scene: Scene, nodes: Iterable[Node]) -> tuple[list[Line], list[str]]:
    """Return a line for each gradient of an explained scene, from the output back, and the notes below them.

    A gradient that an elementwise op passes on has no line of its own: it is written into the next line. So a line
    ends at a product of matrices, at a sum, or where it would be too long. `nodes` are the values that rules may read.
    """
    derivation = Derivation(scene.g)
    for node in nodes:
        derivation.add_value(node)
    found = gradient_lines(scene, derivation)
    unnamed = [key for node, key, _, _ in reversed(found) if not node.title]
    derivation.latex |= {key: rf"\delta_{{{i}}}" for i, key in enumerate(unnamed, 1)}
    lines = []
    for node, key, tree, reasons in found:
        asked = node is scene.nodes[0] or not node.op
        symbol = rf"\frac{{\partial L}}{{\partial {symbol_of(label(node))}}}" if asked else derivation.latex[key]
        latex = Writer(derivation.latex, derivation.reads, derivation.trees).write(tree)
        source = ast.unparse(ast.fix_missing_locations(ast.Expression(tree)))
        reason = ", ".join(dict.fromkeys(reasons))
        lines.append(Line(symbol, latex, reason, source, derivation.reads, node.gradient))
    return lines, list(derivation.notes)


def gradient_lines(scene: Scene, derivation: Derivation) -> list[tuple[Node, str, ast.expr, list[str]]]:
    """Return each gradient that has a line: its box, its key, its tree, and the reasons for it."""
    boxes, uses, incoming = scene.by_id(), scene.gradient_edges(), scene.incoming_edges()
    carried: dict[str, tuple[ast.expr, list[str]]] = {}  # by box: its gradient as later lines write it, with reasons
    found = []
    for node in reversed(scene.nodes):
        edges = [edge for edge in uses.get(node.id, []) if edge.head in carried]
        if node.kind == "output" and not uses.get(node.id):
            carried[node.id] = first_gradient(node, derivation), []
        if not edges:
            continue
        sent, reasons = [], []
        for edge in edges:
            head = boxes[edge.head]
            g, before = carried[head.id]
            sent.append(derivation.vjp(edge, head, node, g))
            reasons += before
            if head.title or not before:
                reasons.append(reason_of(head))
        tree = simplify_tree(joined(ast.Add, sent), derivation)
        n_args = sum(edge.has_rule for edge in incoming.get(node.id, []))
        if node is not scene.nodes[0] and node.op and is_short(tree, node, n_args):
            carried[node.id] = tree, reasons
        else:
            key = derivation.new_key("g", delta(node.title), node.gradient)
            found.append((node, key, tree, reasons))
            carried[node.id] = name_node(key), []
    return found


def first_gradient(output: Node, derivation: Derivation) -> ast.expr:
    """Return the gradient of the output: ones, or a name for what `backward` was given."""
    if output.gradient is None or np.any(output.gradient != 1):
        return name_node(derivation.new_key("g", delta(output.title), output.gradient))
    if np.ndim(output.gradient):
        shape = ast.parse(str(output.gradient.shape), mode="eval").body
        return call("broadcast_to", ast.Constant(1), shape)
    return ast.Constant(1)


def typeset(lines: list[Line], notes: list[str]) -> str:
    """Return lines as an aligned block, with notes below."""
    rows = [rf"{line.symbol} &= {line.latex} && \text{{{escape(line.reason)}}}" for line in lines]
    body = " \\\\\n".join([*rows, *(rf"&&& {note}" for note in notes)])
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def is_short(tree: ast.expr, node: Node, n_args: int) -> bool:
    """Return whether a gradient is written into the next line: it is one name, or short and from an elementwise op."""
    size = max(sum(isinstance(x, ast.Name) and x.id[0] == "_" for x in ast.walk(tree)), 1)
    passes = isinstance(ops.TABLE.get(node.op), Elementwise) or np.size(node.gradient) == 1
    adds = isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add)
    return size == 1 or (passes and not adds and size <= (MAX_NAMES if n_args <= 1 else 3))


def reason_of(head: Node) -> str:
    return f"folded: {label(head)}" if head.kind == "fold" else f"{head.title} = {head.text}".removeprefix(" = ")


def delta(title: str) -> str:
    return rf"\delta_{{{symbol_of(title)}}}"


def name_node(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def call(name: str, *args: ast.expr) -> ast.Call:
    return ast.Call(name_node(name), list(args), [])


class Replace(ast.NodeTransformer):
    """Replaces the gradient at an arrow's head, `_g_` in a rule, by its tree."""

    def __init__(self, g: ast.expr) -> None:
        self.g = g

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.g if node.id == "_g_" else node


Product = tuple[Fraction, list[Any], list[Any]]

# Simplification: a sum is a list of products, and a product is a number, factors and divisors. A line may hold a part
# of another line, so no tree is changed in place.


def simplify_tree(tree: Any, derivation: Derivation) -> Any:
    """Return a simpler tree: numbers and signs combined, equal terms added up, and a sigmoid s as s * (1 - s)."""
    if is_sum(tree):
        return simplify_sum(tree, derivation)
    if is_product(tree):
        return simplify_product(tree, derivation)
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Attribute):  # x.sum(axis=0) is sum(x, axis=0)
        tree = ast.Call(name_node(tree.func.attr), [tree.func.value, *tree.args], tree.keywords)
    tree = copy.copy(tree)
    for name, part in ast.iter_fields(tree):
        if isinstance(part, ast.expr):
            setattr(tree, name, simplify_tree(part, derivation))
        elif isinstance(part, list) and name == "args":
            tree.args = [simplify_tree(x, derivation) for x in part]
    if isinstance(tree, ast.Call) and getattr(tree.func, "id", "") == "sum":
        number, factors, divisors = split_product(tree.args[0])
        if number != 1 and factors:  # the number goes in front of the sum
            inner = ast.Call(tree.func, [product_tree(Fraction(1), factors, divisors)], tree.keywords)
            return product_tree(number, [inner], [])
    return tree


def is_sum(tree: Any) -> bool:
    return isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add | ast.Sub)


def summands(tree: Any, sign: int = 1) -> list[tuple[int, Any]]:
    """Return the terms of a sum, each with its sign: 1 or -1."""
    if not is_sum(tree):
        return [(sign, tree)]
    return summands(tree.left, sign) + summands(tree.right, sign if isinstance(tree.op, ast.Add) else -sign)


def simplify_sum(tree: Any, derivation: Derivation) -> Any:
    """Return a sum with equal terms added up; the terms keep their order."""
    terms: dict[str, list[Any]] = {}
    for sign, part in summands(tree):
        number, factors, divisors = split_product(simplify_tree(part, derivation))
        rest = product_tree(Fraction(1), factors, divisors)
        term = terms.setdefault(ast.dump(rest), [Fraction(0), factors, divisors])
        term[0] += sign * number
    found: Any = None
    for number, factors, divisors in terms.values():
        if number and found is None:
            found = product_tree(number, factors, divisors)
        elif number:
            joint: ast.operator = ast.Sub() if number < 0 else ast.Add()
            found = ast.BinOp(found, joint, product_tree(abs(number), factors, divisors))
    return found or ast.Constant(0)


def split_product(tree: Any, simplify: Callable[[Any], Any] | None = None) -> Product:
    """Return a product as a number, factors and divisors, each factor and divisor simplified first."""
    match tree:
        case ast.Constant(int() | float() as value) if np.isfinite(value):
            return Fraction(value), [], []
        case ast.BinOp(x, ast.Pow(), ast.Constant(2)):
            tree = ast.BinOp(x, ast.Mult(), x)
    if not is_product(tree):
        return split_product(simplify(tree)) if simplify else (Fraction(1), [tree], [])
    if isinstance(tree, ast.UnaryOp):
        number, factors, divisors = split_product(tree.operand, simplify)
        return -number, factors, divisors
    number, factors, divisors = split_product(tree.left, simplify)
    other, numerator, denominator = split_product(tree.right, simplify)
    if isinstance(tree.op, ast.Mult):
        return number * other, factors + numerator, divisors + denominator
    if not other:
        return number, factors, [*divisors, tree.right]
    return number / other, factors + denominator, divisors + numerator


def simplify_product(tree: Any, derivation: Derivation) -> Any:
    number, factors, divisors = split_product(tree, lambda part: simplify_tree(part, derivation))
    more, factors, divisors = drop_broadcasts(factors, divisors, derivation)
    number *= more
    rewrite_sigmoid(factors, divisors, derivation)
    for i, each in enumerate(factors):  # -(y - p) is p - y, also where y - p has a name; 1 - x keeps its usual order
        match derivation.trees.get(getattr(each, "id", ""), each):
            case ast.BinOp(left, ast.Sub(), right) if number < 0 and not isinstance(left, ast.Constant):
                number, factors[i] = -number, ast.BinOp(right, ast.Sub(), left)
    return product_tree(number, factors, divisors)


def drop_broadcasts(factors: list[Any], divisors: list[Any], derivation: Derivation) -> Product:
    """Return a product with x in place of `broadcast_to(x, shape)` if another part has this shape already."""
    for i, factor in enumerate(factors):
        if isinstance(factor, ast.Call) and isinstance(factor.func, ast.Name) and factor.func.id == "broadcast_to":
            shape = np.shape(value_of(factor, derivation.reads))
            others = factors[:i] + factors[i + 1 :]
            if any(np.shape(value_of(x, derivation.reads)) == shape for x in others + divisors):
                number, numerator, denominator = split_product(factor.args[0])
                more, factors, divisors = drop_broadcasts(numerator + others, denominator + divisors, derivation)
                return number * more, factors, divisors
    return Fraction(1), factors, divisors


def rewrite_sigmoid(factors: list[Any], divisors: list[Any], derivation: Derivation) -> None:
    """Replace e / (a + e) by 1 - s, where s = a / (a + e) is a factor too: s * (1 - s) of a sigmoid written out."""
    for s in factors:
        match derivation.trees.get(getattr(s, "id", "")):
            case ast.BinOp(a, ast.Div(), ast.BinOp(op=ast.Add()) as whole):
                parts = [simplify_tree(x, derivation) for x in (a, whole.left, whole.right, whole)]
                top, first, e, divisor = map(ast.dump, parts)
                above, below = ([ast.dump(x) for x in each] for each in (factors, divisors))
                if top == first and e in above and divisor in below:
                    factors[above.index(e)] = ast.BinOp(ast.Constant(1), ast.Sub(), s)
                    del divisors[below.index(divisor)]
                    return


def product_tree(number: Fraction, factors: list[Any], divisors: list[Any]) -> Any:
    """Return a product as a tree."""
    small = number.limit_denominator(4096)
    exact = float(small) == float(number)
    top, bottom = (abs(small.numerator), small.denominator) if exact else (abs(float(number)), 1)
    powers = []
    for _, same in groupby(factors, ast.dump):
        first, *others = same
        powers.append(ast.BinOp(first, ast.Pow(), ast.Constant(1 + len(others))) if others else first)
    scale: list[Any] = [ast.Constant(top)] if top != 1 or not powers else []
    if bottom != 1 and divisors:
        divisors = [ast.Constant(bottom), *divisors]
    elif bottom != 1:
        scale = [ast.BinOp(ast.Constant(top), ast.Div(), ast.Constant(bottom))]
    tree = joined(ast.Mult, [*scale, *powers])
    if divisors:
        tree = ast.BinOp(tree, ast.Div(), joined(ast.Mult, divisors))
    return ast.UnaryOp(ast.USub(), tree) if number < 0 else tree


def joined(operator: type[ast.operator], parts: list[Any]) -> Any:
    return functools.reduce(lambda left, right: ast.BinOp(left, operator(), right), parts)
