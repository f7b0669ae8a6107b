"""The arrays that a user's two functions depend on, and the gradients by hand that belong to them."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from ..core.containers import flatten
from ..core.errors import ArgumentError, ArgumentTypeError
from .binding import Way, returned_names
from .claims import candidates
from .flat_function import is_float, label_leaves, parameter_names, plain
from .report import counted
from .slots import PARAMETERS, Slot, follow, gradients_among, state_slots, stored_gradient

Array = Any
Function = Callable[..., Any]
# Inputs with these names seldom have a gradient.
DATA_NAMES = {"x", "y", "t", "target", "targets", "label", "labels", "data", "y_true", "truth", "mask"}
# Inputs with these names have no gradient, even if backward returns one for each other input.
LABEL_NAMES = DATA_NAMES - {"x", "data"}
MOST_ASSIGNMENTS = 6
OF_LOSS = (
    "If backward starts from a loss, as from a2 - y, give the class a method that returns it: "
    "verify(net.loss, net.backward, X, y)."
)


class ByHand(NamedTuple):
    """A gradient by hand: its label, its slot (None for a value between), and the numbers."""

    label: Any
    slot: Slot | None
    values: Any


class Functions:
    """A forward and a backward pass, their inputs, and the gradients by hand: which array does each belong to?"""

    def __init__(self, forward: Function, backward: Function | None, inputs: Sequence[Any], gradient: Any) -> None:
        forward, backward = as_method(forward), as_method(backward)
        check_inputs(forward, inputs)
        self.forward, self.backward, self.gradient = forward, backward, gradient
        self.owner = getattr(forward, "__self__", None)
        self.assignment = 0  # which of the fitting assignments of gradients to inputs is taken
        self.assignments = 1  # how many fit
        self.way = 0  # which of `self.ways` to call backward is taken
        self.failed = ""  # the error of the first way that raised
        self.ways: list[Way] = []
        self.dropped: list[str] = []  # inputs that are no floating-point numbers, and whose gradient was returned
        self.written: dict[str, Array] = {}  # the arrays of the object that backward changed
        self.is_moved = False
        self.output: Any = None  # the first output of the last run
        if not any(map(is_float, flatten(tuple(inputs))[0])) and not any(state_slots(self.owner, set())):
            raise ArgumentTypeError(
                f"verify compares gradients of floating-point inputs, and {called(forward)} has none. Write "
                ".astype(float), or 1.0 for 1, and give the weights as inputs."
            )
        self.inputs = tuple(inputs)
        self.leaves, self.rebuild = flatten(tuple(as_numbers(x) for x in inputs))
        self.labels = labels = label_leaves(forward, self.rebuild(self.leaves))
        pairs = enumerate(zip(self.leaves, labels, strict=True))
        self.floats = [Slot(label, np.array(plain(x)), (label,), i) for i, (x, label) in pairs if is_float(x)]
        self.state = list(state_slots(self.owner, set(labels)))
        own = [slot for slot in self.state if any(slot.value is x for x in self.leaves)]  # what is an input, too
        self.gradients = {slot.label for slot in gradients_among(self.owner, self.state)}
        self.read: list[Slot] = []  # named like gradients, but forward reads them: self.dt may be a step beside self.t
        self.known = self.gradients | {slot.label for slot in own}

    @property
    def slots(self) -> list[Slot]:
        return [*self.floats, *self.state]

    @property
    def apart(self) -> str:
        """A sentence if backward is a method, and forward is not one of the same object, whose copies are apart."""
        owner = getattr(self.backward, "__self__", None)
        if owner is None or owner is self.owner or inspect.ismodule(owner):
            return ""
        return (
            f"{called(self.backward)} runs on a copy of its object, and {called(self.forward)} is no method. {OF_LOSS}"
        )

    def stored_gradients(self, owner: Any) -> dict[Slot, Any]:
        """Return copies of the gradients that are stored in attributes.

        Gradients themselves have none; and one belongs to one array, not also to a velocity under the same name.
        """
        own = [slot for slot in self.state if slot.label not in self.known]
        own.sort(key=lambda slot: not any(step in PARAMETERS for path in slot.paths for _, step in path))
        found: dict[int, tuple[Slot, Any]] = {}
        read = [follow(owner, path) for slot in self.read for path in slot.paths]
        for slot in own:
            g = stored_gradient(owner, slot, self.owner)
            if g is not None and not any(g is x for x in read):
                found.setdefault(id(g) if isinstance(g, np.ndarray) else id(slot), (slot, g))
        return {slot: np.array(g) if isinstance(g, np.ndarray) else g for slot, g in found.values()}

    def by_hand(self, returned: Any, owner: Any) -> list[ByHand]:
        """Return the gradients by hand, those returned and those stored in attributes of the object."""
        kept = self.stored_gradients(owner)
        if returned is None and not kept:
            function = self.backward or self.forward
            raise ArgumentTypeError(
                f"{called(function)} returned None: did it forget its return?{' ' * bool(self.apart)}{self.apart}"
            )
        found = [] if returned is None else self.returned_gradients(returned, bool(kept))
        if not found and not kept and isinstance(returned, tuple | list):
            raise ArgumentError(
                f"{called(self.backward or self.forward)} returned no gradient of a floating-point input: return one "
                "for each input, in order, or a dict that names them: {'W1': dW1, ...}."
            )
        known = {slot for label, slot, _ in found if slot and slot.label == label}
        return [*found, *(ByHand(slot.label, slot, g) for slot, g in kept.items() if slot not in known)]

    def returned_gradients(self, returned: Any, stored: bool) -> list[ByHand]:
        found = list(returned) if isinstance(returned, tuple | list) else [returned]
        shapes = [slot.value.shape for slot in self.slots]
        found = [y if isinstance(y := as_numbers(x), np.ndarray) and y.shape in shapes else x for x in found]
        whole = as_numbers(found) if isinstance(returned, list) or len(self.floats) == 1 else None
        if isinstance(whole, np.ndarray) and any(whole.shape == slot.value.shape for slot in self.floats):
            found = [whole]  # a list of numbers, as the input is
        named = [x for x in found if isinstance(x, dict)]
        if len(named) == 1 and all(np.ndim(plain(x)) == 0 for x in found if x is not named[0]):
            return [ByHand(key, self.slot_of(key), g) for key, g in named[0].items()]  # alone, or next to the loss
        values = flatten(found)[0]
        if len(values) > 1 and self.is_loss(values[0], len(values)) and all(slot.value.ndim for slot in self.floats):
            values = values[1:]
        slots: Sequence[Slot | None] = []
        if len(values) == len(self.leaves):
            slots = [next((s for s in self.floats if s.position == i), None) for i in range(len(values))]
            lost = [slot is None and g is not None for slot, g in zip(slots, values, strict=True)]
            self.dropped = [label for label, each in zip(self.labels, lost, strict=True) if each]
        elif self.floats or not stored:
            among = self.floats if len(values) <= len(self.floats) else self.slots
            if len(values) > len(among):
                raise ArgumentError(
                    f"backward returned {len(values)} gradients, and there are {len(self.floats)} floating-point "
                    "inputs. Return one for each input, in order, or a dict that names them: {'W1': dW1, ...}."
                )
            slots = self.fitting(values, among)
        pairs = zip(slots, values, strict=False)
        return [ByHand(slot.label, slot, g) for slot, g in pairs if slot is not None and g is not None]

    def is_loss(self, first: Any, count: int) -> bool:
        """Return whether the first returned value is the loss, and not a gradient that is a number by mistake."""
        if first is None or np.ndim(first) or (self.backward is None and count <= len(self.floats)):
            return False
        return count != len(self.leaves) or (self.output.size == 1 and np.allclose(first, self.output))

    def slot_of(self, key: Any) -> Slot | None:
        """Return the slot that a gradient's name refers to, or None: it may be that of a value between."""
        names = [name for name, _ in candidates(key)] if isinstance(key, str) else []
        for fold in (str, str.lower):  # U and u may both be inputs
            for name in map(fold, names):
                if slot := next((slot for slot in self.slots if name in map(fold, slot.names)), None):
                    return slot
        return None

    def fitting(self, values: Sequence[Any], slots: Sequence[Slot]) -> Sequence[Slot]:
        """Return the inputs that the gradients belong to, by shape if there are fewer gradients, else the last ones."""
        if len(values) == len(slots):
            return slots
        shapes = [np.shape(plain(x)) for x in values]
        every = {c: [x.value.shape for x in c] for c in combinations(slots, len(values))}
        found = [c for c, its in every.items() if its == shapes]
        found = found or [c for c, its in every.items() if sorted(its) == sorted(shapes)]
        # One of the shapes may be the mistake: the last inputs among those of which most shapes fit.
        found = found or [max(reversed(every), key=lambda c: sum(map(operator.eq, every[c], shapes)))]
        if len(found) == 1:
            return found[0]
        # Prefer inputs whose gradients have their names, as dw, and then those that are not named like data. The first
        # input counts as a parameter, as t in f(t), unless it is called x or data.
        natural = {slots[0].label} - {"x", "X", "data"}
        named = [self.slot_of(name) for name in returned_names(self.backward or self.forward)][-len(values) :]

        def unlikely(slots: Sequence[Slot]) -> tuple[int, int]:
            like_data = sum(s.label.lower() in DATA_NAMES and s.label not in natural for s in slots)
            return -sum(map(operator.is_, slots, named)), like_data

        found = sorted(found, key=unlikely)
        self.assignments = min(len(found), MOST_ASSIGNMENTS)
        return found[self.assignment % len(found)]

    def inputs_without(self, hand: Sequence[ByHand]) -> list[str]:
        """Return the inputs of which no gradient was given, without those that seldom have one by their name."""
        found = {slot for _, slot, _ in hand}
        data = DATA_NAMES if self.backward is None else LABEL_NAMES
        return [s.label for s in self.floats if s not in found and s.value.ndim and s.label.lower() not in data]

    def without_gradient(self, hand: Sequence[ByHand]) -> list[str]:
        """Return sentences on the inputs and attributes that have no gradient by hand, and so are not checked."""
        found = {slot for _, slot, _ in hand}
        said = []
        if self.dropped:
            said.append(
                f"Not checked: {', '.join(self.dropped)}, which holds no floating-point numbers: .astype(float)."
            )
        if inputs := self.inputs_without(hand):
            said.append(f"Not checked: {', '.join(inputs)}, of which no gradient was given.")
        state = [slot for slot in self.unmatched(hand) if self.backward is not None or found & set(self.state)]
        if state:
            name = state[0].names[-1]
            said.append(
                f"No gradient was found for {', '.join(slot.label for slot in state)}: looked for attributes or keys "
                f"such as d{name}, grad_{name} and {name}_grad."
            )
        if missed := self.missed(hand):
            shapes = [slot.value.shape for slot in missed]
            stored = [label for label, x in self.strays(hand).items() if x.shape in shapes]
            said.append(
                f"{called(self.backward)} writes {', '.join(stored)}, which no name makes the gradient of "
                f"{' or '.join(slot.label for slot in missed)}."
            )
        return said

    def unmatched(self, hand: Sequence[ByHand]) -> list[Slot]:
        """Return the arrays of the object without a gradient by hand, except gradients and inputs themselves."""
        found = {slot for _, slot, _ in hand}
        return [slot for slot in self.state if slot not in found and slot.label not in self.known]

    def missed(self, hand: Sequence[ByHand]) -> list[Slot]:
        """Return the unmatched arrays for which backward wrote an array of their shape: it may be their gradient."""
        shapes = [x.shape for x in self.strays(hand).values()]
        return [slot for slot in self.unmatched(hand) if slot.value.shape in shapes]

    def strays(self, hand: Sequence[ByHand]) -> dict[str, Array]:
        """Return the arrays that backward wrote, and that are none of the gradients found."""
        found = [np.asarray(plain(h.values)) for h in hand]
        return {k: x for k, x in self.written.items() if not any(np.array_equal(x, g, equal_nan=True) for g in found)}


def check_inputs(forward: Function, inputs: Sequence[Any]) -> None:
    """Raise if forward does not take the inputs, or one is complex."""
    if any(getattr(x, "dtype", np.dtype(float)).kind == "c" for x in flatten(tuple(inputs))[0]):
        raise ArgumentTypeError("an input holds complex numbers, of which there are no gradients. Give its two parts.")
    try:
        inspect.signature(forward).bind(*inputs)
    except TypeError:
        raise ArgumentTypeError(
            f"{called(forward)} takes {', '.join(parameter_names(forward))}, and verify was given "
            f"{counted(len(inputs), 'input')} for it: write verify(forward, backward, *inputs)."
            f"{f' {OF_LOSS}' if getattr(forward, '__self__', None) is not None else ''}"
        ) from None
    except ValueError:
        return  # the function's signature is not known


def called(function: Any) -> str:
    return getattr(function, "__name__", "the function")


def as_method(f: Any) -> Any:
    """Return the method that runs when an object is called."""
    method = inspect.getattr_static(f, "__call__", None)
    # An op of this package (it has `rules`) is called as it is: it has no state to copy.
    return f.__call__ if inspect.isfunction(method) and not hasattr(f, "rules") else f


def as_numbers(x: Any) -> Any:
    """Return a list of numbers as an array; containers of arrays stay, and records such as (i, j, 0.5)."""
    leaves = flatten(x)[0] if isinstance(x, list) else []
    records = len(set(map(type, leaves))) > 1 and isinstance(x[0], tuple)
    if leaves and not records and all(isinstance(leaf, int | float) for leaf in leaves):
        with suppress(ValueError):  # lists of different lengths
            return np.array(x)
    return x
