"""The article's 2-layer network: one matrix of weights finds the column that tells the output.

`backward` works out what the article derives by hand: its l1_error is minus the gradient of l1, its update of syn0
minus that of syn0.
"""

import numpy as np

import micrograd_np as mg

X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
y = np.array([[0, 0, 1, 1]]).T


def main(steps=10_000):
    """The output after training, and the weights."""
    rng = np.random.RandomState(1)  # draws what follows the article's np.random.seed(1)
    syn0 = mg.Tensor(2 * rng.random_sample((3, 1)) - 1, requires_grad=True)

    for _ in range(steps):
        l0 = X
        l1 = mg.sigmoid(np.dot(l0, syn0))

        l1_error = y - l1
        loss = np.sum(np.square(l1_error)) / 2
        loss.backward()

        syn0 -= syn0.grad
        syn0.zero_grad()

    print("Output After Training:")
    print(l1.data)
    print("What it learned about the three columns:")
    print(syn0.data)
    print(f"l1_error is -l1.grad to the last bit: {np.array_equal(l1_error.data, -l1.grad)}")
    return l1.data, syn0.data


if __name__ == "__main__":
    main()
