"""The base of optimisers: groups of parameters, a state for each parameter, and a step that updates all of them."""

from __future__ import annotations

import math
import operator
from collections import UserDict
from collections.abc import Iterable, Iterator
from itertools import accumulate, chain, count
from typing import Any, ClassVar

import numpy as np

from ..core.context import current_context, no_grad, tracing
from ..core.dispatch import HALF, SINGLE, single
from ..core.errors import ArgumentError, ArgumentTypeError, GradientError, NonFiniteError, UnknownNameError
from ..core.tensor import Tensor, as_ndarray
from ..core.versions import memory_of
from ..cures import unknown_argument
from ..nn.module import Module, clear_gradients, load
from ..nn.validation import NONNEGATIVE, NUMBER, Checked, Kind, in_words, require


class Option(Tensor):
    """A number that an optimiser holds, such as its learning rate: a 0-d Tensor that shows itself as a number."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(float(self._data))


class Group(UserDict[str, Any]):
    """Parameters under "params", and options as 0-d Tensors; setting an option writes its number into that Tensor.

    Parameters
    ----------
    owner : type
        The class of the optimiser, for its `_ranges` of options and the names in `_optional_when_zero`.
    params : list of Tensor
        The parameters.
    numbers : dict
        The options by name.
    """

    initial_lr: float | None = None

    def __init__(self, owner: Any, params: list[Tensor], numbers: dict[str, float]) -> None:
        self.owner = owner
        options = {name: Option(self.number(name, x), name=name) for name, x in numbers.items()}
        off = {name: None for name in owner._optional_when_zero if options[name]._data == 0}
        self.data = {"params": params, **options, **off}  # not by __setitem__, which knows only what is there

    def __setitem__(self, name: str, value: Any) -> None:
        held = self.get(name)
        if isinstance(held, Tensor):
            held.data = self.number(name, value)
        elif name not in self or name == "params":
            raise UnknownNameError(
                f"there is no option {name!r} to set; there are {', '.join(self.keys() - {'params'})}."
            )
        elif value:
            raise ArgumentError(f"{name} was 0 when the optimiser was made, and left out. Make it with {name}={value}.")

    def number(self, name: str, value: Any) -> Any:
        """An option as a 0-d array; raise if it is out of the range that the optimiser allows."""
        require(self.owner.__name__, self.owner._ranges.get(name, NUMBER), **{name: value})
        return np.array(float(value))

    def options(self, dtype: Any) -> dict[str, Any]:
        """The options in the dtype of a parameter: arrays, or Tensors while a program is traced."""
        traced = tracing()
        held = {name: x if x is None or traced else x._data for name, x in self.items() if name != "params"}
        return {name: x if x is None or x.dtype is dtype else x.astype(dtype) for name, x in held.items()}


def listed(owner: str, name: str, given: Any) -> list[Any]:
    """Return an argument that is a list of tensors, or another iterable of them; raise if it is something else."""
    if isinstance(given, Module | Tensor) or not isinstance(given, Iterable):
        raise ArgumentTypeError(
            f"{owner}: {name} must be a list of tensors, such as model.parameters() or [w], not {in_words(given)}."
        )
    return list(given)


def grouped(whose: str, params: Any) -> list[dict[str, Any]]:
    """Return the user's parameters as a list of groups: dicts with "params" and options."""
    entries = listed(whose, "params", params)
    if not any(isinstance(entry, dict) for entry in entries):
        entries = [{"params": entries}]
    elif not all(isinstance(entry, dict) and "params" in entry for entry in entries):
        raise ArgumentTypeError(f'{whose}: groups are dicts, each with "params" and options of its own.')
    entries = [entry | {"params": list(entry["params"])} for entry in entries]
    if not any(entry["params"] for entry in entries):
        raise ArgumentError(f"{whose} was given no parameters: pass model.parameters(), or a list of nn.Parameter.")
    return entries


State = dict[str, Any]

# Entries of parameters updated together: what an update reads and writes stays in the cache.
JOINED = 8192
ARRAYS = {np.ndarray}
array_of = operator.attrgetter("_data")
SMALL = 4096  # entries up to which a parameter is updated together with others: its calls cost more than its numbers


def is_finite(x: Any) -> bool:
    """True without nan and inf: a finite sum of squares, one product, says so in most cases."""
    return math.isfinite(np.vdot(x, x)) or bool(np.isfinite(x).all())


class Unit:
    """Parameters that are updated by one call, and what their update reads: made once, and used at each step.

    One parameter is updated in place. Several small ones are updated as one array of all their entries, which is then
    written into each; their states are parts of one array for each name, which is updated in place.

    Parameters
    ----------
    optimiser, group : Optimiser, Group
        The optimiser, and the group, for its options.
    numbers : list of int
        Which of the optimiser's parameters these are.
    """

    def __init__(self, optimiser: Optimiser, group: Group, numbers: list[int]) -> None:
        self.group, self.numbers = group, numbers
        parameters, self.states = [optimiser._parameters[i] for i in numbers], [optimiser.state[i] for i in numbers]
        arrays = [p._data for p in parameters]
        self.memories = [memory_of(x) for x in (*parameters, *(x for state in self.states for x in state.values()))]
        self.precision = SINGLE if arrays[0].dtype == HALF else arrays[0].dtype
        self.cast = [x._data for x in group.values() if isinstance(x, Tensor) and x.dtype != self.precision]
        self.given: list[float] | None = None
        self.copies: list[tuple[Any, Any]] = []  # of several: a part of p, and the parameter that it is a copy of
        self.counts: list[Any] = []  # of several: states that are one number for each, such as a count of steps
        self.p = arrays[0]
        if len(numbers) == 1:
            self.state = {name: x._data for name, x in self.states[0].items()}
        else:
            self.p = optimiser._buffer("parameters", self.p, self.p.dtype, sum(x.size for x in arrays))
            self.g = np.empty_like(self.p, self.precision)
            self.copies = list(zip(parts(self.p, arrays), arrays, strict=True))
            self.gradients = list(zip(parts(self.g, arrays), numbers, strict=True))
            self.state = {name: self.joined(name, arrays) for name in self.states[0]}
        scratch = optimiser._buffer("scratch", self.p, self.precision, self.p.size)
        self.scratch = scratch.reshape(self.p.shape, order="F" if self.p.flags.fnc else "C")
        self.held = list(self.state_arrays())

    def joined(self, name: str, arrays: list[Any]) -> Any:
        """Make the parameters' states of a name parts of one array; return what the update gets of it."""
        held = [state[name]._data for state in self.states]
        entries = np.concatenate(held, axis=None)
        for state, part in zip(self.states, parts(entries, held), strict=True):
            state[name]._data = part
        if all(x.shape == p.shape for x, p in zip(held, arrays, strict=True)):
            return entries
        self.counts.append(entries)
        return entries[:1]

    def state_arrays(self) -> Iterator[Any]:
        return map(array_of, chain.from_iterable(map(dict.values, self.states)))

    def is_current(self) -> bool:
        """Return whether the optimiser's state still has the arrays that the unit was made for."""
        return not self.held or all(map(operator.is_, self.state_arrays(), self.held))

    def moving(self, optimiser: Optimiser, gradients: list[Any]) -> list[Unit]:
        """This unit if all of it has gradients, else the parameters that have one as units of their own."""
        moved = [i for i in self.numbers if gradients[i] is not None]
        return [self] if len(moved) == len(self.numbers) else [Unit(optimiser, self.group, [i]) for i in moved]

    def gradient(self, gradients: list[Any]) -> Any:
        """The gradient, in the dtype of the arithmetic."""
        if not self.copies:
            return single(gradients[self.numbers[0]])
        for part, i in self.gradients:
            part[...] = gradients[i]
        return self.g

    def update(self, optimiser: Optimiser, g: Any) -> None:
        """Apply the optimiser's update."""
        if self.counts and any(len(set(entries.tolist())) > 1 for entries in self.counts):  # some were frozen
            for part, i in self.gradients:
                Unit(optimiser, self.group, [i]).update(optimiser, part)
            return
        for part, x in self.copies:
            part[...] = x
        # The group's options in the dtype of the arithmetic: its own arrays, or casts of what they hold now.
        given = self.cast and [x.item() for x in self.cast]
        if given != self.given:
            self.given, self.options = given, self.group.options(self.precision)
        optimiser._scratch = self.scratch
        optimiser.update(self.p, g, self.state, **self.options)
        for entries in self.counts:
            entries[...] = entries[0]
        for part, x in self.copies:
            x[...] = part


def parts(entries: Any, arrays: list[Any]) -> list[Any]:
    """Return views of the entries of several arrays, each in its array's shape."""
    stops = accumulate(x.size for x in arrays)
    return [entries[stop - x.size : stop].reshape(x.shape) for stop, x in zip(stops, arrays, strict=True)]


class Optimiser(Checked):
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
    # Made of the others: no guard of a program looks at them.
    _unguarded = ("_units", "_names", "_parameters", "_scratch", "_buffers")

    # True where update treats each entry on its own, so that small parameters may be given to it as one array. A state
    # is then of the parameter's shape, or one number, such as a count of steps.
    _elementwise: ClassVar[bool] = False

    def __init__(self, params: Iterable[Any], **options: float) -> None:
        self.param_groups: list[Group] = []
        self.state: list[State] = []
        self._parameters: list[Tensor] = []
        self._names: list[str | None] = []
        self._units: list[Unit] = []
        self._buffers: dict[Any, Any] = {}  # by purpose and dtype
        self._scratch: Any = None  # for intermediate results of an update, shaped as p; None while a program is traced
        for given in grouped(type(self).__name__, params):
            for unknown in given.keys() - options.keys() - {"params"}:
                raise unknown_argument(type(self).__name__, unknown, list(options))
            own = {name: value for name, value in given.items() if name != "params"}
            group = Group(type(self), [], options | own)
            for entry in given["params"]:
                self._add(group, *(entry if isinstance(entry, tuple) else (None, entry)))
            self.param_groups.append(group)
        self._make_units()

    def _add(self, group: Group, name: str | None, p: Any) -> None:
        """Enter a parameter in a group."""
        if not isinstance(p, Tensor) or not p.is_leaf:
            what = f"the result of {p.op.name}" if isinstance(p, Tensor) else f"a {type(p).__name__}"
            text = f"params must be leaf Tensors, and {name or 'one of them'} is {what}"
            raise ArgumentTypeError(f"{type(self).__name__}: {text}. Write mg.Tensor(..., requires_grad=True).")
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

    def __getstate__(self) -> dict[str, Any]:
        """Leave the units out of a copy: its parameters have arrays of their own."""
        return vars(self) | {"_units": [], "_scratch": None, "_buffers": {}}

    def __setstate__(self, held: dict[str, Any]) -> None:
        vars(self).update(held)
        self._make_units()

    def _buffer(self, purpose: str, like: Any, dtype: Any, size: int) -> Any:
        """Return the first entries of a buffer that all units share: what is used again is still in the cache."""
        held = self._buffers.get((purpose, dtype))
        if held is None or held.size < size:
            held = self._buffers[purpose, dtype] = np.empty_like(like, dtype, shape=(size,))
        return held[:size]

    def _make_units(self) -> None:
        """Prepare the updates of all parameters: small ones of one group and dtype together, others alone."""
        self._units = []
        number = count()
        for group in self.param_groups:
            units: list[list[int]] = []
            small: dict[Any, list[int]] = {}  # the last unit of small parameters, by dtype
            for p, i in zip(group["params"], number, strict=False):
                together = small.get(p.dtype)
                if not self._elementwise or not 0 < p.size <= SMALL:
                    units.append([i])
                elif together and sum(self._parameters[k].size for k in together) + p.size <= JOINED:
                    together.append(i)
                else:
                    small[p.dtype] = [i]
                    units.append(small[p.dtype])
            self._units += [Unit(self, group, numbers) for numbers in units]

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
            dtype, or is 0/0, as with eps=0; parameters and states may have been changed then.
        """
        if tracing():
            self._trace_step()
            return
        gradients = [p._grad if p._requires_grad else None for p in self._parameters]
        if not all(map(Unit.is_current, self._units)):
            self._make_units()
        units = self._units
        if not ARRAYS.issuperset(map(type, gradients)):
            self._check_present(gradients)
            gradients = [as_ndarray(g) for g in gradients]
            units = [part for unit in units for part in unit.moving(self, gradients)]
        joined = []
        for unit in units:
            joined.append((unit, g := unit.gradient(gradients)))
            if not is_finite(g):
                self._check_finite(gradients)
        # One write, made now, in the memory of all parameters and states, also of those that a failing step leaves.
        first = units[0].memories[0]
        first.write()
        for unit in units:
            for seen in unit.memories:
                seen.written, seen.where = first.written, first.where
        try:
            with np.errstate(over="raise", invalid="raise", divide="raise"):
                for unit, g in joined:
                    unit.update(self, g)
        except FloatingPointError as error:
            named = ", ".join(map(self._name_of, unit.numbers[:3])) + ", ..." * (len(unit.numbers) > 3)
            what = f"the step of {named} went beyond the numbers of its dtype ({error}); some may have been changed"
            raise self._diverged(what) from None

    @no_grad()
    def _trace_step(self) -> None:
        """The same as steps of a program, which checks what it has made before it writes."""
        trace = current_context().trace
        gradients = [p.grad if p._requires_grad else None for p in self._parameters]
        self._check_present(gradients)
        self._check_finite(gradients)
        self._scratch = None
        for unit in self._units:
            for i, state in zip(unit.numbers, unit.states, strict=True):
                if gradients[i] is not None:
                    p = self._parameters[i]
                    options = unit.group.options(unit.precision)
                    with trace.updating(type(self).__name__, p, gradients[i], state):
                        self.update(p, single(gradients[i]), state, **options)

    def _check_present(self, gradients: list[Any]) -> None:
        """Raise if a parameter that may change has no gradient."""
        absent = [i for i, g in enumerate(gradients) if g is None]
        without = [i for i in absent if self._parameters[i]._requires_grad]
        if len(absent) == len(gradients):
            raise GradientError("no parameter that may change has a gradient: call loss.backward() before step().")
        if without:
            raise GradientError(
                f"no gradient reached {', '.join(map(self._name_of, without))}. Was it used in the loss? Freeze what "
                "should not train with requires_grad = False, or leave it out."
            )

    def _check_finite(self, gradients: list[Any]) -> None:
        """Raise if a gradient has a nan or inf."""
        for i, g in enumerate(gradients):
            if g is not None and not is_finite(as_ndarray(g)):
                raise self._diverged(f"the gradient of {self._name_of(i)} has a nan or inf, and nothing was changed")

    def _diverged(self, what: str) -> NonFiniteError:
        """An error for numbers that are nan or inf, with the cure."""
        trace = current_context().trace
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
        name = type(self).__name__
        raise ArgumentTypeError(f"{name} has no update method: define update(self, p, g, state, **options).")

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
            options = [f"{name}={float(x):g}" for name, x in group.items() if isinstance(x, Tensor)]
            options += [f"{name}=True" for name, x in vars(self).items() if x is True]
            lines.append(f"{len(group['params'])} parameters, {size:,} numbers, {', '.join(options)}")
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
