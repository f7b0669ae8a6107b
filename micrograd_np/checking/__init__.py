"""Checks of derivatives: finite differences, `gradcheck`, `verify`, and the causes of wrong gradients."""

from .gradcheck import gradcheck, of_op
from .verify import verify

__all__ = ["gradcheck", "of_op", "verify"]
