"""A chain rule as mathematics: lines in matrix notation, simplified as a textbook would, each with its reason.

A rule is NumPy source, and so is a line: rules are put into each other as syntax trees, simplified, and only then
typeset. So each line can be evaluated, and the tests compare it with the tape.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from .. import ops
from ..ops.primitive import Elementwise
from .scene import Edge, Node, Scene
from .text import label

MOST = 40  # lines, notes included
WIDEST = 12  # names and numbers in a line; a gradient that needs more has a line of its own
FUNCTIONS = {"exp", "log", "sin", "cos", "tan", "tanh", "sinh", "cosh", "max", "min"}  # that LaTeX has
TEMPLATES = {"sqrt": r"\sqrt{@}", "sigmoid": r"\sigma\left(@\right)", "abs": r"\left|@\right|"} | {
    name: rf"\mathrm{{{name}}}\left(@\right)" for name in ("softmax", "relu", "sign", "erfc")
}
ARRANGED = {"broadcast_to", "sum", "reshape", "expand_dims", "vecdot", "zeros_like"}
NOTATION = FUNCTIONS | ARRANGED | TEMPLATES.keys() | {"excess"}
COMPARISONS: dict[type, tuple[str, str]] = {  # and their opposites
    ast.LtE: (r"\le", ">"), ast.Lt: ("<", r"\ge"), ast.GtE: (r"\ge", "<"), ast.Gt: (">", r"\le"), ast.Eq: ("=", r"\ne"),
}  # fmt: skip


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
    """What the lines of one derivation share: the names of values and of gradients, and notes on rules."""

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
        if tree is None or not words <= calls | {"_g_"} | self.reads.keys() or not calls <= NOTATION:
            return self.opaque(edge, head, tail, tree, g)
        return Replace({"_g_": g}, self).visit(tree)  # type: ignore[no-any-return]

    def opaque(self, edge: Edge, head: Node, tail: Node, tree: ast.expr | None, g: ast.expr) -> ast.expr:
        """Return a rule without matrix notation as one call: `vjp_op(g; x)` with a note, or a selection transposed."""
        reads, sent, at = self.reads, edge.gradient, re.fullmatch(r"zeros\[([^,]*)\] \+= \w+", edge.rule)

        def run(g: Any) -> Any:
            found = value_of(tree, reads | {"_g_": g}) if tree else None
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
        if node.title and node.value is not None and hasattr(node.value, "dtype"):
            all_of.known[node.phrase.text] = key = all_of.name("v", symbol_of(node.title), node.value)
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
        writer = Writer(all_of)
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


def symbol_of(text: str) -> str:
    """Return a name as LaTeX: `l2` and `h_1` have a subscript, longer words are upright."""
    found = re.fullmatch(r"([A-Za-z]+)_?(\d+)", text)
    stem, subscript = (found[1], f"_{{{found[2]}}}") if found else (text, "")
    return (stem if len(stem) == 1 else rf"\mathrm{{{escape(stem)}}}") + subscript


def escape(text: str) -> str:
    """Return text with LaTeX's own signs escaped."""
    return re.sub(r"([_#$%&{}])", r"\\\1", text).replace("…", r"\ldots ")


def named(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def call(name: str, *args: ast.expr) -> ast.Call:
    return ast.Call(named(name), list(args), [])


def evaluate(source: str, reads: dict[str, Any]) -> Any:
    """Return the value of a formula, whose functions are NumPy's and the table's."""
    functions = {key: getattr(np, key) for key in dir(np) if key[0] != "_"} | dict(ops.FUNCTIONS)
    functions |= {name: row.kernel for name, row in ops.TABLE.items() if name not in functions}
    return eval(source, functions, dict(reads))  # a formula of ours, of names that it was given


def value_of(tree: ast.expr, reads: dict[str, Any]) -> Any:
    """Return the value of a tree, or None where NumPy's names alone do not give it."""
    try:
        with np.errstate(all="ignore"):
            return evaluate(ast.unparse(tree), reads)
    except Exception:
        return None


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
    return linear(tree, all_of)


def linear(tree: Any, all_of: Derivation) -> Any:
    """Return a sum of products with its number in front."""
    if isinstance(tree, ast.Call) and getattr(tree.func, "id", "") == "sum":
        number, factors, divisors = parts_of(tree.args[0], all_of)
        if number != 1 and factors:
            inner = ast.Call(tree.func, [built(Fraction(1), factors, divisors)], tree.keywords)
            return built(number, [inner], [])
    return tree


def is_product(tree: Any) -> bool:
    product = isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Mult | ast.Div)
    return product or (isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub))


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
        number, factors, divisors = parts_of(simplified(part, all_of), all_of)
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


def parts_of(tree: Any, all_of: Derivation) -> tuple[Fraction, list[Any], list[Any]]:
    """Return a product as a number, factors and divisors."""
    if isinstance(tree, ast.Constant) and isinstance(tree.value, int | float) and np.isfinite(tree.value):
        return Fraction(tree.value), [], []
    if not is_product(tree):
        return Fraction(1), [tree], []
    if isinstance(tree, ast.UnaryOp):
        number, factors, divisors = parts_of(tree.operand, all_of)
        return -number, factors, divisors
    number, factors, divisors = parts_of(tree.left, all_of)
    other, above, below = parts_of(tree.right, all_of)
    if isinstance(tree.op, ast.Mult):
        return number * other, factors + above, divisors + below
    if not other:
        return number, factors, [*divisors, tree.right]
    return number / other, factors + below, divisors + above


def multiplied(tree: Any, all_of: Derivation) -> Any:
    number, factors, divisors = parts_of(tree, all_of)
    factors, divisors = [[simplified(x, all_of) for x in part] for part in (factors, divisors)]
    for each, of in [*((x, 1) for x in factors), *((x, -1) for x in divisors)]:  # numbers that simplifying left
        more, inner, under = parts_of(each, all_of)
        if (more != 1 or is_product(each)) and (more or of > 0):
            number *= more**of
            for here, new in ((factors, inner), (divisors, under)) if of > 0 else ((divisors, inner), (factors, under)):
                here += new
            (factors if of > 0 else divisors).remove(each)
    kept: list[Any] = []
    for each in without_ones(factors, divisors, all_of):
        more, inner, under = parts_of(each, all_of)
        number, kept = (number * more, kept) if not inner and not under else (number, [*kept, each])
    factors = kept
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


def without_ones(factors: list[Any], divisors: list[Any], all_of: Derivation) -> list[Any]:
    """Return factors without those that only repeat a number to a shape that another factor has."""
    for each in factors:
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id == "broadcast_to":
            shape = np.shape(value_of(each, all_of.reads))
            others = [x for x in (*factors, *divisors) if x is not each]
            if any(np.shape(value_of(x, all_of.reads)) == shape for x in others):
                kept = [] if isinstance(each.args[0], ast.Constant) and each.args[0].value == 1 else [each.args[0]]
                return without_ones([*kept, *(x for x in factors if x is not each)], divisors, all_of)
    return factors


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


class Writer:
    """Writes a tree as LaTeX; shapes decide between products of entries and of numbers."""

    def __init__(self, all_of: Derivation) -> None:
        self.all_of = all_of
        self.named = {ast.dump(tree): key for key, tree in all_of.made.items()}

    def write(self, node: Any, tight: bool = False) -> str:
        if isinstance(node, ast.BinOp):
            text = self.binary(node)
            return rf"\left({text}\right)" if tight and not isinstance(node.op, ast.Div | ast.Pow) else text
        if isinstance(node, ast.UnaryOp):
            inner = node.operand
            if isinstance(node.op, ast.Invert) and isinstance(inner, ast.Compare):
                return self.compare(inner, 1)
            sign = "-" if isinstance(node.op, ast.USub) else r"\lnot "
            text = f"{sign}{self.write(inner, not is_product(inner))}"
            return rf"\left({text}\right)" if tight else text
        if isinstance(node, ast.Name):
            return self.all_of.latex.get(node.id) or symbol_of(node.id)
        if isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
            return f"{{{self.write(node.value, True)}}}^{{\\top}}"
        if isinstance(node, ast.Compare):
            return self.compare(node, 0)
        if isinstance(node, ast.Call) and (made := self.named.get(ast.dump(node))):
            return self.all_of.latex[made]
        if isinstance(node, ast.Subscript):
            return rf"{{{self.write(node.value, True)}}}_{{[{self.plain(node.slice)}]}}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return self.call(node, node.func.id)
        number = node.value if isinstance(node, ast.Constant) else None
        if isinstance(number, int | float):
            return f"{number:.4g}" if isinstance(number, float) else str(number)
        return rf"\mathtt{{{self.plain(node)}}}"

    def compare(self, node: ast.Compare, opposite: int) -> str:
        """Return 1 where a condition holds, else 0, in Iverson's brackets."""
        sign = COMPARISONS.get(type(node.ops[0]), (r"\ne", "="))[opposite]
        return rf"\left[{self.write(node.left)} {sign} {self.write(node.comparators[0])}\right]"

    def binary(self, node: ast.BinOp) -> str:
        if isinstance(node.op, ast.Div):
            return rf"\frac{{{self.write(node.left)}}}{{{self.write(node.right)}}}"
        if isinstance(node.op, ast.Pow):
            return f"{{{self.write(node.left, True)}}}^{{{self.write(node.right)}}}"
        if isinstance(node.op, ast.Mult):
            flat = isinstance(node.left, ast.BinOp) and isinstance(node.left.op, ast.Mult)
            left, right = self.write(node.left, not flat), self.write(node.right, True)
            both = self.is_array(node.left) and self.is_array(node.right)
            return left + (r" \odot " if both else r" \, ") + right
        if isinstance(node.op, ast.MatMult):
            return rf"{self.write(node.left, True)} \, {self.write(node.right, True)}"
        tight = isinstance(node.op, ast.Sub) and isinstance(node.right, ast.BinOp) and not is_product(node.right)
        sign = "-" if isinstance(node.op, ast.Sub) else "+"
        return f"{self.write(node.left)} {sign} {self.write(node.right, tight)}"

    def call(self, node: ast.Call, function: str) -> str:
        args = [self.write(x) for x in node.args]
        if function == "broadcast_to":
            return r"\mathbf{1}" if args[0] == "1" else rf"{self.write(node.args[0], True)} \, \mathbf{{1}}"
        if function == "sum":
            axis = "".join(ast.unparse(x.value) for x in node.keywords if x.arg == "axis")
            inner = self.write(node.args[0], True)
            forms = {"0": rf"\mathbf{{1}}^{{\top}} \, {inner}", "-1": rf"{inner} \, \mathbf{{1}}"}
            return forms.get(axis, rf"\textstyle\sum{'_{' + axis + '}' if axis else ''} {inner}")
        if function == "vecdot":
            return rf"\left({args[0]} \odot {self.write(node.args[1], True)}\right) \mathbf{{1}}"
        if function in ("reshape", "expand_dims"):  # the same numbers
            return args[0]
        if function in FUNCTIONS:
            return rf"\{function}\left({', '.join(args)}\right)"
        form = TEMPLATES.get(function) or self.all_of.latex.get(function)
        if form:
            return form.replace("@", args[0])
        return rf"\mathrm{{{escape(function)}}}\left({', '.join(args)}\right)"

    def is_array(self, node: Any) -> bool:
        value = value_of(node, self.all_of.reads)
        return value is None or np.ndim(value) > 0

    def plain(self, node: Any) -> str:
        text = escape(ast.unparse(node))
        for key, latex in self.all_of.latex.items():
            text = text.replace(escape(key), latex)
        return text
