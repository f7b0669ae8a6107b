"""Write the guard of a program: the conditions under which it may serve a call, as Python source.

All conditions are joined by `and` in one generated function, and each object that they mention gets a name. So a check
costs no function call per condition.
"""

from __future__ import annotations

import datetime
import marshal
from collections import defaultdict
from fractions import Fraction
from itertools import count
from pathlib import PosixPath, PurePosixPath, PureWindowsPath
from types import BuiltinMethodType, CodeType, MethodType
from typing import Any

import numpy as np

from ..core.containers import attributes, has_dtype, is_container, is_its_own_dict, open_container
from ..core.context import CURRENT
from ..core.tensor import Tensor
from ..core.versions import latest, memory_of, next_id
from .ir import ARGUMENT, GRADIENT, TENSOR, Steps, Value
from .trace import memory_owner

MISFIT = object()  # what a call gives that a program does not serve
NUMBERS = {int, float, complex, bool, str, bytes, type(None)}  # `marshal` tells 1, 1.0 and True apart, and 0.0 and -0.0
# Types whose values never change: an equal one is as good as the same one. Numbers are made anew all the time, so that
# a guard of identity alone would never hold.
ATOMS = NUMBERS | {range, slice, type(...), type(NotImplemented), CodeType}
ATOMS |= {PosixPath, PurePosixPath, PureWindowsPath, Fraction}
ATOMS |= {datetime.date, datetime.datetime, datetime.time, datetime.timedelta, datetime.timezone}


def unchanged(now: Any, then: Any) -> bool:
    """Return True if two values are one object, or equal ones of an immutable type."""
    pending = [(now, then)]
    while pending:
        now, then = pending.pop()
        if now is then:
            continue
        if type(now) is not type(then):
            return False
        if type(then) is tuple and len(now) == len(then):
            pending += zip(now, then, strict=True)
        elif not (is_atom(then) and repr(now) == repr(then) and bits_of(now) == bits_of(then)):
            return False  # `repr` tells 0.0 from -0.0
    return True


def bits_of(x: Any) -> Any:
    """The bytes of a number, which tell nan from -nan, where `repr` does not."""
    return marshal.dumps(x, 2) if type(x) in (float, complex) else getattr(x, "tobytes", bytes)()


def is_atom(x: Any) -> bool:
    """Return True if a value never changes, with all that is in it."""
    pending = [x]
    while pending:
        x = pending.pop()
        if type(x) is tuple:
            pending += x
        elif not (type(x) in ATOMS or (isinstance(x, np.generic | np.dtype) and not isinstance(x, np.void))):
            return False
    return True


def is_copied(x: Any) -> bool:
    """Return True if an argument is another object in a trace: a container, or what has values and is no parameter."""
    has = is_container(x) or has_dtype(x)
    return has and not is_atom(x) and not (isinstance(x, Tensor) and x._requires_grad)


def entries(x: Any) -> list[Any]:
    """Return the entries of a collection, in its order."""
    if isinstance(x, np.ndarray):
        return x.ravel().tolist() if x.dtype == object else [x.tobytes()]
    return [*x, *x.values()] if isinstance(x, dict) else [*x]


class Names:
    """The names by which conditions speak of objects: a scope to run them in.

    The scope holds on to each object. Otherwise an object could die and another be made at its address, which would
    then have its name.
    """

    def __init__(self, **scope: Any) -> None:
        self.scope: dict[str, Any] = {"unchanged": unchanged, "entries": entries, "dumps": marshal.dumps, **scope}
        self.scope |= {"context": CURRENT.get, "array": np.asarray, "memory": memory_of, "MISFIT": MISFIT}
        self.scope |= {"latest": latest, "next_id": next_id}

    def __call__(self, x: Any) -> str:
        """Return the name of an object in the text, such as x140234, and put the object into the scope."""
        if x is None or x is True or x is False:
            return repr(x)
        name = f"x{id(x)}"
        self.scope[name] = x
        return name

    def key(self, x: Any) -> str:
        return repr(x) if type(x) in (int, str) else self(x)

    def same(self, now: str, value: Any) -> str:
        """Return a condition: what is read now is the same object, or an equal number or string."""
        then = self(value)
        # True, False and None exist once. An equal code object may belong to another function.
        by_value = is_atom(value) and not isinstance(value, bool | CodeType | None)
        return f"({now} is {then} or unchanged({now}, {then}))" if by_value else f"{now} is {then}"

    def same_entries(self, now: str, held: list[Any]) -> str:
        """Return a condition on a list: numbers are compared as bytes, and one by one only if these differ."""
        if {*map(type, held)} == {str}:
            return f"{now} == {self(held)}"
        found = f"unchanged((*{now},), {self(tuple(held))})"
        plain = NUMBERS.issuperset(map(type, held))
        return f"(dumps({now}, 2) == {self(marshal.dumps(held, 2))} or {found})" if plain else found

    def function(self, head: str, conditions: list[str], body: list[str]) -> Any:
        """The function of these lines, where the conditions hold; else it gives MISFIT."""
        lines = [f"def {head}:", "    try:", f"        fits = {' and '.join(dict.fromkeys(conditions))}"]
        lines += ["    except (KeyError, IndexError, AttributeError, ValueError):"]
        lines += ["        fits = False", "    if not fits:", "        return MISFIT", *indented(body), ""]
        name = head.partition("(")[0]
        exec(compile("\n".join(lines), f"<guard of {name}>", "exec"), self.scope)
        return self.scope[name]

    def mode(self) -> str:
        """Return a condition: no trace or watcher is on, and recording is as it is."""
        now = CURRENT.get()
        return f"((now := context()) is {self(now)} or now.watch is None and now.recording is {now.recording})"


def misfit(args: Any, kwargs: Any) -> Any:
    """Answer a call for which no program is known: always a cache miss."""
    return MISFIT


def indented(lines: list[str], depth: int = 1) -> list[str]:
    return [" " * 4 * depth + line for line in lines]


class Guard:
    """Conditions on the `args` and `kwargs` of a call, to be looked at in their order.

    Parameters
    ----------
    args, kwargs
        Those of the call that was traced.
    names : Names
        Gives a name to a thing that a condition speaks of.
    elsewhere : frozenset of int
        The ids of the owners of memory that the program captured. An argument there would be changed while it is read.
    moving : container of int, optional
        The places of float arguments that may have other values; None means all of them.

    Attributes
    ----------
    conditions : list of str
    leaves : list
        The arguments without their containers.
    paths : list of str
        The variable that each leaf is in once the conditions hold.
    """

    def __init__(
        self, args: Any, kwargs: Any, names: Names, elsewhere: frozenset[int] = frozenset(), moving: Any = None
    ) -> None:
        self.names = names
        self.moving = moving
        self.floats: list[int] = []
        self.numbers: dict[str, Any] = {}
        self.elsewhere = elsewhere
        self.copied: list[str] = []
        self.conditions: list[str] = [names.mode()]
        self.leaves: list[Any] = []
        self.paths: list[str] = []
        pending = [("kwargs", kwargs), ("args", args)]
        for number in count():
            if not pending:
                break
            place, x = pending.pop()
            path = place
            if place not in ("args", "kwargs"):
                path = f"v{number}"
                self.conditions.append(f"type({path} := {place}) is {names(type(x))}")
            children, build = open_container(x)
            self.copied += [f"id({path})"] if is_copied(x) and path != place else []
            if build is None:
                self.paths.append(path)
                self.leaves.append(x)
                self.conditions += self.alike(path, x)
            else:
                pending += reversed(list(zip(self.nested(path, x), children, strict=False)))
        if self.numbers:  # as bytes, which tell 0.0 from -0.0
            then = names(marshal.dumps([*self.numbers.values()], 2))
            self.conditions.append(f"dumps([{', '.join(self.numbers)}], 2) == {then}")
        self.look_at_memory()

    def nested(self, path: str, x: Any) -> list[str]:
        """Add the conditions on a container; return how each of its children is reached."""
        keys: list[str] = []
        if isinstance(x, dict):
            self.conditions.append(self.names.same_entries(f"[*{path}]", list(x)) if x else f"not {path}")
            keys = [f"[{repr(key) if isinstance(key, str) else self.names(key)}]" for key in x]
        elif isinstance(x, list | tuple):
            self.conditions.append(f"len({path}) == {len(x)}" if x else f"not {path}")
            keys = [f"[{i}]" for i in range(len(x))]
        if isinstance(x, defaultdict):
            self.conditions.append(f"{path}.default_factory is {self.names(x.default_factory)}")
        if hasattr(x, "__dict__") and not is_its_own_dict(x):
            self.conditions.append(f"len({path}.__dict__) == {len(vars(x))}")
        return [f"{path}{key}" for key in (*keys, *(f".{name}" for name in attributes(x)))]

    def alike(self, path: str, x: Any) -> list[str]:
        """Return the conditions on one leaf: an array must have the same layout, anything else the same value."""
        if isinstance(x, Tensor):
            wanted = x._requires_grad
            flag = f"{path}._requires_grad and {path} is {self.names(x)}" if wanted else f"not {path}._requires_grad"
            return [flag, *self.laid_out(f"{path}._data", x._data)]
        if has_dtype(x):
            return self.laid_out(path, x)
        if type(x) is float:
            self.floats.append(len(self.leaves) - 1)  # the place of x: it was appended just before
            if self.moving is None or self.floats[-1] in self.moving:
                return []
        if type(x) in (float, complex):
            self.numbers[path] = x
            return []
        if isinstance(x, MethodType | BuiltinMethodType):  # another object each time, and equal
            return [f"{path} == {self.names(x)}"]
        return [f"{path} == {x}" if type(x) is int else self.names.same(path, x)]

    def asked(self, outside: Any) -> list[str]:
        """Return the conditions on what else the function asks: the names of Tensors, and which object something is."""
        pairs = zip(self.leaves, self.paths, strict=True) if outside.is_named("name") else ()
        found = [f"{path}.name == {x.name!r}" for x, path in pairs if isinstance(x, Tensor)]
        ids = ", ".join(self.copied)
        if ids and outside.asks_identity():
            found += [f"{self.names(outside.known)}.isdisjoint(({ids},))", f"len({{{ids}}}) == {len(self.copied)}"]
        return found

    def laid_out(self, path: str, x: Any) -> list[str]:
        found = [(part, getattr(x, part)) for part in ("shape", "dtype", "strides") if hasattr(x, part)]
        return [f"{path}.{part} == {repr(now) if type(now) is tuple else self.names(now)}" for part, now in found]

    def look_at_memory(self) -> None:
        """Add the conditions that arguments share memory exactly as they did in the traced call."""
        arrays = [(x, path) for x, path in zip(self.leaves, self.paths, strict=True) if has_dtype(x)]
        owners = [f"id({self.memory_of(x, path)})" for x, path in arrays]
        first: dict[int, str] = {}
        alike = [(now, first.setdefault(id(memory_owner(x)), now)) for now, (x, _) in zip(owners, arrays, strict=True)]
        if owners and self.elsewhere:
            self.conditions.append(f"{self.names(self.elsewhere)}.isdisjoint(({', '.join(owners)},))")
        if len(owners) > 1:
            self.conditions.append(f"len({{{', '.join(owners)}}}) == {len(first)}")
        self.conditions += [f"{now} == {other}" for now, other in alike if now is not other]

    def memory_of(self, x: Any, path: str) -> str:
        path, x = (f"{path}._data", x._data) if isinstance(x, Tensor) else (path, x)
        owner = f"{self.names(memory_owner)}({path})"
        # Most arrays own their memory: the test of `base` saves a call.
        return f"{path} if {path}.base is None else {owner}" if isinstance(x, np.ndarray) else owner

    # How the text of a call reads the inputs of a program, once the conditions hold.

    def tensor(self, x: Value) -> str:
        return self.paths[x.of] if x.kind == ARGUMENT else self.names(x.of)

    def array(self, x: Value) -> str:
        """The array that an input stands for."""
        if x.kind != ARGUMENT:
            return self.names(x.of) + {GRADIENT: "._grad", TENSOR: "._data"}.get(x.kind, "")
        if self.is_tensor(x):
            return f"{self.paths[x.of]}._data"
        return self.paths[x.of] if type(self.leaves[x.of]) is np.ndarray else f"array({self.paths[x.of]})"

    def is_tensor(self, x: Value) -> bool:
        return x.kind == TENSOR or (x.kind == ARGUMENT and isinstance(self.leaves[x.of], Tensor))

    def marks(self, program: Steps) -> list[str]:
        """Return the lines that record each write, so that a tape that needs the old values notices it."""
        targets = [target for target, _ in program.writes if self.is_tensor(target)]
        found = ["latest.written = now = next_id()"] if targets else []
        for x in targets:
            memory = self.names(memory_of(x.of)) if x.kind == TENSOR else f"memory({self.tensor(x)})"
            found.append(f"{memory}.written = now")
        return found
