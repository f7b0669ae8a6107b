"""Optimisers and schedules of learning rates; functions that clip gradients."""

from .. import cures as _cures
from .gradients import clip_grad_norm_, clip_grad_value_, trim_deltas
from .optimiser import Optimiser
from .optimisers import SGD, Adagrad, Adam, AdamW, RMSprop
from .schedules import CosineAnnealingLR, LambdaLR, LinearLR, ReduceLROnPlateau, Schedule, SequentialLR, StepLR

__all__, __getattr__, __dir__ = _cures.contents("mg.optim", globals())
