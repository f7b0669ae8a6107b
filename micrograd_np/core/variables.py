"""What the user calls a value: `name=` first, then the path in a module, then a variable that holds it.

Frames are read, never written; nothing here changes what a program computes.
"""

from __future__ import annotations

import ast
import functools
import linecache
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, count
from types import CodeType, FrameType
from typing import Any

import numpy as np

from . import names as frames
from .tensor import Tensor

DEPTH = 6  # how far into attributes, lists and dicts a path goes
WIDTH = 1000  # a list that is longer holds data

FOLDING = ("sum", "reduce", "prod")  # Python's own, which call an op again and again

Variables = list[tuple[str, Any]]


class Names:
    """Names by the identity of values, which are held so that an identity stays theirs."""

    def __init__(self) -> None:
        self.modules: dict[int, tuple[str, str]] = {}  # what holds the module, and the path from there
        self.holders: dict[str, set[str]] = {}  # of each path, once it is asked for
        self.variables: dict[int, str] = {}
        self.paths: dict[int, str] = {}
        self.arrays: dict[int, tuple[str, Any]] = {}  # by what owns their memory
        self.bound: dict[int, tuple[str, str]] = {}  # of a graph's ops: the variable, and its name with a number
        self.graph: set[int] | None = None  # the values and modules of a picture; paths of others do not count
        self.runs: dict[str, dict[int, int]] = {}  # the runs of modules that are called alike
        self.held: list[Any] = []

    def __call__(self, value: Any) -> str | None:
        given = value.name if isinstance(value, Tensor) else None
        key = id(value)
        variable, bound = self.variables.get(key), self.bound.get(key, ("", ""))
        if bound[0] == variable:
            variable = bound[1]
        return given or self.in_module(key) or variable or self.paths.get(key) or bound[1] or self.row(value)

    def about(self, values: Iterable[Any], ops: Sequence[Any]) -> None:
        """Take the names that a graph's source gives; only its own modules decide how paths are written."""
        self.holders = {}
        self.graph = set(map(id, values))
        for call in {entry for op in ops for entry in op.scope if not isinstance(entry, str)}:
            self.graph.add(id(call()))
        self.bound = bindings(ops)

    def distinct(self, values: Iterable[Any]) -> dict[int, str | None]:
        """Names by identity; of values that different functions call alike, the later are numbered, as in source."""
        named = [(x, self(x)) for x in values]
        taken = {name for _, name in named}
        titles: dict[int, str | None] = {}
        seen: set[str | None] = {None}
        for x, name in named:
            if name and name in seen and name.isidentifier() and not getattr(x, "name", None):
                name = next(each for i in count(2) if (each := f"{name}_{i}") not in taken)
                taken.add(name)
            seen.add(name)
            titles[id(x)] = name
        return titles

    def in_module(self, key: int) -> str | None:
        """The path in a module, behind what holds the module where another has the same path."""
        if not self.holders:
            for part, (holder, path) in self.modules.items():
                if self.graph is None or part in self.graph:
                    self.holders.setdefault(path, set()).add(holder)
        holder, path = self.modules.get(key, ("", ""))
        return f"{holder}.{path}" if path and len(self.holders.get(path, ())) > 1 else path or holder

    def row(self, value: Any) -> str | None:
        """`X[2]` of a row of an array that has a name."""
        if not isinstance(value, np.ndarray):
            return None
        name, whole = self.arrays.get(id(owner(value)), ("", value))
        if not name or whole.shape[1:] != value.shape or whole.strides[1:] != value.strides or not whole.strides[0]:
            return None
        starts = [each.__array_interface__["data"][0] for each in (value, whole)]
        place, rest = divmod(starts[0] - starts[1], whole.strides[0])
        return f"{name}[{place}]" if not rest and 0 <= place < len(whole) else None

    def scope(self, value: Tensor) -> tuple[str, ...]:
        """The groups in which a value is drawn, the outermost first: the user's scopes, and runs of modules."""
        labels = [entry if isinstance(entry, str) else self.run(entry) for entry in value.scope]
        return tuple(label for label in labels if label)

    def run(self, call: Any) -> str:
        """Return `layers.0: Linear`; runs after the first, and steps of a recurrent cell, are numbered."""
        module = call()
        if module is None:
            return ""
        path, kind = self.in_module(id(module)), type(module).__name__
        label = f"{path}: {kind}" if path else kind
        runs = self.runs.setdefault(label, {})
        number = runs.setdefault(id(call), len(runs) + 1)
        if hasattr(module, "state_names"):
            return f"{label}, step {number}"
        return label if number == 1 else f"{label}, run {number}"

    def take(self, found: dict[int, str], named: Iterable[tuple[str, Any]]) -> None:
        """Enter names; those entered before stay."""
        for name, value in named:
            self.held.append(value)
            found.setdefault(id(value), name)

    def enter(self, holder: str, module: Any) -> None:
        """Take the paths of a module's tensors and parts; a variable that holds it comes before a list that does."""
        self.holders = {}
        for method in ("named_parameters", "named_tensors", "named_modules"):
            for path, part in getattr(module, method, list)():
                self.held.append(part)
                known = self.modules.get(id(part))
                if known is None or (holder.isidentifier() and not known[0].isidentifier()):
                    self.modules[id(part)] = holder, path

    def read(self, variables: Variables) -> None:
        """Take the names of a frame's variables, and of what hangs from them."""
        kept = [(name, value) for name, value in variables if name.isidentifier() and name[0] != "_"]
        self.take(self.variables, [(name, value) for name, value in kept if is_array(value)])
        for name, value in kept:
            if isinstance(value, np.ndarray):
                self.arrays.setdefault(id(owner(value)), (name, value))
        for name, value in kept:
            for path, part in inside(name, value):
                if is_module(part):
                    self.enter(path, part)
                else:
                    self.take(self.paths, [(path, part)])


def is_array(value: Any) -> bool:
    return isinstance(value, Tensor | np.ndarray)


def owner(value: Any) -> Any:
    """The array whose memory a view shows."""
    base = getattr(value, "base", None)
    return value if base is None else base


def is_module(value: Any) -> bool:
    return hasattr(type(value), "named_parameters")


def inside(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The modules, and the tensors and arrays in a user's object, list or dict, with their paths."""
    pending = [(name, value, 0)]
    seen = set()
    while pending:
        path, value, depth = pending.pop()
        if is_array(value):
            if depth:
                yield path, value
        elif is_module(value):
            yield path, value
        elif id(value) not in seen and depth < DEPTH:
            seen.add(id(value))
            pending += [(step, part, depth + 1) for step, part in reversed(parts(path, value))]


def parts(path: str, value: Any) -> Variables:
    """What hangs from a value: the items of a list or dict, the attributes of an object of the user's own class."""
    if isinstance(value, list | tuple | dict) and len(value) > WIDTH:
        return []
    if isinstance(value, dict):
        return [(f"{path}[{key!r}]", part) for key, part in value.items() if isinstance(key, str | int)]
    if isinstance(value, list | tuple):
        return [(f"{path}[{i}]", part) for i, part in enumerate(value)]
    if not is_users_class(type(value)):
        return []
    return [(f"{path}.{name}", part) for name, part in getattr(value, "__dict__", {}).items() if name[:1] != "_"]


def is_users_class(kind: type) -> bool:
    module = sys.modules.get(kind.__module__)
    return kind.__module__ == "__main__" or is_users(getattr(module, "__file__", None) or "<frozen")


@functools.cache
def libraries() -> tuple[str, ...]:
    import sysconfig

    return (
        "<frozen",
        "<entry of ",
        "<compiled ",
        *{sysconfig.get_path(place) for place in ("stdlib", "platstdlib", "purelib", "platlib")},
    )


@functools.cache
def is_users(filename: str) -> bool:
    """Whether a file is the user's: neither ours nor a library's."""
    library = filename.startswith(libraries()) and not filename.startswith(frames.ARTICLE)
    return frames.is_users(filename) and not library


def live(names: Names, ops: Iterable[Any] = ()) -> Names:
    """Take the names that the user's live frames give: first those in which the ops were made, the outermost first."""
    codes = {id(op.where[0]) for op in ops if getattr(op, "where", None)}
    found = []
    frame: FrameType | None = sys._getframe(1)
    while frame:
        if is_users(frame.f_code.co_filename):
            found.append(frame)
        frame = frame.f_back
    found.reverse()
    for frame in sorted(found, key=lambda frame: id(frame.f_code) not in codes):
        names.read(list(frame.f_locals.items()))
        names.read(list(frame.f_globals.items()))
    return names


def watch(function: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[Any, Names]:
    """A function's result, and the names that values had while it ran, the outermost first."""
    return watched(functools.partial(function, *args, **kwargs))


def watched(function: Callable[[], Any], kept: int | None = None) -> tuple[Any, Names]:
    """The same, of the last `kept` calls of each function, with and without a graph: a long training is not held.

    An inner function's name for what it was given serves for a leaf only: of a result, how it was made says more.
    """
    stack: list[tuple[FrameType, dict[str, Any]]] = []
    found: dict[tuple[CodeType, bool], deque[tuple[int, int, Variables]]] = {}
    numbers = count()

    def note(frame: FrameType, event: str, _: Any) -> None:
        if not is_users(frame.f_code.co_filename):
            return
        if event == "call":
            stack.append((frame, dict(frame.f_locals)))
        elif event == "return" and stack and stack[-1][0] is frame:
            passed = stack.pop()[1]
            variables = [
                (name, value)
                for name, value in frame.f_locals.items()
                if not stack or passed.get(name) is not value or getattr(value, "op", None) is None
            ]
            graph = any(getattr(value, "op", None) is not None for _, value in variables)
            calls = found.setdefault((frame.f_code, graph), deque(maxlen=kept))
            calls.append((len(stack), next(numbers), variables))

    before: Any = sys.getprofile()
    if before is None or callable(before):
        sys.setprofile(note)
    try:
        result = function()
    finally:
        if before is None or callable(before):
            sys.setprofile(before)
    names = live(Names())
    for _, _, variables in sorted(chain.from_iterable(found.values()), key=lambda call: call[:2]):
        names.read(variables)
    return result, names


def bindings(ops: Sequence[Any]) -> dict[int, tuple[str, str]]:
    """Return the variables that the source binds ops to, by id: `h = np.tanh(h)` in a loop makes h_1, h_2, ..."""
    spots: dict[Any, list[Any]] = {}
    for op in ops:
        if op.where:
            spots.setdefault((id(op.where[0]), op.where[1]), []).append(op)
    bound: dict[tuple[int, str], list[Any]] = {}
    for (code, _), made in spots.items():
        for name, each in results(made, target(*made[0].where)):
            bound.setdefault((code, name), []).append(each)
    found = {}
    for (_, name), values in bound.items():
        values.sort(key=lambda op: op.birth)
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

    def enter(to: Any, value: Any) -> None:
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in FOLDING:
            return  # one call makes many values, and binds the last
        if isinstance(to, ast.Name):
            found[place(value)] = (to.id,)
        elif isinstance(to, ast.Tuple) and isinstance(value, ast.Tuple):
            for part, each in zip(to.elts, value.elts, strict=False):
                enter(part, each)
        elif isinstance(to, ast.Tuple) and all(isinstance(part, ast.Name) for part in to.elts):
            found[place(value)] = tuple(part.id for part in to.elts if isinstance(part, ast.Name))

    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            enter(node.targets[0], node.value)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value:
            enter(node.target, node.value)
        elif isinstance(node, ast.AugAssign):
            enter(node.target, node)
    return found


def place(node: Any) -> tuple[int, int, int, int]:
    return node.lineno, node.end_lineno, node.col_offset, node.end_col_offset
