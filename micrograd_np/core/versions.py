"""Versions of tensors and snapshots of arrays: a value that a rule still reads must not change silently.

There are three ways to change a value between the forward and the backward pass; each has its own protection:

- a recorded write into a tensor (`w += 1`, `w[0] = 1`, `w.assign(...)`): its `Memory` keeps the time and the line, and
  `check_unwritten` refuses the backward pass with both lines;
- a write into a plain array that an op took (an operand, an index, a mask, labels): the engine cannot see it, so the
  node keeps a `snapshot` of the array, and the rules read that;
- a write into the array that `x.data` returned: the engine cannot see it either, so `expose` copies the memory when it
  is first returned, and ops that run later keep snapshots of it.

Only values that a rule reads are protected. Only nodes hold snapshots, which are freed with the graph.
"""

from __future__ import annotations

import dis
import functools
import itertools
import operator
import sys
from collections.abc import Callable, Sequence
from inspect import CO_VARARGS
from types import CodeType, FunctionType, SimpleNamespace
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from numpy import ndarray

from . import errors
from .names import Location, caller_location

next_id = itertools.count(1).__next__  # one counter for new nodes and for writes, so that both can be compared


class Memory:
    """The time and line of the last write into an array, and the copies made when it was given to the user.

    Every view of the array shares it.
    """

    __slots__ = ("copies", "where", "written")

    def __init__(self) -> None:
        self.written = 0
        self.where: Location | None = None
        # By id of the array that owns the memory: when it was given to the user, and a copy for older nodes or None.
        self.copies: dict[int, tuple[int, Any]] = {}

    def write(self) -> None:
        self.where = caller_location(3)
        self.written = latest.written = next_id()


class Latest:
    """The times of the last write, and of the last array given to the user; the backward pass looks at these first."""

    def __init__(self) -> None:
        self.written = 0
        self.exposed = 0


latest = Latest()


def memory_of(tensor: Any) -> Memory:
    """Return the `Memory` of a tensor; it is made when the tensor is first shared or written to."""
    if tensor._memory is None:
        tensor._memory = Memory()
    found: Memory = tensor._memory
    return found


def memory_owner(array: Any) -> Any:
    """Return the array that owns the memory of a view."""
    while isinstance(array, np.ndarray) and isinstance(array.base, np.ndarray):
        array = array.base
    return array


def address(array: Any) -> int:
    found: int = array.__array_interface__["data"][0]
    return found


def check_unwritten(node: Any) -> None:
    """Raise if a value that a rule of the node reads was written to after the node was made."""
    memories = [getattr(value, "_memory", None) for value in (node, *node.args)]
    if isinstance(node._data, tuple):
        memories[0] = max(getattr(node._data, "memories", ()), key=lambda seen: seen.written, default=None)
    for position, seen in enumerate(memories):
        if seen and seen.written > node._order and any(reads(rule, position) for _, rule in node._parents):
            raise errors.stale_error((node, *node.args)[position], node.op.name, seen.where, node._created_at)


# Snapshots of arrays: of those that a rule reads, and that other code may write to.

ALL = -1  # as bits: of every argument

# Below this many bytes a copy costs less than looking for an equal one.
SMALL = 4096

# Snapshots in use, by address and layout of the array. An entry is used only after a comparison of all bytes, so that
# an address that now belongs to another array does no harm.
SNAPSHOTS: WeakValueDictionary[Any, ndarray] = WeakValueDictionary()


def with_snapshots(values: Sequence[Any], which: int) -> tuple[Any, ...]:
    """Return the arrays that a node keeps: snapshots of those whose bit is set."""
    if len(values) == 2:  # most ops have two arguments
        x, y = values
        return snapshot(x) if which & 1 else x, snapshot(y) if which & 2 else y
    return tuple([snapshot(x) if which >> i & 1 else x for i, x in enumerate(values)])


def snapshot(array: Any) -> Any:
    """Return a copy of an array with the same layout; later calls share it as long as the array stays equal.

    Values that cannot change are returned as they are: numbers, and arrays that are read-only down to the owner of the
    memory.
    """
    if type(array) is ndarray and array.nbytes <= SMALL and array.flags.forc:
        return array.copy("K")
    if not isinstance(array, ndarray):
        return copy_with_strides(array)
    if is_frozen(array):
        return array
    key = (address(array), array.shape, array.strides, array.dtype)
    copy = SNAPSHOTS.get(key)
    if copy is None or not same_bits(array, copy):
        copy = SNAPSHOTS[key] = copy_with_strides(array)
    return copy


def is_frozen(array: Any) -> bool:
    """Return whether an array is read-only, and also every array that it is a view of."""
    while isinstance(array, ndarray):
        if array.flags.writeable:
            return False
        array = array.base
    return array is None or isinstance(array, bytes)


def copy_with_strides(array: Any) -> Any:
    """Return a copy with the same strides, since the last bits of sums and products depend on them.

    A repeated axis (stride 0) stays repeated. Where the stride of an axis is more than four times the size of what it
    steps over, the copy's is about twice that size: the copy of a column of a large matrix stays small.
    """
    if not isinstance(array, ndarray):  # a number cannot change; a device array copies itself
        return array.copy() if hasattr(array, "dtype") and not isinstance(array, np.generic) else array
    if array.flags.forc:
        return array.copy("K")
    strides = list(array.strides)
    extent = array.itemsize
    for axis in sorted(range(array.ndim), key=lambda axis: abs(strides[axis])):
        step = abs(strides[axis])
        if step > 4 * extent:
            step = 2 * extent + step % array.itemsize
            strides[axis] = step if strides[axis] > 0 else -step
        extent = max(extent, step * (array.shape[axis] - 1) + extent)
    start = sum(-stride * (n - 1) for stride, n in zip(strides, array.shape, strict=True) if stride < 0)
    copy = ndarray(array.shape, array.dtype, np.empty(extent, np.uint8), start, strides)
    distinct(copy)[...] = distinct(array)
    return copy.view(type(array)) if type(array) is not ndarray else copy


def distinct(array: Any) -> Any:
    """Return an array with each repeated axis cut to one entry."""
    if 0 not in array.strides:
        return array
    return array[tuple(slice(0, 1) if stride == 0 else slice(None) for stride in array.strides)]


def same_bits(a: Any, b: Any) -> bool:
    """Return whether two arrays of one shape and dtype hold the same bytes: nan equals nan, 0 differs from -0."""
    if not isinstance(a, ndarray):
        return bool(np.all(a == b))
    a, b = distinct(a), distinct(b)
    if (a.dtype.kind == "f" and a.itemsize <= 8) or (a.dtype.kind == "c" and a.itemsize == 8):
        unsigned = f"u{a.itemsize}"
        a, b = a.view(unsigned), b.view(unsigned)
    elif a.dtype.kind not in "biu":
        return bool(a.tobytes() == b.tobytes())
    return bool((a == b).all())


# Memory that was given to the user.


def expose(tensor: Any) -> Any:
    """Return a tensor's array to the user; if older nodes may read it, make the copy that they will read instead."""
    alone = references(tensor) == ALONE  # must come first: each name for the array here would count as a reference
    array = tensor._data
    if isinstance(array, tuple):  # several outputs: each is exposed on its own
        return array
    seen, base = memory_of(tensor), memory_owner(array)
    unread = alone and base is array and not any(reads(rule, 0) for _, rule in tensor._paths)
    if id(base) not in seen.copies or unread:  # unread at a later call: no node needs the old copy
        latest.exposed = next_id()
        seen.copies[id(base)] = latest.exposed, None if unread else copy_with_strides(base)
    return array


def references(tensor: Any) -> int:
    return sys.getrefcount(tensor._data)


# The result of `references` if only the tensor holds its array: then no node reads it, and no view of it is alive.
ALONE = references(SimpleNamespace(_data=np.empty(0)))


def as_used(node: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return a node's value and those of its arguments as they were when it ran."""
    z = node._data
    if isinstance(z, tuple):
        parts = [before(part, seen, node._order) for part, seen in zip(z, getattr(z, "memories", ()), strict=False)]
        z = z if all(map(operator.is_, parts, z)) else type(z)(parts)
    else:
        z = before(z, node._memory, node._order)
    return z, tuple([value_used(x, value, node._order) for x, value in zip(node.args, node._values, strict=True)])


def value_used(x: Any, value: Any, order: int) -> Any:
    """Return the value of an argument as a node used it: the tensor's own array if it is unchanged."""
    array = getattr(x, "_data", value)
    if array is value:
        return before(value, getattr(x, "_memory", None), order)
    return array if same_bits(array, value) else value


def before(array: Any, seen: Memory | None, order: int) -> Any:
    """Return an array; if it was given to the user after the node `order`, and has changed, return the old copy."""
    if seen is None or not seen.copies or not array.size:
        return array
    base = memory_owner(array)
    exposed, copy = seen.copies.get(id(base), (0, None))
    if exposed < order or copy is None:
        return array
    if array is not base:
        outwards = sorted(range(copy.ndim), key=lambda axis: -copy.strides[axis])  # the copy's bytes, in a row
        content = copy.transpose(outwards).reshape(-1).view(np.uint8)
        copy = ndarray(array.shape, array.dtype, content, address(array) - address(base), array.strides)
    return array if same_bits(array, copy) else copy


# What a rule reads.

METADATA = {"shape", "dtype", "ndim", "size"}


def reads(rule: Callable[..., Any], position: int) -> bool:
    """Return whether a rule `(g, z, x, y, ...)` reads the value of z (position 0), x (1), y (2), ...

    Reading `x.shape` does not count as reading `x`.

    Examples
    --------
    >>> [reads(lambda g, z, x: g * z * np.ones(x.shape), position) for position in (0, 1)]
    [True, False]
    """
    code = getattr(innermost(rule), "__code__", None)
    if code is None:
        return True
    count = code.co_argcount
    names = code.co_varnames[1:count]
    if position < len(names):
        return names[position] in values_read(code)
    return bool(code.co_flags & CO_VARARGS) and code.co_varnames[count + code.co_kwonlyargcount] in values_read(code)


def innermost(rule: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function inside partial objects and wrappers."""
    inner = getattr(rule, "__wrapped__" if isinstance(rule, FunctionType) else "func", None)
    return rule if inner is None else innermost(inner)


# An instruction that names a variable counts as a read of it, unless it is known to write alone: a new version of
# Python may join two instructions into one, such as STORE_FAST_LOAD_FAST.
NAMING = frozenset((*dis.haslocal, *dis.hasfree))
WRITING = frozenset(f"{how}_{kind}" for how in ("STORE", "DELETE") for kind in ("FAST", "DEREF"))


@functools.cache
def values_read(code: CodeType) -> frozenset[str]:
    """Return the variables of a function whose values it may read."""
    found: set[str] = set()
    for this, following in itertools.pairwise(dis.get_instructions(code)):
        if this.opcode in NAMING and this.opname not in WRITING:
            names = this.argval if isinstance(this.argval, tuple) else (this.argval,)
            found.update(names[:-1])
            if not (following.opname == "LOAD_ATTR" and following.argval in METADATA):
                found.add(names[-1])
    return frozenset(found)
