"""A compiled step does what the function does, to the bit: results, weights, generators; and is undisturbed."""

import copy
import importlib.util
import threading

import numpy as np
import pytest

import micrograd_np as mg

from .bits import same

X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=float)
Y = np.array([[0], [1], [1], [0]], dtype=float)


def two_layers():
    rng = np.random.default_rng(1)
    syn0, syn1 = (mg.Tensor(2 * rng.random(shape) - 1, requires_grad=True) for shape in ((3, 4), (4, 1)))

    def step(X, y):
        l2 = mg.sigmoid(np.dot(mg.sigmoid(np.dot(X, syn0)), syn1))
        loss = ((y - l2) ** 2).sum() / 2
        loss.backward()
        for syn in (syn1, syn0):
            syn.assign(syn.data - syn.grad)
            syn.zero_grad()
        return loss

    return step, [syn0, syn1]


def test_a_new_shape_or_dtype_is_a_new_program():
    step, weights = two_layers()
    twin, others = two_layers()
    compiled = mg.compile(twin)
    for rows in (4, 2, 4, 2, 4, 2):
        assert same(step(X[:rows], Y[:rows]), compiled(X[:rows], Y[:rows]))
    assert same(weights, others)
    assert len(compiled.programs) == 2


def test_the_number_of_programs_is_bounded():
    compiled = mg.compile(lambda x: x * 2)
    for size in range(40):
        compiled(np.ones(size))
    assert len(compiled.programs) <= 16


def test_frozen_weights_and_gradients_that_are_there_are_other_programs():
    w = mg.Tensor([1.0, 2.0], requires_grad=True)

    @mg.compile
    def step():
        (w * w).sum().backward()

    for count in range(1, 6):  # gradients add up
        step()
        np.testing.assert_array_equal(w.grad, count * np.array([2.0, 4.0]))
    w.zero_grad()
    step()
    np.testing.assert_array_equal(w.grad, [2.0, 4.0])


def test_what_still_wants_a_gradient_runs_as_it_is():
    w = mg.Tensor([1.0, 2.0], requires_grad=True)
    square = mg.compile(lambda: (w * w).sum())
    for _ in range(4):
        assert square().requires_grad
    x = mg.Tensor([3.0], requires_grad=True)
    double = mg.compile(lambda x: x * 2)
    for _ in range(4):
        assert double(x * x).op is not None
    with mg.no_grad():
        for _ in range(4):
            assert not square().requires_grad


def test_random_numbers_are_drawn_anew():
    rng = np.random.default_rng(3)
    twin = copy.deepcopy(rng)
    draw = mg.compile(lambda: mg.sample(rng.normal, size=3) * 2)
    for _ in range(5):
        np.testing.assert_array_equal(draw().data, twin.normal(size=3) * 2)
    draw.loop(4)
    for _ in range(4):
        twin.normal(size=3)
    assert rng.bit_generator.state == twin.bit_generator.state


def test_a_function_with_a_generator_made_inside_runs_as_it_is():
    step = mg.compile(lambda x: x * np.random.default_rng().random())
    with pytest.warns(UserWarning, match="it compute with what is another at each call.*draw with mg.sample"):
        found = {float(step(np.ones(2))[0]) for _ in range(5)}
    assert len(found) == 5


def test_an_exception_leaves_weights_before_or_after_a_whole_step():
    step, weights = two_layers()
    compiled = mg.compile(step)
    for _ in range(3):
        compiled(X, Y)
    before = [w.data.copy() for w in weights]
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        compiled(X * np.inf, Y)
    assert same(weights, before)


S = mg.Tensor([3.0, 4.0])
LEFT = {
    "a constant": lambda a, b, x: (a * 2).sum(),
    "a Tensor": lambda a, b, x: (a * S).sum(),
    "an argument": lambda a, b, x: (a * x).sum(),
    "one for two": lambda a, b, x: ((a + b) * np.exp(x)).sum(),
    "a scalar": lambda a, b, x: np.sum(a[0] * np.exp(x[0])) + np.sum(b[0] * np.exp(x[0])),
}


@pytest.mark.parametrize("loss", LEFT.values(), ids=LEFT)
def test_gradients_that_are_left_are_memory_of_their_own(loss):
    def begin():
        a, b = (mg.Tensor([1.0, 2.0], requires_grad=True) for _ in range(2))

        def step(x):
            a.zero_grad()
            b.zero_grad()
            loss(a, b, x).backward()
            return np.exp(x)

        return step, a, b

    (step, *weights), (twin, *others) = begin(), begin()
    compiled, x = mg.compile(twin), np.array([5.0, 6.0])
    for _ in range(5):
        result, found = step(x), compiled(x)
        for w, other in zip(weights, others, strict=True):
            assert same(w.grad, other.grad)
            if w.grad is not None:
                w.grad[:] = other.grad[:] = 7.0
        assert same(result, found)
    assert (x.tolist(), S.data.tolist()) == ([5.0, 6.0], [3.0, 4.0])


def test_writes_are_seen_by_a_graph_that_needs_the_old_values():
    step, (syn0, _) = two_layers()
    compiled = mg.compile(step)
    for _ in range(3):
        loss = np.sum(syn0 * syn0)
        compiled(X, Y)
    with pytest.raises(RuntimeError, match="written to"):
        loss.backward()


@pytest.mark.parametrize("scale", [np.nan, 1e200])
@pytest.mark.parametrize("way", ["call", "loop"])
def test_a_step_that_diverges_changes_nothing(scale, way):
    net = mg.nn.Linear(4, 2, rng=np.random.default_rng(0))
    optimiser = mg.optim.SGD(net.parameters(), lr=0.1)

    @mg.compile
    def step(x):
        loss = (net(x) ** 2).mean()
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        return loss

    x = np.ones((3, 4))
    for _ in range(3):
        step(x)
    before = [w.data.copy() for w in net.parameters()]
    says = "the gradient of weight has a nan or inf, and nothing was changed.* learning rate .0.1."
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match=says):
        step(x * scale) if way == "call" else step.loop(5, x * scale)
    assert same(net.parameters(), before)


def test_two_weights_that_change_places():
    a, b = mg.Tensor([1.0, 2.0]), mg.Tensor([3.0, 4.0])

    @mg.compile
    def swap():
        old = mg.copy(a)
        a.assign(b.data)
        b.assign(old)

    for _ in range(5):
        swap()
    np.testing.assert_array_equal([a.data, b.data], [[3.0, 4.0], [1.0, 2.0]])


def test_threads():
    f = mg.compile(lambda x: mg.sigmoid(np.dot(x, x.T)).sum(axis=0))
    inputs = [np.full((8, 8), i / 8) for i in range(8)]
    expected = [f(x).copy() for x in inputs]
    wrong = []

    def work(i):
        for _ in range(200):
            if not np.array_equal(f(inputs[i]), expected[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_strided_arguments():
    w = mg.Tensor(np.ones((3, 1)), requires_grad=True)

    @mg.compile
    def step(x):
        w.zero_grad()
        ((x @ w) ** 2).mean().backward()
        return w.grad

    X = np.arange(120.0).reshape(40, 3)
    for x in (X, X[::-1], X[:, ::-1], X[::-2], np.broadcast_to(X[:1], X.shape), np.asfortranarray(X)):
        expected = 2 * x.T @ (x @ w.data) / len(x)
        for _ in range(4):
            np.testing.assert_allclose(step(x).data, expected, rtol=1e-12)


@pytest.mark.slow
def test_machine_code():
    pytest.importorskip("numba", reason="the numba backend is an extra")
    step, weights = two_layers()
    twin, others = two_layers()
    compiled = mg.compile(twin, backend="numba")
    for _ in range(4):
        np.testing.assert_allclose(compiled(X, Y).data, step(X, Y).data, rtol=1e-12)
    for _ in range(100):
        expected = step(X, Y)
    np.testing.assert_allclose(compiled.loop(100, X, Y).data, expected.data, rtol=1e-10)
    np.testing.assert_allclose(others[0].data, weights[0].data, rtol=1e-10)


def test_an_unknown_backend():
    with pytest.raises(ValueError, match="no backend 'fortran'; there are 'numpy', 'numba'"):
        mg.compile(lambda x: x, backend="fortran")


def test_a_number_that_changes_now_and_then_is_worth_a_program_each():
    box, x = {"k": 1.0}, np.ones(3)
    scaled = mg.compile(lambda x: x * box["k"])
    for epoch in range(20):
        box["k"] = 1.0 + epoch
        for _ in range(60):
            assert scaled(x).tolist() == (box["k"] * x).tolist()
    assert scaled.programs[0].served() > 50


def test_a_number_that_changes_at_each_call_runs_as_it_is_after_one_warning():
    box, x = {"k": 1.0}, np.ones(3)
    scaled = mg.compile(lambda x: x * box["k"])
    with pytest.warns(UserWarning, match=r"runs as it is, not as a program: box\['k'\] is another") as caught:
        for i in range(60):
            box["k"] = float(i)
            assert scaled(x).tolist() == (i * x).tolist()
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_a_decorator_may_have_options():
    """As numba.njit and torch.compile have them."""

    @mg.compile()
    def once(x):
        return x * 2.0

    @mg.compile(backend="numpy")
    def again(x):
        return x * 2.0

    for _ in range(4):
        assert once(np.ones(2)).tolist() == again(np.ones(2)).tolist() == [2.0, 2.0]
    assert len(once.programs) == len(again.programs) == 1


def test_a_missing_numba_is_named_at_once(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(mg.MissingPackageError, match="pip install"):
        mg.compile(lambda x: x, backend="numba")
