"""Progress: which exercises a reader has answered, in one file."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from ..core.errors import ArgumentError

VARIABLE = "MICROGRAD_NP_PROGRESS"


def path() -> Path:
    """Return the file of progress: $MICROGRAD_NP_PROGRESS, or ~/.micrograd_np/progress.json."""
    return Path(os.environ.get(VARIABLE) or Path.home() / ".micrograd_np" / "progress.json")


def done() -> set[str]:
    """Return the names of the exercises that were answered right; none where there is no file yet.

    Raises
    ------
    ValueError
        If the file is damaged. It is left as it is.
    """
    file = path()
    try:
        names = json.loads(file.read_text(encoding="utf-8"))["right"]
        if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
            raise TypeError
    except FileNotFoundError:
        return set()
    except (ValueError, KeyError, TypeError):
        raise ArgumentError(
            f"{file} is not a file of progress. Move it away to start anew; nothing was changed."
        ) from None
    return set(names)


def keep(name: str) -> None:
    """Note that an exercise was answered right; the file is whole at every moment."""
    names = done()
    if name in names:
        return
    file = path()
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=file.parent, suffix=".tmp", delete=False, encoding="utf-8") as new:
        json.dump({"right": sorted(names | {name})}, new, indent=1)
    os.replace(new.name, file)
