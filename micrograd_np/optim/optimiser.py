"""What every optimiser does: groups of parameters, a state for each, one update of all, and plain errors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..context import no_grad
from ..frames import name_of
from ..graph import Tensor, constant

State = dict[str, Tensor]


class Optimiser:
    """The base of optimisers: write `update(p, g, state, **options)`, which changes p in place.

    Options are numbers that may change between steps, such as the learning rate; they are kept as 0-d Tensors of each
    group. The state holds Tensors that `begin` makes for a parameter.

    Parameters
    ----------
    params : iterable
        Parameters, or (name, parameter) pairs, or groups: dicts with "params" and options of their own.
    **options : float
    """

    def __init__(self, params: Iterable[Any], **options: float) -> None:
        given = list(params)
        groups: list[dict[str, Any]] = given if given and isinstance(given[0], dict) else [{"params": given}]
        self.groups: list[dict[str, Any]] = []
        self.names: list[str] = []
        self.parameters: list[Tensor] = []
        self.state: list[State] = []
        for group in groups:
            unknown = group.keys() - options.keys() - {"params"}
            if unknown:
                raise TypeError(f"{type(self).__name__} has no option {', '.join(sorted(unknown))}.")
            numbers = {name: constant(np.array(float(group.get(name, value)))) for name, value in options.items()}
            first = len(self.parameters)
            self.add(group["params"])
            self.groups.append({"range": range(first, len(self.parameters)), **numbers})
        if not self.parameters:
            raise ValueError(f"{type(self).__name__} was given no parameters: pass model.parameters().")

    def add(self, params: Iterable[Any]) -> None:
        for entry in params:
            name, p = entry if isinstance(entry, tuple) else (None, entry)
            name = name or name_of(p) or f"parameter {len(self.parameters)}"
            if not isinstance(p, Tensor) or not p.is_leaf:
                raise TypeError(f"{name} is no leaf Tensor; an optimiser changes leaves in place, and only these.")
            if any(p is other for other in self.parameters):
                raise ValueError(f"{name} was given to {type(self).__name__} twice, and would be updated twice.")
            self.names.append(name)
            self.parameters.append(p)
            self.state.append(self.begin(p))

    @property
    def lr(self) -> float:
        """The learning rate of the first group; assigning sets that of all groups."""
        return float(self.groups[0]["lr"])

    @lr.setter
    def lr(self, value: float) -> None:
        for group in self.groups:
            group["lr"].data = np.array(float(value))

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
            If a gradient is nan or inf; nothing has been changed then.
        """
        self.check_gradients()
        for group in self.groups:
            options = {name: value for name, value in group.items() if name != "range"}
            for i in group["range"]:
                if self.parameters[i].requires_grad:
                    self.update(self.parameters[i], constant(self.parameters[i].grad), self.state[i], **options)

    def check_gradients(self) -> None:
        trained = [(name, p) for name, p in zip(self.names, self.parameters, strict=True) if p.requires_grad]
        without = [name for name, p in trained if p.grad is None]
        if len(without) == len(trained):
            raise RuntimeError("no parameter has a gradient: call loss.backward() before step().")
        if without:
            raise RuntimeError(
                f"no gradient reached {', '.join(without)}. Was it used in the loss? Freeze what should not train with "
                "requires_grad = False, or leave it out."
            )
        for name, p in trained:
            if not np.isfinite(p.grad).all():
                raise FloatingPointError(
                    f"the gradient of {name} has a nan or inf, and nothing was changed. If the loss grew before, the "
                    f"learning rate ({self.lr:g}) is too high: lower it, or clip gradients with optim.clip_grad_norm_. "
                    "mg.detect_anomaly() names the op that made the first one."
                )

    def begin(self, p: Tensor) -> State:
        """The state that a parameter begins with."""
        return {}

    def update(self, p: Tensor, g: Tensor, state: State, **options: Tensor) -> None:
        """Change p in place, given its gradient."""
        raise TypeError(f"{type(self).__name__} has no update method: define update(self, p, g, state, **options).")

    def state_dict(self) -> dict[str, Any]:
        """Copies of everything that the next step depends on, by name."""
        return {name: tensor.data.copy() for name, tensor in self.named_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up a state that `state_dict` gave: all of it, or none and an error that lists each mismatch."""
        tensors = dict(self.named_state())
        wrong = [f"missing: {name}" for name in tensors.keys() - state.keys()]
        wrong += [f"unknown: {name}" for name in state.keys() - tensors.keys()]
        wrong += [
            f"{name}: {np.shape(state[name])} given, {tensors[name].shape} needed"
            for name in tensors.keys() & state.keys()
            if np.shape(state[name]) != tensors[name].shape
        ]
        if wrong:
            listed = "\n  ".join(sorted(wrong))
            raise ValueError(f"this state does not fit {type(self).__name__}; nothing was changed.\n  {listed}")
        for name, tensor in tensors.items():
            tensor.data = np.asarray(state[name])

    def named_state(self) -> Iterable[tuple[str, Tensor]]:
        for i, group in enumerate(self.groups):
            yield from ((f"groups.{i}.{name}", value) for name, value in group.items() if name != "range")
        for i, state in enumerate(self.state):
            yield from ((f"state.{i}.{name}", value) for name, value in state.items())
