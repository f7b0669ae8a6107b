"""Readers of data on disk: tables, texts, the IDX files of MNIST; and two datasets that come with the package."""

from __future__ import annotations

import gzip
import math
import os
import warnings
import zlib
from contextlib import suppress
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, MissingFileError
from ..nn.validation import existing_file, validate

Arrays = tuple[Any, Any, Any, Any]
DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}  # by an IDX file's third byte
FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")  # the folder of Debian's package
MNIST = ("train-images?idx3-ubyte", "t10k-images?idx3-ubyte", "train-labels?idx1-ubyte", "t10k-labels?idx1-ubyte")


def read_csv(
    path: str | os.PathLike[str] | list[str], *, header: int | None = None, delimiter: str = ",", **options: Any
) -> Any:
    """The numbers of a table, as an array (rows, columns).

    Parameters
    ----------
    path : path, or list of lines
        The file, which may be a .gz, .bz2 or .xz.
    header : int, optional
        How many lines stand above the numbers. Without it 1, which must not be all numbers: that may be a sample.
    delimiter : str
        The character between two cells.
    **options : object
        Options of `np.loadtxt`, such as usecols, dtype, max_rows.

    Raises
    ------
    ValueError
        If a cell is no number, or the rows differ in length; the message names the first such place, with rows that
        count from 0 below the header. Names are read as `read_csv(path, usecols=4, dtype=str)`; of these,
        `np.unique(names, return_inverse=True)` gives labels.

    Examples
    --------
    >>> read_csv(["length,width", "5.1,3.5", "4.9,3.0"])
    array([[5.1, 3.5],
           [4.9, 3. ]])
    """
    start = 1 if header is None else header
    validate("read_csv", header=start)
    if not isinstance(path, list):
        existing_file(path)
    how: dict[str, Any] = {"delimiter": delimiter, "skiprows": start, "ndmin": 2, "encoding": "utf-8-sig"}
    names = check_header(path, how | options) if header is None else 0
    try:
        with warnings.catch_warnings(action="ignore"):  # of a file without rows, which is an error here
            table: Any = np.loadtxt(path, **how | options)
    except (ValueError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        cure = " (rows count from 0 below the header). Choose columns of numbers with usecols=, or pass delimiter="
        cure = cure if "could not convert" in str(error) else ""
        raise ArgumentError(f"{path}: {str(error).rstrip('.')}{cure}.") from None
    if not table.size:
        raise ArgumentError(f"{path} has no rows below its {start} lines of header.")
    if 1 < names != table.shape[1] and not options:
        raise ArgumentError(f"{path}: {names} names stand above {table.shape[1]} columns. Pass header=1 if they may.")
    return table


def check_header(path: Any, how: dict[str, Any]) -> int:
    """Return the number of cells of the first line; raise if it holds numbers alone, and so is a sample."""
    how, cells, numbers = how | {"skiprows": 0, "max_rows": 1, "comments": None}, 0, 0
    with warnings.catch_warnings(action="ignore"), suppress(Exception):  # what is wrong is said where all is read
        cells = np.loadtxt(path, **how | {"dtype": str}).size
        numbers = np.loadtxt(path, **how | {"dtype": float}).size
    if numbers:
        cure = "If it is a sample, pass header=0; if it is a header, header=1."
        raise ArgumentError(f"{path}: the first line holds numbers alone. {cure}")
    return cells


def text(path: str | os.PathLike[str]) -> tuple[Any, str]:
    """A text as integers, and its characters: `ids, characters`, of which `characters[ids[0]]` is the first.

    Parameters
    ----------
    path : path
        A file in UTF-8.

    Raises
    ------
    ValueError
        If the file is empty, or no text in UTF-8.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "poem.txt").write_text("abba")
    ...     text(Path(folder, "poem.txt"))
    (array([0, 1, 1, 0]), 'ab')
    """
    content = Path(existing_file(path)).read_text(encoding="utf-8")
    if not content:
        raise ArgumentError(f"{path} is empty.")
    codes, ids = np.unique(np.frombuffer(content.encode("utf-32-le"), np.uint32), return_inverse=True)
    return ids, "".join(map(chr, codes))


def read_idx(path: str | os.PathLike[str]) -> Any:
    """The array in an IDX file, the format of MNIST: a type, the sizes of the axes, the numbers, large end first.

    Parameters
    ----------
    path : path
        The file, as it is or as .gz.

    Raises
    ------
    ValueError
        If it is no such file, or another number of bytes follows than its head says.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "labels").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    ...     read_idx(Path(folder, "labels"))
    array([7, 2, 1], dtype=uint8)
    """
    content = Path(existing_file(path)).read_bytes()
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise ArgumentError(f"{path} is damaged: {error}. Get it again.") from None
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in DTYPES:
        raise ArgumentError(f"{path} is no IDX file: its first four bytes are {content[:4].hex(' ') or 'missing'}.")
    start = 4 + 4 * content[3]
    shape = [int.from_bytes(content[i : i + 4]) for i in range(4, start, 4)]
    dtype = np.dtype(DTYPES[content[2]])
    needed = math.prod(shape) * dtype.itemsize
    if len(content) - start != needed:
        raise ArgumentError(
            f"{path} says that it holds {' × '.join(map(str, shape))} numbers, {needed:,} bytes, and "
            f"{max(len(content) - start, 0):,} follow: it is damaged. Get it again."
        )
    return np.frombuffer(content, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def mnist(folder: str | os.PathLike[str]) -> Arrays:
    """X_train, X_test, y_train, y_test of a folder with MNIST's four files (LeCun et al. 1998), as they are or as .gz.

    The images are (60000, 28, 28) and (10000, 28, 28), float32 from 0 to 1; the labels are integers.

    Parameters
    ----------
    folder : path
        The folder of the files.

    Raises
    ------
    FileNotFoundError
        If the folder lacks one of them.

    Examples
    --------
    >>> X_train, X_test, y_train, y_test = mnist("no such folder")
    Traceback (most recent call last):
    micrograd_np.MissingFileError: no such folder has no file train-images-idx3-ubyte or ...
    """
    train, test, train_labels, test_labels = (read_idx(find_file(Path(folder), pattern)) for pattern in MNIST)
    for images, labels in ((train, train_labels), (test, test_labels)):
        if len(images) != len(labels):
            raise ArgumentError(f"{folder}: {len(images)} images and {len(labels)} labels do not belong together.")
    x_train, x_test = (images.astype(np.float32) / 255 for images in (train, test))
    return x_train, x_test, train_labels.astype(int), test_labels.astype(int)


def find_file(folder: Path, pattern: str) -> Path:
    """The file of a folder with this name, or with .gz after it."""
    found = sorted([*folder.glob(pattern), *folder.glob(f"{pattern}.gz")])
    if not found:
        name = pattern.replace("?", "-")
        raise MissingFileError(f"{folder} has no file {name} or {name}.gz: give the folder that holds the four files.")
    return found[0]


def fashion_mnist(folder: str | os.PathLike[str] | None = None) -> Arrays:
    """X_train, X_test, y_train, y_test: 70,000 pictures of clothes in ten classes (Xiao et al. 2017), as `mnist` gives.

    Parameters
    ----------
    folder : path, optional
        The folder of the four files; without it, that of Debian's package, `apt install dataset-fashion-mnist`.

    Raises
    ------
    FileNotFoundError
        If they are not there.

    Examples
    --------
    >>> X_train, X_test, y_train, y_test = fashion_mnist("no such folder")
    Traceback (most recent call last):
    micrograd_np.MissingFileError: no such folder has no file train-images-idx3-ubyte or ...
    """
    return mnist(FASHION_MNIST if folder is None else folder)


def digits() -> tuple[Any, Any]:
    """Handwritten digits: (X, y), 1,797 images of 8×8 as rows of 64 numbers from 0 to 1, and what each shows.

    Examples
    --------
    >>> X, y = digits()
    >>> X.shape, y[:5].tolist()
    ((1797, 64), [0, 1, 2, 3, 4])
    """
    table = read_own("digits.csv.gz")
    return table[:, :-1] / 16, table[:, -1].astype(int)


def iris() -> tuple[Any, Any]:
    """Fisher's irises: (X, y), length and width of 150 sepals and petals in cm, and which of three species each is.

    Examples
    --------
    >>> X, y = iris()
    >>> X.shape, X[0].tolist()
    ((150, 4), [5.1, 3.5, 1.4, 0.2])
    """
    table = read_own("iris.csv")
    return table[:, :-1], table[:, -1].astype(int)


def read_own(name: str) -> Any:
    """The numbers of a table that comes with the package; `files/LICENSE.txt` says whose it is, and on what terms."""
    with as_file(files(__package__) / "files" / name) as path:
        return read_csv(path)
