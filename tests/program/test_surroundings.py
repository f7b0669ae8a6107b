"""A compiled function is what the function is also where that reads variables, attributes and its own name."""

import numpy as np
import pytest

import micrograd_np as mg


def test_an_argument_that_the_function_knows_by_another_name():
    for wanted in (False, True):
        w = mg.Tensor([1.0, 2.0], requires_grad=wanted)
        other = mg.Tensor([5.0, 7.0], requires_grad=wanted)

        @mg.compile
        def product(x, w=w):
            return (x * w).detach()

        for x in (w, w, w, other, other, other):
            np.testing.assert_array_equal(product(x).data, x.data * w.data)


def test_what_a_function_names_may_change():
    scale, net, box = 2.0, mg.nn.Linear(2, 1, rng=np.random.default_rng(0)), {"k": 1.0}

    def function(x):
        return net(x).detach() * scale * box["k"]

    compiled = mg.compile(function)
    X = np.ones((3, 2))
    for i in range(12):
        scale = 2.0 + i // 4
        box["k"] = 1.0 + i // 6
        if i == 9:
            net = mg.nn.Linear(2, 1, rng=np.random.default_rng(1))
        assert function(X).data.tobytes() == compiled(X).data.tobytes()


def test_what_a_function_changes_itself_is_an_error():
    losses = []

    @mg.compile
    def step(x):
        losses.append(x.sum())
        return x

    with pytest.raises(TypeError, match=r"step changed losses itself"):
        step(np.ones(2))


def test_a_number_that_a_function_changes_itself_is_an_error():
    count = {"steps": 0}

    @mg.compile
    def step(x):
        count["steps"] += 1
        return x

    with pytest.raises(TypeError, match=r"step changed count\['steps'\] itself"):
        step(np.ones(2))


def test_a_method():
    class Trainer:
        def __init__(self):
            self.w = mg.Tensor([1.0, 2.0], requires_grad=True)

        @mg.compile
        def step(self, x):
            loss = (self.w * x).sum()
            loss.backward()
            mg.optim.clip_grad_norm_([self.w], 1.0)
            self.w -= 0.1 * self.w.grad
            self.w.zero_grad()
            return loss

    trainer, other = Trainer(), Trainer()
    for _ in range(5):
        trainer.step(np.array([3.0, 4.0]))
    np.testing.assert_allclose(trainer.w.data, np.array([1.0, 2.0]) - 0.5 * np.array([0.6, 0.8]), rtol=1e-5)
    np.testing.assert_array_equal(other.w.data, [1.0, 2.0])


@mg.compile
def step(net, optimiser, x):
    """Names itself, for it reads `optimiser.step`."""
    loss = (net(x) ** 2).mean()
    loss.backward()
    optimiser.step()
    optimiser.zero_grad()
    return loss


def test_a_function_that_names_itself():
    net, twin = (mg.nn.Linear(3, 1, rng=np.random.default_rng(0)) for _ in range(2))
    optimiser, other = mg.optim.Adam(net.parameters()), mg.optim.Adam(twin.parameters())
    for size in (2, 2, 3, 3, 2, 3, 2, 3):
        loss = step(net, optimiser, np.ones((size, 3)))
        expected = step.function(twin, other, np.ones((size, 3)))
        assert loss.data == expected.data
    assert len(step.programs) == 2


def test_a_key_that_is_no_word():
    box = {(1, np.dtype(float)): 2.0}
    scaled = mg.compile(lambda x: x * box[1, np.dtype(float)])
    for value in (2.0, 2.0, 2.0, 3.0, 3.0, 3.0):
        box[1, np.dtype(float)] = value
        assert scaled(np.ones(2)).data.tolist() == [value, value]
