"""A state as `.safetensors`, which other frameworks read, with the manifest in its metadata."""

from __future__ import annotations

from typing import IO, Any

import numpy as np

from ..core.errors import ArgumentTypeError, LoadError
from ..nn.validation import import_extra
from .manifest import FORMAT, Entry, Manifest, check_file, read_manifest

NEEDED = ("a .safetensors file", " Or save .npz.")


def write_safetensors(file: IO[bytes], text: str, arrays: dict[str, Any]) -> None:
    save = import_extra("safetensors.numpy", *NEEDED).save
    file.write(save({name: stored(name, array) for name, array in arrays.items()}, {FORMAT: text}))


def read_safetensors(file: IO[bytes]) -> tuple[Manifest, dict[str, Any]]:
    with import_extra("safetensors", *NEEDED).safe_open(file.name, framework="np") as content:
        text = (content.metadata() or {}).get(FORMAT)
        if text is None:
            raise LoadError("it has no manifest, so mg.save did not write it; safetensors.numpy.load_file reads it.")
        known = read_manifest(text)
        check_file(set(content.keys()) == known.arrays.keys(), "it holds other arrays than its manifest lists.")
        for name, entry in known.arrays.items():
            part = content.get_slice(name)
            found = (part.get_dtype(), tuple(part.get_shape()))
            check_file(found == stored_as(entry), f"{name} is not {entry.shape} {entry.dtype}, as its manifest says.")
        return known, {name: restored(content.get_tensor(name), entry) for name, entry in known.arrays.items()}


def stored(name: str, array: Any) -> Any:
    """The array as the format holds it: contiguous, its lowest byte first, complex numbers as pairs."""
    if array.dtype.kind not in "biufc" or array.real.dtype.itemsize > 8:
        raise ArgumentTypeError(f"{name} has dtype {array.dtype}, which .safetensors does not hold. Save it as .npz.")
    plain = np.asarray(array, array.dtype.newbyteorder("<"), order="C")
    return plain.reshape(*plain.shape, 1).view(plain.real.dtype) if plain.dtype.kind == "c" else plain


def stored_as(entry: Entry) -> tuple[str, tuple[int, ...]]:
    """The format's own dtype and shape for an array."""
    kind, bits = entry.dtype.kind, 8 * entry.dtype.itemsize
    if kind == "c":
        return f"F{bits // 2}", (*entry.shape, 2)
    return "BOOL" if kind == "b" else f"{kind.upper()}{bits}", entry.shape


def restored(array: Any, entry: Entry) -> Any:
    """The array as it was saved, in memory of its own."""
    plain = np.ndarray(entry.shape, entry.dtype.newbyteorder("<"), array.tobytes())
    return plain.astype(entry.dtype, order="F" if entry.fortran_order else "C")
