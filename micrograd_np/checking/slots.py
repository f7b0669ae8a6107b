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
DEPTH = 4
GRADIENTS = ("grads", "gradients", "grad", "gradient", "dparams")
PARAMETERS = ("params", "parameters", "weights", "variables", "theta")
VALUES = ("data", "value", "values", "val", "array")
RESULTS = ("loss", "cost", "output", "out", "y_hat", "yhat", "prediction", "scores", "probs", "y")


@dataclass(eq=False)
class Slot:
    """A float array that forward depends on: an input, or an attribute of the object whose methods are checked."""

    label: str
    value: Array
    names: tuple[str, ...]
    position: int = -1  # among the leaves of the inputs
    paths: tuple[tuple[Any, ...], ...] = ()  # from the object to it; several if self.params["W"] is self.layer.W


def state_slots(owner: Any, taken: set[str]) -> Iterator[Slot]:
    """Yield a slot for each float array in an object, however many paths lead to it; its label is not one taken."""
    if owner is None or isinstance(owner, types.ModuleType):
        return
    found: dict[int, list[tuple[Any, ...]]] = {}
    arrays = {}
    for path, value in arrays_of(owner, (), DEPTH):
        if value.dtype.kind == "f" and any(isinstance(step, str) for _, step in path):
            found.setdefault(id(value), []).append(path)
            arrays[id(value)] = value
    for key, paths in found.items():
        label = label_of(paths[0])
        names = [next(step for _, step in reversed(path) if isinstance(step, str)) for path in paths]
        own = f"self.{label}" if label in taken else label
        yield Slot(own, arrays[key], (label, *dict.fromkeys(names)), paths=tuple(paths))


def arrays_of(x: Any, path: tuple[Any, ...], depth: int) -> Iterator[tuple[tuple[Any, ...], Array]]:
    """Yield the arrays in an object's attributes, lists and dicts, each with its path."""
    if isinstance(x, np.ndarray):
        yield path, x
    if not depth or isinstance(x, np.ndarray | type | types.FunctionType | types.ModuleType):
        return
    if isinstance(x, dict):
        steps = [("item", key, part) for key, part in x.items()]
    elif isinstance(x, list | tuple):
        steps = [("item", i, part) for i, part in enumerate(x[:100])]
    else:
        steps = [("attr", name, part) for name, part in getattr(x, "__dict__", {}).items()]
    for kind, key, part in steps:
        yield from arrays_of(part, (*path, (kind, key)), depth - 1)


def follow(x: Any, path: Sequence[Any]) -> Any:
    for kind, step in path:
        x = getattr(x, step) if kind == "attr" else x[step]
    return x


def put(owner: Any, path: Sequence[Any], value: Any) -> None:
    holder = follow(owner, path[:-1])
    kind, step = path[-1]
    if kind == "attr":
        setattr(holder, step, value)
    elif isinstance(holder, tuple):
        put(owner, path[:-1], (*holder[:step], value, *holder[step + 1 :]))
    else:
        holder[step] = value


def stored(owner: Any, before: Mapping[str, Any]) -> Any:
    """Return the result that a forward pass without a return value has stored in its object."""
    new = {k: v for k, v in vars(owner).items() if is_float(v) and (k not in before or before[k] is not v)}
    return next((new[name] for name in (*RESULTS, *reversed(new)) if name in new), None)


def stored_gradient(owner: Any, slot: Slot, original: Any) -> Any:
    """Return what backward stored next to an attribute: layer.dW for layer.W, net.grads['W1'] for W1; or None."""
    found = (stored_beside(owner, path, slot.value.shape, original) for path in slot.paths)
    return next((g for g in found if g is not None), None)


def stored_beside(owner: Any, path: Sequence[Any], shape: tuple[int, ...], original: Any) -> Any:
    """Return the gradient that is stored next to the array at a path, or None.

    One of another shape counts, too, if its name is that of this attribute, and it is no number that the original
    object has, such as the step self.dx of the grid self.x.
    """
    name = str(path[-1][1])
    found = near(owner, path, name)
    good = [(key, g) for key, g in found if np.shape(plain(g)) == shape]
    if good:
        exact = [g for key, g in good if name in key]  # dW for W, if there is dw for w, too
        return exact[0] if exact else good[0][1]
    if np.shape(plain(follow(owner, path))) != shape:
        return None  # forward stores another value there: it is no weight
    before = dict(near(original, path, name))
    other = [g for key, g in found if name in key and is_float(g) and (np.ndim(g) or before.get(key) != g)]
    return next(iter(other), None)


def near(owner: Any, path: Sequence[Any], name: str) -> list[tuple[str, Any]]:
    """Return what is stored next to an attribute under the name of its gradient, in the order to look."""
    found = []
    for holder in (follow(owner, path[:-1]), *([follow(owner, path[:-2])] if len(path) > 1 else [])):
        place = holder if isinstance(holder, dict) else getattr(holder, "__dict__", {})
        short = ["g"] if len(path) > 1 and path[-2][1] == "p" else []  # self.g["w"] for self.p["w"]
        inside = [place.get(key) for key in (*GRADIENTS, *short)]
        for where in (place, *(x for x in inside if isinstance(x, dict))):
            keys = [k for k in where if is_gradient_name(str(k), name) or (where is not place and k == name)]
            found += [(str(key), where[key]) for key in keys]
        if name in VALUES and holder is follow(owner, path[:-1]):  # a parameter with .data and .grad
            found += [(f"{name} {key}", place[key]) for key in GRADIENTS if key in place]
    return found + in_parallel(owner, path)


def in_parallel(owner: Any, path: Sequence[Any]) -> list[tuple[str, Any]]:
    """Return what a list of gradients has in the place of an array in a list: self.grads[0] for self.params[0]."""
    if len(path) < 2 or not isinstance(path[-1][1], int):
        return []
    own, holder, (_, i), name = follow(owner, path[:-1]), follow(owner, path[:-2]), path[-1], str(path[-2][1])
    place = holder if isinstance(holder, dict) else getattr(holder, "__dict__", {})
    found = []
    for key, x in place.items():
        named = is_gradient_name(str(key), name) or (key in GRADIENTS and name in PARAMETERS)
        if named and isinstance(x, list | tuple) and len(x) == len(own) and x[i] is not None:
            shapes, others = ([np.shape(plain(each)) for each in part] for part in (own, x))
            if shapes == others or sorted(shapes) != sorted(others):  # else they are in another order
                found.append((f"{i} of {key}", x[i]))
    return found


def gradients_among(owner: Any, slots: Sequence[Slot]) -> list[Slot]:
    """Return the slots whose arrays are stored as the gradients of others."""
    found = {id(g) for slot in slots for path in slot.paths for _, g in near(owner, path, str(path[-1][1]))}
    return [slot for slot in slots if id(slot.value) in found]


def copies(owner: Any) -> dict[str, Array]:
    """Return copies of the float arrays in an object, by their paths as text."""
    return {label_of(path): x.copy() for path, x in arrays_of(owner, (), DEPTH) if x.dtype.kind == "f"}


def changed(before: Mapping[str, Array], after: Mapping[str, Array]) -> dict[str, Array]:
    return {k: x for k, x in after.items() if k not in before or not np.array_equal(x, before[k], equal_nan=True)}


def label_of(path: Sequence[Any]) -> str:
    return "".join(f".{step}" if kind == "attr" else f"[{step!r}]" for kind, step in path).lstrip(".")


@functools.cache
def is_gradient_name(key: str, name: str) -> bool:
    """Return whether an attribute's name says that it is the gradient of another, as dW, grad_w or w_grad for w."""
    key, name = (text.replace("_", "").lower() for text in (key, name))
    return key in (f"d{name}", f"grad{name}", f"{name}grad", f"g{name}", f"delta{name}", f"d{name}s", f"{name}gradient")
