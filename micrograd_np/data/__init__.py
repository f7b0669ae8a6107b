"""Data: arrays in batches, split and scaled; small datasets that come with the package; readers of files."""

from .. import cures as _cures
from .readers import digits, fashion_mnist, iris, mnist, read_csv, read_idx, text
from .samples import batches, one_hot, split, standardise

__all__, __getattr__, __dir__ = _cures.contents("mg.data", globals())
