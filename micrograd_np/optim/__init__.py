"""Optimisers: what is done with a gradient."""

from .gradients import clip_grad_norm_, clip_grad_value_, trim_deltas
from .optimiser import Optimiser
from .optimisers import SGD, Adagrad, Adam, AdamW, RMSprop
from .schedules import CosineAnnealingLR, LambdaLR, LinearLR, ReduceLROnPlateau, Schedule, SequentialLR, StepLR

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "CosineAnnealingLR",
    "LambdaLR",
    "LinearLR",
    "Optimiser",
    "RMSprop",
    "ReduceLROnPlateau",
    "Schedule",
    "SequentialLR",
    "StepLR",
    "clip_grad_norm_",
    "clip_grad_value_",
    "trim_deltas",
]
