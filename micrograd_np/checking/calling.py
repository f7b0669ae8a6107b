"""Run a user's forward and backward pass as they are, on copies, and collect the gradients by hand."""

from __future__ import annotations

import copy
import inspect
import operator
import types
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from ..core.containers import flatten, map_leaves
from ..core.errors import ArgumentError, ArgumentTypeError
from .binding import ALL, CACHES, MOST_WAYS, Known, Way, is_seed, returned_names, seed_names, ways
from .claims import candidates
from .flat_function import is_float, label_leaves, parameter_names, plain
from .report import counted
from .slots import PARAMETERS, Slot, changed, copies, gradients_among, put, state_slots, stored, stored_gradient

Array = Any
Function = Callable[..., Any]
# Inputs with these names seldom have a gradient.
DATA_NAMES = {"x", "y", "t", "target", "targets", "label", "labels", "data", "y_true", "truth", "mask"}
# Inputs with these names have no gradient, even if backward returns one for each other input.
LABEL_NAMES = DATA_NAMES - {"x", "data"}
MOST_ASSIGNMENTS = 6
NAMED = (
    "verify gives the parameters of backward what their names say (dout, grad_output, g, cache, out, or the name of an "
    "input), and others what their position says, as in backward(dout, cache) or backward(dout, *inputs)."
)
OF_LOSS = (
    "If backward starts from a loss, as from a2 - y, give the class a method that returns it: "
    "verify(net.loss, net.backward, X, y)."
)
# The seed of the cotangents. Users often draw data with default_rng(0); an equal cotangent would hide mistakes.
COTANGENT_SEED = (7919, 20011, 104729, 0)


def as_it_stands(f: Any) -> Any:
    return f


class ByHand(NamedTuple):
    """A gradient by hand: its label, its slot (None for a value between), and the numbers."""

    label: Any
    slot: Slot | None
    values: Any


@dataclass
class Played:
    """One run of both passes: the outputs, their cotangents, the gradients, and whether backward got the cotangents."""

    outputs: list[Array]
    cotangents: list[Array]
    hand: list[ByHand]
    seeded: bool


class Pair:
    """A forward and a backward pass, or one function that gives the loss and its gradients.

    Both are called with copies, and methods with a copy of their object, so that the user's own objects never change.
    """

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
            inputs = in_floats(forward, inputs)
        self.inputs = tuple(inputs)
        self.leaves, self.rebuild = flatten(tuple(as_numbers(x) for x in inputs))
        self.labels = labels = label_leaves(forward, self.rebuild(self.leaves))
        pairs = enumerate(zip(self.leaves, labels, strict=True))
        self.floats = [Slot(label, np.array(plain(x)), (label,), i) for i, (x, label) in pairs if is_float(x)]
        self.state = list(state_slots(self.owner, set(labels)))
        own = [slot for slot in self.state if any(slot.value is x for x in self.leaves)]  # what is an input, too
        self.known = {slot.label for slot in (*own, *gradients_among(self.owner, self.state))}

    @property
    def slots(self) -> list[Slot]:
        return [*self.floats, *self.state]

    @cached_property
    def returned_names(self) -> list[str]:
        return returned_names(self.backward or self.forward)

    @property
    def apart(self) -> str:
        """A sentence if backward is a method, and forward is not one of the same object, whose copies are apart."""
        owner = getattr(self.backward, "__self__", None)
        if owner is None or owner is self.owner or inspect.ismodule(owner):
            return ""
        return (
            f"{called(self.backward)} runs on a copy of its object, and {called(self.forward)} is no method. {OF_LOSS}"
        )

    def run(
        self, replaced: Mapping[Slot, Any] | None = None, form: Callable[[Any], Any] = as_it_stands
    ) -> tuple[Any, Any, Any]:
        """Run `form(forward)` on copies of the inputs; `replaced` gives other values, or Tensors, for some slots.

        Return the result, the backward pass bound to the same copy of the object, and that copy.
        """
        pair = [self.forward, self.backward]
        owners = [f.__self__ if inspect.ismethod(f) else None for f in pair]
        owners = copied(owners)
        forward, backward = (
            f if owner is None else types.MethodType(f.__func__, owner)  # type: ignore[union-attr]
            for f, owner in zip(pair, owners, strict=True)
        )
        owner = owners[1] if owners[0] is None else owners[0]
        values = {slot: slot.value.copy() for slot in self.state if self.is_moved} | dict(replaced or {})
        for slot, x in values.items():
            for path in slot.paths if owner is not None else ():
                put(owner, path, x)
        before = dict(getattr(owner, "__dict__", {}))
        result = form(forward)(*self.arguments(replaced))
        if result is None and owner is not None:
            result = stored(owner, before)
        return result, backward, owner

    def outputs(self, replaced: Mapping[Slot, Any], form: Callable[[Any], Any] = as_it_stands) -> list[Any]:
        """Return the outputs of forward, with some values replaced."""
        return self.split(self.run(replaced, form)[0])[0]

    def arguments(self, replaced: Mapping[Slot, Any] | None = None) -> list[Any]:
        """Return copies of the inputs, some of them replaced or moved."""
        if not replaced and not self.is_moved:
            return [map_leaves(own_copy, x) for x in self.inputs]
        values = {slot.position: slot.value.copy() for slot in self.floats if self.is_moved}
        values |= {slot.position: x for slot, x in (replaced or {}).items()}
        return list(self.rebuild([values[i] if i in values else own_copy(x) for i, x in enumerate(self.leaves)]))

    def split(self, result: Any) -> tuple[list[Any], list[Any]]:
        """Return the outputs and the cache in the result of a forward pass."""
        if self.backward is None:
            if not isinstance(result, tuple) or len(result) < 2:
                raise ArgumentTypeError(
                    f"{called(self.forward)} must return the loss and its gradients, (loss, dW) or (loss, grads), or "
                    "be given with its backward pass: verify(forward, backward, *inputs)."
                )
            return self.loss_and_gradients(result)
        if isinstance(result, dict | list):
            return flatten(result)[0], []
        if not isinstance(result, tuple):
            return [result], []
        if self.is_nested(result):
            return flatten(result[0])[0], list(result[1:])
        count = self.ways[self.way].outputs if self.ways else self.outputs_of(result)[0]
        return list(result[:count]), list(result[count:])

    def loss_and_gradients(self, result: tuple[Any, ...]) -> tuple[list[Any], list[Any]]:
        """Split a result into [loss] and gradients; the loss is first, as in (loss, dW), or last, as in (dW, loss)."""
        *first, last = result
        shapes = [None if isinstance(x, dict | list | tuple) else np.shape(plain(x)) for x in result]
        inputs = [slot.value.shape for slot in self.floats or self.slots]
        gradients = shapes[:-1] == inputs[: len(first)] or (() not in inputs and {*shapes[:-1]} <= {None, *inputs})
        # The last one is the loss only if it is a number, the first is none, and the others have shapes of inputs:
        # in (predictions, loss) the first entry is no gradient.
        if shapes[0] != () and shapes[-1] == () and gradients:
            return [last], first
        return [result[0]], list(result[1:])

    def is_nested(self, result: Any) -> bool:
        """Return whether a forward pass returned ((y, z), cache): several outputs in one container."""
        first = result[0] if isinstance(result, tuple) and len(result) > 1 else None
        return isinstance(first, tuple) and bool(first) and all(map(is_float, first))

    def outputs_of(self, result: Any) -> list[int]:
        """Return how many entries of a tuple may be outputs, the likeliest number first; the others are the cache.

        These are as many as backward asks for gradients of; or all, if it asks for one, and for no cache.
        """
        names = required(self.backward)
        floats = sum(map(is_float, result))
        wanted = len(seed_names(names, parameter_names(self.forward)))
        found = [max(1, min(wanted, floats))]
        if wanted == 1 and floats == len(result) > 1 and not any(name.lower() in CACHES for name in names):
            found.append(floats)
        return found

    def calls(self, result: Any, scalar: bool) -> list[Way]:
        """Return the ways to call backward, the likeliest first."""
        names, own = required(self.backward), parameter_names(self.forward)
        if isinstance(result, tuple) and not self.is_nested(result):
            counts = [(count, len(result) - count) for count in self.outputs_of(result)]
        else:
            outputs, cache = self.split(result)
            counts = [(len(outputs), len(cache))]
        container = isinstance(result, dict | list)
        found = [ways(names, own, Known(len(self.inputs), *count, container, scalar)) for count in counts]
        parameters = inspect.signature(self.backward).parameters.values()
        if any(p.kind is p.VAR_POSITIONAL for p in parameters):  # backward(dout, *inputs)
            known = Known(len(self.inputs), *counts[0], container, scalar)
            seeds = [("seed", i) for i in range(known.outputs)] if names or not scalar else []
            values = [known.every("cache"), known.every("inputs")] if known.cache else [known.every("inputs")]
            found.insert(0, [Way((*seeds, *each), known.outputs) for each in values])
        if any(found):
            return list(dict.fromkeys(way for each in found for way in each))[:MOST_WAYS]
        raise ArgumentTypeError(
            f"{called(self.backward)} takes {len(names)} arguments ({', '.join(names)}). It can be given the "
            f"{len(self.inputs)} inputs, the {counts[0][1]} values of the forward's cache, or both, after the output's "
            "gradient, called dout."
        )

    def play(self, scale: float = 1.0, again: bool = False) -> Played:
        """Run both passes; `scale` multiplies the cotangents.

        If a way to call backward raises an error, the next one is tried. Not so if the passes ran before, and are only
        to run `again`: then the way is known, and nobody asks what backward writes.
        """
        first: Exception | None = None
        while True:
            result, backward, owner = self.run()
            if self.backward is None:
                outputs, returned = self.split(result)
                values = [np.asarray(plain(x)) for x in outputs]
                self.output = values[0]
                one = returned[0] if len(returned) == 1 else returned
                return Played(
                    values, [np.ones(values[0].shape)], self.by_hand(one, self.stored_gradients(owner)), False
                )
            scalar = self.gradient is None and is_scalar(self.split(result)[0])
            self.ways = (again and self.ways) or self.calls(result, scalar)
            way = self.ways[self.way]
            values = [np.asarray(plain(x)) for x in self.split(result)[0]]
            self.output, cotangents = values[0], self.cotangents(values, scale)
            if not way.seeded and not scalar and self.gradient is None:
                if owner is not None:
                    raise ArgumentError(
                        f"{called(self.forward)} gives an output of shape {values[0].shape}, and "
                        f"{called(self.backward)} is not given its gradient, so the loss is not known. Return the "
                        "loss from forward, or give the gradient of the output: verify(forward, backward, "
                        "gradient=dloss_doutput)."
                    )
                cotangents = [np.ones(x.shape) for x in values]
            before, old = {} if again else copies(owner), self.stored_gradients(owner)
            try:
                returned = backward(*self.given(way, result, cotangents))
            except Exception as error:
                if first is None:
                    first, self.failed = error, f"{self.described(way)} raised {type(error).__name__}: {error}"
                    error.add_note(self.apart or f"{NAMED} It was called as {self.described(way)}.")
                if again or self.way + 1 == len(self.ways):
                    raise first from None
                self.way += 1
                continue
            if scale == 1 and not again:  # with a scale of 0 or -4, other arrays may change
                self.written = changed(before, copies(owner))
            kept = self.stored_gradients(owner)
            if any(np.any(g) and rewritten(g, kept.get(slot)) for slot, g in old.items()):
                # A second call tells a gradient that is added to (+=) from one that is overwritten.
                with suppress(Exception):  # a backward pass that can run only once is taken as it is
                    backward(*self.given(way, result, cotangents))
                    kept = without_former(old, kept, self.stored_gradients(owner))
            return Played(values, cotangents, self.by_hand(returned, kept), way.seeded)

    def given(self, way: Way, result: Any, cotangents: Sequence[Array]) -> list[Any]:
        """Return the arguments of backward."""
        outputs, cache = self.split(result)
        fresh = [np.array(g) for g in cotangents]
        # A forward pass that returns a Python float gets a Python float back.
        if len(outputs) == 1 and not hasattr(outputs[0], "shape") and fresh[0].size == 1:
            fresh = [fresh[0].item()]
        values = {"inputs": self.arguments(), "cache": cache, "outputs": outputs, "seed": fresh}
        nested = self.is_nested(result)
        container = result[0] if nested else result if isinstance(result, dict | list) else tuple(outputs)
        return [flatten(container)[1](fresh) if i == ALL else values[kind][i] for kind, i in way.arguments]

    def described(self, way: Way) -> str:
        """Return a call of backward as text: bwd(dout=dout, a=x)."""
        own, names = parameter_names(self.forward), required(self.backward)
        names += [""] * (len(way.arguments) - len(names))
        texts = {"seed": "dout", "cache": "cache", "outputs": "the output"}
        given = [own[i] if kind == "inputs" and i < len(own) else texts.get(kind, kind) for kind, i in way.arguments]
        pairs = [f"{name}={text}" if name else text for name, text in zip(names, given, strict=False)]
        return f"{called(self.backward)}({', '.join(pairs)})"

    def cotangents(self, values: Sequence[Array], scale: float) -> list[Array]:
        """Return cotangents times `scale`: the user's, 1 for a scalar, or random numbers of both signs."""
        if self.gradient is not None:
            return [scale * np.asarray(plain(g), dtype=float) for g in flatten(self.gradient)[0]]
        if len(values) == 1 and values[0].size == 1:
            return [np.full(values[0].shape, scale)]
        rng = np.random.default_rng(COTANGENT_SEED)
        return [scale * rng.normal(size=x.shape) if x.dtype.kind == "f" else np.zeros(x.shape) for x in values]

    # The gradients by hand, and the slots that they belong to.

    def stored_gradients(self, owner: Any) -> dict[Slot, Any]:
        """Return copies of the gradients that are stored in attributes.

        Gradients themselves have none; and one belongs to one array, not also to a velocity under the same name.
        """
        own = [slot for slot in self.state if slot.label not in self.known]
        own.sort(key=lambda slot: not any(step in PARAMETERS for path in slot.paths for _, step in path))
        found: dict[int, tuple[Slot, Any]] = {}
        for slot in own:
            if (g := stored_gradient(owner, slot, self.owner)) is not None:
                found.setdefault(id(g) if isinstance(g, np.ndarray) else id(slot), (slot, g))
        return {slot: np.array(g) if isinstance(g, np.ndarray) else g for slot, g in found.values()}

    def by_hand(self, returned: Any, kept: Mapping[Slot, Any]) -> list[ByHand]:
        """Return the gradients by hand, those returned and those `kept` in attributes."""
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
        named = [self.slot_of(name) for name in self.returned_names][-len(values) :]

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
            stored = [label for label, x in self.written.items() if self.is_stray(x, hand, missed)]
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
        return [
            slot for slot in self.unmatched(hand) if any(self.is_stray(x, hand, [slot]) for x in self.written.values())
        ]

    def is_stray(self, x: Array, hand: Sequence[ByHand], slots: Sequence[Slot]) -> bool:
        """Return whether backward wrote an array of a slot's shape that is not one of the gradients found."""
        return any(x.shape == slot.value.shape for slot in slots) and not any(
            np.array_equal(x, np.asarray(plain(h.values)), equal_nan=True) for h in hand
        )

    def at(self, values: Sequence[Array]) -> Pair:
        """Return the same functions at other values of the slots."""
        other = copy.copy(self)
        moved = [replace(slot, value=x) for slot, x in zip(self.slots, values, strict=True)]
        other.floats, other.state, other.is_moved = moved[: len(self.floats)], moved[len(self.floats) :], True
        return other


def rewritten(old: Any, new: Any) -> bool:
    return is_float(old) and np.shape(old) == np.shape(new) and not np.array_equal(old, new)


def without_former(old: Mapping[Slot, Any], once: Mapping[Slot, Any], twice: Mapping[Slot, Any]) -> dict[Slot, Any]:
    """Return stored gradients without what an earlier backward pass had left, where each call adds to it."""
    found = dict(once)
    for slot, g in old.items():
        if rewritten(g, once.get(slot)) and np.allclose(
            twice[slot] - once[slot], once[slot] - g, 1e-6, 1e-9 * np.max(np.abs(g))
        ):
            found[slot] = once[slot] - g
    return found


def check_inputs(forward: Function, inputs: Sequence[Any]) -> None:
    """Raise if forward does not take the inputs."""
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


def is_scalar(outputs: Sequence[Any]) -> bool:
    return len(outputs) == 1 and np.size(plain(outputs[0])) == 1


def in_floats(forward: Function, inputs: Sequence[Any]) -> list[Any]:
    """Return the inputs with integers as floats, as someone who writes 3 for an input usually means 3.0.

    Raises
    ------
    ArgumentTypeError
        If nothing has a gradient: there are no numbers, or forward does not run with them.
    """

    def as_float(x: Any) -> Any:
        if type(x) is int:
            return float(x)
        return x.astype(float) if getattr(x, "dtype", None) is not None and x.dtype.kind in "iu" else x

    found = [map_leaves(as_float, x) for x in inputs]
    try:
        if inputs:
            copy.deepcopy(forward)(*copy.deepcopy(found))
            return found
    except Exception:  # they are indices or labels
        pass
    raise ArgumentTypeError(
        f"verify compares gradients of floating-point inputs, and {called(forward)} has none. Write .astype(float), or "
        "1.0 for 1, and give the weights as inputs."
    )


def called(function: Any) -> str:
    return getattr(function, "__name__", "the function")


def copied(owners: list[Any]) -> list[Any]:
    """Return deep copies of the objects that two methods belong to; one object has one copy.

    An attribute that cannot be copied, such as a lock or a file, is shared. The arrays beside it are copied, or a run
    with other values would overwrite the user's own.
    """
    try:
        return copy.deepcopy(owners)
    except Exception:
        copies = {id(owner): copy.copy(owner) for owner in owners}
    for made in copies.values():
        for name, value in getattr(made, "__dict__", {}).items():
            with suppress(Exception):
                setattr(made, name, copy.deepcopy(value))
    return [copies[id(owner)] for owner in owners]


def as_method(f: Any) -> Any:
    """Return the method that runs when an object is called."""
    method = inspect.getattr_static(f, "__call__", None)
    # An op of this package (it has `rules`) is called as it is: it has no state to copy.
    return f.__call__ if inspect.isfunction(method) and not hasattr(f, "rules") else f


def required(function: Any) -> list[str]:
    """Return the positional parameters to fill: those without a default, and a seed whose default is 1 (dout=1)."""
    found = []
    for name in parameter_names(function):
        default = inspect.signature(function).parameters[name].default
        begins = is_seed(name) and isinstance(default, int | float) and default == 1
        if default is not inspect.Parameter.empty and not begins:
            break
        found.append(name)
    return found


def own_copy(x: Any) -> Any:
    return np.array(x) if hasattr(x, "dtype") else x


def as_numbers(x: Any) -> Any:
    """Return a list of numbers as an array; containers of arrays stay as they are."""
    if isinstance(x, list) and x and all(isinstance(leaf, int | float) for leaf in flatten(x)[0]):
        with suppress(ValueError):  # lists of different lengths
            return np.array(x)
    return x
