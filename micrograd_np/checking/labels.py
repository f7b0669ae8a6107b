"""What the user calls the inputs of a function: `name=`, a variable, a parameter, and the way into a container."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from ..core.containers import attributes, open_container
from ..core.names import name_of

Function = Callable[..., Any]


def label_inputs(f: Function, inputs: Sequence[Any]) -> list[str]:
    """A name for each leaf of the inputs.

    Examples
    --------
    >>> label_inputs(lambda x, params: x, (1.0, {"W": 2.0, "b": [3.0, 4.0]}))
    ['x', "params['W']", "params['b'][0]", "params['b'][1]"]
    """
    parameters = parameter_names(f)
    found = []
    for position, tree in enumerate(inputs):
        parameter = parameters[position] if position < len(parameters) else f"input {position}"
        found += labels(tree, parameter)
    return found


def labels(tree: Any, path: str) -> list[str]:
    children, build = open_container(tree)
    if build is None:
        return [(name_of(tree) if hasattr(tree, "shape") else None) or path]
    return [label for step, child in zip(steps(tree), children, strict=True) for label in labels(child, path + step)]


def steps(tree: Any) -> list[str]:
    """How each child of a container is reached."""
    keys: list[str] = []
    if isinstance(tree, dict):
        keys = [f"[{key!r}]" for key in tree]
    elif hasattr(tree, "_fields"):
        keys = [f".{field}" for field in tree._fields]
    elif isinstance(tree, list | tuple):
        keys = [f"[{i}]" for i in range(len(tree))]
    return keys + [f".{name}" for name in attributes(tree)]


def parameter_names(f: Function) -> list[str]:
    """The names of the positional parameters, as far as they are known."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def is_float(x: Any) -> bool:
    return isinstance(x, float) or (getattr(x, "dtype", None) is not None and x.dtype.kind == "f")
