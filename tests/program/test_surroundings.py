"""A compiled function is what the function is also where that reads variables, attributes and its own name."""

import functools
from collections import deque

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.program.outside import Outside

from .bits import call_often


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


def keeps(x, kept):
    """Each is a number or an array, but in a traced run a Tensor."""
    kept.append((x.sum(), (mg.Tensor(x) * 2).data))
    return x


def test_a_function_that_keeps_what_only_a_traced_run_makes_a_tensor_runs_as_it_is():
    kept, plain = [], []
    with pytest.warns(UserWarning, match=r"runs as it is.*it changes kept itself\. Do that outside"):
        call_often(lambda x: keeps(x, kept), np.ones(2))
    for _ in range(4):
        keeps(np.ones(2), plain)
    assert [[type(x) for x in pair] for pair in kept] == [[type(x) for x in pair] for pair in plain]


def test_what_a_function_changes_itself_runs_as_it_is():
    w, losses, count = mg.Tensor(np.ones(2), requires_grad=True), [], {"steps": 0}

    @mg.compile
    def step(x):
        count["steps"] += 1
        losses.append((w * x).sum())
        return losses[-1]

    with pytest.warns(UserWarning, match=r"step runs as it is.*it changes (losses|count\['steps'\]) itself"):
        for _ in range(6):
            assert step(np.ones(2)).data == 2
    assert count["steps"] == len(losses) == 6


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


def raised_by(k):
    return lambda x: x + k[0]


class Settings:
    scale = 1.0


class Slotted:
    __slots__ = ("scale",)


class Scaling(mg.nn.Module):
    def forward(self, x):
        return x * Settings.scale


def helper(x):
    return x * Settings.scale


def scaled_by(x, k):
    return x * k.scale


def set_scale(holder, value):
    holder.scale = value


class Base:
    scale = 1.0

    @property
    def doubled(self):
        return 2 * Settings.scale

    def __call__(self, x):
        return x * self.scale * self.doubled


class Derived(Base):
    pass


SLOTTED = Slotted()
BOX, DIVISOR = [1.0], np.ones(3)
READERS = {
    "a function that it calls": (lambda x: helper(x), lambda k: set_scale(Settings, k)),
    "a model's forward": (Scaling(), lambda k: set_scale(Settings, k)),
    "a function in a model": (mg.nn.Sequential(raised_by(BOX)), lambda k: BOX.__setitem__(0, k)),
    "a partial function": (functools.partial(scaled_by, k=Settings), lambda k: set_scale(Settings, k)),
    "an attribute that a subclass is given": (Derived(), lambda k: set_scale(Derived, k)),
    "a property": (Derived(), lambda k: set_scale(Settings, k)),
    "slots": (lambda x: x * SLOTTED.scale, lambda k: set_scale(SLOTTED, k)),
    "an array that NumPy computes with": (lambda x: x / (DIVISOR + 1e-8), lambda k: DIVISOR.fill(k)),
    "a decorated function": (mg.no_grad()(helper), lambda k: set_scale(Settings, k)),
}


@pytest.mark.parametrize(("f", "change"), READERS.values(), ids=READERS)
def test_what_is_read_elsewhere_may_change(f, change):
    compiled = mg.compile(f)
    x = mg.Tensor(np.arange(3.0))
    for value in (1.0, 1.0, 1.0, 2.0, 0.0, 0.0, 0.0, -0.0):
        change(value)
        with np.errstate(divide="ignore"):
            assert compiled(x).data.tobytes() == f(x).data.tobytes()


KEPT, QUEUE, COUNT = [], deque(), np.zeros(1)


def log(x):
    KEPT.append(x)


def counted(x):
    COUNT[0] += 1
    return x


EFFECTS = [
    (lambda x: log(1), "KEPT", lambda: len(KEPT)),
    (lambda x: QUEUE.append(1), "QUEUE", lambda: len(QUEUE)),
    (counted, "COUNT", lambda: COUNT[0]),
]


@pytest.mark.parametrize(("f", "name", "count"), EFFECTS)
def test_what_is_changed_elsewhere_runs_as_it_is_and_is_changed_at_each_call(f, name, count):
    before = count()
    with pytest.warns(UserWarning, match=f"runs as it is.*it changes {name} itself"):
        call_often(f, np.ones(2))
    assert count() - before == 4


def test_minus_zero_is_another_number():
    inverse = mg.compile(lambda x, k: 1 / (x * k))
    with np.errstate(divide="ignore"):
        found = [inverse(np.ones(1), k).item() for k in (0.0, 0.0, 0.0, -0.0, 0.0)]
    assert found == [np.inf, np.inf, np.inf, -np.inf, np.inf]


def test_arguments_that_share_memory_are_another_program():
    @mg.compile
    def added(a, b):
        a += b
        return b * 1

    for _ in range(3):
        added(np.ones(2), np.ones(2))
    a = np.ones(2)
    assert added(a, a[:]).data.tolist() == [2.0, 2.0]


def test_arguments_that_are_no_arrays():
    part = mg.compile(lambda x, where, names: x[where] * len(names))
    for _ in range(3):
        assert part(np.arange(4.0), slice(1, 3), {"a", "b"}).data.tolist() == [2.0, 4.0]


class Trainer:
    def __init__(self):
        self.images, self.scale = np.zeros((10, 10)), 2.0

    def mean(self):
        return self.images.mean()

    def step(self, x):
        return x * self.scale


def test_what_an_object_holds_and_a_method_does_not_name_may_change():
    class Training:
        def __init__(self):
            self.w, self.seconds, self.losses = mg.Tensor(np.ones(2)), 0.0, []

        def step(self, x):
            return (self.w * x).sum()

        def asked(self, name):
            return getattr(self, name)

    training, other = Training(), Training()
    step, asked = mg.compile(training.step), mg.compile(lambda x: x * other.asked("seconds"))
    for i in range(12):
        training.seconds = other.seconds = float(i // 3)
        training.losses.append(step(np.ones(2)))
        assert asked(np.ones(2)).tolist() == [i // 3, i // 3]
    assert len(step.programs) == 1


def test_a_class_method_may_make_objects():
    class Scaled:
        def __init__(self, x):
            self.x = x * Settings.scale

        @classmethod
        def of(cls, x):
            return cls(x)

        def twin(self, x):
            return self.of(x).x

    scaled = Scaled(1.0)
    compiled = mg.compile(scaled.twin)
    for value in (1.0, 1.0, 1.0, 1.0, 2.0, 2.0):
        set_scale(Settings, value)
        assert compiled(np.ones(2)).tolist() == [value, value]


def test_data_that_a_function_does_not_ask_for_is_not_read_at_each_call():
    trainer = Trainer()
    for f, looked in ((trainer.step, False), (trainer.mean, True)):
        texts = [edge.text for edge in Outside(f, []).edges if edge.path.endswith(".images")]
        assert any("tobytes" in text for text in texts) is looked
