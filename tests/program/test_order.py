"""A program writes last: what it reads of a memory, it reads before the write that came later in its function."""

import random

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.core.containers import flatten

NAMES = ("u", "v", "w")


def tensors():
    """Three tensors, and an older view of the last one."""
    u, v, w = (mg.Tensor(np.array([i + 1.0, i + 2.5])) for i in range(3))
    return {"u": u, "v": v, "w": w, "back": w[::-1]}


def twice_the_old(t, x):
    t["v"].assign(t["w"])
    t["w"].assign(t["w"] + x)
    t["u"].assign(t["v"] * 2)


def overwritten_at_once(t, x):
    t["w"].assign(t["w"] + x)
    t["u"].assign(t["w"] * 0.9)
    t["w"].assign(x)


def view_of_a_copy(t, x):
    t["v"].assign(t["w"])
    t["w"].assign(t["w"] + x)
    return t["v"][::-1]


def copy_of_the_old(t, x):
    t["v"].assign(t["w"])
    t["w"].assign(t["w"] + x)
    return t["v"].detach()


def one_number_for_all(t, x):
    t["v"].assign(np.broadcast_to(x.sum(), (2,)))
    t["w"].assign(np.broadcast_to((t["w"] * 2).sum(), (2,)))


def by_way_of_another(t, x):
    t["u"].assign(t["w"])
    t["w"].assign(t["w"] + x)
    t["v"].assign(t["u"])


def added_to_another(t, x):
    t["u"].assign(t["w"][::-1])
    t["w"].assign(t["w"] + x)
    t["v"].assign(t["v"] + t["u"])


def read_by_views(t, x):
    t["w"].assign(t["w"] * 2)
    t["v"].assign(np.maximum(t["w"], x - 7).T)
    t["w"].assign(-t["v"])
    return t["v"] * 2


def older_view(t, x):
    y = t["back"] * 2
    t["w"].assign(t["w"] + x)
    return y


def operand(t, rng, x):
    return rng.choice([lambda x: x, lambda x: x[::-1]])(rng.choice([*(t[name] for name in NAMES), x]))


def value(t, rng, x):
    """An expression of a few operands, none of which has a name of its own: a name would make it a statement."""
    kinds = [
        lambda: operand(t, rng, x),
        lambda: t[rng.choice(NAMES)] + operand(t, rng, x),
        lambda: (operand(t, rng, x) - operand(t, rng, x)) * 0.5,
    ]
    return rng.choice(kinds)()


def drawn(seed):
    """A function of a few random statements; what it reads and writes follows from the seed alone."""

    def f(t, x):
        rng = random.Random(seed)
        for _ in range(rng.randint(2, 5)):
            t[rng.choice(NAMES)].assign(value(t, rng, x))
        return [value(t, rng, x) for _ in range(rng.randint(0, 2))]

    f.__name__ = f"drawn_{seed}"
    return f


def outcome(call, t, x):
    for name, start in tensors().items():
        if name in NAMES:
            t[name].data[...] = start.data
    result = flatten(call(x))[0]
    return [np.array(y.data if isinstance(y, mg.Tensor) else y).tolist() for y in (*result, *t.values())]


FUNCTIONS = [
    twice_the_old,
    overwritten_at_once,
    view_of_a_copy,
    copy_of_the_old,
    one_number_for_all,
    by_way_of_another,
    added_to_another,
    read_by_views,
    older_view,
    *map(drawn, range(200)),
]


@pytest.mark.filterwarnings(
    "ignore:.*it returns the memory of"
)  # a view of what is written: compiled, it runs as it is
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_a_program_writes_in_an_order_that_changes_nothing(f):
    t, x = tensors(), np.array([10.0, 20.0])

    def step(x):
        return f(t, x)

    expected = outcome(step, t, mg.Tensor(x))
    try:
        program = mg.trace(step)(x)
    except TypeError as error:  # a view of what was written to since
        assert "Take the view after the write" in str(error)
        return
    compiled = mg.compile(step)
    assert outcome(program, t, x) == expected, program.text
    assert [outcome(compiled, t, x) for _ in range(3)] == [expected] * 3, program.text


def test_an_assignment_needs_no_copy_of_its_own():
    t = tensors()
    v, w = t["v"], t["w"]

    def step(x):
        v.assign(w)
        w.assign(w + x)

    assert str(mg.trace(step)(np.ones(2))).endswith("    v[...] = w\n    w += x\n")


def test_an_array_that_shows_the_memory_of_what_is_written_is_refused():
    w = mg.Tensor(np.ones(2))
    raw = w.data[::-1]

    def step(x):
        w.assign(w + x)
        return x * raw

    with pytest.raises(TypeError, match="raw shows the memory of w, to which step writes"):
        mg.trace(step)(np.ones(2))


LAYOUTS = {
    "broadcast times 1": lambda x: (np.broadcast_to(x[:1], x.shape) * 1.0) @ x,
    "a number, broadcast and scaled": lambda x: (np.broadcast_to(x[0, 0], x.shape) * 0.1) @ x,
    "columns less 0": lambda x: np.sum((x[:, ::2] - 0.0) @ x[:3], axis=0),
    "a broadcast row times 1": lambda x: np.broadcast_to(x[:1], x.shape) * 1.0,
    "a transpose, reshaped twice": lambda x: x.T.reshape(-1).reshape(x.shape),
    "a broadcast column beside a transpose": lambda x: np.broadcast_to(x[:, :1], x.shape) * 1.0 + np.exp(x.T).T,
}


@pytest.mark.parametrize("f", LAYOUTS.values(), ids=LAYOUTS)
def test_what_is_simplified_lies_in_memory_as_it_did(f):
    x = mg.Tensor(np.random.default_rng(0).normal(size=(5, 5)))
    program, compiled, expected = mg.trace(f)(x), mg.compile(f), f(x).data
    found = [compiled(x).data for _ in range(4)]
    for z in (program(x), found[-1]):
        assert (z.tobytes(), z.strides) == (expected.tobytes(), expected.strides)


def test_a_broadcast_that_is_written_has_no_gaps():
    u, v = mg.Tensor(np.zeros((2, 2))), mg.Tensor(np.ones((2, 2)))

    def step(x):
        u.assign(v + x[:1])
        v.assign(np.broadcast_to(x[0, 0], (2, 2)) + np.broadcast_to(u[0], (2, 2)))

    compiled = mg.compile(step)
    for _ in range(4):
        compiled(np.array([[1.0, 2.0], [3.0, 4.0]]))
    np.testing.assert_array_equal(v.data, [[9.0, 13.0]] * 2)
