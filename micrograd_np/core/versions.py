"""What a rule still has to read may not change silently: when and where each array was last written to."""

from __future__ import annotations

import itertools
from typing import Any

from . import errors
from .names import Spot, spot
from .rules import reads

tick = itertools.count(1).__next__  # births of nodes and writes of arrays, on one clock


class Memory:
    """When and where an array was last written to; every view of the array shares it."""

    __slots__ = ("where", "written")

    def __init__(self) -> None:
        self.written = 0
        self.where: Spot | None = None

    def write(self) -> None:
        self.where = spot(3)
        self.written = latest.written = tick()


latest = Memory()  # of all writes, where a walk looks first


def memory(tensor: Any) -> Memory:
    """The memory of a tensor, made when it is first shared or written to."""
    if tensor._memory is None:
        tensor._memory = Memory()
    found: Memory = tensor._memory
    return found


def check_unwritten(node: Any) -> None:
    """Refuse to walk on where a value that a rule has yet to read was written to since the node was made."""
    for position, value in enumerate((node, *node.args)):
        seen = getattr(value, "_memory", None)
        if seen and seen.written > node.birth and any(reads(rule, position) for _, rule in node.edges):
            raise errors.stale(node, value, seen.where)
