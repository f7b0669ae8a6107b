"""`verify` on a recorded graph: which row is wrong, what is a convention, who is wrong, and what the report says."""

import json

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.checking import verify

from .article import X, Y, nonlin, value_of

W = np.random.default_rng(0).normal(size=(4, 3))


def test_the_articles_hand_lines_are_right_and_minus_the_gradient(article):
    report = verify(*article)
    assert report
    assert report.convention.leaves == report.convention.between == -1
    assert "minus the gradient: adding them to the weights (`+=`) goes down" in str(report)
    assert [row.label for row in report.rows] == ["l2_error", "l2_delta", "syn1", "l1_error", "l1_delta", "syn0"]
    assert {row.numeric for row in report.rows} == {"OK"}


def test_the_articles_own_loop_finds_its_variables():
    rng = np.random.RandomState(1)
    syn0 = mg.Tensor(2 * rng.random((3, 4)) - 1, requires_grad=True)
    syn1 = mg.Tensor(2 * rng.random((4, 1)) - 1, requires_grad=True)
    for _ in range(2):
        l1 = nonlin(np.dot(X, syn0))
        l2 = nonlin(np.dot(l1, syn1))
        l2_error = Y - l2
        loss = (l2_error**2).sum() / 2
        l2_delta = l2_error.data * nonlin(l2.data, deriv=True)
        l1_delta = l2_delta.dot(syn1.data.T) * nonlin(l1.data, deriv=True)
        assert verify(loss, {"l2_delta": l2_delta, "l1_delta": l1_delta, syn1: l1.data.T.dot(l2_delta)})
        syn1 += l1.data.T.dot(l2_delta)
        syn0 += X.T.dot(l1_delta)


def test_a_row_that_is_wrong_only_because_of_one_above_is_marked(article):
    loss, rows = article
    rows["l2_delta"] = rows["l2_error"]
    rows["l1_error"] = rows["l2_delta"].dot(value_of(loss, "syn1").T)
    report = verify(loss, rows)
    marks = {row.label: row.status for row in report.rows}
    assert marks["l2_delta"] == "wrong"
    assert marks["l1_error"] == "right, given"
    assert "right, given your l2_delta" in str(report)


def test_each_mistake_has_its_own_finding(article):
    loss, rows = article
    rows["syn1"] = rows["syn1"] / 4
    rows["l1_delta"] = rows["l1_error"]
    report = verify(loss, rows)
    assert [finding.row.label for finding in report.findings] == ["syn1", "l1_delta"]
    assert {cause.kind for cause in report.findings[0].causes} >= {"scale"}
    assert "is 1/4 (4 is" in str(report)
    assert report.findings[1].causes[0].kind == "derivative left out"


def test_a_factor_of_all_rows_is_a_convention(article):
    loss, rows = article
    report = verify(loss, {label: 2 * values for label, values in rows.items()})
    assert report
    assert "-2 times the gradient" in str(report)


def test_deltas_that_are_divided_by_the_batch_at_the_end():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
    W, b = mg.Tensor(rng.normal(size=(3, 2)), True, name="W"), mg.Tensor(rng.normal(size=2), True, name="b")
    Z = X @ W + b
    loss = ((Z - Y) ** 2).sum() / 8
    dZ = 2 * (Z.data - Y)
    assert verify(loss, {"dZ": dZ, "dW": X.T @ dZ / 8, "db": dZ.sum(0) / 8})
    report = verify(loss, {"dZ": dZ, "dW": X.T @ dZ / 8, "db": dZ.sum(0)})
    assert [finding.row.label for finding in report.findings] == ["db"]


def test_not_recognised_says_so_and_how_far_the_numbers_are_off(article):
    loss, rows = article
    rows["l1_delta"] = np.random.default_rng(0).normal(size=(4, 4))
    report = verify(loss, rows)
    assert report.findings[0].causes == []
    assert str(report).startswith("verify: WRONG at l1_delta: the cause is not recognised.")
    assert "l1_delta is off in all entries." in str(report)
    assert "your values divided by the right ones give between" in str(report)


def test_one_mistake_in_all_weights_is_one_cause(article):
    loss, rows = article
    syn1 = value_of(loss, "syn1")
    l1_error = rows["l2_error"].dot(syn1.T)  # the slope of l2 left out
    l1 = value_of(loss, "l1")
    wrong = {"syn1": l1.T.dot(rows["l2_error"]), "syn0": X.T.dot(l1_error * nonlin(l1, deriv=True))}
    report = verify(loss, wrong)
    assert len(report.findings) == 1
    assert report.findings[0].causes[0].kind == "derivative left out"
    assert set(report.findings[0].causes[0].rows) == {"syn0", "syn1"}
    assert "syn0 follows from it" in str(report)


@pytest.mark.parametrize(("move", "when"), [(0.05, "before the last update"), (-0.05, "after the next update")])
def test_gradients_of_other_weights(move, when):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    first, second = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))

    def recorded(v, w):
        V, W = mg.Tensor(v, True, name="V"), mg.Tensor(w, True, name="W")
        loss = ((np.tanh(x @ V) @ W - y) ** 2).sum()
        return loss, mg.gradients(loss, [V, W])

    loss, (dV, dW) = recorded(first, second)
    stepped, gradients = recorded(first - abs(move) * dV, second - abs(move) * dW)
    report = verify(stepped, {"V": dV, "W": dW}) if move > 0 else verify(loss, dict(zip("VW", gradients, strict=True)))
    (finding,) = report.findings
    assert [cause.kind for cause in finding.causes] == ["stale"]
    assert f"of the weights {when}, which is 0.05 times the gradient away" in str(report)


# Who is wrong.


@mg.custom_op(lambda g, z, x: g * 3 * x)
def wrong_square(x):
    return x * x


def test_a_wrong_tape_is_named_and_the_hand_is_right():
    w = mg.Tensor(W, requires_grad=True, name="w")
    report = verify(wrong_square(w).sum(), {"w": 2 * w.data})
    assert report.verdict == "TAPE WRONG"
    assert report
    assert "the hand is right, and the tape is wrong" in str(report)
    assert "wrong_square is where it goes wrong" in str(report)


def test_a_wrong_tape_and_a_wrong_hand():
    w = mg.Tensor(W, requires_grad=True, name="w")
    report = verify(wrong_square(w).sum(), {"w": w.data**2})
    assert report.verdict == "TAPE WRONG"
    assert not report


# Reports.


@pytest.mark.parametrize("wrong", [False, True])
def test_reports_in_every_form(article, wrong):
    loss, rows = article
    if wrong:
        rows["l1_delta"] = rows["l1_error"]
    report = verify(loss, rows)
    assert str(report).startswith(
        "verify: WRONG at l1_delta: the activation's derivative is left out"
        if wrong
        else "verify: OK, 6 gradients by hand"
    )
    assert str(report) == repr(report)
    found = json.loads(json.dumps(report.to_dict()))
    assert found["verdict"] == ("WRONG" if wrong else "OK")
    assert [row["label"] for row in found["rows"]] == [row.label for row in report.rows]
    assert [finding["row"] for finding in found["findings"]] == ["l1_delta"] * wrong
    assert report._repr_html_().count("<tr>") == 7


def test_a_right_gradient_of_float16_is_right_in_all_columns():
    """The tape computes in float32 and rounds once; finite differences of float16 are coarse, and prove nothing."""
    w = np.linspace(-1.5, 2.0, 7).astype(np.float16)
    report = mg.verify(lambda w: np.exp(w) * w, lambda g, w: (g * (np.exp(w) * (1 + w))).astype(np.float16), w)
    assert report
    assert "WRONG" not in str(report)


def test_arrays_without_entries_are_refused():
    with pytest.raises(mg.ArgumentError, match="w has no entries"):
        mg.verify(lambda w: (w * w).sum(), lambda w: 2 * w, np.ones(0))


@pytest.mark.parametrize(
    ("hand", "by_numbers"),
    [(lambda x: 3 * x**2, "OK"), (lambda x: -3 * x**2, "OK"), (lambda x: 2 * x, "WRONG"), (lambda x: x, "WRONG")],
)
def test_where_the_tape_is_wrong_the_numbers_judge_the_hand(hand, by_numbers):
    """The sign is open, as the loss is the user's own."""
    cubed = mg.custom_op(lambda g, z, x: 2 * g * x)(lambda x: x**3)
    w = mg.Tensor([0.5, -1.2, 2.0], requires_grad=True)
    report = mg.verify(cubed(w).sum(), {w: hand(w.data)})
    assert report.verdict == "TAPE WRONG"
    assert str(report).splitlines()[2].split()[3] == by_numbers
