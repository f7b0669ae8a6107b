"""State that a compiled function moves on itself, or that cannot be looked at before each call, is refused."""

import collections
import functools
import io
import itertools
import random
import sys
import warnings
import weakref

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn
from micrograd_np.program import outside as walk
from micrograd_np.program.outside import Outside

from .bits import call_often

X = np.array([-1.0, 2.0, 3.0])


class Counter:
    total = 0


COUNTER, ITERATOR, CYCLE = Counter(), iter([1.0, 1.0, 2.0]), itertools.cycle([1.0, 1.0, 2.0])
SHARED_RNG, RNG, PYTHON_RNG = np.random.default_rng(0), np.random.default_rng(0), random.Random(0)


def counts(x):
    COUNTER.total = COUNTER.total + x.sum()
    return x


def counts_calls(x):
    counts_calls.calls += 1
    return x


counts_calls.calls = 0


class Skips(nn.Module):
    def __init__(self):
        self.rng = np.random.default_rng(0)

    def forward(self, x):
        return x if self.rng.random() < 2 else -x


def drawn():
    return RNG.random() < 2


def drawn_from_what_is_sampled(x):
    y = mg.sample(SHARED_RNG.random, 3)
    return x + y if SHARED_RNG.random() < 2 else x


SKIPS = nn.Sequential(nn.Sequential(nn.Sequential(Skips())))
REFUSED = [
    (lambda x: x * next(ITERATOR), r"ITERATOR is an iterator \(list_iterator\)"),
    (lambda x: x * next(CYCLE), r"CYCLE is an iterator \(cycle\)"),
]


@pytest.mark.parametrize(("f", "says"), REFUSED)
def test_what_a_function_moves_on_is_refused(f, says):
    with pytest.raises(TypeError, match=says):
        call_often(f, X)


DRAWN = [
    (lambda x: SKIPS(x), r"SKIPS\.layers\[0\]\.layers\[0\]\.layers\[0\]\.rng drew numbers"),
    (lambda x: x if drawn() else -x, "RNG drew numbers"),
    (lambda x: x if random.random() < 2 else -x, "random drew numbers"),
    (lambda x: x if PYTHON_RNG.random() < 2 else -x, "PYTHON_RNG drew numbers"),
    (drawn_from_what_is_sampled, "SHARED_RNG drew numbers"),
]


@pytest.mark.parametrize(("f", "says"), DRAWN)
def test_what_draws_by_itself_runs_as_it_is(f, says):
    with pytest.warns(UserWarning, match=f"runs as it is, not as a program: .*{says}"):
        call_often(f, X)


STATE = np.random.RandomState(3).get_state()
SETS = [
    (lambda x: np.random.seed(0), "np.random drew numbers in the traced function, or was set"),
    (lambda x: np.random.set_state(STATE), "np.random drew numbers in the traced function, or was set"),
    (lambda x: random.seed(0), "random drew numbers in the traced function, or was set"),
    (lambda x: PYTHON_RNG.seed(0), "PYTHON_RNG drew numbers in the traced function, or was set"),
    (lambda x: np.seterr(over="warn"), r"np\.seterr reads or writes files or settings"),
    (lambda x: np.set_printoptions(precision=8), r"np\.set_printoptions reads or writes files or settings"),
    (lambda x: warnings.filterwarnings("ignore", "no such"), r"warnings\.filterwarnings reads or writes"),
    (lambda x: sys.exc_info()[0], r"sys\.exc_info reads or writes files or settings"),
    (
        lambda x: mg.sample(np.random.default_rng(0).random, 3),
        "draws of a generator that is made inside: test_moved_on",
    ),
]


@pytest.mark.parametrize(("sets", "says"), SETS)
def test_what_sets_a_state_runs_as_it_is_although_the_state_is_so_already(sets, says):
    def step(x):
        sets(x)
        return x * 2

    with pytest.warns(UserWarning, match=f"runs as it is, not as a program: .*{says}"):
        call_often(step, X)


def test_a_function_runs_outside_of_what_its_trace_raised():
    compiled = mg.compile(lambda x: x * (1.0 if sys.exc_info()[0] is None else 2.0))
    with pytest.warns(UserWarning, match="sys.exc_info"):
        assert [compiled(X).tolist() for _ in range(4)] == [X.tolist()] * 4


def test_a_step_that_no_program_can_do_is_done_once_a_call():
    w, twin, rng = mg.Tensor(X, requires_grad=True), mg.Tensor(X, requires_grad=True), np.random.default_rng(0)

    def step(w, x, rng):
        w.zero_grad()
        (w * x * rng.normal(size=3)).sum().backward()
        w.assign(w.data - 0.1 * w.grad)

    with pytest.warns(UserWarning, match="drew numbers"):
        call_often(step, w, X, rng)
    rng = np.random.default_rng(0)
    for _ in range(4):
        step(twin, X, rng)
    assert w.data.tobytes() == twin.data.tobytes()


def test_what_a_function_adds_up_itself_stays_a_number():
    """A traced run would leave a Tensor."""
    COUNTER.total, compiled = 0, mg.compile(counts)
    with pytest.warns(UserWarning, match=r"it changes COUNTER\.total itself"):
        for i in range(1, 7):
            compiled(X)
            assert type(COUNTER.total) is np.float64
            assert COUNTER.total == i * X.sum()


@pytest.mark.parametrize("where", ["global", "nonlocal", "attribute", "setattr", "item"])
def test_the_best_loss_is_kept_as_the_array_that_eager_keeps(where):
    global BEST
    BEST, best, holder, table = None, None, Counter(), {"best": None}
    w = mg.Tensor(X, requires_grad=True)

    def step(x):
        global BEST
        nonlocal best
        w.zero_grad()
        loss = ((w - x) ** 2).sum()
        loss.backward()
        w.assign(w.data - 0.25 * w.grad)
        match where:
            case "global":
                BEST = loss.data
            case "nonlocal":
                best = loss.data
            case "attribute":
                holder.best = loss.data
            case "setattr":
                setattr(holder, "best", loss.data)  # noqa: B010
            case "item":
                table["best"] = loss.data
        return loss

    compiled = mg.compile(step)
    with pytest.warns(UserWarning, match="runs as it is.*it changes .*best.* itself|it changes BEST itself"):
        for _ in range(5):
            loss = compiled(np.zeros(3))
            kept = {"global": BEST, "nonlocal": best, "item": table["best"]}.get(where, getattr(holder, "best", None))
            assert type(kept) is np.ndarray
            assert kept == loss.data


def test_what_a_function_counts_itself_runs_as_it_is():
    with pytest.warns(
        UserWarning, match=r"counts_calls runs as it is.* it changes counts_calls\.calls itself\. Do that outside"
    ):
        call_often(counts_calls, X)
    assert counts_calls.calls == 4


def test_what_is_worked_out_at_its_first_use_is_no_change():
    class Model:
        @functools.cached_property
        def scale(self):
            return 2.0

    model = Model()
    scaled = mg.compile(lambda x: x * model.scale)
    for value in (2.0, 2.0, 2.0, 3.0, 3.0, 3.0):
        if value == 3.0:
            model.scale = value
        assert scaled(X).data.tolist() == (value * X).tolist()
    assert mg.compile(np.fmod)(X, X).data.tolist() == [0.0, 0.0, 0.0]


def test_a_tensor_that_is_kept_at_its_first_use_is_read_at_each_call():
    class Model:
        @functools.cached_property
        def scale(self):
            return mg.Tensor([2.0]) * 1

    model = Model()
    scaled = mg.compile(lambda x: x * model.scale)
    for value in (2.0, 2.0, 2.0, 2.0, 3.0):
        model.scale.data[...] = value if "scale" in vars(model) else 2.0
        assert scaled(X).data.tolist() == (value * X).tolist()


def test_what_is_too_much_to_be_looked_at_runs_as_it_is_after_a_warning(monkeypatch):
    monkeypatch.setattr(walk, "MOST", 100)
    many = [{"k": float(i)} for i in range(99)]
    scaled = mg.compile(lambda x: x * many[0]["k"])
    scaled(X)
    with pytest.warns(UserWarning, match=r"runs as it is, not as a program: more than 100 objects hang from many"):
        scaled(X)
    for k in (2.0, 3.0):
        many[0]["k"] = k
        assert scaled(X).tolist() == (k * X).tolist()


class Library:
    """Stands for a class of a library that counts what it makes."""

    def __init__(self):
        self.ids = itertools.count()


Library.__module__ = "numpy"


def test_an_iterator_that_a_library_keeps_is_refused_where_it_may_be_read():
    library, other = Library(), [io.TextIOWrapper]
    with pytest.raises(TypeError, match=r"library.ids is an iterator \(count\)"):
        call_often(lambda x: x * getattr(library, "k", 2.0), X)
    assert call_often(lambda x: x * len(other), X).tolist() == X.tolist()


def test_a_name_of_an_attribute_is_no_global():
    def f(x):
        return x.ITERATOR if hasattr(x, "ITERATOR") else x * 1

    assert mg.compile(f)(X).data.tolist() == X.tolist()


@pytest.mark.parametrize("held", [collections.deque(), np.empty(1, dtype=object)], ids=["a deque", "an array"])
def test_what_was_held_is_kept_lest_something_else_takes_its_place_in_memory(held):
    held.append(Counter()) if isinstance(held, collections.deque) else held.fill(Counter())
    kept = weakref.ref(held[0])
    outside = Outside(lambda x: held, [])
    held[0] = None
    assert kept() is not None
    assert outside.first_changed() == "held"


def test_the_path_to_the_end_of_a_long_chain_is_cut():
    first = last = Counter()
    for _ in range(1000):
        last.next = last = Counter()
    assert max(len(each.path) for each in Outside(lambda x: x * first.total, []).edges) < 300


def test_a_generator_given_by_name_is_looked_at_too():
    with pytest.warns(UserWarning, match=r"drew numbers in the traced function"):
        call_often(lambda x, rng: x * rng.random(), X, rng=np.random.default_rng(0))
