"""Slots: the float arrays that a forward pass depends on, its inputs and the attributes of its object."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .flat_function import is_float, plain

Array = Any
Step = tuple[str, Any]  # ("attr", name), or ("item", key or index)
Path = Sequence[Step]  # from an object to what it holds
DEPTH = 4  # the longest path
MOST_ENTRIES = 100  # of a list that are looked at
GRADIENTS = ("grads", "gradients", "grad", "gradient", "dparams")
PARAMETERS = ("params", "parameters", "weights", "variables", "theta")
VALUES = ("data", "value", "values", "val", "array")
# The names under which forward may store its result, the likeliest first.
RESULTS = ("loss", "cost", "output", "out", "y_hat", "yhat", "prediction", "scores", "probs", "y")


@dataclass(eq=False)
class Slot:
    """A float array that forward depends on: an input, or an attribute of the object whose methods are checked."""

    label: str
    value: Array
    names: tuple[str, ...]
    position: int = -1  # among the leaves of the inputs
    paths: tuple[Path, ...] = ()  # from the object to it; several if self.params["W"] is self.layer.W


def state_slots(owner: Any, taken: set[str]) -> Iterator[Slot]:
    """Yield a slot for each float array in an object; a label that is taken gets `self.` before it."""
    if owner is None or isinstance(owner, types.ModuleType):
        return
    found: dict[int, list[Path]] = {}
    arrays = {}
    for path, value in arrays_in(owner, (), DEPTH):
        if value.dtype.kind == "f" and any(isinstance(step, str) for _, step in path):
            found.setdefault(id(value), []).append(path)
            arrays[id(value)] = value
    for key, paths in found.items():
        text = label_of(paths[0])
        names = [next(step for _, step in reversed(path) if isinstance(step, str)) for path in paths]
        label = f"self.{text}" if text in taken else text
        yield Slot(label, arrays[key], (text, *dict.fromkeys(names)), paths=tuple(paths))


def arrays_in(x: Any, path: Path, depth: int) -> Iterator[tuple[Path, Array]]:
    """Yield the arrays in an object's attributes, lists and dicts, each with its path."""
    if isinstance(x, np.ndarray):
        yield path, x
    if not depth or isinstance(x, np.ndarray | type | types.FunctionType | types.ModuleType):
        return
    if isinstance(x, list | tuple):
        kind, entries = "item", dict(enumerate(x[:MOST_ENTRIES]))
    else:
        kind, entries = "item" if isinstance(x, dict) else "attr", entries_of(x)
    for key, part in entries.items():
        yield from arrays_in(part, (*path, (kind, key)), depth - 1)


def entries_of(x: Any) -> dict[Any, Any]:
    """Return a dict as it is, and the attributes of another object as a dict."""
    if isinstance(x, dict):
        return x
    slots = (getattr(base, "__slots__", ()) for base in type(x).__mro__)
    names = [name for each in slots for name in ([each] if isinstance(each, str) else each)]
    return {name: getattr(x, name) for name in names if hasattr(x, name)} | getattr(x, "__dict__", {})


def follow(x: Any, path: Path) -> Any:
    """Return what lies at the end of a path."""
    for kind, step in path:
        x = getattr(x, step) if kind == "attr" else x[step]
    return x


def stored_result(owner: Any, before: Mapping[str, Any]) -> Any:
    """Return the result that a forward pass without a return value has stored in its object."""
    new = {k: v for k, v in entries_of(owner).items() if is_float(v) and (k not in before or before[k] is not v)}
    return next((new[name] for name in (*RESULTS, *reversed(new)) if name in new), None)


def stored_gradient(owner: Any, slot: Slot, original: Any) -> Any:
    """Return what backward stored beside an attribute: layer.dW for layer.W, net.grads['W1'] for W1; or None."""
    found = (stored_beside(owner, path, slot.value.shape, original) for path in slot.paths)
    return next((g for g in found if g is not None), None)


def stored_beside(owner: Any, path: Path, shape: tuple[int, ...], original: Any) -> Any:
    """Return the gradient that is stored beside the array at a path, or None.

    One of another shape counts only if its name contains that of the attribute: it is a wrong gradient. A number that
    was there before does not count: self.dx may be the step of the grid self.x.
    """
    name = str(path[-1][1])
    found = gradients_beside(owner, path, name)
    good = [(key, g) for key, g in found if np.shape(plain(g)) == shape]
    if good:
        exact = [g for key, g in good if name in key]  # dW for W, if there is dw for w, too
        return exact[0] if exact else good[0][1]
    if np.shape(plain(follow(owner, path))) != shape:
        return None  # forward stores another value there: it is no weight
    before = dict(gradients_beside(original, path, name))
    other = [g for key, g in found if name in key and is_float(g) and (np.ndim(g) or before.get(key) != g)]
    return next(iter(other), None)


def gradients_beside(owner: Any, path: Path, name: str) -> list[tuple[str, Any]]:
    """Return what is stored beside an attribute under the name of its gradient, in the order to look."""
    found = []
    for level, holder in enumerate(follow(owner, path[:-n]) for n in (1, 2)[: len(path)]):
        entries = entries_of(holder)
        short = ["g"] if len(path) > 1 and path[-2][1] == "p" else []  # self.g["w"] for self.p["w"]
        dicts = [entries.get(key) for key in (*GRADIENTS, *short)]
        for names in (entries, *(x for x in dicts if isinstance(x, dict))):
            keys = [k for k in names if is_gradient_name(str(k), name) or (names is not entries and k == name)]
            found += [(str(key), names[key]) for key in keys]
        if name in VALUES and level == 0:  # a parameter with .data and .grad
            found += [(f"{name} {key}", entries[key]) for key in GRADIENTS if key in entries]
    return found + gradient_in_list(owner, path)


def gradient_in_list(owner: Any, path: Path) -> list[tuple[str, Any]]:
    """Return entry i of a list of gradients beside entry i of a list of arrays: self.grads[0] for self.params[0]."""
    own = follow(owner, path[:-1])
    if len(path) < 2 or not isinstance(own, list | tuple):
        return []
    name, i = str(path[-2][1]), path[-1][1]
    found = []
    for key, x in entries_of(follow(owner, path[:-2])).items():
        named = is_gradient_name(str(key), name) or (key in GRADIENTS and name in PARAMETERS)
        if named and isinstance(x, list | tuple) and len(x) == len(own) and x[i] is not None:
            shapes, others = ([np.shape(plain(each)) for each in part] for part in (own, x))
            if shapes == others or sorted(shapes) != sorted(others):  # the same shapes in another order: not its own
                found.append((f"{i} of {key}", x[i]))
    return found


def gradients_among(owner: Any, slots: Sequence[Slot]) -> list[Slot]:
    """Return the slots that are no parameters: their arrays are stored as the gradients of others."""
    each = (gradients_beside(owner, path, str(path[-1][1])) for slot in slots for path in slot.paths)
    found = {id(g) for beside in each for _, g in beside}
    return [slot for slot in slots if id(slot.value) in found]


def float_copies(owner: Any) -> dict[str, Array]:
    """Return copies of the float arrays in an object, by their paths as text."""
    return {label_of(path): x.copy() for path, x in arrays_in(owner, (), DEPTH) if x.dtype.kind == "f"}


def changed_arrays(before: Mapping[str, Array], after: Mapping[str, Array]) -> dict[str, Array]:
    return {k: x for k, x in after.items() if k not in before or not np.array_equal(x, before[k], equal_nan=True)}


def label_of(path: Path) -> str:
    return "".join(f".{step}" if kind == "attr" else f"[{step!r}]" for kind, step in path).lstrip(".")


@functools.cache
def is_gradient_name(key: str, name: str) -> bool:
    """Return whether an attribute's name says that it is the gradient of another, as dW, grad_w or w_grad for w."""
    key, name = (text.replace("_", "").lower() for text in (key, name))
    return key in (f"d{name}", f"grad{name}", f"{name}grad", f"g{name}", f"delta{name}", f"d{name}s", f"{name}gradient")
