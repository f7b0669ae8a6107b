"""`save` and `load`: a state to a file and back. A file takes another's place only when all of it is on disk."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

from ..core.errors import ArgumentError, FileError
from .manifest import check_digests, reading, write_manifest
from .npz import read_npz, write_npz
from .restore import put_into
from .safetensors import read_safetensors, write_safetensors
from .state import decode, encode

Path = str | os.PathLike[str]
FORMATS = {".npz": (read_npz, write_npz), ".safetensors": (read_safetensors, write_safetensors)}


def save(path: Path, state: Any) -> None:
    """Write a state to a file, which takes the place of an older one only when it is whole.

    Parameters
    ----------
    path : str or path
        Ends in .npz, which NumPy reads, or .safetensors, which other frameworks read.
    state : module, optimiser, or nested dict, list or tuple
        Of these and of Tensors, arrays, Generators, numbers, strings, booleans and None.

    Raises
    ------
    TypeError
        If there is something else in the state; it is named.
    OSError
        If the file cannot be written. The older one is as it was.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/run.npz", {"epoch": 3, "losses": (0.5, 0.25)})
    ...     load(f"{folder}/run.npz")
    {'epoch': 3, 'losses': (0.5, 0.25)}
    """
    _, write = format_of(path)
    arrays: dict[str, Any] = {}
    text = write_manifest(encode(state, (), arrays), arrays)
    with replacing(path) as file:
        write(file, text, arrays)


def load(path: Path, into: Any = None) -> Any:
    """The state in a file that `save` wrote; modules and optimisers as their state_dict.

    Parameters
    ----------
    path : str or path
        The file, a .npz or .safetensors.
    into : module, optimiser, Tensor, array, Generator, or nested dict, list or tuple of them, optional
        Takes the state, generators of a module's dropout included, and is returned. All of it is loaded, or nothing.

    Raises
    ------
    LoadError
        If the file is damaged, foreign, or does not fit: then every mismatch is listed. A ValueError.
    OSError
        If the file cannot be opened.
    """
    read, _ = format_of(path)
    with open(path, "rb") as file, reading(path):
        known, arrays = read(file)
        check_digests(known, arrays)
        state = decode(known.state, arrays)
    return state if into is None else put_into(into, state, path)


def format_of(path: Path) -> tuple[Any, Any]:
    """The reader and the writer of a format, by the file's suffix."""
    suffix = os.path.splitext(os.fspath(path))[1].lower()
    if suffix not in FORMATS:
        raise ArgumentError(f"{path}: a state is saved as {' or '.join(FORMATS)}.")
    return FORMATS[suffix]


@contextmanager
def replacing(path: Any) -> Iterator[IO[bytes]]:
    """Give a file to write, which replaces the one at the path at the end; after a failure the old one is whole."""
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
