"""Faults in training, by hand and with fit, are named with the cure, and nothing is learned from bad numbers."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn, optim

X = np.random.default_rng(0).normal(size=(8, 3))
Y = np.array([0, 1, 2, 0, 1, 2, 0, 1])
T = X @ np.array([[1.0], [2.0], [3.0]])


def rng():
    return np.random.default_rng(0)


def by_hand(model, loss, optimiser, x, y, steps=1):
    for _ in range(steps):
        cost = loss(model(x), y)
        optimiser.zero_grad()
        cost.backward()
        optimiser.step()


def by_fit(model, loss, optimiser, x, y, steps=1):
    mg.fit(model, loss, optimiser, (x, y), epochs=steps, size=8, rng=rng(), quiet=True)


LOOPS = {"by hand": by_hand, "fit": by_fit}
both = pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)


def classifier():
    return nn.Linear(3, 3, rng=rng())


WRONG = {
    "label too large": (Y + 1, IndexError, r"count from 0 to 2, and 2 of 8 lie outside, the first at index \(\d,\): 3"),
    "label below 0": (Y - 1, IndexError, "3 of 8 lie outside"),
    "labels that are floats": (Y / 1.0, TypeError, r"\.astype\(int\)"),
    "labels in a column": (Y[:, None], ValueError, r"takes labels of shape \(8,\)"),
}


@both
@pytest.mark.parametrize(("labels", "error", "message"), WRONG.values(), ids=WRONG)
def test_wrong_labels(loop, labels, error, message):
    model = classifier()
    before = model.state_dict()
    with pytest.raises(error, match=message):
        loop(model, nn.cross_entropy, optim.SGD(model.parameters(), lr=0.1), X, labels)
    assert all(np.array_equal(value, before[name]) for name, value in model.state_dict().items())


@both
def test_targets_in_a_row_against_predictions_in_a_column(loop):
    model = nn.Linear(3, 1, rng=rng())
    with pytest.raises(ValueError, match=r"target.reshape\(8, 1\)"):
        loop(model, nn.mse_loss, optim.SGD(model.parameters()), X, T[:, 0])


@both
@pytest.mark.parametrize("loss", [nn.cross_entropy, lambda z, y: nn.mse_loss(z, mg.data.one_hot(y, 3))])
def test_an_empty_batch(loop, loss):
    model = classifier()
    with pytest.raises(ValueError, match=r"empty batch|at least one"):
        loop(model, loss, optim.SGD(model.parameters()), X[:0], Y[:0])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_in_data_is_found_before_the_first_step(bad):
    x = X.copy()
    x[5, 1] = bad
    model = classifier()
    with pytest.raises(ValueError, match=rf"1 of 24 entries, the first at \(5, 1\): {bad}"):
        by_fit(model, nn.cross_entropy, optim.SGD(model.parameters()), x, Y)


def test_nan_in_data_by_hand_changes_no_weight():
    x = np.where(X[5, 1] == X, np.nan, X)
    model = classifier()
    before = model.state_dict()
    with pytest.raises(FloatingPointError, match="the gradient of weight has a nan or inf, and nothing was changed"):
        by_hand(model, nn.cross_entropy, optim.SGD(model.named_parameters()), x, Y)
    assert all(np.array_equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_parameter_given_twice():
    model = classifier()
    with pytest.raises(ValueError, match="bias was given to SGD twice, as number 1 and number 2"):
        optim.SGD([*model.named_parameters(), ("bias", model.bias)])


def test_a_module_that_is_shared_counts_once_and_learns_from_both_uses():
    layer = nn.Linear(3, 3, rng=rng())
    model = nn.Sequential(layer, np.tanh, layer)
    assert [name for name, _ in model.named_parameters()] == ["layers.0.weight", "layers.0.bias"]
    assert model.num_parameters() == 12
    by_fit(model, nn.cross_entropy, optim.SGD(model.parameters(), lr=0.1), X, Y)
    weight, bias = (mg.Tensor(p.data, requires_grad=True) for p in classifier().parameters())
    hidden = np.tanh(X @ weight.T + bias)
    nn.cross_entropy(hidden @ weight.T + bias, Y).backward()
    np.testing.assert_allclose(layer.weight.data, weight.data - 0.1 * weight.grad, rtol=1e-12)


def test_step_before_backward():
    model = classifier()
    with pytest.raises(RuntimeError, match=r"call loss.backward\(\) before step\(\)"):
        optim.SGD(model.parameters()).step()


class Forgetful(nn.Module):
    def __init__(self):
        self.used, self.forgotten = nn.Linear(3, 3, rng=rng()), nn.Linear(3, 3, bias=False, rng=rng())

    def forward(self, x):
        return self.used(x)


@both
def test_parameters_that_no_gradient_reached_are_named(loop):
    model = Forgetful()
    before = model.state_dict()
    with pytest.raises(RuntimeError, match=r"no gradient reached forgotten.weight\. .*requires_grad = False"):
        loop(model, nn.cross_entropy, optim.SGD(model.named_parameters()), X, Y)
    assert all(np.array_equal(value, before[name]) for name, value in model.state_dict().items())
    model.forgotten.freeze()
    loop(model, nn.cross_entropy, optim.SGD(model.used.parameters(), lr=0.1), X, Y)
    assert not np.array_equal(model.used.weight.data, before["used.weight"])


def test_an_optimiser_of_another_model():
    model, other = Forgetful(), Forgetful()
    for parameters, said in [
        (other.parameters(), "used.weight, used.bias, forgotten.weight"),
        (model.used.parameters(), "forgotten.weight"),
    ]:
        with pytest.raises(ValueError, match=f"SGD was not given {said} of this model"):
            by_fit(model, nn.cross_entropy, optim.SGD(parameters), X, Y)


def test_a_model_that_is_no_module():
    weight = nn.Parameter(np.ones((3, 3)))
    with pytest.raises(TypeError, match="fit: model must be a Module, not a function"):
        by_fit(lambda x: x @ weight, nn.cross_entropy, optim.SGD([weight]), X, Y)


@both
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid")
@pytest.mark.parametrize("make", [optim.SGD, lambda p, lr: optim.SGD(p, lr=lr, momentum=0.9)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_learning_rate_that_diverges_is_said_before_any_weight_is_nan(loop, make, dtype):
    model = nn.Linear(3, 1, rng=rng(), dtype=dtype)
    with pytest.raises(FloatingPointError, match=r"the learning rate \(50\) is too high: lower it, or clip gradients"):
        loop(model, nn.mse_loss, make(model.parameters(), lr=50), X.astype(dtype), T.astype(dtype), steps=2000)
    assert all(np.isfinite(p.data).all() for p in model.parameters())


def test_fit_says_when_it_diverged():
    model = nn.Linear(3, 1, rng=rng())
    with pytest.raises(FloatingPointError, match=r"step (\d+), epoch \1\. If it grew before, the learning rate \(50\)"):
        by_fit(model, nn.mse_loss, optim.SGD(model.parameters(), lr=50), X, T, steps=2000)


def test_a_loss_that_is_nan_at_once():
    model = nn.Linear(3, 1, rng=rng())
    with pytest.raises(FloatingPointError, match=r"nan in step 1, epoch 1\. .* look at the data, the first weights"):
        by_fit(model, lambda z, t: np.log(nn.mse_loss(z, t) * 0 - 1), optim.SGD(model.parameters()), X, T)


@both
def test_inputs_of_another_dtype_than_the_weights(loop):
    model = nn.Linear(3, 3, rng=rng(), dtype=np.float32)
    with pytest.raises(TypeError, match=r"x.astype\('float32'\)"):
        loop(model, nn.cross_entropy, optim.SGD(model.parameters()), X, Y)


def test_layers_of_different_dtypes():
    model = nn.Sequential(nn.Linear(3, 4, rng=rng()), nn.Linear(4, 3, rng=rng(), dtype=np.float32))
    with pytest.raises(TypeError, match="Linear of float32 weights: all that follows would be float64"):
        model(X)


@both
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_targets_of_another_dtype_change_no_weights_dtype(loop, dtype):
    model = nn.Linear(3, 1, rng=rng(), dtype=np.float32)
    loop(model, nn.mse_loss, optim.Adam(model.parameters()), X.astype(np.float32), T.astype(dtype), steps=2)
    assert {p.dtype for p in model.parameters()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("data", [iter([]), X, [X], {"x": X}, iter(mg.data.batches(X, Y, 4, shuffle=False))])
def test_what_is_no_data_is_said(data):
    model = classifier()
    with pytest.raises(TypeError, match=r"data must be a pair of arrays \(x, y\), or a function"):
        mg.fit(model, nn.cross_entropy, optim.SGD(model.parameters()), data, epochs=1, quiet=True)


PAIRS = [
    [(X[:4], T[:4]), (X[4:], T[4:])],
    ([X[:4], T[:4]], [X[4:], T[4:]]),
    [(X, T)],
    [(mg.Tensor(X), T), (mg.Tensor(X), T)],
]


@pytest.mark.parametrize("data", PAIRS)
def test_a_list_of_batches_is_not_taken_for_arrays(data):
    model = nn.Linear(3, 1, rng=rng())
    for options in ({"data": data}, {"data": (X, T), "validation": data}):
        name = list(options)[-1]
        with pytest.raises(TypeError, match=rf"{name} must be a pair .* write {name}=lambda: {name}, .* np\.stack"):
            mg.fit(model, nn.mse_loss, optim.SGD(model.parameters()), **options, epochs=1, rng=rng(), quiet=True)


def test_lists_of_numbers_are_arrays():
    model = nn.Linear(3, 1, rng=rng())
    history = mg.fit(model, nn.mse_loss, optim.SGD(model.parameters()), (X.tolist(), T.tolist()), epochs=1, rng=rng())
    assert history.epochs() == 1


def test_a_function_that_gives_no_batches():
    model = classifier()
    once = iter(mg.data.batches(X, Y, 4, shuffle=False))
    with pytest.raises(ValueError, match="used up in the epoch before"):
        mg.fit(model, nn.cross_entropy, optim.SGD(model.parameters()), lambda: once, epochs=2, quiet=True)


def test_shuffling_without_a_generator():
    model = classifier()
    with pytest.raises(TypeError, match=r"rng=np.random.default_rng\(seed\)"):
        mg.fit(model, nn.cross_entropy, optim.SGD(model.parameters()), (X, Y), epochs=1, quiet=True)
