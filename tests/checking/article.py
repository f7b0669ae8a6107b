"""The article's 3-layer network, recorded, beside its hand lines."""

import numpy as np

import micrograd_np as mg

X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
Y = np.array([[0], [1], [1], [0]])


def nonlin(x, deriv=False):
    if deriv:
        return x * (1 - x)
    return 1 / (1 + np.exp(-x))


def record():
    """The loss and the gradients by hand, all of them right."""
    rng = np.random.RandomState(1)
    syn0 = mg.Tensor(2 * rng.random((3, 4)) - 1, requires_grad=True, name="syn0")
    syn1 = mg.Tensor(2 * rng.random((4, 1)) - 1, requires_grad=True, name="syn1")
    l1 = nonlin(np.dot(X, syn0))
    l2 = nonlin(np.dot(l1, syn1))
    l1.name, l2.name = "l1", "l2"
    loss = ((Y - l2) ** 2).sum() / 2

    l2_error = Y - l2.data
    l2_delta = l2_error * nonlin(l2.data, deriv=True)
    l1_error = l2_delta.dot(syn1.data.T)
    l1_delta = l1_error * nonlin(l1.data, deriv=True)
    rows = {
        "l2_error": l2_error,
        "l2_delta": l2_delta,
        "l1_error": l1_error,
        "l1_delta": l1_delta,
        "syn1": l1.data.T.dot(l2_delta),
        "syn0": X.T.dot(l1_delta),
    }
    return loss, rows


def nodes(loss):
    found, pending = set(), [loss]
    while pending:
        node = pending.pop()
        if node not in found:
            found.add(node)
            pending += [x for x, _ in node._parents]
    return found


def value_of(loss, name):
    """The value that a graph holds under a name."""
    return next(x for x in nodes(loss) if x.name == name).data
