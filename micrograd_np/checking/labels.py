"""What the user calls the inputs of a function: `name=`, a variable, a parameter, and the way into a container."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from ..core.containers import walk_paths
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
    """Return a name for each leaf of one input: its own, a variable, or the path to it."""
    return [
        (name_of(x) if hasattr(x, "shape") else None) or path for path, x, is_leaf in walk_paths(tree, path) if is_leaf
    ]


def parameter_names(f: Function) -> list[str]:
    """The names of the positional parameters, as far as they are known."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def is_float(x: Any) -> bool:
    return isinstance(x, float) or (getattr(x, "dtype", None) is not None and x.dtype.kind == "f")
