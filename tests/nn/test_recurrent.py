"""Recurrent layers are their cells in a loop, over the whole sequence and back."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn

LAYERS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}
each = pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)


def rng():
    return np.random.default_rng(0)


X = rng().normal(size=(5, 2, 3))


def hidden(state):
    return state[0] if isinstance(state, tuple) else state


@each
def test_a_layer_is_its_cell_in_a_loop(layer):
    whole = layer(3, 4, rng=rng())
    state, outputs = None, []
    for x in X:
        state = whole.cells[0](x, state)
        outputs.append(hidden(state).data)
    y, last = whole(X)
    np.testing.assert_allclose(y.data, outputs, rtol=1e-13)
    np.testing.assert_allclose(hidden(last).data[0], outputs[-1], rtol=1e-13)


@each
def test_a_layer_is_as_its_cell_in_second_derivatives_and_float16(layer):
    whole = layer(3, 4, rng=rng())

    def by_cell(x):
        state, outputs = None, []
        for step in x:
            state = whole.cells[0](step, state)
            outputs.append(hidden(state))
        return np.sum(np.stack(outputs) ** 3)

    def by_layer(x):
        return np.sum(whole(x)[0] ** 3)

    v = rng().normal(size=X.shape)
    np.testing.assert_allclose(mg.hvp(by_layer)(X, v).data, mg.hvp(by_cell)(X, v).data, rtol=1e-10)
    half = layer(3, 4, rng=rng(), dtype=np.float16)
    y, state = half(X.astype(np.float16))
    assert y.dtype == hidden(state).dtype == np.float16
    np.testing.assert_allclose(y.data.astype(float), layer(3, 4, rng=rng())(X)[0].data, atol=2e-3)
    y.sum().backward()
    assert {p.grad.dtype for p in half.parameters()} == {np.dtype(np.float16)}


@each
def test_a_weight_written_to_before_backward_does_not_change_the_gradient(layer):
    gradients = []
    for write in (False, True):
        whole = layer(3, 4, rng=rng())
        state = np.ones((1, 2, 4))
        y, _ = whole(X, (state, state.copy()) if layer is nn.LSTM else state)
        if write:
            state[...] = 7
            whole.cells[0].weight_hh.data[...] = 7
        (y * y).sum().backward()
        gradients.append([p.grad for p in whole.parameters()])
    for ours, theirs in zip(*gradients, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@each
def test_two_halves_are_the_whole(layer):
    whole = layer(3, 4, num_layers=2, rng=rng())
    y, last = whole(X)
    first, state = whole(X[:2])
    second, end = whole(X[2:], state)
    np.testing.assert_allclose(np.concatenate([first.data, second.data]), y.data, rtol=1e-13)
    np.testing.assert_allclose(hidden(end).data, hidden(last).data, rtol=1e-13)


@each
def test_the_way_back_is_the_way_there_of_the_reversed(layer):
    both = layer(3, 4, bidirectional=True, rng=rng())
    there = layer(3, 4)
    there.cells[0].load_state_dict(both.cells[1].state_dict())
    y, last = both(X)
    turned, end = there(X[::-1])
    np.testing.assert_allclose(y.data[..., 4:], turned.data[::-1], rtol=1e-13)
    np.testing.assert_allclose(hidden(last).data[1:], hidden(end).data, rtol=1e-13)


@each
def test_batch_first_and_single_sequences(layer):
    one, other = (layer(3, 4, num_layers=2, batch_first=first, rng=rng()) for first in (False, True))
    y, state = one(X)
    z, same = other(X.swapaxes(0, 1))
    assert np.array_equal(y.data, z.data.swapaxes(0, 1))
    assert np.array_equal(hidden(state).data, hidden(same).data)
    for single in (one, other):
        np.testing.assert_allclose(single(X[:, 0])[0].data, y.data[:, 0], rtol=1e-13)


@each
def test_dropout_is_between_the_layers_alone(layer):
    whole = layer(3, 50, num_layers=2, dropout=0.5, rng=rng())
    dropped, kept = whole(X)[0].data, whole.eval()(X)[0].data
    assert (dropped != 0).all()
    assert not np.allclose(dropped, kept)
    assert np.array_equal(kept, layer(3, 50, num_layers=2, rng=rng())(X)[0].data)
    alone = layer(3, 4, dropout=0.5, rng=rng())
    assert np.array_equal(alone(X)[0].data, alone(X)[0].data)


@pytest.mark.slow
@each
def test_gradients(layer):
    whole = layer(2, 3, num_layers=2, bidirectional=True, rng=rng())
    x = rng().normal(size=(3, 2, 2))
    names = [name for name, _ in whole.named_parameters()]

    def loss(x, *weights):
        for name, weight in zip(names, weights, strict=True):
            _, i, attribute = name.split(".")
            setattr(whole.cells[int(i)], attribute, weight)
        y, state = whole(x)
        return (y * y).sum() + hidden(state).sum()

    assert mg.gradcheck(loss, x, *[p.data.copy() for p in whole.parameters()])


@each
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_stays(layer, dtype):
    y, state = layer(3, 4, dtype=dtype)(X.astype(dtype))
    assert y.dtype == hidden(state).dtype == dtype


def test_a_long_sequence_costs_what_its_length_says():
    layer = nn.RNN(2, 3, rng=rng())
    sizes = []
    for steps in (50, 100):
        y, _ = layer(np.ones((steps, 1, 2)))
        y.sum().backward()
        seen, pending = set(), [y]
        while pending:
            node = pending.pop()
            if id(node) not in seen and isinstance(node, mg.Tensor):
                seen.add(id(node))
                pending.extend(node.args or ())
        sizes.append(len(seen))
    assert sizes[1] < 2.1 * sizes[0]


WRONG = [
    (lambda: nn.GRU(3, 4)(np.ones(3)), r"GRU takes sequences of one step or more, \(steps, batch, features\)"),
    (lambda: nn.GRU(3, 4)(np.ones((0, 2, 3))), "takes sequences"),
    (lambda: nn.GRU(3, 4)(np.ones((5, 2, 4))), "GRUCell takes 3 features"),
    (lambda: nn.RNN(3, 4, 2)(X, np.ones((1, 2, 4))), r"must be one array h of shape \(2, 2, 4\)"),
    (
        lambda: nn.LSTM(3, 4)(X, (np.ones((1, 2, 4)), np.ones((1, 2, 5)))),
        r"LSTM must be .* of shape \(1, 2, 4\), not given \(1, 2, 4\) float64, given \(1, 2, 5\)",
    ),
    (lambda: nn.LSTM(3, 4)(X[:, 0], (np.ones((1, 2, 4)),) * 2), r"of shape \(1, 4\)"),
    (lambda: nn.RNN(3, 4, nonlinearity="sin"), "nonlinearity must be one of 'tanh', 'relu', not 'sin'"),
]


@pytest.mark.parametrize(("call", "message"), WRONG)
def test_what_does_not_fit_is_said(call, message):
    with pytest.raises(ValueError, match=message):
        call()


STATES = [
    (
        nn.GRU(3, 4),
        (5, 2, 3),
        ((1, 2, 4), (1, 2, 4)),
        r"this GRU must be one array h of shape \(1, 2, 4\), not given \(2, 1, 2, 4\)",
    ),
    (nn.LSTM(3, 4), (5, 2, 3), (1, 2, 4), r"LSTM must be a pair of arrays \(h, c\) of shape \(1, 2, 4\)"),
    (nn.LSTM(3, 4), (5, 2, 3), ((1, 2, 4),) * 3, r"a pair of arrays \(h, c\) of shape \(1, 2, 4\), not given"),
    (nn.LSTMCell(3, 4), (2, 3), (2, 4), r"LSTMCell must be a pair of arrays \(h, c\) of shape \(2, 4\)"),
    (nn.GRUCell(3, 4), (2, 3), ((2, 4), (2, 4)), r"GRUCell must be one array h of shape \(2, 4\)"),
    (nn.RNNCell(3, 4), (4, 3), (1, 4), r"this RNNCell must be one array h of shape \(4, 4\), not given \(1, 4\)"),
    (nn.RNNCell(3, 4), (3,), (1, 4), r"this RNNCell must be .* of shape \(4,\)"),
    (
        nn.LSTMCell(3, 4),
        (2, 3),
        ((2, 4), (1, 4)),
        r"this LSTMCell must be .* of shape \(2, 4\), not .*, given \(1, 4\)",
    ),
    (nn.GRU(3, 4, num_layers=2), (5, 2, 3), (1, 2, 4), r"this GRU must be .* of shape \(2, 2, 4\)"),
]


@pytest.mark.parametrize(("layer", "shape", "state", "says"), STATES)
def test_a_state_of_another_kind_or_shape_is_refused(layer, shape, state, says):
    is_pair = isinstance(state[0], tuple)
    given = tuple(map(np.zeros, state)) if is_pair else np.zeros(state)
    with pytest.raises(ValueError, match=says):
        layer(np.ones(shape), given)


BATCHES = [
    ((2, 1, 4), (2, 3, 4), (2, 3, 4), "with one number of samples N"),
    ((2, 3, 4), (2, 3, 4), (5, 3, 4), "key and value one length"),
    ((2, 3, 4), (3, 4), (3, 4), r"as \(L, N, E\), since batch_first is False: all must have three axes, or all two"),
    ((4,), (4,), (4,), "three axes"),
    ((2, 3, 5), (2, 3, 4), (2, 3, 4), r"takes 4 features on the last axis, and x \(2, 3, 5\) float64 has 5"),
]


@pytest.mark.parametrize(("q", "k", "v", "says"), BATCHES)
def test_attention_refuses_shapes_that_do_not_belong_together(q, k, v, says):
    with pytest.raises(ValueError, match=says):
        nn.MultiheadAttention(4, 2)(np.ones(q), np.ones(k), np.ones(v))
