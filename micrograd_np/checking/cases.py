"""A case: what `verify` compares, an output with its graph, and the gradients by hand of values in it.

If the forward pass cannot be recorded, the graph is one op, and finite differences give its derivative.
"""

from __future__ import annotations

import copy
import math
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import Any

import numpy as np

from ..core.errors import ArgumentTypeError
from ..core.names import Names, is_user_code, live, user_frame, watch
from ..core.tensor import Tensor
from ..ops.primitive import Primitive
from .calling import Labelled, Pair, Played, Slot, put, stored
from .claims import Closeness, parallel
from .finite_differences import EPS, Measured, axes, estimate
from .flat_function import plain
from .gradcheck import narrow_down, random_directions
from .recordable import recordable
from .validation import called, check_repeats

Array = Any
Name = Callable[[Any], str | None]
SECONDS = 4.0  # for the differences of one input; if it has too many entries for that, some are drawn at random
FEWEST = 24
BARS = 4  # where numbers alone judge, a gradient may be off by so many error bars
NUMERIC = Closeness(1e-5, 1e-7)


@dataclass
class Case:
    """An output, the gradients by hand, and what is known of both."""

    output: Tensor
    gradient: Any
    hand: Mapping[Any, Any]
    name: Name
    variables: Mapping[str, Tensor] = field(default_factory=dict)
    factor: float | None = None  # that all gradients must have; None if the loss does not settle it
    notes: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    unrecorded: bool = False
    slack: Mapping[Tensor, Array] = field(default_factory=dict)  # how far numeric derivatives may be off
    sizes: Mapping[int, str] = field(default_factory=dict)  # of outputs that are in no graph
    moved: Callable[[], Case] | None = None
    by_numbers: Callable[[], Case] | None = None
    other: Callable[[], Case] | None = None  # with the gradients taken for those of other inputs that they fit
    kinked: tuple[int, int] = (
        0,
        0,
    )  # entries whose slopes to both sides differ, and all entries, where numbers alone judge


def graph_case(output: Tensor, hand: Mapping[Any, Any], gradient: Any) -> Case:
    """Return the case of a recorded output with gradients under tensors or names."""

    frame = user_frame()
    variables = {name: x for name, x in {**frame.f_globals, **frame.f_locals}.items() if isinstance(x, Tensor)}
    return Case(output, gradient, hand, live(Names()), variables, None if gradient is None else 1.0)


def function_case(pair: Pair) -> Case:
    """Return the case of two functions, or of a loss with gradients; forward is recorded if possible."""
    pair = pair.in_double()
    played = pair.play()
    again = pair.play()
    for first, second in zip(played.outputs, again.outputs, strict=True):
        check_repeats(pair.forward, first, second)
    faults, notes = linearity(pair, played, again)
    tried: list[str] = []
    wanted = {slot_of(key) for key in played.hand} - {None}
    case = None
    own = [slot for slot in pair.slots if slot in wanted]
    for slots, form in product((pair.slots, own), (None, recordable)):
        chosen = [slot for slot in slots if slot.owner is None or slot in wanted]
        case = recorded(pair, played, chosen, tried, form)
        if case:
            break
    if case is None:
        case = numeric(pair, played, tried[0])
    else:
        case.by_numbers = lambda: numeric(pair, played, "")
    loss = played.outputs[0].size == 1 and not played.seeded and pair.gradient is None and pair.backward is not None
    case.factor = None if loss else 1.0
    case.faults, case.notes = faults, [*case.notes, *notes]
    if pair.assignments > 1:
        taken = " and ".join(slot.label for key in played.hand if (slot := slot_of(key)))
        case.notes.append(f"What was returned fits several inputs, and is taken for the gradient of {taken}.")
        if pair.assignment + 1 < pair.assignments:
            other = copy.copy(pair)
            other.assignment = pair.assignment + 1
            case.other = lambda: function_case(other)
    if without := pair.unmatched(played):
        case.notes.append(
            f"No gradient was found for {', '.join(without)}: looked for names such as d{without[0]}, "
            f"grad_{without[0]} and {without[0]}_grad."
        )
    case.moved = lambda: function_case(pair.moved())
    return case


def slot_of(key: Any) -> Slot | None:
    return key if isinstance(key, Slot) else key.slot if isinstance(key, Labelled) else None


def linearity(pair: Pair, played: Played, again: Played) -> tuple[list[str], list[str]]:
    """Return faults and notes on a backward pass that is not linear in the gradient that it is given.

    The factor -4 is a power of two: products and sums with it are exact, so rounding causes no false alarm.
    """
    if not played.seeded:
        return [], []
    function = called(pair.backward or pair.forward)
    if not equal_gradients(played.hand, again.hand):
        return [], [f"{function} gave other numbers when it was called again: does it add to what it stored before?"]
    times, zero = pair.play(scale=-4.0).hand, pair.play(scale=0.0).hand
    if equal_gradients(times, played.hand, -4.0):
        return [], []
    off = " and ".join(
        label_of(key) for key in played.hand if not equal_gradients({0: times[key]}, {0: played.hand[key]}, -4.0)
    )
    head = f"{function}(-4 * dout) is not -4 * {function}(dout) (in {off}): "
    if equal_gradients(times, played.hand):
        return [f"{head}it does not use it. Multiply by dout"], []
    if equal_gradients(times, played.hand, 4.0):
        return [f"{head}its sign is lost, as in abs(dout) or dout**2 / abs(dout)"], []
    shifted = {key: np.asarray(plain(times[key])) - plain(zero[key]) for key in times}
    if equal_gradients(shifted, {key: np.asarray(plain(played.hand[key])) - plain(zero[key]) for key in times}, -4.0):
        return [f"{head}something is added that does not depend on dout; for dout = 0 it does not give 0"], []
    return [f"{head}a mask, clip or power is made from dout, as in dout > 0, instead of from the values"], []


def equal_gradients(a: Mapping[Any, Any], b: Mapping[Any, Any], factor: float = 1.0) -> bool:
    return a.keys() == b.keys() and all(
        np.allclose(plain(a[key]), factor * np.asarray(plain(b[key])), 1e-7, 1e-12 * largest(b[key]), equal_nan=True)
        for key in a
        if np.asarray(plain(b[key])).dtype.kind in "fiub"
    )


def largest(x: Any) -> float:
    return float(np.max(np.abs(np.asarray(plain(x), dtype=float)), initial=0))


def label_of(key: Any) -> str:
    return key.label if isinstance(key, Slot) else str(key)


def recorded(
    pair: Pair, played: Played, slots: Sequence[Slot], tried: list[str], form: Callable[[Any], Any] | None
) -> Case | None:
    """Return the case with a graph; or None if forward cannot be recorded, and add the reason to `tried`.

    `form` gives another form of the forward pass.
    """

    tensors = {slot: Tensor(slot.value, requires_grad=True, name=slot.label) for slot in slots}
    forward, _, owner = pair.functions()
    forward = form(forward) if form else forward
    pair.write_state(owner, {})
    for slot, x in tensors.items():
        if slot.owner is not None and owner is not None:
            put(owner, slot.owner, x)
    arguments = pair.arguments({slot.position: x for slot, x in tensors.items() if slot.owner is None})
    before = dict(getattr(owner, "__dict__", {}))

    def guarded() -> Any:
        try:
            result = forward(*arguments)
            return pair.split(stored(owner, before) if result is None and owner is not None else result)[0]
        except Exception as error:
            tried.append(reason(error))
            return loss_on_the_way(error, pair.forward, played) if pair.backward is None else None

    with np.errstate(all="ignore"):
        outputs, names = watch(guarded)
    if outputs is None:
        return None
    if not any(isinstance(x, Tensor) and x.requires_grad for x in outputs):
        tried.append("its result does not depend on the inputs in a way that could be recorded")
        return None
    if not all(np.array_equal(x._data, slot.value, equal_nan=True) for slot, x in tensors.items()):
        tried.append("it writes into its inputs")
        return None
    for x, value in zip(outputs, played.outputs, strict=True):
        if not np.allclose(plain(x), value, equal_nan=True, rtol=1e-4):
            tried.append("recorded, it gives other values")
            return None
    gradient: Any = played.cotangents[0] if outputs[0].size != 1 or played.seeded or pair.gradient is not None else None
    output = outputs[0]
    if len(outputs) > 1:
        output, gradient = weighted_sum(outputs, played.cotangents, names), None
    return Case(output, gradient, under_tensors(played.hand, tensors), names)


def weighted_sum(outputs: Sequence[Any], cotangents: Sequence[Array], name: Name) -> Tensor:
    """Return one scalar for several outputs: the sum of each output times its cotangent."""
    parts = []
    for i, (x, g) in enumerate(zip(outputs, cotangents, strict=True)):
        if isinstance(x, Tensor) and x.requires_grad:
            label = name(x) or str(i)
            product = x * g
            total = product.sum()
            product.name, total.name = f"the output {label} (times its gradient)", f"the output {label}"
            product._created_at = total._created_at = x._created_at
            parts.append(total)
    found: Tensor = sum(parts[1:], parts[0])
    return found


def under_tensors(hand: Mapping[Any, Any], tensors: Mapping[Slot, Tensor]) -> dict[Any, Any]:
    """Return the gradients by hand under the tensors of their slots, with the names that backward gave them."""
    found: dict[Any, Any] = {}
    for key, value in hand.items():
        slot = slot_of(key)
        if slot is not None and slot in tensors:
            found[label_of(key), tensors[slot]] = value
        else:
            found[key] = value
    return found


def loss_on_the_way(error: Exception, f: Callable[..., Any], played: Played) -> list[Any] | None:
    """Return the loss of a function that could be recorded up to the loss, but not through its gradients."""
    code = getattr(f, "__code__", None)
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code is code:
            scalars = [x for x in frame.f_locals.values() if isinstance(x, Tensor) and x.requires_grad and x.size == 1]
            # The loss so far may be near it.
            found = [x for x in scalars if np.allclose(x._data, played.outputs[0], 2 * EPS, 0)]
            if found:  # the last one: a part of the loss equals the loss where the other parts are 0 on this data
                return [max(found, key=lambda x: x._order)]
    return None


def reason(error: Exception) -> str:
    """Return why a forward pass could not be recorded, with the line."""

    lines = [entry for entry in traceback.extract_tb(error.__traceback__) if is_user_code(entry.filename)]
    said = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
    if not lines:
        return said
    name, text = lines[-1].filename.rsplit("/", 1)[-1], lines[-1].line
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__) if is_user_code(frame.f_code.co_filename)]
    known = [key for key, x in frames[-1].f_locals.items() if isinstance(x, Tensor) and x.op is not None]
    recorded = f". Recorded up to there: {', '.join(known)}" if known else ""
    return f"{said} ({name}:{lines[-1].lineno}{': ' * bool(text)}{text}){recorded}"


# Gradients by hand against finite differences.


def numeric(pair: Pair, played: Played, why: str) -> Case:
    """Return the case in which forward is one op, differentiated by finite differences."""
    hand = {slot: (key, value) for key, value in played.hand.items() if (slot := slot_of(key)) is not None}
    lost = [str(key) for key in played.hand if not slot_of(key)]
    alone = f"{called(pair.forward)} could not be recorded, so it is compared with numbers alone: {why}."
    notes = [alone] if why else []
    if lost:
        notes.append(f"Not checked: {', '.join(lost)}, which only a recorded forward pass has.")
    tensors = {slot: Tensor(slot.value, requires_grad=True, name=slot.label) for slot in hand}
    kinked = [0]
    found = {slot: differences(pair, played, slot, np.asarray(plain(g)), kinked) for slot, (_, g) in hand.items()}
    total = float(sum(np.sum(x * g) for x, g in zip(played.outputs, played.cotangents, strict=True)))

    def rule(gradient: Array) -> Callable[..., Any]:
        return lambda g, z, *xs: g * gradient

    rules = [rule(gradient) for gradient, _ in found.values()]
    op = Primitive(pair.forward, *rules, kernel=lambda *xs: np.array(total))
    output = op(*tensors.values())
    output._created_at = None  # this op is no line of the user's
    slack = {tensors[slot]: bars for slot, (_, bars) in found.items()}
    names = {id(x): slot.label for slot, x in tensors.items()}
    by_tensor = under_tensors(dict(hand.values()), tensors)
    case = Case(output, None, by_tensor, lambda x: names.get(id(x)), notes=notes, unrecorded=True, slack=slack)
    case.sizes = sizes_of_outputs(played.outputs)
    case.kinked = (kinked[0], sum(slot.value.size for slot in hand)) if kinked[0] else (0, 0)
    return case


def sizes_of_outputs(outputs: Sequence[Array]) -> dict[int, str]:
    """Return the numbers of entries that the outputs have along some of their axes, each with a text."""
    found: dict[int, str] = {}
    for x in outputs:
        for count in range(1, x.ndim + 1):
            for sizes in combinations(x.shape, count):
                found.setdefault(math.prod(sizes), f"the number of entries along some axes of the output {x.shape}")
    return {number: text for number, text in found.items() if number > 1}


def differences(pair: Pair, played: Played, slot: Slot, hand: Array, kinked: list[int]) -> tuple[Array, Array]:
    """Return the gradient by finite differences, entry by entry, and its error bars.

    If the input is too large for that, only random entries are measured; the others are taken from the hand, after
    random directions have been searched for errors in them.
    """
    x = np.asarray(slot.value, dtype=float)
    eps = max([float(np.finfo(y.dtype).eps) for y in (slot.value, *played.outputs) if y.dtype.kind == "f"], default=EPS)

    def values(_: Any) -> Callable[[Array], Array]:
        def f(flat: Array) -> Array:
            if np.iscomplexobj(flat):
                raise ArgumentTypeError("the function is called with real numbers")
            forward, _, owner = pair.functions()
            pair.write_state(owner, {})
            value = flat.astype(slot.value.dtype).reshape(x.shape)
            if slot.owner is not None:
                put(owner, slot.owner, value)
            given = pair.arguments({slot.position: value} if slot.owner is None else {})
            before = dict(getattr(owner, "__dict__", {}))
            result = forward(*given)
            outputs = pair.split(stored(owner, before) if result is None and owner is not None else result)[0]
            parts = zip(outputs, played.cotangents, strict=True)
            return np.atleast_1d(sum(np.sum(np.asarray(plain(y), dtype=float) * g) for y, g in parts))

        return f

    def slopes(directions: list[Array]) -> tuple[Array, Array]:
        what = Measured(values, x.ravel(), eps, inner)
        goal = 1e-7 if eps <= EPS else 1e-3
        found = estimate(what, directions, lambda s: goal * np.maximum(np.abs(s.value), scale))
        kinked[0] += int(found.kinked.sum())
        low, high = found.bounds
        middle = np.where(np.isfinite(low + high), (low + high) / 2, found.value)
        return middle[:, 0], np.where(np.isfinite(low + high), BARS * (high - low) / 2, np.inf)[:, 0]

    start = time.perf_counter()
    middle = values(None)(x.ravel())
    each = 8 * (time.perf_counter() - start)
    inner = float(sum(np.sum(np.abs(y * g)) for y, g in zip(played.outputs, played.cotangents, strict=True)))
    inner = max(inner, noise(values(None), x.ravel(), eps) / eps)
    scale = 1e-6 * max(largest(hand), float(np.abs(middle[0])) * 1e-3)
    count = int(np.clip(SECONDS / each, min(FEWEST, x.size), x.size)) if x.size else 0
    rng = np.random.default_rng(0)
    entries = np.sort(rng.choice(x.size, count, replace=False))
    found, bars = slopes(list(axes(x.ravel(), entries.tolist()))) if count else (np.zeros(0), np.zeros(0))
    if count == x.size or hand.shape != x.shape:
        whole, slack = np.zeros(x.size), np.full(x.size, np.inf)
        whole[entries], slack[entries] = found, bars
        return whole.reshape(x.shape), slack.reshape(x.shape)
    by_hand = hand.ravel().astype(float)
    square = float(np.sum(by_hand[entries] ** 2))
    k = float(np.sum(found * by_hand[entries])) / square if square else 1.0
    whole, slack = by_hand * (k if parallel(found, by_hand[entries], NUMERIC) else 1.0), np.zeros(x.size)
    whole[entries], slack[entries] = found, bars
    for direction in random_directions(x.size, 0):
        slope, bar = slopes([direction])
        if abs(slope[0] - direction @ whole) > 4 * bar[0] + 1e-6 * np.linalg.norm(direction * whole):
            entry = narrow_down(lambda v: abs(slopes([v])[0][0] - v @ whole), direction)
            found, bars = slopes(list(axes(x.ravel(), [entry])))
            whole[entry], slack[entry] = found[0], bars[0]
    return whole.reshape(x.shape), slack.reshape(x.shape)


def noise(f: Callable[[Array], Array], x: Array, eps: float) -> float:
    """Return the rounding error of a function's value: the scatter of values at points in a row.

    It may be far larger than that of the value itself. In log(1 - s) for s near 1, it is a staircase: only points as
    far apart as its steps show it. So distances from 100 eps of x on are tried, as long as the fourth differences of a
    smooth function stay below eps. Their median disregards a single kink.
    """
    direction = np.random.default_rng(0).uniform(0.5, 1.5, x.size) * np.where(x, np.abs(x), largest(x) or 1.0)
    distances = [apart for k in range(9) if (apart := 100 * eps * 30**k) ** 4 <= eps / 100]
    values = np.array([[f(x + apart * k * direction)[0] for k in range(13)] for apart in distances], dtype=float)
    scatter = np.median(np.abs(np.diff(values, 4)), axis=1)
    return float(np.max(scatter, initial=0, where=np.isfinite(scatter))) / 2
