"""What a program was traced with: it computes for that alone, and says so when it is given something else."""

from __future__ import annotations

import inspect
import reprlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..core.containers import has_values, walk_paths
from ..core.errors import ArgumentTypeError
from ..core.tensor import Tensor


class Part(NamedTuple):
    """An argument or what is in it: a leaf, or the type of a container."""

    path: str
    thing: Any
    is_leaf: bool


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
        parameters = list(parameters_of(f))
        name = getattr(f, "__name__", "f")
        self.name = name if name.isidentifier() else "f"
        self.positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        self.defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
        given = self.parts(self.named(args, kwargs))
        leaves = [part for part in given.values() if part.is_leaf]
        self.paths = [part.path for part in leaves]
        self.twins = twins([part.thing for part in leaves])
        self.wanted = [isinstance(part.thing, Tensor) and part.thing.requires_grad for part in leaves]
        read = {part.path: Shaped.of(part.thing) for part in leaves if has_values(part.thing)}
        whole = self.parts(self.defaults | self.named(args, kwargs))
        self.traced = {path: read.get(path, part.thing) for path, part in whole.items()}

    def leaves(self, args: Any, kwargs: Any) -> list[Any]:
        """The leaves of a call, in the order of the traced one's; refused where they do not fit."""
        given = {path: part.thing for path, part in self.parts(self.defaults | self.named(args, kwargs)).items()}
        for path, then in self.traced.items():
            if path not in given:
                raise self.misfit(TypeError, f"with {path} = {said(then)}", f"without {path}")
            if not fits(then, now := given[path]):
                was, is_now = said(then), said(now)
                another = "another " if was == is_now else ""
                raise self.misfit(ValueError, f"with {path} = {was}", f"with {path} = {another}{is_now}")
        for path in given.keys() - self.traced.keys():
            raise self.misfit(TypeError, f"without {path}", f"with {path} = {said(given[path])}")
        leaves = [given[path] for path in self.paths]
        for i, (then, now) in enumerate(zip(self.twins, twins(leaves), strict=True)):
            if now < then or leaves[i] is not leaves[then]:
                first, words = self.paths[min(then, now)], ["one Tensor", "two"]
                was, is_now = words if then < i else words[::-1]
                raise self.misfit(ValueError, f"with {first} and {self.paths[i]} as {was}", f"with them as {is_now}")
        return leaves

    def named(self, args: Any, kwargs: Any) -> dict[str, Any]:
        """Each argument under its parameter's name, or its number."""
        names = [*self.positional, *(f"argument {i}" for i in range(len(self.positional), len(args)))]
        given = dict(zip(names, args, strict=False))
        for name in given.keys() & kwargs.keys():
            raise ArgumentTypeError(f"{self.name} was given {name} twice: by its place and by its name. Give it once.")
        return {**given, **kwargs}

    @staticmethod
    def parts(named: dict[str, Any]) -> dict[str, Part]:
        return {part.path: part for name, tree in named.items() for part in parts(name, tree)}

    def misfit(self, kind: type[Exception], then: str, now: str) -> Exception:
        return kind(
            f"{self.name} was traced {then}, and its program was called {now}. A program computes for what it was "
            f"traced with alone: trace again with these arguments, mg.trace({self.name})(...)."
        )


class Shaped(NamedTuple):
    """What has to be the same of an array: its values may be others."""

    shape: tuple[int, ...]
    dtype: Any

    @classmethod
    def of(cls, x: Any) -> Shaped:
        return cls(np.shape(x), x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype)

    def __str__(self) -> str:
        return f"{self.shape} {self.dtype}"


def parameters_of(f: Any) -> Iterator[inspect.Parameter]:
    """The parameters of a function that tells them."""
    try:
        yield from inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return


def parts(path: str, tree: Any) -> Iterator[Part]:
    """A tree's containers and leaves, in the order of `flatten`."""
    for place, x, is_leaf in walk_paths(tree, path):
        yield Part(place, x if is_leaf else type(x), is_leaf)


def fits(then: Any, now: Any) -> bool:
    """Whether a program that was traced with one thing may be given another."""
    if isinstance(then, Shaped):
        return (has_values(now) or isinstance(now, int | float | complex)) and Shaped.of(now) == then
    return now is then or (type(now) is type(then) and not has_values(now) and bool(now == then))


def twins(leaves: list[Any]) -> list[int]:
    """Where each leaf stands first: a Tensor that wants a gradient is one input, however often it is given."""
    wanted = [x if isinstance(x, Tensor) and x.requires_grad else object() for x in leaves]
    return [next(j for j, y in enumerate(wanted) if y is x) for x in wanted]


def said(x: Any) -> str:
    """A part of an argument, as an error shows it."""
    if isinstance(x, Shaped) or has_values(x):
        return str(x if isinstance(x, Shaped) else Shaped.of(x))
    return f"a {x.__name__}" if isinstance(x, type) else reprlib.repr(x)
