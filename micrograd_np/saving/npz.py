"""A state as `.npz`: a zip of `.npy` files that NumPy reads, uncompressed, with a manifest."""

from __future__ import annotations

import math
import os
import zipfile
from typing import IO, Any, Literal

import numpy as np
from numpy.lib import format as npy

from ..core.errors import LoadError
from .manifest import Entry, Manifest, check_file, read_manifest

MANIFEST = "manifest.json"


def write_npz(file: IO[bytes], text: str, arrays: dict[str, Any]) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo(MANIFEST), text)
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                npy.write_array(member, array, version=(1, 0), allow_pickle=False)


def read_npz(file: IO[bytes]) -> tuple[Manifest, dict[str, Any]]:
    with zipfile.ZipFile(file) as archive:
        check_members(archive, os.fstat(file.fileno()).st_size)
        known = read_manifest(archive.read(MANIFEST))
        stored = {info.filename for info in archive.infolist()}
        check_file(
            stored == {MANIFEST, *map(member_of, known.arrays)}, "it holds other arrays than its manifest lists."
        )
        for name, entry in known.arrays.items():
            check_header(archive, name, entry)
        return known, {name: array_in(archive.read(member_of(name)), entry) for name, entry in known.arrays.items()}


def member_of(name: str) -> str:
    return f"{name}.npy"


def check_members(archive: zipfile.ZipFile, size: int) -> None:
    """Raise LoadError for an archive that could be larger in memory than on disk, or be read in two ways."""
    members = archive.infolist()
    names = [info.filename for info in members]
    if MANIFEST not in names:
        raise LoadError("it has no manifest, so mg.save did not write it; np.load reads a plain .npz.")
    check_file(len(set(names)) == len(names), "two of its members have one name.")
    plain = all(x.compress_type == zipfile.ZIP_STORED and x.compress_size == x.file_size for x in members)
    check_file(plain, "it is compressed; mg.save never does.")
    check_file(sum(info.file_size for info in members) <= size, "it says it holds more than its size on disk.")
    check_file(min(info.header_offset for info in members) == 0, "it does not begin with its first member.")


def check_header(archive: zipfile.ZipFile, name: str, entry: Entry) -> None:
    """Raise LoadError if a member's header or size is not what the manifest says; the array is not read."""
    with archive.open(member_of(name)) as member:
        check_file(npy.read_magic(member) == (1, 0), f"{name} is in a version of .npy that mg.save does not write.")
        shape, fortran_order, dtype = npy.read_array_header_1_0(member)
        size = member.tell() + entry.nbytes
    same = (shape, dtype, fortran_order) == (entry.shape, entry.dtype, entry.fortran_order)
    check_file(same, f"{name} is {shape} {dtype}, and its manifest says {entry.shape} {entry.dtype}.")
    check_file(archive.getinfo(member_of(name)).file_size == size, f"{name} has not the size that its shape needs.")


def array_in(content: bytes, entry: Entry) -> Any:
    """The array at the end of a member's bytes, in memory of its own."""
    order: Literal["F", "C"] = "F" if entry.fortran_order else "C"
    flat = np.frombuffer(content, entry.dtype, math.prod(entry.shape), len(content) - entry.nbytes)
    return flat.reshape(entry.shape, order=order).copy(order)
