"""The graph of a picture: values in the order of computation, arrows between them, names and scopes.

A picture shows a few hundred boxes at most, and a graph may have a million values. So all that is known of each value
is a number in a list or an array here; boxes are made only for what is shown.
"""

from __future__ import annotations

import ast
import functools
import linecache
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from operator import attrgetter
from types import CodeType, SimpleNamespace
from typing import Any

import numpy as np

from ..core.names import Names
from ..core.tensor import Tensor
from ..expressions.phrases import short
from ..ops.shape import alias
from ..program import Program
from ..program.ir import Value
from ..program.source import Source

Scope = tuple[str, ...]  # labels of the frames around a box, the outermost first

LEAVES = ("constant", "frozen", "leaf")
GRADIENTS = ("g", "grad", "gradient", "cotangent", "…")


@dataclass
class Graph:
    """The values of a picture, before any are folded; a number in it is the place of a value in these lists."""

    values: list[Any]  # arguments before results; an operation has `op`, `args` and `params`
    kinds: list[str]  # constant, frozen, leaf, operation or output
    titles: list[str | None]  # the user's names
    place: dict[int, int]  # by the id of a value; an alias has the place of what it is an alias of
    kept: Collection[int] = ()  # values that are never folded
    scopes: list[Scope] = field(default_factory=list)
    used: dict[int, Any] = field(default_factory=dict)  # of a plain array, what the first operation found in it
    g: str = "g"  # the name of the arriving gradient in formulas: g, unless the user has a value called g
    program: bool = False  # whether it shows steps, which have no numbers

    def __post_init__(self) -> None:
        self.made = np.array([kind not in LEAVES for kind in self.kinds], bool)
        self.ops = np.flatnonzero(self.made)
        self.scopes = self.scopes or [()] * len(self.values)
        ends = array("q")
        for head in self.ops.tolist():
            x = self.values[head]
            with_rule = range(len(x.args)) if self.program else [i for i, _ in x._paths]
            for i, arg in enumerate(x.args):
                if (tail := self.place.get(id(arg))) is not None:
                    ends.extend((tail, head, i, i in with_rule))
                    if not self.program and not isinstance(arg, Tensor):
                        self.used.setdefault(tail, x._values[i])  # the array may have been written to since
        # An arrow for each use of a value: where it begins and ends, the argument's position, and whether the op has a
        # rule for this argument.
        self.tail, self.head, self.position, has_rule = np.array(ends, np.int64).reshape(-1, 4).T.copy()
        self.has_rule = has_rule.astype(bool)
        taken = {title for title in self.titles if title}
        self.taken = taken | {title.partition(".")[0] for title in taken}  # of c1.weight also c1, a module
        self.counts: Counter[str] = Counter()
        # Generated names of leaves.
        self.tags = {i: self.new_tag(self.kinds[i]) for i in np.flatnonzero(~self.made).tolist() if not self.titles[i]}

    def title(self, place: int) -> str:
        """Return a value's name, or the one generated for a leaf; empty for an operation without a name."""
        return self.titles[place] or self.tags.get(place, "")

    def new_tag(self, kind: str) -> str:
        """Return a name for a value that has none: w1, c1, v1, ... for leaves, constants and results."""
        letter = {"leaf": "w", "constant": "c", "frozen": "c"}.get(kind, "v")
        self.counts[letter] += 1
        tag = f"{letter}{self.counts[letter]}"
        return self.new_tag(kind) if tag in self.taken else tag


def graph_of(outputs: Sequence[Tensor], names: Names, keep: Collection[int] = ()) -> Graph:
    """Return the graph of some outputs; values whose ids are in `keep` are never folded."""
    every = walk(outputs)
    ops = [x for x in every if getattr(x, "op", None) is not None]
    names.restrict_to_graph(every, ops, bindings(ops))
    labels = {id(op.scope): names.scope_labels(op) for op in {id(op.scope): op for op in ops if op.scope}.values()}
    called = names.unique(every)
    final = {id(x) for x in outputs}
    drawn = final.union(keep)
    shown: list[Any] = []
    place: dict[int, int] = {}
    for x in every:
        if getattr(x, "op", None) is alias and x.args and id(x) not in drawn:
            place[id(x)] = place[id(x.args[0])]  # the value is a box, and takes the name of its alias
            value = id(shown[place[id(x)]])
            called[value] = called[value] or called[id(x)]
        else:
            place[id(x)] = len(shown)
            shown.append(x)
    kinds = [kind(x, id(x) in final) for x in shown]
    titles = [called[id(x)] for x in shown]
    scopes = [labels.get(id(getattr(x, "scope", None)), ()) for x in shown]
    g = next(letter for letter in GRADIENTS if letter not in titles)
    kept = {place[each] for each in keep if each in place}
    graph = Graph(shown, kinds, titles, place, kept, scopes, g=g)
    place_weights(graph, names)
    drop_single(graph)
    return graph


def program_graph(program: Program) -> Graph:
    """Return the graph of a program; it has no numbers, which come with each call."""
    steps = program.simple
    source = Source(steps)
    source.text()
    names = source.naming.given
    ends = [*steps.result, *(value for _, value in steps.writes), *(g for _, g in steps.gradients)]
    final = {end for end in ends if isinstance(end, Value)}
    changed = {target for target, _ in [*steps.writes, *steps.gradients]}
    made: dict[Value, Any] = {value: value for value in steps.inputs()}
    kinds = ["leaf" if value in changed else "constant" for value in made]
    titles: list[str | None] = [names[value] for value in made]
    for step in steps.steps:
        args = tuple(made.get(x, short(x.of)) if isinstance(x, Value) else x for x in step.inputs)
        output = step.output
        made[output] = SimpleNamespace(  # with what the graph of a picture reads of an op
            op=step.op, args=args, params=step.params, shape=output.shape, dtype=output.dtype, _created_at=step.where
        )
        kinds.append("output" if output in final else "operation")
        titles.append(names.get(output) or source.naming.suggested(output))
    values = list(made.values())
    return Graph(values, kinds, titles, {id(x): i for i, x in enumerate(values)}, program=True)


def kind(x: Any, final: bool) -> str:
    if not isinstance(x, Tensor):
        return "constant"
    if x.op is not None:
        return "output" if final else "operation"
    return "leaf" if x.requires_grad else "constant" if x.grad is None else "frozen"


def place_weights(graph: Graph, names: Names) -> None:
    """Put each weight into the group that contains all its uses; a module's inputs stay outside of its frame."""
    users: dict[int, dict[Scope, None]] = {}
    for tail, head in zip(graph.tail.tolist(), graph.head.tolist(), strict=True):
        if not graph.made[tail]:
            users.setdefault(tail, {})[graph.scopes[head]] = None
    for leaf, scopes in users.items():
        if graph.kinds[leaf] in ("leaf", "frozen"):
            scope = common(scopes)
            own = id(graph.values[leaf]) in names.modules
            graph.scopes[leaf] = scope if own else tuple(takewhile(lambda label: not is_module(label), scope))


def drop_single(graph: Graph) -> None:
    """Remove the frame around a module that has only one box."""
    counts: Counter[Scope] = Counter()
    for scope, count in Counter(graph.scopes).items():
        for depth in range(1, len(scope) + 1):
            counts[scope[:depth]] += count
    graph.scopes = [
        scope[:-1] if scope and counts[scope] == 1 and is_module(scope[-1]) else scope for scope in graph.scopes
    ]


def is_module(label: str) -> bool:
    """Return whether a group is a module's call, such as `layers.0: Linear`, and not a scope of the user."""
    return ": " in label


def common(scopes: Iterable[Scope]) -> Scope:
    """Return the outer groups that all the scopes share."""
    shared = takewhile(lambda labels: len(set(labels)) == 1, zip(*scopes, strict=False))
    return tuple(labels[0] for labels in shared)


def walk(outputs: Sequence[Tensor]) -> list[Any]:
    """Return every value that the outputs were made from, each before its first use."""
    order: dict[int, Any] = {}
    for node in ops_of(outputs):
        order |= {id(x): x for x in node.args if is_box(x) and id(x) not in order}
        order[id(node)] = node
    return list((order | {id(x): x for x in outputs}).values())


def ops_of(outputs: Sequence[Tensor]) -> list[Tensor]:
    """Return the ops that the outputs were made by, the oldest first."""
    found: dict[int, Tensor] = {}
    pending = [x for x in outputs if x.op is not None]
    while pending:
        node = pending.pop()
        if id(node) not in found:
            found[id(node)] = node
            pending += [x for x in node.args if isinstance(x, Tensor) and x.op is not None]
    return sorted(found.values(), key=attrgetter("_order"))


def reached(ops: Sequence[Tensor], tensor: Tensor, by_gradient: bool = True) -> set[int]:
    """Return the ids of the tensor and of all made from it; with `by_gradient`, only where a gradient comes back."""
    found = {id(tensor)}
    for op in ops:
        args = [op.args[i] for i, _ in op._paths] if by_gradient and op.args else op.args
        if not found.isdisjoint(map(id, args)):
            found.add(id(op))
    return found


def is_box(x: Any) -> bool:
    """Return whether an argument has a box of its own; numbers are written into the box of the op."""
    return isinstance(x, Tensor) or getattr(x, "ndim", 0) > 0


FOLDING = ("sum", "reduce", "prod")  # Python's own, which call an op again and again
place = attrgetter("lineno", "end_lineno", "col_offset", "end_col_offset")


def bindings(ops: Sequence[Any]) -> dict[int, tuple[str, str]]:
    """Return the variables that the source binds ops to, by id: `h = np.tanh(h)` in a loop makes h_1, h_2, ..."""
    spots: dict[Any, list[Any]] = {}
    for op in ops:
        if op._created_at:
            spots.setdefault(op._created_at, []).append(op)
    bound: dict[tuple[CodeType, str], list[Any]] = {}
    for (code, instruction), made in spots.items():
        for name, each in results(made, target(code, instruction)):
            if name[0] != "_":  # so the user says that it is no name
                bound.setdefault((code, name), []).append(each)
    found = {}
    for (_, name), values in bound.items():
        values.sort(key=attrgetter("_order"))
        for i, value in enumerate(values, 1):
            found[id(value)] = name, name if len(values) == 1 else f"{name}_{i}"
    return found


def results(made: list[Any], names: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Yield what the ops of one instruction gave to its targets: of each run, the last op, or its several outputs."""
    if not names:
        return
    calls = [next((entry for entry in op.scope if not isinstance(entry, str)), None) for op in made]
    period = turn([op.op for op in made])
    starts = [i for i, call in enumerate(calls) if (call is not calls[i - 1] or i == 0 if call else i % period == 0)]
    for start, stop in zip(starts, [*starts[1:], len(made)], strict=True):
        if len(names) == 1:
            yield names[0], made[stop - 1]
        else:  # an output is the op that takes it out of the others
            outputs = [op for op in made[start:stop] if op.params and op.params.keys() == {"i"}]
            yield from ((names[op.params["i"]], op) for op in outputs if op.params["i"] < len(names))


def turn(ops: list[Any]) -> int:
    """Return the length of the shortest sequence that a list repeats."""
    places = [i for i in range(1, len(ops)) if ops[i] is ops[0] and len(ops) % i == 0][:16]
    return next((i for i in places if ops[i:] == ops[:-i]), len(ops))


def target(code: CodeType, instruction: int) -> tuple[str, ...]:
    """Return the variables that a statement binds an instruction's result to."""
    position = list(code.co_positions())[instruction // 2]
    return targets("".join(linecache.getlines(code.co_filename))).get(position, ())


@functools.lru_cache(32)
def targets(source: str) -> dict[Any, tuple[str, ...]]:
    """Return the variables that each expression of a source is bound to, by the expression's place."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return {}
    found: dict[Any, tuple[str, ...]] = {}
    for node in ast.walk(tree):
        to: Any = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value: Any = node if isinstance(node, ast.AugAssign) else getattr(node, "value", None)
        each_alone = isinstance(to, ast.Tuple) and isinstance(value, ast.Tuple)
        for part, made in zip(to.elts, value.elts, strict=False) if each_alone else [(to, value)]:
            names: list[Any] = part.elts if isinstance(part, ast.Tuple) else [part]
            # A call of Python's sum makes many values, and binds the last.
            is_folding = isinstance(made, ast.Call) and getattr(made.func, "id", "") in FOLDING
            if made and not is_folding and all(isinstance(name, ast.Name) for name in names):
                found[place(made)] = tuple(name.id for name in names)
    return found
