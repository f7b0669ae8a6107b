"""Layer sizes as parameters: how many hidden units the article's network needs. The article takes four.

One is too few for this problem, two can solve it and seldom do, and from four on every network does. More than that
brings little here.
"""

from itertools import pairwise

import numpy as np

import micrograd_np as mg
from micrograd_np import optim

X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
y = np.array([[0, 1, 1, 0]]).T


def train(sizes, steps, networks=20):
    """The mean error of each network; sizes are those of the layers, the input's first and the output's last."""
    rng = np.random.default_rng(1)
    shapes = pairwise(sizes)
    weights = [mg.Tensor(2 * rng.random((networks, *shape)) - 1, requires_grad=True) for shape in shapes]
    descent = optim.SGD(weights, lr=1)

    for _ in range(steps):
        layer = X
        for syn in weights:
            layer = mg.sigmoid(layer @ syn)
        loss = np.sum(np.square(y - layer)) / 2
        descent.zero_grad()
        loss.backward()
        descent.step()
    return np.abs(y - layer.data).mean(axis=(1, 2))


def main(steps=3000, hidden=((1,), (2,), (3,), (4,), (8,), (16,), (32,), (4, 4))):
    """The errors for each choice of hidden layers."""
    print(f"20 networks after {steps:,} steps; right are those whose mean error is below 0.1")
    print("hidden layers   weights   right  median error")
    errors = {}
    for sizes in hidden:
        found = errors[sizes] = train((3, *sizes, 1), steps)
        weights = np.dot((3, *sizes), (*sizes, 1))
        named = " and ".join(map(str, sizes))
        print(f"{named:13} {weights:9} {np.sum(found < 0.1):4}/20 {np.median(found):13.4f}")
    return errors


if __name__ == "__main__":
    main()
