"""Arguments: those a program was traced with, and the conditions on those of later calls."""

from __future__ import annotations

import inspect
import reprlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from ..core.containers import attributes, has_values, is_its_own_dict, open_container, walk_paths
from ..core.errors import ArgumentTypeError
from ..core.tensor import Tensor
from .ir import ARRAY, TENSOR, Steps
from .trace import memory_owner


class Arguments:
    """The arguments of a traced call; later ones are brought into their order.

    Parameters
    ----------
    f : callable or None
        What was traced: its parameters' names and defaults count.
    args, kwargs
        What it was called with.
    """

    def __init__(self, f: Callable[..., Any] | None, args: Any, kwargs: Any) -> None:
        self.f = f
        name = getattr(f, "__name__", "f")
        self.name = name if name.isidentifier() else "f"
        self.defaults = {p.name: p.default for p in parameters_of(f) if p.default is not p.empty}
        given = named_arguments(f, args, kwargs)
        found = [walked for name, tree in given.items() for walked in walk_paths(tree, name)]
        leaves = [x for _, x, is_leaf in found if is_leaf]
        self.paths = [path for path, _, is_leaf in found if is_leaf]
        self.twins = twins(leaves)
        self.wanted = [isinstance(x, Tensor) and x.requires_grad for x in leaves]
        read = {path: Shaped.of(x) for path, x in zip(self.paths, leaves, strict=True) if has_values(x)}
        self.traced = by_path(self.defaults | given) | read

    def leaves(self, args: Any, kwargs: Any) -> list[Any]:
        """The leaves of a call, in the order of the traced one's; refused where they do not fit."""
        given = by_path(self.defaults | named_arguments(self.f, args, kwargs))
        for path, then in self.traced.items():
            if path not in given:
                raise self.misfit(TypeError, f"with {path} = {described_value(then)}", f"without {path}")
            if not serves(then, now := given[path]):
                was, is_now = described_value(then), described_value(now)
                another = "another " if was == is_now else ""
                raise self.misfit(ValueError, f"with {path} = {was}", f"with {path} = {another}{is_now}")
        for path in given.keys() - self.traced.keys():
            raise self.misfit(TypeError, f"without {path}", f"with {path} = {described_value(given[path])}")
        leaves = [given[path] for path in self.paths]
        for i, (then, now) in enumerate(zip(self.twins, twins(leaves), strict=True)):
            if now < then or leaves[i] is not leaves[then]:
                first, words = self.paths[min(then, now)], ["one Tensor", "two"]
                was, is_now = words if then < i else words[::-1]
                raise self.misfit(ValueError, f"with {first} and {self.paths[i]} as {was}", f"with them as {is_now}")
        return leaves

    def misfit(self, kind: type[Exception], then: str, now: str) -> Exception:
        return kind(
            f"{self.name} was traced {then}, and its program was called {now}. A program computes for what it was "
            f"traced with alone: trace again with these arguments, mg.trace({self.name})(...)."
        )


def parameters_of(f: Any) -> Iterator[inspect.Parameter]:
    """The parameters of a function that tells them."""
    try:
        yield from inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return


def named_arguments(f: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    """Return each argument under its parameter's name, or its number."""
    names = [p.name for p in parameters_of(f) if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    names += [f"argument {i}" for i in range(len(names), len(args))]
    given = dict(zip(names, args, strict=False))
    for name in given.keys() & kwargs.keys():
        raise ArgumentTypeError(
            f"{getattr(f, '__name__', 'f')} was given {name} twice: by its place and by its name. Give it once."
        )
    return {**given, **kwargs}


def by_path(named: dict[str, Any]) -> dict[str, Any]:
    """Return the leaves of arguments and the types of the containers around them, by path."""
    found = (walked for name, tree in named.items() for walked in walk_paths(tree, name))
    return {path: x if is_leaf else type(x) for path, x, is_leaf in found}


class Shaped(NamedTuple):
    """The properties of an array that a guard compares; its values may differ."""

    shape: tuple[int, ...]
    dtype: Any

    @classmethod
    def of(cls, x: Any) -> Shaped:
        return cls(np.shape(x), x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype)

    def __str__(self) -> str:
        return f"{self.shape} {self.dtype}"


def serves(then: Any, now: Any) -> bool:
    """Return True if a program that was traced with one value serves another."""
    if isinstance(then, Shaped):
        return (has_values(now) or isinstance(now, int | float | complex)) and Shaped.of(now) == then
    return now is then or (type(now) is type(then) and not has_values(now) and bool(now == then))


def twins(leaves: list[Any]) -> list[int]:
    """Return the first position of each leaf; a Tensor that wants a gradient is one input, even if given twice."""
    wanted = [x if isinstance(x, Tensor) and x.requires_grad else object() for x in leaves]
    return [next(j for j, y in enumerate(wanted) if y is x) for x in wanted]


def described_value(x: Any) -> str:
    """A part of an argument, as an error shows it."""
    if isinstance(x, Shaped) or has_values(x):
        return str(x if isinstance(x, Shaped) else Shaped.of(x))
    return f"a {x.__name__}" if isinstance(x, type) else reprlib.repr(x)


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
        The variable that each leaf is in once the conditions hold.
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
        pending = [("kwargs", kwargs), ("args", args)]
        for number in count():
            if not pending:
                break
            place, x = pending.pop()
            path = place
            if place not in ("args", "kwargs"):
                path = f"v{number}"
                self.conditions.append(f"type({path} := {place}) is {self.name(type(x))}")
            children, build = open_container(x)
            if build is None:
                self.paths.append(path)
                self.leaves.append(x)
                self.conditions += self.alike(path, x)
            else:
                pending += reversed(list(zip(self.nested(path, x), children, strict=True)))
        self.look_at_memory()

    def nested(self, path: str, x: Any) -> list[str]:
        """Add the conditions on a container; return how each of its children is reached."""
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
        return [f"{path}{key}" for key in (*keys, *(f".{name}" for name in attributes(x)))]

    def alike(self, path: str, x: Any) -> list[str]:
        """Return the conditions that a leaf of x's type is of the same kind; an array may have other values."""
        if isinstance(x, Tensor):
            wanted = x._requires_grad
            flag = f"{path}._requires_grad and {path} is {self.name(x)}" if wanted else f"not {path}._requires_grad"
            return [flag, *self.laid_out(f"{path}._data", x._data)]
        if has_values(x):
            return self.laid_out(path, x)
        if type(x) is float:
            self.floats.append(len(self.leaves) - 1)
            if self.moving is None or self.floats[-1] in self.moving:
                return []
        if isinstance(x, float | complex | slice):
            return [f"repr({path}) == {repr(x)!r}"]  # which tells 0.0 from -0.0, and slice(1) from slice(True)
        return [f"{path} {'==' if isinstance(x, VALUES) else 'is'} {self.name(x)}"]

    def laid_out(self, path: str, x: Any) -> list[str]:
        found = [(part, getattr(x, part)) for part in ("shape", "dtype", "strides") if hasattr(x, part)]
        return [f"{path}.{part} == {repr(now) if type(now) is tuple else self.name(now)}" for part, now in found]

    def look_at_memory(self) -> None:
        """Guard: arguments alias each other exactly as they did when traced."""
        pairs = zip(self.leaves, self.paths, strict=True)
        arrays = [(x, path) for x, path in pairs if has_values(x)]
        owners = [f"id({self.memory_of(x, path)})" for x, path in arrays]
        apart = len({id(memory_owner(x)) for x, _ in arrays}) == len(arrays)
        if apart and len(self.elsewhere) < FEW:  # one set of all is the fastest to look at
            ids = [*owners, *map(str, sorted(self.elsewhere))]
            self.conditions += [f"len({{{', '.join(ids)}}}) == {len(ids)}"] if len(ids) > 1 and arrays else []
            return
        if arrays and self.elsewhere:
            self.conditions.append(f"{self.name(self.elsewhere)}.isdisjoint(({', '.join(owners)},))")
        if len(arrays) > 1:
            listed = ", ".join(path for _, path in arrays)
            self.conditions.append(f"{self.name(identities)}([{listed}]) == {identities([x for x, _ in arrays])}")

    def memory_of(self, x: Any, path: str) -> str:
        path, x = (f"{path}._data", x._data) if isinstance(x, Tensor) else (path, x)
        far = f"{self.name(memory_owner)}({path})"
        return f"{path} if {path}.base is None else {far}" if isinstance(x, np.ndarray) else far


def met(program: Steps) -> frozenset[int]:
    """The ids of what holds the memory that a program which writes met by itself: no argument may lie there."""
    known = [x.of for x in program.inputs() if x.kind in (TENSOR, ARRAY)] if program.writes else []
    return frozenset(id(memory_owner(x)) for x in known)


def identities(leaves: list[Any]) -> tuple[int, ...]:
    """Return, for each leaf and for each owner of memory, the first that is the same object."""
    first: dict[int, int] = {}
    owners = [memory_owner(x) for x in leaves]
    return tuple(first.setdefault(id(x), i) for some in (leaves, owners) for i, x in enumerate(some))
