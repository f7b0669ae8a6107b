"""A chain rule as mathematics: one line for each gradient on the way, in matrix notation, with its reason."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import ops
from .scene import Edge, Node, Scene
from .text import label

MOST = 40  # lines
FUNCTIONS = {"exp", "log", "sin", "cos", "tan", "tanh", "sinh", "cosh", "max", "min"}  # that LaTeX has
SIGNS: dict[type, str] = {ast.Add: " + ", ast.Sub: " - ", ast.MatMult: r" \, "}


@dataclass
class Line:
    """One gradient: `symbol = latex`, the same as NumPy source, and what that source reads."""

    symbol: str
    latex: str
    reason: str
    source: str
    reads: dict[str, Any]
    value: Any


def derive(scene: Scene, words: Iterable[Node]) -> list[Line]:
    """Return a line for each gradient of an explained scene, from the output back."""
    boxes = {node.id: node for node in scene.nodes}
    symbols = {node.id: symbol(node, i, node is scene.nodes[0]) for i, node in enumerate(scene.nodes)}
    leaving: dict[str, list[Edge]] = {}
    for edge in scene.edges:
        if edge.flows:
            leaving.setdefault(edge.tail, []).append(edge)
    known = {
        node.phrase.text: (name(node.title), node.value) for node in words if node.title and node.value is not None
    }
    lines = []
    for node in reversed(scene.nodes):
        terms = [
            written(f"_{i}", edge, boxes[edge.head], scene.g, known, symbols)
            for i, edge in enumerate(leaving.get(node.id, []))
        ]
        if terms:
            made = ", ".join(dict.fromkeys(step_reason(boxes[edge.head]) for edge in leaving[node.id]))
            latex = " + ".join(term[0] for term in terms).replace("+ -", "- ")
            source = " + ".join(f"({term[1]})" for term in terms)
            reads = {key: value for term in terms for key, value in term[2].items()}
            lines.append(Line(symbols[node.id], latex, made, source, reads, node.gradient))
    return lines


def typeset(lines: list[Line]) -> str:
    """Return lines as an aligned block; of many, the first and the last."""
    rows = [rf"{line.symbol} &= {line.latex} && \text{{{latex_text(line.reason)}}}" for line in lines]
    if len(rows) > MOST:
        rows = [*rows[: MOST // 2], r"&\;\;\vdots", *rows[1 - MOST // 2 :]]
    body = " \\\\\n".join(rows)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def symbol(node: Node, number: int, last: bool) -> str:
    """Return the symbol of a gradient: ∂L/∂w for the tensor that is explained, δ for the values on the way."""
    if last and node.title:
        return rf"\frac{{\partial L}}{{\partial {name(node.title)}}}"
    return rf"\delta_{{{name(node.title) if node.title else number}}}"


def step_reason(head: Node) -> str:
    return f"folded: {label(head)}" if head.kind == "fold" else f"{head.title} = {head.text}".removeprefix(" = ")


def written(
    prefix: str, edge: Edge, head: Node, g: str, words: dict[str, tuple[str, Any]], symbols: dict[str, str]
) -> tuple[str, str, dict[str, Any]]:
    """Return what a rule sends as LaTeX, as source, and what the source reads."""
    start = head.kind == "output" and np.size(head.gradient) == 1 and np.all(head.gradient == 1)
    known = {"z": ("z", head.value)} | words | {g: ("1" if start else symbols[head.id], head.gradient)}
    source, places = edge.rule, {}
    if not head.title and head.text and "…" not in head.text and "z" not in words:
        source = re.sub(r"\bz\b", f"({head.text})", source)  # a value without a name is written out
    for i, text in enumerate(sorted(known, key=len, reverse=True)):
        source, found = re.subn(rf"(?<![\w.']){re.escape(text)}(?![\w'])", f"{prefix}_{i}_", source)
        if found:
            places[f"{prefix}_{i}_"] = known[text]
    try:
        tree = ast.parse(source, mode="eval").body
    except SyntaxError:
        return vjp(head, symbols), source, {}
    reads = {key: value for key, (_, value) in places.items()}
    return Writer({key: latex for key, (latex, _) in places.items()}, reads).write(tree), source, reads


def vjp(head: Node, symbols: dict[str, str]) -> str:
    """Return the form of a rule that has no formula."""
    return rf"\mathrm{{vjp}}_{{{latex_text(label(head))}}}({symbols[head.id]})"


class Writer:
    """Writes a NumPy expression as LaTeX; shapes decide between products of entries and of numbers."""

    def __init__(self, words: dict[str, str], reads: dict[str, Any]) -> None:
        self.words = words
        self.reads = reads

    def write(self, node: Any, tight: bool = False) -> str:
        if isinstance(node, ast.BinOp):
            text = self.binary(node)
            return rf"\left({text}\right)" if tight and not isinstance(node.op, ast.Div) else text
        if isinstance(node, ast.UnaryOp):
            sign = "-" if isinstance(node.op, ast.USub) else r"\lnot "
            return f"{sign}{self.write(node.operand, True)}"
        if isinstance(node, ast.Name):
            return self.words.get(node.id) or name(node.id)
        if isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
            return f"{{{self.write(node.value, True)}}}^{{\\top}}"
        if isinstance(node, ast.Call):
            return self.call(node)
        return (
            rf"\mathtt{{{latex_text(self.named(ast.unparse(node)))}}}"
            if not isinstance(node, ast.Constant)
            else str(node.value)
        )

    def binary(self, node: ast.BinOp) -> str:
        if isinstance(node.op, ast.Div):
            return rf"\frac{{{self.write(node.left)}}}{{{self.write(node.right)}}}"
        if isinstance(node.op, ast.Pow):
            return f"{{{self.write(node.left, True)}}}^{{{self.write(node.right)}}}"
        if isinstance(node.op, ast.Mult):
            left, right = self.write(node.left, True), self.write(node.right, True)
            if left in ("1", r"\mathbf{1}"):
                return right
            return left + (r" \odot " if self.is_array(node.left) and self.is_array(node.right) else r" \, ") + right
        tight = not isinstance(node.op, ast.Add)
        left = self.write(node.left, isinstance(node.op, ast.MatMult))
        return left + SIGNS.get(type(node.op), r" \cdot ") + self.write(node.right, tight)

    def call(self, node: ast.Call) -> str:
        function = node.func.id if isinstance(node.func, ast.Name) else ""
        args = [self.write(x) for x in node.args]
        if function == "broadcast_to":
            return r"\mathbf{1}" if args[0] == "1" else rf"{args[0]} \, \mathbf{{1}}"
        if function == "sum" and [ast.unparse(x) for x in node.keywords] == ["axis=0"]:
            return rf"\mathbf{{1}}^{{\top}} {self.write(node.args[0], True)}"
        if function in FUNCTIONS:
            return rf"\{function}\left({', '.join(args)}\right)"
        if function:
            listed = [*args, *(rf"\mathtt{{{latex_text(self.named(ast.unparse(x)))}}}" for x in node.keywords)]
            return rf"\mathrm{{{latex_text(function)}}}\left({', '.join(listed)}\right)"
        return rf"\mathtt{{{latex_text(self.named(ast.unparse(node)))}}}"

    def is_array(self, node: Any) -> bool:
        try:
            return np.ndim(evaluate(ast.unparse(node), self.reads)) > 0
        except Exception:  # a part that NumPy's names alone do not give
            return True

    def named(self, text: str) -> str:
        for key, latex in self.words.items():
            text = text.replace(key, latex)
        return text


def evaluate(source: str, reads: dict[str, Any]) -> Any:
    """Return the value of a formula, whose functions are NumPy's and the table's."""
    functions = {key: getattr(np, key) for key in dir(np) if key[0] != "_"} | dict(ops.FUNCTIONS)
    return eval(source, functions, dict(reads))  # a formula of ours, of names that it was given


def name(text: str) -> str:
    """Return a name as LaTeX: `l2` and `h_1` have a subscript, longer words are upright."""
    found = re.fullmatch(r"([A-Za-z]+)_?(\d+)", text)
    stem, subscript = (found[1], f"_{{{found[2]}}}") if found else (text, "")
    return (stem if len(stem) == 1 else rf"\mathrm{{{latex_text(stem)}}}") + subscript


def latex_text(text: str) -> str:
    """Return text with LaTeX's own signs escaped."""
    return re.sub(r"([_#$%&{}])", r"\\\1", text)
