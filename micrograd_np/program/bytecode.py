"""Read the code of a user's functions: which names it looks up, which of these hide a state, what of it runs.

`outside` asks which names a function can look up at all, so that it compares nothing else. `following` tells which
instructions ran, so that a traced run and a plain one can be told apart.
"""

from __future__ import annotations

import dis
import functools
import gc
import pkgutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate, pairwise
from pathlib import Path as FilePath
from pathlib import PurePath
from types import CodeType, FrameType, FunctionType, MemberDescriptorType, ModuleType
from typing import Any

from ..core import names
from ..core.tensor import Tensor

OURS = __name__.split(".")[0]

TEXT = (pkgutil.get_data(__package__, "hidden.txt") or b"").decode().splitlines()
TABLE = {where: frozenset(listed.split()) for where, _, listed in (line.partition(": ") for line in TEXT)}
# By module or class of a library: its names that hide a state, and those that read or write files.
HIDDEN = {where: listed for where, listed in TABLE.items() if " " not in where}
FILES = {where.removeprefix("files "): listed for where, listed in TABLE.items() if where.startswith("files ")}
CALLING = "PRECALL" if "PRECALL" in dis.opmap else "CALL"  # the instruction that takes the arguments from the stack
ASKING = frozenset(("getattr", "hasattr", "setattr", "delattr"))  # whose second argument is a name
COMPUTED = "getattr()"  # counts as named by code that gives one of these a name that it computes
# By the module that defines something: the one under whose name it is listed.
HOMES = {"nt": "os", "posix": "os", "_io": "io", "_random": "random", "_decimal": "decimal", "genericpath": "posixpath"}
HOMES |= dict.fromkeys(("pathlib._local", "pathlib._abc"), "pathlib")


def full_name(x: Any) -> str:
    """Return the name of a module; of a function, method or class, the name after that of its module."""
    if isinstance(x, ModuleType):
        return x.__name__
    owner = getattr(x, "__self__", getattr(x, "__objclass__", None))
    module = getattr(x, "__module__", None) or (owner if isinstance(owner, type) else type(owner)).__module__
    return f"{HOMES.get(module, module)}.{x.__qualname__}"


# The methods that Path has and PurePath has not ask the file system; from Python 3.13 on, some are those of a base.
OF_FILES = frozenset(dir(FilePath)).difference(dir(PurePath), dir(str))
HIDDEN |= {full_name(base): OF_FILES for base in FilePath.__mro__ if not issubclass(PurePath, base)}


def is_listed(x: Any, table: dict[str, frozenset[str]]) -> bool:
    """Return True if a table has a library's function, method or class, whatever it is called here."""
    full = full_name(x)
    free = isinstance(getattr(x, "__self__", None), type | ModuleType | None)  # else its object tells
    return free and any(x.__name__ in table.get(y, ()) for y in (full.rpartition(".")[0], full.partition(".")[0]))


@functools.cache
def names_in(code: CodeType) -> frozenset[str]:
    """Return the names that a function, and the functions in it, look up or set."""
    found = frozenset(code.co_names).union(*(names_in(x) for x in code.co_consts if isinstance(x, CodeType)))
    by_name = found & (TABLE["who by name"] | ASKING) or any(x.opname == "MATCH_CLASS" for x in instructions(code))
    found |= {COMPUTED} if found & ASKING and computes_names(code) else set()
    asks = any(y.opname == "IS_OP" and x.opname != "LOAD_CONST" for x, y in pairwise(instructions(code)))
    return found.union(words(code) if by_name else (), ["is"] if asks else ())


def computes_names(code: CodeType) -> bool:
    """Return True if getattr, or its like, may be given a name that is no string in the code: `getattr(x, name)`."""
    own = list(dis.get_instructions(code))
    calls = [own[i + 1 :] for i, x in enumerate(own) if x.argval in ASKING and x.opname in ("LOAD_GLOBAL", "LOAD_NAME")]
    return not all(map(asks_constant, calls))


def asks_constant(after: list[dis.Instruction]) -> bool:
    """Return True if the second argument of a call is a string of the code; `after` loads its arguments and calls."""
    depth, second = 0, None  # how many arguments lie on the stack; the instruction that alone makes the second
    for x in after:
        if x.opname == CALLING and depth == x.arg:
            return second is not None and second.opname == "LOAD_CONST" and type(second.argval) is str
        before, depth = depth, depth + dis.stack_effect(x.opcode, x.arg, jump=False)
        second = x if (before, depth) == (1, 2) else None if depth <= 2 else second
        if depth < 0 or x.opcode in dis.hasjrel or x.opcode in dis.hasjabs:
            return False
    return False


@functools.cache
def attributes_of(code: CodeType) -> frozenset[tuple[str, str]]:
    """Return the attributes of variables that a function looks up: `np.save` is ("np", "save")."""
    pairs = pairwise(instructions(code))
    return frozenset((x.argval, y.argval) for x, y in pairs if y.opname in ("LOAD_ATTR", "LOAD_METHOD"))


@functools.cache
def looked_up(code: CodeType, *how: str) -> frozenset[str]:
    """Return the names that instructions of some kinds look up."""
    return frozenset(x.argval for x in instructions(code) if x.opname in how)


@functools.cache
def instructions(code: CodeType) -> list[dis.Instruction]:
    """Return the instructions of a function, and of the functions in it."""
    found = list(dis.get_instructions(code))
    for inner in code.co_consts:
        found += instructions(inner) if isinstance(inner, CodeType) else []
    return found


def operator_at(where: names.Location) -> str:
    """Return the operator at a place of the user's code: "&" of `x & y`, "&=" of `x &= y`."""
    return next((x.argrepr for x in dis.get_instructions(where[0]) if x.offset == where[1]), "")


Path = set[tuple[CodeType, int]]
PATHS: dict[int, Path | None] = {}  # by thread: where the user's instructions that run there are collected


@contextmanager
def following(path: Path | None) -> Iterator[Any]:
    """Collect the instructions of the user's own functions that run in this thread.

    A function that asks whether something is an array (isinstance) may take another path while it is traced. While a
    debugger of Python 3.11 follows the lines, nothing is collected: then only results are compared. The garbage
    collector waits, since what it calls (finalisers, callbacks) would be taken for a part of the path.

    With None, nothing is collected. A compiled function that another one calls runs as a program or as it is, and that
    must not make a difference to the path of the caller.
    """
    thread, collecting = threading.get_ident(), gc.isenabled()
    before, PATHS[thread] = PATHS.get(thread), path
    if path is not None:
        gc.disable()
    follow()
    try:
        yield path
    finally:
        PATHS[thread] = before
        follow()
        if collecting:
            gc.enable()


@functools.cache
def is_followed(filename: str) -> bool:
    """Return True for the user's own files."""
    return filename != "<string>" and names.is_users_file(filename)  # named tuples are made of strings


def collect(code: CodeType, instruction: int) -> None:
    """Add an instruction to the path of this thread, if it has one."""
    path = PATHS.get(threading.get_ident())
    if path is not None:
        path.add((code, instruction))


# From Python 3.12 on, a trace function is told of other instructions from run to run, but sys.monitoring is there.
if sys.version_info >= (3, 12):

    def follow() -> None:
        """Let Python tell of instructions while a thread's are collected."""
        monitor, tool = sys.monitoring, 4
        if monitor.get_tool(tool) is None:
            monitor.use_tool_id(tool, OURS)
            monitor.register_callback(tool, monitor.events.INSTRUCTION, told)
        if monitor.get_tool(tool) == OURS:
            followed = any(path is not None for path in list(PATHS.values()))
            monitor.set_events(tool, monitor.events.INSTRUCTION if followed else 0)

    def told(code: CodeType, instruction: int) -> Any:
        return collect(code, instruction) if is_followed(code.co_filename) else sys.monitoring.DISABLE

else:

    def follow() -> None:
        """Let Python tell of instructions while this thread's are collected."""
        if sys.gettrace() in (None, told):
            sys.settrace(None if PATHS.get(threading.get_ident()) is None else told)

    def told(frame: FrameType, event: str, arg: Any) -> Any:
        if not is_followed(frame.f_code.co_filename):
            return None
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        if event == "opcode":
            collect(frame.f_code, frame.f_lasti)
        return told


def words(constant: Any) -> frozenset[str]:
    """Return the strings among the constants of a function, which may be names."""
    parts = constant.co_consts if isinstance(constant, CodeType) else constant
    inside = map(words, parts if isinstance(parts, tuple | frozenset) else ())
    return frozenset([constant] if isinstance(constant, str) else []).union(*inside)


def global_names(f: FunctionType) -> list[str]:
    """Return the names of globals that a function may read or set."""
    names = looked_up(f.__code__, *TABLE["instructions global"])
    return sorted(names_in(f.__code__) if "globals" in names else names)


def imported(f: FunctionType) -> Iterator[tuple[str, ModuleType]]:
    """Yield the modules that a function may import when it runs, with their full names."""
    package = f.__globals__.get("__package__") or ""
    around = [*accumulate(package.split("."), "{}.{}".format)]
    for name in sorted(looked_up(f.__code__, "IMPORT_NAME")):
        full = [name, name.partition(".")[0], *(f"{each}.{name}".rstrip(".") for each in around)]
        yield from ((each, sys.modules[each]) for each in dict.fromkeys(full) if each in sys.modules)


@functools.cache
def slots(kind: type) -> tuple[str, ...]:
    """Return what objects of a class hold besides `__dict__`; a program writes the slots of a Tensor itself."""
    held = (item for base in kind.__mro__ if base is not Tensor for item in vars(base).items())
    return tuple(key for key, x in held if isinstance(x, MemberDescriptorType))


def is_users(thing: Any) -> bool:
    """Return True if a function, class or module is the user's own code."""
    if isinstance(thing, FunctionType):
        return names.is_users_file(thing.__code__.co_filename)
    if isinstance(thing, type):
        return names.is_users_class(thing)
    if not isinstance(thing, ModuleType):
        return False
    return names.is_users_file(
        getattr(thing, "__file__", None) or next(iter(getattr(thing, "__path__", ())), "<frozen")
    )


def is_read_by_name(kind: type) -> bool:
    """Return True if only the user's own code reads the attributes of a class's objects, and by their names."""
    own = [x for base in kind.__mro__[:-1] for x in vars(base).values() if isinstance(x, FunctionType)]
    return all(map(is_users, (*kind.__mro__[:-1], *own)))


def is_ours(kind: type) -> bool:
    """Return True if a class is this package's."""
    return kind.__module__.split(".")[0] == OURS
