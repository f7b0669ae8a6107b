"""A model is an object whose attributes are its parameters and its parts; there is nothing to register."""

from __future__ import annotations

import reprlib
import weakref
from collections.abc import Iterator
from typing import Any

from ..core.context import CURRENT, enter_scope, leave_scope, no_grad
from ..core.names import printable
from ..core.tensor import Tensor
from ..ops.primitive import as_array
from . import display


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


class Call(weakref.ref):  # type: ignore[type-arg]
    """One run of a module, in the scope of what it computes: pictures draw each as a group."""

    __slots__ = ()
    __eq__ = object.__eq__
    __hash__ = object.__hash__


class Module:
    """The base of layers and models: write `forward`, set attributes, call it.

    Parameters, other Tensors (buffers, such as running statistics) and modules are found in the attributes, and in
    lists, tuples and dicts of them; there is no `super().__init__()` to remember. What is found twice counts once.

    Examples
    --------
    >>> import numpy as np
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
        context = CURRENT.get()
        inside = enter_scope(context, Call(self)) if context.recording else None
        try:
            output = self.forward(*args, **kwargs)
        finally:
            if inside:
                leave_scope(context, inside)
        if context.trace is not None:
            context.trace.ran(self, output)
        return output

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; each module writes its own."""
        raise TypeError(
            f"{type(self).__name__} has no forward method: define forward(self, x) to say what it computes."
        )

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """(path, module) of this module, whose path is empty, and of all its parts."""
        return ((path, part) for path, part in walk("", self, set()) if isinstance(part, Module))

    def named_tensors(self) -> Iterator[tuple[str, Tensor]]:
        """(path, tensor) of parameters and buffers."""
        return ((path, part) for path, part in walk("", self, set()) if isinstance(part, Tensor))

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """(path, parameter), such as `layers.0.weight`."""
        return ((path, part) for path, part in self.named_tensors() if isinstance(part, Parameter))

    def modules(self) -> list[Module]:
        """This module and all its parts."""
        return [module for _, module in self.named_modules()]

    def parameters(self) -> list[Parameter]:
        """The parameters of this module and of all its parts."""
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
        load(type(self).__name__, dict(self.named_tensors()), state)

    def summary(self, *input_shapes: tuple[int, ...], dtype: Any = None) -> str:
        """A table of the parts: path, layer, shape of the output, parameters; for input of these shapes.

        Parameters
        ----------
        *input_shapes : tuple of int
            One for each argument of `forward`, the batch included.
        dtype : dtype, optional
            Of the input; the first parameter's without it. `int` for ids.
        """
        return display.table(self, input_shapes, dtype)

    @reprlib.recursive_repr()
    def __repr__(self) -> str:
        return display.described(self)


def walk(path: str, value: Any, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """(path, thing) for a module, its tensors and its parts, in the order in which they were set, each once."""
    if not isinstance(value, Tensor | Module | dict | list | tuple) or id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, Tensor | Module):
        yield path, value
    for key, child in children(value):
        yield from walk(f"{path}.{key}" if path else str(key), child, seen)


def children(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, Module):
        return list(vars(value).items())
    if isinstance(value, dict):
        return list(value.items())
    return [] if isinstance(value, Tensor) else list(enumerate(value))


@no_grad()
def load(whose: str, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Write a state into tensors of the same names, shapes and dtypes; or nothing, and say what differs."""
    given = {name: as_array(values) for name, values in state.items()}
    wrong = [f"missing: {printable(name)}" for name in tensors.keys() - given.keys()]
    wrong += [f"unknown: {printable(name)}" for name in given.keys() - tensors.keys()]
    for name in tensors.keys() & given.keys():
        ours, theirs = tensors[name], given[name]
        if (ours.shape, ours.dtype) != (theirs.shape, theirs.dtype):
            wrong.append(f"{name}: {theirs.shape} {theirs.dtype} given, {ours.shape} {ours.dtype} needed")
    if wrong:
        listed = "\n  ".join(sorted(wrong))
        raise ValueError(f"this state does not fit {whose}; nothing was changed.\n  {listed}")
    for name, tensor in tensors.items():
        tensor.data = given[name]
