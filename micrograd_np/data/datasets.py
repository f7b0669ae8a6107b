"""Real data small enough to be part of the package; `files/LICENSE.txt` says whose, and on what terms."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import Any

from .tables import read_csv


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
    with as_file(files(__package__) / "files" / name) as path:
        return read_csv(path)
