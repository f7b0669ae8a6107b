"""Modules: a model is an object whose attributes are its parameters."""

from . import init
from .layers import Activation, Dropout, Embedding, Flatten, Linear, Sequential
from .losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    half_squared_error,
    huber_loss,
    l1_loss,
    mse_loss,
)
from .module import Module, Parameter

__all__ = [
    "Activation",
    "Dropout",
    "Embedding",
    "Flatten",
    "Linear",
    "Module",
    "Parameter",
    "Sequential",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "half_squared_error",
    "huber_loss",
    "init",
    "l1_loss",
    "mse_loss",
]
