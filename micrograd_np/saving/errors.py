"""The one thing that is said of a file that cannot be loaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..core.errors import LoadError as LoadError


def require(holds: bool, otherwise: str) -> None:
    """Refuse the file unless this holds."""
    if not holds:
        raise LoadError(otherwise)


@contextmanager
def reading(path: Any) -> Iterator[None]:
    """Whatever is wrong with a file's content becomes a LoadError that names the file."""
    try:
        yield
    except (ImportError, MemoryError):
        raise
    except LoadError as error:
        raise LoadError(f"{path}: {error} Nothing was changed.") from error.__cause__
    except Exception as error:  # what a zip, a header or a JSON text can be wrong in raises a dozen classes
        raise LoadError(f"{path} is damaged, or was not written by mg.save ({error}). Nothing was changed.") from error
