"""Optimisers and schedules of learning rates; functions that clip gradients."""

from .. import cures as _cures
from .optimiser import Optimiser
from .optimisers import SGD, Adagrad, Adam, AdamW, RMSprop, clip_grad_norm_, clip_grad_value_, trim_deltas
from .schedules import CosineAnnealingLR, LambdaLR, LinearLR, ReduceLROnPlateau, Schedule, SequentialLR, StepLR

__all__, __getattr__, __dir__ = _cures.contents("mg.optim", globals())
