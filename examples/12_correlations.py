"""The hidden layer at work: the article's table, before and after training.

In xor, no input column says anything about the output: each has a correlation of 0 with it. The hidden units have a
small one before training, by chance. Training makes it larger, because the last layer sees only the hidden units.
"""

import numpy as np

import micrograd_np as mg

X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
y = np.array([[0, 1, 1, 0]]).T


def forward(syn0, syn1):
    l1 = mg.sigmoid(np.dot(X, syn0))
    return l1, mg.sigmoid(np.dot(l1, syn1))


def correlations(columns):
    """Of each column with the output."""
    return np.array([np.corrcoef(column, y[:, 0])[0, 1] for column in columns.T])


def show(title, l1, l2):
    print(title)
    print("inputs       hidden layer l1                 output l2  wanted")
    for x, hidden, output, wanted in zip(X, l1, l2, y, strict=True):
        cells = "  ".join(f"{value:5.2f}" for value in hidden)
        print(f"{x[0]} {x[1]} {x[2]}        {cells}       {output[0]:5.2f}         {wanted[0]}")
    cells = "  ".join(f"{r:+.2f}" for r in correlations(l1))
    print(f"correlation  {cells}       {correlations(l2)[0]:+.2f}\n")


def main(steps=10_000, seed=1):
    """The correlations of the hidden units with the output, before and after training."""
    rng = np.random.default_rng(seed)
    syn0 = mg.Tensor(2 * rng.random((3, 4)) - 1, requires_grad=True)
    syn1 = mg.Tensor(2 * rng.random((4, 1)) - 1, requires_grad=True)
    print("the input columns 1 and 2 correlate with the output by", *correlations(X[:, :2]), end="\n\n")

    before = forward(syn0.data, syn1.data)
    show("before training", *before)
    for _ in range(steps):
        _, l2 = forward(syn0, syn1)
        loss = np.sum(np.square(y - l2)) / 2
        loss.backward()
        for syn in (syn0, syn1):
            syn -= syn.grad
            syn.zero_grad()
    after = forward(syn0.data, syn1.data)
    show(f"after {steps:,} steps", *after)
    return correlations(before[0]), correlations(after[0]), np.abs(y - after[1]).mean()


if __name__ == "__main__":
    main()
