"""The base of optimisers: groups of parameters, a state for each parameter, and a step that updates all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import Any, ClassVar

import numpy as np

from ..core.context import CURRENT, no_grad, tracing
from ..core.dispatch import HALF, SINGLE, single
from ..core.errors import ArgumentError, ArgumentTypeError, GradientError, NonFiniteError
from ..core.tensor import Tensor, as_ndarray
from ..core.versions import memory_of
from ..nn.module import clear_gradients, load
from ..nn.validation import NONNEGATIVE, Kind
from .groups import Group, grouped

State = dict[str, Any]

# Entries of parameters updated together: temporary arrays of 64 KiB stay in the cache, and the C library keeps them.
JOINED = 8192
SMALL = 4096  # entries up to which a parameter is updated together with others: its calls cost more than its numbers


def is_finite(x: Any) -> bool:
    """True without nan and inf: a finite sum of squares, one product, says so in most cases."""
    return bool(np.vdot(x, x) < math.inf or np.isfinite(x).all())


def mark_written(tensors: list[Tensor]) -> None:
    """Mark one write, made now, in the memory of all these tensors."""
    first, *others = [x._memory or memory_of(x) for x in tensors]
    first.write()
    for seen in others:
        seen.written, seen.where = first.written, first.where


class Unit:
    """Parameters of one group and dtype that are updated together: one in place, several as one array of all entries.

    Parameters
    ----------
    group : Group
        The group, for its options.
    numbers : list of int
        Which of the optimiser's parameters these are.
    parameters, states : list
        The parameters, and their states.
    """

    def __init__(self, group: Group, numbers: list[int], parameters: list[Tensor], states: list[State]) -> None:
        self.group, self.numbers, self.parameters, self.states = group, numbers, parameters, states
        self.dtype = parameters[0].dtype
        self.buffers: dict[tuple[str, ...], Any] = {}
        self.kept: dict[str, Any] | None = None
        self.precision = SINGLE if self.dtype == HALF else self.dtype
        self.tensors = [x for p, state in zip(parameters, states, strict=True) for x in (p, *state.values())]
        stops = list(accumulate(p.size for p in parameters))
        self.slices = [slice(start, stop) for start, stop in zip([0, *stops], stops, strict=False)]
        # States that are one number for each parameter, such as a count of steps.
        pairs = [(name, p.shape == x.shape) for p, s in zip(parameters, states, strict=True) for name, x in s.items()]
        self.counts = {name for name, is_entrywise in pairs if not is_entrywise}

    def options(self) -> dict[str, Any]:
        """The group's options in the dtype of the arithmetic: its own arrays, where they have it, which are kept."""
        if self.kept is not None:
            return self.kept
        found = self.group.options(self.precision)
        if all(x is None or x is self.group[name]._data for name, x in found.items()):
            self.kept = found  # the group writes other numbers into the same arrays
        return found

    def __getstate__(self) -> dict[str, Any]:
        """Leave the kept options out of a copy: its group has arrays of its own."""
        return vars(self) | {"kept": None}

    def moving(self, gradients: list[Any]) -> list[Unit]:
        """This unit if all of it has gradients, else the parameters that have one as units of their own."""
        moved = [k for k, i in enumerate(self.numbers) if gradients[i] is not None]
        if len(moved) == len(self.numbers):
            return [self]
        return [Unit(self.group, [self.numbers[k]], [self.parameters[k]], [self.states[k]]) for k in moved]

    def gradient(self, gradients: list[Any]) -> Any:
        """The gradient of the parameter, or those of several in one array."""
        if len(self.numbers) == 1:
            return single(as_ndarray(gradients[self.numbers[0]]))
        return self.joined(("gradient",), [single(as_ndarray(gradients[i])) for i in self.numbers])

    def update(self, rule: Callable[..., None], g: Any, options: dict[str, Any]) -> None:
        """Apply an optimiser's update."""
        if len(self.numbers) == 1:
            state = {name: x._data for name, x in self.states[0].items()}
            rule(self.parameters[0]._data, g, state, **options)
            return
        arrays = [p._data for p in self.parameters]
        held = {name: [state[name]._data for state in self.states] for name in self.states[0]}
        state = {name: self.joined(("state", name), parts) for name, parts in held.items()}
        for name in self.counts:  # one number for all entries, or where they differ one for each
            counts = state[name].tolist()
            if counts.count(counts[0]) == len(counts):
                state[name] = state[name][:1]
            else:
                state[name] = np.repeat(state[name], [x.size for x in arrays])
        p = self.joined(("parameters",), arrays)
        rule(p, g, state, **options)
        self.write(p, arrays)
        for name, parts in held.items():
            entries = state[name]
            if name in self.counts and len(entries) == 1:
                for x in parts:
                    x.fill(entries[0])
            else:
                self.write(entries, parts)

    def joined(self, what: tuple[str, ...], arrays: list[Any]) -> Any:
        """The entries of several arrays in one, which is kept: fresh memory would cost a page fault for each page."""
        if what not in self.buffers:
            self.buffers[what] = np.concatenate(arrays, axis=None)
        return np.concatenate(arrays, axis=None, out=self.buffers[what])

    def write(self, entries: Any, arrays: list[Any]) -> None:
        """Write the entries of all into the arrays of each."""
        for x, part in zip(arrays, self.slices, strict=True):
            if x.ndim == 1:
                x[:] = entries[part]
            else:
                x[...] = entries[part].reshape(x.shape) if x.ndim else entries[part.start]


class Optimiser:
    """The base of optimisers: write `update(p, g, state, **options)`, which changes p in place.

    Options are numbers that may change between steps, such as the learning rate, in p's dtype, or None for one of
    `_optional_when_zero` that is 0; `_ranges` says which numbers are allowed. The state holds what `_begin` makes for a
    parameter. For a p of float16, options and gradient are float32, since 1e-8 and small squares are 0 in float16. All
    are arrays, or Tensors while a program is traced: write with NumPy's functions and operators, `p -= ...`, as in a
    rule.

    Parameters
    ----------
    params : iterable
        Parameters, or (name, parameter) pairs, or groups: dicts with "params" and options of their own.
    **options : float
        The options by name, such as lr; those of a group go before them.

    Examples
    --------
    >>> class SignDescent(Optimiser):
    ...     def update(self, p, g, state, lr):
    ...         p -= lr * np.sign(g)
    >>> w = Tensor([3.0, -2.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> SignDescent([w], lr=0.5).step()
    >>> w.data
    array([ 2.5, -1.5])
    """

    _optional_when_zero: ClassVar[tuple[str, ...]] = ()
    _ranges: ClassVar[dict[str, Kind]] = dict.fromkeys(("lr", "momentum", "weight_decay", "eps"), NONNEGATIVE)
    _unguarded = ("_units", "_names", "_parameters")  # made of the others: no guard of a program looks at them

    # True where update treats each entry on its own, so that small parameters may be given to it as one array. A state
    # is then of the parameter's shape, or one number, such as a count of steps.
    _elementwise: ClassVar[bool] = False

    def __init__(self, params: Iterable[Any], **options: float) -> None:
        self.param_groups: list[Group] = []
        self.state: list[State] = []
        self._parameters: list[Tensor] = []
        self._names: list[str | None] = []
        self._units: list[Unit] = []
        for given in grouped(type(self).__name__, params):
            unknown = given.keys() - options.keys() - {"params"}
            if unknown:
                raise ArgumentTypeError(f"{type(self).__name__} has no option {', '.join(sorted(unknown))}.")
            own = {name: value for name, value in given.items() if name != "params"}
            group = Group(type(self), [], options | own)
            first = len(self._parameters)
            for entry in given["params"]:
                self._add(group, *(entry if isinstance(entry, tuple) else (None, entry)))
            self.param_groups.append(group)
            self._units += self._together(group, range(first, len(self._parameters)))

    def _add(self, group: Group, name: str | None, p: Any) -> None:
        """Enter a parameter in a group."""
        if not isinstance(p, Tensor) or not p.is_leaf:
            what = f"the result of {p.op.name}" if isinstance(p, Tensor) else f"a {type(p).__name__}"
            raise ArgumentTypeError(
                f"{type(self).__name__}: params must be leaf Tensors, and {name or 'one of them'} is {what}."
            )
        for i, other in enumerate(self._parameters):
            if p is other:
                raise ArgumentError(
                    f"{name or self._name_of(i)} was given to {type(self).__name__} twice, as number {i} and number "
                    f"{len(self._parameters)}, and would be updated twice. Give what is shared once."
                )
        group["params"].append(p)
        self._names.append(name)
        self._parameters.append(p)
        self.state.append(self._begin(p, group))
        for kind, tensor in self.state[-1].items():
            tensor.name = kind

    def _together(self, group: Group, numbers: Iterable[int]) -> list[Unit]:
        """The parameters of a group as units: small ones of one dtype together, where that is faster, others alone."""
        alone: list[list[int]] = []
        small: dict[Any, list[list[int]]] = {}
        for i in numbers:
            p = self._parameters[i]
            if not self._elementwise or p.size > SMALL:
                alone.append([i])
                continue
            joined = small.setdefault(p.dtype, [[]])
            if sum(self._parameters[k].size for k in joined[-1]) + p.size > JOINED:
                joined.append([])
            joined[-1].append(i)
        units = []
        for together in (unit for joined in small.values() for unit in joined):
            # Without a state an update is two calls, and joining a few parameters takes longer.
            few = len(together) < 4 and not self.state[together[0]]
            units += [[i] for i in together] if few else [together]
        return [
            Unit(group, unit, [self._parameters[i] for i in unit], [self.state[i] for i in unit])
            for unit in units + alone
        ]

    def _name_of(self, i: int) -> str:
        """The user's name for a parameter: the name given, a path in a module, or a variable."""
        from ..core.names import Names, live

        p = self._parameters[i]
        return self._names[i] or live(Names())(p) or f"parameter {i} {p.shape}"

    @property
    def lr(self) -> float:
        """The learning rate of the first group; assigning sets that of all groups."""
        return float(self.param_groups[0]["lr"])

    @lr.setter
    def lr(self, value: float) -> None:
        for group in self.param_groups:
            group["lr"] = value

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients of all parameters.

        Parameters
        ----------
        set_to_none : bool
            Whether `.grad` is None again; with False it becomes zeros.
        """
        clear_gradients(self._parameters, set_to_none)

    def step(self) -> None:
        """Change every parameter by its gradient.

        Raises
        ------
        RuntimeError
            If parameters have no gradient; nothing has been changed then.
        FloatingPointError
            If a gradient is nan or inf; nothing has been changed then. Or if a new value goes beyond the numbers of its
            dtype, or is 0/0, as with eps=0: the message says whether parameters have been changed then. A compiled step
            has changed nothing in either case.
        """
        if tracing():
            self._trace_step()
            return
        gradients = [p._grad if p._requires_grad else None for p in self._parameters]
        units = self._units
        if not self._all_present(gradients):
            units = [part for unit in units for part in unit.moving(gradients)]
        joined = [unit.gradient(gradients) for unit in units]
        for unit, g in zip(units, joined, strict=True):
            if not is_finite(g):
                i = next(i for i in unit.numbers if not is_finite(as_ndarray(gradients[i])))
                raise self._diverged(f"the gradient of {self._name_of(i)} has a nan or inf, and nothing was changed")
        written: list[Tensor] = []
        unit = units[0]
        try:
            with np.errstate(over="raise", invalid="raise", divide="raise"):
                for unit, g in zip(units, joined, strict=True):
                    if len(unit.numbers) == 1:  # in place
                        written += unit.tensors
                        unit.update(self.update, g, unit.options())
                    else:  # which are written when their new values are all there
                        unit.update(self.update, g, unit.options())
                        written += unit.tensors
        except FloatingPointError as error:
            named = ", ".join(map(self._name_of, unit.numbers[:3])) + ", ..." * (len(unit.numbers) > 3)
            done = "parameters may have been changed" if written else "nothing was changed"
            what = f"the step of {named} went beyond the numbers of its dtype ({error}); {done}"
            raise self._diverged(what) from None
        finally:
            if written:
                mark_written(written)

    @no_grad()
    def _trace_step(self) -> None:
        """The same as steps of a program, which checks what it has made before it writes."""
        trace = CURRENT.get().trace
        gradients = [p.grad if p._requires_grad else None for p in self._parameters]
        self._all_present(gradients)
        for i, g in enumerate(gradients):
            if g is not None and not is_finite(as_ndarray(g)):
                raise self._diverged(f"the gradient of {self._name_of(i)} has a nan or inf, and nothing was changed")
        for unit in self._units:
            for i, p, state in zip(unit.numbers, unit.parameters, unit.states, strict=True):
                if gradients[i] is not None:
                    options = unit.group.options(unit.precision)
                    with trace.updating(type(self).__name__, p, gradients[i], state):
                        self.update(p, single(gradients[i]), state, **options)

    def _all_present(self, gradients: list[Any]) -> bool:
        """Return whether all parameters have gradients; raise if one that may change has none."""
        absent = [i for i, g in enumerate(gradients) if g is None]
        if not absent:
            return True
        without = [i for i in absent if self._parameters[i]._requires_grad]
        if len(absent) == len(gradients):
            raise GradientError("no parameter that may change has a gradient: call loss.backward() before step().")
        if without:
            raise GradientError(
                f"no gradient reached {', '.join(map(self._name_of, without))}. Was it used in the loss? Freeze what "
                "should not train with requires_grad = False, or leave it out."
            )
        return False

    def _diverged(self, what: str) -> NonFiniteError:
        """An error for numbers that are nan or inf, with the cure."""
        trace = CURRENT.get().trace
        if trace is not None:
            trace.spoil("")  # the function may catch it, and go another way at another call
        lr = float(as_ndarray(self.param_groups[0]["lr"]))
        return NonFiniteError(
            f"{what}. If the loss grew before, the learning rate ({lr:g}) is too high: lower it, or clip "
            "gradients with optim.clip_grad_norm_. mg.detect_anomaly() names the op that made the first nan or inf."
        )

    def _begin(self, p: Tensor, group: Group) -> State:
        """The state that a parameter begins with."""
        return {}

    def update(self, *args: Any, **options: Any) -> None:
        """Change a parameter in place; each optimiser writes its own `update(self, p, g, state, **options)`.

        Parameters
        ----------
        *args : array, array, dict
            The parameter p, its gradient g of the same shape and dtype, and its state.
        **options : array
            The options by name, 0-d and of p's dtype, or None for one that was 0.
        """
        raise ArgumentTypeError(
            f"{type(self).__name__} has no update method: define update(self, p, g, state, **options)."
        )

    def _named_state(self) -> Iterator[tuple[str, Tensor]]:
        """(name, tensor) of everything besides the parameters that the next step depends on."""
        for i, group in enumerate(self.param_groups):
            yield from ((f"groups.{i}.{name}", value) for name, value in group.items() if isinstance(value, Tensor))
        for i, state in enumerate(self.state):
            yield from ((f"state.{i}.{name}", value) for name, value in state.items())

    def __repr__(self) -> str:
        lines = []
        for group in self.param_groups:
            size = sum(p.size for p in group["params"])
            options = ", ".join(
                f"{name}={float(group[name]):g}" for name in group if name != "params" and group[name] is not None
            )
            lines.append(f"{len(group['params'])} parameters, {size:,} numbers, {options}")
        return f"{type(self).__name__}({'; '.join(lines)})"

    def state_dict(self) -> dict[str, Any]:
        """Copies of everything besides the parameters that the next step depends on, by name."""
        return {name: tensor.data.copy() for name, tensor in self._named_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state: all of it, or none and an error that lists each mismatch.

        Parameters
        ----------
        state : dict of arrays
            The dict that `state_dict` returned.
        """
        load(type(self).__name__, dict(self._named_state()), state)
