"""In which module each op was computed: known by the clock, from when a module's forward ran and when it returned."""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass
from math import inf
from types import FrameType
from typing import Any

from ..context import CURRENT
from ..memory import tick


@dataclass
class Call:
    """One run of a module's forward, inside another or in none."""

    module: Any
    start: int
    outer: Call | None
    depth: int  # how many of the user's scopes were open
    end: float = inf


class Groups:
    """The runs of forward methods, as a profiler sees them."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.open: list[tuple[FrameType, Call]] = []

    def note(self, frame: FrameType, event: str) -> None:
        if event == "call" and frame.f_code.co_name == "forward":
            module = frame.f_locals.get("self")
            if hasattr(type(module), "named_modules"):
                outer = self.open[-1][1] if self.open else None
                call = Call(module, tick(), outer, len(CURRENT.get().scope))
                self.calls.append(call)
                self.open.append((frame, call))
        elif event == "return" and self.open and self.open[-1][0] is frame:
            self.open.pop()[1].end = tick()

    def around(self, birth: int) -> list[Call]:
        """The calls in which a value was made, the outermost first."""
        place = bisect(self.calls, birth, key=lambda call: call.start)
        call = self.calls[place - 1] if place else None
        found = []
        while call:
            if call.end > birth:
                found.append(call)
            call = call.outer
        return found[::-1]
