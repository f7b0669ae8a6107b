"""Tables and texts that a user has on disk."""

from __future__ import annotations

import os
import warnings
import zlib
from gzip import BadGzipFile
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from ..nn.validation import COUNT, require


def read_csv(path: str | os.PathLike[str] | list[str], *, header: int = 1, delimiter: str = ",", **options: Any) -> Any:
    """The numbers of a table, as an array (rows, columns).

    Parameters
    ----------
    path : path, or list of lines
        The file, which may be a .gz, .bz2 or .xz.
    header : int
        How many lines stand above the numbers.
    delimiter : str
        The character between two cells.
    **options
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
    require("read_csv", COUNT, header=header)
    how: dict[str, Any] = {"delimiter": delimiter, "skiprows": header, "ndmin": 2, "encoding": "utf-8-sig"}
    try:
        with warnings.catch_warnings(action="ignore"):  # of a file without rows, which is an error here
            table: Any = np.loadtxt(path, **how | options)
    except (ValueError, EOFError, BadGzipFile, zlib.error) as error:
        raise ArgumentError(f"{path}: {str(error).rstrip('.')}.") from None
    if not table.size:
        raise ArgumentError(f"{path} has no rows below its {header} lines of header.")
    return table


def text(path: str | os.PathLike[str]) -> tuple[Any, str]:
    """A text as integers, and its characters: `ids, characters`, of which `characters[ids[0]]` is the first.

    Raises
    ------
    ValueError
        If the file is empty, or no text in UTF-8.
    """
    try:
        content = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ArgumentError(f"{path} is no text in UTF-8: {error}.") from None
    if not content:
        raise ArgumentError(f"{path} is empty.")
    codes, ids = np.unique(np.frombuffer(content.encode("utf-32-le"), np.uint32), return_inverse=True)
    return ids, "".join(map(chr, codes))
