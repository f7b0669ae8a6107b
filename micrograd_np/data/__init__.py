"""Data: arrays in batches, split and scaled; small datasets that come with the package; readers of files."""

from .. import cures as _cures
from .batches import batches, split
from .datasets import digits, iris
from .idx import fashion_mnist, mnist, read_idx
from .scaling import one_hot, standardise
from .tables import read_csv, text

__all__ = [
    "batches",
    "digits",
    "fashion_mnist",
    "iris",
    "mnist",
    "one_hot",
    "read_csv",
    "read_idx",
    "split",
    "standardise",
    "text",
]


__getattr__ = _cures.answering("mg.data", __all__)


def __dir__() -> list[str]:
    return [*__all__, *(name for name in globals() if name.startswith("__"))]
