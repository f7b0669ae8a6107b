"""An op of one's own, checked; and a gradient by hand, verified."""

from typing import Any

import numpy as np

import micrograd_np as mg


@mg.custom_op(lambda g, z, x: g * (1 - z * z))
def squash(x: Any) -> Any:
    return np.tanh(x)


t = mg.Tensor([0.5, -1.0], requires_grad=True)
squash(t).sum().backward()
print(t.grad.round(3).tolist())
print(bool(squash.gradcheck(np.array([0.5, -1.0]))))
print(mg.gradcheck(lambda x: np.exp(x).sum(), np.ones(3)).verdict == "OK")

X, w = np.arange(6.0).reshape(2, 3), mg.Tensor(np.ones(3), requires_grad=True)
loss = ((X @ w) ** 2).sum() / 2
report = mg.verify(loss, {w: X.T @ (X @ w.data)})
print(bool(report), isinstance(mg.explain(loss), str))
