"""Bias units: a number that is added whatever the input. The article's third column, always 1, is one in disguise.

A network without one answers σ(0) = ½ to the input (0, 0), whatever its weights: without the column the article's
2-layer network can't learn its first row. The 3-layer network hardly needs it, since hidden units that are all ½ are as
good as ones. Twenty networks of each kind, each with weights of its own, learn side by side.
"""

import numpy as np

import micrograd_np as mg
from micrograd_np import optim

X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
FIRST_COLUMN = np.array([[0, 0, 1, 1]]).T
FIRST_OR_SECOND = np.array([[0, 1, 1, 0]]).T


def train(x, y, shapes, steps, networks=20):
    """The outputs of each network after training."""
    rng = np.random.default_rng(1)
    weights = [mg.Tensor(2 * rng.random((networks, *shape)) - 1, requires_grad=True) for shape in shapes]
    descent = optim.SGD(weights, lr=1)

    for _ in range(steps):
        layer = x
        for syn in weights:
            layer = mg.sigmoid(layer @ syn)
        loss = np.sum(np.square(y - layer)) / 2
        descent.zero_grad()
        loss.backward()
        descent.step()
    return layer.data


def main(steps=5000):
    """The mean error of each kind of network."""
    kinds = {
        "2 layers, without": (X[:, :2], FIRST_COLUMN, [(2, 1)]),
        "2 layers, with": (X, FIRST_COLUMN, [(3, 1)]),
        "3 layers, without": (X[:, :2], FIRST_OR_SECOND, [(2, 4), (4, 1)]),
        "3 layers, with": (X, FIRST_OR_SECOND, [(3, 4), (4, 1)]),
    }
    print(f"20 networks after {steps:,} steps, medians")
    print("column of ones     mean error  answer to (0, 0)")
    errors = {}
    for name, (x, y, shapes) in kinds.items():
        outputs = train(x, y, shapes, steps)
        errors[name] = np.median(np.abs(y - outputs).mean(axis=(1, 2)))
        print(f"{name:18} {errors[name]:10.4f} {np.median(outputs[:, 0]):17.4f}")
    return errors


if __name__ == "__main__":
    main()
