"""Loops do what the NumPy text does, as plain Python everywhere and as machine code where numba is installed."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn, optim
from micrograd_np.program.execution import array_of
from micrograd_np.program.numba_backend import jitted, loops
from tests.benchmarks import article
from tests.program.numba_backend.looped import both, check, drawn, in_numba, in_python


@both
@pytest.mark.parametrize("step", [article.seeded, article.eager])
@pytest.mark.parametrize("n", [1, 50])
def test_the_articles_step(made, step, n):
    check(made, step(), n=n)


@both
def test_no_steps_change_nothing(made):
    program = mg.trace(article.eager())()
    arrays = [np.copy(x.of._data) for x in program.inputs]
    made(program.simple)(0, *arrays)
    assert all(np.array_equal(x, y.of._data) for x, y in zip(arrays, program.inputs, strict=True))


def cross_entropy(scores, right):
    """For right answers as rows of 0 and 1."""
    shifted = scores - np.max(scores, axis=-1, keepdims=True)
    logs = shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))
    return -np.mean(np.sum(right * logs, axis=-1))


OPTIMISERS = {
    "momentum": lambda parameters: optim.SGD(parameters, lr=0.1, momentum=0.9),
    "adam": lambda parameters: optim.Adam(parameters, lr=0.01),
}


NETWORKS = [(optimiser, dtype, width) for optimiser in OPTIMISERS for dtype in ("f4", "f8") for width in (5, 64)]


@pytest.mark.parametrize("optimiser, dtype, width", NETWORKS)
def test_a_network(optimiser, dtype, width):
    check_network(in_python, optimiser, dtype, width)


@pytest.mark.slow
@in_numba
@pytest.mark.parametrize("optimiser, dtype, width", [("momentum", "f4", 64), ("adam", "f8", 5)])
def test_a_network_in_numba(optimiser, dtype, width):
    check_network(jitted, optimiser, dtype, width)


def check_network(made, optimiser, dtype, width):
    rng = np.random.default_rng(1)
    model = nn.Sequential(nn.Linear(4, width, rng=rng), nn.ReLU(), nn.Linear(width, 3, rng=rng))
    for parameter in model.parameters():
        parameter.data = parameter.data.astype(dtype)
    stepper = OPTIMISERS[optimiser](model.parameters())

    def step(x, right):
        stepper.zero_grad()
        loss = cross_entropy(model(x), right)
        loss.backward()
        stepper.step()
        return loss

    right = np.eye(3, dtype=dtype)[rng.integers(0, 3, 12)]
    check(made, step, drawn(12, 4, dtype=dtype), right, n=3, rtol={"f4": 1e-5, "f8": 1e-12}[dtype])


@both
def test_results_are_fresh_and_gradients_come_after_them(made):
    w = mg.Tensor(drawn(3), requires_grad=True)

    def step():
        loss = np.sum(w * w)
        loss.backward()
        return loss, w, w

    loss, same, again, gradient = check(made, step)
    np.testing.assert_allclose(gradient, 2 * w.data)
    assert loss.shape == ()
    assert not np.shares_memory(same, w.data)
    assert not np.shares_memory(same, again)


@both
def test_writes_see_what_was_there_before(made):
    u, v = mg.Tensor(drawn(3)), mg.Tensor(drawn(3))

    def swap():
        first, second = v + 1.0, u * 1.0  # the second is u itself
        u.assign(first)
        v.assign(second)

    program = mg.trace(swap)()
    x, y = drawn(3), drawn(3)
    expected = {id(u): y + 2, id(v): x + 1}
    given = {id(u): x.copy(), id(v): y.copy()}
    made(program.simple)(3, *[given[id(value.of)] for value in program.inputs])
    np.testing.assert_allclose(given[id(u)], expected[id(u)])
    np.testing.assert_allclose(given[id(v)], expected[id(v)])


@both
def test_a_step_that_would_write_nan_writes_nothing(made):
    w = mg.Tensor(drawn(3), requires_grad=True)
    descent = optim.SGD([w], lr=0.1)

    def step(x):
        descent.zero_grad()
        loss = np.sum(np.sqrt(w) * x)
        loss.backward()
        descent.step()
        return loss

    program = mg.trace(step)(np.ones(3))
    weights = np.array([0.06, 1.0, 1.0])  # negative after two steps
    arrays = [weights if x.of is w else np.asarray(array_of(x, [np.ones(3)])) for x in program.inputs]
    with np.errstate(invalid="ignore"):
        left, *_ = made(program.simple)(5, *arrays)
    after = np.array([0.06, 1.0, 1.0])
    while (after >= 0).all():
        after -= 0.1 * 0.5 / np.sqrt(after)
        left += 1
    assert left == 5
    np.testing.assert_allclose(weights, after)


@pytest.mark.slow
@in_numba
@pytest.mark.parametrize("gradient", [np.nan, -1.7e308])  # ten times the second is beyond the largest number
def test_what_is_not_finite_is_the_functions_own_error(gradient):
    w = mg.Tensor(np.ones(3), requires_grad=True)
    descent = optim.SGD([w], lr=10)

    def step(x):
        descent.zero_grad()
        np.sum(w * x).backward()
        descent.step()

    compiled = mg.compile(step, backend="numba")
    for _ in range(3):
        compiled(np.ones(3))
    before = w.data.copy()
    for call in (compiled, lambda x: compiled.loop(3, x)):
        with pytest.raises(FloatingPointError), np.errstate(over="ignore"):
            call(np.array([1.0, gradient, 1.0]))
        np.testing.assert_array_equal(w.data, before)


@pytest.mark.slow
@in_numba
def test_a_loop_goes_on_after_a_step_that_the_function_mended():
    def mending():
        w = mg.Tensor(np.array([1.0, 2.0, 3.0]), requires_grad=True)
        descent = optim.SGD([w], lr=0.3)

        def step(x):
            descent.zero_grad()
            np.sum(np.sqrt(w) * x).backward()
            try:
                descent.step()
            except FloatingPointError:
                w.assign(np.array([1.0, 2.0, 3.0]))

        return step, w

    step, w = mending()
    eager, expected = mending()
    compiled = mg.compile(step, backend="numba")
    with np.errstate(invalid="ignore"):
        for _ in range(3):
            compiled(np.ones(3))
        compiled.loop(40, np.ones(3))
        for _ in range(43):
            eager(np.ones(3))
    np.testing.assert_allclose(w.data, expected.data, rtol=1e-12)


def test_rows_without_loops_are_named_together():
    rng = np.random.default_rng(0)

    def step(x):
        return np.linalg.inv(x), np.cumsum(x, axis=0) + mg.sample(rng.random, (3, 3))

    with pytest.raises(
        TypeError, match=r"inv .*\n.*cumsum .*test_loops.py.*np.cumsum\(x(.|\n)*draw.*Generator(.|\n)*numpy"
    ):
        loops(mg.trace(step)(drawn(3, 3)).simple)


@pytest.mark.parametrize("dtype", [np.complex128, np.float16])
def test_dtypes_without_loops_are_named(dtype):
    with pytest.raises(TypeError, match=np.dtype(dtype).name):
        loops(mg.trace(lambda x: x + x)(np.ones(3, dtype)).simple)
