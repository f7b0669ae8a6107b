"""micrograd_np: an autograd micro-framework on NumPy. The table of contents, in reading order."""

from typing import Any

from .context import no_grad
from .graph import Tensor
from .ops import FUNCTIONS
from . import tensor

globals().update(FUNCTIONS)
