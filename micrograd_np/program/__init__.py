"""A tape is a program: read it, and run it."""

from .program import Program, trace

__all__ = ["Program", "trace"]
