"""Read one object: which conditions say that it is as it was, and which objects it leads to.

There is a reader for each kind of object. It yields the edges of an object, which become conditions of a guard, and the
places that they lead to, which the walk in `outside` takes up.
"""

from __future__ import annotations

import abc
import array
import contextvars
import copy
import functools
import operator
import random
import sys
import types
import weakref
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from gc import get_referents
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..core.tensor import Tensor
from . import bytecode
from .bytecode import FILES, HIDDEN, is_hidden, is_ours, is_users
from .guards import ATOMS, entries, is_atom
from .trace import memory_owner

# The walk; its module imports this one. It offers `names` (the Names of the guard), `is_named(name)` (whether some code
# uses this attribute name), `when_named(name, *found)` (take these up only if so), `name(names)` (code uses these
# names), `inner` (ids of values in objects of this package), `owners` (ids of memory owners), and `refuse...`.
Outside = Any
LARGE = 2**16  # bytes: an array or a text that is larger is not compared before each call
LONG = 1000  # entries: a longer collection is not compared
# Types of C whose objects never change, or hold nothing that is computed with.
STATELESS = {"_thread.lock", "_thread.RLock", "types.GenericAlias", "types.UnionType", "builtins.getset_descriptor"}
STATELESS |= {"builtins.wrapper_descriptor", "builtins.method_descriptor", "builtins.member_descriptor"}
STATELESS |= {"builtins.classmethod_descriptor", "builtins.object", "_collections._tuplegetter"}
STATELESS |= {"collections._tuplegetter"}  # its name from Python 3.13 on
STATELESS_MODULES = ("re", "typing", "numpy", "logging")
PLAIN_ARRAYS = (np.ndarray, np.memmap)  # whose arithmetic is NumPy's


class Edge(NamedTuple):
    """A condition, and the path of what it is about."""

    path: str
    text: str
    undo: str = ""  # a statement after which it holds again


class Place(NamedTuple):
    """A value, how it is reached, and whether code may read what is in it."""

    path: str
    value: Any
    read: bool = True


Found = Iterator[Edge | Place]


def read_object(walk: Outside, place: Place) -> Found:
    """Yield the edges of an object: the contents of its C type, and its Python attributes."""
    path, x, read = place
    kind: Any = type(x)
    base = next(base for base in kind.__mro__ if base in READERS or not is_pythons(base))
    if isinstance(x, Tensor):
        # A plain Tensor without gradient inside an object of ours (a buffer) needs no flag: it is checked as an input.
        is_buffer = id(x) in walk.inner and type(x) is Tensor and not x._requires_grad
        if not is_buffer:
            flag = f"{walk.names(x)}._requires_grad"
            yield Edge(path, f"{flag} is {x._requires_grad}", f"{flag} = {x._requires_grad}")
        walk.owners.add(id(memory_owner(x)))
        if id(x) not in walk.inner:
            walk.when_named("name", *edge_to(walk, f"{path}.name", f"{walk.names(x)}.name", x.name))
        if is_ours(kind):
            return
    elif hasattr(kind, "_guarded"):  # ours, whose other attributes are no part of what it computes
        yield from of_attributes(*kind._guarded)(walk, place)
        return
    elif is_generator(x):
        walk.generators.append((path, x))
        for each in kind.__mro__:
            walk.refuse_names_of(full_name(each), path)
        return
    elif kind.__module__ == "logging" or is_atom(x):
        return
    elif base in READERS:
        yield from READERS[base](walk, place)
    elif read and is_stateless(base) and not is_hidden(kind):
        walk.refuse_names_of(full_name(base), path)
    elif read:
        what = f"is an iterator ({kind.__name__})" if hasattr(kind, "__next__") else f"is a {full_name(kind)}"
        walk.refuse(f"{path} {what}, which has a state of its own")
        return
    if is_pythons(kind) and not isinstance(x, type | ModuleType):
        yield from instance(walk, place)


def edge_to(walk: Outside, path: str, now: str, value: Any, read: bool = True) -> tuple[Edge, Place]:
    """Return the edge to the value of the expression `now`, and the place from which the walk goes on."""
    return Edge(path, walk.names.same(now, value), f"{now} = {walk.names(value)}"), Place(path, value, read)


def item(walk: Outside, path: str, holder: Any, key: Any, value: Any, read: bool = True) -> tuple[Edge, Place]:
    return edge_to(walk, path, f"{walk.names(holder)}[{walk.names.key(key)}]", value, read)


def gives(walk: Outside, path: str, look: str, x: Any, then: Any, undo: str = "") -> Edge:
    """Return the edge: the expression `look`, with x in place of {}, still equals `then`."""
    return Edge(path, f"{look.format(walk.names(x))} == {walk.names.key(then)}", undo)


def refill(walk: Outside, x: Any) -> str:
    """A statement that puts into a container what is in it now."""
    name = walk.names(x)
    if isinstance(x, dict | set | deque):
        return f"{name}.clear(); {name}.{'extend' if isinstance(x, deque) else 'update'}({walk.names(copy.copy(x))})"
    whole = ... if isinstance(x, np.ndarray) else slice(None)
    return f"{name}[{walk.names(whole)}] = {walk.names(copy.copy(x))}"


def instance(walk: Outside, place: Place) -> Found:
    """The `__dict__` and slots of an object, and its class, whose methods may run."""
    path, x, _ = place
    kind: Any = type(x)
    users, name_of = is_users(kind), walk.names
    if hasattr(kind, "named_modules"):
        walk.modules.append(x)
    open_to_others = not users and not is_ours(kind)  # a third-party class: its code may read any attribute
    private = users and bytecode.is_read_by_name(kind)  # a user's class: only attributes that some code names are read
    parts = getattr(x, "__dict__", None)
    held = []
    if isinstance(parts, dict) and parts is not x:
        held = [(name, f"{name_of(parts)}[{name!r}]", value) for name, value in parts.items()]
        if users:
            yield Edge(
                path,
                f"{name_of(x)}.__dict__ is {name_of(parts)} and len({name_of(parts)}) == {len(parts)}"
                f" and type({name_of(x)}) is {name_of(kind)}",
                f"{name_of(x)}.__dict__ = {name_of(parts)}; {refill(walk, parts)}",
            )
        else:
            counted = gives(walk, path, "len({})", parts, len(parts), refill(walk, parts))
            if parts or open_to_others:
                yield counted
            for name in () if parts or open_to_others else bytecode.ASKING:
                walk.when_named(name, counted)
        in_order = gives(walk, path, "[*{}]", parts, list(parts))
        if hasattr(kind, "_entries"):  # ours, whose attributes are a list
            yield in_order
        for name in bytecode.IN_ORDER:
            walk.when_named(name, in_order)
    for name in bytecode.slots(kind) if users or open_to_others else ():
        if hasattr(x, name):
            held.append((name, f"{name_of(x)}.{name}", getattr(x, name)))
        else:
            yield Edge(path, f"not hasattr({name_of(x)}, {name!r})", f"del {name_of(x)}.{name}")
    for name, now, value in held:
        if name in getattr(kind, "_unguarded", ()):  # ours, and made of the others
            continue
        if is_ours(kind):
            walk.inner.add(id(value))
        if private and not walk.is_named(name):
            walk.when_named(name, *edge_to(walk, f"{path}.{name}", now, value))
        else:
            yield from attribute(walk, f"{path}.{name}", now, value, place.read and open_to_others)
    yield Place(path, kind, read=False)
    for name in (*bytecode.OF_CLASSES, *bytecode.class_methods(kind)):
        walk.when_named(name, Place(path, kind))


def attribute(walk: Outside, path: str, now: str, value: Any, read: bool) -> Found:
    """An attribute: what is in its value counts where code names the attribute."""
    name = path.rpartition(".")[2]
    read = read or walk.is_named(name)
    yield from edge_to(walk, path, now, value, read)
    if not read and not is_atom(value):
        walk.when_named(name, Place(path, value))


def of_array(walk: Outside, place: Place) -> Found:
    path, x, read = place
    walk.owners.add(id(memory_owner(x)))
    walk.check_plain(path, x)
    if not read:  # nobody reads its numbers but the program, at each call
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
    path, x, read = place
    if read:
        if len(x) > LARGE:
            walk.refuse_size(f"{path} is longer than {LARGE} bytes")
        yield gives(walk, path, "bytes({})", x, bytes(x), "" if isinstance(x, memoryview) else refill(walk, x))


def of_long(walk: Outside, place: Place) -> Found:
    """A collection that is too long to be looked at: read, it is refused; else its length has to stay."""
    if place.read:
        walk.refuse_size(f"{place.path} has {len(place.value)} entries, more than {LONG}")
    yield gives(walk, place.path, "len({})", place.value, len(place.value))


def of_list(walk: Outside, place: Place) -> Found:
    """A list, tuple, set, deque or array of objects."""
    path, x, read = place
    if len(x) > LONG:
        yield from of_long(walk, place)
        return
    held = entries(x)
    if id(x) in walk.inner:
        walk.inner.update(map(id, held))
    # A short list, or one of objects, gets a condition for each entry, which names what changed. A long list of numbers
    # is compared as one tuple.
    if isinstance(x, list) and (len(held) < 8 or not all(map(is_atom, held))):
        yield gives(walk, path, "len({})", x, len(x), refill(walk, x))
        for i, value in enumerate(held):
            yield from item(walk, f"{path}[{i}]", x, i, value, read)
        return
    if read and type(x) not in (tuple, frozenset):
        text = f"unchanged(tuple(entries({walk.names(x)})), {walk.names(tuple(held))})"
        yield Edge(path, text, refill(walk, x))
    yield from (Place(f"{path}[{i}]", value, read) for i, value in enumerate(held))


def of_dict(walk: Outside, place: Place) -> Found:
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
    elif all(map(is_atom, x)):
        yield gives(walk, path, "[*{}]", x, list(x), refill(walk, x))
    else:
        yield Edge(path, f"unchanged((*{walk.names(x)},), {walk.names(tuple(x))})", refill(walk, x))
        yield from (Place(path, key, read) for key in x)
    for key, value in list(x.items()):
        yield from item(walk, f"{path}[{key!r}]", x, key, value, read)


def of_function(walk: Outside, place: Place) -> Found:
    path, f, _ = place
    walk.refuse_names_of("builtins.function", path)
    if is_users(f):
        walk.name(bytecode.names_in(f.__code__))
        for name, part in bytecode.attributes_of(f.__code__):
            module = f.__globals__.get(name)
            if isinstance(module, ModuleType) and part in FILES.get(module.__name__, ()):
                walk.refuse_size(f"{name}.{part} reads or writes files")
        # Editors put new code into an old function.
        parts = [part for part in ("__code__", "__defaults__", "__kwdefaults__") if getattr(f, part) is not None]
        yield from of_attributes(*parts)(walk, place)
        for name in bytecode.global_names(f):
            if name in f.__globals__:
                yield from item(walk, name, f.__globals__, name, f.__globals__[name])
            elif name in HIDDEN["builtins"]:
                walk.refuse(f"{place.path} calls {name}()")
            else:  # Python's own, until a variable hides it
                hidden = walk.names(f.__globals__)
                yield Edge(name, f"{name!r} not in {hidden}", f"del {hidden}[{name!r}]")
        for name, module in bytecode.imported(f):
            yield from item(walk, name, sys.modules, name, module)
    elif is_hidden(f):
        walk.refuse_state(path, f"{f.__module__}.{f.__name__}")
    elif f.__name__ in FILES.get((f.__module__ or "").split(".")[0], ()):
        walk.refuse_size(f"{f.__name__} reads or writes files")
    for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
        if is_empty(cell):  # a variable that has no value yet
            yield Edge(name, f"{walk.names(is_empty)}({walk.names(cell)})", f"del {walk.names(cell)}.cell_contents")
        else:
            yield from edge_to(walk, name, f"{walk.names(cell)}.cell_contents", cell.cell_contents)
    names_of(walk, place)
    walk.when_named("__annotations__", *of_attributes("__annotations__")(walk, place))
    counted = gives(walk, path, "len({})", vars(f), len(vars(f)), refill(walk, vars(f)))
    if vars(f):
        yield counted
    for name in () if vars(f) else bytecode.ASKING:  # an attribute may be set later, which code asks for
        walk.when_named(name, counted)
    for name, value in list(vars(f).items()):
        now = f"{walk.names(vars(f))}[{name!r}]"
        yield from attribute(walk, f"{path}.{name}", now, value, name == "__wrapped__")


def of_module(walk: Outside, place: Place) -> Found:
    """The variables of a module that code names; of a library's, only whether they are known to hide a state."""
    path, module, _ = place
    users = is_users(module)
    if not users:
        walk.refuse_names_of(module.__name__, path)
    yield Place(path, type(module))
    for name, value in list(vars(module).items()):
        found = item(walk, f"{path}.{name}", vars(module), name, value) if users else ()
        if users and name == "__getattr__":  # Python calls it
            yield from found
        elif users:
            walk.when_named(name, *found)
        elif isinstance(value, ModuleType | type) and not HIDDEN.keys().isdisjoint(
            (getattr(value, "__name__", ""), full_name(value))
        ):
            walk.when_named(name, Place(f"{path}.{name}", value))


def of_class(walk: Outside, place: Place) -> Found:
    """The entries of a user's class that code names, or that Python or a library calls.

    If only an object leads to the class, its constructors (`bytecode.MAKERS`) are left out, as nobody can call them.
    """
    path, kind, read = place
    if isinstance(kind, abc.ABCMeta):  # whose `register` leaves no trace in the class
        for name in ("isinstance", "issubclass"):
            walk.when_named(name, gives(walk, kind.__name__, "{}()", abc.get_cache_token, abc.get_cache_token()))
    if kind in (operator.attrgetter, operator.methodcaller):  # under another name
        walk.name(frozenset(["getattr"]))
    if not is_users(kind):
        if is_hidden(kind):
            walk.refuse_state(path, full_name(kind))
        walk.refuse_names_of(full_name(kind), path)
        return
    itself = walk.names(kind)
    own, known = f"{itself}.__dict__", walk.names(frozenset(vars(kind)))
    yield Edge(
        kind.__name__,
        f"len({own}) == {len(vars(kind))} and {itself}.__mro__ is {walk.names(kind.__mro__)}",
        f"[delattr({itself}, name) for name in [*{own}] if name not in {known}]",
    )
    names_of(walk, place)
    others = [base for base in kind.__mro__ if base is not object and not is_users(base)]
    for name, value in list(vars(kind).items()):
        edge, held = edge_to(walk, f"{kind.__name__}.{name}", f"{own}[{name!r}]", value)
        found = edge._replace(undo=f"setattr({itself}, {name!r}, {walk.names(value)})"), held
        if not read and name in bytecode.MAKERS:
            continue
        called = name[:2] == "__" or any(hasattr(base, name) for base in others)
        if called and hasattr(type(value), "__get__"):  # methods, also those that a decorator made
            yield from found
        else:
            walk.when_named(name, *found)
    yield from (Place(path, base, read) for base in (*kind.__bases__, type(kind)))


def names_of(walk: Outside, place: Place) -> None:
    """Take up the name and docstring of a function or class, which may be set anew."""
    for name in ("__name__", "__qualname__", "__doc__"):
        now = f"{walk.names(place.value)}.{name}"
        walk.when_named(name, *edge_to(walk, f"{place.path}.{name}", now, getattr(place.value, name)))


Reader = Callable[[Outside, Place], Found]


def of_attributes(*names: str) -> Reader:
    """A reader of some of an object's attributes, which may be set anew."""

    def reader(walk: Outside, place: Place) -> Found:
        path, x, _ = place
        for name in names:
            yield from edge_to(walk, f"{path}.{name}", f"{walk.names(x)}.{name}", getattr(x, name))

    return reader


def of_answer(look: str, ask: Callable[[Any], Any]) -> Reader:
    """A reader of an object that answers one question; the text asks it anew."""
    return lambda walk, place: iter(edge_to(walk, place.path, look.format(walk.names(place.value)), ask(place.value)))


def of_weak(walk: Outside, place: Place) -> Found:
    """A weak reference. A guard would keep its object alive, so it is refused, except for classes and functions."""
    path, x, _ = place
    if x() is not None and not isinstance(x(), type | FunctionType):
        walk.refuse_size(f"{path} is a weak reference, which a comparison would keep alive")
    yield from edge_to(walk, path, f"{walk.names(x)}()", x())


def of_builtin(walk: Outside, place: Place) -> Found:
    """`config.get`: a function of C, bound to what it reads."""
    f = place.value
    if f in (getattr, hasattr, setattr, delattr, vars, globals) or f.__name__ in ("format", "format_map"):
        walk.name(frozenset([f.__name__]))  # under another name
    if is_hidden(f):
        walk.refuse_state(place.path, f"{f.__module__}.{f.__name__}")
    bound = getattr(f, "__self__", None)
    if bound is not None and not isinstance(bound, ModuleType | type):
        yield Place(place.path, bound)


def of_getter(walk: Outside, place: Place) -> Found:
    """`operator.attrgetter("a.b")` and its like name attributes."""
    parts = place.value.__reduce__()[1]
    walk.name(frozenset(part for x in parts if isinstance(x, str) for part in x.split(".")))
    yield from (Place(place.path, x) for x in parts)


def of_cache(walk: Outside, place: Place) -> Found:
    """`functools.lru_cache`: its misses and size, and the results that it holds."""
    x = place.value
    held = held_by(x)
    look = f"{walk.names(held_by)}({walk.names(x)}).keys() == {walk.names(held.keys())}"
    yield Edge(place.path, look, f"{walk.names(x)}.cache_clear()")
    yield from (Place(f"{place.path}(...)", y) for y in held.values())
    yield gives(
        walk,
        place.path,
        "tuple({}.cache_info())[1::2]",  # (hits, misses, maxsize, currsize): misses and currsize
        x,
        tuple(x.cache_info())[1::2],
        f"{walk.names(x)}.cache_clear()",
    )
    yield Place(place.path, x.__wrapped__)


def held_by(cache: Any) -> dict[int, Any]:
    """Return the keys and results that a `functools.lru_cache` holds, by id."""
    parts = [x for x in get_referents(cache) if x is not cache.__wrapped__ and x is not vars(cache)]
    # Where its size is limited, it has a dict of links. It refers to their class, and to the results themselves.
    links = {x for x in parts if isinstance(x, type)}
    of_links = [x for x in parts if type(x) is dict and any(type(link) in links for link in x.values())]
    return {id(x): x for x in parts if not (isinstance(x, type) or any(x is y for y in of_links))}


def is_empty(cell: Any) -> bool:
    """Return True if a variable of an outer function has no value."""
    try:
        return cell.cell_contents is cell
    except ValueError:
        return True


def of_referents(walk: Outside, place: Place) -> Found:
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
    # The methods of a NumPy Generator are functions of Cython.
    **dict.fromkeys((types.BuiltinFunctionType, types.MethodWrapperType, type(np.random.Generator.normal)), of_builtin),
    **dict.fromkeys((operator.attrgetter, operator.methodcaller), of_getter),
    **dict.fromkeys((types.MappingProxyType, type({}.keys()), type({}.values()), type({}.items())), of_referents),
    # A ufunc of `np.frompyfunc` refers to the function that it calls.
    **dict.fromkeys((types.MethodType, operator.itemgetter, np.ufunc), of_referents),
    contextvars.ContextVar: of_answer("{}.get(None)", lambda x: x.get(None)),
    weakref.ref: of_weak,
    type(functools.lru_cache(len)): of_cache,
    types.SimpleNamespace: instance,
}


def is_pythons(kind: type) -> bool:
    """Return True if a class was made by a `class` statement, so that attributes are all its objects hold.

    A class of C may be made at run time too; its objects are larger than their attributes need.
    """
    heap_type, immutable_type = 1 << 9, 1 << 8  # Py_TPFLAGS_HEAPTYPE, Py_TPFLAGS_IMMUTABLETYPE
    if kind is object or not kind.__flags__ & heap_type or kind.__flags__ & immutable_type:
        return False
    base: Any = kind.__base__
    slots = kind.__dict__.get("__slots__", ())
    # A pointer for each slot, and for __dict__ and __weakref__.
    room = 8 * (1 if isinstance(slots, str) else len(slots)) + 16
    return bool(kind.__basicsize__ <= base.__basicsize__ + room)


def is_stateless(kind: type) -> bool:
    """Return True if the contents of a C type never change, or never affect a result."""
    if kind in ATOMS or f"{kind.__module__}.{kind.__qualname__}" in STATELESS:
        return True
    counts = hasattr(kind, "__next__") or kind is np.random.SeedSequence
    return kind.__module__.split(".")[0] in STATELESS_MODULES and not counts


def full_name(kind: Any) -> str:
    return f"{kind.__module__}.{kind.__qualname__}" if isinstance(kind, type) else str(kind.__name__)


def is_generator(x: Any) -> bool:
    python = isinstance(x, random.Random) and not isinstance(x, random.SystemRandom)
    return python or isinstance(x, np.random.Generator | np.random.RandomState | np.random.BitGenerator)
