"""The results that a program may return, and the containers that it gets and gives back."""

import copy
import functools
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn
from micrograd_np.core.containers import flatten, walk_paths
from micrograd_np.program.execution import close

from .bits import call_often, same

X = np.array([1.0, 2.0, 3.0])
CAPTURED = np.array([4.0, 5.0])


@dataclass
class Box:
    n: object = 1.0
    factor: float = field(init=False, default=2.0)


class Listed(list):
    pass


class Items(dict):
    """Whose items are its attributes."""

    def __init__(self, **items):
        super().__init__(**items)
        self.__dict__ = self


def labelled(values, k):
    made = Listed(values)
    made.k = k
    return made


REFUSED = [
    (lambda x: SimpleNamespace(a=x * 2), "an object of type SimpleNamespace"),
    (lambda x: (y for y in [x]), "an object of type generator"),
    (lambda x: zip([x], [x], strict=True), "an object of type zip"),
    (lambda x: lambda: x, "an object of type function"),
    (lambda x: {"a": deque([x])}, "an object of type deque"),
    (lambda x: {1, 2}, "an object of type set"),
    (lambda x: np.array([None, 1]), "an object of type ndarray"),
    (lambda x: x._data, r"returned the array \(3,\) inside a Tensor"),
    (lambda x: f"{x.sum():.2f}", r"the text of .*test_results.py:\d+"),
    (lambda x: str(x), "the text of x"),
    (lambda x: repr(x), "the text of x"),
]


@pytest.mark.parametrize("way", [call_often, lambda f, x: mg.trace(f)(x)], ids=["compile", "trace"])
@pytest.mark.parametrize(("f", "says"), REFUSED)
def test_what_a_program_would_return_again_is_refused(way, f, says):
    with pytest.raises(TypeError, match=says):
        way(f, mg.Tensor(X))


RETURNED = [
    lambda x: (x * 2, np.ones(2)),
    lambda x: {"a": CAPTURED.copy(), "b": None, "c": "loss"},
    lambda x: (x.shape, x.dtype, np.float32, np.float64(3.0), float("nan")),
    lambda x: defaultdict(list, {"a": x * 2}),
    lambda x: Box(x * 2),
    lambda x: labelled([x * 2], 3.0),
    lambda x: np.isin(x, [1.0]),
    lambda x: np.isin(x, (1.0, 2.0)),
]


@pytest.mark.parametrize("f", RETURNED)
def test_what_a_program_returns_is_of_the_same_kind_at_each_call(f):
    compiled = mg.compile(f)
    first, *others = [compiled(X) for _ in range(4)]
    for other in others:
        assert type(other) is type(first)
        assert str(other) == str(first)


def test_an_array_that_is_returned_is_nobody_elses():
    compiled = mg.compile(lambda x: (x * 2, np.ones(2)))
    for _ in range(4):
        _, ones = compiled(X)
        assert ones.tolist() == [1.0, 1.0]
        ones[:] = 7.0


SETTINGS = ModuleType("settings")  # without a file, it is no module of the user's
SETTINGS.inner = ModuleType("inner")  # whose variables no code of the user's reads by one name


def count():
    """1, 2, 3, ..., from where a compiled function does not look."""
    SETTINGS.inner.count += 1
    return SETTINGS.inner.count


DIFFERENT = [
    lambda x: (x, count()),
    lambda x: (x, np.full(2, count())),
]


@pytest.mark.parametrize("f", DIFFERENT)
def test_what_is_returned_besides_tensors_is_compared(f):
    SETTINGS.inner.count = 0
    compiled = mg.compile(f)
    with pytest.warns(UserWarning, match="its program gives other numbers. Does it compute with what is another"):
        found = [np.max(compiled(X)[1]) for _ in range(5)]
    assert found == [1, 3, 4, 5, 6]  # its trace was counted, too


def test_another_number_of_results_at_each_call_is_no_program():
    SETTINGS.inner.count = 0
    compiled = mg.compile(lambda x: [x] * count())
    with pytest.warns(UserWarning, match="runs as it is, not as a program: it returns another number of results"):
        assert [len(compiled(X)) for _ in range(30)] == [1, *range(3, 32)]  # its trace was counted, too


HELD = {"n": CAPTURED}


@functools.cache
def cached():
    return [1.0]


CONTAINERS = {
    "a variable": lambda x, given: HELD,
    "what is in a variable": lambda x, given: {"a": x * 2, "b": HELD},
    "an argument": lambda x, given: given,
    "what is in an argument": lambda x, given: (x * 2, given["a"]),
    "a cache": lambda x, given: cached(),
    "an array": lambda x, given: (x * 2, CAPTURED),
    "one list twice": lambda x, given: [[x * 2]] * 2,
    "one tensor twice": lambda x, given: [mg.Tensor(x) * 2] * 2,
    "one array of the function's twice": lambda x, given: [np.ones(3)] * 2,
    "a weight twice": lambda x, given: [given["w"]] * 2,
    "made anew": lambda x, given: {"a": [x * 2, x * 2], "b": [x]},
}


def identities(returned, *others):
    """Which of the parts of a result are one object, and which are others."""
    found = [x for tree in others for _, x, _ in walk_paths(tree)]
    found += [x for _, x, is_leaf in walk_paths(returned) if isinstance(x, np.ndarray | mg.Tensor) or not is_leaf]
    return [next(i for i, y in enumerate(found) if y is x) for x in found]


@pytest.mark.filterwarnings("ignore:.*it returns (a container|the memory of an array) that it did not make")
@pytest.mark.parametrize("name", CONTAINERS)
def test_what_is_one_object_in_the_function_is_one(name):
    step = CONTAINERS[name]
    compiled, given = mg.compile(step), {"a": [X], "w": mg.Tensor(X, requires_grad=True)}
    for _ in range(5):
        expected = identities(step(X, given), HELD, given, cached())
        assert identities(compiled(X, given), HELD, given, cached()) == expected
    assert len(compiled.programs) == (name.split()[-1] in ("twice", "anew") and name != "one list twice")


def bump(x, box):
    box.n = box.n + 1
    return x * box.n


def put(x, items):
    items["n"] = x * 2
    return x


def append(x, items):
    items.append(1)
    return x


def pop(x, items):
    items.pop()
    return x


CHANGES = [
    (bump, Box(), r"bump changed box\.n"),
    (put, {"n": 1}, r"put changed items\['n'\]"),
    (put, {}, r"put changed items\['n'\]"),
    (append, [], r"append changed items\[0\]"),
    (pop, [1, X], r"pop changed items\[1\]"),
]


@pytest.mark.parametrize(("f", "container", "says"), CHANGES)
def test_a_function_that_changes_a_container_it_was_given_is_refused(f, container, says):
    before = repr(container)
    with pytest.raises(TypeError, match=says + " in a container that it was given"):
        mg.trace(f)(X, container)
    assert repr(container) == before


@pytest.mark.parametrize(("f", "container", "says"), CHANGES[:3])
def test_a_compiled_function_that_changes_a_container_it_was_given_runs_as_it_is(f, container, says):
    with pytest.warns(UserWarning, match=says + " in a container that it was given"):
        call_often(f, X, copy.copy(container))


@pytest.mark.parametrize(("f", "given"), [(append, []), (pop, [1] * 9)])
def test_a_container_that_grows_is_another_kind_at_each_call(f, given):
    found, expected = list(given), list(given)
    compiled = mg.compile(f)
    for _ in range(6):
        assert same(compiled(X, found), f(X, expected))
        assert found == expected


KINDS = [
    (lambda d: d["a"] * mg.Tensor(X), Counter(a=3), Counter(a=4)),
    (lambda d: d["a"] * d["b"], defaultdict(float, a=X, b=2.0), defaultdict(float, a=X + 1, b=2.0)),
    (lambda d: d["a"] - d["b"], OrderedDict(a=X, b=2.0), OrderedDict(b=X, a=2.0)),
    (lambda d: d.a * d["b"], Items(a=X, b=2.0), Items(a=X + 1, b=3.0)),
    (lambda box: box.n * box.factor, Box(X), Box(X + 1)),
    (lambda made: made[0] * made.k, labelled([X], 2.0), labelled([X], 3.0)),
    (lambda made: made[0] * made.k, labelled([X], X), labelled([X], X + 1)),
    (lambda made: made[0] * getattr(made, "k", 1.0), labelled([X], 2.0), Listed([X])),
    (lambda made: made[0] * getattr(made, "k", 1.0), Listed([X]), labelled([X], 2.0)),
]


@pytest.mark.parametrize(("f", "one", "other"), KINDS)
def test_a_container_keeps_its_kind(f, one, other):
    compiled = mg.compile(f)
    for given in (one, one, one, other, other, other, one):
        assert same(compiled(given), f(given))


def test_another_default_is_another_kind():
    compiled = mg.compile(lambda d, x: x * (d.default_factory() + 1))
    for factory, expected in ((float, 1.0), (lambda: 1.0, 2.0)):
        for _ in range(3):
            assert compiled(defaultdict(factory), X)[0] == expected


def test_a_class_of_numbers_is_no_array():
    compiled = mg.compile(lambda x, dtype: x.astype(dtype))
    for dtype in (np.float32, np.float16):
        for _ in range(3):
            assert compiled(X, dtype).dtype == dtype
    program = mg.trace(lambda x, dtype: x.astype(dtype))(X, np.float32)
    assert program(X, np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="float16"):
        program(X, np.float16)


@pytest.mark.parametrize(
    ("first", "second", "alike"),
    [
        ([1.0, 2.0], [1.0, 2.0 + 1e-12], True),
        ([1.0, np.nan], [1.0 + 1e-12, np.nan], True),
        ([1.0, np.inf], [5.0, np.inf], False),
        ([1.0, np.inf], [1.0, -np.inf], False),
        ([1.0, 2.0], [1.0, 2.001], False),
        (np.float16([1.0, 2.0]), np.float16([1.001, 2.0]), True),
        (np.float32([1.0, 2.0]), [1.0, 2.0], False),
        ([3, 4], [3, 5], False),
    ],
)
def test_results_whose_bits_may_differ_are_compared_beside_nan_and_inf(first, second, alike):
    assert close(np.array(first), np.array(second)) is alike


def test_a_view_of_another_result_is_as_read_only_as_in_the_function():
    def step(x):
        h = x * 2
        return h, np.diagonal(h), np.broadcast_to(h, h.shape), h[0]

    compiled = mg.compile(step)
    for _ in range(5):
        (_, *expected), (h, *found) = step(np.ones((2, 2))), compiled(np.ones((2, 2)))
        assert [y.flags.writeable for y in found] == [y.flags.writeable for y in expected] == [False, False, True]
        h *= 5.0
        assert [y.max() for y in found] == [10.0, 10.0, 10.0]
    assert len(compiled.programs) == 1


class Own(mg.Tensor):
    pass


def named(x):
    t = mg.Tensor(x) * 2
    t.name = "twice"
    return t


def shared(x):
    t = WEIGHT.detach()
    t.requires_grad = True
    return t


WEIGHT = mg.Tensor(X, requires_grad=True)
LEAVES = {
    "a name": named,
    "a name from the beginning": lambda x: mg.Tensor(x, name="x"),
    "a leaf": lambda x: mg.Tensor(x, requires_grad=True),
    "a leaf of constants": lambda x: {"w": mg.Tensor([1.0], requires_grad=True), "y": x * 2},
    "a leaf that shares memory": shared,
    "a parameter": lambda x: nn.Parameter(x * 2),
    "a class": lambda x: Own(x),
}


@pytest.mark.parametrize("name", LEAVES)
def test_a_tensor_that_no_program_makes_is_made_by_the_function(name):
    compiled = mg.compile(LEAVES[name])
    with pytest.warns(UserWarning, match="it returns a new Tensor that is a leaf, has a name, or is of another class"):
        for _ in range(4):
            (expected, *_), (found, *_) = flatten(LEAVES[name](X))[0], flatten(compiled(X))[0]
            assert type(found) is type(expected)
            assert (found.name, found.requires_grad) == (expected.name, expected.requires_grad)
            assert same(found, expected)


LAYOUTS = [
    lambda x: mg.Tensor(np.broadcast_to(x, (2, 3))).data,
    lambda x: np.asfortranarray(np.ones((2, 3))),
    lambda x: np.copy(np.broadcast_to(x, (2, 3)).T),
    lambda x: (np.broadcast_to(x, (2, 3)) * 1).astype(float),
]


@pytest.mark.parametrize("f", LAYOUTS)
def test_what_is_returned_lies_in_memory_as_in_the_function(f):
    compiled = mg.compile(f)
    for _ in range(4):
        expected, found = f(X), compiled(X)
        expected[0, 0] = found[0, 0] = 7.0
        assert found.strides == expected.strides
        assert same(found, expected)
    assert len(compiled.programs) == 1
