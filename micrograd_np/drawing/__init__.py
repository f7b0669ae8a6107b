"""Pictures of a graph: one model, many renderers."""

from .picture import Picture, draw

__all__ = ["Picture", "draw"]
