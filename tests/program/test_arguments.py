"""A program is run for what it was traced with, and for nothing else."""

from dataclasses import dataclass

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn

from .bits import call_often

X, Y = np.arange(6.0).reshape(3, 2), np.ones((3, 2))


def scaled(x, k=3, *rest, scale=1.0, **more):
    return x * k * scale


def loss(x, y):
    return ((x - y) ** 2).mean()


def of_parts(parts):
    return parts["a"] - 2 * parts["b"]


@dataclass
class Pair:
    a: object
    b: object


MODEL, RNG = nn.Linear(2, 1), np.random.default_rng(0)
BIAS = mg.Tensor([1.0, 2.0])

MISFITS = [
    (mg.grad(loss), (X, Y), (X[:2], Y[:2]), {}, ValueError, r"x = \(3, 2\) float64.* x = \(2, 2\) float64"),
    (loss, (X, Y), (X, Y.astype("f4")), {}, ValueError, r"y = \(3, 2\) float64.* y = \(3, 2\) float32"),
    (loss, (X, Y), (X, 1.0), {}, ValueError, r"y = \(3, 2\) float64.* y = \(\) float64|y = 1.0"),
    (loss, (X, Y), (X, Y.tolist()), {}, ValueError, r"y = \(3, 2\) float64.* y = a list"),
    (loss, (X, Y), (X,), {}, TypeError, r"with y = \(3, 2\) float64.* without y"),
    (loss, (X, Y), (), {"y": Y}, TypeError, r"with x = \(3, 2\) float64.* without x"),
    (loss, (X, Y), (X, Y, Y), {}, TypeError, r"without argument 2.* with argument 2 = \(3, 2\) float64"),
    (loss, (X, Y), (X, Y), {"x": X}, TypeError, "given x twice"),
    (scaled, (X,), (X,), {"k": 5}, ValueError, "with k = 3.* with k = 5"),
    (scaled, (X,), (X, 3.0), {}, ValueError, "with k = 3.* with k = 3.0"),
    (scaled, (X,), (X,), {"scale": 2.0}, ValueError, "with scale = 1.0.* with scale = 2.0"),
    (scaled, (X,), (X,), {"other": 2.0}, TypeError, "without other.* with other = 2.0"),
    (scaled, (X, 3, Y), (X, 3), {}, TypeError, r"with rest\[0\] = \(3, 2\) float64.* without rest\[0\]"),
    (scaled, (2.0,), (3.0,), {}, ValueError, "with x = 2.0.* with x = 3.0"),
    (of_parts, ({"a": X, "b": Y},), ({"a": X},), {}, TypeError, r"with parts\['b'\] = .* without parts\['b'\]"),
    (of_parts, ({"a": X, "b": Y},), ({"a": X, "b": Y, "c": Y},), {}, TypeError, r"without parts\['c'\]"),
    (of_parts, ({"a": X, "b": Y},), ({"a": X, "b": [Y]},), {}, ValueError, r"parts\['b'\] = a list"),
    (lambda pair: pair.a * pair.b, (Pair(X, 2),), (Pair(X, 3),), {}, ValueError, r"pair\.b = 2.* pair\.b = 3"),
    (lambda xs: sum(xs), ([X, Y],), ([X, Y, Y],), {}, TypeError, r"without xs\[2\]"),
    (lambda m, x: m(x), (MODEL, X), (nn.Linear(2, 1), X), {}, ValueError, "with m = .* with m = "),
    (lambda x, b=BIAS: x + b, (X,), (X, mg.Tensor([0.0, 0.0])), {}, ValueError, r"with b = another \(2,\) float64"),
    (
        lambda x, rng: x + mg.sample(rng.normal, size=2),
        (X, RNG),
        (X, np.random.default_rng(1)),
        {},
        ValueError,
        "rng = Generator",
    ),
]


@pytest.mark.parametrize(("f", "traced", "args", "kwargs", "error", "says"), MISFITS)
def test_what_it_was_not_traced_for_is_refused(f, traced, args, kwargs, error, says):
    program = mg.trace(f)(*traced)
    program(*traced)
    with pytest.raises(error, match=says) as caught:
        program(*args, **kwargs)
    assert "trace again with these arguments, mg.trace(" in str(caught.value) or "Give it once" in str(caught.value)


def nested(x, kind):
    for _ in range(2000):
        x = kind(x)
    return x


@pytest.mark.filterwarnings("ignore:.*takes too long to compare")
@pytest.mark.parametrize("kind", [lambda x: [x], lambda x: (x,), lambda x: {0: x}], ids=["list", "tuple", "dict"])
def test_containers_may_be_nested_deeply(kind):
    inside, outside = [], nested(2.0, kind)

    def innermost(tree):
        while not hasattr(tree, "dtype"):
            tree = tree[0]
        return tree

    read = mg.compile(innermost)
    made = mg.compile(lambda x: nested(x * 2, kind))
    for i in range(5):
        assert read(nested(X + i, kind)).tolist() == (X + i).tolist()
        inside.append(innermost(made(X + i)))
    assert inside[-1].tolist() == (2 * (X + 4)).tolist()
    assert len(read.programs) == len(made.programs) == 1
    counted = mg.compile(lambda x: x * len(outside))
    for _ in range(4):
        assert counted(X).tolist() == X.tolist()
    assert mg.trace(innermost)(nested(X, kind))(nested(Y, kind)).tolist() == Y.tolist()
    with pytest.raises(TypeError, match="too deep for a text"):
        mg.trace(lambda x: nested(x * 2, kind))(X)


def test_arguments_are_known_by_their_names():
    program = mg.trace(loss)(X, Y)
    assert program(y=Y, x=X) == program(X, Y) == loss(X, Y)
    assert mg.trace(loss)(y=Y, x=X)(X, Y) == loss(X, Y)
    assert np.array_equal(mg.trace(scaled)(X, scale=2.0)(X, 3, scale=2.0), 6 * X)


def test_a_dict_is_known_by_its_keys():
    program = mg.trace(of_parts)({"a": X, "b": Y})
    assert np.array_equal(program({"b": Y, "a": X}), of_parts({"a": X, "b": Y}))


def test_a_tensor_is_as_good_as_an_array_and_a_number_as_an_array_of_one():
    program = mg.trace(loss)(mg.Tensor(X, requires_grad=True), np.float64(2.0))
    assert program(X, 3.0) == program(mg.Tensor(X), np.array(3.0)) == loss(X, 3.0)


def test_one_tensor_given_twice_is_one_input():
    v, w = mg.Tensor([1.0, 2.0], requires_grad=True), mg.Tensor([3.0, 4.0], requires_grad=True)
    one, two = mg.trace(loss)(w, w), mg.trace(loss)(v, w)
    with mg.no_grad():
        one(v, v)
        two(w, v)
    one(row := np.ones(2), row)
    with pytest.raises(ValueError, match=r"with x and y as one Tensor.* with them as two"):
        one(v, w)
    with pytest.raises(ValueError, match=r"with x and y as two.* with them as one Tensor"):
        two(w, w)


def test_a_numpy_function_and_a_method_have_arguments_too():
    with pytest.raises(ValueError, match=r"\(3, 2\) float64.* \(2,\) float64"):
        mg.trace(np.tanh)(X)(X[0])
    with pytest.raises(ValueError, match=r"\(3, 2\) float64.* \(2, 2\) float64"):
        mg.trace(MODEL)(X)(X[:2])


SQUARE = mg.trace(lambda y: y**2)(np.array([1.0, 2.0, 3.0]))
SEEN = [
    (lambda x: SQUARE(mg.Tensor(x, requires_grad=True)) * 2, "would cut .* out of the graph"),
    (mg.grad(lambda t: SQUARE(t).sum()), "would cut .* out of the graph"),
    (
        lambda x: call_often(lambda t: SQUARE(t) * t, x),
        "would make today's value part of the program.*test_arguments.py",
    ),
    (mg.trace(lambda t: SQUARE(t)), "would make today's value part of the program.*test_arguments.py"),
]


@pytest.mark.parametrize(("f", "says"), SEEN)
def test_a_program_is_on_no_tape_and_says_so(f, says):
    with pytest.raises(TypeError, match=says):
        f(np.ones(3))


def test_a_program_of_a_loss_that_wants_a_gradient():
    w = mg.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    program = mg.trace(lambda w: (w * w).sum())(w)
    with pytest.raises(TypeError, match="out of the graph"):
        program(w)
    with mg.no_grad():
        assert program(w) == 14
    assert program(w.data) == 14


def test_a_program_that_writes_takes_weights_and_nothing_recorded():
    total, v = mg.Tensor(np.zeros(3)), mg.Tensor(np.ones(3), requires_grad=True)

    def add(x):
        total.assign(total + x.detach())
        return x * 2

    def learn(w):
        w.zero_grad()
        (w * w).sum().backward()
        w.assign(w.data - 0.5 * w.grad)

    program, step = mg.trace(add)(np.ones(3)), mg.trace(learn)(v)
    for x in (v, v * 3):
        with pytest.raises(TypeError, match="out of the graph"):
            program(x)
    step(v)
    with pytest.raises(TypeError, match="out of the graph"):
        step(v * 3)
    assert total.data.tolist() == [1.0, 1.0, 1.0]
