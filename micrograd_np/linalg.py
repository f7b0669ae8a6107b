"""np.linalg's names, for the table's functions."""

import numpy as np

from .ops import BY_FUNCTION

FUNCTIONS = {name: BY_FUNCTION[f] for name, f in vars(np.linalg).items() if callable(f) and f in BY_FUNCTION}

globals().update(FUNCTIONS)
__all__ = list(FUNCTIONS)
