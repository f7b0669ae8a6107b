"""Pictures of a graph: one model, many renderers."""

from .explain import explain
from .picture import Picture, draw
from .why_none import why_none

__all__ = ["Picture", "draw", "explain", "why_none"]
