"""Copies of the user's functions that cannot change anything outside: so they may run in a wrong form, too.

A copy has variables of its own: containers, objects, functions and classes are copied, arrays are read-only views. Of a
library it sees only what computes. What cannot be copied, such as a file, a lock or a process, does not exist there:
code that needs it fails, and is not edited.
"""

from __future__ import annotations

import builtins
import contextlib
import copy
import functools
import itertools
import math
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Hashable, Iterator
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from ..core.names import is_users_file
from ..core.tensor import Tensor, constant
from ..ops import BY_FUNCTION
from ..ops.primitive import Primitive
from .recordable import codes_in

MOST_STEPS = 1_000_000  # of a `range`: an edited loop must end
MOST_ROWS = 5_000  # the longest axis with which edits are tried: X @ X.T may be one of them
SAFE = (np.generic, np.dtype, np.ufunc, Primitive, *map(type, (np.s_, np.r_, np.c_, np.mgrid, np.ogrid)))
EXACT = {int, float, complex, bool, str, bytes, type(None), type(...), range, slice}  # no classes made of these
ENDLESS = {itertools.count, itertools.cycle, itertools.repeat}  # a loop over these may never end
# Of these modules a copy sees all public names; of NumPy only what `computes`.
WHOLE = """
    math cmath operator itertools functools collections copy typing dataclasses
    numpy.fft numpy.linalg scipy.special scipy.linalg scipy.stats scipy.signal scipy.ndimage
""".split()
MODULES = {"numpy", "numpy.linalg", "numpy.fft", "scipy", "micrograd_np", *WHOLE}
# NumPy's functions that compute, beside ufuncs and those that have a row. What is not known does not exist in a copy.
NUMPY = """
    apply_along_axis arange array asanyarray asarray ascontiguousarray asfortranarray bartlett bincount blackman
    broadcast_shapes can_cast common_type convolve copyto corrcoef correlate cov diag_indices empty errstate eye
    fill_diagonal finfo fromfunction fromiter full geomspace gradient hamming hanning histogram i0 identity iinfo
    indices insert interp intersect1d isscalar issubdtype iterable ix_ kaiser lexsort linspace logspace mask_indices
    min_scalar_type ndenumerate ndindex ndarray nanmedian nanquantile ones piecewise place polyfit polyval promote_types
    put put_along_axis putmask ravel_multi_index resize result_type roots setdiff1d setxor1d tri tril_indices trim_zeros
    triu_indices union1d unique unravel_index unwrap vander vectorize zeros
""".split()
BUILTINS = """
    abs all any bool dict divmod enumerate filter float frozenset getattr hasattr int isinstance issubclass iter len
    list map max min next object pow property reversed round set setattr slice sorted staticmethod classmethod str sum
    super tuple type zip __build_class__ Exception ValueError TypeError KeyError IndexError AssertionError
    ArithmeticError ZeroDivisionError RuntimeError NotImplementedError StopIteration NotImplemented Ellipsis
""".split()
WRITES_FILES = {"tofile", "dump", "setflags"}  # methods of arrays


class UncopiedError(Exception):
    """Something cannot be copied, or might do more than compute."""


class Library:
    """A module of which only what computes can be reached."""

    def __init__(self, module: ModuleType) -> None:
        self.__dict__["module"] = module

    def __getattr__(self, name: str) -> Any:
        module = self.__dict__["module"]
        value = getattr(module, name)
        if isinstance(value, ModuleType):
            if value.__name__ not in MODULES:
                raise AttributeError(name)
            value = Library(value)
        elif name.startswith("_") or not computes(value):
            raise AttributeError(name)
        value = NOT_WRITTEN.get(name, value) if module is np else value
        self.__dict__[name] = value  # found without this method from now on
        return value


def computes(value: Any) -> bool:
    """Return whether a value is a number, or a function or class that only computes."""
    if type(value) in EXACT or isinstance(value, SAFE) or (isinstance(value, type) and issubclass(value, SAFE)):
        return True
    if not callable(value) or isinstance(value, MethodType) or not isinstance(value, Hashable):
        return False
    if value in KNOWN or value in BY_FUNCTION:
        return True
    name, home = getattr(value, "__name__", ""), (getattr(value, "__module__", None) or "").lstrip("_")
    of_whole = any(f"{home}.".startswith(f"{module}.") for module in WHOLE)
    return (of_whole and value not in ENDLESS) or (name in NUMPY and getattr(np, name, None) is value)


def not_written(make: Any) -> Any:
    """Return a function that makes arrays of nan, where `make` leaves what happens to be in the memory."""

    def made(*args: Any, **kwargs: Any) -> Any:
        x = make(*args, **kwargs)
        x[...] = np.nan if x.dtype.kind in "fc" else 0
        return x

    return made


NOT_WRITTEN = {"empty": not_written(np.empty), "empty_like": not_written(np.empty_like)}


def bounded_range(*args: Any) -> range:
    steps = range(*args)
    if len(steps) > MOST_STEPS:
        raise ArgumentError("the loop is too long")
    return steps


OWN_BUILTINS: dict[str, Any] = {name: getattr(builtins, name) for name in BUILTINS}
OWN_BUILTINS |= {"print": lambda *args, **kwargs: None, "range": bounded_range}
KNOWN = {*OWN_BUILTINS.values(), defaultdict, deque}


class Sandbox:
    """Copies what it is called with; what was copied before has one copy.

    Attributes
    ----------
    functions : list
        The copies of the user's functions.
    longest : int
        The longest axis of all arrays that they can reach.
    """

    def __init__(self) -> None:
        self.made: dict[int, Any] = {}
        self.originals: list[Any] = []  # kept alive, so that their ids stay theirs
        self.namespaces: dict[int, dict[str, Any]] = {}
        self.variables: list[dict[Any, Any]] = []  # all dicts that hold values of the copies
        self.functions: list[FunctionType] = []
        self.cells: list[CellType] = []  # their variables of outer functions
        self.pending: list[tuple[FunctionType, FunctionType]] = []  # copies without their variables, and originals
        self.longest = 0

    def __call__(self, x: Any) -> Any:
        """Return the copy of a value, with all that it uses.

        Raises
        ------
        UncopiedError
            If it cannot be copied.
        """
        made = self.copied(x)
        while self.pending:
            self.fill(*self.pending.pop())
        return made

    @contextlib.contextmanager
    def other_constants(self) -> Iterator[None]:
        """Give the copies other floats for a while: variables, defaults, attributes and entries of dicts.

        So an edit that is right for a constant such as 0.5 alone, as it takes it for 1 / 2, is told from one that is
        right.
        """
        held = [*((cell, "cell_contents") for cell in self.cells), *((f, "__defaults__") for f in self.functions)]
        before = [(each, name, getattr(each, name)) for each, name in held]
        dicts = [(names, dict(names)) for names in self.variables]

        def give(change: Callable[[Any], Any]) -> None:
            for names, old in dicts:
                names.update({name: change(x) for name, x in old.items()})
            for each, name, x in before:
                setattr(each, name, change(x))

        give(other_float)
        try:
            yield
        finally:
            give(lambda x: x)

    def copied(self, x: Any) -> Any:
        if computes(x):
            return x
        if id(x) in self.made:
            return self.made[id(x)]
        self.originals.append(x)
        kind = type(x)
        if kind is np.ndarray and not x.dtype.hasobject:
            made = self.made[id(x)] = x.view()
            made.flags.writeable = False
            self.longest = max(self.longest, *x.shape, 0)
        elif kind in (list, deque):
            made = self.made[id(x)] = kind()
            made.extend(map(self.copied, x))
        elif kind in (dict, OrderedDict, Counter, defaultdict):
            made = self.made[id(x)] = copy.copy(x)
            dict.update(made, {key: self.copied(value) for key, value in x.items()})  # a Counter would add them
            self.variables.append(made)
            if kind is defaultdict:
                made.default_factory = self.copied(x.default_factory)
        elif kind in (tuple, set, frozenset):
            made = kind(map(self.copied, x))
        elif isinstance(x, MethodType):
            made = MethodType(self.copied(x.__func__), self.copied(x.__self__))
        elif isinstance(x, ModuleType) and x.__name__ in MODULES:
            made = Library(x)
        elif kind is Tensor:
            made = constant(self.copied(x._data))
        elif isinstance(x, FunctionType) and is_users_file(x.__code__.co_filename):
            made = self.function(x)
        elif kind is functools.partial:
            made = functools.partial(self.copied(x.func), *map(self.copied, x.args), **self.copied(x.keywords))
        elif kind is np.random.Generator:
            made = copy.deepcopy(x)
        elif isinstance(x, type):
            made = self.type_of(x)
        else:
            made = self.instance(x)
        self.made[id(x)] = self.made[id(made)] = made  # a copy is its own copy
        self.originals.append(made)
        return made

    def if_known(self, values: Any) -> dict[str, Any]:
        """Return the copies of named values, without what cannot be copied."""
        found = {}
        for name, value in values:
            with contextlib.suppress(UncopiedError):
                found[name] = self.copied(value)
        return found

    def function(self, f: FunctionType) -> FunctionType:
        """Return a function with the same code; what it uses is copied later, since functions may use each other."""
        if WRITES_FILES & global_names(f.__code__):
            raise UncopiedError
        cells = tuple(CellType() for _ in f.__closure__ or ())
        made = FunctionType(f.__code__, self.namespace(f.__globals__), f.__name__, None, cells)
        self.functions.append(made)
        self.pending.append((made, f))
        return made

    def namespace(self, scope: dict[str, Any]) -> dict[str, Any]:
        if id(scope) not in self.namespaces:
            self.originals.append(scope)
            own = {"__builtins__": OWN_BUILTINS, "__name__": scope.get("__name__"), "np": Library(np)}
            self.namespaces[id(scope)] = own
            self.variables.append(own)
        return self.namespaces[id(scope)]

    def fill(self, made: FunctionType, f: FunctionType) -> None:
        """Give a copy of a function its variables."""
        own, names = made.__globals__, global_names(f.__code__)
        own |= self.if_known((name, f.__globals__[name]) for name in names if name in f.__globals__)
        for cell, original in zip(made.__closure__ or (), f.__closure__ or (), strict=True):
            with contextlib.suppress(ValueError, UncopiedError):  # it has no value yet, or none here
                cell.cell_contents = self.copied(original.cell_contents)
                self.cells.append(cell)
        made.__defaults__ = f.__defaults__ and tuple(map(self.copied, f.__defaults__))
        made.__kwdefaults__ = {name: self.copied(x) for name, x in (f.__kwdefaults__ or {}).items()}
        self.variables.append(made.__kwdefaults__)

    def type_of(self, x: type) -> type:
        """Return a class of the user's with copies of its functions; a class that only computes is itself."""
        methods = [f for name, f in vars(x).items() if isinstance(f, FunctionType) and name != "__new__"]
        users = any(is_users_file(f.__code__.co_filename) for f in methods)
        if hasattr(x, "_fields") and not users:  # a named tuple
            return x
        if (
            not (users or x.__module__ == "__main__")
            or issubclass(x, tuple)
            or type(x) is not type
            or vars(x).get("__slots__")
        ):
            raise UncopiedError
        own = {name: value for name, value in vars(x).items() if name not in ("__dict__", "__weakref__")}
        made: type = type(x.__name__, tuple(map(self.copied, x.__bases__)), self.if_known(own.items()))
        return made

    def instance(self, x: Any) -> Any:
        """Return an object of the user's, or a part of a class, with copies of all that it holds."""
        if isinstance(x, staticmethod | classmethod):
            return type(x)(self.copied(x.__func__))
        if isinstance(x, property):
            return property(*map(self.copied, (x.fget, x.fset, x.fdel)))
        kind = self.copied(type(x))
        if not hasattr(x, "__dict__") or kind is type(x):
            raise UncopiedError
        try:
            made = self.made[id(x)] = object.__new__(kind)
        except TypeError:  # a subclass of list, of ndarray, ...
            raise UncopiedError from None
        made.__dict__.update(self.if_known(vars(x).items()))
        self.variables.append(made.__dict__)
        return made


def other_float(x: Any) -> Any:
    """Return another number of the same size for a float, also in a tuple; the same for equal ones."""
    if type(x) is tuple:
        return tuple(map(other_float, x))
    return x * (0.85 + 0.1 * math.sin(1e3 * x)) if type(x) is float and math.isfinite(x) else x


def global_names(code: Any) -> set[str]:
    """Return the names that a function, or one inside it, looks up by name."""
    return {name for each in codes_in(code) for name in each.co_names}
