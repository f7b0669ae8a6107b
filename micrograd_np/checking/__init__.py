"""How to doubt a derivative: numbers, `gradcheck`, `verify`, and why it is wrong."""

from .gradcheck import gradcheck

__all__ = ["gradcheck"]
