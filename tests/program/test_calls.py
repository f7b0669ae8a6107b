"""Compiled functions are called as methods, in loops, by threads, and with arrays that lie in one memory."""

import copy
import threading

import numpy as np
import pytest

import micrograd_np as mg

from .bits import call_often

X = np.array([1.0, 2.0, 3.0])


class Doubles:
    @mg.compile
    def step(self, x):
        return x * 2


def test_a_method_has_a_loop():
    np.testing.assert_array_equal(Doubles().step.loop(5, X).data, 2 * X)


NO_COUNTS = [(X, "ndarray"), ("3", "str"), (2.0, "float"), (None, "NoneType")]


@pytest.mark.parametrize(("n", "kind"), NO_COUNTS)
def test_a_loop_is_told_how_many_calls(n, kind):
    with pytest.raises(TypeError, match=f"how many calls to make, and was given a {kind}"):
        mg.compile(lambda x: x * 2).loop(n, X)
    assert mg.compile(lambda: None).loop(np.int64(2)) is None


def test_what_is_given_as_an_array_is_one_wherever_the_function_itself_runs():
    w = mg.Tensor(X, requires_grad=True)
    scaled = mg.compile(lambda x, parts: w * x + parts["y"])
    for _ in range(4):
        assert scaled(X, {"y": X}).requires_grad
    with mg.detect_anomaly():
        scaled(X, {"y": X})
    kinds = mg.compile(lambda x: (x * 2, x.sum(), x, w.detach() * x, np.float32(1.0), x.shape))
    for _ in range(5):
        found = kinds(X)
        assert [type(part) for part in found[:4]] == [np.ndarray, np.float64, np.ndarray, mg.Tensor]
        assert found[2] is X


@pytest.mark.parametrize("count", [1, 12])
def test_an_argument_in_the_memory_of_a_captured_tensor(count):
    def begin():
        weights = [mg.Tensor(np.ones(3)) for _ in range(count)]

        def f(x):
            for w in weights:
                w.assign(w + x)
            return sum((w * x).sum() for w in weights)

        return f, weights

    (f, weights), (twin, others) = begin(), begin()
    compiled = mg.compile(twin)
    for _ in range(2):
        for _ in range(3):
            assert compiled(X).data == f(X).data
        for w, other in zip(weights, others, strict=True):
            assert compiled(other.data).data == f(w.data).data
            assert compiled(other.data[:]).data == f(w.data[:]).data
    assert len(compiled.programs) == 1


def test_two_arguments_in_one_memory_that_are_written_to():
    def both(u, v):
        u.assign(u + 1)
        v.assign(v * 2)

    u, v = mg.Tensor(X), mg.Tensor(X)
    with pytest.warns(UserWarning, match=r"is a view of u .* Give the function a copy of one"):
        call_often(both, u, u.detach())
    for _ in range(4):
        both(v, v.detach())
    assert u.data.tobytes() == v.data.tobytes()


def test_threads_that_make_the_first_calls_of_a_step_take_turns():
    for _ in range(20):
        w = mg.Tensor(np.zeros(3))

        @mg.compile
        def step(x, w=w):
            w.assign(w + x)

        wrong, gate = [], threading.Barrier(8)

        def work(step=step, wrong=wrong, gate=gate):
            gate.wait()
            for _ in range(2):
                try:
                    step(X)
                except TypeError as error:
                    wrong.append(error)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong


def test_a_compiled_function_can_be_copied():
    again = copy.deepcopy(mg.compile(lambda x: x * 2))
    for _ in range(3):
        np.testing.assert_array_equal(again(X).data, 2 * X)
