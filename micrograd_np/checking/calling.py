"""Run a user's forward and backward pass as they are, on copies, and collect the gradients by hand."""

from __future__ import annotations

import copy
import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..core.containers import flatten, map_leaves
from ..core.errors import ArgumentError, ArgumentTypeError
from .binding import ALL, CACHES, MOST_WAYS, Way, arguments_of, is_seed, seed_names, ways
from .by_hand import ByHand, Functions, called
from .flat_function import is_float, parameter_names, plain
from .slots import Slot, changed_arrays, entries_of, float_copies, follow, stored_result

Array = Any
NAMED = (
    "verify gives the parameters of backward what their names say (dout, grad_output, g, cache, out, or the name of an "
    "input), and others what their position says, as in backward(dout, cache) or backward(dout, *inputs)."
)
# The seed of the cotangents. Users often draw data with default_rng(0); an equal cotangent would hide mistakes.
COTANGENT_SEED = (7919, 20011, 104729, 0)


def as_it_stands(f: Any) -> Any:
    return f


@dataclass
class Played:
    """One run of both passes: the outputs, their cotangents, the gradients, and whether backward got the cotangents."""

    outputs: list[Array]
    cotangents: list[Array]
    hand: list[ByHand]
    seeded: bool


class Pair(Functions):
    """A forward and a backward pass, or one function that gives the loss and its gradients.

    Both are called with copies, and methods with a copy of their object, so that the user's own objects never change.
    """

    def __init__(self, forward: Any, backward: Any, inputs: Sequence[Any], gradient: Any) -> None:
        super().__init__(forward, backward, inputs, gradient)
        beside = [slot for slot in self.state if slot.label in self.gradients]
        self.gradients = set()  # while forward runs: it may read them
        if beside and self.reads(beside):
            self.read = [slot for slot in beside if self.reads([slot])]
        self.gradients = {slot.label for slot in beside if slot not in self.read}
        self.known -= {slot.label for slot in self.read}

    def reads(self, slots: Sequence[Slot]) -> bool:
        """Return whether forward reads some arrays of the object: with other numbers in them, it gives others."""
        with np.errstate(all="ignore"):
            outputs, others = self.outputs({}), self.outputs({slot: 2 * slot.value + 1 for slot in slots})
        return not all(np.array_equal(plain(x), plain(y), equal_nan=True) for x, y in zip(outputs, others, strict=True))

    def run(
        self, replaced: Mapping[Slot, Any] | None = None, form: Callable[[Any], Any] = as_it_stands
    ) -> tuple[Any, Any, Any]:
        """Run `form(forward)` on copies of the inputs; `replaced` gives other values, or Tensors, for some slots.

        Return the result, the backward pass bound to the same copy of the object, and that copy.
        """
        values = {slot: slot.value.copy() for slot in self.state if self.is_moved} | dict(replaced or {})
        # Gradients of an earlier call are set to 0, so that backward may add to them (+=).
        values |= {slot: np.zeros_like(slot.value) for slot in self.state if slot.label in self.gradients}
        # deepcopy takes these in the place of the object's own arrays.
        held = {id(follow(self.owner, slot.paths[0])): x for slot, x in values.items() if slot.paths}
        forward, backward = copied([self.forward, self.backward], held)
        owner = next((f.__self__ for f in (forward, backward) if inspect.ismethod(f)), None)
        before = dict(entries_of(owner))
        result = form(forward)(*self.arguments(replaced))
        if result is None and owner is not None:
            result = stored_result(owner, before)
        return (result,) if isinstance(result, dict | list) else result, backward, owner

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
        first = result[0] if isinstance(result, tuple) and result else None
        return isinstance(first, tuple | list | dict) and bool(first) and all(map(is_float, flatten(first)[0]))

    def outputs_of(self, result: Any) -> list[int]:
        """Return how many entries of a tuple may be outputs, the likeliest number first; the others are the cache.

        These are as many as backward asks for gradients of; or all, if it asks for one, and for no cache.
        """
        names = self.required
        floats = sum(map(is_float, result))
        wanted = len(seed_names(names, parameter_names(self.forward)))
        found = [max(1, min(wanted, floats))]
        if wanted == 1 and floats == len(result) > 1 and not any(name.lower() in CACHES for name in names):
            found.append(floats)
        return found

    @cached_property
    def required(self) -> list[str]:
        """The parameters of backward to fill: those without a default, `dout=1`, and inputs."""
        found, own = [], parameter_names(self.forward)[: len(self.inputs)]
        for name in parameter_names(self.backward):
            default = inspect.signature(self.backward).parameters[name].default
            if default is not inspect.Parameter.empty and name not in own and not (is_seed(name) and default == 1):
                break
            found.append(name)
        return found

    def calls(self, result: Any, scalar: bool) -> list[Way]:
        """Return the ways to call backward, the likeliest first."""
        names, own = self.required, parameter_names(self.forward)
        outputs, cache = self.split(result)
        counts = [(len(outputs), len(cache))]
        if isinstance(result, tuple) and not self.is_nested(result):
            counts = [(count, len(result) - count) for count in self.outputs_of(result)]
        known = [arguments_of(len(self.inputs), *count) for count in counts]
        found = [ways(names, own, each, scalar) for each in known]
        parameters = inspect.signature(self.backward).parameters.values()
        if any(p.kind is p.VAR_POSITIONAL for p in parameters):  # backward(dout, *inputs)
            seeds = known[0]["seed"] if names or not scalar else []
            values = [each for each in (known[0]["cache"], known[0]["inputs"]) if each]
            found.insert(0, [Way((*seeds, *each), counts[0][0]) for each in values])
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
            outputs, returned = self.split(result)
            scalar = self.gradient is None and len(outputs) == 1 and np.size(plain(outputs[0])) == 1
            if self.backward is not None:
                self.ways = (again and self.ways) or self.calls(result, scalar)
                outputs = self.split(result)[0]
            values = [np.asarray(plain(x)) for x in outputs]
            self.output, cotangents = values[0], self.cotangents(values, scale)
            if self.backward is None:
                one = returned[0] if len(returned) == 1 else returned
                return Played(values, [np.ones(values[0].shape)], self.by_hand(one, owner), False)
            way = self.ways[self.way]
            if not way.seeded and not scalar and self.gradient is None:
                if owner is not None:
                    raise ArgumentError(
                        f"{called(self.forward)} gives an output of shape {values[0].shape}, and "
                        f"{called(self.backward)} is not given its gradient, so the loss is not known. Return the "
                        "loss from forward, or give the gradient of the output: verify(forward, backward, "
                        "gradient=dloss_doutput)."
                    )
                cotangents = [np.ones(x.shape) for x in values]
            before = {} if again else float_copies(owner)
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
                self.written = changed_arrays(before, float_copies(owner))
            return Played(values, cotangents, self.by_hand(returned, owner), way.seeded)

    def given(self, way: Way, result: Any, cotangents: Sequence[Array]) -> list[Any]:
        """Return the arguments of backward."""
        outputs, cache = self.split(result)
        fresh = [np.array(g)[()] for g in cotangents]  # a number, for an output that is one
        values = {"inputs": self.arguments(), "cache": cache, "outputs": outputs, "seed": fresh}
        together = flatten(result[0])[1](fresh) if self.is_nested(result) else tuple(fresh)
        return [together if i == ALL else values[kind][i] for kind, i in way.arguments]

    def described(self, way: Way) -> str:
        """Return a call of backward as text: bwd(dout=dout, a=x)."""
        own, names = parameter_names(self.forward), self.required
        names = names + [""] * (len(way.arguments) - len(names))
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

    def at(self, values: Sequence[Array]) -> Pair:
        """Return the same functions at other values of the slots."""
        other = copy.copy(self)
        moved = [replace(slot, value=x) for slot, x in zip(self.slots, values, strict=True)]
        other.floats, other.state, other.is_moved = moved[: len(self.floats)], moved[len(self.floats) :], True
        return other


def copied(functions: Sequence[Any], held: Mapping[int, Any]) -> list[Any]:
    """Return methods bound to deep copies of their objects, and other functions; `held` has new values by old ids.

    An attribute that cannot be copied, such as a lock or a file, is shared. The arrays beside it are copied, or a run
    with other values would overwrite the user's own.
    """
    owners = [f.__self__ if inspect.ismethod(f) else None for f in functions]
    try:
        copies = copy.deepcopy(owners, dict(held))
    except Exception:
        shallow = {id(owner): copy.copy(owner) for owner in owners}
        for made in shallow.values():
            for name, value in getattr(made, "__dict__", {}).items():
                with suppress(Exception):
                    setattr(made, name, copy.deepcopy(value, dict(held)))
        copies = [shallow[id(owner)] for owner in owners]
    return [f if x is None else types.MethodType(f.__func__, x) for f, x in zip(functions, copies, strict=True)]


def own_copy(x: Any) -> Any:
    return np.array(x) if hasattr(x, "dtype") else x
