"""The article's 3-layer network: a hidden layer makes, out of two columns that tell nothing, one that tells all.

The errors it prints are the article's, digit by digit.
"""

import numpy as np

import micrograd_np as mg

X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
y = np.array([[0, 1, 1, 0]]).T


def main(steps=60_000):
    """The error every 10,000 steps, and the output at the end."""
    rng = np.random.RandomState(1)  # draws what follows the article's np.random.seed(1)
    syn0 = mg.Tensor(2 * rng.random_sample((3, 4)) - 1, requires_grad=True)
    syn1 = mg.Tensor(2 * rng.random_sample((4, 1)) - 1, requires_grad=True)

    errors = []
    for j in range(steps):
        l0 = X
        l1 = mg.sigmoid(np.dot(l0, syn0))
        l2 = mg.sigmoid(np.dot(l1, syn1))

        l2_error = y - l2
        if j % 10_000 == 0:
            errors.append(np.mean(np.abs(l2_error.data)))
            print(f"Error:{errors[-1]:.12g}")

        loss = np.sum(np.square(l2_error)) / 2
        loss.backward()

        syn1 -= syn1.grad
        syn0 -= syn0.grad
        syn1.zero_grad()
        syn0.zero_grad()

    print("Output After Training:")
    print(l2.data)
    return errors, l2.data


if __name__ == "__main__":
    main()
