"""A compiled function asks of its arguments more than their values: it does what eager does, or says that it cannot.

Each case is a generator of what calls give, once of the plain function and once of the compiled one.
"""

import collections
import contextvars
import dataclasses
import enum
import functools
import importlib
import operator
import re
import sys
import tempfile
import types
import warnings

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn

from .bits import bits

CASES = {}
ONE = np.ones(1)
K = 2.0  # which methods of arguments read


def case(told=None):
    """A case whose function becomes a program, or of which a warning says why not."""

    def add(run):
        CASES[run.__name__] = run, told
        return run

    return add


def called(f, argument, values):
    """Return what a function of an array and of one more argument gives."""
    return (f(ONE, argument(value)) for value in values)


# What is found by a hash.

LABELS = np.array([0, 0, 0, 1, 1, 0])
TABLE = {1: 5.0, (1, 2): 6.0, "b": 7.0}


@functools.lru_cache
def squared(label):
    return float(label) ** 2 + 1


LOOK_UPS = {
    "a dict": (lambda x, y: x * TABLE.get(y, 1.0), LABELS),
    "a set": (lambda x, y: x + (y in {1}), LABELS),
    "a set of labels": (lambda x, y: x * len({y, 1}), LABELS),
    "a Counter": (lambda x, y: x * collections.Counter({1: 5})[y], LABELS),
    "a key of two": (lambda x, y: x * TABLE.get((y, 2), 1.0), LABELS),
    "a word": (lambda x, y: x * TABLE.get(y, 1.0), np.array(["a", "a", "a", "b", "b", "a"])),
    "a remainder": (lambda x, y: x * TABLE.get(y % 2, 1.0), LABELS),
    "entries": (lambda x, y: x * sum(TABLE.get(each, 1.0) for each in y), LABELS.reshape(-1, 1)),
    "a cache": (lambda x, y: x * squared(y), LABELS),
    "the largest": (lambda x, y: x * TABLE.get((mg.Tensor(y) + 0).data.argmax(), 1.0), np.eye(2)[LABELS]),
    "a Tensor": (lambda x, y: x * (5.0 if y in SPECIAL else 1.0), "tensors"),
}
PLAIN, OTHER = mg.Tensor(ONE), mg.Tensor(ONE)
SPECIAL = {OTHER}


@pytest.mark.parametrize("name", LOOK_UPS)
def test_what_is_looked_up_by_a_value(name):
    f, values = LOOK_UPS[name]
    values = [PLAIN, PLAIN, PLAIN, OTHER, OTHER, PLAIN] if name == "a Tensor" else values
    compiled = mg.compile(f)
    with pytest.warns(UserWarning, match=r"the hash of .* reads today's value in test_given\.py:.* Look it up before"):
        found = [bits(compiled(ONE, y)) for y in values]
    assert found == [bits(f(ONE, y)) for y in values]


# Classes of containers, and what their methods read.


@dataclasses.dataclass
class Batch:
    x: object
    k = 2.0

    def scaled(self):
        return self.x * self.k * K

    @functools.cached_property
    def total(self):
        return self.x.sum()


class Pair(collections.namedtuple("Pair", "x y")):
    __slots__ = ()

    def scaled(self):
        return self.x * K


class Listed(list):
    @property
    def scaled(self):
        return lambda: self[0] * K


class Default(dict):
    def __missing__(self, key):
        return K


class Slotted(dict):
    __slots__ = ("k",)


class Open(dict):
    __getattr__ = dict.__getitem__


def each_k(f, given):
    global K
    try:
        for k in (2.0, 2.0, 2.0, 3.0, 4.0):
            K = k
            yield f(given())
    finally:
        K = 2.0


@case()
def a_method_of_a_dataclass(use):
    f = use(lambda b: b.scaled())
    yield from each_k(f, lambda: Batch(ONE))
    for Batch.k in (5.0, 2.0):
        yield f(Batch(ONE))


@case()
def a_method_that_is_replaced(use):
    f, scaled = use(lambda b: b.scaled()), Batch.scaled
    for i in range(5):
        yield f(Batch(ONE * i))
    Batch.scaled = lambda self: self.x + 7
    yield f(Batch(ONE))
    Batch.scaled = scaled


@case()
def a_method_of_a_named_tuple(use):
    yield from each_k(use(lambda b: b.scaled()), lambda: Pair(ONE, 1))


@case()
def a_property_of_a_list(use):
    yield from each_k(use(lambda b: b.scaled()), lambda: Listed([ONE]))


@case()
def a_missing_key(use):
    yield from each_k(use(lambda b: b["x"] * b["k"]), lambda: Default(x=ONE))


@case("slot of a container")
def a_slot_of_a_dict(use):
    f = use(lambda b: b["x"] * b.k)
    for k in (2.0, 2.0, 2.0, 3.0):
        given = Slotted(x=ONE)
        given.k = k
        yield f(given)


@case("changed d\\['k'\\] in a container")
def a_default_factory(use):
    yield from each_k(use(lambda d: d["x"] * d["k"]), lambda make=lambda: K: collections.defaultdict(make, x=ONE))


@case("changed b.total in a container")
def a_cached_property(use):
    f = use(lambda b: b.x * b.total)
    for i in range(5):
        given = Batch(ONE * i)
        yield f(given), given.total


@case()
def a_dict_of_attributes(use):
    yield from called(use(lambda x, c: x * c.k), lambda k: Open(k=k), [2, 2, 2, 3, 3, 3])


@case()
def a_step_from_state_to_state(use):
    f, state = use(lambda s, x: dataclasses.replace(s, x=s.x - 0.1 * x)), Batch(ONE)
    for _ in range(5):
        state = f(state, ONE)
        yield state.x


@case()
def a_new_state(use):
    f, state = use(lambda s, x: Batch(s.x - 0.1 * x)), Batch(ONE)
    for _ in range(5):
        state = f(state, ONE)
        yield state.x


class Doubled(dict):
    def __getitem__(self, key):
        return 2 * dict.__getitem__(self, key)


class DoubledValues(dict):
    def values(self):
        return [2 * x for x in dict.values(self)]


class DoubledEntries(list):
    def __getitem__(self, i):
        return 2 * list.__getitem__(self, i)


class DoubledLoop(list):
    def __iter__(self):
        return (2 * x for x in list.__iter__(self))


@dataclasses.dataclass
class DoubledField:
    x: object

    def __getattribute__(self, name):
        return 2 * object.__getattribute__(self, name) if name == "x" else object.__getattribute__(self, name)


@pytest.mark.parametrize(
    ("f", "kind"),
    [
        (lambda d: d["x"] + 1, lambda x: Doubled(x=x)),
        (lambda d: sum(d.values()), lambda x: DoubledValues(x=x)),
        (lambda d: d[0] + 1, lambda x: DoubledEntries([x])),
        (sum, lambda x: DoubledLoop([x])),
        (lambda d: d.x + 1, DoubledField),
    ],
)
def test_a_container_that_gives_what_is_not_in_it(f, kind):
    compiled = mg.compile(f)
    with pytest.warns(UserWarning, match="finds what is in it in a way of its own"):
        found = [bits(compiled(kind(ONE * i))) for i in range(5)]
    assert found == [bits(f(kind(ONE * i))) for i in range(5)]


READS = []


class Counted(dict):
    def __getitem__(self, key):
        READS.append(key)
        return dict.__getitem__(self, key)


class Measured(list):
    def __len__(self):
        READS.append("len")
        return list.__len__(self)


class Watched:
    __slots__ = ("k",)

    def __init__(self, k):
        self.k = k

    def __getattribute__(self, name):
        READS.extend([name] if name == "k" else [])  # any isinstance reads its __class__
        return object.__getattribute__(self, name)


@pytest.mark.parametrize(
    ("f", "held"),
    [
        (lambda x, d: x * d["k"], Counted(k=2.0)),
        (lambda x, d: x * d.get("k"), Counted(k=2.0)),
        (lambda x, d: x * len(d), Measured([1.0])),
        (lambda x, o: x * o.k, Watched(2.0)),
    ],
)
def test_a_comparison_runs_no_method_of_the_user(f, held):
    """A global container is not compared where that would run the user's own `__getitem__`, which may write."""
    counts = []
    for use in (lambda f: f, mg.compile):
        READS.clear()
        step = use(lambda x: f(x, held))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = [bits(step(ONE * i)) for i in range(4)]
        counts.append((found, [*READS]))
    assert counts[0] == counts[1]
    assert ["a comparison before each call would run" in str(x.message) for x in caught] == [True]


# Objects that have a dtype.


class Spec:
    shape, dtype = (1,), np.float32

    def __init__(self, k=2.0):
        self.k = k


class Typed(nn.Module):
    def __init__(self):
        self.w = nn.Parameter(ONE)

    dtype = property(lambda self: self.w.dtype)

    def forward(self, x):
        return x * self.w

    def step(self, x):
        self.zero_grad()
        self(x).sum().backward()
        self.w.data -= 0.1 * self.w.grad


@case()
def an_object_with_a_dtype(use):
    f, spec = use(lambda x, spec: x * spec.k), Spec()
    for k in (2.0, 2.0, 2.0, 3.0, 3.0, 3.0):
        spec.k = k
        yield f(ONE, spec)


@case()
def a_model_with_a_dtype(use):
    f, model = use(Typed.step), Typed()
    for _ in range(5):
        f(model, ONE)
        yield model.w.data.copy()


@case("computes in a way of its own")
def records(use):
    kind = [("k", "f8"), ("n", "i8")]
    yield from called(use(lambda x, r: x * r["k"] + r["n"]), lambda k: np.array([(k, 1)], kind), [2, 2, 2, 3])


@case("computes in a way of its own")
def an_array_of_objects(use):
    yield from called(use(lambda x, o: x * o[0]), lambda k: np.array([k, "a"], object), [2, 2, 2, 3])


@case()
def a_file_in_memory(use):
    with tempfile.NamedTemporaryFile() as file:
        held = np.memmap(file.name, float, "w+", shape=1)
        f = use(lambda x: x * held)
        for held[:] in (2, 2, 2, 3, 3, 3):
            yield f(ONE)


# Which object an argument is.


class Mode(enum.Enum):
    ONE = 1
    TWO = 2


A, B = np.ones(1), np.ones(1)
KNOWN = "asks with `is` or id\\(\\) which object"
IDENTITIES = {
    "is": lambda x: x * (2.0 if x is B else 3.0),
    "is not": lambda x: x * (2.0 if x is not B else 3.0),
    "operator.is_": lambda x: x * (2.0 if operator.is_(x, B) else 3.0),
    "a search": lambda x: x * next((i for i, each in enumerate([A[:], B]) if each is x), 7),
    "an id": lambda x: x * NOTED.get(id(x), 7.0),
}
NOTED = {id(B): 5.0}


@pytest.mark.parametrize("name", IDENTITIES)
def test_an_argument_that_is_known_by_another_name(name):
    f = IDENTITIES[name]
    compiled = mg.compile(f)
    with pytest.warns(UserWarning, match=KNOWN):
        found = [bits(compiled(x)) for x in (A, A, A, B, B, A)]
    assert found == [bits(f(x)) for x in (A, A, A, B, B, A)]


@case(KNOWN)
def a_list_given_twice(use):
    f, one, other = use(lambda p, q: 1.0 if p is q else 2.0), [1, 2], [1, 2]
    for given in (other, other, other, one, one, other):
        yield f(one, given)


@case(KNOWN)
def a_dataclass_that_is_equal_to_itself_alone(use):
    @dataclasses.dataclass(eq=False)
    class Item:
        x: object

    one, other = Item(ONE), Item(ONE)
    special = {other}
    f = use(lambda item: item.x * (5.0 if item in special else 1.0))
    for item in (one, one, one, other, other, one):
        yield f(item)


@case()
def a_member_of_an_enum(use):
    yield from called(use(lambda x, m: x * (2.0 if m is Mode.ONE else 3.0)), Mode, [1, 1, 1, 2, 2, 2])


@case()
def what_is_held_by_the_id_of_a_parameter(use):
    weights = [mg.Tensor(np.ones(2), requires_grad=True) for _ in range(2)]
    held = {id(w): mg.Tensor(np.zeros(2)) for w in weights}

    @use
    def step(x):
        for w in weights:
            w.zero_grad()
        sum((w * w * x).sum() for w in weights).backward()
        for w in weights:
            v = held[id(w)]
            v.assign(0.9 * v + w.grad)
            w -= 0.1 * v

    for i in range(5):
        step(np.ones(2) * i)
        yield weights[0].data.copy()


@case()
def a_method_as_an_argument(use):
    spec = types.SimpleNamespace(k=2.0)

    class Loss:
        def of(self, x):
            return x * spec.k

    loss, f = Loss(), use(lambda x, loss: loss(x))
    for spec.k in (2.0, 2.0, 2.0, 3.0, 3.0, 3.0):
        yield f(ONE, loss.of)


@case()
def a_method_of_a_dict(use):
    held, f = {"k": 2.0}, use(lambda x, get: x * get("k"))
    for held["k"] in (2.0, 2.0, 2.0, 3.0, 3.0, 3.0):
        yield f(ONE, held.get)


# What a Tensor is besides its values.


class Decayed(nn.Parameter):
    decay = 0.1


@case()
def the_name_of_an_argument(use):
    f = use(lambda t: t * (2.0 if t.name == "bias" else 3.0))
    for name in ("w", "w", "w", "bias", "bias", "w"):
        yield f(mg.Tensor(ONE, name=name))


@case()
def the_name_of_a_parameter(use):
    w, f = mg.Tensor(ONE, requires_grad=True), use(lambda w: (w * (2.0 if w.name == "bias" else 3.0)).detach())
    for w.name in ("w", "w", "w", "bias", "bias", "w"):
        yield f(w)


@case()
def an_attribute_of_a_parameter(use):
    w = Decayed(ONE)

    @use
    def step(w):
        w.zero_grad()
        (w * w).sum().backward()
        w.data -= w.decay * w.grad

    for decay in (0.1, 0.1, 0.1, 0.2, 0.2):
        w.decay = decay
        step(w)
        yield w.data.copy()


@case("sets what an argument is besides its values")
def a_gradient_of_an_argument(use):
    @use
    def step(t):
        t.requires_grad = True
        ((t * 2) ** 2).sum().backward()
        return t.grad * 1

    for i in range(5):
        t = mg.Tensor(ONE * i)
        yield step(t), t.grad, t.requires_grad


# Arguments in the memory of others, which are written to.


def raise_first(x, y):
    x += 1
    return y * 2


MEMORY = {
    "views": lambda: (b := np.zeros(10), [(b[:4], b[6:]), (b[:4], b[6:]), (b[:4], b[2:6]), (b[:4], b[2:6])])[1],
    "twice": lambda: [(b := np.zeros(4), b)] * 4,
    "a transpose": lambda: [(b := np.zeros((2, 2)), b.T)] * 4,
    "a Tensor and its data": lambda: [(w := mg.Tensor(np.zeros(4)), w.data)] * 4,
}


@pytest.mark.parametrize("name", MEMORY)
def test_a_write_to_what_another_argument_shows(name):
    found, expected = [], []
    with pytest.warns(UserWarning, match="x is written to, and another argument shows that memory"):
        for f, results in ((raise_first, expected), (mg.compile(raise_first), found)):
            results += [bits(f(x, y)) for x, y in MEMORY[name]()]
    assert found == expected


# Attributes of functions, and methods that Python calls by itself.


@case("it changes step.calls itself")
def a_counter_of_a_compiled_function(use):
    @use
    def step(x):
        step.calls += 1
        return x * step.k

    step.calls = 0
    for step.k in (2.0, 2.0, 2.0, 3.0, 4.0):
        yield step(ONE), step.calls


@case()
def a_setting_of_a_compiled_function(use):
    @use
    def step(x):
        return x * step.k

    for step.k in (2.0, 2.0, 2.0, 3.0, 3.0, 3.0):
        yield step(ONE)


@case()
def a_setting_of_an_op(use):
    @mg.custom_op(lambda g, z, x: g * op.k)
    def op(x):
        return x * op.k

    w = mg.Tensor(ONE, requires_grad=True)

    @use
    def step():
        w.zero_grad()
        op(w).sum().backward()

    for op.k in (2.0, 2.0, 2.0, 3.0, 3.0, 3.0):
        step()
        yield w.grad.copy()


@case()
def a_mapping_of_ones_own(use):
    class Config:
        keys = lambda self: self.active  # noqa: E731
        __getitem__ = {"a": 2.0, "b": 3.0}.__getitem__

    config = Config()

    def scaled(x, a=1.0, b=1.0):
        return x * a * b

    f = use(lambda x: scaled(x, **config))
    for config.active in (["a"], ["a"], ["a"], ["a", "b"], ["b"], ["b"]):
        yield f(ONE)


@case()
def an_object_as_a_method(use):
    class Scale:
        def __call__(self, x):
            return x * self.k

    class Model:
        __call__ = Scale()

    model, scale = Model(), Model.__call__
    f = use(lambda x: model(x))
    for scale.k in (2.0, 2.0, 2.0, 3.0, 3.0, 3.0):
        yield f(ONE)


@case()
def a_context_variable_that_is_set_to_what_it_is(use):
    variable = contextvars.ContextVar("variable")
    f = use(lambda x: (variable.set(3.0), x * 2)[1])
    for i in range(6):
        if i == 4:
            variable.set(1.0)
        yield f(ONE)


@case("it changes held itself")
def an_attribute_that_is_removed(use):
    held = types.SimpleNamespace(mode="a")
    f = use(lambda x: (held.__dict__.pop("extra", None), x * 2)[1])
    for i in range(6):
        if i > 2:
            held.extra = 1
        yield f(ONE), hasattr(held, "extra")


@pytest.mark.parametrize("name", CASES)
def test_a_compiled_function_does_what_the_plain_one_does(name):
    run, told = CASES[name]
    compiled = []

    def use(f):
        compiled.append(mg.compile(f))
        return compiled[0]

    expected = repr([*run(lambda f: f)])
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        assert repr([*run(use)]) == expected
    said = [str(warning.message) for warning in warned if "runs as it is" in str(warning.message)]
    assert len(said) == (told is not None)
    if told is None:
        assert compiled[0].programs
    else:
        assert re.search(told, said[0])


def test_what_a_traced_function_keeps_is_a_tensor():
    kept = []
    mg.trace(lambda x, t: kept.extend([x, x * 2, t, t.data]))(ONE, mg.Tensor(ONE))
    assert [type(x) for x in kept] == [mg.Tensor] * 4
    assert [{x: 1}[x] for x in kept] == [1] * 4


def test_each_of_the_modules_that_a_function_imports_is_compared(monkeypatch, tmp_path):
    for name in ("one", "two"):
        (tmp_path / "around" / "inside").mkdir(parents=True, exist_ok=True)
        (tmp_path / "around" / "inside" / f"{name}.py").write_text("k = 2.0\n")
    (tmp_path / "around" / "inside" / "main.py").write_text(
        "def f(x):\n    from .one import k\n    from .two import k as other\n    return x * k * other\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    main = importlib.import_module("around.inside.main")
    compiled = mg.compile(main.f)
    for i in range(6):
        if i == 4:
            sys.modules["around.inside.two"].k = 3.0
        assert compiled(ONE).tolist() == main.f(ONE).tolist() == [4.0 if i < 4 else 6.0]
