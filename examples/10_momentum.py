"""Momentum: each step goes on with a part of the step before.

With momentum 0.9 a weight that is always pushed the same way ends up moving ten times as far. So the fair comparison is
between rows with the same alpha / (1 - momentum), and there momentum gains nothing on a network as small as this one;
what it does spare is the search for the larger alpha.
"""

import numpy as np

import micrograd_np as mg
from micrograd_np import optim

X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
y = np.array([[0, 1, 1, 0]]).T


def train(steps, networks=20, **options):
    """The mean error of each network at each step."""
    rng = np.random.default_rng(1)
    syn0 = mg.Tensor(2 * rng.random((networks, 3, 4)) - 1, requires_grad=True)
    syn1 = mg.Tensor(2 * rng.random((networks, 4, 1)) - 1, requires_grad=True)
    descent = optim.SGD([syn0, syn1], **options)

    errors = []
    for _ in range(steps):
        l1 = mg.sigmoid(X @ syn0)
        l2 = mg.sigmoid(l1 @ syn1)
        loss = np.sum(np.square(y - l2)) / 2
        descent.zero_grad()
        loss.backward()
        descent.step()
        errors.append(np.abs(y - l2.data).mean(axis=(1, 2)))
    return np.array(errors)


def main(steps=2000):
    """The errors at each step, for each choice of alpha and momentum."""
    choices = {
        "alpha 1": {"lr": 1},
        "alpha 1, momentum 0.5": {"lr": 1, "momentum": 0.5},
        "alpha 1, momentum 0.9": {"lr": 1, "momentum": 0.9},
        "alpha 1, momentum 0.9, Nesterov": {"lr": 1, "momentum": 0.9, "nesterov": True},
        "alpha 10": {"lr": 10},
        "alpha 0.1, momentum 0.9": {"lr": 0.1, "momentum": 0.9},
    }
    print(f"20 networks in {steps:,} steps; right is a mean error below 0.1, and {steps:,} stands for never")
    print("                                 steps until right    error at the end")
    print("                                 first median  last   median     most")
    curves = {name: train(steps, **options) for name, options in choices.items()}
    for name, errors in curves.items():
        right = errors < 0.1
        until = np.where(right.any(axis=0), right.argmax(axis=0), steps)
        reached = f"{until.min():5} {np.median(until):6.0f} {until.max():5}"
        print(f"{name:32} {reached} {np.median(errors[-1]):8.4f} {errors[-1].max():8.4f}")
    return curves


if __name__ == "__main__":
    main()
