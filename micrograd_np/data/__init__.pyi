"""Data: arrays in batches, split and scaled; small datasets that come with the package; readers of files."""

from .samples import batches as batches
from .readers import digits as digits
from .readers import fashion_mnist as fashion_mnist
from .readers import iris as iris
from .readers import mnist as mnist
from .samples import one_hot as one_hot
from .readers import read_csv as read_csv
from .readers import read_idx as read_idx
from .samples import split as split
from .samples import standardise as standardise
from .readers import text as text
