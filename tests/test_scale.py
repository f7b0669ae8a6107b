"""Quantities that must not grow with a graph: time per op, the stack, visits of shared nodes, errors, memory left."""

import gc
import time
import weakref
from contextlib import contextmanager

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.core.backward import backpropagate
from micrograd_np.core.tensor import Tensor


@contextmanager
def collector(on):
    was_on = gc.isenabled()
    gc.collect()
    (gc.enable if on else gc.disable)()
    try:
        yield
    finally:
        (gc.enable if was_on else gc.disable)()


def chain_and_back(length):
    """Seconds for each op of a chain and its backward; the leaf of the chain, which is gone with it."""
    x = z = Tensor(1.0, requires_grad=True)
    started = time.process_time()
    for _ in range(length):
        z = z * 1.000001
    z.backward()
    seconds = time.process_time() - started
    np.testing.assert_allclose(x.grad, 1.000001**length, rtol=1e-9)
    return seconds / length, weakref.ref(x)


@pytest.mark.slow
@pytest.mark.parametrize("on", [False, True], ids=["collector off", "collector on"])
def test_a_chain_of_a_million_ops(on, capsys):
    with collector(on):
        few = np.median([chain_and_back(1_000)[0] for _ in range(50)])
        many, leaf = chain_and_back(1_000_000)
        assert leaf() is None, "the graph did not die with its last reference"
    with capsys.disabled():
        print(f" [{many * 1e6:.1f} µs an op, {many / few:.2f} times that of a chain of 1,000] ", end="")


def doubled(x):
    for _ in range(60):
        x = x + x
    return x


def test_sixty_doublings_visit_sixty_nodes():
    x = Tensor(1.0, requires_grad=True)
    visits = []
    cotangents = backpropagate(doubled(x), np.ones(()), lambda node, g: visits.append(node))
    assert len(visits) == 60
    assert cotangents[x] == 2.0**60


def test_sixty_doublings_are_differentiated_twice():
    assert mg.grad(doubled)(np.array(1.0)) == 2.0**60
    assert mg.grad(mg.grad(lambda x: doubled(x * x)))(np.array(1.0)) == 2.0**61


def loss_of_a_network(dtype):
    random = np.random.default_rng(0)
    X = Tensor(random.normal(size=(8, 3)), dtype=dtype)
    W, b, V = (Tensor(random.normal(size=shape), dtype=dtype, requires_grad=True) for shape in ((3, 4), (4,), (4, 1)))
    hidden = np.tanh(X @ W + b) * 0.5
    output = 1 / (1 + np.exp(-(hidden @ V)))
    return np.mean((output - 1) ** 2) + 0.01 * np.sum(W**2) / W.size


def test_a_float32_graph_is_float32_throughout():
    loss = loss_of_a_network(np.float32)
    dtypes = []
    leaves = backpropagate(loss, np.ones_like(loss.data), lambda node, g: dtypes.extend([node.dtype, g.dtype]))
    assert len(dtypes) > 24
    assert len(leaves) == 3
    assert {*dtypes, *(g.dtype for g in leaves.values())} == {np.dtype(np.float32)}


@pytest.mark.slow
def test_nothing_is_left_of_two_thousand_rounds():
    def alive():
        return sum(issubclass(type(x), Tensor) for x in gc.get_objects())

    with collector(on=False):
        before = alive()
        for _ in range(2_000):
            loss_of_a_network(np.float64).backward()
        assert alive() == before
