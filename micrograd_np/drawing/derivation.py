"""A chain rule as mathematics: lines in matrix notation, simplified as a textbook would, each with its reason.

A rule is NumPy source, and so is a line: rules are put into each other as syntax trees, simplified, and only then
typeset. So each line can be evaluated, and the tests compare it with the tape.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from .. import ops
from ..ops.primitive import Elementwise
from .latex import NOTATION, Writer, escape, is_product, symbol_of, value_of
from .scene import Edge, Node, Scene
from .text import label

MOST = 40  # lines, notes included
WIDEST = 12  # names and numbers in a line; a gradient that needs more has a line of its own


@dataclass
class Line:
    """One gradient: `symbol = latex`, the same as NumPy source, and what that source reads."""

    symbol: str
    latex: str
    reason: str
    source: str
    reads: dict[str, Any]
    value: Any


@dataclass
class Derivation:
    """The names of values and gradients that the lines of one derivation share, and notes on rules."""

    g: str
    known: dict[str, str] = field(default_factory=dict)  # what formulas call a value: its name here
    latex: dict[str, str] = field(default_factory=dict)  # how a name here is typeset
    reads: dict[str, Any] = field(default_factory=dict)  # what it stands for
    made: dict[str, ast.expr] = field(default_factory=dict)  # how a value was made
    notes: dict[str, None] = field(default_factory=dict)

    def name(self, prefix: str, latex: str, value: Any) -> str:
        key = f"_{prefix}{len(self.reads)}_"
        self.latex[key], self.reads[key] = latex, value
        return key

    def parse(self, formula: str) -> ast.expr | None:
        """Return a formula as a tree in which each value is a name of ours; None if it is no expression."""
        for text in sorted(self.known, key=len, reverse=True):
            formula = re.sub(rf"(?<![\w.']){re.escape(text)}(?![\w'(])", self.known[text], formula)
        try:
            return ast.parse(formula, mode="eval").body
        except SyntaxError:
            return None

    def pulled(self, edge: Edge, head: Node, tail: Node, g: ast.expr) -> ast.expr:
        """Return what a rule sends along an arrow, given the gradient at its head."""
        rule = edge.rule
        if not head.title and head.text and "…" not in head.text and "z" not in self.known:
            rule = re.sub(r"\bz\b", f"({head.text})", rule)  # a value without a name is written out
        self.known |= {self.g: "_g_"}
        own = {} if "z" in self.known else {"z": self.name("z", "z", head.value)}
        self.known |= own
        tree = self.parse(rule)
        for each in (self.g, *own):
            del self.known[each]
        calls = {getattr(x.func, "id", "") for x in ast.walk(tree or ast.Pass()) if isinstance(x, ast.Call)} - {""}
        words = {x.id for x in ast.walk(tree or ast.Pass()) if isinstance(x, ast.Name)}
        plain = {name for name in calls if isinstance(row := ops.TABLE.get(name), Elementwise) and not row.gloss}
        readable = words <= calls | {"_g_"} | self.reads.keys() and calls <= NOTATION | plain
        if tree is None or head.gradient is None or not readable:
            return self.opaque(edge, head, tail, tree, g)
        return Replace({"_g_": g}, self).visit(tree)  # type: ignore[no-any-return]

    def opaque(self, edge: Edge, head: Node, tail: Node, tree: ast.expr | None, g: ast.expr) -> ast.expr:
        """Return a rule without matrix notation as one call: `vjp_op(g; x)` with a note, or a selection transposed."""
        reads, sent, at = self.reads, edge.gradient, re.fullmatch(r"zeros\[([^,]*)\] \+= \w+", edge.rule)

        def run(g: Any) -> Any:
            found = value_of(tree, reads | {"_g_": g}) if tree and head.gradient is not None else None
            return sent if found is None else found  # a formula for readers leaves parameters out

        if at:
            return call(self.name("f", rf"S_{{[{escape(at[1])}]}}^{{\top}} \, @", run), g)
        row = ops.TABLE.get(head.op)
        who = "fold" if head.kind == "fold" else head.op.strip("_") or "op"
        about = row.gloss if row and row.gloss else label(head) if head.kind == "fold" else ""
        for name in re.findall(r"\w+(?=\()", edge.rule):
            about = about or (ops.TABLE[name].gloss if name in ops.TABLE else "")
        shape = escape(edge.rule if edge.rule and not about else about or "the sum of what its rules send")
        self.notes[rf"\mathrm{{vjp}}_{{\text{{{escape(who)}}}}} \text{{: {shape}}}"] = None
        of = self.latex.get(self.known.get(tail.phrase.text, ""), "") or rf"\text{{{escape(label(tail))}}}"
        return call(self.name("f", rf"\mathrm{{vjp}}_{{\text{{{escape(who)}}}}}\left(@;\, {of}\right)", run), g)


def derive(scene: Scene, words: Iterable[Node]) -> tuple[list[Line], list[str]]:
    """Return a line for each gradient of an explained scene, from the output back, and the notes below them.

    A gradient that an elementwise op passes on is written into the next line, so that a line ends at a product of
    matrices, at a sum, or where it would be too long.
    """
    all_of = Derivation(scene.g)
    for node in words:
        output = re.fullmatch(r"(\w+)\[(\d+)\]", node.text)  # one of several outputs
        if (node.title or output) and hasattr(node.value, "dtype"):
            symbol = (
                symbol_of(node.title) if node.title or not output else rf"{{{symbol_of(output[1])}}}_{{[{output[2]}]}}"
            )
            all_of.known[node.phrase.text] = key = all_of.name("v", symbol, node.value)
            if node.op and (tree := all_of.parse(node.text)):
                all_of.made[key] = tree
    boxes, leaving, arriving = scene.by_id(), scene.leaving(), scene.arriving()
    carried: dict[str, tuple[ast.expr, list[str]]] = {}
    lines: list[tuple[Node, str, ast.expr, list[str]]] = []
    for node in reversed(scene.nodes):
        if node.kind == "output" and not leaving.get(node.id):
            start: ast.expr = ast.Constant(1)
            if node.gradient is None or np.any(node.gradient != 1):
                start = named(all_of.name("g", delta(node.title), node.gradient))
            elif np.ndim(node.gradient):
                start = call("broadcast_to", start, ast.parse(str(node.gradient.shape), mode="eval").body)
            carried[node.id] = start, []
            continue
        edges = [edge for edge in leaving.get(node.id, []) if edge.head in carried]
        if not edges:
            continue
        total, why = ast.Constant(0), []
        for edge in edges:
            g, before = carried[edge.head]
            sent = all_of.pulled(edge, boxes[edge.head], node, g)
            total = sent if edge is edges[0] else ast.BinOp(total, ast.Add(), sent)  # type: ignore[assignment]
            head = boxes[edge.head]
            why += [*before, *([reason_of(head)] if head.title or not before else [])]
        tree = simplified(total, all_of)
        uses = sum(edge.flows for edge in arriving.get(node.id, []))
        if node is not scene.nodes[0] and node.op and is_short(tree, node, uses):
            carried[node.id] = tree, why
        else:
            key = all_of.name("g", delta(node.title), node.gradient)
            lines.append((node, key, tree, why))
            carried[node.id] = named(key), []
    unnamed = [key for node, key, _, _ in reversed(lines) if not node.title]
    all_of.latex |= {key: rf"\delta_{{{i}}}" for i, key in enumerate(unnamed, 1)}
    written = []
    for node, key, tree, why in lines:
        end = node is scene.nodes[0] or not node.op
        symbol = rf"\frac{{\partial L}}{{\partial {symbol_of(label(node))}}}" if end else all_of.latex[key]
        writer = Writer(all_of.latex, all_of.reads, all_of.made)
        source = ast.unparse(ast.fix_missing_locations(ast.Expression(tree)))
        reasons = ", ".join(dict.fromkeys(why))
        written.append(Line(symbol, writer.write(tree), reasons, source, all_of.reads, node.gradient))
    return written, list(all_of.notes)


def typeset(lines: list[Line], notes: list[str]) -> str:
    """Return lines as an aligned block, with notes below; of many, the first and the last."""
    rows = [rf"{line.symbol} &= {line.latex} && \text{{{escape(line.reason)}}}" for line in lines]
    notes = [rf"&&& {note}" for note in notes[: MOST // 4]]
    if len(rows) + len(notes) > MOST:
        room = (MOST - len(notes) - 1) // 2
        rows = [*rows[:room], r"&\;\;\vdots", *rows[-room:]]
    body = " \\\\\n".join([*rows, *notes])
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def is_short(tree: ast.expr, node: Node, uses: int) -> bool:
    """Return whether a gradient is written into the next line: it is one name, or short and of an elementwise op."""
    size = max(sum(isinstance(x, ast.Name) and x.id[0] == "_" for x in ast.walk(tree)), 1)
    passes = isinstance(ops.TABLE.get(node.op), Elementwise) or np.size(node.gradient) == 1
    adds = isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add)
    return size == 1 or (passes and not adds and size <= (WIDEST if uses <= 1 else 3))


def reason_of(head: Node) -> str:
    return f"folded: {label(head)}" if head.kind == "fold" else f"{head.title} = {head.text}".removeprefix(" = ")


def delta(title: str) -> str:
    return rf"\delta_{{{symbol_of(title)}}}"


def named(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def call(name: str, *args: ast.expr) -> ast.Call:
    return ast.Call(named(name), list(args), [])


class Replace(ast.NodeTransformer):
    """Puts trees in the place of names, and softmax(x) - y, with y as one-hot rows, in that of excess(x, y)."""

    def __init__(self, trees: dict[str, ast.expr], all_of: Derivation) -> None:
        self.trees = trees
        self.all_of = all_of

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.trees.get(node.id, node)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if getattr(node.func, "id", "") != "excess":
            return node
        x, y = (value_of(part, self.all_of.reads) for part in node.args)
        p, rows = call("softmax", node.args[0]), node.args[1]
        if y is not None and np.ndim(y) < np.ndim(x):
            symbol = self.all_of.latex.get(getattr(rows, "id", ""), "y")
            rows = named(self.all_of.name("y", symbol, np.eye(np.shape(x)[-1])[y]))
            self.all_of.notes[rf"{symbol} \text{{ as one-hot rows}}"] = None
        return ast.BinOp(p, ast.Sub(), rows)


Product = tuple[Fraction, list[Any], list[Any]]

# Simplification: a sum is a list of products, and a product is a number, factors and divisors.


def simplified(tree: Any, all_of: Derivation) -> Any:
    """Return a tree with numbers and signs folded, equal terms added up, and the patterns of textbooks."""
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add | ast.Sub):
        return added_up(tree, all_of)
    if is_product(tree):
        return multiplied(tree, all_of)
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Attribute):  # x.sum(axis=0) is sum(x, axis=0)
        tree = ast.Call(named(tree.func.attr), [tree.func.value, *tree.args], tree.keywords)
    for name, part in ast.iter_fields(tree):
        if isinstance(part, ast.expr):
            setattr(tree, name, simplified(part, all_of))
        elif isinstance(part, list) and name == "args":
            tree.args = [simplified(x, all_of) for x in part]
    if isinstance(tree, ast.Call) and getattr(tree.func, "id", "") == "sum":
        number, factors, divisors = parts_of(tree.args[0])
        if number != 1 and factors:  # the number goes in front of the sum
            inner = ast.Call(tree.func, [built(Fraction(1), factors, divisors)], tree.keywords)
            return built(number, [inner], [])
    return tree


def summands(tree: Any, sign: int = 1) -> Iterator[tuple[int, Any]]:
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add | ast.Sub):
        yield from summands(tree.left, sign)
        yield from summands(tree.right, sign if isinstance(tree.op, ast.Add) else -sign)
    else:
        yield sign, tree


def added_up(tree: Any, all_of: Derivation) -> Any:
    """Return a sum with equal terms added up; a difference stays in its order."""
    terms: dict[str, list[Any]] = {}
    for sign, part in summands(tree):
        number, factors, divisors = parts_of(simplified(part, all_of))
        rest = built(Fraction(1), factors, divisors)
        terms.setdefault(ast.dump(rest), [Fraction(0), factors, divisors])[0] += sign * number
    found: Any = None
    for number, factors, divisors in terms.values():
        if number and found is None:
            found = built(number, factors, divisors)
        elif number:
            joint: ast.operator = ast.Sub() if number < 0 else ast.Add()
            found = ast.BinOp(found, joint, built(abs(number), factors, divisors))
    return found or ast.Constant(0)


def parts_of(tree: Any, simplify: Callable[[Any], Any] | None = None) -> Product:
    """Return a product as a number, factors and divisors, each factor and divisor simplified first."""
    if isinstance(tree, ast.Constant) and isinstance(tree.value, int | float) and np.isfinite(tree.value):
        return Fraction(tree.value), [], []
    if not is_product(tree):
        return parts_of(simplify(tree)) if simplify else (Fraction(1), [tree], [])
    if isinstance(tree, ast.UnaryOp):
        number, factors, divisors = parts_of(tree.operand, simplify)
        return -number, factors, divisors
    number, factors, divisors = parts_of(tree.left, simplify)
    other, above, below = parts_of(tree.right, simplify)
    if isinstance(tree.op, ast.Mult):
        return number * other, factors + above, divisors + below
    return (number / other, factors + below, divisors + above) if other else (number, factors, [*divisors, tree.right])


def multiplied(tree: Any, all_of: Derivation) -> Any:
    number, factors, divisors = parts_of(tree, lambda part: simplified(part, all_of))
    more, factors, divisors = without_ones(factors, divisors, all_of)
    number *= more
    fold_sigmoid(factors, divisors, all_of)
    for i, each in enumerate(factors):  # -(y - p) is p - y, also where y - p has a name
        difference = all_of.made.get(getattr(each, "id", ""), each)
        if number < 0 and is_difference(difference):
            number, factors[i] = -number, ast.BinOp(difference.right, ast.Sub(), difference.left)
    return built(number, factors, divisors)


def is_difference(tree: Any) -> bool:
    """Return whether a tree is a difference whose sides may change places; 1 - x keeps its usual order."""
    subtracts = isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Sub)
    return subtracts and not isinstance(tree.left, ast.Constant)


def without_ones(factors: list[Any], divisors: list[Any], all_of: Derivation) -> Product:
    """Return a product without the factors that only repeat a number to a shape that another part has."""
    for each in factors:
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id == "broadcast_to":
            shape = np.shape(value_of(each, all_of.reads))
            rest = [x for x in factors if x is not each]
            if any(np.shape(value_of(x, all_of.reads)) == shape for x in (*rest, *divisors)):
                number, inner, under = parts_of(each.args[0])
                more, factors, divisors = without_ones([*inner, *rest], [*under, *divisors], all_of)
                return number * more, factors, divisors
    return Fraction(1), factors, divisors


def fold_sigmoid(factors: list[Any], divisors: list[Any], all_of: Derivation) -> None:
    """Write exp(-x) / (1 + exp(-x)) as 1 - s where s = 1 / (1 + exp(-x)) is a factor too: a sigmoid written out."""
    for s in factors:
        made = all_of.made.get(getattr(s, "id", ""))
        if not (isinstance(made, ast.BinOp) and isinstance(made.op, ast.Div)):
            continue
        wanted = ast.dump(simplified(ast.parse(ast.unparse(made.right), mode="eval").body, all_of))
        for divisor in divisors:
            tail = divisor.right if isinstance(divisor, ast.BinOp) else None
            above = [x for x in factors if tail is not None and ast.dump(x) == ast.dump(tail)]
            if ast.dump(divisor) == wanted and above:
                divisors.remove(divisor)
                factors[factors.index(above[0])] = ast.BinOp(ast.Constant(1), ast.Sub(), s)
                return


def built(number: Fraction, factors: list[Any], divisors: list[Any]) -> Any:
    """Return a product as a tree."""
    small = number.limit_denominator(4096)
    exact = float(small) == float(number)
    top, bottom = (abs(small.numerator), small.denominator) if exact else (abs(float(number)), 1)
    squared: list[Any] = []
    for each in factors:
        if squared and ast.dump(each) == ast.dump(squared[-1]):
            squared[-1] = ast.BinOp(each, ast.Pow(), ast.Constant(2))
        else:
            squared.append(each)
    scale: list[Any] = [ast.Constant(top)] if top != 1 or not squared else []
    if bottom != 1 and divisors:
        divisors = [ast.Constant(bottom), *divisors]
    elif bottom != 1:
        scale = [ast.BinOp(ast.Constant(top), ast.Div(), ast.Constant(bottom))]
    tree = joined_by(ast.Mult, [*scale, *squared])
    if divisors:
        tree = ast.BinOp(tree, ast.Div(), joined_by(ast.Mult, divisors))
    return ast.UnaryOp(ast.USub(), tree) if number < 0 else tree


def joined_by(sign: type[ast.operator], parts: list[Any]) -> Any:
    tree = parts[0]
    for part in parts[1:]:
        tree = ast.BinOp(tree, sign(), part)
    return tree
