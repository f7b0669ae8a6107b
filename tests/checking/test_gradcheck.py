"""Gradient checks: each verdict where it belongs, and what the report tells the person who reads it."""

import json
from functools import cache

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.checking import gradcheck

W = np.random.default_rng(1).normal(size=(3, 4))
V = np.random.default_rng(2).normal(size=(4, 2))


@mg.custom_op(lambda g, z, x: g * 3 * x)
def wrong_square(x):
    return x * x


def faulty(rule):
    return mg.custom_op(rule)(lambda x: np.sin(x))


def log_where(x):
    return np.where(x > 0, np.log(x), 0).sum()


# Function, inputs, verdict.
VERDICTS = {
    "a product": (lambda w, v: np.tanh(np.dot(w, v)).sum(), (W, V), "OK"),
    "many outputs": (lambda w: w * w, (W,), "OK"),
    "a tuple of outputs": (lambda w: (np.exp(w), w.sum()), (W,), "OK"),
    "a number": (lambda x: x**3, (2.0,), "OK"),
    "containers": (lambda p: (p["w"] * p["b"][1]).sum(), ({"w": W, "b": (3, 1.5)},), "OK"),
    "integers beside": (lambda w, i: w[i].sum(), (W, np.array([0, 2, 0])), "OK"),
    "zero everywhere": (lambda w: np.floor(w).sum(), (W,), "OK"),
    "linear": (lambda w: (3 * w).sum(), (W,), "OK"),
    "float32 inputs": (lambda w: np.tanh(w).sum(), (W.astype(np.float32),), "OK"),
    "entries of very different size": (lambda x: np.exp(x).sum(), (np.array([-30.0, 0.0, 3.0]),), "OK"),
    "a large offset": (lambda x: 1e4 + np.sin(x).sum(), (np.array([1e-6, 1.0]),), "OK"),
    "relu near its corner": (lambda x: mg.relu(x).sum(), (np.array([1e-9, -1e-9, 1e-4, 1.0]),), "OK"),
    "relu at its corner": (lambda x: mg.relu(x).sum(), (np.array([0.0, 1.0]),), "KINK"),
    "abs at its corner": (lambda x: np.abs(x).sum(), (np.array([0.0, 1.0]),), "KINK"),
    "a tie": (lambda x: np.max(x), (np.array([1.0, 1.0, 0.5]),), "KINK"),
    "a wrong rule": (lambda w: wrong_square(w).sum(), (W,), "WRONG"),
    "a wrong sign": (faulty(lambda g, z, x: -g * np.cos(x)), (W,), "WRONG"),
    "half a per mille": (faulty(lambda g, z, x: g * np.cos(x) * 1.0005), (W,), "WRONG"),
    "a slope outside of a kink": (mg.custom_op(lambda g, z, x: 1.5 * g)(lambda x: np.abs(x)), (np.zeros(1),), "WRONG"),
    "nan in the graph only": (lambda x: np.where(x > -1, x, np.sqrt(x * x - 4)).sum(), (np.array([2.0]),), "WRONG"),
    "data": (lambda w: (mg.Tensor(w.data) * w).sum(), (W,), "WRONG"),
    "all data": (lambda w: mg.Tensor(w.data).sum(), (W,), "WRONG"),
    "float32 inside": (lambda w: np.tanh(w.astype(np.float32)).sum(), (W,), "TOO COARSE"),
    "noise of rounding": (lambda w: (w.astype(np.float64) + 1e12).sum() - 12e12, (W,), "TOO COARSE"),
    "random": (lambda w: (w * np.random.default_rng().normal()).sum(), (W,), "NONDETERMINISTIC"),
    "sqrt at 0": (lambda x: np.sqrt(x).sum(), (np.array([0.0, 1.0]),), "NON-FINITE ON BOTH SIDES"),
    "log at 0": (log_where, (np.array([0.0, 1.0]),), "NON-FINITE ON BOTH SIDES"),
    "unused": (lambda w, v: w.sum(), (W, V), "INDEPENDENT"),
}


@cache
def report_on(name):
    f, inputs, _ = VERDICTS[name]
    return gradcheck(f, *inputs)


@pytest.mark.parametrize("name", VERDICTS)
def test_verdict(name):
    verdict, report = VERDICTS[name][2], report_on(name)
    assert report.verdict == verdict, str(report)
    assert bool(report) == (verdict in ("OK", "KINK"))


@pytest.mark.parametrize("name", ["a product", "many outputs", "containers", "float32 inputs", "linear", "a tie"])
def test_second_order(name):
    f, inputs, _ = VERDICTS[name]
    report = gradcheck(f, *inputs, order=2)
    assert report, str(report)
    assert report.order == 2 or name == "a tie"


def test_a_kink_of_the_second_derivatives_is_one_that_was_found_by_checking_them():
    report = gradcheck(lambda x: (np.maximum(x, 0) ** 2).sum(), np.array([0.0, 1.0]), order=2)
    assert report.verdict == "KINK"
    assert "were not checked" not in str(report)
    first = gradcheck(lambda x: np.abs(x).sum(), np.array([0.0, 1.0]), order=2)
    assert "Second derivatives were not checked: there are none at a kink." in str(first)


def test_second_order_finds_what_the_first_cannot_see():
    def rule(g, z, x):
        return g * mg.Tensor(np.cos(x.data)) if isinstance(x, mg.Tensor) else g * np.cos(x)

    f = faulty(rule)
    assert gradcheck(f, W)
    report = gradcheck(f, W, order=2)
    assert report.verdict == "WRONG"
    assert "second derivatives" in str(report)


def one_entry(place, by, shape=(40, 40)):
    """A square whose derivative is off in one entry."""

    def rule(g, z, x):
        slope = g * 2 * x
        slope[place] *= 1 + by
        return slope

    return mg.custom_op(rule)(lambda x: x * x), np.random.default_rng(0).normal(size=shape)


@pytest.mark.parametrize(("place", "by"), [((0, 0), 1e-4), ((13, 29), -1e-4)])
def test_one_entry_of_1600_off_by_a_ten_thousandth(place, by):
    op, x = one_entry(place, by)
    report = gradcheck(lambda x: op(x).sum(), x)
    assert report.verdict == "WRONG"
    assert report.inputs[0].off == 1
    assert report.inputs[0].entries[0].index == place


def test_one_entry_off_that_is_a_millionth_of_the_largest():
    op, x = one_entry((7, 8), 1e-4)
    x[7, 8] = 1e-6 * np.abs(x).max()
    report = gradcheck(lambda x: op(x).sum(), x)
    assert report.verdict == "WRONG"
    assert report.inputs[0].entries[0].index == (7, 8)


def test_wrong_names_the_op_its_tensor_and_the_line():
    def f(w):
        hidden = np.tanh(w)
        return wrong_square(hidden).sum()  # here

    said = str(gradcheck(f, W))
    assert "wrong_square is where it goes wrong: test_gradcheck.py:" in said
    assert "return wrong_square(hidden).sum()  # here" in said
    assert "tanh is where" not in said
    assert "its rule for x (" in said


def test_wrong_where_each_op_is_right_says_that_the_graph_was_cut():
    assert "Each recorded op alone is right" in str(gradcheck(*VERDICTS["data"][:1], W))
    assert "the graph does not reach it" in str(gradcheck(*VERDICTS["all data"][:1], W))


def test_names_are_the_users():
    syn0 = W.copy()
    assert gradcheck(lambda x: x.sum(), syn0).inputs[0].name == "syn0"
    assert gradcheck(lambda x: x.sum(), mg.Tensor(W, name="weights")).inputs[0].name == "weights"
    assert gradcheck(lambda x: x.sum(), W + 1).inputs[0].name == "x"


def test_inputs_and_gradients_are_left_alone():
    w = mg.Tensor(W, requires_grad=True)

    def f(x):
        x *= 2
        return (x.detach() * x).sum() + (w * 2).sum()

    before = W.copy()
    gradcheck(lambda x: (x * w).sum(), W)
    assert w.grad is None
    np.testing.assert_array_equal(before, W)


@pytest.mark.parametrize("name", VERDICTS)
def test_reports_in_every_form(name):
    verdict, report = VERDICTS[name][2], report_on(name)
    assert str(report).startswith(f"gradcheck: {verdict}\n")
    assert "Not checked: " in str(report) or "nothing was checked" in str(report)
    found = json.loads(json.dumps(report.to_dict()))
    assert found["verdict"] == verdict
    assert [x["name"] for x in found["inputs"]] == [x.name for x in report.inputs]
    page = report._repr_html_()
    assert page.count("<tr>") == 1 + len(report.inputs)
    assert verdict in page


def test_a_network_with_many_corners_is_ok():
    rng = np.random.default_rng(5)
    sizes = [(8, 30), (30, 30), (30, 3)]
    layers = [rng.normal(size=size) / np.sqrt(size[0]) for size in sizes]
    x = rng.normal(size=(20, 8))

    def loss(*layers):
        h = x
        for w in layers[:-1]:
            h = mg.relu(np.dot(h, w))
        return np.abs(np.dot(h, layers[-1])).sum()

    assert gradcheck(loss, *layers).verdict == "OK"
