"""Guards: what a compiled function can read besides its arguments, and the conditions that it has not changed.

One walk starts from the function and goes along everything that its code can name. There is one reader for each kind of
object. An edge that a reader finds (a variable, an attribute, an item) becomes one condition: the same object, or an
equal number or word. A kind that has no reader may hide a state, so it is refused where code reads it. That is what
keeps a program from giving other numbers than its function: nothing is trusted because it is unknown.
"""

from __future__ import annotations

import array
import contextvars
import datetime
import functools
import operator
import random
import sys
import types
import weakref
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from gc import get_referents
from pathlib import PosixPath, PurePosixPath, PureWindowsPath
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..core.tensor import Tensor
from . import bytecode
from .bytecode import HIDDEN, is_hidden, is_ours, is_users
from .trace import TraceError, memory_owner

LARGE = 2**16  # bytes of an array that is compared before each call
LONG = 1000  # entries of a collection that are
MOST = 20_000  # objects
# Types whose values never change: an equal one is as good as the same one.
ATOMS = {int, float, complex, bool, str, bytes, type(None), range, slice, type(...), type(NotImplemented), CodeType}
ATOMS |= {PosixPath, PurePosixPath, PureWindowsPath, Fraction}
ATOMS |= {datetime.date, datetime.datetime, datetime.time, datetime.timedelta, datetime.timezone}
# Types of C whose objects never change, or hold nothing that is computed with.
STATELESS = {"_thread.lock", "_thread.RLock", "types.GenericAlias", "types.UnionType", "builtins.getset_descriptor"}
STATELESS |= {"builtins.wrapper_descriptor", "builtins.method_descriptor", "builtins.member_descriptor"}
STATELESS |= {"builtins.classmethod_descriptor", "builtins.object", "_collections._tuplegetter"}
STATELESS |= {"collections._tuplegetter"}  # its name from Python 3.13 on
STATELESS_MODULES = ("re", "typing", "numpy", "logging")
MISSING = object()


class TooMuch(Exception):  # noqa: N818
    """Something is too large to be compared before each call: the function runs as it is."""


class Edge(NamedTuple):
    """A condition, as text in which `names` gives a name to each object, and what it is about."""

    path: str
    text: Callable[[Names], str]


class Place(NamedTuple):
    """A value, how it is reached, and whether code may read what is in it."""

    path: str
    value: Any
    read: bool = True


class Names:
    """The names by which conditions speak of objects: a scope to run them in."""

    def __init__(self, scope: dict[str, Any] | None = None, slow: bool = False) -> None:
        self.scope = {"unchanged": unchanged, "entries": entries} if scope is None else scope
        self.cells: dict[str, CellType] = {}
        self.slow = slow

    def __call__(self, x: Any) -> str:
        if x is None or x is True or x is False:
            return repr(x)
        name = f"x{id(x)}"
        self.scope[name] = x  # holds on to it, so that its id stays its own
        return name

    def key(self, x: Any) -> str:
        return repr(x) if type(x) in (int, str) else self(x)

    def cell(self, cell: CellType) -> str:
        """A variable of an enclosing function, which the condition reads as fast as the function does."""
        if self.slow:
            return f"{self(cell)}.cell_contents"
        self.cells[f"c{id(cell)}"] = cell
        return f"c{id(cell)}"

    def function(self, lines: list[str], name: str) -> Any:
        """The function of these lines, its free variables being the cells."""
        text = "\n".join([f"def make({', '.join(self.cells)}):", *lines, f"    return {name}", ""])
        exec(compile(text, f"<guard of {name}>", "exec"), self.scope)
        make: Any = self.scope["make"]
        f = make(*[None] * len(self.cells))
        closure = tuple(self.cells[free] for free in f.__code__.co_freevars)
        return FunctionType(f.__code__, self.scope, name, f.__defaults__, closure)


def unchanged(now: Any, then: Any) -> bool:
    """Return True if two values are one object, or equal ones of an immutable type."""
    pending = [(now, then)]
    while pending:
        now, then = pending.pop()
        if now is then:
            continue
        if type(now) is not type(then):
            return False
        if type(then) is tuple and len(now) == len(then):
            pending += zip(now, then, strict=True)
        elif not ((type(then) in ATOMS or isinstance(then, np.generic)) and repr(now) == repr(then)):
            return False  # `repr` tells 0.0 from -0.0
    return True


def is_atom(x: Any) -> bool:
    """Return True if a value never changes, with all that is in it."""
    pending = [x]
    while pending:
        x = pending.pop()
        if type(x) is tuple:
            pending += x
        elif not (type(x) in ATOMS or isinstance(x, np.generic | np.dtype | np.ufunc)):
            return False
    return True


def entries(x: Any) -> list[Any]:
    """Return the entries of a collection, in its order."""
    if isinstance(x, np.ndarray):
        return x.ravel().tolist() if x.dtype == object else [x.tobytes()]
    return [*x, *x.values()] if isinstance(x, dict) else [*x]


# Conditions.


def held(path: str, read: Callable[[Names], str], value: Any) -> Edge:
    """Return a condition: the value read there is the same object, or an equal number or string."""

    def text(names: Names) -> str:
        now, then = read(names), names(value)
        by_value = is_atom(value) and not isinstance(value, bool | CodeType | None)
        return f"({now} is {then} or unchanged({now}, {then}))" if by_value else f"{now} is {then}"

    return Edge(path, text)


def item(path: str, holder: Any, key: Any, value: Any) -> Edge:
    return held(path, lambda names: f"{names(holder)}[{names.key(key)}]", value)


def attribute(path: str, holder: Any, name: str, value: Any) -> Edge:
    return held(path, lambda names: f"{names(holder)}.{name}", value)


def gives(path: str, holder: Any, look: str, then: Any) -> Edge:
    """A look at an object, an expression of `{}`, gives what it gave."""
    return Edge(path, lambda names: f"{look.format(names(holder))} == {names.key(then)}")


def unmoved(path: str, x: Any) -> Edge:
    """A collection has the same entries in the same order."""
    then = tuple(entries(x))
    return Edge(path, lambda names: f"unchanged(tuple(entries({names(x)})), {names(then)})")


class Outside:
    """Everything that a function's code can reach besides its arguments.

    Parameters
    ----------
    function : callable
    leaves : sequence
        The arguments; what is no array is walked through.
    strict : bool
        Whether what cannot be compared is refused: a printed program has no guard, and only its generators are looked
        for.

    Attributes
    ----------
    edges : list of Edge
    generators : list of (path, generator)
    owners : set of int
        The ids of what holds the memory of arrays: any other array was made inside the function.
    """

    def __init__(self, function: Any, leaves: Any, strict: bool = True) -> None:
        self.strict = strict
        self.edges: list[Edge] = []
        self.generators: list[tuple[str, Any]] = []
        self.owners: set[int] = set()
        self.tensors: list[tuple[str, Tensor]] = []
        self.modules: list[Any] = []  # whose `training` the function may set
        self.inner: set[int] = set()  # the ids of what objects of this package hold, such as an optimiser's state
        self.named: set[str] = set()
        self.by_name = False  # code asks for attributes whose names it computes
        self.later: dict[str, list[Edge | Place]] = defaultdict(list)  # what is reached once code names it
        self.seen: dict[tuple[int, bool], Any] = {}
        self.pending: deque[Place] = deque([Place(getattr(function, "__name__", "self"), function)])
        self.pending += [Place(f"argument {i}", x) for i, x in enumerate(leaves) if not hasattr(x, "dtype")]
        while self.pending:
            place = self.pending.popleft()
            if is_atom(place.value):
                for base in type(place.value).__mro__ if place.read else ():
                    hidden_names(self, full_name(base), place.path)
                continue
            key = id(place.value), place.read
            if key not in self.seen and (id(place.value), True) not in self.seen:
                self.seen[key] = place.value
                self.add(*read_object(self, place))
            if len(self.seen) > MOST:
                self.refuse_size(f"more than {MOST} objects hang from {place.path.split('.')[0]}")
                break

    def add(self, *found: Edge | Place) -> None:
        for x in found:
            if isinstance(x, Edge):
                self.edges.append(x)
            else:
                self.pending.append(x._replace(path=x.path[-200:]))

    def when_named(self, name: str, *found: Edge | Place) -> None:
        """Take these up once code that can run names them."""
        if self.is_named(name):
            self.add(*found)
        else:
            self.later[name] += found

    def name(self, names: frozenset[str]) -> None:
        """Code that can run has these names in it."""
        new = names - self.named
        self.named |= new
        if not self.by_name and not bytecode.BY_NAME.isdisjoint(new):
            self.by_name = True
            new = new | {name for name in self.later if not name.startswith("hidden ")}
        for name in {*new, *(f"hidden {name}" for name in new)} & self.later.keys():
            self.add(*self.later.pop(name))

    def is_named(self, name: str) -> bool:
        return self.by_name or name in self.named

    def refuse(self, what: str) -> None:
        if self.strict:
            raise TraceError(
                f"{what}, and a program cannot look at that before each call. Read it outside and give it as an "
                "argument, or hold it in a Tensor."
            )

    def refuse_size(self, what: str) -> None:
        if self.strict:
            raise TooMuch(what)

    def conditions(self, names: Names) -> list[str]:
        """The conditions in an order that finds a change soon."""
        return [edge.text(names) for edge in self.edges]

    def first_changed(self) -> str | None:
        """The path of something that is not what it was."""
        names = Names(slow=True)
        for edge in self.edges:
            try:
                holds = eval(edge.text(names), names.scope)
            except Exception:
                holds = False
            if not holds:
                return edge.path
        return None


# Readers. Each yields the edges of one kind of object, and the places that they lead to.

Found = Iterator[Edge | Place]


def read_object(walk: Outside, place: Place) -> Found:
    """Yield the edges of an object: the contents of its C type, and its Python attributes."""
    path, x, read = place
    kind: Any = type(x)
    base = next(base for base in kind.__mro__ if base in READERS or not is_pythons(base))
    if isinstance(x, Tensor):
        if not (id(x) in walk.inner and type(x) is Tensor and not x._requires_grad):  # where it is read, it is an input
            yield Edge(path, lambda names: f"{names(x)}._requires_grad is {x._requires_grad}")
        walk.owners.add(id(memory_owner(x)))
        walk.tensors.append((path, x))
        if is_ours(kind):
            return
    elif hasattr(kind, "_guarded"):  # ours, whose other attributes are no part of what it computes
        for name in kind._guarded:
            yield attribute(f"{path}.{name}", x, name, getattr(x, name))
            yield Place(f"{path}.{name}", getattr(x, name))
        return
    elif is_generator(x):
        walk.generators.append((path, x))
        return
    elif kind.__module__ == "logging" or is_atom(x):
        return
    elif base in READERS:
        yield from READERS[base](walk, place)
    elif read and (is_hidden(kind) or not is_stateless(base)):
        what = f"is an iterator ({kind.__name__})" if hasattr(kind, "__next__") else f"is a {full_name(kind)}"
        walk.refuse(f"{path} {what}, which has a state of its own")
        return
    if is_pythons(kind) and not isinstance(x, type | ModuleType):
        yield from attributes(walk, place)


def attributes(walk: Outside, place: Place) -> Found:
    """The `__dict__` and slots of an object, and its class, whose methods may run."""
    path, x, _ = place
    kind: Any = type(x)
    users = is_users(kind)
    if hasattr(kind, "named_modules"):
        walk.modules.append(x)
    open_to_others = not users and not is_ours(kind)  # a library's own code may read any of them
    private = users and bytecode.is_read_by_name(kind)  # nothing reads an attribute that no code names
    parts = getattr(x, "__dict__", None)
    if isinstance(parts, dict) and parts is not x:
        if users:
            yield Edge(
                path,
                lambda names: (
                    f"{names(x)}.__dict__ is {names(parts)} and len({names(parts)}) == {len(parts)}"
                    f" and type({names(x)}) is {names(kind)}"
                ),
            )
        elif parts or open_to_others:
            yield gives(path, parts, "len({})", len(parts))
        for name, value in list(parts.items()):
            if name in getattr(kind, "_unguarded", ()):  # ours, and made of the others
                continue
            if is_ours(kind):
                walk.inner.add(id(value))
            if private and not walk.is_named(name):
                walk.when_named(name, item(f"{path}.{name}", parts, name, value), Place(f"{path}.{name}", value))
                continue
            yield item(f"{path}.{name}", parts, name, value)
            yield from reached(walk, f"{path}.{name}", name, value, place.read and open_to_others)
    for name in bytecode.slots(kind) if users or open_to_others else ():
        value = getattr(x, name, MISSING)
        if value is MISSING:
            yield Edge(path, lambda names, name=name: f"not hasattr({names(x)}, {name!r})")  # type: ignore[misc]
        else:
            yield attribute(f"{path}.{name}", x, name, value)
            yield from reached(walk, f"{path}.{name}", name, value, place.read and open_to_others)
    yield Place(path, kind, read=False)
    for name in (*bytecode.OF_CLASSES, *bytecode.class_methods(kind)):
        walk.when_named(name, Place(path, kind))


def reached(walk: Outside, path: str, name: str, value: Any, whole: bool) -> Found:
    """An attribute's value: what is in it counts where code names the attribute."""
    if whole or walk.is_named(name):
        yield Place(path, value)
    elif not is_atom(value):
        yield Place(path, value, read=False)
        walk.when_named(name, Place(path, value))


def of_array(walk: Outside, place: Place) -> Found:
    path, x, read = place
    walk.owners.add(id(memory_owner(x)))
    if not read:  # nobody reads its numbers but the program, at each call
        return
    if x.dtype == object:
        yield from of_list(walk, Place(path, x))
    elif x.nbytes > LARGE and (x.flags.writeable or x.base is not None):
        walk.refuse_size(f"{path} {x.shape} {x.dtype} is an array of more than {LARGE // 1024} kB")
    else:
        yield gives(path, x, "{}.shape", x.shape)
        yield gives(path, x, "{}.tobytes()", x.tobytes())


def of_bytes(walk: Outside, place: Place) -> Found:
    path, x, read = place
    if read:
        if len(x) > LARGE:
            walk.refuse_size(f"{path} is longer than {LARGE} bytes")
        yield gives(path, x, "bytes({})", bytes(x))


def of_list(walk: Outside, place: Place) -> Found:
    """A list, tuple, set, deque or array of objects."""
    path, x, read = place
    if len(x) > LONG:
        if read:
            walk.refuse_size(f"{path} has {len(x)} entries, more than {LONG}")
        yield gives(path, x, "len({})", len(x))
        return
    held = entries(x)
    if id(x) in walk.inner:
        walk.inner.update(map(id, held))
    if type(x) not in (tuple, frozenset):
        if isinstance(x, list) and (len(held) < 8 or not all(map(is_atom, held))):
            yield gives(path, x, "len({})", len(x))
            yield from (item(f"{path}[{i}]", x, i, value) for i, value in enumerate(held))
        elif read:
            yield unmoved(path, x)
    yield from (Place(f"{path}[{i}]", value, read) for i, value in enumerate(held))


def of_dict(walk: Outside, place: Place) -> Found:
    path, x, read = place
    if isinstance(x, defaultdict):
        yield attribute(f"{path}.default_factory", x, "default_factory", x.default_factory)
        yield Place(path, x.default_factory)
    if len(x) > LONG:
        if read:
            walk.refuse_size(f"{path} has {len(x)} entries, more than {LONG}")
        yield gives(path, x, "len({})", len(x))
        return
    inner = id(x) in walk.inner or is_ours(type(x))
    if inner:
        walk.inner.update(map(id, x.values()))
    if not x or inner:  # ours is never reordered, and each of its keys has an edge
        yield gives(path, x, "len({})", len(x))
    elif all(map(is_atom, x)):
        yield gives(path, x, "[*{}]", list(x))
    else:
        yield Edge(path, lambda names, keys=tuple(x): f"unchanged((*{names(x)},), {names(keys)})")  # type: ignore[misc]
        yield from (Place(path, key, read) for key in x)
    for key, value in list(x.items()):
        yield item(f"{path}[{key!r}]", x, key, value)
        yield Place(f"{path}[{key!r}]", value, read)


def of_function(walk: Outside, place: Place) -> Found:
    path, f, _ = place
    if is_users(f):
        walk.name(bytecode.names_in(f.__code__))
        for part in ("__code__", "__defaults__", "__kwdefaults__"):  # editors put new code into an old function
            if getattr(f, part) is not None:
                yield attribute(f"{path}.{part}", f, part, getattr(f, part))
                yield Place(f"{path}.{part}", getattr(f, part))
        for name in bytecode.global_names(f):
            if name in f.__globals__:
                yield item(name, f.__globals__, name, f.__globals__[name])
                yield Place(name, f.__globals__[name])
            elif name in HIDDEN["builtins"]:
                walk.refuse(f"{place.path} calls {name}()")
            else:  # Python's own, until a variable hides it
                yield Edge(name, lambda names, name=name: f"{name!r} not in {names(f.__globals__)}")  # type: ignore[misc]
        for name, module in bytecode.imported(f):
            yield item(name, sys.modules, name, module)
            yield Place(name, module)
    elif is_hidden(f):
        walk.refuse(stated(path, f"{f.__module__}.{f.__name__}"))
    for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
        try:
            value = cell.cell_contents
        except ValueError:  # a variable that has no value yet
            continue
        yield held(name, lambda names, cell=cell: names.cell(cell), value)  # type: ignore[misc]
        yield Place(name, value)
    if vars(f):
        yield gives(path, vars(f), "len({})", len(vars(f)))
        for name, value in list(vars(f).items()):
            yield item(f"{path}.{name}", vars(f), name, value)
            yield Place(f"{path}.{name}", value, walk.is_named(name) or name == "__wrapped__")
            walk.when_named(name, Place(f"{path}.{name}", value))


def of_module(walk: Outside, place: Place) -> Found:
    """The variables of a module that code names; of a library's, only whether they are known to hide a state."""
    path, module, _ = place
    own = vars(module)
    if is_users(module):
        for name, value in list(own.items()):
            walk.when_named(name, item(f"{path}.{name}", own, name, value), Place(f"{path}.{name}", value))
        return iter(())
    hidden_names(walk, module.__name__, path)
    for name, value in list(own.items()):
        if isinstance(value, ModuleType | type) and (
            getattr(value, "__name__", "") in HIDDEN or full_name(value) in HIDDEN
        ):
            walk.when_named(name, Place(f"{path}.{name}", value))
    return iter(())


def hidden_names(walk: Outside, where: str, path: str) -> None:
    """Refuse those names of a library's module or class that hide a state, once code names them."""
    for name in sorted(HIDDEN.get(where, ()), key=lambda name: (name == path, name)):  # `time` names the module, too
        place = Place(f"{path}.{name}", Hidden(f"{where}.{name}"))
        if name in walk.named:
            walk.add(place)
        else:
            walk.later[f"hidden {name}"].append(place)


class Hidden(NamedTuple):
    """Stands for a name of a library that is known to hide a state."""

    name: str


def of_hidden(walk: Outside, place: Place) -> Found:
    walk.refuse(stated(place.path, place.value.name))
    return iter(())


def stated(path: str, name: str) -> str:
    """Say that what is found at a path is a library's thing that hides a state; once, where both have one name."""
    same = path.split(".")[-1] == name.split(".")[-1]
    return f"{name if same else f'{path} is {name}, which'} has a state of its own"


def of_class(walk: Outside, place: Place) -> Found:
    """The entries of a user's class that code names, or that Python or a library calls.

    One that is reached by an object alone makes no others.
    """
    path, kind, read = place
    if not is_users(kind):
        if is_hidden(kind):
            walk.refuse(stated(path, full_name(kind)))
        hidden_names(walk, full_name(kind), path)
        return
    own = vars(kind)
    yield Edge(kind.__name__, lambda names: f"len({names(kind)}.__dict__) == {len(own)}")
    others = [base for base in kind.__mro__ if base is not object and not is_users(base)]
    for name, value in list(own.items()):
        key = f"{kind.__name__}.{name}"
        edge = Edge(
            key,
            lambda names, name=name, value=value: f"{names(kind)}.__dict__[{name!r}] is {names(value)}",  # type: ignore[misc]
        )
        if not read and name in bytecode.MAKERS:
            continue
        called = isinstance(value, FunctionType | property | staticmethod | classmethod) and (
            name[:2] == "__" or any(hasattr(base, name) for base in others)
        )
        if called:
            yield edge
            yield Place(key, value)
        else:
            walk.when_named(name, edge, Place(key, value))
    yield from (Place(path, base, read) for base in (*kind.__bases__, type(kind)))


def of_parts(*names: str) -> Callable[[Outside, Place], Found]:
    """A reader of what an object cannot exchange: those of its attributes."""
    return lambda walk, place: (Place(place.path, getattr(place.value, name)) for name in names)


def of_builtin(walk: Outside, place: Place) -> Found:
    """`config.get`: a function of C, bound to what it reads."""
    f = place.value
    if is_hidden(f):
        walk.refuse(stated(place.path, f"{f.__module__}.{f.__name__}"))
    bound = getattr(f, "__self__", None)
    if bound is not None and not isinstance(bound, ModuleType | type):
        yield Place(place.path, bound)


def of_getter(walk: Outside, place: Place) -> Found:
    """`operator.attrgetter("a.b")` and its like name attributes."""
    parts = place.value.__reduce__()[1]
    walk.name(frozenset(part for x in parts if isinstance(x, str) for part in x.split(".")))
    yield from (Place(place.path, x) for x in parts)


def of_context_variable(walk: Outside, place: Place) -> Found:
    x = place.value
    now = x.get(None)
    yield held(place.path, lambda names: f"{names(x)}.get(None)", now)
    yield Place(place.path, now)


def of_reference(walk: Outside, place: Place) -> Found:
    x = place.value
    now = x()
    yield held(place.path, lambda names: f"{names(x)}()", now)
    yield Place(place.path, now)


def of_cache(walk: Outside, place: Place) -> Found:
    """`functools.lru_cache`: what it has kept is what eager would be given; emptied, it computes anew."""
    x = place.value
    yield gives(place.path, x, "tuple({}.cache_info())[1::2]", tuple(x.cache_info())[1::2])
    yield Place(place.path, x.__wrapped__)


def of_referents(walk: Outside, place: Place) -> Found:
    yield from (Place(place.path, x, place.read) for x in get_referents(place.value))


READERS: dict[Any, Callable[[Outside, Place], Found]] = {
    np.ndarray: of_array,
    bytearray: of_bytes,
    array.array: of_bytes,
    memoryview: of_bytes,
    **dict.fromkeys((list, tuple, set, frozenset, deque), of_list),
    **dict.fromkeys((dict, OrderedDict, defaultdict), of_dict),
    FunctionType: of_function,
    ModuleType: of_module,
    type: of_class,
    Hidden: of_hidden,
    types.MethodType: of_parts("__self__", "__func__"),
    functools.partial: of_parts("func", "args", "keywords"),
    property: of_parts("fget", "fset", "fdel"),
    staticmethod: of_parts("__func__"),
    classmethod: of_parts("__func__"),
    types.BuiltinFunctionType: of_builtin,
    types.MethodWrapperType: of_builtin,
    operator.attrgetter: of_getter,
    operator.methodcaller: of_getter,
    operator.itemgetter: of_referents,
    **dict.fromkeys((types.MappingProxyType, type({}.keys()), type({}.values()), type({}.items())), of_referents),
    contextvars.ContextVar: of_context_variable,
    weakref.ref: of_reference,
    type(functools.lru_cache(len)): of_cache,
    types.SimpleNamespace: lambda walk, place: attributes(walk, place),
}


def is_pythons(kind: type) -> bool:
    """Return True if a class was made by a `class` statement, so that attributes are all its objects hold.

    A class of C may be made at run time too; its objects are larger than their attributes need.
    """
    if kind is object or not kind.__flags__ & (1 << 9) or kind.__flags__ & (1 << 8):
        return False
    base: Any = kind.__base__
    slots = kind.__dict__.get("__slots__", ())
    room = 8 * (1 if isinstance(slots, str) else len(slots)) + 16
    return bool(kind.__basicsize__ <= base.__basicsize__ + room)


def is_stateless(kind: type) -> bool:
    """Return True if the contents of a C type never change, or never affect a result."""
    if kind in ATOMS or f"{kind.__module__}.{kind.__qualname__}" in STATELESS:
        return True
    return kind.__module__.split(".")[0] in STATELESS_MODULES and not hasattr(kind, "__next__")


def full_name(kind: Any) -> str:
    return f"{kind.__module__}.{kind.__qualname__}" if isinstance(kind, type) else str(kind.__name__)


def is_generator(x: Any) -> bool:
    python = isinstance(x, random.Random) and not isinstance(x, random.SystemRandom)
    return python or isinstance(x, np.random.Generator | np.random.RandomState)
