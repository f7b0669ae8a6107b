"""A user's script as a picture: run it, and draw what it computed last, under its own names."""

from __future__ import annotations

import inspect
import os
import runpy
import sys
from typing import Any

from ..graph import Tensor
from .picture import Picture, draw, tensors


class ScriptError(Exception):
    """A script that leaves nothing to draw, and what to do about it."""


def draw_script(where: str, **options: Any) -> Picture:
    """The picture of `file.py`, or of what a function in it returns: `file.py:function`.

    Parameters
    ----------
    where : str
        Of a file, the newest value with a graph among its variables is drawn, a loss before others.
    **options
        As for `draw`.

    Raises
    ------
    FileNotFoundError, ScriptError
        If there is no such file or function, the function needs arguments or returns no Tensor, or nothing with a
        graph was computed.
    """
    path, _, name = where.rpartition(":") if ".py:" in where else (where, "", "")
    if not os.path.isfile(path):
        raise FileNotFoundError(f"{path}: there is no such file to draw.")
    return draw(run, path, name, **options)


def run(path: str, name: str) -> Any:
    """What a script, or a function of it, computes."""
    before = sys.argv, sys.path[:]
    sys.argv, sys.path[0:0] = [path], [os.path.dirname(os.path.abspath(path))]
    try:
        variables = runpy.run_path(path, run_name="__main__")
        return result_of(variables, path, name) if name else newest(variables, path)
    finally:
        sys.argv, sys.path[:] = before


def result_of(variables: dict[str, Any], path: str, name: str) -> Any:
    function = variables.get(name)
    if not callable(function):
        raise ScriptError(f"{path} has no function {name}.")
    if isinstance(function, type):
        raise ScriptError(f"{name} is a class. Name a function that returns a Tensor: {path}:function.")
    parameters = inspect.signature(function).parameters.values()
    needed = [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if needed:
        raise ScriptError(f"{name} needs {', '.join(needed)}: draw it from Python, with mg.draw({name}, ...).")
    result = function()
    if not list(tensors(result)):
        raise ScriptError(f"{name} returns {result!r:.60}, in which there is no Tensor to draw.")
    return result


def newest(variables: dict[str, Any], path: str) -> Tensor:
    recorded = [x for x in variables.values() if isinstance(x, Tensor) and x.op is not None]
    if not recorded:
        raise ScriptError(f"{path} leaves no Tensor with a graph in a variable. Name a function: {path}:function.")
    return max(recorded, key=lambda x: (x.grad is not None, x.size == 1, x.birth))
