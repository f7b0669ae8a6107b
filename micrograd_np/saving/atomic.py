"""A file takes another's place only when all of it is on disk."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

from ..core.errors import FileError


@contextmanager
def replacing(path: Any) -> Iterator[IO[bytes]]:
    """A file to write that replaces the one at the path at the end; after a failure the old one is there, whole."""
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    beside = os.path.join(folder, f".saving-{secrets.token_hex(8)}")
    try:
        with open(beside, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(target):
            shutil.copymode(target, beside)
        os.replace(beside, target)
    except OSError as error:
        raise FileError(
            error.errno, f"cannot save ({error.strerror}); what was there before is whole", target
        ) from error
    finally:
        with suppress(OSError):  # it is not there, or the file system lets nothing be changed, as the error above says
            os.unlink(beside)
    sync_folder(folder)


def sync_folder(folder: str) -> None:
    """Put a folder's list of names on disk, where the system can."""
    if hasattr(os, "O_DIRECTORY"):
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except PermissionError:  # one may write to a folder without reading it
            return
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
