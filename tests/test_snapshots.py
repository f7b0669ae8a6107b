"""A value that a rule reads is the value that the op used, whoever writes to it before the backward pass."""

import gc
import pickle
import threading
import tracemalloc

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.core.versions import SNAPSHOTS, copy_with_strides, reads, snapshot
from tests.ops.cases import CASES


def gradient(case, position, write):
    """The gradient of one argument, with all other arguments plain arrays that are written to after the call."""
    xs = [np.array(x) for x in case.values]
    given = [*xs]
    x = xs[position] = mg.Tensor(xs[position], requires_grad=True)

    def own(array):
        given.append(array.copy())
        return given[-1]

    outputs = [z for z in case.outputs(xs, own) if isinstance(z, mg.Tensor) and z.requires_grad]
    for array in given if write else ():
        array.fill(0)
    with np.errstate(all="ignore"):
        for z in outputs:
            z.backward(np.cos(np.arange(z.size)).reshape(z.shape))
    return x.grad


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_row_reads_the_arrays_that_it_was_given(case):
    for position in range(len(case.values)):
        if case.values[position].dtype.kind == "f":
            expected, found = gradient(case, position, False), gradient(case, position, True)
            assert np.array_equal(expected, found, equal_nan=True) if expected is not None else found is None


def weights(*shape):
    return mg.Tensor(np.random.default_rng(0).normal(size=shape), requires_grad=True)


def multiply(w, a):
    return w * a


# A call of a Tensor and a plain array, and the array.
CALLS = [
    (multiply, np.arange(6.0)),
    (lambda w, a: a @ w, np.arange(12.0).reshape(2, 6)),
    (lambda w, a: np.where(a, w, -w), np.array([True, False] * 3)),
    (lambda w, a: w[a], np.array([0, 0, 5])),
    (lambda w, a: np.take(w, a), np.array([0, 0, 5])),
    (lambda w, a: mg.cross_entropy(w.reshape(2, 3), a), np.array([0, 2])),
    (lambda w, a: mg.nn.mse_loss(w, a), np.arange(6.0)),
    (lambda w, a: np.average(w, weights=a), np.arange(1.0, 7.0)),
    (lambda w, a: np.concatenate([w * a, a]), np.arange(6.0)),
    (lambda w, a: w.reshape(2, 3) * a[:, ::2], np.arange(12.0).reshape(2, 6)),
]


def scribble(a):
    a[...] = 1 if a.dtype.kind != "f" else a[::-1] + 1


@pytest.mark.parametrize(("call", "array"), CALLS)
@pytest.mark.parametrize("second", [False, True], ids=["first order", "second order"])
def test_the_gradient_is_that_at_the_value_used(call, array, second):
    def gradients(write):
        w, a = weights(6), array.copy()
        loss = (call(w * w, a) ** 2).sum()
        if write:
            scribble(a)
        (g,) = mg.gradients(loss, [w], create_graph=second)
        return mg.gradients((g * g).sum(), [w])[0] if second else g

    np.testing.assert_array_equal(gradients(False), gradients(True))


def test_a_buffer_that_is_filled_again_and_again():
    w, state, total = weights(1), np.zeros(1), 0
    for _ in range(3):
        state += 1
        total = total + (w * state).sum()
    total.backward()
    assert w.grad == 1 + 2 + 3


def test_a_float16_rule_that_computes_the_result_again_reads_what_was_used():
    a, w = np.float16([1, 2, 3]), mg.Tensor(np.float16([2, 2, 2]), requires_grad=True)
    y = a / w
    a[:] = 0
    y.sum().backward()
    assert np.array_equal(w.grad, [-0.25, -0.5, -0.75])


def test_the_arguments_stay_the_users_arrays():
    w, a = weights(3), np.ones(3)
    z = w * a
    assert z.args[1] is a


# Ways to the memory of a Tensor that the tape cannot see.
GIVEN_AWAY = {
    "data": lambda t: t.data,
    "a view of it": lambda t: t.data[::-1],
    "data of a view": lambda t: t[1:].data,
    "data of the transpose": lambda t: t.T.data,
    "numpy()": lambda t: t.detach().numpy(),
    "asarray": lambda t: np.asarray(t.detach()),
}


@pytest.mark.parametrize("way", GIVEN_AWAY.values(), ids=GIVEN_AWAY)
@pytest.mark.parametrize("early", [True, False], ids=["given away before the op", "after it"])
@pytest.mark.parametrize("second", [False, True], ids=["first order", "second order"])
def test_a_write_through_data(way, early, second):
    def gradients(write):
        x = weights(3)
        with mg.no_grad():
            memory = way(x) if early else None
        y = np.exp(x) * x[::-1]
        with mg.no_grad():
            memory = memory if early else way(x)
        if write:
            memory[...] = 7
        (g,) = mg.gradients(y.sum(), [x], create_graph=second)
        return mg.gradients((g * g).sum(), [x])[0] if second else g

    np.testing.assert_array_equal(gradients(False), gradients(True))


@pytest.mark.parametrize("of", [lambda x: x, lambda x: x.reshape(3), lambda x: x.detach()])
@pytest.mark.parametrize("function", [np.exp, np.tanh, lambda x: np.linalg.norm(x, axis=1, keepdims=True)])
def test_a_write_to_a_result_that_its_own_rule_reads(function, of):
    def gradients(write):
        x = weights(3, 1)
        z = function(x)
        if write:
            of(z).data[...] = 0
        (g,) = mg.gradients(z.sum(), [x], create_graph=True)
        return g.data, mg.gradients(g.sum(), [x])[0]

    np.testing.assert_array_equal(gradients(False), gradients(True))


def test_a_write_to_one_of_several_results():
    def gradients(write):
        x = mg.Tensor([[1.0, 2.0], [3.0, 5.0]], requires_grad=True)
        q, r = np.linalg.qr(x)
        if write:
            q.data[...] = 0
        return mg.gradients(r.sum(), [x])

    np.testing.assert_array_equal(gradients(False), gradients(True))


def test_the_arguments_and_results_of_vjp_are_the_callers_to_write_to():
    a = np.array([1.0, 2.0])
    y, pullback = mg.vjp(np.exp, a)
    y[:] = a[:] = 0
    assert np.array_equal(pullback(np.ones(2))[0], np.exp([1.0, 2.0]))

    def f(w):
        z = (w * w).sum()
        a[:] = 5  # what w lies on
        return z

    a[:] = [1, 2]
    assert np.array_equal(mg.grad(f)(a), [2, 4])


def test_known_writes_are_still_refused():
    x = weights(3)
    y = x * x
    assert x.data is not None
    x += 1
    with pytest.raises(RuntimeError, match="was written to after multiply had used it"):
        y.sum().backward()


# Layouts, by how they come from an array of many numbers.
LAYOUTS = {
    "C": lambda a: a[:48].reshape(6, 8),
    "Fortran": lambda a: a[:48].reshape(8, 6).T,
    "rows of a wider one": lambda a: a[:96].reshape(6, 16)[:, 3:11],
    "columns of a much wider one": lambda a: a[:600].reshape(6, 100)[:, 90:98],
    "every second": lambda a: a[:192].reshape(12, 16)[::2, ::2],
    "every tenth": lambda a: a[:480].reshape(6, 80)[:, ::10],
    "backwards": lambda a: a[:48].reshape(6, 8)[::-1, ::-1],
    "repeated": lambda a: np.broadcast_to(a[:8], (6, 8)),
    "repeated columns": lambda a: np.broadcast_to(a[:6, None], (6, 8)),
    "windows": lambda a: np.lib.stride_tricks.sliding_window_view(a[:13], 8),
    "permuted": lambda a: a[:48].reshape(2, 8, 3).transpose(0, 2, 1).reshape(6, 8),
    "real parts": lambda a: (a[:48] + 1j).reshape(6, 8).real,
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_a_snapshot_computes_to_the_same_bits(layout, dtype):
    a = layout(np.random.default_rng(0).normal(size=600).astype(dtype))
    b = copy_with_strides(a)
    assert not np.shares_memory(a, b)
    assert (b.shape, b.dtype, b.flags.forc) == (a.shape, a.dtype, a.flags.forc)
    assert [s == 0 for s in a.strides] == [s == 0 for s in b.strides]
    v = np.cos(np.arange(8)).astype(a.dtype)
    for f in (
        lambda x: x @ v,
        lambda x: x.T @ x,
        lambda x: x @ x.T,
        lambda x: np.dot(x[0], v),
        lambda x: np.exp(x),
        lambda x: np.tanh(x) * x,
        lambda x: x.sum(),
        lambda x: x.sum(0),
        lambda x: np.einsum("ij,ij->i", x, x),
    ):
        assert f(a).tobytes() == f(b).tobytes()


def test_a_snapshot_of_a_slice_is_as_small_as_the_slice():
    a = np.zeros((1000, 1000))
    assert copy_with_strides(a[:, :10]).base.nbytes < 4 * a[:, :10].nbytes
    assert copy_with_strides(np.broadcast_to(a[0], (1000, 1000))).base.nbytes < 3 * a[0].nbytes


@pytest.mark.parametrize(("value", "other"), [(np.nan, 0.0), (-0.0, 0.0), (0.0, -0.0)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, np.complex64, np.complex128])
def test_one_snapshot_serves_as_long_as_the_array_is_the_same(value, other, dtype):
    a = np.full((100, 100), value, dtype)
    first = snapshot(a)
    assert snapshot(a) is first
    assert snapshot(a[:]) is first
    a[50, 50] = other
    assert snapshot(a) is not first
    assert snapshot(a).tobytes() == a.tobytes() != first.tobytes()


def test_an_array_used_a_hundred_times_is_copied_once():
    a, w = np.random.default_rng(0).normal(size=(200, 200)), weights(200, 1)
    a @ w
    tracemalloc.start()
    try:
        kept = [a @ w for _ in range(100)]
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(kept) == 100
    assert used < 2.5 * a.nbytes


def test_read_only_arrays_are_not_copied_unless_somebody_else_may_write():
    a = np.arange(3.0)
    view = a.view()
    view.flags.writeable = False
    big = np.broadcast_to(a, (1000, 3))
    assert snapshot(big) is not big  # read-only, on memory that is not
    frozen = np.zeros(1000)
    frozen.flags.writeable = False
    assert snapshot(frozen) is frozen
    assert snapshot(frozen[::2]).base is frozen
    w = weights(3)
    y = w * view
    a[:] = 7
    y.sum().backward()
    assert np.array_equal(w.grad, [0, 1, 2])


def test_what_no_rule_reads_is_not_copied():
    a, w = np.ones(1000), weights(1000)
    assert (w + a)._values[1] is a
    with mg.no_grad():
        assert not (w * a).requires_grad
    assert not [key for key in SNAPSHOTS if key[1] == (1000,)]


def test_snapshots_die_with_the_graph():
    gc.disable()
    try:
        a, w = np.ones((50, 50)), weights(50, 50)
        loss = (a * w).sum()
        assert len(SNAPSHOTS) > 0
        before = len(SNAPSHOTS)
        del loss
        assert len(SNAPSHOTS) == before - 1
    finally:
        gc.enable()


def test_a_tensor_that_was_looked_at_keeps_no_copy():
    w = weights(1000)
    loss = (w * w).sum()
    assert w.data is not None
    loss = (w * w).sum()
    assert w.data is not None
    assert loss.requires_grad
    assert all(copy is None for _, copy in w._memory.copies.values())


def test_threads_share_snapshots():
    a, failed = np.random.default_rng(0).normal(size=(64, 64)), []

    def work(seed):
        w = mg.Tensor(np.random.default_rng(seed).normal(size=(64, 64)), requires_grad=True)
        for _ in range(50):
            w.zero_grad()
            (w * a).sum().backward()
            if not np.array_equal(w.grad, a):
                failed.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def test_a_leaf_that_was_looked_at_can_be_pickled():
    w = weights(3)
    assert w.data is not None
    assert np.array_equal(pickle.loads(pickle.dumps(w)).data, w.data)


def after_a_store(g, z, x):
    twice = g * 2  # Python 3.13 stores this and loads x in one instruction
    return x * twice


def in_a_loop(g, z, x):
    found = g
    for _ in range(2):
        found = found * x
    return found


def in_an_inner_function(g, z, x):
    def scaled(g):
        return g * x

    return scaled(g)


def in_a_comprehension(g, z, x):
    return g * np.stack([x[i] ** 2 * 3 for i in range(2)])


def after_another_value(g, z, x):
    shape = x.shape
    del shape
    other = x
    return g * other


@pytest.mark.parametrize(
    "rule", [after_a_store, in_a_loop, in_an_inner_function, in_a_comprehension, after_another_value]
)
def test_each_way_in_which_a_rule_reads_its_argument_is_seen(rule):
    """Each of these reads x and not z; what is not seen could be overwritten without a word."""
    assert reads(rule, 1)
    assert not reads(rule, 0)


@pytest.mark.parametrize("rule", [lambda g, z, x: g * np.ones(x.shape), lambda g, z, x: g.astype(x.dtype)])
def test_a_shape_is_not_a_value(rule):
    assert not reads(rule, 1)
