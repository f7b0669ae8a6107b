"""What every optimiser does: groups of parameters, a state for each, one update of all, and plain errors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import numpy as np

from ..core.context import CURRENT, no_grad
from ..core.errors import ArgumentError, ArgumentTypeError, GradientError, NonFiniteError
from ..core.tensor import Tensor
from ..core.versions import memory
from ..nn.module import load
from ..nn.validation import NONNEGATIVE, Kind
from .groups import Group, arrays, grouped, raw

State = dict[str, Any]


def is_finite(x: Any) -> bool:
    """True without nan and inf: a finite sum of squares, one product, says so in most cases."""
    return bool(np.vdot(x, x) < math.inf or np.isfinite(x).all())


def mark_written(tensors: list[Tensor]) -> None:
    """Mark one write, made now, in the memory of all these tensors."""
    first, *rest = map(memory, tensors)
    first.write()
    for each in rest:
        each.written, each.where = first.written, first.where


class Optimiser:
    """The base of optimisers: write `update(p, g, state, **options)`, which changes p in place.

    Options are numbers that may change between steps, such as the learning rate, in p's dtype, or None for one of
    `optional_when_zero` that is 0; `ranges` says which numbers are allowed. The state holds what `begin` makes for a
    parameter. All are arrays, or Tensors while a program is traced: write with NumPy's functions and operators,
    `p -= ...`, as in a rule.

    Parameters
    ----------
    params : iterable
        Parameters, or (name, parameter) pairs, or groups: dicts with "params" and options of their own.
    **options : float

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

    optional_when_zero: ClassVar[tuple[str, ...]] = ()
    ranges: ClassVar[dict[str, Kind]] = dict.fromkeys(("lr", "momentum", "weight_decay", "eps"), NONNEGATIVE)

    def __init__(self, params: Iterable[Any], **options: float) -> None:
        self.param_groups: list[Group] = []
        self.names: list[str | None] = []
        self.parameters: list[Tensor] = []
        self.state: list[State] = []
        for given in grouped(type(self).__name__, params):
            unknown = given.keys() - options.keys() - {"params"}
            if unknown:
                raise ArgumentTypeError(f"{type(self).__name__} has no option {', '.join(sorted(unknown))}.")
            own = {name: value for name, value in given.items() if name != "params"}
            group = Group(type(self), [], options | own)
            for entry in given["params"]:
                self.add(group, *(entry if isinstance(entry, tuple) else (None, entry)))
            self.param_groups.append(group)

    def add(self, group: Group, name: str | None, p: Any) -> None:
        """Enter a parameter in a group."""
        if not isinstance(p, Tensor) or not p.is_leaf:
            what = f"the result of {p.op.name}" if isinstance(p, Tensor) else f"a {type(p).__name__}"
            raise ArgumentTypeError(
                f"{type(self).__name__}: params must be leaf Tensors, and {name or 'one of them'} is {what}."
            )
        for i, other in enumerate(self.parameters):
            if p is other:
                raise ArgumentError(
                    f"{name or self.called(i)} was given to {type(self).__name__} twice, as number {i} and number "
                    f"{len(self.parameters)}, and would be updated twice. Give what is shared once."
                )
        group["params"].append(p)
        self.names.append(name)
        self.parameters.append(p)
        self.state.append(self.begin(p, group))
        for kind, tensor in self.state[-1].items():
            tensor.name = kind

    def called(self, i: int) -> str:
        """What the user calls a parameter: the name given, a path in a module, or a variable."""
        from ..core.variables import Names, live

        p = self.parameters[i]
        return self.names[i] or live(Names())(p) or f"parameter {i} {p.shape}"

    def position(self, p: Tensor) -> int:
        return next(i for i, x in enumerate(self.parameters) if x is p)

    @property
    def lr(self) -> float:
        """The learning rate of the first group; assigning sets that of all groups."""
        return float(self.param_groups[0]["lr"])

    @lr.setter
    def lr(self, value: float) -> None:
        for group in self.param_groups:
            group["lr"] = value

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for p in self.parameters:
            p.zero_grad()

    @no_grad()
    def step(self) -> None:
        """Change every parameter by its gradient.

        Raises
        ------
        RuntimeError
            If parameters have no gradient; nothing has been changed then.
        FloatingPointError
            If a gradient is nan or inf; nothing has been changed then. Or if a new value goes beyond the numbers of its
            dtype, or is 0/0, as with eps=0: the parameters before it have been changed then, so go on from a saved
            state. A compiled step has changed nothing in either case.
        """
        gradients = [p.grad if p.requires_grad else None for p in self.parameters]
        self.check_gradients(gradients)
        moved = [(p, g, s) for p, g, s in zip(self.parameters, gradients, self.state, strict=True) if g is not None]
        trace = CURRENT.get().trace
        p = moved[0][0]
        try:
            with np.errstate(over="raise", invalid="raise", divide="raise"):
                for p, g, state, options in self.with_options(moved):
                    if trace is None:
                        self.update(p._data, raw(g), arrays(state), **options)
                    else:  # as steps of a program, which looks at what it has made before it writes
                        self.update(p, g, state, **options)
                        trace.expect(g, (p, *state.values()))
        except FloatingPointError as error:
            raise self.diverged(
                f"the step of {self.called(self.position(p))} went beyond the numbers of its dtype ({error}), "
                "and parameters up to it have been changed"
            ) from None
        finally:
            if trace is None:
                mark_written([x for p, _, state in moved for x in (p, *state.values())])

    def with_options(self, moved: list[tuple[Tensor, Any, State]]) -> Iterator[tuple[Tensor, Any, State, State]]:
        """What moves, each with the options of its group in its dtype."""
        known: dict[Any, State] = {}
        groups = {p: i for i, group in enumerate(self.param_groups) for p in group["params"]}
        for p, g, state in moved:
            key = groups[p], p._data.dtype
            if key not in known:
                known[key] = self.param_groups[key[0]].options(key[1])
            yield p, g, state, known[key]

    def check_gradients(self, gradients: list[Any]) -> None:
        if all(g is None for g in gradients):
            raise GradientError("no parameter that may change has a gradient: call loss.backward() before step().")
        for i, g in enumerate(gradients):
            if g is None and self.parameters[i].requires_grad:
                raise self.without_gradients(gradients)
            if g is not None and not is_finite(raw(g)):
                raise self.diverged(f"the gradient of {self.called(i)} has a nan or inf, and nothing was changed")

    def without_gradients(self, gradients: list[Any]) -> GradientError:
        pairs = enumerate(zip(self.parameters, gradients, strict=True))
        without = [self.called(i) for i, (p, g) in pairs if g is None and p.requires_grad]
        return GradientError(
            f"no gradient reached {', '.join(without)}. Was it used in the loss? Freeze what should not train with "
            "requires_grad = False, or leave it out."
        )

    def diverged(self, what: str) -> NonFiniteError:
        trace = CURRENT.get().trace
        if trace is not None:
            trace.spoil("")  # the function may catch it, and go another way at another call
        lr = float(raw(self.param_groups[0]["lr"]))
        return NonFiniteError(
            f"{what}. If the loss grew before, the learning rate ({lr:g}) is too high: lower it, or clip "
            "gradients with optim.clip_grad_norm_. mg.detect_anomaly() names the op that made the first nan or inf."
        )

    def begin(self, p: Tensor, group: Group) -> State:
        """The state that a parameter begins with."""
        return {}

    def update(self, *args: Any, **options: Any) -> None:
        """Change p in place: update(p, g, state, **options)."""
        raise ArgumentTypeError(
            f"{type(self).__name__} has no update method: define update(self, p, g, state, **options)."
        )

    def named_state(self) -> Iterator[tuple[str, Tensor]]:
        """(name, tensor) of everything besides the parameters that the next step depends on."""
        for i, group in enumerate(self.param_groups):
            yield from ((f"groups.{i}.{name}", value) for name, value in group.items() if isinstance(value, Tensor))
        for i, state in enumerate(self.state):
            yield from ((f"state.{i}.{name}", value) for name, value in state.items())

    def state_dict(self) -> dict[str, Any]:
        """Copies of everything besides the parameters that the next step depends on, by name."""
        return {name: tensor.data.copy() for name, tensor in self.named_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up a state that `state_dict` gave: all of it, or none and an error that lists each mismatch."""
        load(type(self).__name__, dict(self.named_state()), state)
