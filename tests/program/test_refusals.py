"""What would make a value, or a draw, part of a program is refused, with the line that does it."""

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn

from .bits import call_often


def choose(x):
    if x.sum() > 1:
        return x
    return -x


def loop(x):
    while x[0] < 1:
        x = x * 2
    return x


def masked(x):
    return x[x > 0]


def index_by_value(x):
    return [1, 2, 3][np.argmax(x)]


def residuals(x):
    return np.linalg.lstsq(np.outer(x, x), x)[0]


def set_item(x):
    y = mg.Tensor(np.zeros(3))
    y[0] = 1
    return y + x


def nested(x):
    return mg.trace(np.tanh)(x)


VALUES = [
    (choose, "bool\\(\\)", "if x.sum() > 1"),
    (loop, "bool\\(\\)", "while x[0] < 1"),
    (lambda x: float(x.sum()), "float\\(\\)", "float(x.sum())"),
    (lambda x: int(x.sum()), "int\\(\\)", "int(x.sum())"),
    (lambda x: x.sum().item(), "\\.item\\(\\)", "x.sum().item()"),
    (lambda x: x.detach().numpy(), "\\.numpy\\(\\)", "x.detach().numpy()"),
    (lambda x: np.asarray(x), "conversion to an array", "np.asarray(x)"),
    (lambda x: np.array([x, x]), "conversion to an array", "np.array([x, x])"),
    (lambda x: 1.0 in x, "\\bin\\b", "1.0 in x"),
    (index_by_value, "an index", "return [1, 2, 3][np.argmax(x)]"),
    (residuals, "how many residuals np.linalg.lstsq gives", "return np.linalg.lstsq("),
    (masked, "how many entries getitem gives", "return x[x > 0]"),
    (lambda x: np.nonzero(x), "how many entries nonzero gives", "np.nonzero(x)"),
    (set_item, "t\\[index\\] = values", "y[0] = 1"),
    (nested, "written down already", "return mg.trace(np.tanh)(x)"),
]


@pytest.mark.parametrize(("f", "how", "line"), VALUES)
def test_a_value_is_not_made_part_of_a_program(f, how, line):
    with pytest.raises(TypeError, match=how) as caught:
        mg.trace(f)(np.array([0.2, 0.5, 0.6]))
    assert "test_refusals.py:" in str(caught.value)
    assert line in str(caught.value)


RNG = np.random.default_rng(0)


class Noise(nn.Module):
    def __init__(self, rng):
        self.rng = rng

    def forward(self, x):
        return x + self.rng.normal(size=3)


def closed_over():
    inner = np.random.default_rng(0)
    return lambda x: x * inner.random()


DRAWS = [
    (lambda x: x * np.random.random(), "np.random"),
    (lambda x: x * RNG.random(3), "RNG"),
    (closed_over(), "inner"),
    (Noise(np.random.default_rng(0)), "rng"),
]


@pytest.mark.parametrize(("f", "name"), DRAWS)
def test_a_hidden_draw_is_refused(f, name):
    with pytest.raises(TypeError, match=f"{name} drew numbers in the traced function"):
        mg.trace(f)(np.ones(3))


def test_a_view_of_what_was_written_since_is_refused():
    w = mg.Tensor(np.ones((2, 3)))

    def f(x):
        view = w.T
        w.assign(x)
        return view * 2

    with pytest.raises(TypeError, match=r"is a view of w .* written to since.*return view \* 2"):
        mg.trace(f)(np.ones((2, 3)))


class Remembers(nn.Module):
    def __init__(self):
        self.last = mg.Tensor(np.zeros(3))

    def forward(self, x):
        self.last = np.tanh(x)
        return self.last * 2


class Writes(Remembers):
    def forward(self, x):
        self.last.assign(np.tanh(x).detach())
        return self.last * 2


@pytest.mark.parametrize("wrap", [lambda m: m, lambda m: nn.Sequential(m), lambda m: mg.no_grad()(lambda x: m(x))])
def test_a_module_that_keeps_a_traced_tensor_is_refused(wrap):
    with pytest.raises(TypeError, match=r"last of \w+ was set to a Tensor made in the traced function"):
        mg.trace(wrap(Remembers()))(np.ones(3))


def test_a_module_that_writes_into_its_tensor_is_not():
    module = Writes()
    program = mg.trace(module)(np.ones(3))
    module.last.assign(np.zeros(3))
    assert np.array_equal(program(np.full(3, 2.0)), 2 * np.tanh(np.full(3, 2.0)))
    assert np.array_equal(module.last.data, np.tanh(np.full(3, 2.0)))


def yielding():
    yield mg.Tensor(1.0)


NO_FUNCTIONS = [
    (lambda: mg.compile(3), TypeError, "takes a function, not int"),
    (lambda: call_often(yielding), TypeError, "yielding only begins when it is called"),
    (lambda: mg.trace(yielding)(), TypeError, "yielding only begins when it is called"),
    (lambda: mg.compile(lambda: None).loop(-1), ValueError, "n is -1"),
]


@pytest.mark.parametrize(("call", "error", "says"), NO_FUNCTIONS)
def test_what_cannot_be_run_as_a_program(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_an_array_that_no_op_made_is_returned_as_it_is():
    x = np.arange(3)
    np.testing.assert_array_equal(mg.trace(lambda: x)()(), x)


def test_what_is_no_function_is_told_what_trace_is():
    with pytest.raises(TypeError, match=r"The sum of a diagonal is t\.trace\(\)"):
        mg.trace(np.ones((2, 2)))


V, LABELS = np.zeros(3), np.array([0, 1, 2])


def momentum_in_an_array(x):
    global V
    V += x
    return x * V


CURED = [
    (lambda x, y: x * np.eye(3)[y], r"Write mg\.take\(array, index, axis=0\) for array\[index\]"),
    (lambda x, y: x * np.asarray(y), "Leave it out, for arguments are Tensors here; or convert before"),
    (lambda x, y: x * np.bincount(y), "outside.*, and give the result as an argument"),
    (
        lambda x, y: momentum_in_an_array(x),
        r"Hold the array in a Tensor that is made outside, state = mg\.Tensor",
    ),
]


@pytest.mark.parametrize(("f", "says"), CURED)
def test_what_is_refused_says_a_cure(f, says):
    with pytest.raises(TypeError, match=says):
        call_often(f, np.ones(3), LABELS)


def test_the_cures_work():
    w, state = mg.Tensor(np.ones(3), requires_grad=True), mg.Tensor(np.zeros(3))

    def step(x, y, counts):
        nonlocal state, w
        w.zero_grad()
        ((w * x * mg.take(np.eye(3), y, axis=0)) ** 2).sum().backward()
        state *= 0.9
        state += w.grad
        w -= 0.1 * state / counts
        return w.data.copy()

    assert np.isfinite(call_often(step, np.ones(3), LABELS, np.bincount(LABELS))).all()
