"""Training: the loop that people write anyway, with what they add to it sooner or later."""

from .history import History
from .loop import fit
from .run import Run

__all__ = ["History", "Run", "fit"]
