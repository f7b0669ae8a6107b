"""What has to be the same of a call's arguments for a program to serve it, as conditions in Python's own words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.containers import attributes, has_values, is_its_own_dict, open_container
from ..core.tensor import Tensor
from .trace import owner
from .values import ARRAY, TENSOR, Steps

FEW = 9
VALUES = (int, str, bytes, type(None), type, np.dtype)  # arguments that are what they equal


class Guard:
    """Conditions on the `args` and `kwargs` of a call, to be looked at in their order.

    Parameters
    ----------
    args, kwargs
        Those of the call that was traced.
    name : callable
        Gives a name to a thing that a condition speaks of.
    elsewhere : frozenset of int
        The ids of what holds memory that no argument may lie in.

    Attributes
    ----------
    conditions : list of str
    leaves : list
        The arguments without their containers.
    paths : list of str
        What each leaf is called in a condition.
    """

    def __init__(
        self,
        args: Any,
        kwargs: Any,
        name: Callable[[Any], str],
        elsewhere: frozenset[int] = frozenset(),
        moving: Any = None,
    ) -> None:
        self.name = name
        self.moving = moving  # the places of floats that may be others; None if all may
        self.floats: list[int] = []
        self.elsewhere = elsewhere
        self.conditions: list[str] = []
        self.leaves: list[Any] = []
        self.paths: list[str] = []
        self.look("args", args)
        self.look("kwargs", kwargs)
        self.look_at_memory()

    def look(self, path: str, x: Any) -> None:
        """How arguments are nested, and what kind the leaves are of."""
        children, build = open_container(x)
        if build is None:
            self.paths.append(path)
            self.leaves.append(x)
            self.conditions += self.alike(path, x)
            return
        if path not in ("args", "kwargs"):
            self.conditions.append(f"type({path}) is {self.name(type(x))}")
        keys: list[str] = []
        if isinstance(x, dict):
            self.conditions.append(f"[*{path}] == {self.name(list(x))}" if x else f"not {path}")
            keys = [f"[{repr(key) if isinstance(key, str) else self.name(key)}]" for key in x]
        elif isinstance(x, list | tuple):
            self.conditions.append(f"len({path}) == {len(x)}" if x else f"not {path}")
            keys = [f"[{i}]" for i in range(len(x))]
        if isinstance(x, defaultdict):
            self.conditions.append(f"{path}.default_factory is {self.name(x.default_factory)}")
        if hasattr(x, "__dict__") and not is_its_own_dict(x):
            self.conditions.append(f"len({path}.__dict__) == {len(vars(x))}")
        keys += [f".{name}" for name in attributes(x)]
        for key, child in zip(keys, children, strict=True):
            self.look(f"{path}{key}", child)

    def alike(self, path: str, x: Any) -> list[str]:
        """That a leaf is of the kind of x: of an array, whatever its values are."""
        kind = f"type({path}) is {self.name(type(x))}"
        if isinstance(x, Tensor):
            wanted = x._requires_grad
            flag = f"{path}._requires_grad and {path} is {self.name(x)}" if wanted else f"not {path}._requires_grad"
            return [kind, flag, *self.laid_out(f"{path}._data", x._data)]
        if has_values(x):
            return [kind, *self.laid_out(path, x)]
        if isinstance(x, slice):
            return [
                kind,
                *(y for end in ("start", "stop", "step") for y in self.alike(f"{path}.{end}", getattr(x, end))),
            ]
        if type(x) is float:
            self.floats.append(len(self.leaves) - 1)
            if self.moving is None or self.floats[-1] in self.moving:
                return [kind]
        if isinstance(x, float | complex):
            return [kind, f"repr({path}) == {repr(x)!r}"]  # which tells 0.0 from -0.0
        return [kind, f"{path} {'==' if isinstance(x, VALUES) else 'is'} {self.name(x)}"]

    def laid_out(self, path: str, x: Any) -> list[str]:
        found = [(part, getattr(x, part)) for part in ("shape", "dtype", "strides") if hasattr(x, part)]
        return [f"{path}.{part} == {repr(now) if type(now) is tuple else self.name(now)}" for part, now in found]

    def look_at_memory(self) -> None:
        """That those arguments are one and the same, or share memory, that did."""
        pairs = zip(self.leaves, self.paths, strict=True)
        arrays = [(x, path) for x, path in pairs if has_values(x)]
        owners = [f"id({self.owner(x, path)})" for x, path in arrays]
        apart = len({id(owner(x)) for x, _ in arrays}) == len(arrays)
        if apart and len(self.elsewhere) < FEW:  # one set of all is the fastest to look at
            ids = [*owners, *map(str, sorted(self.elsewhere))]
            self.conditions += [f"len({{{', '.join(ids)}}}) == {len(ids)}"] if len(ids) > 1 and arrays else []
            return
        if arrays and self.elsewhere:
            self.conditions.append(f"{self.name(self.elsewhere)}.isdisjoint(({', '.join(owners)},))")
        if len(arrays) > 1:
            listed = ", ".join(path for _, path in arrays)
            self.conditions.append(f"{self.name(identities)}([{listed}]) == {identities([x for x, _ in arrays])}")

    def owner(self, x: Any, path: str) -> str:
        path, x = (f"{path}._data", x._data) if isinstance(x, Tensor) else (path, x)
        far = f"{self.name(owner)}({path})"
        return f"{path} if {path}.base is None else {far}" if isinstance(x, np.ndarray) else far


def met(program: Steps) -> frozenset[int]:
    """The ids of what holds the memory that a program which writes met by itself: no argument may lie there."""
    known = [x.of for x in program.inputs() if x.kind in (TENSOR, ARRAY)] if program.writes else []
    return frozenset(id(owner(x)) for x in known)


def identities(leaves: list[Any]) -> tuple[int, ...]:
    """Which arguments are one and the same, or share memory."""
    first: dict[int, int] = {}
    owners = [owner(x) for x in leaves]
    return tuple(first.setdefault(id(x), i) for some in (leaves, owners) for i, x in enumerate(some))
