"""Mini-batches: a step after a few examples instead of after all of them.

The article's loss is a sum, so a pass over the examples moves the weights about as far in four small steps as in one
large one. With four examples that gains nothing, and a few networks end worse, for what each step knows is less. It
pays where one pass is long and the examples say much the same: see `digits.py`, whose 1,437 images are 45 batches.
"""

import numpy as np

import micrograd_np as mg
from micrograd_np import optim

X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
y = np.array([[0, 1, 1, 0]]).T


def forward(x, syn0, syn1):
    return mg.sigmoid(mg.sigmoid(x @ syn0) @ syn1)


def train(size, passes, networks=20):
    """The mean error of each network after so many looks at each example; the networks share their batches."""
    rng = np.random.default_rng(1)
    syn0 = mg.Tensor(2 * rng.random((networks, 3, 4)) - 1, requires_grad=True)
    syn1 = mg.Tensor(2 * rng.random((networks, 4, 1)) - 1, requires_grad=True)
    descent = optim.SGD([syn0, syn1], lr=1)

    for _ in range(passes):
        for x, target in mg.data.batches(X, y, size, rng=rng):
            loss = np.sum(np.square(target - forward(x, syn0, syn1))) / 2
            descent.zero_grad()
            loss.backward()
            descent.step()
    return np.abs(y - forward(X, syn0.data, syn1.data)).mean(axis=(1, 2))


def main(passes=2000):
    """The errors for each batch size, after as many passes over the examples and after as many steps."""
    print("mean error of 20 networks")
    print("batch  passes  steps    least   median     most")
    errors = {}
    for size, over in ((4, passes), (2, passes), (1, passes), (2, passes // 2), (1, passes // 4)):
        found = errors[size, over] = train(size, over)
        steps = over * 4 // size
        print(f"{size:5} {over:7,} {steps:6,} {found.min():8.4f} {np.median(found):8.4f} {found.max():8.4f}")
    return errors


if __name__ == "__main__":
    main()
