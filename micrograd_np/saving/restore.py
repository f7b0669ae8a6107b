"""Restore a loaded state into existing objects: all of it, or nothing and a list of what does not fit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.context import no_grad
from ..core.errors import LoadError
from ..core.tensor import Tensor
from .state import State, decode, dotted, encode, state_of

# Kinds of values that take each other's place; None is a place for any of them.
PLAIN: dict[str, Any] = {"True or False": bool, "a number": (int, float, complex), "a text": str, "None": type(None)}


@no_grad()
def put_into(ours: Any, given: Any, path: Any) -> Any:
    """Write the state in a file into modules, optimisers, Tensors, arrays and Generators; returns what holds it."""
    wrong = sorted(mismatches(ours, given, ()))
    if wrong:
        raise LoadError("\n  ".join([f"{path} does not fit; nothing was changed.", *wrong]))
    before = state_copy(ours)
    try:
        return put_values(ours, given)
    except BaseException:
        put_values(ours, before)
        raise


def mismatches(ours: Any, given: Any, at: tuple[Any, ...]) -> Iterator[str]:
    """Lines on what is missing, what is unknown, and what is of another shape or dtype."""
    mine, theirs = opened(ours, given), opened(given, ours)
    if isinstance(mine, dict) and isinstance(theirs, dict):
        yield from (f"missing: {dotted((*at, key))}" for key in mine.keys() - theirs.keys())
        yield from (f"unknown: {dotted((*at, key))}" for key in theirs.keys() - mine.keys())
        for key in mine.keys() & theirs.keys():
            yield from mismatches(mine[key], theirs[key], (*at, key))
    elif mine is not None and kind_of(mine) != kind_of(theirs):
        yield f"{dotted(at)}: {kind_of(theirs)} given, {kind_of(mine)} needed"


def opened(value: Any, other: Any) -> Any:
    """The parts of a value, by name. A bare state_dict holds no generators, and none are asked for."""
    if hasattr(value, "load_state_dict"):
        value = state_of(value)
    if isinstance(value, State):
        bare = isinstance(other, dict) and not isinstance(other, State)
        return dict(value) if bare else {**value, **value.generators}
    return dict(enumerate(value)) if isinstance(value, list | tuple) else value


def kind_of(value: Any) -> str:
    if isinstance(value, Tensor | np.ndarray | np.generic):
        return f"{value.shape} {value.dtype.newbyteorder('=')}"
    if isinstance(value, np.random.Generator):
        return f"a {type(value.bit_generator).__name__} generator"
    if isinstance(value, dict):
        return f"a {type(value).__name__} of {len(value)}"
    return next((name for name, kinds in PLAIN.items() if isinstance(value, kinds)), f"a {type(value).__name__}")


def put_values(ours: Any, given: Any) -> Any:
    """Put values that fit in their places; numbers and strings, which have none, are returned."""
    if hasattr(ours, "load_state_dict"):
        if isinstance(given, State):
            put_values(state_of(ours).generators, given.generators)
        ours.load_state_dict(dict(given))
    elif isinstance(ours, Tensor):
        ours.data = given
    elif isinstance(ours, np.ndarray):
        ours[...] = given
    elif isinstance(ours, np.random.Generator):
        ours.bit_generator.state = given.bit_generator.state
    elif isinstance(ours, dict):
        ours.update({key: put_values(ours[key], value) for key, value in given.items()})
    elif isinstance(ours, list):
        ours[:] = [put_values(mine, theirs) for mine, theirs in zip(ours, given, strict=True)]
    elif isinstance(ours, tuple):
        return tuple(put_values(mine, theirs) for mine, theirs in zip(ours, given, strict=True))
    else:
        return given
    return ours


def state_copy(value: Any) -> Any:
    """The state of a value, in memory of its own."""
    arrays: dict[str, Any] = {}
    node = encode(value, (), arrays)
    return decode(node, {name: array.copy() for name, array in arrays.items()})
