"""NumPy expressions, as syntax trees, written in LaTeX: matrix notation, with a ⊙ between arrays."""

from __future__ import annotations

import ast
import re
from typing import Any

import numpy as np

from .. import ops

FUNCTIONS = {"exp", "log", "sin", "cos", "tan", "tanh", "sinh", "cosh", "max", "min"}  # that LaTeX has
TEMPLATES = {"sqrt": r"\sqrt{@}", "sigmoid": r"\sigma\left(@\right)", "abs": r"\left|@\right|"}
ARRANGED = {"broadcast_to", "sum", "reshape", "expand_dims", "vecdot", "zeros_like"}
NOTATION = FUNCTIONS | ARRANGED | TEMPLATES.keys() | {"excess", "softmax", "relu", "sign", "erfc"}
COMPARISONS: dict[type, tuple[str, str]] = {  # and their opposites
    ast.LtE: (r"\le", ">"), ast.Lt: ("<", r"\ge"), ast.GtE: (r"\ge", "<"), ast.Gt: (">", r"\le"), ast.Eq: ("=", r"\ne"),
}  # fmt: skip


def symbol_of(text: str) -> str:
    """Return a name as LaTeX: `l2` and `h_1` have a subscript, longer words are upright."""
    found = re.fullmatch(r"([A-Za-z]+)_?(\d+)", text)
    stem, subscript = (found[1], f"_{{{found[2]}}}") if found else (text, "")
    return (stem if len(stem) == 1 else rf"\mathrm{{{escape(stem)}}}") + subscript


def escape(text: str) -> str:
    """Return text with LaTeX's own signs escaped."""
    return re.sub(r"([_#$%&{}])", r"\\\1", text).replace("…", r"\ldots ")


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


def is_product(tree: Any) -> bool:
    product = isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Mult | ast.Div)
    return product or (isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub))


class Writer:
    """Writes a tree as LaTeX; shapes decide between products of entries and of numbers."""

    def __init__(self, latex: dict[str, str], reads: dict[str, Any], made: dict[str, ast.expr]) -> None:
        self.latex, self.reads = latex, reads
        self.named = {ast.dump(tree): key for key, tree in made.items()}

    def write(self, node: Any, tight: bool = False) -> str:
        match node:
            case ast.BinOp(op=operator):
                text = self.binary(node)
                return rf"\left({text}\right)" if tight and not isinstance(operator, ast.Div | ast.Pow) else text
            case ast.UnaryOp(ast.Invert(), ast.Compare() as inner):
                return self.compare(inner, 1)
            case ast.UnaryOp(operator, inner):
                sign = "-" if isinstance(operator, ast.USub) else r"\lnot "
                text = f"{sign}{self.write(inner, not is_product(inner))}"
                return rf"\left({text}\right)" if tight else text
            case ast.Name(name):
                return self.latex.get(name) or symbol_of(name)
            case ast.Attribute(value, "T" | "mT"):
                return f"{{{self.write(value, True)}}}^{{\\top}}"
            case ast.Compare():
                return self.compare(node, 0)
            case ast.Call(ast.Name("excess"), [x, y]):
                p = ast.Call(ast.Name("softmax", ast.Load()), [x], [])
                return self.write(ast.BinOp(p, ast.Sub(), y), tight)
            case ast.Call() if made := self.named.get(ast.dump(node)):
                return self.latex[made]
            case ast.Subscript(value, index):
                return rf"{{{self.write(value, True)}}}_{{[{self.plain(index)}]}}"
            case ast.Call(ast.Name(function)):
                return self.call(node, function)
            case ast.Constant(int() | float() as number):
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
        if form := TEMPLATES.get(function) or self.latex.get(function):
            return form.replace("@", args[0])
        name = rf"\{function}" if function in FUNCTIONS else rf"\mathrm{{{escape(function)}}}"
        return rf"{name}\left({', '.join(args)}\right)"

    def is_array(self, node: Any) -> bool:
        value = value_of(node, self.reads)
        return value is None or np.ndim(value) > 0

    def plain(self, node: Any) -> str:
        text = escape(ast.unparse(node))
        for key, latex in self.latex.items():
            text = text.replace(escape(key), latex)
        return text
