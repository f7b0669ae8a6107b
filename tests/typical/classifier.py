"""A classifier of layers, an optimiser and a schedule."""

from typing import assert_type

import numpy as np

import micrograd_np as mg
from micrograd_np import nn, optim

rng = np.random.default_rng(0)
X, labels = rng.normal(size=(60, 4)), rng.integers(0, 3, 60)
model = nn.Sequential(nn.Linear(4, 8, rng=rng), nn.ReLU(), nn.Linear(8, 3, rng=rng))
optimiser = optim.Adam(model.parameters(), lr=0.01)
schedule = optim.StepLR(optimiser, step_size=10)

first = model[0]
assert_type(first, nn.Linear)
print(first.weight.shape, first.weight.grad is None, len(model))
for _ in range(20):
    for xs, ys in mg.data.batches(X, labels, size=20, rng=rng):
        loss = nn.cross_entropy(model(xs), ys)
        assert_type(loss, mg.Tensor)
        optimiser.zero_grad()
        loss.backward()
        optim.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    schedule.step()
rate: float = optimiser.lr
group_rate: float = optimiser.param_groups[0]["lr"]
with mg.no_grad():
    accuracy = float(np.mean(model(X).argmax(axis=1) == labels))
model.eval().freeze()
print(accuracy > 0.3, rate == group_rate, sorted(model.state_dict())[:2], model.num_parameters())
