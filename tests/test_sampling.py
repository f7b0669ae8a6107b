"""Random draws: the Generator's own, as constants; never from a hidden state."""

import numpy as np
import pytest

import micrograd_np as mg


def test_what_the_generator_draws():
    drawn = mg.sample(np.random.default_rng(0).normal, 1.0, 2.0, size=(2, 3))
    assert np.array_equal(drawn.data, np.random.default_rng(0).normal(1.0, 2.0, size=(2, 3)))
    assert not drawn.requires_grad
    assert mg.sample(np.random.default_rng(0).random).shape == ()


def test_each_call_draws_anew():
    rng = np.random.default_rng(0)
    assert not np.array_equal(mg.sample(rng.random, 3).data, mg.sample(rng.random, 3).data)


@pytest.mark.parametrize("method", [np.random.rand, lambda: 4, np.ones, "random"])
def test_a_hidden_state_is_refused(method):
    with pytest.raises(TypeError, match=r"is no method of a Generator\. Make one with rng = np\.random\.default_rng"):
        mg.sample(method, 3)
