"""Walk through everything that a compiled function can read besides its arguments.

The walk starts from the function and goes along everything that its code can name (`bytecode`); `readers` has one
reader for each kind of object. An edge that a reader finds (a variable, an attribute, an item) becomes one condition of
the guard (`guards`): the same object, or an equal number or word. A kind that has no reader may hide a state, so it is
refused where code reads it. That is what keeps a program from giving other numbers than its function: nothing is
trusted because it is unknown.

Two things keep the walk short, and both must err on the side of looking too much. What no code names is not read: an
edge waits in `later` until code that can run has its name in it, and as soon as code asks for names that it computes
(`getattr`), all names count. And an object may be reached without its contents being read (`read=False`): a Tensor's
array, or the list in which an optimiser holds its parameters.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Any

import numpy as np

from . import bytecode
from .bytecode import HIDDEN, full_name
from .guards import Names, is_atom
from .readers import PLAIN_ARRAYS, Edge, Place, read_object
from .trace import TraceError

MOST = 20_000  # objects
CONDITIONS = 1_000  # on objects that are not of this package: they are all looked at in each call
BYTES = 2**18  # of all arrays that are compared in each call


class TooMuch(Exception):  # noqa: N818
    """Something cannot be compared before each call, or is another each time: the function runs as it is."""


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
    names : Names
        Of the objects in the edges.
    generators : list of (path, generator)
    owners : set of int
        The ids of what holds the memory of arrays: any other array was made inside the function.
    """

    def __init__(self, function: Any, leaves: Any, strict: bool = True) -> None:
        self.strict = strict
        self.names = Names()
        self.edges: list[Edge] = []
        self.generators: list[tuple[str, Any]] = []
        self.owners: set[int] = set()
        self.modules: list[Any] = []  # whose `training` the function may set
        self.inner: set[int] = set()  # the ids of what objects of this package hold, such as an optimiser's state
        self.named: set[str] = set()
        self.conditions = self.bytes = 0
        self.by_name = False  # code asks for attributes whose names it computes
        self.later: dict[str, list[Edge | Place]] = defaultdict(list)  # what is reached once code names it
        self.hidden: dict[str, list[str]] = defaultdict(list)  # what is refused once code names it
        self.seen: dict[tuple[int, bool], Any] = {}  # holds on to each object, so that its id stays its own
        self.pending: deque[Place] = deque([Place(getattr(function, "__name__", "self"), function)])
        for i, x in enumerate(leaves):
            self.check_plain(f"argument {i}", x)
            self.pending += [] if hasattr(x, "dtype") else [Place(f"argument {i}", x)]
        while self.pending:
            place = self.pending.popleft()
            if is_atom(place.value):
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

    def check_cost(self, place: Place, found: list[Edge | Place]) -> None:
        """Refuse what takes too long to be compared before each call, as a list of hundreds of arrays."""
        if not bytecode.is_ours(type(place.value)) and id(place.value) not in self.inner:
            self.conditions += sum(isinstance(x, Edge) for x in found)
        if isinstance(place.value, np.ndarray) and any(isinstance(x, Edge) for x in found):
            self.bytes += place.value.nbytes
        if self.conditions > CONDITIONS or self.bytes > BYTES:
            name = place.path.split("[")[0]
            self.refuse_size(f"{name if name.isidentifier() else 'what it reads'} takes too long to compare")

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
        new = set(names - self.named)
        self.named |= new
        for name in sorted(new & self.hidden.keys()):
            self.refuse_state(*self.hidden[name])
        if not self.by_name and not bytecode.BY_NAME.isdisjoint(new):
            self.by_name = True
            new |= self.later.keys()
        for name in new & self.later.keys():
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

    def check_plain(self, path: str, x: Any) -> None:
        """A class of arrays with an arithmetic of its own: a traced run computes with Tensors instead."""
        if isinstance(x, np.ndarray) and type(x) not in PLAIN_ARRAYS:
            self.refuse_size(f"{path} is a {full_name(type(x))}, which computes in a way of its own")

    def refuse_state(self, path: str, name: str) -> None:
        """Refuse a library's thing that hides a state; it is named once, where its path ends in its name."""
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
        """The path of something that is not what it was."""
        if self.holds(" and ".join(edge.text for edge in self.edges) or "True"):
            return None
        return next((edge.path for edge in self.edges if not self.holds(edge.text)), None)

    def holds(self, text: str) -> bool:
        try:
            return bool(eval(text, self.names.scope))
        except Exception:
            return False

    def restore(self) -> tuple[str | None, str | None]:
        """Put back what was set anew or put into containers: the paths of what was, and of what could not be."""
        changed, kept = self.first_changed(), None
        for edge in self.edges if changed else ():
            if not self.holds(edge.text):
                try:
                    exec(edge.undo or "raise ValueError", self.names.scope)
                except Exception:
                    kept = kept or edge.path
        return changed, kept
