"""The user's own line and the user's own names: what every error and picture speaks of."""

from __future__ import annotations

import linecache
import os
import sys
from types import CodeType, FrameType
from typing import Any

import numpy as np

Location = tuple[CodeType, int]

ENGINE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
# The article's networks stand on the tape as a user's script does.
ARTICLE = ENGINE + "article" + os.sep


# What a library's frame holds, the user knows by no name: `copy.deepcopy(loss)` calls the tensor x.
LIBRARIES = (os.path.dirname(os.__file__) + os.sep, os.path.dirname(np.__file__) + os.sep, "<frozen")
INSTALLED = os.path.join(os.path.dirname(os.__file__), "site-packages") + os.sep


class InternalFiles(dict[str, bool]):
    """Whether a file is the engine's own, the standard library's or NumPy's; found out once."""

    def __missing__(self, filename: str) -> bool:
        engine = filename.startswith(ENGINE) and not filename.startswith(ARTICLE)
        installed = filename.startswith(INSTALLED) and not filename.startswith(LIBRARIES[1])
        self[filename] = engine or (filename.startswith(LIBRARIES) and not installed)
        return self[filename]


INTERNAL = InternalFiles()


def is_user_code(filename: str) -> bool:
    return not INTERNAL[filename]


def user_frame() -> FrameType:
    """The innermost frame outside the engine."""
    frame = sys._getframe(1)
    while INTERNAL[frame.f_code.co_filename] and frame.f_back is not None:
        frame = frame.f_back
    return frame


def caller_location(depth: int = 2) -> Location:
    """Where the user's code stands now: the code object and the instruction, never the frame.

    It is known to stand `depth` calls up, or further.
    """
    frame: Any = sys._getframe(depth)
    code = frame.f_code
    while INTERNAL[code.co_filename] and frame.f_back:
        frame = frame.f_back
        code = frame.f_code
    return code, frame.f_lasti


def format_location(where: Location) -> str:
    """`file.py:12: loss = np.sum(e * e)` for a spot."""
    code, instruction = where
    positions = list(code.co_positions())[instruction // 2]
    number = positions[0] or code.co_firstlineno
    text = linecache.getline(code.co_filename, number).strip()
    return f"{os.path.basename(code.co_filename)}:{number}: {text}".rstrip(": ")


def printable(text: str) -> str:
    """Return the text with control characters, terminal escapes and marks of direction escaped, as `repr` does.

    A name may come from a file, and must not move the cursor, or show other text than it holds.
    """
    if text.isprintable():
        return text
    return "".join(x if x.isprintable() else x.encode("unicode_escape").decode() for x in text)


def name_of(value: Any, frame: FrameType | None = None) -> str | None:
    """What the user calls a value: its `name=`, else a variable of the user's frame that holds it."""
    given: Any = getattr(value, "name", None)
    if given:
        return printable(str(given))
    frame = frame or user_frame()
    for scope in (frame.f_locals, frame.f_globals):
        for name, held in scope.items():
            if held is value and not name.startswith("_"):
                return name
    return None
