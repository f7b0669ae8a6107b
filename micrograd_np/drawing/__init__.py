"""Pictures of a graph: one model, many renderers."""

from .explain import explain, why_none
from .picture import Picture, draw

__all__ = ["Picture", "draw", "explain", "why_none"]
