"""A traced run leaves nothing behind: what it changed is put back, and the function itself answers the call."""

import copy
import gc
import sys
import types
import warnings
from collections import deque

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np import nn, optim
from micrograd_np.core.containers import flatten

X = np.array([[1.0, -2.0, 0.5], [0.3, 0.7, -1.1]])
CASES = {}


def case(make):
    """A function that gives (f, what it leaves, the arguments of call i)."""
    CASES[make.__name__] = make
    return make


def of_arguments(f, args=lambda i: (X + i,)):
    return lambda: (f, [], args)


def caught(f, error):
    """f, or something else where it raises."""

    def inner(x):
        try:
            return f(x)
        except error:
            return x * 0 + 7

    return inner


def with_errors(x):
    with np.errstate(all="raise"):
        return 1 / x


def with_warnings(x):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return 1 / x


def matched(x):
    match x:
        case np.ndarray():
            return x * 2
    return x * 3


def bounded(x):
    if isinstance(x, np.ndarray):
        x = np.clip(x, -9, 9)
    return x * 2


def turned_to_zero(i):
    return (X if i < 5 else X * 0,)


class Scaled(np.ndarray):
    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return 10 * getattr(ufunc, method)(*map(np.asarray, inputs), **kwargs)


CASES |= {
    "isinstance": of_arguments(lambda x: x * 2 if isinstance(x, np.ndarray) else x * 3),
    "isinstance of a Tensor": of_arguments(lambda x: x * 2 if isinstance(x, mg.Tensor) else x * 3),
    "type": of_arguments(lambda x: x * 2 if type(x) is np.ndarray else x * 3),
    "hasattr": of_arguments(lambda x: x * 2 if hasattr(x, "grad") else x * 3),
    "match": of_arguments(matched),
    "isinstance of a sum": of_arguments(lambda x: x * 2 if isinstance(x.sum(), float) else x * 3),
    "type of a number": of_arguments(lambda x, k: x * k if type(k) is float else x, lambda i: (X, 0.1 * i)),
    "round": of_arguments(lambda x: round(x.mean(), 2)),
    "sort in place": of_arguments(lambda x: x.sort()),
    "an attribute of arrays": of_arguments(lambda x: x * (x.ctypes.data > 0)),
    "a row of an argument": of_arguments(lambda x: x[0].__iadd__(5.0)),
    "the transpose of an argument": of_arguments(lambda x: x.T.__iadd__(5.0)),
    "errors of NumPy": of_arguments(caught(with_errors, FloatingPointError), turned_to_zero),
    "warnings": of_arguments(caught(with_warnings, RuntimeWarning), turned_to_zero),
    "a masked array": of_arguments(lambda x: x.sum(), lambda i: (np.ma.masked_array([1.0, 2.0], mask=[0, 1]),)),
    "a class of arrays": of_arguments(lambda x: x + 1, lambda i: (X.view(Scaled),)),
    "a branch that shows itself later": of_arguments(bounded, lambda i: (X + 2.0 * i,)),
}


def weight():
    return mg.Tensor(np.random.default_rng(0).normal(size=(3, 2)), requires_grad=True)


def trained(after, left=(), before=lambda w: None):
    """A step that does something else besides."""

    def make():
        w, more = weight(), copy.deepcopy(left)

        def step(x):
            before(w)
            w.zero_grad()
            loss = (np.tanh(x @ w) ** 2).sum()
            loss.backward()
            w.assign(w.data - 0.1 * w.grad)
            after(w, loss, *more)
            return loss

        return step, [w, more], lambda i: (X + i,)

    return make


def keep(w, loss, box, count):
    count[0] += 1
    if count[0] % 2 == 0:
        box.best = loss.data


def keep_in_all(w, loss, items, table, queue, numbers, seen):
    if len(items) % 3 == 1:
        queue.append(loss.data)
        table["last"] = loss.data
        numbers += 1
        seen.add(len(items))
    items.append(len(items))


def keep_when_traced(w, loss, box):
    if not isinstance(loss.data, np.ndarray):
        box.traced = True


def switch(w, loss, net):
    net.train(not net.training)


CASES |= {
    "kept at each second call": trained(keep, (types.SimpleNamespace(best=None), [0])),
    "kept at some calls": trained(keep_in_all, ([], {}, deque(), np.zeros(2), set())),
    "kept by a traced run": trained(keep_when_traced, (types.SimpleNamespace(),)),
    "a row of a weight": trained(lambda w, loss: w.data[0].__iadd__(0.1)),
    "a weight in another shape": trained(lambda w, loss: w.data.reshape(-1).__iadd__(0.1)),
    "a mode": trained(switch, (nn.Dropout(0.5, rng=np.random.default_rng(0)),)),
    "a weight that is sorted": trained(lambda w, loss: w.data.sort()),
}


@case
def a_model_that_is_made_inside():
    def f(x):
        net = nn.Linear(3, 2, rng=np.random.default_rng(0))
        loss = (net(x) ** 2).sum()
        loss.backward()
        return net.weight.grad

    return f, [], lambda i: (X + i,)


@case
def the_state_of_an_optimiser_is_replaced():
    w = weight()
    optimiser = optim.SGD([w], lr=0.1, momentum=0.9)

    def step(x):
        optimiser.zero_grad()
        (np.tanh(x @ w) ** 2).sum().backward()
        optimiser.step()

    def args(i):
        if i == 5:
            optimiser.state[0] = {name: mg.Tensor(value.data * 0) for name, value in optimiser.state[0].items()}
        return (X,)

    return step, [w], args


@case
def a_draw_in_a_run_that_no_program_can_do():
    rng = np.random.default_rng(0)
    return (lambda x: round(float(mg.sample(rng.random)), 2)), [], lambda i: (X,)


def facts(tree):
    """All that a caller can tell of what is returned or left."""
    leaves, _ = flatten(tree)
    opened = [list(vars(x).values()) if isinstance(x, types.SimpleNamespace) else [x] for x in leaves]
    return [fact(x) for each in opened for x in each]


def fact(x):
    if isinstance(x, mg.Tensor):
        return type(x), fact(x.data), None if x.grad is None else fact(x.grad)
    if isinstance(x, np.ndarray | np.generic):
        return type(x), x.shape, x.dtype, x.tobytes()
    return type(x), [fact(each) for each in x] if isinstance(x, deque) else getattr(x, "training", x)


@pytest.mark.parametrize("name", CASES)
def test_a_call_is_eagers(name):
    (f, left, args), (twin, others, twin_args) = CASES[name](), CASES[name]()
    compiled = mg.compile(twin)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* runs as it is")
        warnings.filterwarnings("ignore", message="divide by zero")
        for i in range(10):
            given, twin_given = copy.deepcopy((args(i), twin_args(i)))
            expected, found = f(*given), compiled(*twin_given)
            if isinstance(expected, mg.Tensor):
                expected, found = expected.data, found.data
            assert facts([found, twin_given, others]) == facts([expected, given, left]), f"call {i + 1}"


def test_a_refusal_leaves_everything_as_it_was():
    w, rng, net, x = weight(), np.random.default_rng(0), nn.Dropout(0.5), X.copy()

    def step(x):
        net.eval()
        w.assign(w.data + mg.sample(rng.random))
        (w * w).sum().backward()
        x += 1
        return (part for part in [w])

    def state():
        return facts([w, x]), net.training, rng.bit_generator.state

    compiled = mg.compile(step)
    compiled(x)
    net.train()
    before = state()
    with pytest.raises(TypeError, match="an object of type generator"):
        compiled(x)
    assert state() == before


def test_a_collection_during_a_call_is_no_other_path():
    """The garbage collector calls functions of the user's at any time: finalisers, weak references, its callbacks."""
    seen = []

    def collected(phase, info):
        if sys.gettrace() is not None and not seen:
            seen.append(phase)

    threshold = gc.get_threshold()
    gc.callbacks.append(collected)
    gc.set_threshold(1)
    try:
        compiled = mg.compile(lambda x: (np.tanh(x) * 2).sum())
        for _ in range(4):  # a warning that it runs as it is would be an error
            compiled(X)
    finally:
        gc.callbacks.remove(collected)
        gc.set_threshold(*threshold)
    assert gc.isenabled()


class Counted(nn.Module):
    calls = 0

    def __init__(self):
        self.layer = nn.Linear(3, 1, rng=np.random.default_rng(0))

    def forward(self, x):
        Counted.calls += 1
        Counted.latest = len(x)
        return self.layer(x)


def test_what_a_step_sets_in_a_class_is_put_back_and_set_once():
    def run(wrap):
        Counted.calls = 0
        if "latest" in vars(Counted):
            del Counted.latest
        model = Counted()

        def step(x):
            loss = (model(x) ** 2).sum()
            loss.backward()
            for p in model.parameters():
                p -= 0.01 * p.grad
                p.zero_grad()

        called = wrap(step)
        for i in range(8):
            called(np.ones((3 if i == 5 else 2, 3)))
        return model.layer.weight.data.tobytes(), Counted.calls, Counted.latest

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* runs as it is.*Counted")
        assert run(mg.compile) == run(lambda step: step)
