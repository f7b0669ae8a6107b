"""A line that would make a value, or a draw, part of a program is refused, and named."""

import copy
import enum
import pickle
from fractions import Fraction

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


class Steps:
    """A way to write a training step that runs as it is, and the cure that its warning names, followed literally."""

    def __init__(self):
        self.w, self.scale = mg.Tensor(np.ones(3), requires_grad=True), 2.0
        self.velocity = np.zeros(3)
        self.optimiser = mg.optim.SGD([self.w], lr=0.1)
        self.schedule = mg.optim.StepLR(self.optimiser, 2)

    def one_hot(self, x, y):
        return self.learn(x * np.eye(3)[y])

    def one_hot_cured(self, x, y):
        return self.learn(x * mg.take(np.eye(3), y, axis=0))

    def converted(self, x, y):
        return self.learn(np.asarray(x) * 2)

    def converted_cured(self, x, y):
        return self.learn(x * 2)

    def copied(self, x, y):
        return self.learn(copy.copy(x) * 2)

    def copied_cured(self, x, y):
        return self.learn(x.copy() * 2)

    def counted(self, x, y):
        return self.learn(x * np.bincount(y))

    counted_cured = counted

    def with_momentum(self, x, y):
        loss = self.loss(x)
        self.velocity *= 0.9
        self.velocity += self.w.grad
        self.w.assign(self.w.data - 0.1 * self.velocity)
        return loss

    def with_momentum_cured(self, x, y):
        if not isinstance(self.velocity, mg.Tensor):
            self.velocity = mg.Tensor(self.velocity)
        return self.with_momentum(x, y)

    def stopped(self, x, y):
        loss = self.learn(x)
        return loss if loss.item() > 1 else -loss

    def stopped_cured(self, x, y):
        loss = self.learn(x)
        return mg.where(loss > 1, loss, -loss)

    def masked(self, x, y):
        return self.learn(x, lambda h: h[x > 1].sum())

    def masked_cured(self, x, y):
        return self.learn(x, lambda h: mg.where(x > 1, h, 0).sum())

    def scheduled(self, x, y):
        loss = self.learn(x)
        self.schedule.step()
        return loss

    def scheduled_cured(self, x, y):
        return self.learn(x)

    def loss(self, x, reduced=np.sum):
        self.w.zero_grad()
        loss = reduced((self.w * x) ** 2)
        loss.backward()
        return loss

    def learn(self, x, reduced=np.sum):
        loss = self.loss(x, reduced)
        self.optimiser.step()
        return loss


LABELS = np.array([0, 1, 2])
CURED = {
    "one_hot": r"Write mg\.take\(array, index, axis=0\) for array\[index\]",
    "converted": "Leave it out, for arguments are Tensors here; or convert before",
    "copied": r"Write t\.copy\(\)",
    "counted": "do it outside, and give the result as an argument",
    "with_momentum": r"Hold the array in a Tensor that is made outside, state = mg\.Tensor",
    "stopped": r"Choose with mg\.where instead of if",
    "masked": r"Choose with mg\.where",
    "scheduled": r"it changes scheduled\.schedule\.t itself\. Do that outside",
}


def left_by(name, way, cured=False):
    """The results of six calls of a step, and the state that they leave."""
    steps = Steps()
    run = way(getattr(steps, name + "_cured" * cured))
    found = []
    for i in range(6):
        x, y = np.arange(3.0) + i % 2, np.bincount(LABELS) if (name, cured) == ("counted", True) else LABELS
        found.append((run(x, y).data.tobytes(), steps.w.data.tobytes()))
        if (name, cured) == ("scheduled", True):
            steps.schedule.step()
    return found, run


@pytest.mark.parametrize("name", CURED)
def test_what_no_program_can_do_runs_as_it_is_and_its_cure_is_a_program(name, monkeypatch):
    expected, _ = left_by(name, lambda f: f)
    with pytest.warns(UserWarning, match=CURED[name]) as told:
        found, _ = left_by(name, mg.compile)
    assert len(told) == 1
    assert found == expected
    if name == "counted":
        monkeypatch.setattr(Steps, "counted_cured", lambda self, x, counts: self.learn(x * counts))
    found, run = left_by(name, mg.compile, cured=True)
    assert found == expected
    assert len(run.programs) == 1


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x.tobytes()[0] * x,
        lambda x: np.add.reduce(x) * x,
        lambda x: np.histogram(x, bins=3)[0] * x,
        lambda x: np.nonzero(x)[0] * 2,
        lambda x: float(x.sum()) * x,
        lambda x: copy.deepcopy([x * 2])[0] + 1,
        lambda x: pickle.loads(pickle.dumps(x * 2)),
        lambda x: np.array([x, x]),
        lambda x: [1, 2, 3][np.argmax(x)] * x,
        lambda x: np.add(x, 1, out=np.zeros(3)),
        lambda x: filled(x),
        lambda x: np.asarray(x * 2),
        lambda x: np.require(x, requirements="C"),
        lambda x: np.lib.stride_tricks.sliding_window_view(x * 2, 2),
        lambda x: x.clip(-1, 1, out=np.zeros(3)),
    ],
)
def test_an_array_read_as_numpy_reads_it_is_read_at_each_call(f):
    compiled = mg.compile(f)
    with pytest.warns(UserWarning, match="runs as it is"):
        for i in range(6):
            x = np.roll(np.arange(1.0, 4.0), i)
            assert np.array_equal(compiled(x), f(x))


def filled(x):
    buffer = np.zeros((2, 3))
    buffer[1] = x
    return buffer


def test_the_text_of_what_may_be_an_array_is_refused():
    with pytest.raises(TypeError, match="the text of a tensor"):
        call_often(lambda x: f"{x.sum()}", np.ones(3))


def answers(f, *calls):
    return [mg.Tensor(f(*args)).data.tobytes() for args in calls]


def test_a_whole_number_that_keeps_changing_is_given_as_a_float_or_an_array():
    def scaled(x, n):
        return x * n

    x = np.arange(3.0)
    expected = answers(scaled, *[(x, n) for n in range(70)])
    with pytest.warns(UserWarning, match=r"a number that changes as a float or an array;") as told:
        assert answers(mg.compile(scaled), *[(x, n) for n in range(70)]) == expected
    assert len(told) == 1
    for kind in (float, np.array):
        cured = mg.compile(scaled)
        assert answers(cured, *[(x, kind(n)) for n in range(70)]) == expected
        assert len(cured.programs) == 1


def test_a_fact_about_an_array_is_asked_for_outside():
    def doubled(x, is_own=None):
        return x * 2 if (x.flags.owndata if is_own is None else is_own) else x

    x = np.arange(3.0)
    says = r"'flags' of an array is asked for in .*: return .*\. Ask outside, and give the answer as an argument\."
    with pytest.warns(UserWarning, match=says) as told:
        found = answers(mg.compile(doubled), *[(x,)] * 6)
    assert len(told) == 1
    cured = mg.compile(doubled)
    assert found == answers(doubled, *[(x,)] * 6) == answers(cured, *[(x, x.flags.owndata)] * 6)
    assert len(cured.programs) == 1


def test_a_learning_rate_is_read_after_the_step():
    steps = Steps()

    def step(x, told):
        loss = steps.learn(x)
        return (loss, steps.optimiser.lr) if told else loss

    with pytest.warns(UserWarning, match=r"reads today's value in .*steps\.optimiser\.lr.* or after it\."):
        compiled = mg.compile(step)
        for _ in range(6):
            assert compiled(np.arange(3.0), True)[1] == steps.optimiser.lr
    compiled = mg.compile(step)
    for _ in range(6):
        compiled(np.arange(3.0), False)
    assert len(compiled.programs) == 1


SAID = [
    (lambda x, k: x.clip(-1, 1, out=np.zeros(3)), r"it raises TypeError: clip.*'out': test_refusals\.py:\d+: .*out=np"),
    (lambda x, k: x * (k * Fraction(1, 3)), r"the value of a float argument is used in test_refusals\.py"),
    (lambda x, k: x * x.std() ** 3, r"power of single numbers to other bits: test_refusals\.py"),
]


@pytest.mark.parametrize(("step", "says"), SAID)
def test_a_warning_says_what_it_is_and_where(step, says):
    compiled = mg.compile(step)
    with pytest.warns(UserWarning, match=says) as told:
        for i in range(8):
            compiled(np.arange(3.0), 0.1 * i)
    assert len(told) == 1


def test_a_float_is_as_exact_as_the_complex_array_beside_it():
    compiled, x = mg.compile(lambda x, k: x * k + k), np.array([1.0, 2.0j], np.complex64)
    for i in range(6):
        assert compiled(x, 0.1 * i).tobytes() == (x * (0.1 * i) + 0.1 * i).tobytes()
    assert len(compiled.programs) == 1


def test_a_float_that_changes_may_divide():
    def step(x, t):
        return x * (0.1 / (1 + 0.01 * t))

    compiled = mg.compile(step)
    for t in range(6):
        assert compiled(np.arange(3.0), float(t)).tobytes() == step(np.arange(3.0), float(t)).tobytes()
    assert len(compiled.programs) == 1
    # Without NumPy's warning, which ends a program too: the division is looked at.
    with np.errstate(all="ignore"), pytest.raises(ZeroDivisionError, match="float division by zero"):
        compiled(np.arange(3.0), -100.0)


def test_a_whole_number_of_a_class_counts_as_in_numpy():
    class Scale(enum.IntEnum):
        TWO = 2

    x = np.ones(3, np.float32)
    compiled = mg.compile(lambda x: x * Scale.TWO)
    eager = x * Scale.TWO
    assert {compiled(x).dtype for _ in range(4)} == {eager.dtype}
    assert len(compiled.programs) == 1
    text = "x * np.int64(2)" if eager.dtype == float else "x * 2"
    assert text in str(mg.trace(lambda x: x * Scale.TWO)(x))


def test_one_warning_for_all_shapes():
    table = np.arange(9.0)
    compiled = mg.compile(lambda labels: table[labels])
    with pytest.warns(UserWarning, match=r"an index of labels \(1,\) int64") as told:
        for size in (1, 2, 3) * 4:
            compiled(np.zeros(size, int))
    assert len(told) == 1


def test_wrong_data_do_not_end_a_program():
    """An error of the function itself, in the call that is traced, does not count against it."""

    def step(x):
        if x.shape == (3,) and ERRORS:
            raise ValueError(ERRORS.pop())
        return x * 2

    compiled = mg.compile(step)
    compiled(np.ones(3))
    for _ in range(6):
        ERRORS[:] = ["wrong", "wrong"]
        with pytest.raises(ValueError, match="wrong"):
            compiled(np.ones(3))
    ERRORS.clear()
    for _ in range(4):
        compiled(np.ones(3))
    assert compiled.programs


ERRORS = []


def test_a_float_that_changes_may_be_returned():
    compiled = mg.compile(lambda x, rate: {"loss": x * rate, "rate": rate, "twice": 2 * rate})
    for i in range(6):
        found = compiled(np.ones(3), 0.1 * i)
        assert (type(found["rate"]), found["rate"], found["twice"]) == (float, 0.1 * i, 2 * (0.1 * i))
    assert len(compiled.programs) == 1
