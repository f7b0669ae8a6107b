"""Data: arrays in batches, split and scaled; small real data that is shipped; readers of files that a user has."""

from .batches import batches, split
from .idx import fashion_mnist, mnist, read_idx
from .scaling import one_hot, standardise
from .shipped import digits, iris
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
