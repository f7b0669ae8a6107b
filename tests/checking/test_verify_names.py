"""The names of gradients by hand on a recorded graph, and the values that they mean."""

from itertools import pairwise

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.checking import verify

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
W1, W2 = (mg.Tensor(rng.normal(size=shape), requires_grad=True) for shape in ((3, 5), (5, 2)))
b1, b2 = (mg.Tensor(rng.normal(size=size), requires_grad=True) for size in (5, 2))

z1 = X @ W1 + b1
a1 = 1 / (1 + np.exp(-z1))
z2 = a1 @ W2 + b2
a2 = np.tanh(z2)
loss = 0.5 * ((a2 - Y) ** 2).sum()

da2 = a2.data - Y
dz2 = da2 * (1 - a2.data**2)
da1 = dz2 @ W2.data.T
dz1 = da1 * a1.data * (1 - a1.data)
dw1, dw2, db1 = X.T @ dz1, a1.data.T @ dz2, dz1.sum(axis=0)

NAMES = {
    "delta2 and delta1": {"delta2": dz2, "delta1": dz1},
    "delta_2 and delta_1": {"delta_2": dz2, "delta_1": dz1},
    "d2 and d1": {"d2": dz2, "d1": dz1},
    "d2 and d1 of activations": {"d2": da2, "d1": da1, "dW1": dw1},
    "gW1": {"gW2": dw2, "gW1": dw1},
    "grads_W1": {"grads_W1": dw1, "gradient_b1": db1},
    "W1.grad": {"W1.grad": dw1, "W2.gradient": dw2},
    "D_W1": {"D_W1": dw1},
    "hidden_delta": {"output_delta": dz2, "hidden_delta": dz1, "dW1": dw1},
    "delta_a1 of the pre-activation": {"delta_a2": dz2, "delta_a1": dz1, "dW1": dw1},
    "delta_a1 of the activation": {"delta_a2": da2, "delta_a1": da1, "dW1": dw1},
    "delta_a1 beside delta_z1": {"delta_a2": da2, "delta_z2": dz2, "delta_a1": da1, "delta_z1": dz1},
    "minus delta_a1": {"delta_a2": -da2, "delta_a1": -da1, "dW1": -dw1},
}


@pytest.mark.parametrize("names", NAMES)
def test_names_that_have_one_meaning_in_the_graph(names):
    report = verify(loss, NAMES[names])
    assert report.verdict == "OK", str(report)


@pytest.mark.parametrize("name", ["error", "da", "delta3", "delta", "hidden", "last_delta"])
def test_names_that_have_none_or_several_are_refused(name):
    with pytest.raises(ValueError, match=f"the graph has no value called '{name}'"):
        verify(loss, {name: da2})


def test_a_name_with_two_meanings_is_said_to_have_the_one_that_its_numbers_fit():
    report = verify(loss, {"delta_a1": da1, "dW1": dw1})
    assert "delta_a1 is taken for the gradient of a1, whose numbers it has" in str(report)


def test_a_delta_without_the_slope_is_wrong_where_the_error_is_given_too():
    report = verify(loss, {"a1_error": da1, "a1_delta": da1, "dW1": X.T @ da1})
    assert report.headline().startswith("verify: WRONG at a1_delta: the activation's derivative is left out")


def test_what_is_made_of_a_delta_without_the_slope_is_wrong():
    report = verify(loss, {"delta_a1": da1, "dW1": X.T @ da1})
    assert report.headline().startswith("verify: WRONG at dW1: the activation's derivative is left out")


def test_a_delta_of_a_layer_is_the_error_times_the_slope():
    report = verify(loss, {"a1_delta": da1})
    assert report.headline().startswith("verify: WRONG at a1_delta: the activation's derivative is left out")


def test_a_meaning_is_found_below_a_wrong_row():
    """`delta_a1` is right, given `delta_z2`, and so is no second mistake."""
    wrong = 2 * dz2 * (1 + da2)
    report = verify(loss, {"delta_z2": wrong, "delta_a1": wrong @ W2.data.T, "dW1": dw1})
    assert {row.label: row.status for row in report.rows}["delta_a1"] == "right, given"


def test_a_wrong_row_without_a_wrong_entry_is_no_error():
    """Two gradients by hand of one value: the first fits, and the row of the second is wrong."""
    report = verify(loss, {"dz1": dz1, "z1_grad": 3 * dz1 + 1, "dW1": dw1})
    assert not report


# Lists, as in a network of any number of layers.

sizes = [4, 6, 3]
biases = [mg.Tensor(rng.normal(size=(n, 1)), requires_grad=True) for n in sizes[1:]]
weights = [mg.Tensor(rng.normal(size=(n, m)), requires_grad=True) for m, n in pairwise(sizes)]
x, y = rng.normal(size=(4, 1)), np.array([[0.0], [1.0], [0.0]])


@pytest.mark.parametrize(
    "keys",
    [
        {"biases[{}]": "b", "weights[{}]": "w"},
        {"nabla_b[{}]": "b", "nabla_w[{}]": "w"},
        {"dbiases[{}]": "b", "weights[{}].grad": "w", "delta_zs[{}]": "z"},
    ],
)
def test_items_of_lists_have_names_though_a_loop_gave_them_others(keys):
    activation = x
    activations, zs = [x], []
    for b, w in zip(biases, weights, strict=True):
        z = w @ activation + b
        zs.append(z)
        activation = 1 / (1 + np.exp(-z))
        activations.append(activation)
    loss = 0.5 * ((activations[-1] - y) ** 2).sum()
    last, hidden = activations[-1].data, activations[-2].data
    delta = (last - y) * last * (1 - last)
    below = weights[-1].data.T @ delta * hidden * (1 - hidden)
    right = {"b": [below, delta], "w": [below @ x.T, delta @ hidden.T], "z": [below, delta]}
    hand = {key.format(i): right[kind][i] for key, kind in keys.items() for i in range(2)}
    report = verify(loss, hand)
    assert report.verdict == "OK", str(report)
    assert not verify(loss, {**hand, next(iter(hand)): 2 * delta[0] + below})


def test_dz1_is_the_gradient_before_the_activation_that_has_the_name():
    rng = np.random.default_rng(4)
    x, w1 = rng.normal(size=(5, 3)), mg.Tensor(rng.normal(size=(3, 2)), requires_grad=True)
    a1 = np.tanh(x @ w1)
    loss = (a1**2).sum()
    dz1 = 2 * a1.data * (1 - a1.data**2)
    assert mg.verify(loss, {"dz1": dz1, "dw1": x.T @ dz1})
