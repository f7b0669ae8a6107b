"""`verify`: both of its forms, its conventions, what it refuses, and what its reports say."""

import json
import time

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.checking import verify

X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
Y = np.array([[0], [1], [1], [0]])


def nonlin(x, deriv=False):
    if deriv:
        return x * (1 - x)
    return 1 / (1 + np.exp(-x))


@pytest.fixture
def article():
    """The article's 3-layer network, recorded, and its hand lines."""
    rng = np.random.RandomState(1)
    syn0 = mg.Tensor(2 * rng.random((3, 4)) - 1, requires_grad=True, name="syn0")
    syn1 = mg.Tensor(2 * rng.random((4, 1)) - 1, requires_grad=True, name="syn1")
    l1 = nonlin(np.dot(X, syn0))
    l2 = nonlin(np.dot(l1, syn1))
    l1.name, l2.name = "l1", "l2"
    loss = ((Y - l2) ** 2).sum() / 2

    l2_error = Y - l2.data
    l2_delta = l2_error * nonlin(l2.data, deriv=True)
    l1_error = l2_delta.dot(syn1.data.T)
    l1_delta = l1_error * nonlin(l1.data, deriv=True)
    rows = {
        "l2_error": l2_error,
        "l2_delta": l2_delta,
        "l1_error": l1_error,
        "l1_delta": l1_delta,
        "syn1": l1.data.T.dot(l2_delta),
        "syn0": X.T.dot(l1_delta),
    }
    return loss, rows


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
    rows["l1_error"] = rows["l2_delta"].dot(loss_weights(loss).T)
    report = verify(loss, rows)
    marks = {row.label: row.status for row in report.rows}
    assert marks["l2_delta"] == "wrong"
    assert marks["l1_error"] == "right, given"
    assert "right, given your l2_delta" in str(report)


def loss_weights(loss):
    """The article's syn1, which the graph of its loss holds."""
    pending = [loss]
    while pending:
        node = pending.pop()
        if node.name == "syn1":
            return node.data
        pending += [x for x, _ in node.edges]
    raise LookupError("syn1")


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


def test_not_recognised_says_so_and_shows_the_gradients_between(article):
    loss, rows = article
    rows["l1_delta"] = np.random.default_rng(0).normal(size=(4, 4))
    report = verify(loss, rows)
    assert report.findings[0].causes == []
    assert "The cause is not recognised. The gradients on the way, as they should be:" in str(report)
    assert report.findings[0].between


def test_one_mistake_in_all_weights_is_one_cause(article):
    loss, rows = article
    syn1 = loss_weights(loss)
    l1_error = rows["l2_error"].dot(syn1.T)  # the slope of l2 left out
    l1 = next(x for x in nodes(loss) if x.name == "l1").data
    wrong = {"syn1": l1.T.dot(rows["l2_error"]), "syn0": X.T.dot(l1_error * nonlin(l1, deriv=True))}
    report = verify(loss, wrong)
    assert len(report.findings) == 1
    assert report.findings[0].causes[0].kind == "derivative left out"
    assert set(report.findings[0].causes[0].rows) == {"syn0", "syn1"}
    assert "this explains syn0 too" in str(report)


def nodes(loss):
    found, pending = set(), [loss]
    while pending:
        node = pending.pop()
        if node not in found:
            found.add(node)
            pending += [x for x, _ in node.edges]
    return found


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


# Two plain functions.

rng = np.random.default_rng(0)
INPUTS = rng.normal(size=(6, 4)), rng.normal(size=(4, 3)), rng.normal(size=3)


def affine(x, w, b):
    out = np.maximum(x.dot(w) + b, 0)
    return out, (x, w, b, out)


def affine_backward(dout, cache):
    x, w, _, out = cache
    dscores = dout * (out > 0)
    return dscores.dot(w.T), x.T.dot(dscores), dscores.sum(axis=0)


def loss(w, b):
    return np.sum(np.tanh(w * b) ** 2)


@pytest.mark.parametrize(
    ("forward", "backward", "inputs"),
    [
        (affine, affine_backward, INPUTS),
        (lambda w: (w * w).sum(), lambda w: 2 * w, INPUTS[1:2]),
        (lambda w: (w * w).sum(), lambda dout, w: 2 * w * dout, INPUTS[1:2]),
        (lambda w, b: ((w * b).sum(), w), lambda w, b, cache: (b * np.ones_like(w), w.sum(0)), INPUTS[1:]),
        (lambda w, b: ((w * b).sum(), (w, b)), lambda cache: {"b": cache[0].sum(0)}, INPUTS[1:]),
        (lambda p: (p["w"] * p["b"]).sum(), lambda p: {"w": p["b"] + 0 * p["w"]}, ({"w": INPUTS[1], "b": INPUTS[2]},)),
    ],
)
def test_two_functions(forward, backward, inputs):
    assert verify(forward, backward, *inputs)
    assert not any(isinstance(x, mg.Tensor) for x in inputs)


def test_two_functions_with_a_slip():
    def backward(dout, cache):
        x, w, _, _ = cache
        return dout.dot(w.T), x.T.dot(dout), dout.sum(axis=0)

    report = verify(affine, backward, *INPUTS)
    assert [row.label for row in report.rows] == ["b", "x", "w"]
    assert report.findings[0].row.label == "b"
    assert "derivative left out" in {cause.kind for cause in report.findings[0].causes}
    assert set(report.findings[0].causes[0].rows) == {"x", "w", "b"}


def test_inputs_are_left_alone():
    def backward(w):
        w *= 0
        return w

    w = np.ones(3)
    verify(lambda w: (w * w).sum(), backward, w)
    np.testing.assert_array_equal(w, 1)


# Who is wrong.


@mg.custom_op(lambda g, z, x: g * 3 * x)
def wrong_square(x):
    return x * x


def test_a_wrong_tape_is_named_and_the_hand_is_right():
    w = mg.Tensor(INPUTS[1], requires_grad=True, name="w")
    report = verify(wrong_square(w).sum(), {"w": 2 * w.data})
    assert report.verdict == "TAPE WRONG"
    assert report
    assert "the hand is right, and the tape is wrong" in str(report)
    assert "wrong_square is where it goes wrong" in str(report)


def test_a_wrong_tape_and_a_wrong_hand():
    w = mg.Tensor(INPUTS[1], requires_grad=True, name="w")
    report = verify(wrong_square(w).sum(), {"w": w.data**2})
    assert report.verdict == "TAPE WRONG"
    assert not report


# Shapes.


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (lambda x, dout: dout, "not summed over axis 0, which has 6 entries: add .sum(axis=0)"),
        (lambda x, dout: dout.sum(1), "summed over axis 1, and should be over the others"),
        (lambda x, dout: dout.sum(), "summed over axis 0, and should not be"),
    ],
)
def test_the_shape_of_a_bias(values, says):
    def backward(dout, cache):
        return {"b": values(cache[0], dout)}

    report = verify(lambda x, w, b: (x.dot(w) + b, (x,)), backward, *INPUTS)
    assert not report
    assert report.rows[0].status == "wrong shape"
    assert says in str(report)


def test_a_transposed_shape_says_so():
    def backward(dout, cache):
        return {"w": dout.T.dot(cache[0])}

    report = verify(lambda x, w, b: (x.dot(w) + b, (x,)), backward, *INPUTS)
    assert "w has shape (3, 4) and should have (4, 3)" in str(report)
    assert "transposed: add .T" in str(report)
    assert "The numbers are right." in str(report)


def test_axes_of_length_one_pass_with_a_note():
    def backward(dout, cache):
        return {"b": dout.sum(axis=0, keepdims=True)}

    report = verify(lambda x, w, b: (x.dot(w) + b, (x,)), backward, *INPUTS)
    assert report
    assert "b has shape (1, 3), and its value (3,)" in str(report)


# Bad input.


def test_a_graph_whose_leaves_were_written_since_is_refused(article):
    loss, rows = article
    next(x for x in nodes(loss) if x.name == "syn1").assign(np.zeros((4, 1)))
    with pytest.raises(RuntimeError, match=r"syn1 \(4, 1\) was written to after dot had used it(.|\n)*test_verify.py"):
        verify(loss, rows)


def test_an_unknown_name_lists_those_like_it(article):
    loss, rows = article
    with pytest.raises(ValueError, match=r"no value called 'sin1'.*Did you mean syn1"):
        verify(loss, {"sin1": rows["syn1"]})


def test_a_tensor_of_another_graph_is_refused(article):
    with pytest.raises(ValueError, match=r"W \(2,\) is not in the graph"):
        verify(article[0], {mg.Tensor([1.0, 2.0], True, name="W"): np.zeros(2)})


def test_text_for_a_gradient_is_refused(article):
    with pytest.raises(TypeError, match="the gradient by hand of syn1 has dtype"):
        verify(article[0], {"syn1": "zero"})


def test_a_forward_that_returns_no_recorded_value_is_refused():
    with pytest.raises(TypeError, match="forward_without_graph returned float"):
        verify(forward_without_graph, lambda w: w, np.ones(3))


def forward_without_graph(w):
    return 1.0


def test_a_backward_with_other_arguments_is_refused():
    with pytest.raises(TypeError, match=r"takes 3 arguments \(a, b, c\).*can be given the 1 inputs"):
        verify(lambda w: (w * w).sum(), lambda a, b, c: a, np.ones(3))


def test_too_many_gradients_are_refused():
    with pytest.raises(ValueError, match="returned 2 gradients, and there are 1 floating-point inputs"):
        verify(lambda w: (w * w).sum(), lambda w: (w, w), np.ones(3))


# Reports.


@pytest.mark.parametrize("wrong", [False, True])
def test_reports_in_every_form(article, wrong):
    loss, rows = article
    if wrong:
        rows["l1_delta"] = rows["l1_error"]
    report = verify(loss, rows)
    assert str(report).startswith("verify: WRONG, first at l1_delta" if wrong else "verify: OK, 6 gradients by hand")
    assert str(report) == repr(report)
    found = json.loads(json.dumps(report.to_dict()))
    assert found["verdict"] == ("WRONG" if wrong else "OK")
    assert [row["label"] for row in found["rows"]] == [row.label for row in report.rows]
    assert [finding["row"] for finding in found["findings"]] == ["l1_delta"] * wrong
    assert report._repr_html_().count("<tr>") == 7


def test_without_numbers_says_what_was_not_established(article):
    assert "Not established: whether the tape is right" in str(verify(*article, numeric=False))


# Cost.


def test_cost_on_the_articles_network(article, capsys):
    loss, rows = article
    wrong = {**rows, "l1_delta": rows["l1_error"]}
    right, found = fastest(lambda: verify(loss, rows)), fastest(lambda: verify(loss, wrong))
    with capsys.disabled():
        print(f"\nverify on the article's network: {right * 1e3:.0f} ms, {found * 1e3:.0f} ms with a mistake.")
    assert max(right, found) < 0.05


def test_cost_on_a_hundred_thousand_parameters(capsys):
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(64, 300)), np.eye(100)[rng.integers(0, 100, 64)]
    W1, W2 = mg.Tensor(rng.normal(size=(300, 250)) / 17, True), mg.Tensor(rng.normal(size=(250, 100)) / 16, True)
    h = np.tanh(x @ W1)
    scores = h @ W2
    e = np.exp(scores - np.max(scores.data, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    loss = -np.sum(labels * np.log(p)) / 64
    dscores = p.data / 64
    dh = dscores @ W2.data.T
    rows = {"W2": h.data.T @ dscores, "W1": x.T @ (dh * (1 - h.data**2))}
    report = verify(loss, rows)
    assert "softmax without the one-hot" in {cause.kind for cause in report.findings[0].causes}
    assert {row.numeric for row in report.rows} == {"OK"}
    seconds = fastest(lambda: verify(loss, rows), 1)
    with capsys.disabled():
        print(f"\nverify on {W1.size + W2.size:,} parameters: {seconds:.1f} s with a mistake.")
    assert seconds < 5


def fastest(f, rounds=5):
    """The least processor time: other work on the machine does not count."""
    seconds = []
    for _ in range(rounds):
        start = time.process_time()
        f()
        seconds.append(time.process_time() - start)
    return min(seconds)
