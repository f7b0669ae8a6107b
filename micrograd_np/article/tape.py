"""The article's three programs on the tape: only the way to the loss is written, `backward` finds the way back.

The article never writes its loss down. It is ½Σ(y - l2)², and what the article works out by hand is minus the
gradients of that. `z1` and `z2`, what the sigmoids are given, have no name in the article, and it is to them that
its deltas belong: `l2_delta` is `-z2.grad`, while `-l2.grad` is `l2_error`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from ..ops.dense import sigmoid
from .hand import Variables

# What has a name in the article, and the value of whose gradient it is the negative.
MINUS_GRADIENT_OF = {
    "l2_error": "l2",
    "l2_delta": "z2",
    "l1_error": "l1",
    "l1_delta": "z1",
    "syn1_update": "syn1",
    "syn0_update": "syn0",
}


def eleven_lines(X: Any, y: Any, syn0: Any, syn1: Any) -> Variables:
    """The part "Just The Code", with the sigmoid spelled out as in the article."""
    l1 = 1 / (1 + np.exp(-(np.dot(X, syn0))))
    l2 = 1 / (1 + np.exp(-(np.dot(l1, syn1))))
    loss = np.sum(np.square(y - l2)) / 2
    return locals()


def two_layers(X: Any, y: Any, syn0: Any) -> Variables:
    """The 2-layer network."""
    z1 = np.dot(X, syn0)
    l1 = sigmoid(z1)

    l1_error = y - l1
    loss = np.sum(np.square(l1_error)) / 2
    return locals()


def three_layers(X: Any, y: Any, syn0: Any, syn1: Any) -> Variables:
    """The 3-layer network."""
    z1 = np.dot(X, syn0)
    l1 = sigmoid(z1)
    z2 = np.dot(l1, syn1)
    l2 = sigmoid(z2)

    l2_error = y - l2
    loss = np.sum(np.square(l2_error)) / 2
    return locals()


def train(network: Callable[..., Variables], X: Any, y: Any, *weights: Tensor, steps: int) -> Iterator[Variables]:
    """The loop that all three share; it descends the loss where the article climbs with its deltas."""
    for _ in range(steps):
        step = network(X, y, *weights)
        step["loss"].backward()
        yield step
        for syn in weights:
            syn -= syn.grad
            syn.zero_grad()
