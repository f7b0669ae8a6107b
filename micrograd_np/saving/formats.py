"""The formats of a file: arrays and a manifest, as .npz, which NumPy reads, or .safetensors, which others read.

The manifest is the state as JSON, and for each array its shape, dtype, order and checksum. It is checked, with the
sizes that the format states, before any array is read: a file can be damaged, or made to harm.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy

from ..core.errors import ArgumentError, ArgumentTypeError, LoadError
from ..nn.validation import import_extra

Arrays = dict[str, Any]
FORMAT, VERSION = "micrograd_np", 1
MANIFEST = "manifest.json"
DTYPE = re.compile(r"[<>|][biufcSUmM]\d+(\[\w+\])?")
NAME = re.compile(r"[\w.~%-]+", re.ASCII)
SAFETENSORS = ("a .safetensors file", " Or save .npz.")


class Entry(NamedTuple):
    """Shape, dtype, order and checksum of an array, known before it is read."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran_order: bool
    sha256: str

    def __str__(self) -> str:
        return f"{self.shape} {self.dtype}"


class Manifest(NamedTuple):
    """The arrays of a file by name, and its state as JSON."""

    arrays: dict[str, Entry]
    state: Any


def format_of(path: Any) -> tuple[Any, Any]:
    """The reader and the writer of a format, by the file's suffix."""
    if not isinstance(path, str | os.PathLike):
        raise ArgumentTypeError(
            f"a path such as 'state.npz' comes first, and a {type(path).__name__} was given: write mg.save(path, "
            "state) or mg.load(path, into=state)."
        )
    suffix = os.path.splitext(os.fspath(path))[1].lower()
    if suffix not in FORMATS:
        raise ArgumentError(f"{path}: a state is saved as {' or '.join(FORMATS)}.")
    return FORMATS[suffix]


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


def write_manifest(state: Any, arrays: Arrays) -> str:
    """The manifest of a state and its arrays, as text."""
    entries = {
        name: {
            "shape": array.shape,
            "dtype": array.dtype.str,
            "fortran_order": bool(array.flags.f_contiguous and not array.flags.c_contiguous),
            "sha256": digest(array),
        }
        for name, array in arrays.items()
    }
    body = {"format": FORMAT, "version": VERSION, "arrays": entries, "state": state}
    return json.dumps(body | {"sha256": seal_of(body)}, allow_nan=False)


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


def check_digests(manifest: Manifest, arrays: Arrays) -> None:
    """Raise LoadError if an array is not, to the last bit, what was saved."""
    wrong = [name for name, entry in manifest.arrays.items() if digest(arrays[name]) != entry.sha256]
    check_file(not wrong, f"{', '.join(wrong)} is damaged: the checksum differs.")


def digest(array: Any) -> str:
    """The checksum of an array's numbers."""
    return hashlib.sha256(array.tobytes()).hexdigest()


def seal_of(body: dict[str, Any]) -> str:
    """The checksum of a manifest."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, allow_nan=False).encode()).hexdigest()


def write_npz(file: IO[bytes], text: str, arrays: Arrays) -> None:
    """Write a zip of .npy files, uncompressed, with the manifest first."""
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo(MANIFEST), text)
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                npy.write_array(member, array, version=(1, 0), allow_pickle=False)


def read_npz(file: IO[bytes]) -> tuple[Manifest, Arrays]:
    """The manifest and the arrays of a .npz file."""
    with zipfile.ZipFile(file) as archive:
        check_members(archive, os.fstat(file.fileno()).st_size)
        manifest = read_manifest(archive.read(MANIFEST))
        members = {f"{name}.npy" for name in manifest.arrays}
        check_file(
            {info.filename for info in archive.infolist()} == {MANIFEST, *members},
            "it holds other arrays than its manifest lists.",
        )
        return manifest, {
            name: array_in(archive.read(f"{name}.npy"), name, entry) for name, entry in manifest.arrays.items()
        }


def check_members(archive: zipfile.ZipFile, size: int) -> None:
    """Raise LoadError for an archive that could be larger in memory than on disk, or be read in two ways."""
    members = archive.infolist()
    names = [info.filename for info in members]
    check_file(MANIFEST in names, "it has no manifest, so mg.save did not write it; np.load reads a plain .npz.")
    check_file(len(set(names)) == len(names), "two of its members have one name.")
    plain = all(x.compress_type == zipfile.ZIP_STORED and x.compress_size == x.file_size for x in members)
    check_file(plain, "it is compressed; mg.save never does.")
    check_file(sum(info.file_size for info in members) <= size, "it says it holds more than its size on disk.")
    check_file(min(info.header_offset for info in members) == 0, "it does not begin with its first member.")


def array_in(content: bytes, name: str, entry: Entry) -> Any:
    """The array of a .npy member, in memory of its own; raise LoadError unless it is what the manifest says."""
    member = io.BytesIO(content)
    check_file(npy.read_magic(member) == (1, 0), f"{name} is in a version of .npy that mg.save does not write.")
    shape, fortran_order, dtype = npy.read_array_header_1_0(member)
    same = (shape, dtype, fortran_order) == entry[:3]
    check_file(same, f"{name} is {shape} {dtype}, and its manifest says {entry}.")
    size = member.tell() + math.prod(shape) * dtype.itemsize
    check_file(len(content) == size, f"{name} has not the size that its shape needs.")
    order: Any = "F" if fortran_order else "C"
    return np.ndarray(shape, dtype, content, member.tell(), order=order).copy(order)


def write_safetensors(file: IO[bytes], text: str, arrays: Arrays) -> None:
    """Write a .safetensors file, with the manifest in its metadata."""
    save = import_extra("safetensors.numpy", *SAFETENSORS).save
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            dtype = array.dtype
            raise ArgumentTypeError(f"{name} has dtype {dtype}, which .safetensors does not hold. Save it as .npz.")
    # It holds the lowest byte of each number first.
    plain = {name: array.astype(array.dtype.newbyteorder("<"), order="C") for name, array in arrays.items()}
    file.write(save(plain, {FORMAT: text}))


def read_safetensors(file: IO[bytes]) -> tuple[Manifest, Arrays]:
    """The manifest and the arrays of a .safetensors file."""
    with import_extra("safetensors", *SAFETENSORS).safe_open(file.name, framework="np") as content:
        text = (content.metadata() or {}).get(FORMAT)
        if text is None:
            raise LoadError("it has no manifest, so mg.save did not write it; safetensors.numpy.load_file reads it.")
        manifest = read_manifest(text)
        check_file(set(content.keys()) == manifest.arrays.keys(), "it holds other arrays than its manifest lists.")
        found = {name: content.get_tensor(name) for name in manifest.arrays}
        for name, entry in manifest.arrays.items():
            same = (found[name].dtype, found[name].shape) == (entry.dtype.newbyteorder("<"), entry.shape)
            check_file(same, f"{name} is not {entry}, as its manifest says.")
            # The array as it was saved, in memory of its own.
            found[name] = found[name].astype(entry.dtype, order="F" if entry.fortran_order else "C")
        return manifest, found


FORMATS = {".npz": (read_npz, write_npz), ".safetensors": (read_safetensors, write_safetensors)}
