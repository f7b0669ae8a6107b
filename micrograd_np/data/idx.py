"""IDX, the format in which MNIST came: a type, the lengths of the axes, and the numbers, the large end first."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, MissingFileError

DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
DEBIAN = "/usr/share/datasets/fashion-mnist"
PARTS = ("train-images?idx3-ubyte", "t10k-images?idx3-ubyte", "train-labels?idx1-ubyte", "t10k-labels?idx1-ubyte")


def read_idx(path: str | os.PathLike[str]) -> Any:
    """The array in an IDX file, or in a .gz of one.

    Raises
    ------
    ValueError
        If it is no such file, or another number of bytes follows than its head says.
    """
    content = unpacked(Path(path))
    kind, axes = (content[2], content[3]) if content[:2] == b"\0\0" and len(content) > 3 else (None, 0)
    if kind not in DTYPES:
        raise ArgumentError(f"{path} is no IDX file: its first four bytes are {content[:4].hex(' ') or 'missing'}.")
    start = 4 + 4 * axes
    if len(content) < start:
        raise ArgumentError(f"{path} ends in its head, after {len(content)} of {start} bytes. Get it again.")
    shape = [int.from_bytes(content[i : i + 4], "big") for i in range(4, start, 4)]
    dtype = np.dtype(DTYPES[kind])
    needed = math.prod(shape) * dtype.itemsize
    if len(content) - start != needed:
        raise ArgumentError(
            f"{path} says that it holds {' × '.join(map(str, shape))} numbers, {needed:,} bytes, and "
            f"{len(content) - start:,} follow: it is damaged. Get it again."
        )
    return np.frombuffer(content, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def unpacked(path: Path) -> bytes:
    content = path.read_bytes()
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise ArgumentError(f"{path} is damaged: {error}. Get it again.") from None


def mnist(folder: str | os.PathLike[str]) -> tuple[Any, Any, Any, Any]:
    """X_train, X_test, y_train, y_test of a folder with MNIST's four files, as they are or as .gz.

    The images are (60000, 28, 28) and (10000, 28, 28), float32 from 0 to 1; the labels are integers.

    Raises
    ------
    FileNotFoundError
        If the folder lacks one of them.
    """
    train, test, train_labels, test_labels = (read_idx(find_file(Path(folder), pattern)) for pattern in PARTS)
    for images, labels in ((train, train_labels), (test, test_labels)):
        if len(images) != len(labels):
            raise ArgumentError(f"{folder}: {len(images)} images and {len(labels)} labels do not belong together.")
    scaled = [images.astype(np.float32) / 255 for images in (train, test)]
    return scaled[0], scaled[1], train_labels.astype(int), test_labels.astype(int)


def find_file(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern)) + sorted(folder.glob(f"{pattern}.gz"))
    if not found:
        raise MissingFileError(
            f"{folder} has no file {pattern.replace('?', '-')} or {pattern.replace('?', '-')}.gz: give the folder that "
            "holds the four files."
        )
    return found[0]


def fashion_mnist(folder: str | os.PathLike[str] | None = None) -> tuple[Any, Any, Any, Any]:
    """X_train, X_test, y_train, y_test: 70,000 pictures of clothes in ten classes (Xiao et al. 2017), as `mnist` gives.

    Parameters
    ----------
    folder : path, optional
        Without it, where Debian's package dataset-fashion-mnist puts the files.

    Raises
    ------
    FileNotFoundError
        If they are not there.
    """
    if folder is None and not Path(DEBIAN).is_dir():
        raise MissingFileError(
            f"Fashion-MNIST is not in {DEBIAN}. On Debian or Ubuntu, install it with `apt install "
            "dataset-fashion-mnist`; elsewhere, get its four files and pass fashion_mnist(folder)."
        )
    return mnist(DEBIAN if folder is None else folder)
