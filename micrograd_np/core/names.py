"""The user's own lines and names, which errors and pictures show."""

from __future__ import annotations

import functools
import linecache
import os
import re
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, count
from types import CodeType, FrameType
from typing import Any

import numpy as np

Location = tuple[CodeType, int]

ENGINE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
# The article's networks count as user code, although they are in the package.
ARTICLE = ENGINE + "article" + os.sep


NUMPY = os.path.dirname(np.__file__) + os.sep
STANDARD = (os.path.dirname(os.__file__) + os.sep, "<frozen")
GENERATED = "<guard of "  # begins the file name of generated code that checks the calls of compiled functions
INSTALLED = re.compile(r"[/\\](site|dist)-packages[/\\]")


class InternalFiles(dict[str, bool]):
    """A cache by file name: True if the file is the engine's own, the standard library's or NumPy's."""

    def __missing__(self, filename: str) -> bool:
        engine = filename.startswith((ENGINE, GENERATED, NUMPY)) and not filename.startswith(ARTICLE)
        self[filename] = engine or (filename.startswith(STANDARD) and not INSTALLED.search(filename))
        return self[filename]


INTERNAL = InternalFiles()


def user_frame() -> FrameType:
    """Return the innermost frame outside the engine."""
    frame = sys._getframe(1)
    while INTERNAL[frame.f_code.co_filename] and frame.f_back is not None:
        frame = frame.f_back
    return frame


def caller_location(depth: int = 2) -> Location:
    """Return where the user's code is now: the code object and the instruction. A frame would keep values alive.

    The search starts `depth` calls up, as the user's code cannot be nearer.
    """
    frame: Any = sys._getframe(depth)
    code = frame.f_code
    while INTERNAL[code.co_filename] and frame.f_back:
        frame = frame.f_back
        code = frame.f_code
    return code, frame.f_lasti


def format_location(where: Location) -> str:
    """Return a location as text, such as `file.py:12: loss = np.sum(e * e)`; the cell of a notebook has no file."""
    code, instruction = where
    positions = list(code.co_positions())[instruction // 2]  # an instruction takes two bytes
    number = positions[0] or code.co_firstlineno
    text = linecache.getline(code.co_filename, number).strip()
    file = "cell" if "ipykernel_" in code.co_filename else os.path.basename(code.co_filename)
    return f"{file}:{number}" + (f": {text}" if text else "")


def printable(text: str) -> str:
    """Return the text with control characters, terminal escapes and text-direction marks escaped, as `repr` does.

    A name may come from a file, and must not move the cursor, or show other text than it holds.
    """
    return "".join(x if x.isprintable() else x.encode("unicode_escape").decode() for x in text)


def name_of(value: Any, frame: FrameType | None = None) -> str | None:
    """Return the user's name for a value: its `name=`, else a variable of the user's frame that holds it."""
    given: Any = getattr(value, "name", None)
    if given:
        return printable(str(given))
    frame = frame or user_frame()
    for scope in (frame.f_locals, frame.f_globals):
        for name, held in scope.items():
            if held is value and not name.startswith("_"):
                return name
    return None


# Names of values in pictures, programs and reports: `name=` first, then paths in modules, then variables.

DEPTH = 6  # how far into attributes, lists and dicts a path goes
WIDTH = 1000  # a longer list holds data, and its items get no names

Variables = list[tuple[str, Any]]


class Names:
    """Names by the id of values; it keeps the values alive, so that no other value gets the same id."""

    def __init__(self) -> None:
        self.modules: dict[int, tuple[str, str]] = {}  # by id of a tensor or part: its module, and the path from it
        self.holders: dict[str, dict[int, str]] = {}  # by path: for each value with this path, the name of its module
        self.variables: dict[int, str] = {}
        self.paths: dict[int, str] = {}
        # By id of a value: its variable, and a name such as h_3 if the line made several values.
        self.bound: dict[int, tuple[str, str]] = {}
        self.graph: set[int] | None = None  # the values and modules of a picture; paths of others do not count
        self.runs: dict[str, dict[int, int]] = {}  # the runs of modules with the same name
        self.held: list[Any] = []

    def __call__(self, value: Any) -> str | None:
        """Return the best name of a value, or None if it has no name."""
        given = value.name if is_tensor(value) else None
        key = id(value)
        variable, (bound, numbered) = self.variables.get(key), self.bound.get(key, ("", ""))
        if variable == bound:  # a line in a loop made several values of this name: use h_3, not h
            variable = numbered
        return given or self.in_module(key) or variable or self.paths.get(key) or numbered or None

    def restrict_to_graph(self, values: Iterable[Any], ops: Iterable[Any], bound: dict[int, tuple[str, str]]) -> None:
        """Use the variables of a graph's source; from now on, a path is ambiguous only among modules of this graph."""
        self.graph = set(map(id, values))
        calls = {entry for op in ops for entry in op.scope if not isinstance(entry, str)}
        for call in calls:
            self.graph.add(id(call()))  # the entry of a module's call is a weak reference to the module
        self.bound = bound

    def unique(self, values: Iterable[Any]) -> dict[int, str | None]:
        """Return names by id; if functions use one name for different values, the later ones get a number."""
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
        """Return the path in a module, such as `weight`; `encoder.weight` if another value has the same path."""
        holder, path = self.modules.get(key, ("", ""))
        if not path:
            return holder
        holders = {x for part, x in self.holders[path].items() if self.graph is None or part in self.graph}
        return f"{holder}.{path}" if len(holders) > 1 else path

    def scope_labels(self, value: Any) -> tuple[str, ...]:
        """Return the groups in which a value is drawn, outermost first: the user's scopes, and runs of modules."""
        labels = [entry if isinstance(entry, str) else self.call_label(entry) for entry in value.scope]
        return tuple(label for label in labels if label)

    def call_label(self, call: Any) -> str:
        """Return `layers.0: Linear`; runs after the first, and steps of a recurrent cell, are numbered."""
        module = call()
        if module is None:
            return ""
        path, kind = self.in_module(id(module)), type(module).__name__
        label = f"{path}: {kind}" if path else kind
        runs = self.runs.setdefault(label, {})
        number = runs.setdefault(id(call), len(runs) + 1)
        if hasattr(module, "_state_names"):  # a recurrent cell
            return f"{label}, step {number}"
        return label if number == 1 else f"{label}, run {number}"

    def add(self, found: dict[int, str], name: str, value: Any) -> None:
        """Add a name; an existing name is kept."""
        self.held.append(value)
        found.setdefault(id(value), name)

    def add_module(self, holder: str, module: Any) -> None:
        """Add the paths of a module's tensors and parts; a variable as `holder` replaces a path such as layers[0]."""
        for method in ("named_parameters", "named_tensors", "named_modules"):
            for path, part in getattr(module, method, list)():
                self.held.append(part)
                known = self.modules.get(id(part))
                if known is None or (holder.isidentifier() and not known[0].isidentifier()):
                    self.modules[id(part)] = holder, path
                    self.holders.setdefault(path, {})[id(part)] = holder

    def add_variables(self, variables: Variables) -> None:
        """Add the names of a frame's variables, and of the values inside them."""
        for name, value in variables:
            if not name.isidentifier() or name[0] == "_":
                continue
            if holds_values(value):
                self.add(self.variables, name, value)
            for path, part in inside(name, value):
                if is_module(part):
                    self.add_module(path, part)
                else:
                    self.add(self.paths, path, part)


def is_tensor(value: Any) -> bool:
    return hasattr(type(value), "requires_grad")


def holds_values(value: Any) -> bool:
    return isinstance(value, np.ndarray) or is_tensor(value)


def is_module(value: Any) -> bool:
    return hasattr(type(value), "named_parameters")


def inside(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the modules, tensors and arrays in a user's object, list or dict, with their paths."""
    pending = [(name, value, 0)]
    seen = set()
    while pending:
        path, value, depth = pending.pop()
        if is_module(value) or (depth and holds_values(value)):
            yield path, value
        elif id(value) not in seen and depth < DEPTH:
            seen.add(id(value))
            pending += [(step, part, depth + 1) for step, part in reversed(named_parts(path, value))]


def named_parts(path: str, value: Any) -> Variables:
    """Return the parts of a value with their paths: items of a list or dict, attributes of a user's object."""
    if isinstance(value, list | tuple | dict):
        if len(value) > WIDTH:
            return []
        parts = list(value.items() if isinstance(value, dict) else enumerate(value))
        return [(f"{path}[{key!r}]", part) for key, part in parts if isinstance(key, str | int)]
    attributes = getattr(value, "__dict__", {}) if is_users_class(type(value)) else {}
    return [(f"{path}.{name}", part) for name, part in attributes.items() if name[:1] != "_"]


def is_users_class(cls: type) -> bool:
    """Return whether a class is defined in the user's code; a class of a module without a file is not."""
    module = sys.modules.get(cls.__module__)
    return cls.__module__ == "__main__" or is_users_file(getattr(module, "__file__", None) or "<frozen")


@functools.cache
def is_users_file(filename: str) -> bool:
    """Return whether a file is the user's own, whose variables name values: not the package's, and not installed.

    A library's variables are not the user's names: inside `copy.deepcopy(loss)`, the tensor is called x.
    """
    library = INSTALLED.search(filename) or filename.startswith("<compiled ")
    return filename.startswith(ARTICLE) or not (library or INTERNAL[filename])


def live(names: Names, ops: Iterable[Any] = ()) -> Names:
    """Add the variables of the user's frames on the stack: those that made `ops` first, and outer before inner ones."""
    codes = {id(op._created_at[0]) for op in ops if getattr(op, "_created_at", None)}
    stack = traceback.walk_stack(sys._getframe(1))
    found = [frame for frame, _ in stack if is_users_file(frame.f_code.co_filename)][::-1]
    makers = [frame for frame in found if id(frame.f_code) in codes]
    for frame in (*makers, *(frame for frame in found if frame not in makers)):
        names.add_variables(list(frame.f_locals.items()))
        names.add_variables(list(frame.f_globals.items()))
    return names


def watch(function: Callable[[], Any], kept: int | None = None) -> tuple[Any, Names]:
    """Run a function; return its result and the names that values had in it. Names of outer functions come first.

    To save memory, only the last `kept` calls of each function count. An argument of an inner function names leaves
    only: a computed value is better described by its expression.
    """
    stack: list[tuple[FrameType, dict[str, Any]]] = []
    found: dict[tuple[CodeType, bool], deque[tuple[int, int, Variables]]] = {}
    numbers = count()

    def note(frame: FrameType, event: str, _: Any) -> None:
        if not is_users_file(frame.f_code.co_filename):
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
            # Calls with results of ops are counted apart, so that calls without any do not push them out.
            has_results = any(getattr(value, "op", None) is not None for _, value in variables)
            calls = found.setdefault((frame.f_code, has_results), deque(maxlen=kept))
            calls.append((len(stack), next(numbers), variables))

    before: Any = sys.getprofile()
    # A profiler in C is no callable that could be set again: leave it, and note no names.
    if before is None or callable(before):
        sys.setprofile(note)
    try:
        result = function()
    finally:
        if before is None or callable(before):
            sys.setprofile(before)
    names = live(Names())
    for _, _, variables in sorted(chain.from_iterable(found.values()), key=lambda call: call[:2]):
        names.add_variables(variables)
    return result, names
