"""A small problem that the tests of fit train on, and the loop by hand that fit stands for."""

import numpy as np

import micrograd_np as mg
from micrograd_np import nn, optim

X = np.random.default_rng(7).normal(size=(50, 3))
Y = (X @ [1.0, -2.0, 0.5] > 0).astype(int)
SIZE, STEPS = 16, 4  # samples in a batch, batches in an epoch


def network(seed=0):
    """A model with everything that a checkpoint has to know: weights, running statistics, random draws."""
    rng = np.random.default_rng(seed)
    layers = nn.Linear(3, 8, rng=rng), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3, rng=rng), nn.Linear(8, 2, rng=rng)
    return nn.Sequential(*layers), rng


def accuracy(logits, labels):
    return np.mean(logits.argmax(-1) == labels)


def fitted(epochs, make=lambda model: optim.Adam(model.parameters(), lr=0.01), scheduled=None, **options):
    """A model, its optimiser and its history, made and trained from the same seed."""
    model, rng = network()
    optimiser = make(model)
    if scheduled:
        options["schedule"] = scheduled(optimiser)
    options = {"size": SIZE, "rng": rng, "quiet": True} | options
    return model, optimiser, mg.fit(model, nn.cross_entropy, optimiser, (X, Y), epochs=epochs, **options)


def by_hand(epochs):
    """The loop that fit runs, written out."""
    model, rng = network()
    optimiser = optim.Adam(model.parameters(), lr=0.01)
    history = []
    for _ in range(epochs):
        total = 0
        for x, y in mg.data.batches(X, Y, SIZE, rng=rng):
            loss = nn.cross_entropy(model(x), y)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item() * len(y)
        history.append(total / len(Y))
    return model, optimiser, history


def same(one, other):
    """True if two models or optimisers hold the same bits."""
    mine, theirs = one.state_dict(), other.state_dict()
    return mine.keys() == theirs.keys() and all(np.array_equal(mine[name], theirs[name]) for name in mine)
