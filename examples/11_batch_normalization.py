"""Batch normalization: the hidden layer's sums get mean 0 and variance 1 over the batch, whatever the input's units.

The article's network learns from zeros and ones. With the same inputs in other units, a hundredth or a hundred times as
large, alpha 1 is too small or too large for it; with batch normalization it learns all the same. At a hundredth one
sees that 0.00001 is added to the variance. With inputs of 0 and 1 little is gained.
"""

import numpy as np

from micrograd_np import nn, optim

X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
y = np.array([[0, 1, 1, 0]]).T


def network(rng, normalized):
    """The article's network, its weights from -1 to 1, with or without batch normalization before the first sigmoid."""
    between = [nn.BatchNorm1d(4)] if normalized else []
    return nn.Sequential(
        nn.Linear(3, 4, bias=False, rng=rng, init=nn.init.uniform),
        *between,
        nn.Sigmoid(),
        nn.Linear(4, 1, bias=False, rng=rng, init=nn.init.uniform),
        nn.Sigmoid(),
    )


def train(model, x, steps):
    """The mean error after training, with the statistics that the training kept."""
    descent = optim.SGD(model.parameters(), lr=1)
    for _ in range(steps):
        loss = nn.half_squared_error(model(x), y)
        descent.zero_grad()
        loss.backward()
        descent.step()
    return np.abs(y - model.eval()(x).data).mean()


def main(steps=1000, scales=(0.01, 1, 100), seeds=(0, 1, 2)):
    """The errors for each scale of the inputs, without batch normalization and with it."""
    print(f"mean error after {steps:,} steps, seeds {', '.join(map(str, seeds))}")
    print("inputs     without                  with")
    errors = {}
    for scale in scales:
        pairs = [[train(network(np.random.default_rng(s), n), scale * X, steps) for s in seeds] for n in (False, True)]
        errors[scale] = np.array(pairs)
        without, within = ("  ".join(f"{error:.4f}" for error in row) for row in pairs)
        print(f"× {scale:<8g} {without}   {within}")
    return errors


if __name__ == "__main__":
    main()
