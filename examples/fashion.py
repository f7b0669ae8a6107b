"""A convolutional network on Fashion-MNIST: 70,000 pictures of clothes, 28×28 points, in ten classes.

The pictures are no part of the package. On Debian and Ubuntu, `apt install dataset-fashion-mnist` gets them; elsewhere
give the folder that holds their four files: `python examples/fashion.py FOLDER`.
"""

import sys
import time

import numpy as np

import micrograd_np as mg
from micrograd_np import nn, optim


def network(rng):
    """Two layers look at 3×3 points and keep the largest of each 2×2 answers; two more decide."""
    drawn = {"rng": rng, "init": nn.init.he_normal, "dtype": np.float32}
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding="same", **drawn),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding="same", **drawn),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 7 * 7, 128, **drawn),
        nn.ReLU(),
        nn.Dropout(0.25, rng=rng),
        nn.Linear(128, 10, **drawn),
    )


def accuracy(logits, labels):
    return (logits.argmax(-1) == labels).mean()


def main(epochs=6, images=60_000, folder=None, seed=0):
    """The history of learning the first so many images, and how well the test images are told after each epoch."""
    X_train, X_test, y_train, y_test = mg.data.fashion_mnist(folder)
    X_train, y_train = X_train[:images, np.newaxis], y_train[:images]  # (N, 28, 28) to (N, 1, 28, 28): one channel
    X_test, y_test = X_test[:images, np.newaxis], y_test[:images]

    rng = np.random.default_rng(seed)
    model = network(rng)
    print(model.summary((1, 1, 28, 28)))

    optimiser = optim.Adam(model.parameters(), lr=2e-3)
    start = time.process_time()
    history = mg.fit(
        model,
        nn.cross_entropy,
        optimiser,
        (X_train, y_train),
        epochs=epochs,
        size=100,
        rng=rng,
        schedule=optim.CosineAnnealingLR(optimiser, T_max=epochs),
        validation=(X_test, y_test),
        metrics={"accuracy": accuracy},
    )
    seconds = time.process_time() - start
    right = history["val_accuracy"][-1]
    print(f"seed {seed}: {right:.2%} of {len(y_test):,} test images, {seconds:.0f} s of processor time")
    return history


if __name__ == "__main__":
    try:
        main(folder=sys.argv[1] if sys.argv[1:] else None)
    except FileNotFoundError as error:
        sys.exit(str(error))
