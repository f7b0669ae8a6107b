"""Tell whether functions of the user's only compute, so that they may run again and again in a wrong form."""

from __future__ import annotations

import contextlib
import dis
import sys
from collections.abc import Iterator, Sequence
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from ..core.names import is_users_file
from .recordable import codes_in

LIBRARIES = {"numpy", "math", "scipy", "cmath"}
# What a function may call of Python's own.
HARMLESS = {
    *("abs", "all", "any", "bool", "dict", "divmod", "enumerate", "float", "int", "isinstance", "len", "list", "map"),
    *("max", "min", "pow", "print", "range", "reversed", "round", "set", "slice", "sorted", "str", "sum", "super"),
    *("tuple", "zip", "getattr", "hasattr", "setattr", "ValueError", "AssertionError"),
}
# What writes files, or runs other programs, under whatever name it is reached.
FILES = {
    *("save", "savez", "savetxt", "savez_compressed", "tofile", "dump", "memmap", "write", "writelines", "write_text"),
}
WRITES_OUTSIDE = {"IMPORT_NAME", "STORE_GLOBAL", "DELETE_GLOBAL"}


def is_harmless(function: FunctionType) -> bool:
    """Return whether a function only computes: with NumPy, the user's own functions, and some of Python's."""
    steps = [step for code in codes_in(function.__code__) for step in dis.get_instructions(code)]
    if any(step.opname in WRITES_OUTSIDE for step in steps) or FILES & {step.argval for step in steps if is_name(step)}:
        return False
    outside = variables_outside(function)
    builtin = global_names(function) - outside.keys()
    return builtin <= HARMLESS and all(map(computes, outside.values()))


def is_name(step: dis.Instruction) -> bool:
    return isinstance(step.argval, str)


def global_names(function: FunctionType) -> set[str]:
    """Return the names that a function, or one inside it, looks up in its module, or in Python."""
    steps = (step for code in codes_in(function.__code__) for step in dis.get_instructions(code))
    return {step.argval for step in steps if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}


def variables_outside(function: FunctionType) -> dict[str, Any]:
    """Return the variables of a function that are not its own: those of its module, and of functions around it."""
    code = function.__code__
    found = {name: function.__globals__[name] for name in global_names(function) if name in function.__globals__}
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # it has no value yet
            found[name] = cell.cell_contents
    return found


def computes(value: Any) -> bool:
    """Return whether a variable from outside is a number, text, an array, a container, or harmless to call."""
    if isinstance(value, int | float | complex | str | np.ndarray | np.generic | tuple | list | dict | type | None):
        return True
    if code := getattr(value, "__code__", None):
        return is_users_file(code.co_filename) or (value.__module__ or "").split(".")[0] in LIBRARIES
    if isinstance(value, ModuleType):
        return value.__name__.split(".")[0] in LIBRARIES
    if callable(value) and (getattr(value, "__module__", None) or "numpy").split(".")[0] in LIBRARIES:
        return True
    # An object of the user's own: its methods are looked at when they run.
    home = sys.modules.get(type(value).__module__)
    return home is not None and (home.__name__ == "__main__" or is_users_file(getattr(home, "__file__", None) or ""))


@contextlib.contextmanager
def locked(arrays: Sequence[Any]) -> Iterator[None]:
    """Make arrays read-only for a while: an edited function must not write into what the user's program holds."""
    open_to_writes = [x for x in arrays if isinstance(x, np.ndarray) and x.flags.writeable]
    for x in open_to_writes:
        x.flags.writeable = False
    try:
        yield
    finally:
        for x in sorted(open_to_writes, key=lambda x: x.base is not None):  # a view can be unlocked only after its base
            x.flags.writeable = True
