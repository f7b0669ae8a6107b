"""`verify` on two plain NumPy functions, and what it says where shapes are wrong or nothing can be compared."""

import importlib
import linecache
import math

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.checking import verify

from .article import nodes

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


def test_zeros_of_a_transposed_shape_are_no_right_numbers():
    def backward(dout, cache):
        return {"w": 0 * dout.T.dot(cache[0])}

    report = verify(lambda x, w, b: (x.dot(w) + b, (x,)), backward, *INPUTS)
    assert "transposed: add .T" in str(report)
    assert "The numbers are right" not in str(report)


def test_numbers_that_are_right_up_to_a_factor_say_so():
    def backward(dout, cache):
        return {"w": -3 * dout.T.dot(cache[0])}

    report = verify(lambda x, w, b: (x.dot(w) + b, (x,)), backward, *INPUTS)
    assert "The numbers are right, up to a factor." in str(report)


def test_a_backward_pass_that_gives_other_shapes_for_another_cotangent_is_named():
    def backward(dout, cache):
        rows = slice(1) if np.abs(dout).max() > 4 else slice(None)
        return {"x": dout.dot(INPUTS[1].T)[rows]}

    report = verify(lambda x, w, b: (x.dot(w) + b, (x,)), backward, *INPUTS)
    assert "backward(-4 * dout) does not give gradients of the same shapes as backward(dout)" in str(report)


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
    with pytest.raises(RuntimeError, match=r"syn1 \(4, 1\) was written to after dot had used it(.|\n)*_functions.py"):
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


def test_an_output_that_depends_on_nothing_has_the_gradient_zero():
    assert verify(forward_without_graph, lambda w: 0 * w, np.ones(3))
    report = verify(forward_without_graph, lambda w: w, np.ones(3))
    assert not report
    assert "its result does not depend on the inputs" in str(report)


def forward_without_graph(w):
    return 1.0


def test_a_backward_with_other_arguments_is_refused():
    with pytest.raises(TypeError, match=r"takes 3 arguments \(a, b, c\).*can be given the 1 inputs"):
        verify(lambda w: (w * w).sum(), lambda a, b, c: a, np.ones(3))


def test_too_many_gradients_are_refused():
    with pytest.raises(ValueError, match="returned 2 gradients, and there are 1 floating-point inputs"):
        verify(lambda w: (w * w).sum(), lambda w: (w, w), np.ones(3))


W = INPUTS[1]


@pytest.mark.parametrize(
    ("backward", "error", "says"),
    [
        (lambda w: None, TypeError, "returned None: did it forget its return"),
        (lambda w: {}, ValueError, "given no gradient by hand"),
        (lambda w: (None,), ValueError, "returned no gradient of a floating-point input"),
        (lambda w: {"w": None}, TypeError, "the gradient by hand of w is None"),
        (lambda w: {3: w}, TypeError, "named by tensors or by text"),
    ],
)
def test_what_backward_returned_is_refused_in_words(backward, error, says):
    with pytest.raises(error, match=says):
        verify(lambda w: (w * w).sum(), backward, W)


@pytest.mark.parametrize("given", [(), ([W],), (W, W)])
def test_a_call_of_neither_form_is_refused(given):
    with pytest.raises(TypeError, match=r"verify\(loss, .*verify\(forward, backward, x, w\)"):
        verify(mg.Tensor(1.0), *given)


def test_a_forward_that_draws_random_numbers_is_refused():
    generator = np.random.default_rng(0)
    with pytest.raises(ValueError, match="gave two outputs for the same inputs"):
        verify(lambda w: (w * generator.random(w.shape)).sum(), lambda w: w, W)


def test_a_loss_that_is_nan_is_refused():
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="the output is nan"):
        verify(lambda w: np.log(-(w * w)).sum(), lambda w: w, W)


def test_a_nan_by_hand_is_located():
    def backward(w):
        found = 2 * w
        found[1, 2] = np.nan
        return found

    report = verify(lambda w: (w * w).sum(), backward, W)
    assert not report
    assert "w is nan at [1, 2] (1 of 12 entries are nan or inf)" in str(report)


def test_gradients_in_another_order_say_whose_they_are():
    report = verify(lambda w, b: (w * b).sum(), lambda w, b: (w.sum(0), b + 0 * w), *INPUTS[1:])
    assert "it is the gradient of w. Give each its own" in str(report)


@pytest.mark.parametrize("key", ["w1", "dw1", "dW1", "dL_dw1", "dLdW1", "grad_w1", "w1_grad", "nabla_w1", "weights"])
def test_names_that_people_give(key):
    w1 = mg.Tensor(W, requires_grad=True, name="w1")
    weights = w1  # noqa: F841 - a second variable for the same tensor
    assert verify((w1 * w1).sum(), {key: 2 * W})


def test_gradients_beside_the_loss():
    forward, dw, db = (lambda w, b: (w * b).sum()), INPUTS[2] + 0 * W, W.sum(0)
    assert len(verify(forward, lambda w, b: (3.5, dw, db), W, INPUTS[2]).rows) == 2
    assert len(verify(forward, lambda w, b: (3.5, {"dw": dw}), W, INPUTS[2]).rows) == 1
    assert verify(forward, lambda w, b: dw, W, INPUTS[2]).rows[0].label == "w"


def filled(x, w):
    out = np.zeros((6, 3))
    for i in range(6):
        out[i] = x[i] @ w
    return out


def test_a_forward_pass_that_fills_a_buffer_is_recorded():
    right = verify(filled, lambda dout, x, w: (dout @ w.T, x.T @ dout), *INPUTS[:2])
    assert right, str(right)
    assert "could not be recorded" not in str(right)
    wrong = verify(filled, lambda dout, x, w: (dout @ w, x.T @ dout), INPUTS[0][:, :3], INPUTS[1][:3])
    assert "w should be transposed, or should not" in str(wrong).splitlines()[0], str(wrong)
    assert ", in `x[i] @ w` (" in str(wrong).splitlines()[0]
    assert "each of the " in str(wrong).splitlines()[0]


def test_without_its_source_a_forward_pass_with_a_buffer_is_compared_with_numbers():
    names = {"np": np}
    exec("def filled(x, w):\n    out = np.zeros((6, 3))\n    out[:] = x @ w\n    return out", names)
    right = verify(names["filled"], lambda dout, x, w: (dout @ w.T, x.T @ dout), *INPUTS[:2])
    assert right, str(right)
    assert "filled could not be recorded, so it is compared with numbers alone" in str(right)
    report = verify(names["filled"], lambda dout, x, w: (dout @ w.T, x.T @ dout / 6), *INPUTS[:2])
    assert [finding.row.label for finding in report.findings] == ["w"]
    assert "1/6" in str(report)


def half_recorded(x, v, w):
    """Recorded up to the loop, where math.erf makes numbers of the values."""
    z = x @ v
    h = np.tanh(z)
    out = np.zeros((6, 2))
    for i in range(6):
        for j in range(2):
            out[i, j] = math.erf(h[i] @ w[:, j])
    return out, (x, v, w, z, h)


def slope_of_erf(a):
    return 2 / math.sqrt(math.pi) * np.exp(-a * a)


PART = rng.normal(size=(6, 4)), rng.normal(size=(4, 3)), rng.normal(size=(3, 2))


def test_a_mistake_behind_the_part_that_is_recorded_is_not_looked_for_in_it():
    def backward(dout, cache):
        x, v, w, _, h = cache
        da = dout * slope_of_erf(h @ w)
        dz = da @ w.T * (1 - h * h)
        return dz @ v.T, x.T @ dz, h.T @ da * np.arange(1, 4)[:, None]

    report = verify(half_recorded, backward, *PART)
    assert [finding.row.label for finding in report.findings] == ["w"]
    assert "tanh" not in str(report).splitlines()[0]


def rows_of_numbers(x):
    total, rows = 0.0, [[0.0] * 3 for _ in range(2)]
    kept = {"sum": np.zeros(3)}
    for i in range(2):
        rows[i][0], rows[i][1] = float(x[i]), math.exp(x[i])
        kept["sum"][i] += np.sum(rows[i])
        total += kept["sum"][i] ** 2
    h = np.array([x[0], 2 * x[1], x[2]])
    h[h < 0] = 0
    h[1:] *= 3
    return total + h.sum()


def test_what_a_forward_pass_does_with_numbers_and_buffers_is_recorded():
    x = np.array([0.3, 0.7, -0.4])
    s = x[:2] + np.exp(x[:2])
    right = np.append(2 * s * (1 + np.exp(x[:2])) + [1, 6], 0.0)
    report = verify(rows_of_numbers, lambda x: right, x)
    assert report, str(report)
    assert "could not be recorded" not in str(report)
    assert not verify(rows_of_numbers, lambda x: right + np.eye(3)[1], x)


def risks(w, x):
    scores, total = x @ w, 0.0
    order = np.array([3.0, 1.0, 2.0, 4.0])
    risk = np.exp(scores)
    for i in range(len(x)):
        total = total + np.log(risk[order >= order[i]].sum()) - scores[i]
    return total


def test_a_mask_as_an_index_is_no_kink():
    w, x = np.array([0.3, -0.2]), np.arange(8.0).reshape(4, 2) / 5
    assert not verify(risks, lambda w, x: (x.sum(axis=0), None), w, x)


@pytest.mark.parametrize("forward", [lambda x: x > 0, lambda x: np.floor(x).astype(int)])
def test_an_output_that_has_no_gradient_is_refused(forward):
    with pytest.raises(TypeError, match="which has no gradient"):
        verify(forward, lambda dout, x: dout * 5, np.array([[0.3, -0.7]]))


def cubed(x):
    return x**2


def test_a_learning_rate_is_not_fitted_to_one_number():
    assert "update" not in str(verify(cubed, lambda dout, x: 3 * x * dout, 3.0))


def test_the_first_line_says_which_input_has_no_gradient():
    def backward(dout, cache):
        return {"w": cache[0].T.dot(dout)}

    report = verify(lambda features, w: (features.dot(w), (features,)), backward, *INPUTS[:2])
    assert "not checked: features" in str(report).splitlines()[0]


CACHE = []


def remembering(x):
    CACHE[:] = [np.tanh(x)]
    return CACHE[0] * 2.0


def test_what_a_function_stores_outside_is_an_array_again():
    assert verify(remembering, lambda dout, x: 2 * dout * (1 - np.tanh(x) ** 2), np.array([0.3, -0.7]))
    assert type(CACHE[0]) is np.ndarray


def test_a_source_that_is_not_what_runs_is_not_searched(tmp_path, monkeypatch):
    source = "import numpy as np\n\n\ndef backward(dout, x):\n    return dout * (1 + np.tanh(x) ** 2)\n"
    path = tmp_path / "changed_on_disk.py"
    path.write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("changed_on_disk")
    path.write_text(source.replace("1 + np", "1 - np"))
    linecache.checkcache()
    monkeypatch.setattr(importlib.import_module("micrograd_np.checking.repair"), "BUDGET", 100_000)
    line = str(verify(np.tanh, module.backward, np.array([0.3, -0.7, 0.2]))).splitlines()[0]
    assert line.startswith("verify: WRONG")
    assert "should be `" not in line


def springs(x, bonds):
    loss, grad = 0.0, np.zeros_like(x)
    for i, j, length in bonds:
        d = x[i] - x[j]
        loss += 0.5 * (d @ d - length) ** 2
        grad[i] += 2 * (d @ d - length) * d
        grad[j] -= 2 * (d @ d - length) * d
    return loss, grad


def test_records_of_indices_and_numbers_stay_what_they_are():
    x = np.random.default_rng(0).normal(size=(4, 3))
    assert verify(springs, x, [(0, 1, 1.0), (1, 2, 1.5), (2, 3, 0.5)])


def trend(w, t, y):
    r = w[0] + w[1] * t - y
    return r @ r, np.array([2 * r.sum(), 2 * r.sum() * t.mean()])


def test_a_grid_around_0_does_not_hide_what_the_gradient_is():
    """The mean of t is 0, so that the gradient of w[1] is, too: it looks as if it was left out."""
    t = np.linspace(-1, 1, 9)
    report = verify(trend, np.array([0.3, 0.2]), t, np.sin(3 * t) + 1)
    assert report.verdict == "WRONG"
    assert "is missing" not in str(report)
