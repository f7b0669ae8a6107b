"""Random draws: the Generator's own, as constants; never from a hidden state."""

import random

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.random import generator_state


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


GENERATORS = [
    (random.Random(0), lambda rng: rng.random()),
    (np.random.RandomState(0), lambda rng: rng.random()),
    (np.random.default_rng(0), lambda rng: rng.random()),
    (np.random.Generator(np.random.MT19937(0)), lambda rng: rng.normal()),
]


@pytest.mark.parametrize(("rng", "draw"), GENERATORS, ids=lambda x: type(x).__name__)
def test_the_state_of_a_generator_changes_with_a_draw_and_is_restored(rng, draw):
    before, restore = generator_state(rng)
    first = draw(rng)
    assert generator_state(rng)[0] != before
    restore()
    assert generator_state(rng)[0] == before
    assert draw(rng) == first


def test_a_child_that_was_spawned_is_part_of_the_state():
    rng = np.random.default_rng(0)
    before, _ = generator_state(rng)
    rng.spawn(1)
    assert generator_state(rng)[0] != before
