"""The manifest: what a file holds, checked before anything is read."""

from __future__ import annotations

import hashlib
import json
import math
import re
from typing import Any, NamedTuple

import numpy as np

from .errors import require

FORMAT, VERSION = "micrograd_np", 1
DTYPE = re.compile(r"[<>|][biufcSUmM]\d+(\[\w+\])?")
NAME = re.compile(r"[\w.~%-]+", re.ASCII)


class Entry(NamedTuple):
    """What is known of an array before it is read."""

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


def write(state: Any, arrays: dict[str, Any]) -> str:
    """The manifest of a state and its arrays, as text."""
    entries = {name: described(array) for name, array in arrays.items()}
    body = {"format": FORMAT, "version": VERSION, "arrays": entries, "state": state}
    return json.dumps(body | {"sha256": sealed(body)}, allow_nan=False)


def described(array: Any) -> dict[str, Any]:
    """An array as the manifest describes it."""
    return {
        "shape": array.shape,
        "dtype": array.dtype.str,
        "fortran_order": bool(array.flags.f_contiguous and not array.flags.c_contiguous),
        "sha256": digest(array),
    }


def read(text: str | bytes) -> Manifest:
    """The manifest in a text that may be anything."""
    body = json.loads(text)
    require(isinstance(body, dict) and body.get("format") == FORMAT, "its manifest is not one of mg.save.")
    version = body["version"]
    require(version == VERSION, f"written as version {version}, and this library reads version {VERSION}. Upgrade it.")
    seal = body.pop("sha256")
    require(seal == sealed(body), "its manifest is damaged: the checksum differs.")
    return Manifest({name: entry(name, **given) for name, given in body["arrays"].items()}, body["state"])


def entry(name: str, shape: Any, dtype: Any, fortran_order: Any, sha256: Any) -> Entry:
    """What a manifest says of an array, if it can be so."""
    require(NAME.fullmatch(name) is not None, f"{name!r} is no name of an array.")
    require(all(type(size) is int and size >= 0 for size in shape), f"{name} cannot have shape {shape}.")
    require(DTYPE.fullmatch(dtype) is not None, f"{name} cannot have dtype {dtype}: that is no number, text or time.")
    return Entry(tuple(shape), np.dtype(dtype), fortran_order is True, sha256)


def check_arrays(manifest: Manifest, arrays: dict[str, Any]) -> None:
    """Refuse arrays that are not what was saved, to the last bit."""
    wrong = [name for name, known in manifest.arrays.items() if digest(arrays[name]) != known.sha256]
    require(not wrong, f"{', '.join(wrong)} is damaged: the checksum differs.")


def digest(array: Any) -> str:
    return hashlib.sha256(array.tobytes()).hexdigest()


def sealed(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, allow_nan=False).encode()).hexdigest()
