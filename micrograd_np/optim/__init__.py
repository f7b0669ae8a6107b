"""Optimisers: what is done with a gradient."""

from .optimiser import Optimiser
from .optimisers import SGD, Adagrad, Adam, AdamW, RMSprop

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimiser", "RMSprop"]
