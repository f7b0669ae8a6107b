"""Programs as loops over single numbers, which numba makes machine code of: an extra that nothing else knows of."""

from .backend import Machine

__all__ = ["Machine"]
