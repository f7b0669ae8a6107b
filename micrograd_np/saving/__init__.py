"""Saving: a state as one file, whole or not at all."""

from ..core.errors import LoadError
from .files import load, save

__all__ = ["LoadError", "load", "save"]
