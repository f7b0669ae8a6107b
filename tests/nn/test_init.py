"""First weights: their bounds and variances, drawn from the Generator that was given and from no other."""

import numpy as np
import pytest

from micrograd_np import nn
from micrograd_np.nn import init

SHAPE = (200, 100)
KERNEL = (40, 30, 3, 3)

# The initialiser, the variance that it is to have for each shape, and its bound.
DRAWN = [
    (init.uniform, SHAPE, 1 / 3, 1.0),
    (init.fan_in_uniform, SHAPE, 1 / 300, 0.1),
    (init.xavier_uniform, SHAPE, 2 / 300, np.sqrt(6 / 300)),
    (init.xavier_normal, SHAPE, 2 / 300, np.inf),
    (init.he_uniform, SHAPE, 2 / 100, np.sqrt(6 / 100)),
    (init.he_normal, SHAPE, 2 / 100, np.inf),
    (init.he_normal, KERNEL, 2 / 270, np.inf),
    (init.xavier_uniform, KERNEL, 2 / 630, np.sqrt(6 / 630)),
]


@pytest.mark.parametrize(("draw", "shape", "variance", "bound"), DRAWN)
def test_variance_and_bound(draw, shape, variance, bound):
    weights = draw(np.random.default_rng(0), shape)
    assert weights.shape == shape
    assert abs(weights.mean()) < 0.05 * np.sqrt(variance)
    assert np.isclose(weights.var(), variance, rtol=0.05)
    assert 0.98 * min(bound, 4) < np.abs(weights).max() <= bound or bound == np.inf
    assert np.array_equal(weights, draw(np.random.default_rng(0), shape))
    assert not np.array_equal(weights, draw(np.random.default_rng(1), shape))


def test_uniform_is_the_articles():
    assert np.array_equal(
        init.uniform(np.random.default_rng(1), (3, 4)), 2 * np.random.default_rng(1).random((3, 4)) - 1
    )


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (4, 3, 2, 2), (2, 1, 1)])
def test_orthogonal_rows_or_columns(shape):
    weights = init.orthogonal(np.random.default_rng(0), shape).reshape(shape[0], -1)
    gram = weights @ weights.T if weights.shape[0] <= weights.shape[1] else weights.T @ weights
    assert np.allclose(gram, np.eye(len(gram)))


def test_layers_begin_alike_from_generators_alike():
    def layers(seed):
        rng = np.random.default_rng(seed)
        return nn.Sequential(
            nn.Linear(3, 4, rng=rng),
            nn.Conv1d(2, 2, 3, rng=rng),
            nn.Embedding(3, 2, rng=rng),
            nn.LSTMCell(2, 3, rng=rng),
            nn.MultiheadAttention(4, 2, rng=rng),
        ).state_dict()

    one, same, other = layers(0), layers(0), layers(1)
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert not any(np.array_equal(one[name], other[name]) for name in one if "weight" in name)


def test_a_layer_takes_an_initialiser():
    assert not nn.Linear(3, 4, init=init.zeros).weight.data.any()
    rows = nn.Conv2d(2, 3, 2, init=init.orthogonal).weight.data.reshape(3, -1)
    assert np.allclose(rows @ rows.T, np.eye(3))


def test_cells_begin_within_the_root_of_their_size():
    for cell in (nn.RNNCell(9, 25), nn.LSTMCell(9, 25), nn.GRUCell(9, 25)):
        drawn = np.concatenate([p.data.ravel() for p in cell.parameters()])
        assert 0.19 < np.abs(drawn).max() <= 0.2


def test_orthogonal_weights_have_no_favourite_sign():
    first = [init.orthogonal(np.random.default_rng(seed), (2, 2))[0, 0] for seed in range(200)]
    assert 70 < np.sum(np.greater(first, 0)) < 130
