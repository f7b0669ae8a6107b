"""The edit of the user's own source that mends a wrong gradient."""

import ast
import contextlib
import cProfile
import inspect
import subprocess
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.checking import cases, repair
from micrograd_np.checking.calling import Pair
from micrograd_np.checking.edits import Edits
from micrograd_np.checking.other_inputs import of_other_sizes
from micrograd_np.checking.repair import copied_pair, sources_of
from micrograd_np.checking.sandbox import Sandbox

from .layers import Layer
from .test_verify_functions import PART, half_recorded, slope_of_erf

rng = np.random.default_rng(3)
X, W, B, V = rng.normal(size=(5, 3)), rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=(4, 2))
H0, WH, STEPS = rng.normal(size=4), rng.normal(size=(4, 4)) / 2, rng.normal(size=(6, 4))
LABELS = np.array([0, 2, 1, 1, 3])


def first_line(*call):
    return str(mg.verify(*call)).splitlines()[0]


def dense(x, w, b):
    a = np.tanh(x @ w + b)
    return a, (x, w, a)


def bias_averaged(dout, cache):
    x, w, a = cache
    dz = dout * (1 - a**2)
    return dz @ w.T, x.T @ dz, dz.mean(axis=0)


def slope_without_square(dout, cache):
    x, w, a = cache
    dz = dout * (1 - a)
    return dz @ w.T, x.T @ dz, dz.sum(axis=0)


def slope_left_out(dout, cache):
    x, w, _ = cache
    dz = dout
    return dz @ w.T, x.T @ dz, dz.sum(axis=0)


def wrong_operand(dout, cache):
    x, w, a = cache
    dz = dout * (1 - a**2)
    dx, dw, db = dz @ w.T, x.T @ dout, dz.sum(axis=0)
    return dx, dw, db


def lost_sign(dout, cache):
    x, w, a = cache
    dz = -dout * (1 - a**2)
    return dz @ w.T, x.T @ dz, dz.sum(axis=0)


def divided_twice(dout, cache):
    x, w, a = cache
    n = len(x)
    dz = dout * (1 - a**2)
    dw = x.T @ dz / n
    return dz @ w.T, dw, dz.sum(axis=0)


DENSE = {
    bias_averaged: "`dz.mean(axis=0)` should be `dz.sum(axis=0)`",
    slope_without_square: "`dz = dout * (1 - a)` should be `dz = dout * (1 - a ** 2)`",
    slope_left_out: "`dz = dout` should be `dz = dout * (1 - _ ** 2)`",
    wrong_operand: "`x.T @ dout` should be `x.T @ dz`",
    lost_sign: "`dz = -dout * (1 - a ** 2)` should be `dz = dout * (1 - a ** 2)`",
    divided_twice: "`dw = x.T @ dz / n` should be `dw = x.T @ dz`",
}


@pytest.mark.parametrize("backward", DENSE, ids=lambda f: f.__name__)
def test_the_line_says_what_should_stand_where(backward):
    line = first_line(dense, backward, X, W, B)
    assert DENSE[backward] in line
    assert "test_repair.py:" in line


def recurrent(h0, w, steps):
    hs = [h0]
    for x in steps:
        hs.append(np.tanh(hs[-1] @ w + x))
    return np.stack(hs[1:]), (hs, w, steps)


def recurrent_backward(slip):
    def through_the_last_step(dout, cache):
        hs, w, steps = cache
        dw, dsteps, dh = np.zeros_like(w), np.zeros_like(steps), 0.0
        for t in range(len(steps) - 1, -1, -1):
            dz = (dout[t] + dh) * (1 - hs[t + 1] ** 2)
            dw = np.outer(hs[t], dz)
            dsteps[t] = dz
            dh = dz @ w.T
        return dh, dw, dsteps

    def of_the_wrong_step(dout, cache):
        hs, w, steps = cache
        dw, dsteps, dh = np.zeros_like(w), np.zeros_like(steps), 0.0
        for t in range(len(steps) - 1, -1, -1):
            dz = (dout[t] + dh) * (1 - hs[t + 1] ** 2)
            dw += np.outer(hs[t + 1], dz)
            dsteps[t] = dz
            dh = dz @ w.T
        return dh, dw, dsteps

    def without_the_steps_after(dout, cache):
        hs, w, steps = cache
        dw, dsteps, dh = np.zeros_like(w), np.zeros_like(steps), np.zeros_like(w[0])
        for t in range(len(steps) - 1, -1, -1):
            dz = dout[t] * (1 - hs[t + 1] ** 2)
            dw += np.outer(hs[t], dz)
            dsteps[t] = dz
            dh = dz @ w.T
        return dh, dw, dsteps

    return locals()[slip]


RECURRENT = {
    "through_the_last_step": "`dw = np.outer(hs[t], dz)` should be `dw += np.outer(hs[t], dz)`",
    "of_the_wrong_step": "`dw += np.outer(hs[t + 1], dz)` should be `dw += np.outer(hs[t], dz)`",
    "without_the_steps_after": "should be `dz = (dout[t] + dh) * (1 - hs[t + 1] ** 2)`",
}


@pytest.mark.parametrize("slip", RECURRENT)
def test_mistakes_in_a_loop(slip):
    line = first_line(recurrent, recurrent_backward(slip), H0, WH, STEPS)
    assert RECURRENT[slip] in line


def softmax_loss(w, x, labels):
    scores = x @ w
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(len(labels)), labels]).mean()
    dscores = p.copy()
    dscores[:, labels] -= 1
    return loss, x.T @ dscores / len(labels)


def test_an_entry_that_is_written_to():
    assert "`dscores[:, labels] -= 1` should be `dscores[np.arange(len(dscores)), labels] -= 1`" in first_line(
        softmax_loss, W, X, LABELS
    )


def sum_from_here_on(x):
    return np.sum(np.log(np.cumsum(np.exp(x)))), x


def sum_from_here_on_backward(x):
    e = np.exp(x)
    return e * np.cumsum(1 / np.cumsum(e))


def test_the_gradient_of_a_cumulative_sum_runs_backwards():
    line = first_line(sum_from_here_on, sum_from_here_on_backward, rng.normal(size=6))
    assert "should be `return e * np.cumsum((1 / np.cumsum(e))[::-1])[::-1]`" in line


class Net:
    def __init__(self):
        self.layers = [Tanh(W.copy()), Tanh(rng.normal(size=(4, 2)))]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dout):
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        return dout


class Tanh:
    def __init__(self, w):
        self.w = w

    def forward(self, x):
        self.input, self.a = x, np.tanh(x @ self.w)
        return self.a

    def backward(self, dout):
        dz = dout * (1 + self.a**2)
        self.dw = self.input.T @ dz
        return dz @ self.w.T


def test_what_is_computed_again_from_the_forward_pass_is_less_likely():
    def forward(x, w):
        return np.tanh(x @ w)

    def backward(dout, x, w):
        a = np.tanh(x @ w)
        dz = dout * (1 - a)
        return dz @ w.T, x.T @ dz

    assert "`dz = dout * (1 - a)` should be `dz = dout * (1 - a ** 2)`" in first_line(forward, backward, X, W)


def test_a_mistake_in_the_method_of_a_layer():
    net = Net()
    code = Tanh.backward.__code__
    line = first_line(net.forward, net.backward, X)
    assert "`dz = dout * (1 + self.a ** 2)` should be `dz = dout * (1 - self.a ** 2)`" in line
    assert Tanh.backward.__code__ is code


def test_each_of_two_mistakes_has_its_edit():
    def backward(dout, cache):
        x, w, a = cache
        dz = dout * (1 - a**2)
        dx = dz @ w.T * 2
        db = dz.mean(axis=0)
        return dx, x.T @ dz, db

    said = str(mg.verify(dense, backward, X, W, B))
    assert "`db = dz.mean(axis=0)` should be `db = dz.sum(axis=0)`" in said
    assert "`dx = dz @ w.T * 2` should be `dx = dz @ w.T`" in said


def test_a_term_without_the_cotangent():
    def backward(dout, cache):
        x, w, a = cache
        dz = dout * (1 - a**2)
        return dz @ w.T, x.T @ dz, (1 - a**2).sum(axis=0)

    said = str(mg.verify(dense, backward, X, W, B))
    assert "`(1 - a ** 2).sum(axis=0)` should be `((1 - a ** 2) * dout).sum(axis=0)`" in said.splitlines()[0]
    assert "is not -4 * backward(dout)" in said


def test_rows_that_the_edit_mends_follow_from_the_first():
    line = first_line(dense, slope_without_square, X, W, B)
    assert line.endswith("follow from it.")


def test_what_a_function_prints_and_counts_is_not_repeated(capsys):
    def backward(dout, cache):
        x, w, a = cache
        print("called")
        dz = dout * (1 - a)
        return dz @ w.T, x.T @ dz, dz.sum(axis=0)

    mg.verify(dense, backward, X, W, B)
    assert capsys.readouterr().out.count("called") < 30


def test_a_function_that_may_do_harm_is_not_edited(tmp_path):
    path = tmp_path / "log"

    def backward(dout, cache):
        x, w, a = cache
        with open(path, "a") as file:
            file.write("x")
        dz = dout * (1 - a)
        return dz @ w.T, x.T @ dz, dz.sum(axis=0)

    report = mg.verify(dense, backward, X, W, B)
    assert not report
    assert "should be" not in str(report).splitlines()[0]
    assert len(path.read_text()) < 30


LOSSES, SCALE = [], np.array([1.0, 2.0, 3.0, 4.0])


def test_what_a_function_writes_to_outside_is_left_alone():
    def counted(dout, cache):
        x, w, a = cache
        LOSSES.append(1.0)
        dz = dout * (1 - a)
        return dz @ w.T, x.T @ dz, dz.sum(axis=0)

    mg.verify(dense, counted, X, W, B)
    assert len(LOSSES) < 30

    def scaled(x, w, b):
        a, cache = dense(x, w, b)
        return a * SCALE, cache

    def scaled_backward(dout, cache):  # "scale += ...", which writes into SCALE, is among the edits
        x, w, a = cache
        scale = SCALE
        scale = scale * 1.0
        dz = dout * scale * (1 - a)
        return dz @ w.T, x.T @ dz, dz.sum(axis=0)

    line = first_line(scaled, scaled_backward, X, W, B)
    assert "should be `dz = dout * scale * (1 - a ** 2)`" in line
    np.testing.assert_array_equal(SCALE, [1, 2, 3, 4])
    SCALE[0] = 1.0  # it may be written to again


class WithSlope(Tanh):
    def backward(self, dout):
        self.slope = 1 + self.a**2
        return dout * self.slope @ self.w.T


GLOBAL = WithSlope(W.copy())


def test_an_object_outside_keeps_what_its_own_methods_store():
    line = first_line(lambda x: GLOBAL.forward(x), lambda dout: GLOBAL.backward(dout), X)
    assert "`self.slope = 1 + self.a ** 2` should be `self.slope = 1 - self.a ** 2`" in line
    np.testing.assert_array_equal(GLOBAL.slope, 1 + GLOBAL.a**2)


class Logged(Tanh):
    def __init__(self, w, path):
        super().__init__(w)
        self.path = path

    def backward(self, dout):
        self.log("backward")
        return super().backward(dout)

    def log(self, text):
        with open(self.path, "a") as file:
            file.write(text + "\n")


def test_a_method_that_writes_a_file_is_not_run_again_and_again(tmp_path):
    layer = Logged(W.copy(), tmp_path / "log")
    assert not mg.verify(layer.forward, layer.backward, X)
    assert len(layer.path.read_text().splitlines()) < 30


def test_under_a_profiler_there_is_no_search():
    def run():
        assert not mg.verify(dense, slope_without_square, X, W, B)
        hex(3)

    profiler = cProfile.Profile()
    profiler.runcall(run)
    assert any("builtins.hex" in str(entry.code) for entry in profiler.getstats())


def test_an_option_of_the_program_is_not_the_mistake():
    def backward(dout, cache, mode="wrong"):
        x, w, a = cache
        dz = dout * (1 - a) if mode == "wrong" else dout * (1 - a**2)
        return dz @ w.T, x.T @ dz, dz.sum(axis=0)

    assert "`dout * (1 - a)` should be `dout * (1 - a ** 2)`" in first_line(dense, backward, X, W, B)


def test_an_edit_that_fits_this_data_alone_is_none():
    """If every x is 2, `x * x + x` gives 6."""

    def forward(x):
        return np.sum(6 * x)

    def backward(x):
        return x * x

    line = first_line(forward, backward, np.array([2.0, 2.0, 2.0]))
    assert "should be" not in line


def loss_in_a_loop(w, x):
    scores = scores_of(w, x)
    loss = 0.0
    for i in range(len(scores)):
        loss += 0.5 * np.sum(scores[i] ** 2)
    return loss, x.T @ (2 * scores)


def scores_of(w, x):
    return x @ w


def test_an_edit_that_changes_the_loss_is_none():
    """Half the scores would give the right gradient, of another loss."""
    assert "x @ w" not in first_line(loss_in_a_loop, W, X).split(":", 2)[2].split("(")[0]


def test_a_variable_that_is_never_used_is_tried_first():
    def backward(dout, cache):
        x, w, a = cache
        weight = np.abs(x)  # noqa: F841
        dz = dout * (1 - a**2)
        return dz @ w.T, x.T @ dz, dz.sum(axis=0)

    copies = Sandbox()
    pair = copied_pair(Pair(dense, backward, (X, W, B), None), copies)
    (source,) = sources_of(pair, copies)
    ranks = {ast.unparse(edit.new): edit.rank for edit in source.edits(pair) if isinstance(edit.new, ast.expr)}
    assert ranks["dout * weight[:, None]"] < ranks["dout * x[:, None]"]


def test_where_there_are_no_other_inputs_equal_numbers_prove_nothing(monkeypatch):
    def no_other_inputs(*args):
        raise ValueError

    def forward(x):
        return np.sum(6 * x)

    def backward(x):
        return x * x

    monkeypatch.setattr(cases, "elsewhere", no_other_inputs)
    assert "should be" not in first_line(forward, backward, np.array([2.0, 2.0, 2.0]))


def test_a_search_that_fails_does_not_end_the_check(monkeypatch):
    def failing(*args):
        raise RuntimeError

    monkeypatch.setattr(repair, "search", failing)
    assert "WRONG at b" in first_line(dense, slope_without_square, X, W, B)


def test_an_edit_gives_code_or_a_syntax_error():
    """An edit that fails in another way when it is compiled would hide all edits of its kind."""
    copies = Sandbox()
    pair = copied_pair(Pair(dense, slope_without_square, (X, W, B), None), copies)
    sources = sources_of(pair, copies)
    for source in sources:
        for edit in source.edits(pair):
            with contextlib.suppress(SyntaxError), source.edited([edit]):
                pass


def test_a_layer_that_is_right_stays_right():
    layer = Layer(W)
    assert mg.verify(layer.forward, layer.backward, X)


def deltas(slip):
    """The deltas of a network of two layers, as they are written out below the forward pass."""
    w1, w2 = mg.Tensor(W, requires_grad=True), mg.Tensor(V, requires_grad=True)
    l1 = np.tanh(X @ w1)
    l2 = l1 @ w2
    loss = 0.5 * ((l2 - X[:, :2]) ** 2).sum()
    l2_delta = l2.data - X[:, :2]
    if slip == "slope":
        back = l2_delta @ w2.data.T
        l1_delta = back * (1 - l1.data)
    else:
        l1_delta = l2_delta @ w2.data.T * (1 - l1.data**2)
    if slip == "written into":
        l1_delta[0] = 0.0
    dw2 = l1.data.T @ l2_delta
    dw1 = X.T @ l1_delta
    return mg.verify(loss, {"l1_delta": l1_delta, "dw1": dw1, "dw2": dw2})


def test_a_statement_beside_the_graph():
    line = str(deltas("slope")).splitlines()[0]
    assert "`l1_delta = back * (1 - l1.data)` should be `l1_delta = back * (1 - l1.data ** 2)`" in line
    assert line.endswith("dw1 follows from it.")


def test_a_line_that_writes_into_a_delta_should_not_be_there():
    assert "`l1_delta[0] = 0.0` should not be there" in deltas("written into").headline()


def test_no_report_holds_the_users_frame():
    report = deltas("slope")
    assert report.repair is None


def too_early(dout, cache):
    x, w, a = cache
    dz = dout.copy()
    dw = x.T @ dz
    dz *= 1 - a**2
    return dz @ w.T, dw, dz.sum(axis=0)


def one_line_too_many(dout, cache):
    x, w, a = cache
    dz = dout * (1 - a**2)
    dw = x.T @ dz
    dw += w
    return dz @ w.T, dw, dz.sum(axis=0)


LINES = {
    too_early: "`dw = x.T @ dz` should come after `dz *= 1 - a ** 2`",
    one_line_too_many: "`dw += w` should not be there",
}


@pytest.mark.parametrize("backward", LINES, ids=lambda f: f.__name__)
def test_lines_that_are_exchanged_or_too_many(backward):
    assert LINES[backward] in first_line(dense, backward, X, W, B)


class Calls:
    def __init__(self):
        self.count = 0

    def next(self):
        self.count += 1
        return [np.ones((5, 4))]


def delta_beside_calls(calls):
    w1 = mg.Tensor(W, requires_grad=True)
    l1 = np.tanh(X @ w1)
    target = calls.next()[0]
    loss = ((l1 - target) ** 2).sum()
    l1_delta = 2 * (l1.data - target) * (1 - l1.data)
    return mg.verify(loss, {"l1_delta": l1_delta})


def test_what_the_program_calls_beside_the_graph_is_not_called_again():
    calls = Calls()
    assert "should be `l1_delta = 2 * (l1.data - target) * (1 - l1.data ** 2)`" in str(delta_beside_calls(calls))
    assert calls.count == 1


class WithLock(Layer):
    """A layer whose copy by `copy.deepcopy` fails."""

    def __init__(self, w):
        self.w, self.lock = w, threading.Lock()

    def forward(self, x):
        self.x = x
        return np.tanh(x @ self.w)

    def backward(self, dout):
        a = np.tanh(self.x @ self.w)
        dz = dout * (1 - a**2)
        self.dw = self.x.T @ dz
        return dz @ self.w.T


def test_an_object_that_cannot_be_copied_keeps_its_arrays():
    layer = WithLock(W.copy())
    assert mg.verify(layer.forward, layer.backward, X)
    np.testing.assert_array_equal(layer.w, W)
    assert not hasattr(layer, "x")


class Box:
    """An object of the program's, outside of what is checked."""

    W = W.copy()

    def __init__(self):
        self.w, self.log, self.lock = W.copy(), [], threading.Lock()

    def taken(self):
        with self.lock:
            return self.w


BOX = Box()


def by_default(dout, cache, w=BOX.w):
    x, _, a = cache
    again = np.array(w)
    again *= 2.0
    dz = dout * (1 - a) + 0 * dout * again.sum()
    return dz @ cache[1].T, x.T @ dz, dz.sum(axis=0)


def by_class(dout, cache):
    x, w, a = cache
    again = np.array(Box.W)
    again *= 2.0
    dz = dout * (1 - a) + 0 * dout * again.sum()
    return dz @ w.T, x.T @ dz, dz.sum(axis=0)


def by_object(dout, cache):
    x, w, a = cache
    again = np.array(BOX.w)
    again *= 2.0
    BOX.log.append(1.0)
    dz = dout * (1 - a) + 0 * dout * again.sum()
    return dz @ w.T, x.T @ dz, dz.sum(axis=0)


@pytest.mark.parametrize("backward", [by_default, by_class, by_object])
def test_what_the_program_holds_stays_as_it_is(backward):
    assert "1 - a ** 2" in first_line(dense, backward, X, W, B)
    for w in (BOX.w, Box.W):
        np.testing.assert_array_equal(w, W)
        assert w.flags.writeable
    assert len(BOX.log) < 60


def removed(dout, cache):
    x, w, a = cache
    n = len(x)
    Path(f"kept_{n - 2}.npz").unlink(missing_ok=True)
    dz = dout * (1 - a)
    return dz @ w.T, x.T @ dz, dz.sum(axis=0)


def started(dout, cache):
    x, w, a = cache
    subprocess.run(["true"])
    STARTED.append(1)
    dz = dout * (1 - a)
    return dz @ w.T, x.T @ dz, dz.sum(axis=0)


def locked(dout, cache):
    x, w, a = cache
    dz = dout * (1 - a) + 0 * dout * BOX.taken().sum()
    return dz @ w.T, x.T @ dz, dz.sum(axis=0)


STARTED = []


def test_files_processes_and_locks_do_not_exist_for_an_edited_function(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for i in range(6):
        (tmp_path / f"kept_{i}.npz").touch()
    for backward in (removed, started, locked):
        assert "should be" not in first_line(dense, backward, X, W, B)
    assert len(list(tmp_path.iterdir())) == 5
    assert len(STARTED) < 30
    assert BOX.lock.acquire(blocking=False)
    BOX.lock.release()


def with_large_number(dout, cache):
    x, w, a = cache
    big = 10**12
    rows = []
    for i in range(len(x)):
        rows.append(min(i, big) * 0 + dout[i] * (1 - a[i]))
    dz = np.stack(rows)
    return dz @ w.T, x.T @ dz, dz.sum(axis=0)


def test_a_large_number_is_no_count_of_steps():
    assert "1 - a[i] ** 2" in first_line(dense, with_large_number, X, W, B)


def test_another_thread_may_call_the_function_meanwhile():
    expected = slope_without_square(X[:, :1] + np.zeros(4), dense(X, W, B)[1])[1]
    wrong, done = [], threading.Event()

    def call():
        while not done.is_set():
            got = slope_without_square(X[:, :1] + np.zeros(4), dense(X, W, B)[1])[1]
            wrong.extend([got] if not np.array_equal(got, expected) else [])

    thread = threading.Thread(target=call)
    thread.start()
    first_line(dense, slope_without_square, X, W, B)
    done.set()
    thread.join()
    assert not wrong


def mean_of_squares(x, w, y):
    r = x @ w - y
    return 0.5 * np.sum(r**2) / len(x)


def without_the_mean(x, w, y):
    r = x @ w - y
    return r @ w.T / len(x), x.T @ r, -r / len(x)


def test_a_size_is_told_from_a_number_that_is_equal_to_it():
    line = str(mg.verify(mean_of_squares, without_the_mean, X[:4], V[:3], X[:4, :2], strict=True)).splitlines()[0]
    assert "`x.T @ r` should be `x.T @ r / len(" in line


def two_gradients(x, gain):
    centred = x - x.mean(axis=-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)
    return gain * centred / deviation, (centred, deviation, gain)


def not_divided(dout, cache):
    centred, deviation, gain = cache
    normal = centred
    g = dout * gain
    dx = (g - g.mean(-1, keepdims=True) - normal * (g * normal).mean(-1, keepdims=True)) / deviation
    return dx, (dout * normal).sum(axis=0)


def test_the_edit_that_mends_most_is_named():
    line = first_line(two_gradients, not_divided, X, 1 + B[:3])
    assert "`normal = centred` should be `normal = centred / deviation`" in line
    assert "follow" in line


def delta_of_the_wrong_layer():
    w1, w2 = mg.Tensor(W, requires_grad=True), mg.Tensor(V, requires_grad=True)
    z1 = X @ w1
    l1 = np.tanh(z1)
    loss = (0.5 * (l1 @ w2) ** 2).sum()
    l2_delta = np.tanh(X @ w1.data) @ w2.data
    dw2 = z1.data.T @ l2_delta
    return mg.verify(loss, {"dw2": dw2})


def test_an_edit_beside_a_graph_computes_with_arrays():
    assert "`dw2 = z1.data.T @ l2_delta` should be `dw2 = l1.data.T @ l2_delta`" in str(delta_of_the_wrong_layer())


def halved(x):
    """A helper whose loop does not end with edits such as `x, n = x * 2, n`."""
    n = 0
    while np.max(np.abs(x)) > 1:
        x, n = x / 2, n + 1
    return x, n


def with_helper(dout, cache):
    x, w, a = cache
    dz = dout * (1 - a) + 0 * halved(dout)[0]
    return dz @ w.T, x.T @ dz, dz.sum(axis=0)


def test_a_loop_that_may_not_end_is_not_searched():
    assert "should be `" not in first_line(dense, with_helper, X, W, B)


def test_long_axes_are_not_searched():
    tall = np.resize(X, (6_000, 3)) + np.linspace(0, 1e-3, 6_000)[:, None]
    assert "should be `" not in first_line(dense, slope_without_square, tall, W, B)


RIDGE = 0.3


def ridge(w, x):
    return RIDGE * (w**2).sum() + (x * w).sum()


def without_ridge(dout, w, x):
    dw = dout * x + 2 * w * dout
    return dw, dout * w


def test_an_edit_holds_for_other_cotangents():
    """With dout = 1, RIDGE in the place of dout would be right, too."""
    line = first_line(ridge, without_ridge, B, B[::-1].copy())
    assert "should be `dw = dout * x + 2 * w * dout * RIDGE`" in line


def average(x, w):
    return (x * w).sum(0) / (len(x) + 1)


def sums(dout, x, w):
    dx = dout * w * np.ones_like(x)
    dw = (dout * x).sum(0)
    return dx, dw


def test_an_edit_holds_for_other_sizes():
    """Of two rows, 1 / (2 + 1) is left out; dividing by the number of columns is right for three columns alone."""
    line = first_line(average, sums, X[:2], B[:3])
    assert "`len(x) + 1` is left out" in line
    assert "should be `" not in line


def test_other_sizes_have_one_entry_more_along_a_length_or_twice_as_many():
    choices = of_other_sizes(Pair(dense, bias_averaged, (X, W, B), None), set())
    shapes = [[[slot.value.shape for slot in pair.slots] for pair in pairs] for pairs in choices]
    assert [by_one for by_one, _ in shapes] == [
        [(6, 3), (3, 4), (4,)],
        [(5, 4), (4, 4), (4,)],
        [(5, 3), (3, 5), (5,)],
        [(6, 3), (3, 4), (4,)],
    ]
    assert shapes[1][1] == [(5, 6), (6, 4), (4,)]


def in_groups(x, groups=2):
    each = x.reshape(groups, len(x) // groups, x.shape[1])
    return (each * each).mean(axis=(1, 2)).sum(), (x, groups)


def in_groups_by_all(dout, cache):
    x, groups = cache
    n, c = x.shape
    m = groups * n * c
    return dout * 2 * x / m


def test_sizes_are_told_apart_that_must_be_multiples():
    """Of four rows, a group has 2, and there are 2 groups; five rows make no groups, and of eight a group has 4."""
    line = first_line(in_groups, in_groups_by_all, X[:4])
    assert "is 1/4" in line
    assert "should be `" not in line


PICKED = np.array([4, 0, 2])


def of_picked(x, w, which):
    return (x[which] @ w).sum(axis=1).mean()


def of_picked_by_rows(dout, x, w, which):
    g = np.zeros((len(x), w.shape[1]))
    g[which] = dout / len(x)
    return g @ w.T, x.T @ g


def test_a_length_is_that_of_an_index():
    line = first_line(of_picked, of_picked_by_rows, X, W, PICKED)
    assert "`g[which] = dout / len(x)` should be `g[which] = dout / len(which)`" in line


def decayed(x, w, reg=0.5):
    return (x * w).sum() + reg * (w * w).sum()


def without_constant(dout, x, w, reg=0.5):
    dw = (dout * x).sum(0) + dout * 2 * w
    return dout * w * np.ones_like(x), dw


def without_two(dout, x, w, reg=0.5):
    dw = (dout * x).sum(0) + dout * reg * w
    return dout * w * np.ones_like(x), dw


RATE = 0.5


def decayed_by_global(x, w):
    return (x * w).sum() + RATE * (w * w).sum()


def without_global(dout, x, w):
    dw = (dout * x).sum(0) + dout * 2 * w
    return dout * w * np.ones_like(x), dw


def by_outer(rate):
    def forward(x, w):
        return (x * w).sum() + rate * (w * w).sum()

    def backward(dout, x, w):
        dw = (dout * x).sum(0) + dout * 2 * w
        return dout * w * np.ones_like(x), dw + 0 * rate

    return forward, backward


class Decay:
    def __init__(self, **settings):
        self.settings = settings

    def forward(self, x, w):
        self.x, self.w = x, w
        return (x * w).sum() + self.settings["rate"] * (w * w).sum()

    def backward(self, dout):
        dw = (dout * self.x).sum(0) + dout * 2 * self.w
        return dout * self.w * np.ones_like(self.x), dw


OF_DECAY = Decay(rate=0.5)


@pytest.mark.parametrize(
    ("forward", "backward", "mended"),
    [
        (decayed, without_constant, "dout * 2 * reg * w"),
        (decayed, without_two, "2 * (dout * reg * w)"),
        (decayed_by_global, without_global, "dout * 2 * RATE * w"),
        (*by_outer(0.5), "dout * 2 * rate * w"),
        (OF_DECAY.forward, OF_DECAY.backward, "dout * 2 * self.settings['rate'] * self.w"),
    ],
    ids=["default", "two", "global", "closure", "object"],
)
def test_a_constant_is_told_from_a_number_that_is_equal_to_it(forward, backward, mended):
    """With a constant of 0.5, `2 * w` for `2 * reg * w` would be mended by leaving out the 2."""
    assert f"should be `dw = (dout * {'self.' * (forward == OF_DECAY.forward)}x).sum(0) + {mended}`" in first_line(
        forward, backward, X, B[:3]
    )


def test_a_list_is_no_array_of_numbers():
    place = ast.parse("def f(hs): return hs").body[0]
    edits = Edits(place, [], {"hs": [1.0, 2.0]})
    assert edits.shape(ast.parse("hs", mode="eval").body) is None


# Edits of loops, of tapes and of whole numbers.


def chain(x, w, steps=3):
    h, tape = x, []
    for _ in range(steps):
        z = h * w
        tape.append((h, z))
        h = np.tanh(z)
    return h, (tape, w)


def chain_in_order(dout, cache):
    tape, w = cache
    dw, g = np.zeros_like(w), dout
    for h, z in tape:
        dz = g * (1 - np.tanh(z) ** 2)
        dw += dz * h
        g = dz * w
    return g, dw


def chain_with_pop(dout, cache):
    tape, w = list(cache[0]), cache[1]
    dw, g = np.zeros_like(w), dout
    for _ in range(len(tape)):
        h, z = tape.pop(0)
        dz = g * (1 - np.tanh(z) ** 2)
        dw += dz * h
        g = dz * w
    return g, dw


def smoothed(x, half=1):
    n = len(x)
    out = np.array([x[max(0, i - half) : min(n, i + half + 1)].sum() for i in range(n)])
    return out, (x, half)


def smoothed_short(dout, cache):
    x, half = cache
    n, dx = len(x), np.zeros_like(x)
    for i in range(n):
        lo, hi = max(0, i - half), min(n, i + half)
        dx[lo:hi] += dout[i]
    return dx


def spectrum(x, w):
    return np.real(np.fft.ifft(np.fft.fft(x) * np.fft.fft(w))), (x, w)


def spectrum_without_conj(dout, cache):
    x, w = cache
    g = np.fft.fft(dout)
    dx = np.real(np.fft.ifft(g * np.fft.fft(w)))
    dw = np.real(np.fft.ifft(g * np.conj(np.fft.fft(x))))
    return dx, dw


def clocked(b, dt=0.1, steps=4):
    h = np.zeros_like(b)
    for k in range(steps):
        h = h + np.sin(k * dt * b)
    return h, (b, dt, steps)


def clocked_without_time(dout, cache):
    b, dt, steps = cache
    db = np.zeros_like(b)
    for k in range(steps):
        db += dout * np.cos(k * dt * b)
    return db


ROW = np.array([0.3, -0.8, 1.1, 0.6, -0.4])
OF_LOOPS = {
    "the order of a tape": (chain, chain_in_order, (ROW, ROW[::-1] + 0.1), "`tape` should be `reversed(tape)`"),
    "the end of a tape": (
        chain,
        chain_with_pop,
        (ROW, ROW[::-1] + 0.1),
        "`h, z = tape.pop(0)` should be `h, z = tape.pop()`",
    ),
    "the end of a window": (smoothed, smoothed_short, (ROW,), "`min(n, i + half)` should be `min(n, i + half + 1)`"),
    "a conjugate": (
        spectrum,
        spectrum_without_conj,
        (ROW, ROW[::-1] + 0.2),
        "should be `dx = np.real(np.fft.ifft(g * np.conj(np.fft.fft(w))))`",
    ),
    "two factors": (clocked, clocked_without_time, (ROW,), "should be `db += dout * np.cos(k * dt * b) * k * dt`"),
}


@pytest.mark.parametrize("name", OF_LOOPS)
def test_edits_of_loops(name):
    forward, backward, inputs, mended = OF_LOOPS[name]
    assert mended in first_line(forward, backward, *inputs)


# Other inputs on which functions are not defined.


def stretched(pos, ends):
    d = pos[ends[0]] - pos[ends[1]]
    return np.sqrt((d * d).sum(axis=1)).sum()


def stretched_one_sign(dout, pos, ends):
    d = pos[ends[0]] - pos[ends[1]]
    unit = dout * d / np.sqrt((d * d).sum(axis=1, keepdims=True))
    dpos = np.zeros_like(pos)
    np.add.at(dpos, ends[0], unit)
    np.add.at(dpos, ends[1], unit)
    return dpos


def test_inputs_where_nothing_is_defined_prove_nothing():
    """Ends in another order may be the same end twice, at a distance of 0."""
    ends = [np.array([0, 1, 2, 3, 4, 0]), np.array([1, 2, 3, 4, 0, 2])]
    line = first_line(stretched, stretched_one_sign, np.resize(X, (5, 2)), ends)
    assert "`np.add.at(dpos, ends[1], unit)` should be `np.add.at(dpos, ends[1], -unit)`" in line


def hyperbolic(x, ends):
    g = 1 + ((x[ends[0]] - x[ends[1]]) ** 2).sum(axis=1)
    return np.log(g + np.sqrt(g * g - 1))


def hyperbolic_plus(dout, x, ends):
    difference = x[ends[0]] - x[ends[1]]
    g = 1 + (difference**2).sum(axis=1)
    dg = dout / np.sqrt(g * g + 1)
    dx = np.zeros_like(x)
    np.add.at(dx, ends[0], 2 * dg[:, None] * difference)
    np.add.at(dx, ends[1], -2 * dg[:, None] * difference)
    return dx


def test_inputs_where_the_edited_function_is_not_defined_prove_nothing():
    """The wrong function is finite where both ends are the same; the right one is 0 / 0 there."""
    ends = [np.array([0, 1, 2, 3, 4, 0]), np.array([1, 2, 3, 4, 0, 2])]
    line = first_line(hyperbolic, hyperbolic_plus, np.resize(X, (5, 2)), ends)
    assert "`dg = dout / np.sqrt(g * g + 1)` should be `dg = dout / np.sqrt(g * g - 1)`" in line


def margin(x):
    return np.log(1 - x * x)


def margin_times(dout, x):
    return -2 * dout * x * (1 - x * x)


def test_where_other_inputs_are_not_defined_near_ones_decide():
    """Most other inputs are above 1, where the logarithm gives nan."""
    line = first_line(margin, margin_times, np.array([0.98, 0.95, 0.97]))
    assert "`return -2 * dout * x * (1 - x * x)` should be `return -2 * dout * x / (1 - x * x)`" in line


def first_choices(w, features, rankings):
    s = features @ w
    return sum(np.log(np.exp(s[r]).sum()) - s[r[0]] for r in rankings)


def first_choices_minus(dout, w, features, rankings):
    s = features @ w
    ds = np.zeros_like(s)
    for r in rankings:
        ds[r] -= np.exp(s[r]) / np.exp(s[r]).sum()  # were an index there twice, += would be wrong, too
        ds[r[0]] -= 1
    return features.T @ (dout * ds)


def test_rankings_stay_rankings():
    rankings = np.array([[2, 0, 1, 4], [1, 3, 0, 2], [4, 2, 1, 0]])
    line = first_line(first_choices, first_choices_minus, W[0, :3].copy(), np.resize(X + 0.1, (5, 3)), rankings)
    assert "should be `ds[r] += np.exp(s[r]) / np.exp(s[r]).sum()`" in line


# Which of an edit and a cause in terms of the forward pass is reported.


def scaled_rays(rad, c):
    disc = rad**2 - (c * c).sum(axis=1)
    return np.sqrt(disc), (rad, c, disc)


def scaled_rays_twice(dout, cache):
    rad, c, disc = cache
    ddisc = dout / np.sqrt(disc)
    drad = 2 * rad * ddisc.sum()
    dc = -2 * c * ddisc[:, None]
    return drad, dc


def scaled_rays_without_a_name(dout, cache):
    rad, c, disc = cache
    drad = 2 * rad * (dout / np.sqrt(disc)).sum()
    dc = -2 * c * (dout / np.sqrt(disc))[:, None]
    return drad, dc


RAYS = [
    (scaled_rays_twice, "`ddisc = dout / np.sqrt(disc)` should be `ddisc = dout / np.sqrt(disc) / 2`"),
    (scaled_rays_without_a_name, "the gradient of disc is 2 times what it should be; rad follows from it"),
]


@pytest.mark.parametrize(("backward", "mended"), RAYS)
def test_a_mistake_that_explains_several_gradients_comes_before_an_edit_that_mends_one(backward, mended):
    line = first_line(scaled_rays, backward, np.array(3.0), X / 3)
    assert mended in line
    assert "rad follows from it" in line


def half_without_slope(dout, cache):
    x, v, w, _, h = cache
    da = dout * slope_of_erf(h @ w)
    dz = da @ w.T
    return dz @ v.T, x.T @ dz, h.T @ da


def half_at_z(dout, cache):
    x, v, w, z, h = cache
    da = dout * slope_of_erf(h @ w)
    dz = da @ w.T * (1 - z * z)
    return dz @ v.T, x.T @ dz, h.T @ da


@pytest.mark.parametrize(
    ("backward", "mended"),
    [
        (half_without_slope, "`dz = da @ w.T` should be `dz = da @ w.T * (1 - h ** 2)`"),
        (half_at_z, "`dz = da @ w.T * (1 - z * z)` should be `dz = da @ w.T * (1 - h * h)`"),
    ],
    ids=["left out", "at z"],
)
def test_where_the_forward_pass_cannot_be_recorded(backward, mended):
    assert mended in first_line(half_recorded, backward, *PART)


# New networks: what is zero or one everywhere hides mistakes on these inputs, and no edit may rely on it.


def block(x, v, w):
    h = np.maximum(x @ v, 0)
    return x + h @ w, (x, v, w, h)


def block_from_x(dout, cache):
    x, v, w, h = cache
    dz = dout @ w.T * (h > 0)
    return dz @ v.T + dout, x.T @ dz, x.T @ dout


def gate(x, h, w, v):
    z, n = 1 / (1 + np.exp(-(x @ w))), np.tanh(x @ v)
    return (1 - z) * n + z * h, (x, h, z, n)


def gate_without_state(dout, cache):
    x, h, z, n = cache
    da = dout * (1 - z) * (1 - n**2)
    dz = dout * n
    return None, dout * z * np.ones_like(h), x.T @ (dz * z * (1 - z)), x.T @ da


def scaled_relu(x, gamma, beta):
    y = x * gamma + beta
    return np.maximum(y, 0), x, gamma, y


def scaled_relu_unmasked(dout, x, gamma, y):
    dy = dout
    return dy * gamma, (dy * x).sum(axis=0), dy.sum(axis=0)


def scaled_relu_masked_by_x(dout, x, gamma, y):
    dy = dout * (x > 0)
    return dy * gamma, (dy * x).sum(axis=0), dy.sum(axis=0)


NEW = [
    (block, block_from_x, (X, X.T @ X, np.zeros((3, 3))), "`x.T @ dout` should be `h.T @ dout`"),
    (gate, gate_without_state, (X, np.zeros((5, 2)), W[:, :2], W[:, 1:3]), "`dz = dout * (h - n)`"),
    (scaled_relu, scaled_relu_unmasked, (X, np.ones(3), np.zeros(3)), "(y > 0)`"),
    (scaled_relu, scaled_relu_masked_by_x, (X, np.ones(3), np.zeros(3)), "should be `dy = dout * (y > 0)`"),
]


@pytest.mark.parametrize(("forward", "backward", "inputs", "mended"), NEW)
def test_an_edit_does_not_rely_on_zeros_and_ones(forward, backward, inputs, mended):
    assert mended in first_line(forward, backward, *inputs)


def causal(q, k, v):
    s = np.where(np.tri(len(q)) > 0, q @ k.T / np.sqrt(q.shape[1]), -np.inf)
    e = np.exp(s - s.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p @ v, (q, k, v, p)


def causal_unscaled(dout, cache):
    q, k, v, p = cache
    dp = dout @ v.T
    ds = p * (dp - (dp * p).sum(axis=1, keepdims=True))
    return ds @ k, ds.T @ q, p.T @ dout


def test_a_mask_of_infinity():
    report = mg.verify(causal, causal_unscaled, X, X[::-1] / 2, X + 1)
    assert "/ np.sqrt(q.shape[1])" in str(report).splitlines()[0]
    assert "numbers alone" not in str(report)


def both_cases(params, x):
    y = x @ params["U"] @ params["u"]
    g = 2 * y
    grads = {"U": x.T @ np.outer(g, params["u"]), "u": (x @ params["U"]).T @ g}
    return np.sum(y**2), grads


def test_names_that_differ_in_case():
    assert mg.verify(both_cases, {"U": W, "u": W[0]}, X)


def dropped(x, w, mask):
    z = x @ w
    return np.maximum(z, 0) * mask / 0.8, (x, w, mask, z)


def dropped_without_scale(dout, cache):
    x, w, mask, z = cache
    dz = dout * mask * (z > 0)
    return dz @ w.T, x.T @ dz


def test_a_mask_has_no_gradient_where_all_shapes_are_the_same():
    mask = (rng.random((3, 3)) < 0.8) * 1.0
    assert "`0.8` is left out" in first_line(dropped, dropped_without_scale, X[:3], W[:, :3], mask)


def chain(k, steps):
    a, b = 1.0, 0.0
    for _ in range(steps):
        a, b = a - 0.1 * k[0] * a, b + 0.1 * k[0] * a - 0.1 * k[1] * b
    return b


def chain_without_a(k, steps):
    a, b, kept = 1.0, 0.0, []
    for _ in range(steps):
        kept.append((a, b))
        a, b = a - 0.1 * k[0] * a, b + 0.1 * k[0] * a - 0.1 * k[1] * b
    ga, gb, gk = 0.0, 1.0, np.zeros(2)
    for a, b in reversed(kept):
        gk[0] += 0.1 * a * gb
        gk[1] -= 0.1 * b * gb
        ga = ga - 0.1 * k[0] * ga + 0.1 * k[0] * gb
        gb = gb - 0.1 * k[1] * gb
    return gk


def test_no_step_counts_where_the_last_one_sends_nothing():
    """The last a has no gradient: that only the last step counts is the same number, but not the mistake."""
    assert "only the last" not in first_line(chain, chain_without_a, np.array([0.7, 0.4]), 5)


def knots(s, keys, values):
    i = np.clip(np.searchsorted(keys, s) - 1, 0, len(keys) - 2)
    part = (s - keys[i]) / (keys[i + 1] - keys[i])
    return values[i] * (1 - part) + values[i + 1] * part


def knots_twice_left(dout, s, keys, values):
    i = np.clip(np.searchsorted(keys, s) - 1, 0, len(keys) - 2)
    part = (s - keys[i]) / (keys[i + 1] - keys[i])
    dvalues = np.zeros_like(values)
    np.add.at(dvalues, i, dout * (1 - part))
    np.add.at(dvalues, i + 1, dout * (1 - part))
    ds = dout * (values[i + 1] - values[i]) / (keys[i + 1] - keys[i])
    return ds, dvalues


def test_names_that_are_returned_decide_which_input_has_no_gradient():
    s, keys = np.array([0.3, 1.4, 2.2, 0.8, 1.9]), np.array([0.0, 1.0, 2.0, 3.0])
    line = first_line(knots, knots_twice_left, s, keys, W[0])
    assert "WRONG at values: `np.add.at(dvalues, i + 1, dout * (1 - part))`" in line
    assert "should be `np.add.at(dvalues, i + 1, dout * part)`" in line


def dead_relu(x, w):
    return np.maximum(x @ w, 0)


def dead_relu_added(dout, x, w):
    z = x @ w
    dz = dout - (z > 0)
    return dz @ w.T, x.T @ dz


def test_where_the_gradient_is_zero_no_edit_is_proven():
    """All units are dead, so that `dz = z > 0` gives the right zeros."""
    assert "should be" not in first_line(dead_relu, dead_relu_added, np.abs(X), -np.abs(W))


def one_sample(x, w, b):
    return np.tanh(x @ w + b), (x, w, b)


def one_sample_backward(dout, cache):
    x, w, b = cache
    d = dout * (1 - np.tanh(x @ w + b) ** 2)
    return d @ w.T, x.T @ d, d[0]


def test_code_for_one_sample_is_right_for_one():
    report = mg.verify(one_sample, one_sample_backward, X[:1], W, B)
    assert report
    assert "Right, but there is one sample. With one more sample, `d[0]` should be `np.sum(d, axis=0)`" in str(report)


def squared_error(w, x, y):
    e = x @ w - y
    return np.sum(e**2) / e.shape[0], 2 * x.T @ e / e.shape[1]


def test_as_many_samples_as_columns():
    report = mg.verify(squared_error, W, X[:4], X[1:] @ W + 1)
    assert report
    assert "With one more sample, `2 * x.T @ e / e.shape[1]` should be `2 * x.T @ e / e.shape[0]`" in str(report)
    assert not mg.verify(squared_error, W, X, X @ W + 1)


def three_inputs(q, k, v):
    return np.tanh(q) * k + v, (q, k)


def a_number_for_q(dout, cache):
    q, k = cache
    return np.sum(dout * k * (1 - np.tanh(q) ** 2)), dout * np.tanh(q), dout


def test_a_number_in_the_place_of_a_gradient_is_no_loss():
    line = first_line(three_inputs, a_number_for_q, X, X + 1, X - 1)
    assert "q has shape () and should have (5, 3)" in line


def trained(x, y, w1, w2, slip):
    """Return the report on gradients whose mistake is in an earlier line, da = ..., that has no row of its own."""
    w1, w2 = mg.Tensor(w1, requires_grad=True), mg.Tensor(w2, requires_grad=True)
    a = x @ w1
    h = x + np.log(1 + np.exp(a))
    r = h @ w2 - y
    loss = 0.5 * (r**2).sum()
    dr = r.data
    dw2 = h.data.T @ dr
    dh = dr @ w2.data.T
    if slip:  # noqa: SIM108 - two statements, as in a script
        da = dh / (1 - np.exp(-a.data))
    else:
        da = dh / (1 + np.exp(-a.data))
    dw1 = x.T @ da
    return mg.verify(loss, {"dw2": dw2, "dw1": dw1})


def test_the_mistake_may_be_in_an_earlier_statement_of_a_script():
    rng = np.random.default_rng(3)
    data = rng.normal(size=(5, 3)), rng.normal(size=(5, 2)), rng.normal(size=(3, 3)), rng.normal(size=(3, 2))
    assert trained(*data, slip=False)
    headline = trained(*data, slip=True).headline()
    assert "`da = dh / (1 - np.exp(-a.data))` should be `da = dh / (1 + np.exp(-a.data))`" in headline


def test_the_statements_of_a_cell_are_one_script(tmp_path):
    """IPython compiles each statement of a cell by itself, under one file name."""
    source = textwrap.dedent(inspect.getsource(trained)).replace("\n    ", "\n").split('"""\n', 1)[1]
    source = source.replace("return mg.verify", "report = mg.verify").replace("if slip:  # noqa: SIM108", "if True:  #")
    cell = tmp_path / "cell.py"
    cell.write_text(source)
    rng = np.random.default_rng(3)
    names = {"mg": mg, "np": np, "__name__": "__main__", "x": rng.normal(size=(5, 3)), "y": rng.normal(size=(5, 2))}
    names |= {"w1": rng.normal(size=(3, 3)), "w2": rng.normal(size=(3, 2))}
    for statement in ast.parse(source).body:
        exec(compile(ast.Module([statement], []), str(cell), "exec"), names)
    line = "`da = dh / (1 - np.exp(-a.data))` should be `da = dh / (1 + np.exp(-a.data))`"
    assert line in names["report"].headline()


CELL = """
import numpy as np
import micrograd_np as mg

def cubes(x):
    out = np.zeros(3)
    for i in range(3):
        out[i] = x[i] ** 3
    return out

def cubes_backward(dout, x):
    return 2 * dout * x**2

report = mg.verify(cubes, cubes_backward, np.array([0.3, 0.5, 0.9]))
"""


def test_a_function_of_a_cell_is_recorded(tmp_path):
    """Compiled by itself, a function calls np.zeros in another way: np is not known as a module."""
    (tmp_path / "cell.py").write_text(CELL)
    names = {"__name__": "__main__"}
    for statement in ast.parse(CELL).body:
        exec(compile(ast.Module([statement], []), str(tmp_path / "cell.py"), "exec"), names)
    assert "`return 2 * dout * x ** 2` should be `return 3 * dout * x ** 2`" in names["report"].headline()
    assert "could not be recorded" not in str(names["report"])


def distances(x, w):
    w = mg.Tensor(w, requires_grad=True)
    d = x @ w
    dist = np.sqrt((d**2).sum(axis=1))
    loss = np.sin(dist).sum()
    ddist = np.cos(dist.data)
    dd = ddist[:, None] * d.data
    dw = x.T @ dd
    return mg.verify(loss, {"dw": dw})


def test_an_edit_that_needs_no_common_factor_comes_first():
    """Without 1/(2a), the derivative of the square root, all is half of the gradient: this could be a convention."""
    headline = distances(X, W).headline()
    assert "should be `" in headline
    assert "2 *" not in headline


def scaled(x, w, by, slope=0.2):
    """Return the report on a gradient that lacks 1/5, the number of rows; the slope of a leaky relu is 0.2, too."""
    w = mg.Tensor(w, requires_grad=True)
    z = x @ w
    a = np.where(z > 0, z, slope * z)
    loss = (a**2).sum() / 5
    da = 2 * a.data * by
    dz = da * np.where(z.data > 0, 1.0, slope)
    dw = x.T @ dz
    return mg.verify(loss, {"da": da, "dw": dw}, strict=True)


def test_a_number_that_equals_a_size_is_no_cause_in_a_script():
    assert scaled(X[:5], W, 0.2)
    assert "* slope" not in scaled(X[:5], W, 1.0).headline()


def mixed(x, w, alpha=0.3):
    w = mg.Tensor(w, requires_grad=True)
    r = x @ w
    loss = 0.75 * alpha * (r**2).sum()
    dr = 2 * alpha * r.data
    dw = x.T @ dr
    return mg.verify(loss, {"dw": dw}, strict=True)


def test_sums_of_numbers_are_no_cause_in_a_script():
    """2 * alpha - alpha / 2 is 3/4 of 2 * alpha: with one data set, such a sum may fit by chance."""
    headline = mixed(X, W).headline()
    assert "alpha / 2" not in headline
    assert "alpha + " not in headline


def masked(x, w, v, slip):
    w = mg.Tensor(w, requires_grad=True)
    h = np.maximum(x @ w, 0)
    s = h @ v
    loss = (s**2).sum()
    dh = np.outer(2 * s.data, v)
    dz = dh if slip else dh * (h.data > 0)
    dw = x.T @ dz
    return mg.verify(loss, {"dw": dw})


def test_the_forward_pass_tells_which_mask_is_missing():
    assert masked(X, W, np.ones(4), slip=False)
    assert "the activation's derivative is left out" in masked(X, W, np.ones(4), slip=True).headline()


def in_a_dict(x, w):
    w = mg.Tensor(w, requires_grad=True)
    h = x @ w
    loss = (h**3).sum()
    grads = {}
    dh = 3 * h.data
    grads["w"] = x.T @ dh
    return mg.verify(loss, {"w": grads["w"]}, strict=True)


def test_gradients_in_a_dict_are_found_in_a_script():
    assert "should be `" in in_a_dict(X, W).headline()


def course(x, w, v):
    """Return the report on deltas that lack the 1/m that the gradients of the weights have."""
    m = len(x)
    w, v = mg.Tensor(w, requires_grad=True), mg.Tensor(v, requires_grad=True)
    z = x @ w
    h = np.tanh(z)
    p = h @ v
    loss = 0.5 * (p**2).sum() / m
    dp = p.data
    dv = h.data.T @ dp / m
    dz = dp @ v.data.T * (1 - h.data)
    dw = x.T @ dz / m
    return mg.verify(loss, {"dp": dp, "dv": dv, "dz": dz, "dw": dw})


def test_deltas_and_weights_of_a_script_may_have_factors_of_their_own():
    assert "should be `dz = dp @ v.data.T * (1 - h.data ** 2)`" in course(X, W, V).headline()
