"""Checks of derivatives: finite differences, `gradcheck`, `verify`, and the causes of wrong gradients."""

from .gradcheck import gradcheck
from .verify import verify

__all__ = ["gradcheck", "verify"]
