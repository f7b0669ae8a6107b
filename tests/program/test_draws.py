"""Draws of a generator: none is folded, merged, left out or moved, in a printed program and in a compiled step."""

import numpy as np
import pytest

import micrograd_np as mg

from .bits import bits


class Langevin(mg.optim.Optimiser):
    """Descent with noise: each update of a parameter draws."""

    def __init__(self, params, rng, **options):
        super().__init__(params, **options)
        self.rng = rng

    def update(self, p, g, state, lr):
        p -= lr * (g + 0.1 * p) - np.sqrt(lr) * mg.sample(self.rng.normal, size=p.shape).data


def read_backwards(rng, w):
    def step(x):
        first = mg.sample(rng.normal, size=3)
        second = mg.sample(rng.normal, size=3)
        return (x + second) * first

    return step


def without_names(rng, w):
    """A text would write them where they are read, the second first."""

    def step(x):
        return np.tanh(np.subtract(*[mg.sample(rng.normal, size=3) for _ in range(2)][::-1]) + x)

    return step


def number_read_late(rng, w):

    def step(x):
        scale = mg.sample(rng.uniform, 1.0, 2.0)
        noise = mg.sample(rng.normal, size=3)
        return np.tanh(x + noise) * scale

    return step


def never_read(rng, w):
    def step(x):
        mg.sample(rng.normal, size=2)
        return x + mg.sample(rng.normal, size=3)

    return step


def drawn_alike(rng, w):
    def step(x):
        return x + mg.sample(rng.normal, size=3) * mg.sample(rng.normal, size=3)

    return step


def one_number_repeated(rng, w):
    """Draws whose entries are equal, as those of a constant are that is folded."""

    def step(x):
        ones = mg.sample(rng.integers, 1, 2, size=3)
        last = mg.sample(rng.integers, 7, size=1)
        return (x * ones + ones * ones) * last

    return step


def to_the_power_of_nothing(rng, w):
    """x ** 0 is 1, whatever was drawn."""

    def step(x):
        return x + mg.sample(rng.normal, size=3) ** 0 + mg.sample(rng.normal, size=3)

    return step


def between_writes(rng, w):
    def step(x):
        before = mg.sample(rng.normal, size=3)
        w.assign(w + x)
        after = mg.sample(rng.normal, size=3)
        w.assign(w * after - before)
        return w.sum()

    return step


def two_generators(rng, w):
    other = rng.spawn(1)[0]

    def step(x):
        a, b = mg.sample(rng.normal, size=3), mg.sample(other.normal, size=3)
        return mg.sample(rng.normal, size=3) * x + a * b

    return step


def of_a_choice(rng, w):
    labels = np.arange(4)

    def step(x):
        order = mg.sample(rng.permutation, labels)
        return x.sum() + mg.sample(rng.random) + (order * np.arange(4)).sum()

    return step


def in_an_optimiser(rng, w):
    optimiser = Langevin([w, mg.Tensor([0.5, 1.5, 2.5], requires_grad=True)], rng, lr=0.1)

    def step(x):
        optimiser.zero_grad()
        a, b = optimiser.param_groups[0]["params"]
        loss = ((a + mg.sample(rng.normal, size=3) - x) ** 2).sum() + (b * b).sum()
        loss.backward()
        optimiser.step()
        return loss.detach() + mg.sample(rng.random)

    return step


STEPS = [
    read_backwards,
    without_names,
    number_read_late,
    never_read,
    drawn_alike,
    one_number_repeated,
    to_the_power_of_nothing,
    between_writes,
    two_generators,
    of_a_choice,
    in_an_optimiser,
]
XS = np.random.default_rng(1).normal(size=(7, 3))


def begun(make):
    rng, w = np.random.default_rng(0), mg.Tensor([1.0, -2.0, 3.0], requires_grad=make is in_an_optimiser)
    step = make(rng, w)
    return step, lambda: (w.data.tobytes(), rng.bit_generator.state)


@pytest.mark.parametrize("make", STEPS)
def test_a_printed_program_draws_as_its_function_does(make):
    (eager, expected), (traced, found) = begun(make), begun(make)
    program = mg.trace(traced)(XS[0])
    eager(XS[0])
    for x in XS[1:]:
        result = program(x)  # and the gradients that are left
        assert bits(result[0] if type(result) is tuple else result) == bits(eager(x))
        assert found() == expected()


@pytest.mark.parametrize("make", STEPS)
def test_a_compiled_step_draws_as_its_function_does(make):
    (eager, expected), (plain, found) = begun(make), begun(make)
    step = mg.compile(plain)
    for x in XS:
        assert bits(step(x)) == bits(eager(x))
        assert found() == expected()
    assert step.programs


@pytest.mark.parametrize("make", STEPS)
def test_a_loop_draws_as_calls_do(make):
    (eager, expected), (plain, found) = begun(make), begun(make)
    step = mg.compile(plain)
    last = step.loop(8, XS[0])
    assert bits([eager(XS[0]) for _ in range(8)][-1]) == bits(last)
    assert found() == expected()


@pytest.mark.parametrize("make", STEPS)
def test_where_a_check_fails_the_generator_is_put_back(make):
    """A program that raises has drawn nothing: the function, which runs then, draws the same numbers."""
    (eager, expected), (plain, found) = begun(make), begun(make)
    outside = mg.Tensor([1.0])

    def failing(step):
        def f(x):
            result = step(x)
            return mg.nn.binary_cross_entropy(outside + 0 * x[:1], x[:1] * 0 + 1) + 0 * result

        return f

    eager, step = failing(eager), mg.compile(failing(plain))
    for x in XS:
        assert bits(step(x)) == bits(eager(x))
    outside.assign([2.0])  # no probability: the check in the program and in the function refuses it
    for f in (step, eager):
        with pytest.raises(ValueError):
            f(XS[0])
    assert found()[1] == expected()[1]


@pytest.mark.parametrize("method", ["random", "normal", "standard_exponential"])
def test_a_single_number_is_an_array(method):
    """A Generator gives Python's number, which would not widen float32; a Tensor of it does."""
    x, rng, twin = np.ones(2, np.float32), np.random.default_rng(3), np.random.default_rng(3)

    def step(rng):
        return lambda x: x * mg.sample(getattr(rng, method))

    program = mg.trace(lambda x: x * mg.sample(rng.random))(x)
    assert "np.asarray(rng.random())" in str(program)
    assert program(x).dtype == float
    rng.bit_generator.state = twin.bit_generator.state
    compiled = mg.compile(step(rng))
    assert [bits(compiled(x)) for _ in range(5)] == [bits(step(twin)(x)) for _ in range(5)]
    assert len(compiled.programs) == 1
