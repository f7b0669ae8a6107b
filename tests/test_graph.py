"""The tape: what is remembered, what a walk back leaves behind, and what it refuses."""

import gc
import threading
import weakref

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.core.backward import backpropagate, store_gradient


def leaf(*shape, seed=0, name=None):
    return mg.Tensor(np.random.default_rng(seed).normal(size=shape), requires_grad=True, name=name)


def test_a_result_remembers_op_and_arguments():
    x, y = leaf(3), leaf(3, seed=1)
    z = x * y
    assert (z.op.name, z.args, z.is_leaf, x.is_leaf) == ("multiply", (x, y), False, True)


def test_nothing_is_remembered_where_no_gradient_is_wanted():
    z = mg.Tensor([1.0, 2.0]) * 3
    assert z.op is None
    assert not z.requires_grad


def test_every_tensor_on_the_path_has_a_gradient_of_its_own_shape_and_dtype():
    X, w, b = mg.Tensor(np.ones((4, 3), np.float32)), leaf(3, 2), leaf(2)
    h = X @ w
    a = np.tanh(h + b)
    loss = a.sum()
    loss.backward()
    for t in (w, b, h, a, loss):
        assert isinstance(t.grad, np.ndarray)
        assert (t.grad.shape, t.grad.dtype) == (t.shape, t.dtype)
    assert X.grad is None


def test_backward_twice_accumulates_in_leaves_only():
    x = leaf(3)
    h = x * x
    loss = h.sum()
    loss.backward()
    loss.backward()
    assert np.array_equal(x.grad, 2 * (2 * x.data))
    assert np.array_equal(h.grad, np.ones(3))


def test_accumulation_never_writes_in_place():
    x = leaf(3)
    (x * 2).sum().backward()
    first = x.grad
    (x * 2).sum().backward()
    assert np.array_equal(first, [2, 2, 2])
    assert np.array_equal(x.grad, [4, 4, 4])


@pytest.mark.parametrize(
    "make", [lambda x, y: x + y, lambda x, y: x.T + y, lambda x, y: x.reshape(9).reshape(3, 3) + y]
)
def test_a_leaf_owns_its_gradient(make):
    x, y = leaf(3, 3), leaf(3, 3)
    g = np.ones((3, 3))
    make(x, y).backward(g)
    x.grad[0, 0] = 7
    assert y.grad[0, 0] == g[0, 0] == 1


def test_the_gradient_of_a_leaf_itself_is_a_copy_of_what_was_given():
    x, g = leaf(3), np.ones(3)
    x.backward(g)
    g[0] = 5
    assert np.array_equal(x.grad, [1, 1, 1])


def test_a_forgotten_graph_keeps_values_and_gradients_and_refuses_a_second_walk():
    x = leaf(3)
    h = np.exp(x)
    loss = h.sum()
    loss.backward(retain_graph=False)
    assert np.array_equal(h.grad, np.ones(3))
    assert np.array_equal(h.data, np.exp(x.data))
    for again in (loss, (h * 2).sum()):
        with pytest.raises(RuntimeError, match="forgotten by backward\\(retain_graph=False\\)"):
            again.backward()


def test_shared_nodes_are_visited_once():
    x = leaf()
    t = x
    for _ in range(60):
        t = t + t
    visited = []
    backpropagate(t, np.ones(()), lambda node, g: visited.append(node))
    assert len(visited) == 60
    t.backward()
    assert x.grad == 2.0**60


def test_the_newest_value_goes_first():
    """a = 1; b = a + a; c = b + b: b must have heard from both of c's arguments before it speaks."""
    a = mg.Tensor(1.0, requires_grad=True)
    b = a + a
    c = b + b + a
    c.backward()
    assert (b.grad, a.grad) == (2, 5)


def test_create_graph_makes_gradients_that_can_be_differentiated():
    x = leaf(3)
    (x**3).sum().backward(create_graph=True)
    (second,) = mg.gradients(x.grad.sum(), [x])
    assert np.allclose(second, 6 * x.data, rtol=1e-14)


def test_a_graph_dies_with_its_last_reference():
    gc.disable()
    try:
        x = leaf(3)
        h = np.exp(x)
        loss = (h * h).sum()
        loss.backward()
        gone = weakref.ref(h)
        del h, loss
        assert gone() is None
    finally:
        gc.enable()


def test_a_failing_walk_leaves_leaves_untouched():
    @mg.custom_op(lambda g, z, x: np.ones(7))
    def wrong(x):
        return x * 2

    x, y = leaf(3), leaf(3)
    loss = (wrong(x) + y).sum()
    with pytest.raises(ValueError, match="wrong"):
        loss.backward()
    assert x.grad is None
    assert y.grad is None


def test_two_threads_build_and_walk_graphs_of_their_own():
    def work(seed, out):
        x = leaf(50, seed=seed)
        for _ in range(50):
            x.zero_grad()
            with mg.no_grad():
                x * 2
            (x * x).sum().backward()
        out[seed] = np.array_equal(x.grad, 2 * x.data)

    out = {}
    threads = [threading.Thread(target=work, args=(seed, out)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert out == dict.fromkeys(range(4), True)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: leaf(3, name="w").backward(), ValueError, r"w \(3,\) float64 has 3 entries.*\.sum\(\)"),
        (lambda: leaf(3, name="w").backward(np.ones(4)), ValueError, r"shape \(4,\), and w \(3,\).*needs \(3,\)"),
        (lambda: mg.Tensor([1.0], name="w").backward(), RuntimeError, "w .* has no graph.*requires_grad=True"),
        (lambda: mg.Tensor([1, 2], requires_grad=True), TypeError, "int64.*decimal point, or pass dtype=float"),
        (lambda: mg.Tensor([1j], requires_grad=True), TypeError, "complex"),
        (lambda: (leaf(2) * 1j).sum().backward(), TypeError, "complex"),
        (lambda: mg.Tensor(["a"]), TypeError, "holds numbers"),
        (lambda: setattr(leaf(3) * 2, "requires_grad", False), RuntimeError, "result of multiply.*detach"),
        (lambda: setattr(leaf(3), "grad", np.ones(4)), ValueError, "one number for each entry"),
    ],
)
def test_refusals_name_tensor_and_cure(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_zero_d_gradient_is_an_array():
    x = mg.Tensor(3.0, requires_grad=True)
    (x * x).backward()
    assert isinstance(x.grad, np.ndarray)
    assert x.grad == 6


def test_keep_is_all_that_backward_adds_to_the_walk():
    x = leaf(3)
    y = np.exp(x)
    leaves = backpropagate(y.sum(), np.ones(()), store_gradient)
    assert x.grad is None
    assert np.array_equal(leaves[x], y.data)


@pytest.mark.parametrize("yes", [1, 2, np.True_])
def test_whatever_is_true_asks_for_a_gradient(yes):
    x = mg.Tensor([1.0, 2.0], requires_grad=yes)
    (-x * 3).sum().backward()
    np.testing.assert_array_equal(x.grad, [-3, -3])
