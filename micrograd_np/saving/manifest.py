"""The manifest of a file: its arrays and its state as JSON, checked before any array is read."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import LoadError

FORMAT, VERSION = "micrograd_np", 1
DTYPE = re.compile(r"[<>|][biufcSUmM]\d+(\[\w+\])?")
NAME = re.compile(r"[\w.~%-]+", re.ASCII)


def check_file(holds: bool, otherwise: str) -> None:
    """Raise LoadError unless this holds."""
    if not holds:
        raise LoadError(otherwise)


@contextmanager
def reading(path: Any) -> Iterator[None]:
    """Turn any error in a file's content into a LoadError that names the file."""
    try:
        yield
    except (ImportError, MemoryError):
        raise
    except LoadError as error:
        raise LoadError(f"{path}: {error} Nothing was changed.") from error.__cause__
    except Exception as error:  # what a zip, a header or a JSON text can be wrong in raises a dozen classes
        raise LoadError(f"{path} is damaged, or was not written by mg.save ({error}). Nothing was changed.") from error


class Entry(NamedTuple):
    """Shape, dtype, order and checksum of an array, known before it is read."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran_order: bool
    sha256: str

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


class Manifest(NamedTuple):
    arrays: dict[str, Entry]
    state: Any


def write_manifest(state: Any, arrays: dict[str, Any]) -> str:
    """The manifest of a state and its arrays, as text."""
    entries = {name: entry_of(array) for name, array in arrays.items()}
    body = {"format": FORMAT, "version": VERSION, "arrays": entries, "state": state}
    return json.dumps(body | {"sha256": seal_of(body)}, allow_nan=False)


def entry_of(array: Any) -> dict[str, Any]:
    """The entry of an array."""
    return {
        "shape": array.shape,
        "dtype": array.dtype.str,
        "fortran_order": bool(array.flags.f_contiguous and not array.flags.c_contiguous),
        "sha256": digest(array),
    }


def read_manifest(text: str | bytes) -> Manifest:
    """The manifest in a text; raise LoadError if it is not one, or was changed."""
    body = json.loads(text)
    check_file(isinstance(body, dict) and body.get("format") == FORMAT, "its manifest is not one of mg.save.")
    version = body["version"]
    check_file(
        version == VERSION, f"written as version {version}, and this library reads version {VERSION}. Upgrade it."
    )
    seal = body.pop("sha256")
    check_file(seal == seal_of(body), "its manifest is damaged: the checksum differs.")
    return Manifest({name: checked_entry(name, **given) for name, given in body["arrays"].items()}, body["state"])


def checked_entry(name: str, shape: Any, dtype: Any, fortran_order: Any, sha256: Any) -> Entry:
    """An array's entry in a manifest; raise LoadError if it cannot be one."""
    check_file(NAME.fullmatch(name) is not None, f"{name!r} is no name of an array.")
    check_file(all(type(size) is int and size >= 0 for size in shape), f"{name} cannot have shape {shape}.")
    check_file(DTYPE.fullmatch(dtype) is not None, f"{name} cannot have dtype {dtype}: no number, text or time.")
    return Entry(tuple(shape), np.dtype(dtype), fortran_order is True, sha256)


def check_digests(manifest: Manifest, arrays: dict[str, Any]) -> None:
    """Raise LoadError if an array is not, to the last bit, what was saved."""
    wrong = [name for name, known in manifest.arrays.items() if digest(arrays[name]) != known.sha256]
    check_file(not wrong, f"{', '.join(wrong)} is damaged: the checksum differs.")


def digest(array: Any) -> str:
    return hashlib.sha256(array.tobytes()).hexdigest()


def seal_of(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, allow_nan=False).encode()).hexdigest()
