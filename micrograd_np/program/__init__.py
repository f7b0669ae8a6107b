"""A tape is a program: read it, and run it."""

from .compile import Compiled, compile
from .program import Program, trace

__all__ = ["Compiled", "Program", "compile", "trace"]
