"""Optimisers and schedules of learning rates; functions that clip gradients."""

from .. import cures as _cures
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


__getattr__ = _cures.answering("mg.optim", __all__)


def __dir__() -> list[str]:
    return [*__all__, *(name for name in globals() if name.startswith("__"))]
