"""Delta trimming: what is too small to matter is left out of the step.

The article names it and does not say what it is. The reading here: a delta is what a weight is about to be changed by,
before alpha; one below the threshold becomes 0. On a machine that skips zeros it saves work. It teaches a network
nothing, and too high a threshold stops it: the table says when, and how many deltas were trimmed.
"""

import numpy as np

import micrograd_np as mg
from micrograd_np import optim

X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
y = np.array([[0, 1, 1, 0]]).T


def train(threshold, steps, networks=20):
    """The mean error of each network, and the share of deltas trimmed."""
    rng = np.random.default_rng(1)
    syn0 = mg.Tensor(2 * rng.random((networks, 3, 4)) - 1, requires_grad=True)
    syn1 = mg.Tensor(2 * rng.random((networks, 4, 1)) - 1, requires_grad=True)
    descent = optim.SGD([syn0, syn1], lr=1)

    trimmed = 0
    for _ in range(steps):
        l1 = mg.sigmoid(X @ syn0)
        l2 = mg.sigmoid(l1 @ syn1)
        loss = np.sum(np.square(y - l2)) / 2
        descent.zero_grad()
        loss.backward()
        optim.trim_deltas([syn0, syn1], threshold)
        descent.step()
        trimmed += np.sum(syn0.grad == 0) + np.sum(syn1.grad == 0)
    return np.abs(y - l2.data).mean(axis=(1, 2)), trimmed / (steps * (syn0.size + syn1.size))


def main(steps=2000, thresholds=(0, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2)):
    """The errors and the share of deltas trimmed, for each threshold."""
    print(f"mean error of 20 networks after {steps:,} steps")
    print("threshold    least   median     most   trimmed")
    found = {threshold: train(threshold, steps) for threshold in thresholds}
    for threshold, (errors, trimmed) in found.items():
        print(f"{threshold:9g} {errors.min():8.4f} {np.median(errors):8.4f} {errors.max():8.4f} {trimmed:9.1%}")
    return found


if __name__ == "__main__":
    main()
