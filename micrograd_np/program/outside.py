"""Walk through everything that a compiled function can read besides its arguments.

The walk starts from the function and goes along everything that its code can name (`bytecode`); `readers` has one
reader for each kind of object. An edge that a reader finds (a variable, an attribute, an item) becomes one condition of
the guard (`guards`): the same object, or an equal number or word. A kind that has no reader may hide a state, so it is
refused where code reads it. That is what keeps a program from giving other numbers than its function: nothing is
trusted because it is unknown.

Two things keep the walk short; in doubt, they must look at too much and not at too little. First, what no code names is
not read: an edge waits in `later` until code that can run has its name in it. As soon as code asks for names that it
computes (`getattr`), all names count. Second, an object may be reached without its contents being read (`read=False`):
a Tensor's array, or the list in which an optimiser holds its parameters.
"""

from __future__ import annotations

import random
from collections import defaultdict, deque
from contextlib import suppress
from types import ModuleType
from typing import Any

import numpy as np

from ..core.containers import attributes, walk_paths
from ..core.errors import TraceError
from ..core.tensor import Tensor
from .bytecode import HIDDEN, TABLE, full_name, is_listed, is_ours, is_users, slots
from .guards import ATOMS, Names, is_atom, is_copied
from .readers import CALLED, READERS, Edge, Found, Place, added, edge_to, instance, of_attributes, of_kind
from .trace import memory_owner

# All conditions are looked at before each call, so there are limits.
MOST = 20_000  # objects that the walk reaches
CONDITIONS = 1_000  # on objects that are not of this package
BYTES = 2**18  # of all arrays whose contents are compared
PLAIN_ARRAYS = (np.ndarray, np.memmap)  # whose arithmetic is NumPy's


class TooMuch(Exception):  # noqa: N818
    """Something takes too long to compare before each call, or changes each time: the function runs as it is."""


class Outside:
    """Everything that a function's code can reach besides its arguments.

    Parameters
    ----------
    function : callable
    given : container
        The arguments. What is no array is walked through, and so are the classes of containers.
    strict : bool
        Whether to raise for what cannot be compared. A printed program has no guard: it needs only the generators.

    Attributes
    ----------
    edges : list of Edge
    names : Names
        The names that the edges have for objects.
    generators : list of (path, generator)
    owners : set of int
        The ids of the owners of the memory of all arrays that were reached. An array of another owner was made inside
        the function.
    known : set of int
        The ids of all that was reached, and the whole numbers there, which may be ids.
    """

    def __init__(self, function: Any, given: Any, strict: bool = True) -> None:
        self.strict = strict
        self.names = Names()
        self.edges: list[Edge] = []
        self.generators: list[tuple[str, Any]] = []
        self.owners: set[int] = set()
        self.modules: list[Any] = []  # whose `training` the function may set
        self.inner: set[int] = set()  # the ids of what objects of this package hold, such as an optimiser's state
        self.named: set[str] = {CALLED}  # the names in the code that can run
        self.numbers: set[int] = set()  # the whole numbers that were reached, which may be ids
        self.conditions = self.bytes = 0
        self.by_name = False  # code asks for attributes whose names it computes
        self.later: dict[str, list[Edge | Place]] = defaultdict(list)  # what is reached once code names it
        self.hidden: dict[str, list[str]] = defaultdict(list)  # what is refused once code names it
        self.seen: dict[tuple[int, bool], Any] = {}  # holds on to each object, so that its id stays its own
        self.pending: deque[Place] = deque([Place(getattr(function, "__name__", "self"), function)])
        copied: list[int] = []  # the ids of the arguments that a trace has others in the place of
        for path, x, is_leaf in walk_paths(given, "argument"):
            copied += [id(x)] if is_copied(x) else []
            if not is_leaf:
                self.add(*of_kind(self, path, type(x)))
                self.named |= {"is"} if x.__class__.__hash__ is object.__hash__ else set()  # equal to itself alone
                for name in {*slots(x.__class__)}.difference(attributes(x), ["default_factory"]):
                    self.refuse_size(f"{path}.{name} is a slot of a container, which is not looked at")
                self.pending += [Place(path, x.default_factory)] if isinstance(x, defaultdict) else []
            elif not (isinstance(x, Tensor) and is_ours(type(x))):
                self.check_plain(path, x, "OV") if is_copied(x) else self.pending.append(Place(path, x))
        while self.pending:
            place = self.pending.popleft()
            if is_atom(place.value):
                self.numbers.update([place.value] if type(place.value) is int else [])
                for base in type(place.value).__mro__ if place.read else ():
                    self.refuse_names_of(full_name(base), place.path)
                continue
            key = id(place.value), place.read
            if key not in self.seen and (id(place.value), True) not in self.seen:
                self.seen[key] = place.value
                found = list(read_object(self, place))
                self.add(*found)
                self.check_cost(place, found)
            if len(self.seen) > MOST:
                self.refuse_size(f"more than {MOST} objects hang from {place.path.split('.')[0]}")
                break
        self.known = self.numbers.union(map(id, self.seen.values()))
        if self.asks_identity() and (len({*copied}) < len(copied) or not self.known.isdisjoint(copied)):
            self.refuse_size(
                "it asks with `is` or id() which object something is, and knows one by another name: ask outside"
            )

    def check_cost(self, place: Place, found: list[Edge | Place]) -> None:
        """Refuse what takes too long to compare before each call, such as a list of hundreds of arrays."""
        if not is_ours(type(place.value)) and id(place.value) not in self.inner:
            self.conditions += sum(isinstance(x, Edge) for x in found)
        if isinstance(place.value, np.ndarray) and any(isinstance(x, Edge) for x in found):
            self.bytes += place.value.nbytes
        if self.conditions > CONDITIONS or self.bytes > BYTES:
            name = place.path.split("[")[0]
            self.refuse_size(f"{name if name.isidentifier() else 'what it reads'} takes too long to compare")

    def add(self, *found: Edge | Place) -> None:
        """Keep the edges; walk on from the places later."""
        for x in found:
            if isinstance(x, Edge):
                self.edges.append(x)
            else:
                self.pending.append(x._replace(path=x.path[-200:]))

    def when_named(self, name: str, *found: Edge | Place) -> None:
        """Add these edges and places, now or as soon as code that can run has the name in it."""
        if self.is_named(name):
            self.add(*found)
        else:
            self.later[name] += found

    def add_names(self, names: frozenset[str]) -> None:
        """Note that code that can run has these names in it; add what waits for them, refuse what hides a state."""
        new = set(names - self.named)
        self.named |= new
        for name in sorted(new & self.hidden.keys()):
            self.refuse_state(*self.hidden[name])
        if not self.by_name and not TABLE["who by name"].isdisjoint(new):
            self.by_name = True
            new |= self.later.keys()
        for name in new & self.later.keys():
            self.add(*self.later.pop(name))

    def is_named(self, name: str) -> bool:
        """Return True if code that can run has the name in it, or computes names."""
        return self.by_name or name in self.named

    def asks_identity(self) -> bool:
        return not self.named.isdisjoint(TABLE["who identifies"])

    def refuse(self, what: str) -> None:
        """Raise for what a guard cannot compare: the user has to change the function.

        If code computes names, it may not read this at all: then the function runs as it is.
        """
        if self.strict and self.by_name:
            raise TooMuch(f"it reads attributes by names that it computes, and {what}")
        if self.strict:
            cure = "Read it outside and give it as an argument, or hold it in a Tensor."
            raise TraceError(f"{what}, and a program cannot look at that before each call. {cure}")

    def refuse_size(self, what: str) -> None:
        """Raise for what a guard should not compare: the function runs as it is."""
        if self.strict:
            raise TooMuch(what)

    def check_plain(self, path: str, x: Any, kinds: str = "") -> None:
        """Refuse arrays of a class or dtype with an arithmetic of its own: a traced run would compute with Tensors."""
        if type(x) not in (*PLAIN_ARRAYS, np.void) or x.dtype.kind in kinds:
            self.refuse_size(f"{path} is a {full_name(type(x))} of {x.dtype}, which computes in a way of its own")

    def refuse_state(self, path: str, name: str) -> None:
        """Refuse an object of a library that hides a state; the message names it once if its path ends in its name."""
        same = path.split(".")[-1] == name.split(".")[-1]
        self.refuse(f"{name if same else f'{path} is {name}, which'} has a state of its own")

    def refuse_names_of(self, where: str, path: str) -> None:
        """Refuse those names of a library's module or class that hide a state, once code names them."""
        for name in sorted(HIDDEN.get(where, ()), key=lambda name: (name == path, name)):  # `time` names both
            found = f"{path}.{name}", f"{where}.{name}"
            if name in self.named:
                self.refuse_state(*found)
            elif not self.hidden[name]:
                self.hidden[name] += found

    def first_changed(self) -> str | None:
        """Return the path of the first thing that has changed since the walk, or None."""
        if self.holds(" and ".join(edge.text for edge in self.edges) or "True"):
            return None
        return next((edge.path for edge in self.edges if not self.holds(edge.text)), None)

    def holds(self, text: str) -> bool:
        """Return True if a condition holds now; one that raises does not."""
        with suppress(Exception):
            return bool(eval(text, self.names.scope))
        return False

    def restore(self) -> tuple[str | None, str | None]:
        """Undo what a run changed; return the path of a change, and of one that cannot be undone, or None for each."""
        changed = self.first_changed()
        for edge in self.edges if changed else ():
            if not self.holds(edge.text):
                with suppress(Exception):  # what follows tells whether all is as it was
                    exec(edge.undo, self.names.scope)
        return changed, changed and self.first_changed()


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
        yield from added(walk, place) if is_users(getattr(x, "function", None)) else ()
        return
    elif is_generator(x):
        walk.generators.append((path, x))
        for each in kind.__mro__:
            walk.refuse_names_of(full_name(each), path)
        return
    elif is_atom(x) or (kind.__module__ == "logging" and not hasattr(kind, "isEnabledFor")):  # handlers, filters
        return
    elif own := own_access(kind, base):
        walk.refuse_size(f"{path} is a {kind.__name__}, whose own {own} a comparison before each call would run")
    elif base in READERS:
        yield from READERS[base](walk, place)
    elif read and is_stateless(base) and not is_listed(kind, HIDDEN):
        walk.refuse_names_of(full_name(base), path)
    elif read:
        what = f"is an iterator ({kind.__name__})" if hasattr(kind, "__next__") else f"is a {full_name(kind)}"
        walk.refuse(f"{path} {what}, which has a state of its own")
        return
    if is_pythons(kind) and not isinstance(x, type | ModuleType | np.memmap):
        yield from instance(walk, place)


def own_access(kind: type, base: type) -> str | None:
    """Return the name of a method by which a user's class finds what is in its objects, or None."""
    names = {"__getattribute__"} | ({"__getitem__", "__len__", "__iter__", "values"} if base in READERS else set())
    return next((x for each in kind.__mro__ if is_users(each) for x in vars(each).keys() & names), None)


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
    if kind in ATOMS or full_name(kind) in TABLE["types stateless"]:
        return True
    counts = hasattr(kind, "__next__") or kind is np.random.SeedSequence
    return kind.__module__.split(".")[0] in TABLE["modules stateless"] and not counts


def is_generator(x: Any) -> bool:
    """Return True for a generator of random numbers, except for one that asks the operating system."""
    python = isinstance(x, random.Random) and not isinstance(x, random.SystemRandom)
    return python or isinstance(x, np.random.Generator | np.random.RandomState | np.random.BitGenerator)
