"""Dropout: in each step a part of the hidden units is left out, so that none can rely on the others.

The article's network has four hidden units and four examples: there it only disturbs. It is meant for networks that
learn the accidents of their examples: sixteen hidden units and forty blurred examples, asked about blurred ones that
they have not seen.
"""

import numpy as np

import micrograd_np as mg
from micrograd_np import nn, optim

X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
y = np.array([[0, 1, 1, 0]]).T


def blurred(rng, *shape):
    """The article's examples, so many of them, with noise on both inputs."""
    rows = rng.integers(4, size=shape)
    return X[rows] + rng.normal(0, [0.35, 0.35, 0], (*shape, 3)), y[rows]


def train(x, target, others, their_target, hidden, share, steps, rng, networks=10):
    """The mean squared error at the examples and at others, of networks that drop a share of their hidden units."""
    syn0 = mg.Tensor(2 * rng.random((networks, 3, hidden)) - 1, requires_grad=True)
    syn1 = mg.Tensor(2 * rng.random((networks, hidden, 1)) - 1, requires_grad=True)
    model = nn.Sequential(lambda x: mg.sigmoid(x @ syn0), nn.Dropout(share, rng=rng), lambda x: mg.sigmoid(x @ syn1))
    descent = optim.SGD([syn0, syn1], lr=0.03, momentum=0.9)

    for _ in range(steps):
        loss = np.sum(np.square(target - model(x))) / 2
        descent.zero_grad()
        loss.backward()
        descent.step()

    model.eval()  # from here on nothing is dropped
    with mg.no_grad():
        return np.square(target - model(x)).data.mean(), np.square(their_target - model(others)).data.mean()


def main(steps=1500, shares=(0, 0.2, 0.5)):
    """The errors for each share that is dropped."""
    print(f"mean squared error of 10 networks after {steps:,} steps")
    print("dropped  the article's four  40 blurred, seen  unseen")
    errors = {}
    for share in shares:
        rng = np.random.default_rng(1)
        seen, unseen = blurred(rng, 10, 40), blurred(rng, 1000)
        four, _ = train(X, y, X, y, 4, share, steps, rng)
        forty, others = train(*seen, *unseen, 16, share, steps, rng)
        errors[share] = four, forty, others
        print(f"{share:7.0%} {four:19.4f} {forty:17.4f} {others:7.4f}")
    return errors


if __name__ == "__main__":
    main()
