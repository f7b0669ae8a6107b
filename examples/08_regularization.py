"""Regularization: large weights cost something, so that a network says no more than its examples do.

The article's four examples are all there is, and nothing is to be gained. So here each network gets forty blurred ones,
is wide enough to learn their accidents too, and is asked about blurred ones that it has not seen. A little weight decay
makes it worse on the first and better on the second; too much forgets both.
"""

import numpy as np

import micrograd_np as mg
from micrograd_np import optim

X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
y = np.array([[0, 1, 1, 0]]).T


def blurred(rng, *shape):
    """The article's examples, so many of them, with noise on both inputs."""
    rows = rng.integers(4, size=shape)
    return X[rows] + rng.normal(0, [0.35, 0.35, 0], (*shape, 3)), y[rows]


def forward(x, syn0, syn1):
    return mg.sigmoid(mg.sigmoid(x @ syn0) @ syn1)


def train(decay, steps, networks=10):
    """The weights' root mean square, and the mean squared error at the examples seen and at others."""
    rng = np.random.default_rng(1)
    x, target = blurred(rng, networks, 40)
    others, their_target = blurred(rng, 1000)
    syn0 = mg.Tensor(2 * rng.random((networks, 3, 16)) - 1, requires_grad=True)
    syn1 = mg.Tensor(2 * rng.random((networks, 16, 1)) - 1, requires_grad=True)
    descent = optim.SGD([syn0, syn1], lr=0.03, momentum=0.9, weight_decay=decay)

    for _ in range(steps):
        loss = np.sum(np.square(target - forward(x, syn0, syn1))) / 2
        descent.zero_grad()
        loss.backward()
        descent.step()

    syn0, syn1 = syn0.data, syn1.data
    weights = np.concatenate([syn0.ravel(), syn1.ravel()])
    seen = np.square(target - forward(x, syn0, syn1))
    unseen = np.square(their_target - forward(others, syn0, syn1))
    return np.sqrt(np.mean(np.square(weights))), seen.mean(), unseen.mean()


def main(steps=1500, decays=(0, 0.001, 0.003, 0.01, 0.03)):
    """The figures for each decay."""
    print(f"mean squared error of 10 networks after {steps:,} steps")
    print("weight decay  weights  examples seen  unseen")
    found = {decay: train(decay, steps) for decay in decays}
    for decay, (weights, seen, unseen) in found.items():
        print(f"{decay:12g} {weights:8.2f} {seen:14.4f} {unseen:7.4f}")
    return found


if __name__ == "__main__":
    main()
