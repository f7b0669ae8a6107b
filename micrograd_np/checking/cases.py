"""A case is what `verify` compares: an output with its graph, and gradients by hand of values in this graph.

If the forward pass cannot be recorded, the graph is one op, and finite differences give its derivative.
"""

from __future__ import annotations

import copy
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ArgumentTypeError
from ..core.names import INTERNAL, Names, inside, live, user_frame, watch
from ..core.tensor import Tensor
from ..ops.primitive import Primitive
from .by_hand import ByHand, called
from .calling import Pair, Played, as_it_stands
from .comparison import Differences, largest
from .finite_differences import EPS
from .flat_function import plain
from .other_inputs import at_double, elsewhere, is_constant, of_more_samples, with_variety
from .recordable import recordable
from .slots import Slot

Array = Any
Name = Callable[[Any], str | None]


@dataclass
class Case:
    """An output, the gradients by hand, and what is known of both."""

    output: Tensor
    gradient: Any  # of the loss with respect to the output; None if the output is the loss
    hand: Mapping[Any, Any]  # gradients by hand, by tensor or label
    name: Name  # returns the name of a tensor
    variables: Mapping[str, Tensor] = field(default_factory=dict)
    factor: float | None = None  # a common factor of all gradients by hand; None if any factor is allowed
    notes: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    unrecorded: bool = False
    unchecked: Sequence[str] = ()  # labels of gradients that need a graph to be checked, and there is none
    missed: Sequence[str] = ()  # labels of inputs and parameters of which no gradient was found
    differences: list[Differences] = field(default_factory=list)  # finite differences, if there is no graph
    slack: Mapping[Tensor, Array] = field(default_factory=dict)  # the error bars of finite differences
    guesses: list[str] = field(default_factory=list)  # how backward was called, if its names leave this open
    pair: Pair | None = None  # the user's functions
    among: Collection[Slot] = ()  # slots of the user's functions that have a gradient by hand
    moved: bool = False  # the inputs were moved away from kinks
    frame: Any = None  # the frame of the user that called verify with a recorded output


def graph_case(output: Tensor, hand: Mapping[Any, Any], gradient: Any) -> Case:
    """Return the case of a recorded output; `hand` has the gradients by hand, by tensor or name."""
    frame = user_frame()
    every = {**frame.f_globals, **frame.f_locals}
    paths: dict[str, Any] = {}
    for name, x in every.items():
        if not name.startswith("_"):
            paths.update(inside(name, x))
    variables = {name: x for name, x in {**every, **paths}.items() if isinstance(x, Tensor)}
    factor = None if gradient is None else 1.0
    return Case(output, gradient, hand, live(Names()), variables, factor, frame=frame)


class NotRecorded(Exception):  # noqa: N818
    """The reason why a forward pass has no graph."""


def function_case(pair: Pair) -> Case:
    """Return the case of two functions, or of a loss with gradients; forward is recorded if possible."""
    pair = at_double(pair)
    try:
        played, again = pair.play(), pair.play()
    except TypeError as error:
        if any(isinstance(x, list) for x in pair.inputs):
            error.add_note("An input is a list. If the functions take arrays, give np.array([...]).")
        raise
    check_repeats(pair, played, again)
    if not any(y.dtype.kind in "fc" for y in played.outputs):
        kinds = " and ".join(str(y.dtype) for y in played.outputs)
        raise ArgumentTypeError(f"{called(pair.forward)} gives {kinds}, which has no gradient.")
    faults, notes = linearity(pair, played, again)
    wanted = {slot for _, slot, _ in played.hand}
    chosen = [slot for slot in pair.slots if slot in wanted]
    why = None
    # First record all float inputs, then only those that have a gradient by hand: forward may be recordable only if an
    # input without a gradient, such as an index array or a mask, stays a plain array.
    every = [*pair.floats, *(slot for slot in chosen if slot.paths)]
    for slots, form in product((every, chosen), (as_it_stands, recordable)):
        try:
            case = recorded(pair, played, slots, form)
            break
        except NotRecorded as error:
            why = why or error  # the reason of the first attempt
    else:
        case = numeric(pair, played, why)
    # Backward is not given the gradient of the loss, so it may differ from ours by a common factor, such as 1/n.
    factor_is_free = (
        played.outputs[0].size == 1 and not played.seeded and pair.gradient is None and pair.backward is not None
    )
    case.pair, case.factor = pair, None if factor_is_free else 1.0
    case.faults, case.notes = faults, [*case.notes, *notes]
    case.among = {slot for _, slot, _ in played.hand if slot}
    if pair.assignments > 1:
        taken_for = " and ".join(slot.label for _, slot, _ in played.hand if slot)
        case.notes.append(f"What was returned fits several inputs, and is taken for the gradient of {taken_for}.")
    if len(pair.ways) > 1:
        case.guesses.append(f"{called(pair.backward)} was called as {pair.described(pair.ways[pair.way])}.")
    if pair.failed:
        case.guesses.append(f"{pair.failed}.")
    case.notes += pair.without_gradient(played.hand)
    case.missed = [*pair.inputs_without(played.hand), *(slot.label for slot in pair.missed(played.hand))]
    return case


# Other cases of the same functions. Some are returned as callables, so that a pair is made only if it is needed.


def special_inputs(case: Case) -> Iterator[tuple[str, Callable[[], Pair], bool]]:
    """Yield (why, make, is_valid) for each way in which the inputs are special.

    `why` says what is special: an array holds one number everywhere, or there are few samples. `make` returns the same
    functions at other inputs. `is_valid` is True if these inputs are sure to make sense to the functions.
    """
    pair, among = case.pair, case.among
    if pair is None:
        return
    if constant := [slot for slot in pair.slots if slot in among and is_constant(slot.value)]:
        hold = "holds" if len(constant) == 1 else "hold"
        why = f"{' and '.join(slot.label for slot in constant)} {hold} one number everywhere"
        yield why, partial(with_variety, pair, constant), True
    for why, make in of_more_samples(pair, among):
        yield why, make, False


def on_other_data(case: Case, pair: Pair | None, **how: Any) -> list[Callable[[], Pair]]:
    """Return two callables that give the functions, or copies of them, on other data; the second, on data nearby."""
    return [partial(elsewhere, pair, case.among, near=near, **how) for near in (False, True)] if pair else []


def case_of_numbers(case: Case) -> Case:
    """Return the case without its graph, judged by finite differences alone."""
    assert case.pair
    return replace(numeric(case.pair, case.pair.play(again=True), None), factor=case.factor, faults=case.faults)


def other_reading(pair: Pair | None) -> Pair | None:
    """Return the functions with the next possible meaning: gradients of other inputs, or another call of backward."""
    if pair is None:
        return None
    other = copy.copy(pair)
    if pair.assignment + 1 < pair.assignments:
        other.assignment += 1
    elif pair.way + 1 < len(pair.ways):
        other.way, other.assignment = pair.way + 1, 0
    else:
        return None
    return other


def check_repeats(pair: Pair, played: Played, again: Played) -> None:
    """Raise if forward gives two outputs for the same inputs."""
    for x, y in zip(played.outputs, again.outputs, strict=True):
        if x.shape != y.shape or not np.allclose(x, y, equal_nan=True):
            raise ArgumentError(
                f"{called(pair.forward)} gave two outputs for the same inputs, so its gradients cannot be compared. "
                "Draw random numbers, such as a dropout mask, outside of it, or make their generator anew in each call."
            )


def linearity(pair: Pair, played: Played, again: Played) -> tuple[list[str], list[str]]:
    """Return faults and notes on a backward pass that is not linear in the gradient that it is given.

    The factor -4 is a power of two: products and sums with it are exact, so rounding causes no false alarm.
    """
    if not played.seeded:
        return [], []
    function = called(pair.backward or pair.forward)
    once, second = hand_arrays(played), hand_arrays(again)
    if not equal_gradients(once, second):
        return [], [f"{function} gave other numbers when it was called again: does it add to what it stored before?"]
    times = hand_arrays(pair.play(scale=-4.0))
    if equal_gradients(times, once, -4.0):
        return [], []
    zero = hand_arrays(pair.play(scale=0.0))
    if not [g.shape for g in times] == [g.shape for g in zero] == [g.shape for g in once]:
        return [f"{function}(-4 * dout) does not give gradients of the same shapes as {function}(dout)"], []
    off = [h.label for h, a, b in zip(played.hand, times, once, strict=True) if not equal_gradients([a], [b], -4.0)]
    times_less_zero = [g - g0 for g, g0 in zip(times, zero, strict=True)]
    once_less_zero = [g - g0 for g, g0 in zip(once, zero, strict=True)]
    if equal_gradients(times, once):
        says = "it does not use it. Multiply by dout"
    elif equal_gradients(times, once, 4.0):
        says = "its sign is lost, as in abs(dout) or dout**2 / abs(dout)"
    elif equal_gradients(times_less_zero, once_less_zero, -4.0):
        says = "something is added that does not depend on dout; for dout = 0 it does not give 0"
    else:
        says = "a mask, clip or power is made from dout, as in dout > 0, instead of from the values"
    return [f"{function}(-4 * dout) is not -4 * {function}(dout) (in {' and '.join(map(str, off))}): {says}"], []


def hand_arrays(played: Played) -> list[Array]:
    """Return the gradients by hand that are numbers, and 0 for others."""
    arrays = [np.asarray(plain(h.values)) for h in played.hand]
    return [g.astype(float) if g.dtype.kind in "fiub" else np.zeros(1) for g in arrays]


def equal_gradients(a: Sequence[Array], b: Sequence[Array], factor: float = 1.0) -> bool:
    """Return whether all of a are `factor` times those of b, up to rounding."""
    return len(a) == len(b) and all(
        x.shape == y.shape and np.allclose(x, factor * y, 1e-7, 1e-12 * largest(y), equal_nan=True)
        for x, y in zip(a, b, strict=True)
    )


def recorded(pair: Pair, played: Played, slots: Sequence[Slot], form: Callable[[Any], Any]) -> Case:
    """Return the case with a graph, made by running `form(forward)` on Tensors.

    Raises
    ------
    NotRecorded
        With the reason why forward cannot be recorded.
    """
    tensors = {slot: Tensor(slot.value, requires_grad=True, name=slot.label) for slot in slots}
    failed: list[Exception] = []

    def guarded() -> Any:  # `watch` must return the names also if forward raises: the loss may have been recorded
        try:
            return pair.outputs(tensors, form)
        except Exception as error:
            failed.append(error)
            return None

    with np.errstate(all="ignore"):
        outputs, names = watch(guarded)
    if failed:
        loss = loss_on_the_way(failed[0], form(pair.forward), played) if pair.backward is None else None
        if loss is None:
            raise NotRecorded(reason(failed[0])) from None
        outputs = [loss]
    if not any(isinstance(x, Tensor) and x.requires_grad for x in outputs):
        raise NotRecorded("its result does not depend on the inputs in a way that could be recorded")
    if not all(np.array_equal(x._data, slot.value, equal_nan=True) for slot, x in tensors.items()):
        raise NotRecorded("it writes into its inputs")
    for x, value in zip(outputs, played.outputs, strict=True):
        if not np.allclose(plain(x), value, equal_nan=True, rtol=1e-4):
            raise NotRecorded("recorded, it gives other values")
    output, gradient = outputs[0], None
    if len(outputs) > 1:
        output = weighted_sum(outputs, played.cotangents, names)
    elif output.size != 1 or played.seeded or pair.gradient is not None:
        gradient = played.cotangents[0]
    return Case(output, gradient, under_tensors(played.hand, tensors), names)


def weighted_sum(outputs: Sequence[Any], cotangents: Sequence[Array], name: Name) -> Tensor:
    """Return one scalar for several outputs: the sum of each output times its cotangent."""
    parts = []
    for i, (x, g) in enumerate(zip(outputs, cotangents, strict=True)):
        if isinstance(x, Tensor) and x.requires_grad:
            label = name(x) or str(i)
            weighted = x * g
            total = weighted.sum()
            weighted.name, total.name = f"the output {label} (times its gradient)", f"the output {label}"
            weighted._created_at = total._created_at = x._created_at  # reports name the user's line, not this one
            parts.append(total)
    found: Tensor = sum(parts[1:], parts[0])
    return found


def under_tensors(hand: Sequence[ByHand], tensors: Mapping[Slot, Tensor]) -> dict[Any, Any]:
    """Return the gradients by hand under the tensors of their slots, with the names that backward gave them."""
    return {(h.label, tensors[h.slot]) if h.slot and h.slot in tensors else h.label: h.values for h in hand}


def loss_on_the_way(error: Exception, f: Callable[..., Any], played: Played) -> Tensor | None:
    """Return the loss of a function that could be recorded up to the loss, but not through its gradients."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code is getattr(f, "__code__", None):
            scalars = [x for x in frame.f_locals.values() if isinstance(x, Tensor) and x.requires_grad and x.size == 1]
            # The tolerance is tight: a loss before its last term is added may be close to the whole loss.
            found = [x for x in scalars if np.allclose(x._data, played.outputs[0], 2 * EPS, 0)]
            if found:  # the last one: a part of the loss equals the loss where the other parts are 0 on this data
                return max(found, key=lambda x: x._order)
    return None


def reason(error: Exception) -> str:
    """Return why a forward pass could not be recorded, with the line."""
    said = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
    lines = [entry for entry in traceback.extract_tb(error.__traceback__) if not INTERNAL[entry.filename]]
    if not lines:
        return said
    name, text = lines[-1].filename.rsplit("/", 1)[-1], lines[-1].line
    code = f": {text}" if text else ""
    return f"{said} ({name}:{lines[-1].lineno}{code})"


# Gradients by hand against finite differences.


def numeric(pair: Pair, played: Played, why: NotRecorded | None) -> Case:
    """Return the case in which forward is one op, differentiated by finite differences."""
    alone = f"{called(pair.forward)} could not be recorded, so it is compared with numbers alone: {why}."
    known = [(h, h.slot) for h in played.hand if h.slot]
    tensors = {slot: Tensor(slot.value, requires_grad=True, name=slot.label) for _, slot in known}
    found = {slot: differences(pair, played, slot, np.asarray(plain(h.values))) for h, slot in known}
    output = one_op(pair, played, {tensors[slot]: found[slot].gradient for slot in tensors})
    hand = under_tensors([h for h, _ in known], tensors)
    case = Case(output, None, hand, lambda x: getattr(x, "name", None), notes=[alone] if why else [])
    case.unchecked = [str(h.label) for h in played.hand if not h.slot]
    case.unrecorded = True
    case.slack = {tensors[slot]: found[slot].slack for slot in tensors}
    case.differences = [found[slot] for _, slot in known]
    return case


def one_op(pair: Pair, played: Played, gradients: Mapping[Tensor, Array]) -> Tensor:
    """Return forward's result as that of one op, whose gradients are known in numbers."""
    total = np.array(weighed(played.outputs, played), dtype=float)
    rules = [partial(scaled, gradient) for gradient in gradients.values()]
    output: Tensor = Primitive(pair.forward, *rules, kernel=lambda *xs: total)(*gradients)
    output._created_at = None  # this op is no line of the user's
    return output


def scaled(gradient: Array, g: Array, z: Array, *xs: Array) -> Array:
    """The rule of an op whose gradient is known in numbers."""
    return g * gradient


def differences(pair: Pair, played: Played, slot: Slot, hand: Array) -> Differences:
    """Return the derivative of the outputs, times their cotangents, with respect to one slot."""

    def f(x: Array) -> Any:
        return weighed(pair.outputs({slot: x.astype(slot.value.dtype)}), played)

    floats = [x for x in (slot.value, *played.outputs) if x.dtype.kind == "f"]
    eps = max([float(np.finfo(x.dtype).eps) for x in floats], default=EPS)
    return Differences(f, slot.value, hand, eps, terms_of(played))


def weighed(outputs: Sequence[Any], played: Played) -> Any:
    """Return the sum of all outputs, each times its cotangent; it takes plain numbers, `weighted_sum` takes Tensors."""
    pairs = zip(outputs, played.cotangents, strict=True)
    return sum(np.sum(np.asarray(plain(x), dtype=float) * g) for x, g in pairs)


def terms_of(played: Played) -> float:
    """Return the size of the terms that `weighed` adds."""
    return float(sum(np.sum(np.abs(x * g)) for x, g in zip(played.outputs, played.cotangents, strict=True)))
