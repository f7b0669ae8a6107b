"""A model of one's own, with parameters, buffers and parts."""

from typing import Any

import numpy as np

import micrograd_np as mg
from micrograd_np import nn


class Attention(nn.Module):
    def __init__(self, size: int, rng: np.random.Generator) -> None:
        self.mix = nn.MultiheadAttention(size, 2, batch_first=True, rng=rng)
        self.norm = nn.LayerNorm(size)
        self.scale = nn.Parameter(np.ones(size))
        self.calls = mg.Tensor(0.0)
        self.layers = [nn.Linear(size, size, rng=rng) for _ in range(2)]

    def forward(self, x: Any) -> mg.Tensor:
        mixed, _ = self.mix(x, x, x)
        y = self.norm(x + mixed) * self.scale
        for layer in self.layers:
            y = mg.gelu(layer(y))
        return y


model = Attention(4, np.random.default_rng(0))
z = model(np.ones((2, 3, 4)))
z.sum().backward()
print(z.shape, [name for name, p in model.named_parameters() if p.grad is None], model.scale.grad.shape)
print(model.summary((2, 3, 4)).splitlines()[0] != "")
