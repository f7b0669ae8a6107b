"""Training: `fit`, a loop with validation, checkpoints and progress; and the Run that its hooks are given."""

from .loop import fit, keep_freed_memory
from .run import History, Run

__all__ = ["History", "Run", "fit", "keep_freed_memory"]
