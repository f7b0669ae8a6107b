"""Training: the loop that people write anyway, with what they add to it sooner or later."""

from .loop import fit, keep_freed_memory
from .run import History, Run

__all__ = ["History", "Run", "fit", "keep_freed_memory"]
