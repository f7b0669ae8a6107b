"""Derivatives of functions: gradients, Jacobians, Hessians, products."""

from typing import Any

import numpy as np

import micrograd_np as mg


def rosenbrock(x: Any) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


x = np.array([0.5, -1.0, 2.0])
gradient = mg.grad(rosenbrock)(x)
print(gradient.shape, gradient.round(1).tolist())
value, slope = mg.value_and_grad(rosenbrock)(x)
print(mg.hessian(rosenbrock)(x).shape, mg.jacobian(lambda x: x**2)(x).diagonal().tolist(), slope.shape)
by_first, by_second = mg.grad(lambda a, b: (a * b).sum(), argnums=(0, 1))(x, x + 1)
print(by_first.tolist(), by_second.tolist(), mg.hvp(rosenbrock)(x, np.ones(3)).shape)
out, pull = mg.vjp(lambda x: x * 2, x)
t = mg.Tensor(x, requires_grad=True)
(first,) = mg.gradients((t**3).sum(), [t])
print(first.tolist(), pull(np.ones(3)), mg.where(t > 0, t, 0).sum().item(), mg.linalg.norm(t).item() > 0)
