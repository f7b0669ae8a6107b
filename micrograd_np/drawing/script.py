"""A user's script as a picture: run it, and draw what it computed last, under its own names."""

from __future__ import annotations

import inspect
import os
import runpy
import sys
import traceback
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from ..core.backward import FREED
from ..core.errors import MicrogradError, MissingFileError
from ..core.names import watched
from ..core.tensor import Tensor
from .graph import graph_of
from .picture import Picture, pictured, tensors

KEPT = 8  # calls of each of the script's functions whose values are named


class ScriptError(MicrogradError):
    """A script that leaves nothing to draw, and what to do about it."""


def draw_script(where: str, arguments: Sequence[str] = (), **options: Any) -> Picture:
    """The picture of `file.py`, or of what a function in it returns: `file.py:function`.

    Parameters
    ----------
    where : str
        Of a file, the newest value with a graph among its variables is drawn, a loss before others; where there is
        none, that among the variables of its functions.
    arguments : sequence of str
        What the script finds in `sys.argv`.
    **options
        As for `draw`.

    Raises
    ------
    FileNotFoundError, ScriptError
        If there is no such file or function, it fails, it needs arguments, or nothing with a graph was computed.
    """
    path, _, name = where.rpartition(":") if ".py:" in where else (where, "", "")
    if not os.path.isfile(path):
        raise MissingFileError(f"{path}: there is no such file to draw.")
    (result, since), names = watched(partial(run, path, name, arguments), KEPT)
    outputs = tensors(result)
    if result is None:
        outputs = newest(x for x in names.held if isinstance(x, Tensor) and x._order > since)
    if not outputs and name:
        raise ScriptError(f"{name} returns {result!r:.60}, in which there is no Tensor to draw.")
    if not outputs:
        raise ScriptError(f"{path} leaves no Tensor with a graph in a variable. Name a function: {path}:function.")
    return pictured(outputs, graph_of(outputs), names, name, **options)


def run(path: str, name: str, arguments: Sequence[str]) -> tuple[Any, int]:
    """The newest value among a script's variables, or what a function of it returns, and when that was called."""
    before = sys.argv, sys.path[:]
    sys.argv, sys.path[0:0] = [path, *arguments], [os.path.dirname(os.path.abspath(path))]
    try:
        variables = runpy.run_path(path, run_name="__main__")
        if not name:
            return newest(variables.values()) or None, 0
        function, since = function_of(variables, path, name), Tensor(0.0)._order
        return function(), since
    except SystemExit as end:
        if end.code or name:
            raise
        return None, 0
    except ScriptError:
        raise
    except Exception as error:
        raise ScriptError(f"{path} failed.\n{own(error, path)}") from None
    finally:
        sys.argv, sys.path[:] = before


def own(error: Exception, path: str) -> str:
    """A traceback from the script on."""
    at = error.__traceback__
    while at and at.tb_frame.f_code.co_filename != path:
        at = at.tb_next
    return "".join(traceback.format_exception(type(error), error, at)).rstrip()


def function_of(variables: dict[str, Any], path: str, name: str) -> Any:
    function = variables.get(name)
    if not callable(function):
        raise ScriptError(f"{path} has no function {name}.")
    if isinstance(function, type):
        raise ScriptError(f"{name} is a class. Name a function that returns a Tensor: {path}:function.")
    parameters = inspect.signature(function).parameters.values()
    needed = [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if needed:
        raise ScriptError(f"{name} needs {', '.join(needed)}: draw it from Python, with mg.draw({name}, ...).")
    return function


def newest(values: Iterable[Any]) -> list[Tensor]:
    """The newest value with a graph, a loss before others, as a list of one; of none, an empty one."""
    recorded = [x for x in values if isinstance(x, Tensor) and x.op is not None and x._paths is not FREED]
    return sorted(recorded, key=lambda x: (x.grad is not None, x.size == 1, x._order))[-1:]
