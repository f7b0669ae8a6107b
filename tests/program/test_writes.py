"""A write into an array that the function made itself is seen in its result."""

import contextlib

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.core.containers import flatten

from .bits import same

X = np.array([1.0, -2.0, 0.5])


def shifted(x):
    y = x * 2
    z = y * 1
    y += 1
    return y, z


def standardised(x):
    x = x * 1.0
    x -= x.mean()
    x /= x.std()
    return x


def collected(x):
    total = np.zeros_like(x)
    before = total + 5
    total += x
    return total, before


def copied(x):
    total = mg.Tensor(np.zeros(3))
    total.assign(x * 2)
    return total


@pytest.mark.parametrize("f", [shifted, standardised, collected, copied])
def test_a_write_to_what_the_function_made_is_seen_in_what_it_returns(f):
    program, compiled = mg.trace(f)(np.arange(3.0)), mg.compile(f)
    for x in (np.arange(3.0), np.array([4.0, 1.0, 7.0]), np.arange(3.0)):
        expected = [x.data for x in flatten(f(mg.Tensor(x)))[0]]
        np.testing.assert_array_equal(flatten(program(x))[0], expected)
        np.testing.assert_array_equal([x.data for x in flatten(compiled(x))[0]], expected)


def test_a_method_that_means_something_else_on_an_array_is_refused():
    with pytest.raises(AttributeError, match=r"np.sort\(x, axis=1\)"):
        mg.trace(lambda a: a.sort())(np.ones(3))


# `p += k`: an array is written to, with all that shows its memory, and a number of NumPy's is another one.

NUMBERS = {
    "a sum": lambda x: x.sum(),
    "a mean": lambda x: np.mean(x),
    "a deviation": lambda x: x.std(),
    "an entry": lambda x: x[0, 0],
    "the greatest": lambda x: x[0].max(),
    "the place of the greatest": lambda x: np.argmax(x) * 1.0,
    "a product": lambda x: x[0] @ x[0],
    "a norm": lambda x: np.linalg.norm(x),
    "a part of a number": lambda x: np.modf(x[0, 0])[0],
}
ARRAYS = {
    "a choice of numbers": lambda x: np.where(x[0, 0] > 0, x[0, 0], 0.0),
    "a copy of a number": lambda x: np.copy(x[0, 0]),
    "a number as an array": lambda x: x[0, 0].reshape(()),
    "an entry as an array": lambda x: x[..., 0, 0],
    "a median": lambda x: np.median(x),
    "an einsum": lambda x: np.einsum("ij->", x),
    "a softplus": lambda x: mg.softplus(x[0, 0]),
    "a copy": lambda x: x * 1.0,
    "a row": lambda x: x[0],
    "a transpose": lambda x: x.T,
    "a piece": lambda x: np.split(x, 2)[0],
    "a column of pieces": lambda x: np.hsplit(x, 2)[1],
    "the same array": lambda x: x.conj(),
    "numbers for nan": lambda x: np.nan_to_num(x, copy=False),
}


@pytest.mark.filterwarnings("ignore:.* runs as it is")
@pytest.mark.parametrize("name", [*NUMBERS, *ARRAYS])
def test_what_is_added_to_is_a_number_or_an_array_as_in_the_function(name):
    def step(x, k):
        p = (NUMBERS | ARRAYS)[name](x)
        q = p
        p += k
        return p * 1, q * 1

    compiled = mg.compile(step)
    for k in (0.0, 0.0, 0.0, 2.0, 3.0):  # in the traced call nothing changes
        x, y = np.arange(1.0, 5.0).reshape(2, 2), np.arange(1.0, 5.0).reshape(2, 2)
        assert same(compiled(x, np.array(k)), step(y, np.array(k)))
        assert same(x, y)
    assert name not in NUMBERS or len(compiled.programs) == 1


def test_pieces_show_what_is_written_to_the_whole():
    def step(x, k):
        left, right = np.split(x, 2)
        x += k
        return left * right

    compiled = mg.compile(step)
    with pytest.warns(UserWarning, match=r"views of it by np\.split"):
        for k in (0.0, 0.0, 0.0, 2.0):
            assert same(compiled(np.ones(4), np.array(k)), step(np.ones(4), np.array(k)))


IN_PLACE = {
    "&=": (True, [True, True, False]),
    "|=": (False, [True, False, False]),
    "^=": (False, [True, False, True]),
    "<<=": (0, 2),
    ">>=": (0, 1),
    "@=": (np.eye(3), 2 * np.eye(3)),
}


def masked(p, k, sign):
    if sign == "&=":
        p &= k
    elif sign == "|=":
        p |= k
    elif sign == "^=":
        p ^= k
    elif sign == "<<=":
        p <<= k
    elif sign == ">>=":
        p >>= k
    else:
        p @= k
    return p


@pytest.mark.parametrize("sign", IN_PLACE)
def test_operators_that_a_tensor_has_not_write_into_an_array(sign):
    none, some = map(np.array, IN_PLACE[sign])

    def step(p, k):
        q = p
        masked(p, k, sign)
        return q * 1

    compiled = mg.compile(step)
    with pytest.warns(UserWarning, match=r"writes into an array: test_writes\.py:\d+: p \S+= k\. Write x = x & y"):
        for k in (none, none, none, some):
            x, y = np.ones((2, 3), k.dtype), np.ones((2, 3), k.dtype)
            assert same(compiled(x, k), step(y, k))
            assert same(x, y)


def test_a_gradient_that_is_set_is_a_copy():
    def trained(wrap):
        v, w = mg.Tensor(X, requires_grad=True), mg.Tensor(X, requires_grad=True)

        def step(x):
            w.zero_grad()
            (w * x).sum().backward()
            v.grad = w.grad
            w.grad *= 2.0

        run = wrap(step)
        for _ in range(4):
            run(X + 1)
        return v.grad.tolist(), w.grad.tolist()

    assert trained(mg.compile) == trained(lambda f: f)


def test_a_number_that_is_given_is_added_to():
    def step(average, x, rate):
        before, first = average, rate
        average *= 0.5
        average += x.mean()
        rate *= 0.5
        return before, average, x * first, x * rate

    compiled, found, expected = mg.compile(step), np.float64(0), np.float64(0)
    for k in (0.0, 0.0, 1.0, 1.0, 2.0, 3.0):
        (_, found, *_), (_, expected, *_) = given = compiled(found, X + k, k), step(expected, X + k, k)
        assert same(*given)
        assert type(found) is np.float64
    assert len(compiled.programs) == 1


def test_a_write_that_the_trace_does_not_see_is_compared():
    held = mg.Tensor(X)
    compiled = mg.compile(lambda x: (x * held).sum() + np.add(held._data, 1.0, out=held._data.view())[0] * 0)
    with pytest.warns(UserWarning, match="its program gives other numbers"):
        for i in range(5):
            compiled(X)
            assert held.data.tolist() == (X + i + 1).tolist()


def test_what_was_written_before_a_write_that_fails_is_written_once():
    def trained(wrap):
        weights = [mg.Tensor(np.ones(2), requires_grad=True) for _ in range(2)]
        optimiser = mg.optim.SGD(weights, lr=0.1, momentum=0.9)

        def step():
            optimiser.zero_grad()
            (weights[0] * weights[1]).sum().backward()
            optimiser.step()

        run = wrap(step)
        for i in range(8):
            weights[1].data.setflags(write=i < 5)
            with contextlib.nullcontext() if i < 5 else pytest.raises(ValueError, match="read-only"):
                run.loop(2) if i == 6 and wrap is mg.compile else run()
        return [w.data.tolist() for w in weights]

    assert trained(mg.compile) == trained(lambda f: f)
