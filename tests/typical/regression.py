"""A line through points, by hand-written gradient descent."""

from typing import assert_type

import numpy as np

import micrograd_np as mg

rng = np.random.default_rng(0)
X = rng.normal(size=(50, 3))
y = X @ np.array([1.0, -2.0, 0.5]) + 0.1

w = mg.Tensor(np.zeros(3), requires_grad=True, name="w")
b = mg.Tensor(0.0, requires_grad=True)
for _ in range(200):
    error = X @ w + b - y
    loss = np.mean(error * error)
    assert_type(np.sum(w * w) + w.sum(), mg.Tensor)
    loss.backward()
    w -= 0.1 * w.grad
    b -= 0.1 * b.grad
    w.zero_grad()
    b.zero_grad()
print(w.data.round(2).tolist(), round(b.item(), 2))
print(np.tanh(X[:2] @ w).sum().item() < 2, (w > 0).tolist(), w[0].shape, [p.ndim for p in w])
