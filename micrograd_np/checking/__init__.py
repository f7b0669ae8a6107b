"""How to doubt a derivative: numbers, `gradcheck`, `verify`, and why it is wrong."""

from .gradcheck import gradcheck
from .verify import verify

__all__ = ["gradcheck", "verify"]
