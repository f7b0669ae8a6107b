"""Alpha: how far a step goes along the gradient. The article's 3-layer network takes 1.

Too small an alpha has not arrived when the steps are over. Too large a one throws the sigmoids to where they are flat,
and nothing moves any more. Twenty networks, each with weights of its own, learn side by side.
"""

import numpy as np

import micrograd_np as mg
from micrograd_np import optim

X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
y = np.array([[0, 1, 1, 0]]).T


def train(alpha, steps, networks=20):
    """The mean error of each network."""
    rng = np.random.default_rng(1)
    syn0 = mg.Tensor(2 * rng.random((networks, 3, 4)) - 1, requires_grad=True)
    syn1 = mg.Tensor(2 * rng.random((networks, 4, 1)) - 1, requires_grad=True)
    descent = optim.SGD([syn0, syn1], lr=alpha)

    for _ in range(steps):
        l1 = mg.sigmoid(X @ syn0)
        l2 = mg.sigmoid(l1 @ syn1)
        loss = np.sum(np.square(y - l2)) / 2
        descent.zero_grad()
        loss.backward()
        descent.step()
    return np.abs(y - l2.data).mean(axis=(1, 2))


def main(steps=2000, alphas=(0.01, 0.1, 1, 10, 100, 1000)):
    """The errors for each alpha."""
    print(f"mean error of 20 networks after {steps:,} steps")
    print("   alpha    least   median     most")
    errors = {alpha: train(alpha, steps) for alpha in alphas}
    for alpha, found in errors.items():
        print(f"{alpha:8g} {found.min():8.4f} {np.median(found):8.4f} {found.max():8.4f}")
    return errors


if __name__ == "__main__":
    main()
