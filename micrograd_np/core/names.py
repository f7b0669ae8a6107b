"""The user's own line and the user's own names: what every error and picture speaks of."""

from __future__ import annotations

import linecache
import os
import sys
from types import CodeType, FrameType
from typing import Any

Spot = tuple[CodeType, int]

ENGINE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
# The article's networks stand on the tape as a user's script does.
ARTICLE = ENGINE + "article" + os.sep


class Whose(dict[str, bool]):
    """Whether a file is the engine's own, looked up once."""

    def __missing__(self, filename: str) -> bool:
        self[filename] = filename.startswith(ENGINE) and not filename.startswith(ARTICLE)
        return self[filename]


ENGINES = Whose()


def is_users(filename: str) -> bool:
    return not ENGINES[filename]


def user_frame() -> FrameType:
    """The innermost frame outside the engine."""
    frame = sys._getframe(1)
    while ENGINES[frame.f_code.co_filename] and frame.f_back is not None:
        frame = frame.f_back
    return frame


def spot(depth: int = 2) -> Spot:
    """Where the user's code stands now: the code object and the instruction, never the frame.

    It is known to stand `depth` calls up, or further.
    """
    frame: Any = sys._getframe(depth)
    code = frame.f_code
    while ENGINES[code.co_filename] and frame.f_back:
        frame = frame.f_back
        code = frame.f_code
    return code, frame.f_lasti


def line(where: Spot) -> str:
    """`file.py:12: loss = np.sum(e * e)` for a spot."""
    code, instruction = where
    positions = list(code.co_positions())[instruction // 2]
    number = positions[0] or code.co_firstlineno
    text = linecache.getline(code.co_filename, number).strip()
    return f"{os.path.basename(code.co_filename)}:{number}: {text}".rstrip(": ")


def name_of(value: Any, frame: FrameType | None = None) -> str | None:
    """What the user calls a value: its `name=`, else a variable of the user's frame that holds it."""
    given: str | None = getattr(value, "name", None)
    if given:
        return given
    frame = frame or user_frame()
    for scope in (frame.f_locals, frame.f_globals):
        for name, held in scope.items():
            if held is value and not name.startswith("_"):
                return name
    return None
