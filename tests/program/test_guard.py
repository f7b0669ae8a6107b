"""A program serves calls of its own kind alone; which kind that is, its arguments say."""

import dataclasses
import threading
import weakref
from collections import namedtuple
from datetime import date
from pathlib import Path

import numpy as np
import pytest

import micrograd_np as mg

ONES = np.ones((2, 2))
W, V = (mg.Tensor(np.ones((2, 2)), requires_grad=True) for _ in range(2))
U = mg.Tensor(np.ones((2, 2)))
Pair, Twin = namedtuple("Pair", "a b"), namedtuple("Twin", "a b")


@dataclasses.dataclass
class Box:
    a: object
    b: object = 1.0


@dataclasses.dataclass
class Crate:
    a: object
    b: object = 1.0


SAME = {
    "other values": ((ONES,), (ONES + 1,)),
    "an equal number": ((ONES, 3.5), (ONES, float("3.5"))),
    "an equal word": ((ONES, "word"), (ONES, "".join("word"))),
    "nan": ((ONES, float("nan")), (ONES, float("nan"))),
    "an equal dtype": ((ONES, np.dtype("f8")), (ONES, np.dtype(float))),
    "an equal slice": ((ONES, slice(0, 1)), (ONES, slice(0, 1))),
    "an equal path": ((ONES, Path("a", "b")), (ONES, Path("a", "b"))),
    "an equal date": ((ONES, date(2020, 1, 2)), (ONES, date(2020, 1, 2))),
    "other Tensors that want no gradient": ((U,), (mg.Tensor(np.zeros((2, 2))),)),
    "a view of something else": ((ONES, ONES + 1), (np.ones((4, 2))[:2], ONES)),
    "another number": ((ONES, 1.0), (ONES, 2.0)),
    "a number's sign": ((ONES, 0.0), (ONES, -0.0)),
    "lists": (([ONES, [1, 2]],), ([ONES + 1, [1, 2]],)),
    "dicts": (({"a": ONES, 1: 2.0},), ({"a": ONES + 1, 1: 2.0},)),
    "dataclasses": ((Box(ONES),), (Box(ONES + 1),)),
}
OTHER = {
    "a shape": ((ONES,), (np.ones((2, 3)),)),
    "a dtype": ((ONES,), (ONES.astype(np.float32),)),
    "strides": ((np.ones((2, 2)),), (np.ones((2, 4))[:, ::2],)),
    "byte order": ((ONES,), (ONES.astype(">f8"),)),
    "a Tensor and an array": ((ONES,), (U,)),
    "a weight": ((W,), (V,)),
    "a weight and a Tensor that wants no gradient": ((W,), (U,)),
    "a whole number": ((ONES, 1), (ONES, 2)),
    "a number's type": ((ONES, 1), (ONES, 1.0)),
    "a truth value": ((ONES, 1), (ONES, True)),
    "a word": ((ONES, "a"), (ONES, "b")),
    "nothing": ((ONES, None), (ONES, "b")),
    "a complex number": ((ONES, 1j), (ONES, 2j)),
    "a slice": ((ONES, slice(0, 1)), (ONES, slice(0, 2))),
    "an object": ((ONES, {1}), (ONES, {1})),
    "how many": ((ONES,), (ONES, 1.0)),
    "a nesting": (([ONES, 1.0],), ([[ONES, 1.0]],)),
    "a length": (([ONES],), ([ONES, ONES],)),
    "nothing in it": (([],), ([ONES],)),
    "a tuple and a list": (([ONES],), ((ONES,),)),
    "a namedtuple": ((Pair(ONES, 1.0),), (Twin(ONES, 1.0),)),
    "a dataclass": ((Box(ONES),), (Crate(ONES),)),
    "keys": (({"a": ONES},), ({"b": ONES},)),
    "the order of keys": (({"a": ONES, "b": ONES},), ({"b": ONES, "a": ONES},)),
    "a key's type": (({1: ONES},), ({"1": ONES},)),
    "twins": ((ONES, ONES + 1), (ONES, ONES)),
    "shared memory": ((ONES, ONES + 1), (ONES, ONES[:])),
    "memory of one Tensor": ((U, mg.Tensor(ONES)), (U, U.detach())),
    "which two share memory": ((ONES, ONES, ONES + 1), (ONES, ONES + 1, ONES)),
}


def described(*args, **kwargs):
    return mg.Tensor(np.zeros(1)) + 1


@pytest.mark.parametrize(("args", "others"), SAME.values(), ids=SAME)
def test_arguments_of_one_kind(args, others):
    compiled = mg.compile(described)
    for given in (args, others, args, others, others):
        compiled(*given)
    assert len(compiled.programs) == 1


@pytest.mark.parametrize(("args", "others"), OTHER.values(), ids=OTHER)
def test_arguments_of_two_kinds(args, others):
    for first, second in ((args, others), (others, args)):
        compiled = mg.compile(described)
        for given in (first, first, first, second, second, second, first):
            compiled(*given)
        assert len(compiled.programs) == 2


def test_a_name_and_a_place_are_two_kinds():
    subtract = mg.compile(lambda x, y: x - y)
    for _ in range(3):
        for found in (subtract(3 * ONES, ONES), subtract(y=ONES, x=3 * ONES), subtract(3 * ONES, y=ONES)):
            np.testing.assert_array_equal(found.data, 2 * ONES)
    assert len(subtract.programs) == 3


def test_a_weight_that_is_frozen():
    w = mg.Tensor([1.0, 2.0], requires_grad=True)

    @mg.compile
    def step(w):
        w.zero_grad()
        ((w if w.requires_grad else mg.Tensor([5.0, 6.0], requires_grad=True)) * 2).sum().backward()
        return w.requires_grad

    for wanted in (True, True, True, False, False, False, True):
        w.requires_grad = wanted
        assert step(w) is wanted


def test_under_no_grad():
    w = mg.Tensor([1.0, 2.0], requires_grad=True)
    double = mg.compile(lambda x: (w * x).requires_grad)
    for _ in range(3):
        assert double(np.ones(2)) is True
        with mg.no_grad():
            assert double(np.ones(2)) is False


def test_while_somebody_traces_the_function_itself_runs():
    double = mg.compile(lambda x: x * 2)
    for _ in range(4):
        double(np.ones(2))
    assert "x * 2" in str(mg.trace(lambda x: double(x) + 1)(np.ones(2)))
    square = mg.compile(lambda: U * U)
    for _ in range(4):
        square()
    assert "U * U" in str(mg.trace(square)())
    x = mg.Tensor(np.ones(2), requires_grad=True)
    double(x * 1).sum().backward()
    np.testing.assert_array_equal(x.grad, [2.0, 2.0])


def test_a_variable_that_is_gone():
    k, names = 2.0, {"k"}

    def forget():
        nonlocal k
        del k
        names.clear()

    compiled = mg.compile(lambda x: x * k if "k" in names else x)
    for _ in range(3):
        np.testing.assert_array_equal(compiled(np.ones(2)).data, [2.0, 2.0])
    forget()
    np.testing.assert_array_equal(compiled(np.ones(2)).data, [1.0, 1.0])


def test_no_argument_is_kept():
    w = mg.Tensor(np.ones(3), requires_grad=True)

    @mg.compile
    def loss(x, y):
        return ((x @ w - y) ** 2).sum().detach()

    def called():
        x, y = np.ones((2, 3)), mg.Tensor(np.ones(2))
        loss(x, y)
        return weakref.ref(x), weakref.ref(y)

    kept = [called() for _ in range(4)]
    assert all(x() is None and y() is None for x, y in kept)


def test_kinds_by_turns_in_threads():
    total = mg.compile(lambda x, k: (x * k).sum())
    wrong = []

    def work(size):
        for i in range(300):
            n = size + i % 3
            if total(np.ones(n), 2.0) != 2 * n:
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(size,)) for size in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
