"""A step as a program, and a model in a file."""

import tempfile
from pathlib import Path
from typing import assert_type

import numpy as np

import micrograd_np as mg
from micrograd_np import nn

w = mg.Tensor(np.ones((3, 1)), requires_grad=True)


@mg.compile
def step(X: np.ndarray, y: np.ndarray) -> mg.Tensor:
    loss = nn.mse_loss(X @ w, y)
    loss.backward()
    w.assign(w.data - 0.1 * w.grad)
    w.zero_grad()
    return loss


X, y = np.arange(6.0).reshape(2, 3) / 6, np.ones((2, 1))
losses = [step(X, y) for _ in range(4)]
assert_type(losses[0], mg.Tensor)
print([round(loss.item(), 3) for loss in losses][-1] < 0.5)
program = mg.trace(lambda x: np.exp(x) * 2)(np.ones(3))
print("np.exp" in str(program), program(np.zeros(3)))
path = Path(tempfile.mkdtemp()) / "w.npz"
mg.save(path, {"w": w})
print(mg.load(path)["w"].shape, mg.draw(mg.exp(w).sum()).svg[:4] == "<svg")
