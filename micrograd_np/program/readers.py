"""Readers of objects: each tells by which conditions an object of its kind is as it was, and to which others it leads.

A reader yields edges, which become the conditions of a guard, and places, from which the walk in `outside` goes on.
"""

from __future__ import annotations

import abc
import array
import contextvars
import copy
import copyreg
import functools
import logging
import operator
import sys
import types
import weakref
from collections import ChainMap, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from gc import get_referents
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from . import bytecode
from .bytecode import ASKING, COMPUTED, FILES, HIDDEN, TABLE, full_name, is_listed, is_ours, is_users
from .guards import MISFIT, NUMBERS, entries, is_atom
from .trace import memory_owner

# The walk; its module imports this one. It offers `names` (the Names of the guard), `is_named(name)` (whether some code
# uses this attribute name), `when_named(name, *found)` (add these only if so), `add_names(names)` (code uses these
# names), `inner` (ids of values in objects of this package), `owners` (ids of memory owners), and `refuse...`.
Outside = Any
LARGE = 2**16  # bytes: an array or a text that is larger is not compared before each call
LONG = 1000  # entries: a longer collection is not compared
MANY = 8  # entries: the numbers of a collection of so many are compared together
CALLED = "keys"  # a name that counts as named by all code: `**x` calls it, as Python calls other methods


class Edge(NamedTuple):
    """A condition as source, and the path of the object that it is about."""

    path: str
    text: str
    undo: str = ""  # a statement after which the condition holds again


class Place(NamedTuple):
    """A value, the path to it, and whether code may read its contents."""

    path: str
    value: Any
    read: bool = True


Found = Iterator[Edge | Place]


def edge_to(walk: Outside, path: str, now: str, value: Any, read: bool = True) -> tuple[Edge, Place]:
    """Return the edge to the value of the expression `now`, and the place from which the walk goes on."""
    return Edge(path, walk.names.same(now, value), f"{now} = {walk.names(value)}"), Place(path, value, read)


def item(walk: Outside, path: str, holder: Any, key: Any, value: Any, read: bool = True) -> tuple[Edge, Place]:
    """Return the edge to an entry of a container, and its place."""
    return edge_to(walk, path, f"{walk.names(holder)}[{walk.names.key(key)}]", value, read)


def gives(walk: Outside, path: str, look: str, x: Any, then: Any, undo: str = "") -> Edge:
    """Return the edge that the expression `look`, with x in place of {}, still equals `then`."""
    return Edge(path, f"{look.format(walk.names(x))} == {walk.names.key(then)}", undo)


def refill(walk: Outside, x: Any) -> str:
    """Return a statement that puts into a container what is in it now."""
    name = walk.names(x)
    if isinstance(x, dict | set | deque):
        return f"{name}.clear(); {name}.{'extend' if isinstance(x, deque) else 'update'}({walk.names(copy.copy(x))})"
    whole = ... if isinstance(x, np.ndarray) else slice(None)
    return f"{name}[{walk.names(whole)}] = {walk.names(copy.copy(x))}"


def instance(walk: Outside, place: Place) -> Found:
    """Read an object made by a `class` statement: its `__dict__` and slots, and its class, whose methods may run."""
    path, x, _ = place
    kind: Any = type(x)
    users, name_of = is_users(kind), walk.names
    if hasattr(kind, "named_modules"):
        walk.modules.append(x)
    # Only attributes that some code names are read of a user's class, and of a logger.
    private = (users and bytecode.is_read_by_name(kind)) or kind.__module__ == "logging"
    open_to_others = not (users or private or is_ours(kind))  # a third-party class: its code may read any attribute
    yield Edge(path, f"type({name_of(x)}) is {name_of(kind)}", f"{name_of(x)}.__class__ = {name_of(kind)}")
    parts = getattr(x, "__dict__", None)
    held = []
    if isinstance(parts, dict) and parts is not x:
        held = [(name, f"{name_of(parts)}[{name!r}]", value) for name, value in parts.items()]
        yield from counted(walk, place, bool(parts) or users or open_to_others)
        if hasattr(kind, "_entries"):  # ours: a container of modules, whose attributes are its entries, in order
            yield gives(walk, path, "[*{}]", parts, list(parts))
        order_of(walk, path, name_of(parts), parts)
    for name in bytecode.slots(kind) if users or open_to_others else ():
        if hasattr(x, name):
            held.append((name, f"{name_of(x)}.{name}", getattr(x, name)))
        else:
            yield Edge(path, f"not hasattr({name_of(x)}, {name!r})", f"del {name_of(x)}.{name}")
    for name, now, value in held:
        if name in getattr(kind, "_unguarded", ()):  # ours, and computed from the other attributes
            continue
        if is_ours(kind):
            walk.inner.add(id(value))
        if private:
            walk.when_named(name, *edge_to(walk, f"{path}.{name}", now, value))
        else:
            yield from attribute(walk, f"{path}.{name}", now, value, place.read and open_to_others)
    for base in ({name: value for name, _, value in held}, *map(vars, kind.__mro__)):
        for name in base.keys() & TABLE["who addresses"]:
            if not hasattr(type(base[name]), "__get__"):
                walk.refuse_size(f"{path}.{name} is the address of memory")
    yield from of_kind(walk, path, kind)


def of_kind(walk: Outside, path: str, kind: type) -> Found:
    """The class of an object, whose methods may run."""
    yield Place(path, kind, read=False)
    makers = (name for base in kind.__mro__ for name, x in vars(base).items() if isinstance(x, classmethod))
    for name in (*TABLE["who copies"], *makers):  # which may call the class
        walk.when_named(name, Place(path, kind))


def counted(walk: Outside, place: Place, always: bool) -> Found:
    """Yield the condition that an object's `__dict__` is the same one and has as many entries.

    Without `always`, for an object that has none, it waits for code that asks whether there are some (`hasattr`).
    """
    path, x, _ = place
    name, parts = walk.names(x), walk.names(x.__dict__)
    same = f"{name}.__dict__ is {parts}"
    undo = f"{refill(walk, x.__dict__)}; {same} or setattr({name}, '__dict__', {parts})"
    found = Edge(path, f"{same} and len({parts}) == {len(x.__dict__)}", undo)
    for asking in () if always else TABLE["who asks"]:
        walk.when_named(asking, found)
    yield from [found] if always else []


def order_of(walk: Outside, path: str, text: str, parts: Any) -> None:
    """Compare the order of attributes, as soon as code goes through all of them."""
    for name in TABLE["who lists"]:
        walk.when_named(name, Edge(path, f"[*{text}] == {walk.names(list(parts))}"))


def attribute(walk: Outside, path: str, now: str, value: Any, read: bool) -> Found:
    """Yield the edge to an attribute; the contents of its value count only if code names the attribute."""
    name = path.rpartition(".")[2]
    read = read or walk.is_named(name)
    yield from edge_to(walk, path, now, value, read)
    if not read and not is_atom(value):
        walk.when_named(name, Place(path, value))


def of_array(walk: Outside, place: Place) -> Found:
    """Read an array: its shape and its bytes, unless only the program reads its numbers."""
    path, x, read = place
    walk.owners.add(id(memory_owner(x)))
    walk.check_plain(path, x)
    if not read:  # the program reads its numbers at each call, and nothing else does
        return
    if x.dtype == object:
        yield gives(walk, path, "{}.shape", x, x.shape)
        yield from of_list(walk, Place(path, x))
    elif x.dtype.hasobject:
        walk.refuse(f"{path} is an array of {x.dtype}, which holds objects")
    elif x.nbytes > LARGE and (x.flags.writeable or x.base is not None):
        walk.refuse_size(f"{path} {x.shape} {x.dtype} is an array of more than {LARGE // 1024} kB")
    else:
        yield gives(walk, path, "{}.shape", x, x.shape)
        yield gives(walk, path, "{}.tobytes()", x, x.tobytes(), refill(walk, x))


def of_bytes(walk: Outside, place: Place) -> Found:
    """Read a mutable sequence of bytes or numbers."""
    path, x, read = place
    if read:
        if len(x) > LARGE:
            walk.refuse_size(f"{path} is longer than {LARGE} bytes")
        yield gives(walk, path, "bytes({})", x, bytes(x), "" if isinstance(x, memoryview) else refill(walk, x))


def of_long(walk: Outside, place: Place) -> Found:
    """Read a collection too long to compare: refuse it if code reads its contents; otherwise its length must stay."""
    if place.read:
        walk.refuse_size(f"{place.path} has {len(place.value)} entries, more than {LONG}")
    yield gives(walk, place.path, "len({})", place.value, len(place.value))


def of_list(walk: Outside, place: Place) -> Found:
    """Read a list, tuple, set, deque or array of objects."""
    path, x, read = place
    if len(x) > LONG:
        yield from of_long(walk, place)
        return
    held = entries(x)
    if id(x) in walk.inner:
        walk.inner.update(map(id, held))
    # A short list, or one of objects, gets a condition for each entry, which names what changed.
    if isinstance(x, list) and (len(held) < MANY or not all(map(is_atom, held))):
        yield gives(walk, path, "len({})", x, len(x), refill(walk, x))
        for i, value in enumerate(held):
            yield from item(walk, f"{path}[{i}]", x, i, value, read)
        return
    if read and type(x) not in (tuple, frozenset):
        yield Edge(path, walk.names.same_entries(f"entries({walk.names(x)})", held), refill(walk, x))
    yield from (Place(f"{path}[{i}]", value, read) for i, value in enumerate(held))


def of_dict(walk: Outside, place: Place) -> Found:
    """Read a dict: its keys in their order, and its values."""
    path, x, read = place
    if isinstance(x, defaultdict):
        yield from of_attributes("default_factory")(walk, place)
    if len(x) > LONG:
        yield from of_long(walk, place)
        return
    inner = id(x) in walk.inner or is_ours(type(x))
    if inner:
        walk.inner.update(map(id, x.values()))
    if not x or inner:  # ours is never reordered, and each of its keys has an edge
        yield gives(walk, path, "len({})", x, len(x), refill(walk, x))
    else:
        yield Edge(path, walk.names.same_entries(f"[*{walk.names(x)}]", list(x)), refill(walk, x))
        yield from (Place(path, key, read) for key in x)
    if len(x) >= MANY and not inner and NUMBERS.issuperset(map(type, x.values())):
        values = walk.names.same_entries(f"[*{walk.names(x)}.values()]", list(x.values()))
        yield Edge(path, values, refill(walk, x))
        return
    for key, value in list(x.items()):
        yield from item(walk, f"{path}[{key!r}]", x, key, value, read)


def of_function(walk: Outside, place: Place) -> Found:
    """Read a function: what it closes over and, if it is the user's, its code and all that the code names."""
    path, f, _ = place
    walk.refuse_names_of("builtins.function", path)
    cells = dict(zip(f.__code__.co_freevars, f.__closure__ or (), strict=True))
    if is_users(f):
        filled = {name: cell.cell_contents for name, cell in cells.items() if not is_empty(cell)}
        walk.add_names(bytecode.names_in(f.__code__))
        for name, part in bytecode.attributes_of(f.__code__):
            module: Any = ChainMap[str, Any](filled, f.__globals__, sys.modules).get(name)
            if not isinstance(module, ModuleType) or is_users(module):
                continue
            if part in FILES.get(module.__name__, ()):
                walk.refuse_size(f"{name}.{part} reads or writes files or settings")
            value = vars(module).get(part, len)
            if is_atom(value) or (type(value) in READERS and not callable(value) and type(value) is not ModuleType):
                yield from item(walk, f"{name}.{part}", vars(module), part, value)
        # A notebook or an editor that reloads code may put new code into an old function.
        parts = [part for part in ("__code__", "__defaults__", "__kwdefaults__") if getattr(f, part) is not None]
        yield from of_attributes(*parts)(walk, place)
        for name in bytecode.global_names(f):
            if name in f.__globals__:
                yield from item(walk, name, f.__globals__, name, f.__globals__[name])
            elif name in HIDDEN["builtins"]:
                walk.refuse(f"{place.path} calls {name}()")
            else:  # a builtin, as long as no global variable of this name hides it
                hidden = walk.names(f.__globals__)
                yield Edge(name, f"{name!r} not in {hidden}", f"del {hidden}[{name!r}]")
        for name, module in bytecode.imported(f):
            yield from item(walk, name, sys.modules, name, module)
    for name, cell in cells.items():
        if is_empty(cell):  # a variable that has no value yet
            yield Edge(name, f"{walk.names(is_empty)}({walk.names(cell)})", f"del {walk.names(cell)}.cell_contents")
        else:
            yield from edge_to(walk, name, f"{walk.names(cell)}.cell_contents", cell.cell_contents)
    names_of(walk, place)
    walk.when_named("__annotations__", *of_attributes("__annotations__")(walk, place))
    yield from added(walk, place)


def added(walk: Outside, place: Place) -> Found:
    """Attributes that were set on a function, an op or a compiled function, as counters and settings are."""
    path, x, _ = place
    yield from counted(walk, place, bool(vars(x)))
    for name, value in list(vars(x).items()):
        walk.when_named(CALLED if name == "__wrapped__" else name, *item(walk, f"{path}.{name}", vars(x), name, value))


def of_module(walk: Outside, place: Place) -> Found:
    """Read those variables of a module that code names; a library's module only for names known to hide a state."""
    path, module, _ = place
    users = is_users(module)
    if not users:
        walk.refuse_names_of(module.__name__, path)
    yield Place(path, type(module))
    if users:  # a name that is not there yet may be there later
        yield gives(walk, path, "len({0}.__dict__)", module, len(vars(module)))
    for name, value in list(vars(module).items()):
        if name == "__builtins__":  # Python's own, in each module
            continue
        if users:
            found = item(walk, f"{path}.{name}", vars(module), name, value)
            walk.when_named(CALLED if name == "__getattr__" else name, *found)
        elif isinstance(value, ModuleType | type) and full_name(value) in HIDDEN:
            walk.when_named(name, Place(f"{path}.{name}", value))


def of_class(walk: Outside, place: Place) -> Found:
    """Read the entries of a user's class that code names, or that Python or a library calls.

    If only an object leads to the class, its constructors (`__init__`) run only where code names them.
    """
    path, kind, read = place
    if isinstance(kind, abc.ABCMeta):  # whose `register` leaves no trace in the class
        for name in ("isinstance", "issubclass"):
            walk.when_named(name, gives(walk, kind.__name__, "{}()", abc.get_cache_token, abc.get_cache_token()))
    names_of(walk, place)
    if not is_users(kind):
        walk.refuse_names_of(full_name(kind), path)
        return
    copyreg._slotnames(kind)  # type: ignore[attr-defined]  # which a copy keeps in the class: no change of the user's
    itself = walk.names(kind)
    own, known = f"{itself}.__dict__", walk.names(frozenset(vars(kind)))
    order_of(walk, kind.__name__, own, vars(kind))
    yield Edge(
        kind.__name__,
        f"len({own}) == {len(vars(kind))} and {itself}.__mro__ is {walk.names(kind.__mro__)}",
        f"[delattr({itself}, name) for name in [*{own}] if name not in {known}]",
    )
    others = [base for base in kind.__mro__ if base is not object and not is_users(base)]
    for name, value in list(vars(kind).items()):
        edge, held = edge_to(walk, f"{kind.__name__}.{name}", f"{own}[{name!r}]", value)
        found = edge._replace(undo=f"setattr({itself}, {name!r}, {walk.names(value)})"), held
        called = name[:2] == "__" or any(hasattr(base, name) for base in others)
        called = called and (read or name not in TABLE["who makes"])
        # Methods, also those that a decorator made, and objects that are called as methods.
        called = called and (hasattr(type(value), "__get__") or callable(value))
        walk.when_named(CALLED if called else name, *found)
    yield from (Place(path, base, read) for base in (*kind.__bases__, type(kind)))


def names_of(walk: Outside, place: Place) -> None:
    """Add the name and docstring of a function or class, which may be set anew; refuse names known to hide a state."""
    path, x, _ = place
    walk.add_names(TABLE["who by name"] & ({COMPUTED} if x.__name__ in ASKING else {x.__name__}))
    if not is_users(x) and is_listed(x, HIDDEN):
        walk.refuse_state(path, full_name(x))
    elif not is_users(x) and is_listed(x, FILES):
        walk.refuse_size(f"{x.__name__} reads or writes files or settings")
    for name in ("__name__", "__qualname__", "__doc__"):
        walk.when_named(name, *of_attributes(name)(walk, place))


Reader = Callable[[Outside, Place], Found]


def of_attributes(*names: str) -> Reader:
    """Return a reader of some of an object's attributes, which may be set anew."""

    def reader(walk: Outside, place: Place) -> Found:
        path, x, _ = place
        for name in names:
            yield from edge_to(walk, f"{path}.{name}", f"{walk.names(x)}.{name}", getattr(x, name))

    return reader


def of_context(walk: Outside, place: Place) -> Found:
    """Read a context variable: its value, or none, and its default."""
    name, now = walk.names(place.value), place.value.get(MISFIT)
    edge, held = edge_to(walk, place.path, f"{name}.get(MISFIT)", now)
    yield from (edge._replace(undo="" if now is MISFIT else f"{name}.set({walk.names(now)})"), held)
    yield from of_referents(walk, place)


def of_logger(walk: Outside, place: Place) -> Found:
    """Read a logger: whether it logs counts only if code asks for that."""
    path, x, _ = place
    look = "({0}.getEffectiveLevel(), {0}.disabled, {0}.manager.disable)"
    now = x.getEffectiveLevel(), x.disabled, x.manager.disable
    for name in ("isEnabledFor", "getEffectiveLevel"):
        walk.when_named(name, gives(walk, path, look, x, now))
    yield from ()


def of_weak(walk: Outside, place: Place) -> Found:
    """Read a weak reference. A guard would keep its object alive, so only one to a class or function is accepted."""
    path, x, _ = place
    if x() is not None and not isinstance(x(), type | FunctionType):
        walk.refuse_size(f"{path} is a weak reference, which a comparison would keep alive")
    yield from edge_to(walk, path, f"{walk.names(x)}()", x())


def of_builtin(walk: Outside, place: Place) -> Found:
    """Read a function of C and the object that it is bound to, as `config.get` is to a dict."""
    f = place.value
    names_of(walk, place)
    bound = getattr(f, "__self__", None)
    if bound is not None and not isinstance(bound, ModuleType | type):
        yield Place(place.path, bound)


def of_getter(walk: Outside, place: Place) -> Found:
    """Read an `operator.attrgetter("a.b")` or its like, which names attributes."""
    parts = place.value.__reduce__()[1]
    walk.add_names(frozenset(part for x in parts if isinstance(x, str) for part in x.split(".")))
    yield from (Place(place.path, x) for x in parts)


def of_cache(walk: Outside, place: Place) -> Found:
    """Read a `functools.lru_cache`: its misses and size, and the results that it holds."""
    x = place.value
    parts = get_referents(x)  # a limited cache moves what was used last to the end, so their ids are compared as a set
    ids = f"{{*map({walk.names(id)}, {walk.names(get_referents)}({walk.names(x)}))}}"
    now = f"({ids}, tuple({walk.names(x)}.cache_info())[1::2])"  # (hits, misses, maxsize, currsize)
    then = {*map(id, parts)}, tuple(x.cache_info())[1::2]
    yield Edge(place.path, f"{now} == {walk.names(then)}", f"{walk.names(x)}.cache_clear()")
    walk.names(parts)  # so that their ids stay theirs
    # A limited cache refers to a dict of links and to their class, which are skipped, and to the results themselves.
    links = {part for part in parts if isinstance(part, type)}
    for part in parts:
        if not (isinstance(part, type) or (type(part) is dict and any(type(link) in links for link in part.values()))):
            yield Place(f"{place.path}(...)", part)


def is_empty(cell: Any) -> bool:
    """Return True if a variable of an outer function has no value yet."""
    return repr(cell).endswith(": empty>")


def of_referents(walk: Outside, place: Place) -> Found:
    """Read an object that never changes by the objects that it refers to."""
    yield from (Place(place.path, x, place.read) for x in get_referents(place.value))


READERS: dict[Any, Reader] = {
    **dict.fromkeys((np.ndarray, np.void), of_array),
    **dict.fromkeys((bytearray, array.array, memoryview), of_bytes),
    **dict.fromkeys((list, tuple, set, frozenset, deque), of_list),
    **dict.fromkeys((dict, OrderedDict, defaultdict), of_dict),
    FunctionType: of_function,
    ModuleType: of_module,
    type: of_class,
    functools.partial: of_attributes("func", "args", "keywords"),
    property: of_attributes("fget", "fset", "fdel"),
    **dict.fromkeys((staticmethod, classmethod), of_attributes("__func__")),
    **dict.fromkeys((types.BuiltinFunctionType, types.MethodWrapperType, types.MethodDescriptorType), of_builtin),
    **dict.fromkeys((types.WrapperDescriptorType, types.ClassMethodDescriptorType), of_builtin),
    type(np.random.Generator.normal): of_builtin,  # a function of Cython
    **dict.fromkeys((operator.attrgetter, operator.methodcaller), of_getter),
    **dict.fromkeys((types.MappingProxyType, type({}.keys()), type({}.values()), type({}.items())), of_referents),
    # A ufunc of `np.frompyfunc` refers to the function that it calls.
    **dict.fromkeys((types.MethodType, operator.itemgetter, np.ufunc), of_referents),
    contextvars.ContextVar: of_context,
    logging.Logger: of_logger,
    logging.LoggerAdapter: of_attributes("logger"),
    weakref.ref: of_weak,
    type(functools.lru_cache(len)): of_cache,
    types.SimpleNamespace: instance,
}
