"""A group: some parameters and the options that hold for them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.context import tracing
from ..core.errors import ArgumentError, ArgumentTypeError, UnknownNameError
from ..core.tensor import Tensor, init_leaf
from ..nn.module import Module
from ..nn.validation import NUMBER, in_words, require


class Option(Tensor):
    """A number that an optimiser holds, such as its learning rate: a 0-d Tensor that shows itself as a number."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(float(self._data))


class Group(dict[str, Any]):
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
        arrays = {name: self.number(name, x) for name, x in numbers.items()}
        off = {name for name in owner._optional_when_zero if arrays[name] == 0}
        options = {name: None if name in off else init_leaf(Option.__new__(Option), x) for name, x in arrays.items()}
        for name, option in options.items():
            if option is not None:
                option.name = name
        super().__init__(params=params, **options)

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

    def __reduce__(self) -> Any:
        """Copy and pickle the group as a whole: item by item, there is no option yet that could be set."""
        return _restored, (type(self), dict(self)), vars(self)

    def options(self, dtype: Any) -> dict[str, Any]:
        """The options in the dtype of a parameter: arrays, or Tensors while a program is traced."""
        traced = tracing()
        found: dict[str, Any] = {}
        for name, x in self.items():
            if isinstance(x, Tensor):
                value: Any = x if traced else x._data
                found[name] = value if value.dtype is dtype else value.astype(dtype)
            elif x is None:
                found[name] = None
        return found


def _restored(kind: type[Group], items: dict[str, Any]) -> Group:
    """A group as it was copied or pickled."""
    group = kind.__new__(kind)
    dict.update(group, items)
    return group


def grouped(whose: str, params: Any) -> list[dict[str, Any]]:
    """Return the user's parameters as a list of groups: dicts with "params" and options."""
    if isinstance(params, Module):
        raise ArgumentTypeError(f"{whose} was given a module: pass model.parameters().")
    if isinstance(params, Tensor):
        raise ArgumentTypeError(f"{whose} was given one tensor: pass a list of tensors, such as [w].")
    try:
        entries = list(params)
    except TypeError:
        raise ArgumentTypeError(
            f"{whose}: params must be a list of tensors, such as model.parameters(), not {in_words(params)}."
        ) from None
    are_groups = [isinstance(entry, dict) for entry in entries]
    if not any(are_groups):
        entries = [{"params": entries}]
    elif not all(are_groups) or not all("params" in entry for entry in entries):
        raise ArgumentTypeError(f'{whose}: groups are dicts, each with "params" and options of its own.')
    entries = [entry | {"params": list(entry["params"])} for entry in entries]
    if not any(entry["params"] for entry in entries):
        raise ArgumentError(
            f"{whose} was given no parameters: pass model.parameters(). A model whose weights are plain arrays has "
            "none: write nn.Parameter(array)."
        )
    return entries
