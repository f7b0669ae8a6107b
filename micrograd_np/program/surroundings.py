"""What a function knows besides its arguments' values: its variables, and what hangs from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import CellType, FunctionType, ModuleType
from typing import Any, NamedTuple

from ..graph import Tensor

LEAVES = (Tensor, ModuleType, FunctionType, type, str, bytes)
DEPTH = 6
WIDTH = 1000  # what is longer holds data, of which only the length is looked at


class Held(NamedTuple):
    """That a cell, dict or list holds a value under a key."""

    path: str
    holder: Any
    key: Any
    value: Any

    def now(self) -> Any:
        return self.holder.cell_contents if isinstance(self.holder, CellType) else self.holder[self.key]

    def changed(self) -> bool:
        """Whether it holds another value now: another object, or another number."""
        try:
            now = self.now()
        except (KeyError, IndexError):
            return True
        same = isinstance(now, int | float) and type(now) is type(self.value) and now == self.value
        return now is not self.value and not same


class Length(NamedTuple):
    """That a dict or a list is so long."""

    path: str
    holder: Any
    length: int

    def changed(self) -> bool:
        return len(self.holder) != self.length


def variables(f: Callable[..., Any]) -> Iterator[Held]:
    """The variables of others that a function reads."""
    inner = getattr(f, "__func__", f)
    code = getattr(inner, "__code__", None)
    if code is None:
        return
    for name, cell in zip(code.co_freevars, inner.__closure__ or (), strict=True):
        yield Held(name, cell, None, cell.cell_contents)
    for name in code.co_names:
        if name in inner.__globals__:
            yield Held(name, inner.__globals__, name, inner.__globals__[name])


def known(f: Callable[..., Any], leaves: Any) -> list[Held | Length]:
    """Everything that hangs from a function's variables, from its object and from its arguments."""
    found: list[Held | Length] = list(variables(f))
    pending = [(each.path, each.value, 0) for each in found if isinstance(each, Held)]
    pending += [("self", getattr(f, "__self__", None), 0)]
    pending += [(f"argument {i}", x, 0) for i, x in enumerate(leaves)]
    seen: set[int] = set()
    while pending:
        path, value, depth = pending.pop()
        if id(value) in seen or depth == DEPTH or is_leaf(value):
            continue
        seen.add(id(value))
        holder = value if isinstance(value, dict | list | tuple) else getattr(value, "__dict__", {})
        if not holder and not isinstance(value, dict | list):
            continue
        found.append(Length(path, holder, len(holder)))
        if len(holder) <= WIDTH:
            pairs = holder.items() if isinstance(holder, dict) else enumerate(holder)
            said = "{}[{!r}]" if holder is value else "{}.{}"
            parts = [Held(said.format(path, key), holder, key, x) for key, x in pairs]
            found += parts
            pending += [(part.path, part.value, depth + 1) for part in parts]
    return found


def is_leaf(value: Any) -> bool:
    """Whether a value is looked at as a whole: an array, a module of Python's, a function, also one that is wrapped."""
    return isinstance(value, LEAVES) or hasattr(value, "dtype") or hasattr(value, "__wrapped__")


def first_changed(held: list[Held | Length]) -> str | None:
    """The path of something that is not what it was."""
    return next((each.path for each in held if each.changed()), None)
