"""One step of an optimiser alone: 30 parameters of 10 to 4,096 numbers, with gradients that are there already."""

from __future__ import annotations

from typing import Any

import numpy as np

from .timing import Step, Way

SIZES = np.geomspace(10, 4096, 30).astype(int)


def arrays() -> tuple[list[Any], list[Any]]:
    """Parameters and gradients."""
    rng = np.random.default_rng(0)
    return [rng.normal(size=n) for n in SIZES], [rng.normal(size=n) for n in SIZES]


def adam_by_hand() -> Step:
    """Adam as people write it, a loop over the parameters."""
    parameters, gradients = arrays()
    first, second = ([np.zeros_like(p) for p in parameters] for _ in range(2))
    lr, beta1, beta2, eps = 1e-3, 0.9, 0.999, 1e-8
    steps = 0

    def step():
        nonlocal steps
        steps += 1
        scale1, scale2 = 1 - beta1**steps, 1 - beta2**steps
        for p, g, m, v in zip(parameters, gradients, first, second, strict=True):
            m *= beta1
            m += (1 - beta1) * g
            v *= beta2
            v += (1 - beta2) * g * g
            p -= lr * (m / scale1) / (np.sqrt(v / scale2) + eps)
        return parameters[-1]

    return step


def sgd_by_hand() -> Step:
    parameters, gradients = arrays()

    def step():
        for p, g in zip(parameters, gradients, strict=True):
            p -= 1e-3 * g
        return parameters[-1]

    return step


def ours(name: str) -> Step:
    import micrograd_np as mg

    values, gradients = arrays()
    parameters = [mg.nn.Parameter(p) for p in values]
    optimiser = getattr(mg.optim, name)(parameters, lr=1e-3)
    for p, g in zip(parameters, gradients, strict=True):
        p.grad = g

    def step():
        optimiser.step()
        return parameters[-1]

    return step


def torchs(name: str) -> Step:
    import torch

    torch.set_num_threads(1)
    values, gradients = arrays()
    parameters = [torch.nn.Parameter(torch.tensor(p)) for p in values]
    optimiser = getattr(torch.optim, name)(parameters, lr=1e-3)
    for p, g in zip(parameters, gradients, strict=True):
        p.grad = torch.tensor(g)

    def step():
        optimiser.step()
        return parameters[-1]

    return step


WAYS: dict[str, Way] = {
    "Adam by hand": (adam_by_hand, 1),
    "Adam": (lambda: ours("Adam"), 1),
    "Adam, torch": (lambda: torchs("Adam"), 1),
    "SGD by hand": (sgd_by_hand, 1),
    "SGD": (lambda: ours("SGD"), 1),
    "SGD, torch": (lambda: torchs("SGD"), 1),
}
