"""A model is an object whose attributes are its parameters and its parts; there is nothing to register."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..graph import Tensor


class Parameter(Tensor):
    """A leaf that training changes: a Tensor with `requires_grad=True`.

    Examples
    --------
    >>> Parameter([1.0, 2.0]).requires_grad
    True
    """

    __slots__ = ()

    def __init__(self, data: Any, *, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(data, requires_grad=True, name=name, dtype=dtype)


class Module:
    """The base of layers and models: write `forward`, set attributes, call it.

    Parameters, other Tensors (buffers, such as running statistics) and modules are found in the attributes, and in
    lists, tuples and dicts of them; there is no `super().__init__()` to remember.

    Examples
    --------
    >>> class Scale(Module):
    ...     def __init__(self, size):
    ...         self.weight = Parameter(np.ones(size))
    ...
    ...     def forward(self, x):
    ...         return x * self.weight
    >>> [name for name, _ in Scale(3).named_parameters()]
    ['weight']
    """

    training: bool = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; each module writes its own."""
        raise TypeError(
            f"{type(self).__name__} has no forward method: define forward(self, x) to say what it computes."
        )

    def named_modules(self, path: str = "") -> Iterator[tuple[str, Module]]:
        """(path, module) of this module and of all its parts, each once."""
        yield from _unique((p, part) for p, part in walk(path, self) if isinstance(part, Module))

    def named_tensors(self) -> Iterator[tuple[str, Tensor]]:
        """(path, tensor) of parameters and buffers, each once, under its first name."""
        yield from _unique((p, part) for p, part in walk("", self) if isinstance(part, Tensor))

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """(path, parameter), such as `layers.0.weight`, each once, under its first name."""
        yield from ((p, part) for p, part in self.named_tensors() if isinstance(part, Parameter))

    def modules(self) -> list[Module]:
        """This module and all its parts."""
        return [module for _, module in self.named_modules()]

    def parameters(self) -> list[Parameter]:
        """The parameters of this module and of all its parts, each once."""
        return [parameter for _, parameter in self.named_parameters()]

    def num_parameters(self) -> int:
        """How many numbers training changes; frozen ones are not counted."""
        return sum(parameter.size for parameter in self.parameters() if parameter.requires_grad)

    def train(self, mode: bool = True) -> Module:
        """Switch this module and its parts to training, or with False to evaluation; returns the module."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """Switch to evaluation: dropout passes everything, batch norm uses its running statistics."""
        return self.train(False)

    def freeze(self, frozen: bool = True) -> Module:
        """Keep the parameters from training, or with False let them train again; returns the module."""
        for parameter in self.parameters():
            parameter.requires_grad = not frozen
        return self

    def zero_grad(self) -> None:
        """Forget the parameters' gradients."""
        for parameter in self.parameters():
            parameter.zero_grad()

    def state_dict(self) -> dict[str, Any]:
        """Copies of the parameters' and buffers' values, by path."""
        return {path: tensor.data.copy() for path, tensor in self.named_tensors()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Write values by path into parameters and buffers: all of them, or none and an error that lists each mismatch.

        Raises
        ------
        ValueError
            If names are missing or unknown, or shapes or dtypes differ; nothing has been written then.
        """
        tensors = dict(self.named_tensors())
        wrong = [f"missing: {name}" for name in tensors.keys() - state.keys()]
        wrong += [f"unknown: {name}" for name in state.keys() - tensors.keys()]
        for name in tensors.keys() & state.keys():
            ours, theirs = tensors[name], np.asarray(state[name])
            if (ours.shape, ours.dtype) != (theirs.shape, theirs.dtype):
                wrong.append(f"{name}: {theirs.shape} {theirs.dtype} given, {ours.shape} {ours.dtype} needed")
        if wrong:
            listed = "\n  ".join(sorted(wrong))
            raise ValueError(f"this state does not fit {type(self).__name__}; nothing was changed.\n  {listed}")
        for name, tensor in tensors.items():
            tensor.data = np.asarray(state[name])

    def __repr__(self) -> str:
        parts = [
            f"{name}={_said(value)}" for name, value in vars(self).items() if name != "training" and name[0] != "_"
        ]
        return f"{type(self).__name__}({', '.join(parts)})"


def _said(value: Any) -> str:
    return f"{type(value).__name__}{value.shape}" if isinstance(value, Tensor) else repr(value)


def walk(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """(path, thing) for a module, its tensors and its parts, in the order in which they were set."""
    if isinstance(value, Tensor):
        yield path, value
        return
    if isinstance(value, Module):
        yield path, value
        children: Any = vars(value).items()
    elif isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list | tuple):
        children = enumerate(value)
    else:
        return
    for key, child in children:
        yield from walk(f"{path}.{key}" if path else str(key), child)


def _unique(pairs: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    seen = set()
    for path, thing in pairs:
        if id(thing) not in seen:
            seen.add(id(thing))
            yield path, thing
