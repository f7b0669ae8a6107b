"""The derivatives of a function by the tape, against differences of what NumPy itself computes."""

import numpy as np

import micrograd_np as mg

from .differences import derivative


def drawn(*shape, low=-2.0, high=2.0, seed=0):
    """Numbers of a domain, no two of them close to each other."""
    size = int(np.prod(shape))
    random = np.random.default_rng(seed)
    places = (random.permutation(size) + random.uniform(0.4, 0.6, size)) / max(size, 1)
    return (low + (high - low) * places).reshape(shape)


def check_derivatives(f, x):
    """First and second order, along some directions and along each axis."""
    random = np.random.default_rng(1)
    weights = random.uniform(0.5, 2, np.shape(f(x)))

    def total(x):
        return np.sum(f(x) * weights)

    c = random.normal(size=x.shape)
    gradient, product = mg.grad(total)(x), mg.hvp(total)(x, c)
    for v in [*np.eye(x.size)[:8].reshape(-1, *x.shape), random.normal(size=x.shape)]:
        np.testing.assert_allclose(np.sum(gradient * v), derivative(total, x, v), rtol=1e-8, atol=1e-8)
        slope = derivative(lambda x: np.sum(mg.grad(total)(x) * c), x, v)
        np.testing.assert_allclose(np.sum(product * v), slope, rtol=1e-7, atol=1e-7)
