"""A claim: one gradient by hand, the value it belongs to, its shape, and when it counts as equal to another."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ArgumentTypeError, ShapeError
from ..core.tensor import Tensor
from ..ops.elementwise import add
from ..ops.primitive import Elementwise
from ..ops.products import dot, matmul
from .replay import Recording, is_elementwise, sources

Array = Any

RIGHT = "right"
GIVEN = "right, given"  # right, if the wrong gradients above it are taken as given
WRONG = "wrong"
SHAPE = "wrong shape"
NOT_FINITE = "not finite"


@dataclass
class Row:
    """One gradient by hand (`hand`) next to the gradient that the tape computes (`true`).

    `expected` is what the tape computes if it takes the user's other gradients, those nearer to the loss, as given: so
    one mistake is not reported again in all rows below it. `size` is the size of the terms that are summed to the
    gradient. `numeric` is the verdict of finite differences on the tape. `slope` holds directions, and the lowest and
    highest derivative along each that finite differences allow.
    """

    label: str
    tensor: Tensor
    hand: Array
    status: str = RIGHT
    true: Array = None
    expected: Array = None
    size: float = 0.0
    upstream: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    numeric: str = ""
    slope: Any = None
    slack: Any = 0.0  # how far a numeric gradient may be off
    at_kink: bool = False

    @property
    def fits(self) -> bool:
        """Return whether the gradient can be compared: it has the right shape and finite entries."""
        return self.status not in (SHAPE, NOT_FINITE)

    def matches(self, hand: Array, target: Array, close: Closeness) -> bool:
        """Return whether `hand` equals `target`, with a tolerance that depends on the size of the row's terms."""
        return close(hand, target, self.size, self.slack)

    @property
    def leaf(self) -> bool:
        """Return whether this is the gradient of a leaf (a weight or an input), not of a value between."""
        return not self.tensor._parents

    def vanishes(self, close: Closeness) -> bool:
        """Return whether the true gradient is only the rounding error of terms that cancel."""
        return bool(np.max(np.abs(self.true), initial=0) <= close.floor * self.size)

    def agrees(self, factor: float) -> bool:
        """Return whether the gradient by hand, divided by `factor`, is within the bounds of finite differences."""
        if self.slope is None or not self.fits:
            return False
        directions, low, high = self.slope
        along = directions @ (self.hand / factor).reshape(-1, 1)
        return bool(np.all((along >= low) & (along <= high)))


@dataclass
class Closeness:
    """The tolerance for equal arrays: relative to each entry, and to the largest entry."""

    rtol: float = 1e-6
    floor: float = 1e-9

    def at_best(self, eps: float) -> Closeness:
        """Return a tolerance that numbers with a relative rounding error of eps can meet."""
        return Closeness(max(self.rtol, min(1e3 * eps, 1e-2)), max(self.floor, min(1e2 * eps, 1e-2)))

    def __call__(self, a: Array, b: Array, beside: float = 0.0, slack: Any = 0.0) -> bool:
        """Return whether a equals b, up to `slack` and up to differences that are negligible next to `beside`."""
        if a.shape != b.shape:
            return False
        with np.errstate(all="ignore"):
            largest = max(float(np.max(np.abs(b), initial=0)), beside)
            allowed = self.rtol * np.abs(b) + self.floor * largest + np.finfo(float).tiny + slack
            # nan equals nan, and inf equals inf: inf - inf is nan, which no tolerance accepts.
            return bool(np.all((np.abs(a - b) <= allowed) | ((a != a) & (b != b)) | (a == b)))


def in_backward_order(rows: Iterable[Row], recording: Recording) -> list[Row]:
    """Return the rows in the order in which backprop completes them, those nearest to the loss first."""

    def when(row: Row) -> float:
        users = recording.users[row.tensor]
        # A leaf has no place of its own in the order of ops. It is complete right after its first user is (+ 0.5).
        return -min(x._order for x in users) + 0.5 if row.leaf and users else -row.tensor._order

    return sorted(rows, key=when)


# Names of gradients: `dW1`, `dL_dW1`, `dLdW1`, `grad_W1`, `delta_l1`, `nabla_b`; `W1_grad`, `l1_delta`, `l2_error`.
# Each prefix gives one reading: `g_W` and `gW` are read by different ones.
PREFIXES = (
    re.compile(r"(?:d(?:loss|[A-Za-z])_?d_?|grad_?|delta_?|nabla_?|g_|d_?)(?=.)"),
    re.compile(r"(?:g(?=[A-Z])|(?:grads|gradients?)_)(?=.)"),
)
SUFFIX = re.compile(r"(?<=.)(?:[._]?gradients?|[._]?grads?|_update|_delta|_error|_d)$")
ITEM = re.compile(r"(\w+)(\[.+)")
OF_LAYER = re.compile(r"[zZ]_?(\d+)")
NUMBERED = re.compile(r"[A-Za-z_]+?_?(\d+)")
LOOSE = 1e-3  # a gradient that comes so near is that of the value that its name means


def candidates(key: str) -> Iterable[tuple[str, bool]]:
    """Yield the names that a gradient's name may refer to, each with whether it means the pre-activation."""
    yield key, False
    if found := SUFFIX.search(key):
        yield key[: found.start()], found[0] == "_delta"
    for prefix in PREFIXES:
        if found := prefix.match(key):
            yield key[found.end() :], found[0].startswith("delta")
    if key.startswith("d"):  # the first pattern reads `dode` as d(o)d(e); it may be the gradient of `ode`, too
        yield key[1:], False


def meanings(
    hand: Mapping[Any, Any], recording: Recording, named: Mapping[str, Sequence[Tensor]]
) -> list[tuple[str, Tensor, Array, list[str]]]:
    """Return the label, the value and the numbers of each gradient by hand, and notes.

    `delta_h` may mean the gradient of h or of its pre-activation. The numbers decide, and the pre-activation is the
    default; `h_delta` always means the pre-activation.
    """
    read = [(*readings(key, recording, named), values) for key, values in hand.items()]
    claims = [(label, xs, as_hand(label, values)) for label, xs, values in read]
    known = {xs[0]: g for _, xs, g in claims if len(xs) == 1}
    notes: dict[str, list[str]] = {}
    # From the loss down: what a lower gradient should be depends on the meaning of those above it.
    for label, xs, g in sorted(claims, key=lambda claim: -claim[1][0]._order):
        if len(xs) > 1:
            usual = next((x for x in xs if x not in known), xs[0])
            given = {x: h for x, h in known.items() if x._parents and x.shape == h.shape and np.isfinite(h).all()}
            found, close = (recording.true, recording.walk(given)), Closeness(LOOSE, LOOSE)
            free = [x for x in xs if x not in known and x.shape == g.shape]
            truth = {x: [each[x] for each in found if x in each] for x in free}
            fitting = [x for x, gradients in truth.items() if any(parallel(g, each, close) for each in gradients)]
            xs[:] = [*fitting, usual][:1]  # in place: `claims` holds the same list
            known[xs[0]] = g
            if xs[0] is not usual:
                name = next(name for name, tensors in named.items() if any(x is xs[0] for x in tensors))
                notes[label] = [
                    f"{label} is taken for the gradient of {name}, whose numbers it has, not for that before the "
                    "activation."
                ]
    return [(label, xs[0], g, notes.get(label, [])) for label, xs, g in claims]


def readings(key: Any, recording: Recording, named: Mapping[str, Sequence[Tensor]]) -> tuple[str, list[Tensor]]:
    """Return the label of a row, and the values in the graph that a key given to `verify` may refer to."""
    if isinstance(key, tuple) and len(key) == 2 and isinstance(key[1], Tensor):
        return key[0], [key[1]]
    if not isinstance(key, Tensor | str):
        raise ArgumentTypeError(
            f"the gradients by hand are named by tensors or by text, as in {{'dW1': dW1}}, not by {key!r}."
        )
    nodes = set(recording.nodes)
    if isinstance(key, Tensor):
        if key not in nodes:
            raise ShapeError(
                f"{key.name or 'a tensor'} {key.shape} is not in the graph of the output, or has no gradient there. "
                "Give tensors that the output was made from, with requires_grad=True or made from such."
            )
        label = next((name for name, tensors in named.items() if any(key is x for x in tensors)), None)
        return key.name or label or f"{key.op.name if key.op else 'input'} {key.shape}", [key]
    known = {name: [x for x in tensors if x in nodes] for name, tensors in named.items()}
    known = {name: tensors for name, tensors in known.items() if tensors}
    lower = {name.lower(): tensors for name, tensors in reversed(list(known.items()))}
    for names, wanted in ((known, key), (lower, key), (lower, key.lower())):
        for name, before in candidates(wanted):
            for x in names.get(name if names is known else name.lower(), ()):
                # l1_delta, as in the usual blog posts, is l1_error * slope: the gradient of the pre-activation only.
                itself = [] if key.lower().endswith("_delta") else [x]
                return key, list(dict.fromkeys([preactivation(x), *itself])) if before else [x]
    for name, _ in candidates(key):
        affixed = name != key and (numbered(name, known) or layer(name, recording, known))
        if not affixed and (z := OF_LAYER.fullmatch(name)):  # dz1, where only a1 has a name
            affixed = numbered(z[1], known)[:1]
        if found := item_of(name, known) or affixed:
            return key, found
    close = difflib.get_close_matches(key, known, 3, 0.5)
    first = {x: name for name, tensors in reversed(list(known.items())) for x in tensors}
    own = list(dict.fromkeys(reversed(first.values())))
    hint = f" Did you mean {' or '.join(close)}?" if close else f" It has {', '.join(own) or 'no names'}."
    raise ArgumentError(
        f"the graph has no value called {key!r}, nor one whose gradient that name says.{hint} A tensor may be the key "
        "itself, or be given a name: mg.Tensor(..., name='W1')."
    )


def item_of(name: str, known: Mapping[str, Sequence[Tensor]]) -> list[Tensor]:
    """Return the item that an abbreviated path means, as b[0] that of biases, if no other list begins so."""
    parts = ITEM.fullmatch(name)
    found = {
        x: None
        for path, tensors in known.items()
        if parts and (item := ITEM.fullmatch(path)) and item[2] == parts[2] and item[1].startswith(parts[1])
        for x in tensors
    }
    return list(found) if len(found) == 1 else []


def numbered(name: str, known: Mapping[str, Sequence[Tensor]]) -> list[Tensor]:
    """Return what the number of a layer means, as in delta1: its pre-activation or activation, if it has only one."""
    found = [x for each, xs in known.items() if (n := NUMBERED.fullmatch(each)) and n[1] == name for x in xs]
    values = [x for x in found if x._parents]
    below = {preactivation(x) for x in values}
    return list(dict.fromkeys([*below, *values])) if len(below) == 1 else []


def layer(word: str, recording: Recording, known: Mapping[str, Sequence[Tensor]]) -> list[Tensor]:
    """Return what `hidden` and `output` mean in a network of two layers: a pre-activation, and its activation."""
    found = []
    for node in recording.nodes:
        if node.op in (dot, matmul) and any(not x._parents for x, _ in node._parents):
            users = recording.users[node]
            biased = len(users) == 1 and users[0].op is add and users[0].shape == node.shape
            found.append(users[0] if biased and any(not x._parents for x, _ in users[0]._parents) else node)
    place = {"hidden": 0, "output": 1}.get(word.lower())
    if place is None or len(found) != 2:
        return []
    z = found[place]
    return [z, *(x for xs in known.values() for x in xs if x is not z and x._parents and preactivation(x) is z)]


def preactivation(tensor: Tensor) -> Tensor:
    """Return the input of the activation that made the value, looking through masks; else the value itself."""
    top = tensor
    while masked_by_constants(top):
        top = top._parents[0][0]
    if not is_elementwise(top):
        return tensor
    # A source that no elementwise op made, such as x @ W + b's product, is the pre-activation; else the last source.
    inputs = [x for x, _ in sources(top)]
    return next((x for x in inputs if not is_elementwise(x)), [tensor, *inputs][-1])


def masked_by_constants(x: Tensor) -> bool:
    """Return whether a value combines one value of its shape with an array without gradient, as dropout does."""
    if not isinstance(x.op, Elementwise) or len(x._parents) != 1 or len(x.args) != 2:
        return False
    return x._parents[0][0].shape == x.shape and not is_elementwise(x)


def precision_of(values: Any) -> float:
    """Return the relative rounding error of a gradient by hand; 0 if it does not hold floating-point numbers."""
    dtype = getattr(values, "dtype", np.dtype(float))
    return float(np.finfo(dtype).eps) if dtype.kind == "f" else 0.0


def as_hand(label: str, values: Any) -> Array:
    if values is None:
        raise ArgumentTypeError(f"the gradient by hand of {label} is None: give an array of numbers, or leave it out.")
    data = values._data if isinstance(values, Tensor) else np.asarray(values)
    if data.dtype.kind not in "fiub":
        raise ArgumentTypeError(f"the gradient by hand of {label} has dtype {data.dtype}; give an array of numbers.")
    return data.astype(np.float64)


def check_finite(row: Row) -> None:
    """Mark a row with nan or inf where the true gradient is finite: no other row may be judged by its values."""
    wrong = ~np.isfinite(row.hand)
    if row.fits and wrong.any() and np.isfinite(row.true).all():
        row.status = NOT_FINITE
        place = list(map(int, np.argwhere(wrong)[0]))
        row.notes.append(
            f"{row.label} is {row.hand[tuple(place)]} at {place or 'its one entry'} ({wrong.sum()} of {wrong.size} "
            "entries are nan or inf), and the true gradient is finite. np.seterr(all='raise') stops at the line that "
            "makes it."
        )


def fit_shape(row: Row, close: Closeness, recording: Recording, name: Callable[[Any], str | None]) -> None:
    """Accept extra or missing axes of length 1 with a note; mark other wrong shapes, with a reason if one is found."""
    shape, hand = row.tensor.shape, row.hand
    if hand.shape == shape:
        return
    row.expected = row.true
    if [n for n in hand.shape if n != 1] == [n for n in shape if n != 1]:
        row.notes.append(
            f"{row.label} has shape {hand.shape}, and its value {shape}: the numbers are compared in order."
        )
        row.hand = hand.reshape(shape)
        return
    row.status = SHAPE
    reason = belongs_to(row, close, recording, name) or shape_reason(row, close, recording)
    reason = f": {reason}" if reason else "."
    row.notes.append(f"{row.label} has shape {hand.shape} and should have {shape}, that of its value{reason}")


def belongs_to(row: Row, close: Closeness, recording: Recording, name: Callable[[Any], str | None]) -> str:
    """Return a sentence if the row is the gradient of another weight or input, else an empty text."""
    for x, g in recording.true.items():
        if not x._parents and name(x) and getattr(g, "shape", None) == row.hand.shape and parallel(row.hand, g, close):
            return (
                f"it is the gradient of {name(x)}. Give each its own: backward returns them in the order of the inputs."
            )
    return ""


def shape_reason(row: Row, close: Closeness, recording: Recording) -> str:
    """Return a sentence on the mistake that the shape points to, and on whether the numbers are right."""
    hand, true = row.hand, row.true

    def axis_of(whole: Any, part: Array) -> int | None:
        """Return the axis that `whole` is summed over in `part`, up to a factor."""
        sums = ((axis, whole.sum(axis)) for axis in range(getattr(whole, "ndim", 0)))
        return next((axis for axis, x in sums if x.shape == part.shape and parallel(x, part, close)), None)

    if (axis := axis_of(hand, true)) is not None:
        return f"it is not summed over axis {axis}, which has {hand.shape[axis]} entries: add .sum(axis={axis})."
    for user in recording.users[row.tensor]:
        if (axis := axis_of(recording.true[user], hand)) is not None:
            return f"it is summed over axis {axis}, and should be over the others."
    if hand.T.shape == true.shape:
        agrees = ", up to a factor" * (not close(hand.T, true)) if parallel(hand.T, true, close) else None
        says = "" if agrees is None else f" The numbers are right{agrees}."
        return f"it is transposed: add .T, or exchange the two factors of the product.{says}"
    if hand.size == true.size:
        return "it has the same number of entries in another arrangement."
    if (axis := axis_of(true, hand)) is not None:
        return f"it is summed over axis {axis}, and should not be."
    return ""


def differ(x: Array) -> bool:
    """Return whether an array holds clearly different numbers."""
    return bool(x.size > 1 and np.ptp(x) > 1e-6 * np.max(np.abs(x), initial=0))


def parallel(a: Array, b: Array, close: Closeness) -> bool:
    """Return whether a is a multiple of b, other than 0; only the direction of the numbers is compared."""
    square, product = np.sum(b * b), np.sum(a * b)
    return bool(square and product) and close(a, product / square * b)
