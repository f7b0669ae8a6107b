"""Programs that gave other numbers than their functions, or took longer, as they were found from outside."""

import contextvars
import copy
import datetime
import functools
import inspect
import logging
import math
import operator
import os
import pathlib
import random
import threading
import types
import warnings
from os.path import getsize
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn

from .bits import same

X = np.array([1.0, -2.0, 0.5])
CASES = {}


def case(make):
    """A function that returns (step, change): step(x) is called before and after change()."""
    CASES[make.__name__] = make
    return make


@case
def what_a_cache_holds():
    @functools.cache
    def config():
        return {"rate": 1.0}

    config()
    return lambda x: x * config()["rate"], lambda: config().update(rate=5.0)


@case
def what_a_small_cache_holds():
    @functools.lru_cache(maxsize=2)
    def config(n):
        return SimpleNamespace(rate=float(n))

    config(1)
    return lambda x: x * config(1).rate, lambda: setattr(config(1), "rate", 5.0)


@case
def a_cache_that_is_filled_anew():
    box = [1.0]
    cached = functools.cache(lambda: np.array(box[0]))
    cached()

    def change():
        box[0] = 5.0
        cached.cache_clear()
        cached()

    return lambda x: x * cached(), change


@case
def a_small_cache_of_numbers_that_is_filled_anew():
    box = [2.0]
    cached = functools.lru_cache(maxsize=2)(lambda: box[0])
    cached()

    def change():
        box[0] = 3.0
        cached.cache_clear()
        cached()
        box[0] = 2.0

    return lambda x: x * cached(), change


@case
def a_decorator_that_is_a_class():
    class Scaled:
        def __init__(self, f):
            self.f, self.k = f, 1.0

        def __get__(self, owner, kind=None):
            return self if owner is None else lambda x: self.f(owner, x) * self.k

    class Net(nn.Module):
        @Scaled
        def forward(self, x):
            return x * 2.0

    net = Net()
    return lambda x: net(x), lambda: setattr(Net.forward, "k", 5.0)


@case
def a_forward_for_each_type():
    table = [1.0]

    class Net(nn.Module):
        @functools.singledispatchmethod
        def forward(self, x):
            return x * table[0]

    net = Net()
    return lambda x: net(x), lambda: table.__setitem__(0, 5.0)


@case
def a_compiled_forward():
    class Net(nn.Module):
        k = 1.0

        @mg.compile
        def forward(self, x):
            return x * self.k

    net = Net()
    return lambda x: net(x), lambda: setattr(Net, "k", 5.0)


@case
def an_attribute_that_a_function_gets_later():
    def helper():
        return 0

    return lambda x: x * getattr(helper, "scale", 1.0), lambda: setattr(helper, "scale", 5.0)


@case
def an_attribute_that_a_layer_gets_later():
    layer = nn.ReLU()
    return lambda x: x * getattr(layer, "gain", 1.0), lambda: setattr(layer, "gain", 5.0)


@case
def a_variable_that_has_no_value_yet():
    def step(x):
        try:
            return x * late
        except NameError:
            return x

    def change():
        nonlocal late
        late = 5.0

    late = None
    del late
    return step, change


@case
def attributes_in_another_order():
    net = SimpleNamespace(a=np.array(2.0), b=np.array(3.0))

    class Net(nn.Module):
        def __init__(self):
            self.first, self.second = nn.Parameter(np.array([2.0])), nn.Parameter(np.array([3.0]))

    net = Net()

    def change():
        first = net.first
        del net.first
        net.first = first

    def step(x):
        total = x
        for p in net.parameters():
            total = total * p.detach() + 1.0
        return total

    return step, change


@case
def an_attribute_by_another_name_of_getattr():
    get, config = getattr, SimpleNamespace(k=1.0)
    return lambda x: x * get(config, "k"), lambda: setattr(config, "k", 5.0)


@case
def an_attribute_by_a_partial():
    config = SimpleNamespace(k=1.0)
    look = functools.partial(getattr, config)
    return lambda x: x * look("k"), lambda: setattr(config, "k", 5.0)


@case
def a_nan_of_another_sign():
    config = SimpleNamespace(k=float("nan"))
    return lambda x: x * math.copysign(1.0, config.k), lambda: setattr(config, "k", -config.k)


@case
def a_method_by_name():
    class Config:
        k = 1.0

        def scale(self):
            return self.k

    config = Config()
    return lambda x: x * operator.methodcaller("scale")(config), lambda: setattr(config, "k", 5.0)


@case
def an_attribute_by_another_name_of_format():
    class Config:
        pass

    write, config = str.format, Config()
    config.k = 1.0
    return lambda x: x * float(write("{0.k}", config)), lambda: setattr(config, "k", 5.0)


def by_another_name(read):
    """A case that reads k of an object by a function of a library, under a name that does not say so."""

    def make():
        class Config:
            pass

        config = Config()
        config.k = 1.0
        return lambda x: x * read(config), lambda: setattr(config, "k", 5.0)

    return make


members, static, plain = inspect.getmembers, inspect.getattr_static, object.__getattribute__
CASES["getmembers"] = by_another_name(lambda config: dict(members(config))["k"])
CASES["getattr_static"] = by_another_name(lambda config: static(config, "k"))
CASES["__getattribute__"] = by_another_name(lambda config: plain(config, "k"))


@case
def an_annotation():
    def helper(x: float):
        return x

    return lambda x: x * len(helper.__annotations__), lambda: helper.__annotations__.update(more=int)


@case
def an_array_of_objects_in_another_shape():
    table = np.array([1.0, 2.0, 3.0, 4.0], dtype=object)
    return lambda x: x * len(table), lambda: table.resize((2, 2), refcheck=False)


@case
def the_class_of_a_layer():
    layer = nn.Tanh()
    return lambda x: layer(x), lambda: setattr(layer, "__class__", nn.ReLU)


@case
def the_class_of_an_object_of_slots():
    class Base:
        __slots__ = ("k",)

        def scale(self):
            return 1.0

    class Other(Base):
        __slots__ = ()

        def scale(self):
            return 5.0

    box = Base()
    return lambda x: x * box.scale(), lambda: setattr(box, "__class__", Other)


@case
def attributes_of_a_class_in_another_order():
    class Rates:
        first, second = 2.0, 3.0

    def step(x):
        for name, rate in vars(Rates).items():
            x = np.sin(x * rate) if name in ("first", "second") else x
        return x

    def change():
        del Rates.first
        Rates.first = 2.0

    return step, change


@case
def a_context_variable_that_is_none():
    rate = contextvars.ContextVar("rate")
    return lambda x: x * (rate.get(2.0) or 5.0), lambda: rate.set(None)


@case
def the_default_of_a_context_variable():
    rates = [1.0]
    rate = contextvars.ContextVar("rate", default=rates)
    return lambda x: x * rate.get()[0], lambda: rates.__setitem__(0, 5.0)


@case
def whether_a_logger_logs():
    log = logging.getLogger("steps of a case")
    log.setLevel(logging.WARNING)
    return lambda x: x * (5.0 if log.isEnabledFor(logging.DEBUG) else 1.0), lambda: log.setLevel(logging.DEBUG)


@case
def a_logger_that_is_disabled():
    log = logging.Logger("steps", logging.DEBUG)
    return lambda x: x * (5.0 if log.isEnabledFor(logging.DEBUG) else 1.0), lambda: setattr(log, "disabled", True)


@case
def the_level_of_a_logger():
    log = logging.Logger("steps", 20)
    return lambda x: x * log.level, lambda: log.setLevel(30)


@case
def what_a_logger_adds():
    log = logging.LoggerAdapter(logging.Logger("steps"), {"rate": 1.0})
    return lambda x: x * log.extra["rate"], lambda: log.extra.update(rate=5.0)


@case
def memory_that_numpy_is_told_of():
    shown = np.ones(3)

    class Box:
        def __init__(self):
            self.__array_interface__ = shown.__array_interface__

    box = Box()
    return lambda x: x * np.asarray(box), lambda: shown.fill(5.0)


@case
def a_constructor_that_is_called_by_name():
    rates = [1.0]

    class Box:
        def __init__(self):
            self.rate = rates[0]

    box = Box()

    def step(x):
        box.__init__()
        return x * box.rate

    return step, lambda: rates.__setitem__(0, 5.0)


@case
def a_list_of_a_library():
    filters = list(warnings.filters)
    return lambda x: x * len(warnings.filters), lambda: warnings.filters.insert(0, filters[0])


@case
def a_number_of_a_library():
    inner = ModuleType("inner")  # without a file, it is no module of the user's
    inner.rate = 1.0
    step = types.FunctionType((lambda x: x * inner_module.rate).__code__, {"inner_module": inner})  # noqa: F821
    return step, lambda: setattr(inner, "rate", 5.0)


@case
def keys_that_are_equal():
    table = {1: 2.0, 2: 3.0}

    def change():
        table.clear()
        table.update({1.0: 2.0, 2.0: 3.0})

    return lambda x: np.ones(3, int) * next(iter(table)), change


MANY = {
    "of floats": ([float(i) for i in range(20)], 19, 5.0),
    "of signs": ([0.0] * 20, 19, -0.0),
    "of types": ([1] * 20, 19, True),
    "of words": ([*"abcdefghijk", 2.0], 11, 3.0),
    "by key": ({f"k{i}": 1.0 for i in range(20)}, "k19", 5.0),
    "by key of types": ({f"k{i}": 1 for i in range(20)}, "k19", 1.0),
}


@pytest.mark.parametrize("name", MANY)
def test_many_numbers_are_compared_at_once(name):
    held, at, then = copy.deepcopy(MANY[name])
    compiled = mg.compile(lambda x: np.arctan2(x * held[at], -1.0))
    for _ in range(4):
        compiled(X)
    assert len(compiled.programs) == 1
    assert len([edge for edge in compiled.programs[0].outside.edges if edge.path.startswith("held")]) < 5
    held[at] = then
    assert same(compiled(X), np.arctan2(X * then, -1.0))


def test_equal_words_made_anew_are_the_same():
    held = [f"word {i}" for i in range(20)]
    compiled = mg.compile(lambda x: x * len(held[3]))
    for _ in range(4):
        compiled(X)
        held[:] = [f"word {i}" for i in range(20)]
    assert len(compiled.programs) == 1 == compiled.kinds[0].traces


@pytest.mark.parametrize("name", CASES)
def test_a_change_is_seen(name):
    (step, change), (twin, change_twin) = CASES[name](), CASES[name]()
    compiled = mg.compile(step)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* runs as it is")
        for i in range(8):
            if i == 5:
                change()
                change_twin()
            assert same(compiled(X), twin(X)), f"call {i + 1}"


def test_keys_that_are_equal_are_told_apart():
    step = mg.compile(lambda x, table: x * (1.0 if next(iter(table)) is True else 5.0))
    for key in (1, 1, 1, True, 1.0):
        assert step(X, {key: 2.0}).tolist() == (X * (1.0 if key is True else 5.0)).tolist()


# Results that want a gradient, and results that show the memory of a Tensor.


def encoder_and_head(wrap):
    rng = np.random.default_rng(0)
    encoder = nn.Sequential(nn.Linear(3, 4, rng=rng), nn.BatchNorm1d(4))
    head, x, y = nn.Linear(4, 2, rng=rng), rng.normal(size=(6, 3)), np.array([0, 1, 1, 0, 1, 0])
    forward = wrap(lambda x: encoder(x))
    losses = []
    for _ in range(6):
        loss = nn.cross_entropy(head(forward(x)), y)
        loss.backward()
        for p in (*encoder.parameters(), *head.parameters()):
            p -= 0.1 * p.grad
            p.zero_grad()
        losses.append(loss.item())
    return losses


def test_a_part_of_a_model_that_also_writes_keeps_its_gradient():
    with pytest.warns(UserWarning, match="whose gradient may be asked"):
        found = encoder_and_head(mg.compile)
    assert found == encoder_and_head(lambda f: f)


@pytest.mark.filterwarnings("ignore:.*whose gradient may be asked")
def test_the_loss_of_a_function_that_clears_gradients_can_be_walked_back():
    w = mg.Tensor(X, requires_grad=True)

    @mg.compile
    def loss_of(x):
        w.zero_grad()
        return ((x * w) ** 2).sum()

    for _ in range(5):
        loss_of(np.ones(3)).backward()
        assert w.grad.tolist() == (2 * X).tolist()


def test_a_returned_loss_says_that_it_has_no_graph():
    w = mg.Tensor(X, requires_grad=True)

    @mg.compile
    def step(x):
        w.zero_grad()
        loss = ((x * w) ** 2).sum()
        loss.backward()
        return loss

    for _ in range(4):
        loss = step(np.ones(3))
    assert loss.requires_grad
    with pytest.raises(mg.GradientError, match="returned by a compiled function"):
        loss.backward()
    with pytest.raises(mg.GradientError, match="returned by a compiled function"):
        (2 * loss).backward()


@pytest.mark.parametrize("attribute", ["grad", "data", "detach"])
def test_what_shows_the_memory_of_a_tensor_is_no_copy(attribute):
    def trained(wrap):
        w = mg.Tensor(X, requires_grad=True)

        def step(x):
            w.zero_grad()
            ((x * w) ** 2).sum().backward()
            w.assign(w.data - 0.01 * w.grad)
            return w.detach() if attribute == "detach" else getattr(w, attribute)

        run = wrap(step)
        for _ in range(6):
            y = run(np.ones(3))
            (y.data if isinstance(y, mg.Tensor) else y)[...] *= 0.5
        return w.data.tolist(), w.grad.tolist()

    assert trained(mg.compile) == trained(lambda f: f)


def test_a_view_of_what_is_written_runs_as_it_is():
    w = mg.Tensor(X)

    @mg.compile
    def step(x):
        w.assign(w.data + x)
        return w.data[1:]

    with pytest.warns(UserWarning, match=r"it returns the memory of .* Return a copy"):
        for i in range(4):
            assert step(np.ones(3)).tolist() == (X + i + 1)[1:].tolist()


# NumPy on plain arrays.

PLAIN = {
    "a power of a number": lambda x: x.std() ** 3,
    "a power of an entry": lambda x: np.abs(x[0, 0]) ** 1.5 + x * 0,
    "a copy of a transpose": lambda x: x.T.copy().sum(),
    "a sum where": lambda x: np.sum(x, where=np.tri(*x.shape, dtype=bool)),
    "a product of complex numbers": lambda x: (x[0, 0] + 1j) * (x[0, 1] - 2j),
}


@pytest.mark.filterwarnings("ignore:.*runs as it is")
@pytest.mark.parametrize("name", PLAIN)
def test_numpy_on_plain_arrays_gives_its_bits(name):
    f, rng = PLAIN[name], np.random.default_rng(0)
    compiled = mg.compile(f)
    compiled(np.ones((5, 4)))
    compiled(np.ones((5, 4)))  # here all are equal by luck
    for _ in range(60):
        x = rng.normal(size=(5, 4))
        assert same(compiled(x), f(x))


def test_the_copy_of_an_array_lies_as_numpys():
    compiled = mg.compile(lambda x: x.T.copy())
    for _ in range(4):
        assert compiled(np.ones((5, 4))).strides == np.ones((5, 4)).T.copy().strides
    t = mg.Tensor(np.ones((5, 4)))
    assert t.T.copy().data.strides == np.ones((5, 4)).T.copy().strides
    assert np.copy(t.T).data.strides == np.copy(np.ones((5, 4)).T).strides


def test_weights_that_sum_to_zero_are_refused_as_numpy_does():
    compiled = mg.compile(lambda x, w: np.average(x, weights=w))
    for _ in range(4):
        assert compiled(X, np.ones(3)) == np.average(X)
    for f in (compiled, lambda x, w: np.average(mg.Tensor(x), weights=w)):
        with pytest.raises(ZeroDivisionError, match=r"[Ww]eights sum to zero"):
            f(X, np.array([1.0, -1.0, 0.0]))


def test_an_error_of_a_check_has_the_users_names():
    w = mg.Tensor(X, requires_grad=True)
    optimiser = mg.optim.SGD([w], lr=0.1)

    @mg.compile
    def step(x):
        optimiser.zero_grad()
        loss = ((x * w) ** 2).sum()
        loss.backward()
        optimiser.step()
        return loss

    for _ in range(4):
        step(np.ones(3))
    with pytest.raises(FloatingPointError, match="the gradient of w has a nan") as caught:
        step(np.full(3, np.nan))
    assert caught.value.__context__ is None  # the check of the program has failed, too, and nobody is told


# What may not be looked at, and what takes too long.


def test_what_can_be_compared_is_not_refused():
    draw, w = np.random.default_rng(0).normal, mg.Tensor(X)
    step = mg.compile(lambda x: x * w + mg.sample(draw, size=3))
    twin = np.random.default_rng(0)
    for _ in range(5):
        assert same(step(X), (X * X + twin.normal(size=3)))
    assert len(step.programs) == 1


@pytest.mark.parametrize(
    "step",
    [
        lambda x: x * RNG.spawn(1)[0].random(),
        lambda x: x * scaled.__globals__["SCALE"],
        lambda x: x * (FILE.write_text("x") and 1.0),
        lambda x: x * FILE.is_symlink(),
    ],
    ids=["spawn", "globals", "write", "link"],
)
def test_hidden_state_is_refused(step, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    compiled = mg.compile(step)
    compiled(X)
    with pytest.raises(mg.TraceError, match="has a state of its own"):
        compiled(X)


exists, today, now, state = os.path.exists, datetime.date.today, datetime.datetime.now, random.getstate
BY_OTHER_NAMES = {
    "os.path.exists": lambda x: x * exists("a.txt"),
    "os.path.getsize": lambda x: x * getsize(__file__),
    "date.today": lambda x: x * today().year,
    "datetime.now": lambda x: x * now().year,
    "random.getstate": lambda x: x * len(state()),
    "Path.exists": lambda x: x * found(),
}


@pytest.mark.parametrize("name", BY_OTHER_NAMES)
def test_hidden_state_is_refused_under_another_name(name):
    compiled = mg.compile(BY_OTHER_NAMES[name])
    compiled(X)
    with pytest.raises(mg.TraceError, match=rf"{name.split('.')[-1]}.* has a state of its own"):
        compiled(X)


def test_a_list_may_remove_beside_a_path():
    names = ["a", "b"]
    compiled = mg.compile(lambda x: x * len(os.path.join(*names)) if "c" not in names else names.remove("c"))
    for _ in range(4):
        compiled(X)
    assert len(compiled.programs) == 1


def test_files_are_read_and_written_in_each_call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    load = mg.compile(lambda x: x * mg.load("weights.npz")["w"])
    save = mg.compile(lambda x: np.save("x.npy", x) or x)
    for compiled in (load, save):
        with pytest.warns(UserWarning, match=r"(mg\.load|np\.save) reads or writes files"):
            for k in range(1, 5):
                mg.save("weights.npz", {"w": k * X})
                assert compiled(X).tolist() == (k * X * X if compiled is load else X).tolist()
    np.testing.assert_array_equal(np.load("x.npy"), X)


def test_a_module_that_a_function_knows_from_outside_of_it(tmp_path):
    import sys as system

    import numpy

    steps = {
        "saves": lambda x: numpy.save(tmp_path / "x.npy", x) or x,
        "reads": lambda x: x * (system.path[-1] == "elsewhere"),
    }
    for name, step in steps.items():
        compiled = mg.compile(step)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".* runs as it is")
            for i in range(6):
                (tmp_path / "x.npy").unlink(missing_ok=True)
                system.path += ["elsewhere"] if i == 4 else []
                found = compiled(X)
                assert (tmp_path / "x.npy").exists() or name == "reads"
                assert same(found, step(X))
        system.path.remove("elsewhere")


def test_a_name_such_as_save_is_no_file():
    config = SimpleNamespace(save=False, load=0.5, remove=1.0)
    compiled = mg.compile(lambda x: np.exp(x) * config.load * config.remove if not config.save else x)
    for _ in range(4):
        compiled(X)
    assert len(compiled.programs) == 1


def test_a_mean_of_some_entries_of_a_tensor_is_compiled():
    w = mg.Tensor(X, requires_grad=True)

    def step(x):
        w.zero_grad()
        loss = np.mean((x * w) ** 2, where=x > 0)
        loss.backward()
        return loss

    compiled = mg.compile(step)
    for _ in range(4):
        loss = compiled(X)
    assert len(compiled.programs) == 1
    assert loss.item() == step(X).item()


# Results that are copies, and results that are not.

MEMORY = {
    "a copy of an argument": lambda x, w: x.astype(np.float64),
    "an argument": lambda x, w: x,
    "a tile": lambda x, w: np.tile(x, 1),
    "a tensor of an argument": lambda x, w: mg.Tensor(x),
    "two copies": lambda x, w: (x * 2, (x * 2).copy()),
    "one array twice": lambda x, w: (lambda h: (h, h[:2]))(x * 2),
    "a view": lambda x, w: x[1:],
    "a copy before a view": lambda x, w: (lambda h: (h, h.copy(), h[:2]))(np.tanh(x)),
    "a product with 1 before a view": lambda x, w: (lambda h: (h, h * 1, h[:2]))(np.tanh(x)),
    "a copy of a weight": lambda x, w: mg.Tensor(w.data),
    "values before a write": lambda x, w: (w.data.astype(float), w.assign(w.data - x * (x[0] > 5)))[0],
}
VIEWS = {
    "the same shape": lambda a: a.reshape(a.shape),
    "axes in their order": lambda a: a.transpose(range(a.ndim)),
    "an axis for itself": lambda a: np.swapaxes(a, 0, 0),
    "the transpose of a transpose": lambda a: a.T.T,
    "a vector as one": lambda a: a.ravel(),
}
MEMORY |= {f"{name} of an argument": lambda x, w, view=view: view(x) for name, view in VIEWS.items()}
MEMORY |= {f"{name} of a weight": lambda x, w, view=view: view(w) for name, view in VIEWS.items()}
MEMORY |= {f"{name} of a weight's data": lambda x, w, view=view: view(w.data) for name, view in VIEWS.items()}


@pytest.mark.filterwarnings("ignore:.*it returns the memory of")
@pytest.mark.parametrize("name", MEMORY)
def test_results_share_memory_as_those_of_the_function(name):
    def played(wrap):
        w, x = mg.Tensor(X), X.copy()
        f = wrap(lambda x: MEMORY[name](x, w))
        seen = []
        for i in range(6):
            x[0] = 10.0 * (i > 3)
            found = f(x)
            parts = [
                y.data if isinstance(y, mg.Tensor) else y for y in (found if isinstance(found, tuple) else (found,))
            ]
            if i > 3:
                parts[0][...] += 1.0
            seen += [part.tolist() for part in parts] + [x.tolist(), w.data.tolist()]
            x[...] = X
        return seen

    assert played(mg.compile) == played(lambda f: f)


SCALE, RNG = 1.0, np.random.default_rng(0)


FILE = pathlib.Path("a.txt")
found = FILE.exists


def scaled():
    return SCALE


def test_hundreds_of_arrays_are_not_compared_in_each_call():
    images = [np.full(3, float(i)) for i in range(600)]
    compiled = mg.compile(lambda x: x * images[3])
    with pytest.warns(UserWarning, match="images takes too long to compare"):
        for _ in range(4):
            assert compiled(X).tolist() == (3 * X).tolist()


def test_of_many_lengths_few_are_traced_at_once():
    compiled = mg.compile(lambda x: (x * 2.0).sum())
    for _ in range(3):
        for n in range(1, 41):
            assert compiled(np.ones(n)) == 2.0 * n
    assert len(compiled.programs) == 8
    for _ in range(40):
        compiled(np.ones(40))
    assert len(compiled.programs) == 9


def test_gradients_that_are_tensors_stay_tensors():
    w = mg.Tensor(X, requires_grad=True)

    @mg.compile
    def step(x):
        w.zero_grad()
        ((x * w) ** 3).sum().backward(create_graph=True)
        return w.grad

    with pytest.warns(UserWarning, match="create_graph=True"):
        for _ in range(4):
            assert isinstance(step(X), mg.Tensor)
            assert isinstance(w.grad, mg.Tensor)


def test_thousands_of_numbers_are_no_arguments():
    compiled = mg.compile(lambda numbers: sum(numbers))
    with pytest.warns(UserWarning, match="more than 1000 arguments"):
        for _ in range(3):
            assert compiled([1.0] * 2000) == 2000.0


ASKING = [
    lambda x: x * {np.ndarray: 2.0}.get(type(x), 1.0),
    lambda x: x * (2.0 - isinstance(x, np.ndarray)),
    lambda x: x * (1.0 + hasattr(x, "grad")),
    lambda x: x * len(x.__class__.__name__),
]


@pytest.mark.filterwarnings("ignore:.* runs as it is")
@pytest.mark.parametrize("step", ASKING)
def test_a_type_that_is_asked_for_is_seen_once_numbers_are_not_zero(step):
    compiled = mg.compile(step)
    for x in [0 * X] * 3 + [X] * 4:
        assert compiled(x).tolist() == step(x).tolist()


@pytest.mark.filterwarnings("ignore:.*it returns the memory of")
def test_a_view_that_is_read_only_stays_so():
    w = mg.Tensor(X)
    for step in (lambda x: np.broadcast_to(x, x.shape), lambda x: np.broadcast_to(w, w.shape).data):
        compiled = mg.compile(step)
        assert not any(compiled(X).flags.writeable for _ in range(4))


def test_a_view_of_a_copy_that_lies_in_columns_keeps_its_strides():
    step = lambda x: mg.Tensor(x)[::2]  # noqa: E731
    compiled = mg.compile(step)
    for i in range(5):
        x = np.asfortranarray(np.arange(330.0).reshape(11, 30) + i)
        assert compiled(x).data.strides == step(x).data.strides
    assert len(compiled.programs) == 1


def test_an_object_that_holds_a_method_of_a_lock_is_not_refused():
    ready = threading.Event()
    compiled = mg.compile(lambda x: x * (2.0 if ready.is_set() else 1.0))
    for _ in range(4):
        compiled(X)
    ready.set()
    assert same(compiled(X), X * 2.0)
